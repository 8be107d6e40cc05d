/* tests/unit/tensor/kernels/conv_bench.h - cases of convolutions, and one case
 * set up with its data, its plan and the answer of naive sums. */
#ifndef TESTS_UNIT_TENSOR_KERNELS_CONV_BENCH_H
#define TESTS_UNIT_TENSOR_KERNELS_CONV_BENCH_H

#include "tests/unit/tensor/kernels/reference.h"

/* Cases 0..CONV_FIXED-1 are chosen, the rest are drawn. */
enum { CONV_FIXED = 67, CONV_CASES = CONV_FIXED + 140 };

/* Instruction sets of this machine, the scalar one first; how many. */
int flag_sets(unsigned sets[4]);

/* Everything that one case needs. */
struct bench {
    struct conv_case c;
    struct nn_conv *conv;
    struct guarded x, w, dy, bias, res, y, dx, dw, packed, work;
    struct reference r;
    int exact;
    char what[160];
};

/* Arrays and the naive answer of case i; exact: of small whole numbers. */
void bench_init(struct bench *b, int i, int exact);
void bench_free(struct bench *b);
/* A plan for those instruction sets, with packed weights. */
void bench_plan(struct bench *b, unsigned flags, const char *what);
void bench_unplan(struct bench *b);
/* Scratch for one call; guarded_free(&b->work) behind it. */
void bench_work(struct bench *b, int backward);
/* mask: 1 bias, 2 residual, 4 residual in place, 8 ReLU, 16 sums, 32 what is
 * read later, 64 ReLU6. */
void run_forward(struct bench *b, int mask, double *sum, double *sum_sq);
/* what(b, i) with case i set up for each instruction set in turn. */
void each_set(int i, int exact, void (*what)(struct bench *, int));

#endif /* TESTS_UNIT_TENSOR_KERNELS_CONV_BENCH_H */
