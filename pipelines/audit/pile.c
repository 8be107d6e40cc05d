#include "pipelines/audit/pile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/image/burst.h"

#define MAX_BYTES ((size_t)2 << 30)

static void copy_text(const json_t *from, const char *key, char *to,
                      size_t size)
{
    const char *s = json_string_value(json_object_get(from, key));

    snprintf(to, size, "%s", s != NULL ? s : "");
}

/* Which camera and folder, by the definition of a burst. */
static void find_camera(const json_t *row, const char *file,
                        struct audit_photo *photo)
{
    const json_t *camera = json_object_get(row, "camera");
    struct nn_shot shot = { .time = "" };

    copy_text(camera, "make", shot.make, sizeof shot.make);
    copy_text(camera, "model", shot.model, sizeof shot.model);
    copy_text(camera, "serial", shot.serial, sizeof shot.serial);
    photo->camera = nn_burst_key(NN_BURST_BY_TIME, file, &shot);
    photo->folder = nn_burst_key(NN_BURST_BY_FOLDER, file, NULL);
}

static enum nn_status add_photo(struct audit_pile *pile, size_t *cap,
                                const json_t *row, double p,
                                struct nn_error *err)
{
    struct audit_photo *at;
    const char *file = json_string_value(json_object_get(row, "file"));

    if (pile->n == *cap) {
        size_t more = *cap > 0 ? 2 * *cap : 1024;
        struct audit_photo *v =
            nn_mem_realloc(pile->photo, more, sizeof *pile->photo);

        if (v == NULL) {
            return nn_fail_nomem(err);
        }
        pile->photo = v;
        *cap = more;
    }
    at = &pile->photo[pile->n];
    *at = (struct audit_photo){ .p = p, .group = pile->n };
    at->has_time = nn_shot_clock(
        json_string_value(json_object_get(row, "time")), &at->time);
    find_camera(row, file, at);
    at->file = nn_mem_strdup(file);
    if (at->file == NULL) {
        return nn_fail_nomem(err);
    }
    pile->n++;
    return NN_OK;
}

static enum nn_status take_classes(struct audit_pile *pile, json_t *p,
                                   struct nn_error *err)
{
    const char *name;
    json_t *value;

    if (pile->n_classes > 0 || json_object_size(p) > AUDIT_CLASSES) {
        return NN_OK;
    }
    json_object_foreach(p, name, value)
    {
        pile->cls[pile->n_classes] = nn_mem_strdup(name);
        if (pile->cls[pile->n_classes] == NULL) {
            return nn_fail_nomem(err);
        }
        pile->n_classes++;
    }
    return NN_OK;
}

static enum nn_status read_row(struct audit_pile *pile, size_t *cap,
                               const char *line, size_t size, const char *name,
                               struct nn_error *err)
{
    const json_t *p;
    json_t *row = NULL;
    enum nn_status st = nn_json_parse(line, size, name, &row, err);

    if (st) {
        return st;
    }
    p = json_object_get(row, "p_positive");
    if (json_string_value(json_object_get(row, "file")) == NULL ||
        (!json_is_number(p) && json_object_get(row, "error") == NULL)) {
        st = nn_fail(err, NN_ERR_FORMAT,
                     "%s is no row of 'classify --format jsonl': it needs "
                     "\"file\" and \"p_positive\"",
                     name);
    } else if (!json_is_number(p)) {
        pile->n_unreadable++;
    } else if (!(json_number_value(p) >= 0 && json_number_value(p) <= 1)) {
        st = nn_fail(err, NN_ERR_FORMAT, "%s: p_positive is %g", name,
                     json_number_value(p));
    } else {
        st = take_classes(pile, json_object_get(row, "p"), err);
        if (!st) {
            st = add_photo(pile, cap, row, json_number_value(p), err);
        }
    }
    json_decref(row);
    return st;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A photo that came twice would be looked at and counted twice. */
static enum nn_status check_names(const struct audit_pile *pile,
                                  const char *path, struct nn_error *err)
{
    const char **name = nn_mem_calloc(pile->n, sizeof *name);
    enum nn_status st = NN_OK;

    if (name == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < pile->n; i++) {
        name[i] = pile->photo[i].file;
    }
    qsort(name, pile->n, sizeof *name, by_name);
    for (size_t i = 1; i < pile->n; i++) {
        if (strcmp(name[i - 1], name[i]) == 0) {
            st = nn_fail(err, NN_ERR_FORMAT, "'%s' names '%s' twice", path,
                         name[i]);
            goto out;
        }
    }
out:
    nn_mem_free(name);
    return st;
}

static enum nn_status read_rows(struct audit_pile *pile, const char *path,
                                const char *text, size_t size,
                                struct nn_error *err)
{
    size_t cap = 0, line = 1, end;

    for (size_t at = 0; at < size; at = end + 1, line++) {
        const char *stop = memchr(text + at, '\n', size - at);
        char name[300];
        enum nn_status st;

        end = stop == NULL ? size : (size_t)(stop - text);
        if (strspn(text + at, " \t\r") >= end - at) {
            continue;
        }
        snprintf(name, sizeof name, "%.250s, line %zu", path, line);
        st = read_row(pile, &cap, text + at, end - at, name, err);
        if (st) {
            return st;
        }
    }
    return NN_OK;
}

enum nn_status audit_pile_read(struct audit_pile *pile, const char *path,
                               struct nn_error *err)
{
    unsigned char *text;
    size_t size;
    enum nn_status st = nn_file_read(path, MAX_BYTES, &text, &size, err);

    if (st) {
        return st;
    }
    nn_hash_hex(text, size, pile->hash);
    st = read_rows(pile, path, (const char *)text, size, err);
    nn_mem_free(text);
    if (st) {
        return st;
    }
    pile->n_groups = pile->n;
    if (pile->n == 0) {
        return nn_fail(err, NN_ERR_FORMAT, "'%s' has no row with a score",
                       path);
    }
    return check_names(pile, path, err);
}

int audit_pile_is_rows(const char *path)
{
    FILE *f = nn_file_is_dir(path) ? NULL : fopen(path, "rb");
    char *line = NULL;
    size_t room = 0;
    json_t *row = NULL;
    int is = 0;

    if (f == NULL) {
        return 0;
    }
    if (getc(f) == '{' && fseek(f, 0, SEEK_SET) == 0) {
        ssize_t n = getline(&line, &room, f);

        if (n > 0 &&
            nn_json_parse(line, (size_t)n, path, &row, NULL) == NN_OK) {
            is = json_object_get(row, "p_positive") != NULL ||
                 json_object_get(row, "error") != NULL;
        }
    }
    json_decref(row);
    free(line);
    fclose(f);
    return is;
}

void audit_pile_release(struct audit_pile *pile)
{
    for (size_t i = 0; i < pile->n; i++) {
        nn_mem_free(pile->photo[i].file);
    }
    for (size_t i = 0; i < pile->n_classes; i++) {
        nn_mem_free(pile->cls[i]);
    }
    nn_mem_free(pile->photo);
    *pile = (struct audit_pile)AUDIT_PILE_INIT;
}
