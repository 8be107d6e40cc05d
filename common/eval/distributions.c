#include "common/eval/stats.h"

#include <math.h>
#include <string.h>

#define LARGEST_SHAPE 1e8
#define MAX_FRACTION  100000
#define LOG_TWO_PI    1.8378770664093454836

/* log z! minus Stirling's (z + 1/2) log z - z + log(2 pi) / 2, for z > 0. The
 * series is good to 1e-17 from 16 on; below that
 * d(z) = d(z+1) + (z + 1/2) log(1 + 1/z) - 1. */
static double stirling_error(double z)
{
    double shift = 0, w;

    while (z < 16) {
        shift += (z + 0.5) * log1p(1 / z) - 1;
        z++;
    }
    w = 1 / (z * z);
    return shift + (1.0 / 12 -
                    w * (1.0 / 360 -
                         w * (1.0 / 1260 -
                              w * (1.0 / 1680 -
                                   w * (1.0 / 1188 - w * 691.0 / 360360))))) /
                       z;
}

/* x log(x/m) + m - x for x, m > 0, without cancellation near x = m: with
 * v = (x-m)/(x+m), log(x/m) = 2 (v + v^3/3 + v^5/5 + ...). */
static double deviance(double x, double m)
{
    double v = (x - m) / (x + m);
    double sum, power;

    if (fabs(v) >= 0.1) {
        return x * log(x / m) + m - x;
    }
    sum = (x - m) * v;
    power = 2 * x * v;
    for (int j = 3; j < 1000; j += 2) {
        double next;

        power *= v * v;
        next = sum + power / j;
        if (next == sum) {
            break;
        }
        sum = next;
    }
    return sum;
}

/* x^a y^b / (a B(a,b)) with y = 1 - x, 0 < x < 1, by Loader's saddle point:
 * the binomial density of a in a + b, times b / (a + b). */
static double prefactor(double a, double b, double x, double y)
{
    double n = a + b;
    double log_density = stirling_error(n) - stirling_error(a) -
                         stirling_error(b) - deviance(a, n * x) -
                         deviance(b, n * y);

    return exp(log_density - 0.5 * (LOG_TWO_PI + log(a) + log(b / n))) * b / n;
}

/* DLMF 8.17.22 by the modified Lentz method; x < (a+1)/(a+b+2). */
static double fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1), f;

    d = 1 / (fabs(d) < tiny ? tiny : d);
    f = d;
    for (int i = 1; i < MAX_FRACTION; i++) {
        double m = i, step;
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd =
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));

        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        f *= d * c;
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        step = d * c;
        f *= step;
        if (fabs(step - 1) < 1e-16) {
            return f;
        }
    }
    return NAN;
}

/* I_x and 1 - I_x; both NaN outside the range. */
static void beta_both(double a, double b, double x, double *lower,
                      double *upper)
{
    double y = 1 - x;

    *lower = *upper = NAN;
    if (!(a > 0 && b > 0 && a <= LARGEST_SHAPE && b <= LARGEST_SHAPE &&
          x >= 0 && x <= 1)) {
        return;
    }
    if (x == 0 || x == 1) {
        *lower = x;
        *upper = y;
    } else if (x < (a + 1) / (a + b + 2)) {
        *lower = prefactor(a, b, x, y) * fraction(a, b, x);
        *lower = *lower > 1 ? 1 : *lower;
        *upper = 1 - *lower;
    } else {
        *upper = prefactor(b, a, y, x) * fraction(b, a, y);
        *upper = *upper > 1 ? 1 : *upper;
        *lower = 1 - *upper;
    }
}

double nn_beta_inc(double a, double b, double x)
{
    double lower, upper;

    beta_both(a, b, x, &lower, &upper);
    return lower;
}

double nn_beta_inc_upper(double a, double b, double x)
{
    double lower, upper;

    beta_both(a, b, x, &lower, &upper);
    return upper;
}

/* Doubles >= 0 order like their bit patterns: 62 halvings reach the last bit,
 * however close to 0 the answer is. */
double nn_beta_inc_inv(double a, double b, double p)
{
    const double one = 1;
    uint64_t lo = 0, hi;
    double x;

    if (!(a > 0 && b > 0 && a <= LARGEST_SHAPE && b <= LARGEST_SHAPE &&
          p >= 0 && p <= 1)) {
        return NAN;
    }
    if (p == 0 || p == 1) {
        return p;
    }
    memcpy(&hi, &one, sizeof hi);
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        double lower, upper;

        memcpy(&x, &mid, sizeof x);
        beta_both(a, b, x, &lower, &upper);
        if (isnan(lower)) {
            return NAN;
        }
        if (p <= 0.5 ? lower >= p : upper <= 1 - p) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    memcpy(&x, &lo, sizeof x);
    return x;
}

double nn_binom_cdf(size_t n, size_t k, double p)
{
    if (!(p >= 0 && p <= 1)) {
        return NAN;
    }
    return k >= n ? 1 : nn_beta_inc_upper((double)k + 1, (double)(n - k), p);
}
