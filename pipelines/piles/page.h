/* pipelines/piles/page.h - a pile as one HTML page, without network. */
#ifndef PIPELINES_PILES_PAGE_H
#define PIPELINES_PILES_PAGE_H

#include "pipelines/piles/moved.h"
#include "pipelines/piles/samples.h"

/* Photos inside a page stop at this many bytes. */
#define PILE_PAGE_BYTES ((size_t)18 << 20)

struct pile_page_options {
    const char *path;
    double threshold; /* of p_positive; below 0: not known, the rows tell */
    int links;        /* photos stay where they are: the page links to them */
    struct pile_moved *moved; /* where photos are that have moved */
};
/* Counts, the histogram of p_positive, and photos: those rejected just below
 * the threshold, those let through just above it, and some of each verdict,
 * small. Photos that cannot be read any more are named without an image.
 * Errors: those of pile_rows_next() and nn_file_out_open(), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status pile_page(struct pile_rows *rows,
                                       const struct pile_page_options *o,
                                       struct nn_error *err);

/* page.html with style and scripts, before and behind the data. */
extern const unsigned char pile_page_head[], pile_page_tail[];
extern const size_t pile_page_head_size, pile_page_tail_size;

#endif /* PIPELINES_PILES_PAGE_H */
