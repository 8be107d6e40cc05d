/* pipelines/cli/views.h - options for training views, shared by train and
 * pretrain, and for test views, shared by train and evaluate. */
#ifndef PIPELINES_CLI_VIEWS_H
#define PIPELINES_CLI_VIEWS_H

#include "common/base/options.h"
#include "common/image/augment.h"
#include "common/net/tta.h"

struct views_options {
    int kind;        /* enum views_kind */
    double crop_min; /* 0: that of the kind */
    struct nn_option_list without;
};
enum views_kind { VIEWS_MILD, VIEWS_STRONG, VIEWS_PLAIN };

/* Rows of an option table; v: a struct views_options. */
#define VIEWS_ROWS(v)                                                          \
    NN_OPT_HEADING("views"),                                                   \
        NN_OPT_CHOICE(0, "views", &(v).kind, "mild|strong|plain",              \
                      "augmentation; plain: crops and mirror images alone"),   \
        NN_OPT_DOUBLE(                                                         \
            0, "crop-min", &(v).crop_min, "SHARE", 0, 1,                       \
            "least share of a picture in a crop; 0: that of the views"),       \
        NN_OPT_LIST(0, "without", &(v).without, "STEP",                        \
                    "leave out one step of the views: " NN_AUGMENT_STEPS       \
                    "; may be repeated")

/* Errors: NN_ERR_ARG (`without` names no step). */
NN_MUST_CHECK enum nn_status views_check(const struct views_options *v,
                                         struct nn_error *err);

/* Rows for two strings, NULL when left out. */
#define TEST_VIEWS_ROWS(gate, species)                                         \
    NN_OPT_STRING(0, "gate-test-views", &(gate), "PX,PXm,...",                 \
                  "how the trained gate looks at a picture: sizes, the first " \
                  "the largest, m: mirrored, such as 224,160m; the logits' "   \
                  "mean counts; left out: --gate-size"),                       \
        NN_OPT_STRING(0, "species-test-views", &(species), "PX,PXm,...",       \
                      "the same of the species net")

/* A NULL text is none. Errors: those of nn_test_views_parse(). */
NN_MUST_CHECK enum nn_status test_views_check(const char *text,
                                              struct nn_test_views *views,
                                              struct nn_error *err);

/* *a holds the mild views on entry. */
void views_apply(const struct views_options *v, struct nn_augment *a);

#endif /* PIPELINES_CLI_VIEWS_H */
