/* common/tensor/kernels/table.h - inner loops, one table per instruction set.
 *
 * Private to this folder. A kernel never threads and never allocates, and
 * touches exactly the floats named here. */
#ifndef NN_COMMON_TENSOR_KERNELS_TABLE_H
#define NN_COMMON_TENSOR_KERNELS_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/tensor/act.h"

enum {
    NN_MR_MAX = 12,   /* most rows of a tile in any table */
    NN_VW_MAX = 16,   /* widest vector, floats */
    NN_TAPS_MAX = 64, /* most kernel positions of a row table */
};

/* One tile: y[off[r] + j] = sum over t < taps, i < k of
 *     A(t, r, i) * panel[(t * k + i) * width + j]
 * plus epilogue, for r < m and j < n. width is the panel's: nv * vw.
 * A(t, r, i) is rows[t * NN_MR_MAX + r][i]; in the flat kernels it is
 * rows[t][shift + r * lda + i] and off[r] is r * ldy.
 * A call does `count` tiles; from one to the next shift, panel, y, residual,
 * bias and sums move on by next_*. */
struct nn_tile {
    const float *const *rows;
    size_t lda, ldy, taps, k;
    const float *panel;
    const size_t *off;
    size_t n;
    float *y;
    const float *residual, *bias; /* bias: n floats; both may be NULL */
    double *sum, *sum_sq;         /* width doubles, added to; or NULL */
    enum nn_act act;
    size_t count, shift, next_a, next_panel, next_y, next_n;
    int prefetch_y; /* 1: y is not in L1 or L2: prefetch it before the sums */
    /* What is read later and prefetched meanwhile: per step of k the line of
     * prefetch, which then moves on by prefetch_step floats. NULL: nothing. */
    const float *prefetch;
    size_t prefetch_step;
};
typedef void nn_tile_fn(struct nn_tile *t); /* leaves t at the last tile */

/* dst[r * ldd + j] (+)= sum over p < pixels of a[p * lda + r] * b[p * ldb + j]
 * for r < m, j < n; b has width nv * vw. add 0: overwrite. */
struct nn_outer {
    const float *a, *b;
    size_t lda, ldb, pixels, n, ldd;
    /* What is read later: per pixel the lines of prefetch[0] and prefetch[1]
     * are prefetched, which then move on by prefetch_step floats. */
    const float *prefetch[2];
    size_t prefetch_step[2];
    float *dst;
    int add;
};
typedef void nn_outer_fn(const struct nn_outer *o);

/* Depthwise, one image: rows oh0..oh1-1 of the result and channels c0..c1-1.
 * x [H,W,C], y [OH,OW,C], weights [KH*KW,C] (tap by tap). */
struct nn_dw {
    const float *x, *w;
    float *y;
    const float *residual, *bias; /* may be NULL */
    float *sum, *sum_sq;          /* [C], added to, or NULL */
    int32_t h, wd, oh, ow, c;
    int32_t kh, kw, sh, sw, ph, pw;
    int32_t oh0, oh1, c0, c1;
    int32_t y0; /* row of the result that y and residual begin with */
    enum nn_act act;
    ptrdiff_t ahead; /* floats from x to what is read next: prefetched, or 0 */
    int uncached;    /* results are not in L1 or L2: prefetch before storing */
};
typedef void nn_dw_fn(const struct nn_dw *d);

/* Winograd transforms of 3x3 convolutions with stride 2 (conv_winograd.c has
 * the formula). Of one tile: 5 x 5 pixels of c floats, row by row, to the
 * samples of each part; to[3 * r + c]. */
struct nn_wino_in {
    const float *row[5]; /* of the first pixel; the others follow it */
    size_t c;
    float *to[9];
};
typedef void nn_wino_in_fn(const struct nn_wino_in *t);

/* Nine products a[part * step + tile * ld + j] of each tile to its four
 * results y[4 * tile + 2 * i + j], each NULL or n floats. */
struct nn_wino_out {
    const float *a;
    size_t step, ld, tiles, n;
    float *const *y;
    const float *bias; /* [n] or NULL */
    int has_residual;  /* added: what lies `residual` floats from y */
    ptrdiff_t residual;
    enum nn_act act;
    double *sum, *sum_sq; /* whole vectors, added to; or NULL */
};
typedef void nn_wino_out_fn(const struct nn_wino_out *t);

struct nn_norm_args {
    const float *x, *y, *dy;
    const float *a, *b, *k; /* per channel; meaning depends on the kernel */
    /* Per channel; dy counts where x * scale + shift > 0, and with NN_ACT_RELU6
     * where it is < 6. NULL: everywhere. */
    const float *scale, *shift;
    float *out;
    float *sum0, *sum1; /* [c], overwritten */
    size_t rows, c;
    enum nn_act act;
};
typedef void nn_norm_fn(const struct nn_norm_args *n);

struct nn_kernels {
    const char *name;
    size_t vw; /* floats of a vector; panels have 2 */
    size_t mr; /* rows of a full tile */
    nn_tile_fn *const (*tile)[NN_MR_MAX + 1];   /* [nv - 1][m] */
    nn_tile_fn *const (*flat)[NN_MR_MAX + 1];   /* [nv - 1][m] */
    nn_outer_fn *const (*outer)[NN_MR_MAX + 1]; /* [nv - 1][m] */
    /* dst[i * ldd + j] = src[i * lds + j] for i < rows, j < len. */
    void (*copy)(const float *src, size_t lds, size_t rows, size_t len,
                 float *dst, size_t ldd);
    /* The same of act(src * scale[j] + shift[j]). */
    void (*copy_norm)(const float *src, size_t lds, size_t rows, size_t len,
                      float *dst, size_t ldd, const float *scale,
                      const float *shift, enum nn_act act);
    /* dst[i * ldd + j] = src[j * lds + i] for i < rows, j < cols; 0 for cols
     * <= j < ldd. */
    void (*transpose)(const float *src, size_t lds, size_t rows, size_t cols,
                      float *dst, size_t ldd);
    /* dst[i] = src[i], i < n, with non-temporal stores; dst on a cache line, n
     * whole ones. Other threads see it after stream_end() of this one, a wait
     * that is too long for each row. NULL where it did not help. */
    void (*stream)(const float *src, size_t n, float *dst);
    void (*stream_end)(void);
    nn_dw_fn *dw_3s1, *dw_3s2, *dw_5s1, *dw_5s2, *dw_any;
    /* y is dx of [h, wd], x is dy of [oh, ow]; oh0..oh1-1 are rows of dx. */
    nn_dw_fn *dwi_3s2, *dwi_5s2, *dwi_any;
    /* x and residual (dy) are read, y [KH*KW,C] is added to. */
    nn_dw_fn *dww_3s1, *dww_3s2, *dww_5s1, *dww_5s2, *dww_any;
    nn_wino_in_fn *wino_in;
    nn_wino_out_fn *wino_out;
    nn_norm_fn *stats, *apply, *back_sums, *back_apply;
    nn_norm_fn *act_back, *add, *add_into; /* rows 1, c = count */
};

/* The best table for flags (enum nn_cpu bits); never NULL. */
const struct nn_kernels *nn_kernels_for(unsigned flags);

extern const struct nn_kernels nn_kernels_scalar, nn_kernels_neon,
    nn_kernels_avx2, nn_kernels_avx512; /* those that are built */

#endif /* NN_COMMON_TENSOR_KERNELS_TABLE_H */
