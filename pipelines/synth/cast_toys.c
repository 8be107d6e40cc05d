#include "pipelines/synth/toy.h"

static const uint32_t bear_cloth[] = { 0xa5713d, 0xc29158, 0x7c4d28, 0xd9b98a,
                                       0xefe3d0, 0x55341f, 0xb98d63, 0x8d8680,
                                       0xdf9fb0, 0x8fb4d6, 0xf5f1ea, 0x322a28,
                                       0xb5651d, 0xc9a26b };
static const uint32_t other_cloth[] = {
    0xb9b4b0, 0x9aa3ad, 0xefe9e2, 0xe8b9c4, 0xc9a26b, 0xa5713d,
    0xd98b3a, 0x6f5f55, 0x8fb4d6, 0x3a3432, 0xb98d63, 0x7c4d28
};
static const uint32_t gay[] = { 0xc22030, 0x2050b0, 0x208050, 0xe0b020,
                                0x8030a0, 0xf08040, 0xe0e0e0, 0x303438 };

/* Materials, size, posture: what all toys share. */
static struct toy toy_start(struct model *m, struct nn_rng *r, struct v3 color)
{
    float pile = nn_rng_range(r, 110.0f, 260.0f);
    float u = nn_rng_float(r);
    struct v3 pale =
        v3_mix(color, v3(0.8f, 0.74f, 0.64f), nn_rng_range(r, 0.25f, 0.75f));
    struct toy t = { 0 };

    t.height = nn_rng_range(r, 0.24f, 0.5f);
    t.head = nn_rng_range(r, 0.22f, 0.26f);
    t.head_wide = nn_rng_range(r, 1.0f, 1.15f);
    t.body = nn_rng_range(r, 0.21f, 0.26f);
    t.limb = nn_rng_range(r, 0.078f, 0.1f);
    t.pose = u < 0.68f ? TOY_SIT : u < 0.84f ? TOY_STAND : TOY_HANG;
    t.arm_up = nn_rng_range(r, -0.9f, 0.35f);
    t.head_tilt = nn_rng_range(r, -0.2f, 0.2f);
    t.head_yaw = nn_rng_range(r, -0.3f, 0.3f);
    t.plush = build_plush(m, color, pile);
    t.pale = build_plush(m, pale, pile);
    t.bow = -1;
    t.shirt = -1;
    t.seams = nn_rng_chance(r, 0.6f);
    t.eye_size = nn_rng_range(r, 0.022f, 0.034f);
    t.ear_in = nn_rng_chance(r, 0.7f) ? t.pale : t.plush;
    t.nose = build_smooth(
        m, nn_rng_chance(r, 0.8f) ? sm_rgb(0x14100e) : sm_rgb(0x8a4a50), 0.4f);
    t.eye = build_smooth(
        m, nn_rng_chance(r, 0.75f) ? sm_rgb(0x080606) : sm_rgb(0x4a2408), 1.0f);
    t.thread = build_smooth(m, sm_rgb(0x18120e), 0.0f);
    if (nn_rng_chance(r, 0.4f)) {
        t.bow = build_cloth(m, cast_pick_color(r, gay, 8), 120.0f);
    }
    if (nn_rng_chance(r, 0.25f)) {
        t.shirt = build_cloth(m, cast_pick_color(r, gay, 8), 200.0f);
        t.stripes = nn_rng_chance(r, 0.4f);
        t.stripe_color = cast_pick_color(r, gay, 8);
    }
    return t;
}

/* Sitting, lying on its back or side, or hanging. */
static void toy_place(struct model *m, struct nn_rng *r, const struct toy *t,
                      struct cast_hint *hint)
{
    float u = nn_rng_float(r);

    hint->yaw_lo = 45.0f;
    hint->yaw_hi = 135.0f;
    hint->hanging = t->pose == TOY_HANG;
    if (t->pose == TOY_HANG) {
        struct builder b = { .model = m,
                             .f = { .m = m3_identity(), .scale = t->height } };
        int cord = build_smooth(m, sm_rgb(0x7a6a50), 0.0f);

        m->material[cord].prop = 1;
        build_cone(b, v3(-0.1f, 0.9f, 0), 0.012f, v3(-0.06f, 3.0f, 0), 0.012f,
                   cord, 0.0f);
        m->focus = v3(0, 0.42f * t->height, 0);
        m->focus_radius = 0.66f * t->height;
        model_turn_all(m, 0, nn_rng_range(r, -0.25f, 0.25f));
    } else if (u < 0.13f) {
        model_turn_all(m, 2, 0.5f * SM_PI - nn_rng_range(r, 0.0f, 0.25f));
        hint->yaw_lo = 0.0f;
        hint->yaw_hi = 180.0f;
    } else if (u < 0.24f) {
        model_turn_all(m, 0, 0.5f * SM_PI - nn_rng_range(r, 0.0f, 0.2f));
        hint->yaw_lo = 60.0f;
        hint->yaw_hi = 120.0f;
    }
}

void cast_teddy(struct model *m, struct nn_rng *r, struct cast_hint *hint)
{
    struct builder b = build_start(m, (uint32_t)nn_rng_u64(r));
    struct v3 color = cast_tint(r, cast_pick_color(r, bear_cloth, 14), 0.15f);
    struct toy t = toy_start(m, r, color);

    t.ear = TOY_EAR_ROUND;
    t.ear_size = nn_rng_range(r, 0.085f, 0.125f);
    t.muzzle = nn_rng_range(r, 0.1f, 0.14f);
    m->fuzz = nn_rng_range(r, 0.005f, 0.03f) * t.height;
    if (nn_rng_chance(r, 0.3f)) {
        build_paint(build_scale(b, t.height), v3(0.18f, 0.27f, 0),
                    v3(0.16f, 0.17f, 0.14f), m->material[t.pale].color, 1.0f,
                    0.15f, 0.0f, 1u << t.plush);
    }
    toy_build(b, &t);
    toy_place(m, r, &t, hint);
}

static void plush_kind(struct toy *t, struct nn_rng *r, int kind)
{
    switch (kind) {
    case 0: /* rabbit */
        t->ear = nn_rng_chance(r, 0.7f) ? TOY_EAR_LONG : TOY_EAR_LOP;
        t->ear_size = nn_rng_range(r, 0.11f, 0.15f);
        t->head *= 0.88f;
        t->muzzle = 0.085f;
        t->tail = 0.0f;
        break;
    case 1: /* elephant */
        t->ear = TOY_EAR_WIDE;
        t->ear_size = nn_rng_range(r, 0.16f, 0.21f);
        t->trunk = 1;
        t->muzzle = 0.0f;
        t->tail = 0.12f;
        break;
    default: /* cat */
        t->ear = TOY_EAR_CAT;
        t->ear_size = nn_rng_range(r, 0.095f, 0.125f);
        t->muzzle = 0.075f;
        t->whiskers = 1;
        t->tail = nn_rng_range(r, 0.3f, 0.45f);
        break;
    }
}

/* Near miss: a brown toy dog with hanging ears and a bear's cloth. */
void cast_plush(struct model *m, struct nn_rng *r, int near_miss,
                struct cast_hint *hint)
{
    struct builder b = build_start(m, (uint32_t)nn_rng_u64(r));
    struct v3 color = cast_tint(r,
                                near_miss ? cast_pick_color(r, bear_cloth, 7)
                                          : cast_pick_color(r, other_cloth, 12),
                                0.15f);
    struct toy t = toy_start(m, r, color);

    if (near_miss) {
        t.ear = TOY_EAR_LOP;
        t.ear_size = nn_rng_range(r, 0.08f, 0.1f);
        t.muzzle = nn_rng_range(r, 0.1f, 0.13f);
        t.tail = 0.16f;
        t.ear_in = t.plush;
    } else {
        plush_kind(&t, r, (int)nn_rng_below(r, 3));
        if (t.ear == TOY_EAR_LONG || t.ear == TOY_EAR_WIDE) {
            t.ear_in = build_plush(m, sm_rgb(0xd99aa5), 150.0f);
        }
    }
    m->fuzz = nn_rng_range(r, 0.005f, 0.03f) * t.height;
    toy_build(b, &t);
    toy_place(m, r, &t, hint);
}
