#include "tests/unit/testkit.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cpu.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/base/status.h"

int testkit_run(Suite *(*create)(void))
{
    SRunner *sr = srunner_create(create());
    int failed;

    nn_cpu_limit(getenv("BEARCASCADE_CPU"));
    nn_json_use_nn_mem();
    srunner_run_all(sr, CK_ENV);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed > 0 ? 1 : 0;
}

char *testkit_mkdir(void)
{
    const char *base = getenv("TMPDIR");
    char *path = nn_mem_sprintf("%s/bearcascade-test-XXXXXX",
                                base != NULL && *base != '\0' ? base : "/tmp");

    ck_assert_ptr_nonnull(path);
    ck_assert_ptr_nonnull(mkdtemp(path));
    return path;
}

static int remove_one(const char *path, const struct stat *s, int flag,
                      struct FTW *ftw)
{
    (void)s;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void testkit_rmdir(char *path)
{
    ck_assert_int_eq(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    nn_mem_free(path);
}

void testkit_close(const float *got, const float *want, size_t n, double abs,
                   double rel, const char *what)
{
    for (size_t i = 0; i < n; i++) {
        double bound = abs + rel * fabs((double)want[i]);
        double off = fabs((double)got[i] - (double)want[i]);

        testkit_assert(off <= bound, "%s[%zu]: got %.9g, want %.9g, bound %.3g",
                       what, i, (double)got[i], (double)want[i], bound);
    }
}

void testkit_each_alloc_failure(int (*fn)(void *ctx), void *ctx)
{
    testkit_alloc_failures(1, fn, ctx);
}

void testkit_alloc_failures(long step, int (*fn)(void *ctx), void *ctx)
{
    for (long n = 1; n < 100000; n += step) {
        long before = nn_mem_live(), left;
        int st;

        nn_mem_fail_at(n);
        st = fn(ctx);
        left = nn_mem_fail_at(0);
        testkit_assert(nn_mem_live() == before,
                       "allocation %ld failing leaves %ld blocks behind", n,
                       nn_mem_live() - before);
        if (st == NN_OK && left > 0) {
            return; /* there are not so many */
        }
        testkit_assert(st == NN_ERR_NOMEM,
                       "allocation %ld failing gives '%s', not out of memory",
                       n, nn_status_str((enum nn_status)st));
    }
    ck_abort_msg("still failing after 100000 allocations");
}

void testkit_list(const uint32_t *got, size_t n, const char *want)
{
    char text[256] = "";

    for (size_t i = 0; i < n; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%u",
                 i > 0 ? " " : "", (unsigned)got[i]);
    }
    ck_assert_str_eq(text, want);
}
