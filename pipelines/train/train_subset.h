/* pipelines/train/train_subset.h - training the gate alone, on some of the
 * negatives and with other losses: what `sweep` varies. */
#ifndef PIPELINES_TRAIN_TRAIN_SUBSET_H
#define PIPELINES_TRAIN_TRAIN_SUBSET_H

#include "common/base/options.h"
#include "pipelines/cascade/model.h"

struct train_subset {
    int only;                   /* enum train_only */
    const char *only_negatives; /* a list of names, or NULL: all */
    double gate_focal;          /* gamma; 0: cross-entropy */
    int class_weights;
};
enum train_only { TRAIN_ALL, TRAIN_ONLY_GATE };

/* Rows of train's option table; s: a struct train_subset. */
#define SUBSET_ROWS(s)                                                         \
    NN_OPT_HEADING("to study the gate"),                                       \
        NN_OPT_CHOICE(0, "only", &(s).only, "all|gate",                        \
                      "gate: no species net; the model has one class, whose "  \
                      "name is those of the classes with '|' between them"),   \
        NN_OPT_STRING(0, "only-negatives", &(s).only_negatives, "FILE",        \
                      "train on these negatives of DATA alone: names as "      \
                      "inspect prints them, one a line"),                      \
        NN_OPT_DOUBLE(0, "gate-focal", &(s).gate_focal, "GAMMA", 0, 20,        \
                      "focal loss for the gate; 0: cross-entropy"),            \
        NN_OPT_FLAG(                                                           \
            0, "class-weights", &(s).class_weights,                            \
            "weigh training images so that bears and negatives count alike")

/* Take the training negatives that the list does not name out of training,
 * and weigh images: with n training images, p of them positive, a positive
 * counts n / (2 p) and a negative n / (2 (n-p)) times what it did. Readable
 * training images alone are counted.
 * Errors: NN_ERR_ARG (a name that is no training negative of ds: names it),
 * NN_ERR_IO, NN_ERR_FORMAT (of the list), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status train_take_subset(struct nn_dataset *ds,
                                               const struct train_subset *s,
                                               struct nn_error *err);

/* The gate's loss. */
void train_subset_loss(const struct train_subset *s, struct nn_loss *loss);

/* Make one class of m's classes, named "a|b|c": what a gate alone can tell.
 * Errors: NN_ERR_NOMEM; m is then as it was. */
NN_MUST_CHECK enum nn_status train_join_classes(struct model *m,
                                                struct nn_error *err);

#endif /* PIPELINES_TRAIN_TRAIN_SUBSET_H */
