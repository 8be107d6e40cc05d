#include "common/tensor/nets/mobilenetv4.h"

#include <stdio.h>

/* The network, row by row as in the paper's table for Conv-Small. A plain row
 * is a convolution + norm + ReLU; an inverted bottleneck is
 *   [depthwise start] -> 1x1 expand + ReLU -> [depthwise mid + ReLU] -> 1x1
 * project, plus the input where the shape is kept. A kernel of 0 means that
 * the depthwise convolution is left out. */
enum row_kind { ROW_CONV, ROW_UIB };

struct row {
    int stage; /* timm's blocks.STAGE */
    enum row_kind kind;
    int32_t kernel;     /* CONV; UIB: of the start */
    int32_t kernel_mid; /* UIB */
    int32_t stride, expand, channels;
};

static const struct row rows[] = {
    { 0, ROW_CONV, 3, 0, 2, 0, 32 },  { 0, ROW_CONV, 1, 0, 1, 0, 32 },
    { 1, ROW_CONV, 3, 0, 2, 0, 96 },  { 1, ROW_CONV, 1, 0, 1, 0, 64 },
    { 2, ROW_UIB, 5, 5, 2, 3, 96 },   { 2, ROW_UIB, 0, 3, 1, 2, 96 },
    { 2, ROW_UIB, 0, 3, 1, 2, 96 },   { 2, ROW_UIB, 0, 3, 1, 2, 96 },
    { 2, ROW_UIB, 0, 3, 1, 2, 96 },   { 2, ROW_UIB, 3, 0, 1, 4, 96 },
    { 3, ROW_UIB, 3, 3, 2, 6, 128 },  { 3, ROW_UIB, 5, 5, 1, 4, 128 },
    { 3, ROW_UIB, 0, 5, 1, 4, 128 },  { 3, ROW_UIB, 0, 5, 1, 3, 128 },
    { 3, ROW_UIB, 0, 3, 1, 4, 128 },  { 3, ROW_UIB, 0, 3, 1, 4, 128 },
    { 4, ROW_CONV, 1, 0, 1, 0, 960 },
};
enum { STEM = 32, HEAD = 1280 };

/* Stages behind the stem's 0 and the blocks' 1 to 5. */
enum { STAGE_HEAD = 6, STAGE_CLASSIFIER };

#define EPSILON 1e-5f /* of every batch norm */

struct builder {
    struct nn_graph *g;
    float width, momentum;
};

/* Multiples of 8, at least 8, never below 90 % of the product. */
static int32_t scaled(double channels)
{
    int32_t c = (int32_t)(channels + 4) / 8 * 8;

    c = c < 8 ? 8 : c;
    return c < 0.9 * channels ? c + 8 : c;
}

/* conv + norm (+ ReLU); names PREFIXCONV and PREFIXNORM. */
static nn_node conv_norm(struct builder *b, nn_node x, const char *prefix,
                         const char *conv, const char *norm,
                         const struct nn_conv2d *shape, int relu)
{
    char name[96];

    snprintf(name, sizeof name, "%s%s", prefix, conv);
    x = nn_graph_conv2d(b->g, x, shape, name);
    snprintf(name, sizeof name, "%s%s", prefix, norm);
    x = nn_graph_bnorm(b->g, x, b->momentum, EPSILON, name);
    return relu ? nn_graph_relu(b->g, x) : x;
}

static struct nn_conv2d conv_shape(int32_t channels, int32_t kernel,
                                   int32_t stride, int32_t groups)
{
    return (struct nn_conv2d){ .out_channels = channels,
                               .kernel = kernel,
                               .stride = stride,
                               .pad = kernel / 2,
                               .groups = groups };
}

static nn_node bottleneck(struct builder *b, nn_node x, const char *prefix,
                          const struct row *r, int32_t in, int32_t out)
{
    int32_t mid = scaled((double)in * r->expand);
    int32_t start_stride = r->kernel_mid > 0 ? 1 : r->stride;
    struct nn_conv2d c;
    nn_node from = x;

    if (r->kernel > 0) {
        c = conv_shape(in, r->kernel, start_stride, in);
        x = conv_norm(b, x, prefix, "dw_start.conv", "dw_start.bn", &c, 0);
    }
    c = conv_shape(mid, 1, 1, 1);
    x = conv_norm(b, x, prefix, "pw_exp.conv", "pw_exp.bn", &c, 1);
    if (r->kernel_mid > 0) {
        c = conv_shape(mid, r->kernel_mid, r->stride, mid);
        x = conv_norm(b, x, prefix, "dw_mid.conv", "dw_mid.bn", &c, 1);
    }
    c = conv_shape(out, 1, 1, 1);
    x = conv_norm(b, x, prefix, "pw_proj.conv", "pw_proj.bn", &c, 0);
    return r->stride == 1 && in == out ? nn_graph_add(b->g, x, from) : x;
}

static nn_node body(struct builder *b, nn_node x)
{
    /* As timm has it: below width 1 the stem keeps its channels. */
    int32_t in = b->width < 1 ? STEM : scaled(STEM * (double)b->width);
    struct nn_conv2d c = conv_shape(in, 3, 2, 1);
    int stage = 0, at = 0;

    x = conv_norm(b, x, "", "conv_stem", "bn1", &c, 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *r = &rows[i];
        int32_t out = scaled(r->channels * (double)b->width);
        char prefix[32];

        at = r->stage == stage ? at : 0;
        stage = r->stage;
        nn_graph_stage(b->g, 1 + stage);
        snprintf(prefix, sizeof prefix, "blocks.%d.%d.", stage, at++);
        if (r->kind == ROW_CONV) {
            c = conv_shape(out, r->kernel, r->stride, 1);
            x = conv_norm(b, x, prefix, "conv", "bn1", &c, 1);
        } else {
            x = bottleneck(b, x, prefix, r, in, out);
        }
        in = out;
    }
    return x;
}

enum nn_status nn_mobilenetv4_build(const struct nn_mobilenetv4 *m,
                                    struct nn_graph **out, struct nn_error *err)
{
    struct builder b = { NULL, m->width,
                         m->bn_momentum > 0 ? m->bn_momentum : 0.9f };
    struct nn_conv2d head = conv_shape(HEAD, 1, 1, 1);
    enum nn_status st;
    nn_node x;

    *out = NULL;
    if (!(m->width > 0 && m->width <= 16) || m->size < 32 || m->size > 4096 ||
        m->outputs < 1) {
        return nn_fail(err, NN_ERR_ARG,
                       "a network of width %g, %d px and %d outputs cannot be "
                       "built",
                       (double)m->width, (int)m->size, (int)m->outputs);
    }
    if (nn_graph_create(&b.g)) {
        return nn_fail_nomem(err);
    }
    x = nn_graph_input(b.g, "image",
                       (struct nn_shape){ 1, m->size, m->size, 3 });
    x = body(&b, x);
    nn_graph_mark(b.g, x, "features");
    x = nn_graph_mean_hw(b.g, x);
    nn_graph_stage(b.g, STAGE_HEAD);
    x = conv_norm(&b, x, "", "conv_head", "norm_head", &head, 1);
    nn_graph_mark(b.g, x, "embedding");
    x = nn_graph_dropout(b.g, x, m->dropout);
    nn_graph_stage(b.g, STAGE_CLASSIFIER);
    x = nn_graph_dense(b.g, x, m->outputs, 1, "classifier");
    st = nn_graph_finish(b.g, x, err);
    if (st) {
        nn_graph_destroy(&b.g);
        return st;
    }
    *out = b.g;
    return NN_OK;
}
