#include <stdio.h>
#include <string.h>

#include "common/tensor/graph_internal.h"

/* --- life and errors -------------------------------------------------------
 */

enum nn_status nn_graph_create(struct nn_graph **out)
{
    struct nn_graph *g = nn_mem_calloc(1, sizeof *g);

    *out = g;
    if (g == NULL) {
        return NN_ERR_NOMEM;
    }
    g->input = g->logits = NN_NODE_BAD;
    return NN_OK;
}

void nn_graph_destroy(struct nn_graph **gp)
{
    struct nn_graph *g = *gp;

    *gp = NULL;
    if (g == NULL) {
        return;
    }
    for (size_t i = 0; i < g->n_nodes; i++) {
        nn_mem_free(g->node[i].name);
        nn_mem_free(g->node[i].mark);
    }
    for (size_t i = 0; i < g->n_params; i++) {
        nn_mem_free((char *)(uintptr_t)g->param[i].name);
    }
    nn_mem_free(g->node);
    nn_mem_free(g->param);
    nn_mem_free(g);
}

static nn_node fail(struct nn_graph *g, enum nn_status st, const char *name,
                    const char *what, struct nn_shape s)
{
    char shape[48];

    if (!g->error.status) {
        nn_fail(&g->error, st, "node '%s': %s (input %s)",
                name != NULL ? name : "?", what,
                nn_shape_str(s, shape, sizeof shape));
    }
    return NN_NODE_BAD;
}

static nn_node fail_nomem(struct nn_graph *g)
{
    if (!g->error.status) {
        nn_fail_nomem(&g->error);
    }
    return NN_NODE_BAD;
}

/* --- nodes and parameters --------------------------------------------------
 */

static int usable(struct nn_graph *g, nn_node x)
{
    if (g->error.status) {
        return 0;
    }
    if (g->finished || x < 0 || (size_t)x >= g->n_nodes) {
        nn_fail(&g->error, NN_ERR_ARG,
                g->finished ? "the graph is finished" : "no such node");
        return 0;
    }
    return 1;
}

static int name_taken(const struct nn_graph *g, const char *name)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        if (g->node[i].name != NULL && strcmp(g->node[i].name, name) == 0) {
            return 1;
        }
    }
    return 0;
}

static nn_node add_node(struct nn_graph *g, const struct nn_node_info *info,
                        const char *name)
{
    struct nn_node_info *node;
    size_t count;

    if (name != NULL && name_taken(g, name)) {
        return fail(g, NN_ERR_ARG, name, "the name is taken", info->shape);
    }
    if (nn_shape_count(info->shape, &count)) {
        return fail(g, NN_ERR_SHAPE, name, "its output has no elements",
                    info->shape);
    }
    if (nn_mem_grow(&g->node, &g->cap_nodes, g->n_nodes + 1, sizeof *g->node)) {
        return fail_nomem(g);
    }
    node = &g->node[g->n_nodes];
    *node = *info;
    node->param = -1;
    if (name != NULL) {
        node->name = nn_mem_strdup(name);
        if (node->name == NULL) {
            return fail_nomem(g);
        }
    }
    node->pooled = info->op == NN_OP_MEAN_HW;
    for (int i = 0; i < 2; i++) {
        if (info->in[i] >= 0) {
            g->node[info->in[i]].users++;
            node->pooled |= g->node[info->in[i]].pooled;
        }
    }
    return (nn_node)g->n_nodes++;
}

static int add_param(struct nn_graph *g, nn_node id, const char *suffix,
                     struct nn_shape shape, enum nn_param_role role)
{
    int running = role == NN_PARAM_NORM_MEAN || role == NN_PARAM_NORM_VAR;
    struct nn_node_info *node = &g->node[id];
    struct nn_param *p;
    size_t count;
    char *name;

    if (nn_shape_count(shape, &count)) {
        fail(g, NN_ERR_SHAPE, node->name, "its weights have no elements",
             shape);
        return -1;
    }
    name = nn_mem_sprintf("%s.%s", node->name, suffix);
    if (name == NULL || nn_mem_grow(&g->param, &g->cap_params, g->n_params + 1,
                                    sizeof *g->param)) {
        nn_mem_free(name);
        fail_nomem(g);
        return -1;
    }
    p = &g->param[g->n_params];
    *p = (struct nn_param){
        .name = name,
        .offset = g->param_floats,
        .count = count,
        .shape = shape,
        .trained = !running,
        .decay = role == NN_PARAM_WEIGHT,
        .role = role,
        .stage = g->stage,
        .pooled = node->pooled,
        .epsilon = role == NN_PARAM_NORM_VAR ? node->epsilon : 0,
    };
    if (node->param < 0) {
        node->param = (int32_t)g->n_params;
    }
    g->n_params++;
    g->param_floats += count;
    g->trained_floats += running ? 0 : count;
    return 0;
}

static struct nn_shape vector_shape(int32_t c)
{
    return (struct nn_shape){ 1, 1, 1, c };
}

/* --- the ops ---------------------------------------------------------------
 */

nn_node nn_graph_input(struct nn_graph *g, const char *name, struct nn_shape s)
{
    struct nn_node_info info = { .op = NN_OP_INPUT,
                                 .in = { NN_NODE_BAD, NN_NODE_BAD },
                                 .shape = s };

    if (g->error.status) {
        return NN_NODE_BAD;
    }
    if (g->input >= 0 || s.n != 1) {
        return fail(g, NN_ERR_ARG, name, "a graph has one input [1,H,W,C]", s);
    }
    g->input = add_node(g, &info, name);
    return g->input;
}

static nn_node add_conv(struct nn_graph *g, nn_node x,
                        struct nn_node_info *info, const char *name)
{
    struct nn_conv_shape *c = &info->conv;
    struct nn_shape in = g->node[x].shape;
    struct nn_shape w = { c->oc, c->kh, c->kw, c->ic / c->groups };
    nn_node id;

    info->op = NN_OP_CONV2D;
    info->in[0] = x;
    info->in[1] = NN_NODE_BAD;
    info->shape =
        (struct nn_shape){ 1, nn_conv_out_h(c), nn_conv_out_w(c), c->oc };
    if (info->shape.h < 1 || info->shape.w < 1) {
        return fail(g, NN_ERR_SHAPE, name,
                    "the image is smaller than the "
                    "kernel",
                    in);
    }
    info->macs = nn_conv_macs(c);
    id = add_node(g, info, name);
    if (id < 0 || add_param(g, id, "weight", w, NN_PARAM_WEIGHT) ||
        (info->bias &&
         add_param(g, id, "bias", vector_shape(c->oc), NN_PARAM_BIAS))) {
        return NN_NODE_BAD;
    }
    return id;
}

nn_node nn_graph_conv2d(struct nn_graph *g, nn_node x,
                        const struct nn_conv2d *conv, const char *name)
{
    struct nn_node_info info = { .bias = conv->bias };
    struct nn_shape in;
    int32_t groups = conv->groups > 0 ? conv->groups : 1;

    if (!usable(g, x)) {
        return NN_NODE_BAD;
    }
    in = g->node[x].shape;
    if (conv->out_channels < 1 || conv->kernel < 1 || conv->stride < 1 ||
        conv->pad < 0 || conv->pad_more < 0 || conv->pad_more > 1 ||
        (groups != 1 && (groups != in.c || groups != conv->out_channels))) {
        return fail(g, NN_ERR_SHAPE, name,
                    "channels, groups, kernel, stride or padding do not fit",
                    in);
    }
    info.conv = (struct nn_conv_shape){
        .h = in.h,
        .w = in.w,
        .ic = in.c,
        .oc = conv->out_channels,
        .kh = conv->kernel,
        .kw = conv->kernel,
        .stride_h = conv->stride,
        .stride_w = conv->stride,
        .pad_h = conv->pad,
        .pad_w = conv->pad,
        .groups = groups,
        .pad_more = conv->pad_more,
    };
    return add_conv(g, x, &info, name);
}

nn_node nn_graph_dense(struct nn_graph *g, nn_node x, int32_t units, int bias,
                       const char *name)
{
    struct nn_node_info info = { .bias = bias, .dense = 1 };
    struct nn_shape in;
    size_t count;

    if (!usable(g, x)) {
        return NN_NODE_BAD;
    }
    in = g->node[x].shape;
    if (units < 1 || nn_shape_count(in, &count) || count > INT32_MAX) {
        return fail(g, NN_ERR_SHAPE, name, "units or input do not fit", in);
    }
    info.conv =
        (struct nn_conv_shape){ 1, 1, (int32_t)count, units, 1, 1, 1, 1, 0, 0,
                                1, 0 };
    return add_conv(g, x, &info, name);
}

nn_node nn_graph_bnorm(struct nn_graph *g, nn_node x, float momentum,
                       float epsilon, const char *name)
{
    struct nn_node_info info = { .op = NN_OP_BNORM,
                                 .in = { x, NN_NODE_BAD },
                                 .momentum = momentum,
                                 .epsilon = epsilon };
    struct nn_shape v;
    nn_node id;

    if (!usable(g, x)) {
        return NN_NODE_BAD;
    }
    info.shape = g->node[x].shape;
    v = vector_shape(info.shape.c);
    if (!(momentum >= 0 && momentum < 1) || !(epsilon > 0)) {
        return fail(g, NN_ERR_ARG, name, "momentum or epsilon out of range",
                    info.shape);
    }
    id = add_node(g, &info, name);
    if (id < 0 || add_param(g, id, "weight", v, NN_PARAM_NORM_SCALE) ||
        add_param(g, id, "bias", v, NN_PARAM_NORM_SHIFT) ||
        add_param(g, id, "running_mean", v, NN_PARAM_NORM_MEAN) ||
        add_param(g, id, "running_var", v, NN_PARAM_NORM_VAR)) {
        return NN_NODE_BAD;
    }
    return id;
}

static nn_node add_act(struct nn_graph *g, nn_node x, enum nn_op op)
{
    struct nn_node_info info = { .op = op, .in = { x, NN_NODE_BAD } };

    if (!usable(g, x)) {
        return NN_NODE_BAD;
    }
    info.shape = g->node[x].shape;
    return add_node(g, &info, NULL);
}

nn_node nn_graph_relu(struct nn_graph *g, nn_node x)
{
    return add_act(g, x, NN_OP_RELU);
}

nn_node nn_graph_relu6(struct nn_graph *g, nn_node x)
{
    return add_act(g, x, NN_OP_RELU6);
}

nn_node nn_graph_add(struct nn_graph *g, nn_node a, nn_node b)
{
    struct nn_node_info info = { .op = NN_OP_ADD, .in = { a, b } };

    if (!usable(g, a) || !usable(g, b)) {
        return NN_NODE_BAD;
    }
    info.shape = g->node[a].shape;
    if (!nn_shape_equal(info.shape, g->node[b].shape)) {
        char left[48];

        return fail(g, NN_ERR_SHAPE,
                    nn_shape_str(info.shape, left, sizeof left),
                    "added to another shape", g->node[b].shape);
    }
    return add_node(g, &info, NULL);
}

nn_node nn_graph_mean_hw(struct nn_graph *g, nn_node x)
{
    struct nn_node_info info = { .op = NN_OP_MEAN_HW,
                                 .in = { x, NN_NODE_BAD } };

    if (!usable(g, x)) {
        return NN_NODE_BAD;
    }
    info.shape = vector_shape(g->node[x].shape.c);
    return add_node(g, &info, NULL);
}

nn_node nn_graph_dropout(struct nn_graph *g, nn_node x, float drop)
{
    struct nn_node_info info = { .op = NN_OP_DROPOUT,
                                 .in = { x, NN_NODE_BAD },
                                 .drop = drop };

    if (!usable(g, x)) {
        return NN_NODE_BAD;
    }
    info.shape = g->node[x].shape;
    if (!(drop >= 0 && drop < 1)) {
        return fail(g, NN_ERR_ARG, "dropout", "probability out of range",
                    info.shape);
    }
    return add_node(g, &info, NULL);
}

void nn_graph_stage(struct nn_graph *g, int stage)
{
    g->stage = stage;
    g->last_stage = stage > g->last_stage ? stage : g->last_stage;
}

void nn_graph_mark(struct nn_graph *g, nn_node x, const char *mark)
{
    if (!usable(g, x)) {
        return;
    }
    nn_mem_free(g->node[x].mark);
    g->node[x].mark = nn_mem_strdup(mark);
    if (g->node[x].mark == NULL) {
        fail_nomem(g);
    }
}

enum nn_status nn_graph_finish(struct nn_graph *g, nn_node logits,
                               struct nn_error *err)
{
    if (!g->error.status && g->input < 0) {
        nn_fail(&g->error, NN_ERR_ARG, "the graph has no input");
    }
    if (usable(g, logits)) {
        struct nn_shape s = g->node[logits].shape;

        if (s.h != 1 || s.w != 1) {
            fail(g, NN_ERR_SHAPE, g->node[logits].name,
                 "logits must be [B,1,1,K]", s);
        }
        g->logits = logits;
        g->node[logits].users++;
    }
    if (g->error.status) {
        return nn_fail(err, g->error.status, "%s", g->error.text);
    }
    g->finished = 1;
    return NN_OK;
}

/* --- questions -------------------------------------------------------------
 */

struct nn_shape nn_graph_input_shape(const struct nn_graph *g)
{
    return g->node[g->input].shape;
}

int32_t nn_graph_outputs(const struct nn_graph *g)
{
    return g->node[g->logits].shape.c;
}

size_t nn_graph_macs(const struct nn_graph *g)
{
    size_t sum = 0;

    for (size_t i = 0; i < g->n_nodes; i++) {
        sum += g->node[i].macs;
    }
    return sum;
}

const struct nn_param *nn_graph_param(const struct nn_graph *g, size_t i)
{
    return i < g->n_params ? &g->param[i] : NULL;
}

const struct nn_param *nn_graph_find_param(const struct nn_graph *g,
                                           const char *name)
{
    for (size_t i = 0; i < g->n_params; i++) {
        if (strcmp(g->param[i].name, name) == 0) {
            return &g->param[i];
        }
    }
    return NULL;
}

const struct nn_param *nn_graph_stage_param(const struct nn_graph *g, int stage,
                                            enum nn_param_role role)
{
    for (size_t i = 0; i < g->n_params; i++) {
        if (g->param[i].stage == stage && g->param[i].role == role) {
            return &g->param[i];
        }
    }
    return NULL;
}

int nn_graph_last_stage(const struct nn_graph *g)
{
    return g->last_stage;
}

size_t nn_graph_param_count(const struct nn_graph *g)
{
    return g->param_floats;
}

size_t nn_graph_trained_count(const struct nn_graph *g)
{
    return g->trained_floats;
}
