/* pipelines/piles/acts.h - what is done to one file: link, copy, move, and the
 * way back. Nothing is ever overwritten, and at every moment there is one whole
 * copy at least. Functions return 0 or an errno. */
#ifndef PIPELINES_PILES_ACTS_H
#define PIPELINES_PILES_ACTS_H

#include <stddef.h>
#include <stdint.h>

enum pile_by { PILE_LINK, PILE_COPY, PILE_MOVE };
#define PILE_BY_WORDS "link|copy|move"
const char *pile_by_name(enum pile_by by);

/* EEXIST where `to` is there. */
int pile_rename_new(const char *from, const char *to);
/* A hard link to the file itself; where that cannot be (another file system,
 * too many links), a symbolic link with its absolute path: *symbolic. */
int pile_link_new(const char *from, const char *to, int *symbolic);
/* All bytes, mode and time, through temp, which is on the file system of `to`
 * and is gone afterwards; on the disk when it returns. EAGAIN: the file changed
 * meanwhile. */
int pile_copy_new(const char *from, const char *to, const char *temp);
/* The same of bytes in memory. */
int pile_write_new(const void *bytes, size_t size, int64_t mtime_ns,
                   const char *to, const char *temp);
/* Rename; to another file system: copy, then remove. */
int pile_move_new(const char *from, const char *to, const char *temp);

/* 1: two names of one file (or one is a link to the other), or equal bytes
 * where `bytes` is not 0. 0: no, or not to be read. */
int pile_same(const char *a, const char *b, int bytes);
/* 1 for errors that the next photo would meet too: a full disk, a file system
 * that is read-only or broken. */
int pile_fatal(int error);

#endif /* PIPELINES_PILES_ACTS_H */
