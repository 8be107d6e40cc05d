/* common/tensor/kernels/conv.h - convolution drivers over the kernel table.
 *
 * x [B,H,W,IC]  w [OC,KH,KW,IC/G]  y [B,OH,OW,OC], all NHWC float32, packed.
 *   y[b,oh,ow,oc] = sum over kh,kw,ic of
 *       x[b, oh*stride_h + kh - pad_h, ow*stride_w + kw - pad_w, g*IC/G + ic]
 *       * w[oc,kh,kw,ic],   g = oc / (OC/G); outside the image x is 0
 * (cross-correlation: weights are not flipped.) G is 1 (dense, at most 64
 * kernel positions) or IC = OC (depthwise, any kernel). A dense layer is a 1x1
 * convolution over a 1x1 image. Every function is bit-equal for any thread
 * count: work is cut into chunks that depend on the shape alone.
 *
 * 3x3 layers with stride 2 go forward by Winograd's minimal filtering where
 * that was measured to be faster (conv_winograd.c): other roundings than the
 * sum's, and what would be infinite may be NaN.
 *
 * A plan is made once per layer and batch limit; running one allocates
 * nothing and uses only `work`, scratch of nn_conv_work_floats() floats that
 * the caller provides (NN_ALIGN-aligned), not shared between concurrent
 * calls. */
#ifndef NN_COMMON_TENSOR_KERNELS_CONV_H
#define NN_COMMON_TENSOR_KERNELS_CONV_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/tensor/act.h"

struct nn_conv_shape {
    int32_t h, w, ic;           /* input image */
    int32_t oc, kh, kw;         /* filters */
    int32_t stride_h, stride_w; /* >= 1 */
    int32_t pad_h, pad_w;       /* zeros on each side, >= 0 */
    int32_t groups;             /* G: 1, or IC = OC */
    int32_t pad_more;           /* rows and columns of zeros below and to the
                                   right behind the pads, 0 or 1 */
};

/* What is written in the same pass as y. */
struct nn_conv_epilogue {
    const float *bias;     /* [OC], or NULL */
    const float *residual; /* [B,OH,OW,OC] added before act, or NULL; may
                              equal y */
    enum nn_act act;       /* of y, at the end */
    /* Batch-norm statistics of y as computed before bias, residual and act
     * (which must be off then): per chunk partial sums are combined in chunk
     * order. Both NULL, or both [OC]: sum and sum of squares over B,OH,OW, as
     * double. */
    double *sum, *sum_sq;
    /* [B,H,W,IC] that will be read soon after: prefetched meanwhile. Or NULL.
     */
    const float *next_x;
    /* Or packed weights: those used next, and some of those used much later. */
    struct nn_conv_later {
        const float *p;
        size_t floats;
    } later, far; /* far: only beside later */
};

/* What will be read soon after a backward call, of the shapes of its x and dy:
 * prefetched meanwhile. Each may be NULL. */
struct nn_conv_next {
    const float *x, *dy;
};

/* The previous layer's normalisation, fused into the load: each input is read
 * as act(x * scale[c] + shift[c]). */
struct nn_conv_norm {
    const float *scale, *shift;
    enum nn_act act;
};

struct nn_conv; /* opaque: shape, chosen kernels, chunking */

/* Choose kernels for the shape under cpu_flags (nn_cpu_flags(); 0 gives the
 * scalar ones). max_batch fixes the scratch size.
 * Errors: NN_ERR_SHAPE (text says what does not fit), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
nn_conv_create(const struct nn_conv_shape *s, int32_t max_batch,
               unsigned cpu_flags, struct nn_conv **out, struct nn_error *err);
void nn_conv_destroy(struct nn_conv **conv);

/* on: from now on every call is one chunk of work, for a caller that shares
 * out images to threads itself and makes the calls inside its loop. y without
 * sums is the same either way, and nn_conv_work_floats() never more. */
void nn_conv_one_chunk(struct nn_conv *c, int on);

int32_t nn_conv_out_h(const struct nn_conv_shape *s); /* < 1: does not fit */
int32_t nn_conv_out_w(const struct nn_conv_shape *s);
size_t nn_conv_macs(const struct nn_conv_shape *s); /* multiply-adds / image */

/* Floats of packed weights (inference packs once) and of scratch. */
size_t nn_conv_packed_floats(const struct nn_conv *c);
size_t nn_conv_work_floats(const struct nn_conv *c, int backward);

/* packed = w in the layout that nn_conv_forward() wants. */
void nn_conv_pack(const struct nn_conv *c, const float *w, float *packed);

/* y = conv(x, w) with epilogue (NULL: none). y must not overlap x.
 * 1 <= batch <= max_batch. */
void nn_conv_forward(const struct nn_conv *c, int32_t batch, const float *x,
                     const float *packed, const struct nn_conv_epilogue *e,
                     float *y, float *work);

/* packed = w in the layout of the input gradient; it fits in work. */
void nn_conv_pack_input(const struct nn_conv *c, const float *w, float *packed);

/* dx = gradient with respect to x (overwritten; accumulate != 0: added). Of
 * next (or NULL) only dy counts. */
void nn_conv_backward_input_packed(const struct nn_conv *c, int32_t batch,
                                   const float *dy, const float *packed,
                                   float *dx, int accumulate,
                                   const struct nn_conv_next *next);
/* Both in one: w is the plain [OC,KH,KW,IC/G] array, packed inside work. */
void nn_conv_backward_input(const struct nn_conv *c, int32_t batch,
                            const float *dy, const float *w, float *dx,
                            int accumulate, float *work);

/* dw = gradient with respect to w, [OC,KH,KW,IC/G], or dw += with accumulate.
 * next may be NULL; norm is NULL, or said where nn_conv_can_norm() is 1. */
void nn_conv_backward_weights(const struct nn_conv *c, int32_t batch,
                              const float *x, const float *dy, float *dw,
                              int accumulate, float *work,
                              const struct nn_conv_norm *norm,
                              const struct nn_conv_next *next);
int nn_conv_can_norm(const struct nn_conv *c);

#endif /* NN_COMMON_TENSOR_KERNELS_CONV_H */
