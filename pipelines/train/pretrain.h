/* pipelines/train/pretrain.h - a backbone: one classifier over all classes of a
 * data set, whose features other trainings start from.
 *
 * The file holds the bare tensor names of timm's net of that architecture, the
 * metadata "format" (PRETRAIN_FORMAT), "net" (as in a model file), "program",
 * "data" and "training". `train --init` takes it, and so does timm. */
#ifndef PIPELINES_TRAIN_PRETRAIN_H
#define PIPELINES_TRAIN_PRETRAIN_H

#include <jansson.h>

#include "common/train/train.h"

#define PRETRAIN_FORMAT "bearcascade-backbone 1"

/* What images of no class are to the net. */
enum pretrain_negatives {
    PRETRAIN_NO_NEGATIVES, /* left out */
    PRETRAIN_ONE_CLASS,    /* one more class, "negative" */
    PRETRAIN_FAMILIES,     /* a class per family, "negative/FAMILY"; without a
                              family left out */
};

struct pretrain_options {
    struct nn_train_options train;
    enum nn_arch arch;
    float width, dropout;
    int32_t size; /* input pixels of the result and of the last epochs */
    enum pretrain_negatives negatives;
    int sigmoid;      /* a sigmoid per class instead of one softmax */
    const char *init; /* weights to start from, or NULL */
};
struct pretrain_options pretrain_defaults(void);

struct pretrain_result {
    struct nn_train_result train;
    double top1, top5; /* shares of the validation images */
    size_t n_valid;
};

/* Train on the train part of ds, choose the epoch by top-1 on its valid part.
 * *out is set on success.
 * Errors: as nn_train(); NN_ERR_ARG: fewer than two classes, a class without
 * an image in train, none in valid. */
NN_MUST_CHECK enum nn_status
pretrain(const struct nn_dataset *ds, const struct pretrain_options *opt,
         const struct nn_run *run, struct nn_net **out,
         struct pretrain_result *result, struct nn_error *err);

/* Write the backbone file. data and training are JSON objects, or NULL. */
NN_MUST_CHECK enum nn_status
pretrain_save(const struct nn_net *net, const json_t *data,
              const json_t *training, const char *path, enum nn_dtype dtype,
              struct nn_error *err);

#endif /* PIPELINES_TRAIN_PRETRAIN_H */
