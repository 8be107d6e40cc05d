/* pipelines/measure/outcomes.h - what a model said of labelled images, and
 * every figure that follows from it.
 *
 * One table a scored set: evaluate, compare, sweep and the study of mining
 * fill it from their scores and read their figures from it. A row is a
 * readable image; rows of a class come first, then the negatives, each in the
 * order in which they were given. Class k (the number of classes) stands for
 * "none", k + 1 for "unknown".
 *
 * A figure is a function of the rows pick[0..n-1], which may repeat, so the
 * same function gives the value (pick NULL: every row once) and, on resampled
 * rows, its interval.
 *
 * Threads: figures may be taken from several threads of one nn_parallel_for()
 * at a time, as nn_ranking_curve() may. */
#ifndef PIPELINES_MEASURE_OUTCOMES_H
#define PIPELINES_MEASURE_OUTCOMES_H

#include <stddef.h>
#include <stdint.h>

#include "common/eval/metrics.h"
#include "common/eval/stats.h"
#include "pipelines/cascade/cascade.h"

/* One row. */
struct outcome {
    uint32_t item;     /* place in the list that was scored */
    int32_t truth;     /* class, or k */
    int32_t family;    /* of a negative, or -1 */
    int32_t verdict;   /* class, k: none, k + 1: unknown */
    int32_t best;      /* most likely class, whatever the gate said */
    double p_positive; /* as in struct verdict */
    int none_behind;   /* 1: the species net says none, or would if asked */
    int by_species;    /* 1: and is what made the verdict none */
};

/* Owned arrays of n rows; read them, change them through the functions. */
struct outcomes {
    size_t n, n_positives, k;
    uint32_t *item;
    int32_t *truth, *family, *verdict, *best;
    uint8_t *positive; /* truth is a class */
    uint8_t *none_behind, *by_species;
    double *p_positive;
    double *p;          /* [n,k] class probabilities; 0 where not known */
    double *confidence; /* species_confidence() of p */
    int says_unknown;   /* of the model; 0 until set */
    /* Empty where the rows lack positives or negatives. */
    struct nn_ranking ranking;  /* by p_positive */
    struct nn_ranking open_set; /* the same; wrong classes never count */
};
#define OUTCOMES_INIT                                                          \
    {                                                                          \
        .n = 0                                                                 \
    }

/* --- filling a table --- */

/* Room for n rows of k >= 1 classes. Errors: NN_ERR_NOMEM; t is then empty. */
NN_MUST_CHECK enum nn_status outcomes_init(struct outcomes *t, size_t n,
                                           size_t k, struct nn_error *err);
/* Append a row; all positives before the first negative, and no more than
 * there is room for. p [k], or NULL: all 0. */
void outcomes_add(struct outcomes *t, const struct outcome *row,
                  const double *p);
/* Sort the scores; after the last row. Errors: NN_ERR_NUMERIC (a score is not
 * finite), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status outcomes_rank(struct outcomes *t,
                                           struct nn_error *err);
void outcomes_release(struct outcomes *t);

/* The readable images of pick[0..n-1] (NULL: of 0..n-1), which are rows of s,
 * the scores of items index[] of ds by m. With one class and no species net,
 * the gate's probability is that of the class. Errors: as outcomes_rank(). */
NN_MUST_CHECK enum nn_status
outcomes_of_scores(struct outcomes *t, const struct model *m,
                   const struct nn_dataset *ds, const uint32_t *index,
                   const struct cascade_scores *s, const uint32_t *pick,
                   size_t n, struct nn_error *err);

/* 1: the gate let row i through, whatever came behind it. */
int outcomes_passed_gate(const struct outcomes *t, size_t i);

/* What a gate alone said of images of one class and negatives. */
struct outcomes_gate {
    size_t n;
    const double *p_positive; /* [n] */
    const uint8_t *positive;  /* [n] */
    const uint8_t *ok;        /* [n] 0: unreadable, no row */
    const int32_t *family;    /* [n], or NULL */
    double threshold;
};
NN_MUST_CHECK enum nn_status outcomes_of_gate(struct outcomes *t,
                                              const struct outcomes_gate *g,
                                              struct nn_error *err);

/* All positives and the negatives of one family. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status outcomes_of_family(const struct outcomes *all,
                                                int32_t family,
                                                struct outcomes *t,
                                                struct nn_error *err);

/* --- figures --- */

enum outcomes_figure {
    OUTCOMES_ROC_AREA,
    OUTCOMES_AVERAGE_PRECISION,
    OUTCOMES_FPR95, /* false-positive rate at 95 % recall */
    OUTCOMES_FPR99,
    OUTCOMES_SPECIES_ACCURACY, /* of positives: `best` is the truth, as behind
                                  a perfect gate */
    OUTCOMES_END_TO_END,       /* of all: the verdict is the truth */
    OUTCOMES_MACRO_F1,         /* mean F1 of the classes and of none; NaN with
                                  more than OUTCOMES_F1_CLASSES classes */
    OUTCOMES_OSCR_AREA,        /* area under the open-set curve */
    OUTCOMES_GATE_ECE,         /* expected calibration errors */
    OUTCOMES_SPECIES_ECE,      /* of positives; NaN with one class */
    OUTCOMES_MISS_RATE,        /* of positives: none, the false-negative rate */
    OUTCOMES_FALSE_ALARM,      /* of negatives: not none, the false-positive
                                  rate at the model's threshold */
    OUTCOMES_UNKNOWN_RATE,     /* of positives: unknown */
    OUTCOMES_FIGURES,
};
enum { OUTCOMES_F1_CLASSES = 64 };
/* "roc_area" and so on, the names in JSON. */
extern const char *const outcomes_figure_names[OUTCOMES_FIGURES];

/* Which of them to compute. */
enum outcomes_group {
    OUTCOMES_RANKING = 1 << 0, /* ROC area, average precision, FPR95, FPR99 */
    OUTCOMES_SHARES = 1 << 1,  /* species accuracy, end to end, false-negative
                                  rate,  false positive, unknown rate */
    OUTCOMES_CALIBRATION = 1 << 2, /* both ECE */
    OUTCOMES_OPEN_SET = 1 << 3,    /* OSCR area, macro F1 */
    OUTCOMES_ALL = (1 << 4) - 1,
};

/* Figures of the rows pick[0..n-1], or of all rows where pick is NULL (n is
 * then not read). NaN: undefined (nothing to take a share of), or of a group
 * that was not asked for. Allocates nothing. */
void outcomes_figures(const struct outcomes *t, unsigned groups,
                      const uint32_t *pick, size_t n,
                      double *value /* [OUTCOMES_FIGURES] */);

/* Figures with their bootstrap intervals of NN_CONFIDENCE, resampling
 * positives and negatives apart. replicates 0: values alone, lo and hi NaN.
 * Errors: those of nn_bootstrap_many(). */
NN_MUST_CHECK enum nn_status outcomes_intervals(
    const struct outcomes *t, unsigned groups, size_t replicates, uint64_t seed,
    struct nn_interval *out /* [OUTCOMES_FIGURES] */, struct nn_error *err);

/* Each figure of v [OUTCOMES_FIGURES] that is a share: the exact interval
 * (Clopper and Pearson, Biometrika 26, 1934), of a mean over runs that of the
 * nearest count. The others stay as they are. */
void outcomes_exact(struct nn_interval *v, size_t n_positives,
                    size_t n_negatives);

/* Resamples of images that all agree, or all of a kind, are those images again:
 * their interval has no width, which few images do not deserve.
 *
 * _share: a share of n images gets the exact interval.
 * _drop_interval: what is no share gets none (lo and hi NaN): for a ranking
 *     without a fault there is no such thing.
 * outcomes_widen: one or the other, for each figure v [OUTCOMES_FIGURES].
 * _difference: the same for v of one system minus another on the same images.
 *     What happens to none of n images happens to no more than a share u = 1 -
 *     (1 - NN_CONFIDENCE)^(1/n) of all. Where the systems judge all n alike,
 *     the difference is between -u and u; where they do not, each such image
 *     could move it by 2.
 *
 * What has a width, or was not asked for, stays as it is. */
void outcomes_widen_share(struct nn_interval *v, size_t n);
void outcomes_drop_interval(struct nn_interval *v);
void outcomes_widen(struct nn_interval *v, size_t n_positives,
                    size_t n_negatives);
void outcomes_widen_difference(struct nn_interval *v, size_t n_positives,
                               size_t n_negatives);

/* Negatives of one family among some rows. */
struct outcomes_family {
    size_t n;
    size_t over;   /* with p_positive >= limit */
    size_t passed; /* whose verdict is not none */
};
/* count [n_families + 1]; the last one: negatives without a family. pick and n
 * as above. */
void outcomes_families(const struct outcomes *t, const uint32_t *pick, size_t n,
                       double limit, struct outcomes_family *count,
                       size_t n_families);
/* The largest threshold that lets 95 % of the picked positives pass; NaN
 * without positives or negatives. */
double outcomes_limit95(const struct outcomes *t, const uint32_t *pick,
                        size_t n);

/* counts [k + 1, k + 2]: rows are the truth (classes, none), columns the
 * verdict (classes, none, unknown). Errors: NN_ERR_ARG (no rows). */
NN_MUST_CHECK enum nn_status outcomes_confusion(const struct outcomes *t,
                                                size_t *counts,
                                                struct nn_error *err);

#endif /* PIPELINES_MEASURE_OUTCOMES_H */
