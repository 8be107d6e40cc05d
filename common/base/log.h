/* common/base/log.h - messages for a person and a progress bar.
 *
 * Who gets them is a part of the calling thread's context
 * (common/base/context.h); at first nobody does. */
#ifndef NN_COMMON_BASE_LOG_H
#define NN_COMMON_BASE_LOG_H

#include <pthread.h>
#include <stdint.h>

#include "common/base/context.h"
#include "common/base/status.h"

enum nn_log_level { NN_LOG_DEBUG, NN_LOG_INFO, NN_LOG_WARN, NN_LOG_ERROR };

/* One message, without a newline; control bytes have become '?'. Called from
 * any thread, one call at a time; a sink must not call nn_log() itself. */
typedef void nn_log_sink(void *ctx, enum nn_log_level level, const char *text);

/* Passes messages of level `min` and above to a sink. Its fields are the
 * log's own. */
struct nn_log_out {
    nn_log_sink *sink;
    void *ctx;
    enum nn_log_level min;
    pthread_mutex_t lock; /* one message at a time, none into a bar */
    int bar_shown;
};
/* Init before, and release after, the context of any thread points to it. */
void nn_log_out_init(struct nn_log_out *out, nn_log_sink *sink, void *ctx,
                     enum nn_log_level min);
void nn_log_out_release(struct nn_log_out *out);
/* Messages of the calling thread go there from now on; NULL: nowhere. */
void nn_log_to(struct nn_log_out *out);

/* At most 1023 bytes of text are passed on. */
void nn_log(enum nn_log_level level, const char *fmt, ...) NN_PRINTF(2, 3);

/* A ready sink: "warning: text" lines on stderr, clearing a progress bar
 * that is being shown. ctx is unused. */
void nn_log_stderr(void *ctx, enum nn_log_level level, const char *text);

/* Progress on stderr: "train gate 3/40 [=====>    ] 1234/5144 312 img/s
 * 0:12 left loss 0.31". A bar is drawn only where stderr is a terminal and
 * quiet is 0; elsewhere one plain line per 10 % at most every 10 seconds,
 * and one at the end if there was any. Work of unknown length (total 0) shows
 * a count and a rate. Use from one thread; its fields are read-only. */
struct nn_progress {
    const char *label, *unit; /* "train gate", "img" */
    int64_t total, done, before;
    double start_s, last_s;
    int tty, quiet, shown;
    int last_decile;
};
/* label and unit are kept by pointer; total is in units, 0 when unknown. */
void nn_progress_begin(struct nn_progress *p, const char *label,
                       const char *unit, int64_t total);
/* `done` of the total were done by an earlier run: they move the bar, not the
 * rate. Call once, after begin. */
void nn_progress_resume(struct nn_progress *p, int64_t done);
/* The total became known on the way; `done` of it cost no time. */
void nn_progress_expect(struct nn_progress *p, int64_t total, int64_t done);
/* done counts so far; note (may be NULL) is shown at the end of the line. */
void nn_progress_update(struct nn_progress *p, int64_t done, const char *note);
void nn_progress_end(struct nn_progress *p, const char *note);
/* 1: no progress output of what the calling thread does (--quiet). */
void nn_progress_set_quiet(int quiet);
int nn_progress_is_quiet(void);

double nn_time_s(void); /* monotonic seconds */

#endif /* NN_COMMON_BASE_LOG_H */
