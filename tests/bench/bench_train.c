/* Images a second of training: forward, loss, backward, clipping, AdamW on
 * random images that are in memory. One JSON line.
 *
 *     bench_train NET WIDTH SIZE BATCH STEPS [THREADS]
 *
 * NET: a word of common/net/arch.h; WIDTH is MobileNetV4's. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/cpu.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/net/arch.h"
#include "pipelines/bench/clock.h"
#include "pipelines/bench/training.h"

enum { OUTPUTS = 3, WARM_UP = 2 };

int main(int argc, char **argv)
{
    struct nn_arch_shape m = { .outputs = OUTPUTS, .dropout = 0.2f };
    struct nn_graph *g = NULL;
    struct bench_training *t = NULL;
    struct nn_error err = NN_ERROR_INIT;
    double *s;
    int32_t batch;
    int steps;
    enum nn_status st;

    if (argc < 6 || nn_arch_parse(argv[1], &m.arch)) {
        fputs("usage: bench_train NET WIDTH SIZE BATCH STEPS [THREADS]\n",
              stderr);
        return 2;
    }
    nn_parallel_set_threads(argc > 6 ? (int)strtol(argv[6], NULL, 10) : 0);
    m.width = strtof(argv[2], NULL);
    m.size = (int32_t)strtol(argv[3], NULL, 10);
    batch = (int32_t)strtol(argv[4], NULL, 10);
    steps = (int)strtol(argv[5], NULL, 10);
    s = nn_mem_calloc((size_t)steps + 1, sizeof *s);
    st = s == NULL || steps < 1 ? NN_ERR_ARG : nn_arch_build(&m, &g, &err);
    if (!st) {
        st = bench_training_create(g, batch, &t, &err);
    }
    for (int i = 0; !st && i < WARM_UP + steps; i++) {
        double t0 = nn_time_s();

        st = bench_training_step(t, NULL, batch, NULL, &err);
        if (i >= WARM_UP) {
            s[i - WARM_UP] = nn_time_s() - t0;
        }
    }
    if (st) {
        fprintf(stderr, "bench_train: %s\n", err.text);
    } else {
        printf("{\"name\":\"train\",\"net\":\"%s\",\"width\":%s,\"size\":%s,"
               "\"batch\":%d,"
               "\"threads\":%d,\"isa\":\"%s\",\"steps\":%d,"
               "\"images_per_s\":%.1f}\n",
               argv[1], argv[2], argv[3], (int)batch, nn_parallel_threads(),
               nn_cpu_name(nn_cpu_flags()), steps,
               batch / bench_median(s, (size_t)steps));
    }
    bench_training_destroy(&t);
    nn_graph_destroy(&g);
    nn_mem_free(s);
    return st != NN_OK;
}
