#include "pipelines/piles/places.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/dataset.h"

void pile_folder_release(struct pile_folder *f)
{
    nn_mem_free(f->given);
    nn_mem_free(f->real);
    *f = (struct pile_folder){ .given = NULL };
}

/* Of a folder that is not there: below the current one, as it is written. */
static char *below_here(const char *dir)
{
    char here[PATH_MAX];

    if (dir[0] == '/' || getcwd(here, sizeof here) == NULL) {
        return nn_mem_strdup(dir);
    }
    return strcmp(dir, ".") == 0 ? nn_mem_strdup(here)
                                 : nn_path_join(here, dir);
}

char *pile_absolute(struct pile_folder *f, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash != NULL ? (size_t)(slash - path) : 0;
    char *dir = slash == NULL ? nn_mem_strdup(".")
                              : nn_mem_strndup(path, n > 0 ? n : 1);
    char real[PATH_MAX];

    if (dir == NULL) {
        return NULL;
    }
    if (f->given == NULL || strcmp(f->given, dir) != 0) {
        pile_folder_release(f);
        f->given = dir;
        f->real =
            realpath(dir, real) != NULL ? nn_mem_strdup(real) : below_here(dir);
        if (f->real == NULL) {
            pile_folder_release(f);
            return NULL;
        }
    } else {
        nn_mem_free(dir);
    }
    return nn_path_join(f->real, slash != NULL ? slash + 1 : path);
}

enum nn_status pile_source(struct pile_folder *f, const struct pile_row *row,
                           char **path, const char **member,
                           struct nn_error *err)
{
    size_t n = nn_archive_prefix(row->file);
    char *archive = n > 0 ? nn_mem_strndup(row->file, n) : NULL;

    *member = n > 0 ? row->file + n + 1 : NULL;
    *path = NULL;
    if (n == 0 || archive != NULL) {
        *path = pile_absolute(f, n > 0 ? archive : row->file);
    }
    nn_mem_free(archive);
    return *path == NULL ? nn_fail_nomem(err) : NN_OK;
}

int pile_inside(const char *folder, const char *path)
{
    size_t n = strlen(folder);

    n -= n > 0 && folder[n - 1] == '/';
    return strncmp(folder, path, n) == 0 && path[n] == '/';
}

/* Cut `folder` down to what also holds path. */
static void narrow(char *folder, const char *path)
{
    while (!pile_inside(folder, path)) {
        char *slash = strrchr(folder, '/');

        if (slash == NULL) {
            return;
        }
        *slash = '\0';
    }
}

enum nn_status pile_common_folder(struct pile_rows *rows, char **folder,
                                  struct nn_error *err)
{
    struct pile_folder f = { .given = NULL };
    char *common = NULL, *path = NULL;
    const char *member;
    struct pile_row row;
    int more;
    enum nn_status st;

    *folder = NULL;
    for (;;) {
        st = pile_rows_next(rows, &row, &more, err);
        if (st || !more) {
            break;
        }
        if (row.error != NULL) {
            continue;
        }
        st = pile_source(&f, &row, &path, &member, err);
        if (st) {
            break;
        }
        if (common == NULL) {
            *strrchr(path, '/') = '\0';
            common = path;
            continue;
        }
        narrow(common, path);
        nn_mem_free(path);
    }
    pile_folder_release(&f);
    if (st == NN_OK && common == NULL) {
        common = nn_mem_strdup("");
        st = common == NULL ? nn_fail_nomem(err) : NN_OK;
    }
    if (st) {
        nn_mem_free(common);
        return st;
    }
    *folder = common;
    return NN_OK;
}

/* `part` behind `to` with what no name of a file may hold as %XX. */
static char *put_safe(char *to, const char *part, size_t n, int slashes)
{
    static const char hex[] = "0123456789ABCDEF";
    int first = 1;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)part[i];
        int dots = first && c == '.';

        first = c == '/';
        if (c < 32 || c == 127 || dots || (c == '/' && !slashes)) {
            *to++ = '%';
            *to++ = hex[c >> 4];
            *to++ = hex[c & 15];
        } else {
            *to++ = (char)c;
        }
    }
    return to;
}

char *pile_label_folder(const char *label, int is_class)
{
    int twin = is_class &&
               (strcmp(label, "none") == 0 || strcmp(label, "unknown") == 0);
    size_t n = strlen(label);
    char *out = nn_mem_calloc(3 * n + sizeof " (class)", 1), *end;

    if (out == NULL) {
        return NULL;
    }
    end = put_safe(out, label, n, 0);
    memcpy(end, twin ? " (class)" : n > 0 ? "" : "_", twin ? 9 : 2 - (n > 0));
    return out;
}

/* A member's name may be anything: no part of it leads out of its folder. */
static char *member_path(const char *member)
{
    char *out = nn_mem_calloc(3 * strlen(member) + 1, 1);

    while (*member == '/') {
        member++;
    }
    if (out != NULL) {
        put_safe(out, member, strlen(member), 1);
    }
    return out;
}

char *pile_place(const char *base, const char *path, const char *member,
                 const struct pile_row *row)
{
    char *label = pile_label_folder(row->label, row->is_class);
    char *inner = member != NULL ? member_path(member) : NULL, *out = NULL;
    const char *below = path + 1;

    if (pile_inside(base, path)) {
        size_t n = strlen(base);

        below = path + n + (n == 0 || base[n - 1] != '/');
    }
    if (label != NULL && member == NULL) {
        out = nn_mem_sprintf("%s/%s", label, below);
    } else if (label != NULL && inner != NULL) {
        out = nn_mem_sprintf("%s/%s/%s", label, below, inner);
    }
    nn_mem_free(label);
    nn_mem_free(inner);
    return out;
}

size_t pile_stem(const char *path)
{
    size_t from = (size_t)(nn_path_base(path) - path);
    const char *dot = strrchr(path + from, '.');

    return dot != NULL && dot > path + from ? (size_t)(dot - path)
                                            : strlen(path);
}

char *pile_place_numbered(const char *place, int n)
{
    size_t stem = pile_stem(place);

    return n == 1
               ? nn_mem_strdup(place)
               : nn_mem_sprintf("%.*s-%d%s", (int)stem, place, n, place + stem);
}
