/* pipelines/data/join.h - several data sets as one: "join:A|B|C".
 *
 * A, B, C are anything that a data set may be, but for a join. Classes and
 * families of the same name are the same. Images of a part that names no
 * splits have none (NN_SPLIT_NONE) beside those of one that does. Images are
 * called NAME/file, NAME being the last part of the path of A, or NAME#2/file
 * for the second part of that name. Weights of a manifest are not taken over.
 */
#ifndef PIPELINES_DATA_JOIN_H
#define PIPELINES_DATA_JOIN_H

#include "common/data/dataset.h"

extern const struct nn_generator join_generator;

/* "join:A|B" of n paths, or a copy of the only one; NULL when out of memory.
 * (nn_mem_free) */
char *join_spec(const char *const *paths, size_t n);

#endif /* PIPELINES_DATA_JOIN_H */
