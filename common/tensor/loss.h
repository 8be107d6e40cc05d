/* common/tensor/loss.h - losses on logits, with their gradients.
 *
 * logits z [B,K], target t [B,K], weight v [B] (>= 0, NULL: ones).
 * Each returns the mean loss in nats, sum_b v_b l_b / sum_b v_b, and writes
 * dlogits [B,K], the gradient of that mean. */
#ifndef NN_COMMON_TENSOR_LOSS_H
#define NN_COMMON_TENSOR_LOSS_H

#include <stdint.h>

#include "common/base/status.h"

enum nn_loss_kind {
    NN_LOSS_BINARY,      /* l = sum_k bce(z_k, t_k): a sigmoid per class; a
                            negative is the all-zero row */
    NN_LOSS_FOCAL,       /* sigmoid focal loss (Lin et al. 2017, 1708.02002):
                            l = sum_k -a_t (1-p_t)^gamma log p_t */
    NN_LOSS_CATEGORICAL, /* l = -sum_k t'_k log softmax(z)_k */
    NN_LOSS_FOCAL_CATEGORICAL, /* the focal loss of a softmax, p = softmax(z):
                                  l = -sum_k t'_k (1-p_k)^gamma log p_k */
};

struct nn_loss {
    enum nn_loss_kind kind;
    float alpha;     /* focal: weight of positives, 0..1; < 0: no weighting */
    float gamma;     /* focal: >= 0; 0 is cross-entropy */
    float smoothing; /* 0 <= s < 1. both categorical: t' = (1-s) t + s/K;
                        binary: t' = (1-s) t + s/2 */
};

/* Errors: NN_ERR_ARG (all weights zero, a target outside [0,1], K or B < 1),
 * NN_ERR_NUMERIC (loss NaN or Inf; dlogits undefined). */
NN_MUST_CHECK enum nn_status
nn_loss_eval(const struct nn_loss *loss, const float *logits,
             const float *target, const float *weight, int32_t batch, int32_t k,
             double *value, float *dlogits, struct nn_error *err);

/* Bias that starts a sigmoid output at probability pi: log(pi / (1 - pi)). */
float nn_loss_prior_bias(float pi);

/* p = sigmoid(z), stable; softmax of one row of k logits / temperature. */
float nn_sigmoid(float z);
void nn_softmax(const float *z, int32_t k, float temperature, float *p);

#endif /* NN_COMMON_TENSOR_LOSS_H */
