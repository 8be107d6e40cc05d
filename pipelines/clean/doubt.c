#include "pipelines/clean/doubt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"

/* --- what the heads say --- */

static void see_label(const struct clean_rows *r, const float *p, size_t i,
                      struct clean_doubt *d)
{
    const float *q = p + i * r->outputs;
    double z;

    d->p_given = q[r->label[i]];
    for (size_t k = 0; k < r->outputs; k++) {
        if ((int32_t)k != r->label[i] && (d->other < 0 || q[k] > q[d->other])) {
            d->other = (int32_t)k;
        }
    }
    if (d->other < 0) {
        return;
    }
    d->p_other = q[d->other];
    z = log((double)d->p_other + 1e-12) - log((double)d->p_given + 1e-12);
    d->label = z > CLEAN_LOG_MOST    ? CLEAN_LOG_MOST
               : z < -CLEAN_LOG_MOST ? -CLEAN_LOG_MOST
                                     : z;
}

/* Does some photo of the label lie outside of the fold? */
static int is_known(const struct clean_rows *r, const int32_t *fold, size_t i)
{
    for (size_t j = 0; j < r->n; j++) {
        if (r->label[j] == r->label[i] && fold[j] != fold[i]) {
            return 1;
        }
    }
    return 0;
}

/* --- how far from its class --- */

struct crowd {
    const struct clean_rows *r;
    float *length; /* [r->n] 1 / |x| */
    size_t *v;     /* [n] photos of the class */
    size_t n, step;
    double *far; /* [n] */
};

/* `best` holds the m largest so far, the least first. */
static void keep_best(double *best, size_t m, double c)
{
    size_t k = 0;

    if (c <= best[0]) {
        return;
    }
    for (; k + 1 < m && best[k + 1] < c; k++) {
        best[k] = best[k + 1];
    }
    best[k] = c;
}

static void see_neighbours(void *ctx, size_t at)
{
    struct crowd *g = ctx;
    const struct clean_rows *r = g->r;
    size_t i = g->v[at], n = 0;
    const float *x = r->x + i * r->dims;
    double best[CLEAN_NEIGHBOURS], sum = 0;

    for (size_t k = 0; k < CLEAN_NEIGHBOURS; k++) {
        best[k] = -2;
    }
    for (size_t b = 0; b < g->n; b += g->step) {
        size_t j = g->v[b];
        const float *y = r->x + j * r->dims;
        float dot = 0;

        if (r->group[j] == r->group[i]) {
            continue;
        }
        for (size_t k = 0; k < r->dims; k++) {
            dot += x[k] * y[k];
        }
        keep_best(best, CLEAN_NEIGHBOURS,
                  (double)(dot * g->length[i] * g->length[j]));
        n++;
    }
    n = n < CLEAN_NEIGHBOURS ? n : CLEAN_NEIGHBOURS;
    for (size_t k = 0; k < n; k++) {
        sum += best[CLEAN_NEIGHBOURS - 1 - k];
    }
    g->far[at] = n > 0 ? 1 - sum / (double)n : 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Of v [n], which is sorted. */
static double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_value);
    return n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* g->far in units of the class's own spread. scratch [n] */
static void standardise(struct crowd *g, double *scratch)
{
    double mid, spread;

    memcpy(scratch, g->far, g->n * sizeof *scratch);
    mid = median(scratch, g->n);
    for (size_t k = 0; k < g->n; k++) {
        scratch[k] = fabs(g->far[k] - mid);
    }
    spread = 1.4826 * median(scratch, g->n);
    spread = spread > CLEAN_LEAST_SPREAD ? spread : CLEAN_LEAST_SPREAD;
    for (size_t k = 0; k < g->n; k++) {
        double far = (g->far[k] - mid) / spread;

        g->far[k] = far < CLEAN_FAR_MOST ? far : CLEAN_FAR_MOST;
    }
}

/* What is unlike the class, in either way. */
static void see_class(struct crowd *g, const float *flat, double *scratch,
                      struct clean_doubt *d)
{
    nn_parallel_for(g->n, see_neighbours, g);
    standardise(g, scratch);
    for (size_t k = 0; k < g->n; k++) {
        d[g->v[k]].outlier = g->far[k];
    }
    if (flat == NULL) {
        return;
    }
    for (size_t k = 0; k < g->n; k++) {
        g->far[k] = (double)flat[g->v[k]];
    }
    standardise(g, scratch);
    for (size_t k = 0; k < g->n; k++) {
        d[g->v[k]].flat = g->far[k];
    }
}

static void list_class(const struct clean_rows *r, int32_t label,
                       struct crowd *g)
{
    g->n = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (r->label[i] == label) {
            g->v[g->n++] = i;
        }
    }
    g->step = 1 + (g->n - (g->n > 0)) / CLEAN_REFERENCES;
}

static void set_lengths(struct crowd *g)
{
    const struct clean_rows *r = g->r;

    for (size_t i = 0; i < r->n; i++) {
        double sum = 0;

        for (size_t k = 0; k < r->dims; k++) {
            double v = (double)r->x[i * r->dims + k];

            sum += v * v;
        }
        g->length[i] = sum > 0 ? (float)(1 / sqrt(sum)) : 0;
    }
}

enum nn_status clean_doubts(const struct clean_rows *r, const float *p,
                            const int32_t *fold, const float *flat,
                            int32_t negatives, struct clean_doubt *d,
                            struct nn_error *err)
{
    struct crowd g = { .r = r };
    double *scratch = nn_mem_calloc(r->n, sizeof *scratch);
    enum nn_status st = NN_OK;

    g.length = nn_mem_calloc(r->n, sizeof *g.length);
    g.v = nn_mem_calloc(r->n, sizeof *g.v);
    g.far = nn_mem_calloc(r->n, sizeof *g.far);
    if (scratch == NULL || g.length == NULL || g.v == NULL || g.far == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < r->n; i++) {
        d[i] = (struct clean_doubt){ .other = -1 };
        d[i].judged = is_known(r, fold, i);
        if (d[i].judged) {
            see_label(r, p, i, &d[i]);
        }
    }
    set_lengths(&g);
    for (size_t k = 0; k < r->outputs; k++) {
        list_class(r, (int32_t)k, &g);
        if ((int32_t)k != negatives && g.n >= CLEAN_LEAST) {
            see_class(&g, flat, scratch, d);
        }
    }
    for (size_t i = 0; i < r->n; i++) {
        d[i].doubt = d[i].outlier + CLEAN_FLAT_WEIGHT * d[i].flat +
                     CLEAN_LABEL_WEIGHT * d[i].label;
    }
out:
    nn_mem_free(scratch);
    nn_mem_free(g.length);
    nn_mem_free(g.v);
    nn_mem_free(g.far);
    return st;
}
