/* pipelines/audit/pile.h - the photos of an audit and their scores. */
#ifndef PIPELINES_AUDIT_PILE_H
#define PIPELINES_AUDIT_PILE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

enum { AUDIT_CLASSES = 9 };

struct audit_photo {
    char *file;  /* as the predictions name it (text, common/base/text.h) */
    double p;    /* p_positive */
    double time; /* seconds, if has_time */
    int has_time;
    uint64_t camera, folder; /* nn_burst_key() */
    size_t group; /* photos of one burst have one number, 0.. in order of
                     their first photos */
};

struct audit_pile {
    struct audit_photo *photo;
    size_t n, n_groups;
    size_t n_unreadable; /* rows with an error: no part of the pile */
    /* The model's classes, from the first row that has "p"; none where they
     * are more than AUDIT_CLASSES, the number of keys of a page. */
    char *cls[AUDIT_CLASSES];
    size_t n_classes;
    char hash[33]; /* of the predictions, byte for byte */
};
#define AUDIT_PILE_INIT                                                        \
    {                                                                          \
        0                                                                      \
    }

/* Rows of `classify --format jsonl`: objects with "file" and "p_positive", or
 * "error"; other keys are passed over, but for what the camera wrote: "time",
 * "2024-05-31T06:12:09" or "2024:05:31 06:12:09", and "camera". Every photo is
 * a group of its own.
 * Errors: NN_ERR_IO, NN_ERR_FORMAT (a line is no such row, a file comes twice,
 * no photo is left), NN_ERR_NOMEM, each with the line. Release also after an
 * error. */
NN_MUST_CHECK enum nn_status audit_pile_read(struct audit_pile *pile,
                                             const char *path,
                                             struct nn_error *err);
void audit_pile_release(struct audit_pile *pile);

/* 1: the file at `path` begins with such a row; 0: it does not (a photo, a
 * manifest, a folder), or cannot be read. */
int audit_pile_is_rows(const char *path);

enum audit_unit_kind {
    AUDIT_PHOTOS,
    AUDIT_BY_TIME,   /* NN_BURST_BY_TIME */
    AUDIT_BY_FOLDER, /* NN_BURST_BY_FOLDER */
};
/* Groups photos into bursts (common/image/burst.h). By time, a line counts the
 * photos without one. Errors: NN_ERR_ARG (AUDIT_BY_TIME, and no photo has a
 * time), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status audit_pile_group(struct audit_pile *pile,
                                              enum audit_unit_kind kind,
                                              double gap, struct nn_error *err);

#endif /* PIPELINES_AUDIT_PILE_H */
