/* common/base/rng.h - counter-based random numbers.
 *
 * A draw depends on (seed, stream, index) alone, never on call order or on
 * the thread, so augmentation, shuffles and dropout are the same for any
 * thread count and after a resume. Generator: Philox 4x32-10 (Salmon et al.,
 * "Parallel random numbers: as easy as 1, 2, 3", SC 2011). */
#ifndef NN_COMMON_BASE_RNG_H
#define NN_COMMON_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* A cursor over one stream. Copy it freely; two cursors with equal fields
 * give equal draws. Use from one thread at a time. */
struct nn_rng {
    uint64_t seed, stream, index;
};

/* The index-th 64 random bits of (seed, stream): words 0 (low) and 1 (high)
 * of the Philox block whose counter is index, stream and whose key is seed,
 * low words first. */
uint64_t nn_rng_at(uint64_t seed, uint64_t stream, uint64_t index);

struct nn_rng nn_rng_make(uint64_t seed, uint64_t stream);
/* Mix several ids (epoch, image number, purpose) into one stream id. */
uint64_t nn_rng_stream(uint64_t a, uint64_t b, uint64_t c);

uint64_t nn_rng_u64(struct nn_rng *r);
uint32_t nn_rng_below(struct nn_rng *r, uint32_t n); /* 0..n-1; 0 for n=0 */
float nn_rng_float(struct nn_rng *r);                /* [0,1), 24 bits */
double nn_rng_double(struct nn_rng *r);              /* [0,1), 53 bits */
float nn_rng_range(struct nn_rng *r, float lo, float hi); /* [lo,hi); or lo */
float nn_rng_normal(struct nn_rng *r); /* mean 0, variance 1 (Box-Muller) */
int nn_rng_chance(struct nn_rng *r, float p); /* 1 with probability p */
/* Fisher-Yates shuffle of n indices, n < 2^32. */
void nn_rng_shuffle(struct nn_rng *r, uint32_t *v, size_t n);

#endif /* NN_COMMON_BASE_RNG_H */
