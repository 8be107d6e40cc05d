#include "common/data/inputs.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

#define MOST ((size_t)256 << 20)

struct entry {
    uint64_t where; /* of the item in its source */
    int32_t size, side;
    uint8_t *rgb; /* NULL: free */
};

struct nn_inputs {
    pthread_mutex_t lock;
    struct entry *entry; /* open addressing, a power of two, half full */
    size_t n, cap;
    size_t used, budget; /* bytes of rgb */
};

enum nn_status nn_dataset_keep_inputs(struct nn_dataset *ds, size_t bytes,
                                      struct nn_error *err)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t eighth =
        pages > 0 && page > 0 ? (size_t)pages / 8 * (size_t)page : MOST;
    struct nn_inputs *k = nn_mem_calloc(1, sizeof *k);

    if (k == NULL) {
        return nn_fail_nomem(err);
    }
    pthread_mutex_init(&k->lock, NULL);
    k->budget = bytes > 0 ? bytes : eighth < MOST ? eighth : MOST;
    ds->source->inputs = k;
    return NN_OK;
}

void nn_inputs_destroy(struct nn_inputs *k)
{
    if (k == NULL) {
        return;
    }
    for (size_t i = 0; i < k->cap; i++) {
        nn_mem_free(k->entry[i].rgb);
    }
    nn_mem_free(k->entry);
    pthread_mutex_destroy(&k->lock);
    nn_mem_free(k);
}

/* Where item i is kept, and under which key. */
static struct nn_inputs *find(const struct nn_dataset *ds, size_t i,
                              const struct nn_input *in, struct entry *key)
{
    uint64_t where = ds->items[i].where;

    while (nn_where_kind(where) == NN_WHERE_BORROWED) {
        const struct nn_item_ref *b = &ds->source->ref[nn_where_index(where)];

        ds = b->from;
        where = ds->items[b->item].where;
    }
    *key = (struct entry){ where, in->size, in->side, NULL };
    return ds->source->inputs;
}

static int same(const struct entry *a, const struct entry *b)
{
    return a->where == b->where && a->size == b->size && a->side == b->side;
}

/* The entry of that key, or the free one where it would stand. */
static struct entry *slot_of(const struct nn_inputs *k, const struct entry *key)
{
    uint64_t h = nn_hash_u64(&key->where, sizeof key->where,
                             (uint64_t)key->size << 32 | (uint32_t)key->side);
    size_t at = (size_t)h & (k->cap - 1);

    while (k->entry[at].rgb != NULL && !same(&k->entry[at], key)) {
        at = (at + 1) & (k->cap - 1);
    }
    return &k->entry[at];
}

/* Twice the table. On failure the old one stays and nothing more is kept. */
static void grow(struct nn_inputs *k)
{
    struct nn_inputs more = *k;

    more.cap = k->cap > 0 ? 2 * k->cap : 256;
    more.entry = nn_mem_calloc(more.cap, sizeof *more.entry);
    if (more.entry == NULL) {
        k->budget = 0;
        return;
    }
    for (size_t i = 0; i < k->cap; i++) {
        if (k->entry[i].rgb != NULL) {
            *slot_of(&more, &k->entry[i]) = k->entry[i];
        }
    }
    nn_mem_free(k->entry);
    k->entry = more.entry;
    k->cap = more.cap;
}

int nn_inputs_get(const struct nn_dataset *ds, size_t i,
                  const struct nn_input *in, uint8_t *rgb)
{
    struct entry key;
    struct nn_inputs *k = find(ds, i, in, &key);
    const uint8_t *kept = NULL;

    if (k == NULL) {
        return 0;
    }
    pthread_mutex_lock(&k->lock);
    if (k->cap > 0) {
        kept = slot_of(k, &key)->rgb;
    }
    pthread_mutex_unlock(&k->lock);
    if (kept == NULL) {
        return 0;
    }
    /* Never changed or freed while the data set lives. */
    memcpy(rgb, kept, (size_t)in->size * (size_t)in->size * 3);
    return 1;
}

void nn_inputs_put(const struct nn_dataset *ds, size_t i,
                   const struct nn_input *in, const uint8_t *rgb)
{
    struct entry key, *to;
    struct nn_inputs *k = find(ds, i, in, &key);
    size_t bytes = (size_t)in->size * (size_t)in->size * 3;

    if (k == NULL) {
        return;
    }
    pthread_mutex_lock(&k->lock);
    if (2 * (k->n + 1) > k->cap && k->used + bytes <= k->budget) {
        grow(k);
    }
    if (k->used + bytes <= k->budget) {
        to = slot_of(k, &key);
        key.rgb = to->rgb == NULL ? nn_mem_realloc(NULL, bytes, 1) : NULL;
        if (key.rgb != NULL) {
            memcpy(key.rgb, rgb, bytes);
            *to = key;
            k->n++;
            k->used += bytes;
        }
    }
    pthread_mutex_unlock(&k->lock);
}
