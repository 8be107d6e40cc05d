/* common/tensor/fold.h - a graph as it is at inference, layer by layer, for
 * writers of other formats: batch norms are folded into the convolutions
 * before them (W' = W g / sqrt(var + eps), b' = beta - mean g / sqrt(var +
 * eps)), dropout is gone. */
#ifndef NN_COMMON_TENSOR_FOLD_H
#define NN_COMMON_TENSOR_FOLD_H

#include "common/tensor/graph.h"

enum nn_layer_kind {
    NN_LAYER_CONV,  /* weight [OC,IC/groups,K,K], bias [OC] */
    NN_LAYER_DENSE, /* of a [B,1,1,IN] input: weight [OUT,IN], bias [OUT] */
    NN_LAYER_RELU,
    NN_LAYER_RELU6,
    NN_LAYER_ADD,
    NN_LAYER_MEAN, /* over height and width */
};

struct nn_layer {
    enum nn_layer_kind kind;
    int32_t in[2];         /* layers, -1: the input of the graph; in[1] is
                              used by ADD alone */
    const char *name;      /* of CONV and DENSE, owned by the graph */
    struct nn_shape shape; /* of the output, n = 1 */
    int32_t kernel, stride, pad, pad_more, groups;
    int64_t weight_shape[4];
    size_t weight_count; /* floats */
    float *weight, *bias;
};

/* In the order of computation; the last one gives the logits. */
struct nn_layers {
    struct nn_layer *v;
    size_t n;
};

/* values: nn_graph_param_count() floats. Errors: NN_ERR_UNSUPPORTED (a batch
 * norm that does not follow a convolution, a dense layer over pixels, a
 * kernel that is not square), naming the node; NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_layers_fold(const struct nn_graph *g,
                                            const float *values,
                                            struct nn_layers *out,
                                            struct nn_error *err);
void nn_layers_release(struct nn_layers *l);

#endif /* NN_COMMON_TENSOR_FOLD_H */
