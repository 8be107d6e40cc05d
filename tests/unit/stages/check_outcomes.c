/* Figures of a small table, worked out on paper. */
#include <math.h>

#include "common/base/mem.h"
#include "pipelines/measure/outcomes.h"
#include "tests/unit/testkit.h"

enum { K = 2, NONE = K, UNKNOWN = K + 1, N = 8 };
enum { DOG, ROCK, FAMILIES };

#define near(got, want) ck_assert_double_eq_tol(got, want, 1e-12)

static const struct outcome row[N] = {
    /* item, truth, family, verdict, best, p_positive, none by species */
    { 10, 0, -1, 0, 0, .9, 0, 0 },         { 11, 0, -1, 1, 1, .8, 0, 0 },
    { 12, 1, -1, UNKNOWN, 1, .6, 0, 0 },   { 13, 1, -1, NONE, 1, .2, 0, 0 },
    { 14, NONE, DOG, 0, 0, .7, 0, 0 },     { 15, NONE, DOG, NONE, 0, .1, 1, 0 },
    { 16, NONE, ROCK, NONE, 0, .2, 1, 1 }, { 17, NONE, -1, NONE, 0, .05, 0, 0 },
};
static const double p[N][K] = {
    { .8, .2 }, { .3, .7 }, { .45, .55 }, { .1, .9 },
    { .5, .5 }, { 0, 0 },   { 0, 0 },     { 0, 0 },
};

static struct outcomes t;

static void fill(size_t from, size_t to)
{
    ck_assert_int_eq(outcomes_init(&t, N, K, NULL), NN_OK);
    for (size_t i = from; i < to; i++) {
        outcomes_add(&t, &row[i], p[i]);
    }
    ck_assert_int_eq(outcomes_rank(&t, NULL), NN_OK);
}

/* Who reached the species net: those with a verdict, and those it rejected. */
START_TEST(passed_by_the_gate)
{
    static const int want[N] = { 1, 1, 1, 0, 1, 0, 1, 0 };

    for (size_t i = 0; i < N; i++) {
        ck_assert_int_eq(outcomes_passed_gate(&t, i), want[i]);
        ck_assert_int_eq(t.none_behind[i], row[i].none_behind);
    }
}
END_TEST

static void set_up(void)
{
    fill(0, N);
}

static void tear_down(void)
{
    outcomes_release(&t);
}

START_TEST(every_row_once)
{
    double v[OUTCOMES_FIGURES];

    ck_assert_uint_eq(t.n, 8);
    ck_assert_uint_eq(t.n_positives, 4);
    outcomes_figures(&t, OUTCOMES_ALL, NULL, 0, v);
    /* negatives below: 4 + 4 + 3 + 2, and half of a tie, of 16 */
    near(v[OUTCOMES_ROC_AREA], 13.5 / 16);
    /* (1/1 + 2/2 + 3/4 + 4/6) / 4 */
    near(v[OUTCOMES_AVERAGE_PRECISION], 41. / 48);
    /* all four positives reach .2, as do .7 and .2 */
    near(v[OUTCOMES_FPR95], .5);
    near(v[OUTCOMES_FPR99], .5);
    near(v[OUTCOMES_SPECIES_ACCURACY], .75);
    near(v[OUTCOMES_END_TO_END], .5);
    /* 2/4, 0/3 and 6/8 */
    near(v[OUTCOMES_MACRO_F1], 1.25 / 3);
    /* 1/4 up to a false-positive rate of 1/4, a line from 1/2 to 3/4, 3/4 */
    near(v[OUTCOMES_OSCR_AREA], .59375);
    /* .1 + .2 + .4 + |1 - 2 * .2| + .7 + .1 + .05 */
    near(v[OUTCOMES_GATE_ECE], 2.15 / 8);
    /* .2 + .7 + .45 + .1 */
    near(v[OUTCOMES_SPECIES_ECE], 1.45 / 4);
    near(v[OUTCOMES_MISS_RATE], .25);
    near(v[OUTCOMES_FALSE_ALARM], .25);
    near(v[OUTCOMES_UNKNOWN_RATE], .25);
}
END_TEST

/* The largest probability, or what is left to the classes. */
START_TEST(confidence_of_either_kind)
{
    const double some[K] = { .3, .4 };
    struct outcomes u;

    ck_assert_int_eq(outcomes_init(&u, 2, K, NULL), NN_OK);
    outcomes_add(&u, &row[0], some);
    u.says_unknown = 1;
    outcomes_add(&u, &row[1], some);
    near(u.confidence[0], .4);
    near(u.confidence[1], .7);
    outcomes_release(&u);
}
END_TEST

START_TEST(rows_that_repeat)
{
    static const uint32_t pick[] = { 7, 0, 3, 0, 4 };
    double v[OUTCOMES_FIGURES];

    outcomes_figures(&t, OUTCOMES_ALL, pick, 5, v);
    near(v[OUTCOMES_ROC_AREA], 5. / 6); /* .9 twice, .2; against .7, .05 */
    near(v[OUTCOMES_FPR95], .5);
    near(v[OUTCOMES_SPECIES_ACCURACY], 1);
    near(v[OUTCOMES_END_TO_END], .6);
    near(v[OUTCOMES_MACRO_F1], (.8 + 0 + .5) / 3);
    near(v[OUTCOMES_MISS_RATE], 1. / 3);
    near(v[OUTCOMES_FALSE_ALARM], .5);
    near(v[OUTCOMES_UNKNOWN_RATE], 0);
    /* |2 - 1.8| + |1 - .2| + .7 + .05, then |2 - 1.6| + |1 - .9| */
    near(v[OUTCOMES_GATE_ECE], 1.75 / 5);
    near(v[OUTCOMES_SPECIES_ECE], .5 / 3);
}
END_TEST

START_TEST(groups_asked_for)
{
    double v[OUTCOMES_FIGURES];

    outcomes_figures(&t, OUTCOMES_SHARES, NULL, 0, v);
    near(v[OUTCOMES_END_TO_END], .5);
    ck_assert_double_nan(v[OUTCOMES_ROC_AREA]);
    ck_assert_double_nan(v[OUTCOMES_GATE_ECE]);
    ck_assert_double_nan(v[OUTCOMES_MACRO_F1]);
    outcomes_figures(&t, OUTCOMES_RANKING, NULL, 0, v);
    near(v[OUTCOMES_FPR95], .5);
    ck_assert_double_nan(v[OUTCOMES_END_TO_END]);
    ck_assert_double_nan(v[OUTCOMES_OSCR_AREA]);
}
END_TEST

START_TEST(confusion)
{
    static const size_t want[K + 1][K + 2] = {
        { 1, 1, 0, 0 },
        { 0, 0, 1, 1 },
        { 1, 0, 3, 0 },
    };
    size_t counts[K + 1][K + 2];

    ck_assert_int_eq(outcomes_confusion(&t, &counts[0][0], NULL), NN_OK);
    ck_assert_mem_eq(counts, want, sizeof want);
}
END_TEST

static void is_family(const struct outcomes_family *f, size_t n, size_t over,
                      size_t passed)
{
    ck_assert_uint_eq(f->n, n);
    ck_assert_uint_eq(f->over, over);
    ck_assert_uint_eq(f->passed, passed);
}

START_TEST(families)
{
    static const uint32_t pick[] = { 5, 0, 5, 6, 1, 4 };
    struct outcomes_family f[FAMILIES + 1];

    outcomes_families(&t, NULL, 0, .2, f, FAMILIES);
    is_family(&f[DOG], 2, 1, 1);
    is_family(&f[ROCK], 1, 1, 0); /* exactly at the limit */
    is_family(&f[FAMILIES], 1, 0, 0);
    outcomes_families(&t, pick, 6, .1, f, FAMILIES);
    is_family(&f[DOG], 3, 3, 1);
    is_family(&f[ROCK], 1, 1, 0);
    is_family(&f[FAMILIES], 0, 0, 0);
    near(outcomes_limit95(&t, NULL, 0), .2);
    near(outcomes_limit95(&t, pick, 6), .8);
}
END_TEST

START_TEST(one_family)
{
    struct outcomes dog;
    double v[OUTCOMES_FIGURES];

    ck_assert_int_eq(outcomes_of_family(&t, DOG, &dog, NULL), NN_OK);
    ck_assert_uint_eq(dog.n, 6);
    ck_assert_uint_eq(dog.n_positives, 4);
    ck_assert_uint_eq(dog.item[5], 15);
    outcomes_figures(&dog, OUTCOMES_ALL, NULL, 0, v);
    near(v[OUTCOMES_ROC_AREA], 6. / 8);
    near(v[OUTCOMES_FALSE_ALARM], .5);
    near(v[OUTCOMES_SPECIES_ECE], 1.45 / 4);
    outcomes_release(&dog);
}
END_TEST

/* 4000 resamples: the quantiles are those of binomial (4, .25), P(0) .316,
 * P(<= 2) .949, P(<= 3) .996. */
START_TEST(intervals)
{
    struct nn_interval v[OUTCOMES_FIGURES];

    ck_assert_int_eq(outcomes_intervals(&t, OUTCOMES_SHARES, 4000, 1, v, NULL),
                     NN_OK);
    near(v[OUTCOMES_MISS_RATE].value, .25);
    near(v[OUTCOMES_MISS_RATE].lo, 0);
    near(v[OUTCOMES_MISS_RATE].hi, .75);
    near(v[OUTCOMES_FALSE_ALARM].hi, .75);
    ck_assert_double_nan(v[OUTCOMES_ROC_AREA].lo);
    ck_assert_int_eq(outcomes_intervals(&t, OUTCOMES_ALL, 0, 1, v, NULL),
                     NN_OK);
    near(v[OUTCOMES_ROC_AREA].value, 13.5 / 16);
    ck_assert_double_nan(v[OUTCOMES_ROC_AREA].lo);
    ck_assert_double_nan(v[OUTCOMES_ROC_AREA].hi);
}
END_TEST

START_TEST(a_kind_is_missing)
{
    double v[OUTCOMES_FIGURES];

    outcomes_release(&t);
    fill(0, 4);
    outcomes_figures(&t, OUTCOMES_ALL, NULL, 0, v);
    ck_assert_double_nan(v[OUTCOMES_ROC_AREA]);
    ck_assert_double_nan(v[OUTCOMES_OSCR_AREA]);
    ck_assert_double_nan(v[OUTCOMES_FALSE_ALARM]);
    ck_assert_double_nan(outcomes_limit95(&t, NULL, 0));
    near(v[OUTCOMES_MISS_RATE], .25);
    near(v[OUTCOMES_END_TO_END], .25);
    outcomes_release(&t);
    fill(4, N);
    outcomes_figures(&t, OUTCOMES_ALL, NULL, 0, v);
    ck_assert_double_nan(v[OUTCOMES_MISS_RATE]);
    ck_assert_double_nan(v[OUTCOMES_SPECIES_ECE]);
    near(v[OUTCOMES_FALSE_ALARM], .25);
    near(v[OUTCOMES_GATE_ECE], 1.05 / 4); /* .7 + .1 + .2 + .05 */
}
END_TEST

START_TEST(a_gate_alone)
{
    static const double score[] = { .4, .5, .9, .6, .2 };
    static const uint8_t positive[] = { 0, 1, 1, 0, 1 };
    static const uint8_t ok[] = { 1, 1, 0, 1, 1 };
    static const int32_t family[] = { ROCK, -1, -1, DOG, -1 };
    static const uint32_t item[] = { 1, 4, 0, 3 };
    struct outcomes_gate g = { 5, score, positive, ok, family, .5 };
    struct outcomes gate;
    double v[OUTCOMES_FIGURES];

    ck_assert_int_eq(outcomes_of_gate(&gate, &g, NULL), NN_OK);
    ck_assert_uint_eq(gate.n, 4);
    ck_assert_mem_eq(gate.item, item, sizeof item);
    ck_assert_int_eq(gate.family[3], DOG);
    outcomes_figures(&gate, OUTCOMES_ALL, NULL, 0, v);
    near(v[OUTCOMES_ROC_AREA], .25);
    near(v[OUTCOMES_MISS_RATE], .5); /* .5 passes */
    near(v[OUTCOMES_FALSE_ALARM], .5);
    near(v[OUTCOMES_END_TO_END], .5);
    ck_assert_double_nan(v[OUTCOMES_SPECIES_ECE]);
    outcomes_release(&gate);
}
END_TEST

START_TEST(no_number)
{
    struct outcome bad = row[5];
    long live;

    outcomes_release(&t);
    live = nn_mem_live();
    ck_assert_int_eq(outcomes_init(&t, 2, K, NULL), NN_OK);
    outcomes_add(&t, &row[0], NULL);
    bad.p_positive = (double)NAN;
    outcomes_add(&t, &bad, NULL);
    ck_assert_int_eq(outcomes_rank(&t, NULL), NN_ERR_NUMERIC);
    outcomes_release(&t);
    ck_assert_int_eq(nn_mem_live(), live);
}
END_TEST

static int select_family(void *ctx)
{
    struct outcomes dog;
    enum nn_status st = outcomes_of_family(ctx, DOG, &dog, NULL);

    if (!st) {
        outcomes_release(&dog);
    }
    return st;
}

START_TEST(out_of_memory)
{
    testkit_each_alloc_failure(select_family, &t);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("outcomes");
    TCase *c = tcase_create("outcomes");

    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, every_row_once);
    tcase_add_test(c, passed_by_the_gate);
    tcase_add_test(c, confidence_of_either_kind);
    tcase_add_test(c, rows_that_repeat);
    tcase_add_test(c, groups_asked_for);
    tcase_add_test(c, confusion);
    tcase_add_test(c, families);
    tcase_add_test(c, one_family);
    tcase_add_test(c, intervals);
    tcase_add_test(c, a_kind_is_missing);
    tcase_add_test(c, a_gate_alone);
    tcase_add_test(c, no_number);
    tcase_add_test(c, out_of_memory);
    suite_add_tcase(s, c);
    return s;
}

TESTKIT_MAIN(create)
