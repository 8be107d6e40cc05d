/* common/data/stream_internal.h - between the files of the stream. */
#ifndef NN_COMMON_DATA_STREAM_INTERNAL_H
#define NN_COMMON_DATA_STREAM_INTERNAL_H

#include "common/data/dataset_internal.h"
#include "common/data/members.h"
#include "common/data/stream.h"
#include "common/data/walk.h"

enum { NN_STREAM_HEAD = 32 }; /* bytes that tell a format */

/* One that is gone through: exactly one of walk, archive and pool is there. */
struct nn_stream_opened {
    char *path;
    struct nn_walk *walk;
    struct nn_archive *archive;
    struct nn_pool *pool;
    size_t at;      /* members or images so far */
    int handful_fd; /* of the archive, in the present handful, or -1 */
};

struct nn_stream {
    struct nn_stream_options opt;
    char **waiting; /* paths not yet opened */
    size_t n_waiting, cap_waiting, next_waiting;
    struct nn_stream_opened *open; /* the last is inside the one before */
    size_t n_open, cap_open;
    struct nn_stream_counts counts;
    char *example;
    struct nn_origin *origin;
    size_t cap_origins;
    /* The handful under way. */
    struct nn_dataset *ds;
    struct nn_finder f;
    size_t memory;
};

/* stream.c */
/* 1: it need not be looked at again, and is counted so. */
int nn_stream_is_known(struct nn_stream *s, const char *name,
                       const struct nn_origin *o);
/* m->mem, if any, goes to the handful. */
NN_MUST_CHECK enum nn_status nn_stream_add_member(struct nn_stream *s,
                                                  const char *name,
                                                  const struct nn_member *m,
                                                  const struct nn_origin *o,
                                                  struct nn_error *err);
/* An item that fails with that reason. o: NULL, it has none. */
NN_MUST_CHECK enum nn_status
nn_stream_add_failed(struct nn_stream *s, const char *name,
                     const struct nn_origin *o, struct nn_error *err,
                     const char *fmt, ...) NN_PRINTF(5, 6);
/* Neither image nor failure. */
NN_MUST_CHECK enum nn_status nn_stream_leave_out(struct nn_stream *s,
                                                 const char *name,
                                                 struct nn_error *err);
/* The one that is gone through is done. */
void nn_stream_leave(struct nn_stream *s);

/* stream_members.c: the next member of the archive at the top. */
NN_MUST_CHECK enum nn_status nn_stream_step_archive(struct nn_stream *s,
                                                    struct nn_error *err);

#endif /* NN_COMMON_DATA_STREAM_INTERNAL_H */
