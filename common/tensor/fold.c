#include "common/tensor/fold.h"

#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/tensor/graph_internal.h"
#include "common/tensor/layout.h"

struct folding {
    const struct nn_graph *g;
    const float *values;
    struct nn_layers *out;
    int32_t *layer; /* [nodes] that computes a node, -1: the input */
    struct nn_error *err;
};

static enum nn_status refuse(const struct folding *f,
                             const struct nn_node_info *node, const char *why)
{
    return nn_fail(f->err, NN_ERR_UNSUPPORTED, "node '%s': %s",
                   node->name != NULL ? node->name : nn_op_name(node), why);
}

static enum nn_status take_weights(struct folding *f,
                                   const struct nn_node_info *node,
                                   struct nn_layer *l)
{
    const struct nn_param *w = &f->g->param[node->param];
    struct nn_layout layout = nn_layout_of(f->g, (size_t)node->param);

    l->kind = node->dense ? NN_LAYER_DENSE : NN_LAYER_CONV;
    l->name = node->name;
    l->kernel = node->conv.kh;
    l->stride = node->conv.stride_h;
    l->pad = node->conv.pad_h;
    l->pad_more = node->conv.pad_more;
    l->groups = node->conv.groups;
    if (node->dense && (f->g->node[node->in[0]].shape.h != 1 ||
                        f->g->node[node->in[0]].shape.w != 1)) {
        return refuse(f, node, "a dense layer over pixels");
    }
    if (node->conv.kh != node->conv.kw ||
        node->conv.stride_h != node->conv.stride_w ||
        node->conv.pad_h != node->conv.pad_w) {
        return refuse(f, node, "a kernel that is not square");
    }
    memcpy(l->weight_shape, layout.shape, sizeof l->weight_shape);
    l->weight_count = w->count;
    l->weight = nn_mem_calloc(w->count, sizeof *l->weight);
    l->bias = nn_mem_calloc((size_t)node->conv.oc, sizeof *l->bias);
    if (l->weight == NULL || l->bias == NULL) {
        return nn_fail_nomem(f->err);
    }
    nn_layout_to_file(&layout, f->values + w->offset, l->weight);
    if (node->bias) {
        memcpy(l->bias, f->values + w[1].offset, w[1].count * sizeof *l->bias);
    }
    return NN_OK;
}

/* The norm scales and shifts what the convolution before it gives. */
static enum nn_status fold_norm(struct folding *f,
                                const struct nn_node_info *node)
{
    const struct nn_node_info *before = &f->g->node[node->in[0]];
    const struct nn_param *p = &f->g->param[node->param];
    const float *gamma = f->values + p[NN_BN_WEIGHT].offset;
    const float *beta = f->values + p[NN_BN_BIAS].offset;
    const float *mean = f->values + p[NN_BN_MEAN].offset;
    const float *var = f->values + p[NN_BN_VAR].offset;
    struct nn_layer *l;
    size_t per;

    if (before->op != NN_OP_CONV2D || before->users != 1) {
        return refuse(f, node, "a batch norm that follows no convolution");
    }
    l = &f->out->v[f->layer[node->in[0]]];
    per = l->weight_count / (size_t)node->shape.c;
    for (size_t c = 0; c < (size_t)node->shape.c; c++) {
        double s =
            (double)gamma[c] / sqrt((double)var[c] + (double)node->epsilon);

        for (size_t i = 0; i < per; i++) {
            l->weight[c * per + i] =
                (float)((double)l->weight[c * per + i] * s);
        }
        l->bias[c] = (float)((double)beta[c] +
                             ((double)l->bias[c] - (double)mean[c]) * s);
    }
    return NN_OK;
}

/* A node becomes a layer of its own, or a part of one that is there. */
static enum nn_status add_node(struct folding *f, size_t i)
{
    const struct nn_node_info *node = &f->g->node[i];
    struct nn_layer *l = &f->out->v[f->out->n];

    if (node->op == NN_OP_INPUT) {
        f->layer[i] = -1;
        return NN_OK;
    }
    if (node->op == NN_OP_BNORM || node->op == NN_OP_DROPOUT) {
        f->layer[i] = f->layer[node->in[0]];
        return node->op == NN_OP_BNORM ? fold_norm(f, node) : NN_OK;
    }
    f->layer[i] = (int32_t)f->out->n++;
    l->in[0] = f->layer[node->in[0]];
    l->in[1] = node->op == NN_OP_ADD ? f->layer[node->in[1]] : -1;
    l->shape = node->shape;
    switch (node->op) {
    case NN_OP_CONV2D:
        return take_weights(f, node, l);
    case NN_OP_RELU:
        l->kind = NN_LAYER_RELU;
        return NN_OK;
    case NN_OP_RELU6:
        l->kind = NN_LAYER_RELU6;
        return NN_OK;
    case NN_OP_ADD:
        l->kind = NN_LAYER_ADD;
        return NN_OK;
    case NN_OP_MEAN_HW:
        l->kind = NN_LAYER_MEAN;
        return NN_OK;
    case NN_OP_INPUT:
    case NN_OP_BNORM:
    case NN_OP_DROPOUT:
        break;
    }
    return refuse(f, node, "an unknown kind of node");
}

enum nn_status nn_layers_fold(const struct nn_graph *g, const float *values,
                              struct nn_layers *out, struct nn_error *err)
{
    struct folding f = { .g = g, .values = values, .out = out, .err = err };
    enum nn_status st = NN_OK;

    out->n = 0;
    out->v = nn_mem_calloc(g->n_nodes, sizeof *out->v);
    f.layer = nn_mem_calloc(g->n_nodes, sizeof *f.layer);
    if (out->v == NULL || f.layer == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < g->n_nodes; i++) {
        st = add_node(&f, i);
        if (st) {
            goto out;
        }
    }
    if (f.layer[g->logits] != (int32_t)out->n - 1) {
        st = refuse(&f, &g->node[g->logits], "the logits are not last");
    }
out:
    nn_mem_free(f.layer);
    if (st) {
        nn_layers_release(out);
    }
    return st;
}

void nn_layers_release(struct nn_layers *l)
{
    for (size_t i = 0; l->v != NULL && i < l->n; i++) {
        nn_mem_free(l->v[i].weight);
        nn_mem_free(l->v[i].bias);
    }
    nn_mem_free(l->v);
    *l = (struct nn_layers){ 0 };
}
