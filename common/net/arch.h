/* common/net/arch.h - the architectures that a net may have.
 *
 *   word in options     name in files           input  (byte - mean) / stddev
 *   mobilenetv4         mobilenetv4_conv_small  128    ImageNet's, by channel
 *   efficientnet-lite0  efficientnet_lite0      224    (byte - 127) / 128
 *   efficientnet-lite1  efficientnet_lite1      240
 *   efficientnet-lite2  efficientnet_lite2      260
 *
 * MobileNetV4 has a width, by which its channels are multiplied; the others
 * have none: it is 1. Any of them takes inputs of any size from 32 pixels on.
 */
#ifndef NN_COMMON_NET_ARCH_H
#define NN_COMMON_NET_ARCH_H

#include "common/tensor/graph.h"
#include "common/tensor/safetensors.h"

enum nn_arch {
    NN_ARCH_MOBILENETV4,
    NN_ARCH_EFFICIENTNET_LITE0,
    NN_ARCH_EFFICIENTNET_LITE1,
    NN_ARCH_EFFICIENTNET_LITE2,
};
/* The words of options, in the order of the enum. */
#define NN_ARCH_WORDS                                                          \
    "mobilenetv4|efficientnet-lite0|efficientnet-lite1|efficientnet-lite2"

struct nn_arch_info {
    const char *word, *name, *title; /* title: "EfficientNet-Lite2" */
    int32_t size;                    /* usual input pixels, square */
    int has_width;
    float mean[3], stddev[3]; /* byte units */
};
const struct nn_arch_info *nn_arch_info(enum nn_arch arch);
/* By word or by name. Errors: NN_ERR_ARG. */
NN_MUST_CHECK enum nn_status nn_arch_parse(const char *text,
                                           enum nn_arch *arch);

/* "MobileNetV4-Conv-Small x 0.50", "EfficientNet-Lite2". */
enum { NN_ARCH_TEXT = 64 };
void nn_arch_text(enum nn_arch arch, float width, char text[NN_ARCH_TEXT]);

/* The graph of a net with the marks "features" (input of the mean over the
 * image) and "embedding" (input of the classifier). Errors: NN_ERR_ARG (a size
 * or width that cannot be), NN_ERR_NOMEM. */
struct nn_arch_shape {
    enum nn_arch arch;
    float width, dropout;
    int32_t size;
    size_t outputs;
};
NN_MUST_CHECK enum nn_status nn_arch_build(const struct nn_arch_shape *s,
                                           struct nn_graph **out,
                                           struct nn_error *err);

/* Which net the weights of a file are of: by its metadata ("PREFIXnet", "net",
 * then "architecture"), and in a file without, such as timm's, by its tensors.
 * *known is 0 where neither tells. Errors: NN_ERR_FORMAT (an architecture of
 * another name, which the text says), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_arch_of_file(const struct nn_st_file *f,
                                             const char *prefix,
                                             enum nn_arch *arch, int *known,
                                             struct nn_error *err);

#endif /* NN_COMMON_NET_ARCH_H */
