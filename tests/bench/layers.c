#include "tests/bench/layers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/cpu.h"
#include "common/base/mem.h"
#include "common/base/options.h"
#include "common/base/parallel.h"
#include "common/base/rng.h"

struct builder {
    struct bench_layer *out;
    size_t n;
    int32_t h, c; /* current image h x h x c */
    double width;
};

static int32_t round8(double v)
{
    int32_t n = (int32_t)((v + 4) / 8) * 8;
    n = n < 8 ? 8 : n;
    return n < 0.9 * v ? n + 8 : n;
}

/* Append a convolution to oc channels, or count one more of its shape. */
static void add(struct builder *b, int32_t oc, int32_t k, int32_t stride,
                int depthwise)
{
    struct bench_layer l = { .times = 1 };
    l.s = (struct nn_conv_shape){
        .h = b->h,
        .w = b->h,
        .ic = b->c,
        .oc = oc,
        .kh = k,
        .kw = k,
        .stride_h = stride,
        .stride_w = stride,
        .pad_h = k / 2,
        .pad_w = k / 2,
        .groups = depthwise ? b->c : 1,
    };
    snprintf(l.name, sizeof(l.name), "%s%dx%d s%d %3d->%-4d @%d",
             depthwise ? "dw " : "", k, k, stride, b->c, oc, b->h);
    b->h = nn_conv_out_h(&l.s);
    b->c = oc;
    for (size_t i = 0; i < b->n; i++) {
        if (memcmp(&b->out[i].s, &l.s, sizeof(l.s)) == 0) {
            b->out[i].times++;
            return;
        }
    }
    if (b->n < BENCH_LAYERS) {
        b->out[b->n++] = l;
    }
}

static void conv(struct builder *b, int32_t oc, int32_t k, int32_t stride)
{
    add(b, round8(oc * b->width), k, stride, 0);
}

/* Universal inverted bottleneck; kernel 0: no such depthwise layer. */
static void uib(struct builder *b, int32_t k_start, int32_t k_mid,
                int32_t stride, int32_t expand, int32_t out)
{
    if (k_start) {
        add(b, b->c, k_start, k_mid ? 1 : stride, 1);
    }
    add(b, round8(b->c * expand), 1, 1, 0);
    if (k_mid) {
        add(b, b->c, k_mid, stride, 1);
    }
    conv(b, out, 1, 1);
}

size_t bench_net(int32_t size, double width, struct bench_layer *out)
{
    struct builder b = { .out = out, .h = size, .c = 3, .width = width };
    conv(&b, 32, 3, 2);
    conv(&b, 32, 3, 2);
    conv(&b, 32, 1, 1);
    conv(&b, 96, 3, 2);
    conv(&b, 64, 1, 1);
    uib(&b, 5, 5, 2, 3, 96);
    for (int i = 0; i < 4; i++) {
        uib(&b, 0, 3, 1, 2, 96);
    }
    uib(&b, 3, 0, 1, 4, 96);
    uib(&b, 3, 3, 2, 6, 128);
    uib(&b, 5, 5, 1, 4, 128);
    uib(&b, 0, 5, 1, 4, 128);
    uib(&b, 0, 5, 1, 3, 128);
    uib(&b, 0, 3, 1, 4, 128);
    uib(&b, 0, 3, 1, 4, 128);
    conv(&b, 960, 1, 1);
    b.h = 1;
    add(&b, 1280, 1, 1, 0);
    return b.n;
}

int bench_is_depthwise(const struct nn_conv_shape *s)
{
    return s->groups > 1;
}

static float *floats(size_t n, uint64_t stream, float scale)
{
    float *v = nn_mem_aligned(n, sizeof(float));
    struct nn_rng r = nn_rng_make(1, stream);
    for (size_t i = 0; v && i < n; i++) {
        v[i] = nn_rng_range(&r, -scale, scale);
    }
    return v;
}

enum nn_status bench_run_init(struct bench_run *r, const struct bench_layer *l,
                              int32_t batch, struct nn_error *err)
{
    const struct nn_conv_shape *s = &l->s;
    *r = (struct bench_run){ .layer = l, .batch = batch };
    enum nn_status st = nn_conv_create(s, batch, nn_cpu_flags(), &r->conv, err);
    if (st) {
        return st;
    }
    size_t b = (size_t)batch;
    r->n_x = b * (size_t)s->h * (size_t)s->w * (size_t)s->ic;
    r->n_y =
        b * (size_t)nn_conv_out_h(s) * (size_t)nn_conv_out_w(s) * (size_t)s->oc;
    r->n_w = (size_t)s->oc * (size_t)s->kh * (size_t)s->kw *
             (size_t)(s->ic / s->groups);
    size_t n_work = nn_conv_work_floats(r->conv, 0);
    size_t n_back = nn_conv_work_floats(r->conv, 1);
    r->x = floats(r->n_x, 1, 1);
    r->w = floats(r->n_w, 2, 0.1f);
    r->y = floats(r->n_y, 3, 1);
    r->bias = floats((size_t)s->oc, 4, 1);
    r->packed = floats(nn_conv_packed_floats(r->conv), 5, 0);
    r->work = floats(n_work > n_back ? n_work : n_back, 6, 0);
    if (!r->x || !r->w || !r->y || !r->bias || !r->packed || !r->work) {
        bench_run_release(r);
        return nn_fail_nomem(err);
    }
    nn_conv_pack(r->conv, r->w, r->packed);
    return NN_OK;
}

void bench_run_release(struct bench_run *r)
{
    nn_mem_free(r->x);
    nn_mem_free(r->w);
    nn_mem_free(r->y);
    nn_mem_free(r->bias);
    nn_mem_free(r->packed);
    nn_mem_free(r->work);
    nn_conv_destroy(&r->conv);
}

void bench_run_once(struct bench_run *r, enum bench_what what)
{
    struct nn_conv_epilogue e = { .bias = r->bias, .relu = 1 };
    switch (what) {
    case BENCH_FORWARD:
        nn_conv_forward(r->conv, r->batch, r->x, r->packed, &e, r->y, r->work);
        break;
    case BENCH_INPUT:
        nn_conv_backward_input(r->conv, r->batch, r->y, r->w, r->x, 0, r->work);
        break;
    case BENCH_WEIGHTS:
        nn_conv_backward_weights(r->conv, r->batch, r->x, r->y, r->w, r->work);
        break;
    }
}

static double now(int cpu)
{
    struct timespec t = { 0, 0 };
    clock_gettime(cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double bench_time(void (*fn)(void *), void *ctx, size_t inner)
{
    int one = nn_parallel_threads() == 1;
    double t = now(one);
    for (size_t i = 0; i < inner; i++) {
        fn(ctx);
    }
    return (now(one) - t) / (double)inner;
}

size_t bench_inner(void (*fn)(void *), void *ctx, double seconds)
{
    fn(ctx);
    double t = bench_time(fn, ctx, 3);
    double n = t > 0 ? seconds / t : 1000;
    return n < 1 ? 1 : n > 100000 ? 100000 : (size_t)n;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int bench_wanted(const struct bench_options *o, const struct bench_layer *l)
{
    return !o->layer || strstr(l->name, o->layer) != NULL;
}

double bench_typical(const struct bench_options *o, double *v)
{
    size_t n = (size_t)o->rounds;
    qsort(v, n, sizeof(*v), by_value);
    if (o->best) {
        return v[0];
    }
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

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
          63 },
        { "best", 0, NN_OPT_FLAG, &o->best, NULL,
          "least time instead of the median (busy machines)", 0, 0 },
        { "layer", 0, NN_OPT_STRING, &o->layer, "TEXT",
          "only layers whose name holds TEXT", 0, 0 },
        { "what", 0, NN_OPT_CHOICE, &o->what, "forward|input|weights",
          "direction", 0, 0 },
        { NULL, 0, NN_OPT_HEADING, NULL, NULL, NULL, 0, 0 },
    };
    const struct nn_options options = {
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
    nn_parallel_set_threads(o->threads);
    o->threads = nn_parallel_threads();
    return 0;
}
