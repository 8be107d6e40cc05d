/* Where the bytes of an image come from. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

#define WHERE_BITS 56

enum nn_where nn_where_kind(uint64_t where)
{
    return (enum nn_where)(where >> WHERE_BITS);
}

size_t nn_where_index(uint64_t where)
{
    return (size_t)(where & (((uint64_t)1 << WHERE_BITS) - 1));
}

uint64_t nn_where_pack(enum nn_where kind, size_t index)
{
    return (uint64_t)kind << WHERE_BITS | index;
}

void nn_source_destroy(struct nn_source *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->n_paths; i++) {
        nn_mem_free(s->path[i]);
    }
    for (size_t i = 0; i < s->n_members; i++) {
        nn_mem_free(s->member[i].mem);
    }
    for (size_t i = 0; i < s->n_reasons; i++) {
        nn_mem_free(s->reason[i]);
    }
    for (size_t i = 0; i < s->n_fds; i++) {
        close(s->fd[i]);
    }
    if (s->generator != NULL && s->generator_ctx != NULL) {
        s->generator->close(s->generator_ctx);
    }
    nn_inputs_destroy(s->inputs);
    nn_mem_free(s->path);
    nn_mem_free(s->reason);
    nn_mem_free(s->member);
    nn_mem_free(s->ref);
    nn_mem_free(s->fd);
    nn_mem_free(s);
}

enum nn_status nn_member_read(const struct nn_member *m, const char *name,
                              uint8_t **bytes, size_t *size,
                              struct nn_error *err)
{
    unsigned char *block;
    enum nn_status st = NN_OK;

    if (m->damaged) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "cannot read '%s': damaged in the archive", name);
    }
    block = nn_mem_calloc(m->size + 1, 1);
    if (block == NULL) {
        return nn_fail_nomem(err);
    }
    if (m->fd < 0 && m->size > 0) {
        memcpy(block, m->mem, m->size);
    } else if (nn_file_pread(m->fd, block, m->size, m->offset)) {
        st = nn_fail(err, NN_ERR_IO, "cannot read '%s': %s", name,
                     errno != 0 ? strerror(errno) : "the archive is cut short");
    }
    if (st) {
        nn_mem_free(block);
        return st;
    }
    *bytes = block;
    *size = m->size;
    return NN_OK;
}

enum nn_status nn_dataset_read(const struct nn_dataset *ds, size_t i,
                               uint8_t **bytes, size_t *size,
                               struct nn_error *err)
{
    const struct nn_item *it = &ds->items[i];
    const struct nn_source *s = ds->source;
    size_t at = nn_where_index(it->where);

    switch (nn_where_kind(it->where)) {
    case NN_WHERE_FILE:
        return nn_file_read(s->path[at], NN_MAX_IMAGE, bytes, size, err);
    case NN_WHERE_MEMBER:
        return nn_member_read(&s->member[at], it->file, bytes, size, err);
    case NN_WHERE_GENERATED:
        return s->generator->read(s->generator_ctx, at, bytes, size, err);
    case NN_WHERE_BORROWED:
        return nn_dataset_read(s->ref[at].from, s->ref[at].item, bytes, size,
                               err);
    case NN_WHERE_POOL:
        return nn_pool_read(s->pool, at, bytes, size, err);
    case NN_WHERE_FAILED:
        return nn_fail(err, NN_ERR_IO, "%s", s->reason[at]);
    }
    return nn_fail(err, NN_ERR_ARG, "no such source");
}
