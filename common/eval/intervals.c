#include "common/eval/stats.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/mem.h"

static int is_open_share(double v)
{
    return v > 0 && v < 1;
}

/* One end at level alpha. The closed forms at k = 0 and k = n are exact. */
static double lower_end(size_t k, size_t n, double alpha)
{
    if (k == 0) {
        return 0;
    }
    if (k == n) {
        return pow(alpha, 1 / (double)n);
    }
    return nn_beta_inc_inv((double)k, (double)(n - k) + 1, alpha);
}

static double upper_end(size_t k, size_t n, double alpha)
{
    if (k == n) {
        return 1;
    }
    if (k == 0) {
        return -expm1(log(alpha) / (double)n);
    }
    return nn_beta_inc_inv((double)k + 1, (double)(n - k), 1 - alpha);
}

static int is_valid(size_t k, size_t n, double confidence)
{
    return n > 0 && k <= n && is_open_share(confidence);
}

double nn_clopper_pearson_lower(size_t k, size_t n, double confidence)
{
    return is_valid(k, n, confidence) ? lower_end(k, n, 1 - confidence) : NAN;
}

double nn_clopper_pearson_upper(size_t k, size_t n, double confidence)
{
    return is_valid(k, n, confidence) ? upper_end(k, n, 1 - confidence) : NAN;
}

size_t nn_certify_min_n(double target, double confidence)
{
    double guess;
    size_t n;

    if (!is_open_share(target) || !is_open_share(confidence)) {
        return 0;
    }
    guess = ceil(log1p(-confidence) / log(target));
    if (!(guess < 0x1p53)) {
        return 0;
    }
    n = guess < 1 ? 1 : (size_t)guess;
    while (n > 1 &&
           nn_clopper_pearson_lower(n - 1, n - 1, confidence) >= target) {
        n--;
    }
    while (nn_clopper_pearson_lower(n, n, confidence) < target) {
        n++;
    }
    return n;
}

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x < y) - (x > y);
}

/* Smallest r with r / n >= target. */
static size_t point_rank(size_t n, double target)
{
    size_t r = (size_t)ceil(target * (double)n);

    r = r < 1 ? 1 : (r > n ? n : r);
    while (r > 1 && (double)(r - 1) / (double)n >= target) {
        r--;
    }
    while (r < n && (double)r / (double)n < target) {
        r++;
    }
    return r;
}

/* Smallest r in from..n whose lower bound reaches the target, or 0. */
static size_t safe_rank(size_t n, size_t from, double target, double confidence)
{
    size_t lo = from, hi = n;

    if (nn_clopper_pearson_lower(n, n, confidence) < target) {
        return 0;
    }
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (nn_clopper_pearson_lower(mid, n, confidence) >= target) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return lo;
}

static void choose(const double *sorted, struct nn_recall_threshold *k)
{
    k->rank = point_rank(k->n, k->target);
    k->threshold = sorted[k->rank - 1];
    k->kept = k->rank;
    while (k->kept < k->n && sorted[k->kept] >= k->threshold) {
        k->kept++;
    }
    k->rate = (double)k->kept / (double)k->n;
    k->lower = nn_clopper_pearson_lower(k->rank, k->n, k->confidence);
    k->certified = k->lower >= k->target;
    k->min_n = nn_certify_min_n(k->target, k->confidence);
    k->safe_rank = safe_rank(k->n, k->rank, k->target, k->confidence);
    if (k->safe_rank > 0) {
        k->safe_threshold = sorted[k->safe_rank - 1];
        k->safe_lower =
            nn_clopper_pearson_lower(k->safe_rank, k->n, k->confidence);
    } else {
        k->safe_threshold = k->safe_lower = NAN;
    }
}

enum nn_status nn_threshold_at_recall(const double *score, size_t n,
                                      double target, double confidence,
                                      struct nn_recall_threshold *out,
                                      struct nn_error *err)
{
    struct nn_recall_threshold k = { .n = n,
                                     .target = target,
                                     .confidence = confidence };
    double *sorted;

    if (n == 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "cannot choose a threshold without positives");
    }
    if (!(target > 0 && target <= 1) || !is_open_share(confidence)) {
        return nn_fail(err, NN_ERR_ARG,
                       "cannot keep a share of %g with confidence %g", target,
                       confidence);
    }
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(score[i])) {
            return nn_fail(err, NN_ERR_NUMERIC, "score %zu is %g", i, score[i]);
        }
    }
    sorted = nn_mem_calloc(n, sizeof *sorted);
    if (sorted == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        sorted[i] = score[i];
    }
    qsort(sorted, n, sizeof *sorted, descending);
    choose(sorted, &k);
    nn_mem_free(sorted);
    *out = k;
    return NN_OK;
}

double nn_mcnemar_exact(size_t b, size_t c)
{
    double p;

    if (b == c) {
        return 1;
    }
    p = 2 * nn_binom_cdf(b + c, b < c ? b : c, 0.5);
    return p > 1 ? 1 : p;
}

void nn_mcnemar_count(const uint8_t *right_a, const uint8_t *right_b, size_t n,
                      size_t *only_a, size_t *only_b)
{
    *only_a = *only_b = 0;
    for (size_t i = 0; i < n; i++) {
        *only_a += right_a[i] != 0 && right_b[i] == 0;
        *only_b += right_a[i] == 0 && right_b[i] != 0;
    }
}

struct ranked_p {
    double p;
    size_t test;
};

static int ascending_p(const void *a, const void *b)
{
    const struct ranked_p *x = a, *y = b;

    return (x->p > y->p) - (x->p < y->p);
}

enum nn_status nn_holm_adjust(const double *p, size_t m, double *adjusted,
                              struct nn_error *err)
{
    struct ranked_p *order;
    double max = 0;

    if (m == 0) {
        return nn_fail(err, NN_ERR_ARG, "no p values to adjust");
    }
    for (size_t i = 0; i < m; i++) {
        if (!(p[i] >= 0 && p[i] <= 1)) {
            return nn_fail(err, NN_ERR_ARG, "p value %zu is %g", i, p[i]);
        }
    }
    order = nn_mem_calloc(m, sizeof *order);
    if (order == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < m; i++) {
        order[i] = (struct ranked_p){ p[i], i };
    }
    qsort(order, m, sizeof *order, ascending_p);
    for (size_t i = 0; i < m; i++) {
        double q = (double)(m - i) * order[i].p;

        q = q > 1 ? 1 : q;
        max = q > max ? q : max;
        adjusted[order[i].test] = max;
    }
    nn_mem_free(order);
    return NN_OK;
}
