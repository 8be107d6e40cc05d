#include "tests/unit/testkit.h"

#include <stdio.h>
#include <string.h>

#include "common/base/cpu.h"

/* The set of this machine under a limit. */
static unsigned flags_under(const char *word)
{
    nn_cpu_limit(word);
    return nn_cpu_flags();
}

START_TEST(scalar_switches_all_off)
{
    unsigned all = flags_under(NULL);

    ck_assert_uint_eq(flags_under("scalar"), 0);
    ck_assert_uint_eq(flags_under("avx512"), all);
    ck_assert_uint_eq(flags_under("avx3"), 0); /* an unknown word */
    ck_assert_uint_eq(flags_under(""), all);
}
END_TEST

START_TEST(a_limit_leaves_what_is_below)
{
    unsigned all = flags_under(NULL);

    ck_assert_uint_eq(flags_under("avx2"), all & (unsigned)NN_CPU_AVX2);
    ck_assert_uint_eq(flags_under("neon"), all & (unsigned)NN_CPU_NEON);
}
END_TEST

/* The kernel lists a flag only where it also saves the registers. */
static int kernel_lists(const char *flag)
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[8192], want[32];
    int found = 0;

    snprintf(want, sizeof want, " %s ", flag);
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = ' ';
        found |= strncmp(line, "flags", 5) == 0 && strstr(line, want) != NULL;
    }
    if (f != NULL) {
        fclose(f);
    }
    return found;
}

START_TEST(flags_agree_with_the_kernel)
{
    unsigned flags = flags_under(NULL);
    int avx2 = kernel_lists("avx2") && kernel_lists("fma");
    int avx512 = avx2 && kernel_lists("avx512f") && kernel_lists("avx512bw") &&
                 kernel_lists("avx512dq") && kernel_lists("avx512vl");

    ck_assert_int_eq((flags & NN_CPU_AVX2) != 0, avx2);
    ck_assert_int_eq((flags & NN_CPU_AVX512) != 0, avx512);
}
END_TEST

START_TEST(best_set_is_named)
{
    ck_assert_str_eq(nn_cpu_name(0), "scalar");
    ck_assert_str_eq(nn_cpu_name(NN_CPU_AVX2), "avx2");
    ck_assert_str_eq(nn_cpu_name(NN_CPU_AVX2 | NN_CPU_AVX512), "avx512");
    ck_assert_str_eq(nn_cpu_name(NN_CPU_NEON), "neon");
}
END_TEST

START_TEST(caches_have_sizes)
{
    struct nn_cpu_caches c = nn_cpu_caches();

    ck_assert_int_ge(c.l1d, 4 << 10);
    ck_assert_int_gt(c.l2, c.l1d);
    ck_assert_int_ge(c.l3, 64 << 10);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("cpu");
    TCase *t = tcase_create("cpu");

    tcase_set_timeout(t, 10);
    tcase_add_test(t, scalar_switches_all_off);
    tcase_add_test(t, a_limit_leaves_what_is_below);
    tcase_add_test(t, flags_agree_with_the_kernel);
    tcase_add_test(t, best_set_is_named);
    tcase_add_test(t, caches_have_sizes);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
