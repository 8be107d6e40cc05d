#include "tests/unit/tensor/kernels/conv_bench.h"

#include <stdio.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/mem.h"
#include "tests/unit/testkit.h"

/* Shapes of the nets, and corners: one pixel, kernel larger than the image,
 * padding beyond the kernel, one column more or less than a panel. */
static const struct conv_case fixed[] = {
    { { 32, 32, 3, 32, 3, 3, 2, 2, 1, 1, 1, 0 }, 1 },
    { { 17, 19, 3, 16, 3, 3, 2, 2, 1, 1, 1, 0 }, 3 },
    { { 16, 16, 32, 32, 3, 3, 2, 2, 1, 1, 1, 0 }, 2 },
    { { 8, 8, 32, 96, 3, 3, 2, 2, 1, 1, 1, 0 }, 1 },
    { { 4, 4, 64, 70, 1, 1, 1, 1, 0, 0, 1, 0 }, 5 },
    { { 1, 1, 66, 67, 1, 1, 1, 1, 0, 0, 1, 0 }, 1 },
    { { 1, 1, 66, 67, 1, 1, 1, 1, 0, 0, 1, 0 }, 5 },
    { { 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 0 }, 1 },
    { { 2, 2, 5, 6, 3, 3, 1, 1, 1, 1, 1, 0 }, 2 },
    { { 3, 2, 5, 6, 5, 5, 1, 1, 2, 2, 1, 0 }, 2 },
    { { 5, 5, 4, 4, 1, 1, 2, 2, 0, 0, 1, 0 }, 2 },
    { { 5, 6, 4, 4, 1, 1, 3, 2, 1, 1, 1, 0 }, 2 },
    { { 4, 4, 3, 5, 2, 2, 2, 2, 3, 3, 1, 0 }, 1 },
    { { 7, 5, 3, 4, 2, 3, 3, 1, 1, 2, 1, 0 }, 3 },
    { { 6, 6, 31, 33, 3, 3, 1, 1, 1, 1, 1, 0 }, 1 },
    { { 40, 40, 16, 17, 1, 1, 1, 1, 0, 0, 1, 0 }, 3 },
    { { 40, 40, 8, 8, 3, 3, 1, 1, 1, 1, 1, 0 }, 2 },
    { { 9, 9, 2, 2, 8, 8, 1, 1, 4, 4, 1, 0 }, 1 },
    { { 12, 12, 2, 3, 9, 7, 2, 2, 4, 3, 1, 0 }, 1 },
    { { 8, 8, 64, 64, 3, 3, 1, 1, 1, 1, 64, 0 }, 2 },
    { { 8, 8, 64, 64, 3, 3, 2, 2, 1, 1, 64, 0 }, 2 },
    { { 8, 8, 48, 48, 5, 5, 1, 1, 2, 2, 48, 0 }, 2 },
    { { 8, 8, 48, 48, 5, 5, 2, 2, 2, 2, 48, 0 }, 2 },
    { { 4, 4, 70, 70, 5, 5, 1, 1, 2, 2, 70, 0 }, 5 },
    { { 4, 4, 70, 70, 3, 3, 1, 1, 1, 1, 70, 0 }, 5 },
    { { 2, 3, 17, 17, 5, 5, 2, 2, 2, 2, 17, 0 }, 1 },
    { { 1, 1, 17, 17, 5, 5, 1, 1, 2, 2, 17, 0 }, 2 },
    { { 9, 13, 5, 5, 3, 3, 1, 1, 0, 0, 5, 0 }, 2 },
    { { 9, 13, 5, 5, 3, 3, 2, 2, 0, 0, 5, 0 }, 2 },
    { { 9, 13, 5, 5, 5, 5, 1, 1, 5, 6, 5, 0 }, 2 },
    { { 9, 13, 5, 5, 5, 5, 2, 2, 5, 6, 5, 0 }, 2 },
    { { 9, 13, 33, 33, 3, 5, 2, 1, 1, 2, 33, 0 }, 2 },
    { { 9, 13, 7, 7, 4, 4, 3, 3, 2, 1, 7, 0 }, 2 },
    { { 30, 33, 37, 37, 3, 3, 1, 1, 1, 1, 37, 0 }, 3 },
    { { 30, 33, 37, 37, 5, 5, 2, 2, 2, 2, 37, 0 }, 3 },
    { { 6, 6, 12, 12, 9, 9, 1, 1, 4, 4, 12, 0 }, 2 },
    { { 6, 6, 6, 6, 1, 1, 2, 2, 0, 0, 6, 0 }, 2 },
    { { 5, 7, 8, 8, 2, 3, 2, 1, 1, 1, 8, 0 }, 1 },
    /* Weight gradients in pieces: filters, pixels and edges, channels. */
    { { 30, 30, 16, 40, 1, 1, 1, 1, 0, 0, 1, 0 }, 2 },
    { { 45, 46, 3, 30, 3, 3, 1, 1, 1, 1, 1, 0 }, 2 },
    { { 6, 6, 300, 300, 5, 5, 1, 1, 2, 2, 300, 0 }, 3 },
    { { 16, 16, 150, 150, 3, 3, 2, 2, 1, 1, 150, 0 }, 9 },
    /* Depthwise in strips of 7 and 8: one row, both rows at an edge, an odd
     * row, inner strips, other paddings of rows, results beyond the caches. */
    { { 1, 8, 40, 40, 5, 5, 1, 1, 2, 2, 40, 0 }, 2 },
    { { 2, 7, 48, 48, 5, 5, 1, 1, 2, 2, 48, 0 }, 2 },
    { { 3, 14, 40, 40, 3, 3, 1, 1, 1, 1, 40, 0 }, 2 },
    { { 7, 7, 40, 40, 5, 5, 1, 1, 2, 2, 40, 0 }, 3 },
    { { 5, 21, 33, 33, 5, 5, 1, 1, 2, 2, 33, 0 }, 2 },
    { { 4, 24, 150, 150, 3, 3, 1, 1, 1, 1, 150, 0 }, 1 },
    { { 6, 8, 16, 16, 5, 5, 1, 1, 4, 2, 16, 0 }, 2 },
    { { 9, 7, 17, 17, 3, 3, 1, 1, 0, 1, 17, 0 }, 2 },
    { { 2, 8, 16, 16, 5, 5, 1, 1, 6, 2, 16, 0 }, 1 },
    { { 24, 24, 300, 300, 5, 5, 1, 1, 2, 2, 300, 0 }, 2 },
    /* More pieces of the weight gradient than of the result. */
    { { 28, 28, 64, 64, 5, 5, 1, 1, 2, 2, 64, 0 }, 1 },
    /* 3x3, stride 2, two rows and columns at a time: odd sizes, paddings,
     * channels left over, blocks of few tiles. */
    { { 17, 30, 16, 33, 3, 3, 2, 2, 1, 1, 1, 0 }, 3 },
    { { 30, 15, 21, 20, 3, 3, 2, 2, 0, 0, 1, 0 }, 2 },
    { { 11, 12, 40, 9, 3, 3, 2, 2, 2, 1, 1, 0 }, 2 },
    { { 14, 14, 130, 20, 3, 3, 2, 2, 1, 1, 1, 0 }, 1 },
    { { 64, 64, 32, 32, 3, 3, 2, 2, 1, 1, 1, 0 }, 2 },
    /* TensorFlow's SAME at even sizes: zeros below and to the right alone. */
    { { 32, 32, 3, 32, 3, 3, 2, 2, 0, 0, 1, 1 }, 2 },
    { { 64, 64, 32, 32, 3, 3, 2, 2, 0, 0, 1, 1 }, 1 },
    { { 14, 14, 130, 20, 3, 3, 2, 2, 0, 0, 1, 1 }, 1 },
    { { 10, 12, 96, 96, 3, 3, 2, 2, 0, 0, 96, 1 }, 2 },
    { { 14, 14, 48, 48, 5, 5, 2, 2, 1, 1, 48, 1 }, 2 },
    { { 8, 8, 40, 40, 3, 3, 1, 1, 1, 1, 40, 1 }, 2 },
    { { 7, 8, 33, 33, 5, 5, 1, 1, 2, 2, 33, 1 }, 3 },
    { { 6, 5, 9, 20, 1, 1, 1, 1, 0, 0, 1, 1 }, 2 },
    { { 30, 30, 300, 300, 3, 3, 2, 2, 0, 0, 300, 1 }, 2 },
};
_Static_assert(sizeof(fixed) / sizeof(fixed[0]) == CONV_FIXED, "cases");

static struct conv_case random_case(uint32_t i)
{
    uint32_t seed = 977u * i + 5u;
    struct conv_case c;
    do {
        struct nn_conv_shape *s = &c.s;
        s->h = 1 + (int32_t)next_random(&seed, 12);
        s->w = 1 + (int32_t)next_random(&seed, 14);
        s->ic = 1 + (int32_t)next_random(&seed, 70);
        s->oc = 1 + (int32_t)next_random(&seed, 70);
        s->kh = 1 + (int32_t)next_random(&seed, 5);
        s->kw = i % 3 ? s->kh : 1 + (int32_t)next_random(&seed, 5);
        s->stride_h = 1 + (int32_t)next_random(&seed, i % 5 ? 2 : 3);
        s->stride_w = i % 4 ? s->stride_h : 1 + (int32_t)next_random(&seed, 3);
        s->pad_h = (int32_t)next_random(&seed, 4);
        s->pad_w = (int32_t)next_random(&seed, 4);
        s->groups = 1;
        if (i % 3 == 0) {
            s->oc = s->groups = s->ic;
        }
        c.batch = 1 + (int32_t)next_random(&seed, 5);
        s->pad_more = i % 4 == 1;
    } while (nn_conv_out_h(&c.s) < 1 || nn_conv_out_w(&c.s) < 1 ||
             nn_conv_macs(&c.s) * (size_t)c.batch > 500000);
    return c;
}

static struct conv_case case_at(int i)
{
    return i < CONV_FIXED ? fixed[i] : random_case((uint32_t)(i - CONV_FIXED));
}

/* Instruction sets of this machine, the scalar one first. */
int flag_sets(unsigned sets[4])
{
    unsigned have = nn_cpu_flags();
    int n = 0;
    sets[n++] = 0;
    if (have & NN_CPU_AVX2) {
        sets[n++] = NN_CPU_AVX2;
    }
    if (have & NN_CPU_AVX512) {
        sets[n++] = NN_CPU_AVX2 | NN_CPU_AVX512;
    }
    return n;
}

void bench_init(struct bench *b, int i, int exact)
{
    const struct nn_conv_shape *s = &b->c.s;
    uint32_t seed = (uint32_t)i * 31u + (uint32_t)exact + 1u;
    b->c = case_at(i);
    b->exact = exact;
    size_t n_x = (size_t)(b->c.batch * s->h * s->w * s->ic);
    size_t n_w = (size_t)(s->oc * s->kh * s->kw * (s->ic / s->groups));
    size_t n_y = (size_t)(b->c.batch * nn_conv_out_h(s) * nn_conv_out_w(s)) *
                 (size_t)s->oc;
    b->x = guarded_make(n_x);
    b->dx = guarded_make(n_x);
    b->w = guarded_make(n_w);
    b->dw = guarded_make(n_w);
    b->y = guarded_make(n_y);
    b->dy = guarded_make(n_y);
    b->res = guarded_make(n_y);
    b->bias = guarded_make((size_t)s->oc);
    void (*fill)(float *, size_t, uint32_t *) = exact ? fill_whole : fill_float;
    fill(b->x.v, n_x, &seed);
    fill(b->w.v, n_w, &seed);
    fill(b->dy.v, n_y, &seed);
    fill(b->res.v, n_y, &seed);
    fill(b->bias.v, (size_t)s->oc, &seed);
    b->r = reference_make(s, b->c.batch, b->x.v, b->w.v, b->dy.v);
}

void bench_plan(struct bench *b, unsigned flags, const char *what)
{
    const struct nn_conv_shape *s = &b->c.s;
    struct nn_error err = NN_ERROR_INIT;
    ck_assert_msg(nn_conv_create(s, b->c.batch, flags, &b->conv, &err) == NN_OK,
                  "%s", err.text);
    snprintf(b->what, sizeof(b->what),
             "%s %s %s: %dx%dx%d -> %d, %dx%d stride %dx%d pad %dx%d groups %d "
             "batch %d",
             what, method_of(b->conv), isa_of(b->conv), s->h, s->w, s->ic,
             s->oc, s->kh, s->kw, s->stride_h, s->stride_w, s->pad_h, s->pad_w,
             s->groups, b->c.batch);
    b->packed = guarded_make(nn_conv_packed_floats(b->conv));
    nn_conv_pack(b->conv, b->w.v, b->packed.v);
    guarded_check(&b->packed, b->what);
}

void bench_work(struct bench *b, int backward)
{
    b->work = guarded_make(nn_conv_work_floats(b->conv, backward));
    /* Scratch may hold anything. */
    memset(b->work.v, 0xff, b->work.n * sizeof(float));
}

void bench_unplan(struct bench *b)
{
    guarded_free(&b->packed);
    nn_conv_destroy(&b->conv);
    ck_assert_ptr_null(b->conv);
}

void bench_free(struct bench *b)
{
    struct guarded *all[] = { &b->x,    &b->w,   &b->dy, &b->dx,
                              &b->bias, &b->res, &b->y,  &b->dw };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        guarded_free(all[i]);
    }
    reference_free(&b->r);
}

void run_forward(struct bench *b, int mask, double *sum, double *sum_sq)
{
    memset(b->y.v, 0xff, b->y.n * sizeof(float));
    if (mask & 4) {
        memcpy(b->y.v, b->res.v, b->y.n * sizeof(float));
    }
    struct nn_conv_epilogue e = {
        .bias = mask & 1 ? b->bias.v : NULL,
        .residual = mask & 4   ? b->y.v
                    : mask & 2 ? b->res.v
                               : NULL,
        .act = mask & 64  ? NN_ACT_RELU6
               : mask & 8 ? NN_ACT_RELU
                          : NN_ACT_NONE,
        .sum = mask & 16 ? sum : NULL,
        .sum_sq = mask & 16 ? sum_sq : NULL,
    };
    if (mask & 32) {
        e.later.p = e.far.p = b->packed.v;
        e.later.floats = e.far.floats = b->packed.n;
    }
    bench_work(b, 0);
    nn_conv_forward(b->conv, b->c.batch, b->x.v, b->packed.v, &e, b->y.v,
                    b->work.v);
    guarded_check(&b->work, b->what);
    guarded_check(&b->y, b->what);
    guarded_free(&b->work);
}

void each_set(int i, int exact, void (*what)(struct bench *, int))
{
    unsigned sets[4];
    int n = flag_sets(sets);
    struct bench b = { 0 };
    bench_init(&b, i, exact);
    for (int f = 0; f < n; f++) {
        bench_plan(&b, sets[f], exact ? "whole" : "float");
        what(&b, i);
        bench_unplan(&b);
    }
    bench_free(&b);
}
