/* common/net/format1.h - names of fields in model files of format 1.
 *
 * Format 2 holds the same values under the field's usual names. */
#ifndef NN_COMMON_NET_FORMAT1_H
#define NN_COMMON_NET_FORMAT1_H

#include <jansson.h>
#include <stddef.h>

/* Value of key in an object of a model file's metadata, or of the name that it
 * had in format 1; NULL when there is neither. Borrowed from j. */
const json_t *nn_format1_get(const json_t *j, const char *key);
/* The same as a number of 0..1, or as a count; *bad becomes 1 where it is
 * none. */
double nn_format1_share(const json_t *j, const char *key, int *bad);
size_t nn_format1_count(const json_t *j, const char *key, int *bad);

#endif /* NN_COMMON_NET_FORMAT1_H */
