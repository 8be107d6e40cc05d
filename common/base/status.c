#include "common/base/status.h"

#include <stdarg.h>
#include <stdio.h>

enum nn_status nn_fail(struct nn_error *err, enum nn_status status,
                       const char *fmt, ...)
{
    va_list args;

    if (err == NULL) {
        return status;
    }
    err->status = status;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    for (char *s = err->text; *s != '\0'; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f) {
            *s = '?';
        }
    }
    return status;
}

enum nn_status nn_fail_nomem(struct nn_error *err)
{
    return nn_fail(err, NN_ERR_NOMEM, "out of memory");
}

const char *nn_status_str(enum nn_status status)
{
    switch (status) {
    case NN_OK:
        return "ok";
    case NN_ERR_ARG:
        return "invalid argument";
    case NN_ERR_NOMEM:
        return "out of memory";
    case NN_ERR_IO:
        return "input or output failed";
    case NN_ERR_FORMAT:
        return "damaged or unexpected data";
    case NN_ERR_SHAPE:
        return "shapes do not fit";
    case NN_ERR_NUMERIC:
        return "a value is not finite";
    case NN_ERR_UNSUPPORTED:
        return "not supported";
    case NN_ERR_STOPPED:
        return "interrupted";
    }
    return "unknown status";
}
