/* common/tensor/graph.h - describe a network once, then run it many times.
 *
 * Three objects, three lifetimes:
 *   nn_graph   what to compute: nodes, shapes, parameter table. Immutable and
 *              shareable between threads after nn_graph_finish().
 *   nn_params  one flat float array per role (value, gradient), laid out by
 *              the graph. Optimiser and model files see only this. Graphs
 *              built by the same function for different input sizes have the
 *              same parameter table, so they share nn_params.
 *   nn_exec    where it is computed: activations, gradients and scratch in
 *              one arena, sized at creation. Running one allocates nothing.
 *
 * Typical use:
 *   nn_node x = nn_graph_input(g, "image", (struct nn_shape){ 1, 96, 96, 3 });
 *   x = nn_graph_conv2d(g, x, &stem, "conv_stem");
 *   x = nn_graph_relu(g, nn_graph_bnorm(g, x, 0.9f, 1e-5f, "bn1"));
 *   x = nn_graph_dense(g, nn_graph_mean_hw(g, x), 3, 1, "classifier");
 *   st = nn_graph_finish(g, x, &err);
 *
 * The builder has a sticky error: after the first bad call every later call
 * returns NN_NODE_BAD and nn_graph_finish() reports that first failure with
 * the node's name and shapes. So a model definition needs one check. */
#ifndef NN_COMMON_TENSOR_GRAPH_H
#define NN_COMMON_TENSOR_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/tensor/tensor.h"

/* Index in build order; an operand is always smaller than its user. */
typedef int32_t nn_node;
#define NN_NODE_BAD (-1)

struct nn_graph;
struct nn_exec;

struct nn_conv2d {
    int32_t out_channels;
    int32_t kernel; /* square: kernel x kernel taps */
    int32_t stride; /* both axes */
    int32_t pad;    /* zeros on every side */
    int32_t groups; /* 0 or 1: dense; = input and output channels: depthwise */
    int bias;       /* 0 when a batch norm follows */
    int32_t pad_more; /* 1: one more row below and column to the right, what
                         TensorFlow's SAME does to even sizes with stride 2 */
};

NN_MUST_CHECK enum nn_status nn_graph_create(struct nn_graph **out);
void nn_graph_destroy(struct nn_graph **graph);

/* Add a node; returns its id, or NN_NODE_BAD (sticky error above). `name` is
 * copied, must be unique, and is the key of the node's parameters in a model
 * file ("conv_stem" gives "conv_stem.weight"; batch norm gives ".weight",
 * ".bias", ".running_mean", ".running_var"; dense ".weight", ".bias").
 *
 *   input    [1,H,W,C]          N is the batch, chosen when run
 *   conv2d   [B,H,W,IC]      -> [B,OH,OW,OC], weights [OC,K,K,IC/groups]
 *   bnorm    [B,H,W,C]       -> same; training: batch statistics over B,H,W
 *            (biased variance to normalise, unbiased into the running one);
 *            inference: running statistics. momentum is the share of the OLD
 *            running value kept per step (0.9 = PyTorch's momentum 0.1)
 *   relu     any             -> same, max(x, 0)
 *   relu6    any             -> same, min(max(x, 0), 6)
 *   add      two equal shapes-> same
 *   mean_hw  [B,H,W,C]       -> [B,1,1,C]
 *   dropout  any             -> same; drop probability 0 <= drop < 1;
 *            survivors scaled by 1/(1-drop); identity at inference
 *   dense    [B,H,W,C]       -> [B,1,1,units], weights [units,1,1,H*W*C]
 *
 * conv + bnorm (+ add) (+ relu or relu6) chains are fused by the executor. */
nn_node nn_graph_input(struct nn_graph *g, const char *name, struct nn_shape s);
nn_node nn_graph_conv2d(struct nn_graph *g, nn_node x,
                        const struct nn_conv2d *conv, const char *name);
nn_node nn_graph_bnorm(struct nn_graph *g, nn_node x, float momentum,
                       float epsilon, const char *name);
nn_node nn_graph_relu(struct nn_graph *g, nn_node x);
nn_node nn_graph_relu6(struct nn_graph *g, nn_node x);
nn_node nn_graph_add(struct nn_graph *g, nn_node a, nn_node b);
nn_node nn_graph_mean_hw(struct nn_graph *g, nn_node x);
nn_node nn_graph_dropout(struct nn_graph *g, nn_node x, float drop);
nn_node nn_graph_dense(struct nn_graph *g, nn_node x, int32_t units, int bias,
                       const char *name);

/* Nodes added from now on belong to this stage of the network; 0 at first.
 * Stages are numbered from the input on: 0 the stem, then the blocks, the last
 * but one the head, the last the classifier. How many there are is the
 * network's own affair; whoever trains a part of it asks for the stage. */
void nn_graph_stage(struct nn_graph *g, int stage);

/* Remember a node's output so that an executor keeps it readable after a
 * forward pass: "embedding", "features". */
void nn_graph_mark(struct nn_graph *g, nn_node x, const char *mark);

/* Freeze the graph with `logits` [B,1,1,K] as its output.
 * Errors: the first builder error; NN_ERR_SHAPE; NN_ERR_ARG when there is
 * not exactly one input. */
NN_MUST_CHECK enum nn_status nn_graph_finish(struct nn_graph *g, nn_node logits,
                                             struct nn_error *err);

struct nn_shape nn_graph_input_shape(const struct nn_graph *g); /* [1,H,W,C] */
int32_t nn_graph_outputs(const struct nn_graph *g);             /* K */
size_t nn_graph_macs(const struct nn_graph *g); /* multiply-adds per image */

/* What a parameter is to its layer. */
enum nn_param_role {
    NN_PARAM_WEIGHT, /* of a convolution or dense layer */
    NN_PARAM_BIAS,
    NN_PARAM_NORM_SCALE, /* of a batch norm: y = scale * x' + shift, */
    NN_PARAM_NORM_SHIFT, /* x' = (x - mean) / sqrt(var + epsilon) */
    NN_PARAM_NORM_MEAN,  /* running statistics */
    NN_PARAM_NORM_VAR,
};

/* Parameters in file order, i = 0 .. until NULL is returned. */
struct nn_param {
    const char *name;      /* "bn1.running_mean"; owned by the graph */
    size_t offset;         /* floats into the flat array */
    size_t count;          /* floats */
    struct nn_shape shape; /* conv [OC,KH,KW,IC/G]; dense [units,1,1,IN];
                              vectors [1,1,1,C] */
    int trained; /* 0 for running statistics: the optimiser skips them */
    int decay;   /* 0 for biases and batch norm: no weight decay */
    enum nn_param_role role;
    int stage;     /* nn_graph_stage() */
    int pooled;    /* 1: its layer stands behind mean_hw */
    float epsilon; /* of a running variance; 0 for others */
};
const struct nn_param *nn_graph_param(const struct nn_graph *g, size_t i);
/* By name, or NULL. */
const struct nn_param *nn_graph_find_param(const struct nn_graph *g,
                                           const char *name);
/* The first of a stage in this role, or NULL; and the number of the last
 * stage, the classifier's. */
const struct nn_param *nn_graph_stage_param(const struct nn_graph *g, int stage,
                                            enum nn_param_role role);
int nn_graph_last_stage(const struct nn_graph *g);
size_t nn_graph_param_count(const struct nn_graph *g);   /* floats, all */
size_t nn_graph_trained_count(const struct nn_graph *g); /* trained floats */

/* One aligned line per node: name, op, shape, parameters, multiply-adds.
 * Returns a heap string (nn_mem_free), or NULL when out of memory. */
char *nn_graph_describe(const struct nn_graph *g);

struct nn_params {
    struct nn_buf value; /* nn_graph_param_count() floats */
    struct nn_buf grad;  /* same, or empty for inference */
};
#define NN_PARAMS_INIT                                                         \
    {                                                                          \
        NN_BUF_INIT, NN_BUF_INIT                                               \
    }
NN_MUST_CHECK enum nn_status
nn_params_init(struct nn_params *p, const struct nn_graph *g, int with_grad);
void nn_params_release(struct nn_params *p);

/* Random start: convolutions and dense weights normal with variance
 * 2 / fan_out (He et al. 2015; fan_out = KH*KW*OC/groups), as timm starts
 * this family; the last dense layer normal 0.01 and zero bias; batch norm
 * weight 1, bias 0, mean 0, var 1. Each parameter draws from (seed, hash of
 * its name), so it does not depend on the others. */
void nn_params_randomise(struct nn_params *p, const struct nn_graph *g,
                         uint64_t seed);

struct nn_exec_options {
    int32_t max_batch; /* images, >= 1: fixes the memory */
    int train;         /* 1: keep what backward needs */
    uint64_t seed;     /* dropout stream */
    unsigned cpu;      /* nn_cpu_flags(), or 0 for the scalar kernels */
    /* Images are taken together while what a step touches is no more floats
     * than this, so that a core finds it in its own cache. 0: what suits a
     * cache of 1 to 2 MiB, where it is worth it. Sums are rounded otherwise. */
    size_t cache_floats;
};

/* Plan memory and create an executor. g must outlive it.
 * Errors: NN_ERR_ARG (g not finished, option out of range), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_exec_create(const struct nn_graph *g,
                                            const struct nn_exec_options *opt,
                                            struct nn_exec **out,
                                            struct nn_error *err);
void nn_exec_destroy(struct nn_exec **exec);

/* Inference executors fold batch norm into the convolutions and pack the
 * weights once: call after creation and after each change of p. What a forward
 * pass left is gone then. */
void nn_exec_load(struct nn_exec *exec, const struct nn_params *p);

/* Compute logits [B,1,1,K] for input [B,H,W,C], 1 <= B <= max_batch.
 * p is used by training executors only (batch statistics; also updates the
 * running statistics inside p->value); inference executors use what
 * nn_exec_load() took, and p may be NULL. step numbers the dropout draw.
 * logits: a view into the exec, valid until its next call.
 * Errors: NN_ERR_ARG; NN_ERR_NUMERIC (a logit is NaN or Inf: the text names
 * the first node in build order whose output is not finite). */
NN_MUST_CHECK enum nn_status
nn_exec_forward(struct nn_exec *exec, struct nn_params *p, const float *input,
                int32_t batch, uint64_t step, struct nn_tensor *logits,
                struct nn_error *err);

/* Output of a marked node after a forward pass; NN_ERR_ARG for no such mark. */
NN_MUST_CHECK enum nn_status nn_exec_marked(const struct nn_exec *exec,
                                            const char *mark,
                                            struct nn_tensor *out);

/* Back-propagate: dlogits [B,K] is the gradient of the loss with respect to
 * the logits of the last forward pass (see loss.h); gradients are ADDED to
 * p->grad: zero it once per step.
 * Errors: NN_ERR_ARG when exec was not made with train = 1 or no forward pass
 * came before. */
NN_MUST_CHECK enum nn_status nn_exec_backward(struct nn_exec *exec,
                                              struct nn_params *p,
                                              const float *dlogits,
                                              struct nn_error *err);

#endif /* NN_COMMON_TENSOR_GRAPH_H */
