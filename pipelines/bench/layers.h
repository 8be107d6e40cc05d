/* pipelines/bench/layers.h - the convolutions of a net, timed one by one. */
#ifndef PIPELINES_BENCH_LAYERS_H
#define PIPELINES_BENCH_LAYERS_H

#include <stddef.h>

#include "common/tensor/graph.h"
#include "common/tensor/kernels/conv.h"

struct bench_layer {
    char name[40]; /* "dw 3x3 s1 192->192  @8": @ side of the input */
    struct nn_conv_shape s;
    int times; /* how often the net has this shape */
};

/* The different convolutions of a finished graph, in the order of their first
 * use; dense layers are 1x1 convolutions over one pixel. *out is a new block
 * (nn_mem_free) of *n rows. values: nn_graph_param_count() floats.
 * Errors: those of nn_layers_fold(). */
NN_MUST_CHECK enum nn_status bench_layers_list(const struct nn_graph *g,
                                               const float *values,
                                               struct bench_layer **out,
                                               size_t *n, struct nn_error *err);
int bench_is_depthwise(const struct nn_conv_shape *s);

/* One layer with its buffers, filled with random numbers. */
enum bench_what { BENCH_FORWARD, BENCH_INPUT, BENCH_WEIGHTS };
struct bench_run {
    const struct bench_layer *layer;
    struct nn_conv *conv;
    int32_t batch;
    float *x, *w, *y, *packed, *work, *bias;
    size_t n_x, n_w, n_y;
};
/* Errors: NN_ERR_SHAPE, NN_ERR_NOMEM; r is then empty. */
NN_MUST_CHECK enum nn_status bench_run_init(struct bench_run *r,
                                            const struct bench_layer *l,
                                            int32_t batch,
                                            struct nn_error *err);
void bench_run_release(struct bench_run *r);
/* Once through the layer: forward with bias and ReLU on packed weights, or
 * one of the gradients (y holds dy then, x or w receives). */
void bench_run_once(struct bench_run *r, enum bench_what what);
/* 2 per multiply-add, for the whole batch. */
double bench_run_flops(const struct bench_run *r);
/* Bytes that a forward pass must at least read and write. */
double bench_run_bytes(const struct bench_run *r);

#endif /* PIPELINES_BENCH_LAYERS_H */
