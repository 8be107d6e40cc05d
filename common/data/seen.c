#include "common/data/seen.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/json.h"
#include "common/base/mem.h"

enum { BITS = 48, DIGITS = BITS / 4 };

static const char *const part_names[NN_SEEN_PARTS] = { "train", "valid" };

static uint64_t fingerprint(const struct nn_item *it)
{
    return it->hash >> (64 - BITS);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void sort(uint64_t *v, size_t *n)
{
    size_t m = 0;

    if (*n > 0) {
        qsort(v, *n, sizeof *v, by_value);
    }
    for (size_t i = 0; i < *n; i++) { /* copies once */
        if (m == 0 || v[i] != v[m - 1]) {
            v[m++] = v[i];
        }
    }
    *n = m;
}

static int is_of_part(const struct nn_item *it, enum nn_split part)
{
    return nn_item_in(it, part, NN_ITEMS_ALL) ||
           (part == NN_TRAIN &&
            nn_item_in(it, NN_SPLIT_UNLABELLED, NN_ITEMS_ALL));
}

enum nn_status nn_seen_init(struct nn_seen *s, const struct nn_dataset *ds,
                            struct nn_error *err)
{
    *s = (struct nn_seen){ .n = { 0 } };
    for (int p = 0; p < NN_SEEN_PARTS; p++) {
        s->v[p] = nn_mem_calloc(ds->n, sizeof *s->v[p]);
        if (s->v[p] == NULL) {
            nn_seen_release(s);
            return nn_fail_nomem(err);
        }
        for (size_t i = 0; i < ds->n; i++) {
            const struct nn_item *it = &ds->items[i];

            if (it->hash != 0 && is_of_part(it, (enum nn_split)p)) {
                s->v[p][s->n[p]++] = fingerprint(it);
            }
        }
        sort(s->v[p], &s->n[p]);
    }
    return NN_OK;
}

enum nn_status nn_seen_add_trained(struct nn_seen *s,
                                   const struct nn_seen *other,
                                   struct nn_error *err)
{
    size_t n = s->n[NN_TRAIN], more = other->n[NN_TRAIN];
    uint64_t *v;

    if (more == 0) {
        return NN_OK;
    }
    v = nn_mem_realloc(s->v[NN_TRAIN], n + more, sizeof *v);
    if (v == NULL) {
        return nn_fail_nomem(err);
    }
    memcpy(v + n, other->v[NN_TRAIN], more * sizeof *v);
    s->v[NN_TRAIN] = v;
    s->n[NN_TRAIN] = n + more;
    sort(v, &s->n[NN_TRAIN]);
    return NN_OK;
}

void nn_seen_release(struct nn_seen *s)
{
    for (int p = 0; p < NN_SEEN_PARTS; p++) {
        nn_mem_free(s->v[p]);
    }
    *s = (struct nn_seen){ .n = { 0 } };
}

/* --- as text --- */

static char *to_text(const uint64_t *v, size_t n)
{
    static const char digit[] = "0123456789abcdef";
    char *text = nn_mem_calloc(n * DIGITS + 1, 1);

    for (size_t i = 0; text != NULL && i < n * DIGITS; i++) {
        text[i] = digit[v[i / DIGITS] >> (4 * (DIGITS - 1 - i % DIGITS)) & 15];
    }
    return text;
}

json_t *nn_seen_json(const struct nn_seen *s)
{
    json_t *j = json_object();

    nn_json_put(&j, "bits", json_integer(BITS));
    for (int p = 0; p < NN_SEEN_PARTS; p++) {
        char *text = to_text(s->v[p], s->n[p]);

        nn_json_put(&j, part_names[p], text != NULL ? json_string(text) : NULL);
        nn_mem_free(text);
    }
    return j;
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* 0, or -1 when it is damaged. */
static int from_text(const char *text, uint64_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < DIGITS; k++) {
            int d = digit_of(text[i * DIGITS + k]);

            if (d < 0) {
                return -1;
            }
            v[i] = v[i] << 4 | (uint64_t)d;
        }
        if (i > 0 && v[i] <= v[i - 1]) {
            return -1;
        }
    }
    return 0;
}

static enum nn_status parse_part(const json_t *j, int p, struct nn_seen *s,
                                 struct nn_error *err)
{
    const json_t *value = json_object_get(j, part_names[p]);
    size_t size = json_string_length(value);

    if (!json_is_string(value) || size % DIGITS != 0) {
        return nn_fail(err, NN_ERR_FORMAT, "its fingerprints of %s are damaged",
                       part_names[p]);
    }
    s->v[p] = nn_mem_calloc(size / DIGITS + 1, sizeof *s->v[p]);
    if (s->v[p] == NULL) {
        return nn_fail_nomem(err);
    }
    s->n[p] = size / DIGITS;
    if (from_text(json_string_value(value), s->v[p], s->n[p])) {
        return nn_fail(err, NN_ERR_FORMAT, "its fingerprints of %s are damaged",
                       part_names[p]);
    }
    return NN_OK;
}

enum nn_status nn_seen_parse(const json_t *j, struct nn_seen *s,
                             struct nn_error *err)
{
    *s = (struct nn_seen){ .n = { 0 } };
    if (json_integer_value(json_object_get(j, "bits")) != BITS) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "its fingerprints do not have %d bits", BITS);
    }
    for (int p = 0; p < NN_SEEN_PARTS; p++) {
        enum nn_status st = parse_part(j, p, s, err);

        if (st) {
            nn_seen_release(s);
            return st;
        }
    }
    return NN_OK;
}

/* --- use --- */

int nn_seen_has(const struct nn_seen *s, enum nn_split part,
                const struct nn_item *it)
{
    uint64_t key = fingerprint(it);

    return it->hash != 0 && !it->bad && s->n[part] > 0 &&
           bsearch(&key, s->v[part], s->n[part], sizeof key, by_value) != NULL;
}

size_t nn_seen_leave_out(const struct nn_seen *s, const struct nn_dataset *ds,
                         enum nn_split last, uint32_t *index, size_t n,
                         size_t count[NN_SEEN_PARTS])
{
    size_t m = 0;

    count[NN_TRAIN] = count[NN_VALID] = 0;
    for (size_t i = 0; i < n; i++) {
        const struct nn_item *it = &ds->items[index[i]];

        if (nn_seen_has(s, NN_TRAIN, it)) {
            count[NN_TRAIN]++;
        } else if (last == NN_VALID && nn_seen_has(s, NN_VALID, it)) {
            count[NN_VALID]++;
        } else {
            index[m++] = index[i];
        }
    }
    return m;
}
