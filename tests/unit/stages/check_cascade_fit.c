/* Two stages that may both say none: the score of both, the decision, what the
 * species net's outputs mean, and the thresholds that keep the promise. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/eval/stats.h"
#include "pipelines/cascade/cascade.h"
#include "pipelines/train/cascade_fit.h"
#include "tests/unit/testkit.h"

#define near(got, want) ck_assert_double_eq_tol(got, want, 1e-12)

/* --- score and verdict --- */

static char ant[] = "ant", bee[] = "bee";
static char *classes[] = { ant, bee };
static const char *const outputs[] = { "ant", "bee", "-" };

static struct nn_net species = { .spec = { .n_outputs = 3, .outputs = outputs },
                                 .temperature = 2 };

static struct model both(double t1, double t2)
{
    return (struct model){ .system = MODEL_CASCADE,
                           .n_classes = 2,
                           .classes = classes,
                           .gate_policy = { .threshold = t1 },
                           .species = &species,
                           .species_policy = { .reject_threshold = .6 },
                           .policy = { .none_threshold = t2 } };
}

/* Of what the gate rejects g, or g t2 / t1 where t1 is the larger threshold; of
 * what it passes 1 - p_none. */
START_TEST(score_on_paper)
{
    near(cascade_policy_threshold(.75), .75);
    near(cascade_policy_score(.2, .75, .1, 0), .1);
    near(cascade_policy_score(.2, .75, .1, .9), .1);
    near(cascade_policy_score(.2, .75, .2, .25), .75);
    near(cascade_policy_score(.2, .75, .9, .75), .25);
    near(cascade_policy_score(.8, .2, .4, 0), .1);
    near(cascade_policy_score(.8, .2, .8, .5), .5);
    near(cascade_policy_score(.8, .9, .4, 0), .4);
    near(cascade_policy_score(0, .3, 0, .5), .5);
    near(cascade_policy_score(1, .3, 1, .5), .5);
    ck_assert(isnan(cascade_policy_score(.5, .3, (double)NAN, 0)));
    ck_assert(isnan(cascade_policy_score(.5, .3, .9, (double)NAN)));
}
END_TEST

/* The species net is sure that it is none; of what the gate rejects it cannot
 * be. */
START_TEST(sure_of_none_ranks_below_a_doubtful_reject)
{
    ck_assert_double_lt(cascade_policy_score(.01, .5, .9, .9999),
                        cascade_policy_score(.01, .5, .009, 0));
    ck_assert_double_gt(cascade_policy_score(.01, .5, .9, .9),
                        cascade_policy_score(.01, .5, .009, 0));
}
END_TEST

/* Odds of 4 for none; the gate's odds of 9 for a positive count with their
 * square root, 3, or not at all. */
START_TEST(none_by_both_nets)
{
    near(cascade_policy_none(0, .9, .8), .8);
    near(cascade_policy_none(.5, .9, .8), 4. / 7);
    near(cascade_policy_none(.5, .1, .8), 12. / 13);
    near(cascade_policy_none(1, .5, .8), .8);
    ck_assert_double_lt(cascade_policy_none(.5, 1, 1), 1);
    ck_assert_double_gt(cascade_policy_none(.5, 1, 0), 0);
    near(cascade_policy_none(1, 0, .5), 1 - 1e-7);
    ck_assert(isnan(cascade_policy_none(.5, (double)NAN, .8)));
    ck_assert(isnan(cascade_policy_none(.5, .9, (double)NAN)));
}
END_TEST

/* Whatever the rounding: rejected by either stage, below the threshold, also
 * where the species net may say none of nothing. */
static void in_order(double t1, double t2)
{
    double t = cascade_policy_threshold(t2), below = nextafter(t1, 0);

    ck_assert_double_gt(t, 0);
    ck_assert_double_lt(cascade_policy_score(t1, t2, below, 0), t);
    ck_assert_double_lt(cascade_policy_score(t1, t2, below / 2, 0),
                        cascade_policy_score(t1, t2, below, 0));
    ck_assert_double_ge(cascade_policy_score(t1, t2, t1, 1 - t2), t);
    ck_assert_double_ge(cascade_policy_score(t1, t2, t1, 0), t);
    ck_assert_int_eq(cascade_policy_score(t1, t2, t1, 1) >= t, t2 == 0);
}

START_TEST(score_in_order)
{
    for (int i = 1; i <= 200; i++) {
        for (int j = 0; j <= 64; j++) { /* exact, and so is 1 - t2 */
            in_order(i / 200., j / 64.);
        }
    }
}
END_TEST

static void expect(double p_gate, double p_none, const double *p,
                   const char *label, int species_stage)
{
    const struct model m = both(.3, .25);
    struct verdict v = cascade_decide(&m, p_gate, p_none, p);

    ck_assert_str_eq(verdict_label(&m, &v), label);
    ck_assert_int_eq(v.species_stage, species_stage);
    ck_assert_int_eq(v.kind == VERDICT_NONE,
                     !(v.p_positive >= model_threshold(&m)));
    ck_assert(v.p_gate == p_gate || isnan(p_gate));
    ck_assert(v.p_none == p_none || isnan(p_none));
}

START_TEST(either_stage_says_none)
{
    const double ants[] = { .9, .1 }, flat[] = { .5, .5 };

    expect(.29, 0, ants, "none", 0);
    expect(.29, 0, NULL, "none", 0);
    expect(.3, 0, ants, "ant", 1);
    expect(.3, .75, ants, "ant", 1);
    expect(.3, .7501, ants, "none", 1);
    expect(1, 1, ants, "none", 1);
    expect(.9, .5, flat, "unknown", 1);
    expect(.9, .8, flat, "none", 1);
    expect(.9, (double)NAN, ants, "none", 1);
    expect((double)NAN, 0, ants, "none", 0);
}
END_TEST

/* Without that output p_none is not looked at, and the gate's threshold holds.
 */
START_TEST(plain_cascade)
{
    const double ants[] = { .9, .1 };
    struct model m = both(.3, .9);
    struct nn_net two = species;
    struct verdict v;

    two.spec.n_outputs = 2;
    m.species = &two;
    v = cascade_decide(&m, .4, 0, ants);
    ck_assert_int_eq(v.kind, VERDICT_CLASS);
    ck_assert_double_eq(v.p_positive, .4);
    ck_assert_double_eq(model_threshold(&m), .3);
    ck_assert_int_eq(model_says_none(&m), 0);
    m.species = NULL;
    ck_assert_int_eq(model_says_none(&m), 0);
    m.species = &species;
    ck_assert_int_eq(model_says_none(&m), 1);
}
END_TEST

/* Temperature 2: weights 4, 1 and 5; 500 more in every logit change nothing. */
START_TEST(answer_of_the_species_net)
{
    double p[2];

    for (int shift = 0; shift <= 500; shift += 250) {
        const float z[] = { (float)(2 * log(4) + shift), (float)shift,
                            (float)(2 * log(5) + shift) };

        ck_assert_double_eq_tol(species_answer(&species, z, 2, p), .5, 1e-5);
        ck_assert_double_eq_tol(p[0], .8, 1e-5);
        ck_assert_double_eq_tol(p[1], .2, 1e-5);
    }
    ck_assert_int_eq(species_says_none(&species, 2), 1);
    ck_assert_int_eq(species_says_none(&species, 3), 0);
    ck_assert_int_eq(species_says_none(&species, 1), 0);
}
END_TEST

START_TEST(hardest_negatives)
{
    static const double p[] = { .1, .7, .4, .7, .05, .4 };
    static const uint32_t item[] = { 9, 8, 7, 6, 5, 4 };
    static const struct {
        double limit;
        size_t at_least, n;
        const char *want; /* items 4 to 9 */
    } cases[] = {
        { .4, 0, 4, "101110" },  { .4, 5, 5, "101111" }, { .8, 0, 0, "000000" },
        { .8, 1, 1, "000010" },  { .8, 3, 3, "001110" }, { 0, 2, 6, "111111" },
        { .8, 99, 6, "111111" },
    };

    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        uint8_t chosen[10] = { 0 };
        size_t n;

        ck_assert_int_eq(species_hard_negatives(p, item, 6, cases[c].limit,
                                                cases[c].at_least, chosen, &n,
                                                NULL),
                         NN_OK);
        ck_assert_uint_eq(n, cases[c].n);
        for (int i = 4; i < 10; i++) {
            ck_assert_int_eq(chosen[i], cases[c].want[i - 4] - '0');
        }
    }
}
END_TEST

/* --- thresholds on paper --- */

enum { P = 10, N = 6 };

/* Ten positives of which two may be lost (0.75: eight must stay), six
 * negatives. The gate is good at all but two positives, the species net at all
 * but two others. */
static const double gate_of[P + N] = { .90, .85, .80, .75, .70, .65, .60, .55,
                                       .20, .10, .66, .50, .45, .30, .15, .05 };
static const double room_of[P + N] = { .99, .98, .97, .96, .95, .94, .30, .20,
                                       .93, .92, .10, .25, .50, .10, .40, .10 };

static struct cascade_votes paper(void)
{
    static double none[P + N];
    static uint8_t positive[P + N];

    for (size_t i = 0; i < P + N; i++) {
        none[i] = 1 - room_of[i];
        positive[i] = i < P;
    }
    return (struct cascade_votes){ P + N, gate_of, none, positive, 0, NULL };
}

static struct cascade_policy choose_with(double recall, int cheapest,
                                         double gate_recall, double *t1)
{
    const struct cascade_votes v = paper();
    const struct cascade_aim aim = { recall, cheapest, gate_recall, 0, 0 };
    struct cascade_policy p;

    ck_assert_int_eq(cascade_choose(&v, &aim, NULL, t1, &p, NULL), NN_OK);
    return p;
}

static struct cascade_policy choose(double recall, int cheapest, double *t1)
{
    return choose_with(recall, cheapest, 0, t1);
}

/* Splits of two losses: gate 0 (t1 .10, passes 5 negatives; t2 .92: 0 pass),
 * gate 1 (t1 .20, 4 pass; t2 .30: .50 passes), gate 2 (t1 .55, 1 passes; t2
 * .20: .10 fails, 0 pass). Least false positives: the first and the last have
 * none, and the last passes 8 + 1 on instead of 10 + 5. */
START_TEST(least_false_positives)
{
    double t1;
    struct cascade_policy p = choose(.75, 0, &t1);

    near(t1, .55);
    near(p.none_threshold, .20);
    near(p.recall, .8);
    near(p.fpr, 0);
    ck_assert_uint_eq(p.n_splits, 3);
    ck_assert_uint_eq(p.n_positives, P);
    ck_assert_uint_eq(p.n_negatives, N);
    ck_assert_int_eq(p.certified, 0);
    near(p.min_recall, .75);
    /* Of eleven blocks 2 + 2 are cut off, three ways were tried. */
    near(p.recall_lower, nn_clopper_pearson_lower(7, 10, 1 - .05 / 3));
    near(p.fpr_upper, nn_clopper_pearson_upper(0, 6, 1 - .05 / 3));
    ck_assert_double_ge(
        nn_clopper_pearson_lower(p.n_needed - 1, p.n_needed, .95), .75);
    ck_assert_double_lt(
        nn_clopper_pearson_lower(p.n_needed - 2, p.n_needed - 1, .95), .75);
}
END_TEST

/* One loss: gate 0 and t2 .20 to .30: .30 (two of .25 and .10 fail; .50, .40
 * pass), or gate 1 and t2 .20 (.66 fails, .50 and .45 pass; .30 fails). Both
 * have two false positives; the second passes 9 + 4 on, not 10 + 5. */
START_TEST(equal_false_positives_fewest_passed)
{
    double t1;
    struct cascade_policy p = choose(.85, 0, &t1);

    near(t1, .20);
    near(p.none_threshold, .20);
    near(p.fpr, 2 / 6.);
    near(p.recall, .9);
    ck_assert_uint_eq(p.n_splits, 2);
}
END_TEST

START_TEST(no_loss_allowed)
{
    double t1;
    struct cascade_policy p = choose(.99, 0, &t1);

    near(t1, .10);
    near(p.none_threshold, .20);
    near(p.recall, 1);
    near(p.fpr, 3 / 6.);
    ck_assert_uint_eq(p.n_splits, 1);
}
END_TEST

/* The gate may lose less than both together: of the splits with two losses
 * those stay where it loses none (t1 .10, t2 .92), or at most one (and none is
 * better, as above). A recall of the gate below that of both changes nothing.
 */
START_TEST(recall_of_the_gate_alone)
{
    double t1;
    struct cascade_policy p = choose_with(.75, 0, .95, &t1);

    near(t1, .10);
    near(p.none_threshold, .92);
    near(p.recall, .8);
    near(p.fpr, 0);
    ck_assert_uint_eq(p.n_splits, 1);
    p = choose_with(.75, 1, .9, &t1);
    near(t1, .20);
    ck_assert_uint_eq(p.n_splits, 2);
    p = choose_with(.75, 0, .5, &t1);
    near(t1, .55);
    ck_assert_uint_eq(p.n_splits, 3);
}
END_TEST

/* The gate may pass a share of the negatives (.66 .50 .45 .30 .15 .05): of half
 * of them it passes three and rejects .30, .20 and .10 (t1 just above .30; two
 * positives go, t2 .20); of five sixths t1 just above .05 (none goes, t2 .92);
 * of all, t1 0. Of one sixth .55 (two positives) is the most that it may
 * reject, with a recall of its own of .9 it is .20. */
START_TEST(share_that_the_gate_passes)
{
    static const struct {
        double pass, gate_recall, t1, t2;
        size_t passes;
    } cases[] = {
        { .5, 0, .30, .20, 3 },   { .84, 0, .05, .92, 5 },
        { .8, 0, .15, .30, 4 },   { 1, 0, 0, .92, 6 },
        { .1, 0, .55, .20, 1 },   { .1, .9, .20, .30, 4 },
        { .84, .9, .05, .92, 5 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct cascade_votes v = paper();
        const struct cascade_aim aim = { .75, 0, cases[i].gate_recall,
                                         cases[i].pass, 0 };
        struct cascade_policy p;
        size_t passes = 0;
        double t1;

        ck_assert_int_eq(cascade_choose(&v, &aim, NULL, &t1, &p, NULL), NN_OK);
        near(t1, cases[i].t1);
        near(p.none_threshold, cases[i].t2);
        ck_assert_uint_eq(p.n_splits, 1);
        for (size_t k = P; k < P + N; k++) {
            passes += gate_of[k] >= t1;
        }
        ck_assert_uint_eq(passes, cases[i].passes);
    }
}
END_TEST

/* The least cost rejects at the gate what it may. */
START_TEST(least_cost)
{
    double t1;
    struct cascade_policy p = choose(.85, 1, &t1);

    near(t1, .20);
    ck_assert_int_eq(p.cheapest, 1);
    p = choose(.75, 1, &t1);
    near(t1, .55);
}
END_TEST

/* The gate loses the most even where the species net would reject more
 * negatives with that loss (its t2 falls from .9 to .2). Where the gate cannot
 * tell anything from anything the loss is the species net's. */
START_TEST(cheapest_is_not_least_false_positives)
{
    static const double gate[6] = { .9, .8, .1, .85, .7, .6 };
    static const double flat[6] = { .5, .5, .5, .5, .5, .5 };
    static const double none[6] = { .1, .8, .05, .3, .4, .2 };
    static const uint8_t positive[6] = { 1, 1, 1, 0, 0, 0 };
    struct cascade_votes v = { 6, gate, none, positive, 0, NULL };
    struct cascade_aim aim = { .6, 0, 0, 0, 0 };
    struct cascade_policy p;
    double t1;

    ck_assert_int_eq(cascade_choose(&v, &aim, NULL, &t1, &p, NULL), NN_OK);
    near(t1, .1);
    near(p.none_threshold, .9);
    near(p.fpr, 0);
    aim.cheapest = 1;
    ck_assert_int_eq(cascade_choose(&v, &aim, NULL, &t1, &p, NULL), NN_OK);
    near(t1, .8);
    near(p.none_threshold, .2);
    near(p.fpr, 1 / 3.);
    v.p_gate = flat;
    ck_assert_int_eq(cascade_choose(&v, &aim, NULL, &t1, &p, NULL), NN_OK);
    near(t1, .5);
    near(p.none_threshold, .9);
}
END_TEST

START_TEST(bad_votes)
{
    struct cascade_votes v = paper();
    const struct cascade_aim aim = { .9, 0, 0, 0, 0 },
                             none = { 1.5, 0, 0, 0, 0 };
    double bad[P + N], t1;
    struct cascade_policy p;

    memcpy(bad, gate_of, sizeof bad);
    ck_assert_int_eq(cascade_choose(&v, &none, NULL, &t1, &p, NULL),
                     NN_ERR_ARG);
    bad[12] = (double)NAN;
    v.p_gate = bad;
    ck_assert_int_eq(cascade_choose(&v, &aim, NULL, &t1, &p, NULL),
                     NN_ERR_NUMERIC);
    v.p_gate = gate_of;
    v.positive = (const uint8_t[P + N]){ 0 };
    ck_assert_int_eq(cascade_choose(&v, &aim, NULL, &t1, &p, NULL), NN_ERR_ARG);
}
END_TEST

START_TEST(out_of_memory)
{
    const struct cascade_votes v = paper();
    const struct cascade_aim aim = { .75, 0, 0, 0, 0 };
    enum nn_status st = NN_ERR_NOMEM;
    struct cascade_policy p;
    double t1;

    for (int64_t i = 1; st != NN_OK; i++) {
        nn_mem_fail_at(i);
        st = cascade_choose(&v, &aim, NULL, &t1, &p, NULL);
        nn_mem_fail_at(0);
        ck_assert(st == NN_OK || st == NN_ERR_NOMEM);
    }
    near(t1, .55);
}
END_TEST

/* --- the promise --- */

enum { SETS = 20, POSITIVES = 400, NEGATIVES = 600, FUTURE = 40000 };

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* Both nets see much of the same: what is hard for one is harder for the
 * other. */
static void draw(struct nn_rng *g, int positive, double *gate, double *none)
{
    double hard = nn_rng_normal(g), mean = positive ? 1.5 : -1.5;

    *gate = sigmoid(mean + hard + nn_rng_normal(g));
    *none = 1 - sigmoid(1.5 * mean + hard + nn_rng_normal(g));
}

static size_t kept_of_future(double t1, double t2)
{
    struct nn_rng g = nn_rng_make(99, 1);
    double at = cascade_policy_threshold(t2);
    size_t kept = 0;

    for (int i = 0; i < FUTURE; i++) {
        double gate, none;

        draw(&g, 1, &gate, &none);
        kept += gate >= t1 && cascade_policy_score(t1, t2, gate, none) >= at;
    }
    return kept;
}

/* On each set no more is lost than was allowed, and the bound holds for what
 * comes; 1 of 20 may break it, 3 would be a chance of 1 in 13 for a bound that
 * is only just right, and this one is paid for by all splits. */
START_TEST(promise_on_resampled_sets)
{
    static double gate[POSITIVES + NEGATIVES], none[POSITIVES + NEGATIVES];
    static uint8_t positive[POSITIVES + NEGATIVES];
    size_t broken = 0;

    for (uint64_t set = 0; set < SETS; set++) {
        const struct cascade_votes v = {
            POSITIVES + NEGATIVES, gate, none, positive, 0, NULL
        };
        const struct cascade_aim aim = { .95, set % 2, 0, 0, 0 };
        struct nn_rng g = nn_rng_make(7, set);
        struct cascade_policy p;
        double t1;
        size_t kept = 0;

        for (int i = 0; i < POSITIVES + NEGATIVES; i++) {
            positive[i] = i < POSITIVES;
            draw(&g, positive[i], &gate[i], &none[i]);
        }
        ck_assert_int_eq(cascade_choose(&v, &aim, NULL, &t1, &p, NULL), NN_OK);
        for (int i = 0; i < POSITIVES; i++) {
            kept += gate[i] >= t1 && 1 - none[i] >= p.none_threshold;
        }
        testkit_assert(kept >= 380, "set %d: %zu kept", (int)set, kept);
        near(p.recall, (double)kept / POSITIVES);
        ck_assert_uint_eq(p.n_splits, 21);
        broken += (double)kept_of_future(t1, p.none_threshold) / FUTURE <
                  p.recall_lower;
    }
    ck_assert_uint_le(broken, 2);
}
END_TEST

/* The two nets together let fewer negatives pass than the gate alone, and never
 * more than with all of the loss given to either. */
START_TEST(split_is_no_worse_than_either_end)
{
    static double gate[POSITIVES + NEGATIVES], none[POSITIVES + NEGATIVES];
    static double sure[POSITIVES + NEGATIVES];
    static uint8_t positive[POSITIVES + NEGATIVES];
    const struct cascade_aim aim = { .95, 0, 0, 0, 0 };
    struct nn_rng g = nn_rng_make(8, 0);
    struct cascade_votes v = {
        POSITIVES + NEGATIVES, gate, none, positive, 0, NULL
    };
    struct cascade_policy two, one;
    double t1;

    for (int i = 0; i < POSITIVES + NEGATIVES; i++) {
        positive[i] = i < POSITIVES;
        sure[i] = .5;
        draw(&g, positive[i], &gate[i], &none[i]);
    }
    ck_assert_int_eq(cascade_choose(&v, &aim, NULL, &t1, &two, NULL), NN_OK);
    v.p_none = sure;
    ck_assert_int_eq(cascade_choose(&v, &aim, NULL, &t1, &one, NULL), NN_OK);
    ck_assert_double_lt(two.fpr, one.fpr);
    v.p_none = none;
    v.p_gate = sure;
    ck_assert_int_eq(cascade_choose(&v, &aim, NULL, &t1, &one, NULL), NN_OK);
    ck_assert_double_lt(two.fpr, one.fpr);
}
END_TEST

START_TEST(policy_in_a_file)
{
    const struct cascade_policy p = { .21, .5, .95, .96, .93, .11, .13,
                                      77,  88, 5,   1,   93,  1 };
    struct cascade_policy q;
    json_t *j = cascade_policy_to_json(&p), *again;
    char *text;

    ck_assert_int_eq(cascade_policy_from_json(j, &q, NULL), NN_OK);
    again = cascade_policy_to_json(&q);
    ck_assert_int_eq(json_equal(j, again), 1);
    json_decref(again);
    near(q.none_threshold, .21);
    near(q.recall_lower, .93);
    near(q.fpr_upper, .13);
    ck_assert_uint_eq(q.n_negatives, 88);
    ck_assert_uint_eq(q.n_splits, 5);
    ck_assert_int_eq(q.cheapest, 1);
    json_object_set_new(j, "none_threshold", json_real(1.01));
    ck_assert_int_eq(cascade_policy_from_json(j, &q, NULL), NN_ERR_FORMAT);
    json_object_set_new(j, "none_threshold", json_real(.5));
    near(q.gate_weight, .5);
    json_object_set_new(j, "gate_weight", json_real(10.5));
    ck_assert_int_eq(cascade_policy_from_json(j, &q, NULL), NN_ERR_FORMAT);
    json_object_set_new(j, "gate_weight", json_string("1"));
    ck_assert_int_eq(cascade_policy_from_json(j, &q, NULL), NN_ERR_FORMAT);
    json_object_del(j, "gate_weight"); /* of an older program */
    ck_assert_int_eq(cascade_policy_from_json(j, &q, NULL), NN_OK);
    near(q.gate_weight, 0);
    json_object_del(j, "n_splits");
    ck_assert_int_eq(cascade_policy_from_json(j, &q, NULL), NN_ERR_FORMAT);
    json_decref(j);
    text = cascade_policy_text(&p);
    ck_assert_ptr_nonnull(strstr(text, "keep 0.960 of 77"));
    ck_assert_ptr_nonnull(strstr(text, "certified: at least 0.930"));
    ck_assert_ptr_nonnull(strstr(text, "0.110 of 88"));
    ck_assert_ptr_nonnull(strstr(text, "of 5 ways"));
    ck_assert_ptr_nonnull(strstr(text, "has the least cost"));
    nn_mem_free(text);
    q = p;
    q.n_splits = 1; /* there was no choice */
    text = cascade_policy_text(&q);
    ck_assert_ptr_nonnull(strstr(text, "0.110 of 88"));
    ck_assert_ptr_null(strstr(text, "ways"));
    nn_mem_free(text);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("cascade_fit");
    TCase *t = tcase_create("cascade_fit");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, score_on_paper);
    tcase_add_test(t, none_by_both_nets);
    tcase_add_test(t, sure_of_none_ranks_below_a_doubtful_reject);
    tcase_add_test(t, score_in_order);
    tcase_add_test(t, either_stage_says_none);
    tcase_add_test(t, plain_cascade);
    tcase_add_test(t, answer_of_the_species_net);
    tcase_add_test(t, hardest_negatives);
    tcase_add_test(t, least_false_positives);
    tcase_add_test(t, equal_false_positives_fewest_passed);
    tcase_add_test(t, no_loss_allowed);
    tcase_add_test(t, recall_of_the_gate_alone);
    tcase_add_test(t, share_that_the_gate_passes);
    tcase_add_test(t, least_cost);
    tcase_add_test(t, cheapest_is_not_least_false_positives);
    tcase_add_test(t, bad_votes);
    tcase_add_test(t, out_of_memory);
    tcase_add_test(t, promise_on_resampled_sets);
    tcase_add_test(t, split_is_no_worse_than_either_end);
    tcase_add_test(t, policy_in_a_file);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
