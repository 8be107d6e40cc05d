/* Rows of a manifest that name images inside archives. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

struct nn_wanted {
    struct nn_found found; /* name and the texts are own copies */
    char *archive, *member;
    size_t line;
};

size_t nn_archive_prefix(const char *path)
{
    const char *colon = strchr(path, ':');

    for (; colon != NULL; colon = strchr(colon + 1, ':')) {
        size_t n = (size_t)(colon - path);
        char archive[PATH_MAX]; /* a longer one cannot be opened */

        if (n >= sizeof archive) {
            return 0;
        }
        memcpy(archive, path, n);
        archive[n] = '\0';
        if (nn_is_archive_name(archive) && nn_file_exists(archive) &&
            !nn_file_is_dir(archive)) {
            return nn_file_exists(path) ? 0 : n;
        }
    }
    return 0;
}

enum nn_status nn_archive_reader_add(struct nn_archive_reader *m,
                                     const char *path, size_t prefix,
                                     const struct nn_found *found, size_t line,
                                     struct nn_error *err)
{
    struct nn_wanted *w;
    int failed;

    if (nn_mem_grow(&m->v, &m->cap, m->n + 1, sizeof *m->v)) {
        return nn_fail_nomem(err);
    }
    w = &m->v[m->n++];
    *w = (struct nn_wanted){ .line = line };
    failed = nn_found_copy(&w->found, found);
    w->archive = nn_mem_sprintf("%.*s", (int)prefix, path);
    w->member = nn_mem_strdup(path + prefix + 1);
    failed |= w->archive == NULL || w->member == NULL;
    return failed ? nn_fail_nomem(err) : NN_OK;
}

/* By archive, and as the rows stand in it. */
static int by_archive(const void *a, const void *b)
{
    const struct nn_wanted *x = a, *y = b;
    int c = strcmp(x->archive, y->archive);

    return c != 0 ? c : (x->line > y->line) - (x->line < y->line);
}

static int by_name(const void *a, const void *b)
{
    const struct nn_found *x = a, *y = b;
    int c = strcmp(x->name, y->name);

    return c != 0 ? c : (x->where > y->where) - (x->where < y->where);
}

static int is_named(const void *name, const void *found)
{
    return strcmp(name, ((const struct nn_found *)found)->name);
}

/* Of several of one name the last: tar appends what is newer. */
static const struct nn_found *find(const struct nn_finder *in, const char *name)
{
    const struct nn_found *x =
        in->n == 0
            ? NULL
            : bsearch(name, in->found, in->n, sizeof *in->found, is_named);

    while (x != NULL && x + 1 < in->found + in->n &&
           strcmp(x[1].name, name) == 0) {
        x++;
    }
    return x;
}

static enum nn_status add(struct nn_finder *f, const struct nn_wanted *w,
                          const struct nn_found *in, struct nn_error *err)
{
    struct nn_found found = w->found;

    if (f->pool_index != NULL) {
        enum nn_status st =
            nn_pool_index_add(f->pool_index, found.name, NULL,
                              &f->source->member[in->where], err);

        if (st) {
            return st;
        }
        f->n++;
        return NN_OK;
    }
    found.kind = NN_WHERE_MEMBER;
    found.where = in->where;
    return nn_find_add(f, &found, err);
}

/* v[0..n-1], all in one archive. */
static enum nn_status look_into(struct nn_finder *f, const char *manifest,
                                const struct nn_wanted *v, size_t n,
                                struct nn_error *err)
{
    struct nn_finder all = { .source = f->source,
                             .opt = f->opt,
                             .members_only = 1 };
    size_t before = f->source->n_members;
    enum nn_status st =
        nn_find_archive(&all, v->archive, "", NN_SPLIT_NONE, err);

    if (st) {
        goto out;
    }
    if (all.n > 0) {
        qsort(all.found, all.n, sizeof *all.found, by_name);
    }
    for (size_t i = 0; i < n; i++) {
        const struct nn_found *in = find(&all, v[i].member);

        st = in != NULL
                 ? add(f, &v[i], in, err)
                 : nn_fail(err, NN_ERR_FORMAT,
                           "'%s' line %zu: no image '%s' in '%s'", manifest,
                           v[i].line, v[i].member, v[i].archive);
        if (st) {
            goto out;
        }
    }
out:
    while (f->pool_index != NULL && f->source->n_members > before) {
        nn_mem_free(f->source->member[--f->source->n_members].mem);
    }
    nn_finder_release(&all);
    return st;
}

enum nn_status nn_archive_reader_run(struct nn_archive_reader *m,
                                     struct nn_finder *f, const char *manifest,
                                     struct nn_error *err)
{
    if (m->n > 0) {
        qsort(m->v, m->n, sizeof *m->v, by_archive);
    }
    for (size_t i = 0, k; i < m->n; i = k) {
        enum nn_status st;

        k = i + 1;
        while (k < m->n && strcmp(m->v[k].archive, m->v[i].archive) == 0) {
            k++;
        }
        st = look_into(f, manifest, m->v + i, k - i, err);
        if (st) {
            return st;
        }
    }
    return NN_OK;
}

void nn_archive_reader_release(struct nn_archive_reader *m)
{
    for (size_t i = 0; i < m->n; i++) {
        struct nn_wanted *w = &m->v[i];

        nn_mem_free(w->archive);
        nn_mem_free(w->member);
        nn_mem_free(w->found.name);
        nn_mem_free(w->found.label);
        nn_mem_free(w->found.family);
    }
    nn_mem_free(m->v);
    *m = (struct nn_archive_reader){ .n = 0 };
}
