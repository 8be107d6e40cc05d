/* What a pool holds: fixed records in one unnamed file, names and paths in
 * another. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

struct record {
    int64_t text;   /* where name, and path behind it, lie */
    int64_t offset; /* of a member */
    uint64_t size;
    uint32_t name_size, path_size; /* bytes; a member has no path */
    int32_t fd, damaged;
};

struct nn_pool_index {
    FILE *records, *texts;
    int64_t text_end;
    size_t n;
    uint64_t hash;
};

static enum nn_status open_stream(FILE **out, struct nn_error *err)
{
    int fd = -1;
    enum nn_status st = nn_file_temp(&fd, err);

    if (st) {
        return st;
    }
    *out = fdopen(fd, "w+b");
    if (*out == NULL) {
        close(fd);
        return nn_fail_nomem(err);
    }
    return NN_OK;
}

enum nn_status nn_pool_index_create(struct nn_pool_index **out,
                                    struct nn_error *err)
{
    struct nn_pool_index *c = nn_mem_calloc(1, sizeof *c);
    enum nn_status st;

    *out = NULL;
    if (c == NULL) {
        return nn_fail_nomem(err);
    }
    st = open_stream(&c->records, err);
    if (st) {
        goto out;
    }
    st = open_stream(&c->texts, err);
    if (st) {
        goto out;
    }
    *out = c;
    c = NULL;
out:
    nn_pool_index_destroy(&c);
    return st;
}

void nn_pool_index_destroy(struct nn_pool_index **cp)
{
    struct nn_pool_index *c = *cp;

    *cp = NULL;
    if (c == NULL) {
        return;
    }
    if (c->records != NULL) {
        fclose(c->records);
    }
    if (c->texts != NULL) {
        fclose(c->texts);
    }
    nn_mem_free(c);
}

static enum nn_status cannot_write(struct nn_error *err)
{
    return nn_fail(err, NN_ERR_IO,
                   "cannot list the pool in a temporary file: %s",
                   strerror(errno));
}

static enum nn_status put(struct nn_pool_index *c, struct record *r,
                          const char *name, const char *path,
                          struct nn_error *err)
{
    size_t name_size = strlen(name);
    size_t path_size = path != NULL ? strlen(path) : 0;

    if (name_size > UINT32_MAX || path_size > UINT32_MAX ||
        c->n == UINT32_MAX) {
        return nn_fail(err, NN_ERR_ARG,
                       "a pool holds at most 2^32 - 1 "
                       "images");
    }
    r->text = c->text_end;
    r->name_size = (uint32_t)name_size;
    r->path_size = (uint32_t)path_size;
    if (fwrite(name, 1, name_size, c->texts) != name_size ||
        (path_size > 0 && fwrite(path, 1, path_size, c->texts) != path_size) ||
        fwrite(r, sizeof *r, 1, c->records) != 1) {
        return cannot_write(err);
    }
    c->text_end += (int64_t)(name_size + path_size);
    c->hash = nn_hash_u64(name, name_size + 1, c->hash);
    c->n++;
    return NN_OK;
}

enum nn_status nn_pool_index_add(struct nn_pool_index *c, const char *name,
                                 const char *path,
                                 const struct nn_member *member,
                                 struct nn_error *err)
{
    struct record r = { .fd = -1 };

    if (member != NULL) {
        r.fd = member->fd;
        r.offset = member->offset;
        r.size = member->size;
        r.damaged = member->damaged;
    }
    return put(c, &r, name, path, err);
}

enum nn_status nn_pool_index_finish(struct nn_pool_index *c,
                                    struct nn_error *err)
{
    return fflush(c->records) != 0 || fflush(c->texts) != 0 ? cannot_write(err)
                                                            : NN_OK;
}

size_t nn_pool_index_count(const struct nn_pool_index *c)
{
    return c->n;
}

uint64_t nn_pool_index_hash(const struct nn_pool_index *c)
{
    return c->hash;
}

static enum nn_status cannot_read(struct nn_error *err)
{
    return nn_fail(err, NN_ERR_IO, "cannot read the list of the pool: %s",
                   strerror(errno));
}

/* Record i, and its name or path as a block of nn_mem. */
static enum nn_status look_up(const struct nn_pool_index *c, size_t i,
                              struct record *r, char **name, char **path,
                              struct nn_error *err)
{
    char *text;
    enum nn_status st = NN_OK;

    if (nn_file_pread(fileno(c->records), r, sizeof *r,
                      (int64_t)(i * sizeof *r))) {
        return cannot_read(err);
    }
    text = nn_mem_calloc((size_t)r->name_size + r->path_size + 1, 1);
    if (text == NULL) {
        return nn_fail_nomem(err);
    }
    if (nn_file_pread(fileno(c->texts), text, r->name_size + r->path_size,
                      r->text)) {
        st = cannot_read(err);
        goto out;
    }
    if (path != NULL) {
        *path = nn_mem_strdup(text + r->name_size);
        if (*path == NULL) {
            st = nn_fail_nomem(err);
            goto out;
        }
    }
    text[r->name_size] = '\0';
    *name = text;
    text = NULL;
out:
    nn_mem_free(text);
    return st;
}

enum nn_status nn_pool_index_name(const struct nn_pool_index *c, size_t i,
                                  char **name, struct nn_error *err)
{
    struct record r;

    return look_up(c, i, &r, name, NULL, err);
}

enum nn_status nn_pool_index_read(const struct nn_pool_index *c, size_t i,
                                  uint8_t **bytes, size_t *size,
                                  struct nn_error *err)
{
    struct record r;
    char *name = NULL, *path = NULL;
    enum nn_status st = look_up(c, i, &r, &name, &path, err);

    if (st) {
        return st;
    }
    if (path[0] != '\0') {
        st = nn_file_read(path, NN_MAX_IMAGE, bytes, size, err);
    } else {
        const struct nn_member m = { .fd = r.fd,
                                     .offset = r.offset,
                                     .size = (size_t)r.size,
                                     .damaged = r.damaged };

        st = nn_member_read(&m, name, bytes, size, err);
    }
    nn_mem_free(name);
    nn_mem_free(path);
    return st;
}

/* Links are rare: the list is searched from its end. */
enum nn_status nn_pool_index_link(struct nn_pool_index *c, const char *prefix,
                                  const char *name, const char *target,
                                  struct nn_error *err)
{
    char *want = nn_mem_sprintf("%s%s", prefix, target);
    char *own = nn_mem_sprintf("%s%s", prefix, name);
    struct record r;
    int found = 0;
    enum nn_status st;

    if (want == NULL || own == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_pool_index_finish(c, err);
    if (st) {
        goto out;
    }
    for (size_t i = c->n; !found && i-- > 0;) {
        char *text = NULL;

        st = look_up(c, i, &r, &text, NULL, err);
        if (st) {
            goto out;
        }
        found = r.path_size == 0 && strcmp(text, want) == 0;
        nn_mem_free(text);
    }
    if (found) {
        st = put(c, &r, own, NULL, err);
        goto out;
    }
    nn_log(NN_LOG_WARN, "'%s' is a link to '%s', which is missing", own,
           target);
out:
    nn_mem_free(want);
    nn_mem_free(own);
    return st;
}
