#include "tests/unit/testkit.h"

#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"

START_TEST(written_value_reads_back)
{
    char *dir = testkit_mkdir(), *path = nn_path_join(dir, "v.json");
    json_t *v = json_pack("{s:f, s:[i,b,n], s:s}", "third", 1.0 / 3, "list", -7,
                          1, "name", "b\303\251ar \"x\"\n"),
           *got = NULL;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(nn_json_write(path, v, &err), NN_OK);
    ck_assert_msg(nn_json_read(path, 1000, &got, &err) == NN_OK, "%s",
                  err.text);
    ck_assert_int_eq(json_equal(v, got), 1);
    ck_assert_double_eq(json_real_value(json_object_get(got, "third")),
                        1.0 / 3);
    json_decref(got);
    json_decref(v);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

static const struct {
    const char *text, *why;
} damaged[] = {
    { "", "line 1" },
    { "{\"a\": 1", "line 1, column 7" },
    { "{\n\"a\": 1,\n\"a\": 2}", "line 3" },
    { "[1, 2] x", "line 1" },
    { "[1e999]", "real number overflow" },
    { "[\"\\ud800\"]", "invalid Unicode" },
    { "\"\377\"", "decode byte" },
    { "[NaN]", "line 1" },
};
enum { N_DAMAGED = sizeof damaged / sizeof damaged[0] };

START_TEST(damaged_text_is_refused)
{
    json_t *v = NULL;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(nn_json_parse(damaged[_i].text, strlen(damaged[_i].text),
                                   "in.json", &v, &err),
                     NN_ERR_FORMAT);
    ck_assert_ptr_null(v);
    ck_assert_ptr_nonnull(strstr(err.text, "'in.json' is not valid JSON: "));
    ck_assert_msg(strstr(err.text, damaged[_i].why) != NULL, "%s", err.text);
}
END_TEST

START_TEST(deep_nesting_is_refused)
{
    enum { DEPTH = 100000 };
    char *text = nn_mem_calloc(DEPTH, 1);
    json_t *v = NULL;

    memset(text, '[', DEPTH);
    ck_assert_int_eq(nn_json_parse(text, DEPTH, "deep", &v, NULL),
                     NN_ERR_FORMAT);
    nn_mem_free(text);
}
END_TEST

START_TEST(any_value_is_a_document)
{
    static const char *const texts[] = { "3", "true", "null", "\"s\"", "[]" };

    for (size_t i = 0; i < 5; i++) {
        json_t *v = NULL;
        char *line;

        ck_assert_int_eq(
            nn_json_parse(texts[i], strlen(texts[i]), "t", &v, NULL), NN_OK);
        line = nn_json_line(v);
        ck_assert_str_eq(line, texts[i]);
        nn_mem_free(line);
        json_decref(v);
    }
}
END_TEST

START_TEST(file_errors_are_passed_on)
{
    char *dir = testkit_mkdir(), *path = nn_path_join(dir, "v.json");
    json_t *v = json_pack("[iii]", 1, 2, 3), *got = NULL;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(nn_json_read(path, 100, &got, &err), NN_ERR_IO);
    ck_assert_int_eq(nn_json_write(path, NULL, &err), NN_ERR_ARG);
    ck_assert_int_eq(nn_json_write(dir, v, &err), NN_ERR_IO);
    ck_assert_int_eq(nn_json_write(path, v, &err), NN_OK);
    ck_assert_int_eq(nn_json_read(path, 4, &got, &err), NN_ERR_FORMAT);
    nn_mem_fail_at(1);
    ck_assert_int_eq(nn_json_read(path, 100, &got, &err), NN_ERR_NOMEM);
    nn_mem_fail_at(1);
    ck_assert_int_eq(nn_json_write(path, v, &err), NN_ERR_NOMEM);
    nn_mem_fail_at(1);
    ck_assert_ptr_null(nn_json_line(v));
    nn_mem_fail_at(0);
    ck_assert_ptr_null(got);
    ck_assert_int_eq(nn_json_read(path, 100, &got, &err), NN_OK);
    json_decref(got);
    json_decref(v);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(line_keeps_the_order_of_keys)
{
    json_t *v = json_pack("{s:i, s:{s:f}}", "z", 1, "a", "p", 0.1);
    char *line = nn_json_line(v);

    ck_assert_str_eq(line, "{\"z\":1,\"a\":{\"p\":0.10000000000000001}}");
    nn_mem_free(line);
    json_decref(v);
    ck_assert_ptr_null(nn_json_line(NULL));
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("json");
    TCase *t = tcase_create("json");

    tcase_set_timeout(t, 20);
    tcase_add_test(t, written_value_reads_back);
    tcase_add_loop_test(t, damaged_text_is_refused, 0, N_DAMAGED);
    tcase_add_test(t, deep_nesting_is_refused);
    tcase_add_test(t, any_value_is_a_document);
    tcase_add_test(t, file_errors_are_passed_on);
    tcase_add_test(t, line_keeps_the_order_of_keys);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
