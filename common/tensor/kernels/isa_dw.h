/* common/tensor/kernels/isa_dw.h - what the depthwise isa_*.c share. */
#ifndef NN_COMMON_TENSOR_KERNELS_ISA_DW_H
#define NN_COMMON_TENSOR_KERNELS_ISA_DW_H

#include "common/tensor/kernels/isa.h"

#define NB 4 /* results of a row held in registers */
/* Vectors of channels taken together. */
#if VW == 16 || defined(__aarch64__)
#define NV      2
#define DW_ROWS 2 /* of results held in registers */
#else
#define NV      1
#define DW_ROWS 1
#endif

/* Keeps the compiler from splitting a moving pointer into several. */
#define NN_KEEP(p) __asm__("" : "+r"(p))

NN_INLINE vf ld(const float *p, const int whole, size_t left)
{
    return whole ? v_load(p) : v_load_n(p, left);
}
NN_INLINE void st(float *p, vf v, const int whole, size_t left)
{
    if (whole) {
        v_store(p, v);
    } else {
        v_store_n(p, v, left);
    }
}

/* Prefetch the s x s pixels of each of n results of the part that follows. */
NN_INLINE void dw_fetch(const struct nn_dw *d, const float *next, const int s,
                        const int n, const int nv)
{
    size_t pix = (size_t)d->c, row = pix * (size_t)d->wd;
    NN_UNROLL
    for (int i = 0; i < s * n * s; i++) {
        const float *p = next + (size_t)(i % s) * row + (size_t)(i / s) * pix;
        NN_UNROLL
        for (int v = 0; v < nv * VW; v += 16) {
            __builtin_prefetch(p + v, 0, 2);
        }
    }
}

/* Prefetch what n results of nv vectors will be stored into, from float `at`
 * on: a store that waits for memory holds up those behind it. */
NN_INLINE void dw_prefetch_results(const struct nn_dw *d, size_t at,
                                   const int n, const int nv)
{
    NN_UNROLL
    for (int i = 0; i < n * nv; i++) {
        const float *y = d->y + at + (size_t)(i / nv) * (size_t)d->c;
        __builtin_prefetch(y + i % nv * VW, 1, 3);
    }
}

/* acc[o * nv + v] = bias, for n results of nv vectors from channel c on. */
NN_INLINE void dw_start(const struct nn_dw *d, vf *acc, const int n,
                        const int nv, size_t c, const int whole, size_t left)
{
    NN_UNROLL
    for (int v = 0; v < nv; v++) {
        vf b = d->bias ? ld(d->bias + c + v * VW, whole, left) : v_zero();
        NN_UNROLL
        for (int o = 0; o < n; o++) {
            acc[o * nv + v] = b;
        }
    }
}

NN_INLINE void dw_sums(const struct nn_dw *d, const vf *acc, const int n,
                       const int nv, size_t c, const int whole, size_t left)
{
    NN_UNROLL
    for (int v = 0; v < nv; v++) {
        vf s = v_zero(), q = v_zero();
        NN_UNROLL
        for (int o = 0; o < n; o++) {
            s += acc[o * nv + v];
            q = v_fma(acc[o * nv + v], acc[o * nv + v], q);
        }
        float *ps = d->sum + c + v * VW, *pq = d->sum_sq + c + v * VW;
        st(ps, ld(ps, whole, left) + s, whole, left);
        st(pq, ld(pq, whole, left) + q, whole, left);
    }
}

/* Residual and activation, and n results stored from float `at` on. */
NN_INLINE void dw_store(const struct nn_dw *d, vf *acc, const int n,
                        const int nv, size_t at, const int whole, size_t left)
{
    size_t pix = (size_t)d->c;
    if (d->residual) {
        NN_UNROLL
        for (int i = 0; i < n * nv; i++) {
            size_t j = at + (size_t)(i / nv) * pix;
            acc[i] += ld(d->residual + j + i % nv * VW, whole, left);
        }
    }
    struct v_range range = v_range_of(d->act);
    float *y = d->y + at;
    NN_UNROLL
    for (int i = 0; i < n * nv; i++) {
        float *to = y + (size_t)(i / nv) * pix + i % nv * VW;
        st(to, v_within(acc[i], range), whole, left);
    }
}

/* Sums of n results of nv vectors from channel c on, and dw_store. */
NN_INLINE void dw_finish(const struct nn_dw *d, vf *acc, const int n,
                         const int nv, size_t at, size_t c, const int whole,
                         size_t left)
{
    if (d->sum) {
        dw_sums(d, acc, n, nv, c, whole, left);
    }
    dw_store(d, acc, n, nv, at, whole, left);
}

#endif /* NN_COMMON_TENSOR_KERNELS_ISA_DW_H */
