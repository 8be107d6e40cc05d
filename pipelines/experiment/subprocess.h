/* pipelines/experiment/subprocess.h - a command of this program as a process of
 * its own.
 *
 * compare and sweep run the very commands that a person would type, one after
 * another: each can be repeated by hand, its memory is its own and is given
 * back, and a run that was killed is resumed as any other. */
#ifndef PIPELINES_EXPERIMENT_SUBPROCESS_H
#define PIPELINES_EXPERIMENT_SUBPROCESS_H

#include <stddef.h>

#include "common/base/status.h"

struct subprocess_result {
    int status;        /* exit status; 128 + number of the signal that ended it
                        */
    double seconds;    /* wall time */
    double peak_bytes; /* largest resident set, looked at every 10 ms; 0 when
                          it was over before the first look */
};

/* Run `bearcascade args[0] args[1] ... args[n-1]` and wait. Its stdout goes to
 * the file `out` (NULL: nowhere), its stderr to ours, its stdin is empty.
 * SIGINT and SIGTERM that reach this process are passed on to it.
 * Errors: NN_ERR_IO (cannot start, cannot write `out`), NN_ERR_NOMEM. A child
 * that fails is not an error here: look at status. */
NN_MUST_CHECK enum nn_status subprocess_run(const char *const *args, size_t n,
                                            const char *out,
                                            struct subprocess_result *result,
                                            struct nn_error *err);

/* What a person would type: "bearcascade train 'my photos' --out x", arguments
 * quoted for the shell where they need it. nn_mem_free; NULL when out of
 * memory. */
char *subprocess_line(const char *const *args, size_t n);

/* A finished training run in `dir`: nothing when dir/best.safetensors is there;
 * else `train DATA --out dir options...`, with --resume where there is
 * something to resume. dir/command.txt keeps the command.
 * command: what subprocess_line() gives for a run from nothing (nn_mem_free),
 * also when there was nothing to do; may be NULL. threads: of the child, 0:
 * all. Errors: NN_ERR_ARG (dir was made by another command; training failed,
 * and the child has said why), NN_ERR_STOPPED, NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
subprocess_train(const char *data, const char *dir, const char *const *options,
                 size_t n, int threads, char **command, struct nn_error *err);

#endif /* PIPELINES_EXPERIMENT_SUBPROCESS_H */
