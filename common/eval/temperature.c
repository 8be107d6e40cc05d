#include "common/eval/calibrate.h"

#include <math.h>

#include "common/eval/metrics.h"

#define NO_FOLD NN_TEMPERATURE_FOLDS

/* Items of either kind; k = 1 means one sigmoid. */
struct problem {
    const double *z;         /* [n,k] */
    const int32_t *truth;    /* [n], k >= 2 */
    const uint8_t *positive; /* [n], k = 1 */
    size_t n, k;
    const uint64_t *fold; /* [n], NULL: none is left out */
    uint64_t left_out;    /* fold that is not looked at, or NO_FOLD */
};

static int looked_at(const struct problem *p, size_t i)
{
    return p->fold == NULL || p->fold[i] % NN_TEMPERATURE_FOLDS != p->left_out;
}

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
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++) {
        if (!looked_at(p, i)) {
            continue;
        }
        if (p->k == 1) {
            add_sigmoid(p->positive[i] != 0 ? p->z[i] : -p->z[i], b, &l);
        } else {
            add_softmax(p->z + i * p->k, p->k, (size_t)p->truth[i], b, &l);
        }
        n++;
    }
    l.value /= (double)n;
    l.gradient /= (double)n;
    l.curvature /= (double)n;
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

static enum nn_status check_classes(const struct problem *p,
                                    struct nn_error *err)
{
    enum nn_status st;

    if (p->k < 2 || p->k > INT32_MAX) {
        return nn_fail(err, NN_ERR_ARG, "cannot calibrate %d classes",
                       (int)p->k);
    }
    st = check_logits(p->z, p->n, p->k, err);
    if (st) {
        return st;
    }
    for (size_t i = 0; i < p->n; i++) {
        if (p->truth[i] < 0 || (size_t)p->truth[i] >= p->k) {
            return nn_fail(err, NN_ERR_ARG, "label %d of item %zu not in 0..%d",
                           (int)p->truth[i], i, (int)p->k - 1);
        }
    }
    return NN_OK;
}

enum nn_status nn_temperature_fit(const double *logits, const int32_t *truth,
                                  size_t n, int32_t k,
                                  struct nn_temperature *out,
                                  struct nn_error *err)
{
    struct problem p = { .z = logits, .truth = truth, .n = n, .k = (size_t)k };
    enum nn_status st = check_classes(&p, err);

    if (st) {
        return st;
    }
    fit(&p, out);
    return NN_OK;
}
static enum nn_status check_both(const struct problem *p, struct nn_error *err)
{
    enum nn_status st = check_logits(p->z, p->n, 1, err);
    size_t n_pos = 0;

    if (st) {
        return st;
    }
    for (size_t i = 0; i < p->n; i++) {
        n_pos += p->positive[i] != 0;
    }
    if (n_pos == 0 || n_pos == p->n) {
        return nn_fail(err, NN_ERR_ARG,
                       "cannot calibrate on %zu items without a %s", p->n,
                       n_pos == 0 ? "positive" : "negative");
    }
    return NN_OK;
}

enum nn_status nn_temperature_fit_binary(const double *logit,
                                         const uint8_t *positive, size_t n,
                                         struct nn_temperature *out,
                                         struct nn_error *err)
{
    struct problem p = { .z = logit, .positive = positive, .n = n, .k = 1 };
    enum nn_status st = check_both(&p, err);

    if (st) {
        return st;
    }
    fit(&p, out);
    return NN_OK;
}

/* --- is it worth having? --- */

/* The likeliest of the first m classes; p[i] of the softmax of those alone. */
static size_t likeliest(const double *z, size_t m, double b, double *p)
{
    size_t best = 0;
    double sum = 0;

    for (size_t j = 1; j < m; j++) {
        best = z[j] > z[best] ? j : best;
    }
    for (size_t j = 0; j < m; j++) {
        sum += exp(b * (z[j] - z[best]));
    }
    *p = 1 / sum;
    return best;
}

static void judge(const struct problem *p, size_t i, size_t m, double b,
                  struct nn_ece *e)
{
    double sure;

    if (p->k == 1) {
        double x = exp(-b * fabs(p->z[i]));

        nn_ece_add(e, (p->z[i] >= 0 ? 1 : x) / (1 + x), p->positive[i] != 0);
    } else if ((size_t)p->truth[i] < m) {
        size_t best = likeliest(p->z + i * p->k, m, b, &sure);

        nn_ece_add(e, sure, best == (size_t)p->truth[i]);
    }
}

/* Something to fit on is left; of one sigmoid, both answers. */
static int can_fit(const struct problem *p)
{
    size_t n[2] = { 0 };

    for (size_t i = 0; i < p->n; i++) {
        if (looked_at(p, i)) {
            n[p->k == 1 && p->positive[i] != 0]++;
        }
    }
    return p->k == 1 ? n[0] > 0 && n[1] > 0 : n[0] > 0;
}

/* The rule by which a fit is used, without a look at the error. */
static double usable(const struct nn_temperature *f)
{
    return f->at_limit ? 1 : f->temperature;
}

/* Errors of the folds at 1 and at the temperature of the other one, each fold
 * by itself, so that its items share their bins. */
static void cross_fitted_errors(const struct problem *p, size_t m,
                                struct nn_temperature_choice *c)
{
    struct problem part = *p;
    double before = 0, after = 0;
    size_t n = 0;

    c->ece_before = c->ece_after = (double)NAN;
    for (part.left_out = 0; part.left_out < NO_FOLD; part.left_out++) {
        struct nn_ece one = { .n = 0 }, other = { .n = 0 };
        struct nn_temperature f;

        if (!can_fit(&part)) {
            return;
        }
        fit(&part, &f);
        for (size_t i = 0; i < p->n; i++) {
            if (!looked_at(&part, i)) {
                judge(p, i, m, 1, &one);
                judge(p, i, m, 1 / usable(&f), &other);
            }
        }
        if (one.n > 0) {
            before += nn_ece_value(&one) * (double)one.n;
            after += nn_ece_value(&other) * (double)one.n;
            n += one.n;
        }
    }
    if (n > 0) {
        c->ece_before = before / (double)n;
        c->ece_after = after / (double)n;
    }
}

static double error_at(const struct problem *p, size_t m, double temperature)
{
    struct nn_ece e = { .n = 0 };

    for (size_t i = 0; i < p->n; i++) {
        judge(p, i, m, 1 / temperature, &e);
    }
    return nn_ece_value(&e);
}

static void choose(const struct problem *p, size_t m,
                   struct nn_temperature_choice *c)
{
    fit(p, &c->fit);
    cross_fitted_errors(p, m, c);
    c->temperature = usable(&c->fit);
    /* so for NaN too */
    if (!(c->ece_after < c->ece_before &&
          error_at(p, m, c->temperature) < error_at(p, m, 1))) {
        c->temperature = 1;
    }
}

enum nn_status nn_temperature_choose(const double *logits, const int32_t *truth,
                                     size_t n, int32_t k, int32_t n_judged,
                                     const uint64_t *fold,
                                     struct nn_temperature_choice *out,
                                     struct nn_error *err)
{
    const struct problem p = { .z = logits,
                               .truth = truth,
                               .n = n,
                               .k = (size_t)k,
                               .fold = fold,
                               .left_out = NO_FOLD };
    enum nn_status st = check_classes(&p, err);

    if (st) {
        return st;
    }
    if (n_judged < 2 || n_judged > k) {
        return nn_fail(err, NN_ERR_ARG, "cannot judge %d of %d classes",
                       (int)n_judged, (int)k);
    }
    choose(&p, (size_t)n_judged, out);
    return NN_OK;
}

enum nn_status nn_temperature_choose_binary(const double *logit,
                                            const uint8_t *positive, size_t n,
                                            const uint64_t *fold,
                                            struct nn_temperature_choice *out,
                                            struct nn_error *err)
{
    const struct problem p = { .z = logit,
                               .positive = positive,
                               .n = n,
                               .k = 1,
                               .fold = fold,
                               .left_out = NO_FOLD };
    enum nn_status st = check_both(&p, err);

    if (st) {
        return st;
    }
    choose(&p, 1, out);
    return NN_OK;
}
