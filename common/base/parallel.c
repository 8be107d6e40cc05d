#include "common/base/parallel.h"

#include <sched.h>
#include <stdio.h>

#ifdef _OPENMP
#include <omp.h>
#endif

static int chosen_threads; /* 0 until set or asked for */

/* CPUs of the cgroup v2 quota, or `most` where there is none. */
static int quota_cpus(int most)
{
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "r");
    long quota = 0, period = 0;
    int n = most;

    if (f == NULL) {
        return most;
    }
    if (fscanf(f, "%ld %ld", &quota, &period) == 2 && quota > 0 &&
        period > 0) {
        long cpus = (quota + period - 1) / period;

        n = cpus < most ? (int)cpus : most;
    }
    fclose(f);
    return n < 1 ? 1 : n;
}

static int available_cpus(void)
{
    cpu_set_t set;
    int n = 1;

    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        n = CPU_COUNT(&set);
    }
    return quota_cpus(n < 1 ? 1 : n);
}

void nn_parallel_set_threads(int n)
{
    chosen_threads = n > 0 ? n : available_cpus();
}

int nn_parallel_threads(void)
{
#ifdef _OPENMP
    if (chosen_threads == 0) {
        nn_parallel_set_threads(0);
    }
    return chosen_threads;
#else
    return 1;
#endif
}

size_t nn_parallel_thread(void)
{
#ifdef _OPENMP
    return (size_t)omp_get_thread_num();
#else
    return 0;
#endif
}

void nn_parallel_for(size_t n, nn_parallel_fn *fn, void *ctx)
{
#ifdef _OPENMP
    int threads = nn_parallel_threads();

    if (threads > 1 && n > 1 && !omp_in_parallel()) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
        for (size_t i = 0; i < n; i++) {
            fn(ctx, i);
        }
        return;
    }
#endif
    for (size_t i = 0; i < n; i++) {
        fn(ctx, i);
    }
}
