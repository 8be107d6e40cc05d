#include "pipelines/train/train_reference.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/data/feature_rows.h"

enum { BATCH = 16, SEED = 1, DRAW = 0x64726177 };

void feature_table_release(struct feature_table *t)
{
    nn_mem_free(t->index);
    nn_mem_free(t->x);
    nn_mem_free(t->ok);
    *t = (struct feature_table){ 0 };
}

enum nn_status feature_table_fill(struct feature_table *t,
                                  const struct model *m,
                                  const struct nn_dataset *ds, const char *dir,
                                  const char *label,
                                  const volatile sig_atomic_t *stop,
                                  struct nn_error *err)
{
    const struct nn_feature_options o = { .dir = dir,
                                          .limit_bytes = NN_FEATURE_CACHE_BYTES,
                                          .batch = BATCH,
                                          .label = label,
                                          .stop = stop };
    size_t n = 0;
    enum nn_status st;

    t->dims = nn_feature_dims(model_strong_net(m));
    t->x = nn_mem_aligned(t->n, t->dims * sizeof *t->x);
    t->ok = nn_mem_calloc(t->n, 1);
    if (t->x == NULL || t->ok == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_features_of_items(model_strong_net(m), ds, t->index, t->n, &o, t->x,
                              t->ok, err);
    if (st) {
        return st;
    }
    for (size_t i = 0; i < t->n; i++) {
        if (t->ok[i]) {
            memmove(t->x + n * t->dims, t->x + i * t->dims,
                    t->dims * sizeof *t->x);
            t->index[n++] = t->index[i];
        }
    }
    t->n = n;
    return NN_OK;
}

static enum nn_status choose(const struct nn_dataset *ds, int all,
                             struct feature_table *t, struct nn_error *err)
{
    struct nn_rng rng = nn_rng_make(SEED, DRAW);
    size_t valid = 0;

    t->index = nn_mem_calloc(ds->n, sizeof *t->index);
    if (t->index == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < ds->n; i++) {
        valid += ds->items[i].split == NN_VALID;
    }
    for (size_t i = 0; i < ds->n; i++) {
        if (!ds->items[i].bad &&
            (valid == 0 || ds->items[i].split == NN_VALID)) {
            t->index[t->n++] = (uint32_t)i;
        }
    }
    if (!all && t->n > REFERENCE_PHOTOS) {
        nn_rng_shuffle(&rng, t->index, t->n);
        t->n = REFERENCE_PHOTOS;
    }
    return NN_OK;
}

static enum nn_status learn(const struct feature_table *t,
                            const struct nn_dataset *ds, int all,
                            struct nn_shift_reference *out,
                            struct nn_error *err)
{
    const uint64_t alone = (uint64_t)1 << 32; /* no number of a group */
    uint8_t *kind = nn_mem_calloc(t->n, 1);
    uint64_t *group = nn_mem_calloc(t->n, sizeof *group);
    const struct nn_shift_known known = {
        .n = t->n,
        .dims = t->dims,
        .x = t->x,
        .kind = kind,
        .group = group,
        .seed = SEED,
        .most_near = all ? 0 : REFERENCE_ROWS,
        .keep_dims = all ? 0 : REFERENCE_SUMS,
    };
    enum nn_status st;

    if (kind == NULL || group == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < t->n; i++) {
        const struct nn_item *it = &ds->items[t->index[i]];

        kind[i] = it->label != NN_NEGATIVE;
        group[i] = it->group > 0 ? it->group : alone + t->index[i];
    }
    st = nn_shift_learn(&known, out, err);
out:
    nn_mem_free(kind);
    nn_mem_free(group);
    return st;
}

enum nn_status
reference_of_photos(const struct model *m, const struct nn_dataset *ds, int all,
                    const char *dir, const volatile sig_atomic_t *stop,
                    struct nn_shift_reference *out, struct nn_error *err)
{
    struct feature_table t = { 0 };
    enum nn_status st = choose(ds, all, &t, err);

    *out = (struct nn_shift_reference){ 0 };
    if (st) {
        goto out;
    }
    st = feature_table_fill(&t, m, ds, dir, "reference", stop, err);
    if (st) {
        goto out;
    }
    st = learn(&t, ds, all, out, err);
out:
    feature_table_release(&t);
    return st;
}

enum nn_status train_reference(struct model *m, const struct nn_dataset *ds,
                               const char *dir,
                               const volatile sig_atomic_t *stop,
                               struct nn_error *err)
{
    enum nn_status st;

    nn_shift_release(&m->reference);
    if (nn_dataset_count(ds, NN_VALID, NN_ITEMS_ALL) == 0) {
        return NN_OK;
    }
    st = reference_of_photos(m, ds, 0, dir, stop, &m->reference, err);
    return st == NN_ERR_ARG ? NN_OK : st; /* too few photos */
}
