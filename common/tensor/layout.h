/* common/tensor/layout.h - PyTorch's order of a parameter against ours.
 *
 * In files convolutions are [OC, IC/G, KH, KW], dense weights [OUT, IN] with
 * IN in (C,H,W) order for flattened images (only 1x1 images occur here) and
 * vectors [C]; in memory convolutions are [OC, KH, KW, IC/G]. */
#ifndef NN_COMMON_TENSOR_LAYOUT_H
#define NN_COMMON_TENSOR_LAYOUT_H

#include "common/tensor/graph.h"

struct nn_layout {
    int ndim;
    int64_t shape[8]; /* in the file */
    struct nn_shape memory;
};

struct nn_layout nn_layout_of(const struct nn_graph *g, size_t param);
void nn_layout_to_file(const struct nn_layout *l, const float *memory,
                       float *file);
void nn_layout_from_file(const struct nn_layout *l, const float *file,
                         float *memory);

#endif /* NN_COMMON_TENSOR_LAYOUT_H */
