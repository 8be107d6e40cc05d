#include "pipelines/synth/cast.h"

/* Lengths in units of body height. */
struct person {
    int skin, hair, top, legs, shoe, eye, pack;
    float wide; /* girth of the clothes, 1 = slim */
    int hood, hat, skirt;
};

static void person_head(struct builder h, const struct person *p)
{
    build_ball(h, v3(0, 0, 0), v3(0.058f, 0.072f, 0.05f), p->skin, 0.0f);
    build_ball(h, v3(0.056f, -0.008f, 0), v3(0.014f, 0.016f, 0.012f), p->skin,
               0.01f);
    for (int side = 0; side < 2; side++) {
        struct builder e = build_mirror(h, side);

        build_ball(e, v3(0.05f, 0.012f, 0.02f), v3(0.008f, 0.006f, 0.009f),
                   p->eye, 0.0f);
        build_ball(e, v3(0, 0, 0.05f), v3(0.012f, 0.017f, 0.008f), p->skin,
                   0.005f);
    }
    if (p->hood) {
        build_ball(h, v3(-0.02f, 0.012f, 0), v3(0.07f, 0.092f, 0.075f), p->top,
                   0.01f);
        return;
    }
    build_ball(h, v3(-0.016f, 0.026f, 0), v3(0.058f, 0.062f, 0.055f), p->hair,
               0.005f);
    if (p->hat) {
        build_disc(h, v3(0, 0.05f, 0), 0.085f, 0.006f, 0.004f, p->pack, 0.0f);
        build_ball(h, v3(0, 0.06f, 0), v3(0.055f, 0.045f, 0.052f), p->pack,
                   0.01f);
    }
}

static void person_arms(struct builder b, const struct person *p, float neck,
                        float swing, int raised)
{
    for (int side = 0; side < 2; side++) {
        struct builder e = build_mirror(b, side);
        float s = side ? swing : -swing, w = 0.1f * p->wide;
        struct v3 sh = v3(0, neck - 0.035f, w);
        struct v3 el = v3(-0.01f + 0.4f * s, neck - 0.19f, w + 0.045f);
        struct v3 ha = v3(0.05f + s, neck - 0.33f, w + 0.03f);

        if (raised && side) {
            el = v3(0.06f, neck + 0.03f, w + 0.1f);
            ha = v3(0.08f, neck + 0.18f, w + 0.08f);
        }
        build_cone(e, sh, 0.038f * p->wide, el, 0.03f * p->wide, p->top, 0.03f);
        build_cone(e, el, 0.03f * p->wide, ha, 0.025f * p->wide, p->top,
                   0.015f);
        build_ball(e, v3_mad(ha, 0.035f, v3_norm(v3_sub(ha, el))),
                   v3(0.024f, 0.03f, 0.018f), p->skin, 0.01f);
    }
}

static void person_stand(struct builder b, const struct person *p, float stride,
                         int raised)
{
    for (int side = 0; side < 2; side++) {
        struct builder e = build_mirror(b, side);
        float s = side ? stride : -stride;
        struct v3 knee = v3(0.02f + 0.45f * s, 0.27f, 0.045f);
        struct v3 foot = v3(0.9f * s, 0.05f, 0.045f);

        build_cone(e, v3(0, 0.5f, 0.045f), 0.062f, knee, 0.042f, p->legs,
                   0.02f);
        build_cone(e, knee, 0.042f, foot, 0.03f, p->legs, 0.015f);
        build_ball(e, v3(foot.x + 0.03f, 0.025f, 0.05f),
                   v3(0.07f, 0.026f, 0.03f), p->shoe, 0.01f);
    }
    if (p->skirt) {
        build_cone(b, v3(0, 0.34f, 0), 0.13f, v3(0, 0.52f, 0), 0.085f, p->top,
                   0.03f);
    }
    build_ball(b, v3(0, 0.54f, 0), v3(0.085f * p->wide, 0.09f, 0.1f * p->wide),
               p->top, 0.02f);
    build_ball(b, v3(0, 0.7f, 0), v3(0.08f * p->wide, 0.13f, 0.115f * p->wide),
               p->top, 0.08f);
    build_cone(b, v3(0, 0.8f, 0), 0.04f, v3(0.005f, 0.86f, 0), 0.034f, p->skin,
               0.02f);
    person_arms(b, p, 0.82f, 1.4f * stride, raised);
    person_head(build_at(b, v3(0.015f, 0.925f, 0)), p);
}

static void person_sit(struct builder b, const struct person *p)
{
    for (int side = 0; side < 2; side++) {
        struct builder e = build_mirror(b, side);
        struct v3 knee = v3(0.22f, 0.22f, 0.09f), foot = v3(0.3f, 0.04f, 0.1f);

        build_cone(e, v3(0, 0.08f, 0.05f), 0.068f, knee, 0.05f, p->legs, 0.02f);
        build_cone(e, knee, 0.045f, foot, 0.03f, p->legs, 0.015f);
        build_ball(e, v3(0.33f, 0.025f, 0.1f), v3(0.07f, 0.026f, 0.03f),
                   p->shoe, 0.01f);
    }
    build_ball(b, v3(0, 0.13f, 0), v3(0.09f * p->wide, 0.1f, 0.1f * p->wide),
               p->top, 0.03f);
    build_ball(b, v3(0.01f, 0.29f, 0),
               v3(0.08f * p->wide, 0.13f, 0.115f * p->wide), p->top, 0.08f);
    build_cone(b, v3(0.01f, 0.39f, 0), 0.04f, v3(0.015f, 0.45f, 0), 0.034f,
               p->skin, 0.02f);
    person_arms(b, p, 0.41f, 0.15f, 0);
    person_head(build_at(b, v3(0.025f, 0.515f, 0)), p);
}

/* Near miss: a bulky fur coat with its hood up, all one dark brown. */
void cast_person(struct model *m, struct nn_rng *r, int near_miss,
                 struct cast_hint *hint)
{
    static const uint32_t skins[] = { 0xf0c8a8, 0xd9a47c, 0xa8714a,
                                      0x6b4430, 0xe5b595, 0x4a2f22 };
    static const uint32_t hairs[] = { 0x1a1412, 0x4a2f1c, 0xa87a3c, 0x888078,
                                      0x6b2f18 };
    static const uint32_t cloth[] = { 0xb02a2a, 0x2a4a90, 0x2f6b40, 0xd8b030,
                                      0x303438, 0xe6e2dc, 0x6b4a30, 0xe07030,
                                      0x5f7f9f, 0x402040 };
    static const uint32_t trousers[] = { 0x2c3a58, 0x26262a, 0x6b5a44, 0x50565a,
                                         0x3a2c22 };
    static const uint32_t furs[] = { 0x3a2618, 0x231a16, 0x5a3a22 };
    struct builder b = build_start(m, (uint32_t)nn_rng_u64(r));
    float height = nn_rng_range(r, 1.35f, 1.9f);
    struct v3 fur = cast_pick_color(r, furs, 3);
    struct person p = { 0 };
    float pose = nn_rng_float(r);

    p.skin = build_smooth(m, cast_pick_color(r, skins, 6), 0.1f);
    p.hair = build_fur(m, cast_pick_color(r, hairs, 5), v3(0.2f, 0.18f, 0.15f),
                       0.1f, 90.0f);
    p.top = near_miss ? build_fur(m, fur, v3_mul(fur, 2.0f), 0.3f, 34.0f)
                      : build_cloth(m, cast_pick_color(r, cloth, 10), 60.0f);
    p.legs = near_miss ? build_fur(m, fur, fur, 0.0f, 34.0f)
                       : build_cloth(m, cast_pick_color(r, trousers, 5), 60.0f);
    p.shoe = build_smooth(m, sm_rgb(0x241d1a), 0.2f);
    p.eye = build_smooth(m, sm_rgb(0x1a100a), 0.8f);
    p.pack = build_cloth(m, cast_pick_color(r, cloth, 10), 60.0f);
    p.wide =
        near_miss ? nn_rng_range(r, 1.5f, 1.9f) : nn_rng_range(r, 0.95f, 1.3f);
    p.hood = near_miss;
    p.hat = nn_rng_chance(r, 0.25f);
    p.skirt = near_miss || nn_rng_chance(r, 0.2f);
    b = build_scale(b, height);
    b.flow = v3(0, -1, 0);
    m->fuzz = near_miss ? 0.025f : 0.0f;
    hint->yaw_lo = 0.0f;
    hint->yaw_hi = 180.0f;
    if (pose < 0.25f) {
        person_sit(b, &p);
        hint->yaw_lo = 30.0f;
        hint->yaw_hi = 150.0f;
    } else {
        float stride = nn_rng_range(r, 0.0f, 0.16f);

        person_stand(b, &p, stride, nn_rng_chance(r, 0.15f));
        if (!near_miss && nn_rng_chance(r, 0.25f)) {
            build_box(b, v3(-0.12f, 0.69f, 0), v3(0.055f, 0.12f, 0.09f), 0.03f,
                      p.pack, 0.0f);
        }
        if (pose > 0.72f) {
            m->focus = v3(0, 0.82f * height, 0);
            m->focus_radius = 0.24f * height;
        }
    }
}
