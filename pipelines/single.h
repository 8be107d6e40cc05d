/* pipelines/single.h - the single models that people use instead of a cascade.
 *
 *   multilabel    one sigmoid a class, binary cross-entropy or focal loss; a
 *                 negative is (0,0,...); p = the largest sigmoid
 *   softmax-none  softmax over the classes and "none"; p = 1 - p(none)
 *   softmax-max   softmax over the classes alone, never shown a negative;
 *                 p = the largest probability (D. Hendrycks and K. Gimpel,
 *                 ICLR 2017): the control
 *
 * All go through the loop, the views, the splits and the backbone of the
 * cascade, and see as many training pictures as its two nets together. The
 * threshold on p is fitted as the gate's is. In a model file the net stands
 * under "gate." with outputs "+class" and, of softmax-none, "-". */
#ifndef PIPELINES_SINGLE_H
#define PIPELINES_SINGLE_H

#include "pipelines/model.h"

struct single_options {
    enum model_system system;
    struct nn_train_options train;
    float width;
    int32_t size;
    struct nn_test_views test_views; /* of the trained net */
    int focal; /* multilabel: sigmoid focal loss instead of cross-entropy */
    double min_hit_rate;
    const char *init; /* weights to start from, or NULL */
};

/* p of the design and the classes' probabilities p_class [n_classes] from one
 * row of logits. */
double single_score(enum model_system system, const struct nn_net *net,
                    const float *logits, double *p_class);

/* 1 when the names of the outputs are those of the design. */
int single_outputs_ok(enum model_system system, const struct nn_net *net,
                      size_t n_classes);

/* Train. Errors: as nn_train(); NN_ERR_ARG when train or valid lacks what the
 * design needs (named). */
NN_MUST_CHECK enum nn_status
single_train(const struct nn_dataset *ds, const struct single_options *opt,
             const struct nn_run *run, struct nn_net **out,
             struct gate_policy *policy, struct nn_train_result *result,
             struct nn_error *err);

#endif /* PIPELINES_SINGLE_H */
