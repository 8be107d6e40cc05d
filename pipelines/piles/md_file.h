/* pipelines/piles/md_file.h - a file of results in MegaDetector's batch format
 * (1.x, https://lila.science/megadetector-output-format), an image at a time.
 *
 * Names of files are bytes: what is no UTF-8 stands in them as lone surrogates
 * (PEP 383), which common JSON readers refuse; a name that has them beside
 * characters of U+F780 to U+F7FF, which nobody uses, is not found. Memory does
 * not grow with the number of images. */
#ifndef PIPELINES_PILES_MD_FILE_H
#define PIPELINES_PILES_MD_FILE_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/status.h"

struct md_file {
    const char *path;
    FILE *from;
    json_t *head;   /* all but "images" */
    int64_t images; /* where they begin */
    size_t at;      /* how many were read */
    char *text;     /* the last image as it stands in the file, n bytes */
    size_t n, cap;
    json_t *image; /* the same, without "file" */
    char *file;    /* its name's bytes */
};

/* Errors: NN_ERR_IO, NN_ERR_FORMAT (not such a file: says why), NN_ERR_NOMEM.
 * Release also after an error. */
NN_MUST_CHECK enum nn_status md_file_open(struct md_file *m, const char *path,
                                          struct nn_error *err);
/* The next image into text, image and file, which are valid until the next
 * call; *more is 0 at the end. Errors: NN_ERR_FORMAT (says which image),
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status md_file_next(struct md_file *m, int *more,
                                          struct nn_error *err);
/* To the first image again. */
void md_file_rewind(struct md_file *m);
void md_file_release(struct md_file *m);

/* 1: the file's first member is one of this format; 0 also where it cannot be
 * read. */
int md_file_is_one(const char *path);
/* 1: `text`, of n bytes, begins like a file of this format, not like JSON
 * lines. */
int md_file_looks_like(const char *text, size_t n);

#endif /* PIPELINES_PILES_MD_FILE_H */
