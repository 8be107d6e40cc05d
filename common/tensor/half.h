/* common/tensor/half.h - 16-bit float formats, to and from float32.
 *
 * F16 is IEEE 754 binary16 (1 sign, 5 exponent, 10 fraction bits), BF16 the
 * upper half of a float32. Rounding is to nearest, ties to even; what is too
 * large becomes infinity; NaN stays NaN. */
#ifndef NN_COMMON_TENSOR_HALF_H
#define NN_COMMON_TENSOR_HALF_H

#include <stdint.h>

float nn_half_to_float(uint16_t h);
uint16_t nn_float_to_half(float x);
float nn_bfloat_to_float(uint16_t b);
uint16_t nn_float_to_bfloat(float x);

#endif /* NN_COMMON_TENSOR_HALF_H */
