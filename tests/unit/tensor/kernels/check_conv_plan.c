/* Plans of convolutions: threads and batches that must not change a bit, and
 * shapes that there is no plan for. */
#include <stdio.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "tests/unit/tensor/kernels/conv_bench.h"
#include "tests/unit/testkit.h"

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
    for (int i = 0; i < CONV_FIXED; i++) {
        each_set(i, 0, threads_agree);
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
    static const int some[] = { CONV_FIXED - 5, CONV_FIXED - 4,
                                CONV_FIXED - 1 };
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
    static const struct nn_conv_shape s = { 16, 16, 32, 32, 3, 3,
                                            2,  2,  1,  1,  1, 0 };
    struct nn_conv *c = NULL;
    int st = nn_conv_create(&s, 2, 0, &c, NULL);
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
    Suite *s = suite_create("conv_plan");
    TCase *t = tcase_create("conv_plan");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, thread_count_does_not_matter);
    tcase_add_test(t, smaller_batches);
    tcase_add_test(t, an_image_alone);
    tcase_add_test(t, bad_shapes_are_named);
    tcase_add_test(t, allocation_failures);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
