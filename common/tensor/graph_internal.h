/* common/tensor/graph_internal.h - nodes, shared by the builder, the executor
 * and the printer. */
#ifndef NN_COMMON_TENSOR_GRAPH_INTERNAL_H
#define NN_COMMON_TENSOR_GRAPH_INTERNAL_H

#include "common/tensor/graph.h"
#include "common/tensor/kernels/conv.h"

enum nn_op {
    NN_OP_INPUT,
    NN_OP_CONV2D, /* dense layers too: a 1x1 convolution over [B,1,1,H*W*C] */
    NN_OP_BNORM,
    NN_OP_RELU,
    NN_OP_RELU6,
    NN_OP_ADD,
    NN_OP_MEAN_HW,
    NN_OP_DROPOUT,
};

struct nn_node_info {
    enum nn_op op;
    char *name; /* NULL for nodes without parameters */
    char *mark; /* or NULL */
    nn_node in[2];
    struct nn_shape shape; /* output, n = 1 */
    struct nn_conv_shape conv;
    int dense; /* a conv node that was built as dense */
    float momentum, epsilon, drop;
    int32_t param; /* first parameter of the table, or -1 */
    int bias;      /* conv: a bias follows the weight in the table */
    int pooled;    /* behind a mean_hw */
    int32_t users; /* how many nodes read it */
    size_t macs;
};

struct nn_graph {
    struct nn_node_info *node;
    size_t n_nodes, cap_nodes;
    struct nn_param *param;
    size_t n_params, cap_params;
    size_t param_floats, trained_floats;
    int stage, last_stage; /* of the nodes now added; the largest so far */
    nn_node input, logits;
    int finished;
    struct nn_error error; /* the first builder error */
};

/* Order of a batch norm's parameters behind node.param. */
enum { NN_BN_WEIGHT, NN_BN_BIAS, NN_BN_MEAN, NN_BN_VAR };

const char *nn_op_name(const struct nn_node_info *node);

#endif /* NN_COMMON_TENSOR_GRAPH_INTERNAL_H */
