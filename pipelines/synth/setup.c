#include "pipelines/synth/setup.h"

#include "pipelines/synth/cast.h"

/* Weights of places:   meadow river forest snow road yard room bed shelf
 * white texture. The negatives' places together match the bears'. */
static const float bear_places[SYNTH_CLASSES][PLACES] = {
    [SYNTH_BLACK] = { 2, 1, 4, 1, 3, 3 },
    [SYNTH_GRIZZLY] = { 4, 3, 3, 2, 1, 0.5f },
    [SYNTH_TEDDY] = { 0.5f, 0, 0, 0.2f, 0, 0.5f, 3, 2.2f, 2, 3 },
};
static const float family_places[SYNTH_FAMILIES][PLACES] = {
    [SYNTH_EMPTY] = { 2, 2, 3, 1, 2, 1.5f, 1.5f, 1, 1, 0.3f },
    [SYNTH_DOG] = { 2, 1, 1.5f, 1.5f, 1.5f, 3, 1.5f, 0.5f },
    [SYNTH_BOAR] = { 3, 1, 4, 1.5f, 1.5f, 0.5f },
    [SYNTH_COW] = { 4, 1.5f, 1, 1, 1.5f, 1 },
    [SYNTH_APE] = { 2, 2, 4, 0.3f, 0.5f, 1 },
    [SYNTH_PLUSH] = { 0.5f, 0, 0, 0.2f, 0, 0.5f, 3, 2.2f, 2, 3 },
    [SYNTH_ROCK_STUMP] = { 2, 2, 4, 1.5f, 1, 0.5f },
    [SYNTH_PEOPLE] = { 2, 1, 2, 1, 2, 2, 1.5f },
    [SYNTH_OBJECTS] = { 0.3f, 0, 0, 0.1f, 0, 0.5f, 2.5f, 1.5f, 2, 4 },
    [SYNTH_TEXTURE] = { [PLACE_TEXTURE] = 1 },
};

static int pick(struct nn_rng *r, const float *w, int n)
{
    float sum = 0.0f, u;

    for (int i = 0; i < n; i++) {
        sum += w[i];
    }
    u = nn_rng_float(r) * sum;
    for (int i = 0; i < n; i++) {
        u -= w[i];
        if (u < 0.0f) {
            return i;
        }
    }
    return 0;
}

static struct v3 tinted(struct nn_rng *r, uint32_t hex)
{
    return cast_tint(r, sm_rgb(hex), 0.2f);
}

static void palette(struct env *e, struct nn_rng *r, uint32_t dark,
                    uint32_t mid, uint32_t light)
{
    e->ground[0] = tinted(r, dark);
    e->ground[1] = tinted(r, mid);
    e->ground[2] = tinted(r, light);
}

static void palette_outdoors(struct env *e, struct nn_rng *r)
{
    int dry = nn_rng_chance(r, 0.35f);

    e->far_color[0] = dry ? tinted(r, 0x4a4a26) : tinted(r, 0x2a3a1e);
    e->far_color[1] = tinted(r, 0x50607a);
    switch (e->place) {
    case PLACE_RIVER:
        palette(e, r, 0x4a453c, 0x7a7264, 0xa89f8e);
        break;
    case PLACE_FOREST:
        if (dry) {
            palette(e, r, 0x2c2014, 0x5a4428, 0x8a6a3c);
        } else {
            palette(e, r, 0x1e2412, 0x3c4420, 0x66602e);
        }
        break;
    case PLACE_SNOW:
        palette(e, r, 0xa9b6c8, 0xd8e0e8, 0xf4f6f8);
        e->far_color[0] = tinted(r, 0x2c3a38);
        break;
    default:
        if (dry) {
            palette(e, r, 0x5a5024, 0x8f8340, 0xc0ae68);
        } else {
            palette(e, r, 0x2a4016, 0x4d6b24, 0x86963e);
        }
        break;
    }
}

void setup_place(struct scene *s, struct nn_rng *r)
{
    static const uint32_t walls[] = { 0xe8e0d0, 0xc8d4dc, 0xd8c8b0, 0xb8c4a8,
                                      0x8a6a50, 0x9fb0c0, 0xe0b8a8, 0x60686e };
    static const uint32_t floors[] = { 0x8a5a34, 0xa87a4c, 0x5f3f28, 0xc8a878,
                                       0x8f8a84, 0x6a7a8a, 0x90403a, 0xb8b0a0 };
    struct env *e = &s->env;
    const float *w = s->truth.class == SYNTH_NEGATIVE
                         ? family_places[s->truth.family]
                         : bear_places[s->truth.class];

    e->place = (enum place)pick(r, w, PLACES);
    e->seed = (uint32_t)nn_rng_u64(r);
    e->water_level = -0.01f;
    palette_outdoors(e, r);
    e->wall = cast_tint(r, cast_pick_color(r, walls, 8), 0.2f);
    e->wall2 = cast_tint(r, cast_pick_color(r, walls, 8), 0.2f);
    e->floor = cast_tint(r, cast_pick_color(r, floors, 8), 0.2f);
    e->floor2 = cast_tint(r, cast_pick_color(r, floors, 8), 0.2f);
    e->pattern = (int)nn_rng_below(r, 4);
    if (e->place == PLACE_WHITE) {
        float v = nn_rng_range(r, 0.75f, 1.0f);

        e->wall = v3(v, v, v);
        if (nn_rng_chance(r, 0.25f)) {
            e->wall = v3_mix(e->wall, cast_pick_color(r, walls, 8), 0.7f);
        }
        e->floor = e->wall;
    }
}

void setup_camera(struct scene *s, struct nn_rng *r)
{
    struct camera *c = &s->camera;
    const struct model *m = &s->subject;
    float u = nn_rng_float(r), fill, dist, elev, roll, slack;
    int out = place_is_outdoors(s->env.place);
    struct v3 right, up;

    fill = u < 0.12f   ? nn_rng_range(r, 0.3f, 0.55f)
           : u < 0.72f ? nn_rng_range(r, 0.6f, 1.05f)
                       : nn_rng_range(r, 1.05f, 1.6f);
    if (s->truth.family == SYNTH_OBJECTS ||
        s->truth.family == SYNTH_ROCK_STUMP) {
        fill = sm_min(fill, 1.0f); /* from closer, only a surface is left */
    }
    if (out && nn_rng_chance(r, 0.06f)) {
        fill *= 0.5f;
    }
    c->tan_half =
        out ? nn_rng_range(r, 0.14f, 0.4f) : nn_rng_range(r, 0.25f, 0.5f);
    dist = m->focus_radius / (fill * c->tan_half);
    elev = out ? nn_rng_range(r, -2.0f, 18.0f) : nn_rng_range(r, 4.0f, 32.0f);
    elev *= SM_DEG;
    c->pos = v3_add(m->focus, v3(0, dist * sm_sin(elev), dist * sm_cos(elev)));
    c->pos.y = sm_max(c->pos.y, out ? 0.35f : 0.06f);
    c->fwd = v3_norm(v3_sub(m->focus, c->pos));
    right = v3_norm(v3_cross(c->fwd, v3(0, 1, 0)));
    up = v3_cross(right, c->fwd);
    roll = nn_rng_range(r, -4.0f, 4.0f) * SM_DEG;
    c->right = v3_add(v3_mul(right, sm_cos(roll)), v3_mul(up, sm_sin(roll)));
    c->up = v3_sub(v3_mul(up, sm_cos(roll)), v3_mul(right, sm_sin(roll)));
    slack = sm_clamp(1.05f - 0.75f * fill, 0.12f, 0.6f);
    c->ox = nn_rng_range(r, -slack, slack);
    c->oy = nn_rng_range(r, -slack, slack) * 0.7f;
}

static struct v3 from_angles(float azimuth, float height)
{
    float c = sm_cos(height * SM_DEG);

    return v3(c * sm_sin(azimuth * SM_DEG), sm_sin(height * SM_DEG),
              c * sm_cos(azimuth * SM_DEG));
}

/* Sun, haze, evening, dusk, night with a lamp at the camera. */
static void light_outdoors(struct scene *s, struct nn_rng *r)
{
    struct light *l = &s->light;
    struct env *e = &s->env;
    float u = nn_rng_float(r), azimuth = nn_rng_range(r, -180.0f, 180.0f);

    e->sky_low = sm_rgb(0xc8d8e8);
    e->sky_high = sm_rgb(0x5f8fd0);
    e->cloud = nn_rng_float(r);
    l->sky = v3(0.5f, 0.6f, 0.75f);
    if (u < 0.42f) {
        l->dir = from_angles(azimuth, nn_rng_range(r, 28.0f, 70.0f));
        l->sun = v3(1.75f, 1.62f, 1.4f);
    } else if (u < 0.72f) {
        l->dir = from_angles(azimuth, nn_rng_range(r, 50.0f, 85.0f));
        l->sun = v3(0.35f, 0.35f, 0.34f);
        l->sky = v3(0.95f, 0.98f, 1.02f);
        e->sky_low = e->sky_high = sm_rgb(0xd4d8dc);
        e->fog = nn_rng_range(r, 0.1f, 0.7f);
    } else if (u < 0.86f) {
        l->dir = from_angles(azimuth, nn_rng_range(r, 8.0f, 24.0f));
        l->sun = v3(2.1f, 1.35f, 0.7f);
        l->sky = v3(0.5f, 0.48f, 0.55f);
        e->sky_low = sm_rgb(0xf0c090);
        e->sky_high = sm_rgb(0x7f90b8);
    } else if (u < 0.94f) {
        l->dir = from_angles(azimuth, nn_rng_range(r, 30.0f, 70.0f));
        l->sun = v3(0.12f, 0.11f, 0.12f);
        l->sky = v3(0.42f, 0.47f, 0.6f);
        e->sky_low = sm_rgb(0x9a94a8);
        e->sky_high = sm_rgb(0x4f5f80);
    } else {
        l->dir = v3_norm(v3(0.05f, 0.12f, 1.0f));
        l->sun = v3(1.5f, 1.5f, 1.5f);
        l->sky = v3(0.06f, 0.06f, 0.07f);
        e->sky_low = e->sky_high = v3(0.01f, 0.01f, 0.012f);
        s->lens.grey = nn_rng_chance(r, 0.7f);
        s->lens.flash = 1.0f;
    }
    e->fog_color = v3_scale(e->sky_low, l->sky);
}

static void light_indoors(struct scene *s, struct nn_rng *r)
{
    struct light *l = &s->light;
    float warm = nn_rng_range(r, -0.1f, 0.3f), u = nn_rng_float(r);
    float azimuth = nn_rng_range(r, -100.0f, 100.0f);

    l->dir = from_angles(azimuth, nn_rng_range(r, 20.0f, 75.0f));
    l->sun = v3(1.0f + warm, 1.0f, 1.0f - warm);
    l->sky = v3(0.6f + 0.5f * warm, 0.6f, 0.6f - 0.5f * warm);
    if (s->env.place == PLACE_WHITE) {
        l->sun = v3_mul(l->sun, 0.8f);
        l->sky = v3(0.85f, 0.85f, 0.86f);
    } else if (u < 0.25f) {
        l->sun = v3_mul(l->sun, 0.45f);
        l->sky = v3_mul(l->sky, 0.6f);
    } else if (u < 0.35f) { /* flash on the camera */
        l->dir = v3_norm(v3(0.08f, 0.2f, 1.0f));
        l->sun = v3(1.6f, 1.6f, 1.55f);
        l->sky = v3(0.2f, 0.19f, 0.17f);
        s->lens.flash = 0.6f;
    }
}

void setup_light(struct scene *s, struct nn_rng *r)
{
    struct light *l = &s->light;
    struct v3 floor =
        place_is_outdoors(s->env.place) ? s->env.ground[1] : s->env.floor;

    if (place_is_outdoors(s->env.place)) {
        light_outdoors(s, r);
    } else {
        light_indoors(s, r);
    }
    l->bounce =
        v3_scale(v3_add(v3_mul(l->sun, 0.35f), v3_mul(l->sky, 0.6f)), floor);
    l->bounce = v3_add(l->bounce, v3_mul(l->sky, 0.08f));
    l->exposure = 1.0f;
}
