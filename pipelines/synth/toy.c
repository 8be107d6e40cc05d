#include "pipelines/synth/toy.h"

static void toy_ear(struct builder b, const struct toy *t, int side)
{
    struct builder e = build_mirror(b, side);
    float s = t->ear_size, r = t->head, w = r * t->head_wide;

    switch (t->ear) {
    case TOY_EAR_ROUND:
        e = build_at(e, v3(-0.1f * r, 0.78f * r, 0.78f * w));
        e = build_turn(e, 1, -0.25f);
        build_ball(e, v3(0, 0, 0), v3(0.45f * s, s, s), t->plush, 0.03f);
        build_ball(e, v3(0.3f * s, -0.02f * s, 0),
                   v3(0.25f * s, 0.7f * s, 0.7f * s), t->ear_in, 0.01f);
        break;
    case TOY_EAR_LONG:
        e = build_turn(build_at(e, v3(-0.05f, 0.8f * r, 0.4f * w)), 0, 0.22f);
        build_ball(e, v3(0, 1.5f * s, 0), v3(0.28f * s, 1.7f * s, 0.55f * s),
                   t->plush, 0.03f);
        build_ball(e, v3(0.2f * s, 1.5f * s, 0),
                   v3(0.16f * s, 1.4f * s, 0.33f * s), t->ear_in, 0.01f);
        break;
    case TOY_EAR_LOP:
        e = build_turn(build_at(e, v3(0, 0.6f * r, 0.85f * w)), 0, 2.75f);
        build_ball(e, v3(0, 1.2f * s, 0), v3(0.5f * s, 1.5f * s, 0.3f * s),
                   t->ear_in, 0.03f);
        break;
    case TOY_EAR_CAT:
        e = build_turn(build_at(e, v3(-0.02f, 0.75f * r, 0.6f * w)), 0, 0.3f);
        build_cone(e, v3(0, 0, 0), 0.75f * s, v3(0, 1.35f * s, 0), 0.14f * s,
                   t->plush, 0.03f);
        build_cone(e, v3(0.4f * s, 0.1f * s, 0), 0.4f * s,
                   v3(0.15f * s, 0.95f * s, 0), 0.08f * s, t->ear_in, 0.01f);
        break;
    case TOY_EAR_WIDE:
        e = build_turn(build_at(e, v3(-0.04f, 0.15f * r, 0.9f * w)), 1, 0.45f);
        build_ball(e, v3(0, 0, 0.9f * s), v3(0.22f * s, 1.25f * s, s), t->plush,
                   0.03f);
        build_ball(e, v3(0.16f * s, 0, 0.9f * s),
                   v3(0.12f * s, 0.95f * s, 0.72f * s), t->ear_in, 0.01f);
        break;
    }
}

static void toy_mouth(struct builder b, const struct toy *t, struct v3 nose)
{
    float r = t->head;
    struct v3 low = v3(nose.x - 0.02f * r, nose.y - 0.3f * r, 0);

    build_cone(b, v3(nose.x, nose.y - 0.08f * r, 0), 0.022f * r, low,
               0.022f * r, t->thread, 0.0f);
    for (int side = 0; side < 2; side++) {
        struct builder e = build_mirror(b, side);

        build_cone(e, low, 0.022f * r,
                   v3(low.x - 0.1f * r, low.y - 0.08f * r, 0.17f * r),
                   0.022f * r, t->thread, 0.0f);
    }
}

static void toy_trunk(struct builder b, const struct toy *t)
{
    float r = t->head;
    struct v3 a = v3(0.8f * r, -0.2f * r, 0), c = v3(1.35f * r, -0.75f * r, 0);
    struct v3 d = v3(1.75f * r, -0.7f * r, 0);

    build_cone(b, a, 0.38f * r, c, 0.24f * r, t->plush, 0.05f);
    build_cone(b, c, 0.24f * r, d, 0.2f * r, t->plush, 0.03f);
}

static void toy_face(struct builder b, const struct toy *t)
{
    float r = t->head, m = t->muzzle;
    struct v3 nose = v3(1.0f * r, -0.1f * r, 0);

    if (m > 0.0f) {
        nose = v3(0.72f * r + 0.78f * m, -0.22f * r + 0.45f * m, 0);
        build_ball(b, v3(0.75f * r, -0.25f * r, 0), v3(0.75f * m, 0.8f * m, m),
                   t->pale, 0.015f);
    }
    if (t->trunk) {
        toy_trunk(b, t);
    } else {
        build_ball(b, nose, v3(0.12f * r, 0.13f * r, 0.19f * r), t->nose, 0.0f);
        toy_mouth(b, t, nose);
    }
    for (int side = 0; side < 2; side++) {
        struct builder e = build_mirror(b, side);
        float z = 0.42f * t->head_wide * r;

        build_ball(e, v3(0.88f * r, 0.2f * r, z),
                   v3(t->eye_size, t->eye_size, t->eye_size), t->eye, 0.0f);
        for (int i = 0; t->whiskers && i < 2; i++) {
            float y = nose.y - 0.08f * r - 0.12f * r * (float)i;

            build_cone(e, v3(0.85f * r, y, 0.3f * r), 0.012f * r,
                       v3(0.75f * r, y + 0.05f * r, 1.25f * r), 0.01f * r,
                       t->thread, 0.0f);
        }
        toy_ear(b, t, side);
    }
}

static void toy_limb(struct builder e, const struct toy *t, struct v3 a,
                     struct v3 c, float thick, int pad)
{
    struct v3 dir = v3_norm(v3_sub(c, a));

    build_cone(e, a, t->limb, c, t->limb * thick, t->plush, 0.025f);
    if (pad) {
        float r = t->limb * thick;

        build_ball(e, v3_mad(c, 0.15f * r, v3(0.4f, 1.0f, 0)),
                   v3(r, 1.12f * r, r), t->plush, 0.02f);
        build_ball(e, v3_mad(c, 0.72f * r, dir),
                   v3(0.55f * r, 0.8f * r, 0.72f * r), t->pale, 0.01f);
    }
}

static void toy_limbs(struct builder b, const struct toy *t, float neck)
{
    float w = t->body;

    for (int side = 0; side < 2; side++) {
        struct builder e = build_mirror(b, side);
        float lift = t->arm_up + (side ? 0.15f : -0.1f);
        struct v3 arm = v3(0.02f, neck - 0.1f, 0.8f * w);
        struct v3 hand = v3(0.11f, neck - 0.1f + 0.22f * lift, 1.35f * w);

        toy_limb(e, t, arm, hand, 1.0f, 0);
        if (t->shirt >= 0) {
            build_cone(e, arm, t->limb * 1.13f, v3_mix(arm, hand, 0.5f),
                       t->limb * 1.15f, t->shirt, 0.0f);
        }
        if (t->pose == TOY_SIT) {
            toy_limb(e, t, v3(0.12f, 0.1f, 0.55f * w), v3(0.4f, 0.1f, 0.9f * w),
                     1.08f, 1);
        } else {
            toy_limb(e, t, v3(0.02f, 0.06f, 0.5f * w),
                     v3(0.08f, -0.2f, 0.62f * w), 1.08f, 1);
        }
    }
}

static void toy_bow(struct builder b, const struct toy *t, struct v3 at)
{
    if (t->bow < 0) {
        return;
    }
    for (int side = 0; side < 2; side++) {
        struct builder e = build_mirror(build_at(b, at), side);

        build_cone(e, v3(0, 0, 0.015f), 0.02f, v3(0.0f, 0.03f, 0.13f), 0.055f,
                   t->bow, 0.0f);
        build_cone(e, v3(0, -0.02f, 0.01f), 0.015f, v3(0.03f, -0.14f, 0.07f),
                   0.025f, t->bow, 0.01f);
    }
    build_ball(b, at, v3(0.03f, 0.03f, 0.03f), t->bow, 0.0f);
    build_ring(b, v3(0, at.y, 0), 0.58f * t->body, 0.028f, t->bow, 0.0f);
}

static void toy_shirt(struct builder b, const struct toy *t, struct v3 body)
{
    if (t->shirt < 0) {
        return;
    }
    build_ball(b, v3(body.x, body.y + 0.06f, 0),
               v3(t->body * 1.03f, 0.215f, t->body * 1.05f), t->shirt, 0.0f);
    for (int i = 0; t->stripes && i < 4; i++) {
        build_paint(b, v3(0, body.y - 0.1f + 0.08f * (float)i, 0),
                    v3(1.0f, 0.02f, 1.0f), t->stripe_color, 1.0f, 0.1f, 0.0f,
                    1u << t->shirt);
    }
}

void toy_build(struct builder b, const struct toy *t)
{
    struct v3 body = v3(0.0f, 0.29f, 0);
    float neck = 0.54f;
    struct builder h;
    uint32_t cloth = 1u << t->plush;

    b = build_scale(b, t->height);
    b.flow = v3(0, -1, 0);
    build_ball(b, body, v3(t->body * 0.95f, 0.29f, t->body), t->plush, 0.0f);
    toy_shirt(b, t, body);
    toy_limbs(b, t, neck);
    h = build_at(b, v3(0.03f, neck + 0.8f * t->head, 0));
    h = build_turn(h, 1, t->head_yaw);
    h = build_turn(h, 0, t->head_tilt);
    build_ball(h, v3(0, 0, 0),
               v3(t->head * 0.95f, t->head * 0.93f, t->head * t->head_wide),
               t->plush, 0.04f);
    toy_face(h, t);
    toy_bow(b, t, v3(0.62f * t->body, neck, 0));
    if (t->tail > 0.0f) {
        build_cone(b, v3(-0.9f * t->body, 0.12f, 0), 0.05f,
                   v3(-0.9f * t->body - 0.6f * t->tail, 0.12f + t->tail, 0.05f),
                   0.045f, t->plush, 0.02f);
    }
    if (t->seams) {
        build_paint(b, v3(body.x, body.y, 0), v3(0.5f, 0.4f, 0.007f),
                    v3(0.02f, 0.015f, 0.01f), 0.55f, 0.9f, 0.0f, cloth);
        build_paint(h, v3(0, 0.3f * t->head, 0), v3(0.5f, 0.5f, 0.006f),
                    v3(0.02f, 0.015f, 0.01f), 0.5f, 0.9f, 0.0f, cloth);
    }
}
