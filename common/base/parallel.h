/* common/base/parallel.h - the one place that starts parallel loops.
 *
 * Work is cut by the CALLER into n chunks, a number that must not depend on
 * the thread count; partial sums belong to a chunk and are added in chunk
 * order afterwards. So results are bit-equal for any number of threads. */
#ifndef NN_COMMON_BASE_PARALLEL_H
#define NN_COMMON_BASE_PARALLEL_H

#include <stddef.h>

/* Run fn(ctx, i) for every i in 0..n-1, each exactly once, in any order and
 * on any thread; returns when all are done. fn must not call
 * nn_parallel_for(). With one thread, or n < 2, it is a plain loop.
 * Built without OpenMP it is always a plain loop. */
typedef void nn_parallel_fn(void *ctx, size_t i);
void nn_parallel_for(size_t n, nn_parallel_fn *fn, void *ctx);

/* Index of the running thread inside fn: 0..nn_parallel_threads()-1. Only
 * for choosing scratch memory; results must not depend on it. */
size_t nn_parallel_thread(void);

/* Threads used from now on; 0 means as many as this process may run on
 * (affinity mask, then cgroup quota). Call from the main thread only. */
void nn_parallel_set_threads(int n);
int nn_parallel_threads(void);

#endif /* NN_COMMON_BASE_PARALLEL_H */
