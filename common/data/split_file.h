/* common/data/split_file.h - splits that are written down and given back.
 *
 * A split file is a CSV file (csv.h) with a header line and the columns
 *   file    the image's name as the data set shows it (text.h)
 *   hash    64-bit XXH3 of its bytes, 16 hex digits
 *   split   train, valid or test
 * and, written for people, label and family; others are ignored. split and one
 * of file and hash must be there. A row with an empty split says nothing. */
#ifndef NN_COMMON_DATA_SPLIT_FILE_H
#define NN_COMMON_DATA_SPLIT_FILE_H

#include "common/data/dataset.h"

/* Write the split of every readable item that has one. Needs fingerprints.
 * Errors: NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_split_file_write(const struct nn_dataset *ds,
                                                 const char *path,
                                                 struct nn_error *err);

struct nn_split_file_counts {
    size_t given;  /* items that a row gave a split */
    size_t moved;  /* of them, those that had another one */
    size_t absent; /* rows that are of no item */
};
/* Give items the splits of their rows: the row of the same hash and name, else
 * the first of the same hash, else that of the same name, so that photos that
 * were renamed, moved or edited keep their split. Items without a row, and bad
 * ones, keep theirs. Needs fingerprints.
 * Errors: NN_ERR_FORMAT (names the line: not CSV, a column is missing, no
 * split, a damaged hash, two splits of one image; no row is of an item),
 * NN_ERR_IO, NN_ERR_NOMEM; ds is then as it was. */
NN_MUST_CHECK enum nn_status nn_split_file_read(struct nn_dataset *ds,
                                                const char *path,
                                                struct nn_split_file_counts *n,
                                                struct nn_error *err);

#endif /* NN_COMMON_DATA_SPLIT_FILE_H */
