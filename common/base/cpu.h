/* common/base/cpu.h - which instruction sets may be used. */
#ifndef NN_COMMON_BASE_CPU_H
#define NN_COMMON_BASE_CPU_H

enum nn_cpu {
    NN_CPU_AVX2 = 1 << 0,   /* AVX2 and FMA, and the OS saves YMM */
    NN_CPU_AVX512 = 1 << 1, /* F, BW, DQ, VL, and the OS saves ZMM */
    NN_CPU_NEON = 1 << 2,   /* AArch64 Advanced SIMD */
};

/* Bits of enum nn_cpu for this machine, less what nn_cpu_limit() took away.
 * Detected once; safe from any thread. */
unsigned nn_cpu_flags(void);

/* Limit what the calling thread does, a part of its context
 * (common/base/context.h), to a set and those below it: "scalar", "avx2",
 * "avx512", "neon"; NULL or "": all that the machine has; an unknown word
 * counts as "scalar". Nets that are already built keep their kernels. */
void nn_cpu_limit(const char *word);

/* "avx512", "avx2", "neon" or "scalar": the best of flags. */
const char *nn_cpu_name(unsigned flags);

/* A body written once and compiled for two sets: a NN_INLINE function that a
 * plain one and one marked NN_FOR_AVX2 call, the latter where nn_cpu_flags()
 * has NN_CPU_AVX2. Outside the kernels nothing is contracted, so that both give
 * the same bits. Where there is no AVX2 to compile for, NN_FOR_AVX2 is empty.
 */
#define NN_INLINE static inline __attribute__((always_inline))
#if defined(__x86_64__)
#define NN_FOR_AVX2 __attribute__((target("avx2")))
#else
#define NN_FOR_AVX2
#endif

/* Cache sizes in bytes, with a sensible value where unknown. Asked for once. */
struct nn_cpu_caches {
    long l1d, l2, l3;
};
struct nn_cpu_caches nn_cpu_caches(void);

#endif /* NN_COMMON_BASE_CPU_H */
