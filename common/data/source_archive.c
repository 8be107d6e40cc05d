/* Tars and zips through libarchive. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

#define READ_BLOCK ((size_t)1 << 20)
#define MAX_MEMBER ((size_t)256 << 20)

/* An archive being read. */
struct reading {
    struct nn_finder *f;
    struct archive *a;
    const char *path, *prefix;
    int fd;
    int in_place; /* a member refers to fd */
    enum nn_split split;
    size_t first; /* images found before this archive */
};

static enum nn_status keep_fd(struct nn_source *s, int fd, struct nn_error *err)
{
    if (nn_mem_grow(&s->fd, &s->cap_fds, s->n_fds + 1, sizeof *s->fd)) {
        close(fd);
        return nn_fail_nomem(err);
    }
    s->fd[s->n_fds++] = fd;
    return NN_OK;
}

/* --- unpacking --- */

/* The spool is a temporary file that goes with the process. */
static enum nn_status spool(struct nn_source *s, const unsigned char *bytes,
                            struct nn_member *m, struct nn_error *err)
{
    if (s->spool_fd < 0) {
        int fd = -1;
        enum nn_status st = nn_file_temp(&fd, err);

        if (st) {
            return st;
        }
        st = keep_fd(s, fd, err);
        if (st) {
            return st;
        }
        s->spool_fd = fd;
    }
    m->fd = s->spool_fd;
    m->offset = s->spool_end;
    if (nn_file_pwrite(s->spool_fd, bytes, m->size, s->spool_end)) {
        return nn_fail(err, NN_ERR_IO,
                       "cannot unpack into a temporary file: %s",
                       strerror(errno));
    }
    s->spool_end += (int64_t)m->size;
    return NN_OK;
}

/* All bytes of the present member into a new block of *cap bytes. The size
 * that the archive states is a hint only. */
static enum nn_status read_all(struct archive *a, int64_t stated,
                               struct nn_member *m, unsigned char **block,
                               size_t *cap)
{
    size_t want = stated > 0 && stated < (int64_t)1 << 20 ? (size_t)stated + 1
                                                          : (size_t)1 << 16;

    for (;;) {
        la_ssize_t got;

        if (m->size + 1 > want) {
            want = m->size * 2;
        }
        if (nn_mem_grow(block, cap, want, 1)) {
            return NN_ERR_NOMEM;
        }
        got = archive_read_data(a, *block + m->size, *cap - m->size);
        if (got <= 0 || m->size + (size_t)got > MAX_MEMBER) {
            m->damaged = got != 0;
            return NN_OK;
        }
        m->size += (size_t)got;
    }
}

/* Unpack the present member: into memory while there is room, else into the
 * spool file. One that is damaged is remembered as such. */
static enum nn_status unpack(struct nn_source *s, struct archive *a,
                             int64_t stated, struct nn_member *m,
                             struct nn_error *err)
{
    unsigned char *block = NULL;
    size_t cap = 0;
    enum nn_status st = NN_OK;

    if (read_all(a, stated, m, &block, &cap)) {
        nn_mem_free(block);
        return nn_fail_nomem(err);
    }
    if (m->damaged) {
        m->size = 0;
    } else if (s->memory_used + m->size <= s->memory_limit) {
        m->mem = nn_mem_realloc(block, m->size + 1, 1);
        s->memory_used += m->size;
        if (m->mem != NULL) {
            return NN_OK;
        }
        st = nn_fail_nomem(err);
    } else {
        st = spool(s, block, m, err);
    }
    nn_mem_free(block);
    return st;
}

/* --- members --- */

/* A member of a plain tar lies in it byte by byte: remember where. */
static int lies_in_place(struct archive *a, struct archive_entry *e)
{
    return (archive_format(a) & ARCHIVE_FORMAT_BASE_MASK) ==
               ARCHIVE_FORMAT_TAR &&
           archive_filter_count(a) == 1 && archive_entry_sparse_count(e) == 0;
}

static const char *without_dot(const char *name)
{
    while (strncmp(name, "./", 2) == 0) {
        name += 2;
    }
    return name;
}

static enum nn_status add_member(struct reading *r, const char *name,
                                 size_t where, struct nn_error *err)
{
    struct nn_found found = { .kind = NN_WHERE_MEMBER,
                              .where = where,
                              .split = r->split,
                              .inner = strlen(r->prefix),
                              .weight = 1 };
    enum nn_status st;

    found.name = nn_mem_sprintf("%s%s", r->prefix, name);
    if (found.name == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_find_add(r->f, &found, err);
    nn_mem_free(found.name);
    return st;
}

/* A second name of an earlier member: tar stores the bytes once. */
static enum nn_status add_link(struct reading *r, const char *name,
                               const char *target, struct nn_error *err)
{
    size_t skip = strlen(r->prefix);

    if (r->f->pool_index != NULL) {
        return nn_pool_index_link(r->f->pool_index, r->prefix, name, target,
                                  err);
    }
    for (size_t i = r->f->n; i-- > r->first;) {
        if (strcmp(r->f->found[i].name + skip, target) == 0) {
            return add_member(r, name, r->f->found[i].where, err);
        }
    }
    nn_log(NN_LOG_WARN, "'%s' in '%s' is a link to '%s', which is missing",
           name, r->path, target);
    return NN_OK;
}

static enum nn_status take_member(struct reading *r, struct archive_entry *e,
                                  struct nn_error *err)
{
    struct nn_source *s = r->f->source;
    const char *name = archive_entry_pathname(e);
    const char *link = archive_entry_hardlink(e);
    struct nn_member m = { .fd = -1 };
    int64_t size = archive_entry_size(e);
    enum nn_status st = NN_OK;

    name = name != NULL ? without_dot(name) : "";
    if (name[0] == '\0' || !nn_is_image_name(name)) {
        return NN_OK;
    }
    if (link != NULL) {
        return add_link(r, name, without_dot(link), err);
    }
    if (archive_entry_filetype(e) != AE_IFREG) {
        return NN_OK;
    }
    if (lies_in_place(r->a, e)) {
        m.fd = r->fd;
        m.offset = archive_filter_bytes(r->a, 0);
        m.size = (size_t)size;
        m.damaged = size < 0 || m.size > MAX_MEMBER;
        r->in_place = 1;
    } else {
        st = unpack(s, r->a, size, &m, err);
        if (st) {
            goto out;
        }
    }
    if (nn_mem_grow(&s->member, &s->cap_members, s->n_members + 1,
                    sizeof *s->member)) {
        st = nn_fail_nomem(err);
        goto out;
    }
    s->member[s->n_members++] = m;
    m.mem = NULL;
    st = add_member(r, name, s->n_members - 1, err);
out:
    nn_mem_free(m.mem);
    return st;
}

static enum nn_status damaged(const struct reading *r, struct nn_error *err)
{
    const char *text = archive_error_string(r->a);
    size_t n = r->f->n - r->first;

    text = text != NULL ? text : "no reason given";
    if (n == 0) {
        return nn_fail(err, NN_ERR_FORMAT, "cannot read archive '%s': %s",
                       r->path, text);
    }
    nn_log(NN_LOG_WARN,
           "archive '%s' is damaged after %zu images: %s; the rest of it is "
           "left out",
           r->path, n, text);
    return NN_OK;
}

static enum nn_status read_members(struct reading *r, struct nn_error *err)
{
    struct archive_entry *e;

    for (;;) {
        int got = archive_read_next_header(r->a, &e);
        enum nn_status st;

        if (got == ARCHIVE_EOF) {
            return NN_OK;
        }
        if (got < ARCHIVE_WARN) {
            return damaged(r, err);
        }
        st = take_member(r, e, err);
        if (st) {
            return st;
        }
    }
}

enum nn_status nn_find_archive(struct nn_finder *f, const char *path,
                               const char *prefix, enum nn_split split,
                               struct nn_error *err)
{
    struct reading r = {
        .f = f, .path = path, .prefix = prefix, .split = split, .first = f->n
    };
    enum nn_status st;

    r.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (r.fd < 0) {
        return nn_fail(err, NN_ERR_IO, "cannot open '%s': %s", path,
                       strerror(errno));
    }
    r.a = archive_read_new();
    if (r.a == NULL) {
        close(r.fd);
        return nn_fail_nomem(err);
    }
    archive_read_support_filter_all(r.a);
    archive_read_support_format_tar(r.a);
    archive_read_support_format_zip(r.a);
    st = archive_read_open_fd(r.a, r.fd, READ_BLOCK) == ARCHIVE_OK
             ? read_members(&r, err)
             : damaged(&r, err);
    archive_read_free(r.a);
    if (!r.in_place) {
        close(r.fd);
        return st;
    }
    /* On failure the source is given up, and with it the members. */
    if (st) {
        keep_fd(f->source, r.fd, NULL);
        return st;
    }
    return keep_fd(f->source, r.fd, err);
}
