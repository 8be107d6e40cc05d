#include "pipelines/piles/undo_list.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/base/text.h"

#define FORMAT "bearcascade-sorted 1"

/* --- entries --- */

void pile_entry_release(struct pile_entry *e)
{
    nn_mem_free(e->to);
    nn_mem_free(e->from);
    nn_mem_free(e->member);
    *e = (struct pile_entry){ .to = NULL };
}

enum nn_status pile_entries_add(struct pile_entries *l, struct pile_entry *e)
{
    if (nn_mem_grow(&l->v, &l->cap, l->n + 1, sizeof *l->v)) {
        pile_entry_release(e);
        return NN_ERR_NOMEM;
    }
    l->v[l->n++] = *e;
    *e = (struct pile_entry){ .to = NULL };
    return NN_OK;
}

static void empty(struct pile_entries *l)
{
    for (size_t i = 0; i < l->n; i++) {
        pile_entry_release(&l->v[i]);
    }
    l->n = 0;
}

void pile_entries_release(struct pile_entries *l)
{
    empty(l);
    nn_mem_free(l->v);
    *l = (struct pile_entries){ .v = NULL };
}

uint64_t pile_name_key(const char *from, const char *member)
{
    uint64_t h = nn_hash_u64(from, strlen(from) + 1, 0);

    return member != NULL ? nn_hash_u64(member, strlen(member) + 1, h) : h;
}

uint64_t pile_entry_key(const struct pile_entry *e)
{
    uint64_t h = pile_name_key(e->from, e->member);

    return nn_hash_u64(&e->mtime_ns, sizeof e->mtime_ns,
                       nn_hash_u64(&e->bytes, sizeof e->bytes, h));
}

static json_t *entry_json(const struct pile_entry *e)
{
    json_t *j = json_object();

    nn_json_put(&j, "to", nn_json_text(e->to));
    nn_json_put(&j, "from", nn_json_text(e->from));
    if (e->member != NULL) {
        nn_json_put(&j, "member", nn_json_text(e->member));
    }
    nn_json_put(&j, "by", json_string(pile_by_name(e->by)));
    nn_json_put(&j, "bytes", json_integer(e->bytes));
    nn_json_put(&j, "mtime_ns", json_integer(e->mtime_ns));
    nn_json_put(&j, "batch", json_integer(e->batch));
    return j;
}

static char *bytes_of(const json_t *j, const char *key)
{
    const char *text = json_string_value(json_object_get(j, key));

    return text != NULL ? nn_text_bytes(text) : NULL;
}

/* No part of it leads out of DIR. */
static int is_below(const char *to)
{
    const char *at = to;

    while ((at = strstr(at, "..")) != NULL) {
        if ((at == to || at[-1] == '/') && (at[2] == '/' || at[2] == '\0')) {
            return 0;
        }
        at += 2;
    }
    return to[0] != '/' && to[0] != '\0';
}

/* NN_ERR_FORMAT: no entry. */
static enum nn_status read_entry(const json_t *j, struct pile_entry *e)
{
    const char *by = json_string_value(json_object_get(j, "by"));

    *e = (struct pile_entry){ .to = NULL };
    if (by == NULL || json_string_value(json_object_get(j, "to")) == NULL ||
        json_string_value(json_object_get(j, "from")) == NULL) {
        return NN_ERR_FORMAT;
    }
    e->by = strcmp(by, "move") == 0   ? PILE_MOVE
            : strcmp(by, "copy") == 0 ? PILE_COPY
                                      : PILE_LINK;
    e->bytes = json_integer_value(json_object_get(j, "bytes"));
    e->mtime_ns = json_integer_value(json_object_get(j, "mtime_ns"));
    e->batch = json_integer_value(json_object_get(j, "batch"));
    e->to = bytes_of(j, "to");
    e->from = bytes_of(j, "from");
    e->member = bytes_of(j, "member");
    if (e->to == NULL || e->from == NULL ||
        (e->member == NULL && json_object_get(j, "member") != NULL)) {
        pile_entry_release(e);
        return NN_ERR_NOMEM;
    }
    if (!is_below(e->to)) {
        pile_entry_release(e);
        return NN_ERR_FORMAT;
    }
    return NN_OK;
}

/* --- reading --- */

/* The line at the stream's place, without its newline, or NULL: there is none
 * that is whole, or *st. nn_mem_free. */
static char *read_line(FILE *f, enum nn_status *st)
{
    char *line = NULL;
    size_t n = 0, cap = 0;
    int c;

    *st = NN_OK;
    while ((c = getc_unlocked(f)) != EOF) {
        if (nn_mem_grow(&line, &cap, n + 1, 1)) {
            *st = NN_ERR_NOMEM;
            break;
        }
        line[n++] = (char)(c == '\n' ? '\0' : c);
        if (c == '\n') {
            return line;
        }
    }
    nn_mem_free(line);
    return NULL;
}

static enum nn_status settle_begun(struct pile_list *l)
{
    for (size_t i = 0; i < l->begun.n; i++) {
        const struct pile_entry *e = &l->begun.v[i];

        if (pile_keys_add(&l->done, pile_entry_key(e)) ||
            pile_keys_add(&l->done, pile_name_key(e->from, e->member))) {
            return NN_ERR_NOMEM;
        }
    }
    empty(&l->begun);
    return NN_OK;
}

static enum nn_status forget(struct pile_list *l, const json_t *j)
{
    char *to = bytes_of(j, "failed");

    if (to == NULL) {
        return json_object_get(j, "failed") != NULL ? NN_ERR_NOMEM : NN_OK;
    }
    for (size_t i = 0; i < l->begun.n; i++) {
        if (strcmp(l->begun.v[i].to, to) == 0) {
            pile_entry_release(&l->begun.v[i]);
            l->begun.v[i] = l->begun.v[--l->begun.n];
            break;
        }
    }
    nn_mem_free(to);
    return NN_OK;
}

static enum nn_status take_line(struct pile_list *l, const json_t *j)
{
    struct pile_entry e;
    enum nn_status st = read_entry(j, &e);

    if (st) {
        return st == NN_ERR_FORMAT ? forget(l, j) : st;
    }
    l->n++;
    if (e.batch >= l->batch) {
        st = settle_begun(l);
        if (st) {
            pile_entry_release(&e);
            return st;
        }
        l->batch = e.batch + 1;
    }
    return pile_entries_add(&l->begun, &e);
}

static enum nn_status read_head(struct pile_list *l, const json_t *j)
{
    const char *format = json_string_value(json_object_get(j, "format"));

    if (format == NULL || strcmp(format, FORMAT) != 0) {
        return NN_ERR_FORMAT;
    }
    l->base = bytes_of(j, "base");
    return l->base == NULL ? NN_ERR_NOMEM : NN_OK;
}

static enum nn_status read_list(struct pile_list *l, struct nn_error *err)
{
    enum nn_status st;
    char *line;

    while ((line = read_line(l->file, &st)) != NULL) {
        json_t *j = NULL;

        st = nn_json_load(line, strlen(line), 0, &j, NULL);
        if (st == NN_OK) {
            st = l->base == NULL ? read_head(l, j) : take_line(l, j);
        }
        json_decref(j);
        nn_mem_free(line);
        if (st) {
            break;
        }
        l->end = ftello(l->file);
    }
    if (st == NN_OK && l->base == NULL) {
        st = NN_ERR_FORMAT;
    }
    if (st == NN_ERR_FORMAT) {
        return nn_fail(err, st, "'%s' is no list of sorted photos", l->path);
    }
    return st ? nn_fail_nomem(err) : NN_OK;
}

static enum nn_status write_head(const char *path, const char *base,
                                 struct nn_error *err)
{
    struct nn_file_out out;
    json_t *j = json_object();
    char *text = NULL;
    enum nn_status st;

    nn_json_put(&j, "format", json_string(FORMAT));
    nn_json_put(&j, "base", nn_json_text(base));
    text = nn_json_line(j);
    json_decref(j);
    if (text == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_file_out_open(&out, path, err);
    if (st == NN_OK) {
        fprintf(out.stream, "%s\n", text);
        st = nn_file_out_commit(&out, err);
    }
    nn_mem_free(text);
    return st;
}

static enum nn_status fail_write(const struct pile_list *l, int why,
                                 struct nn_error *err)
{
    return nn_fail(err, NN_ERR_IO, "cannot write '%s': %s", l->path,
                   strerror(why));
}

enum nn_status pile_list_open(struct pile_list *l, const char *path,
                              const char *base, struct nn_error *err)
{
    enum nn_status st;

    *l = (struct pile_list){ .path = nn_mem_strdup(path) };
    if (l->path == NULL) {
        return nn_fail_nomem(err);
    }
    if (base != NULL && !nn_file_exists(path)) {
        st = write_head(path, base, err);
        if (st) {
            return st;
        }
    }
    l->file = fopen(path, "r+be");
    if (l->file == NULL) {
        return nn_fail(err, NN_ERR_IO, "cannot open '%s': %s", path,
                       strerror(errno));
    }
    st = read_list(l, err);
    if (st) {
        return st;
    }
    /* A line that a kill cut off was of a batch that had not begun. */
    return ftruncate(fileno(l->file), (off_t)l->end) == 0
               ? NN_OK
               : fail_write(l, errno, err);
}

/* --- writing --- */

/* The lines in l->text are on the disk, or none of them is. */
static enum nn_status settle(struct pile_list *l, struct nn_error *err)
{
    int fd = fileno(l->file), why = 0;
    size_t n = l->n_text;

    l->n_text = 0;
    if (nn_file_pwrite(fd, l->text, n, l->end) != 0 || fdatasync(fd) != 0) {
        why = errno;
        (void)!ftruncate(fd, (off_t)l->end);
        return fail_write(l, why, err);
    }
    l->end += (int64_t)n;
    return NN_OK;
}

static enum nn_status put(struct pile_list *l, json_t *j)
{
    char *line = nn_json_line(j);
    size_t n = line != NULL ? strlen(line) : 0;

    json_decref(j);
    if (line == NULL ||
        nn_mem_grow(&l->text, &l->cap_text, l->n_text + n + 1, 1)) {
        nn_mem_free(line);
        l->n_text = 0;
        return NN_ERR_NOMEM;
    }
    line[n] = '\n';
    memcpy(l->text + l->n_text, line, n + 1);
    l->n_text += n + 1;
    nn_mem_free(line);
    return NN_OK;
}

enum nn_status pile_list_add(struct pile_list *l, struct pile_entries *batch,
                             struct nn_error *err)
{
    for (size_t i = 0; i < batch->n; i++) {
        batch->v[i].batch = l->batch;
        if (put(l, entry_json(&batch->v[i]))) {
            return nn_fail_nomem(err);
        }
    }
    l->batch++;
    l->n += batch->n;
    return settle(l, err);
}

enum nn_status pile_list_failed(struct pile_list *l, const struct pile_entry *e,
                                struct nn_error *err)
{
    json_t *j = json_object();

    nn_json_put(&j, "failed", nn_json_text(e->to));
    return put(l, j) ? nn_fail_nomem(err) : settle(l, err);
}

/* --- what undoing needs --- */

enum nn_status pile_list_entry(const struct pile_list *l, int64_t at,
                               struct pile_entry *e, struct nn_error *err)
{
    json_t *j = NULL;
    enum nn_status st;
    char *line;

    *e = (struct pile_entry){ .to = NULL };
    if (fseeko(l->file, (off_t)at, SEEK_SET) != 0) {
        return nn_fail(err, NN_ERR_IO, "cannot read '%s': %s", l->path,
                       strerror(errno));
    }
    line = read_line(l->file, &st);
    if (line == NULL) {
        return st ? nn_fail_nomem(err) : NN_OK;
    }
    st = nn_json_load(line, strlen(line), 0, &j, NULL);
    nn_mem_free(line);
    if (st == NN_OK) {
        st = read_entry(j, e);
        json_decref(j);
    }
    return st == NN_ERR_NOMEM ? nn_fail_nomem(err) : NN_OK;
}

enum nn_status pile_list_keep(struct pile_list *l, const int64_t *at, size_t n,
                              struct nn_error *err)
{
    struct nn_file_out out;
    enum nn_status st;
    char *line;

    if (n == 0) {
        return unlink(l->path) == 0 ? NN_OK : fail_write(l, errno, err);
    }
    st = nn_file_out_open(&out, l->path, err);
    if (st) {
        return st;
    }
    for (size_t i = 0; i <= n; i++) { /* the first line, then those */
        if (fseeko(l->file, i > 0 ? (off_t)at[i - 1] : 0, SEEK_SET) != 0) {
            st = fail_write(l, errno, err);
            goto out;
        }
        line = read_line(l->file, &st);
        if (st) {
            nn_fail_nomem(err);
            goto out;
        }
        fprintf(out.stream, "%s\n", line != NULL ? line : "");
        nn_mem_free(line);
    }
    st = nn_file_out_commit(&out, err);
out:
    nn_file_out_abort(&out);
    return st;
}

void pile_list_release(struct pile_list *l)
{
    if (l->file != NULL) {
        fclose(l->file);
    }
    nn_mem_free(l->path);
    nn_mem_free(l->base);
    nn_mem_free(l->text);
    pile_keys_release(&l->done);
    pile_entries_release(&l->begun);
    *l = (struct pile_list){ .path = NULL };
}
