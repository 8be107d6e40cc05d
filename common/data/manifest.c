/* CSV (RFC 4180) and JSON-lines manifests. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/json.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/data/csv.h"
#include "common/data/dataset_internal.h"

enum column {
    COL_FILE,
    COL_LABEL,
    COL_SPLIT,
    COL_GROUP,
    COL_FAMILY,
    COL_WEIGHT,
    COLS
};
static const char *const column_names[COLS] = { "file",  "label",  "split",
                                                "group", "family", "weight" };

/* What Hugging Face's imagefolder calls the file. */
static const char *const other_file = "file_name";

/* A row's place, for messages. */
struct row {
    struct nn_finder *f;
    const struct nn_part *part;
    struct nn_archive_reader *members;
    const char *path;
    size_t line;
};

/* What is known between two blocks of rows. */
struct manifest {
    struct nn_finder *f;
    const struct nn_part *part; /* or NULL */
    struct nn_archive_reader members;
    const char *path;
    size_t line;   /* rows begin behind it */
    size_t width;  /* columns of the CSV header, 0 before it */
    int col[COLS]; /* where they are */
};

static enum nn_status bad_row(const struct row *r, struct nn_error *err,
                              const char *why, const char *what)
{
    return nn_fail(err, NN_ERR_FORMAT, "'%s' line %zu: %s%s%s%s", r->path,
                   r->line, why, what != NULL ? " '" : "",
                   what != NULL ? what : "", what != NULL ? "'" : "");
}

static int is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static enum nn_status parse_weight(const struct row *r, const char *text,
                                   float *weight, struct nn_error *err)
{
    char *end;

    *weight = 1;
    if (!is_set(text)) {
        return NN_OK;
    }
    *weight = strtof(text, &end);
    if (*end != '\0' || !isfinite(*weight) || *weight < 0) {
        return bad_row(r, err, "a weight is a number of 0 or more, not", text);
    }
    return NN_OK;
}

static char *in_folder_of(const char *manifest, const char *file)
{
    int dir = (int)(nn_path_base(manifest) - manifest);

    return file[0] == '/' ? nn_mem_strdup(file)
                          : nn_mem_sprintf("%.*s%s", dir, manifest, file);
}

/* Where the image of a row lies: paths are relative to the manifest's folder,
 * and where there is no such file, may be the text of another name. */
static char *place_of(const struct row *r, const char *file)
{
    char *path = in_folder_of(r->path, file), *bytes, *other = NULL;

    if (path == NULL || strchr(file, '%') == NULL || nn_file_exists(path)) {
        return path;
    }
    bytes = nn_text_bytes(file);
    other = bytes != NULL ? in_folder_of(r->path, bytes) : NULL;
    if (other != NULL && !nn_file_exists(other) &&
        nn_archive_prefix(other) == 0) {
        nn_mem_free(other);
        other = path;
    }
    if (other != path) {
        nn_mem_free(path);
    }
    nn_mem_free(bytes);
    return other;
}

static enum nn_status add_row(const struct row *r, const char *const v[COLS],
                              struct nn_error *err)
{
    struct nn_found found = { .labelled = 1,
                              .split = NN_SPLIT_NONE,
                              .name = (char *)(uintptr_t)v[COL_FILE],
                              .label = (char *)(uintptr_t)v[COL_LABEL],
                              .family = (char *)(uintptr_t)v[COL_FAMILY] };
    char *path, *name = NULL;
    enum nn_status st;
    size_t prefix;

    if (!is_set(v[COL_FILE])) {
        return bad_row(r, err, "no file name", NULL);
    }
    if (is_set(v[COL_SPLIT]) && nn_split_parse(v[COL_SPLIT], &found.split)) {
        return bad_row(r, err, "a split is train, valid or test, not",
                       v[COL_SPLIT]);
    }
    if (is_set(v[COL_GROUP])) {
        found.group = nn_hash_u64(v[COL_GROUP], strlen(v[COL_GROUP]), 1) | 1;
    }
    st = parse_weight(r, v[COL_WEIGHT], &found.weight, err);
    if (st) {
        return st;
    }
    path = place_of(r, v[COL_FILE]);
    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    if (r->part != NULL) {
        name = nn_mem_sprintf("%s%s", r->part->prefix, v[COL_FILE]);
        if (name == NULL) {
            st = nn_fail_nomem(err);
            goto out;
        }
        found.name = name;
        found.split =
            found.split == NN_SPLIT_NONE ? r->part->split : found.split;
    }
    if (r->f->opt->as_pool) {
        found.name = path;
    }
    prefix = nn_archive_prefix(path);
    st = prefix > 0 ? nn_archive_reader_add(r->members, path, prefix, &found,
                                            r->line, err)
                    : nn_find_file(r->f, found, path, err);
out:
    nn_mem_free(path);
    nn_mem_free(name);
    return st;
}

/* --- CSV --- */

static enum nn_status csv_header(const struct row *r, char *const *field,
                                 size_t n, int col[COLS], struct nn_error *err)
{
    const char *twice = nn_csv_columns(field, n, column_names, COLS, col);

    if (twice != NULL) {
        return bad_row(r, err, "two columns are called", twice);
    }
    if (col[COL_FILE] < 0) {
        twice = nn_csv_columns(field, n, &other_file, 1, &col[COL_FILE]);
        if (twice != NULL) {
            return bad_row(r, err, "two columns are called", twice);
        }
    }
    if (col[COL_FILE] < 0 || (col[COL_LABEL] < 0 && !r->f->opt->as_pool)) {
        return bad_row(r, err, "the header has no column",
                       col[COL_FILE] < 0 ? "file" : "label");
    }
    return NN_OK;
}

static enum nn_status bad_width(const struct row *r, size_t n, size_t width,
                                struct nn_error *err)
{
    return nn_fail(err, NN_ERR_FORMAT,
                   "'%s' line %zu: %zu columns, the header has %zu", r->path,
                   r->line, n, width);
}

static enum nn_status csv_rows(struct manifest *m, char *text, size_t size,
                               struct nn_error *err)
{
    struct nn_csv c = { .at = text, .end = text + size, .line = m->line + 1 };
    char *field[NN_CSV_MAX_COLUMNS];
    size_t n;
    enum nn_status st;

    while (c.at < c.end) {
        const struct row r = { m->f, m->part, &m->members, m->path, c.line };
        const char *v[COLS] = { NULL };

        if (nn_csv_row(&c, field, &n)) {
            return bad_row(&r, err, c.why, NULL);
        }
        if (n == 1 && field[0][0] == '\0') {
            continue; /* an empty line */
        }
        if (m->width == 0) {
            m->width = n;
            st = csv_header(&r, field, n, m->col, err);
            if (st) {
                return st;
            }
            continue;
        }
        if (n != m->width) {
            return bad_width(&r, n, m->width, err);
        }
        for (int k = 0; k < COLS; k++) {
            v[k] = m->col[k] >= 0 ? field[m->col[k]] : NULL;
        }
        st = add_row(&r, v, err);
        if (st) {
            return st;
        }
    }
    m->line = c.line - 1;
    return NN_OK;
}

/* --- JSON lines --- */

/* Value of column k as text in *v, NULL for none. Numbers are written into
 * buf. */
static enum nn_status json_column(const struct row *r, const json_t *object,
                                  int k, char buf[32], const char **v,
                                  struct nn_error *err)
{
    const json_t *j = json_object_get(object, column_names[k]);

    if (j == NULL && k == COL_FILE) {
        j = json_object_get(object, other_file);
    }
    *v = NULL;
    if (json_is_string(j)) {
        *v = json_string_value(j);
    } else if ((k == COL_GROUP || k == COL_LABEL) && json_is_integer(j)) {
        snprintf(buf, 32, "%lld", (long long)json_integer_value(j));
        *v = buf;
    } else if (k == COL_WEIGHT && json_is_number(j)) {
        snprintf(buf, 32, "%.9g", json_number_value(j));
        *v = buf;
    } else if (j != NULL && !json_is_null(j)) {
        return bad_row(r, err, "not a text:", column_names[k]);
    }
    return NN_OK;
}

static enum nn_status json_row(const struct row *r, const json_t *object,
                               struct nn_error *err)
{
    const char *v[COLS] = { NULL };
    char buf[COLS][32];

    if (!json_is_object(object)) {
        return bad_row(r, err, "not a JSON object", NULL);
    }
    if (!r->f->opt->as_pool && json_object_get(object, "label") == NULL) {
        return bad_row(r, err, "no key 'label'", NULL);
    }
    for (int k = 0; k < COLS; k++) {
        enum nn_status st = json_column(r, object, k, buf[k], &v[k], err);

        if (st) {
            return st;
        }
    }
    return add_row(r, v, err);
}

static enum nn_status json_line(const struct row *r, const char *text,
                                size_t size, struct nn_error *err)
{
    json_error_t why;
    json_t *j;
    enum nn_status st =
        nn_json_load(text, size, JSON_REJECT_DUPLICATES, &j, &why);

    if (st == NN_ERR_NOMEM) {
        return nn_fail_nomem(err);
    }
    if (st) {
        return bad_row(r, err, why.text, NULL);
    }
    st = json_row(r, j, err);
    json_decref(j);
    return st;
}

static enum nn_status json_rows(struct manifest *m, const char *text,
                                size_t size, struct nn_error *err)
{
    const char *at = text, *end = text + size;
    struct row r = { m->f, m->part, &m->members, m->path, m->line };

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((stop != NULL ? stop : end) - at);

        r.line++;
        if (strspn(at, " \t\r") < len) {
            enum nn_status st = json_line(&r, at, len, err);

            if (st) {
                return st;
            }
        }
        at += len + (stop != NULL);
    }
    m->line = r.line;
    return NN_OK;
}

/* --- both --- */

enum { BLOCK = 64 << 10 }; /* bytes in memory */

enum nn_status nn_find_manifest_stream(struct nn_finder *f, const char *path,
                                       const struct nn_part *part, FILE *in,
                                       size_t block, struct nn_error *err)
{
    struct manifest m = { .f = f, .part = part, .path = path };
    struct nn_rows rows = { .in = in, .path = path, .room = block };
    char *text;
    size_t size;
    enum nn_status st;

    rows.csv = nn_ends_with(path, ".csv");
    for (;;) {
        st = nn_rows_next(&rows, &text, &size, err);
        if (st) {
            goto out;
        }
        if (size == 0) {
            break;
        }
        st = rows.csv ? csv_rows(&m, text, size, err)
                      : json_rows(&m, text, size, err);
        if (st) {
            goto out;
        }
    }
    st = nn_archive_reader_run(&m.members, f, path, err);
out:
    nn_archive_reader_release(&m.members);
    nn_rows_release(&rows);
    return st;
}

enum nn_status nn_find_manifest(struct nn_finder *f, const char *path,
                                const struct nn_part *part,
                                struct nn_error *err)
{
    struct nn_rows rows = { .path = path };
    enum nn_status st = nn_rows_open(&rows, err);

    if (st) {
        return st;
    }
    st = nn_find_manifest_stream(f, path, part, rows.in, BLOCK, err);
    fclose(rows.in);
    return st;
}

/* What cannot be read as a row is told when it is read for good. */
static int has_label(char *text, size_t size, int csv)
{
    struct nn_csv c = { .at = text, .end = text + size, .line = 1 };
    char *field[NN_CSV_MAX_COLUMNS];
    const char *stop = memchr(text, '\n', size);
    json_t *j = NULL;
    int col, has;
    size_t n;

    if (csv) {
        if (nn_csv_row(&c, field, &n)) {
            return 1;
        }
        (void)nn_csv_columns(field, n, &column_names[COL_LABEL], 1, &col);
        return col >= 0;
    }
    size = stop != NULL ? (size_t)(stop - text) : size;
    if (nn_json_load(text, size, 0, &j, NULL)) {
        return 1;
    }
    has = json_object_get(j, column_names[COL_LABEL]) != NULL;
    json_decref(j);
    return has;
}

enum nn_status nn_manifest_has_labels(const char *path, int *has,
                                      struct nn_error *err)
{
    struct nn_rows rows = { .path = path,
                            .room = BLOCK,
                            .csv = nn_ends_with(path, ".csv") };
    char *text;
    size_t size;
    enum nn_status st = nn_rows_open(&rows, err);

    if (st) {
        return st;
    }
    st = nn_rows_next(&rows, &text, &size, err);
    if (!st) {
        *has = size > 0 && has_label(text, size, rows.csv);
    }
    fclose(rows.in);
    nn_rows_release(&rows);
    return st;
}
