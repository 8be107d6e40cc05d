/* From linear light to bytes: optics, sensor, development, file. */
#include "pipelines/synth/blur.h"
#include "pipelines/synth/dct.h"
#include "pipelines/synth/scene.h"

/* Sum of four uniform draws: near enough to a bell, mean 0, variance 1. */
static float bell(uint32_t a, uint32_t b, uint32_t seed)
{
    uint32_t h = sm_hash(a * 0x9e3779b1u ^ b * 0x85ebca77u ^ seed);
    uint32_t k = sm_hash(h ^ 0x68bc21ebu);
    float sum = (float)(h & 0xffffu) + (float)(h >> 16) + (float)(k & 0xffffu) +
                (float)(k >> 16);

    return (sum * (1.0f / 65535.0f) - 2.0f) * 1.7320508f;
}

static struct v3 develop(const struct scene *s, struct v3 c, float r2)
{
    const struct lens *l = &s->lens;
    float gain = l->gain * s->light.exposure * (1.0f - l->vignette * r2);
    float grey;

    if (l->flash > 0.9f) {
        gain *= 1.0f - 0.35f * r2;
    }
    c = v3_mul(v3_scale(c, l->cast), gain);
    /* film-like shoulder, then the sRGB curve */
    c = v3(sm_srgb(1.0f - sm_exp2(-1.5f * c.x)),
           sm_srgb(1.0f - sm_exp2(-1.5f * c.y)),
           sm_srgb(1.0f - sm_exp2(-1.5f * c.z)));
    grey = 0.3f * c.x + 0.59f * c.y + 0.11f * c.z;
    c = v3_mix(v3(grey, grey, grey), c, l->grey ? 0.0f : l->saturation);
    return v3((c.x - 0.45f) * l->contrast + 0.45f,
              (c.y - 0.45f) * l->contrast + 0.45f,
              (c.z - 0.45f) * l->contrast + 0.45f);
}

static void sensor(const struct scene *s, struct canvas *c)
{
    const struct lens *l = &s->lens;
    float inv = 2.0f / (float)c->size;

    for (int32_t y = 0; y < c->size; y++) {
        for (int32_t x = 0; x < c->size; x++) {
            float *p = c->rgb + 3 * ((size_t)y * (size_t)c->size + (size_t)x);
            float u = ((float)x + 0.5f) * inv - 1.0f;
            float v = ((float)y + 0.5f) * inv - 1.0f;
            struct v3 k =
                develop(s, v3(p[0], p[1], p[2]), 0.5f * (u * u + v * v));
            uint32_t i = (uint32_t)x, j = (uint32_t)y;
            float n = l->noise * bell(i, j, l->seed);
            float m = l->grey ? 0.0f : l->chroma_noise;

            p[0] = 255.0f * (k.x + n + m * bell(i, j, l->seed + 1u));
            p[1] = 255.0f * (k.y + n);
            p[2] = 255.0f * (k.z + n + m * bell(i, j, l->seed + 2u));
        }
    }
}

void lens_apply(const struct scene *s, struct canvas *c, uint8_t *rgb)
{
    const struct lens *l = &s->lens;
    float size = (float)c->size;
    size_t n = 3 * (size_t)c->size * (size_t)c->size;

    if (l->motion > 0.0f) {
        blur_line(c->rgb, c->tmp, c->size, l->motion * size, l->motion_angle);
    }
    blur_gauss(c->rgb, c->tmp, c->size, l->blur_all * size);
    if (l->soft < 1.0f) {
        blur_resample(c->rgb, c->tmp, c->size, l->soft);
    }
    sensor(s, c);
    if (l->quality < 100) {
        dct_degrade(c->rgb, c->tmp, c->size, l->quality, l->block_x,
                    l->block_y);
    }
    for (size_t i = 0; i < n; i++) {
        rgb[i] = (uint8_t)(sm_clamp(c->rgb[i], 0.0f, 255.0f) + 0.5f);
    }
}
