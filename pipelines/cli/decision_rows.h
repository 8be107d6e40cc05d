/* pipelines/cli/decision_rows.h - options that decide by other thresholds than
 * the model's, shared by classify and evaluate. */
#ifndef PIPELINES_CLI_DECISION_ROWS_H
#define PIPELINES_CLI_DECISION_ROWS_H

#include <math.h>

#include "common/base/options.h"
#include "pipelines/cascade/model.h"

struct decision_rows {
    double threshold, unknown_below; /* NaN: as the model has it */
};
#define DECISION_ROWS_INIT                                                     \
    {                                                                          \
        (double)NAN, (double)NAN                                               \
    }

/* d: a struct decision_rows. */
#define DECISION_ROWS(d)                                                       \
    NN_OPT_DOUBLE(0, "threshold", &(d).threshold, "P", 0, 1,                   \
                  "an image is a positive from p_positive P on, in place of "  \
                  "the model's threshold; 0: each is"),                        \
        NN_OPT_DOUBLE(0, "unknown-below", &(d).unknown_below, "P", 0, 1,       \
                      "the verdict is unknown when no class has probability "  \
                      "P (of a model trained with --unknown: all classes "     \
                      "together), in place of the model's; 0: never")

/* Decide so from now on, and say it. Errors: NN_ERR_ARG (the model never says
 * unknown). */
NN_MUST_CHECK enum nn_status decision_rows_apply(const struct decision_rows *d,
                                                 struct model *m,
                                                 struct nn_error *err);

#endif /* PIPELINES_CLI_DECISION_ROWS_H */
