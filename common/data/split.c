/* Splits for items that have none: by the hash of their own group. */
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/data/dataset_internal.h"

enum { STREAM_GROUP = 0x67727570 };

/* No label gets less than its share divided by this, where it has as many. */
enum { LEAST_PART = 3 };

/* A group, or what of it takes part. */
struct whole {
    int32_t label;
    uint32_t first;      /* its item with the smallest key */
    uint64_t key;        /* hash of that item's bytes */
    double u;            /* drawn: 0..1 */
    enum nn_split split; /* what it gets */
};

/* By label, then in the order drawn. */
static int by_draw(const void *a, const void *b)
{
    const struct whole *x = a, *y = b;

    if (x->label != y->label) {
        return x->label < y->label ? -1 : 1;
    }
    if (x->u != y->u) {
        return x->u < y->u ? -1 : 1;
    }
    return (x->first > y->first) - (x->first < y->first);
}

/* What an item is known by, wherever it lies and whatever lies beside it. */
static uint64_t key_of(const struct nn_item *it)
{
    return it->hash != 0 ? it->hash
                         : nn_hash_u64(it->file, strlen(it->file), 0);
}

/* Groups of the items with in[i], each with its draw; w has room for ds->n.
 * Returns how many. */
static size_t list_groups(const struct nn_dataset *ds, const uint8_t *in,
                          uint64_t seed, struct whole *w)
{
    size_t n = 0;

    for (size_t i = 0; i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];
        struct whole *g = &w[it->group - 1];
        uint64_t key = key_of(it);

        if (in[i] && (g->split == NN_SPLIT_NONE || key < g->key)) {
            *g = (struct whole){ .label = it->label,
                                 .first = (uint32_t)i,
                                 .key = key,
                                 .split = NN_TRAIN };
        }
    }
    for (size_t i = 0; i < ds->n; i++) {
        if (w[i].split != NN_SPLIT_NONE) {
            w[n] = w[i];
            w[n].u = (double)(nn_rng_at(seed, STREAM_GROUP, w[n].key) >> 11) *
                     0x1p-53;
            n++;
        }
    }
    return n;
}

static size_t count_split(const struct whole *w, size_t n, enum nn_split s)
{
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        k += w[i].split == s;
    }
    return k;
}

/* Who gives split s a group: train while it keeps one; else, of a label with
 * few groups, the other of valid and test. */
static enum nn_split giver_of(const struct whole *w, size_t n, enum nn_split s)
{
    enum nn_split other = s == NN_VALID ? NN_TEST : NN_VALID;
    size_t spare = count_split(w, n, other);

    if (count_split(w, n, NN_TRAIN) > 1) {
        return NN_TRAIN;
    }
    return spare > 1 || (spare == 1 && n == 2 && s == NN_VALID) ? other
                                                                : NN_SPLIT_NONE;
}

/* The giver's next group, in the order drawn, becomes s. */
static int give(struct whole *w, size_t n, enum nn_split s)
{
    enum nn_split giver = giver_of(w, n, s);

    for (size_t i = 0; giver != NN_SPLIT_NONE && i < n; i++) {
        if (w[i].split == giver) {
            w[i].split = s;
            return 1;
        }
    }
    return 0;
}

/* The groups of one label in the order drawn. Returns how many had to move
 * because chance left a split too little. */
static size_t deal(struct whole *w, size_t n, double valid, double test,
                   int quotas)
{
    const double share[NN_SPLITS] = { 1 - valid - test, valid, test };
    size_t moved = 0;

    for (size_t i = 0; i < n; i++) {
        w[i].split = w[i].u < valid          ? NN_VALID
                     : w[i].u < valid + test ? NN_TEST
                                             : NN_TRAIN;
    }
    if (!quotas) {
        return 0;
    }
    if (count_split(w, n, NN_TRAIN) == 0) {
        w[n - 1].split = NN_TRAIN;
        moved++;
    }
    for (int s = NN_VALID; s < NN_SPLITS; s++) {
        size_t least = (size_t)(share[s] * (double)n / LEAST_PART);

        least = least == 0 && share[s] > 0 ? 1 : least;
        while (count_split(w, n, (enum nn_split)s) < least &&
               give(w, n, (enum nn_split)s)) {
            moved++;
        }
    }
    return moved;
}

/* 1 for each label, counted from NN_NEGATIVE, of which an item has a split
 * already. NULL when out of memory. */
static uint8_t *placed_labels(const struct nn_dataset *ds)
{
    int32_t most = 0;
    uint8_t *placed;

    for (size_t i = 0; i < ds->n; i++) {
        most = ds->items[i].label > most ? ds->items[i].label : most;
    }
    placed = nn_mem_calloc((size_t)most + 2, 1);
    for (size_t i = 0; placed != NULL && i < ds->n; i++) {
        if (ds->items[i].split < NN_SPLITS && !ds->items[i].bad) {
            placed[ds->items[i].label - NN_NEGATIVE] = 1;
        }
    }
    return placed;
}

/* Draw splits for the items with in[i]. */
static enum nn_status draw(struct nn_dataset *ds, const uint8_t *in,
                           const uint8_t *placed,
                           const struct nn_split_shares *how, size_t *moved,
                           struct nn_error *err)
{
    struct whole *w = nn_mem_calloc(ds->n, sizeof *w);
    uint8_t *of_group = nn_mem_calloc(ds->n, 1);
    size_t n;
    enum nn_status st = NN_OK;

    if (w == NULL || of_group == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < ds->n; i++) {
        w[i].split = NN_SPLIT_NONE;
    }
    n = list_groups(ds, in, how->seed, w);
    qsort(w, n, sizeof *w, by_draw);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && w[to].label == w[from].label; to++) {
        }
        *moved += deal(w + from, to - from, how->valid, how->test,
                       !how->placed || !placed[w[from].label - NN_NEGATIVE]);
    }
    for (size_t i = 0; i < n; i++) {
        of_group[ds->items[w[i].first].group - 1] = (uint8_t)w[i].split;
    }
    for (size_t i = 0; i < ds->n; i++) {
        if (in[i]) {
            ds->items[i].split =
                (enum nn_split)of_group[ds->items[i].group - 1];
        }
    }
out:
    nn_mem_free(w);
    nn_mem_free(of_group);
    return st;
}

static enum nn_status check_shares(const struct nn_split_shares *how,
                                   struct nn_error *err)
{
    if (how->valid >= 0 && how->test >= 0 && how->valid + how->test < 1) {
        return NN_OK;
    }
    return nn_fail(err, NN_ERR_ARG,
                   "the shares of valid and test must be 0 or more and leave "
                   "something to train");
}

static void number_single(struct nn_dataset *ds)
{
    for (size_t i = 0; i < ds->n; i++) {
        ds->items[i].group =
            ds->items[i].group == 0 ? i + 1 : ds->items[i].group;
    }
}

/* --- items beside some that have a split --- */

/* The split that most of each group have: votes[3 * (group - 1) + split]. */
static void follow_group(struct nn_dataset *ds, const uint32_t *votes, size_t i,
                         struct nn_split_counts *counts)
{
    struct nn_item *it = &ds->items[i];
    const uint32_t *v = votes + NN_SPLITS * (it->group - 1);
    enum nn_split best = NN_TRAIN;

    for (int s = NN_TRAIN + 1; s < NN_SPLITS; s++) {
        best = v[s] > v[best] ? (enum nn_split)s : best;
    }
    if (v[best] > 0) {
        counts->followed++;
        it->split = best;
    }
}

enum nn_status nn_dataset_split_rest(struct nn_dataset *ds,
                                     const struct nn_split_shares *how,
                                     struct nn_split_counts *counts,
                                     struct nn_error *err)
{
    uint32_t *votes = NULL;
    uint8_t *in = NULL, *placed = NULL;
    enum nn_status st = check_shares(how, err);

    *counts = (struct nn_split_counts){ 0 };
    if (st) {
        return st;
    }
    number_single(ds);
    votes = nn_mem_calloc(ds->n, NN_SPLITS * sizeof *votes);
    in = nn_mem_calloc(ds->n, 1);
    placed = placed_labels(ds);
    if (votes == NULL || in == NULL || placed == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];

        if (it->split < NN_SPLITS) {
            votes[NN_SPLITS * (it->group - 1) + it->split]++;
        }
    }
    for (size_t i = 0; i < ds->n; i++) {
        if (ds->items[i].split == NN_SPLIT_NONE) {
            follow_group(ds, votes, i, counts);
        }
        in[i] = ds->items[i].split == NN_SPLIT_NONE;
        counts->drawn += in[i];
        /* What cannot be read takes no place of what can. */
        if (in[i] && ds->items[i].bad) {
            in[i] = 0;
            ds->items[i].split = NN_TRAIN;
        }
    }
    st = draw(ds, in, placed, how, &counts->moved, err);
out:
    nn_mem_free(placed);
    nn_mem_free(votes);
    nn_mem_free(in);
    return st;
}

enum nn_status nn_dataset_hold_out(struct nn_dataset *ds,
                                   enum nn_item_kind kind, double valid,
                                   uint64_t seed, size_t *n,
                                   struct nn_error *err)
{
    const struct nn_split_shares how = { valid, 0, seed, 0 };
    uint8_t *in;
    size_t moved = 0;
    enum nn_status st = check_shares(&how, err);

    *n = 0;
    if (st) {
        return st;
    }
    number_single(ds);
    in = nn_mem_calloc(ds->n, 1);
    if (in == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < ds->n; i++) {
        in[i] = (uint8_t)nn_item_in(&ds->items[i], NN_TRAIN, kind);
    }
    st = draw(ds, in, NULL, &how, &moved, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < ds->n; i++) {
        *n += in[i] && ds->items[i].split == NN_VALID;
    }
out:
    nn_mem_free(in);
    return st;
}
