/* common/data/csv.h - rows of a CSV file (RFC 4180), for manifests and split
 * files. */
#ifndef NN_COMMON_DATA_CSV_H
#define NN_COMMON_DATA_CSV_H

#include <stddef.h>

#define NN_CSV_MAX_COLUMNS 64

/* Whole rows in memory that are cut up in place. */
struct nn_csv {
    char *at, *end;  /* *end is writable */
    size_t line;     /* of the next byte */
    const char *why; /* what is wrong with a row */
};

/* The fields of the next row, unquoted; call while at < end. An empty line is
 * one empty field. Returns 0, or -1 and `why`: a quote that is never closed,
 * text behind a closing quote, a zero byte, more than 64 columns. */
int nn_csv_row(struct nn_csv *c, char *field[NN_CSV_MAX_COLUMNS], size_t *n);

/* Where the n_names columns called names[] (any case) are among n fields: the
 * index into col[], or -1. Returns NULL, or a name that comes twice. */
const char *nn_csv_columns(char *const *field, size_t n,
                           const char *const *names, size_t n_names, int *col);

#endif /* NN_COMMON_DATA_CSV_H */
