/* common/tensor/kernels/conv_im2col.h - one implicit GEMM (im2col).
 *
 * Rows are result pixels, read straight from an NHWC image, so no patch
 * matrix is ever written; columns are filters, packed into panels of two
 * vectors. A forward pass is one im2col, an input gradient one per
 * stride phase. */
#ifndef NN_COMMON_TENSOR_KERNELS_CONV_IM2COL_H
#define NN_COMMON_TENSOR_KERNELS_CONV_IM2COL_H

#include "common/tensor/kernels/conv_internal.h"

/* Image a [B,ah,aw,ac], kernel kh x kw, a grid of gh x gw results per image
 * that go to pixels (i * step_h + off_h, j * step_w + off_w) of an output
 * [B,out_h,out_w,n]. Pads may be negative. */
struct nn_im2col {
    const struct nn_conv *c;
    int32_t batch, ah, aw, ac, kh, kw, sh, sw, ph, pw, gh, gw;
    int32_t out_h, out_w, step_h, step_w, off_h, off_w;
    size_t n; /* columns */
    const float *a, *panels, *residual, *bias;
    struct nn_conv_later later, far; /* weights: prefetched instead */
    const float *next; /* of the shape of a: read soon; NULL: the rows of a */
    float *y;
    double *part; /* [n_m][2][padded n], or NULL */
    enum nn_act act;
    /* Set by nn_im2col_run(). */
    size_t n_m, n_n;        /* chunks of rows and of panels */
    int fetch;              /* what is read next is not in the L2 cache */
    const float *prefetch;  /* what belongs to the first grid position, */
    size_t prefetch_floats; /* and floats of it per position */
};
void nn_im2col_run(struct nn_im2col *v);

size_t nn_panel_width(const struct nn_conv *c);
size_t nn_pad_to_panel(const struct nn_conv *c, size_t n);
/* Floats of packed panels of n columns and k rows. */
size_t nn_panel_floats(const struct nn_conv *c, size_t n, size_t k);
/* Chunks of rows (n_m) and of panels (n_n) of a product. */
void nn_im2col_partition(const struct nn_conv *c, size_t rows, size_t n,
                         size_t k, size_t *n_m, size_t *n_n);

/* A grid position; the pixels of a tile follow it row by row. */
struct nn_cursor {
    int32_t b, i, j;
};

enum { NN_PATCH = 2048 }; /* most floats copied at the edges for a tile */

/* Pointers for a tile whose pixels may lie anywhere. */
struct nn_tile_rows {
    const float *rows[NN_TAPS_MAX * NN_MR_MAX];
    size_t off[NN_MR_MAX];
    size_t taps, k, patched;
    float patch[NN_PATCH];
};
/* The m pixels from p on; p moves behind them. */
void nn_tile_rows_fill(const struct nn_im2col *v, struct nn_tile_rows *t,
                       size_t m, struct nn_cursor *p);
/* Floats of an image row that m pixels of a grid row read; whether the rows
 * of the kernel fit in NN_PATCH together; and the copy of one: from column iw
 * of row on, zeros outside the image. Returns to. */
size_t nn_im2col_span(const struct nn_im2col *v, size_t m);
int nn_im2col_can_pad(const struct nn_im2col *v, size_t m);
const float *nn_im2col_pad(const struct nn_im2col *v, const float *row,
                           int32_t iw, size_t span, float *to);
/* 1 when m pixels lie in one grid row with all kernel columns inside. */
int nn_im2col_inside(const struct nn_im2col *v, const struct nn_cursor *at,
                     size_t m);

#endif /* NN_COMMON_TENSOR_KERNELS_CONV_IM2COL_H */
