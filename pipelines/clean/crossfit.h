/* pipelines/clean/crossfit.h - what heads that never saw a photo say of it.
 *
 * The photos' near-duplicate groups are dealt out to folds, evenly by label; a
 * group is never cut. The photos of a fold are judged by a softmax regression
 * (common/train/logistic.h) that was fitted on all other folds. Its strength
 * is one number for all folds, chosen by cross-validation over the same. */
#ifndef PIPELINES_CLEAN_CROSSFIT_H
#define PIPELINES_CLEAN_CROSSFIT_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct clean_rows {
    size_t n, dims, outputs;
    const float *x;        /* [n,dims] */
    const int32_t *label;  /* [n] 0..outputs-1 */
    const uint64_t *group; /* [n] */
};

/* p [n,outputs], and fold [n]. Same rows and seed, same bits. Errors:
 * NN_ERR_ARG (folds < 2, fewer than two groups), those of nn_logistic_fit(). */
NN_MUST_CHECK enum nn_status clean_crossfit(const struct clean_rows *rows,
                                            int folds, uint64_t seed,
                                            const volatile sig_atomic_t *stop,
                                            float *p, int32_t *fold,
                                            struct nn_error *err);

#endif /* PIPELINES_CLEAN_CROSSFIT_H */
