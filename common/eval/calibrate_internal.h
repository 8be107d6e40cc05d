/* common/eval/calibrate_internal.h - checks shared by the fits. */
#ifndef NN_COMMON_EVAL_CALIBRATE_INTERNAL_H
#define NN_COMMON_EVAL_CALIBRATE_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

/* z [n,k] finite and n > 0. Errors: NN_ERR_ARG, NN_ERR_NUMERIC. */
NN_MUST_CHECK enum nn_status nn_calibrate_check_logits(const double *z,
                                                       size_t n, size_t k,
                                                       struct nn_error *err);
/* Both values among positive [n]. Errors: NN_ERR_ARG. */
NN_MUST_CHECK enum nn_status nn_calibrate_check_both(const uint8_t *positive,
                                                     size_t n,
                                                     struct nn_error *err);

#endif /* NN_COMMON_EVAL_CALIBRATE_INTERNAL_H */
