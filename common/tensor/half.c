#include "common/tensor/half.h"

#include <string.h>

static uint32_t bits_of(float x)
{
    uint32_t b;

    memcpy(&b, &x, sizeof b);
    return b;
}

static float float_of(uint32_t b)
{
    float x;

    memcpy(&x, &b, sizeof x);
    return x;
}

float nn_half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t exponent = (h >> 10) & 31, fraction = h & 1023;

    if (exponent == 31) {
        return float_of(sign | 0x7f800000u | fraction << 13);
    }
    if (exponent == 0) { /* zero or subnormal: fraction * 2^-24 */
        float x = (float)fraction * 0x1p-24f;

        return sign != 0 ? -x : x;
    }
    return float_of(sign | (exponent + 112) << 23 | fraction << 13);
}

uint16_t nn_float_to_half(float x)
{
    uint32_t b = bits_of(x), sign = b >> 16 & 0x8000, mag = b & 0x7fffffff;
    uint32_t half, rest, tie;

    if (mag > 0x7f800000u) {
        return (uint16_t)(sign | 0x7e00);
    }
    if (mag >= 0x477ff000u) { /* 65520 and more round to infinity */
        return (uint16_t)(sign | 0x7c00);
    }
    if (mag < 0x38800000u) { /* below 2^-14: subnormal steps of 2^-24 */
        uint32_t shift = 126 - (mag >> 23);
        uint32_t full = (mag & 0x7fffff) | 0x800000;

        if (shift > 24) {
            return (uint16_t)sign;
        }
        half = full >> shift;
        rest = full & ((1u << shift) - 1);
        tie = 1u << (shift - 1);
    } else {
        half = (mag - 0x38000000u) >> 13;
        rest = mag & 0x1fff;
        tie = 0x1000;
    }
    if (rest > tie || (rest == tie && (half & 1))) {
        half++;
    }
    return (uint16_t)(sign | half);
}

float nn_bfloat_to_float(uint16_t b)
{
    return float_of((uint32_t)b << 16);
}

uint16_t nn_float_to_bfloat(float x)
{
    uint32_t b = bits_of(x);

    if ((b & 0x7fffffff) > 0x7f800000u) {
        return (uint16_t)(b >> 16 | 0x40);
    }
    b += 0x7fff + (b >> 16 & 1);
    return (uint16_t)(b >> 16);
}
