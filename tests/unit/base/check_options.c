#include "tests/unit/testkit.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/options.h"

/* --- one command that has every kind of option --------------------------- */

static int quiet, cache = 1, epochs = 40, format, any_int;
static uint64_t seed = 1;
static double rate = 0.1, any_double, single = (double)0.05f;
static const char *out, *init_from = "imagenet";
static struct nn_option_list pools;

static const struct nn_option table[] = {
    NN_OPT_HEADING("files"),
    NN_OPT_STRING('o', "out", &out, "RUN", "folder to write"),
    NN_OPT_STRING(0, "init", &init_from, "FILE", "weights to start from"),
    NN_OPT_LIST('p', "pool", &pools, "PATH", "may be given many times"),
    NN_OPT_HEADING("training"),
    NN_OPT_INT(0, "epochs", &epochs, "N", 1, 1000,
               "passes over the training images; more take longer and fit "
               "better, up to a point that the validation images show"),
    NN_OPT_INT(0, "any-int", &any_int, "N", 0, 0, "no limit"),
    NN_OPT_U64(0, "seed", &seed, "N", "random numbers start here"),
    NN_OPT_DOUBLE(0, "rate", &rate, "X", 0, 1, "step size"),
    NN_OPT_DOUBLE(0, "single", &single, "X", 0, 1, "kept as a float"),
    NN_OPT_DOUBLE(0, "any-double", &any_double, "X", 0, 0, "no limit"),
    NN_OPT_CHOICE('f', "format", &format, "text|jsonl|csv", "of output"),
    NN_OPT_FLAG('q', "quiet", &quiet, "no progress"),
    NN_OPT_FLAG(0, "cache", &cache, "keep fingerprints"),
    NN_OPT_END,
};

static const struct nn_option_renamed renamed[] = {
    { "passes", "epochs" },
    { "silent", "quiet" },
    { "depth", "levels" }, /* of another command */
    { NULL, NULL },
};

static const struct nn_options command = {
    .program = "prog",
    .command = "train",
    .synopsis = "DATA --out RUN [options]",
    .summary = "Trains things.",
    .table = table,
    .renamed = renamed,
    .examples = "  bearcascade train photos --out runs/a\n",
    .min_operands = 1,
    .max_operands = 2,
};

enum { MOST = 32 };
static const char *operands[MOST];
static int n_operands;
static enum nn_options_help help;
static struct nn_error err;

/* Parses the words of `line`; the words live until the test ends. */
static enum nn_status parse(const char *line)
{
    static char words[512];
    char *argv[MOST], *save = NULL;
    int argc = 0;

    snprintf(words, sizeof words, "train %s", line);
    for (char *w = strtok_r(words, " ", &save); w != NULL;
         w = strtok_r(NULL, " ", &save)) {
        ck_assert_int_lt(argc, MOST);
        argv[argc++] = w;
    }
    return nn_options_parse(&command, argc, argv, operands, &n_operands, &help,
                            &err);
}

static void parse_ok(const char *line)
{
    ck_assert_msg(parse(line) == NN_OK, "%s: %s", line, err.text);
}

/* --- good lines ---------------------------------------------------------- */

START_TEST(values_arrive)
{
    parse_ok("data --out r --epochs=7 --seed 18446744073709551615 --rate 1e-3 "
             "-f csv -q more --any-int -5 --no-cache --any-double -.5");
    ck_assert_str_eq(out, "r");
    ck_assert_int_eq(epochs, 7);
    ck_assert_uint_eq(seed, UINT64_MAX);
    ck_assert_double_eq(rate, 1e-3);
    ck_assert_int_eq(format, 2);
    ck_assert_int_eq(quiet, 1);
    ck_assert_int_eq(cache, 0);
    ck_assert_int_eq(any_int, -5);
    ck_assert_double_eq(any_double, -0.5);
    ck_assert_int_eq(n_operands, 2);
    ck_assert_str_eq(operands[0], "data");
    ck_assert_str_eq(operands[1], "more");
    ck_assert_int_eq(help, NN_HELP_NONE);
}
END_TEST

START_TEST(defaults_stay)
{
    parse_ok("data");
    ck_assert_int_eq(epochs, 40);
    ck_assert_ptr_null(out);
    ck_assert_str_eq(init_from, "imagenet");
    ck_assert_int_eq(cache, 1);
}
END_TEST

/* Both ends of a range belong to it. */
START_TEST(limits_are_values)
{
    parse_ok("data --epochs 1 --rate 0");
    ck_assert_int_eq(epochs, 1);
    ck_assert_double_eq(rate, 0);
    parse_ok("data --epochs 1000 --rate 1");
    ck_assert_int_eq(epochs, 1000);
    ck_assert_double_eq(rate, 1);
}
END_TEST

START_TEST(letters_take_values)
{
    parse_ok("d -or -fjsonl");
    ck_assert_str_eq(out, "r");
    ck_assert_int_eq(format, 1);
    parse_ok("d -o s");
    ck_assert_str_eq(out, "s");
}
END_TEST

START_TEST(dashes_and_operands)
{
    parse_ok("- -- --epochs");
    ck_assert_int_eq(n_operands, 2);
    ck_assert_str_eq(operands[0], "-");
    ck_assert_str_eq(operands[1], "--epochs");
    ck_assert_int_eq(epochs, 40);
    parse_ok("d --out=--epochs --init=");
    ck_assert_str_eq(out, "--epochs");
    ck_assert_str_eq(init_from, "");
    parse_ok("d --out -x");
    ck_assert_str_eq(out, "-x");
    parse_ok("d --out --strange");
    ck_assert_str_eq(out, "--strange");
}
END_TEST

START_TEST(lists_collect)
{
    parse_ok("d --pool a -p b --pool=c");
    ck_assert_uint_eq(pools.n, 3);
    ck_assert_str_eq(pools.v[0], "a");
    ck_assert_str_eq(pools.v[1], "b");
    ck_assert_str_eq(pools.v[2], "c");
    nn_options_release(&command);
    ck_assert_uint_eq(pools.n, 0);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

START_TEST(help_ends_it)
{
    parse_ok("--epochs 3 --help --nonsense");
    ck_assert_int_eq(help, NN_HELP_PAGE);
    parse_ok("-h");
    ck_assert_int_eq(help, NN_HELP_PAGE);
    parse_ok("--help=markdown --nonsense");
    ck_assert_int_eq(help, NN_HELP_MARKDOWN);
}
END_TEST

/* --- bad lines ----------------------------------------------------------- */

static const struct {
    const char *line, *text;
} bad[] = {
    { "d --epoch 3", "there is no option '--epoch'; did you mean '--epochs'?" },
    { "d --epohcs=3",
      "there is no option '--epohcs'; did you mean '--epochs'?" },
    { "d --form csv", "there is no option '--form'; did you mean '--format'?" },
    { "d --passes 3", "there is no option '--passes' any more; it is called "
                      "'--epochs'" },
    { "d --passes=3", "there is no option '--passes' any more; it is called "
                      "'--epochs'" },
    { "d --no-silent", "there is no option '--no-silent' any more; it is "
                       "called '--no-quiet'" },
    { "d --depth 3", "there is no option '--depth'" },
    { "d --help=text", "there is no option '--help'" },
    { "d --xyzzy", "there is no option '--xyzzy'" },
    { "d --x", "there is no option '--x'" },
    { "d --no-epochs", "there is no option '--no-epochs'" },
    { "d -z", "there is no option '-z'" },
    { "d -qf", "there is no option '-qf'" },
    { "d --epochs", "option '--epochs' needs a value (N)" },
    { "d --out --epochs 3", "option '--out' needs a value (RUN)" },
    { "d -o", "option '--out' needs a value (RUN)" },
    { "d --quiet=1", "option '--quiet' takes no value" },
    { "d --epochs x",
      "option '--epochs' wants a whole number from 1 to 1000, not 'x'" },
    { "d --epochs 0",
      "option '--epochs' wants a whole number from 1 to 1000, not '0'" },
    { "d --epochs 1001",
      "option '--epochs' wants a whole number from 1 to 1000, not '1001'" },
    { "d --epochs 3.5",
      "option '--epochs' wants a whole number from 1 to 1000, not '3.5'" },
    { "d --epochs=",
      "option '--epochs' wants a whole number from 1 to 1000, not ''" },
    { "d --any-int 99999999999",
      "option '--any-int' wants a whole number, not '99999999999'" },
    { "d --any-int 0x10",
      "option '--any-int' wants a whole number, not '0x10'" },
    { "d --any-int 5k", "option '--any-int' wants a whole number, not '5k'" },
    { "d --seed -1",
      "option '--seed' wants a whole number, 0 or more, not '-1'" },
    { "d --seed 18446744073709551616", "option '--seed' wants a whole number, "
                                       "0 or more, not "
                                       "'18446744073709551616'" },
    { "d --rate 1.1", "option '--rate' wants a number from 0 to 1, not '1.1'" },
    { "d --rate nan", "option '--rate' wants a number from 0 to 1, not 'nan'" },
    { "d --any-double inf", "option '--any-double' wants a number, not 'inf'" },
    { "d --any-double 1e999",
      "option '--any-double' wants a number, not '1e999'" },
    { "d --any-double 0x1p3",
      "option '--any-double' wants a number, not '0x1p3'" },
    { "d --any-double .", "option '--any-double' wants a number, not '.'" },
    { "d --format xml",
      "option '--format' wants one of text|jsonl|csv, not 'xml'" },
    { "d --format tex",
      "option '--format' wants one of text|jsonl|csv, not 'tex'" },
    { "d --format=", "option '--format' wants one of text|jsonl|csv, not ''" },
    { "", "too few operands (wanted: DATA --out RUN [options])" },
    { "a b c", "unexpected operand 'c'" },
};
enum { N_BAD = sizeof bad / sizeof bad[0] };

START_TEST(bad_lines_are_explained)
{
    ck_assert_int_eq(parse(bad[_i].line), NN_ERR_ARG);
    ck_assert_str_eq(err.text, bad[_i].text);
}
END_TEST

START_TEST(list_may_run_out_of_memory)
{
    nn_mem_fail_at(1);
    ck_assert_int_eq(parse("d --pool a"), NN_ERR_NOMEM);
    nn_mem_fail_at(0);
    nn_options_release(&command);
}
END_TEST

/* --- help and listing ---------------------------------------------------- */

static char *page_of(void (*print)(const struct nn_options *o, FILE *to))
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(f);
    print(&command, f);
    fclose(f);
    return text;
}

START_TEST(help_shows_every_option_and_default)
{
    static const char *const parts[] = {
        "usage: prog train DATA --out RUN [options]\n",
        "Trains things.\n",
        "\nfiles:\n",
        "\ntraining:\n",
        "  -o, --out RUN ",
        "      --init FILE ",
        "weights to start from [imagenet]\n",
        "      --epochs N ",
        " show [40]\n",
        "random numbers start here [1]\n",
        "step size [0.1]\n",
        "kept as a float [0.05]\n",
        "  -f, --format text|jsonl|csv\n",
        "of output [text]\n",
        "  -q, --quiet ",
        "  -h, --help ",
        "\nexamples:\n  bearcascade train photos --out runs/a\n",
    };
    char *text = page_of(nn_options_help);

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        ck_assert_msg(strstr(text, parts[i]) != NULL, "no '%s' in:\n%s",
                      parts[i], text);
    }
    free(text);
}
END_TEST

START_TEST(help_keeps_to_80_columns)
{
    char *text = page_of(nn_options_help);
    size_t lines = 0;

    for (const char *s = text; *s != '\0'; lines++) {
        size_t n = strcspn(s, "\n");

        ck_assert_msg(n <= 80, "%.*s", (int)n, s);
        ck_assert(n == 0 || s[n - 1] != ' ');
        s += n + (s[n] == '\n');
    }
    ck_assert_uint_ge(lines, 18);
    free(text);
}
END_TEST

START_TEST(markdown_is_a_page)
{
    char *text;

    parse_ok("d --any-int 3 -o a_b");
    text = page_of(nn_options_markdown);
    ck_assert_str_eq(
        text,
        "# prog train\n\nTrains things.\n\n"
        "```\nprog train DATA --out RUN [options]\n```\n\n"
        "## Options\n\n### Files\n\n"
        "- `-o, --out RUN`: folder to write (default `a_b`)\n"
        "- `--init FILE`: weights to start from (default `imagenet`)\n"
        "- `-p, --pool PATH`: may be given many times\n"
        "\n### Training\n\n"
        "- `--epochs N`: passes over the training images; more take longer "
        "and fit\n  better, up to a point that the validation images show "
        "(1 to 1000, default\n  `40`)\n"
        "- `--any-int N`: no limit (default `3`)\n"
        "- `--seed N`: random numbers start here (default `1`)\n"
        "- `--rate X`: step size (0 to 1, default `0.1`)\n"
        "- `--single X`: kept as a float (0 to 1, default `0.05`)\n"
        "- `--any-double X`: no limit (default `0`)\n"
        "- `-f, --format text|jsonl|csv`: of output (default `text`)\n"
        "- `-q, --quiet`: no progress\n"
        "- `--cache`: keep fingerprints\n"
        "\n## Examples\n\n"
        "```\n  bearcascade train photos --out runs/a\n```\n");
    free(text);
}
END_TEST

static void collect(void *ctx, const char *name, int listed, const char *value)
{
    char *text = ctx;
    size_t n = strlen(text);

    snprintf(text + n, 4096 - n, "%s=%s%s;", name, listed ? "+" : "",
             value != NULL ? value : "(none)");
}

START_TEST(each_lists_values)
{
    char text[4096] = "", longer[1000];

    parse_ok("d --rate 0.3333333333333333 --quiet --format jsonl -p x");
    memset(longer, 'p', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    init_from = longer;
    nn_options_each(&command, collect, text);
    ck_assert_ptr_nonnull(strstr(text, longer));
    init_from = "i";
    text[0] = '\0';
    nn_options_each(&command, collect, text);
    ck_assert_str_eq(text, "out=;init=i;pool=+x;epochs=40;any-int=0;seed=1;"
                           "rate=0.33333333333333331;single=0.05;any-double=0;"
                           "format=jsonl;quiet=yes;cache=yes;");
    nn_options_release(&command);
    text[0] = '\0';
    nn_options_each(&command, collect, text);
    ck_assert_ptr_nonnull(strstr(text, ";pool=+(none);"));
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("options");
    TCase *t = tcase_create("options");

    tcase_set_timeout(t, 10);
    tcase_add_test(t, values_arrive);
    tcase_add_test(t, defaults_stay);
    tcase_add_test(t, limits_are_values);
    tcase_add_test(t, letters_take_values);
    tcase_add_test(t, dashes_and_operands);
    tcase_add_test(t, lists_collect);
    tcase_add_test(t, help_ends_it);
    tcase_add_loop_test(t, bad_lines_are_explained, 0, N_BAD);
    tcase_add_test(t, list_may_run_out_of_memory);
    tcase_add_test(t, help_shows_every_option_and_default);
    tcase_add_test(t, help_keeps_to_80_columns);
    tcase_add_test(t, markdown_is_a_page);
    tcase_add_test(t, each_lists_values);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
