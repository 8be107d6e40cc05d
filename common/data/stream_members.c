/* Members of an archive as they come. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/stream_internal.h"
#include "common/image/image.h"

/* Its bytes lie in the archive: the handful keeps a descriptor of it. */
static enum nn_status in_place(struct nn_stream *s, struct nn_stream_opened *o,
                               const struct nn_archive_member *in,
                               struct nn_member *m, struct nn_error *err)
{
    struct nn_source *to = s->ds->source;

    if (o->handful_fd < 0) {
        if (nn_mem_grow(&to->fd, &to->cap_fds, to->n_fds + 1, sizeof *to->fd)) {
            return nn_fail_nomem(err);
        }
        o->handful_fd = dup(nn_archive_fd(o->archive));
        if (o->handful_fd < 0) {
            return nn_fail(err, NN_ERR_IO, "cannot keep '%s' open: %s", o->path,
                           strerror(errno));
        }
        to->fd[to->n_fds++] = o->handful_fd;
    }
    *m = (struct nn_member){
        .fd = o->handful_fd,
        .offset = in->offset,
        .size = (size_t)in->size,
        .damaged = in->size < 0 || (size_t)in->size > NN_MAX_IMAGE,
    };
    return NN_OK;
}

/* Another name of an earlier member, whose bytes come only once: from the
 * start again. Errors: NN_ERR_FORMAT (not there), NN_ERR_NOMEM. */
static enum nn_status read_target(const char *path, const char *target,
                                  uint8_t **bytes, size_t *size)
{
    struct nn_archive *a;
    struct nn_archive_member m;
    enum nn_archive_step step;
    enum nn_status st = nn_archive_open(path, &a, NULL);

    if (st) {
        return st == NN_ERR_NOMEM ? st : NN_ERR_FORMAT;
    }
    st = NN_ERR_FORMAT;
    do {
        step = nn_archive_next(a, &m);
        if (step == NN_ARCHIVE_MEMBER && m.is_file && m.link == NULL &&
            strcmp(m.name, target) == 0) {
            st = nn_archive_read(a, NN_MAX_IMAGE, bytes, size);
            break;
        }
    } while (step == NN_ARCHIVE_MEMBER || step == NN_ARCHIVE_LOST);
    nn_archive_close(&a);
    return st;
}

/* The bytes of a member into *m. NN_ERR_FORMAT: *why says why not. */
static enum nn_status unpack(struct nn_stream_opened *o,
                             const struct nn_archive_member *in,
                             struct nn_member *m, const char **why)
{
    uint8_t *bytes = NULL;
    enum nn_status st;

    *m = (struct nn_member){ .fd = -1 };
    *why = "it is a link to a member that is not there";
    if (in->link != NULL) {
        st = read_target(o->path, in->link, &bytes, &m->size);
    } else {
        st = nn_archive_read(o->archive, NN_MAX_IMAGE, &bytes, &m->size);
        *why = st ? nn_archive_reason(o->archive) : NULL;
    }
    m->mem = bytes;
    return st;
}

static int member_may_be_image(const struct nn_member *m)
{
    uint8_t head[NN_STREAM_HEAD];
    size_t n = m->size < NN_STREAM_HEAD ? m->size : NN_STREAM_HEAD;

    if (m->fd < 0) {
        return nn_image_sniff(m->mem, n) != NN_IMAGE_UNKNOWN;
    }
    return nn_file_pread(m->fd, head, n, m->offset) != 0 ||
           nn_image_sniff(head, n) != NN_IMAGE_UNKNOWN;
}

static enum nn_status take_bytes(struct nn_stream *s,
                                 const struct nn_archive_member *in,
                                 const char *name, const struct nn_origin *from,
                                 struct nn_error *err)
{
    struct nn_stream_opened *o = &s->open[s->n_open - 1];
    struct nn_member m;
    const char *why = NULL;
    enum nn_status st = in->offset >= 0 && in->link == NULL
                            ? in_place(s, o, in, &m, err)
                            : unpack(o, in, &m, &why);

    if (st == NN_ERR_FORMAT) {
        return nn_stream_add_failed(s, name, from, err, "cannot read '%s': %s",
                                    name, why);
    }
    if (st) {
        return st == NN_ERR_NOMEM ? nn_fail_nomem(err) : st;
    }
    if (nn_name_kind_of(in->name) == NN_NAME_OPEN && !member_may_be_image(&m)) {
        nn_mem_free(m.mem);
        return nn_stream_leave_out(s, name, err);
    }
    s->memory += m.fd < 0 ? m.size : 0;
    return nn_stream_add_member(s, name, &m, from, err);
}

static enum nn_status take_member(struct nn_stream *s,
                                  const struct nn_archive_member *in,
                                  struct nn_error *err)
{
    struct nn_stream_opened *o = &s->open[s->n_open - 1];
    const struct nn_origin from = { in->size, in->mtime_ms };
    char *name;
    enum nn_status st = NN_OK;

    if (!in->is_file && in->link == NULL && nn_ends_with(in->name, "/")) {
        return NN_OK;
    }
    name = nn_mem_sprintf("%s:%s", o->path, in->name);
    if (name == NULL) {
        return nn_fail_nomem(err);
    }
    if (nn_name_kind_of(in->name) == NN_NAME_BESIDE ||
        (!in->is_file && in->link == NULL)) {
        st = nn_stream_leave_out(s, name, err);
        goto out;
    }
    o->at++;
    if (!nn_stream_is_known(s, name, &from)) {
        st = take_bytes(s, in, name, &from, err);
    }
out:
    nn_mem_free(name);
    return st;
}

enum nn_status nn_stream_step_archive(struct nn_stream *s, struct nn_error *err)
{
    struct nn_stream_opened *o = &s->open[s->n_open - 1];
    struct nn_archive_member m;
    enum nn_status st = NN_OK;

    switch (nn_archive_next(o->archive, &m)) {
    case NN_ARCHIVE_END:
        break;
    case NN_ARCHIVE_MEMBER:
        return take_member(s, &m, err);
    case NN_ARCHIVE_LOST:
        return nn_stream_add_failed(
            s, o->path, NULL, err,
            "archive '%s' has damaged headers behind %zu images: "
            "what they named is lost",
            o->path, o->at);
    case NN_ARCHIVE_BROKEN:
        st = nn_stream_add_failed(
            s, o->path, NULL, err,
            "archive '%s' cannot be read behind %zu images: %s", o->path, o->at,
            nn_archive_reason(o->archive));
    }
    nn_stream_leave(s);
    return st;
}
