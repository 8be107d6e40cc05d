/* common/data/loader.h - decoded, augmented batches, ahead of the trainer.
 *
 * Worker threads decode and augment while the caller computes; batches come
 * in the order of the index list whatever the threads are. View v of image
 * i draws from nn_rng_make(seed, nn_rng_stream(epoch, i, v)), v counting its
 * occurrences within the pass; with by_content its content hash stands for i.
 * Decoded images are kept in memory, scaled down to cache_side, until
 * cache_bytes are full; from then on the others are decoded each time. So what
 * a batch holds depends on the options size, cache_side, seed, augment, mean
 * and stddev alone, never on threads, prefetch or cache_bytes.
 *
 * An unreadable image is dropped from its batch; the batch is then shorter,
 * and left out when nothing remains. Why goes to `failed`, or, without one,
 * into a warning that names the image, once a loader.
 *
 * A loader may make a second input from each image, for another net, by the
 * rule of common/net/prepare.h: one read, and one decoding where that serves
 * both. The image, or the bytes where it does not serve, waits for
 * nn_loader_second(), so that the second input is made only of images that the
 * second net is to see; of images that would take more memory than that input
 * it is made at once.
 * Use one loader from one thread; its workers have the context of the thread
 * that made it. */
#ifndef NN_COMMON_DATA_LOADER_H
#define NN_COMMON_DATA_LOADER_H

#include "common/data/dataset.h"
#include "common/image/augment.h"
#include "common/net/prepare.h"

struct nn_loader;

/* What reading an image brought to light beside its pixels. */
struct nn_told {
    char note[NN_IMAGE_NOTE]; /* nn_image_info.note */
    struct nn_shot shot;
};

struct nn_loader_options {
    int32_t batch;      /* images per batch */
    int32_t size;       /* output [B,size,size,3] */
    int32_t cache_side; /* cached images keep a shorter side of at
                           least this (0: 1.25 x size) */
    size_t cache_bytes; /* 0: 1 GiB or a quarter of memory, the less */
    int threads;        /* workers, 64 at most; 0: as many as compute
                           threads */
    int prefetch;       /* batches ahead, 0: 4 */
    int expect;         /* 1: files that workers come to next are fetched
                           meanwhile (nn_dataset_expect()) */
    uint64_t seed;
    const struct nn_augment *augment; /* copied; NULL: nn_image_fit() */
    int by_content; /* 1: an image's draws depend on its bytes, not on its
                       place in the data set */
    float mean[3], stddev[3];      /* byte units, stddev > 0 */
    const struct nn_input *second; /* copied; NULL: none. Only without
                                      augment; nothing is then cached */
    /* In place of a warning: the image at `row` of the index list could not
     * be read. Called from nn_loader_next() and nn_loader_second(), rows in
     * order; must not call the loader. */
    void (*failed)(void *ctx, size_t row, uint32_t item,
                   const struct nn_error *why);
    /* NULL, or told of an image of which there is something to tell, as above,
     * from nn_loader_next(); not of images that come from the cache. */
    void (*noted)(void *ctx, size_t row, const struct nn_told *told);
    void *failed_ctx; /* of both */
};

/* For one pass over n items of which each is seen once: inputs as `in` says,
 * in batches of max_batch or n, the less, and no more memory and threads than
 * that takes. */
struct nn_loader_options nn_loader_once(const struct nn_input *in, size_t n,
                                        int32_t max_batch);

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
    int32_t n;             /* images, 0 at the end of the pass */
    const float *input;    /* [n,size,size,3], normalised; valid until the
                              next call */
    const float *second;   /* [n,size,size,3] of the second input, or NULL */
    const uint32_t *index; /* [n] items of the data set */
    const uint32_t *row;   /* [n] places in the index list, ascending */
    const float *seconds;  /* [n] that a worker took to read and prepare it */
};
/* Next batch, waiting for it if need be. n = 0: the pass is over.
 * Errors: NN_ERR_ARG (augment has an option out of its range), NN_ERR_NOMEM;
 * the loader then delivers nothing more. */
NN_MUST_CHECK enum nn_status
nn_loader_next(struct nn_loader *l, struct nn_batch *b, struct nn_error *err);

/* Complete b->second, of the batch that nn_loader_next() gave last, where
 * want [n] is 1; elsewhere it is undefined. want[i] becomes 0 where the image
 * cannot be decoded at that scale. Parallel. Errors: NN_ERR_NOMEM, and what
 * ends a pass. */
NN_MUST_CHECK enum nn_status
nn_loader_second(struct nn_loader *l, uint8_t *want, struct nn_error *err);

struct nn_loader_stats {
    size_t failed; /* distinct images that could not be read */
    size_t cache_bytes, cache_hits, cache_misses;
    double wait_s; /* time nn_loader_next() waited */
};
void nn_loader_get_stats(const struct nn_loader *l, struct nn_loader_stats *s);

#endif /* NN_COMMON_DATA_LOADER_H */
