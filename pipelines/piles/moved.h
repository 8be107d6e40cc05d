/* pipelines/piles/moved.h - where photos lie that an earlier run, killed in the
 * midst of it, has moved away: what is made of the photos before they move is
 * then the same when the command goes on. */
#ifndef PIPELINES_PILES_MOVED_H
#define PIPELINES_PILES_MOVED_H

#include "pipelines/piles/places.h"
#include "pipelines/piles/undo_list.h"

/* Zero: nothing was moved. */
struct pile_moved {
    char *dir;
    struct pile_list list;
    struct pile_folder folder;
    struct moved_place {
        uint64_t key; /* pile_name_key() */
        int64_t at;   /* its line */
    } * v;            /* sorted */
    size_t n, cap;
};
/* What the list in dir says was moved; there may be none. Errors: those of
 * pile_list_open(), NN_ERR_IO (another run is at work there). Release also
 * after an error. */
NN_MUST_CHECK enum nn_status
pile_moved_open(struct pile_moved *m, const char *dir, struct nn_error *err);
/* *path: where the file of a row can be read, nn_mem_free: its own name where
 * it is there, or nobody knows of another. Errors: NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status pile_moved_find(struct pile_moved *m,
                                             const char *file, char **path,
                                             struct nn_error *err);
void pile_moved_release(struct pile_moved *m);

#endif /* PIPELINES_PILES_MOVED_H */
