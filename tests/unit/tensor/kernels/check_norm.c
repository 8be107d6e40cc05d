/* Batch norm, ReLU, add and mean against plain sums in double. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/tensor/kernels/norm.h"
#include "tests/unit/tensor/kernels/reference.h"
#include "tests/unit/testkit.h"

static const size_t sizes[][2] = {
    { 1, 1 },   { 1, 33 },   { 3, 16 },    { 7, 15 },     { 255, 3 },
    { 257, 5 }, { 300, 64 }, { 1000, 70 }, { 4096, 32 },  { 513, 129 },
    { 64, 67 }, { 2, 960 },  { 5000, 1 },  { 2000, 100 },
};
enum { N_SIZES = sizeof(sizes) / sizeof(sizes[0]) };

struct data {
    size_t rows, c, n;
    struct guarded x, y, dy, out, res, a, b, k, scale, shift, work;
    double *s0, *s1;
};

static struct data data_make(int i, int whole)
{
    struct data d = { .rows = sizes[i][0], .c = sizes[i][1] };
    uint32_t seed = (uint32_t)i + 17u;
    d.n = d.rows * d.c;
    struct guarded *big[] = { &d.x, &d.y, &d.dy, &d.res, &d.out };
    struct guarded *small[] = { &d.a, &d.b, &d.k, &d.scale, &d.shift };
    for (size_t j = 0; j < 5; j++) {
        *big[j] = guarded_make(d.n);
        (whole ? fill_whole : fill_float)(big[j]->v, d.n, &seed);
    }
    for (size_t j = 0; j < 5; j++) {
        *small[j] = guarded_make(d.c);
        (whole ? fill_whole : fill_float)(small[j]->v, d.c, &seed);
    }
    d.work = guarded_make(nn_norm_work_floats(d.c));
    memset(d.work.v, 0xff, d.work.n * sizeof(float));
    d.s0 = nn_mem_calloc(d.c, sizeof(double));
    d.s1 = nn_mem_calloc(d.c, sizeof(double));
    ck_assert(d.s0 && d.s1);
    return d;
}

static void data_free(struct data *d)
{
    struct guarded *all[] = { &d->x,     &d->y,     &d->dy,  &d->res,
                              &d->out,   &d->a,     &d->b,   &d->k,
                              &d->scale, &d->shift, &d->work };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        guarded_check(all[i], "norm");
        guarded_free(all[i]);
    }
    nn_mem_free(d->s0);
    nn_mem_free(d->s1);
}

/* What came before a backward pass; y = x*a + b decides in the activation. */
static struct nn_norm_saved saved_of(const struct data *d, enum nn_act act)
{
    struct nn_norm_saved saved = { .mean = d->a.v, .inv_std = d->b.v };
    saved.act = act;
    if (act != NN_ACT_NONE) {
        saved.scale = d->scale.v;
        saved.shift = d->shift.v;
    }
    return saved;
}

/* Whether the activation let element i through. */
static int passed(const struct data *d, enum nn_act act, size_t i)
{
    size_t c = i % d->c;
    double y = (double)d->x.v[i] * (double)d->scale.v[c];
    float v = (float)(y + (double)d->shift.v[c]);
    return act == NN_ACT_NONE || (v > 0 && (act == NN_ACT_RELU || v < 6));
}

/* At most 256 float additions, then double. */
static void close_sum(double got, double want, double mag, const char *what)
{
    double bound = (sqrt(256.0) + 4) * (double)FLT_EPSILON * mag;
    testkit_assert(fabs(got - want) <= bound, "%s is %.17g, not %.17g", what,
                   got, want);
}

START_TEST(stats_are_right)
{
    for (int whole = 0; whole < 2; whole++) {
        struct data d = data_make(_i, whole);
        nn_norm_stats(d.x.v, d.rows, d.c, d.s0, d.s1, d.work.v);
        for (size_t c = 0; c < d.c; c++) {
            double s = 0, q = 0, mag = 0;
            for (size_t r = 0; r < d.rows; r++) {
                double v = (double)d.x.v[r * d.c + c];
                s += v;
                q += v * v;
                mag += fabs(v);
            }
            close_sum(d.s0[c], s, whole ? 0 : mag, "sum");
            close_sum(d.s1[c], q, whole ? 0 : q, "sum of squares");
        }
        data_free(&d);
    }
}
END_TEST

START_TEST(apply_is_right)
{
    for (int mask = 0; mask < 12; mask++) {
        struct data d = data_make(_i, 1);
        enum nn_act act = (enum nn_act)(mask % 3);
        int residual = mask / 3 & 1, in_place = mask / 6;
        float *y = in_place ? d.x.v : d.out.v;
        float *x = nn_mem_calloc(d.n, sizeof(float));
        ck_assert_ptr_nonnull(x);
        memcpy(x, d.x.v, d.n * sizeof(float));
        nn_norm_apply(d.x.v, d.rows, d.c, d.a.v, d.b.v,
                      residual ? d.res.v : NULL, act, y);
        for (size_t i = 0; i < d.n; i++) {
            float want = x[i] * d.a.v[i % d.c] + d.b.v[i % d.c];
            want += residual ? d.res.v[i] : 0;
            want = act != NN_ACT_NONE && want < 0 ? 0 : want;
            want = act == NN_ACT_RELU6 && want > 6 ? 6 : want;
            testkit_assert(y[i] == want, "y[%zu] is %g, not %g", i,
                           (double)y[i], (double)want);
        }
        nn_mem_free(x);
        data_free(&d);
    }
}
END_TEST

START_TEST(backward_sums_are_right)
{
    for (int i = NN_ACT_NONE; i <= NN_ACT_RELU6; i++) {
        struct data d = data_make(_i, 0);
        enum nn_act act = (enum nn_act)i;
        struct nn_norm_saved saved = saved_of(&d, act);
        nn_norm_backward_sums(d.x.v, d.dy.v, d.rows, d.c, &saved, d.s0, d.s1,
                              d.work.v);
        for (size_t c = 0; c < d.c; c++) {
            double s = 0, q = 0, mag = 0, magq = 0;
            double mean = (double)d.a.v[c], inv = (double)d.b.v[c];
            for (size_t j = c; j < d.n; j += d.c) {
                double g = passed(&d, act, j) ? (double)d.dy.v[j] : 0;
                s += g;
                mag += fabs(g);
                q += g * ((double)d.x.v[j] - mean) * inv;
                magq += fabs(g * inv) * (fabs((double)d.x.v[j]) + fabs(mean));
            }
            close_sum(d.s0[c], s, mag, "sum g");
            close_sum(d.s1[c], q, magq, "sum g x");
        }
        data_free(&d);
    }
}
END_TEST

START_TEST(backward_apply_is_right)
{
    for (int mask = 0; mask < 6; mask++) {
        struct data d = data_make(_i, 1);
        enum nn_act act = (enum nn_act)(mask % 3);
        float *dx = mask / 3 ? d.dy.v : d.out.v;
        float *dy = nn_mem_calloc(d.n, sizeof(float));
        ck_assert_ptr_nonnull(dy);
        memcpy(dy, d.dy.v, d.n * sizeof(float));
        struct nn_norm_saved saved = saved_of(&d, act);
        nn_norm_backward_apply(d.x.v, d.dy.v, d.rows, d.c, &saved, d.a.v, d.b.v,
                               d.k.v, dx);
        for (size_t i = 0; i < d.n; i++) {
            size_t c = i % d.c;
            float g = passed(&d, act, i) ? dy[i] : 0;
            float want = d.a.v[c] * g + d.b.v[c] * d.x.v[i] + d.k.v[c];
            testkit_assert(dx[i] == want, "dx[%zu] is %g, not %g", i,
                           (double)dx[i], (double)want);
        }
        nn_mem_free(dy);
        data_free(&d);
    }
}
END_TEST

static void want_value(const struct data *d, size_t i, float want)
{
    testkit_assert(d->out.v[i] == want, "out[%zu] is %g, not %g", i,
                   (double)d->out.v[i], (double)want);
}

START_TEST(elementwise_is_right)
{
    struct data d = data_make(_i, 1);
    d.x.v[0] = NAN;
    nn_act_forward(d.x.v, d.n, NN_ACT_RELU, d.out.v);
    ck_assert(isnan(d.out.v[0]));
    for (size_t i = 1; i < d.n; i++) {
        want_value(&d, i, d.x.v[i] < 0 ? 0 : d.x.v[i]);
    }
    d.x.v[0] = 1;
    nn_act_backward(d.y.v, d.dy.v, d.n, NN_ACT_RELU, d.out.v);
    for (size_t i = 0; i < d.n; i++) {
        want_value(&d, i, d.y.v[i] > 0 ? d.dy.v[i] : 0);
    }
    for (size_t i = 0; i < d.n; i++) {
        d.y.v[i] *= 3;
    }
    nn_act_forward(d.y.v, d.n, NN_ACT_RELU6, d.out.v);
    for (size_t i = 0; i < d.n; i++) {
        float v = d.y.v[i];
        want_value(&d, i, v < 0 ? 0 : v > 6 ? 6 : v);
    }
    nn_act_backward(d.y.v, d.dy.v, d.n, NN_ACT_RELU6, d.out.v);
    for (size_t i = 0; i < d.n; i++) {
        want_value(&d, i, d.y.v[i] > 0 && d.y.v[i] < 6 ? d.dy.v[i] : 0);
    }
    nn_add_forward(d.x.v, d.y.v, d.n, d.out.v);
    for (size_t i = 0; i < d.n; i++) {
        want_value(&d, i, d.x.v[i] + d.y.v[i]);
    }
    nn_add_into(d.dy.v, d.n, d.out.v);
    for (size_t i = 0; i < d.n; i++) {
        want_value(&d, i, d.x.v[i] + d.y.v[i] + d.dy.v[i]);
    }
    data_free(&d);
}
END_TEST

START_TEST(mean_is_right)
{
    struct data d = data_make(_i, 1);
    for (size_t batch = 1; batch <= 3; batch++) {
        size_t hw = d.rows / batch, n = batch * hw * d.c;
        if (hw == 0) {
            continue;
        }
        struct guarded y = guarded_make(batch * d.c);
        nn_mean_forward(d.x.v, batch, hw, d.c, y.v);
        guarded_check(&y, "mean");
        for (size_t i = 0; i < batch * d.c; i++) {
            double s = 0;
            for (size_t p = 0; p < hw; p++) {
                s += (double)d.x.v[(i / d.c * hw + p) * d.c + i % d.c];
            }
            /* The sum is exact; one rounding each of 1/hw and the product. */
            double want = s / (double)hw;
            double bound = 2 * (double)FLT_EPSILON * fabs(want);
            testkit_assert(fabs((double)y.v[i] - want) <= bound,
                           "y[%zu] is %g, not %g", i, (double)y.v[i], want);
        }
        nn_mean_backward(y.v, batch, hw, d.c, d.out.v);
        for (size_t i = 0; i < n; i++) {
            float dy = y.v[i / (hw * d.c) * d.c + i % d.c];
            float want = dy * (1.0f / (float)hw);
            want_value(&d, i, want);
        }
        guarded_free(&y);
    }
    data_free(&d);
}
END_TEST

/* Sums of both kinds with 1, 2 and 3 threads. */
START_TEST(thread_count_does_not_matter)
{
    struct data d = data_make(_i, 0);
    double *first = nn_mem_calloc(4 * d.c, sizeof(double));
    struct nn_norm_saved saved = saved_of(&d, 1);
    ck_assert_ptr_nonnull(first);
    for (int threads = 1; threads < 4; threads++) {
        nn_parallel_set_threads(threads);
        for (size_t k = 0; k < 2; k++) {
            if (k == 0) {
                nn_norm_stats(d.x.v, d.rows, d.c, d.s0, d.s1, d.work.v);
            } else {
                nn_norm_backward_sums(d.x.v, d.dy.v, d.rows, d.c, &saved, d.s0,
                                      d.s1, d.work.v);
            }
            size_t bytes = d.c * sizeof(double);
            double *at = first + 2 * k * d.c;
            if (threads == 1) {
                memcpy(at, d.s0, bytes);
                memcpy(at + d.c, d.s1, bytes);
            }
            ck_assert_int_eq(memcmp(at, d.s0, bytes), 0);
            ck_assert_int_eq(memcmp(at + d.c, d.s1, bytes), 0);
        }
    }
    nn_mem_free(first);
    data_free(&d);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("norm");
    TCase *t = tcase_create("norm");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, stats_are_right, 0, N_SIZES);
    tcase_add_loop_test(t, apply_is_right, 0, N_SIZES);
    tcase_add_loop_test(t, backward_sums_are_right, 0, N_SIZES);
    tcase_add_loop_test(t, backward_apply_is_right, 0, N_SIZES);
    tcase_add_loop_test(t, elementwise_is_right, 0, N_SIZES);
    tcase_add_loop_test(t, mean_is_right, 0, N_SIZES);
    tcase_add_loop_test(t, thread_count_does_not_matter, 0, N_SIZES);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
