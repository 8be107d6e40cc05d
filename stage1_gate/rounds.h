/* stage1_gate/rounds.h - rounds of hard-negative mining behind a first gate.
 *
 * One round: score the pool with the gate so far, choose what fools it
 * (mine.h), append that to the training data, train on from the gate's weights
 * with old and new negatives, and keep the new gate unless more validation
 * negatives pass it. Nothing is printed or written here but the scores of the
 * pool: the caller hears of each step through on_round(). */
#ifndef STAGE1_GATE_ROUNDS_H
#define STAGE1_GATE_ROUNDS_H

#include "stage1_gate/mine.h"

enum gate_round_step {
    GATE_ROUND_BEGINS,
    GATE_ROUND_MINED,   /* chosen, and not yet appended */
    GATE_ROUND_TRAINED, /* with one gate kept */
};

/* Valid during the call; what a later step adds is NULL or 0 before it. */
struct gate_round {
    enum gate_round_step step;
    int number;                       /* 1, 2, ... */
    const struct nn_net *gate;        /* so far: of before the round */
    const struct gate_policy *policy; /* its */
    const struct nn_pool *pool;
    size_t n_valid;     /* validation negatives */
    size_t wanted, top; /* negatives asked for, and the most it may take */
    /* from MINED on */
    const struct gate_mine_bank *bank;
    const struct gate_mine_rule
        *rule; /* NULL: nothing is a suspected false negative */
    const struct gate_mine_options *choice;
    const struct gate_mine_result *result;
    size_t taken; /* accepted; 0: the rounds end here */
    /* TRAINED */
    const struct gate_policy *next; /* of the new gate */
    size_t no_longer, newly; /* validation negatives that passed the old gate
                                alone, and the new one alone */
    int fell;                /* gate_rounds_fell() of the two */
    int kept;                /* the new gate stays */
};
typedef enum nn_status gate_round_fn(void *ctx, const struct gate_round *r,
                                     struct nn_error *err);

struct gate_round_options {
    const struct nn_pool *pool;   /* outlives ds, which reads through it */
    const char *const *leave_out; /* folders of the pool to pass over */
    size_t n_leave_out;
    int rounds;   /* at most */
    size_t top;   /* negatives of a round, */
    double share; /* but no more than this share of the training images */
    /* Or exactly so many [rounds]; 0: no such round. NULL: top and share. */
    const size_t *exactly;
    int epochs;
    double rate;       /* of the gate's largest learning rate */
    double hard_share; /* as in gate_mine_options */
    double fn_filter_recall;
    double max_fpr; /* rounds end when it is certified; 0: no target */
    enum gate_mine_mode mode;
    int trust_pool;          /* nothing is a suspected false negative */
    int keep;                /* all rounds, and the last one's gate */
    gate_round_fn *on_round; /* an error of it ends the rounds; or NULL */
    void *ctx;
};

/* Did fewer images pass? b: those that passed before and do not now, c: the
 * other way round. 1 when the exact one-sided 95 % lower bound (Clopper &
 * Pearson 1934) of b's share of the changes is above a half. */
int gate_rounds_fell(size_t b, size_t c);

/* The most negatives that a round takes: top, but no more than this share of
 * ds's training images, and at least 1. */
size_t gate_rounds_most(const struct nn_dataset *ds, size_t top, double share);

/* Is the false-positive rate of the policy certified to be at most `max`? 0
 * when nothing was asked for (0). */
int gate_rounds_reached(const struct gate_policy *policy, double max);

/* Rounds on ds, which grows, behind *gate and *policy, which are replaced by
 * the best. They end
 *   - before a round, when gate_rounds_reached() says so,
 *   - when the rate stops falling: gate_rounds_fell() on the validation
 *     negatives says no,
 *   - when the pool has no more (not with `exactly`), or after `rounds`.
 * With `keep` only the last ones end them. gate: the options the first one was
 * trained with. run->dir gets scores-R.bin, the journal of gate_mine_scan(),
 * and the states of the trainings "gate+R".
 * Errors: those of gate_mine_scan(), gate_mine_choose(), gate_train() and
 * on_round(). */
NN_MUST_CHECK enum nn_status
gate_run_rounds(struct nn_dataset *ds, const struct gate_options *gate_options,
                const struct gate_round_options *how, const struct nn_run *run,
                struct nn_net **gate, struct gate_policy *policy,
                struct nn_error *err);

#endif /* STAGE1_GATE_ROUNDS_H */
