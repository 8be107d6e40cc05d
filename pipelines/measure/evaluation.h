/* pipelines/measure/evaluation.h - every figure that `evaluate` reports.
 *
 * Positives are images of a class, negatives all others. p_positive, which is
 * of both stages where the species net may say none and else the gate's alone,
 * is judged by ranking (ROC area, average precision, false-positive rate at a
 * recall) and at the stored threshold; the species net on positives as if the
 * gate were perfect; the cascade end to end. Intervals are 95 % bootstrap
 * percentile intervals, resampling positives and negatives apart. Where all
 * images agree that has no width: shares have exact 95 % intervals then
 * (Clopper and Pearson 1934), ROC area and average precision none. Where there
 * are only positives or only negatives, what needs both does not exist, and
 * shares have exact intervals. */
#ifndef PIPELINES_MEASURE_EVALUATION_H
#define PIPELINES_MEASURE_EVALUATION_H

#include <jansson.h>
#include <stdio.h>

#include "pipelines/cascade/cascade.h"

struct evaluation_figure {
    double value, lo, hi; /* NaN where it cannot be computed */
};

/* Figures of one set of negatives (a family, or all) against all positives. */
struct evaluation_negatives {
    const char *name; /* borrowed from the data set */
    size_t n;
    struct evaluation_figure fpr95, fpr99; /* share of these negatives above
                                              the score that 95 (99) % of all
                                              positives reach */
    struct evaluation_figure fpr;          /* share that pass the stored
                                              threshold: not none */
};

struct evaluation {
    const char *title; /* "test", or a subset's name */
    size_t n_classes;
    size_t n_positives, n_negatives, n_failed;
    struct evaluation_figure roc_area, average_precision;
    struct evaluation_figure species_accuracy; /* behind a perfect gate */
    struct evaluation_figure fnr;          /* positives whose verdict is none */
    struct evaluation_figure end_to_end;   /* share of all verdicts right */
    struct evaluation_figure unknown_rate; /* positives called unknown */
    struct evaluation_negatives all;
    size_t n_families;
    struct evaluation_negatives *families;
    double gate_ece, gate_brier; /* of p_positive; NaN where undefined */
    double species_ece;          /* NaN where undefined */
    /* Verdicts none of [0] negatives and [1] positives, by stage. */
    size_t none_by_gate[2], none_by_species[2];
    size_t none_by_rung[RUNGS_MAX][2]; /* not counted to the gate's */
    double ms_gate, ms_species; /* per image; reading counts for the gate */
    size_t *confusion; /* [n_classes+1][n_classes+2]: rows are the truth
                          (classes, none), columns the verdict (classes, none,
                          unknown) */
};

/* 1: both kinds of image are there. */
int evaluation_has_both(const struct evaluation *e);

/* Figures of the images listed in pick[0..n-1] (rows of s, which belong to
 * items index[] of ds). replicates: bootstrap samples; 0 leaves lo and hi
 * NaN, but for exact intervals. Errors: NN_ERR_ARG (no readable image),
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
evaluation_compute(const struct model *m, const struct nn_dataset *ds,
                   const uint32_t *index, const struct cascade_scores *s,
                   const uint32_t *pick, size_t n, const char *title,
                   int replicates, uint64_t seed, struct evaluation *out,
                   struct nn_error *err);
void evaluation_release(struct evaluation *e);

void evaluation_print(const struct evaluation *e, const struct model *m,
                      FILE *to);
json_t *evaluation_json(const struct evaluation *e, const struct model *m);

#endif /* PIPELINES_MEASURE_EVALUATION_H */
