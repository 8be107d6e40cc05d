/* common/tensor/safetensors_internal.h - between reader and writer. */
#ifndef NN_COMMON_TENSOR_SAFETENSORS_INTERNAL_H
#define NN_COMMON_TENSOR_SAFETENSORS_INTERNAL_H

#include <jansson.h>

#include "common/base/file.h"
#include "common/tensor/safetensors.h"

/* Begin the hash of NN_ST_CHECKSUM: the header, which has metadata, is in it,
 * the tensors are to be added. NULL when out of memory. */
struct nn_hasher *nn_st_checksum_begin(const json_t *header);

#endif /* NN_COMMON_TENSOR_SAFETENSORS_INTERNAL_H */
