/* Convolutions of every kind, under every instruction set of this machine,
 * against naive sums in double. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "tests/unit/tensor/kernels/reference.h"
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
enum {
    N_FIXED = sizeof(fixed) / sizeof(fixed[0]),
    N_RANDOM = 140,
    N_PARTS = 4
};

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
    return i < N_FIXED ? fixed[i] : random_case((uint32_t)(i - N_FIXED));
}

/* Instruction sets of this machine, the scalar one first. */
static int flag_sets(unsigned sets[4])
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

/* Everything that one case needs. */
struct bench {
    struct conv_case c;
    struct nn_conv *conv;
    struct guarded x, w, dy, bias, res, y, dx, dw, packed, work;
    struct reference r;
    int exact;
    char what[160];
};

static void bench_init(struct bench *b, int i, int exact)
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

static void bench_plan(struct bench *b, unsigned flags, const char *what)
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

static void bench_work(struct bench *b, int backward)
{
    b->work = guarded_make(nn_conv_work_floats(b->conv, backward));
    /* Scratch may hold anything. */
    memset(b->work.v, 0xff, b->work.n * sizeof(float));
}

static void bench_unplan(struct bench *b)
{
    guarded_free(&b->packed);
    nn_conv_destroy(&b->conv);
    ck_assert_ptr_null(b->conv);
}

static void bench_free(struct bench *b)
{
    struct guarded *all[] = { &b->x,    &b->w,   &b->dy, &b->dx,
                              &b->bias, &b->res, &b->y,  &b->dw };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        guarded_free(all[i]);
    }
    reference_free(&b->r);
}

/* mask: 1 bias, 2 residual, 4 residual in place, 8 ReLU, 16 sums, 32 what is
 * read later, 64 ReLU6. */
static void run_forward(struct bench *b, int mask, double *sum, double *sum_sq)
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

static void check_forward(struct bench *b, int mask)
{
    size_t n = b->y.n, oc = (size_t)b->c.s.oc;
    run_forward(b, mask, NULL, NULL);
    double *want = nn_mem_calloc(n, sizeof(double));
    double *mag = nn_mem_calloc(n, sizeof(double));
    ck_assert(want && mag);
    for (size_t i = 0; i < n; i++) {
        double bias = mask & 1 ? (double)b->bias.v[i % oc] : 0;
        double res = mask & 6 ? (double)b->res.v[i] : 0;
        want[i] = b->r.y[i] + bias + res;
        mag[i] = b->r.y_mag[i] + fabs(bias) + fabs(res);
        if (mask & (8 | 64) && want[i] < 0) {
            want[i] = 0;
        }
        if (mask & 64 && want[i] > 6) {
            want[i] = 6;
        }
    }
    char what[200];
    snprintf(what, sizeof(what), "%s epilogue %d y", b->what, mask);
    compare(b->y.v, want, mag, NULL, n, b->r.k_y, b->exact, what);
    nn_mem_free(want);
    nn_mem_free(mag);
}

static void check_sums(struct bench *b)
{
    size_t n = b->y.n, oc = (size_t)b->c.s.oc, rows = n / oc;
    double *sum = nn_mem_calloc(2 * oc, sizeof(double));
    ck_assert_ptr_nonnull(sum);
    run_forward(b, 16, sum, sum + oc);
    compare(b->y.v, b->r.y, b->r.y_mag, NULL, n, b->r.k_y, b->exact, b->what);
    for (size_t c = 0; c < oc; c++) {
        double s = 0, q = 0, mag = 0;
        for (size_t r = 0; r < rows; r++) {
            double y = (double)b->y.v[r * oc + c];
            s += y;
            q += y * y;
            mag += fabs(y);
        }
        /* Of the written y: float inside a tile of at most 256, then double.
         * Squares of whole numbers may leave the 24 bits. */
        double eps = 20 * (double)FLT_EPSILON;
        testkit_assert(fabs(sum[c] - s) <= (b->exact ? 0 : eps * mag),
                       "%s: sum[%zu] is %.17g, not %.17g", b->what, c, sum[c],
                       s);
        testkit_assert(fabs(sum[oc + c] - q) <= eps * q,
                       "%s: sum_sq[%zu] is %.17g, not %.17g", b->what, c,
                       sum[oc + c], q);
    }
    nn_mem_free(sum);
}

static void check_weights(struct bench *b, int add, uint32_t *seed)
{
    float *before = nn_mem_calloc(b->dw.n, sizeof(float));
    char what[200];
    ck_assert_ptr_nonnull(before);
    fill_whole(before, b->dw.n, seed);
    memcpy(b->dw.v, before, b->dw.n * sizeof(float));
    bench_work(b, 1);
    nn_conv_backward_weights(b->conv, b->c.batch, b->x.v, b->dy.v, b->dw.v, add,
                             b->work.v, NULL, NULL);
    guarded_check(&b->work, b->what);
    guarded_check(&b->dw, b->what);
    guarded_free(&b->work);
    snprintf(what, sizeof(what), "%s accumulate %d dw", b->what, add);
    compare(b->dw.v, b->r.dw, b->r.dw_mag, add ? before : NULL, b->dw.n,
            b->r.k_dw, b->exact, what);
    nn_mem_free(before);
}

static void check_backward(struct bench *b)
{
    uint32_t seed = 99;
    float *before;
    for (int add = 0; add < 2; add++) {
        before = nn_mem_calloc(b->dx.n, sizeof(float));
        ck_assert_ptr_nonnull(before);
        fill_whole(before, b->dx.n, &seed);
        memcpy(b->dx.v, before, b->dx.n * sizeof(float));
        bench_work(b, 1);
        nn_conv_backward_input(b->conv, b->c.batch, b->dy.v, b->w.v, b->dx.v,
                               add, b->work.v);
        guarded_check(&b->work, b->what);
        guarded_check(&b->dx, b->what);
        guarded_free(&b->work);
        char what[200];
        snprintf(what, sizeof(what), "%s accumulate %d dx", b->what, add);
        compare(b->dx.v, b->r.dx, b->r.dx_mag, add ? before : NULL, b->dx.n,
                b->r.k_dx, b->exact, what);
        nn_mem_free(before);
    }
    for (int add = 0; add < 2; add++) {
        check_weights(b, add, &seed);
    }
}

static void check_case(int i, int exact, void (*what)(struct bench *, int))
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

static void forward_every(struct bench *b, int i)
{
    (void)i;
    for (int mask = 0; mask < 16; mask++) {
        check_forward(b, mask);
    }
    check_forward(b, 32 + 9); /* asking for later weights changes nothing */
    check_forward(b, 64);
    check_forward(b, 64 + 3);
}

/* The plain result, one of the epilogues by turns, sums and gradients. */
static void all_directions(struct bench *b, int i)
{
    static const int masks[] = { 1,  2,  4,  8,  3,  5,      9,
                                 64, 10, 12, 11, 13, 64 + 1, 64 + 4 };
    check_forward(b, 0);
    check_forward(b, masks[(size_t)i % (sizeof(masks) / sizeof(masks[0]))]);
    check_sums(b);
    check_backward(b);
}

START_TEST(whole_numbers_are_exact)
{
    for (int i = _i; i < N_FIXED + N_RANDOM; i += N_PARTS) {
        check_case(i, 1, all_directions);
    }
}
END_TEST

START_TEST(floats_are_close)
{
    for (int i = _i; i < N_FIXED + N_RANDOM; i += N_PARTS) {
        check_case(i, 0, all_directions);
    }
}
END_TEST

START_TEST(every_epilogue)
{
    static const int some[] = { 2,  4,  6,  15, 19, 23,          31,
                                36, 44, 45, 56, 57, N_FIXED - 3, N_FIXED - 2 };
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        check_case(some[i], 1, forward_every);
    }
}
END_TEST

static void same_bits(const float *a, const float *b, size_t n,
                      const char *what)
{
    ck_assert_msg(memcmp(a, b, n * sizeof(float)) == 0,
                  "%s: depends on the thread count", what);
}

/* y, sums, dx and dw with `threads`, one after another in out. */
static void all_results(struct bench *b, int threads, float *out, double *sums)
{
    nn_parallel_set_threads(threads);
    run_forward(b, 16, sums, sums + b->c.s.oc);
    memcpy(out, b->y.v, b->y.n * sizeof(float));
    out += b->y.n;
    memset(b->dw.v, 0, b->dw.n * sizeof(float));
    bench_work(b, 1);
    nn_conv_backward_input(b->conv, b->c.batch, b->dy.v, b->w.v, out, 0,
                           b->work.v);
    out += b->dx.n;
    nn_conv_backward_weights(b->conv, b->c.batch, b->x.v, b->dy.v, b->dw.v, 1,
                             b->work.v, NULL, NULL);
    memcpy(out, b->dw.v, b->dw.n * sizeof(float));
    guarded_free(&b->work);
}

static void threads_agree(struct bench *b, int i)
{
    (void)i;
    size_t n = b->y.n + b->dx.n + b->dw.n, oc = (size_t)b->c.s.oc;
    float *one = nn_mem_calloc(n, sizeof(float));
    float *more = nn_mem_calloc(n, sizeof(float));
    double *sums = nn_mem_calloc(4 * oc, sizeof(double));
    ck_assert(one && more && sums);
    all_results(b, 1, one, sums);
    for (int threads = 2; threads < 4; threads++) {
        all_results(b, threads, more, sums + 2 * oc);
        same_bits(one, more, n, b->what);
        ck_assert_msg(memcmp(sums, sums + 2 * oc, 2 * oc * sizeof(double)) == 0,
                      "%s: sums depend on the thread count", b->what);
    }
    nn_mem_free(one);
    nn_mem_free(more);
    nn_mem_free(sums);
}

START_TEST(thread_count_does_not_matter)
{
    for (int i = 0; i < N_FIXED; i++) {
        check_case(i, 0, threads_agree);
    }
}
END_TEST

/* A plan made for 5 images serves 1..5, with the same bits per image. */
START_TEST(smaller_batches)
{
    struct bench b = { 0 };
    bench_init(&b, 4, 0);
    bench_plan(&b, nn_cpu_flags(), "batches");
    run_forward(&b, 0, NULL, NULL);
    struct guarded y = guarded_make(b.y.n);
    bench_work(&b, 0);
    nn_conv_forward(b.conv, 2, b.x.v, b.packed.v, NULL, y.v, b.work.v);
    size_t n = b.y.n / 5 * 2;
    compare(y.v, b.r.y, b.r.y_mag, NULL, n, b.r.k_y, 0, "two of five");
    for (size_t i = n; i < b.y.n; i++) {
        ck_assert_float_eq(y.v[i], 0);
    }
    guarded_free(&b.work);
    guarded_free(&y);
    bench_unplan(&b);
    bench_free(&b);
}
END_TEST

/* Two rows and columns at a time, an image has the same bits in any batch. */
START_TEST(an_image_alone)
{
    static const int some[] = { N_FIXED - 5, N_FIXED - 4, N_FIXED - 1 };
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        struct bench b = { 0 };
        bench_init(&b, some[i], 0);
        bench_plan(&b, nn_cpu_flags() & ~(unsigned)NN_CPU_AVX512, "alone");
        run_forward(&b, 0, NULL, NULL);
        struct guarded y = guarded_make(b.y.n);
        size_t images = (size_t)b.c.batch;
        bench_work(&b, 0);
        for (size_t k = 0; k < images; k++) {
            nn_conv_forward(b.conv, 1, b.x.v + b.x.n / images * k, b.packed.v,
                            NULL, y.v + y.n / images * k, b.work.v);
        }
        ck_assert_mem_eq(y.v, b.y.v, y.n * sizeof(float));
        guarded_free(&b.work);
        guarded_free(&y);
        bench_unplan(&b);
        bench_free(&b);
    }
}
END_TEST

START_TEST(nan_passes_activation)
{
    struct nn_conv_shape s = { 1, 1, 1, 20, 1, 1, 1, 1, 0, 0, 1, 0 };
    unsigned sets[4];
    int n = flag_sets(sets);
    for (int f = 0; f < n; f++) {
        struct nn_conv *c = NULL;
        ck_assert_int_eq(nn_conv_create(&s, 1, sets[f], &c, NULL), NN_OK);
        float x = NAN, w[20], y[20];
        for (int i = 0; i < 20; i++) {
            w[i] = 1;
        }
        struct guarded p = guarded_make(nn_conv_packed_floats(c));
        struct guarded k = guarded_make(nn_conv_work_floats(c, 0));
        nn_conv_pack(c, w, p.v);
        struct nn_conv_epilogue e = { .act = (enum nn_act)_i };
        nn_conv_forward(c, 1, &x, p.v, &e, y, k.v);
        for (int i = 0; i < 20; i++) {
            ck_assert_msg(isnan(y[i]), "NaN became %g", (double)y[i]);
        }
        guarded_free(&p);
        guarded_free(&k);
        nn_conv_destroy(&c);
    }
}
END_TEST

START_TEST(bad_shapes_are_named)
{
    static const struct {
        struct nn_conv_shape s;
        int32_t batch;
        const char *text;
    } bad[] = {
        { { 0, 4, 4, 4, 1, 1, 1, 1, 0, 0, 1, 0 }, 1, "out of range" },
        { { 4, 4, 4, 4, 1, 1, 0, 1, 0, 0, 1, 0 }, 1, "out of range" },
        { { 4, 4, 4, 4, 1, 1, 1, 1, -1, 0, 1, 0 }, 1, "out of range" },
        { { 4, 4, 4, 4, 1, 1, 1, 1, 0, 0, 1, 2 }, 1, "out of range" },
        { { 4, 4, 4, 4, 1, 1, 1, 1, 0, 0, 1, 0 }, 0, "out of range" },
        { { 4, 4, 4, 8, 1, 1, 1, 1, 0, 0, 4, 0 }, 1, "4 groups over 4 input" },
        { { 4, 4, 4, 4, 1, 1, 1, 1, 0, 0, 2, 0 }, 1, "2 groups over 4 input" },
        { { 4, 4, 4, 4, 1, 1, 1, 1, 0, 0, 0, 0 }, 1, "0 groups over 4 input" },
        { { 9, 9, 4, 4, 5, 13, 1, 1, 2, 6, 1, 0 }, 1, "5x13 kernel has more" },
        { { 4, 4, 4, 4, 7, 7, 1, 1, 1, 1, 1, 0 }, 1, "does not fit" },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct nn_conv *c = NULL;
        struct nn_error err = NN_ERROR_INIT;
        ck_assert_int_eq(nn_conv_create(&bad[i].s, bad[i].batch, 0, &c, &err),
                         NN_ERR_SHAPE);
        ck_assert_ptr_null(c);
        ck_assert_msg(strstr(err.text, bad[i].text), "%s", err.text);
    }
    struct nn_conv_shape huge = { INT32_MAX, INT32_MAX, INT32_MAX, 1, 1, 1,
                                  1,         1,         0,         0, 1, 0 };
    struct nn_conv *c = NULL;
    ck_assert_int_eq(nn_conv_create(&huge, 1, 0, &c, NULL), NN_ERR_NOMEM);
    ck_assert_ptr_null(c);
}
END_TEST

static int create_once(void *ctx)
{
    (void)ctx;
    struct nn_conv *c = NULL;
    int st = nn_conv_create(&fixed[2].s, 2, 0, &c, NULL);
    nn_conv_destroy(&c);
    return st;
}

START_TEST(allocation_failures)
{
    testkit_each_alloc_failure(create_once, NULL);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("conv");
    TCase *t = tcase_create("conv");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, whole_numbers_are_exact, 0, N_PARTS);
    tcase_add_loop_test(t, floats_are_close, 0, N_PARTS);
    tcase_add_test(t, every_epilogue);
    tcase_add_test(t, thread_count_does_not_matter);
    tcase_add_test(t, smaller_batches);
    tcase_add_test(t, an_image_alone);
    tcase_add_loop_test(t, nan_passes_activation, NN_ACT_RELU,
                        NN_ACT_RELU6 + 1);
    tcase_add_test(t, bad_shapes_are_named);
    tcase_add_test(t, allocation_failures);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
