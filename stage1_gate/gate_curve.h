/* stage1_gate/gate_curve.h - would more negatives help? A quick answer.
 *
 * Of a gate whose trunk stays as it is, a smaller classifier (the classes, and
 * one output for all families) is fitted on a quarter, on half and on all of
 * the training negatives, from features that are in the cache: seconds, and no
 * image is read. A fourth of the training images (by near-duplicate group) is
 * held out and judges each of them: the false-positive rate at the threshold
 * that keeps min_recall of the held-out positives. The draws are nested, and
 * there are GATE_CURVE_DRAWS of each share, whose counts are averaged. The
 * strength of the regularisation is chosen on all (three strengths, three
 * folds); for fewer rows it grows with what is lacking, as the best one does.
 *
 * With rates f(s) at the share s, a power law through the ends gives the rate
 * with twice as many negatives, f(1) 2^-b with b = log(f(1/4) / f(1)) / log 4:
 * an extrapolation by one step, of negatives like those that there are. It is
 * told only where it can be: all and a quarter must differ by the exact test of
 * McNemar on the held-out negatives (p < 0.05), and GATE_CURVE_MIN_PASSED of
 * these pass with all of them. `sweep` is the long answer. */
#ifndef STAGE1_GATE_GATE_CURVE_H
#define STAGE1_GATE_GATE_CURVE_H

#include "stage1_gate/gate.h"

enum {
    GATE_CURVE_POINTS = 3,          /* a quarter, half, all */
    GATE_CURVE_DRAWS = 2,           /* of a quarter and of half */
    GATE_CURVE_MIN_NEGATIVES = 100, /* to train on, else nothing is told */
    GATE_CURVE_MIN_PASSED = 5,
    GATE_CURVE_IMAGES = 6000, /* looked at, evenly spread, where there are more
                                 images to train on */
};

enum gate_curve_answer {
    GATE_CURVE_NONE,        /* nothing was fitted: no cache, too few images */
    GATE_CURVE_HELPS,       /* `expected` is set */
    GATE_CURVE_FEW_PASS,    /* all of them leave too few to tell */
    GATE_CURVE_CANNOT_TELL, /* no difference that is more than chance */
};

struct gate_curve {
    enum gate_curve_answer answer;
    double min_recall;
    size_t n_held;                         /* negatives that judge */
    size_t n_negatives[GATE_CURVE_POINTS]; /* fitted on */
    double fpr[GATE_CURVE_POINTS];         /* mean of the draws */
    double p;        /* of a quarter (its first draw) against all */
    double expected; /* rate with twice as many; NaN unless told */
};

/* gate: as trained; ds and opt: what it was trained with. Nothing is changed.
 * Errors: those of nn_features_of_items() and nn_logistic_fit(). */
NN_MUST_CHECK enum nn_status
gate_curve(const struct nn_net *gate, const struct nn_dataset *ds,
           const struct gate_options *opt, const struct nn_run *run,
           struct gate_curve *out, struct nn_error *err);

/* What follows from the rates and the counts of held-out negatives that pass
 * with a quarter alone and with all alone; sets answer, p and expected. */
void gate_curve_answer(struct gate_curve *c, size_t quarter_alone,
                       size_t all_alone);

#endif /* STAGE1_GATE_GATE_CURVE_H */
