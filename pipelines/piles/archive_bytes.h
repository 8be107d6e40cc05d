/* pipelines/piles/archive_bytes.h - members of archives by name, cheap where
 * they are asked for in the archive's order. */
#ifndef PIPELINES_PILES_ARCHIVE_BYTES_H
#define PIPELINES_PILES_ARCHIVE_BYTES_H

#include "common/data/members.h"

/* Zero at first. */
struct pile_archive {
    struct nn_archive *a;
    char *path;
};
/* All bytes of a member into a new block (nn_mem_free). Errors: NN_ERR_IO,
 * NN_ERR_FORMAT (no such member, damage), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
pile_archive_read(struct pile_archive *p, const char *path, const char *member,
                  uint8_t **bytes, size_t *size, struct nn_error *err);
void pile_archive_release(struct pile_archive *p);

#endif /* PIPELINES_PILES_ARCHIVE_BYTES_H */
