/* The regression against its own formula, and the rules of its folds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/parallel.h"
#include "common/base/rng.h"
#include "tests/unit/testkit.h"
#include "tests/unit/train/regression.h"

/* k clouds with centres 1.5 / sqrt(d) apart, groups of three rows. */
static void draw_rows(struct rows *w, size_t n, size_t d, size_t k,
                      double apart, uint64_t seed)
{
    struct nn_rng rng = nn_rng_make(seed, 5);

    make_rows(w, n, d, k);
    for (size_t i = 0; i < n; i++) {
        w->group[i] = 1000 - i / 3;
        w->label[i] = (int32_t)(i / 3 % k);
        w->weight[i] = 0.5 + (double)(i % 4);
        for (size_t c = 0; c < d; c++) {
            w->raw[i * d + c] =
                nn_rng_normal(&rng) +
                (c % k == (size_t)w->label[i] ? (float)apart : 0);
        }
    }
}

/* --- the formula --- */

/* Gradient of the objective in double, at what was returned, with respect to
 * the weights of the standardised features. */
static double largest_gradient(const struct rows *w,
                               const struct nn_logistic *l)
{
    size_t n = w->r.n, d = w->r.dims, k = w->r.outputs;
    double total = 0, largest = 0;
    double *p = nn_mem_calloc(n, k * sizeof *p);

    for (size_t i = 0; i < n; i++) {
        double sum = 0;

        total += w->weight[i];
        for (size_t j = 0; j < k; j++) {
            p[i * k + j] = exp(logit(l, w->raw + i * d, j));
            sum += p[i * k + j];
        }
        for (size_t j = 0; j < k; j++) {
            p[i * k + j] = p[i * k + j] / sum - (w->label[i] == (int32_t)j);
        }
    }
    for (size_t c = 0; c < d; c++) {
        double mean = 0, square = 0;

        for (size_t i = 0; i < n; i++) {
            mean += w->weight[i] * (double)w->raw[i * d + c] / total;
        }
        for (size_t i = 0; i < n; i++) {
            double v = (double)w->raw[i * d + c] - mean;

            square += w->weight[i] * v * v / total;
        }
        for (size_t j = 0; j < k; j++) {
            double deviation = sqrt(square);
            double g = l->strength * (double)l->weight[j * d + c] * deviation;

            for (size_t i = 0; i < n; i++) {
                g += w->weight[i] / total * p[i * k + j] *
                     ((double)w->raw[i * d + c] - mean) / deviation;
            }
            largest = fmax(largest, fabs(g));
        }
    }
    nn_mem_free(p);
    return largest;
}

/* More rows than a block, and a strength that hardly holds anything back. */
START_TEST(nothing_is_left_at_the_optimum)
{
    static const double strengths[] = { 1, 1e-2, 1e-4 };

    for (size_t i = 0; i < 3; i++) {
        struct nn_logistic_options o = one_strength(&strengths[i]);
        struct nn_logistic l;
        struct rows w;

        draw_rows(&w, 5000, 40, 3, 0.4, 11);
        ck_assert_int_eq(fit(&w, &o, &l), NN_OK);
        ck_assert_double_le(l.gradient, 2e-6);
        ck_assert_double_le(largest_gradient(&w, &l), 2e-6);
        ck_assert_int_lt(l.iterations, 60);
        nn_logistic_release(&l);
        free_rows(&w);
    }
}
END_TEST

/* Fewer rows than features; some are copies of others, some nearly so, some
 * without a weight: the rows span less than there are of them. */
static void draw_wide_rows(struct rows *w)
{
    size_t n = 60, d = 150;

    draw_rows(w, n, d, 3, 0.4, 17);
    for (size_t i = 0; i < n; i += 5) {
        float *x = w->raw + i * d;

        memcpy(x, w->raw + (i + 7) % n * d, d * sizeof(float));
        w->weight[i] = i % 2 == 0 ? 0 : 1;
        for (size_t c = 0; c < d && i % 3 == 0; c++) {
            x[c] += c % 2 == 0 ? 0.02F : -0.02F;
        }
    }
}

START_TEST(nothing_is_left_with_fewer_rows_than_features)
{
    static const double strengths[] = { 1, 1e-2, 1e-4 };
    struct nn_logistic_options o = one_strength(&strengths[_i]);
    struct nn_logistic l;
    struct rows w;

    draw_wide_rows(&w);
    ck_assert_int_eq(fit(&w, &o, &l), NN_OK);
    ck_assert_double_le(l.gradient, 2e-6);
    ck_assert_double_le(largest_gradient(&w, &l), 2e-6);
    nn_logistic_release(&l);
    free_rows(&w);
}
END_TEST

/* The same rows three times over, in the same groups, are no longer fewer than
 * the features: another way through the code to the same answer. */
START_TEST(few_rows_are_as_good_as_many_copies)
{
    struct nn_logistic_options o = nn_logistic_defaults();
    struct nn_logistic few, many;
    struct rows w, m;
    size_t n = 60, d = 150;

    o.kind = _i == 0 ? NN_LOGISTIC_SOFTMAX : NN_LOGISTIC_SIGMOID;
    draw_wide_rows(&w);
    make_rows(&m, 3 * n, d, 3);
    for (size_t i = 0; i < 3 * n; i++) {
        m.label[i] = w.label[i % n];
        m.weight[i] = w.weight[i % n] / 3;
        m.group[i] = w.group[i % n];
        memcpy(m.raw + i * d, w.raw + i % n * d, d * sizeof(float));
    }
    ck_assert_int_eq(fit(&w, &o, &few), NN_OK);
    ck_assert_int_eq(fit(&m, &o, &many), NN_OK);
    ck_assert_double_eq(few.strength, many.strength);
    for (size_t i = 0; i < o.n_strengths; i++) {
        testkit_assert(isnan(few.loss[i]) == isnan(many.loss[i]) &&
                           !(fabs(few.loss[i] - many.loss[i]) > 1e-3),
                       "strength %zu: %g, not %g", i, few.loss[i],
                       many.loss[i]);
    }
    testkit_close(few.weight, many.weight, 3 * d, 1e-5, 1e-4, "weight");
    testkit_close(few.bias, many.bias, 3, 1e-5, 1e-4, "bias");
    ck_assert_double_eq_tol(few.fitted, many.fitted, 1e-6);
    nn_logistic_release(&few);
    nn_logistic_release(&many);
    free_rows(&w);
    free_rows(&m);
}
END_TEST

START_TEST(a_weight_is_so_many_rows)
{
    static const double strength = 0.01;
    const struct nn_logistic_options o = one_strength(&strength);
    struct nn_logistic one, many;
    struct rows w, m;
    size_t at = 0, d = 6;

    draw_rows(&w, 90, d, 3, 0.5, 3);
    make_rows(&m, 90 * 3, d, 3);
    for (size_t i = 0; i < 90; i++) {
        w.weight[i] = (double)(i % 4);
        for (size_t j = 0; j < i % 4; j++, at++) {
            m.label[at] = w.label[i];
            m.weight[at] = 1;
            memcpy(m.raw + at * d, w.raw + i * d, d * sizeof(float));
        }
    }
    m.r.n = at;
    ck_assert_int_eq(fit(&w, &o, &one), NN_OK);
    ck_assert_int_eq(fit(&m, &o, &many), NN_OK);
    testkit_close(one.weight, many.weight, 3 * d, 1e-5, 1e-4, "weight");
    testkit_close(one.bias, many.bias, 3, 1e-5, 1e-4, "bias");
    nn_logistic_release(&one);
    nn_logistic_release(&many);
    free_rows(&w);
    free_rows(&m);
}
END_TEST

START_TEST(a_constant_feature_has_no_weight)
{
    static const double strength = 0.01;
    const struct nn_logistic_options o = one_strength(&strength);
    struct nn_logistic l;
    struct rows w;

    draw_rows(&w, 60, 4, 2, 1, 9);
    for (size_t i = 0; i < 60; i++) {
        w.raw[i * 4 + 2] = 0.1f;
    }
    ck_assert_int_eq(fit(&w, &o, &l), NN_OK);
    ck_assert(l.weight[2] == 0 && l.weight[6] == 0);
    ck_assert(l.weight[0] != 0);
    nn_logistic_release(&l);
    free_rows(&w);
}
END_TEST

/* --- outputs without rows --- */

START_TEST(an_output_without_rows_is_never_the_answer)
{
    static const double strength = 0.01;
    struct nn_logistic_options o = one_strength(&strength);
    struct nn_logistic l, without;
    struct rows w;

    draw_rows(&w, 60, 4, 2, 1, 9);
    ck_assert_int_eq(fit(&w, &o, &without), NN_OK);
    w.r.outputs = 3;
    ck_assert_int_eq(fit(&w, &o, &l), NN_OK);
    ck_assert_mem_eq(l.weight, without.weight, 8 * sizeof(float));
    ck_assert_mem_eq(l.bias, without.bias, 2 * sizeof(float));
    for (size_t c = 0; c < 4; c++) {
        ck_assert(l.weight[8 + c] == 0);
    }
    ck_assert(l.bias[2] <= fminf(l.bias[0], l.bias[1]) - 29);
    nn_logistic_release(&l);
    o.kind = NN_LOGISTIC_SIGMOID;
    for (size_t i = 0; i < 60; i++) {
        w.label[i] = 0;
    }
    ck_assert_int_eq(fit(&w, &o, &l), NN_OK);
    ck_assert(l.bias[0] == 30 && l.bias[1] == -30 && l.weight[0] == 0);
    nn_logistic_release(&l);
    nn_logistic_release(&without);
    free_rows(&w);
}
END_TEST

/* --- cross-validation --- */

START_TEST(groups_stay_whole_and_labels_are_dealt_out)
{
    struct rows w;
    int32_t fold[300], count[5][3] = { { 0 } };
    int folds = 5;

    draw_rows(&w, 300, 2, 3, 1, 1);
    ck_assert_int_eq(nn_logistic_folds(&w.r, 4, &folds, fold), NN_OK);
    ck_assert_int_eq(folds, 5);
    for (size_t i = 0; i < 300; i++) {
        ck_assert(fold[i] >= 0 && fold[i] < 5);
        ck_assert_int_eq(fold[i], fold[i / 3 * 3]);
        count[fold[i]][w.label[i]]++;
    }
    for (int f = 0; f < 5; f++) {
        for (int j = 0; j < 3; j++) {
            /* 34 or 33 groups of three rows in five folds */
            ck_assert(count[f][j] == 18 || count[f][j] == 21);
        }
    }
    w.r.n = 9;
    ck_assert_int_eq(nn_logistic_folds(&w.r, 4, &folds, fold), NN_OK);
    ck_assert_int_eq(folds, 3);
    free_rows(&w);
}
END_TEST

/* Labels by chance, and each row three times. Rows whose copies are held in
 * can be learnt by heart; held out as groups they cannot. */
START_TEST(copies_do_not_help_themselves)
{
    static const double strengths[] = { 3, 0.3, 0.03, 0.003 };
    struct nn_logistic_options o = nn_logistic_defaults();
    struct nn_logistic whole, apart;
    struct nn_rng rng = nn_rng_make(2, 2);
    struct rows w;
    size_t d = 60;

    o.strength = strengths;
    o.n_strengths = 4;
    draw_rows(&w, 150, d, 2, 0, 8);
    for (size_t i = 0; i < 150; i++) {
        if (i % 3 == 0) {
            w.label[i] = (int32_t)nn_rng_below(&rng, 2);
        } else {
            w.label[i] = w.label[i - 1];
            memcpy(w.raw + i * d, w.raw + (i - 1) * d, d * sizeof(float));
        }
    }
    ck_assert_int_eq(fit(&w, &o, &whole), NN_OK);
    w.r.group = NULL;
    ck_assert_int_eq(fit(&w, &o, &apart), NN_OK);
    ck_assert_double_eq(whole.strength, 3);
    ck_assert_double_lt(apart.strength, 0.1);
    /* Twice worse in a row ends the search. */
    ck_assert(isfinite(whole.loss[2]) && isnan(whole.loss[3]));
    nn_logistic_release(&whole);
    nn_logistic_release(&apart);
    free_rows(&w);
}
END_TEST

/* The loss of a strength is what the fits to the other folds say. */
START_TEST(the_loss_is_that_of_rows_held_out)
{
    static const double strengths[] = { 0.2, 0.05 };
    struct nn_logistic_options o = nn_logistic_defaults();
    struct nn_logistic l;
    struct rows w;
    int32_t fold[120];
    int folds = 4;
    double sum = 0, weight = 0;

    draw_rows(&w, 120, 8, 2, 0.5, 21);
    o.strength = strengths;
    o.n_strengths = 2;
    o.folds = folds;
    ck_assert_int_eq(fit(&w, &o, &l), NN_OK);
    ck_assert_int_eq(nn_logistic_folds(&w.r, o.seed, &folds, fold), NN_OK);
    /* By hand, on features that were standardised on all rows. */
    memcpy(w.raw, w.r.x, 120 * 8 * sizeof(float));
    for (int f = 0; f < folds; f++) {
        struct nn_logistic_options one = one_strength(&strengths[1]);
        struct nn_logistic part;
        struct rows in;
        size_t n = 0;

        make_rows(&in, 121, 8, 2);
        for (size_t i = 0; i < 120; i++) {
            if (fold[i] != f) {
                in.label[n] = w.label[i];
                in.weight[n] = w.weight[i];
                memcpy(in.raw + n * 8, w.raw + i * 8, 8 * sizeof(float));
                n++;
            }
        }
        in.r.n = n;
        ck_assert_int_eq(fit(&in, &one, &part), NN_OK);
        for (size_t i = 0; i < 120; i++) {
            if (fold[i] == f) {
                double z = logit(&part, w.raw + i * 8, 1) -
                           logit(&part, w.raw + i * 8, 0);

                sum += w.weight[i] * log1p(exp(w.label[i] == 1 ? -z : z));
                weight += w.weight[i];
            }
        }
        nn_logistic_release(&part);
        free_rows(&in);
    }
    /* Each fit by hand standardises its own rows once more. */
    ck_assert_double_eq_tol(l.loss[1], sum / weight, 0.01);
    ck_assert_double_gt(l.loss[1], l.fitted);
    nn_logistic_release(&l);
    free_rows(&w);
}
END_TEST

START_TEST(without_groups_to_hold_out_the_first_is_taken)
{
    struct nn_logistic_options o = nn_logistic_defaults();
    struct nn_logistic l;
    struct rows w;

    draw_rows(&w, 30, 3, 2, 1, 1);
    for (size_t i = 0; i < 30; i++) {
        w.group[i] = (uint64_t)w.label[i];
    }
    ck_assert_int_eq(fit(&w, &o, &l), NN_OK);
    ck_assert_double_eq(l.strength, 3);
    ck_assert(isnan(l.loss[0]) && isfinite((double)l.weight[0]));
    nn_logistic_release(&l);
    free_rows(&w);
}
END_TEST

/* --- bits, errors, memory --- */

/* More rows than features, and fewer. */
START_TEST(threads_do_not_change_a_bit)
{
    struct nn_logistic_options o = nn_logistic_defaults();
    struct nn_logistic a, b;
    struct rows w;

    draw_rows(&w, _i == 0 ? 2500 : 140, 150, 3, 0.2, 4);
    nn_parallel_set_threads(1);
    ck_assert_int_eq(fit(&w, &o, &a), NN_OK);
    nn_parallel_set_threads(3);
    ck_assert_int_eq(fit(&w, &o, &b), NN_OK);
    ck_assert_mem_eq(a.weight, b.weight, 3 * 150 * sizeof(float));
    ck_assert_mem_eq(a.bias, b.bias, 3 * sizeof(float));
    ck_assert_mem_eq(a.loss, b.loss, a.n_strengths * sizeof(double));
    nn_logistic_release(&a);
    nn_logistic_release(&b);
    free_rows(&w);
}
END_TEST

/* It may be done by one thread; whoever asked has the others as before. */
START_TEST(a_small_fit_keeps_the_callers_threads)
{
    struct nn_logistic_options o = nn_logistic_defaults();
    struct nn_logistic l;
    struct rows w;

    draw_rows(&w, 24, 3, 2, 1, 1);
    nn_parallel_set_threads(3);
    ck_assert_int_eq(fit(&w, &o, &l), NN_OK);
    ck_assert_int_eq(nn_parallel_threads(), 3);
    nn_logistic_release(&l);
    w.raw[5] = NAN;
    ck_assert_int_eq(fit(&w, &o, &l), NN_ERR_NUMERIC);
    ck_assert_int_eq(nn_parallel_threads(), 3);
    nn_logistic_release(&l);
    free_rows(&w);
}
END_TEST

static void expect(struct rows *w, const struct nn_logistic_options *o,
                   enum nn_status want)
{
    struct nn_logistic l;

    ck_assert_int_eq(fit(w, o, &l), want);
    nn_logistic_release(&l);
}

START_TEST(bad_arguments_are_refused)
{
    static const double bad[] = { 1, 0 };
    const struct nn_logistic_options good = nn_logistic_defaults();
    struct nn_logistic_options o = good;
    volatile sig_atomic_t stop = 1;
    struct rows w;

    draw_rows(&w, 30, 3, 2, 1, 1);
    o.strength = bad;
    o.n_strengths = 2;
    expect(&w, &o, NN_ERR_ARG);
    o = good;
    o.folds = 1;
    expect(&w, &o, NN_ERR_ARG);
    o = good;
    o.stop = &stop;
    expect(&w, &o, NN_ERR_STOPPED);
    w.label[3] = 2;
    expect(&w, &good, NN_ERR_ARG);
    w.label[3] = -1;
    expect(&w, &good, NN_ERR_ARG);
    w.label[3] = 0;
    w.weight[4] = -1;
    expect(&w, &good, NN_ERR_ARG);
    w.weight[4] = NAN;
    expect(&w, &good, NN_ERR_ARG);
    w.weight[4] = 0;
    w.raw[5] = INFINITY;
    expect(&w, &good, NN_ERR_NUMERIC);
    w.raw[5] = 0;
    w.r.n = 0;
    expect(&w, &good, NN_ERR_ARG);
    w.r.n = 30;
    memset(w.weight, 0, 30 * sizeof(double));
    expect(&w, &good, NN_ERR_ARG);
    free_rows(&w);
}
END_TEST

static int fit_small(void *ctx)
{
    struct nn_logistic_options o = nn_logistic_defaults();
    struct nn_logistic l;
    int st;

    o.n_strengths = 2;
    o.folds = 2;
    st = fit(ctx, &o, &l);
    nn_logistic_release(&l);
    return st;
}

START_TEST(each_allocation_may_fail)
{
    struct rows w;

    nn_parallel_set_threads(1);
    draw_rows(&w, 24, _i == 0 ? 3 : 30, 2, 1, 1);
    testkit_each_alloc_failure(fit_small, &w);
    free_rows(&w);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("train/logistic");
    TCase *t = tcase_create("logistic");

    tcase_set_timeout(t, 120);
    tcase_add_test(t, nothing_is_left_at_the_optimum);
    tcase_add_loop_test(t, nothing_is_left_with_fewer_rows_than_features, 0, 3);
    tcase_add_loop_test(t, few_rows_are_as_good_as_many_copies, 0, 2);
    tcase_add_test(t, a_weight_is_so_many_rows);
    tcase_add_test(t, a_constant_feature_has_no_weight);
    tcase_add_test(t, an_output_without_rows_is_never_the_answer);
    tcase_add_test(t, groups_stay_whole_and_labels_are_dealt_out);
    tcase_add_test(t, copies_do_not_help_themselves);
    tcase_add_test(t, the_loss_is_that_of_rows_held_out);
    tcase_add_test(t, without_groups_to_hold_out_the_first_is_taken);
    tcase_add_loop_test(t, threads_do_not_change_a_bit, 0, 2);
    tcase_add_test(t, a_small_fit_keeps_the_callers_threads);
    tcase_add_test(t, bad_arguments_are_refused);
    tcase_add_loop_test(t, each_allocation_may_fail, 0, 2);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
