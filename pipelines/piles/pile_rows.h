/* pipelines/piles/pile_rows.h - rows of `classify --format jsonl`, or of the
 * file that `classify --detections` makes, one by one. */
#ifndef PIPELINES_PILES_PILE_ROWS_H
#define PIPELINES_PILES_PILE_ROWS_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/status.h"
#include "pipelines/piles/md_file.h"

struct pile_row {
    const char *file;  /* the name's own bytes */
    const char *error; /* NULL, or why there is no verdict, and then neither
                          of these: */
    const char *label; /* the class, "none" or "unknown": of the burst where
                          the row is of one, so that it stays together */
    int is_class;      /* the label is a class */
    const char *time;  /* capture time, "": none */
    uint64_t camera;   /* nn_burst_key() by time */
    double p_positive;
    double p_best; /* of the most likely class; -1: no class was asked for */
};

/* Set from, and name for errors, or md and root; the rest zero. */
struct pile_rows {
    FILE *from;
    const char *name;
    struct md_file *md;  /* NULL, or read in place of from */
    const char *root;    /* where its photos are: md_image_path() */
    struct nn_error why; /* of its last row */
    size_t line;         /* of the last row */
    char *text, *file;
    size_t size, cap; /* size: bytes of the last row in text */
    json_t *row;
};
/* The next row, valid until the next call; *more is 0 at the end. Errors:
 * NN_ERR_FORMAT (no such row, or one that is cut off: named by its line, or
 * which image it is), NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status pile_rows_next(struct pile_rows *r,
                                            struct pile_row *row, int *more,
                                            struct nn_error *err);
/* To the first row again. */
void pile_rows_rewind(struct pile_rows *r);
void pile_rows_release(struct pile_rows *r); /* from, md stay open */

#endif /* PIPELINES_PILES_PILE_ROWS_H */
