/* pipelines/cascade/bearcascade_internal.h - inside the library's objects. */
#ifndef PIPELINES_CASCADE_BEARCASCADE_INTERNAL_H
#define PIPELINES_CASCADE_BEARCASCADE_INTERNAL_H

#include <stdatomic.h>

#include "common/base/context.h"
#include "common/base/log.h"
#include "pipelines/cascade/bearcascade.h"
#include "pipelines/cascade/cascade.h"

struct bc_model {
    struct model *inside;
    atomic_size_t users; /* the caller and the sessions */
};

struct bc_session {
    struct bc_model *model;
    struct cascade *cascade;
    struct nn_context context; /* of every call */
    struct nn_log_out messages;
    bc_log_fn *log; /* or NULL */
    void *log_ctx;
    int all_stages;
    atomic_flag busy;
};

/* The library's code for ours. */
enum bc_status bc_status_of(enum nn_status st);

#endif /* PIPELINES_CASCADE_BEARCASCADE_INTERNAL_H */
