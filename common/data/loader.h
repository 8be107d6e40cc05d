/* common/data/loader.h - decoded, augmented batches, ahead of the trainer.
 *
 * Worker threads decode and augment while the caller computes; batches come
 * in the order of the index list whatever the threads are. View v of picture
 * i draws from nn_rng_make(seed, nn_rng_stream(epoch, i, v)), v counting its
 * occurrences within the pass. Decoded pictures are kept in memory, scaled
 * down to cache_side, until cache_bytes are full; from then on the others are
 * decoded each time. So what a batch holds depends on the options size,
 * cache_side, seed, augment, fit, crop_share, mean and stddev alone, never on
 * threads, prefetch or cache_bytes.
 *
 * An unreadable picture is dropped from its batch with a warning that names
 * it, once; the batch is then shorter, and left out when nothing remains.
 * Use one loader from one thread. */
#ifndef NN_COMMON_DATA_LOADER_H
#define NN_COMMON_DATA_LOADER_H

#include "common/data/dataset.h"
#include "common/image/augment.h"
#include "common/image/resize.h"

/* What the loader keeps of a picture, and what every view is made from:
 * decoded (DCT-scaled where that is enough), then reduced by area averaging so
 * that the shorter side is `side` (smaller pictures stay as they are). Views
 * made from it do not depend on the cache. err does not name the file. */
NN_MUST_CHECK enum nn_status nn_picture_prepare(const uint8_t *bytes,
                                                size_t size, int32_t side,
                                                struct nn_image *img,
                                                struct nn_error *err);

struct nn_loader;

struct nn_loader_options {
    int32_t batch;      /* pictures per batch */
    int32_t size;       /* output [B,size,size,3] */
    int32_t cache_side; /* cached pictures keep a shorter side of at
                           least this (0: 1.25 x size) */
    size_t cache_bytes; /* 0: 1 GiB or a quarter of memory, the less */
    int threads;        /* workers, 64 at most; 0: as many as compute
                           threads */
    int prefetch;       /* batches ahead, 0: 4 */
    uint64_t seed;
    const struct nn_augment *augment; /* copied; NULL: nn_image_fit() */
    enum nn_fit fit;                  /* rule without augmentation */
    float crop_share;
    float mean[3], stddev[3]; /* byte units, stddev > 0 */
};

/* ds must outlive the loader. All memory but that of the cache and of index
 * lists is taken here.
 * Errors: NN_ERR_ARG (an option out of its range), NN_ERR_NOMEM (also when no
 * thread can be started). */
NN_MUST_CHECK enum nn_status
nn_loader_create(const struct nn_dataset *ds,
                 const struct nn_loader_options *opt, struct nn_loader **out,
                 struct nn_error *err);
void nn_loader_destroy(struct nn_loader **l); /* stops the workers */

/* Begin a pass over `index` (n items of the data set, in this order, copied;
 * repeats are allowed). Ends the pass that was under way. skip: items at the
 * front that are counted as seen but not delivered (resume); batches begin
 * behind them, so skip whole batches to get the same ones again.
 * Errors: NN_ERR_ARG (an item that does not exist), NN_ERR_NOMEM; there is
 * then no pass. */
NN_MUST_CHECK enum nn_status nn_loader_start(struct nn_loader *l,
                                             const uint32_t *index, size_t n,
                                             uint64_t epoch, size_t skip,
                                             struct nn_error *err);

struct nn_batch {
    int32_t n;             /* pictures, 0 at the end of the pass */
    const float *input;    /* [n,size,size,3], normalised; valid until the
                              next call */
    const uint32_t *index; /* [n] items of the data set */
};
/* Next batch, waiting for it if need be. n = 0: the pass is over.
 * Errors: NN_ERR_ARG (augment has an option out of its range), NN_ERR_NOMEM;
 * the loader then delivers nothing more. */
NN_MUST_CHECK enum nn_status
nn_loader_next(struct nn_loader *l, struct nn_batch *b, struct nn_error *err);

struct nn_loader_stats {
    size_t failed; /* distinct pictures that could not be read */
    size_t cache_bytes, cache_hits, cache_misses;
    double wait_s; /* time nn_loader_next() waited */
};
void nn_loader_get_stats(const struct nn_loader *l, struct nn_loader_stats *s);

#endif /* NN_COMMON_DATA_LOADER_H */
