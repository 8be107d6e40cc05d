#include "common/base/context.h"

static _Thread_local struct nn_context current;

struct nn_context nn_context_get(void)
{
    return current;
}

struct nn_context nn_context_set(struct nn_context c)
{
    struct nn_context before = current;

    current = c;
    return before;
}
