/* common/eval/calibrate.h - make probabilities mean what they say.
 *
 * All fits take logits of held-out (validation) items, run in double in index
 * order and give the same bits on every call. Logits are unitless, losses are
 * mean nats per item. Fit on validation, report on test.
 *
 * Errors of the fits: NN_ERR_ARG (n is 0, a label out of range; for the binary
 * fit also: no positive or no negative), NN_ERR_NUMERIC (a logit is NaN or
 * infinite). *out is untouched on error. */
#ifndef NN_COMMON_EVAL_CALIBRATE_H
#define NN_COMMON_EVAL_CALIBRATE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

/* Temperatures are kept in this range; a fit that ends on a limit says so. */
#define NN_TEMPERATURE_MIN 0.01
#define NN_TEMPERATURE_MAX 100.0

struct nn_temperature {
    double temperature; /* T > 0: p = softmax(z / T) or sigmoid(z / T) */
    double nll_before;  /* at T = 1 */
    double nll_after;   /* at T */
    int at_limit;       /* 1: the loss still falls beyond the range (always
                           when every item is right by a margin): T is not
                           determined by these items */
};

/* T that minimises the mean of -log softmax(z_i / T)[truth_i] (Guo, Pleiss,
 * Sun and Weinberger, "On calibration of modern neural networks", ICML 2017).
 * The loss is convex in 1/T; its derivative is solved by Newton's method kept
 * inside a bracket, to 12 digits. T = 1 where the loss does not depend on T.
 *
 * logits [n,k], k >= 2; truth [n] 0..k-1 */
NN_MUST_CHECK enum nn_status
nn_temperature_fit(const double *logits, const int32_t *truth, size_t n,
                   int32_t k, struct nn_temperature *out, struct nn_error *err);
/* The same for one sigmoid: logit [n], positive [n] 0 or 1. */
NN_MUST_CHECK enum nn_status
nn_temperature_fit_binary(const double *logit, const uint8_t *positive,
                          size_t n, struct nn_temperature *out,
                          struct nn_error *err);

/* --- is it worth having? --- */

/* Parts of the items, each judged by a temperature fitted on the others. Two:
 * more would have more temperatures, each a little too sure where the items
 * that are left out are the wrong ones. */
#define NN_TEMPERATURE_FOLDS 2u

struct nn_temperature_choice {
    struct nn_temperature fit; /* on all items */
    double temperature;        /* fit.temperature, or 1 */
    /* Mean over the folds of their expected calibration errors
     * (nn_reliability()) at 1, and at the temperature that the other fold
     * gives; NaN where that cannot be fitted. */
    double ece_before, ece_after;
};

/* A temperature has the least cross-entropy of the items that it was fitted
 * on, which says little of other items, or of the calibration error. It is
 * taken only where it lowers that error twice: on items that it was not fitted
 * on (cross-fitted over NN_TEMPERATURE_FOLDS folds), and on all. Otherwise, at
 * a limit, and where a fold leaves too few items to fit, temperature is 1.
 *
 * n_judged  2..k: the error is that of the likeliest of the first n_judged
 *           classes, from their softmax alone, over the items of one of them
 * fold      [n] any number; those equal modulo NN_TEMPERATURE_FOLDS are a fold.
 *           Items that belong together (near-duplicates) share one */
NN_MUST_CHECK enum nn_status
nn_temperature_choose(const double *logits, const int32_t *truth, size_t n,
                      int32_t k, int32_t n_judged, const uint64_t *fold,
                      struct nn_temperature_choice *out, struct nn_error *err);
/* For one sigmoid: the error is that of the probability of positive. */
NN_MUST_CHECK enum nn_status
nn_temperature_choose_binary(const double *logit, const uint8_t *positive,
                             size_t n, const uint64_t *fold,
                             struct nn_temperature_choice *out,
                             struct nn_error *err);

#endif /* NN_COMMON_EVAL_CALIBRATE_H */
