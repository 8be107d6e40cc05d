/* The species net and what its outputs say. */
#include <math.h>
#include <string.h>

#include "stage2_species/species.h"

struct nn_net_spec species_net_spec(float width, int32_t size)
{
    struct nn_net_spec s = nn_net_spec_defaults();

    s.width = width;
    s.size = size;
    s.head = NN_HEAD_SOFTMAX;
    return s;
}

int species_says_none(const struct nn_net *net, size_t n_classes)
{
    size_t n = net->spec.n_outputs;

    return (n == n_classes + 1 || species_says_unknown(net, n_classes)) &&
           strcmp(net->spec.outputs[n_classes], "-") == 0;
}

int species_says_unknown(const struct nn_net *net, size_t n_classes)
{
    return net->spec.n_outputs == n_classes + 2 &&
           strcmp(net->spec.outputs[n_classes], "-") == 0 &&
           strcmp(net->spec.outputs[n_classes + 1], "?") == 0;
}

double species_confidence(int says_unknown, const double *p, size_t n_classes)
{
    double largest = 0, sum = 0;

    for (size_t k = 0; k < n_classes; k++) {
        largest = fmax(largest, p[k]);
        sum += p[k];
    }
    if (says_unknown) { /* rounding may lift it; NaN stays */
        return sum > 1 ? 1 : sum;
    }
    return largest;
}

double species_answer(const struct nn_net *net, const float *logits,
                      size_t n_classes, double *p)
{
    double t = net->temperature, max = (double)logits[0], sum = 0;
    double none = (double)logits[n_classes], top, unknown = 0;

    for (size_t k = 1; k < n_classes; k++) {
        max = fmax(max, (double)logits[k]);
    }
    for (size_t k = 0; k < n_classes; k++) {
        p[k] = exp(((double)logits[k] - max) / t);
        sum += p[k];
    }
    for (size_t k = n_classes + 1; k < net->spec.n_outputs; k++) {
        unknown += exp(((double)logits[k] - max) / t);
    }
    for (size_t k = 0; k < n_classes; k++) {
        p[k] /= sum + unknown;
    }
    top = fmax(max, none);
    none = exp((none - top) / t);
    return none / (none + sum * exp((max - top) / t));
}
