#include <stdio.h>
#include <string.h>

#include "common/tensor/graph_internal.h"

const char *nn_op_name(const struct nn_node_info *node)
{
    switch (node->op) {
    case NN_OP_INPUT:
        return "input";
    case NN_OP_CONV2D:
        if (node->dense) {
            return "dense";
        }
        return node->conv.groups > 1 ? "depthwise" : "conv";
    case NN_OP_BNORM:
        return "bnorm";
    case NN_OP_RELU:
        return "relu";
    case NN_OP_RELU6:
        return "relu6";
    case NN_OP_ADD:
        return "add";
    case NN_OP_MEAN_HW:
        return "mean_hw";
    case NN_OP_DROPOUT:
        return "dropout";
    }
    return "?";
}

static size_t node_params(const struct nn_graph *g,
                          const struct nn_node_info *node)
{
    size_t n = 0;
    size_t tables = node->op == NN_OP_BNORM ? 4 : node->bias ? 2 : 1;

    for (size_t i = 0; node->param >= 0 && i < tables; i++) {
        n += g->param[(size_t)node->param + i].count;
    }
    return n;
}

char *nn_graph_describe(const struct nn_graph *g)
{
    enum { LINE = 128 };
    char *text = nn_mem_calloc(g->n_nodes + 1, LINE);
    size_t used = 0;

    if (text == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct nn_node_info *node = &g->node[i];
        char shape[48], kernel[24] = "";
        int wrote;

        if (node->op == NN_OP_CONV2D && !node->dense) {
            snprintf(kernel, sizeof kernel, "%dx%d/%d", (int)node->conv.kh,
                     (int)node->conv.kw, (int)node->conv.stride_h);
        }
        wrote = snprintf(text + used, LINE,
                         "%3zu %-34.34s %-9s %-6s %-18s %9zu %11zu\n", i,
                         node->name != NULL ? node->name : "", nn_op_name(node),
                         kernel, nn_shape_str(node->shape, shape, sizeof shape),
                         node_params(g, node), node->macs);
        used += wrote > 0 ? (size_t)(wrote < LINE ? wrote : LINE - 1) : 0;
    }
    return text;
}
