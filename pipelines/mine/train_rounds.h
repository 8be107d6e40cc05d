/* pipelines/mine/train_rounds.h - rounds of mining inside a training run: what
 * the user asked for, and the files, pages and messages of each round. */
#ifndef PIPELINES_MINE_TRAIN_ROUNDS_H
#define PIPELINES_MINE_TRAIN_ROUNDS_H

#include "common/base/options.h"
#include "pipelines/mine/mining.h"
#include "stage1_gate/rounds.h"

struct train_rounds {
    const struct nn_pool *pool; /* outlives ds, which reads through it */
    const struct nn_option_list *leave_out; /* families: images of the pool
                                               in folders of that name too */
    const char *gate_from; /* a model whose gate they start from, or NULL */
    const char *match;     /* a run: as many negatives in each round as it has
                              found, and as many rounds; or NULL */
    int rounds, top, epochs;
    int species;       /* rounds behind the cascade: species_rounds.h */
    double rate;       /* of the gate's largest learning rate */
    double share;      /* most negatives of a round, of the training images */
    double hard_share; /* as in gate_mine_options */
    double fn_filter_recall;
    double max_fpr; /* rounds end when it is certified; 0: no target */
    int mode;       /* enum gate_mine_mode */
    int trust_pool; /* nothing is a suspected false negative */
    int keep;       /* all rounds, and the last one's gate */
};

/* The gate of a model of the same classes and families, in place of
 * gate_train(); calibrated anew where opt has test-time augmentation. Errors:
 * those of model_load() and gate_calibrate(); NN_ERR_ARG (other outputs, width
 * or, without test-time augmentation, size than opt). */
NN_MUST_CHECK enum nn_status
train_load_gate(const char *model, const struct nn_dataset *ds,
                const struct gate_options *opt, struct nn_net **gate,
                struct gate_policy *policy, struct nn_error *err);

/* What max_fpr asks of n validation negatives: NULL when they are
 * enough, else a sentence (nn_mem_free). */
char *train_rounds_too_few(double max_fpr, size_t n);

/* gate_run_rounds() with messages in the log about what each round found, what
 * it changed and why the rounds ended. run->dir gets scores-R.bin,
 * mined-R.jsonl, mined-R.html and round-R.json. opt: as the first gate was
 * trained. Errors: those of gate_run_rounds(); NN_ERR_IO (of those files, and
 * of the run that `match` names). */
NN_MUST_CHECK enum nn_status
train_run_rounds(struct nn_dataset *ds, const struct gate_options *opt,
                 const struct train_rounds *rounds, const struct nn_run *run,
                 struct nn_net **gate, struct gate_policy *policy,
                 struct nn_error *err);

#endif /* PIPELINES_MINE_TRAIN_ROUNDS_H */
