#include "pipelines/synth/env.h"

static float part(float x)
{
    return x - (float)sm_floor(x);
}

/* Wallpaper, bricks or plain paint at (x, y) metres over the scale. */
static struct v3 wall_pattern(const struct env *e, float x, float y)
{
    float n, u;

    switch (e->pattern) {
    case 0: /* stripes */
        return v3_mix(
            e->wall, e->wall2,
            0.6f * sm_step(0.46f, 0.54f, sm_abs(2.0f * part(x * 4.0f) - 1.0f)));
    case 1: /* dots */
        u = part(x * 5.0f) - 0.5f;
        n = part(y * 5.0f) - 0.5f;
        return v3_mix(e->wall, e->wall2, sm_step(0.09f, 0.06f, u * u + n * n));
    case 2: { /* bricks */
        int32_t row = sm_floor(y * 7.0f);

        u = x * 3.2f + 0.5f * (float)(row & 1);
        n = sm_hash_unit(sm_floor(u), row, e->seed);
        if (part(u) < 0.04f || part(y * 7.0f) < 0.09f) {
            return v3_mul(e->wall, 0.8f);
        }
        return v3_mul(e->wall2, 0.6f + 0.5f * n);
    }
    default:
        n = sm_fbm2(x * 2.0f, y * 2.0f, 2, e->seed);
        return v3_mul(e->wall, 0.9f + 0.2f * n);
    }
}

/* Images, a window or a door hang at places drawn by the seed. */
static struct v3 wall_things(const struct scene *s, struct v3 c, float x,
                             float y, int *bright)
{
    const struct env *e = &s->env;
    float cell = part(x * 0.55f + sm_hash_unit(1, 2, e->seed));
    int32_t id = sm_floor(x * 0.55f + sm_hash_unit(1, 2, e->seed));
    float kind = sm_hash_unit(id, 3, e->seed);
    float u = (cell - 0.5f) / 0.3f, v = (y - 0.9f) / 0.42f;

    if (y < 0.09f) {
        return v3(0.75f, 0.74f, 0.7f);
    }
    if (kind < 0.45f || sm_abs(u) > 1.0f || sm_abs(v) > 1.0f) {
        return c;
    }
    if (sm_abs(u) > 0.86f || sm_abs(v) > 0.86f) {
        return kind < 0.75f ? v3_mul(e->floor2, 0.5f) : v3(0.8f, 0.8f, 0.8f);
    }
    if (kind < 0.75f) { /* an image */
        float n = sm_fbm2(u * 3.0f, v * 3.0f, 3, e->seed + (uint32_t)id);

        return v3_mix(e->wall2, e->floor, sm_step(0.35f, 0.65f, n));
    }
    if (sm_abs(u) < 0.05f || sm_abs(v) < 0.05f) {
        return v3(0.8f, 0.8f, 0.8f);
    }
    *bright = 1;
    return v3(0.75f, 0.82f, 0.95f);
}

static struct v3 spines(const struct env *e, float x, float y)
{
    float t = x * 7.0f, h;
    int32_t shelf = sm_floor((y + 0.02f) / 0.62f), id;
    float up = (y + 0.02f) - 0.62f * (float)shelf, w;

    t += 0.35f * sm_noise1(x * 9.0f, e->seed + (uint32_t)shelf);
    id = sm_floor(t);
    h = 0.34f + 0.2f * sm_hash_unit(id, shelf, e->seed);
    w = part(t);
    if (up > 0.58f) {
        return v3_mul(e->floor, 0.9f);
    }
    if (up > h || sm_hash_unit(id, shelf, e->seed + 5u) < 0.12f) {
        return v3_mul(e->floor, 0.25f);
    }
    if (w < 0.06f) {
        return v3(0.02f, 0.02f, 0.02f);
    }
    if (sm_abs(up - 0.8f * h) < 0.02f) {
        return v3(0.7f, 0.6f, 0.35f);
    }
    return v3(0.05f + 0.6f * sm_hash_unit(id, shelf, e->seed + 1u),
              0.05f + 0.45f * sm_hash_unit(id, shelf, e->seed + 2u),
              0.05f + 0.45f * sm_hash_unit(id, shelf, e->seed + 3u));
}

static struct v3 planks(const struct env *e, float x, float z)
{
    int32_t row = sm_floor(z * 7.0f);
    float u = x * 0.8f + sm_hash_unit(row, 1, e->seed), grain;
    float n = sm_hash_unit(row, sm_floor(u), e->seed + 1u);

    grain = sm_noise2(x * 5.0f, z * 70.0f, e->seed + 2u);
    if (part(z * 7.0f) < 0.05f || part(u) < 0.008f) {
        return v3_mul(e->floor, 0.35f);
    }
    return v3_mul(e->floor, (0.75f + 0.4f * n) * (0.85f + 0.3f * grain));
}

static struct v3 floor_pattern(const struct env *e, float x, float z)
{
    float n;

    if (e->place == PLACE_SHELF) {
        n = sm_noise2(x * 3.0f, z * 60.0f, e->seed + 2u);
        return v3_mul(e->floor, 0.8f + 0.4f * n);
    }
    if (e->pattern == 0 || e->pattern == 3) {
        return planks(e, x, z);
    }
    if (e->pattern == 1) { /* carpet */
        n = 0.5f * sm_noise2(x * 60.0f, z * 60.0f, e->seed) +
            0.5f * sm_fbm2(x * 3.0f, z * 3.0f, 3, e->seed + 1u);
        return v3_mul(e->floor, 0.7f + 0.6f * n);
    }
    if (part(x * 2.6f) < 0.03f || part(z * 2.6f) < 0.03f) {
        return v3_mul(e->wall, 0.6f);
    }
    return (sm_floor(x * 2.6f) + sm_floor(z * 2.6f)) & 1 ? e->floor : e->floor2;
}

/* A blanket with folds; checks, stripes or plain. */
static struct v3 blanket(const struct env *e, float x, float z)
{
    float fold = sm_fbm2(x * 2.2f, z * 2.2f, 3, e->seed + 4u);
    float bx = x + 0.12f * fold, bz = z + 0.12f * fold;
    struct v3 c = e->floor;

    if (e->pattern == 0) {
        c = part(bx * 3.0f) < 0.4f ? e->floor2 : e->floor;
    } else if (e->pattern == 1) {
        float t = (part(bx * 3.0f) < 0.5f ? 0.5f : 0.0f) +
                  (part(bz * 3.0f) < 0.5f ? 0.5f : 0.0f);

        c = v3_mix(e->floor, e->wall2, t);
    } else if (e->pattern == 2) {
        float u = part(bx * 4.0f) - 0.5f, v = part(bz * 4.0f) - 0.5f;

        c = u * u + v * v < 0.05f ? e->wall : e->floor;
    }
    return v3_mul(c, 0.55f + 0.9f * fold);
}

/* Pillows against the head of a bed. */
static struct v3 bed_back(const struct env *e, float x, float y)
{
    float u = part(x * 1.3f + 0.2f) - 0.5f, v = (y - 0.16f) / 0.3f, r;
    float fold = sm_fbm2(x * 4.0f, y * 4.0f, 3, e->seed + 6u);

    r = (u * u) * (u * u) * 40.0f + v * v;
    if (r < 1.0f) {
        return v3_mul(e->wall, (1.05f - 0.45f * r) * (0.75f + 0.5f * fold));
    }
    if (y < 0.75f) {
        return v3_mul(e->floor2,
                      0.6f + 0.2f * sm_step(0.1f, 0.2f, part(x * 2.0f)));
    }
    return e->wall2;
}

static struct v3 white(const struct scene *s, struct env_ray ray, float ahead)
{
    struct v3 c = s->env.wall;
    float top = 1.0f + 0.12f * sm_clamp(ray.e, -1.0f, 1.0f);

    if (ray.e < 0.0f) {
        struct v3 p =
            v3(s->camera.pos.x + ray.a * ahead, 0, s->camera.pos.z - ahead);
        struct ground_light g = ground_light_at(s, p);

        top *= 0.45f + 0.35f * g.sky + 0.2f * g.sun;
    }
    return v3_mul(c, 1.5f * top);
}

struct v3 env_indoors(const struct scene *s, struct env_ray ray)
{
    const struct env *e = &s->env;
    float ahead = ray.e < -1e-4f ? -s->camera.pos.y / ray.e : 1e6f;
    float k = 1.0f / e->scale, x, y, z, corner;
    struct v3 c;
    int bright = 0;

    if (e->place == PLACE_WHITE) {
        return white(s, ray, ahead);
    }
    if (ahead < e->wall_dist) {
        x = s->camera.pos.x + ray.a * ahead;
        z = s->camera.pos.z - ahead;
        c = e->place == PLACE_BED ? blanket(e, x * k * 1.5f, z * k * 1.5f)
                                  : floor_pattern(e, x * k, z * k);
        return env_lit(s, c, v3(x, 0, z));
    }
    x = (s->camera.pos.x + ray.a * e->wall_dist) * k;
    y = (s->camera.pos.y + ray.e * e->wall_dist) * k;
    corner = 0.7f + 0.3f * sm_step(0.0f, 0.35f, y);
    if (e->place == PLACE_SHELF) {
        return env_lit_wall(s, spines(e, x, y), corner);
    }
    if (e->place == PLACE_BED) {
        return env_lit_wall(s, bed_back(e, x, y), corner);
    }
    c = wall_things(s, wall_pattern(e, x, y), x, y, &bright);
    return bright
               ? v3_mul(c, 1.3f)
               : env_lit_wall(
                     s, c,
                     corner * (0.85f + 0.15f * sm_noise2(x, y, e->seed + 9u)));
}
