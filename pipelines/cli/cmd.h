/* pipelines/cli/cmd.h - the commands and what they share.
 *
 * A command gets argv with its own name at argv[0] and returns the exit
 * status: EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_SOME_FAILED or, where a rate
 * is not what was asked for, EXIT_MISSED. Data goes to
 * stdout, everything else to stderr. */
#ifndef PIPELINES_CLI_CMD_H
#define PIPELINES_CLI_CMD_H

#include <jansson.h>

#include "common/base/options.h"
#include "pipelines/data/open.h"
#include "pipelines/data/stop.h"

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_SOME_FAILED = 3,
    EXIT_MISSED = 4,
};

int cmd_train(int argc, char **argv);
int cmd_classify(int argc, char **argv);
int cmd_evaluate(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_clean(int argc, char **argv);
int cmd_mine(int argc, char **argv);
int cmd_pretrain(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_sweep(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_synth(int argc, char **argv);

/* Options that every command has: threads, quiet. */
struct cmd_common {
    int threads, quiet;
};
#define CMD_COMMON_ROWS(c)                                                     \
    NN_OPT_INT(0, "threads", &(c).threads, "N", 0, 1024,                       \
               "threads; 0 takes all that this process may use"),              \
        NN_OPT_FLAG('q', "quiet", &(c).quiet, "no progress output")

/* The words of a call that are no options. */
struct cmd_line {
    const struct nn_options *options;
    const char **operands;
    int n;
    int exit; /* the status if run() succeeds: EXIT_DONE unless it sets one */
};

/* A command: its options and what it does with them. ctx is its own struct,
 * into which the rows of its table point. */
struct cmd {
    const struct nn_options *options;
    const struct cmd_common *common;
    /* NULL, or where --model is kept: the shipped cascade if left out. */
    const char **model;
    /* NULL, or looks at what was parsed. NN_ERR_ARG: wrong usage. */
    enum nn_status (*check)(void *ctx, const struct cmd_line *line,
                            struct nn_error *err);
    enum nn_status (*run)(void *ctx, struct cmd_line *line,
                          struct nn_error *err);
    int stops; /* run() heeds stop_asked */
};

/* Parse, check and run; prints help and errors itself. Returns the exit
 * status. The lists of the table are released. */
int cmd_run(const struct cmd *c, void *ctx, int argc, char **argv);

/* Former names of options, refused with a line that says the present one. */
extern const struct nn_option_renamed cmd_renamed[];

/* For --out RUN and --resume. Errors: NN_ERR_ARG (out is NULL, or holds a run
 * that is not resumed, or none that could be), NN_ERR_NOMEM. A run that was
 * interrupted before a net had a state begins anew, which the second says. */
NN_MUST_CHECK enum nn_status cmd_check_out(const char *out, int resume,
                                           struct nn_error *err);
void cmd_say_resumed(const char *out, int resume);

/* All options of a call as an object of strings, and of arrays of strings where
 * an option may be repeated, with "data"; NULL when out of memory. */
json_t *cmd_options_json(const struct nn_options *o, const char *data);

/* Write them as DIR/options.json. Errors: NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
cmd_write_options(const char *dir, const json_t *options, struct nn_error *err);

/* Write DIR/split.csv (split_file.h); with `resume` only where there is none,
 * for the run goes on with the splits that it began with.
 * Errors: NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status cmd_write_splits(const char *dir,
                                              const struct nn_dataset *ds,
                                              int resume, struct nn_error *err);

/* A copy of such an object in which paths are cut down to their last
 * part: a model file that is passed on tells nothing of its maker's folders.
 * NULL when out of memory. */
json_t *cmd_public_options(const json_t *options);

#endif /* PIPELINES_CLI_CMD_H */
