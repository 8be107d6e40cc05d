/* pipelines/piles/merge.h - several files of results as one. */
#ifndef PIPELINES_PILES_MERGE_H
#define PIPELINES_PILES_MERGE_H

#include <stddef.h>
#include <stdio.h>

#include "common/base/status.h"

struct pile_merge_counts {
    size_t rows;      /* that were written */
    size_t twice;     /* of photos that had one already: left out */
    size_t differing; /* of these, those that say something else */
};
/* Files of JSON lines (classify --format jsonl) or of MegaDetector's format,
 * all of one kind, to `to`, in order; of a photo the first row stays. Lines
 * must be of one run (model and options), where they say so, and of one set of
 * classes; MegaDetector's of equal category maps, detector and classifier.
 * Whether `to` took all is for its owner to ask. Errors: NN_ERR_FORMAT (a file
 * is neither, or does not fit the first: says how), NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status pile_merge(const char *const *paths, size_t n,
                                        FILE *to,
                                        struct pile_merge_counts *counts,
                                        struct nn_error *err);

#endif /* PIPELINES_PILES_MERGE_H */
