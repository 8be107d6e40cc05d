/* Every figure of `evaluate`, worked out on paper. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "pipelines/measure/targets.h"
#include "tests/unit/stages/evaluation_world.h"

/* Gate scores, positives / negatives at each:
 *   .9 10/1 (dog)   .8 5/0   .7 2/1 (rock)   .5 1/1 (dog)   .45 0/1 (dog)
 *   .4 1/1 (rock)   .3 0/1   .15 0/1 (dog)   .1 1/1 (rock)
 *   .05 0/1 (dog)   .02 0/1 (rock) */
START_TEST(ranking)
{
    struct evaluation e;

    world_measure(0, &e);
    ck_assert_uint_eq(e.n_positives, 20);
    ck_assert_uint_eq(e.n_negatives, 10);
    ck_assert_uint_eq(e.n_failed, 2);
    /* Positives above each negative, ties half: 5 + 16 + 17.5 + 18 + 18.5 +
     * 19 + 19 + 19.5 + 20 + 20 = 172.5 of 200 */
    near(e.roc_area.value, .8625);
    /* (10 * 10/11 + 5 * 15/16 + 2 * 17/19 + 18/21 + 19/24 + 20/28) / 20 */
    near(e.average_precision.value, .8965489006607429);
    /* 19 of 20 positives reach .4, as do 5 of 10 negatives; all 20 reach .1,
     * as do 8 */
    near(e.all.fpr95.value, .5);
    near(e.all.fpr99.value, .8);
    evaluation_release(&e);
}
END_TEST

START_TEST(at_the_thresholds)
{
    struct evaluation e;

    world_measure(0, &e);
    near(e.fnr.value, .1);               /* .4 and .1 of 20 */
    near(e.all.fpr.value, .3);           /* .9, .7 and .5 of 10 */
    near(e.species_accuracy.value, .65); /* ants 6, bees 5, cats 2 of 20 */
    near(e.unknown_rate.value, .15);     /* three that pass of 20 */
    near(e.end_to_end.value, 17. / 30);  /* 5 + 3 + 2, and 7 negatives */
    evaluation_release(&e);
}
END_TEST

START_TEST(families)
{
    struct evaluation e;
    const struct evaluation_negatives *dog, *rock;

    world_measure(0, &e);
    ck_assert_uint_eq(e.n_families, 2);
    dog = &e.families[0];
    rock = &e.families[1];
    ck_assert_str_eq(e.all.name, "all");
    ck_assert_uint_eq(e.all.n, 10);
    ck_assert_str_eq(dog->name, "dog");
    ck_assert_uint_eq(dog->n, 5); /* .9 .5 .45 .15 .05 */
    near(dog->fpr.value, .4);
    near(dog->fpr95.value, .6);
    near(dog->fpr99.value, .8);
    ck_assert_str_eq(rock->name, "rock");
    ck_assert_uint_eq(rock->n, 4); /* .7 .4 .1 .02 */
    near(rock->fpr.value, .25);
    near(rock->fpr95.value, .5);
    near(rock->fpr99.value, .75);
    evaluation_release(&e);
}
END_TEST

/* 15 bins of the gate: |positives - sum of scores| in each:
 *   .9 |10 - 9.9|   .8 |5 - 4|   .7 |2 - 2.1|   .5 |1 - 1|   .45   .4 |1 - .8|
 *   .3   .15   .1 |1 - .2|   .05 and .02 together .07
 *   sum .1 + 1 + .1 + 0 + .45 + .2 + .3 + .15 + .8 + .07 = 3.17
 * Squared errors: ten of .01, .81, five of .04, two of .09, .49, .25, .25,
 *   .2025, .36, .16, .09, .0225, .81, .01, .0025, .0004: 3.9379
 * Species, |right - sum of the largest p|: A |5 - 7.2|, B |4 - 4.8|,
 *   C |2 - 1.8|, U |1 - 1|, V |1 - .4|: 3.8 */
START_TEST(calibration)
{
    struct evaluation e;

    world_measure(0, &e);
    near(e.gate_ece, 3.17 / 30);
    near(e.gate_brier, 3.9379 / 30);
    near(e.species_ece, .19);
    /* .68 s and .17 s for all 34 rows */
    near(e.ms_gate, 20);
    near(e.ms_species, 5);
    evaluation_release(&e);
}
END_TEST

START_TEST(confusion_matrix)
{
    struct evaluation e;

    world_measure(0, &e);
    ck_assert_uint_eq(e.n_classes, K);
    for (size_t i = 0; i <= K; i++) {
        for (size_t j = 0; j < K + 2; j++) {
            ck_assert_msg(e.confusion[i * (K + 2) + j] == world_confusion[i][j],
                          "row %zu, column %zu: %zu", i, j,
                          e.confusion[i * (K + 2) + j]);
        }
    }
    evaluation_release(&e);
}
END_TEST

/* --- intervals -------------------------------------------------------------
 */

static void contains(const struct evaluation_figure *f)
{
    ck_assert_double_le(f->lo, f->value);
    ck_assert_double_ge(f->hi, f->value);
    ck_assert_double_ge(f->lo, 0);
    ck_assert_double_le(f->hi, 1);
    ck_assert_double_lt(f->lo, f->hi);
}

/* Resampling n rows of which a share q counts gives a binomial (n, q) share;
 * its quantiles, taken from tables, are apart by many standard errors of 4000
 * samples where they are asserted. They tell n: of all 30 rows the 97.5 %
 * quantile of a rate of .1 would be .2 and not .25. */
START_TEST(intervals)
{
    struct evaluation e;

    world_measure(4000, &e);
    contains(&e.roc_area);
    contains(&e.average_precision);
    contains(&e.species_accuracy);
    contains(&e.fnr);
    contains(&e.end_to_end);
    contains(&e.unknown_rate);
    contains(&e.all.fpr95);
    contains(&e.all.fpr99);
    contains(&e.all.fpr);
    near(e.roc_area.value, .8625);
    near(e.fnr.value, .1);
    near(e.fnr.lo, 0);                /* binomial (20, .1): P(0) .122 */
    near(e.fnr.hi, .25);              /* P(<= 4) .957, P(<= 5) .989 */
    near(e.unknown_rate.lo, 0);       /* (20, .15): P(0) .039 */
    near(e.species_accuracy.hi, .85); /* (20, .65): P(<= 16) .956, .988 */
    near(e.all.fpr.hi, .6);           /* (10, .3): P(<= 5) .953, .989 */
    near(e.families[0].fpr.lo, 0);    /* (5, .4): P(0) .078 */
    near(e.families[0].fpr.hi, .8);   /* P(<= 3) .913, .990 */
    near(e.families[1].fpr.hi, .75);  /* (4, .25): P(<= 2) .949, .996 */
    /* (20, .5) + (10, .7): P(<= 21) .957, P(<= 22) .983 */
    near(e.end_to_end.hi, 22. / 30);
    evaluation_release(&e);
    world_measure(0, &e);
    ck_assert_double_nan(e.roc_area.lo);
    ck_assert_double_nan(e.fnr.lo);
    ck_assert_double_nan(e.fnr.hi);
    evaluation_release(&e);
}
END_TEST

/* 20 positives above 10 negatives: whatever is drawn from them agrees. */
START_TEST(where_all_agree)
{
    struct evaluation e;

    for (size_t i = 0; i < world_n; i++) {
        uint32_t row = world_pick[i];
        int negative = ds.items[world_index[row]].label == NN_NEGATIVE;

        scores.p_positive[row] = negative ? .1 : .9;
    }
    world_measure(200, &e);
    near(e.roc_area.value, 1);
    ck_assert_double_nan(e.roc_area.lo);
    ck_assert_double_nan(e.average_precision.hi);
    near(e.fnr.value, 0);
    near(e.fnr.lo, 0);
    near(e.fnr.hi, 1 - pow(.025, 1. / 20));
    near(e.all.fpr.hi, 1 - pow(.025, 1. / 10));
    near(e.all.fpr95.hi, e.all.fpr.hi);
    near(e.all.fpr99.hi, e.all.fpr.hi);
    near(e.families[1].fpr.value, 0);
    near(e.families[1].fpr.hi, 1 - pow(.025, 1. / 4));
    near(e.families[1].fpr99.lo, 0);
    contains(&e.species_accuracy); /* not all of these agree */
    ck_assert_double_lt(e.species_accuracy.hi, .9);
    evaluation_release(&e);
    world_measure(0, &e); /* no interval is asked */
    ck_assert_double_nan(e.fnr.hi);
    ck_assert_double_nan(e.families[1].fpr.lo);
    evaluation_release(&e);
}
END_TEST

/* --- what cannot be computed is not told ------------------------------------
 */

START_TEST(positives_alone)
{
    struct evaluation e;

    world_keep(1);
    world_measure(50, &e);
    ck_assert_uint_eq(e.n_negatives, 0);
    ck_assert_uint_eq(e.n_families, 0);
    ck_assert_double_nan(e.roc_area.value);
    ck_assert_double_nan(e.all.fpr95.value);
    ck_assert_double_nan(e.all.fpr.value);
    near(e.fnr.value, .1);
    near(e.end_to_end.value, .5);
    near(e.species_ece, .19);
    ck_assert_double_nan(e.gate_ece);
    ck_assert_double_nan(e.gate_brier);
    /* Exact, not resampled: 2 of 20 (tables of Clopper and Pearson). */
    ck_assert_double_eq_tol(e.fnr.lo, .01235, 5e-6);
    ck_assert_double_eq_tol(e.fnr.hi, .31698, 5e-6);
    ck_assert_double_eq_tol(e.end_to_end.lo, .27196, 5e-6); /* 10 of 20 */
    ck_assert_double_nan(e.all.fpr.hi);
    evaluation_release(&e);
}
END_TEST

START_TEST(negatives_alone)
{
    struct evaluation e;

    world_keep(0);
    world_measure(50, &e);
    ck_assert_uint_eq(e.n_positives, 0);
    ck_assert_uint_eq(e.n_negatives, 10);
    near(e.all.fpr.value, .3);
    ck_assert_double_eq_tol(e.all.fpr.lo, .06674, 5e-6); /* 3 of 10 */
    ck_assert_double_eq_tol(e.all.fpr.hi, .65245, 5e-6);
    ck_assert_double_eq_tol(e.families[1].fpr.hi, .80588, 5e-6); /* 1 of 4 */
    near(e.end_to_end.value, .7);
    ck_assert_double_nan(e.gate_ece);
    ck_assert_double_nan(e.fnr.value);
    ck_assert_double_nan(e.species_accuracy.value);
    ck_assert_double_nan(e.unknown_rate.value);
    ck_assert_double_nan(e.average_precision.value);
    ck_assert_double_nan(e.species_ece);
    evaluation_release(&e);
}
END_TEST

/* Targets: 3 of 10 negatives pass, 18 of 20 positives do. */
START_TEST(targets)
{
    struct evaluation e;
    struct targets t;
    const struct target *f = &t.max_fpr, *r = &t.min_recall;

    world_measure(0, &e);
    ck_assert_int_eq(targets_judge(&e, NAN, NAN, &t, NULL), NN_OK);
    ck_assert_int_eq(targets_missed(&t), 0);
    ck_assert_int_eq(targets_judge(&e, .3, .9, &t, NULL), NN_OK);
    ck_assert_int_eq(targets_missed(&t), 0);
    ck_assert_uint_eq(f->k, 3);
    ck_assert_uint_eq(f->n, 10);
    ck_assert_double_eq_tol(f->bound, .60662, 5e-6); /* one-sided, 95 % */
    ck_assert_uint_eq(r->k, 18);
    ck_assert_uint_eq(r->n, 20);
    ck_assert_double_eq_tol(r->bound, .71738, 5e-6);
    ck_assert_int_eq(f->shown || r->shown, 0);
    ck_assert_int_eq(targets_judge(&e, .29, NAN, &t, NULL), NN_OK);
    ck_assert_int_eq(targets_missed(&t), 1);
    ck_assert_int_eq(targets_judge(&e, NAN, .91, &t, NULL), NN_OK);
    ck_assert_int_eq(targets_missed(&t), 1);
    ck_assert_int_eq(targets_judge(&e, .7, .7, &t, NULL), NN_OK);
    ck_assert_int_eq(f->shown && r->shown, 1);
    evaluation_release(&e);
}
END_TEST

START_TEST(targets_of_one_kind)
{
    struct evaluation e;
    struct targets t;
    struct nn_error err = NN_ERROR_INIT;

    world_keep(1);
    world_measure(0, &e);
    ck_assert_int_eq(targets_judge(&e, .5, NAN, &t, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "no readable negative"));
    ck_assert_int_eq(targets_judge(&e, NAN, .9, &t, NULL), NN_OK);
    evaluation_release(&e);
    world_set_up();
    world_keep(0);
    world_measure(0, &e);
    ck_assert_int_eq(targets_judge(&e, NAN, .5, &t, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "image of a class"));
    ck_assert_int_eq(targets_judge(&e, .3, NAN, &t, NULL), NN_OK);
    evaluation_release(&e);
}
END_TEST

START_TEST(nothing_readable)
{
    static const uint32_t unreadable[] = { 22, 31 };
    struct evaluation e;
    struct nn_error err = NN_ERROR_INIT;
    long live = nn_mem_live();

    ck_assert_int_eq(evaluation_compute(&model, &ds, world_index, &scores,
                                        unreadable, 2, "field", 10, 1, &e,
                                        &err),
                     NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "'field'"));
    ck_assert_int_eq(nn_mem_live(), live);
}
END_TEST

/* One class: what passes the gate is of it. */
START_TEST(one_class)
{
    static const double score[] = { .9, .5, .2, .6, .1 };
    static const int32_t label[] = { 0, 0, 0, NN_NEGATIVE, NN_NEGATIVE };
    static const size_t want[2][3] = { { 2, 1, 0 }, { 1, 1, 0 } };
    struct evaluation e;

    model.n_classes = scores.n_classes = ds.n_classes = 1;
    model.species = NULL;
    world_n = scores.n = 5;
    for (uint32_t i = 0; i < 5; i++) {
        world_pick[i] = i;
        scores.ran[i] = 0;
        scores.ok[i] = 1;
        scores.p_positive[i] = score[i];
        ds.items[world_index[i]].label = label[i];
        ds.items[world_index[i]].family = -1;
    }
    world_measure(0, &e);
    near(e.roc_area.value, 4. / 6); /* .9 above 2, .5 above 1, .2 above 1 */
    near(e.fnr.value, 1. / 3);
    near(e.all.fpr.value, .5);
    near(e.end_to_end.value, .6);
    near(e.unknown_rate.value, 0);
    ck_assert_double_nan(e.species_ece);
    ck_assert_uint_eq(e.n_families, 0);
    ck_assert_mem_eq(e.confusion, want, sizeof want);
    evaluation_release(&e);
}
END_TEST

static int compute(void *ctx)
{
    struct evaluation e;
    enum nn_status st =
        evaluation_compute(&model, &ds, world_index, &scores, world_pick,
                           world_n, "test", 2, 1, &e, ctx);

    if (!st) {
        evaluation_release(&e);
    }
    return st;
}

START_TEST(allocation_failures)
{
    struct nn_error err = NN_ERROR_INIT;

    testkit_each_alloc_failure(compute, &err);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("evaluation");
    TCase *t = tcase_create("evaluation");

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, world_set_up, NULL);
    tcase_add_test(t, ranking);
    tcase_add_test(t, at_the_thresholds);
    tcase_add_test(t, families);
    tcase_add_test(t, calibration);
    tcase_add_test(t, confusion_matrix);
    tcase_add_test(t, intervals);
    tcase_add_test(t, where_all_agree);
    tcase_add_test(t, positives_alone);
    tcase_add_test(t, negatives_alone);
    tcase_add_test(t, targets);
    tcase_add_test(t, targets_of_one_kind);
    tcase_add_test(t, nothing_readable);
    tcase_add_test(t, one_class);
    tcase_add_test(t, allocation_failures);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
