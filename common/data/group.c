/* Near-duplicate groups, and groups that stand in more than one split.
 *
 * Measured on web images of animals and toys: the difference hash alone joins
 * different things on white ground at 3 bits and misses cropped copies at 12;
 * the correlation of a 16x16 thumbnail tells the two apart. So the hash only
 * proposes pairs, and the thumbnail and the colours decide. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/data/dataset_internal.h"

enum { MAX_BITS = 16, COLOUR_LEVELS = 20, PLAIN_LEVELS = 4 };
#define LIKENESS 0.93 /* least correlation */

/* --- union-find --- */

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

/* --- likeness --- */

/* N squared times the covariance of the lumas of N tiles: an integer. */
static int64_t covariance(const struct nn_item *a, const struct nn_item *b)
{
    int64_t n = sizeof a->luma, sum_a = 0, sum_b = 0, sum_ab = 0;

    for (size_t i = 0; i < sizeof a->luma; i++) {
        sum_a += a->luma[i];
        sum_b += b->luma[i];
        sum_ab += a->luma[i] * b->luma[i];
    }
    return n * sum_ab - sum_a * sum_b;
}

static int is_plain(const struct nn_item *it)
{
    int64_t n = sizeof it->luma, limit = PLAIN_LEVELS * n;

    return covariance(it, it) < limit * limit;
}

static int colours_match(const struct nn_item *a, const struct nn_item *b)
{
    int sum = 0;

    for (size_t i = 0; i < sizeof a->colour; i++) {
        sum += abs((int)a->colour[i] - (int)b->colour[i]);
    }
    return sum <= COLOUR_LEVELS * (int)sizeof a->colour;
}

static int lumas_match(const struct nn_item *a, const struct nn_item *b)
{
    double ab = (double)covariance(a, b);
    double aa = (double)covariance(a, a), bb = (double)covariance(b, b);

    return ab > 0 && ab * ab >= LIKENESS * LIKENESS * (aa * bb);
}

/* Set bits, without the call that a compiler makes where it may not assume
 * the instruction. */
static int count_bits(uint64_t v)
{
    v -= v >> 1 & 0x5555555555555555u;
    v = (v & 0x3333333333333333u) + (v >> 2 & 0x3333333333333333u);
    v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (int)((v * 0x0101010101010101u) >> 56);
}

int nn_items_near(const struct nn_item *a, const struct nn_item *b,
                  int max_bits)
{
    if (a->bad || b->bad) {
        return 0;
    }
    return a->hash == b->hash || (count_bits(a->dhash ^ b->dhash) <= max_bits &&
                                  colours_match(a, b) && !is_plain(a) &&
                                  !is_plain(b) && lumas_match(a, b));
}

/* --- candidates --- */

struct keyed {
    uint64_t key, dhash;
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

struct grouping {
    const struct nn_dataset *ds;
    int max_bits;
    uint32_t *parent; /* [n] */
    struct keyed *v;  /* [n] */
    uint8_t *plain;   /* [n] */
};

static void sort_keys(struct keyed *v, size_t n)
{
    if (n > 0) {
        qsort(v, n, sizeof *v, by_key);
    }
}

/* Join neighbours in v of equal key. */
static void join_equal(struct grouping *g, size_t n)
{
    sort_keys(g->v, n);
    for (size_t i = 1; i < n; i++) {
        if (g->v[i].key == g->v[i - 1].key) {
            join(g->parent, g->v[i].item, g->v[i - 1].item);
        }
    }
}

static void join_given(struct grouping *g)
{
    size_t n = 0;

    for (size_t i = 0; i < g->ds->n; i++) {
        if (g->ds->items[i].group != 0) {
            g->v[n++] = (struct keyed){ g->ds->items[i].group, 0, (uint32_t)i };
        }
    }
    join_equal(g, n);
}

static void join_equal_bytes(struct grouping *g)
{
    size_t n = 0;

    for (size_t i = 0; i < g->ds->n; i++) {
        if (!g->ds->items[i].bad) {
            g->v[n++] = (struct keyed){ g->ds->items[i].hash, 0, (uint32_t)i };
        }
    }
    join_equal(g, n);
}

static void join_near(struct grouping *g, const struct keyed *a,
                      const struct keyed *b)
{
    const struct nn_item *x = &g->ds->items[a->item];
    const struct nn_item *y = &g->ds->items[b->item];

    if (find(g->parent, a->item) != find(g->parent, b->item) &&
        colours_match(x, y) && lumas_match(x, y)) {
        join(g->parent, a->item, b->item);
    }
}

/* The hash is cut into max_bits + 1 bands: two hashes within max_bits bits
 * agree in at least one of them. Pairs that agree in band b: */
static void join_band(struct grouping *g, int b)
{
    int bands = g->max_bits + 1;
    int from = b * 64 / bands, to = (b + 1) * 64 / bands;
    size_t n = 0;

    for (size_t i = 0; i < g->ds->n; i++) {
        uint64_t h = g->ds->items[i].dhash;

        if (!g->ds->items[i].bad && !g->plain[i]) {
            g->v[n++] = (struct keyed){ h << (64 - to) >> (64 - to) >> from, h,
                                        (uint32_t)i };
        }
    }
    sort_keys(g->v, n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n && g->v[j].key == g->v[i].key; j++) {
            if (count_bits(g->v[i].dhash ^ g->v[j].dhash) <= g->max_bits) {
                join_near(g, &g->v[i], &g->v[j]);
            }
        }
    }
}

enum nn_status nn_dataset_group(struct nn_dataset *ds, int max_bits,
                                struct nn_error *err)
{
    struct grouping g = { .ds = ds, .max_bits = max_bits };
    enum nn_status st = NN_OK;

    if (max_bits < 0 || max_bits > MAX_BITS) {
        return nn_fail(err, NN_ERR_ARG, "max_bits must be 0 to %d", MAX_BITS);
    }
    g.parent = nn_mem_calloc(ds->n, sizeof *g.parent);
    g.v = nn_mem_calloc(ds->n, sizeof *g.v);
    g.plain = nn_mem_calloc(ds->n, 1);
    if (g.parent == NULL || g.v == NULL || g.plain == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < ds->n; i++) {
        g.parent[i] = (uint32_t)i;
        g.plain[i] = (uint8_t)is_plain(&ds->items[i]);
    }
    join_given(&g);
    join_equal_bytes(&g);
    for (int b = 0; b <= max_bits; b++) {
        join_band(&g, b);
    }
    for (size_t i = 0; i < ds->n; i++) {
        ds->items[i].group = find(g.parent, i) + 1;
    }
out:
    nn_mem_free(g.parent);
    nn_mem_free(g.v);
    nn_mem_free(g.plain);
    return st;
}

/* --- leaks --- */

struct group_state {
    uint32_t train;  /* first item in train + 1, 0: none */
    uint32_t member; /* first item + 1, 0: none */
    int conflict;    /* its items differ in label */
};

static int counts(const struct nn_item *it)
{
    return !it->bad && it->group > 0;
}

static void look(const struct nn_dataset *ds, struct group_state *state)
{
    for (size_t i = 0; i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];
        struct group_state *s = counts(it) ? &state[it->group - 1] : NULL;

        if (s == NULL) {
            continue;
        }
        if (s->member == 0) {
            s->member = (uint32_t)i + 1;
        }
        if (s->train == 0 && it->split == NN_TRAIN) {
            s->train = (uint32_t)i + 1;
        }
        s->conflict |= ds->items[s->member - 1].label != it->label;
    }
}

void nn_dataset_leaks(const struct nn_dataset *ds, struct nn_leaks *leaks)
{
    struct group_state *state = nn_mem_calloc(ds->n, sizeof *state);

    *leaks = (struct nn_leaks){ 0 };
    if (state == NULL) {
        return;
    }
    look(ds, state);
    for (size_t i = 0; i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];
        const struct group_state *s = counts(it) ? &state[it->group - 1] : NULL;

        if (s == NULL) {
            continue;
        }
        leaks->duplicates += s->member != i + 1;
        leaks->conflicting += (size_t)s->conflict;
        if ((it->split == NN_VALID || it->split == NN_TEST) && s->train > 0 &&
            leaks->leaked++ == 0) {
            leaks->first[0] = s->train - 1;
            leaks->first[1] = i;
        }
    }
    nn_mem_free(state);
}
