/* Temperature, Platt scaling, prevalence. */
#include <math.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/eval/calibrate.h"
#include "common/eval/metrics.h"
#include "tests/unit/eval/golden.h"
#include "tests/unit/testkit.h"

#define MINIMUM 1e-7 /* how well scipy's minimiser places a minimum */
#define EPS     1e-13

START_TEST(golden_classes)
{
    json_t *all = golden_load();
    const json_t *g = golden_get(all, "classes");
    int32_t k = (int32_t)golden_number(g, "k");
    size_t nk, n;
    double *z = golden_doubles(g, "logits", &nk);
    int32_t *truth = golden_ints(g, "truth", &n);
    struct nn_temperature t;

    ck_assert_int_eq(nn_temperature_fit(z, truth, n, k, &t, NULL), NN_OK);
    golden_close(t.temperature, golden_number(g, "temperature"), 0, MINIMUM,
                 "temperature");
    golden_close(t.nll_before, golden_number(g, "nll"), EPS, 0, "nll at 1");
    golden_close(t.nll_after, golden_number(g, "nll_after"), EPS, 0, "nll");
    ck_assert(!t.at_limit && t.nll_after < t.nll_before);
    nn_mem_free(z);
    nn_mem_free(truth);
    json_decref(all);
}
END_TEST

START_TEST(golden_binary)
{
    json_t *all = golden_load();
    const json_t *g = golden_get(all, "binary");
    size_t n, m;
    double *z = golden_doubles(g, "logit", &n);
    uint8_t *positive = golden_bytes(g, "positive", &m);
    struct nn_temperature t;

    ck_assert_int_eq(nn_temperature_fit_binary(z, positive, n, &t, NULL),
                     NN_OK);
    golden_close(t.temperature, golden_number(g, "temperature"), 0, MINIMUM,
                 "temperature");
    golden_close(t.nll_before, golden_number(g, "nll"), EPS, 0, "nll at 1");
    golden_close(t.nll_after, golden_number(g, "nll_after"), EPS, 0, "nll");
    nn_mem_free(z);
    nn_mem_free(positive);
    json_decref(all);
}
END_TEST

/* Mean loss of softmax(z / t), plainly. */
static double plain_nll(const double *z, const int32_t *truth, size_t n,
                        size_t k, double t)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        double total = 0, of = z[i * k + (size_t)truth[i]];

        for (size_t j = 0; j < k; j++) {
            total += exp((z[i * k + j] - of) / t);
        }
        sum += log(total);
    }
    return sum / (double)n;
}

/* Random problems: the fitted T is a minimum of the plain loss, scaling the
 * logits scales T, and two-class softmax equals the sigmoid. */
START_TEST(random_minimum)
{
    enum { N = 60, K = 3 };
    struct nn_rng rng = nn_rng_make(31, (uint64_t)_i);
    double z[N * K], scale = exp(6 * nn_rng_double(&rng) - 3), at;
    int32_t truth[N];
    struct nn_temperature t, u;

    for (size_t i = 0; i < N; i++) {
        truth[i] = (int32_t)nn_rng_below(&rng, K);
        for (size_t j = 0; j < K; j++) {
            z[i * K + j] =
                (double)nn_rng_normal(&rng) + 1.5 * (truth[i] == (int32_t)j);
        }
    }
    ck_assert_int_eq(nn_temperature_fit(z, truth, N, K, &t, NULL), NN_OK);
    at = plain_nll(z, truth, N, K, t.temperature);
    golden_close(t.nll_after, at, 1e-12, 0, "nll");
    ck_assert(plain_nll(z, truth, N, K, t.temperature * 1.001) > at);
    ck_assert(plain_nll(z, truth, N, K, t.temperature / 1.001) > at);
    for (size_t i = 0; i < N * K; i++) {
        z[i] *= scale;
    }
    ck_assert_int_eq(nn_temperature_fit(z, truth, N, K, &u, NULL), NN_OK);
    golden_close(u.temperature, t.temperature * scale, 0, 1e-11, "scaled");
}
END_TEST

START_TEST(two_classes_are_one_sigmoid)
{
    enum { N = 50 };
    struct nn_rng rng = nn_rng_make(6, (uint64_t)_i);
    double z[N], pair[2 * N];
    uint8_t positive[N];
    int32_t truth[N];
    struct nn_temperature a, b;

    for (size_t i = 0; i < N; i++) {
        truth[i] = positive[i] = (uint8_t)nn_rng_below(&rng, 2);
        z[i] = 3 * (double)nn_rng_normal(&rng) + 2 * positive[i] - 1;
        pair[2 * i] = 7 - z[i] / 2; /* a shift of a row does not matter */
        pair[2 * i + 1] = 7 + z[i] / 2;
    }
    ck_assert_int_eq(nn_temperature_fit_binary(z, positive, N, &a, NULL),
                     NN_OK);
    ck_assert_int_eq(nn_temperature_fit(pair, truth, N, 2, &b, NULL), NN_OK);
    golden_close(a.temperature, b.temperature, 0, 1e-11, "temperature");
    golden_close(a.nll_before, b.nll_before, 1e-12, 0, "before");
    golden_close(a.nll_after, b.nll_after, 1e-12, 0, "after");
}
END_TEST

START_TEST(limits)
{
    const double sure[] = { 3, -3, 2, -2 }, flat[] = { 0, 0, 0, 0 };
    const double huge[] = { 1e4, -1e4, 9e3, -1e4 };
    const uint8_t y[] = { 1, 0, 1, 0 }, turned[] = { 0, 1, 0, 1 };
    const int32_t truth[] = { 0, 0 };
    struct nn_temperature t;

    ck_assert_int_eq(nn_temperature_fit_binary(sure, y, 4, &t, NULL), NN_OK);
    golden_close(t.temperature, NN_TEMPERATURE_MIN, 0, EPS, "all right");
    ck_assert(t.at_limit);
    ck_assert_int_eq(nn_temperature_fit_binary(sure, turned, 4, &t, NULL),
                     NN_OK);
    golden_close(t.temperature, NN_TEMPERATURE_MAX, 0, EPS, "all wrong");
    ck_assert(t.at_limit);
    ck_assert_int_eq(nn_temperature_fit_binary(flat, y, 4, &t, NULL), NN_OK);
    ck_assert(t.temperature == 1 && !t.at_limit);
    golden_close(t.nll_after, log(2), EPS, 0, "flat");
    ck_assert_int_eq(nn_temperature_fit(sure, truth, 2, 2, &t, NULL), NN_OK);
    ck_assert(t.at_limit);
    /* overflow nowhere */
    ck_assert_int_eq(nn_temperature_fit_binary(huge, turned, 4, &t, NULL),
                     NN_OK);
    golden_close(t.nll_before, 9750, 1e-9, 0, "huge");
}
END_TEST

START_TEST(fit_errors)
{
    const double z[] = { 1, 2, NAN, INFINITY };
    const uint8_t both[] = { 1, 0, 1, 0 }, ones[] = { 1, 1 };
    const int32_t truth[] = { 0, 2 };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_temperature t;

    ck_assert_int_eq(nn_temperature_fit(z, truth, 0, 2, &t, &err), NN_ERR_ARG);
    ck_assert_int_eq(nn_temperature_fit(z, truth, 1, 1, &t, &err), NN_ERR_ARG);
    ck_assert_int_eq(nn_temperature_fit(z, truth + 1, 1, 2, &t, &err),
                     NN_ERR_ARG);
    ck_assert_str_eq(err.text, "label 2 of item 0 not in 0..1");
    ck_assert_int_eq(nn_temperature_fit(z, truth, 2, 2, &t, &err),
                     NN_ERR_NUMERIC);
    ck_assert_str_eq(err.text, "logit 0 of item 1 is nan");
    ck_assert_int_eq(nn_temperature_fit_binary(z, ones, 2, &t, &err),
                     NN_ERR_ARG);
    ck_assert_str_eq(err.text,
                     "cannot calibrate on 2 items without a negative");
    ck_assert_int_eq(nn_temperature_fit_binary(z, both, 4, &t, &err),
                     NN_ERR_NUMERIC);
    ck_assert_int_eq(nn_temperature_fit_binary(z, both, 0, &t, &err),
                     NN_ERR_ARG);
    ck_assert_int_eq(nn_temperature_fit_binary(z, both + 1, 1, &t, &err),
                     NN_ERR_ARG);
    ck_assert_str_eq(err.text,
                     "cannot calibrate on 1 items without a positive");
}
END_TEST

/* --- is it worth having? --- */

/* 100 items with odds of 9 and 90 of them right: calibrated as they are. Two
 * that are sure and wrong draw the temperature up, and the others with it. */
START_TEST(a_temperature_that_harms_is_not_taken)
{
    enum { N = 102 };
    double z[N], pair[2 * N];
    uint8_t yes[N];
    int32_t truth[N];
    uint64_t fold[N];
    struct nn_temperature_choice c;

    for (int i = 0; i < N; i++) {
        z[i] = (i % 2 ? 1 : -1) * (i < 100 ? log(9) : 20);
        yes[i] = (i % 2 != 0) != (i % 20 > 17 || i >= 100);
        fold[i] = (uint64_t)i / 20;
        pair[2 * i] = -z[i] / 2;
        pair[2 * i + 1] = z[i] / 2;
        truth[i] = yes[i];
    }
    ck_assert_int_eq(nn_temperature_choose_binary(z, yes, N, fold, &c, NULL),
                     NN_OK);
    ck_assert(c.fit.temperature > 1.4 && !c.fit.at_limit);
    golden_close(c.ece_before, 2 / 102.0, 1e-8, 0, "error without");
    ck_assert_double_gt(c.ece_after, c.ece_before);
    ck_assert_double_eq(c.temperature, 1);
    ck_assert_int_eq(
        nn_temperature_choose(pair, truth, N, 2, 2, fold, &c, NULL), NN_OK);
    ck_assert(c.fit.temperature > 1.4);
    golden_close(c.ece_before, 2 / 102.0, 1e-8, 0, "error of the likeliest");
    ck_assert_double_eq(c.temperature, 1);

    /* three times as sure as they are right, and no others */
    for (int i = 0; i < 100; i++) {
        z[i] *= 3;
    }
    ck_assert_int_eq(nn_temperature_choose_binary(z, yes, 100, fold, &c, NULL),
                     NN_OK);
    golden_close(c.temperature, 3, 1e-9, 0, "three times too sure");
    golden_close(c.ece_before, 729 / 730.0 - 0.9, 1e-9, 0, "too sure");
    golden_close(c.ece_after, 0, 0.02, 0, "right");
}
END_TEST

/* Items of none of the judged classes shape the fit and not the error. */
START_TEST(judged_by_some_classes)
{
    const double z[] = { 4, 0, 1, 0, 4, 1, 4, 0, 9, 0, 4, 0, 4, 0, 1, 0, 4, 9 };
    const int32_t truth[] = { 0, 1, 2, 1, 0, 2 };
    const uint64_t fold[] = { 0, 1, 2, 3, 4, 5 };
    double p = 1 / (1 + exp(-4));
    struct nn_temperature_choice c;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(nn_temperature_choose(z, truth, 6, 3, 2, fold, &c, NULL),
                     NN_OK);
    golden_close(c.ece_before, 1 - p, 1e-12, 0, "of two classes");
    ck_assert_int_eq(nn_temperature_choose(z, truth, 6, 3, 4, fold, &c, &err),
                     NN_ERR_ARG);
    ck_assert_str_eq(err.text, "cannot judge 4 of 3 classes");
}
END_TEST

/* One positive: without it there is nothing to fit on. */
START_TEST(too_few_to_check)
{
    const double z[] = { 3, -1, 2, -3, 1 };
    const uint8_t yes[] = { 1, 0, 0, 0, 0 };
    const uint64_t fold[] = { 0, 1, 2, 3, 4 };
    struct nn_temperature_choice c;

    ck_assert_int_eq(nn_temperature_choose_binary(z, yes, 5, fold, &c, NULL),
                     NN_OK);
    ck_assert(isnan(c.ece_after) && c.fit.temperature != 1);
    ck_assert_double_eq(c.temperature, 1);
}
END_TEST

/* The error of items at their temperatures, plainly. */
static double part_error(const double *z, const uint8_t *yes, size_t n,
                         const double *temperature)
{
    double p[200], ece;

    for (size_t i = 0; i < n; i++) {
        p[i] = 1 / (1 + exp(-z[i] / temperature[i]));
    }
    ck_assert_int_eq(nn_reliability(p, yes, n, NN_ECE_BINS, NULL, &ece, NULL),
                     NN_OK);
    return ece;
}

/* Items of a fold (inside 1), or the others. */
static size_t take(const double *z, const uint8_t *yes, const uint64_t *fold,
                   size_t n, uint64_t f, int inside, double *to, uint8_t *of)
{
    size_t m = 0;

    for (size_t i = 0; i < n; i++) {
        if ((fold[i] % NN_TEMPERATURE_FOLDS == f) == inside) {
            to[m] = z[i];
            of[m++] = yes[i];
        }
    }
    return m;
}

/* Mean error of the folds, at 1 or at the temperature of the others. */
static double plain_cross(const double *z, const uint8_t *yes,
                          const uint64_t *fold, size_t n, int fitted)
{
    double sum = 0;

    for (uint64_t f = 0; f < NN_TEMPERATURE_FOLDS; f++) {
        double part[200], temperature[200];
        uint8_t of[200];
        struct nn_temperature t;
        size_t m = take(z, yes, fold, n, f, 0, part, of);

        ck_assert_int_eq(nn_temperature_fit_binary(part, of, m, &t, NULL),
                         NN_OK);
        m = take(z, yes, fold, n, f, 1, part, of);
        for (size_t i = 0; i < m; i++) {
            temperature[i] = fitted && !t.at_limit ? t.temperature : 1;
        }
        sum += part_error(part, of, m, temperature) * (double)m;
    }
    return sum / (double)n;
}

/* Scores that are nearly calibrated: often a fit helps the items that it was
 * made on, and no others. */
START_TEST(judged_on_items_not_fitted_on)
{
    enum { N = 60, SETS = 200 };
    int kept = 0, misled = 0;

    for (uint64_t s = 0; s < SETS; s++) {
        struct nn_rng rng = nn_rng_make(77, s);
        double z[N], one[N], fitted[N];
        uint8_t yes[N];
        uint64_t fold[N];
        struct nn_temperature_choice c;
        int lower;

        for (size_t i = 0; i < N; i++) {
            double true_z = 6 * nn_rng_double(&rng) - 3;

            z[i] = 1.15 * true_z;
            yes[i] = nn_rng_double(&rng) < 1 / (1 + exp(-true_z));
            fold[i] = 7 * i + s;
        }
        ck_assert_int_eq(
            nn_temperature_choose_binary(z, yes, N, fold, &c, NULL), NN_OK);
        for (size_t i = 0; i < N; i++) {
            one[i] = 1;
            fitted[i] = c.fit.temperature;
        }
        golden_close(c.ece_before, plain_cross(z, yes, fold, N, 0), 1e-12, 0,
                     "at 1");
        golden_close(c.ece_after, plain_cross(z, yes, fold, N, 1), 1e-12, 0,
                     "cross-fitted");
        lower = part_error(z, yes, N, fitted) < part_error(z, yes, N, one);
        ck_assert(c.temperature ==
                  (lower && c.ece_after < c.ece_before ? fitted[0] : 1));
        kept += c.temperature != 1;
        misled += lower && !(c.ece_after < c.ece_before);
    }
    ck_assert(kept > 20 && kept < SETS - 20 && misled > 5);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("eval/calibrate");
    TCase *t = tcase_create("calibrate");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, golden_classes);
    tcase_add_test(t, golden_binary);
    tcase_add_loop_test(t, random_minimum, 0, 40);
    tcase_add_loop_test(t, two_classes_are_one_sigmoid, 0, 10);
    tcase_add_test(t, limits);
    tcase_add_test(t, fit_errors);
    tcase_add_test(t, a_temperature_that_harms_is_not_taken);
    tcase_add_test(t, judged_by_some_classes);
    tcase_add_test(t, too_few_to_check);
    tcase_add_test(t, judged_on_items_not_fitted_on);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
