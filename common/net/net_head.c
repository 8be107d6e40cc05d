/* The head of a net on single feature vectors. */
#include <math.h>

#include "common/base/mem.h"
#include "common/tensor/nets/mobilenetv4.h"
#include "common/net/net.h"

static const float *values(const struct nn_net *net, const char *name,
                           size_t *count)
{
    const struct nn_param *p = nn_graph_find_param(net->graph, name);

    if (count != NULL) {
        *count = p->count;
    }
    return net->params.value.data + p->offset;
}

static float dot(const float *a, const float *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return (float)sum;
}

enum nn_status nn_net_head(const struct nn_net *net, const float *features,
                           size_t n, float *logits, struct nn_error *err)
{
    size_t k = net->spec.n_outputs, all, hidden;
    const float *conv = values(net, "conv_head.weight", &all);
    const float *scale = values(net, "norm_head.weight", &hidden);
    const float *shift = values(net, "norm_head.bias", NULL);
    const float *mean = values(net, "norm_head.running_mean", NULL);
    const float *var = values(net, "norm_head.running_var", NULL);
    const float *out = values(net, "classifier.weight", NULL);
    const float *bias = values(net, "classifier.bias", NULL);
    size_t c = all / hidden;
    float *x = nn_mem_calloc(hidden, sizeof *x);

    if (x == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < hidden; j++) {
            float y = dot(conv + j * c, features + i * c, c);

            y = (y - mean[j]) / sqrtf(var[j] + NN_MOBILENETV4_EPSILON);
            x[j] = fmaxf(y * scale[j] + shift[j], 0);
        }
        for (size_t j = 0; j < k; j++) {
            logits[i * k + j] = dot(out + j * hidden, x, hidden) + bias[j];
        }
    }
    nn_mem_free(x);
    return NN_OK;
}
