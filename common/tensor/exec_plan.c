/* Which nodes become one step, and where every buffer lies. */
#include "common/base/cpu.h"
#include "common/tensor/exec_internal.h"
#include "common/tensor/kernels/norm.h"
#include "common/tensor/plan.h"

/* --- fusion ----------------------------------------------------------------
 */

/* The only node that reads `id`, when it directly follows the rules of a
 * chain: one reader, no mark, not the logits. */
static nn_node only_reader(const struct nn_graph *g, nn_node id)
{
    if (g->node[id].users != 1 || g->node[id].mark != NULL || id == g->logits) {
        return NN_NODE_BAD;
    }
    for (nn_node j = id + 1; (size_t)j < g->n_nodes; j++) {
        if (g->node[j].in[0] == id || g->node[j].in[1] == id) {
            return j;
        }
    }
    return NN_NODE_BAD;
}

static enum nn_act act_of(enum nn_op op)
{
    return op == NN_OP_RELU6 ? NN_ACT_RELU6 : NN_ACT_RELU;
}

/* Extend the step that ends in s->out by its reader, if it fits; the reader
 * of an add must come after the other operand, which is then complete. */
static int extend(const struct nn_graph *g, struct nn_step *s, uint8_t *taken)
{
    nn_node next = only_reader(g, s->out);
    const struct nn_node_info *n;

    if (next < 0 || s->act || taken[next]) {
        return 0;
    }
    n = &g->node[next];
    if (n->op == NN_OP_BNORM && s->conv >= 0 && s->norm < 0 &&
        s->residual < 0 && !g->node[s->conv].bias) {
        s->norm = next;
    } else if (n->op == NN_OP_ADD && s->residual < 0 && n->in[0] != n->in[1]) {
        nn_node other = n->in[0] == s->out ? n->in[1] : n->in[0];

        if (other > s->out) {
            return 0;
        }
        s->residual = other;
    } else if (n->op == NN_OP_RELU || n->op == NN_OP_RELU6) {
        s->act = act_of(n->op);
    } else {
        return 0;
    }
    s->out = next;
    taken[next] = 1;
    return 1;
}

static void start(const struct nn_graph *g, nn_node id, struct nn_step *s)
{
    const struct nn_node_info *n = &g->node[id];

    *s = (struct nn_step){ .x = n->in[0],
                           .out = id,
                           .conv = NN_NODE_BAD,
                           .norm = NN_NODE_BAD,
                           .residual = NN_NODE_BAD,
                           .op = NN_OP_CONV2D };
    switch (n->op) {
    case NN_OP_CONV2D:
        s->conv = id;
        break;
    case NN_OP_BNORM:
        s->norm = id;
        break;
    case NN_OP_RELU:
    case NN_OP_RELU6:
        s->act = act_of(n->op);
        break;
    case NN_OP_ADD:
        s->residual = n->in[1];
        break;
    case NN_OP_MEAN_HW:
    case NN_OP_DROPOUT:
    case NN_OP_INPUT:
        s->op = n->op;
        break;
    }
}

enum nn_status nn_exec_fuse(struct nn_exec *e, struct nn_error *err)
{
    const struct nn_graph *g = e->graph;
    uint8_t *taken = nn_mem_calloc(g->n_nodes, 1);
    enum nn_status st = NN_OK;

    e->step = nn_mem_calloc(g->n_nodes, sizeof *e->step);
    if (taken == NULL || e->step == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (nn_node id = 0; (size_t)id < g->n_nodes; id++) {
        struct nn_step *s = &e->step[e->n_steps];

        if (taken[id] || g->node[id].op == NN_OP_INPUT) {
            continue;
        }
        start(g, id, s);
        while (s->op == NN_OP_CONV2D && extend(g, s, taken)) {
        }
        e->n_steps++;
        if (s->conv >= 0) {
            st = nn_conv_create(&g->node[s->conv].conv, e->opt.max_batch,
                                e->opt.cpu, &s->kernel, err);
            if (st) {
                goto out;
            }
        }
    }
out:
    nn_mem_free(taken);
    return st;
}

/* --- lifetimes -------------------------------------------------------------
 */

/* Last step that reads a node's output. */
static int32_t last_use(const struct nn_exec *e, nn_node id)
{
    int32_t last = -1;

    for (size_t t = 0; t < e->n_steps; t++) {
        if (e->step[t].x == id || e->step[t].residual == id) {
            last = (int32_t)t;
        }
    }
    return last;
}

static int32_t made_at(const struct nn_exec *e, nn_node id)
{
    for (size_t t = 0; t < e->n_steps; t++) {
        if (e->step[t].out == id) {
            return (int32_t)t;
        }
    }
    return -1; /* the input, or inside a fused step */
}

/* Activations: in training all are kept; at inference each until its last
 * reader, the logits and marked nodes to the end. */
static void activation_lifetimes(const struct nn_exec *e,
                                 struct nn_plan_buffer *b)
{
    const struct nn_graph *g = e->graph;
    int32_t end = (int32_t)e->n_steps;

    for (nn_node id = 0; (size_t)id < g->n_nodes; id++) {
        int32_t at = made_at(e, id);
        int keep = e->opt.train || id == g->logits || g->node[id].mark != NULL;

        if (at < 0) {
            continue;
        }
        if (!nn_microbatch_recomputes(e, &e->step[at])) {
            b[id].floats = nn_step_floats(g, id, e->opt.max_batch);
        }
        b[id].first = at;
        b[id].last = keep ? end : last_use(e, id);
    }
}

/* Convolution outputs under a norm, one per step, kept for backward. */
static void hidden_lifetimes(const struct nn_exec *e, struct nn_plan_buffer *b)
{
    for (size_t t = 0; t < e->n_steps; t++) {
        const struct nn_step *s = &e->step[t];

        if (e->opt.train && s->conv >= 0 && s->norm >= 0) {
            b[t].floats = nn_step_floats(e->graph, s->conv, e->opt.max_batch);
            b[t].first = 0;
            b[t].last = (int32_t)e->n_steps;
        }
    }
}

/* Gradients live from their last reader's turn (backward runs from the end)
 * to the step that made the node. */
static void gradient_lifetimes(const struct nn_exec *e,
                               struct nn_plan_buffer *b)
{
    const struct nn_graph *g = e->graph;

    for (nn_node id = 0; (size_t)id < g->n_nodes; id++) {
        int32_t at = made_at(e, id);

        if (at < 0) {
            continue;
        }
        b[id].floats = nn_step_floats(g, id, e->opt.max_batch);
        b[id].first = at;
        b[id].last = id == g->logits ? (int32_t)e->n_steps : last_use(e, id);
        if (b[id].last < at) {
            b[id].last = at;
        }
    }
}

/* --- placing ---------------------------------------------------------------
 */

/* Weights of a convolution, which nn_exec_load() folds where activations will
 * lie. */
static size_t fold_floats(const struct nn_exec *e)
{
    const struct nn_graph *g = e->graph;
    size_t most = 0;

    for (size_t t = 0; t < e->n_steps && !e->opt.train; t++) {
        if (e->step[t].conv >= 0) {
            size_t w = g->param[g->node[e->step[t].conv].param].count;

            most = w > most ? w : most;
        }
    }
    return most;
}

static enum nn_status place_activations(struct nn_exec *e)
{
    size_t n = e->graph->n_nodes, total, fold;
    struct nn_plan_buffer *b = nn_mem_calloc(n + e->n_steps, sizeof *b);
    enum nn_status st;

    if (b == NULL) {
        return NN_ERR_NOMEM;
    }
    activation_lifetimes(e, b);
    hidden_lifetimes(e, b + n);
    st = nn_plan(b, n + e->n_steps, &total);
    if (st) {
        goto out;
    }
    fold = fold_floats(e);
    st = nn_buf_reset(&e->activations, total > fold ? total : fold);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        e->y[i] = b[i].floats > 0 ? e->activations.data + b[i].offset : NULL;
    }
    for (size_t t = 0; t < e->n_steps; t++) {
        if (b[n + t].floats > 0) {
            e->step[t].z = e->activations.data + b[n + t].offset;
        }
    }
out:
    nn_mem_free(b);
    return st;
}

static enum nn_status place_gradients(struct nn_exec *e)
{
    size_t n = e->graph->n_nodes, total, scratch = 0;
    struct nn_plan_buffer *b = nn_mem_calloc(n, sizeof *b);
    enum nn_status st;

    if (b == NULL) {
        return NN_ERR_NOMEM;
    }
    gradient_lifetimes(e, b);
    st = nn_plan(b, n, &total);
    if (st) {
        goto out;
    }
    for (size_t t = 0; t < e->n_steps; t++) {
        const struct nn_step *s = &e->step[t];
        size_t floats = nn_step_floats(e->graph, s->out, e->opt.max_batch);

        if (s->norm >= 0 && s->conv < 0 && floats > scratch) {
            scratch = floats;
        }
    }
    st = nn_buf_reset(&e->gradients, total + scratch);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        e->dy[i] = b[i].floats > 0 ? e->gradients.data + b[i].offset : NULL;
    }
    e->scratch = e->gradients.data + total;
out:
    nn_mem_free(b);
    return st;
}

/* Floats of a step's constants. */
static size_t constant_floats(const struct nn_exec *e, const struct nn_step *s)
{
    size_t c = (size_t)e->graph->node[s->out].shape.c, n = 0;

    if (s->conv >= 0) {
        n += nn_step_padded(nn_conv_packed_floats(s->kernel));
        n += e->opt.train ? 0 : nn_step_padded(c);
    }
    return n + (s->norm >= 0 ? 5 * nn_step_padded(c) : 0);
}

static void hand_out_constants(struct nn_exec *e, struct nn_step *s, float *at,
                               double **sums)
{
    size_t c = (size_t)e->graph->node[s->out].shape.c;

    if (s->conv >= 0) {
        s->packed = at;
        at += nn_step_padded(nn_conv_packed_floats(s->kernel));
        if (!e->opt.train) {
            s->folded_bias = at;
            at += nn_step_padded(c);
        }
    }
    if (s->norm >= 0) {
        s->mean = at;
        s->inv_std = at + nn_step_padded(c);
        s->scale = at + 2 * nn_step_padded(c);
        s->shift = at + 3 * nn_step_padded(c);
        s->coef_z = at + 4 * nn_step_padded(c);
        s->sum = *sums;
        s->sum_sq = *sums + c;
        *sums += 2 * c;
    }
}

static enum nn_status place_constants(struct nn_exec *e)
{
    size_t floats = 0, work = 0, sums = 0;
    float *at;
    double *next;

    for (size_t t = 0; t < e->n_steps; t++) {
        struct nn_step *s = &e->step[t];
        size_t c = (size_t)e->graph->node[s->out].shape.c;
        size_t need = nn_norm_work_floats(c);

        floats += constant_floats(e, s);
        sums += 2 * c;
        if (s->conv >= 0) {
            size_t conv = nn_conv_work_floats(s->kernel, e->opt.train);

            need = conv > need ? conv : need;
        }
        work = need > work ? need : work;
    }
    e->sums = nn_mem_calloc(sums, sizeof *e->sums);
    if (e->sums == NULL || nn_buf_reset(&e->constants, floats) ||
        nn_buf_reset(&e->work, work) ||
        nn_buf_reset(&e->microbatches, nn_microbatch_floats(e))) {
        return NN_ERR_NOMEM;
    }
    at = e->constants.data;
    next = e->sums;
    for (size_t t = 0; t < e->n_steps; t++) {
        hand_out_constants(e, &e->step[t], at, &next);
        at += constant_floats(e, &e->step[t]);
    }
    return NN_OK;
}

enum { LATER_FLOATS = 256 << 10 }; /* more than one step can prefetch */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int is_dense(const struct nn_exec *e, const struct nn_step *s)
{
    return s->conv >= 0 && e->graph->node[s->conv].conv.groups == 1;
}

/* The step with more weights than one step can prefetch, or NULL: they are
 * prefetched bit by bit by all steps before it, each in proportion to its
 * multiply-adds. Not measured with AVX-512, where steps are short. */
static const struct nn_step *plan_far(struct nn_exec *e)
{
    const struct nn_step *last = NULL;
    size_t max = LATER_FLOATS, all = 0, at = 0;

    if (e->opt.cpu & NN_CPU_AVX512) {
        return NULL;
    }

    for (size_t t = 0; t < e->n_steps; t++) {
        const struct nn_step *s = &e->step[t];

        if (is_dense(e, s) && nn_conv_packed_floats(s->kernel) > max) {
            last = s;
            max = nn_conv_packed_floats(s->kernel);
        }
    }
    for (const struct nn_step *s = e->step; last != NULL && s < last; s++) {
        all += is_dense(e, s) ? e->graph->node[s->conv].macs : 0;
    }
    for (struct nn_step *s = e->step; last != NULL && s < last; s++) {
        if (is_dense(e, s)) {
            double share = (double)e->graph->node[s->conv].macs / (double)all;

            s->far.p = last->packed + at;
            s->far.floats = (size_t)(share * (double)max);
            at += s->far.floats;
        }
    }
    return last;
}

/* At inference of an image or two the weights are the most that is read, and
 * they come from far away: each dense convolution prefetches those of the next
 * one. */
static void plan_later(struct nn_exec *e)
{
    const struct nn_step *far = plan_far(e);
    struct nn_step *before = NULL;

    for (size_t t = 0; t < e->n_steps; t++) {
        struct nn_step *s = &e->step[t];

        if (!is_dense(e, s)) {
            continue;
        }
        if (before != NULL) {
            size_t floats = nn_conv_packed_floats(s->kernel);

            before->later.p = s == far ? before->far.p : s->packed;
            before->later.floats = s == far ? 0 : smaller(floats, LATER_FLOATS);
        }
        before = s;
    }
}

enum nn_status nn_exec_place(struct nn_exec *e, struct nn_error *err)
{
    size_t n = e->graph->n_nodes;

    e->y = nn_mem_calloc(n, sizeof *e->y);
    e->dy = nn_mem_calloc(n, sizeof *e->dy);
    e->seen = nn_mem_calloc(n, sizeof *e->seen);
    if (e->y == NULL || e->dy == NULL || e->seen == NULL ||
        place_activations(e) || (e->opt.train && place_gradients(e)) ||
        place_constants(e)) {
        return nn_fail_nomem(err);
    }
    if (!e->opt.train) {
        plan_later(e);
    }
    return NN_OK;
}
