#include <string.h>

#include "common/tensor/exec_internal.h"
#include "common/tensor/kernels/norm.h"

/* Add a gradient to what node id has so far. */
static void give(struct nn_exec *e, nn_node id, const float *d)
{
    size_t n = nn_step_floats(e->graph, id, e->batch);

    if (e->dy[id] == NULL) {
        return; /* the input wants none */
    }
    if (e->seen[id]) {
        nn_add_into(d, n, e->dy[id]);
    } else {
        memcpy(e->dy[id], d, n * sizeof(float));
        e->seen[id] = 1;
    }
}

/* The two sums into coefficients, which take the place of mean and inv_std:
 * those are not needed any more. */
static void norm_coefficients(struct nn_exec *e, struct nn_step *s,
                              struct nn_params *p)
{
    const struct nn_graph *g = e->graph;
    double rows = (double)nn_step_rows(g, s->out, e->batch);
    size_t c = (size_t)g->node[s->out].shape.c;
    const float *gamma = nn_step_param(g, p->value.data, s->norm, NN_BN_WEIGHT);
    float *dgamma = nn_step_param(g, p->grad.data, s->norm, NN_BN_WEIGHT);
    float *dbeta = nn_step_param(g, p->grad.data, s->norm, NN_BN_BIAS);

    for (size_t i = 0; i < c; i++) {
        double inv = (double)s->inv_std[i], mean = (double)s->mean[i];
        double coef_dy = (double)gamma[i] * inv;
        double coef_z = -coef_dy * inv * s->sum_sq[i] / rows;

        dbeta[i] += (float)s->sum[i];
        dgamma[i] += (float)s->sum_sq[i];
        s->inv_std[i] = (float)coef_dy;
        s->coef_z[i] = (float)coef_z;
        s->mean[i] = (float)(-coef_dy * s->sum[i] / rows - coef_z * mean);
    }
}

/* Pass 1 of the norm, unless the step behind has done it. x is what it
 * normalised. */
static void norm_sums(struct nn_exec *e, struct nn_step *s, struct nn_params *p,
                      const float *x, const float *dy)
{
    struct nn_norm_saved saved = nn_step_saved(s);

    if (!s->gathered) {
        nn_norm_backward_sums(x, dy, nn_step_rows(e->graph, s->out, e->batch),
                              (size_t)e->graph->node[s->out].shape.c, &saved,
                              s->sum, s->sum_sq, e->work.data);
    }
    s->gathered = 0;
    norm_coefficients(e, s, p);
}

/* Pass 2: the gradient of x goes to dx, which may be dy itself. */
static void norm_apply(struct nn_exec *e, struct nn_step *s, const float *x,
                       const float *dy, float *dx)
{
    struct nn_norm_saved saved = nn_step_saved(s);

    nn_norm_backward_apply(x, dy, nn_step_rows(e->graph, s->out, e->batch),
                           (size_t)e->graph->node[s->out].shape.c, &saved,
                           s->inv_std, s->coef_z, s->mean, dx);
}

static void backward_conv(struct nn_exec *e, struct nn_step *s,
                          struct nn_params *p, const float *dz)
{
    const struct nn_graph *g = e->graph;
    const struct nn_node_info *node = &g->node[s->conv];
    size_t rows = nn_step_rows(g, s->conv, e->batch);
    size_t c = (size_t)node->shape.c;

    nn_conv_backward_weights(s->kernel, e->batch, e->y[s->x], dz,
                             nn_step_param(g, p->grad.data, s->conv, 0), 1,
                             e->work.data, NULL, NULL);
    if (node->bias) {
        float *db = nn_step_param(g, p->grad.data, s->conv, 1);

        for (size_t i = 0; i < c; i++) {
            double sum = 0;

            for (size_t r = 0; r < rows; r++) {
                sum += (double)dz[r * c + i];
            }
            db[i] += (float)sum;
        }
    }
    if (e->dy[s->x] != NULL) {
        nn_conv_backward_input(s->kernel, e->batch, dz,
                               nn_step_param(g, p->value.data, s->conv, 0),
                               e->dy[s->x], e->seen[s->x], e->work.data);
        e->seen[s->x] = 1;
    }
}

static void backward_fused(struct nn_exec *e, struct nn_step *s,
                           struct nn_params *p)
{
    size_t n = nn_step_floats(e->graph, s->out, e->batch);
    float *dy = e->dy[s->out];

    if (s->microbatch > 0) {
        norm_sums(e, s, p, s->z, dy);
        nn_microbatch_backward(e, s, p);
        return;
    }
    if (s->act && (s->residual >= 0 || s->norm < 0)) {
        nn_act_backward(e->y[s->out], dy, n, s->act, dy);
    }
    if (s->residual >= 0) {
        give(e, s->residual, dy);
    }
    if (s->norm >= 0 && s->conv >= 0) {
        norm_sums(e, s, p, s->z, dy);
        norm_apply(e, s, s->z, dy, dy);
    } else if (s->norm >= 0) {
        norm_sums(e, s, p, e->y[s->x], dy);
        norm_apply(e, s, e->y[s->x], dy, e->scratch);
        give(e, s->x, e->scratch);
    }
    if (s->conv >= 0) {
        backward_conv(e, s, p, dy);
    } else if (s->norm < 0) {
        give(e, s->x, dy);
    }
}

static void backward_mean(struct nn_exec *e, const struct nn_step *s)
{
    struct nn_shape in = e->graph->node[s->x].shape;
    size_t hw = (size_t)in.h * (size_t)in.w, c = (size_t)in.c;
    const float *dy = e->dy[s->out];
    float *dx = e->dy[s->x];

    if (dx == NULL) {
        return;
    }
    if (!e->seen[s->x]) {
        nn_mean_backward(dy, (size_t)e->batch, hw, c, dx);
        e->seen[s->x] = 1;
        return;
    }
    for (size_t b = 0; b < (size_t)e->batch; b++) {
        for (size_t i = 0; i < hw * c; i++) {
            dx[b * hw * c + i] += dy[b * c + i % c] / (float)hw;
        }
    }
}

void nn_step_backward(struct nn_exec *e, struct nn_step *s, struct nn_params *p)
{
    size_t n = nn_step_floats(e->graph, s->out, e->batch);
    float drop = e->graph->node[s->out].drop;

    if (!e->seen[s->out]) {
        return; /* nothing that leads to the logits reads it */
    }
    if (s->op == NN_OP_MEAN_HW) {
        backward_mean(e, s);
    } else if (s->op == NN_OP_DROPOUT) {
        if (drop > 0) {
            nn_dropout_apply(e->opt.seed, (uint64_t)s->out, e->at_step, drop,
                             e->dy[s->out], n);
        }
        give(e, s->x, e->dy[s->out]);
    } else {
        backward_fused(e, s, p);
    }
}
