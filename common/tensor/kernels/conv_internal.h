/* common/tensor/kernels/conv_internal.h - what the conv_*.c files share. */
#ifndef NN_COMMON_TENSOR_KERNELS_CONV_INTERNAL_H
#define NN_COMMON_TENSOR_KERNELS_CONV_INTERNAL_H

#include "common/tensor/kernels/conv.h"
#include "common/tensor/kernels/table.h"

enum nn_conv_kind { NN_CONV_GEMM, NN_CONV_DEPTHWISE };

struct nn_conv {
    struct nn_conv_shape s;
    int32_t oh, ow, max_batch;
    int one_chunk; /* see nn_conv_one_chunk() */
    enum nn_conv_kind kind;
    int winograd; /* the forward pass of a GEMM kind goes that way */
    const struct nn_kernels *k;
    size_t l2_floats; /* floats, read and written, that the L2 cache holds */
    size_t n_zeros;
    float *zeros; /* a row of padding, read in place of pixels outside */
};

/* Most chunks that a layer is partitioned into for the threads, and
 * multiply-adds that are worth a second one. */
enum { NN_CONV_CHUNKS = 32, NN_CONV_SPLIT = 250000 };

/* Chunks for `macs` multiply-adds when each should have about `unit`. */
size_t nn_conv_chunk_count(size_t macs, size_t unit);

static inline size_t nn_ceil_div(size_t a, size_t b)
{
    return (a + b - 1) / b;
}
static inline size_t nn_min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}
static inline size_t nn_max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}
/* First element of chunk i when n elements are partitioned into `chunks`. */
static inline size_t nn_chunk_start(size_t n, size_t chunks, size_t i)
{
    return n / chunks * i + nn_min_size(i, n % chunks);
}

/* Offset in floats from one array to another, to prefetch what lies there. */
static inline ptrdiff_t nn_conv_offset(const float *from, const float *to)
{
    return ((intptr_t)to - (intptr_t)from) / (ptrdiff_t)sizeof(float);
}

/* sum[c] and sum_sq[c] from n_chunks rows of 2 * stride doubles. */
void nn_conv_combine(const double *part, size_t n_chunks, size_t stride,
                     size_t oc, double *sum, double *sum_sq);

/* The two kinds; arguments as in conv.h. */
size_t nn_gemm_packed(const struct nn_conv *c);
size_t nn_gemm_work(const struct nn_conv *c, int backward);
void nn_gemm_pack(const struct nn_conv *c, const float *w, float *packed);
void nn_gemm_forward(const struct nn_conv *c, int32_t batch, const float *x,
                     const float *packed, const struct nn_conv_epilogue *e,
                     float *y, float *work);
void nn_gemm_pack_input(const struct nn_conv *c, const float *w, float *packed);
void nn_gemm_backward_input(const struct nn_conv *c, int32_t batch,
                            const float *dy, const float *packed, float *dx,
                            int accumulate, const struct nn_conv_next *next);
size_t nn_gemm_weights_work(const struct nn_conv *c);
void nn_gemm_backward_weights(const struct nn_conv *c, int32_t batch,
                              const float *x, const float *dy, float *dw,
                              int accumulate, float *work,
                              const struct nn_conv_norm *norm,
                              const struct nn_conv_next *next);

/* Forward alone, of GEMM kinds that fit. */
int nn_winograd_fits(const struct nn_conv *c);
size_t nn_winograd_packed(const struct nn_conv *c);
size_t nn_winograd_work(const struct nn_conv *c);
void nn_winograd_pack(const struct nn_conv *c, const float *w, float *packed);
void nn_winograd_forward(const struct nn_conv *c, int32_t batch, const float *x,
                         const float *packed, const struct nn_conv_epilogue *e,
                         float *y, float *work);

size_t nn_depthwise_packed(const struct nn_conv *c);
size_t nn_depthwise_work(const struct nn_conv *c, int backward);
void nn_depthwise_pack(const struct nn_conv *c, const float *w, float *packed);
void nn_depthwise_forward(const struct nn_conv *c, int32_t batch,
                          const float *x, const float *packed,
                          const struct nn_conv_epilogue *e, float *y,
                          float *work);
void nn_depthwise_pack_input(const struct nn_conv *c, const float *w,
                             float *packed);
void nn_depthwise_backward_input(const struct nn_conv *c, int32_t batch,
                                 const float *dy, const float *packed,
                                 float *dx, int accumulate,
                                 const struct nn_conv_next *next);
void nn_depthwise_backward_weights(const struct nn_conv *c, int32_t batch,
                                   const float *x, const float *dy, float *dw,
                                   float *work,
                                   const struct nn_conv_next *next);

#endif /* NN_COMMON_TENSOR_KERNELS_CONV_INTERNAL_H */
