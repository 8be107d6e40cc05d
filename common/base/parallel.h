/* common/base/parallel.h - the one place that starts parallel loops.
 *
 * Work is cut by the CALLER into n chunks, a number that must not depend on
 * the thread count; partial sums belong to a chunk and are added in chunk
 * order afterwards. So results are bit-equal for any number of threads.
 *
 * The threads of a loop have the context of the thread that started it. With
 * OpenMP each thread that starts loops keeps threads of its own waiting for
 * the next one; after a fork() only the parent may start loops. */
#ifndef NN_COMMON_BASE_PARALLEL_H
#define NN_COMMON_BASE_PARALLEL_H

#include <stddef.h>

/* Run fn(ctx, i) for every i in 0..n-1, each exactly once, in any order and
 * on any thread; returns when all are done. With one thread, with n < 2, or
 * called from inside another such loop it is a plain loop; built without
 * OpenMP it always is. */
typedef void nn_parallel_fn(void *ctx, size_t i);
void nn_parallel_for(size_t n, nn_parallel_fn *fn, void *ctx);

/* Run fn(ctx) on the calling thread while the other threads stand by: a
 * nn_parallel_for inside then starts and ends in a fraction of a microsecond
 * where one of its own takes one or two, and waits only for threads that hold
 * an index. That is what many short loops in a row need. The threads that
 * stand by are busy waiting, so fn should do little between its loops. Inside
 * a loop or another team it is a plain call. */
typedef void nn_parallel_team_fn(void *ctx);
void nn_parallel_team(nn_parallel_team_fn *fn, void *ctx);

/* Index of the running thread inside fn: 0..nn_parallel_threads()-1; 0 out of
 * a loop. Only for choosing scratch memory; results must not depend on it. */
size_t nn_parallel_thread(void);

/* Threads used by loops of the calling thread from now on, a part of its
 * context (common/base/context.h); 0 means as many as this process may run on
 * (affinity mask, then cgroup v2 quota), which is also the start. Call while
 * no loop runs. nn_parallel_threads() is 1 in a build without OpenMP. */
void nn_parallel_set_threads(int n);
int nn_parallel_threads(void);

#endif /* NN_COMMON_BASE_PARALLEL_H */
