/* What lies under a path: a folder, an archive, a manifest, a generator. */
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

static char *copy(const char *s, int *failed)
{
    char *c = s != NULL ? nn_mem_strdup(s) : NULL;

    *failed |= s != NULL && c == NULL;
    return c;
}

int nn_found_copy(struct nn_found *to, const struct nn_found *from)
{
    int failed = 0;

    *to = *from;
    to->name = copy(from->name, &failed);
    to->label = copy(from->label, &failed);
    to->family = copy(from->family, &failed);
    return failed;
}

/* The source's tables hold this one image: it moves to the pool index. */
static enum nn_status to_pool_index(struct nn_finder *f,
                                    const struct nn_found *found,
                                    struct nn_error *err)
{
    struct nn_source *s = f->source;
    int is_file = found->kind == NN_WHERE_FILE;
    enum nn_status st = nn_pool_index_add(
        f->pool_index, found->name, is_file ? s->path[found->where] : NULL,
        is_file ? NULL : &s->member[found->where], err);

    if (is_file) {
        nn_mem_free(s->path[--s->n_paths]);
    } else {
        nn_mem_free(s->member[--s->n_members].mem);
    }
    if (st) {
        return st;
    }
    f->n++;
    return NN_OK;
}

enum nn_status nn_find_add(struct nn_finder *f, const struct nn_found *found,
                           struct nn_error *err)
{
    if (f->pool_index != NULL) {
        return to_pool_index(f, found, err);
    }
    if (nn_mem_grow(&f->found, &f->cap, f->n + 1, sizeof *f->found)) {
        return nn_fail_nomem(err);
    }
    return nn_found_copy(&f->found[f->n++], found) ? nn_fail_nomem(err) : NN_OK;
}

enum nn_status nn_find_file(struct nn_finder *f, struct nn_found found,
                            const char *path, struct nn_error *err)
{
    struct nn_source *s = f->source;
    char *own = nn_mem_strdup(path);

    if (own == NULL ||
        nn_mem_grow(&s->path, &s->cap_paths, s->n_paths + 1, sizeof *s->path)) {
        nn_mem_free(own);
        return nn_fail_nomem(err);
    }
    found.kind = NN_WHERE_FILE;
    found.where = s->n_paths;
    s->path[s->n_paths++] = own;
    return nn_find_add(f, &found, err);
}

void nn_finder_release(struct nn_finder *f)
{
    for (size_t i = 0; f->found != NULL && i < f->n; i++) {
        nn_mem_free(f->found[i].name);
        nn_mem_free(f->found[i].label);
        nn_mem_free(f->found[i].family);
    }
    nn_mem_free(f->found);
    *f = (struct nn_finder){ 0 };
}

const struct nn_generator *
nn_find_generator(const char *path, const struct nn_dataset_options *opt)
{
    size_t n = strcspn(path, ":");
    const struct nn_generator *const *g = opt->generators;

    for (; g != NULL && *g != NULL && path[n] == ':'; g++) {
        if (strlen((*g)->name) == n && strncmp((*g)->name, path, n) == 0) {
            return *g;
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
    for (size_t i = 0; i < n; i++) {
        struct nn_generator_item item = { .split = NN_SPLIT_NONE };
        struct nn_found found = {
            .kind = NN_WHERE_GENERATED, .where = i, .labelled = 1, .weight = 1
        };

        st = g->describe(f->source->generator_ctx, i, &item);
        if (st) {
            return nn_fail(err, st, "cannot describe image %zu of '%s'", i,
                           spec);
        }
        found.name = (char *)(uintptr_t)item.file;
        found.label = (char *)(uintptr_t)item.label;
        found.family = (char *)(uintptr_t)item.family;
        found.split = item.split;
        st = nn_find_add(f, &found, err);
        if (st) {
            return st;
        }
    }
    return NN_OK;
}

/* People see "pool:member", not a bare name that may come from any pool. */
static enum nn_status find_pool_archive(struct nn_finder *f, const char *path,
                                        struct nn_error *err)
{
    char *prefix = nn_mem_sprintf("%s:", path);
    enum nn_status st;

    if (prefix == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_find_archive(f, path, prefix, NN_SPLIT_NONE, err);
    nn_mem_free(prefix);
    return st;
}

static enum nn_status find_in_folder(struct nn_finder *f, const char *path,
                                     struct nn_error *err)
{
    int taken = 0;

    if (!f->opt->as_pool) {
        enum nn_status st = nn_find_described(f, path, &taken, err);

        if (st || taken) {
            return st;
        }
    }
    return nn_find_folder(f, path, err);
}

enum nn_status nn_find(struct nn_finder *f, const char *path,
                       struct nn_error *err)
{
    const struct nn_generator *g = nn_find_generator(path, f->opt);
    struct nn_found single = { .name = (char *)(uintptr_t)path,
                               .split = NN_SPLIT_NONE,
                               .weight = 1 };

    if (g != NULL) {
        return find_generated(f, path, g, err);
    }
    if (!nn_file_exists(path)) {
        return nn_fail(err, NN_ERR_IO,
                       "cannot open '%s': no such file or folder", path);
    }
    if (nn_file_is_dir(path)) {
        return find_in_folder(f, path, err);
    }
    if (nn_ends_with(path, ".csv") || nn_ends_with(path, ".jsonl")) {
        return nn_find_manifest(f, path, NULL, err);
    }
    if (nn_ends_with(path, ".json") && !f->opt->as_pool) {
        return nn_find_coco(f, path, NULL, err);
    }
    if (nn_is_archive_name(path)) {
        return f->opt->as_pool
                   ? find_pool_archive(f, path, err)
                   : nn_find_archive(f, path, "", NN_SPLIT_NONE, err);
    }
    if (f->opt->as_pool) {
        return nn_find_file(f, single, path, err);
    }
    return nn_fail(err, NN_ERR_FORMAT,
                   "'%s' is not a directory, archive (.tar, .tar.gz, .zip), "
                   "manifest (.csv, .jsonl) or COCO file (.json)%s",
                   path,
                   nn_ends_with(path, ".parquet")
                       ? "; write the images of a Parquet file out, with a "
                         "metadata.csv of file_name and label"
                       : "");
}
