/* pipelines/train/baseline.h - the single models that people use instead of a
 * cascade.
 *
 *   multilabel    one sigmoid a class, binary cross-entropy or focal loss; a
 *                 negative is (0,0,...); p = the largest sigmoid
 *   softmax-none  softmax over the classes and "none"; p = 1 - p(none)
 *   softmax-max   softmax over the classes alone, never shown a negative;
 *                 p = the largest probability (D. Hendrycks and K. Gimpel,
 *                 ICLR 2017): the control
 *
 * All go through the loop, the views, the splits and the backbone of the
 * cascade, and see as many training images as its two nets together. The
 * threshold on p is fitted as the gate's is. In a model file the net stands
 * under "gate." with outputs "+class" and, of softmax-none, "-". */
#ifndef PIPELINES_TRAIN_BASELINE_H
#define PIPELINES_TRAIN_BASELINE_H

#include "pipelines/cascade/model.h"

struct baseline_options {
    enum model_system system;
    struct nn_train_options train;
    enum nn_arch arch;
    float width;
    int32_t size;
    struct nn_tta tta; /* of the trained net */
    int focal; /* multilabel: sigmoid focal loss instead of cross-entropy */
    double min_recall;
    const char *init; /* weights to start from, or NULL */
};

/* Train. Errors: as nn_train(); NN_ERR_ARG when train or valid lacks what the
 * design needs (named). */
NN_MUST_CHECK enum nn_status
baseline_train(const struct nn_dataset *ds, const struct baseline_options *opt,
               const struct nn_run *run, struct nn_net **out,
               struct gate_policy *policy, struct nn_train_result *result,
               struct nn_error *err);

#endif /* PIPELINES_TRAIN_BASELINE_H */
