#include "tests/bench/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/mem.h"
#include "common/base/options.h"
#include "common/base/parallel.h"
#include "pipelines/bench/clock.h"

int bench_parse(int argc, char **argv, const char *command, const char *summary,
                struct bench_options *o)
{
    const struct nn_option table[] = {
        NN_OPT_CHOICE(0, "net", &o->net, NN_ARCH_WORDS, "whose layers"),
        NN_OPT_INT(0, "size", &o->size, "N", 32, 1024, "image side in pixels"),
        NN_OPT_DOUBLE(0, "width", &o->width, "W", 0.1, 4,
                      "width multiplier of mobilenetv4"),
        NN_OPT_INT(0, "batch", &o->batch, "N", 1, 1024, "images"),
        NN_OPT_INT(0, "threads", &o->threads, "N", 0, 1024, "0: all"),
        NN_OPT_INT(0, "rounds", &o->rounds, "N", 1, BENCH_ROUNDS,
                   "timings per median"),
        NN_OPT_FLAG(0, "best", &o->best,
                    "least time instead of the median (busy machines)"),
        NN_OPT_STRING(0, "layer", &o->layer, "TEXT",
                      "only layers whose name holds TEXT"),
        NN_OPT_CHOICE(0, "what", &o->what, "forward|input|weights",
                      "direction"),
        NN_OPT_END,
    };
    const struct nn_options options = {
        .program = "tests/bench",
        .command = command,
        .synopsis = "[options]",
        .summary = summary,
        .table = table,
    };
    const char *operands[64];
    enum nn_options_help help = NN_HELP_NONE;
    int n = 0;
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
    const struct nn_arch_shape shape = { .arch = (enum nn_arch)o->net,
                                         .width = (float)o->width,
                                         .size = o->size,
                                         .outputs = 3 };
    struct nn_graph *g = NULL;
    struct nn_params p = NN_PARAMS_INIT;
    enum nn_status st = nn_arch_build(&shape, &g, err);

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
