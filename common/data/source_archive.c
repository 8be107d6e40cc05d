/* Tars and zips through libarchive. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

#define READ_BLOCK ((size_t)1 << 20)
#define MAX_MEMBER ((int64_t)256 << 20)

static enum nn_status keep_fd(struct nn_source *s, int fd,
                              struct nn_error *err)
{
    if (nn_mem_grow(&s->fd, &s->cap_fds, s->n_fds + 1, sizeof *s->fd)) {
        close(fd);
        return nn_fail_nomem(err);
    }
    s->fd[s->n_fds++] = fd;
    return NN_OK;
}

/* A temporary file that goes with the process. */
static enum nn_status open_spool(struct nn_source *s, struct nn_error *err)
{
    const char *dir = getenv("TMPDIR");
    char *path;
    int fd;

    path = nn_mem_sprintf("%s/bearcascade-XXXXXX",
                          dir != NULL && *dir != '\0' ? dir : "/tmp");
    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) {
        nn_fail(err, NN_ERR_IO, "cannot create '%s': %s", path,
                strerror(errno));
        nn_mem_free(path);
        return NN_ERR_IO;
    }
    unlink(path);
    nn_mem_free(path);
    s->spool_fd = fd;
    return keep_fd(s, fd, err);
}

static enum nn_status spool(struct nn_source *s, const unsigned char *bytes,
                            size_t size, struct nn_member *m,
                            struct nn_error *err)
{
    size_t done = 0;

    if (s->spool_fd < 0) {
        enum nn_status st = open_spool(s, err);

        if (st) {
            return st;
        }
    }
    m->fd = s->spool_fd;
    m->offset = s->spool_end;
    while (done < size) {
        ssize_t put = pwrite(s->spool_fd, bytes + done, size - done,
                             (off_t)(s->spool_end + (int64_t)done));

        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return nn_fail(err, NN_ERR_IO,
                           "cannot unpack into a temporary file: %s",
                           strerror(errno));
        }
        done += (size_t)put;
    }
    s->spool_end += (int64_t)size;
    return NN_OK;
}

/* Unpack the present member: into memory while there is room, else the spool
 * file. */
static enum nn_status unpack(struct nn_source *s, struct archive *a,
                             const char *path, size_t size,
                             struct nn_member *m, struct nn_error *err)
{
    unsigned char *bytes = nn_mem_calloc(size + 1, 1);
    la_ssize_t got;
    enum nn_status st = NN_OK;

    if (bytes == NULL) {
        return nn_fail_nomem(err);
    }
    got = archive_read_data(a, bytes, size);
    if (got < 0) {
        nn_mem_free(bytes);
        return nn_fail(err, NN_ERR_FORMAT, "cannot read archive '%s': %s",
                       path, archive_error_string(a));
    }
    m->size = (size_t)got;
    if (s->memory_used + size <= s->memory_limit) {
        s->memory_used += size;
        m->fd = -1;
        m->mem = bytes;
        return NN_OK;
    }
    st = spool(s, bytes, m->size, m, err);
    nn_mem_free(bytes);
    return st;
}

/* A member of a plain tar lies in it byte by byte: remember where. */
static int lies_in_place(struct archive *a, struct archive_entry *e)
{
    return (archive_format(a) & ARCHIVE_FORMAT_BASE_MASK) ==
               ARCHIVE_FORMAT_TAR &&
           archive_filter_count(a) == 1 && archive_entry_sparse_count(e) == 0;
}

static enum nn_status take_member(struct nn_finder *f, struct archive *a,
                                  struct archive_entry *e, const char *path,
                                  int fd, enum nn_split split,
                                  struct nn_error *err)
{
    struct nn_source *s = f->source;
    const char *name = archive_entry_pathname(e);
    struct nn_found found = { .kind = NN_WHERE_MEMBER, .split = split };
    struct nn_member m = { .fd = -1 };
    int64_t size = archive_entry_size(e);
    enum nn_status st = NN_OK;

    while (name != NULL && strncmp(name, "./", 2) == 0) {
        name += 2;
    }
    if (name == NULL || archive_entry_filetype(e) != AE_IFREG ||
        !nn_is_picture_name(name) || size < 0 || size > MAX_MEMBER) {
        return NN_OK;
    }
    if (lies_in_place(a, e)) {
        m.fd = fd;
        m.offset = archive_filter_bytes(a, 0);
        m.size = (size_t)size;
    } else {
        st = unpack(s, a, path, (size_t)size, &m, err);
    }
    if (!st && nn_mem_grow(&s->member, &s->cap_members, s->n_members + 1,
                           sizeof *s->member)) {
        nn_mem_free(m.mem);
        st = nn_fail_nomem(err);
    }
    if (st) {
        return st;
    }
    found.where = s->n_members;
    s->member[s->n_members++] = m;
    found.name = (char *)(uintptr_t)name;
    return nn_find_add(f, &found, err);
}

static enum nn_status read_members(struct nn_finder *f, struct archive *a,
                                   const char *path, int fd,
                                   enum nn_split split, struct nn_error *err)
{
    struct archive_entry *e;
    enum nn_status st = NN_OK;
    int got = ARCHIVE_OK;

    while (!st) {
        got = archive_read_next_header(a, &e);
        if (got == ARCHIVE_EOF) {
            return NN_OK;
        }
        if (got < ARCHIVE_WARN) {
            return nn_fail(err, NN_ERR_FORMAT, "cannot read archive '%s': %s",
                           path, archive_error_string(a));
        }
        st = take_member(f, a, e, path, fd, split, err);
    }
    return st;
}

enum nn_status nn_find_archive(struct nn_finder *f, const char *path,
                               enum nn_split split, struct nn_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct archive *a;
    enum nn_status st;

    if (fd < 0) {
        return nn_fail(err, NN_ERR_IO, "cannot open '%s': %s", path,
                       strerror(errno));
    }
    st = keep_fd(f->source, fd, err);
    if (st) {
        return st;
    }
    a = archive_read_new();
    if (a == NULL) {
        return nn_fail_nomem(err);
    }
    archive_read_support_filter_all(a);
    archive_read_support_format_tar(a);
    archive_read_support_format_zip(a);
    if (archive_read_open_fd(a, fd, READ_BLOCK) != ARCHIVE_OK) {
        st = nn_fail(err, NN_ERR_FORMAT, "cannot read archive '%s': %s", path,
                     archive_error_string(a));
    } else {
        st = read_members(f, a, path, fd, split, err);
    }
    archive_read_free(a);
    return st;
}
