/* common/tensor/plan.h - places buffers of known lifetime in one block. */
#ifndef NN_COMMON_TENSOR_PLAN_H
#define NN_COMMON_TENSOR_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct nn_plan_buffer {
    size_t floats;
    int32_t first, last; /* steps in which it is live, inclusive */
    size_t offset;       /* out: floats from the start of the block */
};

/* Give every buffer with floats > 0 an offset (a multiple of 16 floats) so
 * that buffers live at the same time do not overlap: largest first, lowest
 * gap that fits. *total is the size of the block in floats.
 * Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_plan(struct nn_plan_buffer *b, size_t n,
                                     size_t *total);

#endif /* NN_COMMON_TENSOR_PLAN_H */
