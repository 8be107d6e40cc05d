/* Field numbers are those of onnx.proto (github.com/onnx/onnx, IR version 8);
 * each put_...() function writes one message of that file. */
#include "pipelines/export/onnx.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/net/normalise.h"
#include "common/tensor/fold.h"
#include "pipelines/export/onnx_wire.h"

enum { IR_VERSION = 8, OPSET = 17 };
enum { TYPE_FLOAT = 1, TYPE_INT64 = 7 };        /* TensorProto.DataType */
enum { ATTRIBUTE_INT = 2, ATTRIBUTE_INTS = 7 }; /* AttributeProto */
enum { GRAPH_NODE = 1, GRAPH_INITIALIZER = 5 }; /* GraphProto */

enum { NAME = 128 };

/* --- messages --- */

static void put_tensor(struct onnx_wire *graph, const char *name, int ndim,
                       const int64_t *shape, const float *v, size_t n)
{
    struct onnx_wire t = ONNX_WIRE_INIT;

    for (int i = 0; i < ndim; i++) {
        onnx_put_int(&t, 1, shape[i]);
    }
    onnx_put_int(&t, 2, TYPE_FLOAT);
    onnx_put_text(&t, 8, name);
    onnx_put_floats(&t, 9, v, n);
    onnx_put_message(graph, GRAPH_INITIALIZER, &t);
}

static void put_indices(struct onnx_wire *graph, const char *name,
                        const int64_t *v, size_t n)
{
    struct onnx_wire t = ONNX_WIRE_INIT;

    onnx_put_int(&t, 1, (int64_t)n);
    onnx_put_int(&t, 2, TYPE_INT64);
    onnx_put_text(&t, 8, name);
    onnx_put_longs(&t, 9, v, n);
    onnx_put_message(graph, GRAPH_INITIALIZER, &t);
}

static void put_int(struct onnx_wire *node, const char *name, int64_t x)
{
    struct onnx_wire a = ONNX_WIRE_INIT;

    onnx_put_text(&a, 1, name);
    onnx_put_int(&a, 3, x);
    onnx_put_int(&a, 20, ATTRIBUTE_INT);
    onnx_put_message(node, 5, &a);
}

/* The same number n times: both axes, or all sides. */
static void put_ints(struct onnx_wire *node, const char *name, int64_t x, int n)
{
    struct onnx_wire a = ONNX_WIRE_INIT;

    onnx_put_text(&a, 1, name);
    for (int i = 0; i < n; i++) {
        onnx_put_int(&a, 8, x);
    }
    onnx_put_int(&a, 20, ATTRIBUTE_INTS);
    onnx_put_message(node, 5, &a);
}

/* Zeros above, to the left, below and to the right. */
static void put_pads(struct onnx_wire *node, int64_t pad, int64_t more)
{
    struct onnx_wire a = ONNX_WIRE_INIT;

    onnx_put_text(&a, 1, "pads");
    for (int i = 0; i < 4; i++) {
        onnx_put_int(&a, 8, i < 2 ? pad : pad + more);
    }
    onnx_put_int(&a, 20, ATTRIBUTE_INTS);
    onnx_put_message(node, 5, &a);
}

/* A node's message up to its attributes; inputs end with NULL. */
static struct onnx_wire begin_node(const char *op, const char *output, ...)
{
    struct onnx_wire n = ONNX_WIRE_INIT;
    const char *input;
    va_list ap;

    va_start(ap, output);
    while ((input = va_arg(ap, const char *)) != NULL) {
        onnx_put_text(&n, 1, input);
    }
    va_end(ap);
    onnx_put_text(&n, 2, output);
    onnx_put_text(&n, 3, output);
    onnx_put_text(&n, 4, op);
    return n;
}

static void put_dimension(struct onnx_wire *shape, int64_t value)
{
    struct onnx_wire d = ONNX_WIRE_INIT;

    if (value > 0) {
        onnx_put_int(&d, 1, value);
    } else {
        onnx_put_text(&d, 2, "N");
    }
    onnx_put_message(shape, 1, &d);
}

/* A float32 value with a free first dimension. */
static void put_value(struct onnx_wire *graph, uint32_t field, const char *name,
                      int ndim, const int64_t *shape)
{
    struct onnx_wire value = ONNX_WIRE_INIT, type = ONNX_WIRE_INIT;
    struct onnx_wire tensor = ONNX_WIRE_INIT, dims = ONNX_WIRE_INIT;

    put_dimension(&dims, 0);
    for (int i = 0; i < ndim; i++) {
        put_dimension(&dims, shape[i]);
    }
    onnx_put_int(&tensor, 1, TYPE_FLOAT);
    onnx_put_message(&tensor, 2, &dims);
    onnx_put_message(&type, 1, &tensor);
    onnx_put_text(&value, 1, name);
    onnx_put_message(&value, 2, &type);
    onnx_put_message(graph, field, &value);
}

/* --- layers --- */

/* One view of the image through the layers. Views share the weights, which
 * the first one writes; their sizes may need other padding. */
struct pass {
    struct onnx_wire *graph;
    const struct nn_layers *all; /* of this view */
    size_t view, n_views;
    const struct nn_net_spec *from; /* the net whose input comes in */
};

static void view_name(const struct pass *p, const char *what, char *name)
{
    if (p->view == 0) {
        snprintf(name, NAME, "%s", what);
    } else {
        snprintf(name, NAME, "view%zu.%s", p->view, what);
    }
}

/* What a layer's output is called. */
static void value_name(const struct pass *p, int32_t i, char *name)
{
    char layer[32];

    if (i < 0) {
        view_name(p, p->from != NULL ? "fitted" : "image", name);
    } else if ((size_t)i + 1 < p->all->n) {
        snprintf(layer, sizeof layer, "layer%d", (int)i);
        view_name(p, layer, name);
    } else if (p->n_views == 1) {
        snprintf(name, NAME, "logits");
    } else {
        snprintf(name, NAME, "view%zu.logits", p->view);
    }
}

static void put_weights(const struct pass *p, const struct nn_layer *l,
                        char *weight, char *bias)
{
    snprintf(weight, NAME, "%.100s.weight", l->name);
    snprintf(bias, NAME, "%.100s.bias", l->name);
    if (p->view == 0) {
        put_tensor(p->graph, weight, l->kind == NN_LAYER_CONV ? 4 : 2,
                   l->weight_shape, l->weight, l->weight_count);
        put_tensor(p->graph, bias, 1, l->weight_shape, l->bias,
                   (size_t)l->weight_shape[0]);
    }
}

static void put_conv(const struct pass *p, const struct nn_layer *l,
                     const char *in, const char *out)
{
    char weight[NAME], bias[NAME];
    struct onnx_wire n;

    put_weights(p, l, weight, bias);
    n = begin_node("Conv", out, in, weight, bias, (char *)NULL);
    put_int(&n, "group", l->groups > 0 ? l->groups : 1);
    put_ints(&n, "kernel_shape", l->kernel, 2);
    put_pads(&n, l->pad, l->pad_more);
    put_ints(&n, "strides", l->stride, 2);
    onnx_put_message(p->graph, GRAPH_NODE, &n);
}

static void put_dense(const struct pass *p, const struct nn_layer *l,
                      const char *in, const char *out)
{
    char weight[NAME], bias[NAME], embedding[NAME];
    struct onnx_wire n;

    view_name(p, "embedding", embedding);
    n = begin_node("Flatten", embedding, in, (char *)NULL);
    put_int(&n, "axis", 1);
    onnx_put_message(p->graph, GRAPH_NODE, &n);
    put_weights(p, l, weight, bias);
    n = begin_node("Gemm", out, embedding, weight, bias, (char *)NULL);
    put_int(&n, "transB", 1);
    onnx_put_message(p->graph, GRAPH_NODE, &n);
}

static void put_layer(const struct pass *p, size_t i)
{
    const struct nn_layer *l = &p->all->v[i];
    char a[NAME], b[NAME], out[NAME];
    struct onnx_wire n;

    value_name(p, l->in[0], a);
    value_name(p, l->in[1], b);
    value_name(p, (int32_t)i, out);
    switch (l->kind) {
    case NN_LAYER_CONV:
        put_conv(p, l, a, out);
        return;
    case NN_LAYER_DENSE:
        put_dense(p, l, a, out);
        return;
    case NN_LAYER_RELU:
        n = begin_node("Relu", out, a, (char *)NULL);
        break;
    case NN_LAYER_RELU6:
        n = begin_node("Clip", out, a, "zero", "six", (char *)NULL);
        break;
    case NN_LAYER_ADD:
        n = begin_node("Add", out, a, b, (char *)NULL);
        break;
    case NN_LAYER_MEAN:
        n = begin_node("GlobalAveragePool", out, a, (char *)NULL);
        break;
    default:
        return;
    }
    onnx_put_message(p->graph, GRAPH_NODE, &n);
}

/* --- views --- */

static void put_product(struct onnx_wire *graph, const char *out, const char *a,
                        const char *b)
{
    struct onnx_wire n = begin_node("MatMul", out, a, b, (char *)NULL);

    onnx_put_message(graph, GRAPH_NODE, &n);
}

/* A view: rows x `in` x columns, called `image`. */
static void put_scaled(const struct pass *p, int32_t size,
                       struct nn_tta_view to, const char *in, const char *image)
{
    struct nn_tta_scale s = NN_VIEW_SCALE_INIT;
    int64_t from = size, small = to.size;
    size_t n = (size_t)(from * small);
    const int64_t r[] = { small, from }, c[] = { from, small };
    float *m = nn_mem_calloc(2 * n, sizeof *m);
    char rows[NAME], columns[NAME], tall[NAME];

    if (m == NULL || nn_tta_scale_init(&s, size, to, NULL)) {
        p->graph->failed = 1;
        goto out;
    }
    view_name(p, "rows", rows);
    view_name(p, "columns", columns);
    view_name(p, "tall", tall);
    nn_tta_scale_matrices(&s, m, m + n);
    put_tensor(p->graph, rows, 2, r, m, n);
    put_tensor(p->graph, columns, 2, c, m + n, n);
    put_product(p->graph, tall, rows, in);
    put_product(p->graph, image, tall, columns);
out:
    nn_tta_scale_release(&s);
    nn_mem_free(m);
}

/* The image of a view behind the first. */
static void put_view(const struct pass *p, const struct nn_net *net)
{
    char image[NAME];

    value_name(p, -1, image);
    put_scaled(p, net->spec.size, net->spec.more[p->view - 1], "image", image);
}

/* The view of another net's input that this one sees, in its own
 * normalisation. */
static void put_fitted(const struct pass *p, const struct nn_net_spec *to)
{
    const struct nn_tta_view view = { .size = to->size };
    const int64_t shape[] = { 3, 1, 1 };
    float scale[3], shift[3];
    struct onnx_wire n;

    nn_normalise_anew(p->from->mean, p->from->stddev, to->mean, to->stddev,
                      scale, shift);
    put_scaled(p, p->from->size, view, "image", "small");
    put_tensor(p->graph, "scale", 3, shape, scale, 3);
    put_tensor(p->graph, "shift", 3, shape, shift, 3);
    n = begin_node("Mul", "scaled", "small", "scale", (char *)NULL);
    onnx_put_message(p->graph, GRAPH_NODE, &n);
    n = begin_node("Add", "fitted", "scaled", "shift", (char *)NULL);
    onnx_put_message(p->graph, GRAPH_NODE, &n);
}

static void put_mean_of_views(const struct pass *last)
{
    struct onnx_wire n = ONNX_WIRE_INIT;
    struct pass p = *last;
    char name[NAME];

    for (p.view = 0; p.view < p.n_views; p.view++) {
        value_name(&p, (int32_t)p.all->n - 1, name);
        onnx_put_text(&n, 1, name);
    }
    onnx_put_text(&n, 2, "logits");
    onnx_put_text(&n, 3, "logits");
    onnx_put_text(&n, 4, "Mean");
    onnx_put_message(p.graph, GRAPH_NODE, &n);
}

/* The limits of ReLU6. */
static void put_limits(struct onnx_wire *graph, const struct nn_layers *layers)
{
    static const float zero = 0, six = 6;

    for (size_t i = 0; i < layers->n; i++) {
        if (layers->v[i].kind == NN_LAYER_RELU6) {
            put_tensor(graph, "zero", 0, NULL, &zero, 1);
            put_tensor(graph, "six", 0, NULL, &six, 1);
            return;
        }
    }
}

/* layers: of each view. */
static void put_passes(struct onnx_wire *graph, const struct nn_net *net,
                       const struct nn_net_spec *from,
                       const struct nn_layers *layers)
{
    struct pass p = { graph, layers, 0, 1 + net->spec.n_more, from };

    put_limits(graph, layers);
    if (from != NULL) {
        put_fitted(&p, &net->spec);
    }
    for (p.view = 0; p.view < p.n_views; p.view++) {
        p.all = &layers[p.view];
        if (p.view > 0) {
            put_view(&p, net);
        }
        for (size_t i = 0; i < p.all->n; i++) {
            put_layer(&p, i);
        }
    }
    if (p.n_views > 1) {
        put_mean_of_views(&p);
    }
}

/* --- probabilities --- */

/* log of the summed exp of the outputs whose names begin with sign. */
static void put_mass(struct onnx_wire *graph, const struct nn_net *net,
                     char sign, const char *name)
{
    size_t k = net->spec.n_outputs, n = 0;
    int64_t *index = nn_mem_calloc(k, sizeof *index);
    char list[NAME], part[NAME];
    struct onnx_wire w;

    if (index == NULL) {
        graph->failed = 1;
        return;
    }
    for (size_t i = 0; i < k; i++) {
        if (net->spec.outputs[i][0] == sign) {
            index[n++] = (int64_t)i;
        }
    }
    snprintf(list, sizeof list, "%s.outputs", name);
    snprintf(part, sizeof part, "%s.logits", name);
    put_indices(graph, list, index, n);
    nn_mem_free(index);
    w = begin_node("Gather", part, "logits", list, (char *)NULL);
    put_int(&w, "axis", 1);
    onnx_put_message(graph, GRAPH_NODE, &w);
    w = begin_node("ReduceLogSumExp", name, part, (char *)NULL);
    put_ints(&w, "axes", 1, 1);
    put_int(&w, "keepdims", 1);
    onnx_put_message(graph, GRAPH_NODE, &w);
}

static void put_probabilities(struct onnx_wire *graph, const struct nn_net *net,
                              int gate)
{
    const float inverse = (float)(1 / net->temperature);
    int softmax = !gate && net->spec.head == NN_HEAD_SOFTMAX;
    struct onnx_wire n;

    put_tensor(graph, "inverse_temperature", 0, NULL, &inverse, 1);
    if (gate) {
        put_mass(graph, net, '+', "classes");
        put_mass(graph, net, '-', "others");
        n = begin_node("Sub", "margin", "classes", "others", (char *)NULL);
        onnx_put_message(graph, GRAPH_NODE, &n);
    }
    n = begin_node("Mul", "calibrated", gate ? "margin" : "logits",
                   "inverse_temperature", (char *)NULL);
    onnx_put_message(graph, GRAPH_NODE, &n);
    n = begin_node(softmax ? "Softmax" : "Sigmoid", "probabilities",
                   "calibrated", (char *)NULL);
    if (softmax) {
        put_int(&n, "axis", 1);
    }
    onnx_put_message(graph, GRAPH_NODE, &n);
}

/* --- the file --- */

static void put_graph(struct onnx_wire *model, const struct nn_net *net,
                      int gate, const struct nn_net_spec *from,
                      const struct nn_layers *layers)
{
    int32_t size = from != NULL ? from->size : net->spec.size;
    const int64_t image[] = { 3, size, size };
    const int64_t k[] = { (int64_t)net->spec.n_outputs }, one[] = { 1 };
    struct onnx_wire g = ONNX_WIRE_INIT;

    put_passes(&g, net, from, layers);
    put_probabilities(&g, net, gate);
    onnx_put_text(&g, 2, nn_arch_info(net->spec.arch)->name);
    put_value(&g, 11, "image", 3, image);
    put_value(&g, 12, "probabilities", 1, gate ? one : k);
    put_value(&g, 12, "logits", 1, k);
    onnx_put_message(model, 7, &g);
}

static void put_model(struct onnx_wire *m, const struct nn_net *net, int gate,
                      const struct nn_net_spec *from,
                      const struct nn_layers *layers, const json_t *metadata)
{
    struct onnx_wire opset = ONNX_WIRE_INIT;
    const char *key;
    const json_t *v;

    onnx_put_int(m, 1, IR_VERSION);
    onnx_put_text(m, 2, "bearcascade");
    onnx_put_text(m, 3, BEARCASCADE_VERSION);
    put_graph(m, net, gate, from, layers);
    onnx_put_text(&opset, 1, "");
    onnx_put_int(&opset, 2, OPSET);
    onnx_put_message(m, 8, &opset);
    json_object_foreach((json_t *)(uintptr_t)metadata, key, v)
    {
        struct onnx_wire entry = ONNX_WIRE_INIT;

        onnx_put_text(&entry, 1, key);
        onnx_put_text(&entry, 2, json_string_value(v));
        onnx_put_message(m, 14, &entry);
    }
}

enum nn_status onnx_write(const struct nn_net *net, int gate,
                          const struct nn_net_spec *from,
                          const json_t *metadata, const char *path,
                          struct nn_error *err)
{
    struct onnx_wire m = ONNX_WIRE_INIT;
    struct nn_file_out o = { 0 };
    struct nn_layers layers[NN_TTA_MAX] = { { 0 } };
    enum nn_status st = NN_OK;

    for (size_t v = 0; v <= net->spec.n_more; v++) {
        st = nn_layers_fold(v == 0 ? net->graph : net->more[v - 1],
                            net->params.value.data, &layers[v], err);
        if (st) {
            goto out;
        }
    }
    put_model(&m, net, gate, from, layers, metadata);
    if (m.failed) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_file_out_open(&o, path, err);
    if (st) {
        goto out;
    }
    fwrite(m.v, 1, m.n, o.stream);
    st = nn_file_out_commit(&o, err);
out:
    for (size_t v = 0; v < NN_TTA_MAX; v++) {
        nn_layers_release(&layers[v]);
    }
    onnx_wire_release(&m);
    return st;
}
