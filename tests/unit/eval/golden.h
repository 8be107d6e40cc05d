/* tests/unit/eval/golden.h - numbers of tests/golden/eval.json. */
#ifndef TESTS_UNIT_EVAL_GOLDEN_H
#define TESTS_UNIT_EVAL_GOLDEN_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* The whole file; freed with json_decref(). Fails the test when unreadable. */
json_t *golden_load(void);
/* Number under a key, or the i-th of an array. Fail the test when missing. */
double golden_number(const json_t *object, const char *key);
double golden_at(const json_t *array, size_t i);
const json_t *golden_get(const json_t *object, const char *key);
/* New arrays of all numbers under a key (nn_mem_free). */
double *golden_doubles(const json_t *object, const char *key, size_t *n);
int32_t *golden_ints(const json_t *object, const char *key, size_t *n);
uint8_t *golden_bytes(const json_t *object, const char *key, size_t *n);

/* Fail unless |got - want| <= abs + rel |want|; equal infinities are close. */
void golden_close(double got, double want, double abs, double rel,
                  const char *what);

#endif /* TESTS_UNIT_EVAL_GOLDEN_H */
