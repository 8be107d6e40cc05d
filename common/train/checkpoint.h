/* common/train/checkpoint.h - last.safetensors: the state of a run.
 *
 * Under "TASK." stand flat float32 arrays of one task (now, m, v, ema, best)
 * and in the metadata "TASK.state", a JSON object. The file of a run with two
 * stages carries both: what other tasks wrote is kept. */
#ifndef NN_COMMON_TRAIN_CHECKPOINT_H
#define NN_COMMON_TRAIN_CHECKPOINT_H

#include <jansson.h>

#include "common/base/status.h"
#include "common/tensor/tensor.h"

struct nn_checkpoint_array {
    const char *name; /* "now" */
    struct nn_buf *buf;
};

/* Write arrays[0..n-1] and state under task, keeping other tasks' entries of
 * an existing file. Empty buffers are left out. */
NN_MUST_CHECK enum nn_status
nn_checkpoint_write(const char *path, const char *task, const json_t *state,
                    const struct nn_checkpoint_array *arrays, size_t n,
                    struct nn_error *err);

/* *state is NULL when the file has nothing of this task. Otherwise a new
 * reference, and every non-empty buffer is filled; a missing array or another
 * size is NN_ERR_FORMAT. */
NN_MUST_CHECK enum nn_status
nn_checkpoint_read(const char *path, const char *task, json_t **state,
                   const struct nn_checkpoint_array *arrays, size_t n,
                   struct nn_error *err);

#endif /* NN_COMMON_TRAIN_CHECKPOINT_H */
