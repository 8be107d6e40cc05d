/* The head of a net on single feature vectors. */
#include <math.h>

#include "common/base/mem.h"
#include "common/net/net.h"

/* A layer of the head with its batch norm and ReLU; out [OC]. */
struct hidden_layer {
    const float *weight; /* [OC,IC] */
    const float *scale, *shift, *mean, *var;
    float epsilon;
    size_t ic, oc; /* oc 0: the net has none behind the mean */
};

static const float *values(const struct nn_net *net, int stage,
                           enum nn_param_role role)
{
    const struct nn_param *p = nn_graph_stage_param(net->graph, stage, role);

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

/* A net may also have its head before the mean, and then only the classifier
 * is left. */
static struct hidden_layer find_hidden(const struct nn_net *net)
{
    int stage = nn_graph_last_stage(net->graph) - 1;
    const struct nn_param *w =
        nn_graph_stage_param(net->graph, stage, NN_PARAM_WEIGHT);

    if (w == NULL || !w->pooled) {
        return (struct hidden_layer){ .oc = 0 };
    }
    return (struct hidden_layer){
        .weight = values(net, stage, NN_PARAM_WEIGHT),
        .scale = values(net, stage, NN_PARAM_NORM_SCALE),
        .shift = values(net, stage, NN_PARAM_NORM_SHIFT),
        .mean = values(net, stage, NN_PARAM_NORM_MEAN),
        .var = values(net, stage, NN_PARAM_NORM_VAR),
        .epsilon =
            nn_graph_stage_param(net->graph, stage, NN_PARAM_NORM_VAR)->epsilon,
        .ic = w->count / (size_t)w->shape.n,
        .oc = (size_t)w->shape.n,
    };
}

static void run_hidden(const struct hidden_layer *l, const float *x, float *out)
{
    for (size_t j = 0; j < l->oc; j++) {
        float y = dot(l->weight + j * l->ic, x, l->ic);

        y = (y - l->mean[j]) / sqrtf(l->var[j] + l->epsilon);
        out[j] = fmaxf(y * l->scale[j] + l->shift[j], 0);
    }
}

size_t nn_feature_dims(const struct nn_net *net)
{
    const struct nn_param *p = nn_graph_stage_param(
        net->graph, nn_graph_last_stage(net->graph), NN_PARAM_WEIGHT);

    return p->count / net->spec.n_outputs;
}

enum nn_status nn_net_head(const struct nn_net *net, const float *features,
                           size_t n, float *logits, struct nn_error *err)
{
    int classifier = nn_graph_last_stage(net->graph);
    const struct nn_param *p =
        nn_graph_stage_param(net->graph, classifier, NN_PARAM_WEIGHT);
    const float *weight = values(net, classifier, NN_PARAM_WEIGHT);
    const float *bias = values(net, classifier, NN_PARAM_BIAS);
    struct hidden_layer hidden = find_hidden(net);
    size_t k = net->spec.n_outputs, dims = p->count / k;
    size_t step = hidden.oc > 0 ? hidden.ic : dims;
    float *x = nn_mem_calloc(dims, sizeof *x);

    if (x == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        const float *in = features + i * step;

        if (hidden.oc > 0) {
            run_hidden(&hidden, in, x);
            in = x;
        }
        for (size_t j = 0; j < k; j++) {
            logits[i * k + j] = dot(weight + j * dims, in, dims) + bias[j];
        }
    }
    nn_mem_free(x);
    return NN_OK;
}
