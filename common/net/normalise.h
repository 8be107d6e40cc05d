/* common/net/normalise.h - bytes to the floats a network reads. */
#ifndef NN_COMMON_NET_NORMALISE_H
#define NN_COMMON_NET_NORMALISE_H

#include <stddef.h>
#include <stdint.h>

/* dst[i,c] = (src[i,c] - mean[c]) / stddev[c] for interleaved RGB; mean and
 * stddev in byte units. */
static inline void nn_normalise(const uint8_t *src, size_t pixels,
                                const float mean[3], const float stddev[3],
                                float *dst)
{
    for (size_t i = 0; i < pixels; i++) {
        for (size_t c = 0; c < 3; c++) {
            dst[3 * i + c] =
                ((float)src[3 * i + c] - mean[c]) * (1.0f / stddev[c]);
        }
    }
}

/* What one normalisation makes of a byte, from what another made of it:
 * scale x + shift. */
static inline void nn_normalise_anew(const float mean[3], const float stddev[3],
                                     const float to_mean[3],
                                     const float to_stddev[3], float scale[3],
                                     float shift[3])
{
    for (size_t c = 0; c < 3; c++) {
        scale[c] = stddev[c] / to_stddev[c];
        shift[c] = (mean[c] - to_mean[c]) / to_stddev[c];
    }
}

#endif /* NN_COMMON_NET_NORMALISE_H */
