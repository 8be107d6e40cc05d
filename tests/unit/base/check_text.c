/* Names that are UTF-8 stay, others are escaped, and every text leads back to
 * its name. */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/text.h"
#include "tests/unit/testkit.h"

START_TEST(utf8_is_told_from_other_bytes)
{
    static const struct {
        const char *s;
        size_t n, want;
    } rows[] = {
        { "a", 1, 1 },
        { "", 0, 0 },
        { "\x7f", 1, 1 },
        { "\x80", 1, 0 },         /* a byte that only follows */
        { "\xc3\xa4", 2, 2 },     /* a umlaut */
        { "\xc3\xa4", 1, 0 },     /* cut short */
        { "\xc3z", 2, 0 },        /* not followed */
        { "\xc0\x80", 2, 0 },     /* overlong */
        { "\xc1\xbf", 2, 0 },     /* overlong */
        { "\xc2\x80", 2, 2 },     /* U+0080 */
        { "\xe0\xa0\x80", 3, 3 }, /* U+0800 */
        { "\xe0\x9f\xbf", 3, 0 }, /* overlong */
        { "\xed\x9f\xbf", 3, 3 }, /* U+D7FF */
        { "\xed\xa0\x80", 3, 0 }, /* a surrogate */
        { "\xee\x80\x80", 3, 3 }, /* U+E000 */
        { "\xe2\x82z", 3, 0 },
        { "\xf0\x90\x80\x80", 4, 4 }, /* U+10000 */
        { "\xf0\x8f\xbf\xbf", 4, 0 }, /* overlong */
        { "\xf4\x8f\xbf\xbf", 4, 4 }, /* U+10FFFF */
        { "\xf4\x90\x80\x80", 4, 0 }, /* above */
        { "\xf5\x80\x80\x80", 4, 0 },
        { "\xf0\x9f\x90\xbb", 3, 0 }, /* a bear, cut short */
        { "\xf0\x9f\x90\xbb", 4, 4 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(nn_utf8_length(rows[i].s, rows[i].n) == rows[i].want,
                      "row %zu", i);
    }
    ck_assert(nn_is_utf8(""));
    ck_assert(nn_is_utf8("b\xc3\xa4r"));
    ck_assert(!nn_is_utf8("b\xe4r"));
    ck_assert(!nn_is_utf8("b\xc3"));
}
END_TEST

static void expect(const char *name, const char *want)
{
    char *text = nn_text(name), *back;

    ck_assert_str_eq(text, want);
    ck_assert(nn_is_utf8(text));
    back = nn_text_bytes(text);
    ck_assert_str_eq(back, name);
    nn_mem_free(text);
    nn_mem_free(back);
}

START_TEST(names_stay_or_are_escaped)
{
    expect("", "");
    expect("plain.jpg", "plain.jpg");
    expect("b\xc3\xa4r.jpg", "b\xc3\xa4r.jpg");
    expect("b\xe4r.jpg", "b%E4r.jpg");
    expect("100%.jpg", "100%.jpg");
    expect("a%20b.jpg", "a%20b.jpg");
    expect("a%C3%A4.jpg", "a%C3%A4.jpg"); /* as browsers save it */
    expect("a%25.jpg", "a%25.jpg");
    expect("100%\xff", "100%25%FF");
    expect("\xc3\xa4\xe4", "\xc3\xa4%E4");
    expect("a%E4", "a%25E4"); /* reads like the text of "a\xe4" */
    expect("a%25E4", "a%2525E4");
    expect("a%e4", "a%e4"); /* we write upper case */
    expect("a%20%E4", "a%20%E4");
    expect("a%20\xe4", "a%2520%E4");
}
END_TEST

/* All names of up to five characters out of these. */
START_TEST(no_two_names_have_one_text)
{
    static const char letters[] = "%25E4C\xe4";
    enum { K = sizeof letters - 1, LONGEST = 5 };
    size_t all = 1;

    for (int n = 1; n <= LONGEST; n++) {
        all *= K;
        for (size_t i = 0; i < all; i++) {
            char name[LONGEST + 1] = "", *text, *back;
            size_t at = i;

            for (int k = 0; k < n; k++, at /= K) {
                name[k] = letters[at % K];
            }
            text = nn_text(name);
            back = nn_text_bytes(text);
            testkit_assert(nn_is_utf8(text) && strcmp(back, name) == 0, "%s",
                           text);
            nn_mem_free(text);
            nn_mem_free(back);
        }
    }
}
END_TEST

START_TEST(memory_may_run_out)
{
    static const char *const names[] = { "a", "a%E4", "b\xe4r" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        long calls = nn_mem_calls();
        char *text = nn_text(names[i]);

        calls = nn_mem_calls() - calls;
        for (long n = 1; n <= calls; n++) {
            nn_mem_fail_at(n);
            ck_assert_ptr_null(nn_text(names[i]));
            nn_mem_fail_at(0);
        }
        nn_mem_fail_at(1);
        ck_assert_ptr_null(nn_text_bytes(text));
        nn_mem_fail_at(0);
        nn_mem_free(text);
    }
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* A name on a line, and as a string that Python leads back to the file. */
static const struct {
    const char *name, *line, *json;
} lines[] = {
    { "plain.jpg", "plain.jpg", "\"plain.jpg\"" },
    { "B\xc3\xa4r \xe7\x86\x8a \xf0\x9f\x90\xbb",
      "B\xc3\xa4r \xe7\x86\x8a \xf0\x9f\x90\xbb",
      "\"B\xc3\xa4r \xe7\x86\x8a \xf0\x9f\x90\xbb\"" },
    { "a\xe9.jpg", "a%E9.jpg", "\"a\\udce9.jpg\"" },
    { "\xed\xb3\xa9", "%ED%B3%A9", "\"\\udced\\udcb3\\udca9\"" },
    { "new\nline \x1b[31m \x7f", "new\\nline \\x1B[31m \\x7F",
      "\"new\\u000aline \\u001b[31m \x7f\"" },
    { "c1 \xc2\x9b", "c1 \\x9B", "\"c1 \xc2\x9b\"" },
    { "say \"x\"\\", "say \"x\"\\", "\"say \\u0022x\\u0022\\u005c\"" },
};
#define N_LINES (sizeof lines / sizeof lines[0])

START_TEST(lines_and_json_strings)
{
    char *line = nn_text_line(lines[_i].name);
    char *json = nn_text_json_pep383(lines[_i].name);

    ck_assert_str_eq(line, lines[_i].line);
    ck_assert_str_eq(json, lines[_i].json);
    nn_mem_free(line);
    nn_mem_free(json);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("text");
    TCase *t = tcase_create("text");

    tcase_set_timeout(t, 20);
    tcase_add_test(t, utf8_is_told_from_other_bytes);
    tcase_add_test(t, names_stay_or_are_escaped);
    tcase_add_test(t, no_two_names_have_one_text);
    tcase_add_test(t, memory_may_run_out);
    tcase_add_loop_test(t, lines_and_json_strings, 0, N_LINES);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
