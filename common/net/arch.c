#include "common/net/arch.h"

#include <stdio.h>
#include <string.h>

#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/tensor/nets/efficientnet_lite.h"
#include "common/tensor/nets/mobilenetv4.h"

#define LITE_MEAN                                                              \
    {                                                                          \
        NN_EFFICIENTNET_LITE_MEAN, NN_EFFICIENTNET_LITE_MEAN,                  \
            NN_EFFICIENTNET_LITE_MEAN                                          \
    }
#define LITE_STDDEV                                                            \
    {                                                                          \
        NN_EFFICIENTNET_LITE_STDDEV, NN_EFFICIENTNET_LITE_STDDEV,              \
            NN_EFFICIENTNET_LITE_STDDEV                                        \
    }

static const struct nn_arch_info archs[] = {
    { "mobilenetv4",
      "mobilenetv4_conv_small",
      "MobileNetV4-Conv-Small",
      128,
      1,
      { 123.675f, 116.28f, 103.53f },
      { 58.395f, 57.12f, 57.375f } },
    { "efficientnet-lite0", "efficientnet_lite0", "EfficientNet-Lite0", 224, 0,
      LITE_MEAN, LITE_STDDEV },
    { "efficientnet-lite1", "efficientnet_lite1", "EfficientNet-Lite1", 240, 0,
      LITE_MEAN, LITE_STDDEV },
    { "efficientnet-lite2", "efficientnet_lite2", "EfficientNet-Lite2", 260, 0,
      LITE_MEAN, LITE_STDDEV },
};
enum { ARCHS = sizeof archs / sizeof archs[0] };

const struct nn_arch_info *nn_arch_info(enum nn_arch arch)
{
    return &archs[arch];
}

enum nn_status nn_arch_parse(const char *text, enum nn_arch *arch)
{
    for (int i = 0; i < ARCHS; i++) {
        if (strcmp(text, archs[i].word) == 0 ||
            strcmp(text, archs[i].name) == 0) {
            *arch = (enum nn_arch)i;
            return NN_OK;
        }
    }
    return NN_ERR_ARG;
}

void nn_arch_text(enum nn_arch arch, float width, char text[NN_ARCH_TEXT])
{
    if (archs[arch].has_width) {
        snprintf(text, NN_ARCH_TEXT, "%s x %.2f", archs[arch].title,
                 (double)width);
    } else {
        snprintf(text, NN_ARCH_TEXT, "%s", archs[arch].title);
    }
}

enum nn_status nn_arch_build(const struct nn_arch_shape *s,
                             struct nn_graph **out, struct nn_error *err)
{
    const struct nn_mobilenetv4 mobile = { .width = s->width,
                                           .size = s->size,
                                           .outputs = (int32_t)s->outputs,
                                           .dropout = s->dropout };
    const struct nn_efficientnet_lite lite = {
        .variant = (int)s->arch - NN_ARCH_EFFICIENTNET_LITE0,
        .size = s->size,
        .outputs = (int32_t)s->outputs,
        .dropout = s->dropout,
    };

    return s->arch == NN_ARCH_MOBILENETV4
               ? nn_mobilenetv4_build(&mobile, out, err)
               : nn_efficientnet_lite_build(&lite, out, err);
}

/* --- what a file holds --- */

/* *name: the architecture that the JSON under KEY says, a block of nn_mem, or
 * NULL. Damaged JSON says nothing. */
static enum nn_status name_in_spec(const struct nn_st_file *f, const char *key,
                                   char **name)
{
    const char *text = nn_st_meta(f, key), *s;
    enum nn_status st = NN_OK;
    json_t *j = NULL;

    *name = NULL;
    if (text == NULL) {
        return NN_OK;
    }
    if (nn_json_load(text, strlen(text), 0, &j, NULL) == NN_ERR_NOMEM) {
        return NN_ERR_NOMEM;
    }
    s = json_string_value(json_object_get(j, "architecture"));
    if (s != NULL) {
        *name = nn_mem_strdup(s);
        st = *name == NULL ? NN_ERR_NOMEM : NN_OK;
    }
    json_decref(j);
    return st;
}

/* The same of the file: PREFIXnet, net, architecture, the first that says. */
static enum nn_status name_in_file(const struct nn_st_file *f,
                                   const char *prefix, char **name)
{
    char *key = nn_mem_sprintf("%snet", prefix);
    const char *plain = nn_st_meta(f, "architecture");
    enum nn_status st;

    *name = NULL;
    if (key == NULL) {
        return NN_ERR_NOMEM;
    }
    st = name_in_spec(f, key, name);
    nn_mem_free(key);
    if (st || *name != NULL) {
        return st;
    }
    st = name_in_spec(f, "net", name);
    if (st || *name != NULL || plain == NULL) {
        return st;
    }
    *name = nn_mem_strdup(plain);
    return *name == NULL ? NN_ERR_NOMEM : NN_OK;
}

/* Is every tensor of the net but the classifier's two there, and no other? */
static enum nn_status fits(const struct nn_st_file *f, enum nn_arch arch,
                           int *fit, struct nn_error *err)
{
    const struct nn_arch_shape s = { arch, 1, 0, 32, 1 };
    struct nn_params p = NN_PARAMS_INIT;
    struct nn_graph *g = NULL;
    struct nn_load_report r;
    enum nn_status st = nn_arch_build(&s, &g, err);

    *fit = 0;
    if (st) {
        return st;
    }
    if (nn_params_init(&p, g, 0)) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_params_load(f, "", g, p.value.data, 0, &r, err);
    if (st) {
        goto out;
    }
    *fit = r.missing + r.mismatched <= 2 && r.unused == 0;
out:
    nn_params_release(&p);
    nn_graph_destroy(&g);
    return st;
}

enum nn_status nn_arch_of_file(const struct nn_st_file *f, const char *prefix,
                               enum nn_arch *arch, int *known,
                               struct nn_error *err)
{
    char *name;
    enum nn_status st = NN_OK;

    *known = 0;
    if (name_in_file(f, prefix, &name)) {
        return nn_fail_nomem(err);
    }
    if (name != NULL) {
        *known = nn_arch_parse(name, arch) == NN_OK;
        if (!*known) {
            st = nn_fail(err, NN_ERR_FORMAT,
                         "holds a net of an unknown architecture, '%.40s'",
                         name);
        }
        nn_mem_free(name);
        return st;
    }
    /* The names of MobileNetV4's first block are others. */
    if (nn_st_find(f, "blocks.0.0.conv_pw.weight") == NULL) {
        return NN_OK;
    }
    for (int i = NN_ARCH_EFFICIENTNET_LITE0; i < ARCHS && !*known; i++) {
        *arch = (enum nn_arch)i;
        st = fits(f, *arch, known, err);
        if (st) {
            return st;
        }
    }
    return NN_OK;
}
