/* pipelines/piles/places.h - where a photo comes from and where it goes. */
#ifndef PIPELINES_PILES_PLACES_H
#define PIPELINES_PILES_PLACES_H

#include "pipelines/piles/pile_rows.h"

/* The last folder that was looked up; zero at first. */
struct pile_folder {
    char *given, *real;
};
void pile_folder_release(struct pile_folder *f);

/* The absolute path of a file, its folders without links, "." and "..", where
 * they are there; nn_mem_free. NULL when out of memory. */
char *pile_absolute(struct pile_folder *f, const char *path);

/* The path of a row: of a photo in an archive that of the archive, and *member,
 * which lies in row->file, its name in there; NULL for others. Errors:
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status pile_source(struct pile_folder *f,
                                         const struct pile_row *row,
                                         char **path, const char **member,
                                         struct nn_error *err);

/* The deepest folder that holds all files of the rows, "" for "/"; nn_mem_free.
 * "" too where there is none. Errors: those of pile_rows_next(). */
NN_MUST_CHECK enum nn_status
pile_common_folder(struct pile_rows *rows, char **folder, struct nn_error *err);

/* The folder of a verdict: the label, but slashes, control characters and a
 * leading dot become %XX, and of a class that is called "none" or "unknown"
 * "NAME (class)"; nn_mem_free, NULL when out of memory. */
char *pile_label_folder(const char *label, int is_class);

/* LABEL/PATH of a file, below the sorted folder: its path below `base`, or all
 * of it; a member's behind that of its archive. nn_mem_free, NULL when out of
 * memory. */
char *pile_place(const char *base, const char *path, const char *member,
                 const struct pile_row *row);
/* The n-th name that may stand for it, n >= 1: 1 is the place itself, then
 * "dir/name-2.jpg", "dir/name-3.jpg". nn_mem_free, NULL when out of memory. */
char *pile_place_numbered(const char *place, int n);

/* Where the ending of a path's last part begins, its dot, or its end. */
size_t pile_stem(const char *path);
/* path lies in folder, both absolute. */
int pile_inside(const char *folder, const char *path);

#endif /* PIPELINES_PILES_PLACES_H */
