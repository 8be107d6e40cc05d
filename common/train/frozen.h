/* common/train/frozen.h - fit the classifier of a net whose trunk stays.
 *
 * The rows are the features of the training items of a task, of view 0 and of
 * `views` augmented ones (common/data/feature_rows.h); the head is the
 * regularised logistic regression of logistic.h: softmax, or sigmoids for a net
 * with that head. An item of bucket b of size n_b and share s_b weighs
 * s_b / n_b times its own weight, so that the shares of an epoch hold here as
 * well; near-duplicates (struct nn_item.group) are held out together when the
 * strength is chosen. Labels alone count: what has none has no row. The head is
 * the same for any number of threads. */
#ifndef NN_COMMON_TRAIN_FROZEN_H
#define NN_COMMON_TRAIN_FROZEN_H

#include "common/train/logistic.h"
#include "common/train/task.h"

/* Put the fitted classifier into net. batch, seed, threads, augment and the
 * fields of frozen features are taken from opt; run->stop ends it with
 * NN_ERR_STOPPED, and what was computed is in the cache.
 * Errors: those of nn_features_of_items() and nn_logistic_fit(); NN_ERR_ARG
 * (no training image can be read). */
NN_MUST_CHECK enum nn_status
nn_task_fit_head(struct nn_task *t, const struct nn_train_options *opt,
                 const struct nn_run *run, struct nn_net *net,
                 struct nn_error *err);

#endif /* NN_COMMON_TRAIN_FROZEN_H */
