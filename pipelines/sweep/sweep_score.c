/* Figures of every point with their intervals, and resamples for the curve. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/base/rng.h"
#include "common/eval/metrics.h"
#include "common/eval/stats.h"
#include "pipelines/sweep/sweep.h"

enum { ROC_AREA, FPR95, FALSE_ALARM, AVERAGE_PRECISION, N_FIGURES };

enum { FIGURE_REPLICATES = 1000 };
#define CONFIDENCE     0.95
#define BOOTSTRAP_SEED 1

/* The runs of one point on the readable test pictures, positives first. */
struct measured {
    size_t n, n_positives, n_seeds;
    uint8_t *positive; /* [n] */
    double *score;     /* [n] */
    struct nn_ranking *rank;
    double *threshold; /* [n_seeds] */
    double *out;       /* [replicates, stride] + point's seeds, of this point */
    size_t stride;
    uint32_t *pick; /* [threads,n] */
};

static void measured_release(struct measured *m)
{
    for (size_t s = 0; m->rank != NULL && s < m->n_seeds; s++) {
        nn_ranking_release(&m->rank[s]);
    }
    nn_mem_free(m->rank);
    nn_mem_free(m->threshold);
    nn_mem_free(m->positive);
    nn_mem_free(m->score);
    nn_mem_free(m->pick);
}

/* Scores of a run in the order above. */
static void gather(const struct experiment_test *t, const double *score,
                   struct measured *m)
{
    size_t n = 0;

    for (int want = 1; want >= 0; want--) {
        for (size_t i = 0; i < t->n; i++) {
            if (t->ok[i] && t->positive[i] == want) {
                m->positive[n] = (uint8_t)want;
                m->score[n++] = score[i];
            }
        }
    }
}

static enum nn_status measured_init(const struct experiment_test *t,
                                    const struct sweep_point *p, size_t n_seeds,
                                    struct measured *m, struct nn_error *err)
{
    size_t threads = (size_t)nn_parallel_threads();
    enum nn_status st = NN_OK;

    *m = (struct measured){ .n = t->n_positives + t->n_negatives,
                            .n_positives = t->n_positives,
                            .n_seeds = n_seeds };
    m->positive = nn_mem_calloc(m->n, 1);
    m->score = nn_mem_calloc(m->n, sizeof *m->score);
    m->threshold = nn_mem_calloc(n_seeds, sizeof *m->threshold);
    m->rank = nn_mem_calloc(n_seeds, sizeof *m->rank);
    m->pick = nn_mem_calloc(threads, m->n * sizeof *m->pick);
    if (m->positive == NULL || m->score == NULL || m->threshold == NULL ||
        m->rank == NULL || m->pick == NULL) {
        st = nn_fail_nomem(err);
    }
    for (size_t s = 0; !st && s < n_seeds; s++) {
        gather(t, p->run[s].score, m);
        m->threshold[s] = p->run[s].threshold;
        st = nn_ranking_init(&m->rank[s], m->score, m->positive, NULL, m->n,
                             err);
    }
    if (st) {
        measured_release(m);
    }
    return st;
}

/* Figures of one seed's net on the pictures pick[0..n-1] (NULL: all). */
static void figures(const struct measured *m, size_t seed, const uint32_t *pick,
                    size_t n, double *v)
{
    struct nn_roc curve;

    nn_ranking_curve(&m->rank[seed], pick, n, &curve);
    v[ROC_AREA] = nn_roc_area(&curve);
    v[FPR95] = nn_roc_at_tpr(&curve, 0.95).fpr;
    v[FALSE_ALARM] = nn_roc_at_threshold(&curve, m->threshold[seed]).fpr;
    v[AVERAGE_PRECISION] = nn_roc_average_precision(&curve);
}

/* nn_stats_fn: means over the seeds. */
static void mean_figures(void *ctx, const uint32_t *pick, size_t n, double *v)
{
    const struct measured *m = ctx;
    double one[N_FIGURES];

    for (int k = 0; k < N_FIGURES; k++) {
        v[k] = 0;
    }
    for (size_t s = 0; s < m->n_seeds; s++) {
        figures(m, s, pick, n, one);
        for (int k = 0; k < N_FIGURES; k++) {
            v[k] += one[k] / (double)m->n_seeds;
        }
    }
}

/* nn_parallel_fn: replicate r draws from (seed, r) alone, so that all points
 * see the same pictures. */
static void replicate(void *ctx, size_t r)
{
    const struct measured *m = ctx;
    uint32_t *pick = m->pick + nn_parallel_thread() * m->n;
    struct nn_rng rng = nn_rng_make(BOOTSTRAP_SEED, r);
    double v[N_FIGURES];

    for (size_t i = 0; i < m->n; i++) {
        size_t from = i < m->n_positives ? 0 : m->n_positives;
        size_t to = i < m->n_positives ? m->n_positives : m->n;

        pick[i] = (uint32_t)from + nn_rng_below(&rng, (uint32_t)(to - from));
    }
    for (size_t s = 0; s < m->n_seeds; s++) {
        figures(m, s, pick, m->n, v);
        m->out[r * m->stride + s] = v[FPR95];
    }
}

static void put(struct sweep_figure *f, const struct nn_interval *i)
{
    f->value = i->value;
    f->lo = i->lo;
    f->hi = i->hi;
}

static enum nn_status measure_point(struct sweep_point *p, struct measured *m,
                                    struct nn_error *err)
{
    const struct nn_bootstrap spec = { .n = m->n,
                                       .stratum = m->positive,
                                       .replicates = FIGURE_REPLICATES,
                                       .confidence = CONFIDENCE,
                                       .seed = BOOTSTRAP_SEED };
    struct nn_interval out[N_FIGURES];
    enum nn_status st =
        nn_bootstrap_many(&spec, mean_figures, m, N_FIGURES, out, err);

    if (st) {
        return st;
    }
    put(&p->roc_area, &out[ROC_AREA]);
    put(&p->fpr95, &out[FPR95]);
    put(&p->false_alarm, &out[FALSE_ALARM]);
    put(&p->average_precision, &out[AVERAGE_PRECISION]);
    for (size_t s = 0; s < m->n_seeds; s++) {
        double v[N_FIGURES];

        figures(m, s, NULL, m->n, v);
        p->roc_area.seed[s] = v[ROC_AREA];
        p->fpr95.seed[s] = v[FPR95];
        p->false_alarm.seed[s] = v[FALSE_ALARM];
        p->average_precision.seed[s] = v[AVERAGE_PRECISION];
    }
    return NN_OK;
}

/* A point without nets has no figures. */
static void put_nothing(struct sweep_point *p, size_t n_seeds, double *out,
                        size_t stride, size_t replicates)
{
    struct sweep_figure *f[] = { &p->roc_area, &p->fpr95, &p->false_alarm,
                                 &p->average_precision };

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

enum nn_status sweep_measure(const struct experiment_test *test,
                             struct sweep_plan *plan, size_t replicates,
                             struct sweep_replicates *r, struct nn_error *err)
{
    size_t stride = plan->n * plan->n_seeds;
    enum nn_status st = NN_OK;

    *r = (struct sweep_replicates){
        replicates, nn_mem_calloc(replicates * stride, sizeof *r->fpr95)
    };
    if (r->fpr95 == NULL) {
        return nn_fail_nomem(err);
    }
    if (test->n_positives == 0 || test->n_negatives == 0) {
        st = nn_fail(err, NN_ERR_ARG,
                     "no readable pictures of a class, or no readable "
                     "negatives, in the test part");
    }
    for (size_t i = 0; !st && i < plan->n; i++) {
        struct sweep_point *p = &plan->point[i];
        double *out = r->fpr95 + i * plan->n_seeds;
        struct measured m;

        if (p->skipped) {
            put_nothing(p, plan->n_seeds, out, stride, replicates);
            continue;
        }
        st = measured_init(test, p, plan->n_seeds, &m, err);
        if (!st) {
            m.out = out;
            m.stride = stride;
            st = measure_point(p, &m, err);
            nn_parallel_for(replicates, replicate, &m);
            measured_release(&m);
        }
    }
    if (st) {
        nn_mem_free(r->fpr95);
        r->fpr95 = NULL;
    }
    return st;
}
