/* common/tensor/kernels/vec.h - one vector of floats of the set compiled for.
 *
 * Included only by isa_*.c, which are compiled once per instruction set; the
 * widest set that the compiler flags allow is taken. Loads and stores are
 * unaligned; the _n forms touch the first n <= VW floats only. */
#ifndef NN_COMMON_TENSOR_KERNELS_VEC_H
#define NN_COMMON_TENSOR_KERNELS_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/tensor/act.h"

#if defined(__clang__)
#define NN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define NN_UNROLL _Pragma("GCC unroll 32")
#endif

#if defined(__AVX512F__)
#include <immintrin.h>
typedef __m512 vf;
#define VW     16
#define NN_ISA avx512

NN_INLINE vf v_zero(void)
{
    return _mm512_setzero_ps();
}
NN_INLINE vf v_set1(float a)
{
    return _mm512_set1_ps(a);
}
NN_INLINE vf v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
NN_INLINE void v_store(float *p, vf v)
{
    _mm512_storeu_ps(p, v);
}
NN_INLINE __mmask16 v_mask(size_t n)
{
    return (__mmask16)((1u << n) - 1u);
}
NN_INLINE vf v_load_n(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(v_mask(n), p);
}
NN_INLINE void v_store_n(float *p, vf v, size_t n)
{
    _mm512_mask_storeu_ps(p, v_mask(n), v);
}
NN_INLINE vf v_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}
/* max(v, min); NaN in v stays: the instruction gives its second operand. */
NN_INLINE vf v_max(vf v, vf min)
{
    return _mm512_max_ps(min, v);
}
/* min(v, most); NaN in v stays. */
NN_INLINE vf v_most(vf v, vf max)
{
    return _mm512_min_ps(max, v);
}
/* g where y > 0, else 0. */
NN_INLINE vf v_where_pos(vf y, vf g)
{
    __mmask16 m = _mm512_cmp_ps_mask(y, _mm512_setzero_ps(), _CMP_GT_OQ);
    return _mm512_maskz_mov_ps(m, g);
}
/* g where y < most, else 0. */
NN_INLINE vf v_where_below(vf y, vf max, vf g)
{
    __mmask16 m = _mm512_cmp_ps_mask(y, max, _CMP_LT_OQ);
    return _mm512_maskz_mov_ps(m, g);
}
/* d[0..VW) += v. */
NN_INLINE void v_add_double(double *d, vf v)
{
    __m512d lo = _mm512_cvtps_pd(_mm512_castps512_ps256(v));
    __m512d hi = _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));
    _mm512_storeu_pd(d, _mm512_add_pd(_mm512_loadu_pd(d), lo));
    _mm512_storeu_pd(d + 8, _mm512_add_pd(_mm512_loadu_pd(d + 8), hi));
}

#elif defined(__AVX2__)
#include <immintrin.h>
typedef __m256 vf;
#define VW     8
#define NN_ISA avx2

NN_INLINE vf v_zero(void)
{
    return _mm256_setzero_ps();
}
NN_INLINE vf v_set1(float a)
{
    return _mm256_set1_ps(a);
}
NN_INLINE vf v_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
NN_INLINE void v_store(float *p, vf v)
{
    _mm256_storeu_ps(p, v);
}
NN_INLINE __m256i v_mask(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
NN_INLINE vf v_load_n(const float *p, size_t n)
{
    return _mm256_maskload_ps(p, v_mask(n));
}
NN_INLINE void v_store_n(float *p, vf v, size_t n)
{
    _mm256_maskstore_ps(p, v_mask(n), v);
}
NN_INLINE vf v_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}
NN_INLINE vf v_max(vf v, vf min)
{
    return _mm256_max_ps(min, v);
}
NN_INLINE vf v_most(vf v, vf max)
{
    return _mm256_min_ps(max, v);
}
NN_INLINE vf v_where_pos(vf y, vf g)
{
    return _mm256_and_ps(_mm256_cmp_ps(y, _mm256_setzero_ps(), _CMP_GT_OQ), g);
}
NN_INLINE vf v_where_below(vf y, vf max, vf g)
{
    return _mm256_and_ps(_mm256_cmp_ps(y, max, _CMP_LT_OQ), g);
}
NN_INLINE void v_add_double(double *d, vf v)
{
    __m256d lo = _mm256_cvtps_pd(_mm256_castps256_ps128(v));
    __m256d hi = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
    _mm256_storeu_pd(d, _mm256_add_pd(_mm256_loadu_pd(d), lo));
    _mm256_storeu_pd(d + 4, _mm256_add_pd(_mm256_loadu_pd(d + 4), hi));
}

#else /* GCC vector types: any machine; SSE2 or NEON code where it has them */
typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
#define VW 4
#if defined(__aarch64__)
#define NN_ISA neon
#else
#define NN_ISA scalar
#endif

NN_INLINE vf v_zero(void)
{
    return (vf){ 0, 0, 0, 0 };
}
NN_INLINE vf v_set1(float a)
{
    return (vf){ a, a, a, a };
}
NN_INLINE vf v_load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof(v));
    return v;
}
NN_INLINE void v_store(float *p, vf v)
{
    memcpy(p, &v, sizeof(v));
}
/* Calls: in line, these two are most of what there is to compile. */
static __attribute__((noinline, unused)) vf v_load_n(const float *p, size_t n)
{
    vf v = { n > 0 ? p[0] : 0, n > 1 ? p[1] : 0, n > 2 ? p[2] : 0,
             n > 3 ? p[3] : 0 };
    return v;
}
static __attribute__((noinline, unused)) void v_store_n(float *p, vf v,
                                                        size_t n)
{
    for (size_t i = 0; i < n && i < VW; i++) {
        p[i] = v[i];
    }
}
NN_INLINE vf v_fma(vf a, vf b, vf c)
{
    return a * b + c;
}
NN_INLINE vf v_where_pos(vf y, vf g)
{
    vi m = (vi)(y > v_zero());
    return (vf)((vi)g & m);
}
NN_INLINE vf v_max(vf v, vf min)
{
    vi low = (vi)(v < min);
    return (vf)(((vi)v & ~low) | ((vi)min & low));
}
NN_INLINE vf v_most(vf v, vf max)
{
    vi high = (vi)(v > max);
    return (vf)(((vi)v & ~high) | ((vi)max & high));
}
NN_INLINE vf v_where_below(vf y, vf max, vf g)
{
    vi m = (vi)(y < max);
    return (vf)((vi)g & m);
}
NN_INLINE void v_add_double(double *d, vf v)
{
    for (int i = 0; i < VW; i++) {
        d[i] += (double)v[i];
    }
}
#endif

#define NN_CAT2(a, b) a##_##b
#define NN_CAT(a, b)  NN_CAT2(a, b)
/* Name of a function of this instruction set: NN_K(nn_k_copy). */
#define NN_K(name) NN_CAT(name, NN_ISA)

/* An activation keeps values between two limits, which may be infinite. */
struct v_range {
    vf min, max;
};

NN_INLINE struct v_range v_range_of(enum nn_act act)
{
    struct v_range r;
    r.min = act != NN_ACT_NONE ? v_zero() : v_set1(-__builtin_inff());
    r.max = v_set1(act == NN_ACT_RELU6 ? 6.0f : __builtin_inff());
    return r;
}
NN_INLINE vf v_within(vf v, struct v_range r)
{
    return v_most(v_max(v, r.min), r.max);
}
/* g where the activation (a constant) lets through what it is given, y. */
NN_INLINE vf v_where_through(vf y, const enum nn_act act, vf g)
{
    if (act == NN_ACT_RELU6) {
        g = v_where_below(y, v_set1(6.0f), g);
    }
    return act == NN_ACT_NONE ? g : v_where_pos(y, g);
}

/* Loads and stores that are whole vectors except at the end of a row. */
NN_INLINE vf v_load_upto(const float *p, size_t left)
{
    return left >= VW ? v_load(p) : v_load_n(p, left);
}
NN_INLINE void v_store_upto(float *p, vf v, size_t left)
{
    if (left >= VW) {
        v_store(p, v);
    } else {
        v_store_n(p, v, left);
    }
}

#endif /* NN_COMMON_TENSOR_KERNELS_VEC_H */
