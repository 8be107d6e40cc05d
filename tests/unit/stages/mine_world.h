/* tests/unit/stages/mine_world.h - a gate, known images and a pool, for the
 * suites of mining. A gate of random weights scores well enough for them. */
#ifndef TESTS_UNIT_STAGES_MINE_WORLD_H
#define TESTS_UNIT_STAGES_MINE_WORLD_H

#include "stage1_gate/mine_internal.h"

enum { POOL = 60 }; /* images of the pool, and one that is none */

extern struct mine_world {
    char *data_dir, *pool_dir;
    struct nn_net *gate;
    struct nn_dataset *ds;
    struct nn_pool *pool;
    struct gate_mine_scores scores;
    double *z; /* [POOL + 1] */
} mine_world;

void mine_world_set_up(void);
void mine_world_tear_down(void);
/* Scores into mine_world.scores and to[0..POOL]. */
void mine_world_scan(const char *journal, double *to);
void mine_world_bank(struct gate_mine_bank *b);
/* A second scorer that knows the truth: ctx is in the names of bears. */
enum nn_status mine_world_oracle(void *ctx, const struct nn_dataset *of,
                                 const uint32_t *index, size_t n, double *p,
                                 struct nn_error *err);

#endif /* TESTS_UNIT_STAGES_MINE_WORLD_H */
