/* What train says of the model at its end: figures in, sentences out. Intervals
 * are literals: sums of the binomial distribution, solved for the
 * rate by bisection in Python (math.comb). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "pipelines/train/train_summary.h"
#include "tests/unit/testkit.h"

enum { K = 8 };

struct world {
    char *classes[K];
    struct nn_dataset ds;
    struct train_share by_class[K];
    size_t n_train[K];
    struct train_summary s;
};

static char names[K][2] = { "a", "b", "c", "d", "e", "f", "g", "h" };

static void set_up(struct world *w, size_t k)
{
    *w = (struct world){ .ds = { .n_classes = k } };
    for (size_t i = 0; i < K; i++) {
        w->classes[i] = names[i];
        w->by_class[i] = train_share_of(95, 100);
        w->n_train[i] = 300 + i;
    }
    w->ds.classes = w->classes;
    w->s = (struct train_summary){ .ds = &w->ds,
                                   .table = { .k = k },
                                   .found = train_share_of(190, 200),
                                   .false_positives = train_share_of(3, 100),
                                   .right = train_share_of(180, 190),
                                   .by_class = w->by_class,
                                   .n_train = w->n_train };
}

static char *text_of(const struct world *w)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(to);
    train_summary_print(&w->s, to);
    fclose(to);
    return text;
}

static void says(const struct world *w, const char *want, int does)
{
    char *text = text_of(w);

    ck_assert_msg((strstr(text, want) != NULL) == does, "%s '%s' in:\n%s",
                  does ? "no" : "there is", want, text);
    free(text);
}

START_TEST(shares_have_exact_intervals)
{
    struct train_share r = train_share_of(190, 200),
                       none = train_share_of(0, 0);

    ck_assert_double_eq_tol(r.lo, 0.9099725, 1e-6);
    ck_assert_double_eq_tol(r.hi, 0.9757658, 1e-6);
    ck_assert(isnan(none.lo) && isnan(none.hi));
}
END_TEST

START_TEST(plain_words_where_there_is_enough)
{
    struct world w;

    set_up(&w, 3);
    says(&w, "(190 of 200 images of a class; 95 % interval 0.910 to 0.976)", 1);
    says(&w, "(3 of 100 negatives; 95 % interval 0.006 to 0.085)", 1);
    says(&w,
         "misses about 5 (2 to 10), of 100 others it\n"
         "  lets about 3 through (0 to 9)",
         1);
    says(&w, "too few", 0);
    says(&w, "Too few", 0);
    says(&w, "More negatives", 0);
    w.s.false_positives = train_share_of(0, 58);
    says(&w,
         "too few to say how good it is: 200 images of a class and 58\n"
         "  negatives",
         1);
    says(&w, "misses about", 0);
    w.s.false_positives = train_share_of(0, 59);
    says(&w, "misses about", 1);
    w.s.found = train_share_of(58, 58);
    says(&w, "misses about", 0);
}
END_TEST

/* Six of eight classes: five are named. 9 of 11 is known to 0.48 .. 0.98. */
START_TEST(classes_with_few_images)
{
    struct world w;

    set_up(&w, K);
    for (int i = 0; i < 5; i++) {
        w.by_class[i] = train_share_of(9, 11);
    }
    w.by_class[6] = train_share_of(0, 0);
    says(&w, "a                9 of 11 right (0.48 to 0.98); 300 to train on",
         1);
    says(&w, "e                9 of 11 right", 1);
    says(&w, "g   ", 0);
    says(&w, "and 1 more", 1);
    w.by_class[0] = train_share_of(95, 100);
    says(&w, "a                9", 0);
    says(&w, "g                0 of 0 right; 306 to train on", 1);
    says(&w, "more\n", 0);
    /* 36 or so of each, with that rate, make it 0.25 */
    says(&w, "(about ", 1);
    set_up(&w, 1); /* there is nothing to be named */
    w.by_class[0] = train_share_of(9, 11);
    says(&w, "Too few", 0);
    says(&w, "right class", 0);
}
END_TEST

/* --- more negatives --- */

static struct gate_curve curve(double quarter, double half, double all)
{
    return (struct gate_curve){ .min_recall = 0.95,
                                .n_held = 500,
                                .n_negatives = { 400, 800, 1600 },
                                .fpr = { quarter, half, all } };
}

START_TEST(a_curve_that_falls)
{
    struct world w;

    set_up(&w, 3);
    w.s.curve = curve(0.16, 0.08, 0.04);
    gate_curve_answer(&w.s.curve, 62, 2);
    ck_assert_int_eq(w.s.curve.answer, GATE_CURVE_HELPS);
    ck_assert_double_eq_tol(w.s.curve.expected, 0.02, 1e-12);
    says(&w,
         "with 400, 800 and 1600 of them a quick classifier passes 16.0,\n"
         "  8.0 and 4.0 % of 500 held-out training negatives at 95 % recall:\n"
         "  about 1600 more like them would bring about 2.0 %.",
         1);
}
END_TEST

START_TEST(a_curve_that_tells_nothing)
{
    struct gate_curve c = curve(0.05, 0.05, 0.04);

    gate_curve_answer(&c, 10, 5); /* p = 0.30 */
    ck_assert_int_eq(c.answer, GATE_CURVE_CANNOT_TELL);
    ck_assert(isnan(c.expected));
    c = curve(0.04, 0.05, 0.06); /* worse, and surely so */
    gate_curve_answer(&c, 2, 30);
    ck_assert_int_eq(c.answer, GATE_CURVE_CANNOT_TELL);
    ck_assert_double_lt(c.p, 0.05);
    c = curve(0.1, 0.02, 0.008); /* 4 of 500 pass */
    gate_curve_answer(&c, 46, 0);
    ck_assert_int_eq(c.answer, GATE_CURVE_FEW_PASS);
    ck_assert(isnan(c.expected));
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("train_summary");
    TCase *t = tcase_create("train_summary");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, shares_have_exact_intervals);
    tcase_add_test(t, plain_words_where_there_is_enough);
    tcase_add_test(t, classes_with_few_images);
    tcase_add_test(t, a_curve_that_falls);
    tcase_add_test(t, a_curve_that_tells_nothing);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
