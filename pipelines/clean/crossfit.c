#include "pipelines/clean/crossfit.h"

#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/train/logistic.h"

/* The rows outside of a fold (-1: all), in a block of their own: fitting
 * standardises them in place. */
struct part {
    struct nn_logistic_rows rows;
    float *x;
    int32_t *label;
    uint64_t *group;
};

static void release(struct part *t)
{
    nn_mem_free(t->x);
    nn_mem_free(t->label);
    nn_mem_free(t->group);
}

static enum nn_status make_room(const struct clean_rows *r, struct part *t,
                                struct nn_error *err)
{
    t->x = nn_mem_aligned(r->n * r->dims, sizeof *t->x);
    t->label = nn_mem_calloc(r->n, sizeof *t->label);
    t->group = nn_mem_calloc(r->n, sizeof *t->group);
    t->rows = (struct nn_logistic_rows){ .dims = r->dims,
                                         .outputs = r->outputs,
                                         .x = t->x,
                                         .label = t->label,
                                         .group = t->group };
    return t->x == NULL || t->label == NULL || t->group == NULL
               ? nn_fail_nomem(err)
               : NN_OK;
}

static void take(const struct clean_rows *r, const int32_t *fold, int without,
                 struct part *t)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++) {
        if (fold[i] == without) {
            continue;
        }
        memcpy(t->x + n * r->dims, r->x + i * r->dims, r->dims * sizeof *r->x);
        t->label[n] = r->label[i];
        t->group[n++] = r->group[i];
    }
    t->rows.n = n;
}

static void judge(const struct nn_logistic *head, const float *x, float *p)
{
    float most = -INFINITY;
    double sum = 0;

    for (size_t k = 0; k < head->outputs; k++) {
        const float *w = head->weight + k * head->dims;
        double z = (double)head->bias[k];

        for (size_t j = 0; j < head->dims; j++) {
            z += (double)w[j] * (double)x[j];
        }
        p[k] = (float)z;
        most = p[k] > most ? p[k] : most;
    }
    for (size_t k = 0; k < head->outputs; k++) {
        p[k] = expf(p[k] - most);
        sum += (double)p[k];
    }
    for (size_t k = 0; k < head->outputs; k++) {
        p[k] = (float)((double)p[k] / sum);
    }
}

static enum nn_status fit_fold(const struct clean_rows *r, struct part *t,
                               const int32_t *fold, int k,
                               const struct nn_logistic_options *how, float *p,
                               struct nn_error *err)
{
    struct nn_logistic head;
    enum nn_status st;

    take(r, fold, k, t);
    st = nn_logistic_fit(&t->rows, how, &head, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < r->n; i++) {
        if (fold[i] == k) {
            judge(&head, r->x + i * r->dims, p + i * r->outputs);
        }
    }
out:
    nn_logistic_release(&head);
    return st;
}

static enum nn_status choose_strength(const struct clean_rows *r,
                                      struct part *t, const int32_t *fold,
                                      struct nn_logistic_options *how,
                                      double *strength, struct nn_error *err)
{
    struct nn_logistic all;
    enum nn_status st;

    take(r, fold, -1, t);
    st = nn_logistic_fit(&t->rows, how, &all, err);
    *strength = all.strength;
    how->strength = strength;
    how->n_strengths = 1;
    nn_logistic_release(&all);
    return st;
}

enum nn_status clean_crossfit(const struct clean_rows *r, int folds,
                              uint64_t seed, const volatile sig_atomic_t *stop,
                              float *p, int32_t *fold, struct nn_error *err)
{
    const struct nn_logistic_rows whole = { .n = r->n,
                                            .dims = r->dims,
                                            .outputs = r->outputs,
                                            .label = r->label,
                                            .group = r->group };
    struct nn_logistic_options how = nn_logistic_defaults();
    struct part t = { .x = NULL };
    double strength;
    enum nn_status st;

    if (folds < 2) {
        return nn_fail(err, NN_ERR_ARG, "at least 2 folds are needed");
    }
    how.folds = folds;
    how.seed = seed;
    how.stop = stop;
    st = nn_logistic_folds(&whole, seed, &folds, fold);
    if (st) {
        return nn_fail(err, st, "out of memory");
    }
    if (folds < 2) {
        return nn_fail(err, NN_ERR_ARG,
                       "all photos are near-duplicates of each other");
    }
    st = make_room(r, &t, err);
    if (st) {
        goto out;
    }
    st = choose_strength(r, &t, fold, &how, &strength, err);
    if (st) {
        goto out;
    }
    for (int k = 0; k < folds; k++) {
        st = fit_fold(r, &t, fold, k, &how, p, err);
        if (st) {
            goto out;
        }
    }
out:
    release(&t);
    return st;
}
