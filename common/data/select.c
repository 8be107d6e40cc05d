/* Items of a split and of a kind, and families by name. */
#include <string.h>

#include "common/base/mem.h"
#include "common/data/dataset.h"

int nn_item_in(const struct nn_item *it, enum nn_split split,
               enum nn_item_kind kind)
{
    int positive = it->label != NN_NEGATIVE;

    return !it->bad && it->split == split &&
           (kind == NN_ITEMS_ALL || positive == (kind == NN_ITEMS_POSITIVE));
}

size_t nn_dataset_count(const struct nn_dataset *ds, enum nn_split split,
                        enum nn_item_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < ds->n; i++) {
        n += (size_t)nn_item_in(&ds->items[i], split, kind);
    }
    return n;
}

uint32_t *nn_dataset_list(const struct nn_dataset *ds, enum nn_split split,
                          enum nn_item_kind kind, size_t *n)
{
    uint32_t *v = nn_mem_calloc(ds->n, sizeof *v);

    *n = 0;
    for (size_t i = 0; v != NULL && i < ds->n; i++) {
        if (nn_item_in(&ds->items[i], split, kind)) {
            v[(*n)++] = (uint32_t)i;
        }
    }
    return v;
}

enum nn_status nn_dataset_left_out(const struct nn_dataset *ds,
                                   const char *name, int32_t *family,
                                   struct nn_error *err)
{
    for (size_t f = 0; f < ds->n_families; f++) {
        if (strcmp(ds->families[f], name) == 0) {
            *family = (int32_t)f;
            return NN_OK;
        }
    }
    return nn_fail(err, NN_ERR_ARG,
                   "'%s' has no negative family '%s' to leave out", ds->path,
                   name);
}
