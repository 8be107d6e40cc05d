/* common/tensor/nets/efficientnet_lite.h - EfficientNet-Lite0, 1 and 2.
 *
 * Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
 * Networks", arXiv 1905.11946, without squeeze and excitation and with ReLU6
 * in place of Swish, as published in the TensorFlow TPU repository in 2020.
 * Seven stages of MBConv blocks: 1x1 expansion (none in the first stage),
 * depthwise convolution, 1x1 projection, plus the input where the shape is
 * kept. Widths are those of the first edition times a multiplier, in multiples
 * of 8, never below 90 % of the product; depths times another, rounded up;
 * stem and head keep theirs, and the first and last stage keep one block.
 *
 *   variant   width   depth   published at   parameters
 *   0         1.0     1.0     224 px         4.65 M
 *   1         1.0     1.1     240 px         5.42 M
 *   2         1.1     1.2     260 px         6.09 M
 *
 * What the published weights need: inputs (byte - 127) / 128, batch norm
 * epsilon 1e-3, and the padding of TensorFlow's SAME, which at odd sizes
 * 32 n + 1 is symmetric everywhere and elsewhere puts one row more below and
 * one column more to the right. Tensor names are timm's
 * (tf_efficientnet_lite0), so a timm file loads by name. */
#ifndef NN_COMMON_TENSOR_NETS_EFFICIENTNET_LITE_H
#define NN_COMMON_TENSOR_NETS_EFFICIENTNET_LITE_H

#include "common/tensor/graph.h"

/* Of every batch norm. */
#define NN_EFFICIENTNET_LITE_EPSILON 1e-3f
/* Inputs are (byte - MEAN) / STDDEV. */
#define NN_EFFICIENTNET_LITE_MEAN   127.0f
#define NN_EFFICIENTNET_LITE_STDDEV 128.0f

struct nn_efficientnet_lite {
    int variant;       /* 0, 1 or 2 */
    int32_t size;      /* input [1,size,size,3], >= 32 */
    int32_t outputs;   /* logits K >= 1 */
    float dropout;     /* before the classifier */
    float bn_momentum; /* share of the old value kept; 0: 0.99 */
};

/* Build and finish. Marks: "features" (input of the mean), "embedding" (input
 * of the classifier: the mean of the features). Stages: 0 the stem, 1 to 7 the
 * blocks, 8 the head, 9 the classifier. Errors: NN_ERR_ARG, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
nn_efficientnet_lite_build(const struct nn_efficientnet_lite *m,
                           struct nn_graph **out, struct nn_error *err);

#endif /* NN_COMMON_TENSOR_NETS_EFFICIENTNET_LITE_H */
