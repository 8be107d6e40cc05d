/* pipelines/piles/sort.h - photos into folders by verdict, and back.
 *
 * A photo of the rows goes to DIR/LABEL/PATH, LABEL its verdict and PATH its
 * path below the deepest folder that holds all photos (of the first run into
 * DIR), so that photos of one name in two folders stay apart. A name that is
 * taken already gives "NAME-2.jpg"; nothing is overwritten. Side files
 * (side.h) go with their photo, under its name. What has no verdict stays
 * where it is.
 *
 * What is done stands in DIR/undo.jsonl before it is done (undo_list.h): a run
 * that ended in any way goes on when it is started again, and photos that are
 * new or changed since are put beside the others. */
#ifndef PIPELINES_PILES_SORT_H
#define PIPELINES_PILES_SORT_H

#include "pipelines/piles/acts.h"
#include "pipelines/piles/pile_rows.h"

struct pile_sort_options {
    const char *into; /* DIR */
    enum pile_by by;
    int dry_run; /* nothing is written, DIR not even made */
    FILE *plan;  /* with dry_run: NULL, or gets lines "FROM -> TO" */
};
struct pile_sort_counts {
    size_t placed, sides; /* photos and side files, by this run */
    size_t symbolic;      /* of them by a symbolic link */
    size_t before;        /* photos that an earlier run placed */
    size_t unread;        /* rows without a verdict */
    size_t stayed;        /* photos and side files that could not be placed */
};

/* Can photos be sorted into DIR? It is made. Errors: NN_ERR_IO (it cannot be
 * made or written to, or another run writes to it), NN_ERR_FORMAT (its list is
 * none), NN_ERR_ARG (it lies in one of the folders among paths, where the next
 * run would find what this one sorted). */
NN_MUST_CHECK enum nn_status pile_sort_check(const struct pile_sort_options *o,
                                             const char *const *paths, size_t n,
                                             struct nn_error *err);
/* All rows. What stayed is said by warnings, up to a handful. Errors: NN_ERR_IO
 * (the disk is full or broken: says how far it came), NN_ERR_STOPPED, those of
 * pile_rows_next() and of pile_list_open(); counts say what was done before.
 */
NN_MUST_CHECK enum nn_status pile_sort(struct pile_rows *rows,
                                       const struct pile_sort_options *o,
                                       struct pile_sort_counts *counts,
                                       struct nn_error *err);

struct pile_undo_counts {
    size_t undone;
    size_t gone; /* were no longer in DIR */
    size_t kept; /* could not be undone: their lines stay in the list */
};
/* Undo all that a list says, last first: links and unchanged copies are
 * removed, moved files go back; then the list, and folders that became empty.
 * list: its path, or DIR. A link or copy that is not what it was, and a file
 * whose former place is taken, stay and are said by warnings. Errors: NN_ERR_IO
 * (also: another run writes to DIR), NN_ERR_FORMAT, NN_ERR_NOMEM,
 * NN_ERR_STOPPED; a second call goes on. */
NN_MUST_CHECK enum nn_status pile_undo(const char *list,
                                       struct pile_undo_counts *counts,
                                       struct nn_error *err);

#endif /* PIPELINES_PILES_SORT_H */
