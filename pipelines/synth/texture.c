#include "pipelines/synth/cast.h"
#include "pipelines/synth/scene.h"

/* Surfaces that fill the frame. Near miss: fur. */
enum texture_kind {
    TEX_FUR,
    TEX_GRAVEL,
    TEX_WOOD,
    TEX_KNIT,
    TEX_LEAVES,
    TEX_BRICK,
    TEX_WATER,
    TEX_CLOUD,
    TEX_GRASS,
    TEX_CHECK,
    TEXTURES,
};

struct texture {
    enum texture_kind kind;
    struct v3 c[3];
    float scale, turn;
    uint32_t seed;
};

static struct texture texture_pick(const struct scene *s)
{
    static const uint32_t colors[] = { 0x5a3a22, 0x8a6a40, 0xc0a070, 0x2a2422,
                                       0x707478, 0xb0b0a8, 0x4d6b24, 0x86963e,
                                       0x902830, 0x2f5080, 0xe0d8c8, 0x5f8fa0 };
    static const uint32_t furs[] = { 0x5a3a22, 0x1c1a1a, 0x7d5733, 0xa98552,
                                     0x3a2a20 };
    struct nn_rng r = nn_rng_make(s->env.seed, 99);
    struct texture t = { .seed = s->env.seed };

    t.kind = s->truth.near_miss
                 ? TEX_FUR
                 : (enum texture_kind)(1 + nn_rng_below(&r, TEXTURES - 1));
    for (int i = 0; i < 3; i++) {
        t.c[i] = cast_tint(&r, cast_pick_color(&r, colors, 12), 0.2f);
    }
    if (t.kind == TEX_FUR) {
        t.c[0] = cast_tint(&r, cast_pick_color(&r, furs, 5), 0.2f);
        t.c[1] = v3_mul(t.c[0], 0.3f);
        t.c[2] = v3_mix(t.c[0], v3(0.5f, 0.4f, 0.25f), 0.4f);
    } else if (t.kind == TEX_LEAVES || t.kind == TEX_GRASS) {
        t.c[0] = cast_tint(&r, sm_rgb(0x3d5a1e), 0.4f);
        t.c[1] = v3_mul(t.c[0], 0.25f);
        t.c[2] = cast_tint(&r, sm_rgb(0x9aa84a), 0.4f);
    }
    t.scale = nn_rng_range(&r, 0.6f, 2.0f);
    t.turn = nn_rng_range(&r, -0.7f, 0.7f);
    return t;
}

static float part(float x)
{
    return x - (float)sm_floor(x);
}

/* Distance to the nearest of jittered points, and that point's own number. */
static float cells(float x, float y, uint32_t seed, float *id)
{
    int32_t i = sm_floor(x), j = sm_floor(y);
    float best = 9.0f;

    for (int32_t v = j - 1; v <= j + 1; v++) {
        for (int32_t u = i - 1; u <= i + 1; u++) {
            float dx = (float)u + sm_hash_unit(u, v, seed) - x;
            float dy = (float)v + sm_hash_unit(u, v, seed + 1u) - y;
            float d = dx * dx + dy * dy;

            if (d < best) {
                best = d;
                *id = sm_hash_unit(u, v, seed + 2u);
            }
        }
    }
    return sqrtf(best);
}

static struct v3 tex_fur(const struct texture *t, float x, float y)
{
    float bend = sm_fbm2(x * 2.0f, y * 2.0f, 2, t->seed + 3u) - 0.5f;
    float n = sm_noise2((x + 0.5f * bend) * 34.0f, y * 7.0f, t->seed);
    float m = sm_fbm2(x * 5.0f + bend, y * 3.0f, 3, t->seed + 1u);
    struct v3 c = v3_mix(t->c[1], t->c[0],
                         sm_clamp(0.3f + 0.5f * n + m - 0.4f, 0.0f, 1.0f));

    return v3_mix(c, t->c[2], 0.7f * sm_step(0.6f, 0.95f, 0.5f * n + 0.6f * m));
}

static struct v3 tex_built(const struct texture *t, float x, float y)
{
    float n, u, v;
    int32_t row;

    switch (t->kind) {
    case TEX_WOOD:
        row = sm_floor(y * 3.0f);
        n = sm_noise2(x * 2.0f, y * 40.0f, t->seed + (uint32_t)row);
        u = sm_hash_unit(row, 0, t->seed);
        return v3_mul(part(y * 3.0f) < 0.04f ? t->c[1] : t->c[0],
                      (0.7f + 0.5f * u) * (0.7f + 0.6f * n));
    case TEX_KNIT:
        u = part(x * 14.0f) - 0.5f;
        v = part(y * 14.0f + 1.4f * sm_abs(u)) - 0.5f;
        n = 1.0f - 2.0f * sm_abs(v);
        return v3_mul(sm_floor(y * 1.7f) & 1 ? t->c[2] : t->c[0],
                      0.35f + 0.75f * n * (1.0f - sm_abs(u)));
    case TEX_BRICK:
        row = sm_floor(y * 5.0f);
        u = x * 2.2f + 0.5f * (float)(row & 1);
        n = sm_hash_unit(sm_floor(u), row, t->seed);
        v = sm_fbm2(x * 9.0f, y * 9.0f, 3, t->seed);
        return v3_mul(part(u) < 0.05f || part(y * 5.0f) < 0.1f ? t->c[2]
                                                               : t->c[0],
                      (0.6f + 0.5f * n) * (0.6f + 0.8f * v));
    default: /* TEX_CHECK */
        u = part(x * 3.0f) < 0.5f ? 0.5f : 0.0f;
        v = part(y * 3.0f) < 0.5f ? 0.5f : 0.0f;
        n = sm_noise2(x * 60.0f, y * 60.0f, t->seed);
        return v3_mul(v3_mix(t->c[0], t->c[2], u + v), 0.8f + 0.4f * n);
    }
}

static struct v3 tex_color(const struct texture *t, float x, float y)
{
    float n, id = 0.0f;

    switch (t->kind) {
    case TEX_FUR:
        return tex_fur(t, x, y);
    case TEX_GRAVEL:
        n = cells(x * 7.0f, y * 7.0f, t->seed, &id);
        return v3_mul(v3_mix(t->c[0], t->c[1], id),
                      (1.15f - 0.9f * n) * (0.6f + 0.6f * id));
    case TEX_LEAVES:
        n = cells(x * 6.0f + 0.3f * y, y * 9.0f, t->seed, &id);
        return v3_mul(v3_mix(t->c[0], t->c[2], id * id),
                      n > 0.62f ? 0.2f : 1.1f - 0.8f * n);
    case TEX_WATER:
        n = sm_fbm2(x * 3.0f, y * 9.0f, 4, t->seed);
        return v3_mix(v3(0.03f, 0.08f, 0.1f), v3(0.6f, 0.7f, 0.75f),
                      sm_step(0.35f, 0.8f, n));
    case TEX_CLOUD:
        n = sm_fbm2(x * 1.5f, y * 2.2f, 5, t->seed);
        return v3_mix(v3(0.16f, 0.32f, 0.65f), v3(0.85f, 0.86f, 0.88f),
                      sm_step(0.35f, 0.7f, n));
    case TEX_GRASS:
        n = sm_noise2(x * 45.0f + 4.0f * sm_noise2(x * 5.0f, y * 3.0f, 5u),
                      y * 6.0f, t->seed);
        id = sm_fbm2(x * 2.0f, y * 2.0f, 3, t->seed + 1u);
        return v3_mix(t->c[1], v3_mix(t->c[0], t->c[2], id), n);
    default:
        return tex_built(t, x, y);
    }
}

void texture_draw(const struct scene *s, struct canvas *c)
{
    struct texture t = texture_pick(s);
    float co = sm_cos(t.turn), si = sm_sin(t.turn);
    float inv = t.scale / (float)c->size;

    for (int32_t y = 0; y < c->size; y++) {
        for (int32_t x = 0; x < c->size; x++) {
            float u = ((float)x + 0.5f) * inv, v = ((float)y + 0.5f) * inv;
            struct v3 k =
                tex_color(&t, 3.0f + u * co - v * si, 3.0f + u * si + v * co);
            float shade =
                0.75f + 0.5f * sm_fbm2(u * 1.3f, v * 1.3f, 2, t.seed + 50u);
            float *out = c->rgb + 3 * ((size_t)y * (size_t)c->size + (size_t)x);

            k = v3_scale(
                v3_mul(k, 1.1f * shade),
                v3_add(v3_mul(s->light.sun, 0.5f), v3_mul(s->light.sky, 0.7f)));
            out[0] = k.x;
            out[1] = k.y;
            out[2] = k.z;
        }
    }
}
