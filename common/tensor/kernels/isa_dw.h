/* common/tensor/kernels/isa_dw.h - what the depthwise isa_*.c share. */
#ifndef NN_COMMON_TENSOR_KERNELS_ISA_DW_H
#define NN_COMMON_TENSOR_KERNELS_ISA_DW_H

#include "common/tensor/kernels/isa.h"

#define NB 4 /* results of a row held in registers */
/* Vectors of channels taken together. */
#if VW == 16 || defined(__aarch64__)
#define NV 2
#else
#define NV 1
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

/* Sums, residual and ReLU, and n results stored from float `at` on. */
NN_INLINE void dw_finish(const struct nn_dw *d, vf *acc, const int n,
                         const int nv, size_t at, size_t c, const int whole,
                         size_t left)
{
    size_t pix = (size_t)d->c;
    if (d->sum) {
        dw_sums(d, acc, n, nv, c, whole, left);
    }
    if (d->residual) {
        NN_UNROLL
        for (int i = 0; i < n * nv; i++) {
            size_t j = at + (size_t)(i / nv) * pix;
            acc[i] += ld(d->residual + j + i % nv * VW, whole, left);
        }
    }
    vf least = v_floor_of(d->relu);
    float *y = d->y + at;
    NN_UNROLL
    for (int i = 0; i < n * nv; i++) {
        float *to = y + (size_t)(i / nv) * pix + i % nv * VW;
        st(to, v_least(acc[i], least), whole, left);
    }
}

#endif /* NN_COMMON_TENSOR_KERNELS_ISA_DW_H */
