/* pipelines/train/train_check.h - what a training needs of its data, looked at
 * before anything is trained. */
#ifndef PIPELINES_TRAIN_TRAIN_CHECK_H
#define PIPELINES_TRAIN_TRAIN_CHECK_H

#include "common/data/dataset.h"

/* Where valid has no image of a class at all, or no negative, and train has
 * some, hold out a share of those, and say so. Then look whether every class
 * has images to train on, and whether there are negatives in train (unless
 * trains_on_negatives is 0) and in valid; a class that valid lacks is a
 * warning. seed: of the split.
 * Errors: NN_ERR_ARG (says what is missing and the way out), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status train_check_data(struct nn_dataset *ds,
                                              uint64_t seed,
                                              int trains_on_negatives,
                                              struct nn_error *err);

#endif /* PIPELINES_TRAIN_TRAIN_CHECK_H */
