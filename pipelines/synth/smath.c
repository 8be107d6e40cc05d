#include "pipelines/synth/smath.h"

/* sin(2 pi t) for t in [-0.25, 0.25]: Taylor terms to the ninth power. */
static float sin_turn(float t)
{
    float x = t * (2.0f * SM_PI), x2 = x * x;

    return x * (1.0f + x2 * (-1.6666667e-1f +
                             x2 * (8.3333333e-3f + x2 * (-1.9841270e-4f +
                                                         x2 * 2.7557319e-6f))));
}

float sm_sin(float x)
{
    float t = x * (1.0f / (2.0f * SM_PI));

    t -= (float)sm_floor(t + 0.5f); /* [-0.5, 0.5] */
    if (t > 0.25f) {
        t = 0.5f - t;
    } else if (t < -0.25f) {
        t = -0.5f - t;
    }
    return sin_turn(t);
}

float sm_cos(float x)
{
    return sm_sin(x + 0.5f * SM_PI);
}

float sm_exp2(float x)
{
    float c = sm_clamp(x, -120.0f, 120.0f);
    int32_t i = sm_floor(c);
    float f = c - (float)i;
    uint32_t bits = (uint32_t)(i + 127) << 23;
    float scale;
    float p =
        1.0f + f * (6.9314718e-1f +
                    f * (2.4022651e-1f +
                         f * (5.5504109e-2f +
                              f * (9.6181291e-3f +
                                   f * (1.3333558e-3f + f * 1.5403530e-4f)))));

    memcpy(&scale, &bits, sizeof scale);
    return scale * p;
}

float sm_log2(float x)
{
    uint32_t bits;
    int32_t e;
    float m, z, z2;

    memcpy(&bits, &x, sizeof bits);
    e = (int32_t)(bits >> 23) - 127;
    bits = (bits & 0x7fffffu) | 0x3f800000u;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.41421356f) {
        m *= 0.5f;
        e++;
    }
    z = (m - 1.0f) / (m + 1.0f);
    z2 = z * z;
    return (float)e +
           2.88539008f * z *
               (1.0f +
                z2 * (0.33333333f +
                      z2 * (0.2f + z2 * (0.14285714f + z2 * 0.11111111f))));
}

/* x >= 0; 0 for x = 0. */
static float power(float x, float y)
{
    return x > 1e-30f ? sm_exp2(y * sm_log2(x)) : 0.0f;
}

struct m3 m3_identity(void)
{
    return (struct m3){ { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } } };
}

struct m3 m3_mul(struct m3 a, struct m3 b)
{
    struct m3 out;

    for (int i = 0; i < 3; i++) {
        out.r[i] =
            v3_add(v3_add(v3_mul(b.r[0], a.r[i].x), v3_mul(b.r[1], a.r[i].y)),
                   v3_mul(b.r[2], a.r[i].z));
    }
    return out;
}

struct v3 m3_apply(struct m3 m, struct v3 v)
{
    return v3(v3_dot(m.r[0], v), v3_dot(m.r[1], v), v3_dot(m.r[2], v));
}

struct m3 m3_turn(int axis, float angle)
{
    float c = sm_cos(angle), s = sm_sin(angle);

    switch (axis) {
    case 0:
        return (struct m3){ { { 1, 0, 0 }, { 0, c, -s }, { 0, s, c } } };
    case 1:
        return (struct m3){ { { c, 0, s }, { 0, 1, 0 }, { -s, 0, c } } };
    default:
        return (struct m3){ { { c, -s, 0 }, { s, c, 0 }, { 0, 0, 1 } } };
    }
}

static float linear_of(uint32_t byte)
{
    float s = (float)byte * (1.0f / 255.0f);

    return s <= 0.04045f ? s / 12.92f : power((s + 0.055f) / 1.055f, 2.4f);
}

struct v3 sm_rgb(uint32_t hex)
{
    return v3(linear_of(hex >> 16 & 255u), linear_of(hex >> 8 & 255u),
              linear_of(hex & 255u));
}

float sm_srgb(float x)
{
    if (x <= 0.0031308f) {
        return 12.92f * sm_max(x, 0.0f);
    }
    return sm_min(1.055f * power(x, 1.0f / 2.4f) - 0.055f, 1.0f);
}

static float ease(float t)
{
    return t * t * (3.0f - 2.0f * t);
}

float sm_noise1(float x, uint32_t seed)
{
    int32_t i = sm_floor(x);

    return sm_mix(sm_hash_unit(i, 0, seed), sm_hash_unit(i + 1, 0, seed),
                  ease(x - (float)i));
}

float sm_noise2(float x, float y, uint32_t seed)
{
    int32_t i = sm_floor(x), j = sm_floor(y);
    float u = ease(x - (float)i), v = ease(y - (float)j);

    return sm_mix(
        sm_mix(sm_hash_unit(i, j, seed), sm_hash_unit(i + 1, j, seed), u),
        sm_mix(sm_hash_unit(i, j + 1, seed), sm_hash_unit(i + 1, j + 1, seed),
               u),
        v);
}

float sm_noise3(struct v3 p, uint32_t seed)
{
    int32_t k = sm_floor(p.z);
    float w = ease(p.z - (float)k);
    uint32_t s0 = seed + (uint32_t)k * 0xc2b2ae3du;

    return sm_mix(sm_noise2(p.x, p.y, s0),
                  sm_noise2(p.x, p.y, s0 + 0xc2b2ae3du), w);
}

float sm_fbm2(float x, float y, int octaves, uint32_t seed)
{
    float sum = 0.0f, amp = 0.5f, all = 0.0f;

    for (int i = 0; i < octaves; i++) {
        sum += amp * sm_noise2(x, y, seed + (uint32_t)i * 101u);
        all += amp;
        amp *= 0.5f;
        /* turned a little, so that the lattice does not show */
        float nx = 1.6f * x - 1.2f * y + 3.7f;

        y = 1.2f * x + 1.6f * y - 1.9f;
        x = nx;
    }
    return all > 0.0f ? sum / all : 0.5f;
}

float sm_fbm3(struct v3 p, int octaves, uint32_t seed)
{
    float sum = 0.0f, amp = 0.5f, all = 0.0f;

    for (int i = 0; i < octaves; i++) {
        sum += amp * sm_noise3(p, seed + (uint32_t)i * 101u);
        all += amp;
        amp *= 0.5f;
        p = v3(1.6f * p.x - 1.2f * p.y + 3.7f, 1.2f * p.x + 1.6f * p.y,
               2.0f * p.z - 1.9f);
    }
    return all > 0.0f ? sum / all : 0.5f;
}
