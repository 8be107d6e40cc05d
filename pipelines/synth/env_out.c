#include "pipelines/synth/env.h"

static struct v3 sky(const struct scene *s, struct env_ray ray)
{
    const struct env *e = &s->env;
    struct v3 c =
        v3_mix(e->sky_low, e->sky_high, sm_clamp(ray.e * 1.6f, 0.0f, 1.0f));
    float n = sm_fbm2(ray.a * 2.5f, ray.e * 6.0f, 4, e->seed);

    if (s->lens.flash > 0.9f) {
        return c;
    }
    c = v3_mix(c, v3(0.9f, 0.9f, 0.92f),
               sm_step(0.75f - 0.4f * e->cloud, 0.95f - 0.3f * e->cloud, n));
    return v3_scale(
        c, v3_add(v3_mul(s->light.sky, 0.9f), v3_mul(s->light.sun, 0.25f)));
}

/* Mountains, then the line of trees; 0 when the ray passes above. */
static int far_away(const struct scene *s, struct env_ray ray, struct v3 *out)
{
    const struct env *e = &s->env;
    float d = e->tree_dist, x = ray.a * d, top, n;
    float y = s->camera.pos.y + ray.e * d;

    top = e->tree_height * (0.35f + 0.4f * sm_noise1(x * 0.12f, e->seed + 1u) +
                            0.35f * sm_noise1(x * 0.7f, e->seed + 2u));
    if (e->place == PLACE_SNOW) { /* a row of firs */
        float t = x * 0.35f;

        t -= (float)sm_floor(t);
        top *= 0.5f + 0.7f * (1.0f - sm_abs(2.0f * t - 1.0f));
    }
    if (y < top) {
        n = sm_fbm2(x * 0.9f, y * 0.9f, 3, e->seed + 4u);
        n = n * 1.4f - 0.2f + 0.5f * (y / top - 0.5f);
        *out = env_lit_wall(s, v3_mul(e->far_color[0], 0.35f + 1.3f * n), 1.0f);
        if (e->place == PLACE_FOREST) { /* light between the leaves */
            float gap = sm_fbm2(x * 0.5f, y * 0.35f, 3, e->seed + 6u);

            gap = sm_step(0.56f, 0.72f, gap + 0.012f * y);
            *out = v3_mix(*out, sky(s, ray), 0.8f * gap);
        }
        *out = env_fog(s, *out, d);
        return 1;
    }
    top = e->mountain * (0.25f + sm_fbm2(ray.a * 1.7f, 0.5f, 4, e->seed + 8u));
    if (ray.e < top) {
        n = sm_fbm2(ray.a * 9.0f, ray.e * 14.0f, 3, e->seed + 9u);
        struct v3 c = v3_mul(e->far_color[1], 0.7f + 0.6f * n);

        c = v3_mix(c, v3(0.85f, 0.87f, 0.9f),
                   sm_step(0.15f, 0.2f, ray.e + 0.1f * (n - 0.5f)));
        *out = v3_mix(env_lit_wall(s, c, 1.0f), e->fog_color, 0.45f);
        return 1;
    }
    return 0;
}

/* Fence boards or house siding behind a yard. */
static int yard_wall(const struct scene *s, struct env_ray ray, struct v3 *out)
{
    const struct env *e = &s->env;
    float x = s->camera.pos.x + ray.a * e->wall_dist;
    float y = s->camera.pos.y + ray.e * e->wall_dist;
    int house = e->pattern >= 2;
    float top = house ? 30.0f : 1.7f, n, gap;
    struct v3 c = house ? e->wall : e->floor2;

    if (y > top) {
        return 0;
    }
    if (house) {
        gap = y * 5.0f - (float)sm_floor(y * 5.0f);
        c = v3_mul(c, 0.75f + 0.3f * sm_step(0.0f, 0.25f, gap));
        n = x * 0.33f + 0.3f;
        n -= (float)sm_floor(n);
        if (n < 0.42f && y > 0.9f && y < 2.3f) { /* a window */
            c = n < 0.04f || n > 0.38f || y < 1.0f || y > 2.2f
                    ? v3(0.8f, 0.8f, 0.78f)
                    : v3(0.08f, 0.1f, 0.12f);
        }
    } else {
        gap = x * 6.5f;
        n = sm_hash_unit(sm_floor(gap), 7, e->seed);
        gap -= (float)sm_floor(gap);
        c = v3_mul(c, (0.7f + 0.5f * n) * (gap < 0.07f ? 0.25f : 1.0f));
        n = sm_noise2(x * 40.0f, y * 3.0f, e->seed + 2u);
        c = v3_mul(c, 0.8f + 0.4f * n);
    }
    *out = env_lit_wall(s, c, 1.0f);
    return 1;
}

static struct v3 water(const struct scene *s, struct env_ray ray, float x,
                       float z, float ahead)
{
    const struct env *e = &s->env;
    float n = sm_fbm2(ray.a * 26.0f, sm_log2(ahead) * 34.0f, 3, e->seed + 11u);
    float wave = sm_fbm2(x * 1.1f, z * 2.6f, 2, e->seed + 12u);
    struct v3 mirror = sky(s, (struct env_ray){ ray.a, -ray.e * 2.0f, 0 });
    struct v3 deep = v3_scale(v3(0.05f, 0.085f, 0.085f), s->light.sky);
    struct v3 c =
        v3_mix(deep, mirror,
               sm_clamp(0.25f + 1.1f * (n - 0.5f) + 0.5f * (wave - 0.5f), 0.05f,
                        0.9f));
    struct ground_light g = ground_light_at(s, v3(x, 0, z));
    float foam = sm_step(0.66f, 0.78f, 0.55f * n + 0.45f * wave + 0.06f);

    c = v3_mix(c,
               v3_mul(v3_add(s->light.sky, v3_mul(s->light.sun, 0.5f)), 0.9f),
               foam);
    return v3_mul(c, 0.35f + 0.65f * g.sky);
}

static struct v3 asphalt(const struct scene *s, struct env_ray ray, float u,
                         float along, float ahead)
{
    const struct env *e = &s->env;
    float n = sm_noise2(ray.a * 160.0f, sm_log2(ahead) * 90.0f, e->seed + 20u);
    float dash = along * 0.17f, worn;
    struct v3 c = v3_mul(v3(0.1f, 0.1f, 0.105f), 0.75f + 0.5f * n);

    worn = sm_fbm2(u * 1.5f, along * 0.6f, 3, e->seed + 21u);
    c = v3_mul(c, 0.7f + 0.6f * worn);
    dash -= (float)sm_floor(dash);
    if ((sm_abs(u) < 0.03f && dash < 0.5f) ||
        sm_abs(sm_abs(u) - 0.9f) < 0.02f) {
        c = v3_mix(c, v3(0.7f, 0.68f, 0.55f), sm_step(0.2f, 0.5f, worn));
    }
    return c;
}

/* Natural ground at (x, z) metres, world axes; ahead: distance. */
static struct v3 ground(const struct scene *s, struct env_ray ray, float x,
                        float z, float ahead)
{
    const struct env *e = &s->env;
    float patch = sm_fbm2(x * 0.5f, z * 0.5f, 3, e->seed + 13u);
    float streak = e->place == PLACE_SNOW ? 12.0f : 70.0f;
    float fine =
        sm_noise2(ray.a * streak / (0.6f * s->camera.tan_half + 0.1f) * 0.6f,
                  sm_log2(ahead) * 26.0f, e->seed + 14u);
    float blade = sm_noise2(ray.a * 45.0f / (s->camera.tan_half + 0.05f),
                            sm_log2(ahead) * 60.0f, e->seed + 15u);
    float t = 0.55f * patch + 0.25f * fine + 0.2f * blade;

    if (e->place == PLACE_SNOW) {
        t = 0.3f + 0.5f * patch + 0.25f * fine;
    } else if (e->place == PLACE_RIVER) { /* pebbles */
        float size = sm_noise2(x * 7.0f, z * 7.0f, e->seed + 16u);

        t = 0.25f * patch + 0.45f * size + 0.3f * blade;
    } else if (e->place == PLACE_FOREST) {
        float litter = sm_noise2(x * 9.0f, z * 9.0f, e->seed + 17u);

        t = 0.4f * patch + 0.35f * litter + 0.25f * blade;
    }
    t = sm_clamp((t - 0.5f) * 2.4f + 0.5f, 0.0f, 1.0f);
    return t < 0.5f ? v3_mix(e->ground[0], e->ground[1], 2.0f * t)
                    : v3_mix(e->ground[1], e->ground[2], 2.0f * t - 1.0f);
}

struct v3 env_outdoors(const struct scene *s, struct env_ray ray)
{
    const struct env *e = &s->env;
    float ahead = ray.e < -1e-4f ? -s->camera.pos.y / ray.e : 1e6f, x, z, u;
    struct v3 c;

    if (e->place == PLACE_YARD && ahead > e->wall_dist &&
        yard_wall(s, ray, &c)) {
        return c;
    }
    if (ahead > e->tree_dist) {
        return far_away(s, ray, &c) ? c : sky(s, ray);
    }
    x = s->camera.pos.x + ray.a * ahead;
    z = s->camera.pos.z - ahead;
    if (e->water_far > 0.0f) {
        u = sm_noise1(x * 0.8f, e->seed + 18u) - 0.5f;
        if (ahead > e->water_near + u && ahead < e->water_far + 2.0f * u) {
            return env_fog(s, water(s, ray, x, z, ahead), ahead);
        }
    }
    c = ground(s, ray, x, z, ahead);
    if (e->place == PLACE_ROAD) {
        float along = e->pattern == 0 ? z : x;

        u = ((e->pattern == 0 ? x : z) - e->road_x * 0.5f) / e->road_w;
        if (sm_abs(u) < 1.0f) {
            c = asphalt(s, ray, u, along, ahead);
        }
    }
    return env_fog(s, env_lit(s, c, v3(x, 0, z)), ahead);
}
