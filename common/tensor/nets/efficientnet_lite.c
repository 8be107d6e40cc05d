#include "common/tensor/nets/efficientnet_lite.h"

#include <math.h>
#include <stdio.h>

/* The stages of Lite0 (arXiv 1905.11946, table 1). */
struct stage {
    int blocks;
    int32_t kernel, stride, expand, channels;
};

static const struct stage stages[] = {
    { 1, 3, 1, 1, 16 },  { 2, 3, 2, 6, 24 },  { 2, 5, 2, 6, 40 },
    { 3, 3, 2, 6, 80 },  { 3, 5, 1, 6, 112 }, { 4, 5, 2, 6, 192 },
    { 1, 3, 1, 6, 320 },
};
enum { STAGES = sizeof stages / sizeof stages[0], STEM = 32, HEAD = 1280 };

/* Stages of the graph behind the stem's 0 and the blocks' 1 to 7. */
enum { STAGE_HEAD = STAGES + 1, STAGE_CLASSIFIER };

static const struct {
    double width, depth;
} variants[] = { { 1.0, 1.0 }, { 1.0, 1.1 }, { 1.1, 1.2 } };
enum { VARIANTS = sizeof variants / sizeof variants[0] };

struct builder {
    struct nn_graph *g;
    int variant;
    int32_t size; /* of the image at this point */
    float momentum;
};

static int32_t scaled(double channels)
{
    int32_t c = (int32_t)(channels + 4) / 8 * 8;

    c = c < 8 ? 8 : c;
    return c < 0.9 * channels ? c + 8 : c;
}

static int depth_of(const struct builder *b, int stage)
{
    if (stage == 0 || stage == STAGES - 1) {
        return stages[stage].blocks;
    }
    return (int)ceil(stages[stage].blocks * variants[b->variant].depth);
}

struct conv {
    int32_t channels, kernel, stride;
    int depthwise, act;
};

/* conv + norm (+ ReLU6); names PREFIXCONV and PREFIXNORM. The result has
 * ceil(size / stride) pixels, half of the zeros that takes on either side. */
static nn_node conv_norm(struct builder *b, nn_node x, const char *prefix,
                         const char *conv, const char *norm,
                         const struct conv *c)
{
    int32_t to = (b->size + c->stride - 1) / c->stride;
    int32_t zeros = (to - 1) * c->stride + c->kernel - b->size;
    struct nn_conv2d shape = { .out_channels = c->channels,
                               .kernel = c->kernel,
                               .stride = c->stride,
                               .groups = c->depthwise ? c->channels : 1 };
    char name[64];

    zeros = zeros > 0 ? zeros : 0;
    shape.pad = zeros / 2;
    shape.pad_more = zeros % 2;
    snprintf(name, sizeof name, "%s%s", prefix, conv);
    x = nn_graph_conv2d(b->g, x, &shape, name);
    snprintf(name, sizeof name, "%s%s", prefix, norm);
    x = nn_graph_bnorm(b->g, x, b->momentum, NN_EFFICIENTNET_LITE_EPSILON,
                       name);
    b->size = to;
    return c->act ? nn_graph_relu6(b->g, x) : x;
}

static nn_node block(struct builder *b, nn_node x, const char *prefix,
                     const struct stage *s, int32_t stride, int32_t in,
                     int32_t out)
{
    int32_t mid = in * s->expand;
    struct conv expand = { mid, 1, 1, 0, 1 };
    struct conv depthwise = { mid, s->kernel, stride, 1, 1 };
    struct conv project = { out, 1, 1, 0, 0 };
    nn_node from = x;

    if (s->expand == 1) {
        x = conv_norm(b, x, prefix, "conv_dw", "bn1", &depthwise);
        x = conv_norm(b, x, prefix, "conv_pw", "bn2", &project);
    } else {
        x = conv_norm(b, x, prefix, "conv_pw", "bn1", &expand);
        x = conv_norm(b, x, prefix, "conv_dw", "bn2", &depthwise);
        x = conv_norm(b, x, prefix, "conv_pwl", "bn3", &project);
    }
    return stride == 1 && in == out ? nn_graph_add(b->g, x, from) : x;
}

static nn_node body(struct builder *b, nn_node x)
{
    const struct conv stem = { STEM, 3, 2, 0, 1 };
    const struct conv head = { HEAD, 1, 1, 0, 1 };
    int32_t in = STEM;

    x = conv_norm(b, x, "", "conv_stem", "bn1", &stem);
    for (int s = 0; s < STAGES; s++) {
        int32_t out = scaled(stages[s].channels * variants[b->variant].width);

        nn_graph_stage(b->g, 1 + s);
        for (int i = 0; i < depth_of(b, s); i++) {
            char prefix[32];

            snprintf(prefix, sizeof prefix, "blocks.%d.%d.", s, i);
            x = block(b, x, prefix, &stages[s], i == 0 ? stages[s].stride : 1,
                      in, out);
            in = out;
        }
    }
    nn_graph_stage(b->g, STAGE_HEAD);
    return conv_norm(b, x, "", "conv_head", "bn2", &head);
}

enum nn_status nn_efficientnet_lite_build(const struct nn_efficientnet_lite *m,
                                          struct nn_graph **out,
                                          struct nn_error *err)
{
    struct builder b = { NULL, m->variant, m->size,
                         m->bn_momentum > 0 ? m->bn_momentum : 0.99f };

    *out = NULL;
    if (m->variant < 0 || m->variant >= VARIANTS || m->size < 32 ||
        m->size > 4096 || m->outputs < 1) {
        return nn_fail(err, NN_ERR_ARG,
                       "EfficientNet-Lite%d of %d px and %d outputs cannot be "
                       "built",
                       m->variant, (int)m->size, (int)m->outputs);
    }
    if (nn_graph_create(&b.g)) {
        return nn_fail_nomem(err);
    }
    nn_node x = nn_graph_input(b.g, "image",
                               (struct nn_shape){ 1, m->size, m->size, 3 });
    x = body(&b, x);
    nn_graph_mark(b.g, x, "features");
    x = nn_graph_mean_hw(b.g, x);
    nn_graph_mark(b.g, x, "embedding");
    x = nn_graph_dropout(b.g, x, m->dropout);
    nn_graph_stage(b.g, STAGE_CLASSIFIER);
    x = nn_graph_dense(b.g, x, m->outputs, 1, "classifier");
    enum nn_status st = nn_graph_finish(b.g, x, err);
    if (st) {
        nn_graph_destroy(&b.g);
        return st;
    }
    *out = b.g;
    return NN_OK;
}
