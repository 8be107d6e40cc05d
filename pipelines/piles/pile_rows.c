#include "pipelines/piles/pile_rows.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/image/burst.h"
#include "pipelines/piles/md_image.h"

/* The next line into r->text, *n bytes; *whole: a newline ended it. */
static enum nn_status read_line(struct pile_rows *r, size_t *n, int *whole,
                                struct nn_error *err)
{
    int c;

    *n = 0;
    *whole = 0;
    while (!*whole && (c = getc_unlocked(r->from)) != EOF) {
        if (nn_mem_grow(&r->text, &r->cap, *n + 1, 1)) {
            return nn_fail_nomem(err);
        }
        *whole = c == '\n';
        if (!*whole) {
            r->text[(*n)++] = (char)c;
        }
    }
    return ferror(r->from) ? nn_fail(err, NN_ERR_IO, "cannot read '%s': %s",
                                     r->name, strerror(errno))
                           : NN_OK;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c - 'a' + 10;
}

/* The name's own bytes: "file_bytes", in hex, where its text differs. */
static char *name_bytes(const json_t *row)
{
    const char *hex = json_string_value(json_object_get(row, "file_bytes"));
    size_t n = hex != NULL ? strlen(hex) : 0;
    char *out;

    if (hex == NULL || n % 2 != 0 || n != strspn(hex, "0123456789abcdef")) {
        return nn_text_bytes(json_string_value(json_object_get(row, "file")));
    }
    out = nn_mem_calloc(n / 2 + 1, 1);
    for (size_t i = 0; out != NULL && i < n; i += 2) {
        out[i / 2] = (char)(digit(hex[i]) << 4 | digit(hex[i + 1]));
    }
    return out;
}

static double best_of(const json_t *p)
{
    double best = -1;
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)p, key, v)
    {
        best = json_number_value(v) > best ? json_number_value(v) : best;
    }
    return best;
}

static void copy_text(const json_t *from, const char *key, char *to,
                      size_t size)
{
    const char *s = json_string_value(json_object_get(from, key));

    snprintf(to, size, "%s", s != NULL ? s : "");
}

static uint64_t camera_of(const json_t *j, const char *file)
{
    const json_t *camera = json_object_get(j, "camera");
    struct nn_shot shot = { .time = "" };

    copy_text(camera, "make", shot.make, sizeof shot.make);
    copy_text(camera, "model", shot.model, sizeof shot.model);
    copy_text(camera, "serial", shot.serial, sizeof shot.serial);
    return nn_burst_key(NN_BURST_BY_TIME, file, &shot);
}

static int fill(const json_t *j, struct pile_row *row)
{
    const char *time = json_string_value(json_object_get(j, "time"));
    const char *verdict;
    const json_t *p = json_object_get(j, "p_positive");
    const json_t *burst = json_object_get(j, "burst");
    const json_t *said = burst != NULL ? burst : j;

    row->error = json_string_value(json_object_get(j, "error"));
    if (row->error != NULL) {
        return 1;
    }
    verdict = json_string_value(json_object_get(said, "verdict"));
    row->label = json_string_value(json_object_get(said, "label"));
    row->p_positive = json_number_value(p);
    row->time = time != NULL ? time : "";
    row->p_best = best_of(json_object_get(j, "p"));
    row->is_class = verdict != NULL && strcmp(verdict, "class") == 0;
    return row->label != NULL && verdict != NULL && json_is_number(p) &&
           row->p_positive >= 0 && row->p_positive <= 1;
}

static enum nn_status next_image(struct pile_rows *r, struct pile_row *row,
                                 int *more, struct nn_error *err)
{
    enum nn_status st = md_file_next(r->md, more, err);

    if (st || !*more) {
        return st;
    }
    if (!md_image_row(r->md->image, r->md->file, row, &r->why)) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "image %zu of '%s' has no verdict: 'classify "
                       "--detections' gives one",
                       r->md->at, r->md->path);
    }
    r->file = md_image_path(r->root, r->md->file);
    return r->file == NULL ? nn_fail_nomem(err) : NN_OK;
}

static enum nn_status next_line(struct pile_rows *r, struct pile_row *row,
                                int *more, struct nn_error *err)
{
    size_t n;
    int whole;
    enum nn_status st;

    do {
        st = read_line(r, &n, &whole, err);
        if (st) {
            return st;
        }
        if (n == 0 && !whole) {
            return NN_OK;
        }
        r->line++;
    } while (n == 0);
    r->size = n;
    if (nn_json_load(r->text, n, JSON_REJECT_DUPLICATES, &r->row, NULL) ==
        NN_ERR_NOMEM) {
        return nn_fail_nomem(err);
    }
    if (r->row == NULL && !whole) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "line %zu of '%s' is cut off: finish it first with "
                       "'classify --resume'",
                       r->line, r->name);
    }
    if (json_string_value(json_object_get(r->row, "file")) == NULL ||
        !fill(r->row, row)) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "line %zu of '%s' is no row of 'classify --format "
                       "jsonl'",
                       r->line, r->name);
    }
    r->file = name_bytes(r->row);
    *more = 1;
    return r->file == NULL ? nn_fail_nomem(err) : NN_OK;
}

enum nn_status pile_rows_next(struct pile_rows *r, struct pile_row *row,
                              int *more, struct nn_error *err)
{
    enum nn_status st;

    json_decref(r->row);
    r->row = NULL;
    nn_mem_free(r->file);
    r->file = NULL;
    *row = (struct pile_row){ .p_best = -1 };
    *more = 0;
    st = r->md != NULL ? next_image(r, row, more, err)
                       : next_line(r, row, more, err);
    if (st == NN_OK && *more) {
        row->file = r->file;
        row->camera = camera_of(r->row, r->file);
    }
    return st;
}

void pile_rows_rewind(struct pile_rows *r)
{
    if (r->md != NULL) {
        md_file_rewind(r->md);
    } else {
        rewind(r->from);
    }
    r->line = 0;
}

void pile_rows_release(struct pile_rows *r)
{
    json_decref(r->row);
    nn_mem_free(r->file);
    nn_mem_free(r->text);
    r->row = NULL;
    r->file = r->text = NULL;
    r->cap = 0;
}
