/* What classify says to a person of verdicts of none and unknown: beside a
 * probability that would be taken for a yes stands the threshold that it
 * misses. */
#include <stdlib.h>

#include "pipelines/cli/predictions.h"
#include "tests/unit/testkit.h"

static char ant[] = "ant", bee[] = "bee", cat[] = "cat";
static char *classes[] = { ant, bee, cat };
static const char *const outputs[] = { "a", "b", "c", "-" };
static struct nn_net both = { .spec = { .n_outputs = 4, .outputs = outputs } };
static struct nn_net only_classes;
static const double ants[] = { .98, .01, .01 };

static struct model strict(struct nn_net *species)
{
    return (struct model){ .system = MODEL_CASCADE,
                           .n_classes = 3,
                           .classes = classes,
                           .gate_policy = { .threshold = .9915 },
                           .policy = { .none_threshold = .9993 },
                           .species = species,
                           .species_policy = { .reject_threshold = .6 } };
}

static void says(const struct model *m, double p_gate, double p_none,
                 const double *p, const char *want)
{
    const struct verdict v = cascade_decide(m, p_gate, p_none, p);
    const struct predictions_row row = { .file = "x.jpg", .v = &v };
    struct predictions to = { 0 };
    char *text;
    size_t n;
    FILE *f = open_memstream(&text, &n);

    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(predictions_begin(&to, f, PREDICTIONS_TEXT, m), NN_OK);
    ck_assert_int_eq(predictions_put(&to, &row), NN_OK);
    predictions_end(&to);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_str_eq(text, want);
    free(text);
}

START_TEST(of_the_gate)
{
    const struct model m = strict(&both), plain = strict(&only_classes);

    says(&m, .25, 0, NULL, "x.jpg: none (gate 0.250)\n");
    says(&m, .99, 0, NULL, "x.jpg: none (gate 0.990, below 0.9915)\n");
    says(&m, .99, .25, ants,
         "x.jpg: none (gate 0.990, below 0.9915, none 0.250)\n");
    says(&plain, .99, 0, NULL, "x.jpg: none (gate 0.990, below 0.9915)\n");
    says(&plain, .9915, 0, ants, "x.jpg: ant 0.980 (gate 0.992)\n");
}
END_TEST

START_TEST(of_the_species_net)
{
    const struct model m = strict(&both);

    says(&m, .998, .002, ants,
         "x.jpg: none (gate 0.998, none 0.002, above 0.0007)\n");
    says(&m, .998, .75, ants, "x.jpg: none (gate 0.998, none 0.750)\n");
    says(&m, .998, .0005, ants, "x.jpg: ant 0.980 (gate 0.998, none 0.001)\n");
}
END_TEST

/* It is one on the score of both stages, which is not printed. */
START_TEST(of_a_given_threshold)
{
    struct model m = strict(&both), plain = strict(&only_classes);

    ck_assert_int_eq(model_set_threshold(&m, .99, NULL), NN_OK);
    ck_assert_int_eq(model_set_threshold(&plain, .8, NULL), NN_OK);
    says(&m, .998, .25, ants, "x.jpg: none (gate 0.998, none 0.250)\n");
    says(&plain, .75, 0, NULL, "x.jpg: none (gate 0.750, below 0.8)\n");
}
END_TEST

START_TEST(of_the_reject_threshold)
{
    struct model m = strict(&only_classes);
    const double flat[] = { .4, .35, .25 };

    says(&m, .998, 0, flat,
         "x.jpg: unknown (most like ant, 0.400) (gate 0.998)\n");
    m.species_policy.reject_threshold = .9931;
    says(&m, .998, 0, ants,
         "x.jpg: unknown (most like ant, 0.980, below 0.9931) (gate 0.998)\n");
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("predictions_text");
    TCase *t = tcase_create("why not");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, of_the_gate);
    tcase_add_test(t, of_the_species_net);
    tcase_add_test(t, of_a_given_threshold);
    tcase_add_test(t, of_the_reject_threshold);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
