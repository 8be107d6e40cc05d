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
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
