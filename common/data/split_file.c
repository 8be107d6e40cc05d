#include "common/data/split_file.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/data/csv.h"
#include "common/data/dataset_internal.h"

enum column { COL_FILE, COL_HASH, COL_SPLIT, COLS };
static const char *const column_names[COLS] = { "file", "hash", "split" };

enum { BLOCK = 64 << 10 }; /* bytes in memory */

/* --- writing --- */

static enum nn_status put_item(FILE *to, const struct nn_dataset *ds,
                               const struct nn_item *it)
{
    char *name = nn_text(it->file);

    if (name == NULL) {
        return NN_ERR_NOMEM;
    }
    nn_csv_put(to, name);
    nn_mem_free(name);
    fputc(',', to);
    nn_csv_put(to, it->label == NN_NEGATIVE ? "" : ds->classes[it->label]);
    fputc(',', to);
    nn_csv_put(to, it->family >= 0 ? ds->families[it->family] : "");
    fprintf(to, ",%s,%016llx\n", nn_split_name(it->split),
            (unsigned long long)it->hash);
    return NN_OK;
}

enum nn_status nn_split_file_write(const struct nn_dataset *ds,
                                   const char *path, struct nn_error *err)
{
    struct nn_file_out o = { 0 };
    enum nn_status st = nn_file_out_open(&o, path, err);

    if (st) {
        return st;
    }
    fputs("file,label,family,split,hash\n", o.stream);
    for (size_t i = 0; i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];

        if (!it->bad && it->split < NN_SPLITS &&
            put_item(o.stream, ds, it) != NN_OK) {
            nn_file_out_abort(&o);
            return nn_fail_nomem(err);
        }
    }
    return nn_file_out_commit(&o, err);
}

/* --- reading --- */

struct row {
    uint64_t hash; /* 0: not given */
    uint64_t name; /* hash of the name's bytes, 0: not given */
    size_t line;
    enum nn_split split;
    int used;
};

struct reader {
    const char *path;
    size_t line;  /* rows begin behind it */
    size_t width; /* columns of the header, 0 before it */
    int col[COLS];
    struct row *v; /* [n] in the order of lines */
    size_t n, cap;
};

static enum nn_status bad_line(const struct reader *r, size_t line,
                               struct nn_error *err, const char *why,
                               const char *what)
{
    return nn_fail(err, NN_ERR_FORMAT, "'%s' line %zu: %s%s%s%s", r->path, line,
                   why, what != NULL ? " '" : "", what != NULL ? what : "",
                   what != NULL ? "'" : "");
}

static uint64_t hash_of_name(const char *name)
{
    return nn_hash_u64(name, strlen(name), 1) | 1;
}

/* 16 hex digits; 0 is the hash of nothing and means "not given". */
static int parse_hash(const char *text, uint64_t *hash)
{
    char *end;

    *hash = 0;
    if (strlen(text) != 16 || strspn(text, "0123456789abcdefABCDEF") != 16) {
        return text[0] == '\0' ? 0 : -1;
    }
    *hash = strtoull(text, &end, 16);
    return 0;
}

static enum nn_status read_header(struct reader *r, char *const *field,
                                  size_t n, size_t line, struct nn_error *err)
{
    const char *twice = nn_csv_columns(field, n, column_names, COLS, r->col);

    r->width = n;
    if (twice != NULL) {
        return bad_line(r, line, err, "two columns are called", twice);
    }
    if (r->col[COL_SPLIT] < 0) {
        return bad_line(r, line, err, "the header has no column", "split");
    }
    if (r->col[COL_FILE] < 0 && r->col[COL_HASH] < 0) {
        return bad_line(r, line, err,
                        "the header has neither a column 'file' nor 'hash'",
                        NULL);
    }
    return NN_OK;
}

static enum nn_status read_name(const char *text, struct row *row,
                                struct nn_error *err)
{
    char *name;

    if (text[0] == '\0') {
        return NN_OK;
    }
    name = nn_text_bytes(text);
    if (name == NULL) {
        return nn_fail_nomem(err);
    }
    row->name = hash_of_name(name);
    nn_mem_free(name);
    return NN_OK;
}

static enum nn_status read_row(struct reader *r, char *const *field,
                               size_t line, struct nn_error *err)
{
    struct row row = { .line = line };
    const char *split = field[r->col[COL_SPLIT]];
    enum nn_status st;

    if (split[0] == '\0') {
        return NN_OK;
    }
    if (nn_split_parse(split, &row.split)) {
        return bad_line(r, line, err, "a split is train, valid or test, not",
                        split);
    }
    if (r->col[COL_HASH] >= 0 &&
        parse_hash(field[r->col[COL_HASH]], &row.hash)) {
        return bad_line(r, line, err, "a hash is 16 hex digits, not",
                        field[r->col[COL_HASH]]);
    }
    if (r->col[COL_FILE] >= 0) {
        st = read_name(field[r->col[COL_FILE]], &row, err);
        if (st) {
            return st;
        }
    }
    if (row.hash == 0 && row.name == 0) {
        return bad_line(r, line, err, "neither a file name nor a hash", NULL);
    }
    if (nn_mem_grow(&r->v, &r->cap, r->n + 1, sizeof *r->v)) {
        return nn_fail_nomem(err);
    }
    r->v[r->n++] = row;
    return NN_OK;
}

static enum nn_status read_block(struct reader *r, char *text, size_t size,
                                 struct nn_error *err)
{
    struct nn_csv c = { .at = text, .end = text + size, .line = r->line + 1 };
    char *field[NN_CSV_MAX_COLUMNS];

    while (c.at < c.end) {
        size_t line = c.line, n;
        enum nn_status st;

        if (nn_csv_row(&c, field, &n)) {
            return bad_line(r, line, err, c.why, NULL);
        }
        if (n == 1 && field[0][0] == '\0') {
            continue; /* an empty line */
        }
        if (r->width > 0 && n != r->width) {
            return nn_fail(err, NN_ERR_FORMAT,
                           "'%s' line %zu: %zu columns, the header has %zu",
                           r->path, line, n, r->width);
        }
        st = r->width == 0 ? read_header(r, field, n, line, err)
                           : read_row(r, field, line, err);
        if (st) {
            return st;
        }
    }
    r->line = c.line - 1;
    return NN_OK;
}

static enum nn_status read_rows(struct reader *r, struct nn_error *err)
{
    struct nn_rows rows = { .path = r->path, .csv = 1, .room = BLOCK };
    char *text;
    size_t size;
    enum nn_status st = nn_rows_open(&rows, err);

    if (st) {
        return st;
    }
    do {
        st = nn_rows_next(&rows, &text, &size, err);
        if (st) {
            goto out;
        }
        st = read_block(r, text, size, err);
        if (st) {
            goto out;
        }
    } while (size > 0);
    if (r->n == 0) {
        st = nn_fail(err, NN_ERR_FORMAT, "'%s' has no rows", r->path);
    }
out:
    fclose(rows.in);
    nn_rows_release(&rows);
    return st;
}

/* --- which row is whose --- */

/* Sorted by one key, then by line. */
struct key {
    uint64_t key;
    size_t row;
};

static int by_key(const void *a, const void *b)
{
    const struct key *x = a, *y = b;

    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    return (x->row > y->row) - (x->row < y->row);
}

struct keys {
    struct key *v;
    size_t n;
};

/* Of the rows that have the key. */
static int make_keys(const struct reader *r, int names, struct keys *k)
{
    *k = (struct keys){ nn_mem_calloc(r->n, sizeof *k->v), 0 };
    if (k->v == NULL) {
        return -1;
    }
    for (size_t i = 0; i < r->n; i++) {
        uint64_t key = names ? r->v[i].name : r->v[i].hash;

        if (key != 0) {
            k->v[k->n++] = (struct key){ key, i };
        }
    }
    qsort(k->v, k->n, sizeof *k->v, by_key);
    return 0;
}

/* Index of the first key that is not below. */
static size_t lower(const struct keys *k, uint64_t key)
{
    size_t lo = 0, hi = k->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (k->v[mid].key < key) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

/* One image with two splits: a name that comes twice, or a hash alone. */
static enum nn_status check_clear(const struct reader *r, const struct keys *k,
                                  struct nn_error *err)
{
    for (size_t i = 1; i < k->n; i++) {
        const struct row *a = &r->v[k->v[i - 1].row], *b = &r->v[k->v[i].row];

        if (k->v[i].key == k->v[i - 1].key && a->split != b->split &&
            a->name == b->name) {
            return nn_fail(err, NN_ERR_FORMAT,
                           "'%s': lines %zu and %zu give one image two splits",
                           r->path, a->line, b->line);
        }
    }
    return NN_OK;
}

static struct row *row_of(struct reader *r, const struct keys *hashes,
                          const struct keys *names, const struct nn_item *it)
{
    uint64_t name = hash_of_name(it->file);
    size_t first = lower(hashes, it->hash), at = lower(names, name);

    for (size_t i = first; i < hashes->n && hashes->v[i].key == it->hash; i++) {
        if (r->v[hashes->v[i].row].name == name) {
            return &r->v[hashes->v[i].row];
        }
    }
    if (it->hash != 0 && first < hashes->n &&
        hashes->v[first].key == it->hash) {
        return &r->v[hashes->v[first].row];
    }
    return at < names->n && names->v[at].key == name ? &r->v[names->v[at].row]
                                                     : NULL;
}

static enum nn_status apply(struct nn_dataset *ds, struct reader *r,
                            const struct keys *hashes, const struct keys *names,
                            struct nn_split_file_counts *n,
                            struct nn_error *err)
{
    struct row **of = nn_mem_calloc(ds->n, sizeof *of);

    if (of == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];

        of[i] = it->bad ? NULL : row_of(r, hashes, names, it);
        n->given += of[i] != NULL;
        n->moved += of[i] != NULL && it->split != NN_SPLIT_NONE &&
                    it->split != of[i]->split;
    }
    for (size_t i = 0; n->given > 0 && i < ds->n; i++) {
        if (of[i] != NULL) {
            of[i]->used = 1;
            ds->items[i].split = of[i]->split;
        }
    }
    for (size_t i = 0; i < r->n; i++) {
        n->absent += !r->v[i].used;
    }
    nn_mem_free(of);
    return n->given > 0 ? NN_OK
                        : nn_fail(err, NN_ERR_FORMAT,
                                  "none of the %zu rows of '%s' is of an image "
                                  "of '%s', such as '%s'",
                                  r->n, r->path, ds->path, ds->items[0].file);
}

enum nn_status nn_split_file_read(struct nn_dataset *ds, const char *path,
                                  struct nn_split_file_counts *n,
                                  struct nn_error *err)
{
    struct reader r = { .path = path };
    struct keys hashes = { NULL, 0 }, names = { NULL, 0 };
    enum nn_status st;

    *n = (struct nn_split_file_counts){ 0 };
    st = read_rows(&r, err);
    if (st) {
        goto out;
    }
    if (make_keys(&r, 0, &hashes) || make_keys(&r, 1, &names)) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = check_clear(&r, &hashes, err);
    if (st) {
        goto out;
    }
    st = check_clear(&r, &names, err);
    if (st) {
        goto out;
    }
    st = apply(ds, &r, &hashes, &names, n, err);
out:
    nn_mem_free(hashes.v);
    nn_mem_free(names.v);
    nn_mem_free(r.v);
    return st;
}
