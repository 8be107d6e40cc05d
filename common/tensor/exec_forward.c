#include <math.h>
#include <string.h>

#include "common/base/parallel.h"
#include "common/base/rng.h"
#include "common/tensor/exec_internal.h"
#include "common/tensor/kernels/norm.h"

/* --- dropout ---------------------------------------------------------------
 */

enum { DROPOUT_CHUNK = 4096 };

struct dropout {
    uint64_t seed, stream;
    float drop;
    float *v;
    size_t n;
};

static void dropout_chunk(void *ctx, size_t chunk)
{
    const struct dropout *d = ctx;
    size_t from = chunk * DROPOUT_CHUNK;
    size_t to = from + DROPOUT_CHUNK < d->n ? from + DROPOUT_CHUNK : d->n;
    float keep = 1.0f / (1.0f - d->drop);
    uint32_t limit = (uint32_t)(d->drop * 65536.0f);

    /* One draw of 64 bits decides four elements. */
    for (size_t i = from; i < to; i += 4) {
        uint64_t bits = nn_rng_at(d->seed, d->stream, i);

        for (size_t j = i; j < i + 4 && j < to; j++) {
            d->v[j] = (bits & 0xffff) < limit ? 0.0f : d->v[j] * keep;
            bits >>= 16;
        }
    }
}

void nn_dropout_apply(uint64_t seed, uint64_t node, uint64_t step, float drop,
                      float *v, size_t n)
{
    struct dropout d = { seed, nn_rng_stream(0x64726f70, node, step), drop, v,
                         n };

    nn_parallel_for((n + DROPOUT_CHUNK - 1) / DROPOUT_CHUNK, dropout_chunk, &d);
}

/* --- batch norm ------------------------------------------------------------
 */

/* Batch statistics from the sums; running ones move towards them. */
static void train_norm(struct nn_exec *e, struct nn_step *s,
                       struct nn_params *p)
{
    const struct nn_graph *g = e->graph;
    const struct nn_node_info *node = &g->node[s->norm];
    float *gamma = nn_step_param(g, p->value.data, s->norm, NN_BN_WEIGHT);
    float *beta = nn_step_param(g, p->value.data, s->norm, NN_BN_BIAS);
    float *run_mean = nn_step_param(g, p->value.data, s->norm, NN_BN_MEAN);
    float *run_var = nn_step_param(g, p->value.data, s->norm, NN_BN_VAR);
    double n = (double)nn_step_rows(g, s->norm, e->batch);
    double keep = (double)node->momentum;

    for (int32_t c = 0; c < node->shape.c; c++) {
        double mean = s->sum[c] / n;
        double var = s->sum_sq[c] / n - mean * mean;
        double inv;

        var = var > 0 ? var : 0;
        inv = 1.0 / sqrt(var + (double)node->epsilon);
        s->mean[c] = (float)mean;
        s->inv_std[c] = (float)inv;
        s->scale[c] = gamma[c] * s->inv_std[c];
        s->shift[c] = beta[c] - s->mean[c] * s->scale[c];
        run_mean[c] = (float)(keep * (double)run_mean[c] + (1 - keep) * mean);
        run_var[c] = (float)(keep * (double)run_var[c] +
                             (1 - keep) * var * (n > 1 ? n / (n - 1) : 1));
    }
}

enum { FEW_IMAGES = 2 }; /* the weights are the most that is read */

/* --- steps -----------------------------------------------------------------
 */

static void forward_conv(struct nn_exec *e, struct nn_step *s,
                         struct nn_params *p)
{
    const struct nn_graph *g = e->graph;
    const struct nn_node_info *node = &g->node[s->conv];
    const float *res = s->residual >= 0 ? e->y[s->residual] : NULL;
    struct nn_conv_epilogue end = { 0 };

    if (!e->opt.train) {
        end.bias = s->folded_bias;
        end.residual = res;
        end.act = s->act;
        if (e->batch <= FEW_IMAGES) {
            end.later = s->later;
            end.far = s->far;
        }
        nn_conv_forward(s->kernel, e->batch, e->y[s->x], s->packed, &end,
                        e->y[s->out], e->work.data);
        return;
    }
    nn_conv_pack(s->kernel, nn_step_param(g, p->value.data, s->conv, 0),
                 s->packed);
    if (s->norm < 0) {
        end.bias =
            node->bias ? nn_step_param(g, p->value.data, s->conv, 1) : NULL;
        end.residual = res;
        end.act = s->act;
        nn_conv_forward(s->kernel, e->batch, e->y[s->x], s->packed, &end,
                        e->y[s->out], e->work.data);
        return;
    }
    if (s->microbatch > 0) {
        nn_microbatch_forward(e, s);
    } else {
        end.sum = s->sum;
        end.sum_sq = s->sum_sq;
        nn_conv_forward(s->kernel, e->batch, e->y[s->x], s->packed, &end, s->z,
                        e->work.data);
    }
    train_norm(e, s, p);
    if (!nn_microbatch_fuses_norm(e, s)) {
        nn_norm_apply(s->z, nn_step_rows(g, s->out, e->batch),
                      (size_t)node->shape.c, s->scale, s->shift, res, s->act,
                      e->y[s->out]);
    }
}

static void forward_norm(struct nn_exec *e, struct nn_step *s,
                         struct nn_params *p)
{
    size_t rows = nn_step_rows(e->graph, s->out, e->batch);
    size_t c = (size_t)e->graph->node[s->out].shape.c;
    const float *res = s->residual >= 0 ? e->y[s->residual] : NULL;

    if (e->opt.train) {
        nn_norm_stats(e->y[s->x], rows, c, s->sum, s->sum_sq, e->work.data);
        train_norm(e, s, p);
    }
    nn_norm_apply(e->y[s->x], rows, c, s->scale, s->shift, res, s->act,
                  e->y[s->out]);
}

static void forward_plain(struct nn_exec *e, struct nn_step *s)
{
    size_t n = nn_step_floats(e->graph, s->out, e->batch);
    const float *x = e->y[s->x];
    float *y = e->y[s->out];

    if (s->residual >= 0) {
        nn_add_forward(x, e->y[s->residual], n, y);
        x = y;
    }
    if (s->act) {
        nn_act_forward(x, n, s->act, y);
    }
}

void nn_step_forward(struct nn_exec *e, struct nn_step *s, struct nn_params *p)
{
    const struct nn_graph *g = e->graph;
    struct nn_shape in = g->node[s->x].shape;
    size_t n = nn_step_floats(g, s->out, e->batch);
    float drop = g->node[s->out].drop;

    switch (s->op) {
    case NN_OP_MEAN_HW:
        nn_mean_forward(e->y[s->x], (size_t)e->batch,
                        (size_t)in.h * (size_t)in.w, (size_t)in.c,
                        e->y[s->out]);
        return;
    case NN_OP_DROPOUT:
        memcpy(e->y[s->out], e->y[s->x], n * sizeof(float));
        if (e->opt.train && drop > 0) {
            nn_dropout_apply(e->opt.seed, (uint64_t)s->out, e->at_step, drop,
                             e->y[s->out], n);
        }
        return;
    default:
        break;
    }
    if (s->conv >= 0) {
        forward_conv(e, s, p);
    } else if (s->norm >= 0) {
        forward_norm(e, s, p);
    } else {
        forward_plain(e, s);
    }
}
