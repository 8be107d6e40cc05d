#include "common/eval/calibrate.h"

#include <math.h>

#include "common/eval/calibrate_internal.h"

/* Loss of sigmoid(a z + b), gradient and Hessian. */
struct platt_loss {
    double value, ga, gb, haa, hab, hbb;
};

static struct platt_loss platt_at(const double *z, const uint8_t *positive,
                                  size_t n, const double target[2], double a,
                                  double b)
{
    struct platt_loss l = { 0, 0, 0, 0, 0, 0 };

    for (size_t i = 0; i < n; i++) {
        double t = target[positive[i] != 0], u = a * z[i] + b;
        double e = exp(-fabs(u));
        double p = (u >= 0 ? 1 : e) / (1 + e), w = e / (1 + e) / (1 + e);

        l.value += log1p(e) + (u >= 0 ? (1 - t) * u : -t * u);
        l.ga += (p - t) * z[i];
        l.gb += p - t;
        l.haa += w * z[i] * z[i];
        l.hab += w * z[i];
        l.hbb += w;
    }
    return l;
}

/* One Newton step; returns 0 when the minimum is reached. Far from it the step
 * is halved until the loss falls enough (Armijo); near it the loss is too flat
 * to compare and the full step is right. */
static int platt_step(const double *z, const uint8_t *positive, size_t n,
                      const double target[2], double *a, double *b)
{
    struct platt_loss l = platt_at(z, positive, n, target, *a, *b);
    double ridge = 1e-12 * (1 + l.haa + l.hbb);
    double haa = l.haa + ridge, hbb = l.hbb + ridge;
    double det = haa * hbb - l.hab * l.hab;
    double da = -(hbb * l.ga - l.hab * l.gb) / det;
    double db = -(haa * l.gb - l.hab * l.ga) / det;
    double fall = l.ga * da + l.gb * db;

    if (-fall < 1e-9 * l.value) {
        *a += da;
        *b += db;
        return fabs(da) > 1e-14 * fabs(*a) || fabs(db) > 1e-14 * fabs(*b);
    }
    for (double s = 1; s > 1e-10; s /= 2) {
        double value =
            platt_at(z, positive, n, target, *a + s * da, *b + s * db).value;

        if (value <= l.value + 1e-4 * s * fall) {
            *a += s * da;
            *b += s * db;
            return 1;
        }
    }
    return 0;
}

enum nn_status nn_platt_fit(const double *logit, const uint8_t *positive,
                            size_t n, struct nn_platt *out,
                            struct nn_error *err)
{
    const double plain[2] = { 0, 1 };
    double target[2], a = 0, b, n_pos = 0, n_neg;
    enum nn_status st = nn_calibrate_check_logits(logit, n, 1, err);

    st = st ? st : nn_calibrate_check_both(positive, n, err);
    if (st) {
        return st;
    }
    for (size_t i = 0; i < n; i++) {
        n_pos += positive[i] != 0;
    }
    n_neg = (double)n - n_pos;
    target[0] = 1 / (n_neg + 2);
    target[1] = (n_pos + 1) / (n_pos + 2);
    b = log((n_pos + 1) / (n_neg + 1));
    for (int i = 0; i < 100; i++) {
        if (!platt_step(logit, positive, n, target, &a, &b)) {
            break;
        }
    }
    *out = (struct nn_platt){
        .scale = a,
        .bias = b,
        .nll_before =
            platt_at(logit, positive, n, plain, 1, 0).value / (double)n,
        .nll_after =
            platt_at(logit, positive, n, plain, a, b).value / (double)n,
    };
    return NN_OK;
}

double nn_prevalence_shift(double p, double from, double to)
{
    double up, down;

    if (!(p >= 0 && p <= 1 && from > 0 && from < 1 && to > 0 && to < 1)) {
        return NAN;
    }
    up = p * (to / from);
    down = (1 - p) * ((1 - to) / (1 - from));
    return up / (up + down);
}

double nn_precision_at(double tpr, double fpr, double prevalence)
{
    double hits = prevalence * tpr, alarms = (1 - prevalence) * fpr;

    if (!(tpr >= 0 && tpr <= 1 && fpr >= 0 && fpr <= 1 && prevalence >= 0 &&
          prevalence <= 1) ||
        !(hits + alarms > 0)) {
        return NAN;
    }
    return hits / (hits + alarms);
}
