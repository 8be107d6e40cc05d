/* Figures of a comparison against slower second computations. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "tests/unit/stages/invented_comparison.h"
#include "tests/unit/testkit.h"

/* --- figures against common/eval -------------------------------------------
 */

/* A resample written out, measured by the functions of metrics.h. */
static void slow_figures(const struct comparison *c, const struct outcomes *t,
                         const uint32_t *pick, double *v)
{
    size_t n = c->n, m = 0;
    size_t *counts = invented_zeros((c->k + 1) * (c->k + 2), sizeof *counts);
    double *score = invented_zeros(n, sizeof *score),
           *trust = invented_zeros(n, sizeof *trust);
    uint8_t *pos = invented_zeros(n, 1), *named = invented_zeros(n, 1),
            *hit = invented_zeros(n, 1);
    int32_t *truth = invented_zeros(n, sizeof *truth),
            *said = invented_zeros(n, sizeof *said);
    struct nn_confusion_figures f;
    struct nn_roc roc = NN_ROC_INIT;

    for (size_t j = 0; j < n; j++) {
        size_t i = pick[j];

        score[j] = t->p_positive[i];
        pos[j] = (uint8_t)invented_is_positive(c, i);
        truth[j] = invented_truth(c, i);
        said[j] = t->verdict[i];
        named[j] = t->best[i] == invented_truth(c, i);
        if (pos[j]) {
            trust[m] = t->confidence[i];
            hit[m++] = named[j];
        }
    }
    ck_assert(!nn_roc_init(&roc, score, pos, NULL, n, NULL));
    v[OUTCOMES_ROC_AREA] = nn_roc_area(&roc);
    v[OUTCOMES_AVERAGE_PRECISION] = nn_roc_average_precision(&roc);
    v[OUTCOMES_FPR95] = nn_roc_at_tpr(&roc, 0.95).fpr;
    v[OUTCOMES_FPR99] = nn_roc_at_tpr(&roc, 0.99).fpr;
    nn_roc_release(&roc);
    ck_assert(!nn_roc_init(&roc, score, pos, named, n, NULL));
    v[OUTCOMES_OSCR_AREA] = nn_roc_area(&roc);
    nn_roc_release(&roc);
    ck_assert(!nn_confusion_count(truth, said, NULL, n, (int32_t)c->k + 1,
                                  (int32_t)c->k + 2, counts, NULL));
    ck_assert(!nn_confusion_summarise(counts, (int32_t)c->k + 1,
                                      (int32_t)c->k + 2, NULL, &f, NULL));
    v[OUTCOMES_END_TO_END] = f.accuracy;
    v[OUTCOMES_MACRO_F1] = f.macro_f1;
    ck_assert(!nn_reliability(score, pos, n, NN_ECE_BINS, NULL,
                              &v[OUTCOMES_GATE_ECE], NULL));
    ck_assert(!nn_reliability(trust, hit, m, NN_ECE_BINS, NULL,
                              &v[OUTCOMES_SPECIES_ECE], NULL));
    v[OUTCOMES_SPECIES_ACCURACY] = 0;
    for (size_t j = 0; j < m; j++) {
        v[OUTCOMES_SPECIES_ACCURACY] += hit[j] / (double)m;
    }
    nn_mem_free(counts);
    nn_mem_free(score);
    nn_mem_free(trust);
    nn_mem_free(pos);
    nn_mem_free(named);
    nn_mem_free(hit);
    nn_mem_free(truth);
    nn_mem_free(said);
}

START_TEST(figures_are_those_of_eval)
{
    const struct comparison_options o = invented_options("cascade", 1);
    struct comparison c;
    struct nn_rng g = nn_rng_make(7, 0);
    uint32_t *pick;

    invented_setup(&c, &o);
    pick = invented_zeros(c.n, sizeof *pick);
    for (int round = 0; round < 5; round++) {
        double got[OUTCOMES_FIGURES], want[OUTCOMES_FIGURES];

        for (size_t i = 0; i < c.n; i++) {
            pick[i] = round == 0 ? (uint32_t)i
                                 : (uint32_t)(nn_rng_double(&g) * (double)c.n);
        }
        slow_figures(&c, &c.system[0].run->said, pick, want);
        outcomes_figures(&c.system[0].run->said, OUTCOMES_ALL,
                         round == 0 ? NULL : pick, c.n, got);
        for (int f = 0; f < OUTCOMES_MISS_RATE; f++) {
            ck_assert_msg(fabs(got[f] - want[f]) < 1e-12, "%s: %g, not %g",
                          outcomes_figure_names[f], got[f], want[f]);
        }
    }
    nn_mem_free(pick);
    comparison_release(&c);
}
END_TEST

START_TEST(families_add_up)
{
    const struct comparison_options o = invented_options("cascade", 1);
    struct comparison_result r;
    double false_positives = 0, over = 0;
    const struct nn_interval *all, *family;
    struct comparison c;

    invented_setup(&c, &o);
    ck_assert(!comparison_result_init(&c, &r, NULL));
    all = r.system[0].figures.v;
    family = r.system[0].families.v;
    for (size_t i = 0; i < c.n; i++) {
        const struct nn_item *it = &c.ds->items[c.index[i]];

        if (!invented_is_positive(
                &c, i)) { /* weighted by size, they give the whole */
            over += family[2 * it->family].value;
            false_positives += family[2 * it->family + 1].value;
        }
    }
    ck_assert_double_eq_tol(over / (double)(c.n - c.n_positives),
                            all[OUTCOMES_FPR95].value, 1e-12);
    ck_assert_double_eq_tol(false_positives / (double)(c.n - c.n_positives),
                            all[OUTCOMES_FALSE_ALARM].value, 1e-12);
    comparison_result_release(&r);
    comparison_release(&c);
}
END_TEST

/* --- the written form ------------------------------------------------------
 */

START_TEST(budget_is_spent)
{
    const struct comparison_options o =
        invented_options("cascade,multilabel", 2);
    struct comparison c;
    json_t *j, *b;
    size_t wrong = 0, gate = 0;

    invented_setup(&c, &o);
    j = invented_json(&c);
    b = json_object_get(j, "budget");
    for (size_t r = 0; r < 2; r++) {
        const struct outcomes *run = &c.system[0].run[r].said;

        for (size_t i = 0; i < c.n; i++) {
            wrong += run->verdict[i] != invented_truth(&c, i);
            gate += !invented_is_positive(&c, i) ||
                    (run->best[i] == invented_truth(&c, i) &&
                     run->confidence[i] >= 0.3);
        }
    }
    ck_assert_double_eq(invented_number(b, "misses", NULL) +
                            invented_number(b, "false_passes", NULL) +
                            invented_number(b, "confusions", NULL) +
                            invented_number(b, "unknown", NULL),
                        (double)wrong);
    ck_assert_double_eq(invented_number(b, "right", NULL),
                        2.0 * (double)c.n - (double)wrong);
    ck_assert_double_eq_tol(invented_number(b, "perfect_gate", "value"),
                            (double)gate / (2.0 * (double)c.n), 1e-12);
    ck_assert(invented_number(b, "perfect_species", "value") >
              invented_number(b, "right", NULL) /
                  invented_number(b, "total", NULL));
    json_decref(j);
    comparison_release(&c);
}
END_TEST

/* Cascade 50 + pass 200 against 100: they cost the same where a quarter of
 * the images pass the gate. */
START_TEST(prices_meet_at_break_even)
{
    const struct comparison_options o =
        invented_options("cascade,multilabel", 1);
    struct comparison c;
    json_t *j, *row;
    double x, hit = 0, fpr = 0;

    invented_setup(&c, &o);
    for (size_t i = 0; i < c.n; i++) {
        int passed = c.system[0].run[0].said.p_positive[i] >= 0.5;

        hit += passed && invented_is_positive(&c, i);
        fpr += passed && !invented_is_positive(&c, i);
    }
    hit /= (double)c.n_positives;
    fpr /= (double)(c.n - c.n_positives);
    j = invented_json(&c);
    row = json_array_get(json_object_get(j, "break_even"), 0);
    x = invented_number(row, "macs", NULL);
    ck_assert_double_eq_tol(x * hit + (1 - x) * fpr, 0.25, 1e-9);
    ck_assert_double_eq_tol(invented_number(row, "ms", NULL), x, 1e-9);
    row = json_array_get(json_object_get(j, "prevalence"), 1);
    ck_assert_double_eq(invented_number(row, "prevalence", NULL), 0.1);
    row = json_array_get(json_object_get(row, "systems"), 0);
    ck_assert_double_eq_tol(invented_number(row, "macs", NULL),
                            50 + 200 * (0.1 * hit + 0.9 * fpr), 1e-9);
    json_decref(j);

    c.system[1].cost.ms_gate_bulk = 0.5 + fpr * 2; /* equal at 0 alone */
    j = invented_json(&c);
    row = json_array_get(json_object_get(j, "break_even"), 0);
    ck_assert(json_is_null(json_object_get(row, "ms")));
    json_decref(j);

    c.system[1].cost.macs_gate = 10; /* cheaper whatever the images */
    c.system[1].cost.ms_gate_bulk = 1000;
    j = invented_json(&c);
    row = json_array_get(json_object_get(j, "break_even"), 0);
    ck_assert(json_is_null(json_object_get(row, "macs")));
    ck_assert_double_eq(invented_number(row, "ms", NULL), 1);
    json_decref(j);
    comparison_release(&c);
}
END_TEST

START_TEST(a_better_system_is_named)
{
    const struct comparison_options o = invented_options(NULL, 2);
    struct comparison c;
    json_t *j, *d, *m;

    invented_setup(&c, &o); /* the later in the list, the worse */
    ck_assert_uint_eq(c.n_systems, comparison_n_designs);
    j = invented_json(&c);
    ck_assert_ptr_nonnull(strstr(invented_verdict(j), "cascade is better"));
    ck_assert_ptr_nonnull(strstr(invented_verdict(j), "multilabel:"));
    d = json_array_get(json_object_get(j, "differences"), 0);
    d = json_object_get(d, "figures");
    ck_assert(invented_number(d, "end_to_end", "lo") > 0);
    ck_assert(invented_number(d, "end_to_end", "p_holm") >=
              invented_number(d, "end_to_end", "p"));
    for (size_t i = 0; i + 1 < c.n_systems; i++) {
        m = json_object_get(
            json_array_get(json_object_get(j, "differences"), i), "mcnemar");
        ck_assert_double_eq(
            invented_number(m, "p", NULL),
            nn_mcnemar_exact((size_t)invented_number(m, "only_cascade", NULL),
                             (size_t)invented_number(m, "only_other", NULL)));
    }
    ck_assert(json_is_null(json_object_get(
        json_object_get(json_array_get(json_object_get(j, "systems"), 0),
                        "cost"),
        "peak_mb")));
    json_decref(j);
    comparison_release(&c);
}
END_TEST

/* The first twelve images of a class are called unknown; the likeliest class is
 * the right one for nine of them. All others of a class are named right. */
START_TEST(unknown_with_its_best_guess)
{
    const struct comparison_options o =
        invented_options("cascade,multilabel", 1);
    const json_t *figures, *told;
    struct comparison c;
    struct outcomes *said;
    char want[64];
    size_t at;
    json_t *j, *line;
    int found = 0;

    invented_setup(&c, &o);
    said = &c.system[0].run[0].said;
    for (size_t i = 0; i < c.n_positives; i++) {
        said->best[i] = said->truth[i];
        said->verdict[i] = i < 12 ? (int32_t)c.k + 1 : said->truth[i];
        if (i < 3) {
            said->best[i] = (said->truth[i] + 1) % (int32_t)c.k;
        }
    }
    j = invented_json(&c);
    figures = json_object_get(json_array_get(json_object_get(j, "systems"), 0),
                              "figures");
    snprintf(want, sizeof want, "it would be right on %.1f %% of",
             100 * (invented_number(figures, "end_to_end", "value") +
                    9 / (double)c.n));
    told = json_object_get(json_object_get(j, "verdict"), "conditions");
    json_array_foreach(told, at, line)
    {
        found += strstr(json_string_value(line), want) != NULL;
    }
    ck_assert_int_eq(found, 1);
    json_decref(j);
    comparison_release(&c);
}
END_TEST

/* How many of the conditions begin so. */
static int count_conditions(const struct comparison *c, const char *begin)
{
    json_t *j = invented_json(c), *line;
    size_t at;
    int found = 0;

    json_array_foreach(
        json_object_get(json_object_get(j, "verdict"), "conditions"), at, line)
    {
        found += strncmp(json_string_value(line), begin, strlen(begin)) == 0;
    }
    json_decref(j);
    return found;
}

/* A second net that costs next to nothing makes no design the dearer one. */
START_TEST(alike_within_a_tenth)
{
    const struct comparison_options o =
        invented_options("cascade,multilabel", 1);
    struct comparison c;

    invented_setup(&c, &o);
    c.system[0].cost.macs_gate = c.system[1].cost.macs_gate = 1000;
    c.system[0].cost.macs_species = 5;
    ck_assert_int_eq(count_conditions(&c, "Of the cascade and multilabel the "
                                          "cheaper one is, by multiply-adds, "
                                          "neither (they differ by less than a "
                                          "tenth), and by"),
                     1);
    c.system[1].cost.macs_gate = 900;
    ck_assert_int_eq(count_conditions(&c, "Of the cascade and multilabel the "
                                          "cheaper one is, by multiply-adds, "
                                          "multilabel at any share of"),
                     1);
    c.system[1].cost.macs_gate = 1120;
    ck_assert_int_eq(count_conditions(&c, "Of the cascade and multilabel the "
                                          "cheaper one is, by multiply-adds, "
                                          "the cascade at any share of"),
                     1);
    comparison_release(&c);
}
END_TEST

/* Skills that differ by little, or few images: no design is recommended. */
START_TEST(what_numbers_cannot_tell)
{
    const struct comparison_options o =
        invented_options("cascade,multilabel", 1);
    struct comparison c;
    struct comparison_run keep, *other;
    size_t n_negatives;
    json_t *j, *d;
    double lo, hi;
    char *text;

    invented_setup(&c, &o);
    other = &c.system[1].run[0];
    keep = *other;
    invented_run(&c, other, 0.94, 77);
    j = invented_json(&c); /* another seed: right on other images, as often */
    ck_assert_ptr_nonnull(strstr(invented_verdict(j), "No difference"));
    d = json_array_get(json_object_get(j, "differences"), 0);
    d = json_object_get(d, "figures");
    lo = invented_number(d, "end_to_end", "lo");
    hi = invented_number(d, "end_to_end", "hi");
    ck_assert_double_gt(fabs(-lo - hi), 0.01); /* which end is farther counts */
    text = nn_mem_sprintf("The truth may be %.0f points either way: about ",
                          100 * (-lo > hi ? -lo : hi));
    ck_assert_msg(strstr(invented_verdict(j), text) != NULL, "%s: %s", text,
                  invented_verdict(j));
    nn_mem_free(text);
    ck_assert_ptr_null(strstr(invented_verdict(j), "ake "));
    json_decref(j);
    nn_mem_free(other->dir);
    nn_mem_free(other->command);
    outcomes_release(&other->said);
    *other = keep;
    n_negatives = c.n - c.n_positives;
    ck_assert_uint_ge(c.n_positives, COMPARISON_MIN_IMAGES);
    ck_assert_uint_ge(n_negatives, COMPARISON_MIN_IMAGES);
    c.n = c.n_positives + COMPARISON_MIN_IMAGES - 1;
    j = invented_json(&c); /* a difference, of too few images */
    ck_assert_ptr_nonnull(
        strstr(invented_verdict(j), " and 29 others are too few to "));
    ck_assert_ptr_null(strstr(invented_verdict(j), "better"));
    ck_assert_ptr_null(strstr(invented_verdict(j), "ake "));
    json_decref(j);
    c.n++;
    j = invented_json(&c);
    ck_assert_ptr_nonnull(strstr(invented_verdict(j), "cascade is better"));
    json_decref(j);
    comparison_release(&c);
}
END_TEST

/* 1: a condition of the verdict holds text. */
static int says(const json_t *j, const char *text)
{
    const json_t *verdict = json_object_get(j, "verdict"), *one;
    size_t i;
    int yes = 0;

    json_array_foreach(json_object_get(verdict, "conditions"), i, one)
    {
        yes |= strstr(json_string_value(one), text) != NULL;
    }
    return yes;
}

START_TEST(the_same_nets_under_two_names)
{
    struct comparison_options o =
        invented_options("cascade,multilabel,multilabel-focal", 2);
    static const char said[] =
        "multilabel and multilabel-focal are the same nets here";
    struct comparison c;
    json_t *j;

    o.replicates = 20; /* its intervals do not matter */
    invented_setup(&c, &o);
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 2; k++) {
            snprintf(c.system[i].run[k].hash, sizeof c.system[i].run[k].hash,
                     "%zu-%zu", i == 2 ? 1 : i, k);
        }
    }
    j = invented_json(&c);
    ck_assert(says(j, said));
    ck_assert(!says(j, "cascade and multilabel are"));
    json_decref(j);
    c.system[2].run[1].hash[0] = '9'; /* one of two runs is another */
    j = invented_json(&c);
    ck_assert(!says(j, "same nets"));
    json_decref(j);
    comparison_release(&c);
}
END_TEST

START_TEST(without_the_cascade)
{
    const struct comparison_options o =
        invented_options("softmax-max,multilabel", 1);
    struct comparison c;
    json_t *j;

    invented_setup(&c, &o);
    j = invented_json(&c);
    ck_assert_ptr_nonnull(
        strstr(invented_verdict(j), "multilabel has the largest"));
    ck_assert_uint_eq(json_array_size(json_object_get(j, "differences")), 0);
    ck_assert(json_is_null(json_object_get(j, "budget")));
    json_decref(j);
    comparison_release(&c);
}
END_TEST

/* A run that is right about everything. */
static void make_perfect(const struct comparison *c, struct outcomes *t)
{
    for (size_t i = 0; i < c->n; i++) {
        int positive = invented_is_positive(c, i);

        t->p_positive[i] = positive ? .9 : .1;
        t->best[i] = positive ? invented_truth(c, i) : t->best[i];
        t->verdict[i] = invented_truth(c, i);
    }
    nn_ranking_release(&t->ranking);
    nn_ranking_release(&t->open_set);
    ck_assert(!outcomes_rank(t, NULL));
}

/* No resample of images that are all right has a wrong one; that says little of
 * images like them where there are few. */
START_TEST(images_that_all_agree)
{
    const struct comparison_options o =
        invented_options("cascade,multilabel", 2);
    struct comparison_result r;
    const struct nn_interval *v, *d;
    struct comparison c;
    double n, positives, negatives;

    invented_setup(&c, &o);
    for (size_t i = 0; i < 4; i++) {
        make_perfect(&c, &c.system[i / 2].run[i % 2].said);
    }
    n = (double)c.n;
    positives = (double)c.n_positives;
    negatives = n - positives;
    ck_assert_int_eq(comparison_result_init(&c, &r, NULL), NN_OK);
    v = r.system[0].figures.v;
    ck_assert_double_eq_tol(v[OUTCOMES_FPR95].hi, 1 - pow(.025, 1 / negatives),
                            1e-12);
    ck_assert_double_eq(v[OUTCOMES_FPR95].lo, 0);
    ck_assert_double_eq_tol(v[OUTCOMES_FALSE_ALARM].hi, v[OUTCOMES_FPR99].hi,
                            1e-12);
    ck_assert_double_eq_tol(v[OUTCOMES_MISS_RATE].hi,
                            1 - pow(.025, 1 / positives), 1e-12);
    ck_assert_double_eq_tol(v[OUTCOMES_SPECIES_ACCURACY].lo,
                            pow(.025, 1 / positives), 1e-12);
    ck_assert_double_eq_tol(v[OUTCOMES_END_TO_END].lo, pow(.025, 1 / n), 1e-12);
    ck_assert_double_eq(v[OUTCOMES_END_TO_END].hi, 1);
    ck_assert_double_eq(v[OUTCOMES_ROC_AREA].value, 1);
    ck_assert_double_nan(v[OUTCOMES_ROC_AREA].lo);
    ck_assert_double_nan(v[OUTCOMES_MACRO_F1].hi);
    for (size_t f = 0; f < c.ds->n_families; f++) {
        if (r.family_n[f] > 0) {
            ck_assert_double_eq_tol(r.system[1].families.v[2 * f + 1].hi,
                                    1 - pow(.025, 1. / (double)r.family_n[f]),
                                    1e-12);
        }
    }
    d = r.difference[0].figures.v;
    ck_assert_double_eq(d[OUTCOMES_END_TO_END].value, 0);
    ck_assert_double_eq_tol(d[OUTCOMES_END_TO_END].hi, 1 - pow(.05, 1 / n),
                            1e-12);
    ck_assert_double_eq(d[OUTCOMES_END_TO_END].lo, -d[OUTCOMES_END_TO_END].hi);
    ck_assert_double_eq_tol(d[OUTCOMES_FPR95].hi, 1 - pow(.05, 1 / negatives),
                            1e-12);
    ck_assert_double_nan(d[OUTCOMES_ROC_AREA].lo);
    ck_assert_double_eq_tol(r.budget.perfect_species.lo, pow(.025, 1 / n),
                            1e-12);
    comparison_result_release(&r);
    comparison_release(&c);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("comparison");
    TCase *t = tcase_create("comparison");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, figures_are_those_of_eval);
    tcase_add_test(t, families_add_up);
    tcase_add_test(t, budget_is_spent);
    tcase_add_test(t, prices_meet_at_break_even);
    tcase_add_test(t, the_same_nets_under_two_names);
    tcase_add_test(t, a_better_system_is_named);
    tcase_add_test(t, unknown_with_its_best_guess);
    tcase_add_test(t, alike_within_a_tenth);
    tcase_add_test(t, what_numbers_cannot_tell);
    tcase_add_test(t, without_the_cascade);
    tcase_add_test(t, images_that_all_agree);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
