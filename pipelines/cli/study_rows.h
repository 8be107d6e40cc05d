/* pipelines/cli/study_rows.h - rows of mine's option table for a study. o: a
 * struct study_options. */
#ifndef PIPELINES_CLI_STUDY_ROWS_H
#define PIPELINES_CLI_STUDY_ROWS_H

#include "pipelines/cli/experiment_rows.h"

#define STUDY_ROWS(o)                                                          \
    NN_OPT_HEADING("does it pay? mined against random negatives"),             \
        NN_OPT_STRING(0, "study", &(o).data, "DATA",                           \
                      "train gates on DATA with both and compare them; needs " \
                      "--pool and --out, and takes --top and --trust-pool"),   \
        SEEDS_ROW(o, 0, "trials"),                                             \
        NN_OPT_INT(0, "rounds", &(o).rounds, "R", 1, 100, "of mining"),        \
        NN_OPT_INT('e', "epochs", &(o).epochs, "N", 0, 10000,                  \
                   "of the first gate; 0: as train"),                          \
        NN_OPT_INT(0, "round-epochs", &(o).round_epochs, "N", 1, 10000,        \
                   "epochs of a round"),                                       \
        LEFT_OUT_ROWS(o, "negative family that one more trial never sees; "    \
                         "may be repeated"),                                   \
        NN_OPT_INT(0, "left-out-sets", &(o).sets, "N", 1, 1000,                \
                   "without --left-out: deal all families into N sets, one "   \
                   "more trial for each; as many as families: each in turn"),  \
        WITH_ROW(o)

#endif /* PIPELINES_CLI_STUDY_ROWS_H */
