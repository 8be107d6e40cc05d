/* What systems cost, and how the verdict weighs it, from rows and times worked
 * out on paper. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/unit/stages/invented_comparison.h"
#include "tests/unit/testkit.h"

/* --- prices on paper --------------------------------------------------------
 */

enum { CLASSES = 2, IMAGES = 10, POSITIVES = 4 };

/* Three of four images of a class pass the gate, and of six others one, which
 * the species net then calls none. */
static void four_and_six(struct outcomes *t)
{
    static const double score[IMAGES] = {
        .9, .8, .7, .2, .6, .1, .1, .1, .1, .1
    };
    static const double p[CLASSES] = { .9, .1 };

    ck_assert(!outcomes_init(t, IMAGES, CLASSES, NULL));
    for (uint32_t i = 0; i < IMAGES; i++) {
        int passes = score[i] >= .5, other = i >= POSITIVES;
        struct outcome row = { .item = i,
                               .truth = other ? CLASSES : 0,
                               .family = -1,
                               .verdict = passes && !other ? 0 : CLASSES,
                               .best = 0,
                               .p_positive = score[i],
                               .none_behind = passes && other,
                               .by_species = passes && other };

        outcomes_add(t, &row, p);
    }
    ck_assert(!outcomes_rank(t, NULL));
}

struct paper {
    struct comparison c;
    struct comparison_system system[2];
    char name[2][16];
    struct comparison_run run[2];
    struct comparison_result r;
    struct comparison_system_result of[2];
    struct comparison_difference difference;
};

/* A cascade of 100 + 600 multiply-adds, 2 or 8 ms for others and 4 or 10 for
 * images of a class in memory, and unknown from files; beside a net of 400,
 * 5 ms in memory and 10 ms from files. */
static void write_down(struct paper *w)
{
    memset(w, 0, sizeof *w);
    w->c = (struct comparison){ .n = IMAGES,
                                .n_positives = POSITIVES,
                                .k = CLASSES,
                                .n_systems = 2,
                                .system = w->system };
    w->r = (struct comparison_result){ .n_systems = 2,
                                       .system = w->of,
                                       .n_differences = 1,
                                       .difference = &w->difference };
    for (size_t s = 0; s < 2; s++) {
        w->system[s].design = &comparison_designs[s == 0 ? 0 : 2];
        w->system[s].name = w->name[s];
        snprintf(w->name[s], sizeof w->name[s], "%s",
                 w->system[s].design->name);
        w->system[s].run = &w->run[s];
        w->system[s].n_runs = 1;
        four_and_six(&w->run[s].said);
    }
    w->system[0].cost = (struct comparison_cost){
        .macs_gate = 100,
        .macs_species = 600,
        .speed = { [COMPARISON_MEMORY] = { { { 2, 8 }, { 4, 10 } }, 0 },
                   [COMPARISON_FILES] = { { { NAN, NAN }, { NAN, NAN } }, 0 } }
    };
    w->system[1].cost = (struct comparison_cost){
        .macs_gate = 400,
        .speed = { [COMPARISON_MEMORY] = { { { 5, 5 }, { 5, 5 } }, 0 },
                   [COMPARISON_FILES] = { { { 10, 10 }, { 10, 10 } }, 0 } }
    };
}

static void throw_away(struct paper *w)
{
    outcomes_release(&w->run[0].said);
    outcomes_release(&w->run[1].said);
}

/* Others pass in 1 of 6 cases: 5/6 2 + 1/6 8 = 3 ms; images of a class in 3 of
 * 4: 1/4 4 + 3/4 10 = 8.5 ms. At a share x: 3 + 5.5 x ms. */
START_TEST(prices_at_four_shares)
{
    static const double macs[] = { 375, 235, 203.5, 200.35 };
    static const double ms[] = { 5.75, 3.55, 3.055, 3.0055 };
    struct paper w;

    write_down(&w);
    comparison_prices(&w.c, &w.r);
    ck_assert_double_eq_tol(w.of[0].passed_on[0], 1 / 6., 1e-12);
    ck_assert_double_eq_tol(w.of[0].passed_on[1], .75, 1e-12);
    for (size_t i = 0; i < COMPARISON_PREVALENCES; i++) {
        const struct comparison_price *us = &w.of[0].price[i];
        const struct comparison_price *it = &w.of[1].price[i];

        ck_assert_double_eq_tol(us->macs, macs[i], 1e-9);
        ck_assert_double_eq_tol(us->images_s[COMPARISON_MEMORY], 1000 / ms[i],
                                1e-9);
        ck_assert(isnan(us->images_s[COMPARISON_FILES]));
        ck_assert_double_eq_tol(it->macs, 400, 1e-9);
        ck_assert_double_eq_tol(it->images_s[COMPARISON_MEMORY], 200, 1e-9);
        ck_assert_double_eq_tol(it->images_s[COMPARISON_FILES], 100, 1e-9);
    }
    throw_away(&w);
}
END_TEST

/* Two rungs of 10 and 30 hand on .9 and .8 of the positives and .5 and .2 of
 * the others to a gate of 100: at a share x 10 + (.5 + .4 x) 30 + (.2 + .6 x)
 * 100 = 45 + 72 x, and the species net's 600 (1/6 + 7/12 x). Times are a tenth,
 * one by one and many at a time; the test images are positive by 4 in 10. */
START_TEST(prices_of_a_ladder)
{
    struct paper w;

    write_down(&w);
    w.system[0].cost.n_rungs = 2;
    w.system[0].cost.rung[0] = (struct comparison_rung){ 10, 1, 1, { .5, .9 } };
    w.system[0].cost.rung[1] = (struct comparison_rung){ 30, 3, 3, { .2, .8 } };
    w.system[0].cost.ms_gate_1 = w.system[0].cost.ms_gate_bulk = 10;
    w.system[0].cost.ms_species_1 = w.system[0].cost.ms_species_bulk = 60;
    comparison_prices(&w.c, &w.r);
    for (size_t i = 0; i < COMPARISON_PREVALENCES; i++) {
        double x = comparison_prevalence[i];

        ck_assert_double_eq_tol(w.of[0].price[i].macs,
                                45 + 72 * x + 600 * (1 / 6. + 7 / 12. * x),
                                1e-9);
        ck_assert_double_eq_tol(w.of[0].price[i].ms, w.of[0].price[i].macs / 10,
                                1e-9);
        ck_assert_double_eq_tol(w.of[1].price[i].macs, 400, 1e-9);
    }
    ck_assert_double_eq_tol(w.of[0].ms_1, 4.5 + 7.2 * .4 + 60 * .4, 1e-9);
    ck_assert_double_eq_tol(w.of[0].ms_bulk, w.of[0].ms_1, 1e-9);
    /* 145 + 422 x = 400. */
    ck_assert_double_eq_tol(w.difference.even_macs, 255 / 422., 1e-9);
    throw_away(&w);
}
END_TEST

/* By files where both have such times that are sure, else in memory, else by
 * multiply-adds; always at 1 %. */
START_TEST(weighed_by_what_is_sure)
{
    struct comparison_speed *files, *memory;
    struct comparison_weight weight;
    struct paper w;

    write_down(&w);
    files = &w.system[0].cost.speed[COMPARISON_FILES];
    memory = &w.system[1].cost.speed[COMPARISON_MEMORY];
    comparison_prices(&w.c, &w.r);
    weight = comparison_weigh(&w.c, &w.r, 1);
    ck_assert_int_eq(weight.way, COMPARISON_MEMORY);
    ck_assert_double_eq_tol(weight.ratio, 5 / 3.055, 1e-9);

    memory->unsure = 1;
    weight = comparison_weigh(&w.c, &w.r, 1);
    ck_assert_int_eq(weight.way, COMPARISON_WAYS);
    ck_assert_double_eq_tol(weight.ratio, 400 / 203.5, 1e-9);

    *files = (struct comparison_speed){ { { 20, 20 }, { 20, 20 } }, 0 };
    comparison_prices(&w.c, &w.r);
    weight = comparison_weigh(&w.c, &w.r, 1);
    ck_assert_int_eq(weight.way, COMPARISON_FILES);
    ck_assert_double_eq_tol(weight.ratio, 0.5, 1e-9);

    files->unsure = 1;
    memory->unsure = 0;
    weight = comparison_weigh(&w.c, &w.r, 1);
    ck_assert_int_eq(weight.way, COMPARISON_MEMORY);
    throw_away(&w);
}
END_TEST

START_TEST(busy_machines)
{
    static const double calm[] = { 10.5, 10, 12, 13, 11.9 };
    static const double apart[] = { 10, 12.1, 11, 30 };

    ck_assert(!comparison_unsure(calm, 5, 0));
    ck_assert(!comparison_unsure(calm, 5, 0.1));
    ck_assert(comparison_unsure(calm, 5, 0.11));
    ck_assert(comparison_unsure(apart, 4, 0));
    ck_assert(!comparison_unsure(apart, 3, 0));
    ck_assert(!comparison_unsure(apart, 1, 0));
}
END_TEST

/* --- the sentence -----------------------------------------------------------
 */

static void expect_sentence(const struct comparison *c, const char *part)
{
    json_t *j = invented_json(c);

    ck_assert_msg(strstr(invented_verdict(j), part) != NULL, "no '%s' in: %s",
                  part, invented_verdict(j));
    json_decref(j);
}

/* Images a second of the cascade at 1 %. */
static double rare_ms(const struct comparison *c)
{
    struct comparison_result r;
    double ms;

    ck_assert(!comparison_result_init(c, &r, NULL));
    ms = 1000 / r.system[0].price[COMPARISON_RARE].images_s[COMPARISON_FILES];
    comparison_result_release(&r);
    return ms;
}

/* Two systems that say the same: the cheaper one is recommended. */
START_TEST(equals_are_weighed_by_cost)
{
    const struct comparison_options o =
        invented_options("multilabel,cascade", 1);
    struct comparison c;
    struct comparison_run keep;
    struct comparison_cost *it;
    double ms;

    invented_setup(&c, &o);
    ck_assert_str_eq(c.system[0].design->name, "cascade");
    it = &c.system[1].cost;
    keep = c.system[1].run[0];
    c.system[1].run[0] = c.system[0].run[0];
    ms = rare_ms(&c);
    invented_speed(it, ms * 1.05, ms * 1.05);
    expect_sentence(&c, "Both cost about the same, too (where 1 % of");
    expect_sentence(&c, "take either.");
    invented_speed(it, ms / 1.05, ms / 1.05);
    expect_sentence(&c, "take either.");
    invented_speed(it, ms * 1.2, ms * 1.2);
    expect_sentence(&c,
                    "Take the cheaper one, which is the cascade (where 1 % of");
    expect_sentence(&c, "images/s from files against");
    invented_speed(it, ms / 1.2, ms / 1.2);
    expect_sentence(&c, "Take the cheaper one, which is multilabel");
    it->speed[COMPARISON_FILES].unsure = 1;
    expect_sentence(&c, "images/s in memory against");
    it->speed[COMPARISON_MEMORY].unsure = 1;
    it->macs_gate = 1000000000;
    expect_sentence(&c, "which is the cascade (where 1 % of the images show a "
                        "class, ");
    expect_sentence(&c, "multiply-adds an image against 1 G of multilabel; "
                        "times are unsure)");
    c.system[1].run[0] = keep;
    comparison_release(&c);
}
END_TEST

START_TEST(better_ones_are_weighed_by_cost)
{
    const struct comparison_options o =
        invented_options("cascade,multilabel", 1);
    struct comparison c;
    struct comparison_run swap;
    struct comparison_cost *it;
    double ms;

    invented_setup(&c, &o);
    it = &c.system[1].cost;
    ms = rare_ms(&c);
    invented_speed(it, 2 * ms, 2 * ms);
    expect_sentence(&c, "cascade is better");
    expect_sentence(&c, "The better one is the cheaper one, too (");
    expect_sentence(&c, "): take the cascade.");
    invented_speed(it, ms, ms);
    expect_sentence(&c, "Both cost about the same (");
    expect_sentence(&c, "): take the cascade.");
    invented_speed(it, ms / 2, ms / 2);
    expect_sentence(&c, "The cheaper one is multilabel (");
    expect_sentence(&c, "points of right answers, else the cascade.");

    swap = c.system[0].run[0];
    c.system[0].run[0] = c.system[1].run[0];
    c.system[1].run[0] = swap;
    ms = rare_ms(&c);
    invented_speed(it, ms / 2, ms / 2);
    expect_sentence(&c, "cascade is worse");
    expect_sentence(&c, "The better one is the cheaper one, too (");
    expect_sentence(&c, "): take multilabel.");
    invented_speed(it, 2 * ms, 2 * ms);
    expect_sentence(&c, "The cheaper one is the cascade (");
    expect_sentence(&c, "points of right answers, else multilabel.");
    comparison_release(&c);
}
END_TEST

/* What was busy is said, and marked in the JSON. */
START_TEST(unsure_times_are_said)
{
    const struct comparison_options o =
        invented_options("cascade,multilabel", 1);
    struct comparison c;

    invented_setup(&c, &o);
    for (int busy = 0; busy < 2; busy++) {
        const json_t *list, *cost;
        size_t said = 0;
        json_t *j;

        c.system[1].cost.speed[COMPARISON_MEMORY].unsure = busy;
        j = invented_json(&c);
        list = json_object_get(json_object_get(j, "verdict"), "conditions");
        for (size_t i = 0; i < json_array_size(list); i++) {
            said += strstr(json_string_value(json_array_get(list, i)),
                           "machine was busy") != NULL;
        }
        ck_assert_uint_eq(said, (size_t)busy);
        cost = json_object_get(json_array_get(json_object_get(j, "systems"), 1),
                               "cost");
        cost = json_object_get(json_object_get(cost, "speed"), "memory");
        ck_assert_int_eq(json_is_true(json_object_get(cost, "unsure")), busy);
        json_decref(j);
    }
    comparison_release(&c);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("comparison_cost");
    TCase *t = tcase_create("cost");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, prices_at_four_shares);
    tcase_add_test(t, prices_of_a_ladder);
    tcase_add_test(t, weighed_by_what_is_sure);
    tcase_add_test(t, busy_machines);
    tcase_add_test(t, equals_are_weighed_by_cost);
    tcase_add_test(t, better_ones_are_weighed_by_cost);
    tcase_add_test(t, unsure_times_are_said);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
