#include "pipelines/cli/results.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/cli/result_rows.h"

enum { FLUSH_BYTES = 1 << 18 };
/* DOUBTED: its photo was asked for with another record, but it may be one of
 * several. */
enum state { FREE, TAKEN, DOUBTED, OUTDATED };

struct row {
    uint64_t key; /* of the name */
    struct nn_origin from;
    uint64_t record;
    int failed;
    enum state state;
};

struct place {
    uint64_t key;
    size_t at; /* in the rows */
};

struct results {
    char *path;
    struct predictions *p;
    struct row *row;     /* as they stand in the file when it was opened */
    struct place *place; /* sorted */
    size_t n, cap;
    int outdated;
};

/* --- reading what is there --- */

static enum nn_status keep_row(struct results *r, const struct result_row *in)
{
    if (nn_mem_grow(&r->row, &r->cap, r->n + 1, sizeof *r->row)) {
        return NN_ERR_NOMEM;
    }
    r->row[r->n++] = (struct row){ .key = in->key,
                                   .from = in->from,
                                   .record = in->record,
                                   .failed = in->failed };
    return NN_OK;
}

static enum nn_status not_ours(const struct results *r, const char *why,
                               struct nn_error *err)
{
    return nn_fail(err, NN_ERR_FORMAT, "cannot go on with '%s': %s", r->path,
                   why);
}

/* Rows up to the last that is whole and behind which no burst lacks frames, so
 * that a run goes on as if it had never stopped; *end becomes the offset behind
 * it. */
static enum nn_status read_rows(struct results *r, int64_t *end,
                                struct nn_error *err)
{
    struct result_reader in = { .from = r->p->to,
                                .format = r->p->format,
                                .bursts = r->p->bursts };
    size_t open = 0, n = 0;
    struct result_row row;
    enum nn_status st;

    for (;;) {
        st = result_reader_next(&in, &row);
        if (st == NN_ERR_NOMEM) {
            nn_fail_nomem(err);
            goto out;
        }
        if (st) {
            st = not_ours(r, "it does not hold results in that format", err);
            goto out;
        }
        if (row.key == 0) {
            r->n = n;
            goto out;
        }
        if (strcmp(row.run, r->p->run) != 0) {
            st = not_ours(r,
                          row.run[0] == '\0'
                              ? "its rows were written without --resume"
                          : r->p->head != NULL
                              ? "it was made with another model, another "
                                "detector or other options"
                              : "it was made with another model or other "
                                "options",
                          err);
            goto out;
        }
        st = keep_row(r, &row);
        if (st) {
            nn_fail_nomem(err);
            goto out;
        }
        open += row.frames > 1 && row.frame == 1;
        open -= open > 0 && row.frames > 1 && row.frame == row.frames;
        if (open == 0) {
            *end = in.end;
            n = r->n;
        }
    }
out:
    result_reader_release(&in);
    return st;
}

static int by_key(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    return x->key != y->key ? (x->key > y->key) - (x->key < y->key)
                            : (x->at > y->at) - (x->at < y->at);
}

static enum nn_status sort_rows(struct results *r)
{
    if (r->n == 0) {
        return NN_OK;
    }
    r->place = nn_mem_calloc(r->n, sizeof *r->place);
    if (r->place == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < r->n; i++) {
        r->place[i] = (struct place){ r->row[i].key, i };
    }
    qsort(r->place, r->n, sizeof *r->place, by_key);
    return NN_OK;
}

/* --- life --- */

static enum nn_status open_file(struct results *r, struct nn_error *err)
{
    int fd = open(r->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

    if (fd < 0) {
        return nn_fail(err, NN_ERR_IO, "cannot open '%s': %s", r->path,
                       strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return nn_fail(err, NN_ERR_IO, "'%s' is in use by another run",
                       r->path);
    }
    r->p->to = fdopen(fd, "r+b");
    if (r->p->to == NULL) {
        close(fd);
        return nn_fail_nomem(err);
    }
    /* A flush is one write: a kill leaves it done or not begun. */
    setvbuf(r->p->to, NULL, _IOFBF, FLUSH_BYTES);
    return NN_OK;
}

static void release(struct results *r)
{
    if (r->p->to != NULL) {
        fclose(r->p->to);
        r->p->to = NULL;
    }
    nn_mem_free(r->path);
    nn_mem_free(r->row);
    nn_mem_free(r->place);
    nn_mem_free(r);
}

/* A head that has changed since is replaced at the end. */
static void compare_head(struct results *r)
{
    const char *head = r->p->head;

    if (head == NULL || r->n == 0) {
        return;
    }
    rewind(r->p->to);
    while (*head != '\0' && getc_unlocked(r->p->to) == (unsigned char)*head) {
        head++;
    }
    r->outdated = *head != '\0';
}

/* Ready for the next row behind the last whole one. */
static enum nn_status go_on(struct results *r, int64_t end,
                            const struct model *m, struct nn_error *err)
{
    struct predictions *p = r->p;

    p->model = m;
    p->written = r->n;
    if (r->n == 0) {
        end = 0;
    }
    if (ftruncate(fileno(p->to), (off_t)end) != 0 ||
        fseeko(p->to, (off_t)end, SEEK_SET) != 0) {
        return nn_fail(err, NN_ERR_IO, "cannot write '%s': %s", r->path,
                       strerror(errno));
    }
    if (r->n == 0 && predictions_begin(p, p->to, p->format, m)) {
        return nn_fail_nomem(err);
    }
    return results_flush(r, err);
}

enum nn_status results_open(const char *path, struct predictions *p,
                            enum predictions_format format,
                            const struct model *m, struct results **out,
                            struct nn_error *err)
{
    struct results *r = nn_mem_calloc(1, sizeof *r);
    int64_t end = 0;
    enum nn_status st;

    *out = NULL;
    p->to = NULL;
    p->format = format;
    if (r == NULL) {
        return nn_fail_nomem(err);
    }
    r->p = p;
    r->path = nn_mem_strdup(path);
    if (r->path == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = open_file(r, err);
    if (st) {
        goto out;
    }
    st = read_rows(r, &end, err);
    if (st) {
        goto out;
    }
    if (sort_rows(r)) {
        st = nn_fail_nomem(err);
        goto out;
    }
    compare_head(r);
    st = go_on(r, end, m, err);
    if (st) {
        goto out;
    }
    *out = r;
    return NN_OK;
out:
    release(r);
    return st;
}

/* --- what is known --- */

/* The first place of the key, or of one behind it. */
static size_t place_of(const struct results *r, uint64_t key)
{
    size_t lo = 0, hi = r->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (r->place[mid].key < key) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

int results_know(struct results *r, const char *name, const struct nn_origin *o,
                 uint64_t record, int *failed)
{
    uint64_t key = result_key(r->p->format, name);
    size_t i = place_of(r, key);
    int found = 0;

    for (; i < r->n && r->place[i].key == key; i++) {
        struct row *row = &r->row[r->place[i].at];
        int same =
            row->from.bytes == o->bytes && row->from.mtime_ms == o->mtime_ms;
        int open = row->state == FREE || row->state == DOUBTED;

        if (!same && row->state != TAKEN) {
            row->state = OUTDATED;
            r->outdated = 1;
        } else if (open && row->record != record) {
            row->state = DOUBTED;
        } else if (!found && open) {
            row->state = TAKEN;
            *failed = row->failed;
            found = 1;
        }
    }
    return found;
}

int results_keep(struct results *r, const char *name, uint64_t record)
{
    uint64_t key = result_key(r->p->format, name);
    size_t i = place_of(r, key);

    for (; i < r->n && r->place[i].key == key; i++) {
        struct row *row = &r->row[r->place[i].at];

        if (row->state != TAKEN && row->record == record && !row->failed) {
            row->state = TAKEN;
            return 1;
        }
    }
    return 0;
}

void results_settle(struct results *r)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->row[i].state == DOUBTED) {
            r->row[i].state = OUTDATED;
            r->outdated = 1;
        }
    }
}

/* --- writing --- */

static enum nn_status fail_write(const struct results *r, struct nn_error *err)
{
    return nn_fail(err, NN_ERR_IO, "cannot write '%s': %s", r->path,
                   strerror(errno));
}

enum nn_status results_flush(struct results *r, struct nn_error *err)
{
    FILE *to = r->p->to;
    off_t back = (off_t)predictions_end_size(r->p);

    predictions_end(r->p);
    if (fflush(to) != 0 || (back > 0 && fseeko(to, -back, SEEK_CUR) != 0)) {
        return fail_write(r, err);
    }
    return NN_OK;
}

/* The rows that are not outdated, into a new file. */
static enum nn_status rewrite(struct results *r, struct nn_error *err)
{
    struct result_reader in = { .from = r->p->to,
                                .format = r->p->format,
                                .bursts = r->p->bursts };
    struct nn_file_out out = { 0 };
    struct predictions p = *r->p;
    struct result_row row;
    enum nn_status st = nn_file_out_open(&out, r->path, err);

    if (st) {
        return st;
    }
    rewind(r->p->to);
    if (predictions_begin(&p, out.stream, p.format, p.model)) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0;; i++) {
        if (result_reader_next(&in, &row)) {
            st = nn_fail_nomem(err);
            goto out;
        }
        if (row.key == 0) {
            break;
        }
        if (i >= r->n || r->row[i].state != OUTDATED) {
            predictions_copy(&p, row.text, row.size);
        }
    }
    predictions_end(&p);
    st = nn_file_out_commit(&out, err);
out:
    nn_file_out_abort(&out);
    result_reader_release(&in);
    return st;
}

enum nn_status results_close(struct results **rp, struct nn_error *err)
{
    struct results *r = *rp;
    enum nn_status st;

    *rp = NULL;
    if (r == NULL) {
        return NN_OK;
    }
    st = results_flush(r, err);
    if (st == NN_OK && fsync(fileno(r->p->to)) != 0 && errno != EINVAL) {
        st = fail_write(r, err);
    }
    if (st == NN_OK && r->outdated) {
        st = rewrite(r, err);
    }
    release(r);
    return st;
}
