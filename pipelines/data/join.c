#include "pipelines/data/join.h"

#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/data/open.h"

enum { MAX_PARTS = 64 };

struct part {
    char *name; /* in front of its files */
    struct nn_dataset *ds;
    size_t from; /* its first image */
};

struct joined {
    struct part part[MAX_PARTS];
    size_t n_parts;
    char *file; /* of the item described last */
};

char *join_spec(const char *const *paths, size_t n)
{
    char *spec = nn_mem_strdup(n == 1 ? paths[0] : "join:");

    for (size_t i = 0; n > 1 && spec != NULL && i < n; i++) {
        char *more = nn_mem_sprintf("%s%s%s", spec, i > 0 ? "|" : "", paths[i]);

        nn_mem_free(spec);
        spec = more;
    }
    return spec;
}

/* --- opening --- */

static enum nn_status open_part(const char *path, struct nn_dataset **ds,
                                struct nn_error *err)
{
    const struct nn_generator *inner[] = { data_generators[0], NULL };
    const struct nn_dataset_options opt = { .generators = inner };

    return nn_dataset_open(path, &opt, ds, err);
}

static int is_taken(const struct joined *j, const char *name)
{
    for (size_t i = 0; i < j->n_parts; i++) {
        if (strcmp(j->part[i].name, name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* "photos", or "photos#2" for the second of that name. */
static char *part_name(const struct joined *j, const char *path)
{
    char *whole = nn_mem_strdup(path), *name;
    size_t len = strlen(path);
    const char *base;

    if (whole == NULL) {
        return NULL;
    }
    while (len > 1 && whole[len - 1] == '/') {
        whole[--len] = '\0';
    }
    base = nn_path_base(whole);
    name = nn_mem_strdup(base);
    for (size_t k = 2; name != NULL && is_taken(j, name); k++) {
        nn_mem_free(name);
        name = nn_mem_sprintf("%s#%zu", base, k);
    }
    nn_mem_free(whole);
    return name;
}

static enum nn_status add_part(struct joined *j, const char *path, size_t *n,
                               struct nn_error *err)
{
    struct part *p = &j->part[j->n_parts];
    enum nn_status st;

    if (j->n_parts == MAX_PARTS) {
        return nn_fail(err, NN_ERR_ARG, "more than %d data sets to join",
                       MAX_PARTS);
    }
    p->name = part_name(j, path);
    if (p->name == NULL) {
        return nn_fail_nomem(err);
    }
    j->n_parts++;
    st = open_part(path, &p->ds, err);
    if (st) {
        return st;
    }
    p->from = *n;
    *n += p->ds->n;
    return NN_OK;
}

static void join_close(void *ctx)
{
    struct joined *j = ctx;

    for (size_t i = 0; i < j->n_parts; i++) {
        nn_dataset_close(&j->part[i].ds);
        nn_mem_free(j->part[i].name);
    }
    nn_mem_free(j->file);
    nn_mem_free(j);
}

static enum nn_status join_open(const char *spec, void **ctx, size_t *n,
                                struct nn_error *err)
{
    struct joined *j = nn_mem_calloc(1, sizeof *j);
    char *list = nn_mem_strdup(spec + strlen("join:")), *rest = list, *at;
    enum nn_status st = NN_OK;

    *n = 0;
    if (j == NULL || list == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    while ((at = strsep(&rest, "|")) != NULL) {
        if (*at == '\0') {
            st = nn_fail(err, NN_ERR_ARG, "an empty part in '%s'", spec);
            goto out;
        }
        st = add_part(j, at, n, err);
        if (st) {
            goto out;
        }
    }
    *ctx = j;
    j = NULL;
out:
    nn_mem_free(list);
    if (j != NULL) {
        join_close(j);
    }
    return st;
}

/* --- images --- */

static const struct part *part_of(const struct joined *j, size_t i)
{
    size_t p = j->n_parts - 1;

    while (j->part[p].from > i) {
        p--;
    }
    return &j->part[p];
}

static enum nn_status join_describe(void *ctx, size_t i,
                                    struct nn_generator_item *item)
{
    struct joined *j = ctx;
    const struct part *p = part_of(j, i);
    const struct nn_dataset *ds = p->ds;
    const struct nn_item *it = &ds->items[i - p->from];

    nn_mem_free(j->file);
    j->file = nn_mem_sprintf("%s/%s", p->name, it->file);
    if (j->file == NULL) {
        return NN_ERR_NOMEM;
    }
    item->file = j->file;
    item->label = it->label == NN_NEGATIVE ? "" : ds->classes[it->label];
    item->family = it->family >= 0 ? ds->families[it->family] : "";
    item->split = it->split;
    return NN_OK;
}

static enum nn_status join_read(void *ctx, size_t i, uint8_t **bytes,
                                size_t *size, struct nn_error *err)
{
    const struct part *p = part_of(ctx, i);

    return nn_dataset_read(p->ds, i - p->from, bytes, size, err);
}

const struct nn_generator join_generator = {
    .name = "join",
    .open = join_open,
    .describe = join_describe,
    .read = join_read,
    .close = join_close,
};
