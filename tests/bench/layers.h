/* tests/bench/layers.h - the layers of the nets, timed by several programs. */
#ifndef TESTS_BENCH_LAYERS_H
#define TESTS_BENCH_LAYERS_H

#include <stddef.h>

#include "common/tensor/kernels/conv.h"

struct bench_layer {
    char name[40];
    struct nn_conv_shape s;
    int times; /* how often the net has this shape */
};
enum { BENCH_LAYERS = 96 };

/* The different convolutions of MobileNetV4-Conv-Small for size x size images
 * at a width; dense layers are 1x1 convolutions. Returns how many. */
size_t bench_net(int32_t size, double width, struct bench_layer *out);
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
NN_MUST_CHECK enum nn_status bench_run_init(struct bench_run *r,
                                            const struct bench_layer *l,
                                            int32_t batch,
                                            struct nn_error *err);
void bench_run_release(struct bench_run *r);
/* Once through the layer: forward with bias and ReLU on packed weights, or
 * one of the gradients (y holds dy then, x or w receives). */
void bench_run_once(struct bench_run *r, enum bench_what what);

/* Options shared by the programs. */
struct bench_options {
    int size, batch, threads, rounds;
    double width;
    int what;          /* enum bench_what */
    int best;          /* least time instead of the median */
    const char *layer; /* only these, or NULL */
};
/* Seconds per call of fn(ctx): `inner` calls are timed together. With one
 * thread it is CPU time, which other programs disturb less. */
double bench_time(void (*fn)(void *), void *ctx, size_t inner);
/* Calls that take about `seconds` together, at least 1. */
size_t bench_inner(void (*fn)(void *), void *ctx, double seconds);
/* 1 when the layer is to be timed. */
int bench_wanted(const struct bench_options *o, const struct bench_layer *l);
/* Median (or least) of o->rounds times; sorts v. */
double bench_typical(const struct bench_options *o, double *v);

/* Measured multiply-adds per second (GFLOP/s, 2 per multiply-add) of the
 * instruction set in use on `threads` threads, and bytes per second of a
 * long copy (GB/s, read plus written). */
double bench_peak_gflops(int threads);
double bench_copy_gbs(int threads);

/* 0: go on; 1: help was printed; 2: usage error was printed. */
int bench_parse(int argc, char **argv, const char *command, const char *summary,
                struct bench_options *o);

#endif /* TESTS_BENCH_LAYERS_H */
