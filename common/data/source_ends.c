/* Parts of an image's bytes, and what is read ahead. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

/* Where the bytes lie as they are: `size` of fd from offset on. */
struct range {
    int fd;
    int64_t offset, size;
    int own; /* 1: fd is closed behind it */
};

/* 0: the item has none, or it cannot be opened. */
static int open_range(const struct nn_dataset *ds, size_t i, struct range *r)
{
    const struct nn_source *s = ds->source;
    uint64_t where = ds->items[i].where;
    size_t at = nn_where_index(where);
    const struct nn_member *m;
    struct stat st;

    *r = (struct range){ .fd = -1 };
    switch (nn_where_kind(where)) {
    case NN_WHERE_FILE:
        if (nn_file_open_regular(s->path[at], &r->fd, NULL)) {
            return 0;
        }
        r->own = 1;
        r->size = fstat(r->fd, &st) == 0 ? st.st_size : 0;
        if (r->size > (int64_t)NN_MAX_IMAGE) { /* is told when it is read */
            close(r->fd);
            return 0;
        }
        return 1;
    case NN_WHERE_MEMBER:
        m = &s->member[at];
        r->fd = m->damaged ? -1 : m->fd;
        r->offset = m->offset;
        r->size = (int64_t)m->size;
        return r->fd >= 0;
    case NN_WHERE_BORROWED:
        return open_range(s->ref[at].from, s->ref[at].item, r);
    default:
        return 0;
    }
}

static void close_range_of(struct range *r)
{
    if (r->own) {
        close(r->fd);
    }
}

static enum nn_status read_ends(const struct range *r, const char *name,
                                struct nn_ends *e, struct nn_error *err)
{
    if (nn_file_pread(r->fd, e->bytes, e->head, r->offset) ||
        nn_file_pread(r->fd, e->bytes + e->head, e->tail,
                      r->offset + r->size - (int64_t)e->tail)) {
        return nn_fail(err, NN_ERR_IO, "cannot read '%s': %s", name,
                       errno != 0 ? strerror(errno) : "it is cut short");
    }
    return NN_OK;
}

enum nn_status nn_dataset_ends(const struct nn_dataset *ds, size_t i,
                               size_t head, size_t tail, struct nn_ends *ends,
                               struct nn_error *err)
{
    struct range r;
    enum nn_status st;
    size_t size, rest;

    *ends = (struct nn_ends){ .bytes = NULL };
    if (!open_range(ds, i, &r)) {
        return nn_dataset_read(ds, i, &ends->bytes, &ends->head, err);
    }
    size = (size_t)r.size;
    ends->head = size < head ? size : head;
    rest = size - ends->head;
    ends->tail = rest < tail ? rest : tail;
    ends->bytes = nn_mem_calloc(ends->head + ends->tail + 1, 1);
    if (ends->bytes == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = read_ends(&r, ds->items[i].file, ends, err);
out:
    close_range_of(&r);
    if (st) {
        nn_mem_free(ends->bytes);
        *ends = (struct nn_ends){ .bytes = NULL };
    }
    return st;
}

void nn_dataset_expect(const struct nn_dataset *ds, size_t i, size_t bytes)
{
    struct range r;

    if (!open_range(ds, i, &r)) {
        return;
    }
    if (r.size > 0) {
        size_t n = (size_t)r.size < bytes ? (size_t)r.size : bytes;

        /* Only advice: where the system has none, the read will wait. */
        (void)posix_fadvise(r.fd, (off_t)r.offset, (off_t)n,
                            POSIX_FADV_WILLNEED);
    }
    close_range_of(&r);
}
