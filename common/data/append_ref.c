/* Images of one data set in another. */
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

static enum nn_status check(const struct nn_dataset *ds,
                            const struct nn_dataset *from,
                            const uint32_t *index, size_t n, int32_t label,
                            struct nn_error *err)
{
    if (label != NN_NEGATIVE && (label < 0 || (size_t)label >= ds->n_classes)) {
        return nn_fail(err, NN_ERR_ARG, "no class %d in '%s'", (int)label,
                       ds->path);
    }
    for (size_t i = 0; i < n; i++) {
        if (index[i] >= from->n) {
            return nn_fail(err, NN_ERR_ARG, "no image %u in '%s' (%zu)",
                           (unsigned)index[i], from->path, from->n);
        }
    }
    return NN_OK;
}

/* Room for n more in both tables. */
static enum nn_status reserve(struct nn_dataset *ds, size_t n)
{
    struct nn_source *s = ds->source;
    struct nn_item *items;

    if (nn_mem_grow(&s->ref, &s->cap_refs, s->n_refs + n, sizeof *s->ref)) {
        return NN_ERR_NOMEM;
    }
    items = nn_mem_realloc(ds->items, ds->n + n, sizeof *items);
    if (items == NULL) {
        return NN_ERR_NOMEM;
    }
    ds->items = items;
    return NN_OK;
}

enum nn_status nn_dataset_append_ref(struct nn_dataset *ds,
                                     const struct nn_dataset *from,
                                     const uint32_t *index, size_t n,
                                     int32_t label, enum nn_split split,
                                     struct nn_error *err)
{
    struct nn_source *s = ds->source;
    size_t had = ds->n, had_refs = s->n_refs;
    enum nn_status st = check(ds, from, index, n, label, err);

    if (st || n == 0) {
        return st;
    }
    if (reserve(ds, n)) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        struct nn_item it = from->items[index[i]];
        int of_pool = nn_where_kind(it.where) == NN_WHERE_POOL &&
                      (s->pool == NULL || s->pool == from->source->pool);

        it.file = nn_mem_strdup(it.file);
        if (it.file == NULL) {
            while (ds->n > had) {
                nn_mem_free((char *)(uintptr_t)ds->items[--ds->n].file);
            }
            s->n_refs = had_refs;
            return nn_fail_nomem(err);
        }
        it.label = label;
        it.family = -1;
        it.split = split;
        it.group = 0;
        it.why = NULL;
        if (of_pool) { /* straight from there: `from` may go */
            s->pool = from->source->pool;
        } else {
            it.where = nn_where_pack(NN_WHERE_BORROWED, s->n_refs);
            s->ref[s->n_refs++] = (struct nn_item_ref){ from, index[i] };
        }
        ds->items[ds->n++] = it;
    }
    return NN_OK;
}
