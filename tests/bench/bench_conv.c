/* Per-layer speed of the convolutions of one net. */
#include <stdio.h>

#include "common/base/cpu.h"
#include "tests/bench/layers.h"

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
    double t[63];
    size_t inner = bench_inner(once, &c, 0.004);
    for (int i = 0; i < o->rounds; i++) {
        t[i] = bench_time(once, &c, inner);
    }
    return bench_typical(o, t);
}

int main(int argc, char **argv)
{
    struct bench_options o;
    struct bench_layer layers[BENCH_LAYERS];
    int status = bench_parse(argc, argv, "bench_conv",
                             "Time forward, input gradient and weight gradient "
                             "of each convolution of a net.",
                             &o);
    if (status) {
        return status == 1 ? 0 : status;
    }
    size_t n = bench_net(o.size, o.width, layers);
    double peak = bench_peak_gflops(o.threads), total[3] = { 0, 0, 0 };
    double gbs = bench_copy_gbs(o.threads);
    printf("%s, %d threads, %d px, width %.2f, batch %d; peak %.0f GFLOP/s, "
           "copy %.1f GB/s\n",
           nn_cpu_name(nn_cpu_flags()), o.threads, o.size, o.width, o.batch,
           peak, gbs);
    printf("%-28s %5s  %8s %7s %4s  %8s %7s %4s  %8s %7s %4s\n", "layer",
           "times", "fwd us", "GFLOP/s", "%", "in us", "GFLOP/s", "%", "wt us",
           "GFLOP/s", "%");
    for (size_t i = 0; i < n; i++) {
        struct bench_run r;
        struct nn_error err = NN_ERROR_INIT;
        if (!bench_wanted(&o, &layers[i])) {
            continue;
        }
        if (bench_run_init(&r, &layers[i], o.batch, &err)) {
            fprintf(stderr, "%s: %s\n", layers[i].name, err.text);
            return 1;
        }
        printf("%-28s %5d", layers[i].name, layers[i].times);
        for (int what = 0; what < 3; what++) {
            double t = measure(&r, (enum bench_what)what, &o);
            double f = 2e-9 * o.batch * (double)nn_conv_macs(&layers[i].s) / t;
            printf("  %8.1f %7.1f %4.0f", t * 1e6, f, 100 * f / peak);
            total[what] += t * layers[i].times;
        }
        printf("\n");
        bench_run_release(&r);
    }
    printf("all layers: forward %.3f ms, input gradient %.3f ms, weight "
           "gradient %.3f ms\n",
           total[0] * 1e3, total[1] * 1e3, total[2] * 1e3);
    return 0;
}
