/* Distributions, exact intervals, thresholds with a promise, tests. */
#include <math.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/eval/stats.h"
#include "tests/unit/eval/golden.h"
#include "tests/unit/testkit.h"

START_TEST(golden_beta)
{
    json_t *all = golden_load();
    const json_t *rows = golden_get(all, "beta");

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *r = json_array_get(rows, i);
        double a = golden_at(r, 0), b = golden_at(r, 1), x = golden_at(r, 2);
        char what[96];

        snprintf(what, sizeof what, "I_%.17g(%g, %g)", x, a, b);
        golden_close(nn_beta_inc(a, b, x), golden_at(r, 3), 0, 1e-12, what);
        golden_close(nn_beta_inc_upper(a, b, x), golden_at(r, 4), 0, 1e-12,
                     what);
    }
    ck_assert_uint_gt(json_array_size(rows), 30);
    json_decref(all);
}
END_TEST

START_TEST(golden_beta_inverse)
{
    json_t *all = golden_load();
    const json_t *rows = golden_get(all, "beta_inverse");

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *r = json_array_get(rows, i);

        golden_close(
            nn_beta_inc_inv(golden_at(r, 0), golden_at(r, 1), golden_at(r, 2)),
            golden_at(r, 3), 0, 1e-11, "inverse");
    }
    json_decref(all);
}
END_TEST

START_TEST(beta_identities)
{
    struct nn_rng rng = nn_rng_make(3, (uint64_t)_i);
    double a = exp(12 * nn_rng_double(&rng) - 3);
    double b = exp(12 * nn_rng_double(&rng) - 3);
    double p = nn_rng_double(&rng), x = nn_beta_inc_inv(a, b, p);

    /* inverse, as far as the spacing of x allows */
    ck_assert(x >= 0 && x <= 1);
    ck_assert_msg(
        nn_beta_inc(a, b, x) >= p - 1e-12 &&
            (x == 0 || nn_beta_inc(a, b, nextafter(x, 0)) <= p + 1e-12),
        "a %g b %g p %g", a, b, p);
    /* I_x(a,1) = x^a; symmetric at one half */
    golden_close(nn_beta_inc(a, 1, p), pow(p, a), 0, 1e-11, "power");
    golden_close(nn_beta_inc(a, a, 0.5), 0.5, 1e-12, 0, "symmetry");
    golden_close(nn_beta_inc(a, b, p) + nn_beta_inc_upper(a, b, p), 1, 1e-14, 0,
                 "sum");
}
END_TEST

START_TEST(beta_range)
{
    ck_assert(nn_beta_inc(2, 3, 0) == 0 && nn_beta_inc(2, 3, 1) == 1);
    ck_assert(nn_beta_inc_upper(2, 3, 0) == 1);
    /* the upper tail keeps its digits */
    golden_close(nn_beta_inc_upper(2, 3, nn_beta_inc_inv(2, 3, 1 - 0x1p-40)),
                 0x1p-40, 0, 1e-9, "upper tail");
    ck_assert(nn_beta_inc_inv(2, 3, 0) == 0 && nn_beta_inc_inv(2, 3, 1) == 1);
    ck_assert(isnan(nn_beta_inc(0, 1, 0.5)) && isnan(nn_beta_inc(1, -1, 0.5)));
    ck_assert(isnan(nn_beta_inc(1, 1, 1.1)) && isnan(nn_beta_inc(1, 1, NAN)));
    ck_assert(isnan(nn_beta_inc(1e9, 1, 0.5)));
    ck_assert(isnan(nn_beta_inc_inv(1, 1, -0.1)) &&
              isnan(nn_beta_inc_inv(NAN, 1, 0.1)));
}
END_TEST

START_TEST(golden_binomial)
{
    json_t *all = golden_load();
    const json_t *rows = golden_get(all, "binom");

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *r = json_array_get(rows, i);
        size_t n = (size_t)golden_at(r, 0), k = (size_t)golden_at(r, 1);
        double p = golden_at(r, 2);

        golden_close(nn_binom_cdf(n, k, p), golden_at(r, 3), 0, 1e-11, "cdf");
    }
    ck_assert(nn_binom_cdf(5, 6, 0.5) == 1 && nn_binom_cdf(5, 0, 0) == 1);
    ck_assert(nn_binom_cdf(5, 4, 1) == 0 && nn_binom_cdf(5, 5, 1) == 1);
    ck_assert(isnan(nn_binom_cdf(5, 0, 2)) && isnan(nn_binom_cdf(5, 1, NAN)));
    json_decref(all);
}
END_TEST

/* Sums of exact binomial terms, n = 12. */
START_TEST(binomial_sums)
{
    double choose = 1, below = 0, p = 0.05 * _i;

    for (size_t k = 0; k <= 12; k++) {
        double term = choose * pow(p, (double)k) * pow(1 - p, 12 - (double)k);

        below += term;
        golden_close(nn_binom_cdf(12, k, p), below, 1e-13, 0, "cdf");
        choose = choose * (12 - (double)k) / ((double)k + 1);
    }
}
END_TEST

START_TEST(golden_clopper_pearson)
{
    json_t *all = golden_load();
    const json_t *rows = golden_get(all, "clopper_pearson");

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *r = json_array_get(rows, i);
        size_t k = (size_t)golden_at(r, 0), n = (size_t)golden_at(r, 1);
        double c = golden_at(r, 2);

        /* scipy's own inversion stops at about 1e-9 of 1 */
        golden_close(nn_clopper_pearson_lower(k, n, c), golden_at(r, 3), 2e-10,
                     1e-9, "lower");
        golden_close(nn_clopper_pearson_upper(k, n, c), golden_at(r, 4), 2e-10,
                     1e-9, "upper");
    }
    json_decref(all);
}
END_TEST

/* What defines the bounds: the tail probability at each end is alpha. */
START_TEST(clopper_pearson_tails)
{
    struct nn_rng rng = nn_rng_make(8, (uint64_t)_i);
    size_t n = 1 + nn_rng_below(&rng, 5000);
    size_t k = nn_rng_below(&rng, (uint32_t)n + 1);
    double lo = nn_clopper_pearson_lower(k, n, 0.95);
    double hi = nn_clopper_pearson_upper(k, n, 0.95);

    if (k > 0) {
        golden_close(1 - nn_binom_cdf(n, k - 1, lo), 0.05, 1e-12, 1e-9,
                     "lower tail");
    } else {
        ck_assert(lo == 0);
    }
    if (k < n) {
        golden_close(nn_binom_cdf(n, k, hi), 0.05, 0, 1e-9, "upper tail");
    } else {
        ck_assert(hi == 1);
    }
    golden_close(1 - nn_clopper_pearson_upper(n - k, n, 0.95), lo, 1e-14, 0,
                 "mirror");
}
END_TEST

START_TEST(clopper_pearson_range)
{
    ck_assert(isnan(nn_clopper_pearson_lower(0, 0, 0.95)));
    ck_assert(isnan(nn_clopper_pearson_upper(3, 2, 0.95)));
    ck_assert(isnan(nn_clopper_pearson_lower(1, 2, 1)));
    ck_assert(isnan(nn_clopper_pearson_lower(1, 2, 0)));
    ck_assert(isnan(nn_clopper_pearson_upper(1, 2, NAN)));
}
END_TEST

/* Textbook sample sizes: 59 and 299 (Wilks), 22 for 0.9 / 0.9. */
START_TEST(least_sample)
{
    ck_assert_uint_eq(nn_certify_min_n(0.95, 0.95), 59);
    ck_assert_uint_eq(nn_certify_min_n(0.99, 0.95), 299);
    ck_assert_uint_eq(nn_certify_min_n(0.9, 0.9), 22);
    ck_assert_uint_eq(nn_certify_min_n(0.05, 0.5), 1);
    ck_assert_uint_eq(nn_certify_min_n(1, 0.95), 0);
    ck_assert_uint_eq(nn_certify_min_n(0, 0.95), 0);
    ck_assert_uint_eq(nn_certify_min_n(0.9, 1), 0);
    ck_assert_uint_eq(nn_certify_min_n(NAN, 0.95), 0);
    for (double h = 0.5; h < 0.999; h += 0.007) {
        size_t n = nn_certify_min_n(h, 0.95);

        ck_assert(nn_clopper_pearson_lower(n, n, 0.95) >= h);
        ck_assert(nn_clopper_pearson_lower(n - 1, n - 1, 0.95) < h);
    }
}
END_TEST

START_TEST(recall_threshold_by_hand)
{
    double score[100];
    struct nn_recall_threshold k;

    for (size_t i = 0; i < 100; i++) {
        score[i] = (double)((i * 37) % 100); /* 0..99 shuffled */
    }
    ck_assert_int_eq(nn_threshold_at_recall(score, 100, 0.95, 0.95, &k, NULL),
                     NN_OK);
    ck_assert_uint_eq(k.rank, 95);
    ck_assert_uint_eq(k.kept, 95);
    ck_assert(k.threshold == 5 && k.rate == 0.95);
    ck_assert(k.lower == nn_clopper_pearson_lower(95, 100, 0.95));
    ck_assert(!k.certified);
    ck_assert_uint_eq(k.min_n, 59);
    /* 99 of 100 has the lower bound 0.9534; 98 of 100 has 0.9384 */
    ck_assert_uint_eq(k.safe_rank, 99);
    ck_assert(k.safe_threshold == 1 && k.safe_lower > 0.95);
    ck_assert(nn_clopper_pearson_lower(98, 100, 0.95) < 0.95);
    ck_assert_int_eq(nn_threshold_at_recall(score, 58, 0.95, 0.95, &k, NULL),
                     NN_OK);
    ck_assert_uint_eq(k.safe_rank, 0);
    ck_assert(isnan(k.safe_threshold) && isnan(k.safe_lower) && !k.certified);
    ck_assert_int_eq(nn_threshold_at_recall(score, 59, 0.95, 0.95, &k, NULL),
                     NN_OK);
    ck_assert_uint_eq(k.safe_rank, 59);
    ck_assert_int_eq(nn_threshold_at_recall(score, 100, 1, 0.95, &k, NULL),
                     NN_OK);
    ck_assert(k.threshold == 0 && k.rate == 1 && !k.certified);
    ck_assert_uint_eq(k.min_n, 0);
    ck_assert_uint_eq(k.safe_rank, 0);
}
END_TEST

START_TEST(recall_threshold_with_ties)
{
    const double score[] = { 1, 1, 1, 1, 1, 1, 1, 1, 0.5, 0.5 };
    struct nn_recall_threshold k;

    ck_assert_int_eq(nn_threshold_at_recall(score, 10, 0.5, 0.5, &k, NULL),
                     NN_OK);
    ck_assert_uint_eq(k.rank, 5);
    ck_assert_uint_eq(k.kept, 8);
    ck_assert(k.threshold == 1 && k.rate == 0.8);
    ck_assert(k.lower == nn_clopper_pearson_lower(5, 10, 0.5));
    ck_assert_int_eq(nn_threshold_at_recall(score, 10, 0.81, 0.5, &k, NULL),
                     NN_OK);
    ck_assert(k.threshold == 0.5 && k.kept == 10);
}
END_TEST

/* The promise itself: over many draws of n scores uniform in [0,1), where the
 * threshold t keeps a true share 1 - t, the safe threshold fails at most 5 %
 * of the time, the point threshold about half of it. */
START_TEST(recall_threshold_promise)
{
    enum { N = 120, DRAWS = 2000 };
    size_t broken = 0, short_point = 0;

    for (size_t d = 0; d < DRAWS; d++) {
        struct nn_rng rng = nn_rng_make(77, d);
        double score[N];
        struct nn_recall_threshold k;

        for (size_t i = 0; i < N; i++) {
            score[i] = nn_rng_double(&rng);
        }
        ck_assert_int_eq(nn_threshold_at_recall(score, N, 0.9, 0.95, &k, NULL),
                         NN_OK);
        ck_assert_uint_gt(k.safe_rank, 0);
        broken += 1 - k.safe_threshold < 0.9;
        short_point += 1 - k.threshold < 0.9;
    }
    /* expected P(Beta(r, N-r+1) < 0.9) <= 0.05; 3.2 standard errors more */
    ck_assert_msg(broken <= DRAWS / 20 + 32, "%zu of 2000 broken", broken);
    ck_assert_msg(broken >= 10, "only %zu of 2000 broken: too timid", broken);
    ck_assert_msg(short_point > DRAWS / 3, "%zu", short_point);
}
END_TEST

START_TEST(recall_threshold_errors)
{
    const double score[] = { 1, NAN };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_recall_threshold k;

    ck_assert_int_eq(nn_threshold_at_recall(score, 0, 0.9, 0.95, &k, &err),
                     NN_ERR_ARG);
    ck_assert_int_eq(nn_threshold_at_recall(score, 1, 0, 0.95, &k, &err),
                     NN_ERR_ARG);
    ck_assert_int_eq(nn_threshold_at_recall(score, 1, 1.1, 0.95, &k, &err),
                     NN_ERR_ARG);
    ck_assert_int_eq(nn_threshold_at_recall(score, 1, 0.9, 1, &k, &err),
                     NN_ERR_ARG);
    ck_assert_int_eq(nn_threshold_at_recall(score, 2, 0.9, 0.95, &k, &err),
                     NN_ERR_NUMERIC);
    ck_assert_str_eq(err.text, "score 1 is nan");
}
END_TEST

START_TEST(mcnemar)
{
    const uint8_t a[] = { 1, 1, 0, 0, 1 }, b[] = { 0, 0, 1, 0, 1 };
    json_t *all = golden_load();
    const json_t *rows = golden_get(all, "mcnemar");
    size_t only_a, only_b;

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *r = json_array_get(rows, i);

        golden_close(
            nn_mcnemar_exact((size_t)golden_at(r, 0), (size_t)golden_at(r, 1)),
            golden_at(r, 2), 0, 1e-11, "p");
    }
    ck_assert(nn_mcnemar_exact(0, 0) == 1);
    golden_close(nn_mcnemar_exact(1, 5), 2 * 7.0 / 64, 0, 1e-13, "p");
    nn_mcnemar_count(a, b, 5, &only_a, &only_b);
    ck_assert_uint_eq(only_a, 2);
    ck_assert_uint_eq(only_b, 1);
    json_decref(all);
}
END_TEST

START_TEST(holm)
{
    double p[] = { 0.04, 0.01, 0.03, 0.005 };
    const double want[] = { 0.06, 0.03, 0.06, 0.02 };
    double high[] = { 0.9, 0.6 };
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(nn_holm_adjust(p, 4, p, NULL), NN_OK); /* in place */
    for (size_t i = 0; i < 4; i++) {
        golden_close(p[i], want[i], 1e-15, 0, "adjusted");
    }
    ck_assert_int_eq(nn_holm_adjust(high, 2, high, NULL), NN_OK);
    ck_assert(high[0] == 1 && high[1] == 1);
    high[1] = 1.2;
    ck_assert_int_eq(nn_holm_adjust(high, 2, high, &err), NN_ERR_ARG);
    high[1] = NAN;
    ck_assert_int_eq(nn_holm_adjust(high, 2, high, &err), NN_ERR_ARG);
    ck_assert_int_eq(nn_holm_adjust(high, 0, high, &err), NN_ERR_ARG);
}
END_TEST

START_TEST(golden_holm)
{
    json_t *all = golden_load();
    const json_t *rows = golden_get(all, "holm");

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *r = json_array_get(rows, i);
        size_t n;
        double *p = golden_doubles(r, "p", &n);

        ck_assert_int_eq(nn_holm_adjust(p, n, p, NULL), NN_OK);
        for (size_t j = 0; j < n; j++) {
            golden_close(p[j], golden_at(golden_get(r, "adjusted"), j), 1e-15,
                         1e-13, "adjusted");
        }
        nn_mem_free(p);
    }
    json_decref(all);
}
END_TEST

static int allocating(void *ctx)
{
    const double score[] = { 1, 2, 3 }, p[] = { 0.1, 0.2 };
    double adjusted[2];
    struct nn_recall_threshold k;
    enum nn_status st = nn_threshold_at_recall(score, 3, 0.9, 0.95, &k, NULL);

    (void)ctx;
    return st ? st : nn_holm_adjust(p, 2, adjusted, NULL);
}

START_TEST(allocation_failures)
{
    testkit_each_alloc_failure(allocating, NULL);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("eval/stats");
    TCase *t = tcase_create("stats");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, golden_beta);
    tcase_add_test(t, golden_beta_inverse);
    tcase_add_loop_test(t, beta_identities, 0, 200);
    tcase_add_test(t, beta_range);
    tcase_add_test(t, golden_binomial);
    tcase_add_loop_test(t, binomial_sums, 0, 21);
    tcase_add_test(t, golden_clopper_pearson);
    tcase_add_loop_test(t, clopper_pearson_tails, 0, 100);
    tcase_add_test(t, clopper_pearson_range);
    tcase_add_test(t, least_sample);
    tcase_add_test(t, recall_threshold_by_hand);
    tcase_add_test(t, recall_threshold_with_ties);
    tcase_add_test(t, recall_threshold_promise);
    tcase_add_test(t, recall_threshold_errors);
    tcase_add_test(t, mcnemar);
    tcase_add_test(t, holm);
    tcase_add_test(t, golden_holm);
    tcase_add_test(t, allocation_failures);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
