/* pipelines/train/cascade_fit.h - both stages fitted to each other: what the
 * species net learns none from, and thresholds whose promise holds at the end
 * of the cascade.
 *
 * The promise is the recall of both stages: of n validation positives at most
 * m = n - ceil(min_recall n) may end as none, whichever stage says so. A split
 * a of that loss fixes both thresholds: t1 is the (a+1)-th smallest gate
 * probability of the positives, t2 the (m-a+1)-th smallest 1 - p_none of those
 * that pass it. Among the splits a = 0..m (CASCADE_FIT_SPLITS of them at most,
 * evenly spread) the one with the least false-positive rate on the validation
 * negatives is taken, of equal ones that which passes the fewest images on to
 * the species net. Or the cheapest: the largest t1, with which fewer images of
 * either kind pass the gate, so that it costs least whatever share of the
 * images to come is positive; of equal ones that with the largest t2. Where a
 * recall of the gate alone is asked for, splits with a larger a than that
 * leaves are not tried: what the gate rejects, no later stage can mend. Where a
 * share of the negatives is named that the gate may pass, t1 is the smallest
 * number with which it passes no more (or the t1 of the largest a above, if
 * that is smaller), and t2 loses what is left: one split.
 *
 * Rungs in front of the gate (pipelines/cascade/rung.h) come first: each of R
 * may lose a = floor(rung_loss m / R) of the positives that it sees, and its
 * threshold is the (a+1)-th smallest of their probabilities; both stages share
 * out what is left of m among the images that the rungs hand on.
 *
 * Bounds. Both thresholds lie on scores of the very images that the promise is
 * counted on, and still the bounds are exact. One split, fixed beforehand, cuts
 * m + 2 of the n + 1 statistically equivalent blocks off the positives (Tukey
 * 1947; Fraser 1953: each cut may depend on those before), so the share of all
 * future positives that it keeps is distributed as Beta(n - m - 1, m + 2) or
 * larger: the Clopper-Pearson lower bound of n - m - 1 hits in n. Each rung is
 * one cut more, and one hit less. The choice
 * among G splits is paid for as in learn then test (Angelopoulos et al. 2021):
 * each bound is taken at confidence 1 - 0.05 / G (Bonferroni), so all hold at
 * once with 95 %. The upper bound of the false-positive rate is taken likewise.
 * What the bounds do not cover: epochs and temperatures of the nets were chosen
 * on the same images. */
#ifndef PIPELINES_TRAIN_CASCADE_FIT_H
#define PIPELINES_TRAIN_CASCADE_FIT_H

#include "common/data/dataset.h"
#include "pipelines/cascade/model.h"

enum { CASCADE_FIT_SPLITS = 65 };

/* What both nets say of the validation images. */
struct cascade_votes {
    size_t n;
    const double *p_gate,
        *p_none;             /* [n] of the gate's own net, and behind it */
    const uint8_t *positive; /* [n] */
    size_t n_rungs;
    const double *p_rung; /* [n,n_rungs] */
};

struct cascade_aim {
    double min_recall;
    int cheapest;       /* 0: the least false-positive rate */
    double gate_recall; /* least recall of the gate alone, in 0..1; 0: none */
    double gate_pass;   /* share of the negatives that it may pass; 0: none */
    double rung_loss;   /* share of the allowed loss that the rungs have */
};

/* The rule above. *gate_threshold is t1; rungs, with v->n_rungs in it, gets
 * thresholds, recalls and false-positive rates. Errors: NN_ERR_ARG (no
 * positives, min_recall not in 0..1), NN_ERR_NUMERIC (a probability is not
 * finite), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
cascade_choose(const struct cascade_votes *v, const struct cascade_aim *aim,
               struct rungs *rungs, double *gate_threshold,
               struct cascade_policy *policy, struct nn_error *err);

/* The negatives of the train and valid parts that stand for none, by m's gate:
 * those that pass at 99 % recall on the validation positives, and as many of
 * the hardest as the mean class of the part has images where that is more
 * (species_hard_negatives()). features: folder where the nets'
 * features are kept (nn_scorer_keep_features()), or NULL. *none [ds->n], freed
 * with nn_mem_free(); NULL where no training negative can be read. Errors:
 * those of cascade_score(). */
NN_MUST_CHECK enum nn_status
cascade_fit_none(const struct nn_dataset *ds, const struct model *m,
                 const char *features, uint8_t **none, struct nn_error *err);

/* Thresholds of both stages of m, whose species net says none, and of its
 * rungs: the gate's policy (of the ladder, where there are rungs) and the one
 * of both are set anew.
 * Errors: those of cascade_score() and cascade_choose(). */
NN_MUST_CHECK enum nn_status cascade_fit_policy(const struct nn_dataset *ds,
                                                struct model *m,
                                                const char *features,
                                                const struct cascade_aim *aim,
                                                struct nn_error *err);

#endif /* PIPELINES_TRAIN_CASCADE_FIT_H */
