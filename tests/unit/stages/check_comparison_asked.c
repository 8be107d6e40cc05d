/* What compare is asked for: systems, variants of them, families left out. */
#include <string.h>

#include "tests/unit/stages/invented_comparison.h"
#include "tests/unit/testkit.h"

static void refused(const struct comparison_options *o, const char *why)
{
    struct nn_error err = NN_ERROR_INIT;
    struct comparison c;

    ck_assert_int_eq(comparison_init(&c, o, invented_open(), &err), NN_ERR_ARG);
    ck_assert_msg(strstr(err.text, why) != NULL, "%s", err.text);
}

START_TEST(wrong_wishes)
{
    const char *no_such[] = { "unicorn" };
    const char *of_another[] = { "softmax-none+b:gate-size=96" };
    struct comparison_options o = invented_options("cascade,casscade", 1);

    refused(&o, "'casscade'");
    o = invented_options("", 1);
    refused(&o, "no system");
    o = invented_options("cascade,softmax-none+", 1);
    refused(&o, "'softmax-none+'");
    o = invented_options("softmax-none+a/b", 1);
    refused(&o, "'softmax-none+a/b'");
    o = invented_options("softmax+small", 1);
    refused(&o, "'softmax'");
    o = invented_options("softmax-none+a,cascade", 1);
    o.with = (struct nn_option_list){ of_another, 1, 1 };
    refused(&o, "'softmax-none+b', which is not among");
    o = invented_options(NULL, 1);
    o.left_out = (struct nn_option_list){ no_such, 1, 1 };
    refused(&o, "'unicorn'");
}
END_TEST

/* In the order of the designs, each before its variants, none twice. */
START_TEST(variants)
{
    const struct comparison_options o = invented_options(
        "softmax-none+b,softmax-none+a,multilabel+a,softmax-none,cascade,"
        "softmax-none+b,cascade",
        2);
    const char *names[] = { "cascade", "multilabel+a", "softmax-none",
                            "softmax-none+b", "softmax-none+a" };
    struct comparison c;
    json_t *j, *systems;

    invented_setup(&c, &o);
    ck_assert_uint_eq(c.n_systems, 5);
    ck_assert_int_eq(c.system[3].design->system, MODEL_SOFTMAX_NONE);
    j = invented_json(&c);
    systems = json_object_get(j, "systems");
    for (size_t i = 0; i < 5; i++) {
        ck_assert_str_eq(c.system[i].name, names[i]);
        ck_assert_str_eq(json_string_value(json_object_get(
                             json_array_get(systems, i), "name")),
                         names[i]);
    }
    json_decref(j);
    comparison_release(&c);
}
END_TEST

START_TEST(families_left_out)
{
    struct comparison_options o = invented_options("cascade", 1);
    struct comparison c;

    invented_setup(&c, &o);
    ck_assert_uint_eq(c.n_left, c.ds->n_families / 4);
    ck_assert_int_eq(c.left[0], 3);
    ck_assert_ptr_nonnull(c.system[0].left_out);
    comparison_release(&c);
    o.no_left_out = 1;
    invented_setup(&c, &o);
    ck_assert_uint_eq(c.n_left, 0);
    ck_assert_ptr_null(c.system[0].left_out);
    comparison_release(&c);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("comparison_asked");
    TCase *t = tcase_create("comparison_asked");

    tcase_add_test(t, wrong_wishes);
    tcase_add_test(t, variants);
    tcase_add_test(t, families_left_out);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
