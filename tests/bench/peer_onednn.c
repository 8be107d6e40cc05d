/* The convolutions of one net through ours and through oneDNN, turn by turn
 * in one run. oneDNN chooses its own weight layout; activations are tried
 * both as NHWC and in the layout it likes best (its reorders are not
 * counted), and its better time is taken. Both sides add a bias and apply
 * ReLU in the forward direction. */
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <math.h>
#include <stdio.h>

#include "common/base/cpu.h"
#include "common/base/mem.h"
#include "pipelines/bench/clock.h"
#include "tests/bench/options.h"

/* One primitive with its memories. */
struct peer {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t prim;
    dnnl_exec_arg_t args[4];
    dnnl_memory_t mem[4];
    int n;
};

static const char *failed; /* text of the first oneDNN call that failed */

static int ok(dnnl_status_t st, const char *what)
{
    if (st != dnnl_success && !failed) {
        failed = what;
    }
    return st == dnnl_success;
}

/* Memory descriptors of one layer; groups add an axis to the weights. */
struct layout {
    dnnl_memory_desc_t x, w, bias, y;
    dnnl_dims_t stride, pad, behind; /* pad_more: behind the image alone */
};

static int describe(const struct bench_run *r, int nhwc, struct layout *l)
{
    const struct nn_conv_shape *s = &r->layer->s;
    dnnl_dims_t x = { r->batch, s->ic, s->h, s->w };
    dnnl_dims_t y = { r->batch, s->oc, nn_conv_out_h(s), nn_conv_out_w(s) };
    dnnl_dims_t w = { s->oc, s->ic, s->kh, s->kw };
    dnnl_dims_t wg = { s->groups, s->oc / s->groups, s->ic / s->groups, s->kh,
                       s->kw };
    dnnl_dims_t bias = { s->oc };
    int g = s->groups > 1;
    dnnl_format_tag_t act = nhwc ? dnnl_nhwc : dnnl_format_tag_any;
    l->stride[0] = s->stride_h;
    l->stride[1] = s->stride_w;
    l->pad[0] = s->pad_h;
    l->pad[1] = s->pad_w;
    l->behind[0] = s->pad_h + s->pad_more;
    l->behind[1] = s->pad_w + s->pad_more;
    return ok(dnnl_memory_desc_init_by_tag(&l->x, 4, x, dnnl_f32, act), "x") &&
           ok(dnnl_memory_desc_init_by_tag(&l->y, 4, y, dnnl_f32, act), "y") &&
           ok(dnnl_memory_desc_init_by_tag(&l->w, g ? 5 : 4, g ? wg : w,
                                           dnnl_f32, dnnl_format_tag_any),
              "w") &&
           ok(dnnl_memory_desc_init_by_tag(&l->bias, 1, bias, dnnl_f32, dnnl_a),
              "bias");
}

static int add_memory(struct peer *p, const_dnnl_primitive_desc_t pd,
                      dnnl_query_t query, int index, int arg)
{
    const dnnl_memory_desc_t *md =
        dnnl_primitive_desc_query_md(pd, query, index);
    dnnl_memory_t m = NULL;
    if (!md || !ok(dnnl_memory_create(&m, md, p->engine, DNNL_MEMORY_ALLOCATE),
                   "memory")) {
        return 0;
    }
    void *v = NULL;
    if (ok(dnnl_memory_get_data_handle(m, &v), "handle")) {
        size_t n = dnnl_memory_desc_get_size(md) / sizeof(float);
        for (size_t i = 0; i < n; i++) {
            ((float *)v)[i] = (float)(i % 17) * 0.0625f - 0.5f;
        }
    }
    p->mem[p->n] = m;
    p->args[p->n] = (dnnl_exec_arg_t){ arg, m };
    p->n++;
    return 1;
}

static int make_forward(struct peer *p, const struct layout *l,
                        dnnl_primitive_desc_t *fwd)
{
    dnnl_convolution_desc_t d;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    int good = ok(dnnl_primitive_attr_create(&attr), "attr") &&
               ok(dnnl_post_ops_create(&ops), "ops") &&
               ok(dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, 0, 0),
                  "relu") &&
               ok(dnnl_primitive_attr_set_post_ops(attr, ops), "post ops") &&
               ok(dnnl_convolution_forward_desc_init(
                      &d, dnnl_forward_training, dnnl_convolution_direct, &l->x,
                      &l->w, &l->bias, &l->y, l->stride, l->pad, l->behind),
                  "forward") &&
               ok(dnnl_primitive_desc_create(fwd, &d, attr, p->engine, NULL),
                  "forward choice");
    dnnl_post_ops_destroy(ops);
    dnnl_primitive_attr_destroy(attr);
    return good;
}

static int make_peer(struct peer *p, const struct bench_run *r,
                     enum bench_what what, int nhwc)
{
    struct layout l;
    dnnl_primitive_desc_t fwd = NULL, pd = NULL;
    dnnl_convolution_desc_t d;
    p->n = 0;
    p->prim = NULL;
    if (!describe(r, nhwc, &l) || !make_forward(p, &l, &fwd)) {
        return 0;
    }
    int good = 0;
    if (what == BENCH_FORWARD) {
        good = add_memory(p, fwd, dnnl_query_src_md, 0, DNNL_ARG_SRC) &&
               add_memory(p, fwd, dnnl_query_weights_md, 0, DNNL_ARG_WEIGHTS) &&
               add_memory(p, fwd, dnnl_query_weights_md, 1, DNNL_ARG_BIAS) &&
               add_memory(p, fwd, dnnl_query_dst_md, 0, DNNL_ARG_DST) &&
               ok(dnnl_primitive_create(&p->prim, fwd), "forward primitive");
    } else if (what == BENCH_INPUT) {
        good =
            ok(dnnl_convolution_backward_data_desc_init(
                   &d, dnnl_convolution_direct, &l.x, &l.w, &l.y, l.stride,
                   l.pad, l.behind),
               "backward data") &&
            ok(dnnl_primitive_desc_create(&pd, &d, NULL, p->engine, fwd),
               "backward data choice") &&
            add_memory(p, pd, dnnl_query_diff_src_md, 0, DNNL_ARG_DIFF_SRC) &&
            add_memory(p, pd, dnnl_query_weights_md, 0, DNNL_ARG_WEIGHTS) &&
            add_memory(p, pd, dnnl_query_diff_dst_md, 0, DNNL_ARG_DIFF_DST) &&
            ok(dnnl_primitive_create(&p->prim, pd), "backward data primitive");
    } else {
        good =
            ok(dnnl_convolution_backward_weights_desc_init(
                   &d, dnnl_convolution_direct, &l.x, &l.w, NULL, &l.y,
                   l.stride, l.pad, l.behind),
               "backward weights") &&
            ok(dnnl_primitive_desc_create(&pd, &d, NULL, p->engine, fwd),
               "backward weights choice") &&
            add_memory(p, pd, dnnl_query_src_md, 0, DNNL_ARG_SRC) &&
            add_memory(p, pd, dnnl_query_diff_weights_md, 0,
                       DNNL_ARG_DIFF_WEIGHTS) &&
            add_memory(p, pd, dnnl_query_diff_dst_md, 0, DNNL_ARG_DIFF_DST) &&
            ok(dnnl_primitive_create(&p->prim, pd),
               "backward weights primitive");
    }
    dnnl_primitive_desc_destroy(fwd);
    if (pd) {
        dnnl_primitive_desc_destroy(pd);
    }
    return good;
}

static void free_peer(struct peer *p)
{
    for (int i = 0; i < p->n; i++) {
        dnnl_memory_destroy(p->mem[i]);
    }
    if (p->prim) {
        dnnl_primitive_destroy(p->prim);
    }
}

struct call {
    struct bench_run *r;
    enum bench_what what;
};

static void ours(void *ctx)
{
    struct call *c = ctx;
    bench_run_once(c->r, c->what);
}

static void theirs(void *ctx)
{
    struct peer *p = ctx;
    ok(dnnl_primitive_execute(p->prim, p->stream, p->n, p->args), "execute");
    ok(dnnl_stream_wait(p->stream), "wait");
}

/* Medians of the interleaved timings: t[0] ours, t[1] and t[2] oneDNN. */
static void measure(struct call *c, struct peer *nhwc, struct peer *any,
                    const struct bench_options *o, double t[3])
{
    double v[3][BENCH_ROUNDS];
    void *ctx[3] = { c, nhwc, any };
    void (*fn[3])(void *) = { ours, theirs, theirs };
    size_t inner[3];
    for (int k = 0; k < 3; k++) {
        inner[k] = bench_inner(fn[k], ctx[k], 0.003);
    }
    for (int i = 0; i < o->rounds; i++) {
        for (int k = 0; k < 3; k++) {
            v[k][i] = k == 0 ? bench_time_in_team(fn[k], ctx[k], inner[k])
                             : bench_time(fn[k], ctx[k], inner[k]);
        }
    }
    for (int k = 0; k < 3; k++) {
        t[k] = bench_typical(o, v[k]);
    }
}

/* Sums of logarithms of ratios, and counts: [0] dense and 1x1, [1] dw. Of the
 * depthwise ones, of the rates of a copy and the shares of it too, and how many
 * are so fast as the aim has it: MUCH_FASTER than oneDNN, or NEAR_COPY of the
 * bandwidth of a copy. */
struct totals {
    double log_sum[2], log_copy, log_share, ours, theirs;
    int n[2], reached;
};
#define MUCH_FASTER 1.5
#define NEAR_COPY   0.8

enum { COPIES = 5 };

/* GB/s of a copy beside one layer, of which COPIES were timed before it: the
 * median of these and as many after it, or with --best the best of them, as
 * the layer's times are taken. */
static double copy_rate(const struct bench_options *o, double *rates)
{
    bench_copy_rates(o->threads, rates + COPIES, COPIES);
    double median = bench_median(rates, 2 * COPIES);
    return o->best ? rates[2 * COPIES - 1] : median;
}

/* Prints the row of a layer; copy: GB/s beside it, 0 for a dense one. */
static void tally(const struct bench_run *r, const double t[3], double copy,
                  struct totals *total)
{
    const struct bench_layer *layer = r->layer;
    int dw = bench_is_depthwise(&layer->s);
    double peer = t[1] < t[2] ? t[1] : t[2];
    double f = 1e-9 * bench_run_flops(r);
    double share = dw ? 1e-9 * bench_run_bytes(r) / t[0] / copy : 0;
    printf("%-28s %5d %9.1f %7.1f %9.1f %9.1f %7.1f %6.2f", layer->name,
           layer->times, t[0] * 1e6, f / t[0], t[1] * 1e6, t[2] * 1e6, f / peer,
           peer / t[0]);
    if (dw) {
        printf(" %5.0f", share * 100);
        total->log_share += log(share);
        total->log_copy += log(copy);
        total->reached += peer / t[0] >= MUCH_FASTER || share >= NEAR_COPY;
    }
    printf("\n");
    total->log_sum[dw] += log(peer / t[0]);
    total->n[dw]++;
    total->ours += t[0] * layer->times;
    total->theirs += peer * layer->times;
}

static int run_layer(const struct bench_layer *layer,
                     const struct bench_options *o, struct peer base,
                     struct totals *total)
{
    struct bench_run r;
    struct nn_error err = NN_ERROR_INIT;
    struct peer nhwc = base, any = base;
    enum bench_what what = (enum bench_what)o->what;
    if (bench_run_init(&r, layer, o->batch, &err)) {
        fprintf(stderr, "%s: %s\n", layer->name, err.text);
        return 0;
    }
    int good = make_peer(&nhwc, &r, what, 1) && make_peer(&any, &r, what, 0);
    if (good) {
        struct call c = { &r, what };
        int dw = bench_is_depthwise(&layer->s);
        double t[3], rates[2 * COPIES];
        bench_copy_rates(o->threads, rates, dw ? COPIES : 0);
        measure(&c, &nhwc, &any, o, t);
        double copy = dw ? copy_rate(o, rates) : 0;
        tally(&r, t, copy, total);
    }
    free_peer(&nhwc);
    free_peer(&any);
    bench_run_release(&r);
    return good;
}

struct mean {
    char text[16];
};

/* Geometric mean, or "none". */
static struct mean mean(double log_sum, int n)
{
    struct mean m = { "none" };
    if (n > 0) {
        snprintf(m.text, sizeof(m.text), "%.3f", exp(log_sum / n));
    }
    return m;
}

static void print_totals(const struct totals *t)
{
    int dw = t->n[1];
    printf("geometric mean of oneDNN / ours: dense and pointwise %s, "
           "depthwise %s; whole net %.3f ms, oneDNN %.3f ms\n",
           mean(t->log_sum[0], t->n[0]).text, mean(t->log_sum[1], dw).text,
           t->ours * 1e3, t->theirs * 1e3);
    if (dw > 0) {
        printf("depthwise at %.1f x oneDNN or %.0f %% of a copy (%.1f GB/s "
               "beside them): %d of %d, %.0f %% of it (geometric mean)\n",
               MUCH_FASTER, NEAR_COPY * 100, exp(t->log_copy / dw), t->reached,
               dw, 100 * exp(t->log_share / dw));
    }
}

int main(int argc, char **argv)
{
    struct bench_options o;
    struct bench_layer *layers = NULL;
    struct nn_error err = NN_ERROR_INIT;
    size_t n = 0;
    struct peer base = { 0 };
    struct totals total = { 0 };
    char name[NN_ARCH_TEXT];
    int status = bench_parse(argc, argv, "peer_onednn",
                             "Time each convolution of a net through ours and "
                             "through oneDNN, turn by turn.",
                             &o);
    if (status) {
        return status == 1 ? 0 : status;
    }
    omp_set_num_threads(o.threads);
    if (!ok(dnnl_engine_create(&base.engine, dnnl_cpu, 0), "engine") ||
        !ok(dnnl_stream_create(&base.stream, base.engine,
                               dnnl_stream_default_flags),
            "stream")) {
        fprintf(stderr, "oneDNN: %s failed\n", failed);
        return 1;
    }
    const dnnl_version_t *v = dnnl_version();
    if (bench_net(&o, &layers, &n, &err)) {
        fprintf(stderr, "peer_onednn: %s\n", err.text);
        return 1;
    }
    nn_arch_text((enum nn_arch)o.net, (float)o.width, name);
    printf("oneDNN %d.%d.%d against %s, %d threads, %s, %d px, batch %d, "
           "direction %d\n",
           v->major, v->minor, v->patch, nn_cpu_name(nn_cpu_flags()), o.threads,
           name, o.size, o.batch, o.what);
    printf("%-28s %5s %9s %7s %9s %9s %7s %6s %5s\n", "layer", "times",
           "ours us", "GFLOP/s", "nhwc us", "any us", "GFLOP/s", "ratio",
           "copy%");
    for (size_t i = 0; i < n && !failed; i++) {
        if (bench_wanted(&o, &layers[i])) {
            (void)run_layer(&layers[i], &o, base, &total);
        }
    }
    if (failed) {
        fprintf(stderr, "oneDNN: %s failed\n", failed);
    } else {
        print_totals(&total);
    }
    dnnl_stream_destroy(base.stream);
    dnnl_engine_destroy(base.engine);
    nn_mem_free(layers);
    return failed != NULL;
}
