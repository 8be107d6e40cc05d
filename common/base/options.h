/* common/base/options.h - command-line option tables.
 *
 * A command lists its options once: name, kind, target variable, help. The
 * variable's value when parsing starts is the default shown by --help.
 * Accepted forms: --name VALUE, --name=VALUE, --flag, -x; "--" ends options;
 * "-" is an operand. Options may stand between operands. An unknown option,
 * a missing or malformed value, or a value out of range is an error that
 * names the option and what was expected (a near miss is suggested). */
#ifndef NN_COMMON_BASE_OPTIONS_H
#define NN_COMMON_BASE_OPTIONS_H

#include <stddef.h>
#include <stdio.h>

#include "common/base/status.h"

enum nn_option_kind {
    NN_OPT_FLAG,    /* int *: "--name" sets 1, "--no-name" sets 0 */
    NN_OPT_INT,     /* int *: whole number in lo..hi */
    NN_OPT_U64,     /* uint64_t *: 0 or more */
    NN_OPT_DOUBLE,  /* double *: finite, in lo..hi */
    NN_OPT_STRING,  /* const char ** (points into argv) */
    NN_OPT_CHOICE,  /* int *: index into the '|'-separated list in arg */
    NN_OPT_LIST,    /* struct nn_option_list *: may be given many times */
    NN_OPT_HEADING, /* a line between groups in the help; no target */
};

struct nn_option_list {
    const char **v; /* borrowed from argv; array freed by nn_options_release */
    size_t n, cap;
};

struct nn_option {
    const char *name; /* "epochs", without dashes */
    char letter;      /* 'o' for -o, or 0 */
    enum nn_option_kind kind;
    void *target;
    const char *arg; /* "N", "FILE"; for CHOICE "text|jsonl|csv"; words of a
                        CHOICE have at most 63 bytes */
    const char *help;
    double lo, hi; /* limits of INT and DOUBLE; both 0: no limit */
};

struct nn_options {
    const char *program;            /* stands before the command in help */
    const char *command;            /* "train" */
    const char *synopsis;           /* "DATA --out RUN [options]" */
    const char *summary;            /* a sentence or two */
    const struct nn_option *table;  /* ends with name NULL and kind HEADING
                                       and help NULL */
    const char *examples;           /* lines shown last, or NULL */
    int min_operands, max_operands; /* max -1: any number */
};

/* Parse argv[1..argc-1]; argv must outlive what points into it. Operands are
 * copied to operands[] (room for argc), their number to *n_operands. *help is
 * set when --help or -h was reached (nothing behind it is looked at). The
 * value of an option may begin with a dash unless it is the name of another
 * option ("--out --epochs 3" lacks a value; "--out=--epochs" is one).
 * Errors: NN_ERR_ARG with text for the user (exit status 2), NN_ERR_NOMEM.
 * Targets set before the bad word keep their new values. */
NN_MUST_CHECK enum nn_status nn_options_parse(const struct nn_options *o,
                                              int argc, char **argv,
                                              const char **operands,
                                              int *n_operands, int *help,
                                              struct nn_error *err);
/* Print the help page, defaults in brackets, 80 columns. */
void nn_options_help(const struct nn_options *o, FILE *to);
/* Calls fn(ctx, name, value) in table order for every option but lists, for
 * run folders: flags as "yes" or "no", numbers so that they read back equal,
 * a string that is NULL as "". value is valid during the call. */
typedef void nn_option_fn(void *ctx, const char *name, const char *value);
void nn_options_each(const struct nn_options *o, nn_option_fn *fn, void *ctx);
void nn_options_release(const struct nn_options *o); /* frees the lists */

#endif /* NN_COMMON_BASE_OPTIONS_H */
