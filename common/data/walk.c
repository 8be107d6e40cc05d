#include "common/data/walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

struct name {
    char *text;
    int is_folder;
};

/* A folder that is being walked. */
struct level {
    char *path, *name;
    struct name *v;
    size_t n, cap, next;
    int reason; /* why its listing ends early, or 0 */
    dev_t dev;
    ino_t ino;
};

struct nn_walk {
    struct level *level;
    size_t n, cap;
    char *path, *name; /* of the present entry */
    int top_holds_folders;
    size_t passed_over;
};

static void release_level(struct level *l)
{
    for (size_t i = 0; i < l->n; i++) {
        nn_mem_free(l->v[i].text);
    }
    nn_mem_free(l->v);
    nn_mem_free(l->path);
    nn_mem_free(l->name);
}

void nn_walk_close(struct nn_walk **wp)
{
    struct nn_walk *w = *wp;

    *wp = NULL;
    if (w == NULL) {
        return;
    }
    for (size_t i = 0; i < w->n; i++) {
        release_level(&w->level[i]);
    }
    nn_mem_free(w->level);
    nn_mem_free(w->path);
    nn_mem_free(w->name);
    nn_mem_free(w);
}

/* --- one folder --- */

/* As strcmp() of the names with a slash behind those of folders. */
static int by_path(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    const char *s = x->text, *t = y->text;
    int c, d;

    while (*s != '\0' && *s == *t) {
        s++;
        t++;
    }
    c = *s != '\0' ? (unsigned char)*s : x->is_folder ? '/' : 0;
    d = *t != '\0' ? (unsigned char)*t : y->is_folder ? '/' : 0;
    return c - d;
}

/* What readdir() does not tell (links, some file systems), stat() does. */
static int is_folder(const char *path, const struct dirent *e, int *failed)
{
    char *full;
    int yes;

    if (e->d_type != DT_LNK && e->d_type != DT_UNKNOWN) {
        return e->d_type == DT_DIR;
    }
    full = nn_path_join(path, e->d_name);
    *failed |= full == NULL;
    yes = full != NULL && nn_file_is_dir(full);
    nn_mem_free(full);
    return yes;
}

static enum nn_status fill(struct nn_walk *w, struct level *l, DIR *dir)
{
    struct dirent *e;
    int failed = 0;

    for (errno = 0; (e = readdir(dir)) != NULL; errno = 0) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        if (nn_is_junk_name(e->d_name, strlen(e->d_name))) {
            w->passed_over++;
            continue;
        }
        if (nn_mem_grow(&l->v, &l->cap, l->n + 1, sizeof *l->v)) {
            return NN_ERR_NOMEM;
        }
        l->v[l->n].is_folder = is_folder(l->path, e, &failed);
        l->v[l->n].text = nn_mem_strdup(e->d_name);
        if (l->v[l->n].text == NULL || failed) {
            l->n += l->v[l->n].text != NULL;
            return NN_ERR_NOMEM;
        }
        l->n++;
    }
    l->reason = errno;
    if (l->n > 0) {
        qsort(l->v, l->n, sizeof *l->v, by_path);
    }
    return NN_OK;
}

static int links_back(const struct nn_walk *w, const struct stat *s)
{
    for (size_t i = 0; i < w->n; i++) {
        if (w->level[i].dev == s->st_dev && w->level[i].ino == s->st_ino) {
            return 1;
        }
    }
    return 0;
}

/* Go into the folder `path`, unless *kind says why not; *reason is then errno.
 * Its descriptor is closed at once, so depth costs none. */
static enum nn_status enter(struct nn_walk *w, const char *path,
                            const char *name, enum nn_walk_kind *kind,
                            int *reason)
{
    struct level *l;
    struct stat s;
    DIR *dir = opendir(path);
    enum nn_status st = NN_ERR_NOMEM;

    *kind = NN_WALK_CLOSED;
    if (dir == NULL || fstat(dirfd(dir), &s) != 0) {
        *reason = errno;
        if (dir != NULL) {
            closedir(dir);
        }
        return NN_OK;
    }
    if (links_back(w, &s)) {
        *kind = NN_WALK_LOOP;
        closedir(dir);
        return NN_OK;
    }
    *kind = NN_WALK_END;
    if (nn_mem_grow(&w->level, &w->cap, w->n + 1, sizeof *w->level)) {
        goto out;
    }
    l = &w->level[w->n++];
    *l = (struct level){ .dev = s.st_dev, .ino = s.st_ino };
    l->path = nn_mem_strdup(path);
    l->name = nn_mem_strdup(name);
    if (l->path == NULL || l->name == NULL) {
        goto out;
    }
    st = fill(w, l, dir);
out:
    closedir(dir);
    return st;
}

/* --- the walk --- */

enum nn_status nn_walk_open(const char *top, const char *name,
                            struct nn_walk **out, struct nn_error *err)
{
    struct nn_walk *w = nn_mem_calloc(1, sizeof *w);
    enum nn_walk_kind kind;
    enum nn_status st;
    int reason = 0;

    *out = NULL;
    if (w == NULL) {
        return nn_fail_nomem(err);
    }
    if (enter(w, top, name, &kind, &reason)) {
        st = nn_fail_nomem(err);
        goto out;
    }
    if (kind == NN_WALK_CLOSED) {
        st = nn_fail(err, NN_ERR_IO, "cannot open folder '%s': %s", top,
                     strerror(reason));
        goto out;
    }
    for (size_t i = 0; i < w->level[0].n; i++) {
        w->top_holds_folders |= w->level[0].v[i].is_folder;
    }
    *out = w;
    return NN_OK;
out:
    nn_walk_close(&w);
    return st;
}

/* Leave the present folder. 1: *e says that its listing was cut short. */
static int leave(struct nn_walk *w, struct nn_walk_entry *e)
{
    struct level *l = &w->level[w->n - 1];
    int reason = l->reason;

    nn_mem_free(w->path);
    nn_mem_free(w->name);
    w->path = l->path;
    w->name = l->name;
    l->path = l->name = NULL;
    release_level(l);
    w->n--;
    *e = (struct nn_walk_entry){
        .kind = NN_WALK_CLOSED,
        .path = w->path,
        .name = w->name,
        .depth = w->n,
        .reason = reason,
    };
    return reason != 0;
}

enum nn_status nn_walk_next(struct nn_walk *w, struct nn_walk_entry *e,
                            struct nn_error *err)
{
    while (w->n > 0) {
        struct level *l = &w->level[w->n - 1];
        const struct name *next = l->v + l->next;

        if (l->next == l->n) {
            if (leave(w, e)) {
                return NN_OK;
            }
            continue;
        }
        nn_mem_free(w->path);
        nn_mem_free(w->name);
        w->path = nn_path_join(l->path, next->text);
        w->name = nn_path_join(l->name, next->text);
        if (w->path == NULL || w->name == NULL) {
            return nn_fail_nomem(err);
        }
        l->next++;
        *e = (struct nn_walk_entry){ .kind = NN_WALK_FILE,
                                     .path = w->path,
                                     .name = w->name,
                                     .depth = w->n - 1 };
        if (!next->is_folder) {
            return NN_OK;
        }
        if (enter(w, w->path, w->name, &e->kind, &e->reason)) {
            return nn_fail_nomem(err);
        }
        if (e->kind != NN_WALK_END) {
            return NN_OK;
        }
    }
    *e = (struct nn_walk_entry){ .kind = NN_WALK_END };
    return NN_OK;
}

int nn_walk_top_holds_folders(const struct nn_walk *w)
{
    return w->top_holds_folders;
}

size_t nn_walk_passed_over(const struct nn_walk *w)
{
    return w->passed_over;
}
