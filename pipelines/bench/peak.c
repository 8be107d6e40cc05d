/* What the machine can do at most: multiply-adds and a long copy. */
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/bench/clock.h"

typedef float v4 __attribute__((vector_size(16)));
typedef float v8 __attribute__((vector_size(32)));
typedef float v16 __attribute__((vector_size(64)));

enum { STEPS = 400000, CHAINS = 12 };

/* CHAINS independent sums, kept in registers. The empty asm makes each value
 * needed and unknown, so that nothing is folded. */
#define PEAK(name, vec, op)                                                    \
    static float name(void)                                                    \
    {                                                                          \
        vec a[CHAINS], b = { 0 }, c = { 0 };                                   \
        _Pragma("GCC unroll 12") for (int j = 0; j < CHAINS; j++)              \
        {                                                                      \
            a[j] = b;                                                          \
        }                                                                      \
        for (int i = 0; i < STEPS; i++) {                                      \
            __asm__ volatile("" : "+x"(b), "+x"(c));                           \
            _Pragma("GCC unroll 12") for (int j = 0; j < CHAINS; j++)          \
            {                                                                  \
                op(a[j], b, c);                                                \
            }                                                                  \
        }                                                                      \
        vec s = a[0];                                                          \
        _Pragma("GCC unroll 12") for (int j = 1; j < CHAINS; j++)              \
        {                                                                      \
            s += a[j];                                                         \
        }                                                                      \
        return s[0];                                                           \
    }

#if defined(__x86_64__)
#define FMA_X86(a, b, c)                                                       \
    __asm__ volatile("vfmadd231ps %2, %1, %0" : "+v"(a) : "v"(b), "v"(c))
__attribute__((target("avx512f"))) PEAK(peak_avx512, v16, FMA_X86)
    __attribute__((target("avx2,fma"))) PEAK(peak_avx2, v8, FMA_X86)
#define ADD_MUL(a, b, c)                                                       \
    do {                                                                       \
        v4 t = b;                                                              \
        __asm__ volatile("mulps %2, %1\n\taddps %1, %0"                        \
                         : "+x"(a), "+x"(t)                                    \
                         : "x"(c));                                            \
    } while (0)
#else
#define ADD_MUL(a, b, c) ((a) += (b) * (c))
#endif
        PEAK(peak_plain, v4, ADD_MUL)

            struct peak {
    float (*fn)(void);
    size_t lanes;
    volatile float sink;
};

static void peak_piece(void *ctx, size_t i)
{
    struct peak *p = ctx;
    (void)i;
    p->sink = p->fn();
}

double bench_peak_gflops(int threads)
{
    struct peak p = { .fn = peak_plain, .lanes = 4 };
#if defined(__x86_64__)
    unsigned flags = nn_cpu_flags();
    if (flags & NN_CPU_AVX512) {
        p = (struct peak){ .fn = peak_avx512, .lanes = 16 };
    } else if (flags & NN_CPU_AVX2) {
        p = (struct peak){ .fn = peak_avx2, .lanes = 8 };
    }
#endif
    double best = 0, n = threads * (double)p.lanes * CHAINS * STEPS * 2;
    for (int i = 0; i < 15; i++) {
        double t = nn_time_s();
        nn_parallel_for((size_t)threads, peak_piece, &p);
        double rate = n / (nn_time_s() - t) / 1e9;
        best = rate > best ? rate : best;
    }
    return best;
}

struct copy {
    float *from, *to;
    size_t piece;
};

static void copy_piece(void *ctx, size_t i)
{
    const struct copy *c = ctx;
    memcpy(c->to + i * c->piece, c->from + i * c->piece,
           c->piece * sizeof(float));
}

void bench_copy_rates(int threads, double *gbs, size_t n)
{
    size_t floats = 16u << 20; /* 64 MiB each way */
    struct copy c = { .from = nn_mem_aligned(floats, sizeof(float)),
                      .to = nn_mem_aligned(floats, sizeof(float)),
                      .piece = floats / (size_t)threads };
    for (size_t i = 0; i < n; i++) {
        gbs[i] = 0;
        if (c.from && c.to) {
            double t = nn_time_s();
            nn_parallel_for((size_t)threads, copy_piece, &c);
            t = nn_time_s() - t;
            gbs[i] = 2 * (double)floats * sizeof(float) / t / 1e9;
        }
    }
    nn_mem_free(c.from);
    nn_mem_free(c.to);
}

double bench_copy_gbs(int threads)
{
    double rates[9], best = 0;
    bench_copy_rates(threads, rates, 9);
    for (int i = 0; i < 9; i++) {
        best = rates[i] > best ? rates[i] : best;
    }
    return best;
}
