/* The regression against scikit-learn. */
#include <jansson.h>
#include <math.h>

#include "tests/unit/testkit.h"
#include "tests/unit/train/regression.h"

static double number_at(const json_t *o, const char *key, size_t i)
{
    return json_number_value(json_array_get(json_object_get(o, key), i));
}

static size_t size_of(const json_t *o, const char *key)
{
    return (size_t)json_integer_value(json_object_get(o, key));
}

static void check_golden(const json_t *g, enum nn_logistic_kind kind)
{
    size_t n = size_of(g, "n"), d = size_of(g, "d"), k = size_of(g, "k");
    double strength = json_number_value(json_object_get(g, "strength"));
    struct nn_logistic_options o = one_strength(&strength);
    struct nn_logistic l;
    struct rows w;

    make_rows(&w, n, d, k);
    for (size_t i = 0; i < n; i++) {
        w.label[i] = (int32_t)number_at(g, "y", i);
        w.weight[i] = number_at(g, "w", i);
        for (size_t c = 0; c < d; c++) {
            w.raw[i * d + c] = (float)number_at(g, "x", i * d + c);
        }
    }
    o.kind = kind;
    ck_assert_int_eq(fit(&w, &o, &l), NN_OK);
    for (size_t i = 0; i < n; i++) {
        double mean = 0;

        for (size_t j = 0; j < k && kind == NN_LOGISTIC_SOFTMAX; j++) {
            mean += logit(&l, w.raw + i * d, j) / (double)k;
        }
        for (size_t j = 0; j < k; j++) {
            double got = logit(&l, w.raw + i * d, j) - mean;
            double want = number_at(g, "logits", i * k + j);

            testkit_assert(fabs(got - want) <= 1e-5 * (1 + fabs(want)),
                           "row %zu output %zu: %.9g, not %.9g", i, j, got,
                           want);
        }
    }
    nn_logistic_release(&l);
    free_rows(&w);
}

START_TEST(the_optimum_is_scikit_learns)
{
    /* The last two: fewer rows than features. */
    static const struct {
        const char *name;
        size_t count;
        enum nn_logistic_kind kind;
    } all[] = { { "softmax", 3, NN_LOGISTIC_SOFTMAX },
                { "sigmoid", 1, NN_LOGISTIC_SIGMOID },
                { "wide softmax", 2, NN_LOGISTIC_SOFTMAX },
                { "wide sigmoid", 1, NN_LOGISTIC_SIGMOID } };
    json_t *j = json_load_file(GOLDEN_FOLDER "/logistic.json", 0, NULL);

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const json_t *list = json_object_get(j, all[i].name);

        ck_assert_uint_eq(json_array_size(list), all[i].count);
        for (size_t g = 0; g < all[i].count; g++) {
            check_golden(json_array_get(list, g), all[i].kind);
        }
    }
    json_decref(j);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("train/logistic_golden");
    TCase *t = tcase_create("logistic_golden");

    tcase_add_test(t, the_optimum_is_scikit_learns);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
