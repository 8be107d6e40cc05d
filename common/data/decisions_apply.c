/* Doing what was decided: labels, photos that go and photos that join. */
#include <string.h>

#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/data/decisions_internal.h"

#define NEGATIVE_WORD "none"
enum { LABEL_DROP = -3, LABEL_UNDECIDED = -2 }; /* beside NN_NEGATIVE */

static enum nn_status label_of(const struct nn_decisions *d,
                               const struct nn_decision *v,
                               const struct nn_dataset *ds, int32_t *label,
                               struct nn_error *err)
{
    char *name;

    *label = LABEL_DROP;
    if (v->label == NULL) {
        return NN_OK;
    }
    for (size_t k = 0; k < ds->n_classes; k++) {
        if (strcmp(ds->classes[k], v->label) == 0) {
            *label = (int32_t)k;
            return NN_OK;
        }
    }
    *label = NN_NEGATIVE;
    if (strcmp(v->label, NEGATIVE_WORD) == 0) {
        return NN_OK;
    }
    name = nn_text_line(v->label);
    nn_fail(err, NN_ERR_FORMAT, "'%s' line %zu: '%s' has no class '%s'",
            d->path, v->line, ds->path, name != NULL ? name : v->label);
    nn_mem_free(name);
    return NN_ERR_FORMAT;
}

/* What every item gets, LABEL_UNDECIDED where no row is of it. */
static enum nn_status decide(const struct nn_decisions *d,
                             const struct nn_dataset *ds, const size_t *item,
                             int32_t *label, struct nn_decision_counts *n,
                             struct nn_error *err)
{
    for (size_t i = 0; i < ds->n; i++) {
        label[i] = LABEL_UNDECIDED;
    }
    for (size_t k = 0; k < d->n; k++) {
        const struct nn_decision *v = &d->v[k];
        int32_t said;
        enum nn_status st;

        if (item[k] == ds->n) {
            if (!v->add || v->file == NULL) {
                n->first_absent = n->absent++ == 0 ? v : n->first_absent;
            }
            continue;
        }
        st = label_of(d, v, ds, &said, err);
        if (st) {
            return st;
        }
        if (label[item[k]] != LABEL_UNDECIDED && label[item[k]] != said) {
            return nn_decisions_bad_line(
                d, v->line, err,
                "decides otherwise than an earlier line on the "
                "same photo");
        }
        label[item[k]] = said;
    }
    return NN_OK;
}

/* The first `had` items: those that were there. */
static void count(const struct nn_dataset *ds, size_t had, const int32_t *label,
                  struct nn_decision_counts *n)
{
    for (size_t i = 0; i < had; i++) {
        n->dropped += label[i] == LABEL_DROP;
        n->kept += label[i] == ds->items[i].label;
        n->relabelled +=
            label[i] >= NN_NEGATIVE && label[i] != ds->items[i].label;
    }
}

/* --- photos that join --- */

/* Rows of photos to be added, and what each is to be. */
struct joining {
    const struct nn_decision **row; /* [n] */
    struct nn_place *place;         /* [n] */
    int32_t *said;                  /* [n] */
    size_t n;
};

static void joining_release(struct joining *j)
{
    nn_mem_free(j->row);
    nn_mem_free(j->place);
    nn_mem_free(j->said);
}

static enum nn_status joining_list(const struct nn_decisions *d,
                                   const struct nn_dataset *ds,
                                   const size_t *item, struct joining *j,
                                   struct nn_decision_counts *n,
                                   struct nn_error *err)
{
    j->row = nn_mem_calloc(d->n + 1, sizeof *j->row);
    j->place = nn_mem_calloc(d->n + 1, sizeof *j->place);
    j->said = nn_mem_calloc(d->n + 1, sizeof *j->said);
    if (j->row == NULL || j->place == NULL || j->said == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t k = 0; k < d->n; k++) {
        const struct nn_decision *v = &d->v[k];
        enum nn_status st;

        if (item[k] < ds->n || !v->add || v->file == NULL) {
            continue;
        }
        if (v->label == NULL) {
            n->undecided++;
            continue;
        }
        st = label_of(d, v, ds, &j->said[j->n], err);
        if (st) {
            return st;
        }
        j->row[j->n] = v;
        j->place[j->n++] = (struct nn_place){ v->file, v->line };
    }
    return NN_OK;
}

static int is_near_to_measured(const struct nn_dataset *ds, size_t had,
                               const struct nn_item *it)
{
    for (size_t i = 0; i < had; i++) {
        const struct nn_item *other = &ds->items[i];

        if ((other->split == NN_VALID || other->split == NN_TEST) &&
            nn_items_near(other, it, NN_NEAR_BITS)) {
            return 1;
        }
    }
    return 0;
}

/* Label of joined photo k, item had + k: LABEL_DROP where it may not join. */
static enum nn_status judge_joined(const struct nn_decisions *d,
                                   const struct nn_dataset *ds, size_t had,
                                   const struct joining *j, size_t k,
                                   int32_t *label, struct nn_decision_counts *n,
                                   struct nn_error *err)
{
    const struct nn_item *it = &ds->items[had + k];
    const struct nn_decision *v = j->row[k];

    label[had + k] = LABEL_DROP;
    if (it->bad) {
        n->unreadable++;
        return NN_OK;
    }
    if (v->hash != 0 && v->hash != it->hash) {
        n->first_absent = n->absent++ == 0 ? v : n->first_absent;
        return NN_OK;
    }
    for (size_t i = 0; i < k; i++) {
        if (ds->items[had + i].hash == it->hash) {
            return j->said[i] == j->said[k]
                       ? NN_OK
                       : nn_decisions_bad_line(
                             d, v->line, err,
                             "decides otherwise than an earlier line on "
                             "the same photo");
        }
    }
    if (is_near_to_measured(ds, had, it)) {
        n->leaking++;
        return NN_OK;
    }
    label[had + k] = j->said[k];
    n->added++;
    return NN_OK;
}

static void take_back(struct nn_dataset *ds, size_t had)
{
    while (ds->n > had) {
        nn_item_release(&ds->items[--ds->n]);
    }
}

/* *label grows with ds. */
static enum nn_status join(const struct nn_decisions *d, struct nn_dataset *ds,
                           const size_t *item, int32_t **label,
                           struct nn_decision_counts *n, struct nn_error *err)
{
    struct joining j = { .n = 0 };
    size_t had = ds->n;
    int32_t *grown;
    enum nn_status st = joining_list(d, ds, item, &j, n, err);

    if (st || j.n == 0) {
        goto out;
    }
    grown = nn_mem_realloc(*label, had + j.n, sizeof **label);
    if (grown == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    *label = grown;
    st = nn_dataset_append_places(ds, j.place, j.n, d->path, err);
    if (st) {
        goto out;
    }
    nn_dataset_fingerprint(ds);
    for (size_t k = 0; k < j.n; k++) {
        st = judge_joined(d, ds, had, &j, k, *label, n, err);
        if (st) {
            take_back(ds, had);
            goto out;
        }
    }
out:
    joining_release(&j);
    return st;
}

/* first [n + 1]: the new number of each group, 0 until it is met. */
static void rewrite(struct nn_dataset *ds, const int32_t *label,
                    uint64_t *first)
{
    size_t to = 0;

    for (size_t i = 0; i < ds->n; i++) {
        struct nn_item it = ds->items[i];

        if (label[i] == LABEL_DROP) {
            nn_item_release(&it);
            continue;
        }
        if (label[i] != LABEL_UNDECIDED && label[i] != it.label) {
            it.label = label[i];
            it.family = -1;
        }
        if (it.group > 0 && it.group <= ds->n) {
            first[it.group] =
                first[it.group] > 0 ? first[it.group] : (uint64_t)to + 1;
            it.group = first[it.group];
        }
        ds->items[to++] = it;
    }
    ds->n = to;
}

enum nn_status nn_decisions_apply(const struct nn_decisions *d,
                                  struct nn_dataset *ds,
                                  struct nn_decision_counts *n,
                                  struct nn_error *err)
{
    size_t *item = nn_mem_calloc(d->n + 1, sizeof *item), had = ds->n;
    int32_t *label = nn_mem_calloc(ds->n, sizeof *label);
    uint64_t *first = NULL;
    enum nn_status st;

    *n = (struct nn_decision_counts){ 0 };
    if (item == NULL || label == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_decisions_match(d, ds, item, err);
    if (st) {
        goto out;
    }
    st = decide(d, ds, item, label, n, err);
    if (st) {
        goto out;
    }
    count(ds, had, label, n);
    st = join(d, ds, item, &label, n, err);
    if (st) {
        goto out;
    }
    first = nn_mem_calloc(ds->n + 1, sizeof *first);
    if (first == NULL) {
        st = nn_fail_nomem(err);
    } else if (d->n > 0 && n->absent == d->n) {
        st = nn_fail(err, NN_ERR_FORMAT,
                     "'%s' decides on other photos: none of its %zu is in "
                     "'%s'",
                     d->path, d->n, ds->path);
    } else if (n->unreadable > 0 && n->absent + n->unreadable == d->n) {
        st = nn_fail(err, NN_ERR_IO,
                     "none of the %zu photos that '%s' adds can be read",
                     n->unreadable, d->path);
    } else if (n->dropped == had) {
        st = nn_fail(err, NN_ERR_FORMAT, "'%s' drops all %zu images of '%s'",
                     d->path, had, ds->path);
    } else {
        rewrite(ds, label, first);
    }
    if (st) {
        take_back(ds, had);
    }
out:
    nn_mem_free(item);
    nn_mem_free(label);
    nn_mem_free(first);
    return st;
}
