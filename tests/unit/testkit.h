/* tests/unit/testkit.h - what every Check program shares.
 *
 * A suite is: one create function and TESTKIT_MAIN(create). Results go out
 * as TAP when CK_TAP_LOG_FILE_NAME=- is set (meson does), else as text; the
 * exit status is 1 when a test failed. BEARCASCADE_CPU limits the instruction
 * sets as it does for the program. No test may start an OpenMP loop in
 * main(): libgomp does not survive the fork that Check makes for each test. */
#ifndef TESTS_UNIT_TESTKIT_H
#define TESTS_UNIT_TESTKIT_H

#include <check.h>
#include <stddef.h>
#include <stdint.h>

int testkit_run(Suite *(*create)(void));
#define TESTKIT_MAIN(create)                                                   \
    int main(void)                                                             \
    {                                                                          \
        return testkit_run(create);                                            \
    }

/* The n numbers are `want`, as in "0 2 13". */
void testkit_list(const uint32_t *got, size_t n, const char *want);

/* ck_assert_msg() for long loops. Check notes the place of each assertion with
 * a write to a file: per value that costs far more than the value does. This
 * one costs nothing until expr is false. */
#define testkit_assert(expr, ...)                                              \
    do {                                                                       \
        if (!(expr)) {                                                         \
            ck_abort_msg(__VA_ARGS__);                                         \
        }                                                                      \
    } while (0)

/* New empty folder under $TMPDIR (or /tmp); the string is freed by
 * testkit_rmdir(), which removes the whole tree. */
char *testkit_mkdir(void);
void testkit_rmdir(char *path);

/* Fail with index, values and bound unless |got[i]-want[i]| <= abs + rel *
 * |want[i]| for all i < n. */
void testkit_close(const float *got, const float *want, size_t n, double abs,
                   double rel, const char *what);

/* Run fn(ctx) with the 1st, 2nd, ... allocation failing until it succeeds;
 * fn returns an enum nn_status. Fails unless each call in which one failed
 * returned NN_ERR_NOMEM and nn_mem_live() is back where it was. */
void testkit_each_alloc_failure(int (*fn)(void *ctx), void *ctx);
/* The first, and each step-th after it. */
void testkit_alloc_failures(long step, int (*fn)(void *ctx), void *ctx);

#endif /* TESTS_UNIT_TESTKIT_H */
