/* tests/unit/tensor/naive_graph.h - a naive interpreter of graphs in training
 * mode, in double, for batches of NAIVE_BATCH images. */
#ifndef NN_TESTS_UNIT_TENSOR_NAIVE_GRAPH_H
#define NN_TESTS_UNIT_TENSOR_NAIVE_GRAPH_H

#include "common/tensor/graph_internal.h"

enum { NAIVE_BATCH = 5 };

/* Sum of logits * direction for parameters p and the input. At most 64 nodes;
 * dropout drops nothing. */
double naive_loss(const struct nn_graph *g, const double *p,
                  const double *input, const float *direction);

#endif /* NN_TESTS_UNIT_TENSOR_NAIVE_GRAPH_H */
