/* pipelines/cascade/model_reference.h - the reference of a model's shift alarm
 * (common/eval/shift.h) in its file.
 *
 * Metadata "reference": {"from_dims": C of the features, "rest": [n_0, n_1],
 * "limit": t}; the first part is the tensor "reference.near" [n,dims], float16
 * where its rows were reduced. */
#ifndef PIPELINES_CASCADE_MODEL_REFERENCE_H
#define PIPELINES_CASCADE_MODEL_REFERENCE_H

#include <jansson.h>

#include "common/eval/shift.h"
#include "common/tensor/safetensors.h"

/* An empty one is left out. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
model_reference_put(struct nn_st_writer *w,
                    const struct nn_shift_reference *ref, struct nn_error *err);
/* dims: of the features that it is for. Empty where the file has none. Errors:
 * NN_ERR_FORMAT (damaged, or of other features), NN_ERR_NOMEM; ref is then
 * empty. */
NN_MUST_CHECK enum nn_status model_reference_get(const struct nn_st_file *f,
                                                 size_t dims,
                                                 struct nn_shift_reference *ref,
                                                 struct nn_error *err);
/* {"photos", "near", "bytes"} for inspect; NULL when out of memory. */
json_t *model_reference_json(const struct nn_shift_reference *ref);
/* What it takes in a model file, its tensor alone. */
size_t model_reference_bytes(const struct nn_shift_reference *ref);

#endif /* PIPELINES_CASCADE_MODEL_REFERENCE_H */
