#include "pipelines/bench/bench.h"

#include "common/base/cpu.h"

static void print_layer_head(const struct bench_plan *p, FILE *to)
{
    char batch[BENCH_BATCHES][24];

    for (int k = 0; k < BENCH_BATCHES; k++) {
        snprintf(batch[k], sizeof batch[k], "batch %d", (int)p->forward[k]);
    }
    fprintf(to, "  %-24s %5s | %-27s | %s\n", "forward, layer by layer",
            "times", batch[0], batch[1]);
    fprintf(to, "  %-24s %5s", "", "");
    for (int k = 0; k < BENCH_BATCHES; k++) {
        fprintf(to, " | %9s %7s %4s %4s", "us", "GFLOP/s", "peak", "copy");
    }
    putc('\n', to);
}

static void print_row(const struct bench_row *r, FILE *to)
{
    fprintf(to, "  %-24s %5d", r->layer.name, r->layer.times);
    for (int k = 0; k < BENCH_BATCHES; k++) {
        const struct bench_layer_time *t = &r->at[k];

        fprintf(to, " | %9.1f %7.1f %3.0f%% ", t->seconds * 1e6, t->gflops,
                100 * t->of_peak);
        if (bench_is_depthwise(&r->layer.s)) {
            fprintf(to, "%3.0f%%", 100 * t->of_copy);
        } else {
            fprintf(to, "%4s", "");
        }
    }
    putc('\n', to);
}

static void print_layer_sums(const struct bench_net_result *n, FILE *to)
{
    fprintf(to, "  %-24s %5s", "all", "");
    for (int k = 0; k < BENCH_BATCHES; k++) {
        double us = 0;

        for (size_t i = 0; i < n->n_rows; i++) {
            us += n->row[i].at[k].seconds * n->row[i].layer.times * 1e6;
        }
        fprintf(to, " | %9.1f %17s", us, "");
    }
    putc('\n', to);
}

static void print_rate(const char *what, int32_t batch,
                       const struct bench_rate *r, FILE *to)
{
    fprintf(to,
            "  %-9s batch %3d: %9.1f images/s (%.1f to %.1f), %.3f ms a "
            "batch\n",
            what, (int)batch, r->median, r->min, r->max,
            1e3 * batch / r->median);
}

static void print_net(const struct bench_result *r,
                      const struct bench_net_result *n, FILE *to)
{
    const struct nn_net_spec *s = &n->net->spec;
    const struct bench_loader *l = &n->loader;
    char arch[NN_ARCH_TEXT];

    nn_arch_text(s->arch, s->width, arch);
    fprintf(to, "%s net: %s, %d px, %zu outputs, %.1f M multiply-adds\n",
            n->name, arch, (int)s->size, s->n_outputs,
            (double)nn_graph_macs(n->net->graph) / 1e6);
    if (n == r->net && r->same != NULL) {
        fprintf(to, "%s net: the same but for its %zu outputs, not repeated\n",
                r->same, r->same_outputs);
    }
    print_layer_head(&r->plan, to);
    for (size_t i = 0; i < n->n_rows; i++) {
        print_row(&n->row[i], to);
    }
    print_layer_sums(n, to);
    for (int k = 0; k < BENCH_BATCHES; k++) {
        print_rate("inference", r->plan.forward[k], &n->inference[k], to);
    }
    for (int k = 0; k < BENCH_BATCHES; k++) {
        print_rate("training", r->plan.train[k], &n->training[k], to);
    }
    fprintf(to,
            "  loader, warm cache, batch %d: training waits for it %.1f %% of "
            "the time;\n  %.1f images/s with it (%.1f to %.1f), %.1f on one "
            "batch in memory (%.1f to %.1f)\n",
            (int)l->batch, 100 * l->wait_share, l->fed.median, l->fed.min,
            l->fed.max, l->bare.median, l->bare.min, l->bare.max);
}

void bench_print(const struct bench_result *r, FILE *to)
{
    const struct bench_decode *d = &r->decode;

    fprintf(to,
            "%s, %d thread%s, medians of %d; measured peak of multiply-adds "
            "%.0f GFLOP/s, of a copy %.1f GB/s\n",
            nn_cpu_name(nn_cpu_flags()), r->machine.threads,
            r->machine.threads == 1 ? "" : "s", r->plan.rounds,
            r->machine.peak_gflops, r->machine.copy_gbs);
    for (size_t i = 0; i < r->n_nets; i++) {
        print_net(r, &r->net[i], to);
    }
    fprintf(to,
            "decoding: %.0f images/s (%.0f to %.0f), JPEG %d x %d (%.0f kB, "
            "rendered) to %d x %d\n",
            d->rate.median, d->rate.min, d->rate.max, (int)d->w, (int)d->h,
            d->bytes / 1e3, (int)d->to, (int)d->to);
}
