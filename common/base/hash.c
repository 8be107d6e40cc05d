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

struct nn_hasher *nn_hash_begin(void)
{
    XXH3_state_t *s = XXH3_createState();

    if (s != NULL) {
        XXH3_128bits_reset(s);
    }
    return (struct nn_hasher *)s;
}

void nn_hash_add(struct nn_hasher *h, const void *data, size_t size)
{
    XXH3_128bits_update((XXH3_state_t *)h, data, size);
}

void nn_hash_end(struct nn_hasher **h, char hex[33])
{
    XXH128_hash_t v = XXH3_128bits_digest((XXH3_state_t *)*h);

    snprintf(hex, 33, "%016llx%016llx", (unsigned long long)v.high64,
             (unsigned long long)v.low64);
    XXH3_freeState((XXH3_state_t *)*h);
    *h = NULL;
}
