#include "common/tensor/loss.h"

#include <math.h>
#include <stddef.h>

/* log(1 + exp(z)) without overflow. */
static double softplus(double z)
{
    return (z > 0 ? z : 0) + log1p(exp(-fabs(z)));
}

static double sigmoid(double z)
{
    double e = exp(-fabs(z));

    return z >= 0 ? 1 / (1 + e) : e / (1 + e);
}

float nn_sigmoid(float z)
{
    return (float)sigmoid((double)z);
}

float nn_loss_prior_bias(float pi)
{
    return (float)log((double)pi / (1.0 - (double)pi));
}

void nn_softmax(const float *z, int32_t k, float temperature, float *p)
{
    double max = -INFINITY, sum = 0;

    for (int32_t i = 0; i < k; i++) {
        max = (double)z[i] > max ? (double)z[i] : max;
    }
    for (int32_t i = 0; i < k; i++) {
        sum += exp(((double)z[i] - max) / (double)temperature);
    }
    for (int32_t i = 0; i < k; i++) {
        p[i] = (float)(exp(((double)z[i] - max) / (double)temperature) / sum);
    }
}

/* --- one row each: the loss, and its gradient into d ------------------------
 */

static double binary_row(const struct nn_loss *l, const float *z,
                         const float *t, int32_t k, float *d)
{
    double sum = 0, s = (double)l->smoothing;

    for (int32_t i = 0; i < k; i++) {
        double zi = (double)z[i], ti = (1 - s) * (double)t[i] + s / 2;

        sum += softplus(zi) - ti * zi;
        d[i] = (float)(sigmoid(zi) - ti);
    }
    return sum;
}

/* Each target may be soft: the loss is t times the positive's term plus 1-t
 * times the negative's. With q = sigmoid(-z) = 1 - p:
 *   positive term  a q^g softplus(-z),
 *   derivative     -a q^g (g p softplus(-z) + q)
 * and the negative's mirrors it with z -> -z, a -> 1-a. */
static double focal_term(double z, double a, double g, double *slope)
{
    double p = sigmoid(z), q = sigmoid(-z);
    double nll = softplus(-z), m = a * pow(q, g);

    *slope = -m * (g * p * nll + q);
    return m * nll;
}

static double focal_row(const struct nn_loss *l, const float *z, const float *t,
                        int32_t k, float *d)
{
    double g = (double)l->gamma, sum = 0;
    double a = l->alpha < 0 ? 1 : (double)l->alpha;
    double b = l->alpha < 0 ? 1 : 1 - (double)l->alpha;

    for (int32_t i = 0; i < k; i++) {
        double up, down, ti = (double)t[i];

        sum += ti * focal_term((double)z[i], a, g, &up);
        sum += (1 - ti) * focal_term(-(double)z[i], b, g, &down);
        d[i] = (float)(ti * up - (1 - ti) * down);
    }
    return sum;
}

static double categorical_row(const struct nn_loss *l, const float *z,
                              const float *t, int32_t k, float *d)
{
    double max = -INFINITY, sum = 0, loss = 0, mass = 0;
    double s = (double)l->smoothing;

    for (int32_t i = 0; i < k; i++) {
        max = (double)z[i] > max ? (double)z[i] : max;
    }
    for (int32_t i = 0; i < k; i++) {
        sum += exp((double)z[i] - max);
    }
    for (int32_t i = 0; i < k; i++) {
        double log_p = (double)z[i] - max - log(sum);
        double ti = (1 - s) * (double)t[i] + s / k;

        loss -= ti * log_p;
        mass += ti;
    }
    for (int32_t i = 0; i < k; i++) {
        double ti = (1 - s) * (double)t[i] + s / k;

        d[i] = (float)(mass * exp((double)z[i] - max) / sum - ti);
    }
    return loss;
}

/* With f(p) = -(1-p)^g log p and u_k = t_k p_k f'(p_k),
 *   p f'(p)  = g p (1-p)^(g-1) log p - (1-p)^g,
 *   dl/dz_j  = u_j - p_j sum_k u_k.
 * A small 1-p is summed over the others: a difference would lose it. */
static double focal_softmax_row(const struct nn_loss *l, const float *z,
                                const float *t, int32_t k, float *d)
{
    double max = -INFINITY, sum = 0, loss = 0, all = 0;
    double s = (double)l->smoothing, g = (double)l->gamma;

    for (int32_t i = 0; i < k; i++) {
        max = (double)z[i] > max ? (double)z[i] : max;
    }
    for (int32_t i = 0; i < k; i++) {
        sum += exp((double)z[i] - max);
    }
    for (int32_t pass = 0; pass < 2; pass++) {
        for (int32_t i = 0; i < k; i++) {
            double log_p = (double)z[i] - max - log(sum), q = 0, u;
            double ti = (1 - s) * (double)t[i] + s / k, p = exp(log_p);

            for (int32_t j = 0; p > 0.5 && j < k; j++) {
                q += j != i ? exp((double)z[j] - max) / sum : 0;
            }
            q = p > 0.5 ? q : 1 - p;
            u = g > 0 && q > 0 ? g * p * pow(q, g - 1) * log_p : 0;
            u = ti * (u - pow(q, g));
            if (pass == 0) {
                loss -= ti > 0 ? ti * pow(q, g) * log_p : 0;
                all += u;
            } else {
                d[i] = (float)(u - p * all);
            }
        }
    }
    return loss;
}

/* --- the batch -------------------------------------------------------------
 */

static enum nn_status check(const float *target, const float *weight,
                            int32_t batch, int32_t k, double *total,
                            struct nn_error *err)
{
    *total = 0;
    if (batch < 1 || k < 1) {
        return nn_fail(err, NN_ERR_ARG, "a loss needs a batch and an output");
    }
    for (int32_t i = 0; i < batch; i++) {
        *total += weight != NULL ? (double)weight[i] : 1.0;
        for (int32_t j = 0; j < k; j++) {
            float t = target[(size_t)i * (size_t)k + (size_t)j];

            if (!(t >= 0 && t <= 1)) {
                return nn_fail(err, NN_ERR_ARG, "target %g is not in 0..1",
                               (double)t);
            }
        }
    }
    return *total > 0 ? NN_OK
                      : nn_fail(err, NN_ERR_ARG, "all weights are zero");
}

enum nn_status nn_loss_eval(const struct nn_loss *loss, const float *logits,
                            const float *target, const float *weight,
                            int32_t batch, int32_t k, double *value,
                            float *dlogits, struct nn_error *err)
{
    double total, sum = 0;
    enum nn_status st = check(target, weight, batch, k, &total, err);

    if (st) {
        return st;
    }
    for (int32_t i = 0; i < batch; i++) {
        size_t row = (size_t)i * (size_t)k;
        const float *z = logits + row, *t = target + row;
        float *d = dlogits + row;
        double v = weight != NULL ? (double)weight[i] : 1.0, l;

        if (loss->kind == NN_LOSS_BINARY) {
            l = binary_row(loss, z, t, k, d);
        } else if (loss->kind == NN_LOSS_FOCAL) {
            l = focal_row(loss, z, t, k, d);
        } else if (loss->kind == NN_LOSS_FOCAL_CATEGORICAL) {
            l = focal_softmax_row(loss, z, t, k, d);
        } else {
            l = categorical_row(loss, z, t, k, d);
        }
        sum += v * l;
        for (int32_t j = 0; j < k; j++) {
            d[j] = (float)((double)d[j] * v / total);
        }
    }
    *value = sum / total;
    return isfinite(*value) ? NN_OK
                            : nn_fail(err, NN_ERR_NUMERIC, "the loss is %s",
                                      isnan(*value) ? "NaN" : "infinite");
}
