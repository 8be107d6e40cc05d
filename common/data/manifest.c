/* CSV (RFC 4180) and JSON-lines manifests. */
#include <jansson.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

#define MAX_MANIFEST ((size_t)1 << 30)

enum column { COL_FILE, COL_LABEL, COL_SPLIT, COL_GROUP, COL_FAMILY, COLS };
static const char *const column_names[COLS] = { "file", "label", "split",
                                                "group", "family" };

/* Add a row: paths are relative to the manifest's folder. */
static enum nn_status add_row(struct nn_finder *f, const char *manifest,
                              size_t line, const char *const v[COLS],
                              struct nn_error *err)
{
    struct nn_found found = { .kind = NN_WHERE_FILE, .labelled = 1,
                              .split = NN_SPLIT_NONE };
    struct nn_source *s = f->source;
    size_t dir = (size_t)(nn_path_base(manifest) - manifest);
    enum nn_status st;
    char *path;

    if (v[COL_FILE] == NULL || v[COL_FILE][0] == '\0') {
        return nn_fail(err, NN_ERR_FORMAT, "'%s' line %zu: no file name",
                       manifest, line);
    }
    if (v[COL_SPLIT] != NULL && v[COL_SPLIT][0] != '\0' &&
        nn_split_parse(v[COL_SPLIT], &found.split)) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "'%s' line %zu: split '%s' is not train, valid or test",
                       manifest, line, v[COL_SPLIT]);
    }
    if (v[COL_GROUP] != NULL && v[COL_GROUP][0] != '\0') {
        /* Far above the ids that near-duplicate groups get. */
        found.group = nn_hash_u64(v[COL_GROUP], strlen(v[COL_GROUP]), 1) |
                      (uint64_t)1 << 63;
    }
    path = v[COL_FILE][0] == '/'
               ? nn_mem_strdup(v[COL_FILE])
               : nn_mem_sprintf("%.*s%s", (int)dir, manifest, v[COL_FILE]);
    if (path == NULL || nn_mem_grow(&s->path, &s->cap_paths, s->n_paths + 1,
                                    sizeof *s->path)) {
        nn_mem_free(path);
        return nn_fail_nomem(err);
    }
    found.where = s->n_paths;
    s->path[s->n_paths++] = path;
    found.name = (char *)(uintptr_t)v[COL_FILE];
    found.label = (char *)(uintptr_t)v[COL_LABEL];
    found.family = (char *)(uintptr_t)v[COL_FAMILY];
    st = nn_find_add(f, &found, err);
    return st;
}

/* --- CSV --------------------------------------------------------------------- */

struct csv {
    char *at, *end;
    size_t line;       /* of the row being read */
    size_t next_line;
};

/* Unquote one field in place; *last is set at the end of the row. Returns the
 * field, or NULL for a quote that is never closed. */
static char *csv_field(struct csv *c, int *last)
{
    char *start = c->at, *out = c->at;
    int quoted = c->at < c->end && *c->at == '"';

    c->at += quoted;
    while (c->at < c->end) {
        char ch = *c->at;

        if (quoted && ch == '"' && c->at + 1 < c->end && c->at[1] == '"') {
            c->at++;
        } else if (quoted && ch == '"') {
            quoted = 0;
            c->at++;
            continue;
        } else if (!quoted && (ch == ',' || ch == '\n')) {
            break;
        }
        c->next_line += ch == '\n';
        *out++ = *c->at++;
    }
    if (quoted) {
        return NULL;
    }
    *last = c->at >= c->end || *c->at == '\n';
    c->next_line += c->at < c->end && *c->at == '\n';
    c->at += c->at < c->end;
    if (*last && out > start && out[-1] == '\r') {
        out--;
    }
    *out = '\0';
    return start;
}

enum { MAX_COLUMNS = 64 };

static int csv_row(struct csv *c, char *field[MAX_COLUMNS], size_t *n)
{
    int last = 0;

    c->line = c->next_line;
    *n = 0;
    while (!last) {
        if (*n == MAX_COLUMNS) {
            return -1;
        }
        field[*n] = csv_field(c, &last);
        if (field[*n] == NULL) {
            return -1;
        }
        ++*n;
    }
    return 0;
}

static enum nn_status csv_header(char *const *field, size_t n, int col[COLS],
                                 const char *path, struct nn_error *err)
{
    for (int k = 0; k < COLS; k++) {
        col[k] = -1;
        for (size_t i = 0; i < n; i++) {
            if (strcmp(field[i], column_names[k]) == 0) {
                col[k] = (int)i;
            }
        }
    }
    if (col[COL_FILE] < 0 || col[COL_LABEL] < 0) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "'%s' line 1: the header needs the columns file and "
                       "label",
                       path);
    }
    return NN_OK;
}

static enum nn_status csv_rows(struct nn_finder *f, struct csv *c,
                               const char *path, struct nn_error *err)
{
    char *field[MAX_COLUMNS];
    int col[COLS];
    size_t n, width = 0;
    enum nn_status st = NN_OK;

    while (!st && c->at < c->end) {
        const char *v[COLS] = { NULL };

        if (csv_row(c, field, &n)) {
            return nn_fail(err, NN_ERR_FORMAT,
                           "'%s' line %zu: an open quote or too many columns",
                           path, c->line);
        }
        if (n == 1 && field[0][0] == '\0') {
            continue;
        }
        if (width == 0) {
            width = n;
            st = csv_header(field, n, col, path, err);
            continue;
        }
        if (n != width) {
            return nn_fail(err, NN_ERR_FORMAT,
                           "'%s' line %zu: %zu columns, the header has %zu",
                           path, c->line, n, width);
        }
        for (int k = 0; k < COLS; k++) {
            v[k] = col[k] >= 0 ? field[col[k]] : NULL;
        }
        st = add_row(f, path, c->line, v, err);
    }
    return st;
}

enum nn_status nn_find_csv(struct nn_finder *f, const char *path,
                           struct nn_error *err)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    enum nn_status st = nn_file_read(path, MAX_MANIFEST, &bytes, &size, err);
    struct csv c = { .line = 1, .next_line = 1 };

    if (st) {
        return st;
    }
    c.at = (char *)bytes;
    c.end = c.at + size;
    if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        c.at += 3;
    }
    st = csv_rows(f, &c, path, err);
    nn_mem_free(bytes);
    return st;
}

/* --- JSON lines ------------------------------------------------------------------ */

static enum nn_status json_row(struct nn_finder *f, const char *path,
                               size_t line, const char *text, size_t len,
                               struct nn_error *err)
{
    json_error_t je;
    json_t *j = json_loadb(text, len, 0, &je);
    const char *v[COLS] = { NULL };
    enum nn_status st;

    if (!json_is_object(j)) {
        st = nn_fail(err, NN_ERR_FORMAT, "'%s' line %zu: %s", path, line,
                     j == NULL ? je.text : "no object");
        json_decref(j);
        return st;
    }
    for (int k = 0; k < COLS; k++) {
        v[k] = json_string_value(json_object_get(j, column_names[k]));
    }
    st = add_row(f, path, line, v, err);
    json_decref(j);
    return st;
}

enum nn_status nn_find_jsonl(struct nn_finder *f, const char *path,
                             struct nn_error *err)
{
    unsigned char *bytes = NULL;
    size_t size = 0, line = 0;
    enum nn_status st = nn_file_read(path, MAX_MANIFEST, &bytes, &size, err);
    const char *at = (const char *)bytes, *end = at + size;

    while (!st && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((stop != NULL ? stop : end) - at);
        size_t blank = strspn(at, " \t\r\n");

        line++;
        if (blank < len) {
            st = json_row(f, path, line, at, len, err);
        }
        at += len + (stop != NULL);
    }
    nn_mem_free(bytes);
    return st;
}
