/* Rows of a regression, and logits of its answer. */
#ifndef TESTS_UNIT_TRAIN_REGRESSION_H
#define TESTS_UNIT_TRAIN_REGRESSION_H

#include <string.h>

#include "common/base/mem.h"
#include "common/train/logistic.h"

struct rows {
    struct nn_logistic_rows r;
    float *raw; /* x as it was */
    int32_t *label;
    double *weight;
    uint64_t *group;
};

static inline void make_rows(struct rows *w, size_t n, size_t d, size_t k)
{
    w->raw = nn_mem_aligned(n, d * sizeof *w->raw);
    w->label = nn_mem_calloc(n, sizeof *w->label);
    w->weight = nn_mem_calloc(n, sizeof *w->weight);
    w->group = nn_mem_calloc(n, sizeof *w->group);
    w->r = (struct nn_logistic_rows){
        .n = n,
        .dims = d,
        .outputs = k,
        .x = nn_mem_aligned(n, d * sizeof(float)),
        .label = w->label,
        .weight = w->weight,
        .group = w->group,
    };
}

static inline void free_rows(struct rows *w)
{
    nn_mem_free(w->raw);
    nn_mem_free(w->r.x);
    nn_mem_free(w->label);
    nn_mem_free(w->weight);
    nn_mem_free(w->group);
}

/* The regression takes x apart, so each fit gets it anew. */
static inline int fit(struct rows *w, const struct nn_logistic_options *o,
                      struct nn_logistic *out)
{
    memcpy(w->r.x, w->raw, w->r.n * w->r.dims * sizeof(float));
    return nn_logistic_fit(&w->r, o, out, NULL);
}

static inline struct nn_logistic_options one_strength(const double *strength)
{
    struct nn_logistic_options o = nn_logistic_defaults();

    o.strength = strength;
    o.n_strengths = 1;
    return o;
}

static inline double logit(const struct nn_logistic *l, const float *x,
                           size_t j)
{
    double z = (double)l->bias[j];

    for (size_t c = 0; c < l->dims; c++) {
        z += (double)l->weight[j * l->dims + c] * (double)x[c];
    }
    return z;
}

#endif
