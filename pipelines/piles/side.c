#include "pipelines/piles/side.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/dataset.h"
#include "pipelines/piles/places.h"

void pile_sides_release(struct pile_sides *s)
{
    for (size_t i = 0; i < s->n; i++) {
        nn_mem_free(s->name[i]);
    }
    nn_mem_free(s->name);
    nn_mem_free(s->folder);
    *s = (struct pile_sides){ .folder = NULL };
}

static int by_name(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    int d = strcasecmp(x, y);

    return d != 0 ? d : strcmp(x, y);
}

static enum nn_status add(struct pile_sides *s, const char *name)
{
    char *own = nn_mem_strdup(name);

    if (own == NULL ||
        nn_mem_grow(&s->name, &s->cap, s->n + 1, sizeof *s->name)) {
        nn_mem_free(own);
        return NN_ERR_NOMEM;
    }
    s->name[s->n++] = own;
    return NN_OK;
}

static enum nn_status read_folder(struct pile_sides *s, char *folder)
{
    DIR *dir;
    struct dirent *e;
    enum nn_status st = NN_OK;

    pile_sides_release(s);
    s->folder = folder;
    dir = opendir(folder);
    while (dir != NULL && st == NN_OK && (e = readdir(dir)) != NULL) {
        /* hidden ones are files of their own, of no photo */
        if (e->d_name[0] != '.' && e->d_type != DT_DIR &&
            !nn_is_image_name(e->d_name)) {
            st = add(s, e->d_name);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    if (s->n > 1) {
        qsort(s->name, s->n, sizeof *s->name, by_name);
    }
    return st;
}

enum nn_status pile_sides_of(struct pile_sides *s, const char *photo,
                             size_t *from, size_t *to, struct nn_error *err)
{
    const char *base = nn_path_base(photo);
    size_t n_dir = (size_t)(base - photo), stem = pile_stem(photo) - n_dir;
    size_t lo = 0, hi;

    if (s->folder == NULL || strlen(s->folder) != n_dir ||
        strncmp(s->folder, photo, n_dir) != 0) {
        char *folder = nn_mem_strndup(photo, n_dir);

        if (folder == NULL || read_folder(s, folder)) {
            return nn_fail_nomem(err);
        }
    }
    for (hi = s->n; lo < hi;) { /* the first that is not before the stem */
        size_t mid = lo + (hi - lo) / 2;

        if (strncasecmp(s->name[mid], base, stem) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    /* "IMG_1-a.xmp" and "IMG_10.xmp" may stand before and behind "IMG_1.*" */
    while (lo < s->n && strncasecmp(s->name[lo], base, stem) == 0 &&
           s->name[lo][stem] != '.') {
        lo++;
    }
    *from = *to = lo;
    while (*to < s->n && strncasecmp(s->name[*to], base, stem) == 0 &&
           s->name[*to][stem] == '.') {
        (*to)++;
    }
    return NN_OK;
}
