#include "common/base/parallel.h"

#include <stdatomic.h>
#include <stdint.h>

#ifdef _OPENMP
#include <omp.h>
#include <sched.h>
#endif

#include "common/base/context.h"
#include "common/base/parallel_internal.h"

void nn_parallel_set_threads(int n)
{
    struct nn_context c = nn_context_get();

    if (n <= 0) {
        n = nn_parallel_quota("/proc/self/cgroup", "/sys/fs/cgroup",
                              nn_parallel_affinity());
    }
    c.threads = n;
    nn_context_set(c);
}

int nn_parallel_threads(void)
{
#ifdef _OPENMP
    int n = nn_context_get().threads;

    if (n <= 0) {
        nn_parallel_set_threads(0);
        n = nn_context_get().threads;
    }
    return n;
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

#ifdef _OPENMP

/* --- teams -----------------------------------------------------------------
 *
 * The threads of a team share one word, `turn`: which loop it is, and the
 * indices first..end-1 that nobody took. An index is taken by
 * compare-and-swap, so a thread that wakes late finds either nothing to take or
 * an index of the loop that runs now, whose fn and ctx cannot change before
 * that index is done. The leader waits for the indices, not for the threads.
 * It takes the first one and the others the last: from loop to loop a thread
 * meets about the same part of the data, in its own cache. */
enum { FIELD = 21, SPINS = 4096 };
#define FIELD_MAX ((UINT64_C(1) << FIELD) - 1)

struct team {
    _Alignas(64) atomic_uint_least64_t turn; /* loop | end | first */
    _Alignas(64) atomic_size_t done;         /* indices of this loop */
    atomic_int over;
    nn_parallel_fn *fn;
    void *ctx;
};

static _Thread_local struct team *led; /* by this thread, out of fn */

static void relax(unsigned *spins)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
    if (++*spins % SPINS == 0) {
        sched_yield();
    }
}

/* Take and run indices until none is left; 0 if there was none. */
static int run_some(struct team *t, int leader)
{
    uint64_t turn = atomic_load_explicit(&t->turn, memory_order_acquire);
    const uint64_t last = UINT64_C(1) << FIELD;
    int any = 0;

    while ((turn & FIELD_MAX) < (turn >> FIELD & FIELD_MAX)) {
        uint64_t first = turn & FIELD_MAX;
        uint64_t end = turn >> FIELD & FIELD_MAX;

        if (atomic_compare_exchange_weak_explicit(
                &t->turn, &turn, leader ? turn + 1 : turn - last,
                memory_order_acquire, memory_order_acquire)) {
            t->fn(t->ctx, (size_t)(leader ? first : end - 1));
            atomic_fetch_add_explicit(&t->done, 1, memory_order_release);
            turn = atomic_load_explicit(&t->turn, memory_order_acquire);
            any = 1;
        }
    }
    return any;
}

static void team_loop(struct team *t, size_t n, nn_parallel_fn *fn, void *ctx)
{
    uint64_t loop = atomic_load_explicit(&t->turn, memory_order_relaxed);
    unsigned spins = 0;

    loop = (loop >> 2 * FIELD) + 1;
    t->fn = fn;
    t->ctx = ctx;
    atomic_store_explicit(&t->done, 0, memory_order_relaxed);
    atomic_store_explicit(&t->turn, loop << 2 * FIELD | (uint64_t)n << FIELD,
                          memory_order_release);
    led = NULL; /* a loop inside fn is a plain one */
    run_some(t, 1);
    led = t;
    while (atomic_load_explicit(&t->done, memory_order_acquire) < n) {
        relax(&spins);
    }
}

static void follow(struct team *t)
{
    unsigned spins = 0;

    while (!atomic_load_explicit(&t->over, memory_order_acquire)) {
        if (run_some(t, 0)) {
            spins = 0;
        } else {
            relax(&spins);
        }
    }
}

#endif

void nn_parallel_team(nn_parallel_team_fn *fn, void *ctx)
{
#ifdef _OPENMP
    int threads = nn_parallel_threads();

    if (threads > 1 && !omp_in_parallel()) {
        const struct nn_context context = nn_context_get();
        struct team t = { .fn = NULL };

#pragma omp parallel num_threads(threads)
        if (omp_get_thread_num() == 0) {
            led = &t;
            fn(ctx);
            led = NULL;
            atomic_store_explicit(&t.over, 1, memory_order_release);
        } else {
            nn_context_set(context);
            follow(&t);
        }
        return;
    }
#endif
    fn(ctx);
}

void nn_parallel_for(size_t n, nn_parallel_fn *fn, void *ctx)
{
#ifdef _OPENMP
    int threads = nn_parallel_threads();

    if (led != NULL && n > 1 && n <= FIELD_MAX) {
        team_loop(led, n, fn, ctx);
        return;
    }
    if (threads > 1 && n > 1 && !omp_in_parallel()) {
        const struct nn_context context = nn_context_get();

#pragma omp parallel num_threads(threads)
        {
            nn_context_set(context);
#pragma omp for schedule(dynamic, 1) nowait
            for (size_t i = 0; i < n; i++) {
                fn(ctx, i);
            }
        }
        return;
    }
#endif
    for (size_t i = 0; i < n; i++) {
        fn(ctx, i);
    }
}
