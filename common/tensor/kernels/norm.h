/* common/tensor/kernels/norm.h - batch norm, ReLU, add and mean over NHWC.
 *
 * rows = B*H*W pixels of C channels, packed. Sums are gathered per chunk of
 * rows (a count fixed by the shape) in double and added in chunk order, so
 * results are bit-equal for any thread count. Each function is one pass. */
#ifndef NN_COMMON_TENSOR_KERNELS_NORM_H
#define NN_COMMON_TENSOR_KERNELS_NORM_H

#include <stddef.h>

#include "common/tensor/act.h"

/* sum[c], sum_sq[c] over rows. work: nn_norm_work_floats(c) floats. */
void nn_norm_stats(const float *x, size_t rows, size_t c, double *sum,
                   double *sum_sq, float *work);
size_t nn_norm_work_floats(size_t c);

/* y = act(x*scale[c] + shift[c]); y may equal x. residual (or NULL) is added
 * before act. */
void nn_norm_apply(const float *x, size_t rows, size_t c, const float *scale,
                   const float *shift, const float *residual, enum nn_act act,
                   float *y);

/* Saved from the forward pass: mean and 1/deviation of x; scale and shift
 * as in nn_norm_apply() when a ReLU or ReLU6 followed it, both NULL when none
 * did. It let through where x*scale + shift > 0 (and < 6), so y is not read
 * again. */
struct nn_norm_saved {
    const float *mean, *inv_std, *scale, *shift; /* [C] */
    enum nn_act act; /* NN_ACT_RELU6, or else ReLU where there is a scale */
};

/* Backward, pass 1: with g = dy where act let through, else 0,
 *   sum_g[c] = sum g,  sum_gx[c] = sum g * (x - mean[c]) * inv_std[c]. */
void nn_norm_backward_sums(const float *x, const float *dy, size_t rows,
                           size_t c, const struct nn_norm_saved *saved,
                           double *sum_g, double *sum_gx, float *work);
/* Backward, pass 2: dx = a[c]*g + b[c]*x + k[c] (the caller folds mean,
 * variance, gamma and the two sums into a, b, k). dx may equal dy; mean and
 * inv_std are not read. */
void nn_norm_backward_apply(const float *x, const float *dy, size_t rows,
                            size_t c, const struct nn_norm_saved *saved,
                            const float *a, const float *b, const float *k,
                            float *dx);

/* y = act(x), which is not NN_ACT_NONE; y may equal x. dx = dy where y > 0 (and
 * y < 6 of a ReLU6), else 0; dx may equal dy. */
void nn_act_forward(const float *x, size_t n, enum nn_act act, float *y);
void nn_act_backward(const float *y, const float *dy, size_t n, enum nn_act act,
                     float *dx);
/* y = a + b; y may equal either. acc += x. */
void nn_add_forward(const float *a, const float *b, size_t n, float *y);
void nn_add_into(const float *x, size_t n, float *acc);

/* y[b,c] = mean over hw of x[b,hw,c]; dx[b,hw,c] = dy[b,c] / hw. */
void nn_mean_forward(const float *x, size_t batch, size_t hw, size_t c,
                     float *y);
void nn_mean_backward(const float *dy, size_t batch, size_t hw, size_t c,
                      float *dx);

#endif /* NN_COMMON_TENSOR_KERNELS_NORM_H */
