#include <math.h>
#include <string.h>

#include "common/base/parallel.h"
#include "common/tensor/exec_internal.h"

enum nn_status nn_exec_create(const struct nn_graph *g,
                              const struct nn_exec_options *opt,
                              struct nn_exec **out, struct nn_error *err)
{
    struct nn_exec *e;
    enum nn_status st;

    *out = NULL;
    if (!g->finished || opt->max_batch < 1) {
        return nn_fail(err, NN_ERR_ARG,
                       g->finished ? "max_batch must be 1 or more"
                                   : "the graph is not finished");
    }
    e = nn_mem_calloc(1, sizeof *e);
    if (e == NULL) {
        return nn_fail_nomem(err);
    }
    e->graph = g;
    e->opt = *opt;
    st = nn_exec_fuse(e, err);
    if (st) {
        goto out;
    }
    st = nn_microbatch_plan(e, err);
    if (st) {
        goto out;
    }
    st = nn_exec_place(e, err);
    if (st) {
        goto out;
    }
    if (!opt->train) {
        st = nn_fused_plan(e, err);
        if (st) {
            goto out;
        }
    }
    *out = e;
    e = NULL;
out:
    nn_exec_destroy(&e);
    return st;
}

void nn_exec_destroy(struct nn_exec **ep)
{
    struct nn_exec *e = *ep;

    *ep = NULL;
    if (e == NULL) {
        return;
    }
    for (size_t t = 0; e->step != NULL && t < e->graph->n_nodes; t++) {
        nn_conv_destroy(&e->step[t].kernel);
        nn_conv_destroy(&e->step[t].part);
    }
    nn_mem_free(e->step);
    nn_mem_free(e->y);
    nn_mem_free(e->dy);
    nn_mem_free(e->seen);
    nn_mem_free(e->sums);
    nn_buf_release(&e->activations);
    nn_buf_release(&e->gradients);
    nn_buf_release(&e->constants);
    nn_buf_release(&e->work);
    nn_buf_release(&e->microbatches);
    nn_mem_free(e);
}

/* --- folding ---------------------------------------------------------------
 */

/* Norm at inference: y = x * scale + shift with the running statistics. */
static void running_norm(const struct nn_exec *e, struct nn_step *s,
                         const float *values)
{
    const struct nn_graph *g = e->graph;
    const struct nn_node_info *node = &g->node[s->norm];
    const struct nn_param *p = &g->param[node->param];
    const float *gamma = values + p[NN_BN_WEIGHT].offset;
    const float *beta = values + p[NN_BN_BIAS].offset;
    const float *mean = values + p[NN_BN_MEAN].offset;
    const float *var = values + p[NN_BN_VAR].offset;

    for (int32_t c = 0; c < node->shape.c; c++) {
        double inv = 1.0 / sqrt((double)var[c] + (double)node->epsilon);

        s->scale[c] = (float)((double)gamma[c] * inv);
        s->shift[c] =
            (float)((double)beta[c] - (double)mean[c] * (double)gamma[c] * inv);
    }
}

static void fold_conv(struct nn_exec *e, struct nn_step *s, const float *values)
{
    const struct nn_graph *g = e->graph;
    const struct nn_node_info *node = &g->node[s->conv];
    const struct nn_param *w = &g->param[node->param];
    const float *bias = node->bias ? values + w[1].offset : NULL;
    float *folded = e->activations.data;
    size_t oc = (size_t)node->conv.oc, per = w->count / oc;

    for (size_t c = 0; c < oc; c++) {
        float scale = s->norm >= 0 ? s->scale[c] : 1.0f;

        for (size_t i = 0; i < per; i++) {
            folded[c * per + i] = values[w->offset + c * per + i] * scale;
        }
        s->folded_bias[c] = (s->norm >= 0 ? s->shift[c] : 0.0f) +
                            (bias != NULL ? bias[c] : 0.0f);
    }
    nn_conv_pack(s->kernel, folded, s->packed);
}

void nn_exec_load(struct nn_exec *e, const struct nn_params *p)
{
    if (e->opt.train) {
        return;
    }
    for (size_t t = 0; t < e->n_steps; t++) {
        struct nn_step *s = &e->step[t];

        if (s->norm >= 0) {
            running_norm(e, s, p->value.data);
        }
        if (s->conv >= 0) {
            fold_conv(e, s, p->value.data);
        }
    }
}

/* --- running ---------------------------------------------------------------
 */

/* Name of the first step whose output is not finite, running all again with a
 * look after each (buffers are reused at inference, so afterwards is too
 * late). */
static const char *first_bad(struct nn_exec *e)
{
    const struct nn_graph *g = e->graph;

    for (size_t t = 0; t < e->n_steps; t++) {
        struct nn_step *s = &e->step[t];
        size_t n = nn_step_floats(g, s->out, e->batch);
        nn_node id = s->conv >= 0 ? s->conv : s->norm;
        const float *y = e->y[s->out] != NULL ? e->y[s->out] : s->z;

        if (!e->opt.train) {
            nn_step_forward(e, s, NULL);
        }
        if (nn_first_bad(y, n) < n) {
            return id >= 0 ? g->node[id].name : nn_op_name(&g->node[s->out]);
        }
    }
    return "logits";
}

struct pass {
    struct nn_exec *e;
    struct nn_params *p;
};

static void forward_steps(void *ctx)
{
    struct pass *pass = ctx;
    size_t first = pass->e->opt.train ? 0 : nn_fused_forward(pass->e);

    for (size_t t = first; t < pass->e->n_steps; t++) {
        nn_step_forward(pass->e, &pass->e->step[t], pass->p);
    }
}

static void backward_steps(void *ctx)
{
    struct pass *pass = ctx;

    for (size_t t = pass->e->n_steps; t-- > 0;) {
        nn_step_backward(pass->e, &pass->e->step[t], pass->p);
    }
}

enum nn_status nn_exec_forward(struct nn_exec *e, struct nn_params *p,
                               const float *input, int32_t batch, uint64_t step,
                               struct nn_tensor *logits, struct nn_error *err)
{
    const struct nn_graph *g = e->graph;
    struct pass pass = { e, p };
    size_t n;

    if (batch < 1 || batch > e->opt.max_batch || (e->opt.train && p == NULL)) {
        return nn_fail(err, NN_ERR_ARG, "batch of %d images, 1 to %d fit",
                       (int)batch, (int)e->opt.max_batch);
    }
    e->batch = batch;
    e->at_step = step;
    /* The input is only read; the table of outputs holds plain pointers. */
    e->y[g->input] = (float *)(uintptr_t)input;
    nn_parallel_team(forward_steps, &pass);
    logits->shape = g->node[g->logits].shape;
    logits->shape.n = batch;
    logits->data = e->y[g->logits];
    n = nn_step_floats(g, g->logits, batch);
    if (nn_first_bad(logits->data, n) < n) {
        return nn_fail(err, NN_ERR_NUMERIC, "NaN or Inf in the output of '%s'",
                       first_bad(e));
    }
    return NN_OK;
}

enum nn_status nn_exec_marked(const struct nn_exec *e, const char *mark,
                              struct nn_tensor *out)
{
    const struct nn_graph *g = e->graph;

    for (size_t i = 0; i < g->n_nodes && e->batch > 0; i++) {
        if (g->node[i].mark != NULL && strcmp(g->node[i].mark, mark) == 0 &&
            e->y[i] != NULL) {
            out->shape = g->node[i].shape;
            out->shape.n = e->batch;
            out->data = e->y[i];
            return NN_OK;
        }
    }
    return NN_ERR_ARG;
}

enum nn_status nn_exec_backward(struct nn_exec *e, struct nn_params *p,
                                const float *dlogits, struct nn_error *err)
{
    const struct nn_graph *g = e->graph;
    struct pass pass = { e, p };

    if (!e->opt.train || e->batch == 0 || p->grad.data == NULL) {
        return nn_fail(err, NN_ERR_ARG,
                       "backward needs a training executor, gradients and a "
                       "forward pass before it");
    }
    memset(e->seen, 0, g->n_nodes);
    for (size_t t = 0; t < e->n_steps; t++) {
        e->step[t].gathered = 0;
    }
    memcpy(e->dy[g->logits], dlogits,
           nn_step_floats(g, g->logits, e->batch) * sizeof(float));
    e->seen[g->logits] = 1;
    nn_parallel_team(backward_steps, &pass);
    e->batch = 0; /* a second backward would find used-up statistics */
    return NN_OK;
}
