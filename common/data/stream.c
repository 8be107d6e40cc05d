#include "common/data/stream.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/stream_internal.h"
#include "common/image/image.h"

#define MOST_MEMORY ((size_t)24 << 20) /* unpacked members of a handful */

/* --- life --- */

enum nn_status nn_stream_create(const struct nn_stream_options *opt,
                                struct nn_stream **out, struct nn_error *err)
{
    *out = nn_mem_calloc(1, sizeof **out);
    if (*out == NULL) {
        return nn_fail_nomem(err);
    }
    (*out)->opt = *opt;
    return NN_OK;
}

void nn_stream_leave(struct nn_stream *s)
{
    struct nn_stream_opened *o = &s->open[--s->n_open];

    if (o->walk != NULL) {
        s->counts.left_out += nn_walk_passed_over(o->walk);
    }
    nn_walk_close(&o->walk);
    nn_archive_close(&o->archive);
    nn_pool_close(&o->pool);
    nn_mem_free(o->path);
}

static void drop_handful(struct nn_stream *s)
{
    nn_finder_release(&s->f);
    nn_dataset_close(&s->ds);
}

void nn_stream_close(struct nn_stream **sp)
{
    struct nn_stream *s = *sp;

    *sp = NULL;
    if (s == NULL) {
        return;
    }
    while (s->n_open > 0) {
        nn_stream_leave(s);
    }
    for (size_t i = s->next_waiting; i < s->n_waiting; i++) {
        nn_mem_free(s->waiting[i]);
    }
    drop_handful(s);
    nn_mem_free(s->open);
    nn_mem_free(s->waiting);
    nn_mem_free(s->example);
    nn_mem_free(s->origin);
    nn_mem_free(s);
}

enum nn_status nn_stream_add(struct nn_stream *s, const char *path,
                             struct nn_error *err)
{
    char *own = nn_mem_strdup(path);

    if (s->next_waiting == s->n_waiting) {
        s->next_waiting = s->n_waiting = 0;
    }
    if (own == NULL || nn_mem_grow(&s->waiting, &s->cap_waiting,
                                   s->n_waiting + 1, sizeof *s->waiting)) {
        nn_mem_free(own);
        return nn_fail_nomem(err);
    }
    s->waiting[s->n_waiting++] = own;
    return NN_OK;
}

const struct nn_origin *nn_stream_origins(const struct nn_stream *s)
{
    return s->origin;
}

struct nn_stream_counts nn_stream_counts(const struct nn_stream *s)
{
    struct nn_stream_counts c = s->counts;

    c.example = s->example;
    for (size_t i = 0; i < s->n_open; i++) {
        if (s->open[i].walk != NULL) {
            c.left_out += nn_walk_passed_over(s->open[i].walk);
        }
    }
    return c;
}

/* --- items of the handful --- */

int nn_stream_is_known(struct nn_stream *s, const char *name,
                       const struct nn_origin *o)
{
    int yes = s->opt.known != NULL && s->opt.known(s->opt.ctx, name, o);

    s->counts.known += (size_t)yes;
    return yes;
}

static enum nn_status note_origin(struct nn_stream *s, size_t i,
                                  const struct nn_origin *o)
{
    if (nn_mem_grow(&s->origin, &s->cap_origins, i + 1, sizeof *s->origin)) {
        return NN_ERR_NOMEM;
    }
    s->origin[i] = *o;
    return NN_OK;
}

static enum nn_status add(struct nn_stream *s, const char *name,
                          enum nn_where kind, size_t where,
                          const struct nn_origin *o, struct nn_error *err)
{
    const struct nn_found found = { .name = (char *)(uintptr_t)name,
                                    .kind = kind,
                                    .where = where,
                                    .split = NN_SPLIT_NONE,
                                    .weight = 1 };

    return note_origin(s, s->f.n, o) ? nn_fail_nomem(err)
                                     : nn_find_add(&s->f, &found, err);
}

enum nn_status nn_stream_add_member(struct nn_stream *s, const char *name,
                                    const struct nn_member *m,
                                    const struct nn_origin *o,
                                    struct nn_error *err)
{
    struct nn_source *to = s->ds->source;

    if (nn_mem_grow(&to->member, &to->cap_members, to->n_members + 1,
                    sizeof *to->member)) {
        nn_mem_free(m->mem);
        return nn_fail_nomem(err);
    }
    to->member[to->n_members++] = *m;
    return add(s, name, NN_WHERE_MEMBER, to->n_members - 1, o, err);
}

enum nn_status nn_stream_add_failed(struct nn_stream *s, const char *name,
                                    const struct nn_origin *o,
                                    struct nn_error *err, const char *fmt, ...)
{
    static const struct nn_origin none;
    struct nn_source *to = s->ds->source;
    char text[512], *own;
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (o == NULL && nn_stream_is_known(s, name, &none)) {
        return NN_OK;
    }
    own = nn_mem_strdup(text);
    if (own == NULL || nn_mem_grow(&to->reason, &to->cap_reasons,
                                   to->n_reasons + 1, sizeof *to->reason)) {
        nn_mem_free(own);
        return nn_fail_nomem(err);
    }
    to->reason[to->n_reasons++] = own;
    return add(s, name, NN_WHERE_FAILED, to->n_reasons - 1,
               o != NULL ? o : &none, err);
}

enum nn_status nn_stream_leave_out(struct nn_stream *s, const char *name,
                                   struct nn_error *err)
{
    s->counts.left_out++;
    if (s->example == NULL) {
        s->example = nn_mem_strdup(name);
        return s->example == NULL ? nn_fail_nomem(err) : NN_OK;
    }
    return NN_OK;
}

/* --- files --- */

struct nn_origin nn_origin_of(const char *path)
{
    struct nn_origin o = { 0, 0 };
    struct stat st;

    if (stat(path, &st) == 0) {
        o.bytes = st.st_size;
        o.mtime_ms =
            (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    }
    return o;
}

static enum nn_status add_file(struct nn_stream *s, const char *path,
                               const char *name, struct nn_error *err)
{
    struct nn_origin o = { 0, 0 };
    struct nn_source *to = s->ds->source;
    char *own;

    if (s->opt.origins) {
        o = nn_origin_of(path);
        if (nn_stream_is_known(s, name, &o)) {
            return NN_OK;
        }
    }
    own = nn_mem_strdup(path);
    if (own == NULL || nn_mem_grow(&to->path, &to->cap_paths, to->n_paths + 1,
                                   sizeof *to->path)) {
        nn_mem_free(own);
        return nn_fail_nomem(err);
    }
    to->path[to->n_paths++] = own;
    return add(s, name, NN_WHERE_FILE, to->n_paths - 1, &o, err);
}

/* 0 only where it could be read and is none. */
static int may_be_image(const char *path)
{
    uint8_t head[NN_STREAM_HEAD];
    int fd = -1;
    ssize_t n;

    if (nn_file_open_regular(path, &fd, NULL)) {
        return 1;
    }
    n = pread(fd, head, sizeof head, 0);
    close(fd);
    return n < 0 || nn_image_sniff(head, (size_t)n) != NN_IMAGE_UNKNOWN;
}

/* --- opening what was named --- */

static enum nn_status push(struct nn_stream *s, struct nn_stream_opened *o,
                           const char *path, struct nn_error *err)
{
    o->path = nn_mem_strdup(path);
    o->handful_fd = -1;
    if (o->path == NULL ||
        nn_mem_grow(&s->open, &s->cap_open, s->n_open + 1, sizeof *s->open)) {
        nn_mem_free(o->path);
        nn_walk_close(&o->walk);
        nn_archive_close(&o->archive);
        nn_pool_close(&o->pool);
        return nn_fail_nomem(err);
    }
    s->open[s->n_open++] = *o;
    return NN_OK;
}

/* A path that cannot even be opened is an item that failed, not the end. */
static enum nn_status opened(struct nn_stream *s, struct nn_stream_opened *o,
                             const char *path, const char *name,
                             enum nn_status st, const struct nn_error *why,
                             struct nn_error *err)
{
    if (st == NN_ERR_NOMEM) {
        return nn_fail_nomem(err);
    }
    return st ? nn_stream_add_failed(s, name, NULL, err, "%s", why->text)
              : push(s, o, path, err);
}

static enum nn_status open_archive(struct nn_stream *s, const char *path,
                                   struct nn_error *err)
{
    struct nn_stream_opened o = { .handful_fd = -1 };
    struct nn_error why = NN_ERROR_INIT;
    enum nn_status st = nn_archive_open(path, &o.archive, &why);

    return opened(s, &o, path, path, st, &why, err);
}

static enum nn_status open_folder(struct nn_stream *s, const char *path,
                                  struct nn_error *err)
{
    struct nn_stream_opened o = { .handful_fd = -1 };
    struct nn_error why = NN_ERROR_INIT;
    enum nn_status st = nn_walk_open(path, path, &o.walk, &why);

    return opened(s, &o, path, path, st, &why, err);
}

static enum nn_status open_pool(struct nn_stream *s, const char *path,
                                struct nn_error *err)
{
    const struct nn_dataset_options opt = { .as_pool = 1,
                                            .generators = s->opt.generators };
    struct nn_stream_opened o = { .handful_fd = -1 };
    struct nn_error why = NN_ERROR_INIT;
    enum nn_status st = nn_pool_open(&path, 1, &opt, &o.pool, &why);

    return opened(s, &o, path, path, st, &why, err);
}

static enum nn_status open_next(struct nn_stream *s, struct nn_error *err)
{
    const struct nn_dataset_options opt = { .generators = s->opt.generators };
    char *path = s->waiting[s->next_waiting++];
    enum nn_status st;

    if (nn_find_generator(path, &opt) != NULL) {
        st = open_pool(s, path, err);
    } else if (nn_file_is_dir(path)) {
        st = open_folder(s, path, err);
    } else if (nn_ends_with(path, ".csv") || nn_ends_with(path, ".jsonl")) {
        st = open_pool(s, path, err);
    } else if (nn_is_archive_name(path)) {
        st = open_archive(s, path, err);
    } else {
        st = add_file(s, path, path, err);
    }
    nn_mem_free(path);
    return st;
}

/* --- folders --- */

static enum nn_status step_folder(struct nn_stream *s, struct nn_error *err)
{
    struct nn_walk_entry e;
    enum nn_status st = nn_walk_next(s->open[s->n_open - 1].walk, &e, err);
    enum nn_name_kind kind;

    if (st) {
        return st;
    }
    switch (e.kind) {
    case NN_WALK_END:
        nn_stream_leave(s);
        return NN_OK;
    case NN_WALK_CLOSED:
        return nn_stream_add_failed(s, e.name, NULL, err,
                                    "cannot open folder '%s': %s", e.path,
                                    strerror(e.reason));
    case NN_WALK_LOOP:
        nn_log(NN_LOG_WARN, "'%s' links back to a folder above: left out",
               e.path);
        return NN_OK;
    case NN_WALK_FILE:
        break;
    }
    if (nn_is_archive_name(e.path)) {
        return open_archive(s, e.path, err);
    }
    kind = nn_name_kind_of(nn_path_base(e.path));
    if (kind == NN_NAME_BESIDE ||
        (kind == NN_NAME_OPEN && !may_be_image(e.path))) {
        return nn_stream_leave_out(s, e.name, err);
    }
    return add_file(s, e.path, e.name, err);
}

/* --- manifests and generators --- */

/* The next window of the pool at the top, without what is known; *out NULL:
 * there is nothing new in it. */
static enum nn_status take_window(struct nn_stream *s, size_t most,
                                  struct nn_dataset **out, struct nn_error *err)
{
    struct nn_stream_opened *o = &s->open[s->n_open - 1];
    size_t n = o->pool->n - o->at, kept = 0;
    uint32_t *index;
    enum nn_status st = NN_OK;

    n = n < most ? n : most;
    index = nn_mem_calloc(n, sizeof *index);
    if (index == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        index[i] = (uint32_t)(o->at + i);
    }
    st = nn_pool_take(o->pool, index, n, out, err);
    if (st) {
        goto out;
    }
    o->at += n;
    for (size_t i = 0; i < n; i++) {
        struct nn_origin from = { 0, 0 };

        if (s->opt.origins) {
            from = nn_origin_of((*out)->items[i].file);
            if (nn_stream_is_known(s, (*out)->items[i].file, &from)) {
                continue;
            }
        }
        index[kept] = index[i];
        st = note_origin(s, kept++, &from) ? nn_fail_nomem(err) : NN_OK;
        if (st) {
            nn_dataset_close(out);
            goto out;
        }
    }
    if (kept < n) {
        nn_dataset_close(out);
        st = kept > 0 ? nn_pool_take(o->pool, index, kept, out, err) : NN_OK;
    }
out:
    nn_mem_free(index);
    return st;
}

/* --- the handful --- */

static enum nn_status begin_handful(struct nn_stream *s, struct nn_error *err)
{
    static const struct nn_dataset_options as_pool = { .as_pool = 1 };

    s->ds = nn_dataset_new("(photos)", 0);
    if (s->ds == NULL) {
        return nn_fail_nomem(err);
    }
    s->f = (struct nn_finder){ .source = s->ds->source, .opt = &as_pool };
    s->memory = 0;
    for (size_t i = 0; i < s->n_open; i++) {
        s->open[i].handful_fd = -1;
    }
    return NN_OK;
}

/* Another entry of what is open, or the next path; *done: there is none, or
 * what comes next is a pool, whose windows are sets of their own. */
static enum nn_status step(struct nn_stream *s, int *done, struct nn_error *err)
{
    const struct nn_stream_opened *o =
        s->n_open > 0 ? &s->open[s->n_open - 1] : NULL;

    if (o == NULL) {
        *done = s->next_waiting == s->n_waiting;
        return *done ? NN_OK : open_next(s, err);
    }
    if (o->pool != NULL) {
        *done = 1;
        return NN_OK;
    }
    return o->walk != NULL ? step_folder(s, err)
                           : nn_stream_step_archive(s, err);
}

static enum nn_status next_of_pool(struct nn_stream *s, size_t most,
                                   struct nn_dataset **out,
                                   struct nn_error *err)
{
    struct nn_stream_opened *o = &s->open[s->n_open - 1];
    enum nn_status st = NN_OK;

    while (*out == NULL && o->at < o->pool->n) {
        st = take_window(s, most, out, err);
        if (st) {
            return st;
        }
    }
    if (*out == NULL) {
        nn_stream_leave(s);
    }
    return NN_OK;
}

enum nn_status nn_stream_next(struct nn_stream *s, size_t most,
                              struct nn_dataset **out, struct nn_error *err)
{
    enum nn_status st;
    int done;

    *out = NULL;
    do {
        done = 0;
        st = begin_handful(s, err);
        while (st == NN_OK && !done && s->f.n < most &&
               s->memory < MOST_MEMORY) {
            st = step(s, &done, err);
        }
        if (st) {
            goto out;
        }
        if (s->f.n > 0) {
            st = nn_label_items(s->ds, &s->f, err);
            if (st) {
                goto out;
            }
            *out = s->ds;
            s->ds = NULL;
            goto out;
        }
        drop_handful(s);
        if (s->n_open > 0) {
            st = next_of_pool(s, most, out, err);
            if (st) {
                return st;
            }
        }
    } while (*out == NULL && (s->n_open > 0 || s->next_waiting < s->n_waiting));
    return NN_OK;
out:
    drop_handful(s);
    return st;
}
