/* tests/unit/data/counted.h - a data set whose reads are counted. */
#ifndef TESTS_UNIT_DATA_COUNTED_H
#define TESTS_UNIT_DATA_COUNTED_H

#include "common/data/dataset.h"

/* COUNTED JPEGs of different sizes and shapes; of class "a" where the item is
 * even, else negative. Item COUNTED_BAD is a cut JPEG, COUNTED_GONE cannot be
 * read at all. */
enum { COUNTED = 9, COUNTED_BAD = 3, COUNTED_GONE = 6 };

struct nn_dataset *counted_open(void);
/* Reads of item i, and of all, since the last counted_reset(). */
int counted_reads(size_t i);
int counted_all(void);
void counted_reset(void);
/* The file of item i (nn_mem_free). */
uint8_t *counted_bytes(size_t i, size_t *size);

#endif /* TESTS_UNIT_DATA_COUNTED_H */
