/* Convolutions of every kind, under every instruction set of this machine,
 * against naive sums in double. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/mem.h"
#include "tests/unit/tensor/kernels/conv_bench.h"
#include "tests/unit/testkit.h"

enum { N_PARTS = 4 };

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
    for (int i = _i; i < CONV_CASES; i += N_PARTS) {
        each_set(i, 1, all_directions);
    }
}
END_TEST

START_TEST(floats_are_close)
{
    for (int i = _i; i < CONV_CASES; i += N_PARTS) {
        each_set(i, 0, all_directions);
    }
}
END_TEST

START_TEST(every_epilogue)
{
    static const int some[] = { 2,
                                4,
                                6,
                                15,
                                19,
                                23,
                                31,
                                36,
                                44,
                                45,
                                56,
                                57,
                                CONV_FIXED - 3,
                                CONV_FIXED - 2 };
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        each_set(some[i], 1, forward_every);
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

static Suite *create(void)
{
    Suite *s = suite_create("conv");
    TCase *t = tcase_create("conv");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, whole_numbers_are_exact, 0, N_PARTS);
    tcase_add_loop_test(t, floats_are_close, 0, N_PARTS);
    tcase_add_test(t, every_epilogue);
    tcase_add_loop_test(t, nan_passes_activation, NN_ACT_RELU,
                        NN_ACT_RELU6 + 1);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
