/* common/tensor/nets/mobilenetv4.h - MobileNetV4-Conv-Small.
 *
 * Qin et al., "MobileNetV4: Universal Models for the Mobile Ecosystem",
 * arXiv 2404.10518; tensor names are timm's (mobilenetv4_conv_small), so a
 * timm file loads by name. Channel counts times `width` round to multiples
 * of 8, never below 90 % of the product. */
#ifndef NN_COMMON_TENSOR_NETS_MOBILENETV4_H
#define NN_COMMON_TENSOR_NETS_MOBILENETV4_H

#include "common/tensor/graph.h"

struct nn_mobilenetv4 {
    float width;       /* > 0; 1.0 is Conv-Small, 0.5 is timm's _050 */
    int32_t size;      /* input [1,size,size,3], >= 32 */
    int32_t outputs;   /* logits K >= 1 */
    float dropout;     /* before the classifier */
    float bn_momentum; /* share of the old value kept; 0: 0.9 */
};

/* Build and finish. Marks: "features" (input of the mean), "embedding"
 * (input of the classifier). Stages: 0 the stem, 1 to 5 the
 * blocks, 6 the head, 7 the classifier. Errors: NN_ERR_ARG, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
nn_mobilenetv4_build(const struct nn_mobilenetv4 *m, struct nn_graph **out,
                     struct nn_error *err);

#endif /* NN_COMMON_TENSOR_NETS_MOBILENETV4_H */
