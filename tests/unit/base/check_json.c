#include "tests/unit/testkit.h"

#include <math.h>
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
    ck_assert_int_eq(nn_json_write(path, NULL, &err), NN_ERR_NOMEM);
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

START_TEST(lines_to_a_stream)
{
    char text[64] = "";
    FILE *to = fmemopen(text, sizeof text, "w");

    ck_assert_int_eq(nn_json_print_line(json_pack("{s:i}", "a", 1), to, NULL),
                     NN_OK);
    nn_mem_fail_at(1);
    ck_assert_int_eq(nn_json_print_line(json_integer(7), to, NULL),
                     NN_ERR_NOMEM);
    nn_mem_fail_at(0);
    ck_assert_int_eq(nn_json_print_line(NULL, to, NULL), NN_ERR_NOMEM);
    ck_assert_int_eq(nn_json_print_line(json_integer(2), to, NULL), NN_OK);
    ck_assert_int_eq(fclose(to), 0);
    ck_assert_str_eq(text, "{\"a\":1}\n2\n");
}
END_TEST

/* {"list": [1, ..., 40], "x": 0.5, "none": null, "name": "..."} */
static json_t *build(void)
{
    json_t *j = json_object(), *list = json_array();

    for (int i = 1; i <= 40; i++) {
        nn_json_add(&list, json_integer(i));
    }
    nn_json_put(&j, "list", list);
    nn_json_put(&j, "x", nn_json_number(0.5));
    nn_json_put(&j, "none", nn_json_number((double)NAN));
    nn_json_put(&j, "n\374me", nn_json_text("b\344r"));
    return j;
}

START_TEST(built_values_are_whole_or_null)
{
    static const char whole[] =
        "{\"list\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,"
        "23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40],\"x\":0.5,"
        "\"none\":null,\"n%FCme\":\"b%E4r\"}";
    long calls = nn_mem_calls();
    json_t *j = build();
    char *line = nn_json_line(j);
    int missing = 0;

    ck_assert_str_eq(line, whole);
    nn_mem_free(line);
    json_decref(j);
    calls = nn_mem_calls() - calls;
    ck_assert_int_eq(nn_mem_live(), 0);
    for (long n = 1; n <= calls; n++) {
        nn_mem_fail_at(n);
        j = build();
        line = nn_json_line(j);
        nn_mem_fail_at(0);
        missing += line == NULL;
        ck_assert_msg(line == NULL || strcmp(line, whole) == 0, "call %ld: %s",
                      n, line);
        nn_mem_free(line);
        json_decref(j);
        ck_assert_int_eq(nn_mem_live(), 0);
    }
    ck_assert_int_gt(missing, 40);
}
END_TEST

START_TEST(parsing_may_run_out_of_memory)
{
    static const char text[] = "{\"a\": [\"a long enough string\", 2.5]}";
    long calls = nn_mem_calls();
    struct nn_error err = NN_ERROR_INIT;
    json_t *v = NULL;

    ck_assert_int_eq(nn_json_parse(text, strlen(text), "t", &v, &err), NN_OK);
    json_decref(v);
    calls = nn_mem_calls() - calls;
    ck_assert_int_gt(calls, 5);
    for (long n = 1; n <= calls; n++) {
        nn_mem_fail_at(n);
        ck_assert_int_eq(nn_json_parse(text, strlen(text), "t", &v, &err),
                         NN_ERR_NOMEM);
        nn_mem_fail_at(0);
        ck_assert_int_eq(nn_mem_live(), 0);
    }
}
END_TEST

static int copy_once(void *ctx)
{
    json_t *copy = nn_json_copy(ctx);
    enum nn_status st = copy != NULL ? NN_OK : NN_ERR_NOMEM;

    ck_assert(st || json_equal(copy, ctx));
    json_decref(copy);
    return (int)st;
}

/* jansson's own copy is then one without the member. */
START_TEST(a_copy_is_whole_or_null)
{
    json_t *object = json_pack("{s:i, s:[i], s:s}", "a", 1, "b", 2, "c", "d");
    json_t *array = json_array();

    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(json_array_append_new(array, json_integer(i)), 0);
    }
    testkit_each_alloc_failure(copy_once, object);
    testkit_each_alloc_failure(copy_once, array);
    ck_assert_ptr_null(nn_json_copy(NULL));
    json_decref(object);
    json_decref(array);
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
    tcase_add_test(t, built_values_are_whole_or_null);
    tcase_add_test(t, parsing_may_run_out_of_memory);
    tcase_add_test(t, a_copy_is_whole_or_null);
    tcase_add_test(t, line_keeps_the_order_of_keys);
    tcase_add_test(t, lines_to_a_stream);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
