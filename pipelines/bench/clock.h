/* pipelines/bench/clock.h - timing of things that are done over and over, and
 * what this machine can do at most. */
#ifndef PIPELINES_BENCH_CLOCK_H
#define PIPELINES_BENCH_CLOCK_H

#include <stddef.h>

/* Seconds per call of fn(ctx): `inner` calls are timed together. With one
 * thread it is CPU time, which other programs disturb less. */
double bench_time(void (*fn)(void *), void *ctx, size_t inner);
/* The same while the other threads stand by, as inside a net. */
double bench_time_in_team(void (*fn)(void *), void *ctx, size_t inner);
/* Calls that take about `seconds` together, at least 1. */
size_t bench_inner(void (*fn)(void *), void *ctx, double seconds);

/* Median of v[0..n-1], n >= 1; sorts v. */
double bench_median(double *v, size_t n);

/* Measured multiply-adds per second (GFLOP/s, 2 per multiply-add) of the
 * instruction set in use on `threads` threads, and bytes per second of a
 * long copy (GB/s, read plus written; 0 when out of memory), the best of
 * several. */
double bench_peak_gflops(int threads);
double bench_copy_gbs(int threads);
/* The rates of n copies, one after another. */
void bench_copy_rates(int threads, double *gbs, size_t n);

#endif /* PIPELINES_BENCH_CLOCK_H */
