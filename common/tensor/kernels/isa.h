/* common/tensor/kernels/isa.h - names shared by the isa_*.c of one set. */
#ifndef NN_COMMON_TENSOR_KERNELS_ISA_H
#define NN_COMMON_TENSOR_KERNELS_ISA_H

#include "common/tensor/kernels/table.h"
#include "common/tensor/kernels/vec.h"

/* Rows of a full tile: 2 * ISA_MR accumulators, 2 panel vectors and one
 * broadcast must fit in the registers, and the row pointers in the integer
 * registers. */
#if defined(__AVX512F__)
#define ISA_MR 12
#elif defined(__AVX2__)
#define ISA_MR 6
#elif defined(__aarch64__)
#define ISA_MR 12
#else
#define ISA_MR 6
#endif

extern nn_tile_fn *const NN_K(nn_k_tiles)[2][NN_MR_MAX + 1];
extern nn_tile_fn *const NN_K(nn_k_flats)[2][NN_MR_MAX + 1];
extern nn_outer_fn *const NN_K(nn_k_outers)[2][NN_MR_MAX + 1];
void NN_K(nn_k_copy)(const float *src, size_t lds, size_t rows, size_t len,
                     float *dst, size_t ldd);
void NN_K(nn_k_copy_norm)(const float *src, size_t lds, size_t rows, size_t len,
                          float *dst, size_t ldd, const float *scale,
                          const float *shift, enum nn_act act);
void NN_K(nn_k_transpose)(const float *src, size_t lds, size_t rows,
                          size_t cols, float *dst, size_t ldd);
/* With AVX-512 non-temporal stores did not help. */
#define NN_STREAMS (VW == 8)
#if NN_STREAMS
void NN_K(nn_k_stream)(const float *src, size_t n, float *dst);
void NN_K(nn_k_stream_end)(void);
#endif

nn_dw_fn NN_K(nn_k_dw_3s1), NN_K(nn_k_dw_3s2), NN_K(nn_k_dw_5s1),
    NN_K(nn_k_dw_5s2), NN_K(nn_k_dw_any);
/* The whole vectors of channels, in strips, with stride 1; 0, and nothing
 * done, where the image cannot be cut into strips. */
typedef int nn_dw_strips_fn(const struct nn_dw *d);
nn_dw_strips_fn NN_K(nn_k_dw_strips_3s1), NN_K(nn_k_dw_strips_5s1);
nn_dw_fn NN_K(nn_k_dwi_3s2), NN_K(nn_k_dwi_5s2), NN_K(nn_k_dwi_any);
nn_dw_fn NN_K(nn_k_dww_3s1), NN_K(nn_k_dww_3s2), NN_K(nn_k_dww_5s1),
    NN_K(nn_k_dww_5s2), NN_K(nn_k_dww_any);

nn_wino_in_fn NN_K(nn_k_wino_in);
nn_wino_out_fn NN_K(nn_k_wino_out);

nn_norm_fn NN_K(nn_k_stats), NN_K(nn_k_apply), NN_K(nn_k_back_sums),
    NN_K(nn_k_back_apply), NN_K(nn_k_act_back), NN_K(nn_k_add),
    NN_K(nn_k_add_into);

#endif /* NN_COMMON_TENSOR_KERNELS_ISA_H */
