/* The helpers must be able to fail: each wrong use below runs in a test of
 * its own runner, whose failures are counted. */
#include "tests/unit/testkit.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/status.h"

static int leaks(void *ctx)
{
    void *a = nn_mem_calloc(1, 1), *b = nn_mem_calloc(1, 1);

    (void)ctx;
    if (a == NULL || b == NULL) {
        return NN_ERR_NOMEM; /* the other block is lost */
    }
    nn_mem_free(a);
    nn_mem_free(b);
    return NN_OK;
}

static int wrong_status(void *ctx)
{
    void *a = nn_mem_calloc(1, 1);

    (void)ctx;
    nn_mem_free(a);
    return a != NULL ? NN_OK : NN_ERR_IO;
}

static int careful(void *ctx)
{
    int *tries = ctx;
    void *a = nn_mem_calloc(1, 1), *b = nn_mem_calloc(1, 1);
    int st = a != NULL && b != NULL ? NN_OK : NN_ERR_NOMEM;

    ++*tries;
    nn_mem_free(a);
    nn_mem_free(b);
    return st;
}

START_TEST(bad_leak)
{
    testkit_each_alloc_failure(leaks, NULL);
}
END_TEST

START_TEST(bad_status)
{
    testkit_each_alloc_failure(wrong_status, NULL);
}
END_TEST

START_TEST(bad_value)
{
    const float got[] = { 1.0f, 2.1f }, want[] = { 1.0f, 2.0f };

    testkit_close(got, want, 2, 0.01, 0.01, "v");
}
END_TEST

START_TEST(bad_nan)
{
    const float got[] = { NAN }, want[] = { 1.0f };

    testkit_close(got, want, 1, 100, 100, "v");
}
END_TEST

START_TEST(wrong_uses_fail)
{
    Suite *s = suite_create("wrong");
    TCase *t = tcase_create("wrong");
    SRunner *r;

    unsetenv("CK_TAP_LOG_FILE_NAME");
    tcase_add_test(t, bad_leak);
    tcase_add_test(t, bad_status);
    tcase_add_test(t, bad_value);
    tcase_add_test(t, bad_nan);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_SILENT);
    ck_assert_int_eq(srunner_ntests_run(r), 4);
    ck_assert_int_eq(srunner_ntests_failed(r), 4);
    srunner_free(r);
}
END_TEST

START_TEST(right_uses_pass)
{
    const float got[] = { 1.0f, 2.009f }, want[] = { 1.0f, 2.0f };
    char *dir = testkit_mkdir(), *deep = nn_path_join(dir, "a/b");
    int tries = 0;

    testkit_close(got, want, 2, 0, 0.005, "v");
    testkit_each_alloc_failure(careful, &tries);
    ck_assert_int_eq(tries, 3);
    ck_assert_int_eq(nn_file_mkdirs(deep, NULL), NN_OK);
    nn_mem_free(deep);
    deep = nn_mem_strdup(dir);
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_file_exists(deep), 0);
    nn_mem_free(deep);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("testkit");
    TCase *t = tcase_create("testkit");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, wrong_uses_fail);
    tcase_add_test(t, right_uses_pass);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
