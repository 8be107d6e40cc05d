/* tests/unit/synth/linear.h - logistic regression for the cue test. */
#ifndef TESTS_UNIT_SYNTH_LINEAR_H
#define TESTS_UNIT_SYNTH_LINEAR_H

#include <stddef.h>

/* x [n,d] rows are standardised in place by the mean and spread of the first
 * n_train; label[i] is 0 or 1. Trains on the first n_train rows by gradient
 * descent on the class-balanced cross-entropy, once for each of three L2
 * penalties. Returns the best balanced accuracy on the other rows: choosing
 * the penalty there favours the classifier, which makes the test stricter. */
double linear_balanced_accuracy(float *x, const int *label, size_t n,
                                size_t n_train, size_t d);

#endif /* TESTS_UNIT_SYNTH_LINEAR_H */
