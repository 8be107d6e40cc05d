/* pipelines/measure/evaluation_internal.h - between the files of the
 * evaluation. */
#ifndef PIPELINES_MEASURE_EVALUATION_INTERNAL_H
#define PIPELINES_MEASURE_EVALUATION_INTERNAL_H

#include "pipelines/measure/evaluation.h"

/* Readable pictures: positives in 0..n_positives-1, then negatives. */
struct evaluation_rows {
    size_t n, n_positives, n_classes;
    double *score;     /* gate probability */
    uint8_t *positive; /* 1 or 0 */
    int32_t *label;    /* class, or n_classes for a negative */
    int32_t *family;   /* of a negative, or -1 */
    int32_t *verdict;  /* column of the confusion matrix */
    int32_t *species;  /* most likely class, whatever the gate said */
    double *p;         /* [n,n_classes] species probabilities */
};

enum evaluation_what {
    EVALUATION_ROC_AREA,
    EVALUATION_AVERAGE_PRECISION,
    EVALUATION_FPR95,
    EVALUATION_FPR99,
    EVALUATION_FALSE_ALARM,
    EVALUATION_MISS_RATE,
    EVALUATION_SPECIES_ACCURACY,
    EVALUATION_END_TO_END,
    EVALUATION_UNKNOWN_RATE,
};
#define EVALUATION_ALL_FAMILIES (-2)

struct evaluation_query {
    const struct evaluation_rows *rows;
    enum evaluation_what what;
    double threshold; /* stored gate threshold */
    int32_t family;   /* negatives that count, or EVALUATION_ALL_FAMILIES */
};

struct evaluation_sampling {
    int replicates; /* 0: no interval */
    uint64_t seed;
};

/* The figure and its interval; NaN where it is not defined (no positives, no
 * negatives). Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
evaluation_figure(const struct evaluation_query *q,
                  const struct evaluation_sampling *how,
                  struct evaluation_figure *out, struct nn_error *err);

/* gate_ece, gate_brier and species_ece of e. */
void evaluation_calibration(const struct evaluation_rows *r,
                            struct evaluation *e);

#endif /* PIPELINES_MEASURE_EVALUATION_INTERNAL_H */
