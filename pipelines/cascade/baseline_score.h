/* pipelines/cascade/baseline_score.h - what the outputs of a single model say;
 * pipelines/train/baseline.h has the designs. */
#ifndef PIPELINES_CASCADE_BASELINE_SCORE_H
#define PIPELINES_CASCADE_BASELINE_SCORE_H

#include "pipelines/cascade/model.h"

/* p of the design and the classes' probabilities p_class [n_classes] from one
 * row of logits. */
double baseline_score(enum model_system system, const struct nn_net *net,
                      const float *logits, double *p_class);

/* 1 when the names of the outputs are those of the design. */
int baseline_outputs_ok(enum model_system system, const struct nn_net *net,
                        size_t n_classes);

#endif /* PIPELINES_CASCADE_BASELINE_SCORE_H */
