/* common/eval/metrics.h - how good are the scores? Ranking, decisions,
 * reliability.
 *
 * Everywhere: scores and probabilities are doubles; an image passes a
 * threshold t when score >= t; "positive" is 1 for the wanted things and 0 for
 * the rest; arrays are read only and never kept unless said otherwise; sums
 * run in index order in double, so a figure does not depend on the threads.
 *
 * Common errors, each with a line of text:
 *   NN_ERR_ARG      no items, a class or kind of item is missing, a label is
 *                   out of range
 *   NN_ERR_NUMERIC  a score is NaN or infinite, a probability is not in [0,1]
 *   NN_ERR_NOMEM
 * Outputs are untouched on error, except that objects are empty and safe to
 * release. */
#ifndef NN_COMMON_EVAL_METRICS_H
#define NN_COMMON_EVAL_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

/* ---- ranking: ROC, precision-recall and open-set curves ----------------
 *
 * One curve object serves all three. Point i says what happens at threshold
 * point[i].threshold: tp positives and fp negatives have score >= it. Point 0
 * has threshold +infinity and tp = fp = 0; then one point for each distinct
 * score, decreasing; the last has everything passing. Equal scores share a
 * point, so the straight line between two points is what a random order of
 * the tied items gives on average (mid-ranks).
 *
 * Open-set curve (Dhamija, Gunther and Boult, "Reducing network
 * agnostophobia", NeurIPS 2018): give `right` to the constructors. A positive
 * whose class is wrong then never counts in tp, but still in n_pos, so tpr is
 * their correct classification rate, CCR = #{known, right class, score >= t} /
 * #{known}, and the area is the area under CCR against false-positive rate
 * (OSCR). It equals the ROC area when every class is right. Ties are counted
 * with >= on both sides and joined by a line. */
struct nn_roc_point {
    double threshold;
    size_t tp, fp;
};

struct nn_roc {
    struct nn_roc_point *point; /* [n_points] */
    size_t n_points;
    size_t n_pos, n_neg; /* denominators of tp and fp */
};
#define NN_ROC_INIT                                                            \
    {                                                                          \
        NULL, 0, 0, 0                                                          \
    }

/* Curve of n items. right: NULL, or [n], 1 where the class of a positive was
 * found (not read for negatives). The caller releases *out.
 * Errors: the common ones; no positive or no negative is NN_ERR_ARG. */
NN_MUST_CHECK enum nn_status
nn_roc_init(struct nn_roc *out, const double *score, const uint8_t *positive,
            const uint8_t *right, size_t n, struct nn_error *err);
void nn_roc_release(struct nn_roc *r);

/* Area under tpr against fpr by trapezoids = P(positive above negative) + half
 * P(equal), the Mann-Whitney statistic divided by n_pos n_neg (Hanley and
 * McNeil 1982). Summed in integers, so exact up to the final division. NaN
 * when n_pos or n_neg is 0 (only a resampled curve can be so). */
double nn_roc_area(const struct nn_roc *r);

/* Average precision, sum_i (recall_i - recall_{i-1}) precision_i over the
 * points: no interpolation, ties share a point (scikit-learn's definition).
 * NaN when n_pos is 0. */
double nn_roc_average_precision(const struct nn_roc *r);

struct nn_roc_rates {
    double threshold, tpr, fpr;
};
/* The smallest false-positive rate over all thresholds whose tpr >= target
 * (FPR95 is target 0.95), at the largest such threshold. No interpolation.
 * All NaN when no threshold reaches the target (possible on open-set curves),
 * target is not in [0,1], or n_pos or n_neg is 0. */
struct nn_roc_rates nn_roc_at_tpr(const struct nn_roc *r, double target);
/* Scores sorted once, so that the curve of a resample costs O(n) and no
 * allocation: for the callbacks of nn_bootstrap_many() in stats.h. The object
 * copies what it needs. nn_ranking_curve() may run on several threads
 * of one nn_parallel_for() at a time; the number of threads must not be raised
 * between init and use. */
struct nn_ranking {
    size_t n, n_groups;
    double *threshold; /* [n_groups] distinct scores, decreasing */
    uint32_t *group;   /* [n] index of the item's score */
    uint8_t *kind;     /* [n] 0 negative, 1 positive, 2 positive, wrong class */
    struct nn_roc_point *scratch; /* [n_scratch, n_groups + 1] */
    size_t n_scratch;
};
#define NN_RANKING_INIT                                                        \
    {                                                                          \
        0, 0, NULL, NULL, NULL, NULL, 0                                        \
    }
/* Arguments and errors as nn_roc_init(). */
NN_MUST_CHECK enum nn_status nn_ranking_init(struct nn_ranking *out,
                                             const double *score,
                                             const uint8_t *positive,
                                             const uint8_t *right, size_t n,
                                             struct nn_error *err);
void nn_ranking_release(struct nn_ranking *r);
/* Curve of the items pick[0..n-1] (repeats count; NULL: every item once, n
 * not read). Points that nothing was picked for repeat the one before, which
 * no figure above minds. out->point lies in the scratch of the running
 * thread: valid until its next call, not to be released. */
void nn_ranking_curve(const struct nn_ranking *r, const uint32_t *pick,
                      size_t n, struct nn_roc *out);
/* False-positive rate at 95 % recall of those items. */
double nn_ranking_fpr95(const struct nn_ranking *r, const uint32_t *pick,
                        size_t n);

/* ---- decisions: confusion counts and what follows from them ------------ */

/* counts[t * n_cols + d] = items of class t decided as d.
 *
 * truth    0..n_rows-1 of each item
 * decided  0..n_cols-1 of each item; n_cols >= n_rows. Columns n_rows.. are
 *          answers that are no class, such as "unknown": always wrong.
 * pick     [n] the items that count (repeats count again), or NULL: items
 *          0..n-1, each once
 * counts   [n_rows, n_cols], overwritten
 * Errors: NN_ERR_ARG (n is 0, n_rows < 1, n_cols < n_rows, a label out of
 * range; counts are then undefined). */
NN_MUST_CHECK enum nn_status
nn_confusion_count(const int32_t *truth, const int32_t *decided,
                   const uint32_t *pick, size_t n, int32_t n_rows,
                   int32_t n_cols, size_t *counts, struct nn_error *err);

struct nn_class_figures {
    size_t support;   /* items of the class (row sum) */
    size_t predicted; /* items decided so (column sum) */
    size_t hits;      /* the diagonal */
    double precision; /* hits / predicted; NaN when predicted is 0 */
    double recall;    /* hits / support; NaN when support is 0 */
    double f1;        /* 2 hits / (support + predicted); NaN when both are 0 */
};
struct nn_confusion_figures {
    size_t n;
    double accuracy;          /* sum of hits / n */
    double balanced_accuracy; /* mean recall of classes with support > 0 */
    double macro_f1;          /* mean f1 of classes where it is not NaN */
};
/* per_class: [n_rows], or NULL. The means are those of scikit-learn.
 * Errors: NN_ERR_ARG (all counts 0, n_rows < 1, n_cols < n_rows). */
NN_MUST_CHECK enum nn_status
nn_confusion_summarise(const size_t *counts, int32_t n_rows, int32_t n_cols,
                       struct nn_class_figures *per_class,
                       struct nn_confusion_figures *out, struct nn_error *err);

/* ---- reliability: do probabilities mean what they say? ----------------- */

#define NN_ECE_BINS 15

struct nn_reliability_bin {
    double lo, hi; /* lo < p <= hi; the first bin also holds p = 0 */
    size_t n;
    double confidence; /* mean p of the bin; NaN when n is 0 */
    double accuracy;   /* share of hits; NaN when n is 0 */
};
/* Expected calibration error with equal-width bins (Naeini, Cooper and
 * Hauskrecht, AAAI 2015; Guo et al., ICML 2017):
 *   ece = sum_b n_b / n |accuracy_b - confidence_b|, 0..1.
 *
 * p     [n] probabilities
 * hit   [n] 0 or 1. Binary: p = P(positive), hit = positive. Many classes:
 *           p and hit from nn_top_label().
 * bins  [n_bins], written for plotting, or NULL with n_bins = NN_ECE_BINS
 * Errors: the common ones; NN_ERR_ARG when n_bins is not 1..10000, or bins is
 * NULL and n_bins is not NN_ECE_BINS. */
NN_MUST_CHECK enum nn_status nn_reliability(const double *p, const uint8_t *hit,
                                            size_t n, int32_t n_bins,
                                            struct nn_reliability_bin *bins,
                                            double *ece, struct nn_error *err);

/* The same error of a stream of probabilities 0..1, for callers that must not
 * allocate: zero the struct, add, ask. */
struct nn_ece {
    double confidence[NN_ECE_BINS]; /* sums over the items of a bin */
    double hits[NN_ECE_BINS];
    size_t n;
};
void nn_ece_add(struct nn_ece *e, double p, int hit);
double nn_ece_value(const struct nn_ece *e); /* NaN when n is 0 */

/* Largest entry of each row of p [n,k] (the first one on ties).
 * confidence [n] that entry; hit [n] 1 where it is truth[i]; best [n] its
 * column. Each output may be NULL; truth may be NULL when hit is.
 * Errors: the common ones (probabilities need only be finite); outputs are
 * partly written then. */
NN_MUST_CHECK enum nn_status nn_top_label(const double *p, const int32_t *truth,
                                          size_t n, int32_t k,
                                          double *confidence, uint8_t *hit,
                                          int32_t *best, struct nn_error *err);

/* Mean squared error of probabilities (Brier 1950), mean_i (p_i - y_i)^2. */
NN_MUST_CHECK enum nn_status nn_brier_binary(const double *p,
                                             const uint8_t *positive, size_t n,
                                             double *out, struct nn_error *err);

/* Mean negative log-likelihood in nats: mean_i -log P(what happened). That
 * probability is raised to NN_NLL_FLOOR first, so one certain mistake costs
 * 36.04 nats and not infinity. From logits, nn_temperature_fit() reports the
 * exact value instead. Rows of p are used as they are, not rescaled. */
#define NN_NLL_FLOOR 0x1p-52
NN_MUST_CHECK enum nn_status nn_nll_classes(const double *p,
                                            const int32_t *truth, size_t n,
                                            int32_t k, double *out,
                                            struct nn_error *err);

#endif /* NN_COMMON_EVAL_METRICS_H */
