/* pipelines/cli/study_rows.h - rows of mine's option table for a study. o: a
 * struct study_options. */
#ifndef PIPELINES_CLI_STUDY_ROWS_H
#define PIPELINES_CLI_STUDY_ROWS_H

#include "common/base/options.h"

#define STUDY_ROWS(o)                                                          \
    { NULL, 0,    NN_OPT_HEADING,                                              \
      NULL, NULL, "does it pay? mined against random negatives",               \
      0,    0 },                                                               \
        { "study",                                                             \
          0,                                                                   \
          NN_OPT_STRING,                                                       \
          &(o).data,                                                           \
          "DATA",                                                              \
          "train gates on DATA with both and compare them; needs --pool and "  \
          "--out, and takes --top and --trust-pool",                           \
          0,                                                                   \
          0 },                                                                 \
        { "seeds", 0, NN_OPT_INT, &(o).seeds, "N", "trials", 1, 100 },         \
        { "rounds", 0, NN_OPT_INT, &(o).rounds, "R", "of mining", 1, 100 },    \
        { "epochs",    'e',  NN_OPT_INT,                                       \
          &(o).epochs, "N",  "of the first gate; 0: as train",                 \
          0,           10000 },                                                \
        { "round-epochs",      0, NN_OPT_INT, &(o).round_epochs, "N",          \
          "epochs of a round", 1, 10000 },                                     \
        { "left-out",  0,                                                      \
          NN_OPT_LIST, &(o).left_out,                                          \
          "FAMILY",    "a family that one more trial is not shown",            \
          0,           0 },                                                    \
        { "left-out-sets",                                                     \
          0,                                                                   \
          NN_OPT_INT,                                                          \
          &(o).sets,                                                           \
          "N",                                                                 \
          "without --left-out: deal all families into N sets, one more trial " \
          "for each; as many as families: each in turn",                       \
          1,                                                                   \
          1000 },                                                              \
        { "no-left-out",                                                       \
          0,                                                                   \
          NN_OPT_FLAG,                                                         \
          &(o).no_left_out,                                                    \
          NULL,                                                                \
          "no such trials",                                                    \
          0,                                                                   \
          0 },                                                                 \
    {                                                                          \
        "with", 0, NN_OPT_LIST, &(o).with, "NAME=VALUE",                       \
            "an option of train for every run, such as gate-size=96; may be "  \
            "repeated",                                                        \
            0, 0                                                               \
    }

#endif /* PIPELINES_CLI_STUDY_ROWS_H */
