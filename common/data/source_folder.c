#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

enum { MAX_DEPTH = 32 };

struct walk {
    struct nn_finder *f;
    /* Folders above the present one: a link back to one of them is a loop. */
    struct {
        dev_t dev;
        ino_t ino;
    } above[MAX_DEPTH];
    int depth;
    int beside_folders; /* the top holds folders: archives are no shards */
};

/* --- names in a folder --- */

struct listing {
    char **v;
    size_t n, cap;
};

static void listing_release(struct listing *l)
{
    for (size_t i = 0; i < l->n; i++) {
        nn_mem_free(l->v[i]);
    }
    nn_mem_free(l->v);
    *l = (struct listing){ 0 };
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum nn_status listing_fill(struct listing *l, DIR *dir)
{
    struct dirent *e;

    while ((e = readdir(dir)) != NULL) {
        if (e->d_name[0] == '.') {
            continue;
        }
        if (nn_mem_grow(&l->v, &l->cap, l->n + 1, sizeof *l->v)) {
            return NN_ERR_NOMEM;
        }
        l->v[l->n] = nn_mem_strdup(e->d_name);
        if (l->v[l->n] == NULL) {
            return NN_ERR_NOMEM;
        }
        l->n++;
    }
    if (l->n > 0) {
        qsort(l->v, l->n, sizeof *l->v, by_text);
    }
    return NN_OK;
}

static enum nn_status holds_folders(const struct listing *l, const char *path,
                                    int *yes)
{
    *yes = 0;
    for (size_t i = 0; !*yes && i < l->n; i++) {
        char *sub = nn_path_join(path, l->v[i]);

        if (sub == NULL) {
            return NN_ERR_NOMEM;
        }
        *yes = nn_file_is_dir(sub);
        nn_mem_free(sub);
    }
    return NN_OK;
}

/* --- archives in a folder --- */

/* "train-00.tar.gz" belongs to train. */
static enum nn_split shard_split(const char *file)
{
    char word[16] = "";
    size_t n = strcspn(file, "-_.0123456789");
    enum nn_split split;

    if (n >= sizeof word) {
        return NN_SPLIT_NONE;
    }
    memcpy(word, file, n);
    return nn_split_parse(word, &split) ? NN_SPLIT_NONE : split;
}

static enum nn_status take_archive(struct walk *w, const char *path,
                                   const char *name, struct nn_error *err)
{
    struct nn_error why = NN_ERROR_INIT;
    char *prefix;
    enum nn_status st;

    if (!w->f->opt->as_pool && w->beside_folders) {
        nn_log(NN_LOG_WARN, "'%s' lies beside folders: left out", path);
        return NN_OK;
    }
    prefix = nn_mem_sprintf("%s:", name);
    if (prefix == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_find_archive(w->f, path, prefix, shard_split(nn_path_base(name)),
                         &why);
    nn_mem_free(prefix);
    if (st == NN_ERR_FORMAT) {
        nn_log(NN_LOG_WARN, "%s: left out", why.text);
        return NN_OK;
    }
    return st ? nn_fail(err, st, "%s", why.text) : NN_OK;
}

/* --- the walk --- */

static enum nn_status walk_folder(struct walk *w, const char *path,
                                  const char *name, struct nn_error *err);

static enum nn_status enter(struct walk *w, const char *path, const char *name,
                            const struct stat *s, struct nn_error *err)
{
    enum nn_status st;

    for (int i = 0; i < w->depth; i++) {
        if (w->above[i].dev == s->st_dev && w->above[i].ino == s->st_ino) {
            nn_log(NN_LOG_WARN, "'%s' links back to a folder above: left out",
                   path);
            return NN_OK;
        }
    }
    if (w->depth == MAX_DEPTH) {
        nn_log(NN_LOG_WARN, "'%s' is nested too deep: left out", path);
        return NN_OK;
    }
    w->above[w->depth].dev = s->st_dev;
    w->above[w->depth++].ino = s->st_ino;
    st = walk_folder(w, path, name, err);
    w->depth--;
    return st;
}

static enum nn_status take_entry(struct walk *w, const char *folder,
                                 const char *above, const char *file,
                                 struct nn_error *err)
{
    char *path = nn_path_join(folder, file);
    char *name = nn_path_join(above, file);
    struct nn_found found = { .name = name,
                              .split = NN_SPLIT_NONE,
                              .weight = 1 };
    struct stat s;
    enum nn_status st = NN_OK;

    if (path == NULL || name == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    if (stat(path, &s) == 0 && S_ISDIR(s.st_mode)) {
        st = enter(w, path, name, &s, err);
    } else if (nn_is_archive_name(file) &&
               (w->depth == 1 || w->f->opt->as_pool)) {
        st = take_archive(w, path, name, err);
    } else if (nn_is_image_name(file)) {
        /* A broken link too: it then counts as unreadable, not as absent. */
        st = nn_find_file(w->f, found, path, err);
    }
out:
    nn_mem_free(path);
    nn_mem_free(name);
    return st;
}

static enum nn_status walk_folder(struct walk *w, const char *path,
                                  const char *name, struct nn_error *err)
{
    struct listing l = { 0 };
    DIR *dir = opendir(path);
    enum nn_status st;

    if (dir == NULL) {
        if (w->depth <= 1) {
            return nn_fail(err, NN_ERR_IO, "cannot open folder '%s': %s", path,
                           strerror(errno));
        }
        nn_log(NN_LOG_WARN, "cannot open folder '%s': %s", path,
               strerror(errno));
        return NN_OK;
    }
    /* Closed before going deeper, so depth costs no descriptors. */
    st = listing_fill(&l, dir);
    closedir(dir);
    if (st || (w->depth == 1 && holds_folders(&l, path, &w->beside_folders))) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < l.n; i++) {
        st = take_entry(w, path, name, l.v[i], err);
        if (st) {
            goto out;
        }
    }
out:
    listing_release(&l);
    return st;
}

enum nn_status nn_find_folder(struct nn_finder *f, const char *root,
                              struct nn_error *err)
{
    struct walk w = { .f = f };
    struct stat s;

    if (stat(root, &s) != 0) {
        return nn_fail(err, NN_ERR_IO, "cannot open '%s': %s", root,
                       strerror(errno));
    }
    return enter(&w, root, f->opt->as_pool ? root : "", &s, err);
}
