/* Per-layer speed of the convolutions of one net. */
#include <stdio.h>

#include "common/base/cpu.h"
#include "common/base/mem.h"
#include "pipelines/bench/clock.h"
#include "tests/bench/options.h"

struct call {
    struct bench_run *r;
    enum bench_what what;
};

static void once(void *ctx)
{
    struct call *c = ctx;
    bench_run_once(c->r, c->what);
}

/* Median seconds of one direction of one layer. */
static double measure(struct bench_run *r, enum bench_what what,
                      const struct bench_options *o)
{
    struct call c = { r, what };
    double t[BENCH_ROUNDS];
    size_t inner = bench_inner(once, &c, 0.004);
    for (int i = 0; i < o->rounds; i++) {
        t[i] = bench_time_in_team(once, &c, inner);
    }
    return bench_typical(o, t);
}

static enum nn_status time_layer(const struct bench_layer *l,
                                 const struct bench_options *o, double peak,
                                 double total[3], struct nn_error *err)
{
    struct bench_run r;
    enum nn_status st = bench_run_init(&r, l, o->batch, err);
    if (st) {
        return st;
    }
    printf("%-28s %5d", l->name, l->times);
    for (int what = 0; what < 3; what++) {
        double t = measure(&r, (enum bench_what)what, o);
        double f = 1e-9 * bench_run_flops(&r) / t;
        printf("  %8.1f %7.1f %4.0f", t * 1e6, f, 100 * f / peak);
        total[what] += t * l->times;
    }
    printf("\n");
    bench_run_release(&r);
    return NN_OK;
}

int main(int argc, char **argv)
{
    struct bench_options o;
    struct bench_layer *layers = NULL;
    struct nn_error err = NN_ERROR_INIT;
    double total[3] = { 0, 0, 0 };
    size_t n = 0;
    int status = bench_parse(argc, argv, "bench_conv",
                             "Time forward, input gradient and weight gradient "
                             "of each convolution of a net.",
                             &o);
    if (status) {
        return status == 1 ? 0 : status;
    }
    enum nn_status st = bench_net(&o, &layers, &n, &err);
    double peak = bench_peak_gflops(o.threads);
    double gbs = bench_copy_gbs(o.threads);
    printf("%s, %d threads, %d px, width %.2f, batch %d; peak %.0f GFLOP/s, "
           "copy %.1f GB/s\n",
           nn_cpu_name(nn_cpu_flags()), o.threads, o.size, o.width, o.batch,
           peak, gbs);
    printf("%-28s %5s  %8s %7s %4s  %8s %7s %4s  %8s %7s %4s\n", "layer",
           "times", "fwd us", "GFLOP/s", "%", "in us", "GFLOP/s", "%", "wt us",
           "GFLOP/s", "%");
    for (size_t i = 0; !st && i < n; i++) {
        if (bench_wanted(&o, &layers[i])) {
            st = time_layer(&layers[i], &o, peak, total, &err);
        }
    }
    printf("all layers: forward %.3f ms, input gradient %.3f ms, weight "
           "gradient %.3f ms\n",
           total[0] * 1e3, total[1] * 1e3, total[2] * 1e3);
    if (st) {
        fprintf(stderr, "bench_conv: %s\n", err.text);
    }
    nn_mem_free(layers);
    return st != NN_OK;
}
