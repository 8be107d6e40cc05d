/* Trains the gates of a plan as child processes and scores the test part. */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/data/stop.h"
#include "pipelines/sweep/sweep.h"

struct job {
    const struct sweep_options *o;
    const struct nn_dataset *ds;
    struct sweep_plan *plan;
    struct experiment_test *test;
    char *dir;  /* of the runs and lists */
    double **z; /* [n_seeds] scores of the first gate, NULL until needed */
};

/* --- the list of negatives --- */

static enum nn_status write_list(const char *path, const unsigned char *text,
                                 size_t size, struct nn_error *err)
{
    struct nn_file_out o = { 0 };
    enum nn_status st = nn_file_out_open(&o, path, err);

    if (st) {
        return st;
    }
    fwrite(text, 1, size, o.stream);
    return nn_file_out_commit(&o, err);
}

/* A list that stands there must be the same: its run was trained on it. */
static enum nn_status put_list(const char *path, const unsigned char *text,
                               size_t size, struct nn_error *err)
{
    unsigned char *old = NULL;
    size_t n = 0;
    int same;
    enum nn_status st;

    if (!nn_file_exists(path)) {
        return write_list(path, text, size, err);
    }
    st = nn_file_read(path, (size_t)1 << 30, &old, &n, err);
    if (st) {
        return st;
    }
    same = n == size && memcmp(old, text, n) == 0;
    nn_mem_free(old);
    if (!same) {
        return nn_fail(err, NN_ERR_ARG,
                       "'%s' lists other negatives than this sweep chooses "
                       "(the data or the options have changed): choose "
                       "another --out, or remove it",
                       path);
    }
    return NN_OK;
}

static enum nn_status list_items(const struct nn_dataset *ds, const char *path,
                                 const uint32_t *v, size_t n,
                                 struct nn_error *err)
{
    unsigned char *text;
    size_t size = 0, at = 0;
    enum nn_status st;

    for (size_t i = 0; i < n; i++) {
        const char *name = ds->items[v[i]].file;

        if (strchr(name, '\n') != NULL) {
            return nn_fail(err, NN_ERR_ARG,
                           "'%s': a name with a line break cannot be listed",
                           name);
        }
        size += strlen(name) + 1;
    }
    text = nn_mem_calloc(size + 1, 1);
    if (text == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = ds->items[v[i]].file;
        size_t len = strlen(name);

        memcpy(text + at, name, len);
        text[at + len] = '\n';
        at += len + 1;
    }
    st = put_list(path, text, size, err);
    nn_mem_free(text);
    return st;
}

/* --- one run --- */

static void name_options(struct experiment_words *w,
                         const struct sweep_options *o,
                         const struct sweep_point *p, size_t seed,
                         const char *list)
{
    static const char *const gamma[SWEEP_LOSSES] = { NULL, "1", "2", "5",
                                                     NULL };

    if (p->negatives == 0) {
        experiment_add(w, "--system", "softmax-max");
    } else {
        experiment_add(w, "--only", "gate");
        experiment_add(w, "--only-negatives", list);
    }
    if (p->epochs > 0) {
        experiment_add_number(w, "--epochs", (unsigned)p->epochs);
    }
    experiment_add_number(w, "--seed", seed);
    experiment_add_data(w, &o->how);
    if (gamma[p->loss] != NULL) {
        experiment_add(w, "--gate-focal", gamma[p->loss]);
    }
    if (p->loss == SWEEP_CLASS_WEIGHTS) {
        experiment_add(w, "--class-weights", NULL);
    }
    experiment_add_with(w, &o->with);
}

static enum nn_status first_scores(struct job *j, size_t seed,
                                   struct nn_error *err);

static enum nn_status choose(struct job *j, const struct sweep_point *p,
                             size_t seed, const char *list,
                             struct nn_error *err)
{
    enum sweep_kind kind = sweep_kind_of_runs(j->plan, p);
    uint32_t *v = NULL;
    size_t n = 0;
    enum nn_status st;

    if (kind == SWEEP_MINED) {
        st = first_scores(j, seed, err);
        if (st) {
            return st;
        }
    }
    st = sweep_order(j->ds, j->plan, kind, seed, j->z[seed - 1], &v, &n, err);
    if (st) {
        return st;
    }
    st = list_items(j->ds, list, v, p->negatives < n ? p->negatives : n, err);
    nn_mem_free(v);
    return st;
}

/* *dir and *command are set when it is trained (nn_mem_free). */
static enum nn_status train_one(struct job *j, const struct sweep_point *p,
                                size_t seed, char **dir, char **command,
                                struct nn_error *err)
{
    struct experiment_words w = EXPERIMENT_WORDS_INIT;
    char *name = sweep_run_name(j->plan, p, seed), *list = NULL;
    enum nn_status st;

    *dir = name == NULL ? NULL : nn_path_join(j->dir, name);
    list = *dir == NULL ? NULL : nn_mem_sprintf("%s.negatives.txt", *dir);
    if (list == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    if (p->negatives > 0) {
        st = choose(j, p, seed, list, err);
        if (st) {
            goto out;
        }
    }
    name_options(&w, j->o, p, seed, list);
    st = experiment_train(j->o->data, *dir, &w, j->o->threads, command, err);
out:
    experiment_words_release(&w);
    nn_mem_free(name);
    nn_mem_free(list);
    return st;
}

/* --- scores --- */

/* z of the training negatives by the gate that mines. */
static enum nn_status score_negatives(const struct job *j, const char *dir,
                                      double *z, struct nn_error *err)
{
    struct model *m = NULL;
    uint32_t *v = NULL;
    uint8_t *ok = NULL;
    double *p = NULL;
    size_t n = 0;
    enum nn_status st =
        sweep_order(j->ds, j->plan, SWEEP_RANDOM, 1, NULL, &v, &n, err);

    if (st) {
        return st;
    }
    ok = nn_mem_calloc(n + 1, 1);
    p = nn_mem_calloc(n + 1, sizeof *p);
    if (ok == NULL || p == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = model_load(dir, &m, err);
    if (st) {
        goto out;
    }
    memset(ok, 1, n);
    st = experiment_score(m, j->ds, v, n, &j->o->with, "score negatives", p, ok,
                          err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        z[v[i]] = ok[i] ? p[i] : -1; /* what cannot be read comes last */
    }
out:
    model_destroy(&m);
    nn_mem_free(v);
    nn_mem_free(ok);
    nn_mem_free(p);
    return st;
}

static enum nn_status first_scores(struct job *j, size_t seed,
                                   struct nn_error *err)
{
    const struct sweep_point first = sweep_first_point(j->o, j->plan);
    double *z;
    char *dir = NULL;
    enum nn_status st;

    if (j->z[seed - 1] != NULL) {
        return NN_OK;
    }
    z = nn_mem_calloc(j->ds->n, sizeof *z);
    if (z == NULL) {
        return nn_fail_nomem(err);
    }
    st = train_one(j, &first, seed, &dir, NULL, err);
    if (st) {
        goto out;
    }
    st = score_negatives(j, dir, z, err);
    if (st) {
        goto out;
    }
    j->z[seed - 1] = z;
    z = NULL;
out:
    nn_mem_free(dir);
    nn_mem_free(z);
    return st;
}

static double training_seconds(const struct model *m)
{
    const json_t *s = json_object_get(m->training, "gate_seconds");

    s = s != NULL ? s : json_object_get(m->training, "seconds");
    return json_number_value(s);
}

static enum nn_status score_run(struct job *j, struct sweep_run *r,
                                struct nn_error *err)
{
    struct model *m = NULL;
    enum nn_status st;

    r->score = nn_mem_calloc(j->test->n, sizeof *r->score);
    if (r->score == NULL) {
        return nn_fail_nomem(err);
    }
    st = model_load(r->dir, &m, err);
    if (st) {
        return st;
    }
    r->threshold = model_threshold(m);
    r->seconds = training_seconds(m);
    st = experiment_score(m, j->ds, j->test->index, j->test->n, &j->o->with,
                          NULL, r->score, j->test->ok, err);
    model_destroy(&m);
    return st;
}

/* --- the plan --- */

static const struct sweep_point *earlier(const struct sweep_plan *plan,
                                         size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (sweep_same_runs(plan, &plan->point[k], &plan->point[i])) {
            return &plan->point[k];
        }
    }
    return NULL;
}

static enum nn_status copy_run(const struct sweep_run *from, size_t n,
                               struct sweep_run *to, struct nn_error *err)
{
    to->threshold = from->threshold;
    to->seconds = from->seconds;
    to->command = nn_mem_strdup(from->command);
    to->dir = nn_mem_strdup(from->dir);
    to->score = nn_mem_calloc(n, sizeof *to->score);
    if (to->command == NULL || to->dir == NULL || to->score == NULL) {
        return nn_fail_nomem(err);
    }
    memcpy(to->score, from->score, n * sizeof *to->score);
    return NN_OK;
}

static void say_run(const struct sweep_plan *plan, size_t i, size_t s)
{
    const struct sweep_point *p = &plan->point[i];
    const char *kind = sweep_kind_name(p->kind);

    if (p->epochs == 0) {
        nn_log(NN_LOG_INFO, "point %zu of %zu, seed %zu: %zu %s negatives",
               i + 1, plan->n, s + 1, p->negatives, kind);
        return;
    }
    nn_log(NN_LOG_INFO,
           "point %zu of %zu, seed %zu: %zu %s negatives, %s, %d epochs, %zu "
           "images shown",
           i + 1, plan->n, s + 1, p->negatives, kind, sweep_loss_name(p->loss),
           p->epochs, p->images);
}

static enum nn_status do_run(struct job *j, size_t i, size_t s,
                             struct nn_error *err)
{
    struct sweep_point *p = &j->plan->point[i];
    const struct sweep_point *same = earlier(j->plan, i);
    struct sweep_run *r = &p->run[s];
    enum nn_status st;

    if (same != NULL) {
        return copy_run(&same->run[s], j->test->n, r, err);
    }
    say_run(j->plan, i, s);
    st = train_one(j, p, s + 1, &r->dir, &r->command, err);
    if (st) {
        return st;
    }
    st = score_run(j, r, err);
    if (st) {
        return st;
    }
    if (stop_asked) {
        return nn_fail(err, NN_ERR_STOPPED,
                       "interrupted; the same command goes on from there");
    }
    return NN_OK;
}

enum nn_status sweep_train(const struct sweep_options *o,
                           const struct nn_dataset *ds, struct sweep_plan *plan,
                           struct experiment_test *test, struct nn_error *err)
{
    struct job j = { o,
                     ds,
                     plan,
                     test,
                     nn_path_join(o->out, "points"),
                     nn_mem_calloc(plan->n_seeds, sizeof(double *)) };
    enum nn_status st;

    if (j.dir == NULL || j.z == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_file_mkdirs(j.dir, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < plan->n; i++) {
        for (size_t s = 0; !plan->point[i].skipped && s < plan->n_seeds; s++) {
            st = do_run(&j, i, s, err);
            if (st) {
                goto out;
            }
        }
    }
    experiment_test_count(test);
out:
    for (size_t s = 0; j.z != NULL && s < plan->n_seeds; s++) {
        nn_mem_free(j.z[s]);
    }
    nn_mem_free(j.z);
    nn_mem_free(j.dir);
    return st;
}
