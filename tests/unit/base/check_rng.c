#include "tests/unit/testkit.h"

#include <math.h>
#include <string.h>

#include "common/base/rng.h"

/* Published answers for Philox 4x32-10 (kat_vectors of the Random123 1.09
 * distribution): counter words, key words, first two words of the block. */
static const struct {
    uint64_t index, stream, seed;
    uint32_t w0, w1;
} answers[] = {
    { 0, 0, 0, 0x6627e8d5, 0xe169c58d },
    { UINT64_MAX, UINT64_MAX, UINT64_MAX, 0x408f276d, 0x41c83b0e },
    /* counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0 */
    { 0x85a308d3243f6a88, 0x0370734413198a2e, 0x299f31d0a4093822, 0xd16cfe09,
      0x94fdcceb },
};

START_TEST(known_answers)
{
    uint64_t got =
        nn_rng_at(answers[_i].seed, answers[_i].stream, answers[_i].index);

    ck_assert_uint_eq(got & 0xffffffff, answers[_i].w0);
    ck_assert_uint_eq(got >> 32, answers[_i].w1);
}
END_TEST

START_TEST(draws_depend_on_place_alone)
{
    struct nn_rng a = nn_rng_make(7, 9), b = a;
    uint64_t first = nn_rng_u64(&a), second = nn_rng_u64(&a);

    ck_assert_uint_eq(first, nn_rng_at(7, 9, 0));
    ck_assert_uint_eq(second, nn_rng_at(7, 9, 1));
    ck_assert_uint_ne(first, second);
    ck_assert_uint_eq(nn_rng_u64(&b), first);
    ck_assert_uint_ne(nn_rng_at(7, 10, 0), first);
    ck_assert_uint_ne(nn_rng_at(8, 9, 0), first);
}
END_TEST

START_TEST(stream_ids_differ)
{
    uint64_t ids[8];
    size_t n = 0;

    for (uint64_t a = 0; a < 2; a++) {
        for (uint64_t b = 0; b < 2; b++) {
            for (uint64_t c = 0; c < 2; c++) {
                ids[n++] = nn_rng_stream(a, b, c);
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            ck_assert_uint_ne(ids[i], ids[j]);
        }
    }
    ck_assert_uint_eq(nn_rng_stream(1, 0, 1), ids[5]);
}
END_TEST

/* Chi-squared with n - 1 degrees of freedom stays under mean + 6 deviations
 * but for one draw in some millions; the seed is fixed anyway. */
static void check_uniform(const long *count, size_t n, long draws)
{
    double want = (double)draws / (double)n, chi = 0;
    double df = (double)n - 1;

    for (size_t i = 0; i < n; i++) {
        double d = (double)count[i] - want;

        chi += d * d / want;
    }
    ck_assert_msg(fabs(chi - df) < 6 * sqrt(2 * df), "chi-squared %g of %g",
                  chi, df);
}

START_TEST(below_is_uniform)
{
    static const uint32_t sizes[] = { 1, 2, 3, 10, 97, 1000 };
    struct nn_rng r = nn_rng_make(1, 2);
    uint32_t n = sizes[_i];
    long count[1000] = { 0 }, inside = 0;

    for (long i = 0; i < 200000; i++) {
        uint32_t k = nn_rng_below(&r, n);

        if (k < n) { /* an assertion for each draw would take seconds */
            count[k]++;
            inside++;
        }
    }
    ck_assert_int_eq(inside, 200000);
    if (n > 1) {
        check_uniform(count, n, 200000);
    }
    ck_assert_uint_eq(nn_rng_below(&r, 0), 0);
}
END_TEST

/* Plain multiplication without rejection would give multiples of three twice
 * as often as the others here. */
START_TEST(below_is_unbiased_for_large_n)
{
    struct nn_rng r = nn_rng_make(3, 4);
    uint32_t n = 0xC0000000u;
    long third[3] = { 0 };

    for (long i = 0; i < 60000; i++) {
        third[nn_rng_below(&r, n) % 3]++;
    }
    check_uniform(third, 3, 60000);
}
END_TEST

START_TEST(floats_fill_the_unit_interval)
{
    struct nn_rng r = nn_rng_make(5, 6);
    double sum = 0, sum_double = 0;
    long count[100] = { 0 }, inside = 0;

    for (int i = 0; i < 200000; i++) {
        float f = nn_rng_float(&r);
        double d = nn_rng_double(&r);

        if (f >= 0.0f && f < 1.0f && d >= 0 && d < 1) {
            count[(int)(f * 100.0f)]++;
            sum += (double)f;
            sum_double += d;
            inside++;
        }
    }
    ck_assert_int_eq(inside, 200000);
    check_uniform(count, 100, 200000);
    /* deviation of the mean: 1 / sqrt(12 * 200000) = 0.00065 */
    ck_assert_double_eq_tol(sum / 200000, 0.5, 0.004);
    ck_assert_double_eq_tol(sum_double / 200000, 0.5, 0.004);
}
END_TEST

START_TEST(range_leaves_out_its_end)
{
    struct nn_rng r = nn_rng_make(1, 1);

    /* Only two floats stand between these: rounding up is likely. */
    for (int i = 0; i < 1000; i++) {
        float x = nn_rng_range(&r, 1.0f, 1.0f + 0x1p-22f);

        ck_assert(x >= 1.0f && x < 1.0f + 0x1p-22f);
    }
    for (int i = 0; i < 1000; i++) {
        float x = nn_rng_range(&r, -3.0f, 5.0f);

        ck_assert(x >= -3.0f && x < 5.0f);
    }
    ck_assert_float_eq(nn_rng_range(&r, 2.0f, 2.0f), 2.0f);
}
END_TEST

START_TEST(normal_has_its_moments)
{
    enum { N = 200000 };
    struct nn_rng r = nn_rng_make(8, 8);
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0;

    for (int i = 0; i < N; i++) {
        double x = (double)nn_rng_normal(&r);

        m1 += x;
        m2 += x * x;
        m3 += x * x * x;
        m4 += x * x * x * x;
    }
    /* bounds: six deviations of each sample moment, sqrt(var / N) with
     * var = 1, 2, 15, 96 */
    ck_assert_double_eq_tol(m1 / N, 0, 6 * sqrt(1.0 / N));
    ck_assert_double_eq_tol(m2 / N, 1, 6 * sqrt(2.0 / N));
    ck_assert_double_eq_tol(m3 / N, 0, 6 * sqrt(15.0 / N));
    ck_assert_double_eq_tol(m4 / N, 3, 6 * sqrt(96.0 / N));
}
END_TEST

START_TEST(chance_keeps_its_probability)
{
    struct nn_rng r = nn_rng_make(9, 9);
    int n = 0, never = 0, always = 0;

    for (int i = 0; i < 100000; i++) {
        never += nn_rng_chance(&r, 0.0f);
        always += nn_rng_chance(&r, 1.0f);
        n += nn_rng_chance(&r, 0.25f);
    }
    ck_assert_int_eq(never, 0);
    ck_assert_int_eq(always, 100000);
    ck_assert_double_eq_tol(n / 1e5, 0.25, 6 * sqrt(0.25 * 0.75 / 1e5));
}
END_TEST

/* All 24 orders of four, equally often. */
START_TEST(shuffle_is_uniform)
{
    struct nn_rng r = nn_rng_make(2, 3);
    long count[24] = { 0 };

    for (int i = 0; i < 48000; i++) {
        uint32_t v[4] = { 0, 1, 2, 3 };
        uint32_t rank = 0;

        nn_rng_shuffle(&r, v, 4);
        for (uint32_t a = 0; a < 4; a++) {
            uint32_t smaller = 0;

            for (uint32_t b = a + 1; b < 4; b++) {
                smaller += v[b] < v[a];
            }
            rank = rank * (4 - a) + smaller;
        }
        count[rank]++;
    }
    check_uniform(count, 24, 48000);
    nn_rng_shuffle(&r, NULL, 0);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("rng");
    TCase *t = tcase_create("rng");

    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, known_answers, 0, 3);
    tcase_add_test(t, draws_depend_on_place_alone);
    tcase_add_test(t, stream_ids_differ);
    tcase_add_loop_test(t, below_is_uniform, 0, 6);
    tcase_add_test(t, below_is_unbiased_for_large_n);
    tcase_add_test(t, floats_fill_the_unit_interval);
    tcase_add_test(t, range_leaves_out_its_end);
    tcase_add_test(t, normal_has_its_moments);
    tcase_add_test(t, chance_keeps_its_probability);
    tcase_add_test(t, shuffle_is_uniform);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
