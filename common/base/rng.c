#include "common/base/rng.h"

#include <math.h>

/* Philox 4x32-10. Counter words: index low, index high, stream low, stream
 * high; key words: seed low, seed high. */
static void philox(uint32_t c[4], uint32_t k0, uint32_t k1)
{
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c[0];
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c[1] ^ k0;
        uint32_t n2 = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;

        c[0] = n0;
        c[1] = (uint32_t)p1;
        c[2] = n2;
        c[3] = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

uint64_t nn_rng_at(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t c[4] = { (uint32_t)index, (uint32_t)(index >> 32),
                      (uint32_t)stream, (uint32_t)(stream >> 32) };

    philox(c, (uint32_t)seed, (uint32_t)(seed >> 32));
    return (uint64_t)c[1] << 32 | c[0];
}

struct nn_rng nn_rng_make(uint64_t seed, uint64_t stream)
{
    return (struct nn_rng){ seed, stream, 0 };
}

uint64_t nn_rng_stream(uint64_t a, uint64_t b, uint64_t c)
{
    return nn_rng_at(nn_rng_at(a, b, 0), c, 1);
}

uint64_t nn_rng_u64(struct nn_rng *r)
{
    return nn_rng_at(r->seed, r->stream, r->index++);
}

/* Lemire, "Fast random integer generation in an interval" (2019). */
uint32_t nn_rng_below(struct nn_rng *r, uint32_t n)
{
    uint64_t m = (nn_rng_u64(r) >> 32) * n;

    if ((uint32_t)m < n) {
        uint32_t min = (0u - n) % n; /* n > 0, or m < n were false */

        while ((uint32_t)m < min) {
            m = (nn_rng_u64(r) >> 32) * n;
        }
    }
    return (uint32_t)(m >> 32);
}

float nn_rng_float(struct nn_rng *r)
{
    return (float)(nn_rng_u64(r) >> 40) * 0x1p-24f;
}

double nn_rng_double(struct nn_rng *r)
{
    return (double)(nn_rng_u64(r) >> 11) * 0x1p-53;
}

float nn_rng_range(struct nn_rng *r, float lo, float hi)
{
    float x = lo + (hi - lo) * nn_rng_float(r);

    /* The sum may round up to hi, which is not part of the range. */
    return x < hi || hi <= lo ? x : nextafterf(hi, lo);
}

float nn_rng_normal(struct nn_rng *r)
{
    double u = 1.0 - nn_rng_double(r), v = nn_rng_double(r);

    return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}

int nn_rng_chance(struct nn_rng *r, float p)
{
    return nn_rng_float(r) < p;
}

void nn_rng_shuffle(struct nn_rng *r, uint32_t *v, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = nn_rng_below(r, (uint32_t)i);
        uint32_t t = v[i - 1];

        v[i - 1] = v[j];
        v[j] = t;
    }
}
