/* pipelines/cli/train_teach.h - train --teacher: a strong cascade looks at the
 * images first (pipelines/train/teacher.h). */
#ifndef PIPELINES_CLI_TRAIN_TEACH_H
#define PIPELINES_CLI_TRAIN_TEACH_H

#include "pipelines/cli/train_run.h"

/* What a training has learnt from besides its labels. */
struct train_lessons {
    struct mine_sources unlabelled; /* outlive the data set */
    struct gate_lessons of_gate;
    struct nn_seen seen; /* what the teacher was trained on */
};

/* Errors: NN_ERR_ARG (options that do not go together). */
NN_MUST_CHECK enum nn_status train_teach_check(const struct train *t,
                                               struct nn_error *err);
/* Open --unlabelled; after train_choose_start(), for it also looks whether any
 * net would learn. Errors: NN_ERR_ARG, those of nn_dataset_open(). */
NN_MUST_CHECK enum nn_status train_teach_open(const struct train *t,
                                              struct train_lessons *l,
                                              struct nn_error *err);
/* Images without a label join ds, the teacher looks at all, and t->gate learns
 * from l, which must stay. Without --teacher nothing is done.
 * Errors: those of nn_unlabelled_add() and teacher_ask(). */
NN_MUST_CHECK enum nn_status train_teach(struct train *t, struct nn_dataset *ds,
                                         struct train_lessons *l,
                                         struct nn_error *err);
void train_lessons_release(struct train_lessons *l);

#endif /* PIPELINES_CLI_TRAIN_TEACH_H */
