/* pipelines/cli/cmd.h - the commands and what they share.
 *
 * A command gets argv with its own name at argv[0] and returns the exit
 * status: EXIT_DONE, EXIT_FAILED, EXIT_USAGE or EXIT_SOME_FAILED. Data goes to
 * stdout, everything else to stderr. */
#ifndef PIPELINES_CLI_CMD_H
#define PIPELINES_CLI_CMD_H

#include <jansson.h>

#include "common/base/options.h"
#include "pipelines/data/open.h"
#include "pipelines/data/stop.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_SOME_FAILED = 3 };

int cmd_train(int argc, char **argv);
int cmd_classify(int argc, char **argv);
int cmd_evaluate(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_mine(int argc, char **argv);
int cmd_pretrain(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_sweep(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_bench(int argc, char **argv);

/* Options that every command has: threads, quiet. */
struct cmd_common {
    int threads, quiet;
};
#define CMD_COMMON_ROWS(c)                                                     \
    { "threads",  0,                                                           \
      NN_OPT_INT, &(c).threads,                                                \
      "N",        "threads; 0 takes all that this process may use",            \
      0,          1024 },                                                      \
    {                                                                          \
        "quiet", 'q', NN_OPT_FLAG, &(c).quiet, NULL, "no progress output", 0,  \
            0                                                                  \
    }
#define CMD_TABLE_END                                                          \
    {                                                                          \
        NULL, 0, NN_OPT_HEADING, NULL, NULL, NULL, 0, 0                        \
    }
void cmd_apply_common(const struct cmd_common *c);

/* Parse; prints help or the error itself. Returns -1 to go on, else the exit
 * status to return. */
int cmd_parse(const struct nn_options *o, int argc, char **argv,
              const char **operands, int *n_operands);

/* Print "bearcascade COMMAND: text" and return EXIT_FAILED. */
int cmd_fail(const char *command, const struct nn_error *err);

/* All options of a call as an object of strings, with "data"; NULL when out
 * of memory. */
json_t *cmd_options_json(const struct nn_options *o, const char *data);

/* Write them as DIR/options.json. Errors: NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
cmd_write_options(const char *dir, const json_t *options, struct nn_error *err);

/* A copy of an object of strings in which paths are cut down to their last
 * part: a model file that is passed on tells nothing of its maker's folders.
 * NULL when out of memory. */
json_t *cmd_public_options(const json_t *options);

#endif /* PIPELINES_CLI_CMD_H */
