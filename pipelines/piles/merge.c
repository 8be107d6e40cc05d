#include "pipelines/piles/merge.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/piles/keys.h"
#include "pipelines/piles/md_file.h"
#include "pipelines/piles/pile_rows.h"

struct merge {
    FILE *to;
    struct pile_merge_counts *counts;
    struct pile_keys names, rows; /* of names, and with what is said */
    const char *first;            /* the first file */
    json_t *run, *classes;        /* of JSON lines, or NULL */
};

/* Is the row the photo's first? */
static enum nn_status is_new(struct merge *m, const char *file, uint64_t said,
                             int *yes)
{
    uint64_t name = nn_hash_u64(file, strlen(file), 0);
    uint64_t row = nn_hash_u64(&said, sizeof said, name);

    *yes = !pile_keys_have(&m->names, name);
    if (*yes) {
        m->counts->rows++;
        return pile_keys_add(&m->names, name) || pile_keys_add(&m->rows, row)
                   ? NN_ERR_NOMEM
                   : NN_OK;
    }
    m->counts->twice++;
    if (!pile_keys_have(&m->rows, row)) {
        m->counts->differing++;
        if (m->counts->differing == 1) {
            nn_log(NN_LOG_WARN,
                   "'%s' comes twice and differs: the first row stays", file);
        }
    }
    return NN_OK;
}

/* --- JSON lines --- */

static int same_keys(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)a, key, v)
    {
        if (json_object_get(b, key) == NULL) {
            return 0;
        }
    }
    return json_object_size(a) == json_object_size(b);
}

/* The row is of the run and the classes of those before. */
static enum nn_status check_row(struct merge *m, const json_t *row,
                                const char *path, struct nn_error *err)
{
    json_t *run = json_object_get(row, "run"), *p = json_object_get(row, "p");

    if (m->run == NULL && run != NULL) {
        m->run = json_incref(run);
    }
    if (run != NULL && !json_equal(run, m->run)) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "'%s' was made with another model or other options "
                       "than '%s'",
                       path, m->first);
    }
    if (json_object_size(p) == 0) {
        return NN_OK;
    }
    if (m->classes == NULL) {
        m->classes = json_incref(p);
    }
    return same_keys(p, m->classes)
               ? NN_OK
               : nn_fail(err, NN_ERR_FORMAT, "'%s' has other classes than '%s'",
                         path, m->first);
}

static uint64_t said_of(const struct pile_row *row)
{
    const char *what = row->error != NULL ? "error" : row->label;

    return nn_hash_u64(what, strlen(what), (uint64_t)(1e6 * row->p_positive));
}

static enum nn_status merge_lines(struct merge *m, const char *path, int write,
                                  struct nn_error *err)
{
    struct pile_rows rows = { .name = path, .from = fopen(path, "rbe") };
    struct pile_row row;
    int more, is_first;
    enum nn_status st;

    if (rows.from == NULL) {
        return nn_fail(err, NN_ERR_IO, "cannot open '%s': %s", path,
                       strerror(errno));
    }
    for (;;) {
        st = pile_rows_next(&rows, &row, &more, err);
        if (st || !more) {
            break;
        }
        st = check_row(m, rows.row, path, err);
        if (st) {
            break;
        }
        if (!write) {
            continue;
        }
        st = is_new(m, row.file, said_of(&row), &is_first);
        if (st) {
            nn_fail_nomem(err);
            break;
        }
        if (is_first) {
            fwrite(rows.text, 1, rows.size, m->to);
            fputc('\n', m->to);
        }
    }
    pile_rows_release(&rows);
    fclose(rows.from);
    return st;
}

/* --- MegaDetector's --- */

static const char *info_of(const struct md_file *f, const char *key)
{
    return json_string_value(
        json_object_get(json_object_get(f->head, "info"), key));
}

static enum nn_status check_head(const struct md_file *first,
                                 const struct md_file *other,
                                 struct nn_error *err)
{
    static const char *const maps[] = { "detection_categories",
                                        "classification_categories" };
    static const char *const makers[] = { "detector", "classifier" };

    for (int i = 0; i < 2; i++) {
        const json_t *a = json_object_get(first->head, maps[i]);
        const json_t *b = json_object_get(other->head, maps[i]);

        if ((a == NULL) != (b == NULL) || (a != NULL && !json_equal(a, b))) {
            return nn_fail(err, NN_ERR_FORMAT, "'%s' has other %s than '%s'",
                           other->path, maps[i], first->path);
        }
    }
    for (int i = 0; i < 2; i++) {
        const char *a = info_of(first, makers[i]);
        const char *b = info_of(other, makers[i]);

        if ((a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0)) {
            return nn_fail(err, NN_ERR_FORMAT,
                           "'%s' is of another %s ('%s') than '%s' ('%s')",
                           other->path, makers[i], b != NULL ? b : "",
                           first->path, a != NULL ? a : "");
        }
    }
    return NN_OK;
}

static enum nn_status merge_images(struct merge *m, struct md_file *f,
                                   struct nn_error *err)
{
    int more, is_first;
    enum nn_status st;

    for (;;) {
        st = md_file_next(f, &more, err);
        if (st || !more) {
            return st;
        }
        if (is_new(m, f->file, nn_hash_u64(f->text, f->n, 0), &is_first)) {
            return nn_fail_nomem(err);
        }
        if (is_first) {
            fputs(m->counts->rows > 1 ? ",\n  " : "\n  ", m->to);
            fwrite(f->text, 1, f->n, m->to);
        }
    }
}

/* The head of the first, with the newest format of all. */
static enum nn_status put_head(struct merge *m, const struct md_file *f,
                               size_t n, struct nn_error *err)
{
    const char *newest = "";
    json_t *info = json_object_get(f[0].head, "info");
    char *text;

    for (size_t i = 0; i < n; i++) {
        const char *v = info_of(&f[i], "format_version");

        newest =
            v != NULL && strtod(v, NULL) > strtod(newest, NULL) ? v : newest;
    }
    if (newest[0] != '\0' &&
        json_object_set_new(info, "format_version", json_string(newest)) != 0) {
        return nn_fail_nomem(err);
    }
    text = nn_json_dump(f[0].head, 0);
    if (text == NULL) {
        return nn_fail_nomem(err);
    }
    fprintf(m->to, "%.*s, \"images\": [", (int)strlen(text) - 1, text);
    nn_mem_free(text);
    return NN_OK;
}

static enum nn_status merge_md(struct merge *m, const char *const *paths,
                               size_t n, struct nn_error *err)
{
    struct md_file *f = nn_mem_calloc(n, sizeof *f);
    enum nn_status st = f == NULL ? nn_fail_nomem(err) : NN_OK;

    for (size_t i = 0; st == NN_OK && i < n; i++) {
        st = md_file_open(&f[i], paths[i], err);
        if (st == NN_OK && i > 0) {
            st = check_head(&f[0], &f[i], err);
        }
    }
    if (st == NN_OK) {
        st = put_head(m, f, n, err);
    }
    for (size_t i = 0; st == NN_OK && i < n; i++) {
        st = merge_images(m, &f[i], err);
    }
    if (st == NN_OK) {
        fputs("\n ]\n}\n", m->to);
    }
    for (size_t i = 0; f != NULL && i < n; i++) {
        md_file_release(&f[i]);
    }
    nn_mem_free(f);
    return st;
}

/* --- of which kind --- */

static enum nn_status kind_of(const char *path, int *is_md,
                              struct nn_error *err)
{
    FILE *f = nn_file_is_dir(path) ? NULL : fopen(path, "rbe");
    char head[256];

    if (f == NULL) {
        return nn_fail(err, NN_ERR_IO, "cannot open '%s': %s", path,
                       nn_file_is_dir(path) ? "it is a folder"
                                            : strerror(errno));
    }
    *is_md = md_file_looks_like(head, fread(head, 1, sizeof head, f));
    fclose(f);
    return NN_OK;
}

enum nn_status pile_merge(const char *const *paths, size_t n, FILE *to,
                          struct pile_merge_counts *counts,
                          struct nn_error *err)
{
    struct merge m = { .to = to, .counts = counts, .first = paths[0] };
    int md = 0, other = 0;
    enum nn_status st = kind_of(paths[0], &md, err);

    *counts = (struct pile_merge_counts){ 0 };
    for (size_t i = 1; st == NN_OK && i < n; i++) {
        st = kind_of(paths[i], &other, err);
        if (st == NN_OK && other != md) {
            st = nn_fail(err, NN_ERR_FORMAT,
                         "'%s' and '%s' are of different formats", paths[0],
                         paths[i]);
        }
    }
    if (st == NN_OK && md) {
        st = merge_md(&m, paths, n, err);
    }
    for (int write = 0; st == NN_OK && !md && write < 2; write++) {
        for (size_t i = 0; st == NN_OK && i < n; i++) { /* check them first */
            st = merge_lines(&m, paths[i], write, err);
        }
    }
    pile_keys_release(&m.names);
    pile_keys_release(&m.rows);
    json_decref(m.run);
    json_decref(m.classes);
    return st;
}
