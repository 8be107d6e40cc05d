#include "tests/unit/testkit.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "common/base/mem.h"

/* Not a constant for the compiler, which would warn of such sizes. */
static volatile size_t huge = (size_t)PTRDIFF_MAX;

START_TEST(size_products_are_checked)
{
    size_t out = 5;

    ck_assert_int_eq(nn_size_mul(6, 7, &out), 0);
    ck_assert_uint_eq(out, 42);
    ck_assert_int_eq(nn_size_mul(huge, 1, &out), 0);
    ck_assert_uint_eq(out, huge);
    ck_assert_int_eq(nn_size_mul(huge, 2, &out), -1);
    ck_assert_int_eq(nn_size_mul(huge + 1, 1, &out), -1);
    ck_assert_int_eq(nn_size_mul((size_t)1 << 32, (size_t)1 << 32, &out), -1);
    ck_assert_uint_eq(out, huge);
    ck_assert_int_eq(nn_size_mul(huge, 0, &out), 0);
    ck_assert_uint_eq(out, 0);
}
END_TEST

START_TEST(blocks_are_zeroed_and_aligned)
{
    for (size_t n = 0; n < 200; n++) {
        unsigned char *a = nn_mem_calloc(n, 3), *b = nn_mem_aligned(n, 3);

        ck_assert_ptr_nonnull(a);
        ck_assert_ptr_nonnull(b);
        ck_assert_ptr_ne(a, b);
        ck_assert_uint_eq((uintptr_t)b % NN_ALIGN, 0);
        for (size_t i = 0; i < 3 * n; i++) {
            ck_assert_int_eq(a[i] | b[i], 0);
        }
        memset(a, 255, 3 * n);
        memset(b, 255, 3 * n);
        nn_mem_free(a);
        nn_mem_free(b);
    }
}
END_TEST

/* Of large ones the second and third stand where the first one was. */
START_TEST(large_blocks_are_zeroed_too)
{
    enum { BYTES = (12 << 20) + 5 };

    for (int round = 0; round < 3; round++) {
        unsigned char *p = nn_mem_aligned(1, BYTES);
        size_t set = 0;

        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % NN_ALIGN, 0);
        for (size_t i = 0; i < BYTES; i++) {
            set += p[i] != 0;
        }
        ck_assert_uint_eq(set, 0);
        memset(p, 0xAA, BYTES);
        nn_mem_free(p);
    }
}
END_TEST

START_TEST(impossible_sizes_give_null)
{
    long live = nn_mem_live();
    unsigned char *p = nn_mem_calloc(4, 1);

    ck_assert_ptr_null(nn_mem_calloc(huge, 2));
    ck_assert_ptr_null(nn_mem_aligned(huge, 2));
    ck_assert_ptr_null(nn_mem_aligned(huge, 1));
    ck_assert_ptr_null(nn_mem_realloc(p, huge, 2));
    p[0] = 7; /* still ours */
    nn_mem_free(p);
    ck_assert_int_eq(nn_mem_live(), live);
}
END_TEST

START_TEST(blocks_are_counted)
{
    long live = nn_mem_live(), calls = nn_mem_calls();
    void *a = nn_mem_calloc(1, 1), *b = nn_mem_aligned(1, 1);
    char *c = nn_mem_strdup("abc");

    ck_assert_int_eq(nn_mem_live(), live + 3);
    a = nn_mem_realloc(a, 100, 1);
    ck_assert_int_eq(nn_mem_live(), live + 3);
    a = nn_mem_realloc(a, 0, 1);
    ck_assert_ptr_nonnull(a);
    ck_assert_int_eq(nn_mem_calls(), calls + 5);
    nn_mem_free(NULL);
    nn_mem_free(a);
    nn_mem_free(b);
    nn_mem_free(c);
    ck_assert_int_eq(nn_mem_live(), live);
    ck_assert_int_eq(nn_mem_calls(), calls + 5);
}
END_TEST

START_TEST(chosen_call_fails)
{
    void *p;

    nn_mem_fail_at(2);
    p = nn_mem_calloc(1, 1);
    ck_assert_ptr_nonnull(p);
    ck_assert_ptr_null(nn_mem_realloc(p, 9, 1));
    nn_mem_free(p);
    p = nn_mem_aligned(1, 1);
    ck_assert_ptr_nonnull(p);
    nn_mem_free(p);
    nn_mem_fail_at(1);
    ck_assert_ptr_null(nn_mem_sprintf("%d", 5));
    nn_mem_fail_at(1);
    ck_assert_ptr_null(nn_mem_strdup("s"));
    nn_mem_fail_at(1);
    nn_mem_fail_at(0);
    p = nn_mem_strdup("s");
    ck_assert_ptr_nonnull(p);
    nn_mem_free(p);
}
END_TEST

START_TEST(strings)
{
    char *a = nn_mem_strdup("bear"), *b = nn_mem_strndup("bear", 2);
    char *c = nn_mem_strndup("bear", 99), *d = nn_mem_strdup("");
    char *e = nn_mem_sprintf("%s-%05d", a, 42);

    ck_assert_str_eq(a, "bear");
    ck_assert_str_eq(b, "be");
    ck_assert_str_eq(c, "bear");
    ck_assert_str_eq(d, "");
    ck_assert_str_eq(e, "bear-00042");
    nn_mem_free(a);
    nn_mem_free(b);
    nn_mem_free(c);
    nn_mem_free(d);
    nn_mem_free(e);
}
END_TEST

START_TEST(arrays_grow)
{
    int *v = NULL;
    size_t cap = 0;

    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(nn_mem_grow(&v, &cap, (size_t)i + 1, sizeof *v), 0);
        v[i] = i;
    }
    ck_assert_uint_eq(cap, 1024);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(v[i], i);
    }
    ck_assert_int_eq(nn_mem_grow(&v, &cap, huge, sizeof *v), -1);
    ck_assert_int_eq(nn_mem_grow(&v, &cap, SIZE_MAX, sizeof *v), -1);
    nn_mem_fail_at(1);
    ck_assert_int_eq(nn_mem_grow(&v, &cap, 2000, sizeof *v), -1);
    nn_mem_fail_at(0);
    ck_assert_uint_eq(cap, 1024);
    ck_assert_int_eq(v[999], 999);
    nn_mem_free(v);
}
END_TEST

static void *allocate_much(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < 20000; i++) {
        nn_mem_free(nn_mem_calloc(1, 16));
    }
    return NULL;
}

START_TEST(counters_survive_threads)
{
    long live = nn_mem_live(), calls = nn_mem_calls();
    pthread_t threads[4];

    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, allocate_much, NULL),
                         0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    ck_assert_int_eq(nn_mem_live(), live);
    ck_assert_int_eq(nn_mem_calls(), calls + 80000);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("mem");
    TCase *t = tcase_create("mem");

    tcase_set_timeout(t, 20);
    tcase_add_test(t, size_products_are_checked);
    tcase_add_test(t, blocks_are_zeroed_and_aligned);
    tcase_add_test(t, large_blocks_are_zeroed_too);
    tcase_add_test(t, impossible_sizes_give_null);
    tcase_add_test(t, blocks_are_counted);
    tcase_add_test(t, chosen_call_fails);
    tcase_add_test(t, strings);
    tcase_add_test(t, arrays_grow);
    tcase_add_test(t, counters_survive_threads);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
