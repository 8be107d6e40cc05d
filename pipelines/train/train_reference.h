/* pipelines/train/train_reference.h - known photos for the shift alarm
 * (common/eval/shift.h): those that a model was validated on. */
#ifndef PIPELINES_TRAIN_TRAIN_REFERENCE_H
#define PIPELINES_TRAIN_TRAIN_REFERENCE_H

#include <signal.h>

#include "common/data/dataset.h"
#include "pipelines/cascade/model.h"

/* What a model file keeps: rows and sums of each, 96 kB as float16; and the
 * validation photos that are looked at for it, drawn where there are more. */
enum { REFERENCE_ROWS = 256, REFERENCE_SUMS = 192, REFERENCE_PHOTOS = 2000 };

/* Features of some items. */
struct feature_table {
    size_t n, dims;
    uint32_t *index; /* [n] */
    float *x;        /* [n,dims] */
    uint8_t *ok;
};
/* Of items index[0..n-1] of ds, which the table owns from now on, by
 * model_strong_net(); those that cannot be read are left out. dir: where
 * features are kept, or NULL. Errors: those of nn_features_of_items(). */
NN_MUST_CHECK enum nn_status
feature_table_fill(struct feature_table *t, const struct model *m,
                   const struct nn_dataset *ds, const char *dir,
                   const char *label, const volatile sig_atomic_t *stop,
                   struct nn_error *err);
void feature_table_release(struct feature_table *t);

/* Of the valid part of ds, or of all where there is none; ds has fingerprints
 * and groups. all: every photo with all its features, else what a model file
 * keeps. Errors: those of nn_features_of_items() and nn_shift_learn(). */
NN_MUST_CHECK enum nn_status
reference_of_photos(const struct model *m, const struct nn_dataset *ds, int all,
                    const char *dir, const volatile sig_atomic_t *stop,
                    struct nn_shift_reference *out, struct nn_error *err);

/* m's own reference, from the valid part it was trained with; where that holds
 * too few photos it has none. Errors: those above. */
NN_MUST_CHECK enum nn_status
train_reference(struct model *m, const struct nn_dataset *ds, const char *dir,
                const volatile sig_atomic_t *stop, struct nn_error *err);

#endif /* PIPELINES_TRAIN_TRAIN_REFERENCE_H */
