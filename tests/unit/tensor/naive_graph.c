#include "tests/unit/tensor/naive_graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NODES = 64 };

static size_t elements(struct nn_shape s)
{
    return (size_t)NAIVE_BATCH * (size_t)s.h * (size_t)s.w * (size_t)s.c;
}

static double pixel(const double *x, struct nn_shape s, int b, int h, int w,
                    int c)
{
    if (h < 0 || w < 0 || h >= s.h || w >= s.w) {
        return 0;
    }
    return x[(((size_t)b * (size_t)s.h + (size_t)h) * (size_t)s.w + (size_t)w) *
                 (size_t)s.c +
             (size_t)c];
}

static double tap_sum(const struct nn_node_info *n, const double *x,
                      struct nn_shape in, const double *w, int b, int oh,
                      int ow, int oc)
{
    const struct nn_conv_shape *c = &n->conv;
    int per = c->ic / c->groups, group = oc / (c->oc / c->groups);
    double sum = 0;

    for (int kh = 0; kh < c->kh; kh++) {
        for (int kw = 0; kw < c->kw; kw++) {
            for (int i = 0; i < per; i++) {
                sum +=
                    pixel(x, in, b, oh * c->stride_h + kh - c->pad_h,
                          ow * c->stride_w + kw - c->pad_w, group * per + i) *
                    w[((oc * c->kh + kh) * c->kw + kw) * per + i];
            }
        }
    }
    return sum;
}

static void naive_conv(const struct nn_graph *g, const struct nn_node_info *n,
                       const double *x, const double *p, double *y)
{
    struct nn_shape in = n->dense ? (struct nn_shape){ 1, 1, 1, n->conv.ic }
                                  : g->node[n->in[0]].shape;
    const struct nn_param *q = &g->param[n->param];
    size_t at = 0;

    for (int b = 0; b < NAIVE_BATCH; b++) {
        for (int h = 0; h < n->shape.h; h++) {
            for (int w = 0; w < n->shape.w; w++) {
                for (int c = 0; c < n->shape.c; c++) {
                    y[at++] = tap_sum(n, x, in, p + q->offset, b, h, w, c) +
                              (n->bias ? p[q[1].offset + (size_t)c] : 0);
                }
            }
        }
    }
}

static void naive_norm(const struct nn_graph *g, const struct nn_node_info *n,
                       const double *x, const double *p, double *y)
{
    const struct nn_param *q = &g->param[n->param];
    size_t c = (size_t)n->shape.c, rows = elements(n->shape) / c;

    for (size_t j = 0; j < c; j++) {
        double mean = 0, var = 0;

        for (size_t r = 0; r < rows; r++) {
            mean += x[r * c + j] / (double)rows;
        }
        for (size_t r = 0; r < rows; r++) {
            var += pow(x[r * c + j] - mean, 2) / (double)rows;
        }
        for (size_t r = 0; r < rows; r++) {
            y[r * c + j] = (x[r * c + j] - mean) /
                               sqrt(var + (double)n->epsilon) *
                               p[q[NN_BN_WEIGHT].offset + j] +
                           p[q[NN_BN_BIAS].offset + j];
        }
    }
}

static void naive_mean(const struct nn_graph *g, const struct nn_node_info *n,
                       const double *x, double *y)
{
    struct nn_shape in = g->node[n->in[0]].shape;
    size_t hw = (size_t)in.h * (size_t)in.w, c = (size_t)in.c;

    for (size_t b = 0; b < NAIVE_BATCH; b++) {
        for (size_t j = 0; j < c; j++) {
            y[b * c + j] = 0;
            for (size_t i = 0; i < hw; i++) {
                y[b * c + j] += x[(b * hw + i) * c + j] / (double)hw;
            }
        }
    }
}

double naive_loss(const struct nn_graph *g, const double *p,
                  const double *input, const float *direction)
{
    double *y[MAX_NODES] = { NULL }, loss = 0;

    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct nn_node_info *n = &g->node[i];
        size_t count = elements(n->shape);
        const double *a = n->in[0] >= 0 ? y[n->in[0]] : NULL;
        const double *b = n->in[1] >= 0 ? y[n->in[1]] : NULL;

        y[i] = calloc(count, sizeof **y);
        switch (n->op) {
        case NN_OP_INPUT:
            memcpy(y[i], input, count * sizeof **y);
            break;
        case NN_OP_CONV2D:
            naive_conv(g, n, a, p, y[i]);
            break;
        case NN_OP_BNORM:
            naive_norm(g, n, a, p, y[i]);
            break;
        case NN_OP_MEAN_HW:
            naive_mean(g, n, a, y[i]);
            break;
        case NN_OP_RELU:
        case NN_OP_RELU6:
        case NN_OP_ADD:
        case NN_OP_DROPOUT:
            for (size_t j = 0; j < count; j++) {
                y[i][j] = n->op == NN_OP_ADD     ? a[j] + b[j]
                          : n->op == NN_OP_RELU  ? fmax(a[j], 0)
                          : n->op == NN_OP_RELU6 ? fmin(fmax(a[j], 0), 6)
                                                 : a[j];
            }
            break;
        }
    }
    for (size_t j = 0; j < elements(g->node[g->logits].shape); j++) {
        loss += y[g->logits][j] * (double)direction[j];
    }
    for (size_t i = 0; i < g->n_nodes; i++) {
        free(y[i]);
    }
    return loss;
}
