/* Images a second of training: forward, loss, backward, clipping, AdamW on
 * random pictures that are in memory. One JSON line.
 *
 *     bench_train WIDTH SIZE BATCH STEPS [THREADS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/log.h"
#include "common/base/parallel.h"
#include "common/base/rng.h"
#include "common/tensor/loss.h"
#include "common/tensor/nets/mobilenetv4.h"
#include "common/tensor/optim.h"

enum { OUTPUTS = 3, WARM_UP = 2 };

struct bench {
    struct nn_graph *g;
    struct nn_params p;
    struct nn_exec *e;
    struct nn_optim optim;
    int32_t batch;
    float *x, *target, *dlogits;
};

static enum nn_status set_up(struct bench *b, float width, int32_t size,
                             struct nn_error *err)
{
    const struct nn_mobilenetv4 m = {
        .width = width, .size = size, .outputs = OUTPUTS, .dropout = 0.2f
    };
    const struct nn_exec_options opt = { b->batch, 1, 1, nn_cpu_flags() };
    struct nn_optim_options o = nn_optim_defaults(NN_OPTIM_ADAMW);
    size_t n = (size_t)b->batch * (size_t)size * (size_t)size * 3;
    struct nn_rng rng = nn_rng_make(1, 1);
    enum nn_status st = nn_mobilenetv4_build(&m, &b->g, err);

    if (st) {
        return st;
    }
    st = nn_exec_create(b->g, &opt, &b->e, err);
    b->x = nn_mem_calloc(n, sizeof *b->x);
    b->target = nn_mem_calloc((size_t)b->batch * OUTPUTS, sizeof *b->target);
    b->dlogits = nn_mem_calloc((size_t)b->batch * OUTPUTS, sizeof *b->dlogits);
    if (st || b->x == NULL || b->target == NULL || b->dlogits == NULL ||
        nn_params_init(&b->p, b->g, 1) || nn_optim_init(&b->optim, b->g, &o)) {
        return st ? st : nn_fail_nomem(err);
    }
    nn_params_randomise(&b->p, b->g, 1);
    for (size_t i = 0; i < n; i++) {
        b->x[i] = nn_rng_normal(&rng);
    }
    for (int32_t i = 0; i < b->batch; i++) {
        b->target[i * OUTPUTS + i % OUTPUTS] = 1;
    }
    return NN_OK;
}

static enum nn_status step(struct bench *b, uint64_t number,
                           struct nn_error *err)
{
    const struct nn_loss loss = { NN_LOSS_CATEGORICAL, 0, 0, 0.1f };
    struct nn_tensor z;
    double value;
    enum nn_status st =
        nn_exec_forward(b->e, &b->p, b->x, b->batch, number, &z, err);

    memset(b->p.grad.data, 0, b->p.grad.count * sizeof(float));
    if (!st) {
        st = nn_loss_eval(&loss, z.data, b->target, NULL, b->batch, OUTPUTS,
                          &value, b->dlogits, err);
    }
    if (!st) {
        st = nn_exec_backward(b->e, &b->p, b->dlogits, err);
    }
    if (!st) {
        nn_grad_clip(&b->p, b->g, 5);
        nn_optim_step(&b->optim, b->g, &b->p, 1e-3, NULL);
    }
    return st;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    struct bench b = { 0 };
    struct nn_error err = NN_ERROR_INIT;
    double *s;
    int steps;
    enum nn_status st;

    if (argc < 5) {
        fputs("usage: bench_train WIDTH SIZE BATCH STEPS [THREADS]\n", stderr);
        return 2;
    }
    nn_parallel_set_threads(argc > 5 ? (int)strtol(argv[5], NULL, 10) : 0);
    b.batch = (int32_t)strtol(argv[3], NULL, 10);
    steps = (int)strtol(argv[4], NULL, 10);
    s = nn_mem_calloc((size_t)steps + 1, sizeof *s);
    st = set_up(&b, strtof(argv[1], NULL), (int32_t)strtol(argv[2], NULL, 10),
                &err);
    for (int i = 0; !st && i < WARM_UP + steps; i++) {
        double t0 = nn_time_s();

        st = step(&b, (uint64_t)i, &err);
        if (i >= WARM_UP) {
            s[i - WARM_UP] = nn_time_s() - t0;
        }
    }
    if (st || s == NULL) {
        fprintf(stderr, "bench_train: %s\n", err.text);
        return 1;
    }
    qsort(s, (size_t)steps, sizeof *s, by_size);
    printf("{\"name\":\"train\",\"width\":%s,\"size\":%s,\"batch\":%d,"
           "\"threads\":%d,\"isa\":\"%s\",\"steps\":%d,"
           "\"images_per_s\":%.1f}\n",
           argv[1], argv[2], (int)b.batch, nn_parallel_threads(),
           nn_cpu_name(nn_cpu_flags()), steps, b.batch / s[steps / 2]);
    nn_optim_release(&b.optim);
    nn_params_release(&b.p);
    nn_exec_destroy(&b.e);
    nn_graph_destroy(&b.g);
    nn_mem_free(b.x);
    nn_mem_free(b.target);
    nn_mem_free(b.dlogits);
    nn_mem_free(s);
    return 0;
}
