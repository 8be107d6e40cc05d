/* common/tensor/kernels/isa_kloop.h - inner loop of the register tiles, AVX2.
 *
 * With 16 vector registers gcc 12 copies sums from register to register in
 * each round, or spills them, whatever the C says: 25 instructions for the 12
 * multiply-adds of a step of k, 21 here. Included only by isa_gemm.c.
 *
 *   acc[r][v] += sum over i < 4 * n of a_r[i] * b[i * 16 + v * 8 + ...]
 *
 * for 5 or 6 rows a_r and 2 vectors, in the order of i, with the bits of C. */
#ifndef NN_COMMON_TENSOR_KERNELS_ISA_KLOOP_H
#define NN_COMMON_TENSOR_KERNELS_ISA_KLOOP_H

#include "common/tensor/kernels/vec.h"

/* The code below knows the offsets. */
struct kloop {
    /* Where row r begins; flat: a[0] and a[1] are rows 0 and 3, moved on, and
     * the others follow them ld bytes apart. */
    const float *a[6];
    size_t ld;
    const float *b;        /* the panel, moved on */
    const float *prefetch; /* see struct nn_tile; moved on */
    size_t prefetch_step;  /* bytes */
    size_t n;              /* rounds of 4 steps, > 0 */
};
_Static_assert(offsetof(struct kloop, ld) == 48 &&
                   offsetof(struct kloop, b) == 56 &&
                   offsetof(struct kloop, prefetch) == 64 &&
                   offsetof(struct kloop, prefetch_step) == 72 &&
                   offsetof(struct kloop, n) == 80,
               "offsets in the code");

/* Row r, at `at`: its sums are operands c<r>0 and c<r>1. */
#define KLOOP_ROW(at, r, t)                                                    \
    "vbroadcastss " at ", %%ymm" #t "\n\t"                                     \
    "vfmadd231ps %%ymm12, %%ymm" #t ", %[c" #r "0]\n\t"                        \
    "vfmadd231ps %%ymm13, %%ymm" #t ", %[c" #r "1]\n\t"
#define KLOOP_FLAT5(u)                                                         \
    KLOOP_ROW(#u "(%%rax)", 0, 14)                                             \
    KLOOP_ROW(#u "(%%rax,%%rdx)", 1, 15)                                       \
    KLOOP_ROW(#u "(%%rax,%%rdx,2)", 2, 14)                                     \
    KLOOP_ROW(#u "(%%rcx)", 3, 15)                                             \
    KLOOP_ROW(#u "(%%rcx,%%rdx)", 4, 14)
#define KLOOP_FLAT6(u) KLOOP_FLAT5(u) KLOOP_ROW(#u "(%%rcx,%%rdx,2)", 5, 15)
#define KLOOP_TILE5(u)                                                         \
    KLOOP_ROW(#u "(%%rax,%%rsi)", 0, 14)                                       \
    KLOOP_ROW(#u "(%%rcx,%%rsi)", 1, 15)                                       \
    KLOOP_ROW(#u "(%%rdx,%%rsi)", 2, 14)                                       \
    KLOOP_ROW(#u "(%%r8,%%rsi)", 3, 15)                                        \
    KLOOP_ROW(#u "(%%r9,%%rsi)", 4, 14)
#define KLOOP_TILE6(u) KLOOP_TILE5(u) KLOOP_ROW(#u "(%%r10,%%rsi)", 5, 15)

/* A step at byte u of the rows and bytes b0, b1 of the panel. */
#define KLOOP_STEP(ROWS, u, b0, b1, PREFETCH)                                  \
    "vmovups " #b0 "(%%r11), %%ymm12\n\t"                                      \
    "vmovups " #b1 "(%%r11), %%ymm13\n\t" ROWS(u) PREFETCH
#define KLOOP_LOOP(ROWS, PREFETCH, advance)                                    \
    ".p2align 5\n"                                                             \
    "1:\n\t" KLOOP_STEP(ROWS, 0, 0, 32, PREFETCH) KLOOP_STEP(                  \
        ROWS, 4, 64, 96, PREFETCH) KLOOP_STEP(ROWS, 8, 128, 160, PREFETCH)     \
        KLOOP_STEP(ROWS, 12, 192, 224, PREFETCH) "add $256, %%r11\n\t" advance \
                                                 "jnz 1b\n\t"
#define KLOOP_NO_PREFETCH ""
#define KLOOP_PREFETCH                                                         \
    "prefetcht1 (%%r12)\n\t"                                                   \
    "add %%r13, %%r12\n\t"

#define KLOOP_BEGIN                                                            \
    "mov (%[x]), %%rax\n\t"                                                    \
    "mov 8(%[x]), %%rcx\n\t"                                                   \
    "mov 56(%[x]), %%r11\n\t"                                                  \
    "mov 64(%[x]), %%r12\n\t"                                                  \
    "mov 72(%[x]), %%r13\n\t"                                                  \
    "mov 80(%[x]), %%rsi\n\t"
#define KLOOP_END                                                              \
    "mov %%r11, 56(%[x])\n\t"                                                  \
    "mov %%r12, 64(%[x])\n\t"
/* rsi counts rounds; rows move along. */
#define KLOOP_FLAT(ROWS, PREFETCH)                                             \
    KLOOP_BEGIN                                                                \
    "mov 48(%[x]), %%rdx\n\t" KLOOP_LOOP(                                      \
        ROWS, PREFETCH, "add $16, %%rax\n\tadd $16, %%rcx\n\tdec %%rsi\n\t")   \
        KLOOP_END "mov %%rax, (%[x])\n\t"                                      \
                  "mov %%rcx, 8(%[x])\n\t"
/* rsi counts bytes of the rows up to 0. */
#define KLOOP_TILE(ROWS, PREFETCH)                                             \
    KLOOP_BEGIN                                                                \
    "mov 16(%[x]), %%rdx\n\t"                                                  \
    "mov 24(%[x]), %%r8\n\t"                                                   \
    "mov 32(%[x]), %%r9\n\t"                                                   \
    "mov 40(%[x]), %%r10\n\t"                                                  \
    "shl $4, %%rsi\n\t"                                                        \
    "add %%rsi, %%rax\n\tadd %%rsi, %%rcx\n\tadd %%rsi, %%rdx\n\t"             \
    "add %%rsi, %%r8\n\tadd %%rsi, %%r9\n\tadd %%rsi, %%r10\n\t"               \
    "neg %%rsi\n\t" KLOOP_LOOP(ROWS, PREFETCH, "add $16, %%rsi\n\t") KLOOP_END

#define KLOOP_SUMS(r) [c##r##0] "+x"(acc[r][0]), [c##r##1] "+x"(acc[r][1])
#define KLOOP_REST                                                             \
    [x] "r"(x)                                                                 \
        : "memory", "cc", "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10",       \
          "r11", "r12", "r13", "xmm12", "xmm13", "xmm14", "xmm15"
#define KLOOP_ASM5(text)                                                       \
    __asm__ volatile(text                                                      \
                     : KLOOP_SUMS(0), KLOOP_SUMS(1), KLOOP_SUMS(2),            \
                       KLOOP_SUMS(3), KLOOP_SUMS(4)                            \
                     : KLOOP_REST)
#define KLOOP_ASM6(text)                                                       \
    __asm__ volatile(text                                                      \
                     : KLOOP_SUMS(0), KLOOP_SUMS(1), KLOOP_SUMS(2),            \
                       KLOOP_SUMS(3), KLOOP_SUMS(4), KLOOP_SUMS(5)             \
                     : KLOOP_REST)

/* m, flat and fetch are constants where this is inlined. */
NN_INLINE void kloop_run(struct kloop *x, vf acc[][2], const int m,
                         const int flat, const int fetch)
{
    if (m == 6 && flat && fetch) {
        KLOOP_ASM6(KLOOP_FLAT(KLOOP_FLAT6, KLOOP_PREFETCH));
    } else if (m == 6 && flat) {
        KLOOP_ASM6(KLOOP_FLAT(KLOOP_FLAT6, KLOOP_NO_PREFETCH));
    } else if (m == 6 && fetch) {
        KLOOP_ASM6(KLOOP_TILE(KLOOP_TILE6, KLOOP_PREFETCH));
    } else if (m == 6) {
        KLOOP_ASM6(KLOOP_TILE(KLOOP_TILE6, KLOOP_NO_PREFETCH));
    } else if (flat && fetch) {
        KLOOP_ASM5(KLOOP_FLAT(KLOOP_FLAT5, KLOOP_PREFETCH));
    } else if (flat) {
        KLOOP_ASM5(KLOOP_FLAT(KLOOP_FLAT5, KLOOP_NO_PREFETCH));
    } else if (fetch) {
        KLOOP_ASM5(KLOOP_TILE(KLOOP_TILE5, KLOOP_PREFETCH));
    } else {
        KLOOP_ASM5(KLOOP_TILE(KLOOP_TILE5, KLOOP_NO_PREFETCH));
    }
}

#endif /* NN_COMMON_TENSOR_KERNELS_ISA_KLOOP_H */
