/* tests/bench/options.h - the command line of the programs that time layers. */
#ifndef TESTS_BENCH_OPTIONS_H
#define TESTS_BENCH_OPTIONS_H

#include "common/net/arch.h"
#include "pipelines/bench/layers.h"

struct bench_options {
    int size, batch, threads, rounds;
    int net;           /* enum nn_arch */
    double width;      /* of MobileNetV4 */
    int what;          /* enum bench_what */
    int best;          /* least time instead of the median */
    const char *layer; /* only these, or NULL */
};
enum { BENCH_ROUNDS = 63 }; /* at most */

/* 0: go on; 1: help was printed; 2: usage error was printed. */
int bench_parse(int argc, char **argv, const char *command, const char *summary,
                struct bench_options *o);
/* The layers of the net of that size and width, three outputs, as
 * bench_layers_list() gives them. */
NN_MUST_CHECK enum nn_status bench_net(const struct bench_options *o,
                                       struct bench_layer **out, size_t *n,
                                       struct nn_error *err);
/* 1 when the layer is to be timed. */
int bench_wanted(const struct bench_options *o, const struct bench_layer *l);
/* Median (or least) of o->rounds times; sorts v. */
double bench_typical(const struct bench_options *o, double *v);

#endif /* TESTS_BENCH_OPTIONS_H */
