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
    { NULL, 0, NN_OPT_HEADING, NULL, NULL, "views", 0, 0 },                    \
        { "views",                                                             \
          0,                                                                   \
          NN_OPT_CHOICE,                                                       \
          &(v).kind,                                                           \
          "mild|strong|plain",                                                 \
          "augmentation; plain: crops and mirror images alone",                \
          0,                                                                   \
          0 },                                                                 \
        { "crop-min",                                                          \
          0,                                                                   \
          NN_OPT_DOUBLE,                                                       \
          &(v).crop_min,                                                       \
          "SHARE",                                                             \
          "least share of a picture in a crop; 0: that of the "                \
          "views",                                                             \
          0,                                                                   \
          1 },                                                                 \
    {                                                                          \
        "without", 0, NN_OPT_LIST, &(v).without, "STEP",                       \
            "leave out one step of the views: " NN_AUGMENT_STEPS               \
            "; may be repeated",                                               \
            0, 0                                                               \
    }

/* status, or EXIT_USAGE and a line on stderr when it was below 0 and `without`
 * names no step. */
int views_check(const struct views_options *v, const char *command, int status);

/* Rows for two strings, NULL when left out. */
#define TEST_VIEWS_ROWS(gate, species)                                         \
    { "gate-test-views",                                                       \
      0,                                                                       \
      NN_OPT_STRING,                                                           \
      &(gate),                                                                 \
      "PX,PXm,...",                                                            \
      "how the trained gate looks at a picture: sizes, the first the "         \
      "largest, m: mirrored, such as 224,160m; the logits' mean counts; "      \
      "left out: --gate-size",                                                 \
      0,                                                                       \
      0 },                                                                     \
    {                                                                          \
        "species-test-views", 0, NN_OPT_STRING, &(species), "PX,PXm,...",      \
            "the same of the species net", 0, 0                                \
    }

/* status, or EXIT_USAGE and a line on stderr when it was below 0 and text is no
 * list of test views; NULL is none. */
int test_views_check(const char *text, const char *command,
                     struct nn_test_views *views, int status);

/* *a holds the mild views on entry. */
void views_apply(const struct views_options *v, struct nn_augment *a);

#endif /* PIPELINES_CLI_VIEWS_H */
