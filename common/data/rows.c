/* A text file in blocks of whole rows. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

enum { LONGEST = 16 << 20 };

void nn_rows_release(struct nn_rows *r)
{
    nn_mem_free(r->v);
    *r = (struct nn_rows){ 0 };
}

/* Where a row of CSV stands: a quote opens a field only at its start, and two
 * inside are one. */
enum csv_state { AT_START, PLAIN, QUOTED, CLOSED };

static enum csv_state csv_step(enum csv_state s, char c)
{
    if (s == QUOTED) {
        return c == '"' ? CLOSED : QUOTED;
    }
    if (c == '"' && s != PLAIN) {
        return QUOTED;
    }
    return c == ',' || c == '\n' ? AT_START : PLAIN;
}

/* Bytes of the whole rows among the first n. */
static size_t whole_rows(const struct nn_rows *r)
{
    enum csv_state s = AT_START;
    size_t end = 0;

    for (size_t i = 0; i < r->n; i++) {
        s = r->csv ? csv_step(s, r->v[i]) : AT_START;
        if (r->v[i] == '\n' && s == AT_START) {
            end = i + 1;
        }
    }
    return end;
}

/* Fill the block, which is twice as large where no row has fitted. */
static enum nn_status read_more(struct nn_rows *r, struct nn_error *err)
{
    if (r->n == r->room) {
        r->room *= 2;
    }
    if (r->room > LONGEST) {
        return nn_fail(
            err, NN_ERR_FORMAT, "'%s': a row is longer than %d MiB%s", r->path,
            LONGEST >> 20, r->csv ? "; is a quote never closed?" : "");
    }
    if (nn_mem_grow(&r->v, &r->cap, r->room + 1, 1)) { /* a zero byte */
        return nn_fail_nomem(err);
    }
    r->n += fread(r->v + r->n, 1, r->room - r->n, r->in);
    if (ferror(r->in)) {
        return nn_fail(err, NN_ERR_IO, "cannot read '%s': %s", r->path,
                       strerror(errno));
    }
    r->v[r->n] = '\0';
    r->at_end = r->n < r->room;
    return NN_OK;
}

static void skip_byte_order_mark(FILE *in)
{
    char bom[3];

    if (fread(bom, 1, sizeof bom, in) != sizeof bom ||
        memcmp(bom, "\xef\xbb\xbf", sizeof bom) != 0) {
        rewind(in);
    }
}

enum nn_status nn_rows_open(struct nn_rows *r, struct nn_error *err)
{
    int fd = -1;
    enum nn_status st = nn_file_open_regular(r->path, &fd, err);

    if (st) {
        return st;
    }
    r->in = fdopen(fd, "rb");
    if (r->in == NULL) {
        close(fd);
        return nn_fail_nomem(err);
    }
    skip_byte_order_mark(r->in);
    return NN_OK;
}

enum nn_status nn_rows_next(struct nn_rows *r, char **text, size_t *size,
                            struct nn_error *err)
{
    r->n -= r->given;
    if (r->n > 0) {
        memmove(r->v, r->v + r->given, r->n);
    }
    r->given = 0;
    while (r->given == 0 && !r->at_end) {
        enum nn_status st = read_more(r, err);

        if (st) {
            return st;
        }
        r->given = whole_rows(r);
    }
    if (r->at_end) {
        r->given = r->n;
    }
    *text = r->v;
    *size = r->given;
    return NN_OK;
}
