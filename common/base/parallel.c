#include "common/base/parallel.h"

#include <stdatomic.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "common/base/parallel_internal.h"

static atomic_int chosen_threads; /* 0 until set or asked for */

void nn_parallel_set_threads(int n)
{
    if (n <= 0) {
        n = nn_parallel_quota("/proc/self/cgroup", "/sys/fs/cgroup",
                              nn_parallel_affinity());
    }
    atomic_store(&chosen_threads, n);
}

int nn_parallel_threads(void)
{
#ifdef _OPENMP
    if (atomic_load(&chosen_threads) == 0) {
        nn_parallel_set_threads(0);
    }
    return atomic_load(&chosen_threads);
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
