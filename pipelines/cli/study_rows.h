/* pipelines/cli/study_rows.h - rows of mine's option table for a study. o: a
 * struct study_options. */
#ifndef PIPELINES_CLI_STUDY_ROWS_H
#define PIPELINES_CLI_STUDY_ROWS_H

#include "common/base/options.h"

#define STUDY_ROWS(o)                                                          \
    NN_OPT_HEADING("does it pay? mined against random negatives"),             \
        NN_OPT_STRING(0, "study", &(o).data, "DATA",                           \
                      "train gates on DATA with both and compare them; needs " \
                      "--pool and --out, and takes --top and --trust-pool"),   \
        NN_OPT_INT(0, "seeds", &(o).seeds, "N", 1, 100, "trials"),             \
        NN_OPT_INT(0, "rounds", &(o).rounds, "R", 1, 100, "of mining"),        \
        NN_OPT_INT('e', "epochs", &(o).epochs, "N", 0, 10000,                  \
                   "of the first gate; 0: as train"),                          \
        NN_OPT_INT(0, "round-epochs", &(o).round_epochs, "N", 1, 10000,        \
                   "epochs of a round"),                                       \
        NN_OPT_LIST(0, "left-out", &(o).left_out, "FAMILY",                    \
                    "a family that one more trial is not shown"),              \
        NN_OPT_INT(0, "left-out-sets", &(o).sets, "N", 1, 1000,                \
                   "without --left-out: deal all families into N sets, one "   \
                   "more trial for each; as many as families: each in turn"),  \
        NN_OPT_FLAG(0, "no-left-out", &(o).no_left_out, "no such trials"),     \
        NN_OPT_LIST(0, "with", &(o).with, "NAME=VALUE",                        \
                    "an option of train for every run, such as gate-size=96; " \
                    "may be repeated")

#endif /* PIPELINES_CLI_STUDY_ROWS_H */
