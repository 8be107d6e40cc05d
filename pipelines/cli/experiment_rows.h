/* pipelines/cli/experiment_rows.h - rows of the commands that run many
 * trainings: compare, sweep and mine --study. o: a struct with the fields
 * seeds, with, left_out and no_left_out. */
#ifndef PIPELINES_CLI_EXPERIMENT_ROWS_H
#define PIPELINES_CLI_EXPERIMENT_ROWS_H

#include "common/base/options.h"

/* letter: short for --seeds, 0: none; help: what a seed is one run of. */
#define SEEDS_ROW(o, letter, help)                                             \
    NN_OPT_INT(letter, "seeds", &(o).seeds, "N", 1, 100, help)

#define WITH_ROW(o)                                                            \
    NN_OPT_LIST(0, "with", &(o).with, "NAME=VALUE",                            \
                "an option of train for every run, such as gate-size=96; "     \
                "may be repeated")

/* help: what is left out, and of what. */
#define LEFT_OUT_ROWS(o, help)                                                 \
    NN_OPT_LIST(0, "left-out", &(o).left_out, "FAMILY", help),                 \
        NN_OPT_FLAG(0, "no-left-out", &(o).no_left_out, "no such runs")

#endif /* PIPELINES_CLI_EXPERIMENT_ROWS_H */
