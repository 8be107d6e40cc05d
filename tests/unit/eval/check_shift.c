/* How often does the alarm ring when it must not, and does it ring? */
#include <math.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/eval/sampling.h"
#include "common/eval/shift.h"
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

/* dims 0: all; near 0: half of the photos. */
static double p_of(uint64_t pile, double positives, double strange, size_t dims,
                   size_t near)
{
    struct nn_rng rng = nn_rng_make(5, pile);
    float x[REFERENCE * DIMS], drawn[DRAWN * DIMS];
    uint8_t kind[REFERENCE];
    uint64_t group[REFERENCE];
    const struct nn_shift_known known = { .n = REFERENCE,
                                          .dims = DIMS,
                                          .x = x,
                                          .kind = kind,
                                          .group = group,
                                          .seed = pile,
                                          .most_near = near,
                                          .keep_dims = dims };
    struct nn_shift_reference ref;
    struct nn_shift_result r;

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
    ck_assert(nn_shift_learn(&known, &ref, NULL) == NN_OK);
    ck_assert_uint_eq(ref.dims, dims > 0 ? dims : DIMS);
    ck_assert(near == 0 || ref.n <= near);
    ck_assert(near == 0 || ref.rest[0] + ref.rest[1] > REFERENCE / 2);
    ck_assert(nn_shift_test(&ref, drawn, DRAWN, &r, NULL) == NN_OK);
    ck_assert(r.n == DRAWN && r.p > 0 && r.p <= 1);
    nn_mem_free(r.distance);
    nn_shift_release(&ref);
    return r.p;
}

/* Whatever the share of positives is, an alarm at a rate rings falsely in that
 * share of the piles at most; where one kind alone decides, about that often.
 */
START_TEST(false_alarms)
{
    const double share[] = { 0, 0.05, 0.5, 1 };
    const double rate[] = { 0.01, 0.05, 0.2 };
    const int small = _i >= 4; /* as a model file keeps it */
    size_t rang[3] = { 0 };

    for (uint64_t k = 0; k < PILES; k++) {
        double p = p_of(k, share[_i % 4], 0, small ? 4 : 0, small ? 60 : 0);

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
        ck_assert(p_of(k, 0.05, 1, 0, 0) < 1e-6);
        some += p_of(k, 0.05, 0.4, 0, 0) <= 0.01;
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
        double p = nn_shift_p_value(n, N, k);

        ck_assert_msg(fabs(p - at_least[k]) <
                          4 * sqrt(p * (1 - p) / ROUNDS) + 1e-9,
                      "%zu: %g, not %g", k, p, at_least[k]);
    }
    ck_assert(isnan(nn_shift_p_value((const size_t[]){ 3, 4 }, N, 1)));
}
END_TEST

/* With both kinds: a mixture in between is never worse than the largest, and
 * two references of the same size make no difference to one kind's. */
START_TEST(both_kinds)
{
    const size_t both[2] = { 40, 100 }, first[2] = { 40, 0 };

    for (size_t far = 0; far <= 30; far++) {
        double p = nn_shift_p_value(both, 30, far);

        ck_assert(p >= nn_shift_p_value(first, 30, far) - 1e-12);
        ck_assert(p <= 1 &&
                  (far == 0 || p <= nn_shift_p_value(both, 30, far - 1)));
    }
}
END_TEST

/* Reduced rows keep most of what tells photos apart. */
START_TEST(reduced_rows_ring)
{
    size_t some = 0;

    for (uint64_t k = 0; k < 50; k++) {
        some += p_of(k, 0.05, 1, 5, 60) <= 0.01;
    }
    ck_assert_uint_ge(some, 40);
}
END_TEST

static int test_once(void *ctx)
{
    struct nn_shift_reference ref = { 0 };
    struct nn_shift_result r = { 0 };
    enum nn_status st;
    float x[80];
    uint8_t kind[80] = { 0 };
    uint64_t group[80];
    const struct nn_shift_known known = {
        .n = 80, .dims = 1, .x = x, .kind = kind, .group = group, .seed = 1
    };

    (void)ctx;
    for (int i = 0; i < 80; i++) {
        x[i] = 1;
        group[i] = (uint64_t)i;
    }
    st = nn_shift_learn(&known, &ref, NULL);
    if (st == NN_OK) {
        st = nn_shift_test(&ref, x, 5, &r, NULL);
    }
    ck_assert(st != NN_OK || r.far == 0); /* equal photos, equal distances */
    nn_mem_free(r.distance);
    nn_shift_release(&ref);
    return (int)st;
}

START_TEST(memory_and_errors)
{
    const struct nn_shift_known none = { 0 };
    struct nn_shift_reference ref;
    struct nn_shift_result r;
    float x = 1;

    testkit_each_alloc_failure(test_once, NULL);
    ck_assert(nn_shift_learn(&none, &ref, NULL) == NN_ERR_ARG);
    ck_assert_ptr_null(ref.near);
    ck_assert(nn_shift_test(&ref, &x, 1, &r, NULL) == NN_ERR_ARG);
    ck_assert(nn_shift_test(&ref, &x, 0, &r, NULL) == NN_ERR_ARG);
}
END_TEST

/* Files hold rows made with these signs: they must stay what they are. */
START_TEST(signs_stay)
{
    enum { N = 200, FROM = 130, TO = 3 };
    static const float first[TO] = { -1036.F / 2048, 1726.F / 2048,
                                     -378.F / 2048 };
    float x[N * FROM];
    uint8_t kind[N] = { 0 };
    uint64_t group[N];
    const struct nn_shift_known known = { .n = N,
                                          .dims = FROM,
                                          .x = x,
                                          .kind = kind,
                                          .group = group,
                                          .keep_dims = TO };
    struct nn_shift_reference ref;

    for (size_t i = 0; i < N; i++) {
        group[i] = i;
        for (size_t k = 0; k < FROM; k++) {
            x[i * FROM + k] = (float)((k * k + k / 7) % 11);
        }
    }
    ck_assert(nn_shift_learn(&known, &ref, NULL) == NN_OK);
    for (size_t k = 0; k < TO; k++) {
        ck_assert_msg(fabs((double)(ref.near[k] - first[k])) < 1e-9,
                      "%zu: %.9g", k, (double)ref.near[k]);
        ck_assert(ref.near[k] * 2048 == floorf(ref.near[k] * 2048));
    }
    nn_shift_release(&ref);
}
END_TEST

static Suite *shift_suite(void)
{
    Suite *s = suite_create("audit shift");
    TCase *t = tcase_create("alarm");

    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, false_alarms, 0, 8);
    tcase_add_test(t, it_rings);
    tcase_add_test(t, one_kind_is_exact);
    tcase_add_test(t, both_kinds);
    tcase_add_test(t, reduced_rows_ring);
    tcase_add_test(t, signs_stay);
    tcase_add_test(t, memory_and_errors);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(shift_suite)
