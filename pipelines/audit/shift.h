/* pipelines/audit/shift.h - do photos look like those that a model was
 * validated on?
 *
 * Reference photos with known kinds (0: none, 1: positive) are parted in two
 * halves, near duplicates together. The distance of a photo is the mean of
 * 1 - cosine to the three nearest of the first half, on the features of the
 * model's trunk. Of the second half, t_y is the distance that a tenth of kind y
 * lies beyond (the j_y-th largest of n_y, j_y = n_y / 10, rounded up). A drawn
 * photo is far when it lies beyond both t_0 and t_1; T of N are.
 *
 * If photos of each kind are like those of the reference (exchangeable with
 * them), however many of them are positives, then T <= K_0 + K_1, K_y being the
 * number of N_y photos that lie beyond the j_y-th largest of n_y: negative
 * hypergeometric, P(K_y >= k) = P(X <= j_y - 1) with X ~ Hypergeometric(n_y +
 * N_y, n_y, k + j_y - 1). The p-value is the largest P(K_0 + K_1 >= T) over all
 * N_0 + N_1 = N: an alarm at p <= a is false in a share a of such piles at
 * most. The photos must be drawn at random, and those of a burst are not as
 * many photos as they seem: each burst may be far or near as a whole. */
#ifndef PIPELINES_AUDIT_SHIFT_H
#define PIPELINES_AUDIT_SHIFT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

enum { SHIFT_MIN = 20, SHIFT_MOST = 2000 };

struct shift_reference {
    size_t n, dims;
    const float *x;        /* [n,dims] */
    const uint8_t *kind;   /* [n] 0 or 1 */
    const uint64_t *group; /* [n] near duplicates have one number */
    uint64_t seed;         /* of the halves */
};

struct shift_result {
    size_t n, far; /* photos looked at, and how many are far */
    double p;
    double *distance; /* [n] over the larger of t_0 and t_1 (nn_mem_free) */
};

/* P(K_0 + K_1 >= far) at its largest, from n[y] photos of the second half; a
 * kind with fewer than SHIFT_MIN is left out of it. NaN when both are. Exact;
 * time in proportion to n_drawn^2. */
double shift_p_value(const size_t n[2], size_t n_drawn, size_t far);

/* drawn [n,dims], 1 <= n <= SHIFT_MOST. Errors: NN_ERR_ARG (fewer than
 * SHIFT_MIN photos of either kind in the second half of the reference, or 3 in
 * the first; n out of range), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status shift_test(const struct shift_reference *ref,
                                        const float *drawn, size_t n,
                                        struct shift_result *out,
                                        struct nn_error *err);

#endif /* PIPELINES_AUDIT_SHIFT_H */
