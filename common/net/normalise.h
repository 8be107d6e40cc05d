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

#endif /* NN_COMMON_NET_NORMALISE_H */
