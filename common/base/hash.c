#include <stdio.h>
#include <xxhash.h>

#include "common/base/file.h"

void nn_hash_hex(const void *data, size_t size, char hex[33])
{
    XXH128_hash_t h = XXH3_128bits(data, size);

    snprintf(hex, 33, "%016llx%016llx", (unsigned long long)h.high64,
             (unsigned long long)h.low64);
}

uint64_t nn_hash_u64(const void *data, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, size, seed);
}
