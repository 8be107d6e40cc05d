/* tests/unit/tensor/golden.h - the formula and files of tensor_golden.py. */
#ifndef TESTS_UNIT_TENSOR_GOLDEN_H
#define TESTS_UNIT_TENSOR_GOLDEN_H

#include <jansson.h>
#include <stddef.h>

/* n floats in [-1, 1): an integer hash of (crc32(name), index). */
void golden_uniform(const char *name, size_t n, float *out);
/* The path of a file of tests/golden; the text stands until the next call. */
const char *golden_path(const char *file);
/* A file of tests/golden, parsed; fails the test when it cannot be read. */
json_t *golden_load(const char *file);
/* Compare n numbers of a JSON array. */
void golden_close(const float *got, const json_t *want, size_t n, double abs,
                  double rel, const char *what);

#endif /* TESTS_UNIT_TENSOR_GOLDEN_H */
