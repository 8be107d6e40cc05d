/* pipelines/synth/smath.h - vectors, and functions whose bits repeat.
 *
 * libm's sinf, expf and powf may differ in the last bit between versions, so
 * the renderer has its own, made of + - * / alone. Errors are a few 1e-6,
 * which is far below one step of an 8-bit image. */
#ifndef PIPELINES_SYNTH_SMATH_H
#define PIPELINES_SYNTH_SMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define SM_PI  3.14159265f
#define SM_DEG (SM_PI / 180.0f)

struct v3 {
    float x, y, z;
};

/* Rows are the local axes in world coordinates: local = m * world. */
struct m3 {
    struct v3 r[3];
};

static inline float sm_min(float a, float b)
{
    return a < b ? a : b;
}

static inline float sm_max(float a, float b)
{
    return a > b ? a : b;
}

static inline float sm_abs(float a)
{
    return a < 0.0f ? -a : a;
}

static inline float sm_clamp(float x, float lo, float hi)
{
    return sm_min(sm_max(x, lo), hi);
}

static inline float sm_mix(float a, float b, float t)
{
    return a + (b - a) * t;
}

/* 0 below lo, 1 above hi, cubic between; lo may exceed hi. */
static inline float sm_step(float lo, float hi, float x)
{
    float t = sm_clamp((x - lo) / (hi - lo), 0.0f, 1.0f);

    return t * t * (3.0f - 2.0f * t);
}

/* Largest whole number <= x, for |x| < 2^31. */
static inline int32_t sm_floor(float x)
{
    int32_t i = (int32_t)x;

    return i - (x < (float)i);
}

static inline struct v3 v3(float x, float y, float z)
{
    return (struct v3){ x, y, z };
}

static inline struct v3 v3_add(struct v3 a, struct v3 b)
{
    return v3(a.x + b.x, a.y + b.y, a.z + b.z);
}

static inline struct v3 v3_sub(struct v3 a, struct v3 b)
{
    return v3(a.x - b.x, a.y - b.y, a.z - b.z);
}

static inline struct v3 v3_mul(struct v3 a, float s)
{
    return v3(a.x * s, a.y * s, a.z * s);
}

/* Component by component. */
static inline struct v3 v3_scale(struct v3 a, struct v3 b)
{
    return v3(a.x * b.x, a.y * b.y, a.z * b.z);
}

/* a + s * b */
static inline struct v3 v3_mad(struct v3 a, float s, struct v3 b)
{
    return v3(a.x + s * b.x, a.y + s * b.y, a.z + s * b.z);
}

static inline struct v3 v3_mix(struct v3 a, struct v3 b, float t)
{
    return v3(sm_mix(a.x, b.x, t), sm_mix(a.y, b.y, t), sm_mix(a.z, b.z, t));
}

static inline float v3_dot(struct v3 a, struct v3 b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline struct v3 v3_cross(struct v3 a, struct v3 b)
{
    return v3(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z,
              a.x * b.y - a.y * b.x);
}

static inline float v3_len(struct v3 a)
{
    return sqrtf(v3_dot(a, a));
}

static inline struct v3 v3_norm(struct v3 a)
{
    return v3_mul(a, 1.0f / sm_max(v3_len(a), 1e-12f));
}

float sm_sin(float x); /* |x| < 1000 radians */
float sm_cos(float x);
float sm_exp2(float x); /* clamped to 2^-120 .. 2^120 */
float sm_log2(float x); /* x > 0 */

struct m3 m3_identity(void);
/* a * b: first b, then a. */
struct m3 m3_mul(struct m3 a, struct m3 b);
struct v3 m3_apply(struct m3 m, struct v3 v);
/* Turn by `angle` radians about x, y or z (axis 0, 1, 2), right-handed. */
struct m3 m3_turn(int axis, float angle);

/* sRGB byte -> linear light colour, from 0xRRGGBB. */
struct v3 sm_rgb(uint32_t hex);
/* Linear 0..1 -> sRGB 0..1. */
float sm_srgb(float x);

/* Noise in 0..1, mean about one half; the seed picks another field. */
static inline uint32_t sm_hash(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    x ^= x >> 16;
    return x;
}

static inline float sm_hash_unit(int32_t x, int32_t y, uint32_t seed)
{
    uint32_t h = (uint32_t)x * 0x9e3779b1u ^ (uint32_t)y * 0x85ebca77u ^ seed;

    h ^= h >> 15;
    h *= 0x2c1b3c6du;
    h ^= h >> 13;
    return (float)(h >> 8) * 0x1p-24f;
}

float sm_noise1(float x, uint32_t seed);
float sm_noise2(float x, float y, uint32_t seed);
float sm_noise3(struct v3 p, uint32_t seed);
/* Octaves of sm_noise2, each half as strong and twice as fine, scaled back
 * to 0..1. */
float sm_fbm2(float x, float y, int octaves, uint32_t seed);
float sm_fbm3(struct v3 p, int octaves, uint32_t seed);

#endif /* PIPELINES_SYNTH_SMATH_H */
