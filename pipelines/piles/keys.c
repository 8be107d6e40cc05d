#include "pipelines/piles/keys.h"

#include "common/base/mem.h"

/* Where key stands, or the free place for it; there is one. */
static size_t place_of(const struct pile_keys *k, uint64_t key)
{
    size_t i = (size_t)(key & (k->cap - 1));

    while (k->v[i] != 0 && k->v[i] != key) {
        i = (i + 1) & (k->cap - 1);
    }
    return i;
}

static enum nn_status grow(struct pile_keys *k)
{
    struct pile_keys more = { .cap = k->cap > 0 ? 2 * k->cap : 1024,
                              .n = k->n };

    more.v = nn_mem_calloc(more.cap, sizeof *more.v);
    if (more.v == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < k->cap; i++) {
        if (k->v[i] != 0) {
            more.v[place_of(&more, k->v[i])] = k->v[i];
        }
    }
    nn_mem_free(k->v);
    *k = more;
    return NN_OK;
}

enum nn_status pile_keys_add(struct pile_keys *k, uint64_t key)
{
    size_t at;

    key = key != 0 ? key : 1;
    if (2 * (k->n + 1) > k->cap && grow(k)) {
        return NN_ERR_NOMEM;
    }
    at = place_of(k, key);
    k->n += k->v[at] == 0;
    k->v[at] = key;
    return NN_OK;
}

int pile_keys_have(const struct pile_keys *k, uint64_t key)
{
    key = key != 0 ? key : 1;
    return k->cap > 0 && k->v[place_of(k, key)] == key;
}

void pile_keys_release(struct pile_keys *k)
{
    nn_mem_free(k->v);
    *k = (struct pile_keys){ .v = NULL };
}
