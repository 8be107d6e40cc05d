/* Thresholds of rungs, on paper and on resampled validation sets. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/eval/stats.h"
#include "pipelines/train/cascade_fit.h"
#include "tests/unit/testkit.h"

#define near(got, want) ck_assert_double_eq_tol(got, want, 1e-12)

/* --- on paper --- */

enum { P = 10, N = 6 };

/* Ten positives of which two may be lost (0.75: eight must stay), six
 * negatives; one rung, or two. */
static const double gate_of[P + N] = { .90, .85, .80, .75, .70, .65, .60, .55,
                                       .20, .10, .66, .50, .45, .30, .15, .05 };
static const double room_of[P + N] = { .99, .98, .97, .96, .95, .94, .30, .20,
                                       .93, .92, .10, .25, .50, .10, .40, .10 };
static const double rung_of[P + N] = { .90, .90, .90, .90, .90, .90, .90, .30,
                                       .90, .02, .01, .95, .50, .01, .40, .01 };
static const double two_of[2 * (P + N)] = {
    .9, .9,  .9,  .9, .9,  .9, .9, .9,  .9, .9, .9,  .9, .9, .2, .3,  .1,
    .9, .95, .02, .9, .01, .9, .9, .15, .5, .9, .01, .9, .4, .3, .01, .9,
};

static struct cascade_votes paper(size_t n_rungs)
{
    static double none[P + N];
    static uint8_t positive[P + N];

    for (size_t i = 0; i < P + N; i++) {
        none[i] = 1 - room_of[i];
        positive[i] = i < P;
    }
    return (struct cascade_votes){ .n = P + N,
                                   .p_gate = gate_of,
                                   .p_none = none,
                                   .positive = positive,
                                   .n_rungs = n_rungs,
                                   .p_rung = n_rungs == 1 ? rung_of : two_of };
}

static struct cascade_policy choose(struct rungs *r,
                                    const struct cascade_aim *aim, double *t1)
{
    const struct cascade_votes v = paper(r->n);
    struct cascade_policy p;

    ck_assert_int_eq(cascade_choose(&v, aim, r, t1, &p, NULL), NN_OK);
    return p;
}

/* Half of two losses is one: .30 is the second smallest of the positives. It
 * rejects .02 of them and three negatives at .01. Left is one loss: by the
 * species net (t1 .20, t2 .30: of the gate's .50 .45, .15 is below it, the one
 * with room .50 passes) or by the gate (t1 .55, t2 .20: none passes). */
START_TEST(one_rung)
{
    const struct cascade_aim aim = { .min_recall = .75, .rung_loss = .5 };
    struct rungs r = { .n = 1 };
    double t1;
    struct cascade_policy p = choose(&r, &aim, &t1);

    near(r.v[0].threshold, .30);
    near(r.v[0].recall, .9);
    near(r.v[0].fpr, .5);
    near(t1, .55);
    near(p.none_threshold, .20);
    near(p.recall, .8);
    near(p.fpr, 0);
    ck_assert_uint_eq(p.n_positives, P);
    ck_assert_uint_eq(p.n_negatives, N);
    ck_assert_uint_eq(p.n_splits, 2);
    /* Of eleven blocks 2 + 3 are cut off, two ways were tried. */
    near(p.recall_lower, nn_clopper_pearson_lower(6, 10, 1 - .05 / 2));
    near(p.fpr_upper, nn_clopper_pearson_upper(0, 6, 1 - .05 / 2));
    ck_assert_double_ge(
        nn_clopper_pearson_lower(p.n_needed - 2, p.n_needed, .95), .75);
    ck_assert_double_lt(
        nn_clopper_pearson_lower(p.n_needed - 3, p.n_needed - 1, .95), .75);
}
END_TEST

/* A rung that may lose none still rejects what lies below all positives. */
START_TEST(no_loss_for_the_rung)
{
    const struct cascade_aim aim = { .min_recall = .75, .rung_loss = .4 };
    struct rungs r = { .n = 1 };
    double t1;
    struct cascade_policy p = choose(&r, &aim, &t1);

    near(r.v[0].threshold, .02);
    near(r.v[0].recall, 1);
    near(r.v[0].fpr, .5);
    ck_assert_uint_eq(p.n_splits, 3);
    near(p.recall, .8);
}
END_TEST

/* The gate's own limits count among those that come to it: none of its nine
 * positives may go, or all six negatives of the part may pass, so that the
 * threshold is as low as one can be that a rung's number stays below. */
START_TEST(limits_of_the_gate)
{
    const struct cascade_aim recall = { .min_recall = .75,
                                        .gate_recall = .95,
                                        .rung_loss = .5 };
    const struct cascade_aim pass = { .min_recall = .75,
                                      .gate_pass = .5,
                                      .rung_loss = .5 };
    const struct cascade_aim one = { .min_recall = .75,
                                     .gate_pass = .17,
                                     .rung_loss = .5 };
    struct rungs r = { .n = 1 };
    double t1;
    struct cascade_policy p = choose(&r, &recall, &t1);

    near(t1, .20);
    near(p.none_threshold, .30);
    near(p.fpr, 1 / 6.);
    p = choose(&r, &pass, &t1);
    ck_assert_double_eq(t1, DBL_MIN);
    near(p.none_threshold, .30);
    near(p.fpr, 2 / 6.);
    p = choose(&r, &one, &t1);
    ck_assert_double_gt(t1, .45);
    ck_assert_double_lt(t1, .450001);
}
END_TEST

/* One loss each: the first rejects the positive at .02, the second, of those
 * that are left, the one at .1; nothing is left for gate and species net. Of
 * the negatives the first leaves .95, .5 and .4, the second, which hands on
 * what has .2, rejects the .15 of those. */
START_TEST(two_rungs)
{
    const struct cascade_aim aim = { .min_recall = .75, .rung_loss = 1 };
    struct rungs r = { .n = 2 };
    double t1;
    struct cascade_policy p = choose(&r, &aim, &t1);

    near(r.v[0].threshold, .30);
    near(r.v[0].recall, .9);
    near(r.v[0].fpr, .5);
    near(r.v[1].threshold, .2);
    near(r.v[1].recall, .8);
    near(r.v[1].fpr, 2 / 6.);
    near(t1, .20);
    near(p.none_threshold, .30);
    near(p.recall, .8);
    ck_assert_uint_eq(p.n_splits, 1);
    near(p.recall_lower, nn_clopper_pearson_lower(5, 10, .95));
}
END_TEST

START_TEST(bad_votes)
{
    const struct cascade_aim aim = { .min_recall = .75, .rung_loss = .5 };
    struct cascade_votes v = paper(1);
    struct rungs r = { .n = 1 };
    double bad[P + N], t1;
    struct cascade_policy p;
    enum nn_status st = NN_ERR_NOMEM;

    memcpy(bad, rung_of, sizeof bad);
    bad[12] = (double)NAN;
    v.p_rung = bad;
    ck_assert_int_eq(cascade_choose(&v, &aim, &r, &t1, &p, NULL),
                     NN_ERR_NUMERIC);
    v.p_rung = rung_of;
    for (int64_t i = 1; st != NN_OK; i++) {
        nn_mem_fail_at(i);
        st = cascade_choose(&v, &aim, &r, &t1, &p, NULL);
        nn_mem_fail_at(0);
        ck_assert(st == NN_OK || st == NN_ERR_NOMEM);
    }
    near(t1, .55);
}
END_TEST

/* --- the promise --- */

enum { SETS = 20, POSITIVES = 400, NEGATIVES = 600, RUNGS = 2, FUTURE = 40000 };

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* All nets see much of the same; rungs are weak. */
static void draw(struct nn_rng *g, int positive, double rung[RUNGS],
                 double *gate, double *none)
{
    double hard = nn_rng_normal(g), mean = positive ? 1.5 : -1.5;

    rung[0] = sigmoid(.5 * mean + .7 * hard + nn_rng_normal(g));
    rung[1] = sigmoid(.8 * mean + hard + nn_rng_normal(g));
    *gate = sigmoid(mean + hard + nn_rng_normal(g));
    *none = 1 - sigmoid(1.5 * mean + hard + nn_rng_normal(g));
}

static int passes(const struct rungs *r, double t1, double t2,
                  const double rung[RUNGS], double gate, double none)
{
    return rung[0] >= r->v[0].threshold && rung[1] >= r->v[1].threshold &&
           gate >= t1 && 1 - none >= t2;
}

static double kept_of_future(const struct rungs *r, double t1, double t2)
{
    struct nn_rng g = nn_rng_make(99, 1);
    size_t kept = 0;

    for (int i = 0; i < FUTURE; i++) {
        double rung[RUNGS], gate, none;

        draw(&g, 1, rung, &gate, &none);
        kept += (size_t)passes(r, t1, t2, rung, gate, none);
    }
    return (double)kept / FUTURE;
}

/* On each set the ladder loses no more than was allowed, each rung no more than
 * its part, and the bound holds for what comes; 1 of 20 may break it. */
START_TEST(promise_on_resampled_sets)
{
    enum { ALL = POSITIVES + NEGATIVES, LOSS = 20, OF_A_RUNG = 2 };
    static double rung[ALL][RUNGS], gate[ALL], none[ALL];
    static uint8_t positive[ALL];
    size_t broken = 0, rejected = 0;

    for (uint64_t set = 0; set < SETS; set++) {
        const struct cascade_votes v = { ALL,      gate,  none,
                                         positive, RUNGS, rung[0] };
        const struct cascade_aim aim = { .min_recall = .95,
                                         .cheapest = set % 2,
                                         .rung_loss = .2 };
        struct nn_rng g = nn_rng_make(7, set);
        struct rungs r = { .n = RUNGS };
        struct cascade_policy p;
        size_t kept = 0, by[RUNGS] = { 0 };
        double t1;

        for (int i = 0; i < ALL; i++) {
            positive[i] = i < POSITIVES;
            draw(&g, positive[i], rung[i], &gate[i], &none[i]);
        }
        ck_assert_int_eq(cascade_choose(&v, &aim, &r, &t1, &p, NULL), NN_OK);
        for (int i = 0; i < ALL; i++) {
            int first = rung[i][0] < r.v[0].threshold;
            int second = !first && rung[i][1] < r.v[1].threshold;

            kept += positive[i] &&
                    passes(&r, t1, p.none_threshold, rung[i], gate[i], none[i]);
            by[0] += positive[i] && first;
            by[1] += positive[i] && second;
            rejected += !positive[i] && (first || second);
        }
        testkit_assert(kept >= POSITIVES - LOSS, "set %d: %zu kept", (int)set,
                       kept);
        near(p.recall, (double)kept / POSITIVES);
        near(r.v[0].recall, 1 - (double)by[0] / POSITIVES);
        near(r.v[1].recall, 1 - (double)(by[0] + by[1]) / POSITIVES);
        ck_assert_uint_le(by[0], OF_A_RUNG);
        ck_assert_uint_le(by[1], OF_A_RUNG);
        broken += kept_of_future(&r, t1, p.none_threshold) < p.recall_lower;
    }
    ck_assert_uint_le(broken, 2);
    ck_assert_uint_gt(rejected, SETS * NEGATIVES / 10); /* worth having */
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("ladder_fit");
    TCase *t = tcase_create("ladder_fit");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, one_rung);
    tcase_add_test(t, no_loss_for_the_rung);
    tcase_add_test(t, limits_of_the_gate);
    tcase_add_test(t, two_rungs);
    tcase_add_test(t, bad_votes);
    tcase_add_test(t, promise_on_resampled_sets);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
