/* pipelines/piles/undo_list.h - DIR/undo.jsonl: what was put into DIR.
 *
 * The first line says what the file is and from which folder paths count:
 *     {"format": "bearcascade-sorted 1", "base": "/media/card/DCIM"}
 * then a line a file, written before anything is done to it:
 *     {"to": "none/100/IMG_1.JPG", "from": "/media/card/DCIM/100/IMG_1.JPG",
 *      "by": "move", "bytes": 81234, "mtime_ns": 1700000000000000000,
 *      "batch": 7}
 * ("member" too, of a photo in the archive "from"), and {"failed": TO} after
 * one that could not be done. Names are nn_text() of their bytes. So after a
 * kill the lines of the last batch are all that may be half done, and the files
 * themselves say how far it got. */
#ifndef PIPELINES_PILES_UNDO_LIST_H
#define PIPELINES_PILES_UNDO_LIST_H

#include <stdio.h>

#include "common/base/status.h"
#include "pipelines/piles/acts.h"
#include "pipelines/piles/keys.h"

#define PILE_LIST_NAME "undo.jsonl"

struct pile_entry {
    char *to;   /* below DIR */
    char *from; /* absolute; of a member its archive */
    char *member;
    enum pile_by by;
    int64_t bytes, mtime_ns; /* of from, before */
    int64_t batch;
    int side; /* a side file, not a photo; not kept in the list */
};
void pile_entry_release(struct pile_entry *e);

struct pile_entries {
    struct pile_entry *v;
    size_t n, cap;
};
/* e is taken over, also on error. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status pile_entries_add(struct pile_entries *l,
                                              struct pile_entry *e);
void pile_entries_release(struct pile_entries *l);

struct pile_list {
    char *path, *base;
    FILE *file;
    int64_t end, batch;        /* bytes written; the next batch */
    struct pile_keys done;     /* pile_entry_key(), and of names alone */
    struct pile_entries begun; /* the last batch, when it was opened */
    size_t n;                  /* lines of files */
    char *text;                /* lines to be written */
    size_t n_text, cap_text;
};
/* What tells a photo from others, and from later ones of the same name. */
uint64_t pile_entry_key(const struct pile_entry *e);
uint64_t pile_name_key(const char *from, const char *member);

/* Open the list at path. base: for a new one, NULL: it must be there. Errors:
 * NN_ERR_IO, NN_ERR_FORMAT (no such list), NN_ERR_NOMEM. Release also after an
 * error. */
NN_MUST_CHECK enum nn_status pile_list_open(struct pile_list *l,
                                            const char *path, const char *base,
                                            struct nn_error *err);
/* The next batch: all of it is on the disk, or nothing is. Errors: NN_ERR_IO,
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status pile_list_add(struct pile_list *l,
                                           struct pile_entries *batch,
                                           struct nn_error *err);
/* An entry of the last batch could not be done. */
NN_MUST_CHECK enum nn_status pile_list_failed(struct pile_list *l,
                                              const struct pile_entry *e,
                                              struct nn_error *err);
/* The line at offset `at`, as an entry; e->to is NULL for other lines. */
NN_MUST_CHECK enum nn_status pile_list_entry(const struct pile_list *l,
                                             int64_t at, struct pile_entry *e,
                                             struct nn_error *err);
/* Only these lines stay; none: the list is removed. */
NN_MUST_CHECK enum nn_status pile_list_keep(struct pile_list *l,
                                            const int64_t *at, size_t n,
                                            struct nn_error *err);
void pile_list_release(struct pile_list *l);

#endif /* PIPELINES_PILES_UNDO_LIST_H */
