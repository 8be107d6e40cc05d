/* The decision rule on numbers that are given, without nets. */
#include <math.h>

#include "pipelines/cascade/cascade.h"
#include "tests/unit/testkit.h"

static char ant[] = "ant", bee[] = "bee", cat[] = "cat";
static char *names[] = { ant, bee, cat };
static struct nn_net any_net;

static struct model rules(void)
{
    return (struct model){ .system = MODEL_CASCADE,
                           .n_classes = 3,
                           .classes = names,
                           .gate_policy = { .threshold = .5 },
                           .species = &any_net,
                           .species_policy = { .reject_threshold = .6 } };
}

static void expect(const struct model *m, double p_positive, const double *p,
                   const char *label, int32_t best, int species_stage)
{
    struct verdict v = cascade_decide(m, p_positive, 0, p);

    ck_assert_str_eq(verdict_label(m, &v), label);
    ck_assert_int_eq(v.best, best);
    ck_assert_int_eq(v.species_stage, species_stage);
    ck_assert_ptr_eq(v.p, p);
    ck_assert(v.p_positive == p_positive ||
              (isnan(p_positive) && isnan(v.p_positive)));
}

START_TEST(gate_threshold)
{
    const struct model m = rules();
    const double bees[] = { .1, .8, .1 };

    expect(&m, 0, bees, "none", 1, 0);
    expect(&m, nextafter(.5, 0), bees, "none", 1, 0);
    expect(&m, .5, bees, "bee", 1, 1);
    expect(&m, 1, bees, "bee", 1, 1);
    expect(&m, .1, NULL, "none", -1, 0);
    expect(&m, (double)NAN, bees, "none", 1, 0);
}
END_TEST

START_TEST(reject_threshold)
{
    const struct model m = rules();
    const double at[] = { .2, .2, .6 }, below[] = { .2, .21, .59 };
    const double just[] = { .2, .2, nextafter(.6, 0) };
    const double tie[] = { .1, .45, .45 }, nan[] = { NAN, NAN, NAN };

    expect(&m, .9, at, "cat", 2, 1);
    expect(&m, .9, just, "unknown", 2, 1);
    expect(&m, .9, below, "unknown", 2, 1);
    expect(&m, .9, tie, "unknown", 1, 1);
    expect(&m, .1, at, "none", 2, 0);
    expect(&m, .9, NULL, "unknown", -1, 1);
    ck_assert_int_eq(cascade_decide(&m, .9, 0, nan).kind, VERDICT_UNKNOWN);
}
END_TEST

/* Of a net that says unknown the sum over the classes counts. */
START_TEST(reject_threshold_on_what_is_known)
{
    static const char *const outputs[] = { "ant", "bee", "cat", "-", "?" };
    struct nn_net net = { .spec = { .n_outputs = 5, .outputs = outputs } };
    struct model m = rules();
    const double at[] = { .2, .2, .2 }, just[] = { .2, .2, .19 };
    const double sure[] = { .01, .58, 0 }, nan[] = { NAN, NAN, NAN };

    m.species = &net;
    m.species_policy.reject_threshold = .59;
    ck_assert_int_eq(model_says_unknown(&m), 1);
    ck_assert_int_eq(cascade_decide(&m, .9, 0, at).kind, VERDICT_CLASS);
    ck_assert_int_eq(cascade_decide(&m, .9, 0, at).best, 0);
    m.species_policy.reject_threshold = .6;
    ck_assert_int_eq(cascade_decide(&m, .9, 0, just).kind, VERDICT_UNKNOWN);
    ck_assert_int_eq(cascade_decide(&m, .9, 0, sure).kind, VERDICT_UNKNOWN);
    ck_assert_int_eq(cascade_decide(&m, .9, 0, nan).kind, VERDICT_UNKNOWN);
    ck_assert_int_eq(cascade_decide(&m, .1, 0, at).kind, VERDICT_NONE);
    net.spec.n_outputs = 4;
    ck_assert_int_eq(model_says_unknown(&m), 0);
    ck_assert_int_eq(cascade_decide(&m, .9, 0, at).kind, VERDICT_UNKNOWN);
}
END_TEST

START_TEST(kinds)
{
    const struct model m = rules();
    const double ants[] = { .9, .05, .05 }, flat[] = { .4, .3, .3 };

    ck_assert_int_eq(cascade_decide(&m, .9, 0, ants).kind, VERDICT_CLASS);
    ck_assert_int_eq(cascade_decide(&m, .9, 0, flat).kind, VERDICT_UNKNOWN);
    ck_assert_int_eq(cascade_decide(&m, .2, 0, ants).kind, VERDICT_NONE);
    ck_assert_str_eq(verdict_kind_name(VERDICT_NONE), "none");
    ck_assert_str_eq(verdict_kind_name(VERDICT_CLASS), "class");
    ck_assert_str_eq(verdict_kind_name(VERDICT_UNKNOWN), "unknown");
}
END_TEST

/* Without a species net the gate alone decides, and nothing is unknown. */
START_TEST(without_species_net)
{
    struct model m = rules();
    const double flat[] = { .3, .4, .3 };

    m.species = NULL;
    m.n_classes = 1;
    expect(&m, .5, NULL, "ant", 0, 0);
    expect(&m, .4, NULL, "none", -1, 0);
    m.n_classes = 3;
    m.system = MODEL_MULTILABEL;
    expect(&m, .5, flat, "bee", 1, 1);
    expect(&m, .4, flat, "none", 1, 0);
}
END_TEST

/* --- thresholds given for a run --- */

START_TEST(given_threshold)
{
    struct model m = rules();
    const double bees[] = { .1, .8, .1 };

    ck_assert_int_eq(model_set_threshold(&m, .7, NULL), NN_OK);
    ck_assert(model_threshold(&m) == .7);
    expect(&m, nextafter(.7, 0), bees, "none", 1, 0);
    expect(&m, .7, bees, "bee", 1, 1);
    ck_assert_int_eq(model_set_threshold(&m, .3, NULL), NN_OK);
    expect(&m, nextafter(.3, 0), bees, "none", 1, 0);
    expect(&m, .3, bees, "bee", 1, 1);
    ck_assert_int_eq(model_set_threshold(&m, 0, NULL), NN_OK);
    expect(&m, 0, bees, "bee", 1, 1);
    ck_assert_int_eq(model_set_reject_threshold(&m, .9, NULL), NN_OK);
    expect(&m, .3, bees, "unknown", 1, 1);
    ck_assert_int_eq(model_set_reject_threshold(&m, .8, NULL), NN_OK);
    expect(&m, .3, bees, "bee", 1, 1);
    ck_assert_int_eq(m.threshold_given && m.reject_given, 1);
    /* A single model too, but nothing of it is unknown. */
    m.system = MODEL_MULTILABEL;
    m.species = NULL;
    ck_assert_int_eq(model_set_threshold(&m, .6, NULL), NN_OK);
    expect(&m, .6, bees, "bee", 1, 1);
    expect(&m, .59, bees, "none", 1, 0);
    ck_assert_int_eq(model_set_reject_threshold(&m, .5, NULL), NN_ERR_ARG);
}
END_TEST

START_TEST(given_nonsense)
{
    static const double bad[] = { -.001, 1.001, (double)NAN, (double)INFINITY };
    struct model m = rules();

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(model_set_threshold(&m, bad[i], NULL), NN_ERR_ARG);
        ck_assert_int_eq(model_set_reject_threshold(&m, bad[i], NULL),
                         NN_ERR_ARG);
    }
    ck_assert(model_threshold(&m) == .5);
    ck_assert_int_eq(m.threshold_given || m.reject_given, 0);
}
END_TEST

/* Both stages may say none: the threshold is one of p_positive, which does not
 * move with it. t1 .6, t2 .4, which is the stored threshold. */
START_TEST(given_to_both_stages)
{
    struct nn_net both = { .spec = { .n_outputs = 4 } };
    struct model m = rules(), as = rules();
    const double bees[] = { .1, .8, .1 };

    m.species = as.species = &both;
    m.gate_policy.threshold = as.gate_policy.threshold = .6;
    m.policy.none_threshold = as.policy.none_threshold = .4;
    ck_assert_double_eq_tol(model_threshold(&as), .4, 1e-12);
    ck_assert(model_gate_passes(&as, .6));
    ck_assert(!model_gate_passes(&as, nextafter(.6, 0)));
    for (int t = 0; t <= 40; t++) {
        ck_assert_int_eq(model_set_threshold(&m, t / 40., NULL), NN_OK);
        for (int g = 0; g <= 20; g++) {
            for (int q = 0; q <= 20; q++) {
                struct verdict v = cascade_decide(&m, g / 20., q / 20., bees);
                struct verdict w = cascade_decide(&as, g / 20., q / 20., bees);

                ck_assert(v.p_positive == w.p_positive);
                ck_assert_int_eq(v.kind != VERDICT_NONE,
                                 v.p_positive >= t / 40.);
                /* What the gate lets through, the species net must see. */
                ck_assert(model_gate_passes(&m, g / 20.) ||
                          v.kind == VERDICT_NONE);
                if (v.kind == VERDICT_NONE) {
                    ck_assert_int_eq(v.species_stage, g >= 12);
                }
            }
        }
    }
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("verdict");
    TCase *t = tcase_create("rule");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, gate_threshold);
    tcase_add_test(t, reject_threshold);
    tcase_add_test(t, reject_threshold_on_what_is_known);
    tcase_add_test(t, kinds);
    tcase_add_test(t, without_species_net);
    tcase_add_test(t, given_threshold);
    tcase_add_test(t, given_nonsense);
    tcase_add_test(t, given_to_both_stages);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
