/* common/data/stream.h - photos without number, a handful at a time.
 *
 * Whatever was named is looked at, one after another, and everything in it is
 * accounted for: it is an image of a handful, or an item that fails with its
 * reason when it is read (a folder that cannot be opened, damage in an archive,
 * a file that is not there), or it is counted as left out, because neither its
 * name nor its content is that of an image. Sources are those of a pool
 * (dataset.h): folders of any depth, with archives in them, are gone through in
 * the order of their paths, archives in their own; nothing is unpacked but the
 * members of the present handful. Memory does not grow with the number of
 * images, but for the names in one folder. Use one from one thread. */
#ifndef NN_COMMON_DATA_STREAM_H
#define NN_COMMON_DATA_STREAM_H

#include "common/data/dataset.h"

/* What tells whether a file is the one that was looked at before. */
struct nn_origin {
    int64_t bytes, mtime_ms; /* 0 where there is none */
};
/* Of a file that may be there. */
struct nn_origin nn_origin_of(const char *path);

struct nn_stream_options {
    const struct nn_generator *const *generators; /* NULL-ended, or NULL */
    int origins; /* 1: nn_stream_origins() is wanted */
    /* NULL, or 1 for what need not be looked at again: it is passed over. */
    int (*known)(void *ctx, const char *name, const struct nn_origin *o);
    void *ctx;
};

struct nn_stream;
NN_MUST_CHECK enum nn_status
nn_stream_create(const struct nn_stream_options *opt, struct nn_stream **out,
                 struct nn_error *err);
void nn_stream_close(struct nn_stream **s); /* NULL is fine */
/* Behind what was added before. A path that is neither a folder, an archive, a
 * manifest nor a generator's is a file that is always looked at, whatever its
 * name. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
nn_stream_add(struct nn_stream *s, const char *path, struct nn_error *err);
/* The next 1 to `most` images, in order; fewer where bytes of archives fill
 * 24 MiB. NULL: all that was added has been given. To be closed before the next
 * call. Errors: NN_ERR_NOMEM, NN_ERR_IO (out of descriptors). */
NN_MUST_CHECK enum nn_status nn_stream_next(struct nn_stream *s, size_t most,
                                            struct nn_dataset **ds,
                                            struct nn_error *err);
/* [ds->n] of the last set; until the next call. */
const struct nn_origin *nn_stream_origins(const struct nn_stream *s);

struct nn_stream_counts {
    size_t known; /* passed over because `known` said so */
    size_t left_out;
    const char *example; /* of the latter, or NULL */
};
struct nn_stream_counts nn_stream_counts(const struct nn_stream *s);

/* How many images `path` holds, by their names; -1: only reading it would tell
 * (compressed archives, manifests). Ends early, with -1, once *stop is not 0;
 * stop may be NULL. */
int64_t nn_stream_count(const char *path,
                        const struct nn_generator *const *generators,
                        const volatile int *stop);

#endif /* NN_COMMON_DATA_STREAM_H */
