/* pipelines/train_rounds.h - which negatives a training run sees: families that
 * are left out, given ones, and those that rounds of mining find. */
#ifndef PIPELINES_TRAIN_ROUNDS_H
#define PIPELINES_TRAIN_ROUNDS_H

#include "common/base/options.h"
#include "pipelines/mining.h"

/* Append the pictures of pools (folders, archives, manifests, "synth:") to ds
 * as training negatives without a family. Unreadable ones and near-duplicates
 * of validation or test pictures are left out; counts are logged. The pools
 * must stay open as long as ds. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status train_add_negatives(struct nn_dataset *ds,
                                                 const struct pools *pools,
                                                 struct nn_error *err);

/* Take the pictures of the named families out of train and valid (test keeps
 * them): how well is a net on what it has never seen? Errors: NN_ERR_ARG (no
 * such family: names it). */
NN_MUST_CHECK enum nn_status
train_leave_out(struct nn_dataset *ds, const struct nn_option_list *families,
                struct nn_error *err);

struct train_rounds {
    const struct nn_pool *pool; /* outlives ds, which reads through it */
    int rounds, top, epochs;
    double rate;       /* of the gate's largest learning rate */
    double hard_share; /* as in gate_mine_options */
    double suspect_rate;
    int mode;       /* enum gate_mine_mode */
    int trust_pool; /* nobody is a suspect */
    int keep;       /* the last round's gate, whatever validation says */
};

/* Rounds: score the pools with the gate, choose, append to ds, go on training
 * from the last weights with old and new negatives. A round whose validation
 * false-alarm rate at the promised hit rate is not below the last one's ends
 * it, and its gate is dropped (unless `keep`); so does a pool that has no more.
 * *gate and *policy are replaced by the best. run->dir gets scores-R.bin,
 * mined-R.jsonl and mined-R.html. opt: as the first gate was trained.
 * Errors: those of gate_mine_choose() and gate_train(). */
NN_MUST_CHECK enum nn_status
train_run_rounds(struct nn_dataset *ds, const struct gate_options *opt,
                 const struct train_rounds *rounds, const struct nn_run *run,
                 struct nn_net **gate, struct gate_policy *policy,
                 struct nn_error *err);

#endif /* PIPELINES_TRAIN_ROUNDS_H */
