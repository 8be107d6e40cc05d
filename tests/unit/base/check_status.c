#include "tests/unit/testkit.h"

#include <string.h>

#include "common/base/status.h"

START_TEST(text_is_formatted)
{
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(nn_fail(&err, NN_ERR_IO, "cannot open '%s'", "x.jpg"),
                     NN_ERR_IO);
    ck_assert_int_eq(err.status, NN_ERR_IO);
    ck_assert_str_eq(err.text, "cannot open 'x.jpg'");
}
END_TEST

START_TEST(null_error_is_fine)
{
    ck_assert_int_eq(nn_fail(NULL, NN_ERR_SHAPE, "%d", 1), NN_ERR_SHAPE);
    ck_assert_int_eq(nn_fail_nomem(NULL), NN_ERR_NOMEM);
}
END_TEST

START_TEST(control_bytes_are_replaced)
{
    struct nn_error err = NN_ERROR_INIT;

    nn_fail(&err, NN_ERR_IO, "a\nb\tc\033[2Jd\177 %s", "\303\251");
    ck_assert_str_eq(err.text, "a?b?c?[2Jd? \303\251");
}
END_TEST

START_TEST(long_text_is_cut)
{
    struct nn_error err = NN_ERROR_INIT;
    char name[2000];

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    nn_fail(&err, NN_ERR_IO, "cannot open '%s'", name);
    ck_assert_uint_eq(strlen(err.text), sizeof err.text - 1);
    ck_assert_int_eq(strncmp(err.text, "cannot open 'nnn", 16), 0);
}
END_TEST

START_TEST(codes_have_distinct_names)
{
    for (int a = 0; a >= NN_ERR_STOPPED; a--) {
        const char *s = nn_status_str((enum nn_status)a);

        ck_assert_str_ne(s, "unknown status");
        for (int b = a - 1; b >= NN_ERR_STOPPED; b--) {
            ck_assert_str_ne(s, nn_status_str((enum nn_status)b));
        }
    }
    ck_assert_str_eq(nn_status_str((enum nn_status)7), "unknown status");
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("status");
    TCase *t = tcase_create("status");

    tcase_set_timeout(t, 10);
    tcase_add_test(t, text_is_formatted);
    tcase_add_test(t, null_error_is_fine);
    tcase_add_test(t, control_bytes_are_replaced);
    tcase_add_test(t, long_text_is_cut);
    tcase_add_test(t, codes_have_distinct_names);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
