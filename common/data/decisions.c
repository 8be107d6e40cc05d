#include "common/data/decisions.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/data/decisions_internal.h"

enum { BLOCK = 64 << 10 }; /* bytes in memory */

/* --- reading --- */

enum nn_status nn_decisions_bad_line(const struct nn_decisions *d, size_t line,
                                     struct nn_error *err, const char *why)
{
    return nn_fail(err, NN_ERR_FORMAT, "'%s' line %zu: %s", d->path, line, why);
}

static int parse_hash(const char *text, uint64_t *hash)
{
    if (strlen(text) != 16 || strspn(text, "0123456789abcdefABCDEF") != 16) {
        return -1;
    }
    *hash = strtoull(text, NULL, 16);
    return 0;
}

/* The fields of v->row, which is an object. */
static enum nn_status fill_decision(const struct nn_decisions *d,
                                    struct nn_decision *v, struct nn_error *err)
{
    const json_t *file = json_object_get(v->row, "file");
    const json_t *hash = json_object_get(v->row, "hash");
    const json_t *label = json_object_get(v->row, "label");

    if (!json_is_string(label) && !json_is_null(label)) {
        return nn_decisions_bad_line(d, v->line, err,
                                     "a label is a text or null");
    }
    v->label = json_string_value(label);
    v->add = json_is_true(json_object_get(v->row, "add"));
    if (json_is_string(hash) && parse_hash(json_string_value(hash), &v->hash)) {
        return nn_decisions_bad_line(d, v->line, err,
                                     "a hash is 16 hex digits");
    }
    if (json_is_string(file)) {
        v->file = nn_text_bytes(json_string_value(file));
        return v->file != NULL ? NN_OK : nn_fail_nomem(err);
    }
    return v->hash != 0
               ? NN_OK
               : nn_decisions_bad_line(d, v->line, err,
                                       "neither a file name nor a hash");
}

static int is_head(const json_t *row)
{
    const char *format = json_string_value(json_object_get(row, "format"));

    return format != NULL && strcmp(format, NN_DECISIONS_FORMAT) == 0;
}

/* Takes row over. */
static enum nn_status take_row(struct nn_decisions *d, json_t *row, size_t line,
                               struct nn_error *err)
{
    int is_first = !d->begun;

    d->begun = 1;
    if (is_first && is_head(row)) {
        d->head = row;
        return NN_OK;
    }
    if (is_first && json_object_get(row, "label") == NULL) {
        json_decref(row);
        return nn_fail(err, NN_ERR_FORMAT, "'%s' is no file of decisions",
                       d->path);
    }
    if (json_object_get(row, "label") == NULL) {
        int is_object = json_is_object(row);

        json_decref(row);
        return is_object
                   ? NN_OK
                   : nn_decisions_bad_line(d, line, err, "not a JSON object");
    }
    if (nn_mem_grow(&d->v, &d->cap, d->n + 1, sizeof *d->v)) {
        json_decref(row);
        return nn_fail_nomem(err);
    }
    d->v[d->n] = (struct nn_decision){ .row = row, .line = line };
    return fill_decision(d, &d->v[d->n++], err);
}

static enum nn_status read_lines(struct nn_decisions *d, const char *text,
                                 size_t size, size_t *line,
                                 struct nn_error *err)
{
    const char *at = text, *end = text + size;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((stop != NULL ? stop : end) - at);

        ++*line;
        if (strspn(at, " \t\r") < len) {
            json_error_t why;
            json_t *row;
            enum nn_status st =
                nn_json_load(at, len, JSON_REJECT_DUPLICATES, &row, &why);

            if (st == NN_ERR_NOMEM) {
                return nn_fail_nomem(err);
            }
            if (st) {
                return nn_decisions_bad_line(d, *line, err, why.text);
            }
            st = take_row(d, row, *line, err);
            if (st) {
                return st;
            }
        }
        at += len + (stop != NULL);
    }
    return NN_OK;
}

enum nn_status nn_decisions_read(const char *path, struct nn_decisions *d,
                                 struct nn_error *err)
{
    struct nn_rows rows = { .path = path, .room = BLOCK };
    char *text;
    size_t size, line = 0;
    enum nn_status st = nn_rows_open(&rows, err);

    if (st) {
        return st;
    }
    d->path = nn_mem_strdup(path);
    if (d->path == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    do {
        st = nn_rows_next(&rows, &text, &size, err);
        if (st) {
            goto out;
        }
        st = read_lines(d, text, size, &line, err);
        if (st) {
            goto out;
        }
    } while (size > 0);
    if (!d->begun) {
        st = nn_fail(err, NN_ERR_FORMAT, "'%s' is no file of decisions", path);
    }
out:
    fclose(rows.in);
    nn_rows_release(&rows);
    return st;
}

void nn_decisions_release(struct nn_decisions *d)
{
    for (size_t i = 0; i < d->n; i++) {
        json_decref(d->v[i].row);
        nn_mem_free(d->v[i].file);
    }
    nn_mem_free(d->v);
    json_decref(d->head);
    nn_mem_free(d->path);
    *d = (struct nn_decisions)NN_DECISIONS_INIT;
}

/* --- which row is whose --- */

/* Items of ds, sorted by name or by hash. */
struct sorted {
    const struct nn_item **name, **hash; /* [n] */
    size_t n;
};

static int by_name(const void *a, const void *b)
{
    const struct nn_item *x = *(const struct nn_item *const *)a;
    const struct nn_item *y = *(const struct nn_item *const *)b;

    return strcmp(x->file, y->file);
}

static int by_hash(const void *a, const void *b)
{
    const struct nn_item *x = *(const struct nn_item *const *)a;
    const struct nn_item *y = *(const struct nn_item *const *)b;

    return (x->hash > y->hash) - (x->hash < y->hash);
}

static const struct nn_item *find_name(const struct sorted *s, const char *name)
{
    struct nn_item key = { .file = name };
    const struct nn_item *at = &key;
    const struct nn_item **found =
        bsearch(&at, s->name, s->n, sizeof(struct nn_item *), by_name);

    return found != NULL ? *found : NULL;
}

/* NULL too where several items have it. */
static const struct nn_item *find_hash(const struct sorted *s, uint64_t hash)
{
    struct nn_item key = { .hash = hash };
    const struct nn_item *at = &key;
    const struct nn_item **found =
        hash == 0
            ? NULL
            : bsearch(&at, s->hash, s->n, sizeof(struct nn_item *), by_hash);

    if (found == NULL || (found > s->hash && found[-1]->hash == hash) ||
        (found + 1 < s->hash + s->n && found[1]->hash == hash)) {
        return NULL;
    }
    return *found;
}

/* name behind "PATH/", or all of it. */
static const char *below(const char *path, const char *name)
{
    size_t n = strlen(path);

    while (n > 0 && path[n - 1] == '/') {
        n--;
    }
    return strncmp(name, path, n) == 0 && name[n] == '/' ? name + n + 1 : name;
}

/* A name that begins with the path of the data, as given or in full. */
static const struct nn_item *find_path(const struct nn_dataset *ds,
                                       const struct sorted *s, const char *name)
{
    const struct nn_item *it = find_name(s, below(ds->path, name));
    char full[PATH_MAX];

    return it == NULL && name[0] == '/' && realpath(ds->path, full) != NULL
               ? find_name(s, below(full, name))
               : it;
}

static const struct nn_item *item_of(const struct nn_dataset *ds,
                                     const struct sorted *s,
                                     const struct nn_decision *v)
{
    const struct nn_item *it = NULL;

    if (v->file != NULL) {
        it = find_name(s, v->file);
        it = it != NULL ? it : find_path(ds, s, v->file);
    }
    return it != NULL && (v->hash == 0 || v->hash == it->hash)
               ? it
               : find_hash(s, v->hash);
}

enum nn_status nn_decisions_match(const struct nn_decisions *d,
                                  const struct nn_dataset *ds, size_t *item,
                                  struct nn_error *err)
{
    struct sorted s = { nn_mem_calloc(ds->n, sizeof *s.name),
                        nn_mem_calloc(ds->n, sizeof *s.hash), ds->n };
    enum nn_status st = NN_OK;

    if (s.name == NULL || s.hash == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < ds->n; i++) {
        s.name[i] = s.hash[i] = &ds->items[i];
    }
    qsort(s.name, s.n, sizeof(struct nn_item *), by_name);
    qsort(s.hash, s.n, sizeof(struct nn_item *), by_hash);
    for (size_t k = 0; k < d->n; k++) {
        const struct nn_item *it = item_of(ds, &s, &d->v[k]);

        item[k] = it != NULL ? (size_t)(it - ds->items) : ds->n;
    }
out:
    nn_mem_free(s.name);
    nn_mem_free(s.hash);
    return st;
}
