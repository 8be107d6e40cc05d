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
    const char *reference;    /* named photos, or NULL */
    int check;                /* also without, by what the model holds */
    struct nn_dataset *known; /* of reference */
    double alarms;            /* rate of false ones */
    char *file[SHIFT_DRAWN];  /* drawn evenly from those that were offered */
    size_t n, offered;
    struct nn_rng rng;
};
#define SHIFT_ROWS_INIT                                                        \
    {                                                                          \
        .alarms = 0.01                                                         \
    }

/* s: a struct shift_rows. */
#define SHIFT_ROWS(s)                                                          \
    NN_OPT_FLAG(0, "check-shift", &(s).check,                                  \
                "say whether the photos look like those that the model was "   \
                "validated on, by the summary that its file holds"),           \
        NN_OPT_STRING(                                                         \
            0, "reference", &(s).reference, "DATA",                            \
            "the same, compared with labelled photos: their valid part, or "   \
            "all of them where they have none"),                               \
        NN_OPT_DOUBLE(0, "false-alarms", &(s).alarms, "RATE", 1e-6, 0.5,       \
                      "how often these two may warn of photos that are "       \
                      "like them")

/* The reference, if one is named, or whether the model holds one: before any
 * photo is looked at, for that may take hours. Errors: those of
 * nn_dataset_open(); NN_ERR_ARG (the model holds none). */
NN_MUST_CHECK enum nn_status shift_rows_open(struct shift_rows *s,
                                             const struct model *m,
                                             struct nn_error *err);
/* A photo that was read, by its name; archives' members are passed over.
 * Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
shift_rows_offer(struct shift_rows *s, const char *file, struct nn_error *err);
/* Compares what was drawn with the reference, where that is asked for, and logs
 * what came of it; nothing once a stop is asked for. Errors: those of
 * nn_features_of_items(), nn_shift_learn() and nn_shift_test(). */
NN_MUST_CHECK enum nn_status shift_rows_say(const struct shift_rows *s,
                                            const struct model *m,
                                            struct nn_error *err);
void shift_rows_release(struct shift_rows *s);

#endif /* PIPELINES_CLI_SHIFT_ROWS_H */
