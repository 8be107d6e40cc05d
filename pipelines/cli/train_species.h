/* pipelines/cli/train_species.h - the species net of train, behind a gate that
 * is there: what it may say, rungs before the gate, thresholds of both stages,
 * and rounds of mining behind the whole cascade. */
#ifndef PIPELINES_CLI_TRAIN_SPECIES_H
#define PIPELINES_CLI_TRAIN_SPECIES_H

#include "pipelines/cli/train_run.h"

/* Where features of both nets are kept, where both trunks stay as they are;
 * else NULL. */
const char *train_kept_features(const struct train *t);

/* m gets rungs, species net and thresholds; ds grows by `unknown` and by what
 * is mined. Errors: those of species_train(), cascade_fit_policy() and
 * mine_species_rounds(); NN_ERR_ARG (unknown without training negatives). */
NN_MUST_CHECK enum nn_status
train_make_species(const struct train *t, struct nn_dataset *ds,
                   const struct mine_sources *unknown, const struct nn_run *run,
                   struct model *m, struct nn_train_result *r,
                   struct nn_error *err);

#endif /* PIPELINES_CLI_TRAIN_SPECIES_H */
