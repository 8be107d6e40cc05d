/* pipelines/train/train_summary.h - is the model any good? What train says at
 * its end, and RUN/report.html.
 *
 * Measured on the validation images, on which the thresholds were chosen: rates
 * with exact two-sided 95 % intervals (Clopper & Pearson 1934), which look a
 * little better than those of new images. A sentence about many images is said
 * only where TRAIN_SUMMARY_ENOUGH positives and as many negatives were there;
 * classes whose interval is wider than TRAIN_SUMMARY_WIDE are named as having
 * too few images; what more negatives would bring is gate_curve()'s answer. */
#ifndef PIPELINES_TRAIN_TRAIN_SUMMARY_H
#define PIPELINES_TRAIN_TRAIN_SUMMARY_H

#include <stdio.h>

#include "pipelines/measure/outcomes.h"
#include "stage1_gate/gate_curve.h"

/* The fewest that can show a rate to be above 0.95 (below 0.05): all of 59
 * right, with 95 % confidence. */
enum { TRAIN_SUMMARY_ENOUGH = 59, TRAIN_SUMMARY_NAMED = 5 };
#define TRAIN_SUMMARY_WIDE 0.25

struct train_share {
    size_t hits, n;
    double lo, hi; /* NaN where n is 0 */
};
struct train_share train_share_of(size_t hits, size_t n);

struct train_summary {
    const struct model *m;
    const struct nn_dataset *ds;
    struct outcomes table;    /* of validation images */
    struct train_share found; /* positives whose verdict is not none */
    struct train_share
        false_positives;          /* negatives whose verdict is not none */
    struct train_share right;     /* of the positives found */
    struct train_share *by_class; /* [classes] right verdicts of positives */
    size_t *n_train;              /* [classes] */
    uint32_t *item;               /* [table.n] index in ds of each row */
    struct gate_curve curve;
};

/* Score the validation images of ds with m; features: cascade_keep_features(),
 * or NULL. m and ds must outlive it; release it after an error too. Errors:
 * those of cascade_score(). */
NN_MUST_CHECK enum nn_status train_summary_init(struct train_summary *s,
                                                const struct model *m,
                                                const struct nn_dataset *ds,
                                                const char *features,
                                                struct nn_error *err);
void train_summary_release(struct train_summary *s);

/* A few lines for a person. */
void train_summary_print(const struct train_summary *s, FILE *to);

/* A page that needs no network: the lines, scores and losses as plots (losses
 * of dir/results.csv, where it has some), confusions and the largest losses
 * with their photos. Errors: NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status train_page_write(const struct train_summary *s,
                                              const char *dir,
                                              struct nn_error *err);

#endif /* PIPELINES_TRAIN_TRAIN_SUMMARY_H */
