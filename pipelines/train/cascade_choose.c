/* All thresholds from what the nets say of the validation images. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/eval/stats.h"
#include "pipelines/train/cascade_fit.h"

/* What a split does. */
struct split {
    double t1, t2;
    size_t gate[2], both[2]; /* negatives and positives that pass */
};

struct search {
    const struct cascade_votes *v;
    const struct cascade_aim *aim;
    size_t total[2]; /* negatives, positives */
    uint8_t *gone;   /* [v->n] 1: a rung rejects it */
    size_t n[2];     /* those that come to the gate */
    size_t may_lose; /* positives in all: m */
    size_t spare;    /* of those that come to the gate */
    size_t by_gate;  /* and those of them by the gate */
    double *gate;    /* [n[1]] of the positives, ascending */
    double *room;    /* [n[1]] */
    size_t n_splits;
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static enum nn_status check_votes(const struct cascade_votes *v,
                                  struct nn_error *err)
{
    int bad = 0;

    for (size_t i = 0; i < v->n; i++) {
        bad |= !isfinite(v->p_gate[i]) || !isfinite(v->p_none[i]);
    }
    for (size_t i = 0; i < v->n * v->n_rungs; i++) {
        bad |= !isfinite(v->p_rung[i]);
    }
    return bad ? nn_fail(err, NN_ERR_NUMERIC,
                         "a probability of a validation image is not finite")
               : NN_OK;
}

/* The positives' p[i * step] that are not gone, ascending, into s->gate. */
static size_t sort_positives(struct search *s, const double *p, size_t step)
{
    const struct cascade_votes *v = s->v;
    size_t m = 0;

    for (size_t i = 0; i < v->n; i++) {
        if (v->positive[i] && !s->gone[i]) {
            s->gate[m++] = p[i * step];
        }
    }
    qsort(s->gate, m, sizeof *s->gate, ascending);
    return m;
}

/* Thresholds of the rungs, one after the other, and who is gone by them. */
static void cut_rungs(struct search *s, struct rungs *rungs)
{
    const struct cascade_votes *v = s->v;
    size_t r = v->n_rungs;

    for (size_t k = 0; k < r; k++) {
        /* With a share of the loss, rounded down, for this rung. */
        size_t a =
            (size_t)(s->aim->rung_loss * (double)s->may_lose / (double)r);
        size_t m = sort_positives(s, v->p_rung + k, r);
        double t = s->gate[a < m ? a : m - 1];

        for (size_t i = 0; i < v->n; i++) {
            if (!s->gone[i] && v->p_rung[i * r + k] < t) {
                s->gone[i] = 1;
                s->n[v->positive[i] != 0]--;
            }
        }
        rungs->v[k].threshold = t;
        rungs->v[k].recall = (double)s->n[1] / (double)s->total[1];
        rungs->v[k].fpr =
            s->total[0] > 0 ? (double)s->n[0] / (double)s->total[0] : 0;
    }
}

static enum nn_status begin(struct search *s, struct rungs *rungs,
                            struct nn_error *err)
{
    const struct cascade_votes *v = s->v;
    struct nn_recall_threshold at;
    enum nn_status st = check_votes(v, err);
    size_t m;

    if (st) {
        return st;
    }
    s->gone = nn_mem_calloc(v->n, 1);
    s->gate = nn_mem_calloc(v->n, sizeof *s->gate);
    s->room = nn_mem_calloc(v->n, sizeof *s->room);
    if (s->gone == NULL || s->gate == NULL || s->room == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < v->n; i++) {
        s->n[v->positive[i] != 0]++;
    }
    s->total[0] = s->n[0];
    s->total[1] = s->n[1];
    m = sort_positives(s, v->p_gate, 1);
    st = nn_threshold_at_recall(s->gate, m, s->aim->min_recall, NN_CONFIDENCE,
                                &at, err);
    if (st) {
        return st;
    }
    s->may_lose = m - at.rank;
    cut_rungs(s, rungs);
    m = sort_positives(s, v->p_gate, 1);
    s->spare = s->by_gate = s->may_lose - (s->total[1] - m);
    if (s->aim->gate_recall > 0) {
        st = nn_threshold_at_recall(s->gate, m, s->aim->gate_recall,
                                    NN_CONFIDENCE, &at, err);
        if (st) {
            return st;
        }
        s->by_gate = m - at.rank < s->spare ? m - at.rank : s->spare;
    }
    s->n_splits = s->aim->gate_pass > 0             ? 1
                  : s->by_gate < CASCADE_FIT_SPLITS ? s->by_gate + 1
                                                    : CASCADE_FIT_SPLITS;
    return NN_OK;
}

/* Which images pass, by the rule of cascade_decide(). */
static void count(const struct search *s, struct split *x)
{
    const struct cascade_votes *v = s->v;
    double at = cascade_policy_threshold(x->t2);

    for (size_t i = 0; i < v->n; i++) {
        int positive = v->positive[i] != 0;

        if (!s->gone[i] && v->p_gate[i] >= x->t1) {
            x->gate[positive]++;
            x->both[positive] +=
                cascade_policy_score(x->t1, x->t2, v->p_gate[i],
                                     v->p_none[i]) >= at;
        }
    }
}

/* With t1 the gate loses no more than s->by_gate. */
static struct split try_split(const struct search *s, double t1)
{
    const struct cascade_votes *v = s->v;
    struct split x = { .t1 = t1 };
    size_t m = 0;

    for (size_t i = 0; i < v->n; i++) {
        if (v->positive[i] && !s->gone[i] && v->p_gate[i] >= x.t1) {
            s->room[m++] = 1 - v->p_none[i];
        }
    }
    qsort(s->room, m, sizeof *s->room, ascending);
    x.t2 = s->room[s->spare - (s->n[1] - m)];
    count(s, &x);
    return x;
}

/* The t1 with which the gate passes the share of negatives that it may. */
static enum nn_status try_pass(const struct search *s, struct split *x,
                               struct nn_error *err)
{
    const struct cascade_votes *v = s->v;
    size_t may = (size_t)(s->aim->gate_pass * (double)s->total[0]), m = 0;
    double *p = nn_mem_calloc(s->n[0] + 1, sizeof *p);
    double t1 = 0;

    if (p == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < v->n; i++) {
        if (!v->positive[i] && !s->gone[i]) {
            p[m++] = v->p_gate[i];
        }
    }
    qsort(p, m, sizeof *p, ascending);
    if (may < m) {
        t1 = nextafter(p[m - 1 - may], INFINITY);
    }
    nn_mem_free(p);
    *x = try_split(s, fmin(t1, s->gate[s->by_gate]));
    return NN_OK;
}

/* Of splits that are tried in the order of t1, upwards. */
static int better(const struct search *s, const struct split *x,
                  const struct split *than)
{
    if (s->aim->cheapest) {
        return x->t1 > than->t1;
    }
    return x->both[0] != than->both[0]
               ? x->both[0] < than->both[0]
               : x->gate[0] + x->gate[1] < than->gate[0] + than->gate[1];
}

/* cuts: thresholds that each lose some of the n. */
static double lower_bound(size_t n, size_t lost, size_t cuts, double confidence)
{
    size_t blocks = lost + cuts - 1;

    return n > blocks ? nn_clopper_pearson_lower(n - blocks, n, confidence) : 0;
}

/* The fewest positives whose bound reaches the target with none lost, which
 * leaves one split. */
static size_t fewest(double target, size_t cuts)
{
    size_t lo = 1, hi = 2;

    while (lower_bound(hi, 0, cuts, NN_CONFIDENCE) < target) {
        lo = hi;
        hi *= 2;
    }
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;

        *(lower_bound(mid, 0, cuts, NN_CONFIDENCE) < target ? &lo : &hi) = mid;
    }
    return hi;
}

static struct cascade_policy tell(const struct search *s, const struct split *x)
{
    double sure = 1 - (1 - NN_CONFIDENCE) / (double)s->n_splits;
    size_t cuts = 2 + s->v->n_rungs;
    struct cascade_policy p = {
        .none_threshold = x->t2,
        .min_recall = s->aim->min_recall,
        .recall = (double)x->both[1] / (double)s->total[1],
        .recall_lower = lower_bound(s->total[1], s->may_lose, cuts, sure),
        .n_positives = s->total[1],
        .n_negatives = s->total[0],
        .n_splits = s->n_splits,
        .n_needed =
            s->aim->min_recall < 1 ? fewest(s->aim->min_recall, cuts) : 0,
        .cheapest = s->aim->cheapest,
    };

    p.certified = p.recall_lower >= p.min_recall;
    if (s->total[0] > 0) {
        p.fpr = (double)x->both[0] / (double)s->total[0];
        p.fpr_upper = nn_clopper_pearson_upper(x->both[0], s->total[0], sure);
    }
    return p;
}

static struct split best_split(const struct search *s)
{
    struct split best = { 0 };

    for (size_t i = 0; i < s->n_splits; i++) {
        size_t a = s->n_splits > 1 ? s->by_gate * i / (s->n_splits - 1) : 0;
        struct split x = try_split(s, s->gate[a]);

        if (i == 0 || better(s, &x, &best)) {
            best = x;
        }
    }
    return best;
}

enum nn_status cascade_choose(const struct cascade_votes *v,
                              const struct cascade_aim *aim,
                              struct rungs *rungs, double *gate_threshold,
                              struct cascade_policy *policy,
                              struct nn_error *err)
{
    struct search s = { .v = v, .aim = aim };
    struct split best = { 0 };
    enum nn_status st = begin(&s, rungs, err);

    if (st) {
        goto out;
    }
    if (aim->gate_pass > 0) {
        st = try_pass(&s, &best, err);
        if (st) {
            goto out;
        }
    } else {
        best = best_split(&s);
    }
    /* What a rung rejects must stay below it. */
    *gate_threshold = v->n_rungs > 0 ? fmax(best.t1, DBL_MIN) : best.t1;
    *policy = tell(&s, &best);
out:
    nn_mem_free(s.gone);
    nn_mem_free(s.gate);
    nn_mem_free(s.room);
    return st;
}
