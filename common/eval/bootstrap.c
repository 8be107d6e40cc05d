#include "common/eval/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/base/rng.h"

#define STRATA 256

struct job {
    const struct nn_bootstrap *spec;
    nn_stats_fn *fn;
    void *ctx;
    size_t n_stats;
    uint32_t *member;         /* [n] items in stratum order */
    size_t start[STRATA + 1]; /* first member of each stratum */
    uint32_t *pick;           /* [threads, n] */
    double *scratch;          /* [threads, n_stats] */
    double *value;            /* [n_stats, replicates] */
};

/* Counting sort of the items by stratum. */
static void sort_strata(struct job *j)
{
    const struct nn_bootstrap *s = j->spec;
    size_t next[STRATA];

    for (size_t i = 0; i < s->n; i++) {
        j->start[(s->stratum == NULL ? 0 : s->stratum[i]) + 1]++;
    }
    for (size_t k = 0; k < STRATA; k++) {
        j->start[k + 1] += j->start[k];
        next[k] = j->start[k];
    }
    for (size_t i = 0; i < s->n; i++) {
        size_t k = s->stratum == NULL ? 0 : s->stratum[i];

        j->member[next[k]++] = (uint32_t)i;
    }
}

static void replicate(void *ctx, size_t r)
{
    struct job *j = ctx;
    size_t thread = nn_parallel_thread(), at = 0;
    uint32_t *pick = j->pick + thread * j->spec->n;
    double *value = j->scratch + thread * j->n_stats;
    struct nn_rng rng = nn_rng_make(j->spec->seed, r);

    for (size_t k = 0; k < STRATA; k++) {
        const uint32_t *from = j->member + j->start[k];
        uint32_t size = (uint32_t)(j->start[k + 1] - j->start[k]);

        for (uint32_t i = 0; i < size; i++) {
            pick[at++] = from[nn_rng_below(&rng, size)];
        }
    }
    j->fn(j->ctx, pick, at, value);
    for (size_t s = 0; s < j->n_stats; s++) {
        j->value[s * j->spec->replicates + r] = value[s];
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Type 7 quantile of v[0..n-1], ascending, n >= 1. */
static double quantile(const double *v, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t i = (size_t)at;

    if (i + 1 >= n) {
        return v[n - 1];
    }
    /* no subtraction of equal infinities */
    return v[i] == v[i + 1] ? v[i]
                            : v[i] + (at - (double)i) * (v[i + 1] - v[i]);
}

/* Interval from the replicates of one statistic, which are reordered. */
static void summarise(double *v, size_t replicates, double confidence,
                      struct nn_interval *out)
{
    size_t n = 0, below = 0, above = 0, min;

    for (size_t i = 0; i < replicates; i++) {
        if (!isnan(v[i])) {
            below += v[i] <= 0;
            above += v[i] >= 0;
            v[n++] = v[i];
        }
    }
    out->n_undefined = replicates - n;
    out->lo = out->hi = out->p_zero = NAN;
    if (n == 0) {
        return;
    }
    qsort(v, n, sizeof *v, ascending);
    out->lo = quantile(v, n, (1 - confidence) / 2);
    out->hi = quantile(v, n, (1 + confidence) / 2);
    min = below < above ? below : above;
    out->p_zero = 2 * (1 + (double)min) / ((double)n + 1);
    out->p_zero = out->p_zero > 1 ? 1 : out->p_zero;
}

static enum nn_status check_spec(const struct nn_bootstrap *s, size_t n_stats,
                                 struct nn_error *err)
{
    if (s->n == 0 || s->n > UINT32_MAX) {
        return nn_fail(err, NN_ERR_ARG, "cannot resample %zu items", s->n);
    }
    if (s->replicates == 0 || n_stats == 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "cannot take %zu bootstrap samples of %zu figures",
                       s->replicates, n_stats);
    }
    if (!(s->confidence > 0 && s->confidence < 1)) {
        return nn_fail(err, NN_ERR_ARG, "confidence %g is not between 0 and 1",
                       s->confidence);
    }
    return NN_OK;
}

static enum nn_status job_init(struct job *j, const struct nn_bootstrap *spec,
                               size_t threads, struct nn_error *err)
{
    size_t picks, values;

    if (nn_size_mul(threads, spec->n, &picks) != 0 ||
        nn_size_mul(j->n_stats, spec->replicates, &values) != 0) {
        return nn_fail_nomem(err);
    }
    j->spec = spec;
    j->member = nn_mem_calloc(spec->n, sizeof *j->member);
    j->pick = nn_mem_calloc(picks, sizeof *j->pick);
    j->scratch = nn_mem_calloc(threads * j->n_stats, sizeof *j->scratch);
    j->value = nn_mem_calloc(values, sizeof *j->value);
    if (j->member == NULL || j->pick == NULL || j->scratch == NULL ||
        j->value == NULL) {
        return nn_fail_nomem(err);
    }
    sort_strata(j);
    return NN_OK;
}

static void job_release(struct job *j)
{
    nn_mem_free(j->member);
    nn_mem_free(j->pick);
    nn_mem_free(j->scratch);
    nn_mem_free(j->value);
}

enum nn_status nn_bootstrap_many(const struct nn_bootstrap *spec,
                                 nn_stats_fn *fn, void *ctx, size_t n_stats,
                                 struct nn_interval *out, struct nn_error *err)
{
    struct job j = { .fn = fn, .ctx = ctx, .n_stats = n_stats };
    enum nn_status st = check_spec(spec, n_stats, err);

    if (st) {
        return st;
    }
    st = job_init(&j, spec, (size_t)nn_parallel_threads(), err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < spec->n; i++) {
        j.pick[i] = (uint32_t)i;
    }
    fn(ctx, j.pick, spec->n, j.scratch);
    for (size_t s = 0; s < n_stats; s++) {
        out[s].value = j.scratch[s];
    }
    nn_parallel_for(spec->replicates, replicate, &j);
    for (size_t s = 0; s < n_stats; s++) {
        summarise(j.value + s * spec->replicates, spec->replicates,
                  spec->confidence, &out[s]);
    }
out:
    job_release(&j);
    return st;
}
