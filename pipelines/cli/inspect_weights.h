/* pipelines/cli/inspect_weights.h - the report of "inspect FILE" for weights
 * that are no model: a backbone, or a file of timm's. */
#ifndef PIPELINES_CLI_INSPECT_WEIGHTS_H
#define PIPELINES_CLI_INSPECT_WEIGHTS_H

#include <stddef.h>

#include "common/tensor/safetensors.h"

/* To stdout: format, tensors and what the file says of itself, with `layers`
 * a line per tensor; or the same as one JSON object. */
void inspect_weights_print(const struct nn_st_file *f, const char *path,
                           int layers);
NN_MUST_CHECK enum nn_status inspect_weights_json(const struct nn_st_file *f,
                                                  int layers,
                                                  struct nn_error *err);

#endif /* PIPELINES_CLI_INSPECT_WEIGHTS_H */
