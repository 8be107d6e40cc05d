/* One figure at a time, with its bootstrap interval. */
#include <math.h>

#include "common/base/mem.h"
#include "common/eval/metrics.h"
#include "common/eval/stats.h"
#include "pipelines/measure/evaluation_internal.h"

/* The rows that a query is about: positives, then the wanted negatives. */
struct selection {
    uint32_t *row;
    size_t n, n_positives;
    double *score;
    uint8_t *positive;
};

static void selection_release(struct selection *s)
{
    nn_mem_free(s->row);
    nn_mem_free(s->score);
    nn_mem_free(s->positive);
}

static enum nn_status select_rows(const struct evaluation_query *q,
                                  struct selection *s, struct nn_error *err)
{
    const struct evaluation_rows *r = q->rows;

    *s = (struct selection){ 0 };
    s->row = nn_mem_calloc(r->n, sizeof *s->row);
    s->score = nn_mem_calloc(r->n, sizeof *s->score);
    s->positive = nn_mem_calloc(r->n, sizeof *s->positive);
    if (s->row == NULL || s->score == NULL || s->positive == NULL) {
        selection_release(s);
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < r->n; i++) {
        if (r->positive[i] || q->family == EVALUATION_ALL_FAMILIES ||
            r->family[i] == q->family) {
            s->row[s->n] = (uint32_t)i;
            s->score[s->n] = r->score[i];
            s->positive[s->n++] = r->positive[i];
            s->n_positives += r->positive[i];
        }
    }
    return NN_OK;
}

/* --- figures that are a share of some rows ----------------------------------
 */

struct share {
    const struct evaluation_query *q;
    const struct selection *s;
};

/* 1 hit, 0 miss, -1 the row does not count. */
static int judge(const struct evaluation_query *q, size_t i)
{
    const struct evaluation_rows *r = q->rows;
    int32_t k = (int32_t)r->n_classes;

    switch (q->what) {
    case EVALUATION_FALSE_ALARM:
        return r->positive[i] ? -1 : r->score[i] >= q->threshold;
    case EVALUATION_MISS_RATE:
        return r->positive[i] ? !(r->score[i] >= q->threshold) : -1;
    case EVALUATION_SPECIES_ACCURACY:
        return r->positive[i] ? r->species[i] == r->label[i] : -1;
    case EVALUATION_UNKNOWN_RATE:
        return r->positive[i] ? r->verdict[i] == k + 1 : -1;
    case EVALUATION_END_TO_END:
        return r->verdict[i] == r->label[i];
    case EVALUATION_ROC_AREA:
    case EVALUATION_AVERAGE_PRECISION:
    case EVALUATION_FPR95:
    case EVALUATION_FPR99:
        break;
    }
    return -1;
}

static double share(void *ctx, const uint32_t *pick, size_t n)
{
    const struct share *s = ctx;
    size_t hits = 0, all = 0;

    for (size_t j = 0; j < n; j++) {
        int hit = judge(s->q, s->s->row[pick != NULL ? pick[j] : j]);

        hits += hit > 0;
        all += hit >= 0;
    }
    return all > 0 ? (double)hits / (double)all : (double)NAN;
}

/* --- the bootstrap -----------------------------------------------------------
 */

static enum nn_status estimate(const struct selection *s,
                               const struct evaluation_sampling *how,
                               nn_stat_fn *fn, void *ctx,
                               struct evaluation_figure *out,
                               struct nn_error *err)
{
    const struct nn_bootstrap spec = { .n = s->n,
                                       .stratum = s->positive,
                                       .replicates = (size_t)how->replicates,
                                       .confidence = 0.95,
                                       .seed = how->seed };
    struct nn_interval v;
    enum nn_status st;

    if (how->replicates == 0) {
        out->value = fn(ctx, NULL, s->n);
        return NN_OK;
    }
    st = nn_bootstrap(&spec, fn, ctx, &v, err);
    if (!st) {
        *out = (struct evaluation_figure){ v.value, v.lo, v.hi };
    }
    return st;
}

static enum nn_status estimate_ranking(const struct evaluation_query *q,
                                       const struct selection *s,
                                       const struct evaluation_sampling *how,
                                       struct evaluation_figure *out,
                                       struct nn_error *err)
{
    struct nn_ranking rank = NN_RANKING_INIT;
    nn_stat_fn *fn = nn_ranking_area;
    enum nn_status st;

    if (s->n_positives == 0 || s->n_positives == s->n) {
        return NN_OK;
    }
    if (q->what == EVALUATION_AVERAGE_PRECISION) {
        fn = nn_ranking_average_precision;
    } else if (q->what == EVALUATION_FPR95) {
        fn = nn_ranking_fpr95;
    } else if (q->what == EVALUATION_FPR99) {
        fn = nn_ranking_fpr99;
    }
    st = nn_ranking_init(&rank, s->score, s->positive, NULL, s->n, err);
    if (!st) {
        st = estimate(s, how, fn, &rank, out, err);
    }
    nn_ranking_release(&rank);
    return st;
}

enum nn_status evaluation_figure(const struct evaluation_query *q,
                                 const struct evaluation_sampling *how,
                                 struct evaluation_figure *out,
                                 struct nn_error *err)
{
    struct selection s;
    struct share ctx = { q, &s };
    enum nn_status st = select_rows(q, &s, err);

    *out = (struct evaluation_figure){ (double)NAN, (double)NAN, (double)NAN };
    if (st) {
        return st;
    }
    if (q->what <= EVALUATION_FPR99) {
        st = estimate_ranking(q, &s, how, out, err);
    } else if (s.n > 0) {
        st = estimate(&s, how, share, &ctx, out, err);
    }
    selection_release(&s);
    return st;
}

/* --- calibration -------------------------------------------------------------
 */

void evaluation_calibration(const struct evaluation_rows *r,
                            struct evaluation *e)
{
    size_t n = r->n_positives;
    double *confidence = nn_mem_calloc(n, sizeof *confidence);
    uint8_t *hit = nn_mem_calloc(n, sizeof *hit);

    e->gate_ece = e->gate_brier = e->species_ece = (double)NAN;
    if (nn_reliability(r->score, r->positive, r->n, NN_ECE_BINS, NULL,
                       &e->gate_ece, NULL) ||
        nn_brier_binary(r->score, r->positive, r->n, &e->gate_brier, NULL)) {
        e->gate_ece = e->gate_brier = (double)NAN;
    }
    if (confidence == NULL || hit == NULL || n == 0 || r->n_classes < 2 ||
        nn_top_label(r->p, r->label, n, (int32_t)r->n_classes, confidence, hit,
                     NULL, NULL) ||
        nn_reliability(confidence, hit, n, NN_ECE_BINS, NULL, &e->species_ece,
                       NULL)) {
        e->species_ece = (double)NAN;
    }
    nn_mem_free(confidence);
    nn_mem_free(hit);
}
