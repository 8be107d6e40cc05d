/* common/base/mem.h - every heap call of the project goes through here.
 *
 * Sizes are checked for overflow; the n-th call can be made to fail, so that
 * tests can walk all allocation failures of a function; live blocks are
 * counted. All functions are safe from any thread. */
#ifndef NN_COMMON_BASE_MEM_H
#define NN_COMMON_BASE_MEM_H

#include <stddef.h>

#include "common/base/status.h"

#define NN_ALIGN 64 /* bytes: alignment of nn_mem_aligned() */

/* a * b into *out; returns 0, or -1 (out untouched) above PTRDIFF_MAX. */
NN_MUST_CHECK int nn_size_mul(size_t a, size_t b, size_t *out);

/* n * size zeroed bytes, or NULL. A zero product gives a unique pointer. */
void *nn_mem_calloc(size_t n, size_t size);
/* Resize to n * size bytes; new bytes are undefined. NULL leaves p valid. */
void *nn_mem_realloc(void *p, size_t n, size_t size);
/* n * size zeroed bytes aligned to NN_ALIGN, or NULL. Free: nn_mem_free(). */
void *nn_mem_aligned(size_t n, size_t size);
char *nn_mem_strdup(const char *s);            /* NULL on failure */
char *nn_mem_strndup(const char *s, size_t n); /* NULL on failure */
/* Formatted heap string, or NULL. */
char *nn_mem_sprintf(const char *fmt, ...) NN_PRINTF(1, 2);
void nn_mem_free(void *p); /* NULL is fine; frees any of the above */

/* Grow an array for at least `need` elements: *cap doubles from 16. p is the
 * address of the array pointer. Returns 0, or -1 with the array untouched. */
NN_MUST_CHECK int nn_mem_grow(void *p, size_t *cap, size_t need, size_t size);

/* Test hooks. The n-th call from now that allocates fails (n = 1: the next);
 * 0 turns it off. Returns how many were still to come until the one that was to
 * fail before, 0 when it has. nn_mem_calls(): allocations made so far;
 * nn_mem_live(): blocks not yet freed. */
long nn_mem_fail_at(long n);
long nn_mem_calls(void);
long nn_mem_live(void);

#endif /* NN_COMMON_BASE_MEM_H */
