/* What `evaluate` prints: each figure under its own label. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/stages/evaluation_world.h"

/* --- what is printed -------------------------------------------------------
 */

/* Text of the evaluation, runs of spaces as one. */
static char *printed_of(const struct evaluation *e, const struct model *m)
{
    char *text = NULL, *to;
    size_t n;
    FILE *f = open_memstream(&text, &n);

    ck_assert_ptr_nonnull(f);
    evaluation_print(e, m, f);
    fclose(f);
    to = text;
    for (const char *s = text; *s != '\0'; s++) {
        if (*s != ' ' || to == text || to[-1] != ' ') {
            *to++ = *s;
        }
    }
    *to = '\0';
    return text;
}

static char *printed(const struct evaluation *e)
{
    return printed_of(e, &model);
}

static int has_line(const char *text, const char *line)
{
    size_t n = strlen(line);

    for (const char *s = text; s != NULL; s = strchr(s, '\n')) {
        s += *s == '\n';
        if (strncmp(s, line, n) == 0 && s[n] == '\n') {
            return 1;
        }
    }
    return 0;
}

START_TEST(a_ranking_without_a_fault)
{
    struct evaluation e;
    char *out;

    for (size_t i = 0; i < world_n; i++) {
        uint32_t row = world_pick[i];
        int negative = ds.items[world_index[row]].label == NN_NEGATIVE;

        scores.p_positive[row] = negative ? .1 : .9;
    }
    world_measure(200, &e);
    out = printed(&e);
    ck_assert(has_line(out, " gate: ROC area 1.0000"));
    ck_assert(has_line(out, " no interval: here every image of a class scores "
                            "above every negative"));
    ck_assert(has_line(out, " gate: false-positive rate at its threshold 0.0000"
                            " [0.0000, 0.3085]"));
    free(out);
    evaluation_release(&e);
    world_set_up();
    world_measure(200, &e);
    out = printed(&e);
    ck_assert_ptr_null(strstr(out, "no interval"));
    free(out);
    evaluation_release(&e);
}
END_TEST

START_TEST(text)
{
    static const char *const lines[] = {
        ("test: 20 images of a class, 10 negatives, 2 unreadable; 95 % "
         "bootstrap intervals in brackets"),
        " gate: ROC area 0.8625",
        " gate: average precision 0.8965",
        " gate: false-positive rate at 95 % recall 0.5000",
        " gate: false-positive rate at 99 % recall 0.8000",
        " gate: false-negative rate at its threshold 0.1000",
        " gate: false-positive rate at its threshold 0.3000",
        " species accuracy behind a perfect gate 0.6500",
        " positives called unknown 0.1500",
        " end to end: right verdicts 0.5667",
        " gate: expected calibration error 0.1057 (Brier score 0.1313)",
        " species: expected calibration error 0.1900",
        " ms per image, gate + species (all images) 20.00 + 5.00",
        "false positives of the gate, by negative family",
        " family n FPR@95 FPR@99 at threshold",
        " all 10 0.5000 0.8000 0.3000",
        " dog 5 0.6000 0.8000 0.4000",
        " rock 4 0.5000 0.7500 0.2500",
        "end to end (rows: truth, columns: verdict)",
        " ant bee cat none unknown",
        " ant 5 1 1 0 1",
        " bee 1 3 0 1 2",
        " cat 1 1 2 1 0",
        " (negative) 0 1 0 7 2",
    };
    enum { LINES = sizeof lines / sizeof lines[0] };
    struct evaluation e;
    size_t n = 0;
    char *out;

    world_measure(0, &e);
    out = printed(&e);
    for (size_t i = 0; i < LINES; i++) {
        ck_assert_msg(has_line(out, lines[i]), "'%s' is not in\n%s", lines[i],
                      out);
    }
    for (const char *s = out; *s != '\0'; s++) {
        n += *s == '\n';
    }
    ck_assert_uint_eq(n, LINES);
    free(out);
    evaluation_release(&e);
}
END_TEST

START_TEST(text_of_intervals)
{
    struct evaluation e;
    char *out;

    world_measure(4000, &e);
    e.all.fpr = (struct evaluation_figure){ .3, .03, .63 };
    e.families[1].fpr = (struct evaluation_figure){ .25, .02, .72 };
    e.fnr = (struct evaluation_figure){ .1, .01, .21 };
    out = printed(&e);
    ck_assert(has_line(out,
                       " gate: false-negative rate at its threshold 0.1000 "
                       "[0.0100, 0.2100]"));
    ck_assert(has_line(out,
                       " gate: false-positive rate at its threshold 0.3000 "
                       "[0.0300, 0.6300]"));
    ck_assert(has_line(out, " all 10 0.5000 0.8000 0.3000 [0.0300, 0.6300]"));
    ck_assert(has_line(out, " rock 4 0.5000 0.7500 0.2500 [0.0200, 0.7200]"));
    free(out);
    evaluation_release(&e);
}
END_TEST

/* 13 classes "a".."m": the wrong verdicts that come most often, no table. */
START_TEST(of_many_classes_the_worst)
{
    enum { MANY = 13 };
    static char names[MANY][2];
    char *classes[MANY];
    size_t counts[(MANY + 1) * (MANY + 2)] = { 0 };
    struct model many = model;
    struct evaluation e;
    size_t n_lines = 0;
    char *out;

    world_measure(0, &e);
    nn_mem_free(e.confusion);
    for (size_t k = 0; k < MANY; k++) {
        names[k][0] = (char)('a' + k);
        classes[k] = names[k];
        counts[k * (MANY + 2) + k] = 900; /* right: not listed */
        counts[k * (MANY + 2) + (k + 1) % MANY] = k + 1;
    }
    counts[MANY * (MANY + 2) + 2] = 50;                          /* c */
    counts[MANY * (MANY + 2) + MANY] = 999;                      /* right */
    counts[0 * (MANY + 2) + MANY] = counts[MANY + 2 + MANY] = 7; /* none */
    counts[2 * (MANY + 2) + MANY + 1] = 60;                      /* unknown */
    e.confusion = counts;
    e.n_classes = many.n_classes = MANY;
    many.classes = classes;
    e.title = "test";
    out = printed_of(&e, &many);
    ck_assert_ptr_nonnull(strstr(out, "the 15 most frequent confusions of 13"));
    ck_assert_ptr_nonnull(strstr(out, "\n 60 c called unknown\n 50 "
                                      "(negative) called c\n 13 m called a\n "
                                      "12 l called m\n"));
    ck_assert_ptr_nonnull(
        strstr(out, "\n 7 a called none\n 7 b called none\n 7 g called h\n"));
    for (const char *s = strstr(out, "frequent");
         (s = strstr(s, " called ")) != NULL; s++) {
        n_lines++;
    }
    ck_assert_uint_eq(n_lines, 15);
    ck_assert_ptr_null(strstr(out, "rows: truth"));
    free(out);
    e.confusion = NULL;
    evaluation_release(&e);
}
END_TEST

/* --- JSON ------------------------------------------------------------------
 */

/* "value" of figure `key` of j; its lo and hi are null. */
static double figure(const json_t *j, const char *key)
{
    const json_t *f = json_object_get(j, key);

    ck_assert_uint_eq(json_object_size(f), 3);
    ck_assert(json_is_real(json_object_get(f, "value")));
    ck_assert(json_is_null(json_object_get(f, "lo")));
    ck_assert(json_is_null(json_object_get(f, "hi")));
    return json_real_value(json_object_get(f, "value"));
}

static double real(const json_t *j, const char *key)
{
    ck_assert_msg(json_is_real(json_object_get(j, key)), "%s", key);
    return json_real_value(json_object_get(j, key));
}

static int integer(const json_t *j, const char *key)
{
    ck_assert_msg(json_is_integer(json_object_get(j, key)), "%s", key);
    return (int)json_integer_value(json_object_get(j, key));
}

static void check_negatives(const json_t *j, const char *name, int n,
                            double fpr95, double fpr99, double fpr)
{
    ck_assert_str_eq(json_string_value(json_object_get(j, "family")), name);
    ck_assert_int_eq(integer(j, "n"), n);
    near(figure(j, "fpr95"), fpr95);
    near(figure(j, "fpr99"), fpr99);
    near(figure(j, "fpr"), fpr);
    ck_assert_uint_eq(json_object_size(j), 5);
}

static void check_names(const json_t *a, const char *const *want, size_t n)
{
    ck_assert_uint_eq(json_array_size(a), n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_str_eq(json_string_value(json_array_get(a, i)), want[i]);
    }
}

START_TEST(json)
{
    static const char *const names[] = { "ant", "bee", "cat", "none",
                                         "unknown" };
    struct evaluation e;
    const json_t *negatives, *matrix;
    json_t *j;

    world_measure(0, &e);
    j = evaluation_json(&e, &model);
    ck_assert_str_eq(json_string_value(json_object_get(j, "title")), "test");
    ck_assert_int_eq(integer(j, "positives"), 20);
    ck_assert_int_eq(integer(j, "negatives"), 10);
    ck_assert_int_eq(integer(j, "unreadable"), 2);
    near(figure(j, "roc_area"), .8625);
    near(figure(j, "average_precision"), .8965489006607429);
    near(figure(j, "fnr"), .1);
    near(figure(j, "species_accuracy"), .65);
    near(figure(j, "unknown_rate"), .15);
    near(figure(j, "end_to_end"), 17. / 30);
    near(real(j, "gate_ece"), 3.17 / 30);
    near(real(j, "gate_brier"), 3.9379 / 30);
    near(real(j, "species_ece"), .19);
    near(real(j, "ms_gate"), 20);
    near(real(j, "ms_species"), 5);
    check_negatives(json_object_get(j, "all_negatives"), "all", 10, .5, .8, .3);
    negatives = json_object_get(j, "families");
    ck_assert_uint_eq(json_array_size(negatives), 2);
    check_negatives(json_array_get(negatives, 0), "dog", 5, .6, .8, .4);
    check_negatives(json_array_get(negatives, 1), "rock", 4, .5, .75, .25);
    check_names(json_object_get(j, "truth"), names, K + 1);
    check_names(json_object_get(j, "verdicts"), names, K + 2);
    matrix = json_object_get(j, "confusion");
    ck_assert_uint_eq(json_array_size(matrix), K + 1);
    for (size_t i = 0; i <= K; i++) {
        const json_t *row = json_array_get(matrix, i);

        ck_assert_uint_eq(json_array_size(row), K + 2);
        for (size_t c = 0; c < K + 2; c++) {
            ck_assert_int_eq(json_integer_value(json_array_get(row, c)),
                             (int)world_confusion[i][c]);
        }
    }
    ck_assert_uint_eq(json_object_size(j), 26);
    json_decref(j);
    evaluation_release(&e);
}
END_TEST

START_TEST(json_of_intervals)
{
    struct evaluation e;
    const json_t *f;
    json_t *j;

    world_measure(100, &e);
    e.fnr = (struct evaluation_figure){ .1, .01, .21 };
    j = evaluation_json(&e, &model);
    f = json_object_get(j, "fnr");
    near(real(f, "value"), .1);
    near(real(f, "lo"), .01);
    near(real(f, "hi"), .21);
    json_decref(j);
    evaluation_release(&e);
}
END_TEST

/* What cannot be computed is not printed, and null in the JSON. */
START_TEST(one_kind_alone)
{
    for (int positives = 0; positives < 2; positives++) {
        struct evaluation e;
        char *out;
        json_t *j;

        world_set_up();
        world_keep(positives);
        world_measure(50, &e);
        out = printed(&e);
        ck_assert_ptr_null(strstr(out, "gate: ROC"));
        ck_assert_ptr_nonnull(strstr(out, positives
                                              ? "no negatives, so there is no "
                                                "ROC area"
                                              : "no image of a class, so there "
                                                "is no ROC area"));
        ck_assert_ptr_nonnull(strstr(out, "95 % exact intervals"));
        ck_assert_ptr_null(strstr(out, "nan"));
        ck_assert_int_eq(has_line(out, " dog 5 - - 0.4000 [0.0527, 0.8534]"),
                         !positives);
        ck_assert_int_eq(strstr(out, "gate: false-negative rate") != NULL,
                         positives);
        ck_assert_int_eq(strstr(out, "gate: false-positive rate") != NULL,
                         !positives);
        free(out);
        j = evaluation_json(&e, &model);
        ck_assert(json_is_null(
            json_object_get(json_object_get(j, "roc_area"), "value")));
        ck_assert_int_eq(json_is_null(json_object_get(j, "species_ece")),
                         !positives);
        json_decref(j);
        evaluation_release(&e);
    }
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("evaluation_print");
    TCase *t = tcase_create("evaluation_print");

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, world_set_up, NULL);
    tcase_add_test(t, a_ranking_without_a_fault);
    tcase_add_test(t, text);
    tcase_add_test(t, text_of_intervals);
    tcase_add_test(t, of_many_classes_the_worst);
    tcase_add_test(t, json);
    tcase_add_test(t, json_of_intervals);
    tcase_add_test(t, one_kind_alone);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
