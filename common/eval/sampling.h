/* common/eval/sampling.h - what a sample without replacement says about the
 * rest of a finite pile.
 *
 * A pile holds N items, K of them hits; n were drawn without replacement and
 * k of those are hits. Nothing is assumed about which items are hits: all the
 * chance is in the draw. Pure functions; counts are items, confidence is a
 * share such as 0.95, alpha = 1 - confidence. Safe from any thread. */
#ifndef NN_COMMON_EVAL_SAMPLING_H
#define NN_COMMON_EVAL_SAMPLING_H

#include <stddef.h>

#include "common/base/status.h"

/* ---- one look at a sample whose size was fixed beforehand ---------------
 *
 * X ~ Hypergeometric(N, K, n): P(X <= k) and P(X >= k), summed from the
 * smaller tail; relative error below 1e-10 for N <= 1e6. NaN when K > N or
 * n > N. */
double nn_hypergeom_cdf(size_t N, size_t K, size_t n, size_t k);
double nn_hypergeom_tail(size_t N, size_t K, size_t n, size_t k);

/* The largest K with P(X <= k) > alpha, the smallest with P(X >= k) > alpha:
 * one-sided bounds with at least the stated confidence for every K, when n was
 * fixed before the first item was looked at. SIZE_MAX when n > N, k > n or
 * confidence is not in (0,1). */
size_t nn_hypergeom_upper(size_t N, size_t n, size_t k, double confidence);
size_t nn_hypergeom_lower(size_t N, size_t n, size_t k, double confidence);

/* The smallest n whose sample without a hit shows that there are fewer than K:
 * C(N-K, n) / C(N, n) <= alpha. N - K + 1 when no smaller one does; SIZE_MAX
 * when K is 0 or above N, or confidence is not in (0,1). */
size_t nn_hypergeom_min_n(size_t N, size_t K, double confidence);

/* The least looks that anybody needs to show, with the stated confidence and
 * without trusting a score, that a share `recall` of the hits has been seen,
 * in a pile of N with P hits:
 *     min over F <= P of F + n,  n the least with C(R-n, U) / C(R, U) <= alpha,
 *     R = N - P,  U = floor(F / recall) + 1 - P
 * F hits are seen in the end, and n of the R others. Reason: let U of the
 * others be hits too, any U. Whoever looks at none of these sees what was seen
 * before, and what is said then is false; the chance of that falls with n as a
 * convex function, so the mean of n is not below the n of the formula
 * (Jensen; to within one look). Holds for any order, any stopping rule and any
 * use of scores. NaN when P is 0 or above N or a share is not in (0,1). */
double nn_recall_floor(size_t N, size_t P, double recall, double confidence);

/* ---- strata, looked at whenever one likes -------------------------------
 *
 * Stratum h holds N items; n were drawn evenly, k were hits. With a
 * Beta(a, b) prior on the rate (a / (a + b) what the scores expect) the ratio
 *     e(m) = P(data) / P(data | m)
 *          = B(a+k, b+n-k) / B(a,b) * [N]_n / ([m]_k [N-m]_(n-k))
 * ([x]_j = x (x-1) ... (x-j+1)) is a martingale with mean 1 if m is the true
 * number, whatever the prior: a prior only makes bounds tighter where it is
 * right. So {m : e(m) < 1 / alpha} holds the truth at all times at once with
 * the stated confidence (Ville; Waudby-Smith and Ramdas, "Confidence sequences
 * for sampling without replacement", 2020). Over strata the product counts:
 * the range of sum m_h with prod e_h(m_h) < 1 / alpha. log e is convex in m, so
 * adding where it rises least is exact. */
struct nn_stratum {
    size_t N, n, k;
    double a, b; /* > 0 */
};
struct nn_count_range {
    size_t lo, hi;
};
/* Errors: NN_ERR_ARG (no strata, k > n, n > N, a or b not above 0, confidence
 * not in (0,1)), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_strata_range(const struct nn_stratum *s,
                                             size_t n_strata, double confidence,
                                             struct nn_count_range *out,
                                             struct nn_error *err);

/* ---- weighted draws, looked at whenever one likes -----------------------
 *
 * Items have values v > 0 (1, or the size of a burst) and weights w > 0. A
 * draw takes an unseen item with probability v w / W, W = sum of v w over the
 * unseen. Against "the values of all hits sum to T", with U = T - known the
 * part not seen before the draw, a draw multiplies the evidence by
 *     1 + lambda (U - y W / w),  lambda = bet / (W / w_min - U)
 * (y = 1 for a hit). Its mean is 1 if T is true, for any 0 <= bet <= 1 and any
 * weights that were chosen before the draw, so the product is a martingale
 * and exceeds 1 / alpha ever with chance alpha at most. Between draws items
 * may be looked at for any other reason, chosen by what was seen so far:
 * they only move from unseen to known. With equal weights, bet = 1 and no hit
 * the product is C(R, U) / C(R - n, U), the floor above. Shekhar, Xu, Lipton,
 * Liang, Ramdas, "Risk-limiting financial audits via weighted sampling
 * without replacement" (2023) has the same kind of draw. */
struct nn_draw {
    double most;  /* W / w_min over the unseen, before the draw */
    double here;  /* W / w of the item drawn, <= most */
    double known; /* values of the hits seen before it */
    double bet;   /* chosen before it */
    int hit;
};
/* Log of the evidence against the total T: +infinity when a draw contradicts
 * it. Rises with T from the hits seen so far on (each factor does, as the bet
 * does not depend on T), so what rejects T rejects all above it. */
double nn_draws_log_evidence(const struct nn_draw *d, size_t n, double T);
/* The largest whole T in known..most that is not rejected at level alpha, by
 * bisection; known and most are the sums of values of the hits seen and of
 * those plus all unseen items. */
double nn_draws_upper(const struct nn_draw *d, size_t n, double known,
                      double most, double confidence);

#endif /* NN_COMMON_EVAL_SAMPLING_H */
