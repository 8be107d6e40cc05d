/* The class table of a data set, replaced by a larger one. */
#include <string.h>

#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

/* Is name one of the parts of a class "a|b|c"? */
static int is_part(const char *joined, const char *name)
{
    size_t len = strlen(name);
    const char *p = joined;

    for (;;) {
        size_t n = strcspn(p, "|");

        if (n == len && memcmp(p, name, n) == 0) {
            return 1;
        }
        if (p[n] == '\0') {
            return 0;
        }
        p += n + 1;
    }
}

/* Place of a name, or of the class that is joined from it; or -1. */
static int32_t place_of(const char *const *classes, size_t n, const char *name)
{
    for (size_t k = 0; k < n; k++) {
        if (strcmp(classes[k], name) == 0) {
            return (int32_t)k;
        }
    }
    for (size_t k = 0; k < n; k++) {
        if (is_part(classes[k], name)) {
            return (int32_t)k;
        }
    }
    return -1;
}

static void free_names(char **names, size_t n)
{
    for (size_t k = 0; names != NULL && k < n; k++) {
        nn_mem_free(names[k]);
    }
    nn_mem_free(names);
}

/* Copies of n names; NULL when out of memory. */
static char **copy_names(const char *const *names, size_t n)
{
    char **copy = nn_mem_calloc(n, sizeof *copy);

    for (size_t k = 0; copy != NULL && k < n; k++) {
        copy[k] = nn_mem_strdup(names[k]);
        if (copy[k] == NULL) {
            free_names(copy, n);
            return NULL;
        }
    }
    return copy;
}

enum nn_status nn_dataset_set_classes(struct nn_dataset *ds,
                                      const char *const *classes, size_t n,
                                      struct nn_error *err)
{
    int32_t *to;
    char **own;

    for (size_t k = 0; k < ds->n_classes; k++) {
        if (place_of(classes, n, ds->classes[k]) < 0) {
            return nn_fail(err, NN_ERR_ARG, "unknown class '%s' in '%s'",
                           ds->classes[k], ds->path);
        }
    }
    own = copy_names(classes, n);
    to = nn_mem_calloc(ds->n_classes + 1, sizeof *to);
    if (own == NULL || to == NULL) {
        free_names(own, n);
        nn_mem_free(to);
        return nn_fail_nomem(err);
    }
    for (size_t k = 0; k < ds->n_classes; k++) {
        to[k] = place_of(classes, n, ds->classes[k]);
    }
    for (size_t i = 0; i < ds->n; i++) {
        if (ds->items[i].label != NN_NEGATIVE) {
            ds->items[i].label = to[ds->items[i].label];
        }
    }
    free_names(ds->classes, ds->n_classes);
    ds->classes = own;
    ds->n_classes = n;
    nn_mem_free(to);
    return NN_OK;
}

size_t nn_dataset_drop_unreadable_class(struct nn_dataset *ds, size_t k)
{
    size_t n = 0;

    for (size_t i = 0; i < ds->n; i++) {
        n += ds->items[i].label == (int32_t)k;
        if (ds->items[i].label == (int32_t)k && !ds->items[i].bad) {
            return 0;
        }
    }
    for (size_t i = 0; i < ds->n; i++) {
        struct nn_item *it = &ds->items[i];

        if (it->label == (int32_t)k) {
            it->label = NN_NEGATIVE;
        } else if (it->label > (int32_t)k) {
            it->label--;
        }
    }
    nn_mem_free(ds->classes[k]);
    ds->n_classes--;
    memmove(ds->classes + k, ds->classes + k + 1,
            (ds->n_classes - k) * sizeof *ds->classes);
    return n;
}
