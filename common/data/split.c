/* Splits for a data set that has none. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/data/dataset_internal.h"

/* Random numbers of their own for families and for groups. */
enum { STREAM_FAMILY = 0x66616d, STREAM_GROUP = 0x67727570 };

/* A group and its place in the order in which groups are dealt out. */
struct whole {
    int32_t label;
    uint64_t family, order; /* random */
    uint32_t first;         /* the group's first item */
    uint32_t size;          /* items */
};

static int by_order(const void *a, const void *b)
{
    const struct whole *x = a, *y = b;

    if (x->label != y->label) {
        return x->label < y->label ? -1 : 1;
    }
    if (x->family != y->family) {
        return x->family < y->family ? -1 : 1;
    }
    if (x->order != y->order) {
        return x->order < y->order ? -1 : 1;
    }
    return (x->first > y->first) - (x->first < y->first);
}

/* The groups of one label, family after family: each goes to the split that
 * would be most behind its share, train first on a tie. */
static void deal(const struct whole *w, size_t n, const double share[NN_SPLITS],
                 enum nn_split *of_group)
{
    double seen = 0, given[NN_SPLITS] = { 0 };

    for (size_t i = 0; i < n; i++) {
        enum nn_split best = NN_TRAIN;

        seen += w[i].size;
        for (int s = NN_TRAIN + 1; i > 0 && s < NN_SPLITS; s++) {
            if (share[s] * seen - given[s] > share[best] * seen - given[best]) {
                best = (enum nn_split)s;
            }
        }
        given[best] += w[i].size;
        of_group[w[i].first] = best;
    }
}

static size_t list_groups(struct nn_dataset *ds, uint64_t seed, struct whole *w)
{
    size_t n = 0;

    for (size_t i = 0; i < ds->n; i++) {
        struct nn_item *it = &ds->items[i];
        uint64_t family = (uint64_t)(it->family + 1);

        it->group = it->group == 0 ? i + 1 : it->group;
        w[it->group - 1].size++;
        if (it->group == i + 1) {
            w[i].label = it->label;
            w[i].family = nn_rng_at(seed, STREAM_FAMILY, family);
            w[i].order = nn_rng_at(seed, STREAM_GROUP, i);
            w[i].first = (uint32_t)i;
        }
    }
    for (size_t i = 0; i < ds->n; i++) {
        if (w[i].size > 0) {
            w[n++] = w[i];
        }
    }
    return n;
}

enum nn_status nn_dataset_split(struct nn_dataset *ds, double valid,
                                double test, uint64_t seed,
                                struct nn_error *err)
{
    const double share[NN_SPLITS] = { 1 - valid - test, valid, test };
    struct whole *w = NULL;
    enum nn_split *of_group = NULL;
    size_t n;
    enum nn_status st = NN_OK;

    if (!(valid >= 0 && test >= 0 && valid + test < 1)) {
        return nn_fail(err, NN_ERR_ARG,
                       "the shares of valid and test must be 0 or more and "
                       "leave something to train");
    }
    w = nn_mem_calloc(ds->n, sizeof *w);
    of_group = nn_mem_calloc(ds->n, sizeof *of_group);
    if (w == NULL || of_group == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    n = list_groups(ds, seed, w);
    qsort(w, n, sizeof *w, by_order);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && w[to].label == w[from].label; to++) {
        }
        deal(w + from, to - from, share, of_group);
    }
    for (size_t i = 0; i < ds->n; i++) {
        ds->items[i].split = of_group[ds->items[i].group - 1];
    }
out:
    nn_mem_free(w);
    nn_mem_free(of_group);
    return st;
}
