/* pipelines/cli/augment_rows.h - options for training views, shared by train
 * and pretrain, and for test-time augmentation, shared by train and evaluate.
 */
#ifndef PIPELINES_CLI_AUGMENT_ROWS_H
#define PIPELINES_CLI_AUGMENT_ROWS_H

#include "common/base/options.h"
#include "common/image/augment.h"
#include "common/net/tta.h"

struct augment_options {
    int kind;        /* enum views_kind */
    double crop_min; /* 0: that of the kind */
    double infrared;
    struct nn_option_list without;
};
enum views_kind { VIEWS_MILD, VIEWS_STRONG, VIEWS_PLAIN };

/* Rows of an option table; v: a struct augment_options. */
#define AUGMENT_ROWS(v)                                                        \
    NN_OPT_HEADING("augmentation"),                                            \
        NN_OPT_CHOICE(0, "augment", &(v).kind, "mild|strong|plain",            \
                      "augmentation; plain: crops and mirror images alone"),   \
        NN_OPT_DOUBLE(                                                         \
            0, "crop-min", &(v).crop_min, "SHARE", 0, 1,                       \
            "minimum share of an image in a crop; 0: that of --augment"),      \
        NN_OPT_DOUBLE(0, "infrared", &(v).infrared, "SHARE", 0, 1,             \
                      "share of the training views that look as if a camera "  \
                      "with an infrared lamp had taken them at night; for "    \
                      "trail cameras"),                                        \
        NN_OPT_LIST(                                                           \
            0, "augment-without", &(v).without, "STEP",                        \
            "leave out one step of the augmentation: " NN_AUGMENT_STEPS        \
            "; may be repeated")

/* Errors: NN_ERR_ARG (`without` names no step). */
NN_MUST_CHECK enum nn_status augment_check(const struct augment_options *v,
                                           struct nn_error *err);

/* Rows for two strings, NULL when left out. */
#define TEST_VIEWS_ROWS(gate, species)                                         \
    NN_OPT_STRING(0, "gate-tta", &(gate), "PX,PXm,...",                        \
                  "test-time augmentation of the gate: input sizes, largest "  \
                  "first; append m to mirror, such as 224,160m; logits are "   \
                  "averaged; left out: --gate-size"),                          \
        NN_OPT_STRING(0, "species-tta", &(species), "PX,PXm,...",              \
                      "the same of the species net")

/* A NULL text is none. Errors: those of nn_tta_parse(). */
NN_MUST_CHECK enum nn_status tta_check(const char *text, struct nn_tta *views,
                                       struct nn_error *err);

/* *a holds the mild views on entry. */
void augment_apply(const struct augment_options *v, struct nn_augment *a);

#endif /* PIPELINES_CLI_AUGMENT_ROWS_H */
