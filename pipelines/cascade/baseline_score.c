#include "pipelines/cascade/baseline_score.h"

#include <math.h>
#include <string.h>

static double largest(const double *p, size_t n)
{
    double max = p[0];

    for (size_t i = 1; i < n; i++) {
        max = p[i] > max ? p[i] : max;
    }
    return max;
}

double baseline_score(enum model_system system, const struct nn_net *net,
                      const float *logits, double *p_class)
{
    size_t n = net->spec.n_outputs;
    size_t k = system == MODEL_SOFTMAX_NONE ? n - 1 : n;
    double t = net->temperature, max = -INFINITY, sum = 0;

    if (system == MODEL_MULTILABEL) {
        for (size_t i = 0; i < k; i++) {
            p_class[i] = 1 / (1 + exp(-(double)logits[i] / t));
        }
        return largest(p_class, k);
    }
    for (size_t i = 0; i < n; i++) {
        max = (double)logits[i] / t > max ? (double)logits[i] / t : max;
    }
    for (size_t i = 0; i < n; i++) {
        double e = exp((double)logits[i] / t - max);

        sum += e;
        if (i < k) {
            p_class[i] = e;
        }
    }
    for (size_t i = 0; i < k; i++) {
        p_class[i] /= sum;
    }
    if (system == MODEL_SOFTMAX_MAX) {
        return largest(p_class, k);
    }
    return 1 - exp((double)logits[k] / t - max) / sum;
}

int baseline_outputs_ok(enum model_system system, const struct nn_net *net,
                        size_t n_classes)
{
    size_t n = net->spec.n_outputs, k = n_classes;
    enum nn_head head =
        system == MODEL_MULTILABEL ? NN_HEAD_SIGMOID : NN_HEAD_SOFTMAX;

    if (net->spec.head != head || n != k + (system == MODEL_SOFTMAX_NONE) ||
        (n > k && strcmp(net->spec.outputs[k], "-") != 0)) {
        return 0;
    }
    for (size_t i = 0; i < k; i++) {
        if (net->spec.outputs[i][0] != '+') {
            return 0;
        }
    }
    return 1;
}
