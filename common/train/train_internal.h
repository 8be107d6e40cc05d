/* common/train/train_internal.h - the state of one training, and its files. */
#ifndef NN_COMMON_TRAIN_TRAIN_INTERNAL_H
#define NN_COMMON_TRAIN_TRAIN_INTERNAL_H

#include <jansson.h>

#include "common/base/log.h"
#include "common/train/checkpoint.h"
#include "common/train/train.h"

struct nn_training {
    const struct nn_train_task *task;
    const struct nn_train_options *opt;
    const struct nn_run *run;
    struct nn_net *net;
    char sampling[33];   /* hash of the first epoch's items */
    json_t *fingerprint; /* options, data and network, to compare on resume */
    struct nn_optim optim;
    struct nn_buf ema, best;
    struct nn_exec *exec;
    int32_t size;         /* of exec and loader, 0: none yet */
    struct nn_net *sized; /* the graph of another size than net's */
    struct nn_scorer *scorer;
    struct nn_loader *loader;
    float *lr_scale; /* [parameters] */
    float *norms;    /* all values at the start, with freeze_bn_stats */
    float *target, *weight, *dlogits;
    float *mixed, *mixed_target, *mixed_weight; /* NULL without mixing */
    size_t k;                                   /* outputs */
    struct nn_progress bar;
    int64_t batches, total_steps; /* per epoch, in all */
    /* What a checkpoint keeps besides the arrays. */
    int64_t epoch, batch; /* under way: both count from 0 */
    int64_t step;         /* updates made */
    /* Where a finished run was extended, else 0: the schedule begins there. */
    int64_t first_epoch, first_step;
    double loss_sum, loss_n;
    double train_s, train_images, eval_s;
    int64_t best_epoch; /* 1-based, 0: none yet */
    struct nn_train_metrics best_metrics;
    char *rows; /* results.csv rows of this task */
    int finished;
};

/* train_state.c */
json_t *nn_training_fingerprint(const struct nn_training *t);
NN_MUST_CHECK enum nn_status nn_training_save(struct nn_training *t,
                                              struct nn_error *err);
/* 1 in *found when the run folder has this task's state. */
NN_MUST_CHECK enum nn_status
nn_training_restore(struct nn_training *t, int *found, struct nn_error *err);
/* results.csv: one row for the epoch just evaluated. */
NN_MUST_CHECK enum nn_status
nn_training_add_row(struct nn_training *t, const struct nn_train_metrics *m,
                    double lr, struct nn_error *err);

#endif /* NN_COMMON_TRAIN_TRAIN_INTERNAL_H */
