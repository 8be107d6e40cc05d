#include "pipelines/bench/training.h"

#include <string.h>

#include "common/base/cpu.h"
#include "common/base/rng.h"
#include "common/tensor/loss.h"
#include "common/tensor/optim.h"

/* As nn_train_defaults() has them. */
#define CLIP      5
#define SMOOTHING 0.1f
#define RATE      1e-3

struct bench_training {
    const struct nn_graph *graph;
    struct nn_params params;
    struct nn_exec *exec;
    struct nn_optim optim;
    float *input, *target, *dlogits;
    uint64_t steps;
};

static enum nn_status fill(struct bench_training *t, int32_t batch,
                           struct nn_error *err)
{
    struct nn_shape s = nn_graph_input_shape(t->graph);
    size_t k = (size_t)nn_graph_outputs(t->graph), n = 0;
    struct nn_rng rng = nn_rng_make(1, 1);

    s.n = batch;
    if (nn_shape_count(s, &n)) {
        return nn_fail_nomem(err);
    }
    t->input = nn_mem_aligned(n, sizeof *t->input);
    t->target = nn_mem_calloc((size_t)batch * k, sizeof *t->target);
    t->dlogits = nn_mem_calloc((size_t)batch * k, sizeof *t->dlogits);
    if (t->input == NULL || t->target == NULL || t->dlogits == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        t->input[i] = nn_rng_normal(&rng);
    }
    for (size_t i = 0; i < (size_t)batch; i++) {
        t->target[i * k + i % k] = 1;
    }
    return NN_OK;
}

enum nn_status bench_training_create(const struct nn_graph *g, int32_t batch,
                                     struct bench_training **out,
                                     struct nn_error *err)
{
    const struct nn_exec_options exec = {
        .max_batch = batch, .train = 1, .seed = 1, .cpu = nn_cpu_flags()
    };
    const struct nn_optim_options adamw = nn_optim_defaults(NN_OPTIM_ADAMW);
    struct bench_training *t = nn_mem_calloc(1, sizeof *t);
    enum nn_status st;

    *out = NULL;
    if (t == NULL) {
        return nn_fail_nomem(err);
    }
    t->graph = g;
    st = nn_exec_create(g, &exec, &t->exec, err);
    if (st) {
        goto out;
    }
    if (nn_params_init(&t->params, g, 1) ||
        nn_optim_init(&t->optim, g, &adamw)) {
        st = nn_fail_nomem(err);
        goto out;
    }
    nn_params_randomise(&t->params, g, 1);
    st = fill(t, batch, err);
    if (st) {
        goto out;
    }
    *out = t;
    t = NULL;
out:
    bench_training_destroy(&t);
    return st;
}

void bench_training_destroy(struct bench_training **tp)
{
    struct bench_training *t = *tp;

    *tp = NULL;
    if (t == NULL) {
        return;
    }
    nn_optim_release(&t->optim);
    nn_params_release(&t->params);
    nn_exec_destroy(&t->exec);
    nn_mem_free(t->input);
    nn_mem_free(t->target);
    nn_mem_free(t->dlogits);
    nn_mem_free(t);
}

enum nn_status bench_training_step(struct bench_training *t, const float *input,
                                   int32_t n, double *loss,
                                   struct nn_error *err)
{
    const struct nn_loss kind = { NN_LOSS_CATEGORICAL, 0, 0, SMOOTHING };
    struct nn_params *p = &t->params;
    struct nn_tensor z;
    double value = 0;
    enum nn_status st = nn_exec_forward(
        t->exec, p, input != NULL ? input : t->input, n, t->steps++, &z, err);

    if (st) {
        return st;
    }
    nn_grad_clear(p);
    st = nn_loss_eval(&kind, z.data, t->target, NULL, n, z.shape.c, &value,
                      t->dlogits, err);
    if (st) {
        return st;
    }
    st = nn_exec_backward(t->exec, p, t->dlogits, err);
    if (st) {
        return st;
    }
    nn_grad_clip(p, t->graph, CLIP);
    nn_optim_step(&t->optim, t->graph, p, RATE, NULL);
    if (loss != NULL) {
        *loss = value;
    }
    return NN_OK;
}
