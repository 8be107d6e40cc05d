#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/train/train.h"

/* How many of the epoch's draws go to bucket b: shares rounded so that they
 * sum to n_epoch (largest remainders would depend on ties; cumulative rounding
 * does not). */
static size_t draws_of(const struct nn_sampler *s, size_t b)
{
    double before = 0, sum = 0;

    for (size_t i = 0; i < s->n_buckets; i++) {
        sum += s->share[i];
        before += i < b ? s->share[i] : 0;
    }
    return (size_t)floor((before + s->share[b]) / sum * (double)s->n_epoch +
                         0.5) -
           (size_t)floor(before / sum * (double)s->n_epoch + 0.5);
}

/* Draws number at .. at + n - 1 of a bucket over the whole training: turn
 * t = draw / size is one shuffle of the bucket, so every item comes once
 * before any comes again. */
static enum nn_status draw(const struct nn_sampler *s, size_t b, uint64_t at,
                           size_t n, uint32_t *to)
{
    size_t size = s->bucket_n[b];
    uint32_t *order = nn_mem_calloc(size, sizeof *order);
    uint64_t present = UINT64_MAX;

    if (order == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t which = (at + i) / size;

        if (which != present) {
            struct nn_rng rng =
                nn_rng_make(s->seed, nn_rng_stream(0x73616d70, b, which));

            memcpy(order, s->bucket[b], size * sizeof *order);
            nn_rng_shuffle(&rng, order, size);
            present = which;
        }
        to[i] = order[(at + i) % size];
    }
    nn_mem_free(order);
    return NN_OK;
}

enum nn_status nn_sampler_epoch(const struct nn_sampler *s, uint64_t epoch,
                                uint32_t *index)
{
    struct nn_rng rng =
        nn_rng_make(s->seed, nn_rng_stream(0x6f726472, epoch, 0));
    size_t at = 0;

    for (size_t b = 0; b < s->n_buckets; b++) {
        size_t n = draws_of(s, b);
        enum nn_status st =
            n > 0 ? draw(s, b, epoch * n, n, index + at) : NN_OK;

        if (st) {
            return st;
        }
        at += n;
    }
    nn_rng_shuffle(&rng, index, s->n_epoch);
    return NN_OK;
}
