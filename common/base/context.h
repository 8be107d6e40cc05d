/* common/base/context.h - what a call needs to know of whoever made it.
 *
 * Threads, instruction sets, messages and progress are settings of a caller,
 * not of the process: two callers on two threads do not disturb each other.
 * Each thread has one context, at first { 0 }: all CPUs, silent, progress
 * shown. A thread that works for another takes over its context: the threads of
 * a parallel loop do so by themselves, whoever starts a thread passes it on. */
#ifndef NN_COMMON_BASE_CONTEXT_H
#define NN_COMMON_BASE_CONTEXT_H

struct nn_log_out;

struct nn_context {
    int threads; /* of parallel loops; 0: as many as this process may run on */
    int quiet;   /* 1: no progress output */
    unsigned cpu_denied;    /* bits of enum nn_cpu that are not to be used */
    struct nn_log_out *log; /* messages; NULL: none. Not owned; must live
                               while the context is any thread's */
};

/* The calling thread's context. */
struct nn_context nn_context_get(void);
/* Replace it; returns the one before, to be put back. Call out of parallel
 * loops. */
struct nn_context nn_context_set(struct nn_context c);

#endif /* NN_COMMON_BASE_CONTEXT_H */
