#include "tests/unit/synth/linear.h"

#include <math.h>

#include "common/base/mem.h"

enum { ROUNDS = 400 };

static void standardise(float *x, size_t n, size_t n_train, size_t d)
{
    for (size_t j = 0; j < d; j++) {
        double sum = 0, sq = 0, mean, spread;

        for (size_t i = 0; i < n_train; i++) {
            sum += (double)x[i * d + j];
            sq += (double)x[i * d + j] * (double)x[i * d + j];
        }
        mean = sum / (double)n_train;
        spread = sqrt(sq / (double)n_train - mean * mean + 1e-8);
        for (size_t i = 0; i < n; i++) {
            x[i * d + j] = (float)(((double)x[i * d + j] - mean) / spread);
        }
    }
}

static double logit(const float *row, const double *w, size_t d)
{
    double z = w[d];

    for (size_t j = 0; j < d; j++) {
        z += w[j] * (double)row[j];
    }
    return z;
}

static void train(const float *x, const int *label, size_t n, size_t d,
                  double penalty, double *w, double *grad)
{
    size_t count[2] = { 0, 0 };

    for (size_t j = 0; j <= d; j++) {
        w[j] = 0.0;
    }
    for (size_t i = 0; i < n; i++) {
        count[label[i]]++;
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t j = 0; j <= d; j++) {
            grad[j] = j < d ? penalty * w[j] : 0.0;
        }
        for (size_t i = 0; i < n; i++) {
            double p = 1.0 / (1.0 + exp(-logit(x + i * d, w, d)));
            double e = (p - (double)label[i]) * 0.5 / (double)count[label[i]];

            for (size_t j = 0; j < d; j++) {
                grad[j] += e * (double)x[i * d + j];
            }
            grad[d] += e;
        }
        for (size_t j = 0; j <= d; j++) {
            w[j] -= 0.3 * grad[j];
        }
    }
}

static double accuracy(const float *x, const int *label, size_t n, size_t d,
                       const double *w)
{
    size_t right[2] = { 0, 0 }, count[2] = { 0, 0 };

    for (size_t i = 0; i < n; i++) {
        int said = logit(x + i * d, w, d) > 0.0;

        count[label[i]]++;
        right[label[i]] += said == label[i];
    }
    return 0.5 * ((double)right[0] / (double)count[0] +
                  (double)right[1] / (double)count[1]);
}

double linear_balanced_accuracy(float *x, const int *label, size_t n,
                                size_t n_train, size_t d)
{
    static const double penalties[] = { 1e-3, 3e-2, 0.3 };
    double *w = nn_mem_calloc(2 * (d + 1), sizeof *w), best = -1.0;

    if (w == NULL) {
        return best;
    }
    standardise(x, n, n_train, d);
    for (int i = 0; i < 3; i++) {
        double a;

        train(x, label, n_train, d, penalties[i], w, w + d + 1);
        a = accuracy(x + n_train * d, label + n_train, n - n_train, d, w);
        best = a > best ? a : best;
    }
    nn_mem_free(w);
    return best;
}
