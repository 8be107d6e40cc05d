/* pipelines/cli/train_rungs.h - the rungs that train puts in front of the gate
 * (pipelines/cascade/rung.h). */
#ifndef PIPELINES_CLI_TRAIN_RUNGS_H
#define PIPELINES_CLI_TRAIN_RUNGS_H

#include "pipelines/cli/train_run.h"

/* What --rung says into t->rungs: NET[:WIDTH]@PX. Errors: NN_ERR_ARG (no such
 * net, a size or width out of its range, too many, a model that takes none). */
NN_MUST_CHECK enum nn_status train_parse_rungs(struct train *t,
                                               struct nn_error *err);
/* Each costs less than the next one and the last less than the gate, whose
 * input is the largest. Errors: NN_ERR_ARG, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status train_check_rungs(const struct train *t,
                                               struct nn_error *err);
/* Trains them as gates are; their thresholds come later. gate: what they stand
 * in front of. Release *out afterwards. Errors: those of gate_train(),
 * NN_ERR_ARG (one that costs or sees no less than the gate). */
NN_MUST_CHECK enum nn_status
train_rungs(const struct train *t, const struct nn_dataset *ds,
            const struct nn_net *gate, const struct nn_run *run,
            struct rungs *out, struct nn_error *err);

#endif /* PIPELINES_CLI_TRAIN_RUNGS_H */
