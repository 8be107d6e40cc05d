/* pipelines/mine/train_rounds.h - which negatives a training run sees: families
 * that are left out, given ones, and those that rounds of mining find. */
#ifndef PIPELINES_MINE_TRAIN_ROUNDS_H
#define PIPELINES_MINE_TRAIN_ROUNDS_H

#include "common/base/options.h"
#include "pipelines/mine/mining.h"

/* Append the pictures of pools (folders, archives, manifests, "synth:") to ds
 * as training negatives without a family. Unreadable ones and near-duplicates
 * of validation or test pictures are left out; counts are logged. The pools
 * must stay open as long as ds. Errors: NN_ERR_IO (not one picture of a pool
 * can be read), NN_ERR_NOMEM. */
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
    const struct nn_option_list *leave_out; /* families: pictures of the pool
                                               in folders of that name too */
    const char *gate_from; /* a model whose gate they start from, or NULL */
    const char *match;     /* a run: as many negatives in each round as it has
                              found, and as many rounds; or NULL */
    int rounds, top, epochs;
    double rate;       /* of the gate's largest learning rate */
    double share;      /* most negatives of a round, of the training pictures */
    double hard_share; /* as in gate_mine_options */
    double suspect_rate;
    double max_false_alarm; /* rounds end when it is certified; 0: no target */
    int mode;               /* enum gate_mine_mode */
    int trust_pool;         /* nobody is a suspect */
    int keep;               /* all rounds, and the last one's gate */
};

/* The gate of a model of the same classes and families, in place of
 * gate_train(); calibrated anew where opt has test views. Errors: those of
 * model_load() and gate_calibrate(); NN_ERR_ARG (other outputs, width or,
 * without test views, size than opt). */
NN_MUST_CHECK enum nn_status
train_load_gate(const char *model, const struct nn_dataset *ds,
                const struct gate_options *opt, struct nn_net **gate,
                struct gate_policy *policy, struct nn_error *err);

/* Did fewer pictures pass? b: those that passed before and do not now, c: the
 * other way round. 1 when the exact one-sided 95 % lower bound of b's share of
 * the changes is above a half. */
int train_rounds_fell(size_t b, size_t c);
/* What max_false_alarm asks of n validation negatives: NULL when they are
 * enough, else a sentence (nn_mem_free). */
char *train_rounds_too_few(double max_false_alarm, size_t n);

/* Rounds: score the pool with the gate, choose, append to ds, go on training
 * from the last weights with old and new negatives. They end (the log says
 * which)
 *   - when the false-alarm rate at the promised hit rate is certified to be
 *     max_false_alarm or less,
 *   - when it stops falling: train_rounds_fell() on the validation negatives
 *     says no. The gate of that round stays if no more of them pass, else it
 *     is dropped,
 *   - when the pool has no more, or after `rounds`.
 * With `keep` only the last one ends them. *gate and *policy are replaced by
 * the best. run->dir gets scores-R.bin, mined-R.jsonl, mined-R.html and
 * round-R.json. opt: as the first gate was trained.
 * Errors: those of gate_mine_choose() and gate_train(). */
NN_MUST_CHECK enum nn_status
train_run_rounds(struct nn_dataset *ds, const struct gate_options *opt,
                 const struct train_rounds *rounds, const struct nn_run *run,
                 struct nn_net **gate, struct gate_policy *policy,
                 struct nn_error *err);

#endif /* PIPELINES_MINE_TRAIN_ROUNDS_H */
