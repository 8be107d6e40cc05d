/* tests/unit/stages/evaluation_world.h - rows to work figures out from by
 * hand.
 *
 * Three classes, two families of negatives, a gate threshold of 0.5 and a
 * reject threshold of 0.6. Rows of class probabilities (ant, bee, cat):
 *   A .90 .06 .04   B .10 .80 .10   C .20 .20 .60   U .50 .30 .20
 *   V .30 .40 .30   - the species net did not run
 * so A says ant, B bee, C cat (exactly at the reject threshold); U (most like
 * ant) and V (most like bee) are unknown. */
#ifndef TESTS_UNIT_STAGES_EVALUATION_WORLD_H
#define TESTS_UNIT_STAGES_EVALUATION_WORLD_H

#include <math.h>

#include "pipelines/measure/evaluation.h"
#include "tests/unit/testkit.h"

enum { K = 3, ANT = 0, BEE, CAT, DOG = 0, ROCK, N_ROWS = 34 };

/* The world; world_set_up() makes it anew. Row i of `scores` is item
 * world_index[i] of `ds`; world_pick[0..world_n-1] are the rows to judge. */
extern struct nn_dataset ds;
extern struct model model;
extern struct cascade_scores scores;
extern uint32_t world_index[N_ROWS], world_pick[N_ROWS];
extern size_t world_n;
/* Columns: ant, bee, cat, none, unknown. */
extern const size_t world_confusion[K + 1][K + 2];

void world_set_up(void);
/* Drop the picked rows of the other kind. */
void world_keep(int positives);
/* Figures of the picked rows, titled "test". */
void world_measure(int replicates, struct evaluation *e);

#define near(got, want) ck_assert_double_eq_tol(got, want, 1e-12)

#endif /* TESTS_UNIT_STAGES_EVALUATION_WORLD_H */
