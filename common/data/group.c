/* Near-duplicate groups, splits that keep them whole, and leaks. */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/data/dataset_internal.h"

/* --- union-find --------------------------------------------------------------- */

static size_t find(uint32_t *parent, size_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

/* The smaller index becomes the root, so roots do not depend on the order. */
static void join(uint32_t *parent, size_t a, size_t b)
{
    a = find(parent, a);
    b = find(parent, b);
    if (a < b) {
        parent[b] = (uint32_t)a;
    } else {
        parent[a] = (uint32_t)b;
    }
}

/* --- likeness --------------------------------------------------------------------- */

enum { FLAT_BITS = 10, FLAT_MATCH = 2, COLOUR_MATCH = 14, BANDS = 7 };

/* A hash with hardly any or nearly all bits set comes from a picture of little
 * detail: many such pictures share it. */
static int is_flat(uint64_t h)
{
    int n = __builtin_popcountll(h);

    return n < FLAT_BITS || n > 64 - FLAT_BITS;
}

static int colours_match(const struct nn_item *a, const struct nn_item *b)
{
    int sum = 0;

    for (size_t i = 0; i < sizeof a->colour; i++) {
        sum += abs((int)a->colour[i] - (int)b->colour[i]);
    }
    return sum <= COLOUR_MATCH * (int)sizeof a->colour;
}

static int alike(const struct nn_item *a, const struct nn_item *b,
                 int max_bits)
{
    int bits = __builtin_popcountll(a->dhash ^ b->dhash);
    int limit = is_flat(a->dhash) ? FLAT_MATCH : max_bits;

    return bits <= (limit < max_bits ? limit : max_bits) &&
           colours_match(a, b);
}

/* --- candidates -------------------------------------------------------------------- */

struct keyed {
    uint64_t key;
    uint32_t item;
};

static int by_key(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;

    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    return (x->item > y->item) - (x->item < y->item);
}

/* Bits of band b: 7 bands of 9 or 10 bits; two hashes within 6 bits agree in
 * at least one of them. */
static uint64_t band(uint64_t h, int b)
{
    int from = b * 64 / BANDS, to = (b + 1) * 64 / BANDS;

    return h >> from & (((uint64_t)1 << (to - from)) - 1);
}

static size_t fill_keys(const struct nn_dataset *ds, int b, struct keyed *v)
{
    size_t n = 0;

    for (size_t i = 0; i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];

        if (!it->bad) {
            v[n].key = b < 0 ? it->hash : band(it->dhash, b);
            v[n++].item = (uint32_t)i;
        }
    }
    qsort(v, n, sizeof *v, by_key);
    return n;
}

static void join_band(const struct nn_dataset *ds, int max_bits,
                      const struct keyed *v, size_t n, uint32_t *parent)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n && v[j].key == v[i].key; j++) {
            if (alike(&ds->items[v[i].item], &ds->items[v[j].item],
                      max_bits)) {
                join(parent, v[i].item, v[j].item);
            }
        }
    }
}

static int by_given_group(const void *a, const void *b)
{
    return by_key(a, b);
}

/* Items of one manifest group belong together. */
static void join_given(const struct nn_dataset *ds, struct keyed *v,
                       uint32_t *parent)
{
    size_t n = 0;

    for (size_t i = 0; i < ds->n; i++) {
        if (ds->items[i].group != 0) {
            v[n].key = ds->items[i].group;
            v[n++].item = (uint32_t)i;
        }
    }
    qsort(v, n, sizeof *v, by_given_group);
    for (size_t i = 1; i < n; i++) {
        if (v[i].key == v[i - 1].key) {
            join(parent, v[i].item, v[i - 1].item);
        }
    }
}

enum nn_status nn_dataset_group(struct nn_dataset *ds, int max_bits,
                                struct nn_error *err)
{
    uint32_t *parent = nn_mem_calloc(ds->n, sizeof *parent);
    struct keyed *v = nn_mem_calloc(ds->n, sizeof *v);
    size_t n;

    if (parent == NULL || v == NULL) {
        nn_mem_free(parent);
        nn_mem_free(v);
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < ds->n; i++) {
        parent[i] = (uint32_t)i;
    }
    join_given(ds, v, parent);
    n = fill_keys(ds, -1, v);
    for (size_t i = 1; i < n; i++) {
        if (v[i].key == v[i - 1].key) {
            join(parent, v[i].item, v[i - 1].item);
        }
    }
    for (int b = 0; b < BANDS; b++) {
        n = fill_keys(ds, b, v);
        join_band(ds, max_bits, v, n, parent);
    }
    for (size_t i = 0; i < ds->n; i++) {
        ds->items[i].group = find(parent, i) + 1;
    }
    nn_mem_free(parent);
    nn_mem_free(v);
    return NN_OK;
}

/* --- splitting ----------------------------------------------------------------------- */

struct whole {
    uint64_t stratum, order;
    uint32_t first; /* the group's first item */
    uint32_t size;
};

static int by_stratum(const void *a, const void *b)
{
    const struct whole *x = a, *y = b;

    if (x->stratum != y->stratum) {
        return x->stratum < y->stratum ? -1 : 1;
    }
    if (x->order != y->order) {
        return x->order < y->order ? -1 : 1;
    }
    return (x->first > y->first) - (x->first < y->first);
}

static uint64_t stratum_of(const struct nn_item *it)
{
    return (uint64_t)(uint32_t)(it->label + 1) << 32 |
           (uint32_t)(it->family + 1);
}

/* One stratum: its groups in random order are dealt to valid, then test, then
 * train, until each has its share of the pictures. */
static void deal(const struct whole *w, size_t n, double valid, double test,
                 enum nn_split *of_group)
{
    double total = 0, seen = 0;

    for (size_t i = 0; i < n; i++) {
        total += w[i].size;
    }
    for (size_t i = 0; i < n; i++) {
        double middle = (seen + w[i].size / 2.0) / total;

        of_group[w[i].first] = middle < valid          ? NN_VALID
                               : middle < valid + test ? NN_TEST
                                                       : NN_TRAIN;
        seen += w[i].size;
    }
}

enum nn_status nn_dataset_split(struct nn_dataset *ds, double valid,
                                double test, uint64_t seed,
                                struct nn_error *err)
{
    struct whole *w = nn_mem_calloc(ds->n, sizeof *w);
    uint32_t *size = nn_mem_calloc(ds->n, sizeof *size);
    enum nn_split *of_group = nn_mem_calloc(ds->n, sizeof *of_group);
    size_t n = 0;
    enum nn_status st = NN_OK;

    if (w == NULL || size == NULL || of_group == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < ds->n; i++) {
        if (ds->items[i].group == 0) {
            ds->items[i].group = i + 1;
        }
        size[ds->items[i].group - 1]++;
    }
    for (size_t i = 0; i < ds->n; i++) {
        if (ds->items[i].group == i + 1) {
            w[n++] = (struct whole){ stratum_of(&ds->items[i]),
                                     nn_rng_at(seed, 0x73706c69, i + 1),
                                     (uint32_t)i, size[i] };
        }
    }
    qsort(w, n, sizeof *w, by_stratum);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && w[to].stratum == w[from].stratum; to++) {
        }
        deal(w + from, to - from, valid, test, of_group);
    }
    for (size_t i = 0; i < ds->n; i++) {
        ds->items[i].split = of_group[ds->items[i].group - 1];
    }
out:
    nn_mem_free(w);
    nn_mem_free(size);
    nn_mem_free(of_group);
    return st;
}

/* --- leaks ------------------------------------------------------------------------------ */

/* items[] is in file order, so group members may be anywhere: look at each
 * item against its group's first member and its first training member. */
void nn_dataset_leaks(const struct nn_dataset *ds, struct nn_leaks *leaks)
{
    uint32_t *train = nn_mem_calloc(ds->n, sizeof *train);

    *leaks = (struct nn_leaks){ 0 };
    for (size_t i = 0; train != NULL && i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];

        if (it->split == NN_TRAIN && !it->bad && it->group > 0 &&
            train[it->group - 1] == 0) {
            train[it->group - 1] = (uint32_t)i + 1;
        }
    }
    for (size_t i = 0; train != NULL && i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];

        if (it->bad || it->group == 0 || it->group > ds->n) {
            continue;
        }
        leaks->duplicates += it->group != i + 1;
        leaks->conflicting += ds->items[it->group - 1].label != it->label;
        if (it->split != NN_TRAIN && it->split != NN_SPLIT_NONE &&
            train[it->group - 1] != 0) {
            if (leaks->leaked++ == 0) {
                leaks->first[0] = train[it->group - 1] - 1;
                leaks->first[1] = i;
            }
        }
    }
    nn_mem_free(train);
}
