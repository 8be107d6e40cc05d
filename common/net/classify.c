/* The classifier of a net alone, on features that were computed before. */
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/mem.h"
#include "common/net/net.h"
#include "common/tensor/kernels/conv.h"

enum { ROWS = 32 }; /* at a time, short ones filled up with zeros */

struct classifier {
    struct nn_conv *conv;
    float *packed, *work, *x, *z; /* x [ROWS,C], z [ROWS,K] */
    const float *bias;
    size_t dims, outputs;
};

static void release(struct classifier *c)
{
    nn_conv_destroy(&c->conv);
    nn_mem_free(c->packed);
    nn_mem_free(c->work);
    nn_mem_free(c->x);
    nn_mem_free(c->z);
}

static enum nn_status make(struct classifier *c, const struct nn_net *net,
                           struct nn_error *err)
{
    int stage = nn_graph_last_stage(net->graph);
    const struct nn_param *w =
        nn_graph_stage_param(net->graph, stage, NN_PARAM_WEIGHT);
    const struct nn_param *b =
        nn_graph_stage_param(net->graph, stage, NN_PARAM_BIAS);
    struct nn_conv_shape s = {
        .h = 1, .w = 1, .kh = 1, .kw = 1, .stride_h = 1, .stride_w = 1
    };
    enum nn_status st;

    c->outputs = net->spec.n_outputs;
    c->dims = w->count / c->outputs;
    c->bias = net->params.value.data + b->offset;
    s.ic = (int32_t)c->dims;
    s.oc = (int32_t)c->outputs;
    s.groups = 1;
    st = nn_conv_create(&s, ROWS, nn_cpu_flags(), &c->conv, err);
    if (st) {
        return st;
    }
    c->packed = nn_mem_aligned(nn_conv_packed_floats(c->conv), sizeof(float));
    c->work = nn_mem_aligned(nn_conv_work_floats(c->conv, 0), sizeof(float));
    c->x = nn_mem_aligned(ROWS * c->dims, sizeof(float));
    c->z = nn_mem_aligned(ROWS * c->outputs, sizeof(float));
    if (c->packed == NULL || c->work == NULL || c->x == NULL || c->z == NULL) {
        return nn_fail_nomem(err);
    }
    nn_conv_pack(c->conv, net->params.value.data + w->offset, c->packed);
    return NN_OK;
}

enum nn_status nn_net_classify(const struct nn_net *net, const float *features,
                               size_t n, float *logits, struct nn_error *err)
{
    struct classifier c = { 0 };
    struct nn_conv_epilogue end = { 0 };
    enum nn_status st = make(&c, net, err);

    if (st) {
        goto out;
    }
    end.bias = c.bias;
    for (size_t at = 0; at < n; at += ROWS) {
        size_t rows = n - at < ROWS ? n - at : ROWS;

        memset(c.x, 0, ROWS * c.dims * sizeof *c.x);
        memcpy(c.x, features + at * c.dims, rows * c.dims * sizeof *c.x);
        nn_conv_forward(c.conv, ROWS, c.x, c.packed, &end, c.z, c.work);
        memcpy(logits + at * c.outputs, c.z, rows * c.outputs * sizeof *c.z);
    }
out:
    release(&c);
    return st;
}
