#include "pipelines/synth/setup.h"

#include "pipelines/synth/cast.h"

static void add_trunks(struct scene *s, struct nn_rng *r, int n, float from,
                       float to)
{
    struct env *e = &s->env;
    float tan = s->camera.tan_half;
    int fir = e->place == PLACE_SNOW || nn_rng_chance(r, 0.25f);
    int birch = nn_rng_chance(r, 0.2f);

    n = n < ENV_TRUNKS ? n : ENV_TRUNKS;
    for (int i = 0; i < n; i++) {
        float z = to + (from - to) * ((float)i + nn_rng_float(r)) / (float)n;
        struct trunk *t = &e->trunk[i];

        t->z = z;
        t->x = s->camera.pos.x + nn_rng_range(r, -1.8f, 1.8f) * tan * z;
        t->r = nn_rng_range(r, 0.08f, 0.3f);
        t->lean = nn_rng_range(r, -0.06f, 0.06f);
        t->birch = birch && nn_rng_chance(r, 0.6f);
        t->fir = fir && nn_rng_chance(r, 0.6f);
        t->seed = (uint32_t)nn_rng_u64(r);
    }
    e->n_trunks = n;
}

static void surroundings_outdoors(struct scene *s, struct nn_rng *r, float zs)
{
    struct env *e = &s->env;

    e->tree_dist = zs + nn_rng_range(r, 18.0f, 60.0f);
    e->tree_height = nn_rng_range(r, 4.0f, 14.0f);
    e->mountain = nn_rng_chance(r, 0.45f) ? nn_rng_range(r, 0.06f, 0.3f) : 0.0f;
    switch (e->place) {
    case PLACE_RIVER:
        e->water_near = zs - nn_rng_range(r, 0.4f, 4.0f);
        e->water_far = zs + nn_rng_range(r, 2.0f, 9.0f);
        if (nn_rng_chance(r, 0.35f)) { /* on the far bank */
            e->water_near = 0.0f;
            e->water_far = zs - 0.6f;
        } else if (nn_rng_chance(r, 0.7f)) {
            e->water_level =
                nn_rng_range(r, 0.05f, 0.3f) * s->subject.focus_radius;
        } else {
            e->water_near = zs + 1.0f;
            e->water_far = zs + 8.0f;
        }
        break;
    case PLACE_FOREST:
        e->tree_dist = zs + nn_rng_range(r, 8.0f, 22.0f);
        e->tree_height = 25.0f;
        e->mountain = 0.0f;
        add_trunks(s, r, 8 + (int)nn_rng_below(r, 18), zs + 1.2f, e->tree_dist);
        break;
    case PLACE_ROAD:
        e->road_w = nn_rng_range(r, 2.2f, 4.5f);
        e->road_x = nn_rng_range(r, -2.0f, 2.0f);
        e->pattern = (int)nn_rng_below(r, 2); /* along, across */
        break;
    case PLACE_YARD:
        e->wall_dist = zs + nn_rng_range(r, 1.5f, 9.0f);
        break;
    default:
        if (nn_rng_chance(r, 0.4f)) {
            add_trunks(s, r, 1 + (int)nn_rng_below(r, 8), zs + 3.0f,
                       e->tree_dist);
        }
        break;
    }
}

void setup_surroundings(struct scene *s, struct nn_rng *r)
{
    struct env *e = &s->env;
    float zs = s->camera.pos.z - s->subject.center.z;
    float size = s->subject.focus_radius;

    e->scale = 1.0f;
    if (place_is_outdoors(e->place)) {
        surroundings_outdoors(s, r, zs);
        return;
    }
    /* rooms are built around toys as well as people */
    e->scale = sm_clamp(size / 0.3f, 0.5f, 2.5f);
    e->wall_dist = zs + size * nn_rng_range(r, 1.2f, 5.0f);
    if (e->place == PLACE_SHELF) {
        e->wall_dist = zs + size * nn_rng_range(r, 1.0f, 1.6f);
    }
}

void setup_cover(struct scene *s, struct nn_rng *r)
{
    struct cover *c = &s->cover;
    const struct env *e = &s->env;
    float zs = s->camera.pos.z - s->subject.center.z;
    int grassy = e->place == PLACE_MEADOW || e->place == PLACE_FOREST ||
                 e->place == PLACE_YARD || e->place == PLACE_RIVER ||
                 (e->place == PLACE_SNOW && nn_rng_chance(r, 0.3f)) ||
                 (e->place == PLACE_ROAD && nn_rng_chance(r, 0.3f));

    c->seed = (uint32_t)nn_rng_u64(r);
    if (!place_is_outdoors(e->place)) {
        return;
    }
    c->grass = grassy ? nn_rng_float(r) : 0.0f;
    c->grass_height = nn_rng_range(r, 0.06f, 0.35f) *
                      sm_min(1.4f * s->subject.focus_radius, 1.0f);
    if (e->place == PLACE_YARD) {
        c->grass_height *= 0.4f;
    }
    c->grass_color[0] = v3_mul(e->ground[1], 0.9f);
    c->grass_color[1] = e->ground[2];
    if (e->place == PLACE_SNOW || e->place == PLACE_RIVER ||
        e->place == PLACE_ROAD) {
        c->grass *= 0.35f;
        c->grass_color[0] = sm_rgb(0x5a5028);
        c->grass_color[1] = sm_rgb(0xa09050);
    }
    if ((e->place == PLACE_FOREST && nn_rng_chance(r, 0.4f)) ||
        nn_rng_chance(r, 0.06f)) {
        c->n_trunks = 1 + (int)nn_rng_below(r, 2);
        for (int i = 0; i < c->n_trunks; i++) {
            float z = zs * nn_rng_range(r, 0.4f, 0.8f);
            struct trunk *t = &c->trunk[i];

            t->z = z;
            t->x = s->camera.pos.x +
                   nn_rng_range(r, -1.0f, 1.0f) * s->camera.tan_half * z;
            t->r = s->camera.tan_half * z * nn_rng_range(r, 0.03f, 0.17f);
            t->lean = nn_rng_range(r, -0.08f, 0.08f);
            t->seed = (uint32_t)nn_rng_u64(r);
        }
    }
    if (nn_rng_chance(r, 0.15f)) {
        c->leaves = 2 + (int)nn_rng_below(r, 6);
        c->leaf_color = cast_tint(r, sm_rgb(0x4a6a24), 0.4f);
    }
    c->bars = nn_rng_chance(r, 0.04f);
}

void setup_lens(struct scene *s, struct nn_rng *r)
{
    struct lens *l = &s->lens;
    int white = s->env.place == PLACE_WHITE;
    float night = l->flash > 0.9f ? 2.0f : 1.0f;

    l->seed = (uint32_t)nn_rng_u64(r);
    l->blur_back =
        nn_rng_chance(r, 0.6f) ? nn_rng_range(r, 0.002f, 0.022f) : 0.0015f;
    l->blur_all =
        nn_rng_chance(r, 0.25f) ? nn_rng_range(r, 0.003f, 0.011f) : 0.0f;
    if (nn_rng_chance(r, 0.07f)) {
        l->motion = nn_rng_range(r, 0.01f, 0.035f);
        l->motion_angle = nn_rng_range(r, -0.5f, 0.5f);
    }
    l->noise =
        nn_rng_chance(r, 0.5f) ? nn_rng_range(r, 0.0f, 0.035f) * night : 0.004f;
    l->chroma_noise = l->noise * nn_rng_range(r, 0.0f, 0.8f);
    l->vignette = nn_rng_chance(r, 0.5f) ? nn_rng_range(r, 0.0f, 0.35f) : 0.0f;
    l->contrast = nn_rng_range(r, 0.85f, 1.2f);
    l->saturation = nn_rng_range(r, 0.65f, 1.25f);
    l->gain = nn_rng_range(r, 0.75f, 1.3f);
    l->cast.x = nn_rng_range(r, 0.9f, 1.1f);
    l->cast.y = nn_rng_range(r, 0.95f, 1.05f);
    l->cast.z = nn_rng_range(r, 0.88f, 1.12f);
    if (white) {
        l->vignette = 0.0f;
        l->noise *= 0.4f;
        l->chroma_noise *= 0.4f;
        l->gain = nn_rng_range(r, 1.05f, 1.5f);
        l->cast = v3_mix(l->cast, v3(1, 1, 1), 0.7f);
    }
    l->quality = nn_rng_chance(r, 0.75f) ? 30 + (int)nn_rng_below(r, 66) : 100;
    l->block_x = (int)nn_rng_below(r, 8);
    l->block_y = (int)nn_rng_below(r, 8);
    l->soft = nn_rng_chance(r, 0.2f) ? nn_rng_range(r, 0.45f, 0.8f) : 1.0f;
}
