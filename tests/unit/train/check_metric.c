/* The metric of the regression's optimiser: what it solves, put back into the
 * equations. A wrong solution would still lead to the optimum, only later. */
#include <math.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/base/rng.h"
#include "common/train/logistic_internal.h"
#include "tests/unit/testkit.h"

enum { COUNT_MAX = 17 };

static double *draw(struct nn_rng *g, size_t n)
{
    double *v = nn_mem_calloc(n, sizeof *v);

    ck_assert_ptr_nonnull(v);
    for (size_t i = 0; i < n; i++) {
        v[i] = nn_rng_normal(g);
    }
    return v;
}

/* gram = A A' / d, whole. */
static void make_metric(struct nn_lr_metric *m, size_t d, struct nn_rng *g)
{
    double *a = draw(g, d * d);

    *m = (struct nn_lr_metric){ .d = d,
                                .gram = nn_mem_calloc(d, d * sizeof(double)),
                                .l = nn_mem_calloc(d, d * sizeof(double)) };
    for (size_t i = 0; i < d; i++) {
        for (size_t j = 0; j < d; j++) {
            for (size_t t = 0; t < d; t++) {
                m->gram[i * d + j] += a[i * d + t] * a[j * d + t] / (double)d;
            }
        }
    }
    nn_mem_free(a);
}

static void expect_solved(const struct nn_lr_metric *m, double strength,
                          const double *u, const double *v)
{
    size_t d = m->d;

    for (size_t i = 0; i < d; i++) {
        double sum = strength * u[i];

        for (size_t j = 0; j < d; j++) {
            sum += m->scale * m->gram[i * d + j] * u[j];
        }
        testkit_assert(fabs(sum - v[i]) < 1e-9, "%zu of %zu: %g, not %g", i, d,
                       sum, v[i]);
    }
    ck_assert_double_eq_tol(u[d] * m->scale, v[d], 1e-12);
}

/* Sizes around the four rows and the eight vectors that are taken at once, and
 * the 64 columns of a block of the factor. */
START_TEST(solutions_fit_the_equations)
{
    static const size_t size[] = { 1, 2, 3, 4, 5, 7, 8, 63, 64, 67, 130 };
    static const size_t count[] = { 1, 7, 8, COUNT_MAX };
    struct nn_rng g;

    g = nn_rng_make(5, 0);
    nn_parallel_set_threads(_i + 1);
    for (size_t c = 0; c < 11 * 4; c++) {
        size_t d = size[c / 4], n = count[c % 4];
        double *u[COUNT_MAX], *v[COUNT_MAX], *room;
        struct nn_lr_metric m;

        make_metric(&m, d, &g);
        ck_assert_int_eq(nn_lr_metric_set(&m, .2, .3, NULL), NN_OK);
        room = nn_mem_calloc(nn_lr_metric_room(&m, n), sizeof *room);
        for (size_t i = 0; i < n; i++) {
            v[i] = draw(&g, d + 1);
            u[i] = nn_mem_calloc(d + 1, sizeof *u[i]);
            for (size_t j = 0; j <= d; j++) {
                u[i][j] = v[i][j];
            }
        }
        nn_lr_metric_apply(&m, u, n, room);
        for (size_t i = 0; i < n; i++) {
            expect_solved(&m, .3, u[i], v[i]);
            nn_mem_free(u[i]);
            nn_mem_free(v[i]);
        }
        nn_mem_free(room);
        nn_lr_metric_close(&m);
    }
}
END_TEST

/* The solves are compiled for AVX2 too; a net must not depend on the machine
 * that fitted it more than its features do. */
START_TEST(instruction_sets_agree_on_each_bit)
{
    static const size_t size[] = { 3, 66, 131 };
    struct nn_rng g = nn_rng_make(6, 0);

    for (size_t c = 0; c < 3; c++) {
        size_t d = size[c];
        double *u[2][COUNT_MAX], *room;
        struct nn_lr_metric m;

        make_metric(&m, d, &g);
        ck_assert_int_eq(nn_lr_metric_set(&m, .2, .3, NULL), NN_OK);
        room = nn_mem_calloc(nn_lr_metric_room(&m, COUNT_MAX), sizeof *room);
        for (size_t i = 0; i < COUNT_MAX; i++) {
            u[0][i] = draw(&g, d + 1);
            u[1][i] = nn_mem_calloc(d + 1, sizeof(double));
            memcpy(u[1][i], u[0][i], (d + 1) * sizeof(double));
        }
        nn_lr_metric_apply(&m, u[0], COUNT_MAX, room);
        nn_cpu_limit("scalar");
        nn_lr_metric_apply(&m, u[1], COUNT_MAX, room);
        nn_cpu_limit(NULL);
        for (size_t i = 0; i < COUNT_MAX; i++) {
            ck_assert_mem_eq(u[0][i], u[1][i], (d + 1) * sizeof(double));
            nn_mem_free(u[0][i]);
            nn_mem_free(u[1][i]);
        }
        nn_mem_free(room);
        nn_lr_metric_close(&m);
    }
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("train/metric");
    TCase *t = tcase_create("metric");

    tcase_add_loop_test(t, solutions_fit_the_equations, 0, 2);
    tcase_add_test(t, instruction_sets_agree_on_each_bit);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
