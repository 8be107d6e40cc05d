/* common/tensor/exec_internal.h - fused steps, shared by the executor files.
 *
 * A step computes  out = relu?( norm?( conv?(x) ) + residual? ),  or one of
 * mean and dropout. Chains of nodes whose inner results nobody else reads are
 * fused into one step when the executor is made. */
#ifndef NN_COMMON_TENSOR_EXEC_INTERNAL_H
#define NN_COMMON_TENSOR_EXEC_INTERNAL_H

#include "common/tensor/graph_internal.h"

struct nn_step {
    nn_node x, out;   /* input and output nodes */
    nn_node conv;     /* or NN_NODE_BAD */
    nn_node norm;     /* or NN_NODE_BAD */
    nn_node residual; /* node added, or NN_NODE_BAD */
    int relu;
    enum nn_op op; /* NN_OP_MEAN_HW or NN_OP_DROPOUT; else NN_OP_CONV2D */
    struct nn_conv *kernel;
    float *packed;      /* inference: folded, packed weights */
    float *folded_bias; /* inference: [OC] */
    float *z;           /* training: convolution output before the norm */
    float *mean, *inv_std, *scale, *shift; /* [C] of the norm */
    float *curve;                          /* [C], scratch of backward */
    double *sum, *sum_sq;                  /* [C] */
};

struct nn_exec {
    const struct nn_graph *graph;
    struct nn_exec_options opt;
    struct nn_step *step;
    size_t n_steps;
    float **y;     /* [node] output of the nodes that exist after fusion */
    float **dy;    /* [node] gradient, training only */
    uint8_t *seen; /* [node] gradient was written in this backward pass */
    struct nn_buf activations, gradients, constants, work, fold;
    double *sums;
    float *scratch;   /* training: gradient of an unfused norm's input */
    int32_t batch;    /* of the last forward pass; 0: none */
    uint64_t at_step; /* of the last forward pass */
    size_t bytes;
};

/* exec_plan.c: fuse nodes into steps. */
NN_MUST_CHECK enum nn_status nn_exec_fuse(struct nn_exec *e,
                                          struct nn_error *err);
/* exec_plan.c: place activations, gradients and constants. */
NN_MUST_CHECK enum nn_status nn_exec_place(struct nn_exec *e,
                                           struct nn_error *err);

/* exec_forward.c */
void nn_step_forward(struct nn_exec *e, struct nn_step *s, struct nn_params *p);
/* exec_backward.c */
void nn_step_backward(struct nn_exec *e, struct nn_step *s,
                      struct nn_params *p);

static inline size_t nn_step_floats(const struct nn_graph *g, nn_node id,
                                    int32_t batch)
{
    struct nn_shape s = g->node[id].shape;

    return (size_t)batch * (size_t)s.h * (size_t)s.w * (size_t)s.c;
}

/* Rows (pixels) of a node's output for a batch. */
static inline size_t nn_step_rows(const struct nn_graph *g, nn_node id,
                                  int32_t batch)
{
    struct nn_shape s = g->node[id].shape;

    return (size_t)batch * (size_t)s.h * (size_t)s.w;
}

/* Value (or gradient) array of the i-th parameter of a node. */
static inline float *nn_step_param(const struct nn_graph *g, float *flat,
                                   nn_node id, int32_t i)
{
    return flat + g->param[g->node[id].param + i].offset;
}

/* Scale and zero the dropped elements of v in place: the same draws forward
 * (v = activations) and backward (v = gradients). */
void nn_dropout_apply(uint64_t seed, uint64_t node, uint64_t step, float drop,
                      float *v, size_t n);

#endif /* NN_COMMON_TENSOR_EXEC_INTERNAL_H */
