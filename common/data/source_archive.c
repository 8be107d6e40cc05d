/* All members of a tar or zip, for reading at random. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/members.h"
#include "common/data/dataset_internal.h"

/* An archive being read. */
struct reading {
    struct nn_finder *f;
    struct nn_archive *a;
    const char *path, *prefix;
    int fd; /* for members that are read in place, or -1 */
    enum nn_split split;
    size_t first; /* images found before this archive */
    struct nn_beside_list beside;
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

/* Unpack the present member: into memory while there is room, else into the
 * spool file. One that is damaged is remembered as such. */
static enum nn_status unpack(struct nn_source *s, struct nn_archive *a,
                             struct nn_member *m, struct nn_error *err)
{
    uint8_t *block = NULL;
    enum nn_status st = nn_archive_read(a, NN_MAX_IMAGE, &block, &m->size);

    if (st == NN_ERR_FORMAT) {
        m->damaged = 1;
        return NN_OK;
    }
    if (st) {
        return nn_fail_nomem(err);
    }
    if (s->memory_used + m->size <= s->memory_limit) {
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

/* Where a member lies in a plain tar. */
static enum nn_status in_place(struct reading *r,
                               const struct nn_archive_member *in,
                               struct nn_member *m, struct nn_error *err)
{
    if (r->fd < 0) {
        int fd = dup(nn_archive_fd(r->a));
        enum nn_status st;

        if (fd < 0) {
            return nn_fail(err, NN_ERR_IO, "cannot keep '%s' open: %s", r->path,
                           strerror(errno));
        }
        st = keep_fd(r->f->source, fd, err);
        if (st) {
            return st;
        }
        r->fd = fd;
    }
    m->fd = r->fd;
    m->offset = in->offset;
    m->size = (size_t)in->size;
    m->damaged = in->size < 0 || m->size > NN_MAX_IMAGE;
    return NN_OK;
}

enum { MOST_LABEL = 1 << 20 };

static enum nn_status take_label(struct reading *r,
                                 const struct nn_archive_member *in,
                                 struct nn_error *err)
{
    uint8_t *bytes = NULL;
    size_t size;
    enum nn_status st = nn_archive_read(r->a, MOST_LABEL, &bytes, &size);

    if (st == NN_ERR_FORMAT) {
        return NN_OK;
    }
    if (!st) {
        st = nn_beside_note(&r->beside, in->name, bytes, size);
    }
    nn_mem_free(bytes);
    return st ? nn_fail_nomem(err) : NN_OK;
}

static enum nn_status take_member(struct reading *r,
                                  const struct nn_archive_member *in,
                                  struct nn_error *err)
{
    struct nn_source *s = r->f->source;
    struct nn_member m = { .fd = -1 };
    enum nn_status st;

    if (in->is_file && !r->f->opt->as_pool && !r->f->members_only &&
        nn_beside_is_label(in->name)) {
        return take_label(r, in, err);
    }
    if (!nn_is_image_name(in->name)) {
        return NN_OK;
    }
    if (in->link != NULL) {
        return add_link(r, in->name, in->link, err);
    }
    if (!in->is_file) {
        return NN_OK;
    }
    st = in->offset >= 0 ? in_place(r, in, &m, err) : unpack(s, r->a, &m, err);
    if (st) {
        goto out;
    }
    if (nn_mem_grow(&s->member, &s->cap_members, s->n_members + 1,
                    sizeof *s->member)) {
        st = nn_fail_nomem(err);
        goto out;
    }
    s->member[s->n_members++] = m;
    m.mem = NULL;
    st = add_member(r, in->name, s->n_members - 1, err);
out:
    nn_mem_free(m.mem);
    return st;
}

static enum nn_status damaged(const struct reading *r, struct nn_error *err)
{
    const char *text = nn_archive_reason(r->a);
    size_t n = r->f->n - r->first;

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
    struct nn_archive_member m;
    enum nn_status st = NN_OK;

    for (;;) {
        switch (nn_archive_next(r->a, &m)) {
        case NN_ARCHIVE_END:
            return NN_OK;
        case NN_ARCHIVE_BROKEN:
            return damaged(r, err);
        case NN_ARCHIVE_LOST:
            nn_log(NN_LOG_WARN,
                   "archive '%s': damaged headers after %zu images, what they "
                   "named is left out",
                   r->path, r->f->n - r->first);
            break;
        case NN_ARCHIVE_MEMBER:
            st = take_member(r, &m, err);
            if (st) {
                return st;
            }
        }
    }
}

enum nn_status nn_find_archive(struct nn_finder *f, const char *path,
                               const char *prefix, enum nn_split split,
                               struct nn_error *err)
{
    struct reading r = { .f = f,
                         .path = path,
                         .prefix = prefix,
                         .fd = -1,
                         .split = split,
                         .first = f->n };
    enum nn_status st = nn_archive_open(path, &r.a, err);

    if (st) {
        return st;
    }
    st = read_members(&r, err);
    nn_archive_close(&r.a);
    if (!st) {
        st = nn_beside_apply(&r.beside, f, r.first, path, err);
    }
    nn_beside_release(&r.beside);
    return st;
}
