/* Which unit is asked for, and what is said. */
#include <math.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "pipelines/audit/expect.h"
#include "pipelines/audit/looks.h"
#include "tests/unit/testkit.h"

enum { N = 400 };

static void make_units(struct audit_unit *unit, uint64_t seed)
{
    struct nn_rng rng = nn_rng_make(seed, 0);

    for (int i = 0; i < N; i++) {
        unit[i].expected = i < 30 ? 0.9 : 0.002;
        unit[i].value = 1;
        unit[i].clock = 1e-12 - log1p(-nn_rng_double(&rng));
    }
}

static struct audit_looks *start(struct audit_unit *unit, double tilt)
{
    struct audit_goal goal = { 0.8, 0.9, tilt };
    struct audit_looks *a = NULL;

    ck_assert(audit_looks_create(unit, N, &goal, &a, NULL) == NN_OK);
    return a;
}

START_TEST(every_unit_once)
{
    struct audit_unit unit[N];
    struct audit_looks *a;
    struct audit_state s;
    int seen[N] = { 0 };

    make_units(unit, (uint64_t)_i);
    a = start(unit, AUDIT_TILT);
    for (int k = 0; k < N; k++) {
        size_t i = audit_looks_next(a, NULL);

        ck_assert(i < N && !seen[i]);
        seen[i] = 1;
        ck_assert(audit_looks_answer(a, i) == AUDIT_UNSEEN);
        ck_assert(audit_looks_put(a,
                                  i % 13 == 0   ? AUDIT_POSITIVE
                                  : i % 50 == 7 ? AUDIT_UNSURE
                                                : AUDIT_NONE,
                                  NULL) == NN_OK);
    }
    ck_assert(audit_looks_next(a, NULL) == N);
    ck_assert(audit_looks_put(a, AUDIT_NONE, NULL) == NN_ERR_ARG);
    audit_looks_state(a, &s);
    ck_assert_uint_eq(s.n_top + s.n_draws, N);
    ck_assert(s.unseen == 0 && s.upper == s.known);
    ck_assert(s.found == 31 && s.unsure == 8);
    ck_assert(fabs(s.recall - 31.0 / 39) < 1e-12);
    audit_looks_destroy(&a);
}
END_TEST

/* The goal's own test agrees with the bound, and unsure answers cost. */
START_TEST(reached_is_the_bound)
{
    struct audit_unit unit[N];
    struct audit_looks *a;
    size_t reached[2] = { N, N };

    make_units(unit, 3);
    for (int unsure = 0; unsure < 2; unsure++) {
        a = start(unit, AUDIT_TILT);
        for (size_t k = 0; k < N; k++) {
            struct audit_state s;
            size_t i = audit_looks_next(a, NULL);
            enum audit_answer y = i >= 30           ? AUDIT_NONE
                                  : i < 3 && unsure ? AUDIT_UNSURE
                                                    : AUDIT_POSITIVE;

            ck_assert(audit_looks_put(a, y, NULL) == NN_OK);
            audit_looks_state(a, &s);
            ck_assert_msg(audit_looks_reached(a) == (s.reached && s.found > 0),
                          "after %zu looks: recall %g", k + 1, s.recall);
            if (s.reached && reached[unsure] == N) {
                reached[unsure] = k;
            }
        }
        audit_looks_destroy(&a);
    }
    ck_assert(reached[0] > 30 && reached[0] < N);
    ck_assert(reached[1] > reached[0]);
}
END_TEST

/* Every draw as the test counts it: with even weights W / w is the value of the
 * unseen, unsure answers are hits as well as known, and a burst counts what it
 * holds. And the goal against the least total that makes it false, found by
 * counting up: with a recall of one half ties are exact. */
START_TEST(draws_and_goal_by_hand)
{
    struct audit_goal goal = { 0.5, 0.9, 0 };
    struct audit_unit unit[N];
    struct audit_looks *a = NULL;
    double found = 0, unsure = 0, unseen = 0;
    size_t n, drawn = 0, reached = 0;

    make_units(unit, 11);
    for (int i = 0; i < N; i++) {
        unit[i].value = 1 + i % 3;
        unseen += unit[i].value;
    }
    ck_assert(audit_looks_create(unit, N, &goal, &a, NULL) == NN_OK);
    for (int k = 0; k < N; k++) {
        int is_draw = 0;
        size_t i = audit_looks_next(a, &is_draw);
        enum audit_answer y = i % 45 == 4             ? AUDIT_UNSURE
                              : i < 30 || i % 40 == 0 ? AUDIT_POSITIVE
                                                      : AUDIT_NONE;
        const struct nn_draw *d;
        double T = 0;

        ck_assert(audit_looks_put(a, y, NULL) == NN_OK);
        d = audit_looks_draws(a, &n);
        if (is_draw) {
            ck_assert_uint_eq(n, ++drawn);
            ck_assert_double_eq(d[n - 1].most, unseen);
            ck_assert_double_eq(d[n - 1].here, unseen);
            ck_assert_double_eq(d[n - 1].known, found + unsure);
            ck_assert_int_eq(d[n - 1].hit, y != AUDIT_NONE);
        }
        unseen -= unit[i].value;
        found += y == AUDIT_POSITIVE ? unit[i].value : 0;
        unsure += y == AUDIT_UNSURE ? unit[i].value : 0;
        while (found >= goal.recall * T) {
            T++;
        }
        ck_assert_int_eq(audit_looks_reached(a),
                         T > found + unsure &&
                             (T > found + unsure + unseen ||
                              nn_draws_log_evidence(d, n, T) >= -log(0.1)));
        reached += (size_t)audit_looks_reached(a);
    }
    ck_assert(drawn > 50 && reached > 0 && reached < N);
    audit_looks_destroy(&a);
}
END_TEST

/* The first draw takes units in proportion to their values and weights: the
 * clocks' order is a race. Even draws: equally often. */
START_TEST(draws_are_even)
{
    enum { ROUNDS = 4000, TAIL = 370 };
    int count[N] = { 0 };
    double chi = 0;

    for (uint64_t r = 0; r < ROUNDS; r++) {
        struct audit_unit unit[N];
        struct audit_looks *a;
        int is_draw = 0;
        size_t i;

        make_units(unit, 100 + r);
        a = start(unit, 0);
        while ((i = audit_looks_next(a, &is_draw)), !is_draw) {
            ck_assert(audit_looks_put(a, i < 30 ? AUDIT_POSITIVE : AUDIT_NONE,
                                      NULL) == NN_OK);
        }
        count[i]++;
        audit_looks_destroy(&a);
    }
    for (int i = 30; i < N; i++) {
        double d = count[i] - (double)ROUNDS / TAIL;

        chi += d * d / ((double)ROUNDS / TAIL);
    }
    /* chi-squared with 369 degrees: mean 369, deviation 27; units that the top
     * looks took are missing from the draws, so few may be left out */
    ck_assert_msg(chi < 369 + 5 * 27, "chi-squared %g", chi);
}
END_TEST

START_TEST(expected_shares)
{
    enum { LOTS = 10000 };
    static double p[LOTS], out[LOTS];
    struct nn_rng rng = nn_rng_make(9, 9);
    double q, sum = 0;

    for (int i = 0; i < LOTS; i++) { /* 3 % positives, a model made for half */
        double z = (i < 300 ? 2 : -2) + nn_rng_normal(&rng);

        p[i] = 1 / (1 + exp(-4 * z));
    }
    q = audit_expect(p, LOTS, out);
    ck_assert_msg(q > 0.026 && q < 0.034, "%g", q);
    for (int i = 0; i < LOTS; i++) {
        ck_assert(out[i] >= 0.5 / LOTS && out[i] <= 1);
        sum += out[i];
    }
    ck_assert(fabs(sum / LOTS - q) < 1e-3);
}
END_TEST

/* From a revision on the top looks go by the new shares, the largest of those
 * not seen first. */
START_TEST(revised_shares_lead)
{
    struct audit_unit unit[N];
    double share[N];
    struct audit_looks *a;
    int seen[N] = { 0 }, largest = N - 1, tops = 0;

    make_units(unit, 11);
    a = start(unit, AUDIT_TILT);
    for (int k = 0; k < 60; k++) {
        int is_draw;
        size_t i;

        if (k == 10) {
            for (int u = 0; u < N; u++) {
                share[u] = (u + 1) / (N + 1.0);
            }
            ck_assert(audit_looks_revise(a, share, NULL) == NN_OK);
        }
        i = audit_looks_next(a, &is_draw);
        while (seen[largest]) {
            largest--;
        }
        if (k >= 10 && !is_draw) {
            ck_assert_uint_eq(i, (size_t)largest);
            tops++;
        }
        seen[i] = 1;
        ck_assert(audit_looks_put(a, is_draw ? AUDIT_NONE : AUDIT_POSITIVE,
                                  NULL) == NN_OK);
    }
    ck_assert_int_ge(tops, 20);
    audit_looks_destroy(&a);
}
END_TEST

static int create_looks(void *ctx)
{
    struct audit_goal goal = { 0.9, 0.95, 1 };
    struct audit_looks *a = NULL;
    enum nn_status st = audit_looks_create(ctx, N, &goal, &a, NULL);

    for (int k = 0; !st && k < 300; k++) {
        st = audit_looks_put(a, AUDIT_NONE, NULL);
    }
    audit_looks_destroy(&a);
    return (int)st;
}

START_TEST(looks_memory)
{
    struct audit_unit unit[N];

    make_units(unit, 1);
    testkit_each_alloc_failure(create_looks, unit);
}
END_TEST

START_TEST(looks_errors)
{
    struct audit_unit unit[N];
    struct audit_goal goal = { 1, 0.95, 0 };
    struct audit_looks *a = NULL;

    make_units(unit, 1);
    ck_assert(audit_looks_create(unit, N, &goal, &a, NULL) == NN_ERR_ARG);
    goal.recall = 0.9;
    ck_assert(audit_looks_create(unit, 0, &goal, &a, NULL) == NN_ERR_ARG);
    unit[7].clock = 0;
    ck_assert(audit_looks_create(unit, N, &goal, &a, NULL) == NN_ERR_ARG);
    ck_assert(a == NULL);
}
END_TEST

static Suite *looks_suite(void)
{
    Suite *s = suite_create("audit looks");
    TCase *t = tcase_create("looks");

    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, every_unit_once, 0, 5);
    tcase_add_test(t, reached_is_the_bound);
    tcase_add_test(t, draws_and_goal_by_hand);
    tcase_add_test(t, draws_are_even);
    tcase_add_test(t, expected_shares);
    tcase_add_test(t, revised_shares_lead);
    tcase_add_test(t, looks_memory);
    tcase_add_test(t, looks_errors);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(looks_suite)
