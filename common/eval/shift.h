/* common/eval/shift.h - do photos look like those that a model was validated
 * on?
 *
 * Known photos of known kinds (0: none, 1: positive) are parted in two, near
 * duplicates together: those that others are near to, and the rest. The
 * distance of a photo is the mean of 1 - cosine to the three nearest of the
 * first part, on the features of the model's trunk. Of the rest, t_y is the
 * distance that a tenth of kind y lies beyond (the j_y-th largest of n_y, j_y =
 * n_y / 10, rounded up). A drawn photo is far when it lies beyond both t_0 and
 * t_1; T of N are.
 *
 * If photos of each kind are like those of the rest (exchangeable with them),
 * however many of them are positives, then T <= K_0 + K_1, K_y being the number
 * of N_y photos that lie beyond the j_y-th largest of n_y: negative
 * hypergeometric, P(K_y >= k) = P(X <= j_y - 1) with X ~ Hypergeometric(n_y +
 * N_y, n_y, k + j_y - 1). The p-value is the largest P(K_0 + K_1 >= T) over all
 * N_0 + N_1 = N: an alarm at p <= a is false in a share a of such piles at
 * most, the known photos being drawn anew as well. The photos must be drawn at
 * random, and those of a burst are not as many photos as they seem: each burst
 * may be far or near as a whole.
 *
 * Nothing of this depends on what the distance is made of, as long as the rest
 * and the drawn photos are treated alike. So the features may be reduced to a
 * few sums with random signs, which keep cosines (Johnson and Lindenstrauss
 * 1984; Achlioptas 2003), and the reference becomes small: the first part, the
 * larger of t_0 and t_1, and n_y. */
#ifndef NN_COMMON_EVAL_SHIFT_H
#define NN_COMMON_EVAL_SHIFT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

enum { NN_SHIFT_MIN = 20, NN_SHIFT_MOST = 2000, NN_SHIFT_NEAREST = 3 };

struct nn_shift_known {
    size_t n, dims;
    const float *x;        /* [n,dims] */
    const uint8_t *kind;   /* [n] 0 or 1 */
    const uint64_t *group; /* [n] near duplicates have one number */
    uint64_t seed;         /* of the two parts */
    size_t most_near; /* photos of the first part; 0: as many as of the rest */
    size_t keep_dims; /* sums to reduce dims to, if dims are more; 0: not */
};

struct nn_shift_reference {
    size_t n, dims;   /* of the first part; 0: there is none */
    size_t from_dims; /* of the features */
    float *near;      /* [n,dims] rows of length 1; where they were reduced,
                         multiples of 1/2048, which float16 holds exactly */
    size_t rest[2];   /* n_y */
    double limit;     /* the larger of t_0 and t_1 */
};

struct nn_shift_result {
    size_t n, far; /* photos looked at, and how many are far */
    double p;
    double *distance; /* [n] far beyond the limit (nn_mem_free) */
};

/* P(K_0 + K_1 >= far) at its largest, from n[y] photos of the rest; a kind with
 * fewer than NN_SHIFT_MIN is left out of it. NaN when both are. Exact; time in
 * proportion to n_drawn^2. */
double nn_shift_p_value(const size_t n[2], size_t n_drawn, size_t far);

/* Errors: NN_ERR_ARG (fewer than NN_SHIFT_MIN photos of either kind in the
 * rest, or NN_SHIFT_NEAREST in the first part), NN_ERR_NOMEM; *out is then
 * empty. */
NN_MUST_CHECK enum nn_status nn_shift_learn(const struct nn_shift_known *known,
                                            struct nn_shift_reference *out,
                                            struct nn_error *err);
void nn_shift_release(struct nn_shift_reference *ref);

/* drawn [n,from_dims], 1 <= n <= NN_SHIFT_MOST. Errors: NN_ERR_ARG (n out of
 * range, an empty reference), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_shift_test(const struct nn_shift_reference *ref,
                                           const float *drawn, size_t n,
                                           struct nn_shift_result *out,
                                           struct nn_error *err);

#endif /* NN_COMMON_EVAL_SHIFT_H */
