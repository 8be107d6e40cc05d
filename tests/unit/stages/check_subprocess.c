/* What a person would type, quoted for the shell; what is told of a child. The
 * program that runs is this one, called "child MEGABYTES". */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/mem.h"
#include "pipelines/experiment/subprocess.h"
#include "tests/unit/testkit.h"

/* The shell itself takes the line apart again. */
static void survives(const char *const *args, size_t n)
{
    char *line = subprocess_line(args, n), *command, got[256];
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
    char *line = subprocess_line(plain, 4);

    ck_assert_str_eq(line, "bearcascade train photos/bears --seed 3");
    nn_mem_free(line);
    survives(plain, 4);
    survives(odd, sizeof odd / sizeof odd[0]);
}
END_TEST

/* --- the other process ------------------------------------------------------
 */

enum { MEGA = 1 << 20, STATUS = 7, PARENT = 300, SMALL = 1, LARGE = 150 };

/* volatile: memory that nobody reads would not be taken at all. */
static volatile char *touched(size_t megabytes)
{
    enum { PAGE = 4096 };
    volatile char *p = malloc(megabytes * MEGA);

    for (size_t i = 0; p != NULL && i < megabytes * MEGA; i += PAGE) {
        p[i] = 1;
    }
    return p;
}

static int be_child(const char *megabytes)
{
    const struct timespec some = { 0, 200000000 };
    volatile char *p = touched(strtoul(megabytes, NULL, 10));

    nanosleep(&some, NULL);
    free((void *)(uintptr_t)p);
    return STATUS;
}

/* Its own memory counts, not that of the process that started it. */
START_TEST(memory_is_its_own)
{
    volatile char *mine = touched(PARENT);

    ck_assert(mine != NULL);
    for (int i = 0; i < 2; i++) {
        const char *const args[] = { "child", i == 0 ? "1" : "150" };
        size_t min = (i == 0 ? SMALL : LARGE) * (size_t)MEGA;
        struct subprocess_result r;

        ck_assert(!subprocess_run(args, 2, NULL, &r, NULL));
        ck_assert_int_eq(r.status, STATUS);
        ck_assert(r.seconds >= 0.2);
        ck_assert_double_ge(r.peak_bytes, (double)min);
        ck_assert_double_le(r.peak_bytes, (double)min + 100.0 * MEGA);
    }
    free((void *)(uintptr_t)mine);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("child");
    TCase *t = tcase_create("child");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, lines_survive_the_shell);
    tcase_add_test(t, memory_is_its_own);
    suite_add_tcase(s, t);
    return s;
}

int main(int argc, char **argv)
{
    return argc == 3 && strcmp(argv[1], "child") == 0 ? be_child(argv[2])
                                                      : testkit_run(create);
}
