/* tests/unit/tensor/kernels/reference.h - naive double-precision convolution
 * and guarded arrays for the kernel suites. */
#ifndef TESTS_UNIT_TENSOR_KERNELS_REFERENCE_H
#define TESTS_UNIT_TENSOR_KERNELS_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#include "common/tensor/kernels/conv.h"

struct conv_case {
    struct nn_conv_shape s;
    int32_t batch;
};

/* n floats with guard floats on both sides. */
struct guarded {
    float *v; /* first of the n floats, NN_ALIGN-aligned */
    size_t n;
    void *block;
};
struct guarded guarded_make(size_t n);
void guarded_check(const struct guarded *g, const char *what);
void guarded_free(struct guarded *g);

/* Non-zero whole numbers in -4..4, or floats in [-1,1). */
void fill_whole(float *v, size_t n, uint32_t *seed);
void fill_float(float *v, size_t n, uint32_t *seed);
uint32_t next_random(uint32_t *seed, uint32_t below);

/* Sums in double; mag: the same sums of absolute values. All arrays are
 * freshly allocated doubles. */
struct reference {
    double *y, *y_mag, *dx, *dx_mag, *dw, *dw_mag;
    size_t n_x, n_w, n_y;
    size_t k_y, k_dx, k_dw; /* most terms of one sum */
};
struct reference reference_make(const struct nn_conv_shape *s, int32_t batch,
                                const float *x, const float *w,
                                const float *dy);
void reference_free(struct reference *r);

/* How it is computed, and for which instruction set: "winograd", "avx2". */
const char *method_of(const struct nn_conv *c);
const char *isa_of(const struct nn_conv *c);

/* Fail unless |got - want| <= (sqrt(terms) + 4) * FLT_EPSILON * mag for each
 * element (exact != 0: got == want). extra: added to want and |extra| to
 * mag, or NULL. */
void compare(const float *got, const double *want, const double *mag,
             const float *extra, size_t n, size_t terms, int exact,
             const char *what);

#endif /* TESTS_UNIT_TENSOR_KERNELS_REFERENCE_H */
