#include "pipelines/synth/cast.h"

static const uint32_t stones[] = { 0x4a4642, 0x35322f, 0x5f5a54,
                                   0x403830, 0x2b2928, 0x6b6258 };
static const uint32_t paints[] = { 0xc03030, 0x3060b0, 0x30905a, 0xe0b030,
                                   0xe8e4dc, 0x303236, 0xa06a3c, 0x7a4a28,
                                   0xd87840, 0x8040a0, 0xb0b4b8, 0x20504a };

static void rock(struct builder b, struct nn_rng *r, int mat, int ears)
{
    float h = nn_rng_range(r, 0.3f, 0.75f), w = nn_rng_range(r, 0.4f, 0.8f);
    int n = 2 + (int)nn_rng_below(r, 4);

    build_ball(b, v3(0, 0.4f * h, 0), v3(w, h, 0.8f * w), mat, 0.0f);
    for (int i = 0; i < n; i++) {
        float s = nn_rng_range(r, 0.15f, 0.45f);
        float x = nn_rng_range(r, -1.0f, 1.0f) * w;
        float y = nn_rng_range(r, 0.0f, 0.7f) * h;

        build_ball(b, v3(x, y, nn_rng_range(r, -0.3f, 0.5f)),
                   v3(s * 1.3f, s, s), mat, 0.12f);
    }
    if (ears) { /* a boulder that sits like an animal: head and two knobs */
        float x = 0.7f * w, y = 0.95f * h;

        build_ball(b, v3(x, y, 0), v3(0.26f, 0.23f, 0.23f), mat, 0.18f);
        build_ball(b, v3(x + 0.22f, y - 0.06f, 0), v3(0.13f, 0.1f, 0.1f), mat,
                   0.12f);
        for (int side = 0; side < 2; side++) {
            build_ball(build_mirror(b, side), v3(x - 0.06f, y + 0.2f, 0.16f),
                       v3(0.06f, 0.08f, 0.07f), mat, 0.06f);
        }
    }
}

static void stump(struct builder b, struct nn_rng *r, struct model *m, int bark,
                  int ears)
{
    float h = nn_rng_range(r, 0.25f, 0.7f), w = nn_rng_range(r, 0.22f, 0.42f);
    int n = 4 + (int)nn_rng_below(r, 3);
    int cut = build_material(m, (struct material){ .surface = SURF_CUT,
                                                   .color = sm_rgb(0xb08f60),
                                                   .freq = 26.0f });

    build_cone(b, v3(0, 0, 0), 1.15f * w, v3(0, 0.35f * h, 0), w, bark, 0.0f);
    build_disc(b, v3(0, 0.5f * h, 0), w, 0.5f * h, 0.03f, bark, 0.1f);
    for (int i = 0; i < n; i++) {
        struct builder e = build_turn(
            b, 1, 6.28f * ((float)i + 0.3f * nn_rng_float(r)) / (float)n);

        build_cone(e, v3(0.7f * w, 0.25f * h, 0), 0.3f * w,
                   v3(1.9f * w, 0.0f, 0), 0.08f, bark, 0.14f);
    }
    if (ears) {
        build_ball(b, v3(0, h, 0), v3(0.95f * w, 0.4f * w, 0.95f * w), bark,
                   0.1f);
        for (int side = 0; side < 2; side++) {
            build_ball(build_mirror(b, side), v3(0, h + 0.3f * w, 0.62f * w),
                       v3(0.14f * w, 0.3f * w, 0.26f * w), bark, 0.05f);
        }
    } else {
        build_disc(b, v3(0, h - 0.01f, 0), 0.93f * w, 0.025f, 0.005f, cut,
                   0.0f);
    }
}

void cast_rock_stump(struct model *m, struct nn_rng *r, int near_miss,
                     struct cast_hint *hint)
{
    struct builder b = build_start(m, (uint32_t)nn_rng_u64(r));
    struct v3 color = cast_tint(r, cast_pick_color(r, stones, 6), 0.2f);
    struct v3 moss = cast_tint(r, sm_rgb(0x4c5a24), 0.3f);

    hint->yaw_lo = near_miss ? -20.0f : 0.0f;
    hint->yaw_hi = near_miss ? 110.0f : 360.0f;
    if (nn_rng_chance(r, 0.55f)) {
        if (near_miss) {
            color = v3_scale(color, v3(0.62f, 0.45f, 0.33f));
        }
        rock(b, r,
             build_material(m, (struct material){ .surface = SURF_ROCK,
                                                  .color = color,
                                                  .tip = moss,
                                                  .tip_amount = nn_rng_range(
                                                      r, 0.0f, 0.8f),
                                                  .grain = 0.9f,
                                                  .freq = 4.0f }),
             near_miss);
    } else {
        struct v3 bark = cast_tint(r, sm_rgb(0x4a382a), 0.3f);

        stump(b, r, m,
              build_material(m, (struct material){ .surface = SURF_BARK,
                                                   .color = bark,
                                                   .tip = moss,
                                                   .tip_amount = nn_rng_range(
                                                       r, 0.0f, 0.6f),
                                                   .grain = 0.9f,
                                                   .freq = 28.0f }),
              near_miss);
    }
}

static void mug(struct builder b, int a, int inside)
{
    build_disc(b, v3(0, 0.5f, 0), 0.4f, 0.5f, 0.04f, a, 0.0f);
    build_ring(build_turn(build_at(b, v3(0.42f, 0.5f, 0)), 0, 0.5f * SM_PI),
               v3(0, 0, 0), 0.25f, 0.06f, a, 0.02f);
    build_disc(b, v3(0, 0.99f, 0), 0.34f, 0.02f, 0.0f, inside, 0.0f);
}

static void chair(struct builder b, int a, int seat)
{
    for (int i = 0; i < 4; i++) {
        float x = i & 1 ? 0.3f : -0.3f, z = i & 2 ? 0.3f : -0.3f;

        build_cone(b, v3(x * 1.1f, 0.02f, z * 1.1f), 0.03f,
                   v3(x, x < 0 ? 1.25f : 0.5f, z), 0.04f, a, 0.0f);
    }
    build_box(b, v3(0, 0.52f, 0), v3(0.36f, 0.05f, 0.36f), 0.03f, seat, 0.0f);
    for (int i = 0; i < 3; i++) {
        build_box(b, v3(-0.32f, 0.8f + 0.18f * (float)i, 0),
                  v3(0.02f, 0.06f, 0.3f), 0.01f, a, 0.0f);
    }
}

static void car(struct builder b, int a, int glass, int tyre)
{
    build_box(b, v3(0, 0.32f, 0), v3(0.75f, 0.17f, 0.33f), 0.1f, a, 0.0f);
    build_box(b, v3(-0.05f, 0.55f, 0), v3(0.4f, 0.16f, 0.28f), 0.1f, a, 0.05f);
    build_box(b, v3(-0.05f, 0.56f, 0), v3(0.42f, 0.09f, 0.26f), 0.05f, glass,
              0.0f);
    build_box(b, v3(-0.05f, 0.56f, 0), v3(0.3f, 0.09f, 0.29f), 0.05f, glass,
              0.0f);
    for (int i = 0; i < 4; i++) {
        struct builder w = build_at(
            b, v3(i & 1 ? 0.45f : -0.45f, 0.17f, i & 2 ? 0.31f : -0.31f));

        w = build_turn(w, 0, 0.5f * SM_PI);
        build_disc(w, v3(0, 0, 0), 0.17f, 0.06f, 0.03f, tyre, 0.0f);
        build_disc(w, v3(0, 0, 0), 0.08f, 0.07f, 0.0f, glass, 0.0f);
    }
}

static void lamp(struct builder b, int a, int shade_mat)
{
    build_disc(b, v3(0, 0.03f, 0), 0.25f, 0.03f, 0.02f, a, 0.0f);
    build_cone(b, v3(0, 0.05f, 0), 0.06f, v3(0, 0.8f, 0), 0.03f, a, 0.05f);
    build_cone(b, v3(0, 0.85f, 0), 0.33f, v3(0, 1.1f, 0), 0.2f, shade_mat,
               0.0f);
}

static void vase(struct builder b, struct nn_rng *r, int a, int leaf, int bloom)
{
    build_ball(b, v3(0, 0.32f, 0), v3(0.28f, 0.34f, 0.28f), a, 0.0f);
    build_cone(b, v3(0, 0.55f, 0), 0.14f, v3(0, 0.8f, 0), 0.12f, a, 0.12f);
    build_ring(b, v3(0, 0.86f, 0), 0.12f, 0.04f, a, 0.04f);
    for (int i = 0; i < 5; i++) {
        float x = nn_rng_range(r, -0.35f, 0.35f),
              z = nn_rng_range(r, -0.3f, 0.3f);
        float y = nn_rng_range(r, 1.2f, 1.6f);

        build_cone(b, v3(0, 0.8f, 0), 0.012f, v3(x, y, z), 0.012f, leaf, 0.0f);
        build_ball(b, v3(x, y, z), v3(0.11f, 0.09f, 0.11f), bloom, 0.0f);
    }
}

static void books(struct builder b, struct nn_rng *r, struct model *m)
{
    int pages = build_smooth(m, sm_rgb(0xe6dfcc), 0.0f);

    for (int i = 0; i < 4; i++) {
        struct builder e = build_turn(b, 1, nn_rng_range(r, -0.3f, 0.3f));
        float y = 0.1f + 0.19f * (float)i;

        int c = build_smooth(m, cast_pick_color(r, paints, 12), 0.15f);

        build_box(e, v3(0, y, 0), v3(0.43f, 0.075f, 0.3f), 0.0f, pages, 0.0f);
        build_box(e, v3(0, y + 0.08f, 0), v3(0.46f, 0.014f, 0.33f), 0.0f, c,
                  0.0f);
        build_box(e, v3(0, y - 0.08f, 0), v3(0.46f, 0.014f, 0.33f), 0.0f, c,
                  0.0f);
        build_box(e, v3(0, y, 0.32f), v3(0.46f, 0.085f, 0.016f), 0.0f, c, 0.0f);
    }
}

static void shoe(struct builder b, int a, int sole)
{
    build_ball(b, v3(0.3f, 0.2f, 0), v3(0.38f, 0.17f, 0.2f), a, 0.0f);
    build_cone(b, v3(-0.3f, 0.2f, 0), 0.2f, v3(-0.32f, 0.5f, 0), 0.18f, a,
               0.2f);
    build_box(b, v3(0.05f, 0.04f, 0), v3(0.62f, 0.045f, 0.2f), 0.04f, sole,
              0.0f);
}

static void basket(struct builder b, struct nn_rng *r, struct model *m, int a)
{
    build_disc(b, v3(0, 0.12f, 0), 0.5f, 0.12f, 0.08f, a, 0.0f);
    for (int i = 0; i < 7; i++) {
        float t = 0.9f * (float)i, d = i == 0 ? 0.0f : 0.27f;
        int fruit = build_smooth(m, cast_pick_color(r, paints, 10), 0.5f);

        build_ball(b, v3(d * sm_cos(t), i == 0 ? 0.42f : 0.3f, d * sm_sin(t)),
                   v3(0.15f, 0.15f, 0.15f), fruit, 0.0f);
    }
}

/* A furry slipper or a round cushion with two tufts, in a toy bear's cloth. */
static void bearish_thing(struct builder b, struct nn_rng *r, struct model *m)
{
    static const uint32_t cloth[] = { 0xa5713d, 0x7c4d28, 0x55341f, 0xb98d63 };
    int p = build_plush(m, cast_pick_color(r, cloth, 4), 90.0f);

    m->fuzz = 0.012f;
    if (nn_rng_chance(r, 0.5f)) {
        build_ball(b, v3(0, 0.42f, 0), v3(0.3f, 0.42f, 0.5f), p, 0.0f);
        build_ball(b, v3(0, 0.82f, 0.32f), v3(0.1f, 0.13f, 0.13f), p, 0.06f);
        build_ball(b, v3(0, 0.82f, -0.32f), v3(0.1f, 0.13f, 0.13f), p, 0.06f);
    } else {
        build_ball(b, v3(0.2f, 0.22f, 0), v3(0.5f, 0.22f, 0.27f), p, 0.0f);
        build_ring(b, v3(-0.3f, 0.34f, 0), 0.2f, 0.11f, p, 0.15f);
        build_ball(b, v3(0.45f, 0.42f, 0.1f), v3(0.07f, 0.08f, 0.08f), p,
                   0.04f);
        build_ball(b, v3(0.45f, 0.42f, -0.1f), v3(0.07f, 0.08f, 0.08f), p,
                   0.04f);
    }
}

void cast_object(struct model *m, struct nn_rng *r, int near_miss,
                 struct cast_hint *hint)
{
    struct builder b = build_start(m, (uint32_t)nn_rng_u64(r));
    struct builder o = build_scale(b, nn_rng_range(r, 0.2f, 0.45f));
    int a = build_smooth(m, cast_pick_color(r, paints, 12), 0.45f);
    int c = build_smooth(m, cast_pick_color(r, paints, 12), 0.2f);
    int dark = build_smooth(m, sm_rgb(0x1c1c20), 0.4f);
    int leaf = build_smooth(m, sm_rgb(0x3a7030), 0.1f);

    hint->yaw_lo = 30.0f;
    hint->yaw_hi = 150.0f;
    switch (near_miss ? 99 : (int)nn_rng_below(r, 10)) {
    case 0:
        mug(o, a, dark);
        break;
    case 1: {
        struct v3 stripe = cast_pick_color(r, paints, 12);

        build_ball(o, v3(0, 0.5f, 0), v3(0.5f, 0.5f, 0.5f), a, 0.0f);
        build_paint(build_turn(o, 0, 0.5f), v3(0, 0.5f, 0),
                    v3(0.8f, 0.1f, 0.8f), stripe, 1.0f, 0.02f, 0.0f, 1u << a);
        break;
    }
    case 2:
        chair(o, a, c);
        break;
    case 3:
        car(o, a, dark, dark);
        break;
    case 4:
        lamp(o, c, a);
        break;
    case 5:
        vase(o, r, a, leaf, c);
        break;
    case 6:
        books(o, r, m);
        break;
    case 7:
        shoe(o, a, c);
        break;
    case 8:
        basket(o, r, m, build_cloth(m, sm_rgb(0x9a7040), 60.0f));
        break;
    case 9: /* parcel */
        build_box(o, v3(0, 0.4f, 0), v3(0.5f, 0.4f, 0.4f), 0.01f,
                  build_cloth(m, sm_rgb(0xb08a58), 30.0f), 0.0f);
        build_box(o, v3(0, 0.4f, 0), v3(0.508f, 0.408f, 0.05f), 0.0f, a, 0.0f);
        build_box(o, v3(0, 0.4f, 0), v3(0.06f, 0.408f, 0.408f), 0.0f, a, 0.0f);
        break;
    default:
        bearish_thing(o, r, m);
        break;
    }
}
