#include "common/eval/calibrate.h"

#include <math.h>

/* Items of either kind; k = 1 means one sigmoid. */
struct problem {
    const double *z;         /* [n,k] */
    const int32_t *truth;    /* [n], k >= 2 */
    const uint8_t *positive; /* [n], k = 1 */
    size_t n, k;
};

/* Mean loss at b = 1/T and its first two derivatives by b. */
struct loss {
    double value, gradient, curvature;
};

static void add_softmax(const double *z, size_t k, size_t truth, double b,
                        struct loss *l)
{
    double top = z[0], sum = 0, mean = 0, square = 0;

    for (size_t j = 1; j < k; j++) {
        top = z[j] > top ? z[j] : top;
    }
    for (size_t j = 0; j < k; j++) {
        double d = z[j] - top;
        double e = exp(b * d);

        sum += e;
        mean += e * d;
        square += e * d * d;
    }
    mean /= sum;
    l->value += log(sum) - b * (z[truth] - top);
    l->gradient += mean - (z[truth] - top);
    l->curvature += square / sum - mean * mean;
}

/* log(1 + exp(-b m)) for the margin m = z or -z. */
static void add_sigmoid(double m, double b, struct loss *l)
{
    double e = exp(-b * fabs(m));
    double wrong = (m >= 0 ? e : 1) / (1 + e); /* sigmoid(-b m) */

    l->value += log1p(e) + (m < 0 ? -b * m : 0);
    l->gradient -= m * wrong;
    l->curvature += m * m * (e / (1 + e)) / (1 + e);
}

static struct loss loss_at(const struct problem *p, double b)
{
    struct loss l = { 0, 0, 0 };

    for (size_t i = 0; i < p->n; i++) {
        if (p->k == 1) {
            add_sigmoid(p->positive[i] != 0 ? p->z[i] : -p->z[i], b, &l);
        } else {
            add_softmax(p->z + i * p->k, p->k, (size_t)p->truth[i], b, &l);
        }
    }
    l.value /= (double)p->n;
    l.gradient /= (double)p->n;
    l.curvature /= (double)p->n;
    return l;
}

/* Root of the gradient in (lo, hi), where it changes sign from - to +. */
static double solve(const struct problem *p, double lo, double hi)
{
    double b = 1, last = hi - lo;

    for (int i = 0; i < 200; i++) {
        struct loss l = loss_at(p, b);
        double next = b - l.gradient / l.curvature;

        if (l.gradient == 0) {
            break;
        }
        if (l.gradient < 0) {
            lo = b;
        } else {
            hi = b;
        }
        /* also false for NaN, when the curvature is 0 */
        if (!(next > lo && next < hi && fabs(next - b) < 0.5 * last)) {
            next = sqrt(lo) * sqrt(hi);
        }
        last = fabs(next - b);
        b = next;
        if (last <= 1e-13 * b || hi - lo <= 1e-13 * b) {
            break;
        }
    }
    return b;
}

static void fit(const struct problem *p, struct nn_temperature *out)
{
    const double lo = 1 / NN_TEMPERATURE_MAX, hi = 1 / NN_TEMPERATURE_MIN;
    struct loss one = loss_at(p, 1);
    double b = 1;
    int at_limit = 0;

    if (one.gradient < 0 && loss_at(p, hi).gradient <= 0) {
        b = hi;
        at_limit = 1;
    } else if (one.gradient > 0 && loss_at(p, lo).gradient >= 0) {
        b = lo;
        at_limit = 1;
    } else if (one.gradient != 0) {
        b = solve(p, lo, hi);
    }
    *out = (struct nn_temperature){ 1 / b, one.value, loss_at(p, b).value,
                                    at_limit };
}

static enum nn_status check_logits(const double *z, size_t n, size_t k,
                                   struct nn_error *err)
{
    if (n == 0) {
        return nn_fail(err, NN_ERR_ARG, "no logits to calibrate");
    }
    for (size_t i = 0; i < n * k; i++) {
        if (!isfinite(z[i])) {
            return nn_fail(err, NN_ERR_NUMERIC, "logit %zu of item %zu is %g",
                           i % k, i / k, z[i]);
        }
    }
    return NN_OK;
}

enum nn_status nn_temperature_fit(const double *logits, const int32_t *truth,
                                  size_t n, int32_t k,
                                  struct nn_temperature *out,
                                  struct nn_error *err)
{
    struct problem p = { logits, truth, NULL, n, (size_t)k };
    enum nn_status st;

    if (k < 2) {
        return nn_fail(err, NN_ERR_ARG, "cannot calibrate %d classes", (int)k);
    }
    st = check_logits(logits, n, p.k, err);
    if (st) {
        return st;
    }
    for (size_t i = 0; i < n; i++) {
        if (truth[i] < 0 || truth[i] >= k) {
            return nn_fail(err, NN_ERR_ARG, "label %d of item %zu not in 0..%d",
                           (int)truth[i], i, (int)k - 1);
        }
    }
    fit(&p, out);
    return NN_OK;
}

static enum nn_status check_both(const uint8_t *positive, size_t n,
                                 struct nn_error *err)
{
    size_t n_pos = 0;

    for (size_t i = 0; i < n; i++) {
        n_pos += positive[i] != 0;
    }
    if (n_pos == 0 || n_pos == n) {
        return nn_fail(err, NN_ERR_ARG,
                       "cannot calibrate on %zu items without a %s", n,
                       n_pos == 0 ? "positive" : "negative");
    }
    return NN_OK;
}

enum nn_status nn_temperature_fit_binary(const double *logit,
                                         const uint8_t *positive, size_t n,
                                         struct nn_temperature *out,
                                         struct nn_error *err)
{
    struct problem p = { logit, NULL, positive, n, 1 };
    enum nn_status st = check_logits(logit, n, 1, err);

    if (st) {
        return st;
    }
    st = check_both(positive, n, err);
    if (st) {
        return st;
    }
    fit(&p, out);
    return NN_OK;
}
