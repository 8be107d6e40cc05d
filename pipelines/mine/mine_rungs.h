/* pipelines/mine/mine_rungs.h - a pool's scores by a gate that has rungs, or a
 * species net behind it.
 *
 * A negative that a rung rejects fools nobody, whatever the gate would say of
 * it: it never gets there. One that the species net rejects fools the gate, but
 * not the cascade. */
#ifndef PIPELINES_MINE_MINE_RUNGS_H
#define PIPELINES_MINE_MINE_RUNGS_H

#include "pipelines/cascade/model.h"
#include "stage1_gate/mine.h"

/* The images of the pool whose scores pass m's gate are shown to its rungs; of
 * those that a rung rejects the score becomes what the cascade gives them
 * (pipelines/cascade/rung.h), which does not pass. Changed scores go into a
 * file without a name in place of scores; the journal stays as it is.
 * n_rejected: how many. Nothing happens where m has no rungs. features: as in
 * gate_mine_scan().
 *
 * Errors: NN_ERR_STOPPED (stop was set), NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
mine_show_rungs(const struct model *m, const struct nn_pool *pool,
                const char *features, const volatile sig_atomic_t *stop,
                struct gate_mine_scores *scores, size_t *n_rejected,
                struct nn_error *err);

/* The same with the whole cascade: images whose verdict is none
 * (cascade_decide()), whoever said so, have a score of -INFINITY, and those
 * that m accepts keep theirs. n_rejected: of those that pass the gate alone. */
NN_MUST_CHECK enum nn_status
mine_show_cascade(const struct model *m, const struct nn_pool *pool,
                  const char *features, const volatile sig_atomic_t *stop,
                  struct gate_mine_scores *scores, size_t *n_rejected,
                  struct nn_error *err);

#endif /* PIPELINES_MINE_MINE_RUNGS_H */
