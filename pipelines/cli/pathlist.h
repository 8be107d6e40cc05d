/* pipelines/cli/pathlist.h - paths, one a line or with a NUL behind each, from
 * a stream that may be slow. */
#ifndef PIPELINES_CLI_PATHLIST_H
#define PIPELINES_CLI_PATHLIST_H

#include <stddef.h>

#include "common/base/status.h"

struct pathlist {
    int fd;
    int nul;  /* 1: a NUL ends a path, and nothing else does */
    char **v; /* the paths of the last read */
    size_t n;
    int at_end;
    char *buf; /* bytes read and not yet cut into lines */
    size_t used, cap;
};

void pathlist_init(struct pathlist *l, int fd, int nul);
void pathlist_release(struct pathlist *l);

/* Replace v by the next 1..most paths: waits for the first, then takes what
 * is there without waiting, so that a program that writes paths as it goes
 * sees answers as it goes. Empty lines are skipped, a carriage return before
 * the newline is dropped. The first NUL that comes sets l->nul: no path holds
 * one, so the list was written with -print0. at_end is set once the stream has
 * ended (n may still be > 0). Errors: NN_ERR_IO, NN_ERR_NOMEM, NN_ERR_FORMAT (a
 * line above 64 KiB). */
NN_MUST_CHECK enum nn_status pathlist_read(struct pathlist *l, size_t max,
                                           struct nn_error *err);

/* 1 for what nn_dataset_open() reads as many images: a folder, an archive,
 * a manifest or "NAME:..." of a generator; 0 for a single file. */
int pathlist_is_collection(const char *path);

#endif /* PIPELINES_CLI_PATHLIST_H */
