/* pipelines/bench/bench.h - how fast nets run and learn on this machine.
 *
 * Every figure is a median over `rounds` repetitions; rates keep their least
 * and most too. docs/performance.md says what each of them means. */
#ifndef PIPELINES_BENCH_BENCH_H
#define PIPELINES_BENCH_BENCH_H

#include <jansson.h>
#include <stdio.h>

#include "common/data/dataset.h"
#include "common/net/net.h"
#include "pipelines/bench/layers.h"

enum { BENCH_BATCHES = 2, BENCH_MAX_ROUNDS = 63 };

/* How much is done for a figure. */
struct bench_plan {
    int rounds;                     /* 1..BENCH_MAX_ROUNDS */
    double layer_s;                 /* seconds of one timing of a layer */
    double net_s;                   /* of a whole net */
    int steps;                      /* training steps of one timing */
    int32_t forward[BENCH_BATCHES]; /* batch sizes of layers and inference */
    int32_t train[BENCH_BATCHES];   /* of training; the loader has train[0] */
};
/* quick: seconds instead of a minute, to see that all works. rounds 0: 11, or
 * 3 when quick. */
struct bench_plan bench_plan_make(int quick, int rounds);

/* Per second. */
struct bench_rate {
    double median, min, max;
};

struct bench_machine {
    int threads;
    double peak_gflops, copy_gbs;
};

struct bench_layer_time {
    double seconds, gflops;
    double of_peak; /* gflops / peak_gflops */
    double of_copy; /* bytes a second / copy_gbs; above 1 in the cache */
};
struct bench_row {
    struct bench_layer layer;
    struct bench_layer_time at[BENCH_BATCHES]; /* forward */
};

/* What training loses by waiting for images that are in the loader's cache
 * and only have to be augmented. */
struct bench_loader {
    int32_t batch;
    double wait_share;      /* of the step time */
    struct bench_rate fed;  /* images of training with the loader */
    struct bench_rate bare; /* and on the same batch in memory */
};

struct bench_net_result {
    const char *name; /* "gate" */
    const struct nn_net *net;
    struct bench_row *row;
    size_t n_rows;
    struct bench_rate inference[BENCH_BATCHES], training[BENCH_BATCHES];
    struct bench_loader loader;
};

struct bench_decode {
    size_t n;     /* different images */
    int32_t w, h; /* of the first */
    double bytes; /* mean size of a file */
    int32_t to;   /* pixels a side of the result */
    struct bench_rate rate;
};

struct bench_result {
    struct bench_plan plan;
    struct bench_machine machine;
    struct bench_net_result net[2];
    size_t n_nets;
    /* A net of the same layers as net[0] but for the outputs of the classifier
     * is not measured again: its name and their number, or NULL. */
    const char *same;
    size_t same_outputs;
    struct bench_decode decode;
};
void bench_result_release(struct bench_result *r);

/* The parts of a result. Errors: NN_ERR_NOMEM, and those of what is run. */
void bench_measure_machine(struct bench_result *r);
NN_MUST_CHECK enum nn_status bench_measure_layers(const struct bench_result *r,
                                                  struct bench_net_result *out,
                                                  struct nn_error *err);
NN_MUST_CHECK enum nn_status
bench_measure_inference(const struct bench_plan *p,
                        struct bench_net_result *out, struct nn_error *err);
NN_MUST_CHECK enum nn_status
bench_measure_training(const struct bench_plan *p, struct bench_net_result *out,
                       struct nn_error *err);
/* The loader on ds, with the views that `train` makes by default. */
NN_MUST_CHECK enum nn_status bench_measure_loader(const struct bench_plan *p,
                                                  const struct nn_dataset *ds,
                                                  struct bench_net_result *out,
                                                  struct nn_error *err);
/* Decoding and fitting all of ds, read into memory first, to inputs of a net.
 */
NN_MUST_CHECK enum nn_status
bench_measure_decode(const struct bench_plan *p, const struct nn_dataset *ds,
                     const struct nn_net_spec *spec, struct bench_decode *out,
                     struct nn_error *err);

/* Of `n` timings in seconds, each of `per` things; sorts s. */
struct bench_rate bench_rate_of(double *s, size_t n, double per);

void bench_print(const struct bench_result *r, FILE *to);
/* The object that docs/performance.md describes; NULL when out of memory. */
json_t *bench_to_json(const struct bench_result *r);

#endif /* PIPELINES_BENCH_BENCH_H */
