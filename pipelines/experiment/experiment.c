#include "pipelines/experiment/experiment.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/data/feature_cache.h"
#include "pipelines/cascade/cascade.h"
#include "pipelines/experiment/subprocess.h"

/* --- option words --- */

static void push(struct experiment_words *w, const char *word)
{
    if (word == NULL || nn_mem_grow(&w->v, &w->cap, w->n + 1, sizeof *w->v)) {
        w->failed = 1;
        return;
    }
    w->v[w->n++] = word;
}

static void push_own(struct experiment_words *w, char *word)
{
    if (word == NULL ||
        nn_mem_grow(&w->own, &w->cap_own, w->n_own + 1, sizeof *w->own)) {
        nn_mem_free(word);
        w->failed = 1;
        return;
    }
    w->own[w->n_own++] = word;
    push(w, word);
}

void experiment_add(struct experiment_words *w, const char *name,
                    const char *value)
{
    push(w, name);
    if (value != NULL) {
        push(w, value);
    }
}

void experiment_add_number(struct experiment_words *w, const char *name,
                           unsigned long long value)
{
    push(w, name);
    push_own(w, nn_mem_sprintf("%llu", value));
}

void experiment_add_option(struct experiment_words *w, const char *option)
{
    push_own(w, nn_mem_sprintf("--%s", option + strspn(option, "-")));
}

void experiment_add_with(struct experiment_words *w,
                         const struct nn_option_list *with)
{
    for (size_t i = 0; i < with->n; i++) {
        experiment_add_option(w, with->v[i]);
    }
}

const char *experiment_with_value(const struct nn_option_list *with,
                                  const char *name)
{
    const char *value = NULL;
    size_t n = strlen(name);

    for (size_t i = 0; i < with->n; i++) {
        const char *word = with->v[i] + strspn(with->v[i], "-");

        if (strncmp(word, name, n) == 0 && (word[n] == '=' || !word[n])) {
            value = word + n + (word[n] == '=');
        }
    }
    return value;
}

void experiment_add_data(struct experiment_words *w,
                         const struct data_options *how)
{
    experiment_add_number(w, "--split-seed", how->seed);
    for (size_t i = 0; i < how->classes.n; i++) {
        experiment_add(w, "--class", how->classes.v[i]);
    }
    for (size_t i = 0; i < how->negatives.n; i++) {
        experiment_add(w, "--negative-class", how->negatives.v[i]);
    }
    if (how->split_file != NULL) {
        experiment_add(w, "--split-file", how->split_file);
    }
    if (how->decisions != NULL) {
        experiment_add(w, "--decisions", how->decisions);
    }
}

void experiment_words_release(struct experiment_words *w)
{
    for (size_t i = 0; i < w->n_own; i++) {
        nn_mem_free(w->own[i]);
    }
    nn_mem_free(w->own);
    nn_mem_free(w->v);
    *w = (struct experiment_words)EXPERIMENT_WORDS_INIT;
}

enum nn_status experiment_train(const char *data, const char *dir,
                                const struct experiment_words *w, int threads,
                                char **command, struct nn_error *err)
{
    if (w->failed) {
        return nn_fail_nomem(err);
    }
    return subprocess_train(data, dir, w->v, w->n, threads, command, err);
}

/* --- test images --- */

enum nn_status experiment_test_init(const struct nn_dataset *ds,
                                    struct experiment_test *t,
                                    struct nn_error *err)
{
    *t = (struct experiment_test){ .n = 0 };
    t->index = nn_mem_calloc(ds->n, sizeof *t->index);
    t->positive = nn_mem_calloc(ds->n, 1);
    t->ok = nn_mem_calloc(ds->n, 1);
    if (t->index == NULL || t->positive == NULL || t->ok == NULL) {
        experiment_test_release(t);
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];

        if (nn_item_in(it, NN_TEST, NN_ITEMS_ALL)) {
            t->positive[t->n] = it->label != NN_NEGATIVE;
            t->ok[t->n] = 1;
            t->index[t->n++] = (uint32_t)i;
        }
    }
    experiment_test_count(t);
    if (t->n_positives == 0 || t->n_negatives == 0) {
        experiment_test_release(t);
        return nn_fail(err, NN_ERR_ARG,
                       "figures need images of a class and negatives in the "
                       "test part of '%s'",
                       ds->path);
    }
    return NN_OK;
}

void experiment_test_release(struct experiment_test *t)
{
    nn_mem_free(t->index);
    nn_mem_free(t->positive);
    nn_mem_free(t->ok);
    *t = (struct experiment_test){ .n = 0 };
}

void experiment_test_count(struct experiment_test *t)
{
    t->n_positives = 0;
    t->n_negatives = 0;
    for (size_t i = 0; i < t->n; i++) {
        t->n_positives += t->ok[i] && t->positive[i];
        t->n_negatives += t->ok[i] && !t->positive[i];
    }
}

char *experiment_feature_dir(const struct nn_option_list *with)
{
    return nn_feature_cache_given(experiment_with_value(with, "feature-cache"));
}

int experiment_keep_features(struct cascade *c, const struct model *m,
                             const char *dir)
{
    int yes = dir != NULL && m->gate->spec.arch != NN_ARCH_MOBILENETV4 &&
              model_strong_net(m)->spec.arch != NN_ARCH_MOBILENETV4;

    if (yes) {
        cascade_keep_features(c, dir);
    }
    return yes;
}

enum nn_status experiment_score(const struct model *m,
                                const struct nn_dataset *ds,
                                const uint32_t *index, size_t n,
                                const struct nn_option_list *with,
                                const char *label, double *p, uint8_t *ok,
                                struct nn_error *err)
{
    char *features = experiment_feature_dir(with);
    struct cascade_scores s = CASCADE_SCORES_INIT;
    struct cascade *c = NULL;
    enum nn_status st = cascade_create(m, CASCADE_BATCH, &c, err);
    int all;

    if (st) {
        goto out;
    }
    /* Features are kept where both nets look at all images. */
    all = experiment_keep_features(c, m, features);
    st = cascade_score(c, ds, index, n, all, label, &s, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        p[i] = s.p_positive[i];
        ok[i] = (uint8_t)(ok[i] && s.ok[i]);
    }
out:
    cascade_scores_release(&s);
    cascade_destroy(&c);
    nn_mem_free(features);
    return st;
}
