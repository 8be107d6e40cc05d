#include "common/data/negatives.h"

#include "common/base/log.h"
#include "common/base/mem.h"

/* --- left out --- */

enum nn_status nn_negatives_leave_out(struct nn_dataset *ds,
                                      const char *const *families, size_t n,
                                      struct nn_error *err)
{
    for (size_t k = 0; k < n; k++) {
        int32_t f;
        enum nn_status st = nn_dataset_left_out(ds, families[k], &f, err);

        if (st) {
            return st;
        }
        for (size_t i = 0; i < ds->n; i++) {
            struct nn_item *it = &ds->items[i];

            if (it->label == NN_NEGATIVE && it->family == f &&
                it->split != NN_TEST) {
                it->split = NN_SPLIT_NONE;
            }
        }
    }
    return NN_OK;
}

/* --- added --- */

struct added {
    size_t given, bad, taken;
    size_t known;            /* near to an image of a class */
    const char *file, *twin; /* an example of these, and */
    const char *class_of_twin;
};

/* Near to something that measures, or known to be of a class. */
static int leaks(const struct nn_dataset *ds, const struct nn_item *new_item,
                 struct added *a)
{
    const struct nn_item *twin = NULL;
    int measures = 0;

    for (size_t k = 0; k < ds->n; k++) {
        const struct nn_item *it = &ds->items[k];

        if ((it->split == NN_TRAIN && it->label == NN_NEGATIVE) ||
            !nn_items_near(it, new_item, NN_NEAR_BITS)) {
            continue;
        }
        measures |= it->split != NN_TRAIN && it->split != NN_SPLIT_UNLABELLED;
        twin = it->label != NN_NEGATIVE ? it : twin;
    }
    if (twin != NULL && a->known++ == 0) {
        a->file = new_item->file;
        a->twin = twin->file;
        a->class_of_twin = ds->classes[twin->label];
    }
    return measures || twin != NULL;
}

/* Images that cannot be read; a source of which that is true of all is an
 * error, for somebody meant to train on it. */
static enum nn_status count_bad(const struct nn_dataset *source, size_t *bad,
                                struct nn_error *err)
{
    size_t here = 0;

    for (size_t i = 0; i < source->n; i++) {
        here += source->items[i].bad != 0;
    }
    if (here == source->n) {
        return nn_fail(err, NN_ERR_IO,
                       "none of the %zu images of '%s' can be read, such "
                       "as '%s'",
                       here, source->path, source->items[0].file);
    }
    *bad += here;
    return NN_OK;
}

static enum nn_status add_source(struct nn_dataset *ds,
                                 const struct nn_dataset *source,
                                 struct added *a, struct nn_error *err)
{
    uint32_t *index = nn_mem_calloc(source->n, sizeof *index);
    size_t n = 0;
    enum nn_status st;

    if (index == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < source->n; i++) {
        if (!source->items[i].bad && !leaks(ds, &source->items[i], a)) {
            index[n++] = (uint32_t)i;
        }
    }
    st =
        nn_dataset_append_ref(ds, source, index, n, NN_NEGATIVE, NN_TRAIN, err);
    nn_mem_free(index);
    a->taken += n;
    return st;
}

/* Fingerprinted; *given, *bad: how many, and how many cannot be read. */
static enum nn_status look_at(struct nn_dataset *const *sources, size_t n,
                              size_t *given, size_t *bad, struct nn_error *err)
{
    for (size_t i = 0; i < n; i++) {
        enum nn_status st;

        nn_dataset_fingerprint(sources[i]);
        st = count_bad(sources[i], bad, err);
        if (st) {
            return st;
        }
        *given += sources[i]->n;
    }
    return NN_OK;
}

enum nn_status nn_negatives_add(struct nn_dataset *ds,
                                struct nn_dataset *const *sources, size_t n,
                                const char *what, struct nn_error *err)
{
    struct added a = { 0 };
    enum nn_status st = look_at(sources, n, &a.given, &a.bad, err);

    for (size_t i = 0; st == NN_OK && i < n; i++) {
        st = add_source(ds, sources[i], &a, err);
    }
    if (st) {
        return st;
    }
    nn_log(NN_LOG_INFO,
           "%zu more %s for training (of the %zu given %zu are "
           "unreadable, %zu copies of validation or test images)",
           a.taken, what, a.given, a.bad, a.given - a.taken - a.bad - a.known);
    if (a.known > 0) {
        nn_log(NN_LOG_WARN,
               "%zu given %s are left out, for they are copies of "
               "images of a class, such as '%s' of '%s' (class '%s')",
               a.known, what, a.file, a.twin, a.class_of_twin);
    }
    return NN_OK;
}

/* --- without a label --- */

static int is_known(const struct nn_dataset *ds, size_t n,
                    const struct nn_item *item)
{
    for (size_t k = 0; k < n; k++) {
        if (nn_items_near(&ds->items[k], item, NN_NEAR_BITS)) {
            return 1;
        }
    }
    return 0;
}

/* had: items of ds with a label. */
static enum nn_status add_unlabelled(struct nn_dataset *ds, size_t had,
                                     const struct nn_dataset *source,
                                     struct nn_error *err)
{
    uint32_t *index = nn_mem_calloc(source->n, sizeof *index);
    size_t n = 0;
    enum nn_status st;

    if (index == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < source->n; i++) {
        if (!source->items[i].bad && !is_known(ds, had, &source->items[i])) {
            index[n++] = (uint32_t)i;
        }
    }
    st = nn_dataset_append_ref(ds, source, index, n, NN_NEGATIVE,
                               NN_SPLIT_UNLABELLED, err);
    nn_mem_free(index);
    return st;
}

enum nn_status nn_unlabelled_add(struct nn_dataset *ds,
                                 struct nn_dataset *const *sources, size_t n,
                                 struct nn_error *err)
{
    size_t had = ds->n, given = 0, bad = 0, taken;
    enum nn_status st = look_at(sources, n, &given, &bad, err);

    for (size_t i = 0; st == NN_OK && i < n; i++) {
        st = add_unlabelled(ds, had, sources[i], err);
    }
    if (st) {
        return st;
    }
    taken = ds->n - had;
    nn_log(NN_LOG_INFO,
           "%zu images without a label (of the %zu given %zu are unreadable, "
           "%zu copies of images of the data set)",
           taken, given, bad, given - taken - bad);
    return NN_OK;
}
