/* pipelines/bench/training.h - training steps of a net, without data: forward,
 * loss, backward, clipping, AdamW. */
#ifndef PIPELINES_BENCH_TRAINING_H
#define PIPELINES_BENCH_TRAINING_H

#include "common/tensor/graph.h"

struct bench_training; /* opaque: an executor and random weights of its own */

/* Steps of up to `batch` images. g must outlive it. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status bench_training_create(const struct nn_graph *g,
                                                   int32_t batch,
                                                   struct bench_training **out,
                                                   struct nn_error *err);
void bench_training_destroy(struct bench_training **t); /* NULL is fine */

/* One step on n images [n,H,W,C], or on own random ones (input NULL). The
 * targets are one class after the other; *loss may be NULL.
 * Errors: those of nn_exec_forward() and nn_loss_eval(). */
NN_MUST_CHECK enum nn_status bench_training_step(struct bench_training *t,
                                                 const float *input, int32_t n,
                                                 double *loss,
                                                 struct nn_error *err);

#endif /* PIPELINES_BENCH_TRAINING_H */
