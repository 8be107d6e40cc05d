#include "common/data/pool.h"

#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

/* One source. Of a generator there is no pool index. */
struct nn_pool_part {
    size_t first, n;
    struct nn_source *source; /* open archives, or the generator */
    struct nn_pool_index *pool_index;
};

/* --- opening --- */

static enum nn_status open_generated(struct nn_pool_part *part,
                                     const struct nn_generator *g,
                                     const char *spec, struct nn_pool *p,
                                     struct nn_error *err)
{
    enum nn_status st =
        g->open(spec, &part->source->generator_ctx, &part->n, err);

    if (st) {
        return st;
    }
    part->source->generator = g;
    p->hash = nn_hash_u64(spec, strlen(spec) + 1, p->hash);
    return NN_OK;
}

static enum nn_status open_listed(struct nn_pool_part *part, const char *path,
                                  const struct nn_dataset_options *opt,
                                  struct nn_pool *p, struct nn_error *err)
{
    struct nn_dataset_options own = *opt;
    struct nn_finder f = { .source = part->source, .opt = &own };
    uint64_t hash;
    enum nn_status st = nn_pool_index_create(&part->pool_index, err);

    if (st) {
        return st;
    }
    own.as_pool = 1;
    f.pool_index = part->pool_index;
    st = nn_find(&f, path, err);
    if (st) {
        goto out;
    }
    st = nn_pool_index_finish(part->pool_index, err);
    if (st) {
        goto out;
    }
    part->n = nn_pool_index_count(part->pool_index);
    hash = nn_pool_index_hash(part->pool_index);
    p->hash = nn_hash_u64(&hash, sizeof hash, p->hash);
out:
    nn_finder_release(&f);
    return st;
}

static enum nn_status open_part(struct nn_pool *p, const char *path,
                                const struct nn_dataset_options *opt,
                                struct nn_error *err)
{
    const struct nn_generator *g = nn_find_generator(path, opt);
    struct nn_pool_part *part = &p->part[p->n_parts++];
    enum nn_status st;

    part->first = p->n;
    part->source = nn_mem_calloc(1, sizeof *part->source);
    if (part->source == NULL) {
        return nn_fail_nomem(err);
    }
    part->source->spool_fd = -1; /* and no unpacked bytes in memory */
    st = g != NULL ? open_generated(part, g, path, p, err)
                   : open_listed(part, path, opt, p, err);
    if (st) {
        return st;
    }
    if (part->n == 0) {
        return nn_fail(err, NN_ERR_FORMAT, "no images in '%s'", path);
    }
    if (part->n > UINT32_MAX - p->n) {
        return nn_fail(err, NN_ERR_ARG, "a pool holds at most 2^32 - 1 images");
    }
    p->n += part->n;
    return NN_OK;
}

enum nn_status nn_pool_open(const char *const *sources, size_t n_sources,
                            const struct nn_dataset_options *opt,
                            struct nn_pool **out, struct nn_error *err)
{
    struct nn_pool *p = nn_mem_calloc(1, sizeof *p);
    enum nn_status st;

    *out = NULL;
    if (p == NULL) {
        return nn_fail_nomem(err);
    }
    p->part = nn_mem_calloc(n_sources, sizeof *p->part);
    p->path = n_sources == 1 ? nn_mem_strdup(sources[0])
                             : nn_mem_sprintf("%s and %zu more", sources[0],
                                              n_sources - 1);
    if (p->part == NULL || p->path == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < n_sources; i++) {
        st = open_part(p, sources[i], opt, err);
        if (st) {
            goto out;
        }
    }
    *out = p;
    p = NULL;
out:
    nn_pool_close(&p);
    return st;
}

void nn_pool_close(struct nn_pool **pp)
{
    struct nn_pool *p = *pp;

    *pp = NULL;
    if (p == NULL) {
        return;
    }
    for (size_t i = 0; i < p->n_parts; i++) {
        nn_pool_index_destroy(&p->part[i].pool_index);
        nn_source_destroy(p->part[i].source);
    }
    nn_mem_free(p->part);
    nn_mem_free(p->path);
    nn_mem_free(p);
}

/* --- use --- */

static const struct nn_pool_part *part_of(const struct nn_pool *p, size_t i)
{
    const struct nn_pool_part *part = p->part;

    while (i >= part->first + part->n) {
        part++;
    }
    return part;
}

enum nn_status nn_pool_read(const struct nn_pool *p, size_t i, uint8_t **bytes,
                            size_t *size, struct nn_error *err)
{
    const struct nn_pool_part *part = part_of(p, i);
    const struct nn_source *s = part->source;

    i -= part->first;
    return part->pool_index != NULL
               ? nn_pool_index_read(part->pool_index, i, bytes, size, err)
               : s->generator->read(s->generator_ctx, i, bytes, size, err);
}

int nn_pool_renders(const struct nn_pool *p, size_t i)
{
    return part_of(p, i)->pool_index == NULL;
}

static enum nn_status name_of(const struct nn_pool *p, size_t i, char **name,
                              struct nn_error *err)
{
    const struct nn_pool_part *part = part_of(p, i);
    const struct nn_source *s = part->source;
    struct nn_generator_item item = { .split = NN_SPLIT_NONE };
    enum nn_status st;

    i -= part->first;
    if (part->pool_index != NULL) {
        return nn_pool_index_name(part->pool_index, i, name, err);
    }
    st = s->generator->describe(s->generator_ctx, i, &item);
    if (st) {
        return nn_fail(err, st, "cannot describe image %zu of '%s'", i,
                       p->path);
    }
    *name = nn_mem_strdup(item.file);
    return *name == NULL ? nn_fail_nomem(err) : NN_OK;
}

enum nn_status nn_pool_take(const struct nn_pool *p, const uint32_t *index,
                            size_t n, struct nn_dataset **out,
                            struct nn_error *err)
{
    struct nn_dataset *ds = nn_dataset_new(p->path, 0);
    enum nn_status st = NN_OK;

    *out = NULL;
    if (ds == NULL) {
        return nn_fail_nomem(err);
    }
    ds->source->pool = p;
    ds->unlabelled = 1;
    ds->items = nn_mem_calloc(n, sizeof *ds->items);
    if (ds->items == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        char *name = NULL;

        if (index[i] >= p->n) {
            st = nn_fail(err, NN_ERR_ARG, "no image %u in '%s' (%zu)",
                         (unsigned)index[i], p->path, p->n);
            goto out;
        }
        st = name_of(p, index[i], &name, err);
        if (st) {
            goto out;
        }
        ds->items[ds->n++] = (struct nn_item){
            .file = name,
            .label = NN_NEGATIVE,
            .family = -1,
            .split = NN_SPLIT_NONE,
            .weight = 1,
            .where = nn_where_pack(NN_WHERE_POOL, index[i]),
        };
    }
    *out = ds;
    ds = NULL;
out:
    nn_dataset_close(&ds);
    return st;
}
