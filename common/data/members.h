/* common/data/members.h - the members of a tar or zip, one after another.
 *
 * Through libarchive, in the order of the file; nothing is unpacked that is not
 * asked for. Names are bytes; those that a zip or pax header gives as UTF-8
 * stay so, whatever the locale. Use one from one thread. */
#ifndef NN_COMMON_DATA_MEMBERS_H
#define NN_COMMON_DATA_MEMBERS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct nn_archive;

struct nn_archive_member {
    const char *name; /* never "", without "./" in front; until the next call */
    const char *link; /* NULL, or another name of that earlier member */
    int is_file;
    int64_t size; /* as the archive states it; -1: it does not */
    int64_t mtime_ms;
    /* Where its bytes lie in the file as they are (plain tar), or -1. */
    int64_t offset;
};

enum nn_archive_step {
    NN_ARCHIVE_END,
    NN_ARCHIVE_MEMBER,
    NN_ARCHIVE_LOST,   /* damaged headers: a member or more cannot be found */
    NN_ARCHIVE_BROKEN, /* the rest cannot be read */
};

/* Errors: NN_ERR_IO (names the path), NN_ERR_NOMEM; *out is then NULL. That it
 * is no archive shows at the first step. */
NN_MUST_CHECK enum nn_status nn_archive_open(const char *path,
                                             struct nn_archive **out,
                                             struct nn_error *err);
enum nn_archive_step nn_archive_next(struct nn_archive *a,
                                     struct nn_archive_member *m);
/* Why, after LOST, BROKEN and a member that could not be read. */
const char *nn_archive_reason(const struct nn_archive *a);
/* All bytes of the present member into a new block (nn_mem_free). Errors:
 * NN_ERR_FORMAT (damaged, encrypted, larger than most), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_archive_read(struct nn_archive *a, size_t most,
                                             uint8_t **bytes, size_t *size);
/* The file's descriptor, which closes with it: for members at an offset. */
int nn_archive_fd(const struct nn_archive *a);
void nn_archive_close(struct nn_archive **a); /* NULL is fine */

#endif /* NN_COMMON_DATA_MEMBERS_H */
