/* common/data/inputs.h - the prepared inputs of a data set, kept in memory.
 *
 * Validation images are scored after every epoch, and mining looks at known
 * ones again in every round. What steps 1 to 3 of common/net/prepare.h make of
 * them never changes, so a data set may keep it: first come, first kept, until
 * the budget is spent. Images borrowed from a data set that keeps inputs are
 * found there. Safe from any thread. */
#ifndef NN_COMMON_DATA_INPUTS_H
#define NN_COMMON_DATA_INPUTS_H

#include "common/data/dataset.h"
#include "common/net/prepare.h"

/* From now on loaders without augmentation keep what they make of ds, up to
 * `bytes`; 0: 256 MiB or an eighth of memory, the less. Call once, before any
 * loader. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_dataset_keep_inputs(struct nn_dataset *ds,
                                                    size_t bytes,
                                                    struct nn_error *err);
/* 1 and rgb [S,S,3] when the input of item i by the rule `in` is kept. */
int nn_inputs_get(const struct nn_dataset *ds, size_t i,
                  const struct nn_input *in, uint8_t *rgb);
/* Keep a copy of rgb [S,S,3], where ds keeps inputs and there is room. */
void nn_inputs_put(const struct nn_dataset *ds, size_t i,
                   const struct nn_input *in, const uint8_t *rgb);

#endif /* NN_COMMON_DATA_INPUTS_H */
