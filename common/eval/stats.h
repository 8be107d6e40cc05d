/* common/eval/stats.h - exact intervals, tests and the bootstrap.
 *
 * Pure functions return NaN for arguments outside their stated range; the
 * others return a status with a line of text. Confidence levels are shares
 * (0.95), probabilities are 0..1, counts are items. All functions are safe
 * from any thread. */
#ifndef NN_COMMON_EVAL_STATS_H
#define NN_COMMON_EVAL_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

/* The confidence of every interval and bound that the program reports. */
#define NN_CONFIDENCE 0.95

/* ---- distributions ------------------------------------------------------
 *
 * I_x(a,b) = 1/B(a,b) int_0^x t^(a-1) (1-t)^(b-1) dt for a, b > 0 (at most
 * 1e8) and 0 <= x <= 1: continued fraction DLMF 8.17.22 behind a saddle-point
 * prefactor (Loader, "Fast and accurate computation of binomial
 * probabilities", 2000). Relative error below 1e-12 for a, b in 1e-3..1e6
 * (held by the tests). */
double nn_beta_inc(double a, double b, double x);
/* 1 - I_x(a,b), without the cancellation. */
double nn_beta_inc_upper(double a, double b, double x);
/* The x with I_x(a,b) = p, by bisection over the doubles of [0,1]. */
double nn_beta_inc_inv(double a, double b, double p);

/* P(X <= k) of X ~ Binomial(n, p). k may exceed n. */
double nn_binom_cdf(size_t n, size_t k, double p);

/* ---- exact binomial intervals -------------------------------------------
 *
 * One-sided bounds for k hits in n trials (Clopper and Pearson 1934): each
 * holds for the true rate with at least the stated confidence, for every n and
 * every rate; both at (1 + c) / 2 are the two-sided interval of confidence c.
 *   lower  BetaInv(a; k, n-k+1), a = 1 - confidence; 0 for k = 0
 *   upper  BetaInv(1-a; k+1, n-k); 1 for k = n
 * NaN when n is 0, k > n or confidence is not in (0,1). */
double nn_clopper_pearson_lower(size_t k, size_t n, double confidence);
double nn_clopper_pearson_upper(size_t k, size_t n, double confidence);

/* Smallest n for which n hits in n trials have a one-sided lower bound >=
 * target: a^(1/n) >= target. 59 for 0.95 at 95 %, 299 for 0.99. 0 when no n
 * is enough (target >= 1) or an argument is not in (0,1). */
size_t nn_certify_min_n(double target, double confidence);

/* A threshold on scores that keeps a share of the positives.
 *
 * The point choice is the largest threshold t with #{score >= t} >= target n:
 * the r-th largest score with r = ceil(target n). Its rank depends on n alone,
 * not on the scores, so the share of all future positives above it is
 * distributed as Beta(r, n-r+1) or larger (order statistics; Wilks 1941), and
 * the Clopper-Pearson lower bound of r hits in n is a bound on that share that
 * holds with the stated confidence though t was chosen on the same scores.
 * Ties only raise the share.
 *
 * The safe choice is the largest threshold whose bound reaches the target;
 * there is one exactly when n >= min_n. */
struct nn_recall_threshold {
    size_t n; /* positives */
    double target, confidence;
    double threshold;      /* point choice */
    size_t rank;           /* r */
    size_t kept;           /* #{score >= threshold} >= r, more with ties */
    double rate;           /* kept / n */
    double lower;          /* one-sided lower bound of the true rate, from r */
    int certified;         /* lower >= target: the point choice is safe */
    size_t min_n;          /* nn_certify_min_n(target, confidence) */
    double safe_threshold; /* NaN when n < min_n: cannot be certified */
    size_t safe_rank;      /* 0 then */
    double safe_lower;     /* NaN then */
};
/* score [n] of the positives only. 0 < target <= 1, 0 < confidence < 1.
 * Errors: NN_ERR_ARG (n is 0, a rate out of range), NN_ERR_NUMERIC (a score
 * is NaN or infinite), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
nn_threshold_at_recall(const double *score, size_t n, double target,
                       double confidence, struct nn_recall_threshold *out,
                       struct nn_error *err);

/* ---- tests --------------------------------------------------------------
 */

/* Exact McNemar test that two classifiers err equally often on the same items
 * (McNemar 1947): b items only the first got right, c only the second. Two
 * sides: p = min(1, 2 P(X <= min(b,c))), X ~ Binomial(b + c, 1/2). 1 when
 * b + c is 0. */
double nn_mcnemar_exact(size_t b, size_t c);
/* b and c from two arrays of 0 and 1. */
void nn_mcnemar_count(const uint8_t *right_a, const uint8_t *right_b, size_t n,
                      size_t *only_a, size_t *only_b);

/* p values adjusted for m tests (Holm 1979), in the order given: sorted
 * ascending, adjusted_(i) = max_{j<=i} min(1, (m-j+1) p_(j)). adjusted may be
 * p. Reject where adjusted <= level: the chance of any false rejection is
 * then at most level.
 * Errors: NN_ERR_ARG (m is 0, a p not in [0,1]), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_holm_adjust(const double *p, size_t m,
                                            double *adjusted,
                                            struct nn_error *err);

/* ---- bootstrap ----------------------------------------------------------
 *
 * Percentile intervals (Efron 1979), resampling with replacement inside each
 * stratum, so that the numbers of positives and negatives stay as they are.
 * Replicate r draws from nn_rng_make(seed, r) alone: results do not depend on
 * the thread count. Replicates run in nn_parallel_for(). */
struct nn_bootstrap {
    size_t n;               /* items, 1..2^32-1 */
    const uint8_t *stratum; /* [n] any ids, e.g. positive; NULL: one stratum */
    size_t replicates;      /* >= 1; 2000 is usual for 95 % */
    double confidence;      /* in (0,1) */
    uint64_t seed;
};

struct nn_interval {
    double value;       /* the statistic of the items themselves */
    double lo, hi;      /* quantiles (1 -+ confidence) / 2 of the replicates,
                           interpolated linearly (type 7) */
    double p_zero;      /* two-sided bootstrap p value of "the statistic is 0",
                           for differences: min(1, 2 (1 + m) / (R + 1)), m the
                           smaller of the numbers of replicates <= 0 and >= 0 */
    size_t n_undefined; /* replicates where it was NaN; they are left out. lo,
                           hi and p_zero are NaN when none is left. */
};

/* Statistics of items pick[0..n-1], which may repeat, into value[]; NaN where
 * undefined. Called from several threads at once; must not call
 * nn_parallel_for(). */
typedef void nn_stats_fn(void *ctx, const uint32_t *pick, size_t n,
                         double *value);

/* n_stats intervals from one set of resamples; out [n_stats]. The difference
 * of two systems on the same items is one more statistic.
 * Errors: NN_ERR_ARG (n, n_stats, replicates or confidence out of range),
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_bootstrap_many(const struct nn_bootstrap *spec,
                                               nn_stats_fn *fn, void *ctx,
                                               size_t n_stats,
                                               struct nn_interval *out,
                                               struct nn_error *err);
#endif /* NN_COMMON_EVAL_STATS_H */
