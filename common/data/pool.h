/* common/data/pool.h - images without number: pools that are looked at a
 * window at a time.
 *
 * A pool holds no list of its images in memory. Where they lie and what they
 * are called stands in unnamed files under TMPDIR (else /tmp), and so do the
 * unpacked bytes of compressed archives; a generator needs nothing at all. So
 * memory does not grow with the pool, but for what opening takes for a moment:
 * the names in one folder, the text of a manifest.
 *
 * Images are numbered as they are found: sources as given; folders sorted by
 * name, depth first; archives in their own order. A pool is read-only after
 * opening; images of what nn_pool_take() gave may be read from many threads,
 * nn_pool_take() itself may be called from one at a time. */
#ifndef NN_COMMON_DATA_POOL_H
#define NN_COMMON_DATA_POOL_H

#include "common/data/dataset.h"

struct nn_pool {
    size_t n;
    uint64_t hash; /* of the images' names, and of generators' specs */
    char *path;    /* for people: the first source, "and 2 more" */
    struct nn_pool_part *part;
    size_t n_parts;
};

/* Sources are what nn_dataset_open() takes as a pool; opt->as_pool and
 * opt->spool_bytes are not read. Errors: as there; *out is then NULL. */
NN_MUST_CHECK enum nn_status nn_pool_open(const char *const *sources,
                                          size_t n_sources,
                                          const struct nn_dataset_options *opt,
                                          struct nn_pool **out,
                                          struct nn_error *err);
void nn_pool_close(struct nn_pool **p); /* NULL is fine */

/* Images index[0..n-1] as a data set of their own, in that order: negatives
 * of no family, of split NN_SPLIT_NONE. The pool must outlive it.
 * Errors: NN_ERR_ARG (no such image), NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_pool_take(const struct nn_pool *p,
                                          const uint32_t *index, size_t n,
                                          struct nn_dataset **out,
                                          struct nn_error *err);

#endif /* NN_COMMON_DATA_POOL_H */
