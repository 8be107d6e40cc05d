/* Images of files and archives behind those of a data set. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

/* found.group holds the place in the list until it is sorted. */
static int in_order(const void *a, const void *b)
{
    const struct nn_found *x = a, *y = b;

    return (x->group > y->group) - (x->group < y->group);
}

static enum nn_status find_all(struct nn_finder *f, const struct nn_place *p,
                               size_t n, const char *list, struct nn_error *err)
{
    struct nn_archive_reader members = { .n = 0 };
    enum nn_status st = NN_OK;

    for (size_t i = 0; i < n; i++) {
        struct nn_found found = { .name = (char *)(uintptr_t)p[i].path,
                                  .split = NN_TRAIN,
                                  .group = i,
                                  .weight = 1 };
        size_t prefix = nn_archive_prefix(p[i].path);

        st = prefix > 0 ? nn_archive_reader_add(&members, p[i].path, prefix,
                                                &found, p[i].line, err)
                        : nn_find_file(f, found, p[i].path, err);
        if (st) {
            goto out;
        }
    }
    st = nn_archive_reader_run(&members, f, list, err);
out:
    nn_archive_reader_release(&members);
    return st;
}

enum nn_status nn_dataset_append_places(struct nn_dataset *ds,
                                        const struct nn_place *p, size_t n,
                                        const char *list, struct nn_error *err)
{
    const struct nn_dataset_options opt = { .as_pool = 1 };
    struct nn_finder f = { .source = ds->source, .opt = &opt };
    struct nn_item *items;
    enum nn_status st = find_all(&f, p, n, list, err);

    if (st || f.n == 0) {
        goto out;
    }
    items = nn_mem_realloc(ds->items, ds->n + f.n, sizeof *items);
    if (items == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    ds->items = items;
    qsort(f.found, f.n, sizeof *f.found, in_order);
    for (size_t i = 0; i < f.n; i++) {
        struct nn_found *x = &f.found[i];

        items[ds->n++] = (struct nn_item){
            .file = x->name,
            .label = NN_NEGATIVE,
            .family = -1,
            .split = x->split,
            .weight = x->weight,
            .where = nn_where_pack(x->kind, x->where),
        };
        x->name = NULL; /* the item owns it now */
    }
out:
    nn_finder_release(&f);
    return st;
}
