/* common/tensor/kernels/isa_rounds.h - inner loop of the register tiles, AVX2.
 *
 * With 16 vector registers gcc 12 copies sums from register to register in
 * each round, or spills them, whatever the C says: 25 instructions for the 12
 * multiply-adds of a step of k, 21 here. Included only by isa_gemm.c.
 *
 *   acc[r][v] += sum over i < 4 * n of a_r[i] * b[i * 16 + v * 8 + ...]
 *
 * for 5 or 6 rows a_r and 2 vectors, in the order of i, with the bits of C. */
#ifndef NN_COMMON_TENSOR_KERNELS_ISA_ROUNDS_H
#define NN_COMMON_TENSOR_KERNELS_ISA_ROUNDS_H

#include "common/tensor/kernels/vec.h"

/* The code below knows the offsets. */
struct rounds {
    /* Where row r begins; flat: a[0] and a[1] are rows 0 and 3, moved on, and
     * the others follow them ld bytes apart. */
    const float *a[6];
    size_t ld;
    const float *b;   /* the panel, moved on */
    const float *ask; /* see struct nn_tile; moved on */
    size_t ask_step;  /* bytes */
    size_t n;         /* rounds of 4 steps, > 0 */
};
_Static_assert(offsetof(struct rounds, ld) == 48 &&
                   offsetof(struct rounds, b) == 56 &&
                   offsetof(struct rounds, ask) == 64 &&
                   offsetof(struct rounds, ask_step) == 72 &&
                   offsetof(struct rounds, n) == 80,
               "offsets in the code");

/* Row r, at `at`: its sums are operands c<r>0 and c<r>1. */
#define ROUNDS_ROW(at, r, t)                                                   \
    "vbroadcastss " at ", %%ymm" #t "\n\t"                                     \
    "vfmadd231ps %%ymm12, %%ymm" #t ", %[c" #r "0]\n\t"                        \
    "vfmadd231ps %%ymm13, %%ymm" #t ", %[c" #r "1]\n\t"
#define ROUNDS_FLAT5(u)                                                        \
    ROUNDS_ROW(#u "(%%rax)", 0, 14)                                            \
    ROUNDS_ROW(#u "(%%rax,%%rdx)", 1, 15)                                      \
    ROUNDS_ROW(#u "(%%rax,%%rdx,2)", 2, 14)                                    \
    ROUNDS_ROW(#u "(%%rcx)", 3, 15)                                            \
    ROUNDS_ROW(#u "(%%rcx,%%rdx)", 4, 14)
#define ROUNDS_FLAT6(u) ROUNDS_FLAT5(u) ROUNDS_ROW(#u "(%%rcx,%%rdx,2)", 5, 15)
#define ROUNDS_TILE5(u)                                                        \
    ROUNDS_ROW(#u "(%%rax,%%rsi)", 0, 14)                                      \
    ROUNDS_ROW(#u "(%%rcx,%%rsi)", 1, 15)                                      \
    ROUNDS_ROW(#u "(%%rdx,%%rsi)", 2, 14)                                      \
    ROUNDS_ROW(#u "(%%r8,%%rsi)", 3, 15)                                       \
    ROUNDS_ROW(#u "(%%r9,%%rsi)", 4, 14)
#define ROUNDS_TILE6(u) ROUNDS_TILE5(u) ROUNDS_ROW(#u "(%%r10,%%rsi)", 5, 15)

/* A step at byte u of the rows and bytes b0, b1 of the panel. */
#define ROUNDS_STEP(ROWS, u, b0, b1, ASK)                                      \
    "vmovups " #b0 "(%%r11), %%ymm12\n\t"                                      \
    "vmovups " #b1 "(%%r11), %%ymm13\n\t" ROWS(u) ASK
#define ROUNDS_LOOP(ROWS, ASK, advance)                                        \
    ".p2align 5\n"                                                             \
    "1:\n\t" ROUNDS_STEP(ROWS, 0, 0, 32, ASK)                                  \
        ROUNDS_STEP(ROWS, 4, 64, 96, ASK) ROUNDS_STEP(ROWS, 8, 128, 160, ASK)  \
            ROUNDS_STEP(ROWS, 12, 192, 224, ASK) "add $256, %%r11\n\t" advance \
                                                 "jnz 1b\n\t"
#define ROUNDS_NO_ASK ""
#define ROUNDS_ASK                                                             \
    "prefetcht1 (%%r12)\n\t"                                                   \
    "add %%r13, %%r12\n\t"

#define ROUNDS_BEGIN                                                           \
    "mov (%[x]), %%rax\n\t"                                                    \
    "mov 8(%[x]), %%rcx\n\t"                                                   \
    "mov 56(%[x]), %%r11\n\t"                                                  \
    "mov 64(%[x]), %%r12\n\t"                                                  \
    "mov 72(%[x]), %%r13\n\t"                                                  \
    "mov 80(%[x]), %%rsi\n\t"
#define ROUNDS_END                                                             \
    "mov %%r11, 56(%[x])\n\t"                                                  \
    "mov %%r12, 64(%[x])\n\t"
/* rsi counts rounds; rows move along. */
#define ROUNDS_FLAT(ROWS, ASK)                                                 \
    ROUNDS_BEGIN                                                               \
    "mov 48(%[x]), %%rdx\n\t" ROUNDS_LOOP(                                     \
        ROWS, ASK, "add $16, %%rax\n\tadd $16, %%rcx\n\tdec %%rsi\n\t")        \
        ROUNDS_END "mov %%rax, (%[x])\n\t"                                     \
                   "mov %%rcx, 8(%[x])\n\t"
/* rsi counts bytes of the rows up to 0. */
#define ROUNDS_TILE(ROWS, ASK)                                                 \
    ROUNDS_BEGIN                                                               \
    "mov 16(%[x]), %%rdx\n\t"                                                  \
    "mov 24(%[x]), %%r8\n\t"                                                   \
    "mov 32(%[x]), %%r9\n\t"                                                   \
    "mov 40(%[x]), %%r10\n\t"                                                  \
    "shl $4, %%rsi\n\t"                                                        \
    "add %%rsi, %%rax\n\tadd %%rsi, %%rcx\n\tadd %%rsi, %%rdx\n\t"             \
    "add %%rsi, %%r8\n\tadd %%rsi, %%r9\n\tadd %%rsi, %%r10\n\t"               \
    "neg %%rsi\n\t" ROUNDS_LOOP(ROWS, ASK, "add $16, %%rsi\n\t") ROUNDS_END

#define ROUNDS_SUMS(r) [c##r##0] "+x"(acc[r][0]), [c##r##1] "+x"(acc[r][1])
#define ROUNDS_REST                                                            \
    [x] "r"(x)                                                                 \
        : "memory", "cc", "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10",       \
          "r11", "r12", "r13", "xmm12", "xmm13", "xmm14", "xmm15"
#define ROUNDS_ASM5(text)                                                      \
    __asm__ volatile(text                                                      \
                     : ROUNDS_SUMS(0), ROUNDS_SUMS(1), ROUNDS_SUMS(2),         \
                       ROUNDS_SUMS(3), ROUNDS_SUMS(4)                          \
                     : ROUNDS_REST)
#define ROUNDS_ASM6(text)                                                      \
    __asm__ volatile(text                                                      \
                     : ROUNDS_SUMS(0), ROUNDS_SUMS(1), ROUNDS_SUMS(2),         \
                       ROUNDS_SUMS(3), ROUNDS_SUMS(4), ROUNDS_SUMS(5)          \
                     : ROUNDS_REST)

/* m, flat and fetch are constants where this is inlined. */
NN_INLINE void rounds_run(struct rounds *x, vf acc[][2], const int m,
                          const int flat, const int fetch)
{
    if (m == 6 && flat && fetch) {
        ROUNDS_ASM6(ROUNDS_FLAT(ROUNDS_FLAT6, ROUNDS_ASK));
    } else if (m == 6 && flat) {
        ROUNDS_ASM6(ROUNDS_FLAT(ROUNDS_FLAT6, ROUNDS_NO_ASK));
    } else if (m == 6 && fetch) {
        ROUNDS_ASM6(ROUNDS_TILE(ROUNDS_TILE6, ROUNDS_ASK));
    } else if (m == 6) {
        ROUNDS_ASM6(ROUNDS_TILE(ROUNDS_TILE6, ROUNDS_NO_ASK));
    } else if (flat && fetch) {
        ROUNDS_ASM5(ROUNDS_FLAT(ROUNDS_FLAT5, ROUNDS_ASK));
    } else if (flat) {
        ROUNDS_ASM5(ROUNDS_FLAT(ROUNDS_FLAT5, ROUNDS_NO_ASK));
    } else if (fetch) {
        ROUNDS_ASM5(ROUNDS_TILE(ROUNDS_TILE5, ROUNDS_ASK));
    } else {
        ROUNDS_ASM5(ROUNDS_TILE(ROUNDS_TILE5, ROUNDS_NO_ASK));
    }
}

#endif /* NN_COMMON_TENSOR_KERNELS_ISA_ROUNDS_H */
