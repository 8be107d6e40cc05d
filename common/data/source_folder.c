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
};

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

/* Shards at the top of the folder: train-00.tar.gz belongs to train. */
static enum nn_status take_shard(struct walk *w, const char *path,
                                 const char *file, struct nn_error *err)
{
    char word[16] = "";
    size_t n = strcspn(file, "-_.0123456789");
    enum nn_split split = NN_SPLIT_NONE;

    if (n < sizeof word) {
        memcpy(word, file, n);
        word[n] = '\0';
        if (nn_split_parse(word, &split)) {
            split = NN_SPLIT_NONE;
        }
    }
    return nn_find_archive(w->f, path, split, err);
}

static enum nn_status take_entry(struct walk *w, const char *folder,
                                 const char *above, const char *file,
                                 struct nn_error *err)
{
    char *path = nn_path_join(folder, file);
    char *name = above[0] != '\0' ? nn_path_join(above, file)
                                  : nn_mem_strdup(file);
    struct stat s;
    enum nn_status st = NN_OK;

    if (path == NULL || name == NULL) {
        st = nn_fail_nomem(err);
    } else if (stat(path, &s) == 0 && S_ISDIR(s.st_mode)) {
        st = enter(w, path, name, &s, err);
    } else if (above[0] == '\0' && nn_is_archive_name(file)) {
        st = take_shard(w, path, file, err);
    } else if (nn_is_picture_name(file)) {
        /* A broken link too: it then counts as unreadable, not as absent. */
        st = nn_find_file(w->f, name, path, err);
    }
    nn_mem_free(path);
    nn_mem_free(name);
    return st;
}

static enum nn_status walk_folder(struct walk *w, const char *path,
                                  const char *name, struct nn_error *err)
{
    DIR *dir = opendir(path);
    enum nn_status st = NN_OK;
    struct dirent *e;

    if (dir == NULL) {
        if (w->depth <= 1) {
            return nn_fail(err, NN_ERR_IO, "cannot open folder '%s': %s", path,
                           strerror(errno));
        }
        nn_log(NN_LOG_WARN, "cannot open folder '%s': %s", path,
               strerror(errno));
        return NN_OK;
    }
    while (!st && (e = readdir(dir)) != NULL) {
        if (e->d_name[0] != '.') {
            st = take_entry(w, path, name, e->d_name, err);
        }
    }
    closedir(dir);
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
    return enter(&w, root, "", &s, err);
}
