/* pipelines/cascade/cascade_policy.h - both stages' thresholds as one decision,
 * and what it promises.
 *
 * With g the gate's probability of a positive, t1 its threshold, p_none the
 * probability of none behind it (0 where the species net has no such output)
 * and t2 the none threshold, an image is a positive when
 *
 *     g >= t1  and  1 - p_none >= t2.
 *
 * One score orders images: the probability of a positive by the net that had
 * the last word,
 *
 *     s = g min(1, t2 / t1)        where g < t1      (s < t2)
 *     s = 1 - p_none               where g >= t1
 *
 * and s >= t2 is the decision. It grows with g below t1 and with 1 - p_none
 * above it. What the gate rejects is below the threshold, but not below all
 * that it passes on: an image that the gate rejects by a little is more likely
 * a positive than one of which the strong net is sure that it is none. Where
 * t1 <= t2, an image that the gate rejects keeps s = g. (t2 = 0 is taken as
 * 1e-300, and so is 1 - p_none below that.)
 *
 * p_none is what both nets say of none: with n the species net's own
 * probability and w >= 0 the gate weight,
 *
 *     logit(1 - p_none) = logit(1 - n) + w logit(g),
 *
 * a logarithmic opinion pool (Genest and Zidek 1986). */
#ifndef PIPELINES_CASCADE_CASCADE_POLICY_H
#define PIPELINES_CASCADE_CASCADE_POLICY_H

#include <jansson.h>
#include <stddef.h>

#include "common/base/status.h"

/* w of new models, by measurement on validation photos (docs/training.md), and
 * the largest that a file may have. */
#define CASCADE_GATE_WEIGHT     0.5
#define CASCADE_GATE_WEIGHT_MAX 10

/* What train promises of both stages together, on the validation images; how it
 * was chosen: pipelines/train/cascade_fit.h. */
struct cascade_policy {
    double none_threshold; /* t2 */
    double gate_weight;    /* w, 0..CASCADE_GATE_WEIGHT_MAX; 0 in files of older
                              programs */
    double min_recall;     /* asked for: positives whose verdict is not none */
    double recall;         /* on the validation positives */
    double recall_lower;   /* exact one-sided 95 % lower bound */
    double fpr;            /* share of validation negatives that are not none */
    double fpr_upper;      /* exact one-sided 95 % upper bound */
    size_t n_positives, n_negatives; /* validation */
    size_t n_splits;                 /* candidates that it was chosen from */
    int certified;                   /* recall_lower >= min_recall */
    size_t n_needed; /* positives with which it could be certified */
    int cheapest;    /* the split with the least cost; 0: with the least
                        false-positive rate */
};

/* p_none above from the species net's own n and the gate's g; probabilities are
 * taken as between 1e-7 and 1 - 1e-7. NaN where one that counts is NaN. */
double cascade_policy_none(double gate_weight, double p_gate, double n);

/* s above from both thresholds and both nets' probabilities; NaN where one that
 * counts is NaN. */
double cascade_policy_score(double t1, double t2, double p_gate, double p_none);
/* The threshold on it. */
double cascade_policy_threshold(double t2);

/* One line for a person. Heap string (nn_mem_free) or NULL. */
char *cascade_policy_text(const struct cascade_policy *policy);

/* Metadata of the model file ("cascade.policy").
 * Errors: NN_ERR_FORMAT (something is missing or out of its range). */
json_t *cascade_policy_to_json(const struct cascade_policy *policy);
NN_MUST_CHECK enum nn_status
cascade_policy_from_json(const json_t *j, struct cascade_policy *policy,
                         struct nn_error *err);

#endif /* PIPELINES_CASCADE_CASCADE_POLICY_H */
