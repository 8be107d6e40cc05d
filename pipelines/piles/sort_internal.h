/* pipelines/piles/sort_internal.h - what sorting and undoing share. */
#ifndef PIPELINES_PILES_SORT_INTERNAL_H
#define PIPELINES_PILES_SORT_INTERNAL_H

#include <sys/stat.h>

#include "common/base/log.h"
#include "pipelines/piles/archive_bytes.h"
#include "pipelines/piles/places.h"
#include "pipelines/piles/side.h"
#include "pipelines/piles/sort.h"
#include "pipelines/piles/undo_list.h"

enum { PILE_SAID = 5 };

/* A warning of the n-th file that stays, and of those behind PILE_SAID only
 * that there are more. */
void pile_say(size_t n, const char *file, const char *why);
/* The temporary file for what is put into a folder; nn_mem_free, or NULL. */
char *pile_temp(const char *dir);

int64_t pile_mtime_ns(const struct stat *st);

/* One run of pile_sort(). */
struct pile_run {
    const struct pile_sort_options *o;
    struct pile_sort_counts *counts;
    char *dir;  /* absolute */
    char *temp; /* in it */
    int lock;
    struct pile_list list; /* of a dry run: empty */
    struct pile_folder folder;
    struct pile_sides sides;
    struct pile_archive archive;
    struct pile_entries batch;
    struct nn_progress bar;
    size_t seen;
};

/* A file stays, because of why: counted and said. */
void pile_stays(struct pile_run *s, const char *file, const char *why);
/* Do what an entry says; resumed: what a run that was killed left of it.
 * Errors: NN_ERR_IO (nothing could be done for the next photo either), those of
 * pile_list_failed(). */
NN_MUST_CHECK enum nn_status pile_settle(struct pile_run *s,
                                         const struct pile_entry *e,
                                         int resumed, struct nn_error *err);
/* Its photo was placed. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status pile_remember(struct pile_run *s,
                                           const struct pile_entry *e);
/* The batch into the list, then done; it is empty afterwards. Errors: those of
 * pile_list_add() and pile_settle(), NN_ERR_STOPPED. */
NN_MUST_CHECK enum nn_status pile_flush(struct pile_run *s,
                                        struct nn_error *err);

#endif /* PIPELINES_PILES_SORT_INTERNAL_H */
