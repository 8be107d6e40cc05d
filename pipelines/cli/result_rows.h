/* pipelines/cli/result_rows.h - the rows of a file of results, one by one, as
 * predictions.h wrote them: for results.h. */
#ifndef PIPELINES_CLI_RESULT_ROWS_H
#define PIPELINES_CLI_RESULT_ROWS_H

#include "common/data/stream.h"
#include "pipelines/cli/predictions.h"

struct result_row {
    uint64_t key;     /* of its name, result_key(); 0: there is no more */
    const char *text; /* the row, without a comma or newline behind it */
    size_t size;
    struct nn_origin from;
    uint64_t record; /* of what else it was made; 0: of nothing */
    char run[33];    /* "": it has none */
    int failed;
    size_t frame, frames; /* of its burst; 0: it is in none */
};

/* Set from, format and bursts; at the file's start. */
struct result_reader {
    FILE *from;
    enum predictions_format format;
    int bursts;  /* 1: rows have them */
    int64_t end; /* offset behind the last whole row, or the header */
    int begun;
    size_t rows; /* so far */
    char *line;
    size_t size, cap, row_end;
};
/* The next row that is whole. Errors: NN_ERR_FORMAT (the file is not empty and
 * does not begin as one of that format), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status result_reader_next(struct result_reader *r,
                                                struct result_row *row);
void result_reader_release(struct result_reader *r);

/* A hash of the name as the format writes it, never 0; 0: out of memory. */
uint64_t result_key(enum predictions_format format, const char *name);

#endif /* PIPELINES_CLI_RESULT_ROWS_H */
