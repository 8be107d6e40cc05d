/* What the nets do: layers, inference, training. */
#include "common/base/cpu.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/base/rng.h"
#include "pipelines/bench/bench.h"
#include "pipelines/bench/clock.h"
#include "pipelines/bench/training.h"

enum { WARM_UP_STEPS = 2 };

struct bench_plan bench_plan_make(int quick, int rounds)
{
    struct bench_plan p = {
        .rounds = rounds > 0 ? rounds
                  : quick    ? 3
                             : 11,
        .layer_s = quick ? 0.0005 : 0.004,
        .net_s = quick ? 0.01 : 0.1,
        .steps = quick ? 1 : 4,
        .forward = { 1, 32 },
        .train = { 32, 128 },
    };

    return p;
}

void bench_result_release(struct bench_result *r)
{
    for (size_t i = 0; i < r->n_nets; i++) {
        nn_mem_free(r->net[i].row);
        r->net[i].row = NULL;
    }
}

struct bench_rate bench_rate_of(double *s, size_t n, double per)
{
    double median = bench_median(s, n); /* sorts */

    return (struct bench_rate){ per / median, per / s[n - 1], per / s[0] };
}

void bench_measure_machine(struct bench_result *r)
{
    r->machine.threads = nn_parallel_threads();
    r->machine.peak_gflops = bench_peak_gflops(r->machine.threads);
    r->machine.copy_gbs = bench_copy_gbs(r->machine.threads);
}

/* --- layers --- */

static void layer_once(void *ctx)
{
    bench_run_once(ctx, BENCH_FORWARD);
}

static enum nn_status time_layer(const struct bench_result *r,
                                 const struct bench_layer *l, int32_t batch,
                                 struct bench_layer_time *out,
                                 struct nn_error *err)
{
    struct bench_run run;
    double s[BENCH_MAX_ROUNDS];
    size_t inner;
    enum nn_status st = bench_run_init(&run, l, batch, err);

    if (st) {
        return st;
    }
    inner = bench_inner(layer_once, &run, r->plan.layer_s);
    for (int i = 0; i < r->plan.rounds; i++) {
        s[i] = bench_time_in_team(layer_once, &run, inner);
    }
    out->seconds = bench_median(s, (size_t)r->plan.rounds);
    out->gflops = 1e-9 * bench_run_flops(&run) / out->seconds;
    out->of_peak = out->gflops / r->machine.peak_gflops;
    if (r->machine.copy_gbs > 0) {
        out->of_copy =
            1e-9 * bench_run_bytes(&run) / out->seconds / r->machine.copy_gbs;
    }
    bench_run_release(&run);
    return NN_OK;
}

enum nn_status bench_measure_layers(const struct bench_result *r,
                                    struct bench_net_result *out,
                                    struct nn_error *err)
{
    struct bench_layer *layer = NULL;
    size_t n = 0;
    enum nn_status st = bench_layers_list(
        out->net->graph, out->net->params.value.data, &layer, &n, err);

    if (st) {
        return st;
    }
    out->n_rows = 0;
    out->row = nn_mem_calloc(n, sizeof *out->row);
    if (out->row == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        out->row[i].layer = layer[i];
        for (int k = 0; k < BENCH_BATCHES; k++) {
            st = time_layer(r, &layer[i], r->plan.forward[k],
                            &out->row[i].at[k], err);
            if (st) {
                goto out;
            }
        }
    }
    out->n_rows = n;
out:
    nn_mem_free(layer);
    return st;
}

/* --- inference --- */

struct forward {
    struct nn_exec *exec;
    const float *input;
    int32_t batch;
    enum nn_status status; /* the first failure */
    struct nn_error *err;
};

static void forward_once(void *ctx)
{
    struct forward *f = ctx;
    struct nn_tensor z;

    if (f->status) {
        return;
    }
    f->status =
        nn_exec_forward(f->exec, NULL, f->input, f->batch, 0, &z, f->err);
}

static float *random_input(const struct nn_graph *g, int32_t batch)
{
    struct nn_shape shape = nn_graph_input_shape(g);
    struct nn_rng rng = nn_rng_make(1, 1);
    size_t n = 0;
    float *x;

    shape.n = batch;
    x = nn_shape_count(shape, &n) ? NULL : nn_mem_aligned(n, sizeof *x);
    for (size_t i = 0; x != NULL && i < n; i++) {
        x[i] = nn_rng_normal(&rng);
    }
    return x;
}

enum nn_status bench_measure_inference(const struct bench_plan *p,
                                       struct bench_net_result *out,
                                       struct nn_error *err)
{
    const struct nn_exec_options opt = { .max_batch =
                                             p->forward[BENCH_BATCHES - 1],
                                         .cpu = nn_cpu_flags() };
    struct forward f = { .err = err };
    double s[BENCH_MAX_ROUNDS];
    float *x = random_input(out->net->graph, opt.max_batch);
    enum nn_status st;

    if (x == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_exec_create(out->net->graph, &opt, &f.exec, err);
    if (st) {
        goto out;
    }
    f.input = x;
    nn_exec_load(f.exec, &out->net->params);
    for (int k = 0; k < BENCH_BATCHES; k++) {
        size_t inner;

        f.batch = p->forward[k];
        inner = bench_inner(forward_once, &f, p->net_s);
        for (int i = 0; i < p->rounds; i++) {
            s[i] = bench_time(forward_once, &f, inner);
        }
        out->inference[k] = bench_rate_of(s, (size_t)p->rounds, f.batch);
    }
    st = f.status;
out:
    nn_exec_destroy(&f.exec);
    nn_mem_free(x);
    return st;
}

/* --- training --- */

static enum nn_status time_training(const struct bench_plan *p,
                                    const struct nn_graph *g, int32_t batch,
                                    struct bench_rate *out,
                                    struct nn_error *err)
{
    struct bench_training *t = NULL;
    double s[BENCH_MAX_ROUNDS];
    enum nn_status st = bench_training_create(g, batch, &t, err);

    if (st) {
        return st;
    }
    for (int i = 0; i < WARM_UP_STEPS; i++) {
        st = bench_training_step(t, NULL, batch, NULL, err);
        if (st) {
            goto out;
        }
    }
    for (int i = 0; i < p->rounds; i++) {
        double t0 = nn_time_s();

        st = bench_training_step(t, NULL, batch, NULL, err);
        if (st) {
            goto out;
        }
        s[i] = nn_time_s() - t0;
    }
    *out = bench_rate_of(s, (size_t)p->rounds, batch);
out:
    bench_training_destroy(&t);
    return st;
}

enum nn_status bench_measure_training(const struct bench_plan *p,
                                      struct bench_net_result *out,
                                      struct nn_error *err)
{
    for (int k = 0; k < BENCH_BATCHES; k++) {
        enum nn_status st = time_training(p, out->net->graph, p->train[k],
                                          &out->training[k], err);

        if (st) {
            return st;
        }
    }
    return NN_OK;
}
