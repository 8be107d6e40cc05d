/* common/tensor/optim.h - optimisers, schedules, clipping, weight averages.
 *
 * All work on the flat arrays of nn_params through the graph's parameter
 * table: running statistics are skipped, norms and biases are not decayed. */
#ifndef NN_COMMON_TENSOR_OPTIM_H
#define NN_COMMON_TENSOR_OPTIM_H

#include <stdint.h>

#include "common/tensor/graph.h"

enum nn_optim_kind {
    NN_OPTIM_SGD,   /* g += wd*w; v = mu v + g; w -= lr (g + mu v) Nesterov,
                       as torch.optim.SGD(nesterov=True, dampening=0) */
    NN_OPTIM_ADAMW, /* decoupled decay (Loshchilov & Hutter, 1711.05101), as
                       torch.optim.AdamW */
};

struct nn_optim_options {
    enum nn_optim_kind kind;
    float momentum; /* SGD mu, 0..1 */
    int nesterov;
    float beta1, beta2; /* AdamW */
    float epsilon;
    float weight_decay;
};
struct nn_optim_options nn_optim_defaults(enum nn_optim_kind kind);

/* State to save for a bit-equal resume: step and both moment arrays. */
struct nn_optim {
    struct nn_optim_options opt;
    int64_t step;    /* updates made */
    struct nn_buf m; /* momentum or first moment */
    struct nn_buf v; /* second moment; empty for SGD */
};
NN_MUST_CHECK enum nn_status nn_optim_init(struct nn_optim *o,
                                           const struct nn_graph *g,
                                           const struct nn_optim_options *opt);
void nn_optim_release(struct nn_optim *o);

/* One update from p->grad. lr_scale: a factor per parameter of the graph's
 * table (index i), or NULL; 0 freezes it. */
void nn_optim_step(struct nn_optim *o, const struct nn_graph *g,
                   struct nn_params *p, double lr, const float *lr_scale);

/* Zeros for the next backward pass, which adds. */
void nn_grad_clear(struct nn_params *p);

/* Euclidean norm of the trained gradients; scales them down to max_norm when
 * above it (max_norm <= 0: only measures). */
double nn_grad_clip(struct nn_params *p, const struct nn_graph *g,
                    double max_norm);

/* avg = d avg + (1-d) value over all parameters, running statistics too,
 * d = min(decay, (1 + t) / (10 + t)) at update t = 0, 1, ... */
void nn_ema_update(struct nn_buf *avg, const struct nn_params *p, double decay,
                   int64_t t);

enum nn_schedule_kind {
    NN_SCHEDULE_CONSTANT,
    NN_SCHEDULE_COSINE,    /* linear warm-up, then half a cosine to final */
    NN_SCHEDULE_ONE_CYCLE, /* Smith 1708.07120: cosine up over warmup share
                              from peak/25, cosine down to peak/1e4 */
};
struct nn_schedule {
    enum nn_schedule_kind kind;
    double peak;         /* largest learning rate */
    double warmup_share; /* of all steps, 0..1 */
    double final_share;  /* cosine: last rate / peak */
};
/* Learning rate of step 0..total-1. */
double nn_schedule_at(const struct nn_schedule *s, int64_t step, int64_t total);

#endif /* NN_COMMON_TENSOR_OPTIM_H */
