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

/* Backward of the norm: x is what it normalised; the gradient of x goes to
 * dx, which may be dy itself. The coefficients take the place of mean and
 * inv_std, which are not needed any more. */
static void backward_norm(struct nn_exec *e, struct nn_step *s,
                          struct nn_params *p, const float *x, const float *dy,
                          int relu, float *dx)
{
    const struct nn_graph *g = e->graph;
    size_t rows = nn_step_rows(g, s->out, e->batch);
    size_t c = (size_t)g->node[s->out].shape.c;
    const float *gamma = nn_step_param(g, p->value.data, s->norm, NN_BN_WEIGHT);
    float *dgamma = nn_step_param(g, p->grad.data, s->norm, NN_BN_WEIGHT);
    float *dbeta = nn_step_param(g, p->grad.data, s->norm, NN_BN_BIAS);
    struct nn_norm_past past = { .mean = s->mean, .inv_std = s->inv_std };
    float *a = s->inv_std, *b = s->curve, *k = s->mean;

    if (relu) {
        past.scale = s->scale;
        past.shift = s->shift;
    }
    nn_norm_backward_sums(x, dy, rows, c, &past, s->sum, s->sum_sq,
                          e->work.data);
    for (size_t i = 0; i < c; i++) {
        double inv = (double)s->inv_std[i], mean = (double)s->mean[i];
        double slope = (double)gamma[i] * inv;
        double curve = -slope * inv * s->sum_sq[i] / (double)rows;

        dbeta[i] += (float)s->sum[i];
        dgamma[i] += (float)s->sum_sq[i];
        a[i] = (float)slope;
        b[i] = (float)curve;
        k[i] = (float)(-slope * s->sum[i] / (double)rows - curve * mean);
    }
    nn_norm_backward_apply(x, dy, rows, c, &past, a, b, k, dx);
}

static void backward_conv(struct nn_exec *e, struct nn_step *s,
                          struct nn_params *p, const float *dz)
{
    const struct nn_graph *g = e->graph;
    const struct nn_node_info *node = &g->node[s->conv];
    size_t rows = nn_step_rows(g, s->conv, e->batch);
    size_t c = (size_t)node->shape.c;

    nn_conv_backward_weights(s->kernel, e->batch, e->y[s->x], dz,
                             nn_step_param(g, p->grad.data, s->conv, 0),
                             e->work.data);
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
    int relu = s->relu;

    if (relu && (s->residual >= 0 || s->norm < 0)) {
        nn_relu_backward(e->y[s->out], dy, n, dy);
        relu = 0;
    }
    if (s->residual >= 0) {
        give(e, s->residual, dy);
    }
    if (s->norm >= 0 && s->conv >= 0) {
        backward_norm(e, s, p, s->z, dy, relu, dy);
    } else if (s->norm >= 0) {
        backward_norm(e, s, p, e->y[s->x], dy, relu, e->scratch);
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
