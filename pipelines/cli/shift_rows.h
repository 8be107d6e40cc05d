/* pipelines/cli/shift_rows.h - the alarm of classify: do these photos look like
 * those that the model was validated on? */
#ifndef PIPELINES_CLI_SHIFT_ROWS_H
#define PIPELINES_CLI_SHIFT_ROWS_H

#include "common/base/options.h"
#include "common/base/rng.h"
#include "common/data/dataset.h"
#include "pipelines/cascade/model.h"

enum { SHIFT_DRAWN = 400 };

struct shift_rows {
    const char *reference; /* NULL: not asked for */
    struct nn_dataset *known;
    double alarms;           /* rate of false ones */
    char *file[SHIFT_DRAWN]; /* drawn evenly from those that were offered */
    size_t n, offered;
    struct nn_rng rng;
};
#define SHIFT_ROWS_INIT                                                        \
    {                                                                          \
        .alarms = 0.01                                                         \
    }

/* s: a struct shift_rows. */
#define SHIFT_ROWS(s)                                                          \
    NN_OPT_STRING(                                                             \
        0, "reference", &(s).reference, "DATA",                                \
        "labelled photos that the model was validated on: their "              \
        "valid part, or all; say whether the others look like them"),          \
        NN_OPT_DOUBLE(0, "false-alarms", &(s).alarms, "RATE", 1e-6, 0.5,       \
                      "how often --reference may warn of photos that are "     \
                      "like them")

/* The reference, if one is named: before any photo is looked at, for that may
 * take hours. Errors: those of nn_dataset_open(). */
NN_MUST_CHECK enum nn_status shift_rows_open(struct shift_rows *s,
                                             struct nn_error *err);
/* A photo that was read, by its name; archives' members are passed over.
 * Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
shift_rows_offer(struct shift_rows *s, const char *file, struct nn_error *err);
/* Compares what was drawn with the reference, where one is named, and logs what
 * came of it; nothing once a stop is asked for. Errors:
 * those of nn_features_of_items() and shift_test(). */
NN_MUST_CHECK enum nn_status shift_rows_say(const struct shift_rows *s,
                                            const struct model *m,
                                            struct nn_error *err);
void shift_rows_release(struct shift_rows *s);

#endif /* PIPELINES_CLI_SHIFT_ROWS_H */
