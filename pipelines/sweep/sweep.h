/* pipelines/sweep/sweep.h - how many negatives does the gate need?
 *
 * A plan lists points (number, kind and choice of negatives, loss); each is a
 * gate trained once a seed through `train --only gate`, on all training
 * positives, the point's negatives and about the same number of images
 * shown; all are measured on the same test images. A power law through the
 * false-positive rates at 95 % recall says where more negatives stop to
 * help. docs/sweep.md has the method and its limits. */
#ifndef PIPELINES_SWEEP_SWEEP_H
#define PIPELINES_SWEEP_SWEEP_H

#include <jansson.h>
#include <stdio.h>

#include "common/base/options.h"
#include "pipelines/experiment/experiment.h"

#define SWEEP_FORMAT "bearcascade-sweep 1"

enum sweep_kind {
    SWEEP_RANDOM, /* drawn evenly, the smaller sets inside the larger */
    SWEEP_MINED,  /* the smallest random set, then by the score of its gate */
    SWEEP_FAMILY, /* drawn from one family alone */
    SWEEP_KINDS,
};
enum sweep_loss {
    SWEEP_CROSS_ENTROPY,
    SWEEP_FOCAL_1,
    SWEEP_FOCAL_2,
    SWEEP_FOCAL_5,
    SWEEP_CLASS_WEIGHTS,
    SWEEP_LOSSES,
};
const char *sweep_kind_name(enum sweep_kind k);
const char *sweep_loss_name(enum sweep_loss l);

#define SWEEP_ALL SIZE_MAX /* as a number of negatives: all there are */

struct sweep_options {
    const char *data, *out;
    struct data_options how; /* data are read */
    size_t *number;          /* of negatives asked for; SWEEP_ALL */
    size_t n_numbers, cap_numbers;
    int kind[SWEEP_KINDS], loss[SWEEP_LOSSES]; /* 1: asked for */
    const char *family;                        /* NULL: the largest */
    int seeds, epochs, full_grid, threads;
    double gain;
    struct nn_option_list with; /* for train: "name=value" or "name" */
};
/* "0,30,all" into o->number; "random,mined" into o->kind and so on. Errors:
 * NN_ERR_ARG naming the bad word, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status sweep_parse_numbers(const char *text,
                                                 struct sweep_options *o,
                                                 struct nn_error *err);
NN_MUST_CHECK enum nn_status sweep_parse_kinds(const char *text,
                                               struct sweep_options *o,
                                               struct nn_error *err);
NN_MUST_CHECK enum nn_status sweep_parse_losses(const char *text,
                                                struct sweep_options *o,
                                                struct nn_error *err);
/* What train is not to be told: the sweep says it itself.
 * Errors: NN_ERR_ARG naming the option. */
NN_MUST_CHECK enum nn_status sweep_check_with(const struct nn_option_list *with,
                                              struct nn_error *err);

/* --- the plan --- */

struct sweep_figure {
    double value, lo, hi; /* mean over seeds; 95 % bootstrap interval over
                             images; NaN where there is none */
    double *seed;         /* [n_seeds] */
};

/* What one training gave. */
struct sweep_run {
    double threshold, seconds;
    double *score; /* [test.n] p_positive */
    char *command, *dir;
};

struct sweep_point {
    size_t negatives;
    enum sweep_kind kind;
    enum sweep_loss loss;
    int epochs;
    size_t images;         /* shown in one run */
    int skipped;           /* 1: cannot be trained (no negatives, one class) */
    struct sweep_run *run; /* [n_seeds] */
    struct sweep_figure roc_area, fpr95, fpr, average_precision;
};

struct sweep_plan {
    size_t n, cap;
    struct sweep_point *point;
    size_t n_seeds;
    size_t first;   /* smallest number above 0 */
    size_t max;     /* all negatives */
    int32_t family; /* of one-family points, or -1 */
    size_t n_positives;
};

/* Counts of readable training images. */
struct sweep_counts {
    size_t n_classes, n_positives, n_negatives;
    int32_t family; /* chosen one, -1: the data have none */
    size_t n_family;
};
/* family: a name, or NULL for the largest (the first of equals).
 * Errors: NN_ERR_ARG (no such family; no positives; no negatives). */
NN_MUST_CHECK enum nn_status sweep_count(const struct nn_dataset *ds,
                                         const char *family,
                                         struct sweep_counts *c,
                                         struct nn_error *err);

/* The points: numbers ascending, those above what there is cut to it, none
 * twice. Random cross-entropy at all numbers; mined and one-family
 * cross-entropy at all above 0; other losses on random negatives at the two
 * largest, or with full_grid for all kinds at all above 0. Epochs: o->epochs
 * over all training images and as many images, to the nearest epoch, for
 * fewer; 0: a classifier is fitted, which sees each image as often as it
 * likes. Errors: NN_ERR_ARG (nothing to do), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status sweep_plan_init(const struct sweep_options *o,
                                             const struct sweep_counts *c,
                                             struct sweep_plan *plan,
                                             struct nn_error *err);
void sweep_plan_release(struct sweep_plan *plan);
/* Mined sets of the first and of the largest number are the random ones, so
 * these points share their runs: the kind that gives a run its name. */
enum sweep_kind sweep_kind_of_runs(const struct sweep_plan *plan,
                                   const struct sweep_point *p);
/* Random negatives, the smallest number above 0, cross-entropy: the gate that
 * mines. Without runs. */
struct sweep_point sweep_first_point(const struct sweep_options *o,
                                     const struct sweep_plan *plan);
/* nn_mem_free; NULL when out of memory. */
char *sweep_run_name(const struct sweep_plan *plan, const struct sweep_point *p,
                     size_t seed);
int sweep_same_runs(const struct sweep_plan *plan, const struct sweep_point *a,
                    const struct sweep_point *b);

/* The readable training negatives in the order in which a seed takes them;
 * *n of them in a block of nn_mem. A point takes the first p->negatives. z:
 * [ds->n] scores, for SWEEP_MINED: behind the first plan->first of the random
 * order come the others by falling score. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status sweep_order(const struct nn_dataset *ds,
                                         const struct sweep_plan *plan,
                                         enum sweep_kind kind, uint64_t seed,
                                         const double *z, uint32_t **out,
                                         size_t *n, struct nn_error *err);

/* --- training and scores --- */

/* Train what is missing and score the test images: fills every point's run.
 * Errors: as subprocess_train(), model_load(), cascade_score(). */
NN_MUST_CHECK enum nn_status sweep_train(const struct sweep_options *o,
                                         const struct nn_dataset *ds,
                                         struct sweep_plan *plan,
                                         struct experiment_test *test,
                                         struct nn_error *err);

/* fpr95 of every run on resampled test images: [n_replicates, plan->n,
 * plan->n_seeds], NaN for skipped points. Images are drawn within positives
 * and negatives, the same for all runs. */
struct sweep_replicates {
    size_t n;
    double *fpr95;
};
/* Figures of all points, and the replicates of them.
 * Errors: NN_ERR_ARG (the test part lacks positives or negatives),
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status sweep_measure(const struct experiment_test *test,
                                           struct sweep_plan *plan,
                                           size_t replicates,
                                           struct sweep_replicates *r,
                                           struct nn_error *err);

/* --- the curve --- */

/* value = a n^-b + c, a >= 0, 0.05 <= b <= 4, c >= 0. a = 0: the values do not
 * fall; b is then NaN. */
struct sweep_power {
    double a, b, c;
    double rmse; /* unweighted */
};
/* Weighted least squares over m >= 2 points, n[i] > 0, w[i] > 0: the best of a
 * grid of b, then golden sections; a and c in closed form for each b. The same
 * arguments give the same curve. Errors: NN_ERR_ARG (m < 2, bad values). */
NN_MUST_CHECK enum nn_status sweep_fit_power(const double *n, const double *v,
                                             const double *w, size_t m,
                                             struct sweep_power *out,
                                             struct nn_error *err);
double sweep_power_at(const struct sweep_power *p, double n);
/* Smallest whole n >= least with value(n) - value(2n) < gain; INFINITY above
 * 1e12. */
double sweep_power_enough(const struct sweep_power *p, double gain, double min);

struct sweep_fit {
    enum sweep_kind kind;
    enum sweep_loss loss;
    size_t n_points;
    double *n, *value, *weight; /* [n_points], rising n */
    struct sweep_power power;
    double enough; /* also beyond what was measured; INFINITY: never */
    double lo, hi; /* 95 % interval over images and seeds */
    double one_out_lo, one_out_hi; /* range when a point is left out; NaN with
                                      3 points */
};
/* Curve of the points of one kind and loss with negatives > 0. *found is 0
 * when they are fewer than 3, and *f then empty. */
NN_MUST_CHECK enum nn_status sweep_fit_init(const struct sweep_plan *plan,
                                            const struct experiment_test *test,
                                            const struct sweep_replicates *r,
                                            enum sweep_kind kind,
                                            enum sweep_loss loss, double gain,
                                            struct sweep_fit *f, int *found,
                                            struct nn_error *err);
void sweep_fit_release(struct sweep_fit *f);

/* --- the answer --- */

struct sweep_answer {
    const struct sweep_options *options;
    const struct nn_dataset *ds;
    const struct sweep_plan *plan;
    const struct experiment_test *test;
    const struct sweep_fit *fit; /* [n_fits]; the first one answers */
    size_t n_fits;
    const char *family; /* of one-family points, or NULL */
};
enum sweep_verdict {
    SWEEP_ENOUGH,       /* a number among those measured */
    SWEEP_FEWEST,       /* the smallest measured */
    SWEEP_NOT_REACHED,  /* more than the largest measured */
    SWEEP_UNDETERMINED, /* the interval covers every number measured */
};
const char *sweep_verdict_name(enum sweep_verdict v);
enum sweep_verdict sweep_judge(const struct sweep_fit *f);
/* One sentence; nn_mem_free. NULL when out of memory. */
char *sweep_sentence(const struct sweep_answer *a);
/* How far to trust it: an array of sentences, or NULL. */
json_t *sweep_trust(const struct sweep_answer *a);
/* The contents of sweep.json (docs/sweep.md), or NULL when out of memory. */
json_t *sweep_json(const struct sweep_answer *a);
/* A table of the points and one of the curves. */
void sweep_print(const struct sweep_answer *a, FILE *to);

#endif /* PIPELINES_SWEEP_SWEEP_H */
