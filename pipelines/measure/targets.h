/* pipelines/measure/targets.h - whether a measured rate is what was asked for.
 *
 * The rate itself is compared with the target, so a target is met or missed by
 * chance too; `bound`, an exact one-sided bound of the true rate (Clopper and
 * Pearson 1934) at 95 %, says whether the measurement shows it. */
#ifndef PIPELINES_MEASURE_TARGETS_H
#define PIPELINES_MEASURE_TARGETS_H

#include "pipelines/measure/evaluation.h"

struct target {
    const char *figure; /* "fpr", "recall" */
    double limit;       /* at most, at least; NaN: nothing is asked */
    double value, bound;
    size_t k, n; /* the rate is k of n */
    int met;     /* value <= limit, value >= limit */
    int shown;   /* and so is the bound */
};

struct targets {
    struct target max_fpr;    /* of the negatives: not none */
    struct target min_recall; /* of the positives: not none */
};

/* Errors: NN_ERR_ARG (a rate that a limit is for does not exist: it says which
 * kind of image is missing). */
NN_MUST_CHECK enum nn_status targets_judge(const struct evaluation *e,
                                           double max_fpr, double min_recall,
                                           struct targets *out,
                                           struct nn_error *err);
/* 1: one is missed. */
int targets_missed(const struct targets *t);
/* A line for each that was asked for. */
void targets_print(const struct targets *t, FILE *to);
/* [{"figure","limit","value","bound","k","n","met","shown"}, ...]; NULL when
 * out of memory. */
json_t *targets_json(const struct targets *t);

#endif /* PIPELINES_MEASURE_TARGETS_H */
