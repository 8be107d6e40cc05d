#include "common/eval/sampling.h"

#include <math.h>
#include <stdint.h>

/* lgamma() keeps the sign in a global. */
static double log_gamma(double x)
{
    int sign;

    return lgamma_r(x, &sign);
}

static double log_choose(double n, double k)
{
    return log_gamma(n + 1) - log_gamma(k + 1) - log_gamma(n - k + 1);
}

/* log C(N-K, n) - log C(N, n) as a sum of n (or K) small terms: lgamma of
 * large arguments would cancel. */
static double log_no_hit(size_t N, size_t K, size_t n)
{
    size_t few = n < K ? n : K, many = n < K ? K : n;
    double sum = 0;

    if (K + n > N) {
        return -INFINITY;
    }
    for (size_t i = 0; i < few; i++) {
        sum += log1p(-(double)many / (double)(N - i));
    }
    return sum;
}

static double log_density(size_t N, size_t K, size_t n, size_t k)
{
    if (k == 0) {
        return log_no_hit(N, K, n);
    }
    return log_choose((double)K, (double)k) +
           log_choose((double)(N - K), (double)(n - k)) -
           log_choose((double)N, (double)n);
}

/* P(X = k + 1) / P(X = k) */
static double step_up(size_t N, size_t K, size_t n, size_t k)
{
    return (double)(K - k) / (double)(k + 1) * (double)(n - k) /
           (double)(N - K + k + 1 - n);
}

/* Sum of P(X = j) over lo..k (down) or k..hi (up), from k outward, until the
 * terms do not count any more. */
static double sum_down(size_t N, size_t K, size_t n, size_t k, size_t lo)
{
    double term = 1, sum = 1;

    for (size_t j = k; j > lo && term > 1e-18 * sum; j--) {
        term /= step_up(N, K, n, j - 1);
        sum += term;
    }
    return exp(log_density(N, K, n, k)) * sum;
}

static double sum_up(size_t N, size_t K, size_t n, size_t k, size_t hi)
{
    double term = 1, sum = 1;

    for (size_t j = k; j < hi && term > 1e-18 * sum; j++) {
        term *= step_up(N, K, n, j);
        sum += term;
    }
    return exp(log_density(N, K, n, k)) * sum;
}

double nn_hypergeom_cdf(size_t N, size_t K, size_t n, size_t k)
{
    size_t lo, hi;

    if (K > N || n > N) {
        return NAN;
    }
    lo = n > N - K ? n - (N - K) : 0;
    hi = n < K ? n : K;
    if (k >= hi) {
        return 1;
    }
    if (k < lo) {
        return 0;
    }
    if ((double)k <= (double)n * (double)K / (double)N) {
        return fmin(sum_down(N, K, n, k, lo), 1);
    }
    return fmax(1 - sum_up(N, K, n, k + 1, hi), 0);
}

double nn_hypergeom_tail(size_t N, size_t K, size_t n, size_t k)
{
    size_t lo, hi;

    if (K > N || n > N) {
        return NAN;
    }
    lo = n > N - K ? n - (N - K) : 0;
    hi = n < K ? n : K;
    if (k <= lo) {
        return 1;
    }
    if (k > hi) {
        return 0;
    }
    if ((double)k >= (double)n * (double)K / (double)N) {
        return fmin(sum_up(N, K, n, k, hi), 1);
    }
    return fmax(1 - sum_down(N, K, n, k - 1, lo), 0);
}

static int is_valid(size_t N, size_t n, size_t k, double confidence)
{
    return n <= N && k <= n && confidence > 0 && confidence < 1;
}

size_t nn_hypergeom_upper(size_t N, size_t n, size_t k, double confidence)
{
    size_t lo = k, hi;

    if (!is_valid(N, n, k, confidence)) {
        return SIZE_MAX;
    }
    hi = N - (n - k);
    while (lo < hi) { /* P(X <= k) falls with K */
        size_t mid = hi - (hi - lo) / 2;

        if (nn_hypergeom_cdf(N, mid, n, k) > 1 - confidence) {
            lo = mid;
        } else {
            hi = mid - 1;
        }
    }
    return lo;
}

size_t nn_hypergeom_lower(size_t N, size_t n, size_t k, double confidence)
{
    size_t lo = k, hi;

    if (!is_valid(N, n, k, confidence)) {
        return SIZE_MAX;
    }
    hi = N - (n - k);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (nn_hypergeom_tail(N, mid, n, k) > 1 - confidence) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return lo;
}

size_t nn_hypergeom_min_n(size_t N, size_t K, double confidence)
{
    size_t lo = 0, hi;

    if (K == 0 || K > N || !(confidence > 0 && confidence < 1)) {
        return SIZE_MAX;
    }
    hi = N - K + 1;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (log_no_hit(N, K, mid) <= log1p(-confidence)) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return lo;
}

/* floor(F / recall), safe against the rounding of the quotient. */
static size_t most_hits(size_t F, double recall)
{
    size_t t = (size_t)floor((double)F / recall);

    while ((double)F >= recall * (double)(t + 1)) {
        t++;
    }
    while (t > F && (double)F < recall * (double)t) {
        t--;
    }
    return t;
}

double nn_recall_floor(size_t N, size_t P, double recall, double confidence)
{
    double best = (double)N;

    if (P == 0 || P > N || !(recall > 0 && recall < 1) ||
        !(confidence > 0 && confidence < 1)) {
        return NAN;
    }
    for (size_t F = P; F > 0; F--) {
        size_t top = most_hits(F, recall), R = N - P;
        double looks;

        if (top < P) { /* the statement would be false */
            break;
        }
        looks = (double)F;
        looks += top + 1 - P > R
                     ? 0
                     : (double)nn_hypergeom_min_n(R, top + 1 - P, confidence);
        best = fmin(best, looks);
    }
    return best;
}
