/* common/tensor/tensor.h - shapes, views and buffers of float32.
 *
 * Layout is N,H,W,C, packed, C fastest: element (n,h,w,c) is
 * data[((n*H + h)*W + w)*C + c]. A vector of K values is [1,1,1,K], a batch
 * of B feature vectors [B,1,1,K], convolution weights [OC,KH,KW,IC/groups].
 * A tensor is a view and never owns its data. */
#ifndef NN_COMMON_TENSOR_TENSOR_H
#define NN_COMMON_TENSOR_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/mem.h"
#include "common/base/status.h"

struct nn_shape {
    int32_t n, h, w, c; /* each >= 1 in a valid shape */
};

struct nn_tensor {
    struct nn_shape shape;
    float *data;
};

/* Number of elements. Errors: NN_ERR_SHAPE (an axis < 1), NN_ERR_NOMEM (the
 * bytes exceed PTRDIFF_MAX); *count is then untouched. */
NN_MUST_CHECK enum nn_status nn_shape_count(struct nn_shape s, size_t *count);
int nn_shape_equal(struct nn_shape a, struct nn_shape b);
/* "[N,H,W,C]" into buf (48 bytes hold any shape); returns buf. */
const char *nn_shape_str(struct nn_shape s, char *buf, size_t buf_size);

/* A block of floats that owns its memory, NN_ALIGN-aligned. */
struct nn_buf {
    float *data;
    size_t count;
};
#define NN_BUF_INIT                                                            \
    {                                                                          \
        0, 0                                                                   \
    }
NN_MUST_CHECK enum nn_status nn_buf_reset(struct nn_buf *b, size_t count);
void nn_buf_release(struct nn_buf *b);

/* First index holding NaN or Inf, or count. A bit test, right under any
 * compiler flag. */
size_t nn_first_bad(const float *v, size_t count);

#endif /* NN_COMMON_TENSOR_TENSOR_H */
