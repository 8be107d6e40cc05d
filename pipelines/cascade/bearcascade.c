/* The library's models and sessions. */
#include "pipelines/cascade/bearcascade.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/cascade/bearcascade_internal.h"
#include "pipelines/cascade/session.h"

enum { MAX_THREADS = 1024, MAX_BATCH = 1024 };

/* --- names --- */

const char *bc_version(void)
{
    return BEARCASCADE_VERSION;
}

const char *bc_status_name(int status)
{
    switch (status) {
    case BC_OK:
        return "ok";
    case BC_ERR_ARGUMENT:
        return "invalid argument";
    case BC_ERR_MEMORY:
        return "out of memory";
    case BC_ERR_IO:
        return "a file cannot be read";
    case BC_ERR_FORMAT:
        return "damaged or unexpected data";
    case BC_ERR_UNSUPPORTED:
        return "not supported";
    case BC_ERR_NUMBER:
        return "a number is not finite";
    default:
        return "unknown status";
    }
}

enum bc_status bc_status_of(enum nn_status st)
{
    switch (st) {
    case NN_OK:
        return BC_OK;
    case NN_ERR_NOMEM:
        return BC_ERR_MEMORY;
    case NN_ERR_IO:
        return BC_ERR_IO;
    case NN_ERR_FORMAT:
    case NN_ERR_SHAPE:
        return BC_ERR_FORMAT;
    case NN_ERR_NUMERIC:
        return BC_ERR_NUMBER;
    case NN_ERR_UNSUPPORTED:
        return BC_ERR_UNSUPPORTED;
    case NN_ERR_ARG:
    case NN_ERR_STOPPED:
        break;
    }
    return BC_ERR_ARGUMENT;
}

/* The outcome of an open or create, told to its caller. */
static int tell(enum nn_status st, const struct nn_error *err, char *why,
                size_t why_size)
{
    if (why != NULL && why_size > 0) {
        snprintf(why, why_size, "%s", st ? err->text : "");
    }
    return bc_status_of(st);
}

/* --- models --- */

/* Loads from path, or from memory where that is NULL, as a silent caller. */
static enum nn_status open_model(const char *path, const void *bytes,
                                 size_t size, struct bc_model **out,
                                 struct nn_error *err)
{
    struct bc_model *m = nn_mem_calloc(1, sizeof *m);
    struct nn_context before;
    enum nn_status st;

    if (m == NULL) {
        return nn_fail_nomem(err);
    }
    before = nn_context_set((struct nn_context){ .threads = 1, .quiet = 1 });
    st = path != NULL
             ? model_load(path, &m->inside, err)
             : model_load_memory(bytes, size, "(in memory)", &m->inside, err);
    nn_context_set(before);
    atomic_init(&m->users, 1);
    if (st) {
        bc_model_destroy(&m);
    }
    *out = m;
    return st;
}

int bc_model_open(const char *path, struct bc_model **model, char *why,
                  size_t why_size)
{
    struct nn_error err = NN_ERROR_INIT;
    enum nn_status st;

    if (model != NULL) {
        *model = NULL;
    }
    if (path == NULL || model == NULL) {
        st = nn_fail(&err, NN_ERR_ARG, "bc_model_open: %s is NULL",
                     path == NULL ? "path" : "model");
    } else {
        st = open_model(path, NULL, 0, model, &err);
    }
    return tell(st, &err, why, why_size);
}

int bc_model_open_memory(const void *bytes, size_t size,
                         struct bc_model **model, char *why, size_t why_size)
{
    struct nn_error err = NN_ERROR_INIT;
    enum nn_status st;

    if (model != NULL) {
        *model = NULL;
    }
    if (bytes == NULL || model == NULL) {
        st = nn_fail(&err, NN_ERR_ARG, "bc_model_open_memory: %s is NULL",
                     bytes == NULL ? "bytes" : "model");
    } else {
        st = open_model(NULL, bytes, size, model, &err);
    }
    return tell(st, &err, why, why_size);
}

void bc_model_destroy(struct bc_model **model)
{
    struct bc_model *m = model != NULL ? *model : NULL;

    if (m == NULL) {
        return;
    }
    *model = NULL;
    if (atomic_fetch_sub(&m->users, 1) == 1) {
        model_destroy(&m->inside);
        nn_mem_free(m);
    }
}

size_t bc_model_class_count(const struct bc_model *model)
{
    return model != NULL ? model->inside->n_classes : 0;
}

const char *bc_model_class(const struct bc_model *model, size_t index)
{
    return index < bc_model_class_count(model) ? model->inside->classes[index]
                                               : NULL;
}

double bc_model_threshold(const struct bc_model *model)
{
    return model != NULL ? model_threshold(model->inside) : (double)NAN;
}

double bc_model_reject_threshold(const struct bc_model *model)
{
    if (model == NULL) {
        return (double)NAN;
    }
    return model->inside->species != NULL
               ? model->inside->species_policy.reject_threshold
               : 0;
}

const struct model *bc_model_inside(const struct bc_model *m)
{
    return m->inside;
}

struct model *bc_model_change(struct bc_model *m)
{
    return m->inside;
}

/* --- sessions --- */

/* What the caller set of the options that we know. */
static enum nn_status take_options(const struct bc_options *given,
                                   struct bc_options *o, struct nn_error *err)
{
    const unsigned char *bytes = (const unsigned char *)given;

    *o = (struct bc_options)BC_OPTIONS_INIT;
    if (given == NULL) {
        return NN_OK;
    }
    if (given->struct_size < sizeof *o || given->struct_size > 1 << 16) {
        return nn_fail(err, NN_ERR_ARG,
                       "struct_size is %zu: the options were not begun with "
                       "BC_OPTIONS_INIT",
                       given->struct_size);
    }
    for (size_t i = sizeof *o; i < given->struct_size; i++) {
        if (bytes[i] != 0) {
            return nn_fail(err, NN_ERR_UNSUPPORTED,
                           "an option is set that version " BEARCASCADE_VERSION
                           " does not know");
        }
    }
    memcpy(o, given, sizeof *o);
    if (o->threads < 0 || o->threads > MAX_THREADS) {
        return nn_fail(err, NN_ERR_ARG, "threads is %d, 0 to %d are possible",
                       o->threads, MAX_THREADS);
    }
    if (o->max_batch < 0 || o->max_batch > MAX_BATCH) {
        return nn_fail(err, NN_ERR_ARG, "max_batch is %d, 0 to %d are possible",
                       o->max_batch, MAX_BATCH);
    }
    if (o->log_level < BC_LOG_DEBUG || o->log_level > BC_LOG_ERROR) {
        return nn_fail(err, NN_ERR_ARG,
                       "log_level is %d, %d to %d are possible", o->log_level,
                       BC_LOG_DEBUG, BC_LOG_ERROR);
    }
    return NN_OK;
}

static void pass_on(void *ctx, enum nn_log_level level, const char *text)
{
    const struct bc_session *s = ctx;

    s->log(s->log_ctx, (int)level, text);
}

static enum nn_status start(struct bc_session *s, const struct bc_options *o,
                            struct nn_error *err)
{
    int32_t batch = o->max_batch > 0 ? o->max_batch : 1;
    struct nn_context before;
    enum nn_status st;

    nn_log_out_init(&s->messages, pass_on, s, (enum nn_log_level)o->log_level);
    /* What the program itself does without, its sessions do without. */
    s->context =
        (struct nn_context){ .quiet = 1,
                             .cpu_denied = nn_context_get().cpu_denied,
                             .log = o->log != NULL ? &s->messages : NULL };
    before = nn_context_set(s->context);
    nn_parallel_set_threads(o->threads);
    s->context = nn_context_get();
    st = cascade_create(s->model->inside, batch, &s->cascade, err);
    if (st) {
        goto out;
    }
    nn_log(NN_LOG_DEBUG, "session of %d threads, batches of %d, %s",
           nn_parallel_threads(), (int)batch, nn_cpu_name(nn_cpu_flags()));
out:
    nn_context_set(before);
    return st;
}

static enum nn_status create_session(struct bc_model *model,
                                     const struct bc_options *options,
                                     struct bc_session **out,
                                     struct nn_error *err)
{
    struct bc_options o;
    struct bc_session *s;
    enum nn_status st = take_options(options, &o, err);

    if (st) {
        return st;
    }
    s = nn_mem_calloc(1, sizeof *s);
    if (s == NULL) {
        return nn_fail_nomem(err);
    }
    atomic_flag_clear(&s->busy);
    atomic_fetch_add(&model->users, 1);
    s->model = model;
    s->log = o.log;
    s->log_ctx = o.log_ctx;
    s->all_stages = o.all_stages != 0;
    st = start(s, &o, err);
    if (st) {
        bc_session_destroy(&s);
    }
    *out = s;
    return st;
}

int bc_session_create(struct bc_model *model, const struct bc_options *options,
                      struct bc_session **session, char *why, size_t why_size)
{
    struct nn_error err = NN_ERROR_INIT;
    enum nn_status st;

    if (session != NULL) {
        *session = NULL;
    }
    if (model == NULL || session == NULL) {
        st = nn_fail(&err, NN_ERR_ARG, "bc_session_create: %s is NULL",
                     model == NULL ? "model" : "session");
    } else {
        st = create_session(model, options, session, &err);
    }
    return tell(st, &err, why, why_size);
}

void bc_session_destroy(struct bc_session **session)
{
    struct bc_session *s = session != NULL ? *session : NULL;

    if (s == NULL) {
        return;
    }
    *session = NULL;
    cascade_destroy(&s->cascade);
    nn_log_out_release(&s->messages);
    bc_model_destroy(&s->model);
    nn_mem_free(s);
}

struct cascade *bc_session_cascade(struct bc_session *s)
{
    return s->cascade;
}
