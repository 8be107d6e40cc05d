/* common/base/options_internal.h - shared by options.c and options_help.c. */
#ifndef NN_COMMON_BASE_OPTIONS_INTERNAL_H
#define NN_COMMON_BASE_OPTIONS_INTERNAL_H

#include <stddef.h>

#include "common/base/options.h"

/* Is p the last row of its table? */
static inline int nn_option_at_end(const struct nn_option *p)
{
    return p->name == NULL && p->kind == NN_OPTION_HEADING && p->help == NULL;
}

#endif /* NN_COMMON_BASE_OPTIONS_INTERNAL_H */
