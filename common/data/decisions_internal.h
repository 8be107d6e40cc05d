/* common/data/decisions_internal.h - between the files of decisions. */
#ifndef NN_COMMON_DATA_DECISIONS_INTERNAL_H
#define NN_COMMON_DATA_DECISIONS_INTERNAL_H

#include "common/data/dataset_internal.h"
#include "common/data/decisions.h"

/* NN_ERR_FORMAT, with the file and the line. */
enum nn_status nn_decisions_bad_line(const struct nn_decisions *d, size_t line,
                                     struct nn_error *err, const char *why);

#endif /* NN_COMMON_DATA_DECISIONS_INTERNAL_H */
