#include "common/base/mem.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

enum {
    HUGE_PAGE = 2 << 20,
    HUGE_LEAST = 4 * HUGE_PAGE, /* bytes worth pages of that size */
};

/* The test hook and the two counters: the only state of this file. */
static atomic_long calls, live, fail_at;

/* Counts one allocation; 1 when this is the one that must fail. */
static int must_fail(void)
{
    atomic_fetch_add(&calls, 1);
    if (atomic_load(&fail_at) == 0) {
        return 0;
    }
    return atomic_fetch_sub(&fail_at, 1) == 1;
}

long nn_mem_fail_at(long n)
{
    return atomic_exchange(&fail_at, n);
}

long nn_mem_calls(void)
{
    return atomic_load(&calls);
}

long nn_mem_live(void)
{
    return atomic_load(&live);
}

static void *count(void *p)
{
    if (p != NULL) {
        atomic_fetch_add(&live, 1);
    }
    return p;
}

int nn_size_mul(size_t a, size_t b, size_t *out)
{
    if (b != 0 && a > (size_t)PTRDIFF_MAX / b) {
        return -1;
    }
    *out = a * b;
    return 0;
}

void *nn_mem_calloc(size_t n, size_t size)
{
    size_t bytes;

    if (nn_size_mul(n, size, &bytes) || must_fail()) {
        return NULL;
    }
    return count(calloc(1, bytes > 0 ? bytes : 1));
}

void *nn_mem_realloc(void *p, size_t n, size_t size)
{
    size_t bytes;
    void *q;

    if (nn_size_mul(n, size, &bytes) || must_fail()) {
        return NULL;
    }
    q = realloc(p, bytes > 0 ? bytes : 1);
    return p == NULL ? count(q) : q;
}

/* Large buffers ask for large pages: they are neighbours in the caches too,
 * where small ones are scattered and push each other out. And they are zeroed
 * by giving back what pages they have: new ones are zeros, and those that
 * nobody touches never come. 0: the system does not do so. */
static int large_pages(void *p, size_t used, size_t bytes)
{
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    /* A wish: without such pages it is only slower. */
    (void)madvise(p, used / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    return madvise(p, bytes, MADV_DONTNEED) == 0;
#else
    (void)p;
    (void)used;
    (void)bytes;
    return 0;
#endif
}

void *nn_mem_aligned(size_t n, size_t size)
{
    size_t used, unit, bytes;
    void *p;

    if (nn_size_mul(n, size, &used) || used > (size_t)PTRDIFF_MAX - HUGE_PAGE ||
        must_fail()) {
        return NULL;
    }
    unit = used < HUGE_LEAST ? NN_ALIGN : HUGE_PAGE;
    bytes = (used + unit) / unit * unit;
    p = aligned_alloc(unit, bytes);
    if (p != NULL && (unit != HUGE_PAGE || !large_pages(p, used, bytes))) {
        memset(p, 0, bytes);
    }
    return count(p);
}

char *nn_mem_strndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *copy = nn_mem_calloc(len + 1, 1);

    if (copy != NULL) {
        memcpy(copy, s, len);
    }
    return copy;
}

char *nn_mem_strdup(const char *s)
{
    return nn_mem_strndup(s, strlen(s));
}

char *nn_mem_sprintf(const char *fmt, ...)
{
    va_list args, again;
    char *s = NULL;
    int n;

    va_start(args, fmt);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, args);
    if (n >= 0) {
        s = nn_mem_calloc((size_t)n + 1, 1);
    }
    if (s != NULL) {
        vsnprintf(s, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    va_end(args);
    return s;
}

void nn_mem_free(void *p)
{
    if (p != NULL) {
        atomic_fetch_sub(&live, 1);
        free(p);
    }
}

int nn_mem_grow(void *p, size_t *cap, size_t need, size_t size)
{
    size_t want = *cap > 0 ? *cap : 16;
    void *old, *grown;

    if (need <= *cap) {
        return 0;
    }
    while (want < need) {
        if (want > (size_t)PTRDIFF_MAX / 2) {
            return -1;
        }
        want *= 2;
    }
    memcpy(&old, p, sizeof old);
    grown = nn_mem_realloc(old, want, size);
    if (grown == NULL) {
        return -1;
    }
    memcpy(p, &grown, sizeof grown);
    *cap = want;
    return 0;
}
