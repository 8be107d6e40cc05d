/* Folders whose labels stand in a file of a known name: metadata.csv and
 * metadata.jsonl (Hugging Face imagefolder), _annotations.coco.json and
 * annotations/instances_*.json (COCO). */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"
#include "common/data/walk.h"

struct folder {
    struct nn_finder *f;
    const char *root;
    size_t n_files; /* that gave labels */
    char *example;
};

enum { TABLE, COCO };
static const struct {
    const char *name;
    int kind;
} known[] = { { "metadata.csv", TABLE },
              { "metadata.jsonl", TABLE },
              { "_annotations.coco.json", COCO } };

static enum nn_status take(struct folder *d, const char *path, int kind,
                           const struct nn_part *part, struct nn_error *err)
{
    enum nn_status st;
    int labelled = 1;

    if (kind == TABLE) {
        st = nn_manifest_has_labels(path, &labelled, err);
        if (st || !labelled) {
            return st;
        }
        st = nn_find_manifest(d->f, path, part, err);
    } else {
        st = nn_find_coco(d->f, path, part, err);
    }
    if (st) {
        return st;
    }
    if (d->n_files++ == 0) {
        d->example = nn_mem_strdup(path);
    }
    return NN_OK;
}

/* The files of known names in a folder; sub: its name below the root, or "". */
static enum nn_status look_in(struct folder *d, const char *sub,
                              struct nn_error *err)
{
    struct nn_part part = { .split = NN_SPLIT_NONE };
    char *prefix = nn_mem_sprintf("%s%s", sub, sub[0] != '\0' ? "/" : "");
    enum nn_status st = NN_OK;

    if (prefix == NULL) {
        return nn_fail_nomem(err);
    }
    part.prefix = prefix;
    if (nn_split_parse(sub, &part.split)) {
        part.split = NN_SPLIT_NONE;
    }
    for (size_t i = 0; !st && i < sizeof known / sizeof known[0]; i++) {
        char *path = nn_mem_sprintf("%s/%s%s", d->root, prefix, known[i].name);

        if (path == NULL) {
            st = nn_fail_nomem(err);
        } else if (nn_file_exists(path)) {
            st = take(d, path, known[i].kind, &part, err);
        }
        nn_mem_free(path);
    }
    nn_mem_free(prefix);
    return st;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_instances(const struct dirent *e)
{
    return strncmp(e->d_name, "instances_", 10) == 0 &&
           nn_ends_with(e->d_name, ".json");
}

static int is_visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

/* annotations/instances_train2017.json; names then begin with its part. */
static enum nn_status look_at_instances(struct folder *d, struct nn_error *err)
{
    char *dir = nn_path_join(d->root, "annotations");
    struct dirent **e = NULL;
    int n;
    enum nn_status st = NN_OK;

    if (dir == NULL) {
        return nn_fail_nomem(err);
    }
    n = scandir(dir, &e, is_instances, by_name);
    for (int i = 0; i < n; i++) {
        char *path = nn_path_join(dir, e[i]->d_name);
        char *prefix = nn_mem_sprintf(
            "%.*s/", (int)strcspn(e[i]->d_name + 10, "."), e[i]->d_name + 10);
        const struct nn_part part = { prefix, NN_SPLIT_NONE };

        if (!st && (path == NULL || prefix == NULL)) {
            st = nn_fail_nomem(err);
        }
        if (!st) {
            st = take(d, path, COCO, &part, err);
        }
        nn_mem_free(path);
        nn_mem_free(prefix);
        free(e[i]);
    }
    free(e);
    nn_mem_free(dir);
    return st;
}

static enum nn_status look_below(struct folder *d, struct nn_error *err)
{
    struct dirent **e = NULL;
    int n = scandir(d->root, &e, is_visible, by_name);
    enum nn_status st = NN_OK;

    for (int i = 0; i < n; i++) {
        char *path = !st ? nn_path_join(d->root, e[i]->d_name) : NULL;

        if (!st && path == NULL) {
            st = nn_fail_nomem(err);
        } else if (!st && nn_file_is_dir(path)) {
            st = look_in(d, e[i]->d_name, err);
        }
        nn_mem_free(path);
        free(e[i]);
    }
    free(e);
    return st;
}

/* Images that no file names. */
static enum nn_status say_others(const struct folder *d, struct nn_error *err)
{
    struct nn_walk *w;
    struct nn_walk_entry e = { .kind = NN_WALK_LOOP };
    size_t n = 0;
    enum nn_status st = nn_walk_open(d->root, "", &w, err);

    if (st) {
        return st;
    }
    while (!st && e.kind != NN_WALK_END) {
        st = nn_walk_next(w, &e, err);
        n += !st && e.kind == NN_WALK_FILE &&
             nn_name_kind_of(e.path) == NN_NAME_IMAGE;
    }
    nn_walk_close(&w);
    if (!st && n > d->f->n) {
        nn_log(NN_LOG_WARN,
               "'%s' holds %zu images, of which %s names %zu: the others are "
               "left out",
               d->root, n,
               d->n_files == 1 && d->example != NULL ? nn_path_base(d->example)
                                                     : "its label files",
               d->f->n);
    }
    return st;
}

enum nn_status nn_find_described(struct nn_finder *f, const char *root,
                                 int *taken, struct nn_error *err)
{
    struct folder d = { .f = f, .root = root };
    enum nn_status st = look_in(&d, "", err);

    *taken = 0;
    if (st) {
        goto out;
    }
    st = look_below(&d, err);
    if (st) {
        goto out;
    }
    st = look_at_instances(&d, err);
    if (st || d.n_files == 0) {
        goto out;
    }
    *taken = 1;
    nn_log(NN_LOG_INFO, "'%s': labels from %zu file%s, such as '%s'", root,
           d.n_files, d.n_files > 1 ? "s" : "",
           d.example != NULL ? d.example : "");
    st = say_others(&d, err);
out:
    nn_mem_free(d.example);
    return st;
}
