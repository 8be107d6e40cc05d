#include "common/eval/metrics.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"

enum item_kind { NEGATIVE, POSITIVE_RIGHT, POSITIVE_WRONG };

struct scored {
    double score;
    uint32_t item;
};

/* Highest score first. */
static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;

    return (x->score < y->score) - (x->score > y->score);
}

static enum nn_status check_items(const double *score, const uint8_t *positive,
                                  size_t n, struct nn_error *err)
{
    size_t n_pos = 0;

    if (n == 0 || n > UINT32_MAX - 1) {
        return nn_fail(err, NN_ERR_ARG, "cannot rank %zu items", n);
    }
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(score[i])) {
            return nn_fail(err, NN_ERR_NUMERIC, "score %zu is %g", i, score[i]);
        }
        n_pos += positive[i] != 0;
    }
    if (n_pos == 0 || n_pos == n) {
        return nn_fail(err, NN_ERR_ARG, "cannot rank %zu items without a %s", n,
                       n_pos == 0 ? "positive" : "negative");
    }
    return NN_OK;
}

/* Sort the items and number their distinct scores. */
static enum nn_status fill_groups(struct nn_ranking *r, const double *score,
                                  struct nn_error *err)
{
    struct scored *order = nn_mem_calloc(r->n, sizeof *order);
    size_t g = 0;

    if (order == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < r->n; i++) {
        order[i] = (struct scored){ score[i], (uint32_t)i };
    }
    qsort(order, r->n, sizeof *order, by_score);
    for (size_t i = 0; i < r->n; i++) {
        if (i == 0 || order[i].score < r->threshold[g - 1]) {
            r->threshold[g++] = order[i].score;
        }
        r->group[order[i].item] = (uint32_t)(g - 1);
    }
    r->n_groups = g;
    nn_mem_free(order);
    return NN_OK;
}

/* n_scratch curves; 0 where the caller brings its own points. */
static enum nn_status ranking_build(struct nn_ranking *r, const double *score,
                                    const uint8_t *positive,
                                    const uint8_t *right, size_t n,
                                    size_t n_scratch, struct nn_error *err)
{
    enum nn_status st = check_items(score, positive, n, err);

    *r = (struct nn_ranking)NN_RANKING_INIT;
    if (st) {
        return st;
    }
    r->n = n;
    r->threshold = nn_mem_calloc(n, sizeof *r->threshold);
    r->group = nn_mem_calloc(n, sizeof *r->group);
    r->kind = nn_mem_calloc(n, sizeof *r->kind);
    if (r->threshold == NULL || r->group == NULL || r->kind == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = fill_groups(r, score, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        if (positive[i] != 0) {
            r->kind[i] = right == NULL || right[i] != 0 ? POSITIVE_RIGHT
                                                        : POSITIVE_WRONG;
        }
    }
    if (n_scratch > 0) {
        size_t points;

        if (nn_size_mul(n_scratch, r->n_groups + 1, &points) == 0) {
            r->scratch = nn_mem_calloc(points, sizeof *r->scratch);
        }
        if (r->scratch == NULL) {
            st = nn_fail_nomem(err);
            goto out;
        }
        r->n_scratch = n_scratch;
    }
out:
    if (st) {
        nn_ranking_release(r);
    }
    return st;
}

enum nn_status nn_ranking_init(struct nn_ranking *out, const double *score,
                               const uint8_t *positive, const uint8_t *right,
                               size_t n, struct nn_error *err)
{
    return ranking_build(out, score, positive, right, n,
                         (size_t)nn_parallel_threads(), err);
}

void nn_ranking_release(struct nn_ranking *r)
{
    nn_mem_free(r->threshold);
    nn_mem_free(r->group);
    nn_mem_free(r->kind);
    nn_mem_free(r->scratch);
    *r = (struct nn_ranking)NN_RANKING_INIT;
}

static void count_item(const struct nn_ranking *r, size_t item,
                       struct nn_roc *out)
{
    struct nn_roc_point *at = &out->point[r->group[item] + 1];

    switch (r->kind[item]) {
    case NEGATIVE:
        at->fp++;
        out->n_neg++;
        break;
    case POSITIVE_RIGHT:
        at->tp++;
        out->n_pos++;
        break;
    default:
        out->n_pos++;
        break;
    }
}

/* Fill point[n_groups + 1]: counts per group, then running sums. */
static void fill_curve(const struct nn_ranking *r, const uint32_t *pick,
                       size_t n, struct nn_roc_point *point, struct nn_roc *out)
{
    size_t picks = pick == NULL ? r->n : n;

    *out = (struct nn_roc){ point, r->n_groups + 1, 0, 0 };
    point[0] = (struct nn_roc_point){ INFINITY, 0, 0 };
    for (size_t g = 0; g < r->n_groups; g++) {
        point[g + 1] = (struct nn_roc_point){ r->threshold[g], 0, 0 };
    }
    for (size_t i = 0; i < picks; i++) {
        count_item(r, pick == NULL ? i : pick[i], out);
    }
    for (size_t i = 1; i < out->n_points; i++) {
        point[i].tp += point[i - 1].tp;
        point[i].fp += point[i - 1].fp;
    }
}

void nn_ranking_curve(const struct nn_ranking *r, const uint32_t *pick,
                      size_t n, struct nn_roc *out)
{
    size_t thread = nn_parallel_thread();

    *out = (struct nn_roc)NN_ROC_INIT;
    if (thread < r->n_scratch) {
        fill_curve(r, pick, n, r->scratch + thread * (r->n_groups + 1), out);
    }
}

enum nn_status nn_roc_init(struct nn_roc *out, const double *score,
                           const uint8_t *positive, const uint8_t *right,
                           size_t n, struct nn_error *err)
{
    struct nn_ranking r = NN_RANKING_INIT;
    struct nn_roc_point *point;
    enum nn_status st;

    *out = (struct nn_roc)NN_ROC_INIT;
    st = ranking_build(&r, score, positive, right, n, 0, err);
    if (st) {
        goto out;
    }
    point = nn_mem_calloc(r.n_groups + 1, sizeof *point);
    if (point == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    fill_curve(&r, NULL, n, point, out);
out:
    nn_ranking_release(&r);
    return st;
}

void nn_roc_release(struct nn_roc *r)
{
    nn_mem_free(r->point);
    *r = (struct nn_roc)NN_ROC_INIT;
}

double nn_roc_area(const struct nn_roc *r)
{
    uint64_t twice = 0; /* n_pos n_neg <= 2^62, so no overflow */

    if (r->n_pos == 0 || r->n_neg == 0) {
        return NAN;
    }
    for (size_t i = 1; i < r->n_points; i++) {
        const struct nn_roc_point *a = &r->point[i - 1], *b = &r->point[i];

        twice += (uint64_t)(b->fp - a->fp) * ((uint64_t)a->tp + b->tp);
    }
    return (double)twice / 2.0 / ((double)r->n_pos * (double)r->n_neg);
}

static double ratio(size_t part, size_t whole)
{
    return whole == 0 ? NAN : (double)part / (double)whole;
}

static double tpr(const struct nn_roc *r, size_t i)
{
    return ratio(r->point[i].tp, r->n_pos);
}

static double fpr(const struct nn_roc *r, size_t i)
{
    return ratio(r->point[i].fp, r->n_neg);
}

double nn_roc_average_precision(const struct nn_roc *r)
{
    double sum = 0;

    if (r->n_pos == 0) {
        return NAN;
    }
    for (size_t i = 1; i < r->n_points; i++) {
        size_t gain = r->point[i].tp - r->point[i - 1].tp;

        if (gain > 0) {
            sum += (double)gain *
                   ratio(r->point[i].tp, r->point[i].tp + r->point[i].fp);
        }
    }
    return sum / (double)r->n_pos;
}

static struct nn_roc_rates rates_of(const struct nn_roc *r, size_t i)
{
    return (struct nn_roc_rates){ r->point[i].threshold, tpr(r, i), fpr(r, i) };
}

struct nn_roc_rates nn_roc_at_tpr(const struct nn_roc *r, double target)
{
    size_t lo = 0, hi = r->n_points;

    if (r->n_pos == 0 || r->n_neg == 0 || !(target >= 0 && target <= 1)) {
        return (struct nn_roc_rates){ NAN, NAN, NAN };
    }
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (tpr(r, mid) >= target) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    if (lo == r->n_points) {
        return (struct nn_roc_rates){ NAN, NAN, NAN };
    }
    return rates_of(r, lo);
}

double nn_ranking_fpr95(const struct nn_ranking *r, const uint32_t *pick,
                        size_t n)
{
    struct nn_roc roc;

    nn_ranking_curve(r, pick, n, &roc);
    return nn_roc_at_tpr(&roc, 0.95).fpr;
}
