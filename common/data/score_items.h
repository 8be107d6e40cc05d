/* common/data/score_items.h - run a net on the items of a data set. */
#ifndef NN_COMMON_DATA_SCORE_ITEMS_H
#define NN_COMMON_DATA_SCORE_ITEMS_H

#include "common/data/dataset.h"
#include "common/net/net.h"

/* Logits [n,K] of items index[0..n-1] of a data set, through the threaded
 * loader, prepared as nn_scorer_input() says, with progress under `label`
 * (NULL: none). ok[i] is 0 where the image could not be read (its logits are
 * then 0); a warning says why, once a pass. Where the scorer keeps features
 * (nn_scorer_keep_features()), only images of which there are none yet are
 * read; the logits are the same to the bit. Errors: those of the loader and of
 * nn_scorer_run(). */
NN_MUST_CHECK enum nn_status
nn_scorer_run_items(struct nn_scorer *s, const struct nn_dataset *ds,
                    const uint32_t *index, size_t n, const char *label,
                    float *logits, uint8_t *ok, struct nn_error *err);
/* The same, and nn_scorer_embedding() of each in embedding [n,D]. */
NN_MUST_CHECK enum nn_status
nn_scorer_embed_items(struct nn_scorer *s, const struct nn_dataset *ds,
                      const uint32_t *index, size_t n, const char *label,
                      float *logits, float *embedding, uint8_t *ok,
                      struct nn_error *err);

#endif /* NN_COMMON_DATA_SCORE_ITEMS_H */
