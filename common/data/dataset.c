#include "common/data/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

#define DEFAULT_SPOOL ((size_t)512 << 20)

/* --- the list of what was found ---------------------------------------------- */

static char *copy(const char *s, int *failed)
{
    char *c = s != NULL ? nn_mem_strdup(s) : NULL;

    *failed |= s != NULL && c == NULL;
    return c;
}

enum nn_status nn_find_add(struct nn_finder *f, const struct nn_found *found,
                           struct nn_error *err)
{
    struct nn_found *x;
    int failed = 0;

    if (nn_mem_grow(&f->found, &f->cap, f->n + 1, sizeof *f->found)) {
        return nn_fail_nomem(err);
    }
    x = &f->found[f->n++];
    *x = *found;
    x->name = copy(found->name, &failed);
    x->label = copy(found->label, &failed);
    x->family = copy(found->family, &failed);
    return failed ? nn_fail_nomem(err) : NN_OK;
}

enum nn_status nn_find_file(struct nn_finder *f, const char *name,
                            const char *path, struct nn_error *err)
{
    struct nn_source *s = f->source;
    struct nn_found found = { .kind = NN_WHERE_FILE, .where = s->n_paths,
                              .split = NN_SPLIT_NONE,
                              .name = (char *)(uintptr_t)name };
    char *own = nn_mem_strdup(path);

    if (own == NULL || nn_mem_grow(&s->path, &s->cap_paths, s->n_paths + 1,
                                   sizeof *s->path)) {
        nn_mem_free(own);
        return nn_fail_nomem(err);
    }
    s->path[s->n_paths++] = own;
    return nn_find_add(f, &found, err);
}

void nn_finder_release(struct nn_finder *f)
{
    for (size_t i = 0; i < f->n; i++) {
        nn_mem_free(f->found[i].name);
        nn_mem_free(f->found[i].label);
        nn_mem_free(f->found[i].family);
    }
    nn_mem_free(f->found);
}

/* --- opening -------------------------------------------------------------------- */

static const struct nn_generator *
find_generator(const char *path, const struct nn_dataset_options *opt)
{
    size_t n = strcspn(path, ":");

    for (size_t i = 0; opt->generators != NULL && path[n] == ':' &&
                       opt->generators[i] != NULL;
         i++) {
        const struct nn_generator *g = opt->generators[i];

        if (strlen(g->name) == n && strncmp(g->name, path, n) == 0) {
            return g;
        }
    }
    return NULL;
}

static enum nn_status find_generated(struct nn_finder *f, const char *spec,
                                     const struct nn_generator *g,
                                     struct nn_error *err)
{
    size_t n = 0;
    enum nn_status st = g->open(spec, &f->source->generator_ctx, &n, err);

    if (st) {
        return st;
    }
    f->source->generator = g;
    for (size_t i = 0; !st && i < n; i++) {
        struct nn_generator_item item = { 0 };
        struct nn_found found = { .kind = NN_WHERE_GENERATED, .where = i,
                                  .labelled = 1 };

        st = g->describe(f->source->generator_ctx, i, &item);
        if (st) {
            return nn_fail(err, st, "cannot describe picture %zu of '%s'", i,
                           spec);
        }
        found.name = (char *)(uintptr_t)item.file;
        found.label = (char *)(uintptr_t)item.label;
        found.family = (char *)(uintptr_t)item.family;
        found.split = item.split;
        st = nn_find_add(f, &found, err);
    }
    return st;
}

static enum nn_status find_all(struct nn_finder *f, const char *path,
                               int *is_archive, struct nn_error *err)
{
    const struct nn_generator *g = find_generator(path, f->opt);

    *is_archive = 0;
    if (g != NULL) {
        return find_generated(f, path, g, err);
    }
    if (nn_file_is_dir(path)) {
        return nn_find_folder(f, path, err);
    }
    if (nn_ends_with(path, ".csv")) {
        return nn_find_csv(f, path, err);
    }
    if (nn_ends_with(path, ".jsonl")) {
        return nn_find_jsonl(f, path, err);
    }
    if (nn_is_archive_name(path)) {
        *is_archive = 1;
        return nn_find_archive(f, path, NN_SPLIT_NONE, err);
    }
    if (f->opt->as_pool && nn_file_exists(path)) {
        return nn_find_file(f, path, path, err);
    }
    if (!nn_file_exists(path)) {
        return nn_fail(err, NN_ERR_IO, "cannot open '%s': no such file or "
                                       "folder", path);
    }
    return nn_fail(err, NN_ERR_FORMAT,
                   "'%s' is no folder, archive (.tar, .tar.gz, .zip) or "
                   "manifest (.csv, .jsonl)",
                   path);
}

/* In a pool people see "folder/name" or "archive:name", not a bare name. */
static enum nn_status show_whole_names(struct nn_finder *f, const char *path,
                                       int is_archive, struct nn_error *err)
{
    int is_dir = nn_file_is_dir(path);

    for (size_t i = 0; (is_dir || is_archive) && i < f->n; i++) {
        char *name = is_dir ? nn_path_join(path, f->found[i].name)
                            : nn_mem_sprintf("%s:%s", path, f->found[i].name);

        if (name == NULL) {
            return nn_fail_nomem(err);
        }
        nn_mem_free(f->found[i].name);
        f->found[i].name = name;
    }
    return NN_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct nn_found *x = a, *y = b;
    int c = strcmp(x->name, y->name);

    return c != 0 ? c : (x->where > y->where) - (x->where < y->where);
}

static enum nn_status fill(struct nn_dataset *ds, struct nn_finder *f,
                           const char *path, struct nn_error *err)
{
    int is_archive;
    enum nn_status st = find_all(f, path, &is_archive, err);

    if (!st && f->n == 0) {
        st = nn_fail(err, NN_ERR_FORMAT, "no pictures in '%s'", path);
    }
    if (!st && f->opt->as_pool) {
        st = show_whole_names(f, path, is_archive, err);
    }
    if (st) {
        return st;
    }
    if (f->source->generator == NULL) {
        qsort(f->found, f->n, sizeof *f->found, by_name);
    }
    return nn_label_items(ds, f, is_archive, err);
}

static struct nn_dataset *create(const char *path, size_t spool_bytes)
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
    struct nn_dataset *ds = create(path, opt->spool_bytes);
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
    enum nn_status st = NN_OK;

    *out = NULL;
    if (n == 0) {
        return nn_fail(err, NN_ERR_ARG, "no files");
    }
    ds = create("(files)", 0);
    if (ds == NULL) {
        return nn_fail_nomem(err);
    }
    f.source = ds->source;
    for (size_t i = 0; !st && i < n; i++) {
        st = nn_find_file(&f, paths[i], paths[i], err);
    }
    if (!st) {
        st = nn_label_items(ds, &f, 0, err);
    }
    nn_finder_release(&f);
    if (st) {
        nn_dataset_close(&ds);
        return st;
    }
    *out = ds;
    return NN_OK;
}

void nn_dataset_close(struct nn_dataset **dp)
{
    struct nn_dataset *ds = *dp;

    *dp = NULL;
    if (ds == NULL) {
        return;
    }
    for (size_t i = 0; i < ds->n; i++) {
        nn_mem_free((char *)(uintptr_t)ds->items[i].file);
    }
    for (size_t i = 0; i < ds->n_classes; i++) {
        nn_mem_free(ds->classes[i]);
    }
    for (size_t i = 0; i < ds->n_families; i++) {
        nn_mem_free(ds->families[i]);
    }
    nn_mem_free(ds->classes);
    nn_mem_free(ds->families);
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
    }
    snprintf(hex, 33, "%016llx%016llx", (unsigned long long)a,
             (unsigned long long)b);
}
