/* A study from its options to its files. */
#include "pipelines/study/study.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/data/open.h"

enum { REPLICATES = 2000 };

const char *study_kind_name(enum study_kind k)
{
    static const char *const names[] = { "base", "mined", "random" };

    return names[k];
}

/* --- which families are left out --- */

struct family_size {
    size_t n;
    int32_t family;
};

static int larger_first(const void *a, const void *b)
{
    const struct family_size *x = a, *y = b;

    return x->n != y->n ? (x->n < y->n) - (x->n > y->n)
                        : (x->family > y->family) - (x->family < y->family);
}

/* Families by falling size, dealt one after another. */
static enum nn_status deal_families(struct study *s, struct nn_error *err)
{
    size_t n = s->ds->n_families;
    struct family_size *f = nn_mem_calloc(n, sizeof *f);

    if (f == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t k = 0; k < n; k++) {
        f[k].family = (int32_t)k;
    }
    for (size_t i = 0; i < s->ds->n; i++) {
        if (s->ds->items[i].family >= 0) {
            f[s->ds->items[i].family].n++;
        }
    }
    if (n > 0) {
        qsort(f, n, sizeof *f, larger_first);
    }
    s->n_sets = (size_t)s->o->sets < n ? (size_t)s->o->sets : n;
    for (size_t k = 0; k < n; k++) {
        s->set_of[f[k].family] = (int32_t)(k % s->n_sets);
    }
    nn_mem_free(f);
    return NN_OK;
}

static enum nn_status name_families(struct study *s, struct nn_error *err)
{
    const struct nn_option_list *list = &s->o->left_out;

    for (size_t i = 0; i < list->n; i++) {
        int32_t f;
        enum nn_status st = nn_dataset_left_out(s->ds, list->v[i], &f, err);

        if (st) {
            return st;
        }
        if (s->set_of[f] < 0) {
            s->set_of[f] = (int32_t)s->n_sets++;
        }
    }
    return NN_OK;
}

/* Training and validation need negatives of other families. */
static enum nn_status check_sets(const struct study *s, struct nn_error *err)
{
    for (size_t k = 0; k < s->n_sets; k++) {
        size_t left[NN_SPLITS] = { 0 };

        for (size_t i = 0; i < s->ds->n; i++) {
            const struct nn_item *it = &s->ds->items[i];

            if (it->label == NN_NEGATIVE && it->split < NN_SPLITS &&
                (it->family < 0 || s->set_of[it->family] != (int32_t)k)) {
                left[it->split]++;
            }
        }
        if (left[NN_TRAIN] == 0 || left[NN_VALID] == 0) {
            return nn_fail(err, NN_ERR_ARG,
                           "no negatives are left in '%s' when families are "
                           "left out: take more --left-out-sets, or "
                           "--no-left-out",
                           s->ds->path);
        }
    }
    return NN_OK;
}

static enum nn_status choose_sets(struct study *s, struct nn_error *err)
{
    const struct study_options *o = s->o;
    size_t n = s->ds->n_families;
    enum nn_status st = NN_OK;

    s->set_of = nn_mem_calloc(n + 1, sizeof *s->set_of);
    if (s->set_of == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t f = 0; f <= n; f++) {
        s->set_of[f] = -1;
    }
    if (o->no_left_out) {
        return NN_OK;
    }
    if (o->left_out.n > 0) {
        st = name_families(s, err);
    } else if (n < 2) {
        nn_log(NN_LOG_INFO, "fewer than two negative families: none is left "
                            "out in turn");
    } else {
        st = deal_families(s, err);
    }
    if (st) {
        return st;
    }
    return check_sets(s, err);
}

/* --- the plan --- */

/* One for each seed with all families, then one for each left-out set. */
static enum nn_status plan_trials(struct study *s, struct nn_error *err)
{
    s->n_trials = s->n_seeds + s->n_sets;
    s->trial = nn_mem_calloc(s->n_trials, sizeof *s->trial);
    if (s->trial == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < s->n_trials; i++) {
        int is_set = i >= s->n_seeds;

        s->trial[i].seed = is_set ? 1 : i + 1;
        s->trial[i].set = is_set ? (int32_t)(i - s->n_seeds) : -1;
    }
    return NN_OK;
}

enum nn_status study_init(const struct study_options *o,
                          const struct nn_dataset *ds, struct study *s,
                          struct nn_error *err)
{
    enum nn_status st;

    *s = (struct study){ .o = o, .ds = ds, .n_seeds = (size_t)o->seeds };
    st = experiment_test_init(ds, &s->test, err);
    if (st) {
        goto fail;
    }
    st = choose_sets(s, err);
    if (st) {
        goto fail;
    }
    st = plan_trials(s, err);
    if (st) {
        goto fail;
    }
    return NN_OK;
fail:
    study_release(s);
    return st;
}

void study_release(struct study *s)
{
    for (size_t i = 0; s->trial != NULL && i < s->n_trials; i++) {
        for (int k = 0; k < STUDY_KINDS; k++) {
            nn_mem_free(s->trial[i].run[k].dir);
            nn_mem_free(s->trial[i].run[k].command);
            nn_mem_free(s->trial[i].run[k].score);
        }
    }
    nn_mem_free(s->trial);
    nn_mem_free(s->set_of);
    experiment_test_release(&s->test);
    *s = (struct study){ .o = NULL };
}

static void say_plan(const struct study *s)
{
    const struct study_options *o = s->o;
    size_t n = nn_dataset_count(s->ds, NN_TRAIN, NN_ITEMS_ALL);

    nn_log(NN_LOG_INFO,
           "%zu trials (%zu seeds, %zu left-out sets) of 3 runs: a gate on "
           "%zu images, then %d rounds of up to %d mined negatives, and the "
           "same number of random ones, %d epochs each (some %zu images "
           "shown); the pool is scored %zu times",
           s->n_trials, s->n_seeds, s->n_sets, n, o->rounds, o->top,
           o->round_epochs,
           (size_t)o->rounds * (size_t)o->round_epochs *
               (n + (size_t)o->top * ((size_t)o->rounds + 1) / 2),
           s->n_trials * (size_t)o->rounds);
}

/* --- files --- */

static enum nn_status write_text(const char *path, const struct study *s,
                                 const struct study_result *r,
                                 struct nn_error *err)
{
    struct nn_file_out o = { 0 };
    enum nn_status st = nn_file_out_open(&o, path, err);

    if (st) {
        return st;
    }
    study_print(s, r, o.stream);
    return nn_file_out_commit(&o, err);
}

static enum nn_status publish(const struct study *s,
                              const struct study_result *r,
                              struct nn_error *err)
{
    char *json = nn_path_join(s->o->out, "study.json");
    char *text = nn_path_join(s->o->out, "study.txt");
    json_t *j = study_json(s, r);
    enum nn_status st;

    if (json == NULL || text == NULL || j == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_json_write(json, j, err);
    if (st) {
        goto out;
    }
    st = write_text(text, s, r, err);
    if (st) {
        goto out;
    }
    study_print(s, r, stdout);
out:
    json_decref(j);
    nn_mem_free(json);
    nn_mem_free(text);
    return st;
}

enum nn_status study_run(const struct study_options *o, struct nn_error *err)
{
    struct study s = { .o = NULL };
    struct study_result r = { .family = NULL };
    struct nn_dataset *ds = NULL;
    enum nn_status st = data_open(o->data, &o->how, &ds, err);

    if (st) {
        return st;
    }
    st = study_init(o, ds, &s, err);
    if (st) {
        goto out;
    }
    say_plan(&s);
    st = study_train(&s, err);
    if (st) {
        goto out;
    }
    st = study_measure(&s, REPLICATES, &r, err);
    if (st) {
        goto out;
    }
    st = publish(&s, &r, err);
out:
    study_result_release(&r);
    study_release(&s);
    nn_dataset_close(&ds);
    return st;
}
