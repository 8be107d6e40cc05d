#include "pipelines/bench/clock.h"

#include <stdlib.h>
#include <time.h>

#include "common/base/parallel.h"

static double now(int cpu)
{
    struct timespec t = { 0, 0 };

    clock_gettime(cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double bench_time(void (*fn)(void *), void *ctx, size_t inner)
{
    int one = nn_parallel_threads() == 1;
    double t = now(one);

    for (size_t i = 0; i < inner; i++) {
        fn(ctx);
    }
    return (now(one) - t) / (double)inner;
}

struct many {
    void (*fn)(void *);
    void *ctx;
    size_t inner;
};

static void repeat(void *ctx)
{
    const struct many *m = ctx;

    for (size_t i = 0; i < m->inner; i++) {
        m->fn(m->ctx);
    }
}

double bench_time_in_team(void (*fn)(void *), void *ctx, size_t inner)
{
    int one = nn_parallel_threads() == 1;
    struct many m = { fn, ctx, inner };
    double t = now(one);

    nn_parallel_team(repeat, &m);
    return (now(one) - t) / (double)inner;
}

size_t bench_inner(void (*fn)(void *), void *ctx, double seconds)
{
    double t, n;

    fn(ctx);
    t = bench_time(fn, ctx, 3);
    n = t > 0 ? seconds / t : 1000;
    return n < 1 ? 1 : n > 100000 ? 100000 : (size_t)n;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_value);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}
