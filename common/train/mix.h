/* common/train/mix.h - training images blended in pairs.
 *
 * mixup   x = l x_i + (1 - l) x_j                       (arXiv 1710.09412)
 * cutmix  a box of image j, of area share 1 - l, is
 *         pasted into image i                         (arXiv 1905.04899)
 * and the targets are blended in the same proportion, l ~ Beta(a, a). Image
 * i of a batch of n is paired with image n-1-i; each has its own draw, which
 * depends on (seed, step, i) alone. */
#ifndef NN_COMMON_TRAIN_MIX_H
#define NN_COMMON_TRAIN_MIX_H

#include <stdint.h>

#include "common/base/rng.h"

struct nn_mix {
    float mixup, cutmix; /* a of the Beta distribution, 0..1; 0: off. With
                            both, either one half of the time */
    float share;         /* probability that an image is mixed at all */
    int no_mix_epochs;   /* last epochs that see unmixed images */
};
/* Off; share 1. */
struct nn_mix nn_mix_none(void);

/* Whether anything is done. */
int nn_mix_is_on(const struct nn_mix *mix);

/* Beta(a, a) for 0 < a <= 1, by Joehnk's method (Metrika 8, 1964). */
double nn_mix_beta(struct nn_rng *rng, double a);

/* Blend in [n,size,size,3] with targets t [n,k] and weights w [n] into the
 * separate blocks out, mixed_t and mixed_w of the same shapes. Parallel; the
 * result does not depend on the threads. */
void nn_mix_batch(const struct nn_mix *mix, uint64_t seed, uint64_t step,
                  const float *in, const float *t, const float *w, int32_t n,
                  int32_t size, int32_t k, float *out, float *mixed_t,
                  float *mixed_w);

#endif /* NN_COMMON_TRAIN_MIX_H */
