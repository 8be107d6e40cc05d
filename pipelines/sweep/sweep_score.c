/* Figures of every point with their intervals, and resamples for the curve. */
#include <math.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/base/rng.h"
#include "pipelines/measure/outcomes.h"
#include "pipelines/sweep/sweep.h"

enum { FIGURE_REPLICATES = 1000 };
#define BOOTSTRAP_SEED 1

/* The runs of one point on the readable test images. */
struct measured {
    size_t n, n_positives, n_seeds;
    struct outcomes *run; /* [n_seeds] the same images in each */
    double *out;          /* [replicates, stride] + point's seeds, of this
                             point */
    size_t stride;
    uint32_t *pick; /* [threads,n] */
};

static void measured_release(struct measured *m)
{
    for (size_t s = 0; m->run != NULL && s < m->n_seeds; s++) {
        outcomes_release(&m->run[s]);
    }
    nn_mem_free(m->run);
    nn_mem_free(m->pick);
}

static enum nn_status measured_init(const struct experiment_test *t,
                                    const struct sweep_point *p, size_t n_seeds,
                                    struct measured *m, struct nn_error *err)
{
    size_t threads = (size_t)nn_parallel_threads();
    enum nn_status st;

    *m = (struct measured){ .n = t->n_positives + t->n_negatives,
                            .n_positives = t->n_positives,
                            .n_seeds = n_seeds };
    m->run = nn_mem_calloc(n_seeds, sizeof *m->run);
    m->pick = nn_mem_calloc(threads, m->n * sizeof *m->pick);
    if (m->run == NULL || m->pick == NULL) {
        st = nn_fail_nomem(err);
        goto fail;
    }
    for (size_t s = 0; s < n_seeds; s++) {
        const struct outcomes_gate g = { .n = t->n,
                                         .p_positive = p->run[s].score,
                                         .positive = t->positive,
                                         .ok = t->ok,
                                         .threshold = p->run[s].threshold };

        st = outcomes_of_gate(&m->run[s], &g, err);
        if (st) {
            goto fail;
        }
    }
    return NN_OK;
fail:
    measured_release(m);
    return st;
}

/* Figures of a point, and where they are in a table of outcomes. */
static const enum outcomes_figure which[] = {
    OUTCOMES_ROC_AREA,
    OUTCOMES_FPR95,
    OUTCOMES_FALSE_ALARM,
    OUTCOMES_AVERAGE_PRECISION,
};
enum { N_FIGURES = sizeof which / sizeof which[0] };

static void list_figures(struct sweep_point *p,
                         struct sweep_figure *f[N_FIGURES])
{
    f[0] = &p->roc_area;
    f[1] = &p->fpr95;
    f[2] = &p->fpr;
    f[3] = &p->average_precision;
}

/* nn_stats_fn: means over the seeds. */
static void mean_figures(void *ctx, const uint32_t *pick, size_t n, double *v)
{
    const struct measured *m = ctx;
    double one[OUTCOMES_FIGURES];

    for (int k = 0; k < N_FIGURES; k++) {
        v[k] = 0;
    }
    for (size_t s = 0; s < m->n_seeds; s++) {
        outcomes_figures(&m->run[s], OUTCOMES_RANKING | OUTCOMES_SHARES, pick,
                         n, one);
        for (int k = 0; k < N_FIGURES; k++) {
            v[k] += one[which[k]] / (double)m->n_seeds;
        }
    }
}

/* nn_parallel_fn: replicate r draws from (seed, r) alone, so that all points
 * see the same images. */
static void replicate(void *ctx, size_t r)
{
    const struct measured *m = ctx;
    uint32_t *pick = m->pick + nn_parallel_thread() * m->n;
    struct nn_rng rng = nn_rng_make(BOOTSTRAP_SEED, r);

    for (size_t i = 0; i < m->n; i++) {
        size_t from = i < m->n_positives ? 0 : m->n_positives;
        size_t to = i < m->n_positives ? m->n_positives : m->n;

        pick[i] = (uint32_t)from + nn_rng_below(&rng, (uint32_t)(to - from));
    }
    for (size_t s = 0; s < m->n_seeds; s++) {
        m->out[r * m->stride + s] =
            nn_ranking_fpr95(&m->run[s].ranking, pick, m->n);
    }
}

static enum nn_status measure_point(struct sweep_point *p, struct measured *m,
                                    struct nn_error *err)
{
    const struct nn_bootstrap spec = { .n = m->n,
                                       .stratum = m->run[0].positive,
                                       .replicates = FIGURE_REPLICATES,
                                       .confidence = NN_CONFIDENCE,
                                       .seed = BOOTSTRAP_SEED };
    struct nn_interval out[N_FIGURES];
    struct sweep_figure *f[N_FIGURES];
    enum nn_status st =
        nn_bootstrap_many(&spec, mean_figures, m, N_FIGURES, out, err);

    if (st) {
        return st;
    }
    for (int k = 0; k < N_FIGURES; k++) {
        if (which[k] == OUTCOMES_FPR95 || which[k] == OUTCOMES_FALSE_ALARM) {
            outcomes_widen_share(&out[k], m->n - m->n_positives);
        } else {
            outcomes_drop_interval(&out[k]);
        }
    }
    list_figures(p, f);
    for (size_t s = 0; s < m->n_seeds; s++) {
        double v[OUTCOMES_FIGURES];

        outcomes_figures(&m->run[s], OUTCOMES_RANKING | OUTCOMES_SHARES, NULL,
                         m->n, v);
        for (int k = 0; k < N_FIGURES; k++) {
            f[k]->seed[s] = v[which[k]];
        }
    }
    for (int k = 0; k < N_FIGURES; k++) {
        f[k]->value = out[k].value;
        f[k]->lo = out[k].lo;
        f[k]->hi = out[k].hi;
    }
    return NN_OK;
}

/* A point without nets has no figures. */
static void put_nothing(struct sweep_point *p, size_t n_seeds, double *out,
                        size_t stride, size_t replicates)
{
    struct sweep_figure *f[N_FIGURES];

    list_figures(p, f);
    for (int k = 0; k < N_FIGURES; k++) {
        f[k]->value = f[k]->lo = f[k]->hi = (double)NAN;
        for (size_t s = 0; s < n_seeds; s++) {
            f[k]->seed[s] = (double)NAN;
        }
    }
    for (size_t r = 0; r < replicates; r++) {
        for (size_t s = 0; s < n_seeds; s++) {
            out[r * stride + s] = (double)NAN;
        }
    }
}

/* The figures of a point, and into out those of the replicates. */
static enum nn_status measure_runs(const struct experiment_test *test,
                                   struct sweep_point *p, size_t n_seeds,
                                   size_t replicates, double *out,
                                   size_t stride, struct nn_error *err)
{
    struct measured m;
    enum nn_status st = measured_init(test, p, n_seeds, &m, err);

    if (st) {
        return st;
    }
    m.out = out;
    m.stride = stride;
    st = measure_point(p, &m, err);
    if (st) {
        goto out;
    }
    nn_parallel_for(replicates, replicate, &m);
out:
    measured_release(&m);
    return st;
}

enum nn_status sweep_measure(const struct experiment_test *test,
                             struct sweep_plan *plan, size_t replicates,
                             struct sweep_replicates *r, struct nn_error *err)
{
    size_t stride = plan->n * plan->n_seeds;
    enum nn_status st;

    *r = (struct sweep_replicates){
        replicates, nn_mem_calloc(replicates * stride, sizeof *r->fpr95)
    };
    if (r->fpr95 == NULL) {
        return nn_fail_nomem(err);
    }
    if (test->n_positives == 0 || test->n_negatives == 0) {
        st = nn_fail(err, NN_ERR_ARG,
                     "no readable images of a class, or no readable "
                     "negatives, in the test part");
        goto fail;
    }
    for (size_t i = 0; i < plan->n; i++) {
        struct sweep_point *p = &plan->point[i];
        double *out = r->fpr95 + i * plan->n_seeds;

        if (p->skipped) {
            put_nothing(p, plan->n_seeds, out, stride, replicates);
            continue;
        }
        st = measure_runs(test, p, plan->n_seeds, replicates, out, stride, err);
        if (st) {
            goto fail;
        }
    }
    return NN_OK;
fail:
    nn_mem_free(r->fpr95);
    r->fpr95 = NULL;
    return st;
}
