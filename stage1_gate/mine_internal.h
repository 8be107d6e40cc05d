/* stage1_gate/mine_internal.h - between the files of the miner. */
#ifndef STAGE1_GATE_MINE_INTERNAL_H
#define STAGE1_GATE_MINE_INTERNAL_H

#include "stage1_gate/mine.h"

double gate_mine_dot(const float *a, const float *b, size_t n);

/* Look at n pictures with embeddings v [n,dims] of length 1; agreement is
 * left as it is. Parallel. */
void gate_mine_bank_look(const struct gate_mine_bank *bank, const float *v,
                         size_t n, struct gate_mine_look *look);

/* Ask, or 0 for all where there is nobody to ask. */
NN_MUST_CHECK enum nn_status gate_mine_ask(const struct gate_mine_opinion *o,
                                           const struct nn_dataset *ds,
                                           const uint32_t *index, size_t n,
                                           struct gate_mine_look *look,
                                           struct nn_error *err);

#endif /* STAGE1_GATE_MINE_INTERNAL_H */
