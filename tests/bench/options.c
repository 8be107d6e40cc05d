#include "tests/bench/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/mem.h"
#include "common/base/options.h"
#include "common/base/parallel.h"
#include "common/tensor/nets/mobilenetv4.h"
#include "pipelines/bench/clock.h"

int bench_parse(int argc, char **argv, const char *command, const char *summary,
                struct bench_options *o)
{
    const struct nn_option table[] = {
        { "size", 0, NN_OPT_INT, &o->size, "N", "image side in pixels", 32,
          1024 },
        { "width", 0, NN_OPT_DOUBLE, &o->width, "W", "width multiplier", 0.1,
          4 },
        { "batch", 0, NN_OPT_INT, &o->batch, "N", "images", 1, 1024 },
        { "threads", 0, NN_OPT_INT, &o->threads, "N", "0: all", 0, 1024 },
        { "rounds", 0, NN_OPT_INT, &o->rounds, "N", "timings per median", 1,
          BENCH_ROUNDS },
        { "best", 0, NN_OPT_FLAG, &o->best, NULL,
          "least time instead of the median (busy machines)", 0, 0 },
        { "layer", 0, NN_OPT_STRING, &o->layer, "TEXT",
          "only layers whose name holds TEXT", 0, 0 },
        { "what", 0, NN_OPT_CHOICE, &o->what, "forward|input|weights",
          "direction", 0, 0 },
        { NULL, 0, NN_OPT_HEADING, NULL, NULL, NULL, 0, 0 },
    };
    const struct nn_options options = {
        .program = "tests/bench",
        .command = command,
        .synopsis = "[options]",
        .summary = summary,
        .table = table,
    };
    const char *operands[64];
    int n = 0, help = 0;
    struct nn_error err = NN_ERROR_INIT;
    *o = (struct bench_options){
        .size = 128, .width = 1, .batch = 32, .rounds = 11
    };
    if (argc > 64 ||
        nn_options_parse(&options, argc, argv, operands, &n, &help, &err)) {
        fprintf(stderr, "%s\n", argc > 64 ? "too many arguments" : err.text);
        return 2;
    }
    if (help) {
        nn_options_help(&options, stdout);
        return 1;
    }
    nn_cpu_limit(getenv("BEARCASCADE_CPU"));
    nn_parallel_set_threads(o->threads);
    o->threads = nn_parallel_threads();
    return 0;
}

enum nn_status bench_net(const struct bench_options *o,
                         struct bench_layer **out, size_t *n,
                         struct nn_error *err)
{
    const struct nn_mobilenetv4 m = { .width = (float)o->width,
                                      .size = o->size,
                                      .outputs = 3 };
    struct nn_graph *g = NULL;
    struct nn_params p = NN_PARAMS_INIT;
    enum nn_status st = nn_mobilenetv4_build(&m, &g, err);

    if (!st) {
        st = nn_params_init(&p, g, 0)
                 ? nn_fail_nomem(err)
                 : bench_layers_list(g, p.value.data, out, n, err);
    }
    nn_params_release(&p);
    nn_graph_destroy(&g);
    return st;
}

int bench_wanted(const struct bench_options *o, const struct bench_layer *l)
{
    return !o->layer || strstr(l->name, o->layer) != NULL;
}

double bench_typical(const struct bench_options *o, double *v)
{
    double median = bench_median(v, (size_t)o->rounds);

    return o->best ? v[0] : median;
}
