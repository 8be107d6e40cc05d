/* common/base/options.h - command-line option tables.
 *
 * A command lists its options once: name, kind, target variable, help. The
 * variable's value when parsing starts is the default shown by --help; NaN is
 * no default.
 * Accepted forms: --name VALUE, --name=VALUE, --flag, -x; "--" ends options;
 * "-" is an operand. Options may stand between operands. An unknown option,
 * a missing or malformed value, or a value out of range is an error that
 * names the option and what was expected (a near miss is suggested). */
#ifndef NN_COMMON_BASE_OPTIONS_H
#define NN_COMMON_BASE_OPTIONS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/status.h"

enum nn_option_kind {
    NN_OPTION_FLAG,    /* int *: "--name" sets 1, "--no-name" sets 0 */
    NN_OPTION_INT,     /* int *: whole number in lo..hi */
    NN_OPTION_U64,     /* uint64_t *: 0 or more */
    NN_OPTION_DOUBLE,  /* double *: finite, in lo..hi */
    NN_OPTION_STRING,  /* const char ** (points into argv) */
    NN_OPTION_CHOICE,  /* int *: index into the '|'-separated list in arg */
    NN_OPTION_LIST,    /* struct nn_option_list *: may be given many times */
    NN_OPTION_HEADING, /* a line between groups in the help; no target */
};

struct nn_option_list {
    const char **v; /* borrowed from argv; array freed by nn_options_release */
    size_t n, cap;
};

/* A row of a table, made by the NN_OPT_ macros below. */
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

/* Rows: short letter or 0, name, target, name of the value in the help, limits
 * (0, 0: none), help. A target of another type draws a warning. */
#define NN_OPT_FLAG(letter, name, target, help)                                \
    NN_OPT_ROW(letter, name, FLAG, int, target, NULL, 0, 0, help)
#define NN_OPT_INT(letter, name, target, arg, lo, hi, help)                    \
    NN_OPT_ROW(letter, name, INT, int, target, arg, lo, hi, help)
#define NN_OPT_U64(letter, name, target, arg, help)                            \
    NN_OPT_ROW(letter, name, U64, uint64_t, target, arg, 0, 0, help)
#define NN_OPT_DOUBLE(letter, name, target, arg, lo, hi, help)                 \
    NN_OPT_ROW(letter, name, DOUBLE, double, target, arg, lo, hi, help)
#define NN_OPT_STRING(letter, name, target, arg, help)                         \
    NN_OPT_ROW(letter, name, STRING, const char *, target, arg, 0, 0, help)
#define NN_OPT_CHOICE(letter, name, target, words, help)                       \
    NN_OPT_ROW(letter, name, CHOICE, int, target, words, 0, 0, help)
#define NN_OPT_LIST(letter, name, target, arg, help)                           \
    NN_OPT_ROW(letter, name, LIST, struct nn_option_list, target, arg, 0, 0,   \
               help)
#define NN_OPT_HEADING(text)                                                   \
    {                                                                          \
        .kind = NN_OPTION_HEADING, .help = (text)                              \
    }
#define NN_OPT_END                                                             \
    {                                                                          \
        .kind = NN_OPTION_HEADING                                              \
    }
#define NN_OPT_ROW(letter, name, kind, type, target, arg, lo, hi, help)        \
    {                                                                          \
        name, letter, NN_OPTION_##kind, 1 ? (target) : (type *)NULL, arg,      \
            help, lo, hi                                                       \
    }

/* A former name. It is refused, and the error says the present one, in a
 * command whose table has that. */
struct nn_option_renamed {
    const char *old, *now;
};

enum nn_options_help { NN_HELP_NONE, NN_HELP_PAGE, NN_HELP_MARKDOWN };

struct nn_options {
    const char *program;           /* stands before the command in help */
    const char *command;           /* "train" */
    const char *synopsis;          /* "DATA --out RUN [options]" */
    const char *summary;           /* a sentence or two */
    const struct nn_option *table; /* ends with NN_OPT_END */
    const struct nn_option_renamed *renamed; /* NULL, or ends with old NULL */
    const char *examples;                    /* lines shown last, or NULL */
    int min_operands, max_operands;          /* max -1: any number */
};

/* Parse argv[1..argc-1]; argv must outlive what points into it. Operands are
 * copied to operands[] (room for argc), their number to *n_operands. *help is
 * set when --help, -h or --help=markdown was reached (nothing behind it is
 * looked at). The
 * value of an option may begin with a dash unless it is the name of another
 * option ("--out --epochs 3" lacks a value; "--out=--epochs" is one).
 * Errors: NN_ERR_ARG with text for the user (exit status 2), NN_ERR_NOMEM.
 * Targets set before the bad word keep their new values. */
NN_MUST_CHECK enum nn_status
nn_options_parse(const struct nn_options *o, int argc, char **argv,
                 const char **operands, int *n_operands,
                 enum nn_options_help *help, struct nn_error *err);
/* Print the help page, defaults in brackets, 80 columns. */
void nn_options_help(const struct nn_options *o, FILE *to);
/* The same as a page of Markdown, with the limits of numbers. */
void nn_options_markdown(const struct nn_options *o, FILE *to);
/* Calls fn(ctx, name, listed, value) in table order for every option, for run
 * folders: flags as "yes" or "no", numbers so that they read back equal, a
 * string that is NULL as "". listed 1: value is one of a list, in order, or
 * NULL, once, of an empty one. value is valid during the call. */
typedef void nn_option_fn(void *ctx, const char *name, int listed,
                          const char *value);
void nn_options_each(const struct nn_options *o, nn_option_fn *fn, void *ctx);
void nn_options_release(const struct nn_options *o); /* frees the lists */

#endif /* NN_COMMON_BASE_OPTIONS_H */
