#include "pipelines/synth/cast.h"

/* Lengths in units of the sitting ape's height. */
struct ape {
    int fur, skin, dark, eye;
    float cheeks; /* pads of an old orang-utan */
    float crest;  /* of a gorilla */
    int ears;
};

static void ape_head(struct builder h, const struct ape *a)
{
    h.flow = v3(-0.7f, 0.5f, 0);
    build_ball(h, v3(-0.03f, 0.03f, 0), v3(0.155f, 0.15f, 0.14f), a->fur,
               0.06f);
    if (a->crest > 0.0f) {
        build_ball(h, v3(-0.06f, 0.13f, 0), v3(0.11f, a->crest, 0.08f), a->fur,
                   0.07f);
    }
    build_ball(h, v3(0.085f, -0.02f, 0), v3(0.07f, 0.095f, 0.098f), a->skin,
               0.02f);
    build_ball(h, v3(0.12f, -0.085f, 0), v3(0.085f, 0.06f, 0.08f), a->skin,
               0.03f);
    build_cone(h, v3(0.145f, 0.045f, -0.07f), 0.026f, v3(0.145f, 0.045f, 0.07f),
               0.026f, a->skin, 0.02f);
    build_cone(h, v3(0.19f, -0.115f, -0.05f), 0.008f, v3(0.19f, -0.115f, 0.05f),
               0.008f, a->dark, 0.0f);
    for (int side = 0; side < 2; side++) {
        struct builder e = build_mirror(h, side);

        build_ball(e, v3(0.155f, 0.012f, 0.045f), v3(0.018f, 0.016f, 0.018f),
                   a->eye, 0.0f);
        build_ball(e, v3(0.192f, -0.045f, 0.022f), v3(0.012f, 0.009f, 0.014f),
                   a->dark, 0.0f);
        if (a->ears) {
            build_ball(e, v3(-0.02f, 0.01f, 0.155f), v3(0.03f, 0.055f, 0.035f),
                       a->skin, 0.01f);
        }
        if (a->cheeks > 0.0f) {
            build_ball(e, v3(0.06f, -0.01f, 0.13f), v3(0.04f, 0.12f, a->cheeks),
                       a->skin, 0.03f);
        }
    }
}

static void limb(struct builder b, const struct ape *a, struct v3 p, float rp,
                 struct v3 q, float rq, struct v3 end, float re)
{
    build_cone(b, p, rp, q, rq, a->fur, 0.08f);
    build_cone(b, q, rq, end, re, a->fur, 0.04f);
    build_ball(b, v3(end.x + 0.03f, end.y - 0.01f, end.z),
               v3(0.075f, 0.045f, 0.055f), a->skin, 0.02f);
}

static void ape_sit(struct builder b, const struct ape *a, struct nn_rng *r)
{
    float reach = nn_rng_range(r, 0.0f, 0.25f);
    float yaw = nn_rng_range(r, -0.5f, 0.5f);

    build_ball(b, v3(-0.02f, 0.34f, 0), v3(0.23f, 0.33f, 0.25f), a->fur, 0.0f);
    build_ball(b, v3(0.0f, 0.62f, 0), v3(0.18f, 0.15f, 0.27f), a->fur, 0.15f);
    for (int side = 0; side < 2; side++) {
        struct builder e = build_mirror(b, side);
        float up = side ? reach : 0.0f;

        limb(e, a, v3(0.02f, 0.66f, 0.26f), 0.095f, v3(0.2f, 0.38f + up, 0.4f),
             0.075f, v3(0.36f, 0.1f + 1.6f * up, 0.28f), 0.05f);
        limb(e, a, v3(0.0f, 0.14f, 0.16f), 0.11f, v3(0.3f, 0.3f, 0.26f), 0.08f,
             v3(0.3f, 0.05f, 0.22f), 0.055f);
    }
    ape_head(build_turn(build_at(b, v3(0.1f, 0.86f, 0)), 1, yaw), a);
}

static void ape_walk(struct builder b, const struct ape *a, struct nn_rng *r)
{
    float g = nn_rng_range(r, -0.1f, 0.1f), yaw = nn_rng_range(r, -0.6f, 0.6f);

    build_cone(b, v3(-0.28f, 0.46f, 0), 0.19f, v3(0.18f, 0.62f, 0), 0.22f,
               a->fur, 0.0f);
    build_ball(b, v3(0.2f, 0.66f, 0), v3(0.19f, 0.19f, 0.25f), a->fur, 0.12f);
    for (int side = 0; side < 2; side++) {
        struct builder e = build_mirror(b, side);
        float s = side ? g : -g;

        limb(e, a, v3(0.22f, 0.64f, 0.24f), 0.1f, v3(0.24f + s, 0.34f, 0.28f),
             0.08f, v3(0.32f + 2.0f * s, 0.05f, 0.24f), 0.055f);
        limb(e, a, v3(-0.28f, 0.4f, 0.15f), 0.13f, v3(-0.12f - s, 0.26f, 0.2f),
             0.09f, v3(-0.24f - 2.0f * s, 0.05f, 0.18f), 0.06f);
    }
    ape_head(build_turn(build_at(b, v3(0.44f, 0.8f, 0)), 1, yaw), a);
}

/* Gorilla, chimpanzee or orang-utan. Near miss: on all fours, seen from the
 * side, the face as dark or brown as the coat. */
void cast_ape(struct model *m, struct nn_rng *r, int near_miss,
              struct cast_hint *hint)
{
    static const uint32_t orange[] = { 0x8a4a1c, 0xa85a22, 0x6e3a18 };
    struct builder b = build_start(m, (uint32_t)nn_rng_u64(r));
    int kind = (int)nn_rng_below(r, 3),
        sits = !near_miss && nn_rng_chance(r, 0.6f);
    float scale = nn_rng_range(r, 0.9f, 1.25f), freq = 36.0f / scale;
    struct v3 fur = kind == 2 ? cast_pick_color(r, orange, 3)
                              : cast_tint(r, sm_rgb(0x1d1b1c), 0.3f);
    struct v3 skin = kind == 1   ? sm_rgb(0x9a7460)
                     : kind == 2 ? sm_rgb(0x6e5348)
                                 : sm_rgb(0x2c2828);
    struct ape a = { .crest = kind == 0 ? 0.1f : 0.0f, .ears = kind == 1 };

    if (near_miss) {
        skin = v3_mul(fur, 1.2f);
        a.ears = 1;
    }
    if (kind == 2 && nn_rng_chance(r, 0.5f) && !near_miss) {
        a.cheeks = 0.08f;
    }
    a.fur =
        build_fur(m, cast_tint(r, fur, 0.15f), v3_mul(fur, 2.2f), 0.3f, freq);
    a.skin = build_smooth(m, cast_tint(r, skin, 0.2f), 0.2f);
    a.dark = build_smooth(m, v3_mul(skin, 0.15f), 0.0f);
    a.eye = build_smooth(m, sm_rgb(0x0c0705), 0.9f);
    m->fuzz = 0.025f * scale;
    b = build_scale(b, scale);
    b.flow = v3(-0.3f, -1.0f, 0);
    if (sits) {
        ape_sit(b, &a, r);
    } else {
        ape_walk(b, &a, r);
    }
    hint->yaw_lo = sits ? 30.0f : -40.0f;
    hint->yaw_hi = sits ? 130.0f : near_miss ? 30.0f : 85.0f;
    if (sits && nn_rng_chance(r, 0.2f)) {
        m->focus = v3_mul(v3(0.12f, 0.8f, 0), scale);
        m->focus_radius = 0.3f * scale;
    }
}
