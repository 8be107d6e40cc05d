/* pipelines/export/onnx.h - a net as an ONNX file (opset 17, IR version 8).
 *
 * Input   image          [N,3,S,S] float32, prepared as the metadata says
 * Output  probabilities  [N,K], behind head and temperature; of a gate [N,1],
 *                        the probability that it is one of the classes
 *         logits         [N,K], the raw outputs
 * N is free. Batch norms are folded into the convolutions. A net that looks at
 * an image more than once makes its other views from the input inside the
 * graph. Operators: Conv, Relu, Add, GlobalAveragePool, Flatten, Gemm, MatMul,
 * Mean, Gather, ReduceLogSumExp, Sub, Mul, Softmax, Sigmoid. */
#ifndef PIPELINES_EXPORT_ONNX_H
#define PIPELINES_EXPORT_ONNX_H

#include <jansson.h>

#include "common/net/net.h"

/* gate: 1 when the answer is the mass of the outputs named "+..." against
 * those named "-..."; else the head decides. from: NULL, or the net whose
 * input comes in; this one, of one view, then sees a view of that as large as
 * its own input, made and normalised inside the graph. metadata: an object of
 * strings, written as metadata_props. Errors: NN_ERR_UNSUPPORTED (a graph that
 * ONNX export does not know), NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status onnx_write(const struct nn_net *net, int gate,
                                        const struct nn_net_spec *from,
                                        const json_t *metadata,
                                        const char *path, struct nn_error *err);

#endif /* PIPELINES_EXPORT_ONNX_H */
