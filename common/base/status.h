/* common/base/status.h - result codes and error text used by every module.
 *
 * A function that can fail returns enum nn_status. NN_OK is zero, so
 * "if (st) goto out;" reads as "on failure". Nothing in the libraries prints
 * to stderr, exits or aborts on bad input: only the program decides the exit
 * status. */
#ifndef NN_COMMON_BASE_STATUS_H
#define NN_COMMON_BASE_STATUS_H

#define NN_MUST_CHECK   __attribute__((warn_unused_result))
#define NN_PRINTF(f, a) __attribute__((format(printf, f, a)))

enum nn_status {
    NN_OK = 0,
    NN_ERR_ARG = -1,         /* the caller broke a documented precondition */
    NN_ERR_NOMEM = -2,       /* allocation failed or a size overflowed */
    NN_ERR_IO = -3,          /* open, read, write or close failed */
    NN_ERR_FORMAT = -4,      /* bytes are damaged or not what they claim */
    NN_ERR_SHAPE = -5,       /* operand shapes do not fit together */
    NN_ERR_NUMERIC = -6,     /* NaN or Inf where a finite value is required */
    NN_ERR_UNSUPPORTED = -7, /* valid request that this build cannot serve */
    NN_ERR_STOPPED = -8,     /* the caller's stop flag was seen (SIGINT) */
};

/* What went wrong, for a person. Filled only by the function that detected
 * the problem; callers pass it on untouched. `text` is one lower-case line
 * without a full stop: "cannot open 'x.jpg': Permission denied". */
struct nn_error {
    enum nn_status status;
    char text[512];
};
#define NN_ERROR_INIT                                                          \
    {                                                                          \
        NN_OK, ""                                                              \
    }

/* Set err (which may be NULL) to status and the formatted text, cut to fit;
 * newlines and control bytes become '?'. Returns status, so a detector reads
 * "return nn_fail(err, NN_ERR_IO, "cannot open '%s'", path);". */
enum nn_status nn_fail(struct nn_error *err, enum nn_status status,
                       const char *fmt, ...) NN_PRINTF(3, 4);

/* "out of memory" into err; returns NN_ERR_NOMEM. */
enum nn_status nn_fail_nomem(struct nn_error *err);

/* Constant lower-case name of a code ("out of memory"). */
const char *nn_status_str(enum nn_status status);

#endif /* NN_COMMON_BASE_STATUS_H */
