/* The sweep's curve, its figures and its words. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "pipelines/sweep/sweep.h"
#include "tests/unit/testkit.h"

/* --- the curve --- */

START_TEST(recovers_a_curve)
{
    static const struct sweep_power truth[] = {
        { 2, 0.5, 0.05, 0 }, { 0.9, 0.2, 0, 0 },   { 30, 1.3, 0.1, 0 },
        { 0.5, 0.75, 0, 0 }, { 5, 0.31, 0.02, 0 }, { 1e4, 2.5, 0.2, 0 },
    };
    const struct sweep_power *t = &truth[_i];
    const double n[] = { 30, 100, 300, 1000, 2725 };
    const double w[] = { 1, 2, 1e4, 3, 0.5 };
    struct sweep_power p;
    double v[5];

    for (int i = 0; i < 5; i++) {
        v[i] = t->a * pow(n[i], -t->b) + t->c;
    }
    ck_assert_int_eq(sweep_fit_power(n, v, w, 5, &p, NULL), NN_OK);
    ck_assert_double_eq_tol(p.b, t->b, 1e-4 * t->b);
    ck_assert_double_eq_tol(p.a, t->a, 1e-3 * t->a);
    ck_assert_double_eq_tol(p.c, t->c, 1e-5);
    ck_assert_double_le(p.rmse, 1e-6);
}
END_TEST

/* No other curve of a fine grid is better. */
START_TEST(is_the_best_curve)
{
    const double n[] = { 10, 30, 100, 500 }, v[] = { 0.9, 0.5, 0.45, 0.1 };
    const double w[] = { 4, 1, 2, 3 };
    struct sweep_power p;
    double best = 0;

    ck_assert_int_eq(sweep_fit_power(n, v, w, 4, &p, NULL), NN_OK);
    ck_assert(p.a > 0 && p.c >= 0);
    for (int i = 0; i < 4; i++) {
        double d = sweep_power_at(&p, n[i]) - v[i];

        best += w[i] * d * d;
    }
    for (int ib = 1; ib <= 80; ib++) {
        for (int ic = 0; ic <= 40; ic++) {
            for (int ia = 0; ia <= 60; ia++) {
                double b = ib * 0.05, c = ic * 0.01, s = 0;
                double a = ia * 0.05 * pow(10, b);

                for (int i = 0; i < 4; i++) {
                    double d = a * pow(n[i], -b) + c - v[i];

                    s += w[i] * d * d;
                }
                testkit_assert(s >= best - 1e-9,
                               "a %g, b %g, c %g: %g is less than %g", a, b, c,
                               s, best);
            }
        }
    }
}
END_TEST

START_TEST(flat_and_rising)
{
    const double n[] = { 30, 100, 300 }, w[] = { 1, 1, 1 };
    const double flat[] = { 0.2, 0.2, 0.2 }, up[] = { 0.1, 0.2, 0.3 };
    const double zero[] = { 0, 0, 0 };
    const double *const v[] = { flat, up, zero };

    for (int i = 0; i < 3; i++) {
        struct sweep_power p;

        ck_assert_int_eq(sweep_fit_power(n, v[i], w, 3, &p, NULL), NN_OK);
        ck_assert(!(p.a > 0));
        ck_assert(isnan(p.b));
        ck_assert_double_eq_tol(p.c, i == 2 ? 0 : 0.2, 1e-9);
        ck_assert_double_eq(sweep_power_enough(&p, 0.01, 30), 30);
    }
}
END_TEST

START_TEST(enough)
{
    /* a n^-1 / 2 < gain: n > a / (2 gain) = 100 */
    const struct sweep_power p = { 2, 1, 0.1, 0 };
    const struct sweep_power slow = { 1, 0.05, 0, 0 };

    ck_assert_double_eq_tol(sweep_power_enough(&p, 0.01, 1), 100, 1.5);
    ck_assert_double_eq(sweep_power_enough(&p, 0.01, 300), 300);
    ck_assert(isinf(sweep_power_enough(&slow, 1e-4, 30)));
    for (int i = 1; i < 40; i++) {
        const struct sweep_power q = { 0.3 * i, 0.1 * i, 0, 0 };
        double n = sweep_power_enough(&q, 0.01, 1);

        ck_assert(sweep_power_at(&q, n) - sweep_power_at(&q, 2 * n) < 0.01);
        ck_assert(n < 1.5 ||
                  sweep_power_at(&q, n - 1) - sweep_power_at(&q, 2 * (n - 1)) >=
                      0.01 - 1e-12);
    }
}
END_TEST

START_TEST(bad_curves)
{
    const double n[] = { 30, 0, 300 }, v[] = { 1, NAN, 0 }, w[] = { 1, 1, 0 };
    const double good[] = { 1, 2, 3 };
    struct sweep_power p;

    ck_assert_int_eq(sweep_fit_power(n, good, good, 3, &p, NULL), NN_ERR_ARG);
    ck_assert_int_eq(sweep_fit_power(good, v, good, 3, &p, NULL), NN_ERR_ARG);
    ck_assert_int_eq(sweep_fit_power(good, good, w, 3, &p, NULL), NN_ERR_ARG);
    ck_assert_int_eq(sweep_fit_power(good, good, good, 1, &p, NULL),
                     NN_ERR_ARG);
}
END_TEST

/* --- measuring, from scores that were made up --- */

enum { TEST_POSITIVES = 100, TEST_NEGATIVES = 400 };
enum { TEST_N = TEST_POSITIVES + TEST_NEGATIVES };

static char path[] = "set";

struct story {
    struct nn_dataset ds;
    struct sweep_options o;
    struct sweep_plan plan;
    struct experiment_test test;
    struct sweep_replicates r;
};

/* A gate whose false-positive rate at 95 % recall is alarms / negatives:
 * one positive lies below everything (so few that resamples hardly ever have
 * more than 5 % of it), and `alarms` negatives above the rest. */
static void tell(struct sweep_run *run, size_t false_positives)
{
    run->score = nn_mem_calloc(TEST_N, sizeof *run->score);
    run->threshold = 0.9;
    run->command = nn_mem_strdup("bearcascade train");
    run->dir = nn_mem_strdup("x/points/y");
    for (size_t i = 0; i < TEST_N; i++) {
        /* negatives and positives take turns at first */
        int positive = i % 5 == 0;
        size_t k = positive ? i / 5 : i - i / 5 - 1;

        run->score[i] = positive              ? (k < 1 ? 0.1 : 0.8)
                        : k < false_positives ? 0.95
                                              : 0.3;
    }
}

static void story_init(struct story *t, const char *numbers, double a, double b,
                       double c)
{
    const struct sweep_counts counts = { 2, 100, 4000, -1, 0 };

    memset(t, 0, sizeof *t);
    t->ds = (struct nn_dataset){ .path = path };
    t->o = (struct sweep_options){ .seeds = 2, .epochs = 10, .gain = 0.02 };
    ck_assert_int_eq(sweep_parse_numbers(numbers, &t->o, NULL), NN_OK);
    ck_assert_int_eq(sweep_parse_kinds("random", &t->o, NULL), NN_OK);
    ck_assert_int_eq(sweep_parse_losses("cross-entropy", &t->o, NULL), NN_OK);
    ck_assert_int_eq(sweep_plan_init(&t->o, &counts, &t->plan, NULL), NN_OK);
    t->test = (struct experiment_test){ .index = nn_mem_calloc(TEST_N, 4),
                                        .positive = nn_mem_calloc(TEST_N, 1),
                                        .ok = nn_mem_calloc(TEST_N, 1),
                                        .n = TEST_N,
                                        .n_positives = TEST_POSITIVES,
                                        .n_negatives = TEST_NEGATIVES };
    for (size_t i = 0; i < TEST_N; i++) {
        t->test.ok[i] = 1;
        t->test.positive[i] = i % 5 == 0;
    }
    for (size_t i = 0; i < t->plan.n; i++) {
        double n = (double)t->plan.point[i].negatives;
        double v = a * pow(n, -b) + c;

        tell(&t->plan.point[i].run[0], (size_t)(TEST_NEGATIVES * v + 0.5) - 4);
        tell(&t->plan.point[i].run[1], (size_t)(TEST_NEGATIVES * v + 0.5) + 4);
    }
}

static void story_release(struct story *t)
{
    nn_mem_free(t->r.fpr95);
    experiment_test_release(&t->test);
    sweep_plan_release(&t->plan);
    nn_mem_free(t->o.number);
}

static struct sweep_answer answer_of(const struct story *t,
                                     const struct sweep_fit *f, size_t n)
{
    return (
        struct sweep_answer){ &t->o, &t->ds, &t->plan, &t->test, f, n, NULL };
}

START_TEST(measured_and_answered)
{
    struct story t;
    struct sweep_fit f;
    struct sweep_answer a;
    int found;
    char *text;
    json_t *j, *k;

    story_init(&t, "30,100,300,1000,all", 2, 0.5, 0.1);
    ck_assert_int_eq(sweep_measure(&t.test, &t.plan, 300, &t.r, NULL), NN_OK);
    for (size_t i = 0; i < t.plan.n; i++) {
        const struct sweep_point *p = &t.plan.point[i];
        double want = 2 * pow((double)p->negatives, -0.5) + 0.1;

        ck_assert_double_eq_tol(p->fpr95.value, want, 0.5 / TEST_NEGATIVES);
        ck_assert_double_eq_tol(p->fpr95.seed[1] - p->fpr95.seed[0],
                                8.0 / TEST_NEGATIVES, 1e-12);
        ck_assert(p->fpr95.lo < p->fpr95.value && p->fpr95.value < p->fpr95.hi);
        /* nothing but the alarms reaches the threshold */
        ck_assert_double_eq_tol(p->fpr.value, p->fpr95.value, 1e-12);
    }
    ck_assert_int_eq(sweep_fit_init(&t.plan, &t.test, &t.r, SWEEP_RANDOM,
                                    SWEEP_CROSS_ENTROPY, t.o.gain, &f, &found,
                                    NULL),
                     NN_OK);
    ck_assert_int_eq(found, 1);
    /* (2 (1 - 2^-1/2) / 0.02)^2 = 858 */
    ck_assert_double_eq_tol(f.enough, 858, 90);
    ck_assert(f.lo < f.enough && f.enough < f.hi);
    ck_assert(f.one_out_lo <= f.enough && f.enough <= f.one_out_hi);
    ck_assert_int_eq(sweep_judge(&f), SWEEP_ENOUGH);
    a = answer_of(&t, &f, 1);
    text = sweep_sentence(&a);
    ck_assert_ptr_nonnull(strstr(text, "random negatives are enough here"));
    ck_assert_ptr_nonnull(strstr(text, "less than 2 percentage points"));
    ck_assert_ptr_nonnull(strstr(text, "5 numbers, 2 seeds"));
    nn_mem_free(text);
    j = sweep_json(&a);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "points")), 5);
    k = json_array_get(json_object_get(j, "fits"), 0);
    ck_assert_double_eq(json_number_value(json_object_get(k, "enough")),
                        f.enough);
    ck_assert_uint_eq(json_array_size(json_object_get(k, "points")), 5);
    json_decref(j);
    sweep_fit_release(&f);
    /* A gain smaller than what 400 negatives can show of none of them: here
     * some pass, and resamples say more. */
    ck_assert_int_eq(sweep_fit_init(&t.plan, &t.test, &t.r, SWEEP_RANDOM,
                                    SWEEP_CROSS_ENTROPY, 0.007, &f, &found,
                                    NULL),
                     NN_OK);
    ck_assert_double_gt(f.lo, 1000);
    sweep_fit_release(&f);
    story_release(&t);
}
END_TEST

/* No negative passes at any number. 400 tell of more than 0.75 % of all. */
START_TEST(too_few_negatives_to_tell)
{
    static const double gain[] = { 0.008, 0.007 };
    struct sweep_fit f;
    struct story t;
    int found;

    story_init(&t, "30,100,300", 0, 1, 0.1);
    for (size_t k = 0; k < t.plan.n * 2; k++) {
        for (size_t i = 0; i < TEST_N; i++) {
            t.plan.point[k / 2].run[k % 2].score[i] = i % 5 == 0 ? 0.95 : 0.3;
        }
    }
    ck_assert_int_eq(sweep_measure(&t.test, &t.plan, 100, &t.r, NULL), NN_OK);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(sweep_fit_init(&t.plan, &t.test, &t.r, SWEEP_RANDOM,
                                        SWEEP_CROSS_ENTROPY, gain[i], &f,
                                        &found, NULL),
                         NN_OK);
        ck_assert_int_eq(sweep_judge(&f),
                         i == 0 ? SWEEP_FEWEST : SWEEP_UNDETERMINED);
        ck_assert_double_eq(f.lo, 30);
        ck_assert(i == 0 ? f.hi == 30 : isinf(f.hi));
        sweep_fit_release(&f);
    }
    story_release(&t);
}
END_TEST

/* No negative reaches the threshold: what 400 of them say of all. */
START_TEST(negatives_that_all_agree)
{
    const double most = 1 - pow(.025, 1. / TEST_NEGATIVES);
    const struct sweep_point *p;
    struct story t;

    story_init(&t, "30", 0, 1, 0.1);
    for (size_t s = 0; s < 2; s++) {
        for (size_t i = 0; i < TEST_N; i++) {
            t.plan.point[0].run[s].score[i] = i % 5 == 0 ? 0.95 : 0.3;
        }
    }
    ck_assert_int_eq(sweep_measure(&t.test, &t.plan, 100, &t.r, NULL), NN_OK);
    p = &t.plan.point[0];
    ck_assert_double_eq(p->fpr95.lo, 0);
    ck_assert_double_eq_tol(p->fpr95.hi, most, 1e-12);
    ck_assert_double_eq_tol(p->fpr.hi, most, 1e-12);
    ck_assert_double_eq(p->roc_area.value, 1);
    ck_assert_double_nan(p->roc_area.lo);
    story_release(&t);
}
END_TEST

/* What the sentence says where there is no number. */
START_TEST(honest_words)
{
    static const struct {
        const char *numbers;
        double a, b, c;
        const char *words;
    } rows[] = {
        { "30,100,300,1000", 1, 0.15, 0, "worth having here" },
        { "300,1000,2000,all", 0, 1, 0.2, "300 random negatives, the fewest" },
        { "30,100", 1, 0.5, 0.1, "this plan has 2" },
    };
    struct story t;
    struct sweep_fit f;
    struct sweep_answer a;
    int found;
    char *text;
    json_t *trust;

    story_init(&t, rows[_i].numbers, rows[_i].a, rows[_i].b, rows[_i].c);
    ck_assert_int_eq(sweep_measure(&t.test, &t.plan, 300, &t.r, NULL), NN_OK);
    ck_assert_int_eq(sweep_fit_init(&t.plan, &t.test, &t.r, SWEEP_RANDOM,
                                    SWEEP_CROSS_ENTROPY, t.o.gain, &f, &found,
                                    NULL),
                     NN_OK);
    ck_assert_int_eq(found, _i != 2);
    a = answer_of(&t, &f, (size_t)found);
    text = sweep_sentence(&a);
    ck_assert_msg(strstr(text, rows[_i].words) != NULL, "%s", text);
    trust = sweep_trust(&a);
    ck_assert_uint_ge(json_array_size(trust), 4);
    json_decref(trust);
    nn_mem_free(text);
    sweep_fit_release(&f);
    story_release(&t);
}
END_TEST

/* The interval covers all that was tried: beyond it, or within. */
START_TEST(undetermined_words)
{
    double n[] = { 30, 300, 3000 };
    struct sweep_fit f = {
        .n_points = 3, .n = n, .enough = 5000, .lo = 30, .hi = INFINITY
    };
    struct sweep_answer a;
    struct story t;
    char *text;

    story_init(&t, "30,100,300,1000", 1, 0.15, 0);
    ck_assert_int_eq(sweep_measure(&t.test, &t.plan, 10, &t.r, NULL), NN_OK);
    a = answer_of(&t, &f, 1);
    text = sweep_sentence(&a);
    ck_assert_msg(strstr(text, "more than 3000 random negatives are enough"),
                  "%s", text);
    nn_mem_free(text);
    f.enough = 200;
    text = sweep_sentence(&a);
    ck_assert_msg(strstr(text, "about 200 random negatives are enough"), "%s",
                  text);
    nn_mem_free(text);
    story_release(&t);
}
END_TEST

START_TEST(verdicts)
{
    double n[] = { 30, 300, 3000 };
    struct sweep_fit f = {
        .n_points = 3, .n = n, .enough = 200, .lo = 30, .hi = INFINITY
    };

    ck_assert_int_eq(sweep_judge(&f), SWEEP_UNDETERMINED);
    f.lo = 31;
    ck_assert_int_eq(sweep_judge(&f), SWEEP_ENOUGH);
    f.enough = 3001;
    ck_assert_int_eq(sweep_judge(&f), SWEEP_NOT_REACHED);
    f = (struct sweep_fit){
        .n_points = 3, .n = n, .enough = 30, .lo = 30, .hi = 90
    };
    ck_assert_int_eq(sweep_judge(&f), SWEEP_FEWEST);
}
END_TEST

/* --- out of memory --- */

static int measure_and_fit(void *ctx)
{
    struct story *t = ctx;
    struct sweep_replicates r = { 0, NULL };
    struct sweep_fit f = { .n_points = 0 };
    int found;
    enum nn_status st = sweep_measure(&t->test, &t->plan, 20, &r, NULL);

    st = st ? st
            : sweep_fit_init(&t->plan, &t->test, &r, SWEEP_RANDOM,
                             SWEEP_CROSS_ENTROPY, 0.01, &f, &found, NULL);
    sweep_fit_release(&f);
    nn_mem_free(r.fpr95);
    return (int)st;
}

START_TEST(out_of_memory)
{
    struct story t;

    story_init(&t, "30,100,300,all", 2, 0.5, 0.1);
    testkit_each_alloc_failure(measure_and_fit, &t);
    story_release(&t);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("sweep_fit");
    TCase *t = tcase_create("sweep_fit");

    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, recovers_a_curve, 0, 6);
    tcase_add_test(t, is_the_best_curve);
    tcase_add_test(t, flat_and_rising);
    tcase_add_test(t, enough);
    tcase_add_test(t, bad_curves);
    tcase_add_test(t, measured_and_answered);
    tcase_add_test(t, negatives_that_all_agree);
    tcase_add_test(t, too_few_negatives_to_tell);
    tcase_add_loop_test(t, honest_words, 0, 3);
    tcase_add_test(t, undetermined_words);
    tcase_add_test(t, verdicts);
    tcase_add_test(t, out_of_memory);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
