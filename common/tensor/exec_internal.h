/* common/tensor/exec_internal.h - fused steps, shared by the executor files.
 *
 * A step computes  out = act?( norm?( conv?(x) ) + residual? ),  or one of
 * mean and dropout. Chains of nodes whose inner results nobody else reads are
 * fused into one step when the executor is made. */
#ifndef NN_COMMON_TENSOR_EXEC_INTERNAL_H
#define NN_COMMON_TENSOR_EXEC_INTERNAL_H

#include "common/tensor/graph_internal.h"
#include "common/tensor/kernels/norm.h"

struct nn_step {
    nn_node x, out;   /* input and output nodes */
    nn_node conv;     /* or NN_NODE_BAD */
    nn_node norm;     /* or NN_NODE_BAD */
    nn_node residual; /* node added, or NN_NODE_BAD */
    enum nn_act act;
    enum nn_op op; /* NN_OP_MEAN_HW or NN_OP_DROPOUT; else NN_OP_CONV2D */
    struct nn_conv *kernel;
    float *packed;                   /* inference: folded, packed weights */
    float *folded_bias;              /* inference: [OC] */
    struct nn_conv_later later, far; /* inference: weights of steps behind */
    float *z; /* training: convolution output before the norm */
    float *mean, *inv_std, *scale, *shift; /* [C] of the norm */
    float *coef_z;                         /* [C], scratch of backward */
    double *sum, *sum_sq;                  /* [C] */
    struct nn_conv *part;                  /* plan for a microbatch, or NULL */
    size_t microbatch; /* images of a microbatch; 0: all in one pass */
    size_t chunks;     /* most chunks of microbatches for the threads */
    /* Inference, see exec_fused.c: images of a microbatch, floats to its output
     * in a thread's scratch and images that are held there. */
    size_t fused_images, fused_at, fused_hold;
    int gathered; /* backward: the step behind gathered sum and sum_sq */
};

struct nn_exec {
    const struct nn_graph *graph;
    struct nn_exec_options opt;
    struct nn_step *step;
    size_t n_steps;
    float **y;     /* [node] output of the nodes that exist after fusion */
    float **dy;    /* [node] gradient, training only */
    uint8_t *seen; /* [node] gradient was written in this backward pass */
    struct nn_buf activations, gradients, constants, work, microbatches;
    size_t microbatch_floats; /* of each chunk in microbatches */
    struct {                  /* inference: fused steps, see exec_fused.c */
        size_t steps, threads, work, floats;
        size_t images; /* of this pass, that a thread takes at a time */
    } fused;
    double *sums;
    float *scratch;   /* training: gradient of an unfused norm's input */
    int32_t batch;    /* of the last forward pass; 0: none */
    uint64_t at_step; /* of the last forward pass */
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

/* exec_microbatch.c: conv + norm steps of training, a few images at a time. */
/* Which steps; then the floats of their scratch (and microbatch_floats). */
NN_MUST_CHECK enum nn_status nn_microbatch_plan(struct nn_exec *e,
                                                struct nn_error *err);
size_t nn_microbatch_floats(struct nn_exec *e);
/* 1: the step behind s applies its norm. 1: and nobody else needs y of s, which
 * is then recomputed from z backward. */
int nn_microbatch_fuses_norm(const struct nn_exec *e, const struct nn_step *s);
int nn_microbatch_recomputes(const struct nn_exec *e, const struct nn_step *s);
/* z, sum and sum_sq of s; y of the step before where that is left to it. */
void nn_microbatch_forward(struct nn_exec *e, struct nn_step *s);
/* Everything that follows from dy and the norm's coefficients. */
void nn_microbatch_backward(struct nn_exec *e, struct nn_step *s,
                            struct nn_params *p);

/* exec_fused.c: which steps are fused depth-first at inference; run them,
 * returns how many were run: 0 where the batch is better done at once. */
NN_MUST_CHECK enum nn_status nn_fused_plan(struct nn_exec *e,
                                           struct nn_error *err);
size_t nn_fused_forward(struct nn_exec *e);

static inline size_t nn_step_floats(const struct nn_graph *g, nn_node id,
                                    int32_t batch)
{
    struct nn_shape s = g->node[id].shape;

    return (size_t)batch * (size_t)s.h * (size_t)s.w * (size_t)s.c;
}

/* Floats of a piece of memory behind which the next one starts a cache line. */
static inline size_t nn_step_padded(size_t floats)
{
    return (floats + 15) / 16 * 16;
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

/* What the forward pass saved for the backward pass of the norm. */
static inline struct nn_norm_saved nn_step_saved(const struct nn_step *s)
{
    struct nn_norm_saved saved = { .mean = s->mean, .inv_std = s->inv_std };

    if (s->act && s->residual < 0) {
        saved.scale = s->scale;
        saved.shift = s->shift;
        saved.act = s->act;
    }
    return saved;
}

/* Scale and zero the dropped elements of v in place: the same draws forward
 * (v = activations) and backward (v = gradients). */
void nn_dropout_apply(uint64_t seed, uint64_t node, uint64_t step, float drop,
                      float *v, size_t n);

#endif /* NN_COMMON_TENSOR_EXEC_INTERNAL_H */
