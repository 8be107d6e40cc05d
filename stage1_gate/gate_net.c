/* The gate's network and what its outputs say. */
#include <math.h>

#include "stage1_gate/gate.h"

struct nn_net_spec gate_net_spec(float width, int32_t size)
{
    struct nn_net_spec s = nn_net_spec_defaults();

    s.width = width;
    s.size = size;
    s.head = NN_HEAD_SOFTMAX;
    return s;
}

int gate_outputs_ok(const struct nn_net *net)
{
    size_t classes = 0, others = 0;

    for (size_t i = 0; i < net->spec.n_outputs; i++) {
        classes += net->spec.outputs[i][0] == '+';
        others += net->spec.outputs[i][0] == '-';
    }
    return classes > 0 && others > 0 && classes + others == net->spec.n_outputs;
}

/* log of the sum of exp(z) over outputs whose name starts with sign. */
static double log_mass(const struct nn_net *net, const float *z, char sign)
{
    double max = -INFINITY, sum = 0;

    for (size_t i = 0; i < net->spec.n_outputs; i++) {
        if (net->spec.outputs[i][0] == sign) {
            max = fmax(max, (double)z[i]);
        }
    }
    for (size_t i = 0; i < net->spec.n_outputs; i++) {
        if (net->spec.outputs[i][0] == sign) {
            sum += exp((double)z[i] - max);
        }
    }
    return max + log(sum);
}

double gate_logit(const struct nn_net *gate, const float *outputs)
{
    return log_mass(gate, outputs, '+') - log_mass(gate, outputs, '-');
}

double gate_probability(const struct nn_net *gate, double z)
{
    double x = z / gate->temperature, e = exp(-fabs(x));

    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}
