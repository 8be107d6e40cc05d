/* Both thresholds from what the nets say of the validation images. */
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
    size_t n[2];    /* negatives, positives */
    size_t spare;   /* positives that may be lost: m */
    size_t by_gate; /* and those of them by the gate */
    double *gate;   /* [n[1]] of the positives, ascending */
    double *room;   /* [n[1]] */
    size_t n_splits;
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static enum nn_status begin(struct search *s, struct nn_error *err)
{
    const struct cascade_votes *v = s->v;
    struct nn_recall_threshold at;
    enum nn_status st;
    size_t m = 0;

    s->gate = nn_mem_calloc(v->n, sizeof *s->gate);
    s->room = nn_mem_calloc(v->n, sizeof *s->room);
    if (s->gate == NULL || s->room == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < v->n; i++) {
        if (!isfinite(v->p_gate[i]) || !isfinite(v->p_none[i])) {
            return nn_fail(err, NN_ERR_NUMERIC,
                           "a probability of a validation image is not finite");
        }
        s->n[v->positive[i] != 0]++;
        if (v->positive[i]) {
            s->gate[m++] = v->p_gate[i];
        }
    }
    st = nn_threshold_at_recall(s->gate, m, s->aim->min_recall, NN_CONFIDENCE,
                                &at, err);
    if (st) {
        return st;
    }
    qsort(s->gate, m, sizeof *s->gate, ascending);
    s->spare = s->by_gate = m - at.rank;
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
    double at = cascade_policy_threshold(x->t1, x->t2);

    for (size_t i = 0; i < v->n; i++) {
        int positive = v->positive[i] != 0;

        if (v->p_gate[i] >= x->t1) {
            x->gate[positive]++;
            x->both[positive] +=
                cascade_policy_score(x->t1, v->p_gate[i], v->p_none[i]) >= at;
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
        if (v->positive[i] && v->p_gate[i] >= x.t1) {
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
    size_t may = (size_t)(s->aim->gate_pass * (double)s->n[0]), m = 0;
    double *p = nn_mem_calloc(s->n[0] + 1, sizeof *p);
    double t1 = 0;

    if (p == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < v->n; i++) {
        if (!v->positive[i]) {
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

static double lower_bound(size_t n, size_t lost, double confidence)
{
    return n > lost + 1 ? nn_clopper_pearson_lower(n - lost - 1, n, confidence)
                        : 0;
}

/* The fewest positives whose bound reaches the target with none lost, which
 * leaves one split. */
static size_t fewest(double target)
{
    size_t lo = 1, hi = 2;

    while (lower_bound(hi, 0, NN_CONFIDENCE) < target) {
        lo = hi;
        hi *= 2;
    }
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;

        *(lower_bound(mid, 0, NN_CONFIDENCE) < target ? &lo : &hi) = mid;
    }
    return hi;
}

static struct cascade_policy tell(const struct search *s, const struct split *x)
{
    double sure = 1 - (1 - NN_CONFIDENCE) / (double)s->n_splits;
    struct cascade_policy p = {
        .none_threshold = x->t2,
        .min_recall = s->aim->min_recall,
        .recall = (double)x->both[1] / (double)s->n[1],
        .recall_lower = lower_bound(s->n[1], s->spare, sure),
        .n_positives = s->n[1],
        .n_negatives = s->n[0],
        .n_splits = s->n_splits,
        .n_needed = s->aim->min_recall < 1 ? fewest(s->aim->min_recall) : 0,
        .cheapest = s->aim->cheapest,
    };

    p.certified = p.recall_lower >= p.min_recall;
    if (s->n[0] > 0) {
        p.fpr = (double)x->both[0] / (double)s->n[0];
        p.fpr_upper = nn_clopper_pearson_upper(x->both[0], s->n[0], sure);
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
                              double *gate_threshold,
                              struct cascade_policy *policy,
                              struct nn_error *err)
{
    struct search s = { .v = v, .aim = aim };
    struct split best = { 0 };
    enum nn_status st = begin(&s, err);

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
    *gate_threshold = best.t1;
    *policy = tell(&s, &best);
out:
    nn_mem_free(s.gate);
    nn_mem_free(s.room);
    return st;
}
