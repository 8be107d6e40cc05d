/* pipelines/cli/data_rows.h - how labelled data are read: options of every
 * command that opens some. */
#ifndef PIPELINES_CLI_DATA_ROWS_H
#define PIPELINES_CLI_DATA_ROWS_H

#include "common/base/options.h"
#include "pipelines/cascade/model.h"
#include "pipelines/data/open.h"

struct data_rows {
    struct nn_option_list classes, negatives;
    const char *split_file, *decisions;
};

/* d: a struct data_rows. */
#define DATA_ROWS(d)                                                           \
    NN_OPT_HEADING("how DATA are read"),                                       \
        NN_OPT_LIST(0, "class", &(d).classes, "NAME",                          \
                    "the folder or label NAME is a class, whatever it is "     \
                    "called; may be repeated"),                                \
        NN_OPT_LIST(0, "negative-class", &(d).negatives, "NAME",               \
                    "the folder or label NAME holds negatives; may be "        \
                    "repeated"),                                               \
        NN_OPT_STRING(0, "split-file", &(d).split_file, "CSV",                 \
                      "the splits of an earlier run (RUN/split.csv), or "      \
                      "columns file and split; images that it lacks are "      \
                      "drawn, or keep their split"),                           \
        NN_OPT_STRING(0, "decisions", &(d).decisions, "FILE",                  \
                      "what was decided on the page of 'clean', 'audit' or "   \
                      "'mine --ask': photos get another label, are left out, " \
                      "or join the train part; their files stay as they are")

/* keep: an int. */
#define OVERLAP_ROW(keep)                                                      \
    NN_OPT_FLAG(0, "keep-overlap", &(keep),                                    \
                "take images that the model was trained or validated on like " \
                "any others")

/* What they say, for data_open(). */
struct data_options data_rows_options(const struct data_rows *d, uint64_t seed);

/* The same beside a model: names that were classes or negatives when it was
 * trained are that again, and the splits are drawn with its seed. */
struct data_reading {
    struct data_options how;
    const char **classes, **negatives; /* borrowed strings */
};
/* seed: instead of the model's, or NULL. The model and d must outlive it.
 * Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status data_reading_init(struct data_reading *r,
                                               const struct data_rows *d,
                                               const struct model *m,
                                               const uint64_t *seed,
                                               struct nn_error *err);
void data_reading_release(struct data_reading *r);

#endif /* PIPELINES_CLI_DATA_ROWS_H */
