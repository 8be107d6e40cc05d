/* common/data/feature_rows.h - what a net's classifier sees of each image.
 *
 * A net whose trunk stays as it is gives an image the same C features each
 * time (nn_scorer_features()), so they are computed once and kept on disk
 * (feature_cache.h). View 0 is the image as it is prepared for scoring; view
 * v > 0 is an augmented one whose draws come from (the file's bytes, v), so
 * that it is the same in every data set and run.
 *
 * The key of a cache file is a hash over the architecture, input size and
 * preparation, all weights but the classifier's, the view with its
 * augmentation or the side, and the instruction set. Images without a content
 * hash are computed each time. */
#ifndef NN_COMMON_DATA_FEATURE_ROWS_H
#define NN_COMMON_DATA_FEATURE_ROWS_H

#include <signal.h>

#include "common/data/dataset.h"
#include "common/image/augment.h"
#include "common/net/net.h"

#define NN_FEATURE_CACHE_BYTES ((uint64_t)2 << 30)

struct nn_feature_options {
    uint32_t view;
    const struct nn_augment *augment; /* of views behind 0 */
    int32_t side; /* the image's shorter side is reduced to this much first, as
                     nn_scorer_set_side() says; 0: it is not */
    const char *dir;                   /* NULL: nothing is kept */
    uint64_t limit_bytes;              /* of all files in dir */
    int32_t batch;                     /* images a pass of the net */
    int threads;                       /* loader workers; 0: as many as compute
                                          threads */
    const char *label;                 /* of the progress line, or NULL */
    const volatile sig_atomic_t *stop; /* or NULL */
};

/* Features x [n,C] of items index[0..n-1]; ok[i] is 0, and the row 0, where
 * the image could not be read (a warning says why, once). The same bits with
 * and without the cache, for any batch of 5 and more and any number of threads.
 * A cache that cannot be used costs a warning.
 * Errors: NN_ERR_STOPPED (what was computed is kept), NN_ERR_ARG (a view behind
 * 0 without augment), those of the loader and of nn_scorer_run(). */
NN_MUST_CHECK enum nn_status
nn_features_of_items(const struct nn_net *net, const struct nn_dataset *ds,
                     const uint32_t *index, size_t n,
                     const struct nn_feature_options *opt, float *x,
                     uint8_t *ok, struct nn_error *err);
/* The key above. */
uint64_t nn_feature_key(const struct nn_net *net,
                        const struct nn_feature_options *opt);

#endif /* NN_COMMON_DATA_FEATURE_ROWS_H */
