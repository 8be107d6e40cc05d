/* report.html: its blocks read back as what went in, whatever they hold. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "pipelines/report/report.h"
#include "tests/unit/testkit.h"

static char *dir, *page;

static void set_up(void)
{
    dir = testkit_mkdir();
    page = nn_path_join(dir, "report.html");
}

static void tear_down(void)
{
    nn_mem_free(page);
    testkit_rmdir(dir);
}

static char *read_page(void)
{
    unsigned char *data = NULL;
    size_t size = 0;

    ck_assert_int_eq(nn_file_read(page, (size_t)1 << 26, &data, &size, NULL),
                     NN_OK);
    ck_assert_uint_eq(strlen((char *)data), size); /* no zero bytes */
    return (char *)data;
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, what)) != NULL; at++) {
        n++;
    }
    return n;
}

/* The text between the block's tags, as a browser cuts it. */
static char *cut_block(const char *text, const char *id)
{
    char *open =
        nn_mem_sprintf("<script type=\"application/json\" id=\"%s\">", id);
    const char *from = strstr(text, open), *to;
    char *block;

    ck_assert_ptr_nonnull(from);
    ck_assert_uint_eq(count(text, open), 1);
    from += strlen(open);
    to = strstr(from, "</script");
    ck_assert_ptr_nonnull(to);
    block = nn_mem_strndup(from, (size_t)(to - from));
    nn_mem_free(open);
    return block;
}

static void block_is(const char *text, const char *id, const json_t *want)
{
    char *block = cut_block(text, id);
    json_t *got = NULL;

    ck_assert_ptr_null(strchr(block, '<'));
    ck_assert_int_eq(nn_json_parse(block, strlen(block), id, &got, NULL),
                     NN_OK);
    ck_assert_msg(json_equal(got, want), "%s: %s", id, block);
    json_decref(got);
    nn_mem_free(block);
}

START_TEST(parts_read_back)
{
    json_t *comparison =
        json_pack("{s:f, s:n, s:[i,b,n,s]}", "p", 0.1, "none", "list", -7, 1,
                  "gr\303\274n \342\200\250 \"quoted\" \\ \n");
    json_t *sweep = json_pack("{s:{s:[]}}", "a", "b");
    json_t *images =
        json_pack("{s:{s:s}}", "0", "thumb", "data:image/jpeg;base64,/9j/+A==");
    char *text;

    ck_assert_int_eq(report_write(page, comparison, sweep, images, NULL),
                     NN_OK);
    text = read_page();
    block_is(text, "comparison", comparison);
    block_is(text, "sweep", sweep);
    block_is(text, "images", images);
    nn_mem_free(text);
    json_decref(comparison);
    json_decref(sweep);
    json_decref(images);
}
END_TEST

/* What would end the block, open a comment or a script, or pass for one of
 * our own escapes. */
static const char *const hostile[] = {
    "</script><script>alert(1)</script>",
    "</SCRIPT >",
    "<!-- <script>",
    "<",
    "<<<",
    "a<",
    "\\u003c",
    "]]><![CDATA[",
    "{{data}}",
};
enum { N_HOSTILE = sizeof hostile / sizeof hostile[0] };

START_TEST(text_cannot_leave_its_block)
{
    json_t *v = json_object();
    char *text;

    ck_assert_int_eq(report_write(page, NULL, NULL, NULL, NULL), NN_OK);
    text = read_page();
    size_t scripts = count(text, "</script"), opened = count(text, "<script");
    size_t comments = count(text, "<!--");
    nn_mem_free(text);
    json_object_set_new(v, hostile[_i], json_string(hostile[_i]));
    ck_assert_int_eq(report_write(page, v, v, v, NULL), NN_OK);
    text = read_page();
    ck_assert_uint_eq(count(text, "</script"), scripts);
    ck_assert_uint_eq(count(text, "<script"), opened);
    ck_assert_uint_eq(count(text, "<!--"), comments);
    block_is(text, "comparison", v);
    block_is(text, "sweep", v);
    block_is(text, "images", v);
    nn_mem_free(text);
    json_decref(v);
}
END_TEST

START_TEST(missing_parts_are_null)
{
    json_t *null = json_null(), *some = json_pack("{s:i}", "x", 1);

    for (int have = 0; have < 8; have++) {
        const json_t *a = have & 1 ? some : NULL, *b = have & 2 ? some : NULL;
        const json_t *c = have & 4 ? some : NULL;
        char *text;

        ck_assert_int_eq(report_write(page, a, b, c, NULL), NN_OK);
        text = read_page();
        block_is(text, "comparison", a != NULL ? a : null);
        block_is(text, "sweep", b != NULL ? b : null);
        block_is(text, "images", c != NULL ? c : null);
        nn_mem_free(text);
    }
    json_decref(some);
}
END_TEST

/* Style and scripts are inside, whole, and name nothing outside. */
START_TEST(page_is_one_file)
{
    static const char *const outside[] = { "src=\"",   "<link",  "@import",
                                           "url(http", "fetch(", "{{" };
    char *text;

    ck_assert_int_eq(report_write(page, NULL, NULL, NULL, NULL), NN_OK);
    text = read_page();
    ck_assert_int_eq(strncmp(text, "<!doctype html>", 15), 0);
    ck_assert_str_eq(text + strlen(text) - 8, "</html>\n");
    ck_assert_uint_eq(count(text, "<style>"), 1);
    ck_assert_uint_eq(count(text, "prefers-color-scheme: dark"), 1);
    ck_assert_uint_eq(count(text, "B.recompute = function"), 1);
    ck_assert_uint_eq(count(text, "default-src 'none'"), 1);
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        ck_assert_msg(strstr(text, outside[i]) == NULL, "%s", outside[i]);
    }
    nn_mem_free(text);
}
END_TEST

START_TEST(numbers_keep_their_bits)
{
    static const double x[] = { 0.1,
                                1.0 / 3,
                                5e-324,
                                1.7976931348623157e308,
                                -0.84373021125793457,
                                123456789.0 };
    json_t *list = json_array(), *got = NULL;
    char *text, *block;

    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++) {
        json_array_append_new(list, json_real(x[i]));
    }
    ck_assert_int_eq(report_write(page, list, NULL, NULL, NULL), NN_OK);
    text = read_page();
    block = cut_block(text, "comparison");
    ck_assert_int_eq(nn_json_parse(block, strlen(block), "p", &got, NULL),
                     NN_OK);
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++) {
        double y = json_real_value(json_array_get(got, i));

        ck_assert_msg(memcmp(&y, &x[i], sizeof y) == 0, "%.17g", y);
    }
    json_decref(got);
    nn_mem_free(block);
    nn_mem_free(text);
    json_decref(list);
}
END_TEST

/* --- errors ---------------------------------------------------------------
 */

static int write_some(void *ctx)
{
    return report_write(page, ctx, ctx, ctx, NULL);
}

START_TEST(allocation_failures_leave_nothing)
{
    json_t *v = json_pack("{s:s}", "a", "b<c");

    nn_mem_fail_at(1);
    ck_assert_int_eq(write_some(v), NN_ERR_NOMEM);
    nn_mem_fail_at(0);
    ck_assert(!nn_file_exists(page));
    testkit_each_alloc_failure(write_some, v);
    ck_assert(nn_file_exists(page));
    json_decref(v);
}
END_TEST

/* A value that cannot be written (here: one that holds itself) leaves the old
 * page as it was. */
START_TEST(failed_page_leaves_the_old_one)
{
    json_t *loop = json_array(), *inner = json_array();
    struct nn_error err = NN_ERROR_INIT;
    char *before, *after;

    ck_assert_int_eq(report_write(page, NULL, NULL, NULL, NULL), NN_OK);
    before = read_page();
    json_array_append(loop, inner);
    json_array_append(inner, loop);
    ck_assert_int_eq(report_write(page, NULL, loop, NULL, &err), NN_ERR_NOMEM);
    ck_assert(err.text[0] != '\0');
    after = read_page();
    ck_assert_str_eq(before, after);
    json_array_clear(inner);
    json_decref(inner);
    json_decref(loop);
    nn_mem_free(before);
    nn_mem_free(after);
}
END_TEST

START_TEST(unwritable_paths_are_named)
{
    struct nn_error err = NN_ERROR_INIT;
    char *missing = nn_path_join(dir, "no/such/report.html");

    ck_assert_int_eq(report_write(missing, NULL, NULL, NULL, &err), NN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, missing));
    ck_assert_int_eq(report_write(dir, NULL, NULL, NULL, &err), NN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, dir));
    nn_mem_free(missing);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("report");
    TCase *t = tcase_create("report");

    tcase_set_timeout(t, 20);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, parts_read_back);
    tcase_add_loop_test(t, text_cannot_leave_its_block, 0, N_HOSTILE);
    tcase_add_test(t, missing_parts_are_null);
    tcase_add_test(t, page_is_one_file);
    tcase_add_test(t, numbers_keep_their_bits);
    tcase_add_test(t, allocation_failures_leave_nothing);
    tcase_add_test(t, failed_page_leaves_the_old_one);
    tcase_add_test(t, unwritable_paths_are_named);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
