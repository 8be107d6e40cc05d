/* What a person would type: arguments quoted for the shell. */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "pipelines/child.h"
#include "tests/unit/testkit.h"

/* The shell itself takes the line apart again. */
static void survives(const char *const *args, size_t n)
{
    char *line = child_line(args, n), *command, got[256];
    FILE *shell;

    ck_assert_ptr_nonnull(line);
    ck_assert_int_eq(strncmp(line, "bearcascade ", 12), 0);
    command = nn_mem_sprintf("printf '%%s|' %s", line + 12);
    shell = popen(command, "r");
    ck_assert_ptr_nonnull(shell);
    got[fread(got, 1, sizeof got - 1, shell)] = '\0';
    pclose(shell);
    for (size_t i = 0, at = 0; i < n; i++) {
        size_t m = strlen(args[i]);

        ck_assert_msg(strncmp(got + at, args[i], m) == 0 && got[at + m] == '|',
                      "'%s' came back as '%s'", args[i], got + at);
        at += m + 1;
    }
    nn_mem_free(command);
    nn_mem_free(line);
}

START_TEST(lines_survive_the_shell)
{
    const char *const plain[] = { "train", "photos/bears", "--seed", "3" };
    const char *const odd[] = { "train", "my photos", "it's",
                                "a\"b",  "$HOME",     "back\\slash",
                                "",      "*",         "a;b",
                                "\n",    "~",         "gr\xc3\xbc\xc3\x9f" };
    char *line = child_line(plain, 4);

    ck_assert_str_eq(line, "bearcascade train photos/bears --seed 3");
    nn_mem_free(line);
    survives(plain, 4);
    survives(odd, sizeof odd / sizeof odd[0]);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("child");
    TCase *t = tcase_create("child");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, lines_survive_the_shell);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
