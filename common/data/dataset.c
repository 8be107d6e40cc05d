#include "common/data/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

#define DEFAULT_SPOOL ((size_t)512 << 20)

/* Equal names (a member that comes twice) stay in the order found. */
static int by_name(const void *a, const void *b)
{
    const struct nn_found *x = a, *y = b;
    int c = strcmp(x->name, y->name);

    return c != 0 ? c : (x->where > y->where) - (x->where < y->where);
}

static enum nn_status fill(struct nn_dataset *ds, struct nn_finder *f,
                           const char *path, struct nn_error *err)
{
    enum nn_status st = nn_find(f, path, err);

    if (st) {
        return st;
    }
    if (f->n == 0) {
        return nn_fail(err, NN_ERR_FORMAT, "no images in '%s'", path);
    }
    if (f->source->generator == NULL) {
        qsort(f->found, f->n, sizeof *f->found, by_name);
    }
    return nn_label_items(ds, f, err);
}

struct nn_dataset *nn_dataset_new(const char *path, size_t spool_bytes)
{
    struct nn_dataset *ds = nn_mem_calloc(1, sizeof *ds);

    if (ds == NULL) {
        return NULL;
    }
    ds->path = nn_mem_strdup(path);
    ds->source = nn_mem_calloc(1, sizeof *ds->source);
    if (ds->path == NULL || ds->source == NULL) {
        nn_dataset_close(&ds);
        return NULL;
    }
    ds->source->spool_fd = -1;
    ds->source->memory_limit = spool_bytes > 0 ? spool_bytes : DEFAULT_SPOOL;
    return ds;
}

enum nn_status nn_dataset_open(const char *path,
                               const struct nn_dataset_options *opt,
                               struct nn_dataset **out, struct nn_error *err)
{
    struct nn_dataset *ds = nn_dataset_new(path, opt->spool_bytes);
    struct nn_finder f = { .opt = opt };
    enum nn_status st;

    *out = NULL;
    if (ds == NULL) {
        return nn_fail_nomem(err);
    }
    f.source = ds->source;
    st = fill(ds, &f, path, err);
    nn_finder_release(&f);
    if (st) {
        nn_dataset_close(&ds);
        return st;
    }
    *out = ds;
    return NN_OK;
}

enum nn_status nn_dataset_open_files(const char *const *paths, size_t n,
                                     struct nn_dataset **out,
                                     struct nn_error *err)
{
    const struct nn_dataset_options opt = { .as_pool = 1 };
    struct nn_dataset *ds;
    struct nn_finder f = { .opt = &opt };
    enum nn_status st;

    *out = NULL;
    if (n == 0) {
        return nn_fail(err, NN_ERR_ARG, "no files");
    }
    ds = nn_dataset_new("(files)", 0);
    if (ds == NULL) {
        return nn_fail_nomem(err);
    }
    f.source = ds->source;
    for (size_t i = 0; i < n; i++) {
        struct nn_found found = { .name = (char *)(uintptr_t)paths[i],
                                  .split = NN_SPLIT_NONE,
                                  .weight = 1 };

        st = nn_find_file(&f, found, paths[i], err);
        if (st) {
            goto out;
        }
    }
    st = nn_label_items(ds, &f, err);
    if (st) {
        goto out;
    }
    *out = ds;
    ds = NULL;
out:
    nn_finder_release(&f);
    nn_dataset_close(&ds);
    return st;
}

static void free_names(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        nn_mem_free(names[i]);
    }
    nn_mem_free(names);
}

void nn_item_release(struct nn_item *it)
{
    nn_mem_free((char *)(uintptr_t)it->file);
    nn_mem_free(it->why);
}

void nn_dataset_close(struct nn_dataset **dp)
{
    struct nn_dataset *ds = *dp;

    *dp = NULL;
    if (ds == NULL) {
        return;
    }
    for (size_t i = 0; i < ds->n; i++) {
        nn_item_release(&ds->items[i]);
    }
    free_names(ds->classes, ds->n_classes);
    free_names(ds->families, ds->n_families);
    free_names(ds->negatives, ds->n_negatives);
    free_names(ds->doubtful, ds->n_doubtful);
    nn_mem_free(ds->items);
    nn_source_destroy(ds->source);
    nn_mem_free(ds->path);
    nn_mem_free(ds);
}

void nn_dataset_hash(const struct nn_dataset *ds, char hex[33])
{
    uint64_t a = 1, b = 2;

    for (size_t k = 0; k < ds->n_classes; k++) {
        a = nn_hash_u64(ds->classes[k], strlen(ds->classes[k]) + 1, a);
    }
    for (size_t i = 0; i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];
        const int32_t v[3] = { it->label, it->family, (int32_t)it->split };

        a = nn_hash_u64(it->file, strlen(it->file) + 1, a);
        b = nn_hash_u64(v, sizeof v, b);
        b = nn_hash_u64(&it->hash, sizeof it->hash, b);
        if (it->weight < 1 || it->weight > 1) {
            b = nn_hash_u64(&it->weight, sizeof it->weight, b);
        }
    }
    snprintf(hex, 33, "%016llx%016llx", (unsigned long long)a,
             (unsigned long long)b);
}
