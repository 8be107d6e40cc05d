/* How often does the alarm ring when it must not, and does it ring? */
#include <math.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/eval/sampling.h"
#include "pipelines/audit/shift.h"
#include "tests/unit/testkit.h"

enum { DIMS = 6, REFERENCE = 240, DRAWN = 60, PILES = 400 };

/* Photos of kind y around a point of their own; photos of a strange camera
 * around a third. */
static void draw_photo(struct nn_rng *rng, int kind, float *x)
{
    for (int i = 0; i < DIMS; i++) {
        x[i] = (float)(0.6 * nn_rng_normal(rng) + (i == kind ? 2 : 0));
    }
}

static double p_of(uint64_t pile, double positives, double strange)
{
    struct nn_rng rng = nn_rng_make(5, pile);
    float x[REFERENCE * DIMS], drawn[DRAWN * DIMS];
    uint8_t kind[REFERENCE];
    uint64_t group[REFERENCE];
    const struct shift_reference ref = {
        REFERENCE, DIMS, x, kind, group, pile
    };
    struct shift_result r;

    for (size_t i = 0; i < REFERENCE; i++) {
        kind[i] = i % 2;
        group[i] = i;
        draw_photo(&rng, kind[i], x + i * DIMS);
    }
    for (size_t i = 0; i < DRAWN; i++) {
        int k = nn_rng_double(&rng) < strange     ? 2
                : nn_rng_double(&rng) < positives ? 1
                                                  : 0;

        draw_photo(&rng, k, drawn + i * DIMS);
    }
    ck_assert(shift_test(&ref, drawn, DRAWN, &r, NULL) == NN_OK);
    ck_assert(r.n == DRAWN && r.p > 0 && r.p <= 1);
    nn_mem_free(r.distance);
    return r.p;
}

/* Whatever the share of positives is, an alarm at a rate rings falsely in that
 * share of the piles at most; where one kind alone decides, about that often.
 */
START_TEST(false_alarms)
{
    const double share[] = { 0, 0.05, 0.5, 1 };
    const double rate[] = { 0.01, 0.05, 0.2 };
    size_t rang[3] = { 0 };

    for (uint64_t k = 0; k < PILES; k++) {
        double p = p_of(k, share[_i], 0);

        for (int a = 0; a < 3; a++) {
            rang[a] += p <= rate[a];
        }
    }
    for (int a = 0; a < 3; a++) {
        double most =
            PILES * rate[a] + 3 * sqrt(PILES * rate[a] * (1 - rate[a]));

        ck_assert_msg((double)rang[a] <= most, "rate %g: %zu of %d", rate[a],
                      rang[a], PILES);
    }
}
END_TEST

START_TEST(it_rings)
{
    size_t some = 0;

    for (uint64_t k = 0; k < 50; k++) {
        ck_assert(p_of(k, 0.05, 1) < 1e-6);
        some += p_of(k, 0.05, 0.4) <= 0.01;
    }
    ck_assert_uint_ge(some, 45);
}
END_TEST

/* Against shuffles: of n + N photos of one kind, how many of the N drawn lie
 * beyond the j-th largest of the n others? */
START_TEST(one_kind_is_exact)
{
    enum { N = 8, OTHERS = 20, ROUNDS = 20000 };
    const size_t n[2] = { OTHERS, 0 };
    struct nn_rng rng = nn_rng_make(9, 0);
    double at_least[N + 1] = { 0 };

    for (int round = 0; round < ROUNDS; round++) {
        size_t others = 0, before = 0, left = OTHERS + N, drawn = N;

        while (others < 2) { /* j = 2 */
            if (nn_rng_below(&rng, (uint32_t)left--) < drawn) {
                before++;
                drawn--;
            } else {
                others++;
            }
        }
        for (size_t k = 0; k <= before; k++) {
            at_least[k] += 1.0 / ROUNDS;
        }
    }
    for (size_t k = 0; k <= N; k++) {
        double p = shift_p_value(n, N, k);

        ck_assert_msg(fabs(p - at_least[k]) <
                          4 * sqrt(p * (1 - p) / ROUNDS) + 1e-9,
                      "%zu: %g, not %g", k, p, at_least[k]);
    }
    ck_assert(isnan(shift_p_value((const size_t[]){ 3, 4 }, N, 1)));
}
END_TEST

/* With both kinds: a mixture in between is never worse than the largest, and
 * two references of the same size make no difference to one kind's. */
START_TEST(both_kinds)
{
    const size_t both[2] = { 40, 100 }, first[2] = { 40, 0 };

    for (size_t far = 0; far <= 30; far++) {
        double p = shift_p_value(both, 30, far);

        ck_assert(p >= shift_p_value(first, 30, far) - 1e-12);
        ck_assert(p <= 1 &&
                  (far == 0 || p <= shift_p_value(both, 30, far - 1)));
    }
}
END_TEST

static int test_once(void *ctx)
{
    struct shift_result r = { 0 };
    enum nn_status st;
    float x[80];
    uint8_t kind[80] = { 0 };
    uint64_t group[80];
    const struct shift_reference ref = { 80, 1, x, kind, group, 1 };

    (void)ctx;
    for (int i = 0; i < 80; i++) {
        x[i] = 1;
        group[i] = (uint64_t)i;
    }
    st = shift_test(&ref, x, 5, &r, NULL);
    nn_mem_free(r.distance);
    return (int)st;
}

START_TEST(memory_and_errors)
{
    const struct shift_reference none = { 0 };
    struct shift_result r;
    float x = 1;

    testkit_each_alloc_failure(test_once, NULL);
    ck_assert(shift_test(&none, &x, 1, &r, NULL) == NN_ERR_ARG);
    nn_mem_free(r.distance);
    ck_assert(shift_test(&none, &x, 0, &r, NULL) == NN_ERR_ARG);
}
END_TEST

static Suite *shift_suite(void)
{
    Suite *s = suite_create("audit shift");
    TCase *t = tcase_create("alarm");

    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, false_alarms, 0, 4);
    tcase_add_test(t, it_rings);
    tcase_add_test(t, one_kind_is_exact);
    tcase_add_test(t, both_kinds);
    tcase_add_test(t, memory_and_errors);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(shift_suite)
