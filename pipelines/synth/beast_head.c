#include "pipelines/synth/beast.h"

static void ear(struct builder b, const struct head_shape *h,
                const struct beast_coat *coat, int side)
{
    struct builder e = build_mirror(b, side);
    float s = h->ear_size, up = h->ear_up;

    /* swing from the crown outwards, then stand at the skull's surface */
    e = build_turn(e, 0, h->ear_set * SM_DEG);
    e = build_at(e, v3(-0.18f, 0.86f * h->deep, 0.0f));
    switch (h->ear) {
    case EAR_ROUND:
        build_ball(e, v3(0, 0.45f * s * up, 0), v3(0.5f * s, s * up, s),
                   coat->ear, 0.12f);
        build_ball(e, v3(0.34f * s, 0.5f * s * up, 0),
                   v3(0.28f * s, 0.66f * s * up, 0.66f * s), coat->ear_in,
                   0.03f);
        break;
    case EAR_POINT:
        build_cone(e, v3(0, 0, 0), 0.72f * s, v3(-0.05f, 1.7f * s * up, 0),
                   0.12f * s, coat->ear, 0.12f);
        build_cone(e, v3(0.42f * s, 0.1f * s, 0), 0.42f * s,
                   v3(0.12f * s, 1.25f * s * up, 0), 0.08f * s, coat->ear_in,
                   0.03f);
        break;
    case EAR_FLOP:
        e = build_turn(e, 0, 1.9f);
        build_ball(e, v3(0.05f, 0.55f * s * up, -0.12f * s),
                   v3(0.75f * s, 1.15f * s * up, 0.3f * s), coat->ear, 0.1f);
        break;
    case EAR_LEAF:
        e = build_turn(e, 0, 0.5f);
        build_ball(e, v3(0, 0.9f * s * up, 0), v3(0.35f * s, s * up, 0.6f * s),
                   coat->ear, 0.1f);
        build_ball(e, v3(0.2f * s, 0.95f * s * up, 0),
                   v3(0.25f * s, 0.7f * s * up, 0.36f * s), coat->ear_in,
                   0.03f);
        break;
    }
}

static void eye(struct builder b, const struct head_shape *h,
                const struct beast_coat *coat, int side)
{
    struct builder e = build_mirror(b, side);
    float c = sm_cos(h->eye_set * SM_DEG), s = sm_sin(h->eye_set * SM_DEG);
    float out = h->brow > 0.0f ? 1.05f : 1.01f;
    float y = 0.3f, level = 0.954f; /* sine and cosine of its height */
    struct v3 at =
        v3(out * level * c, out * y * h->deep, out * level * s * h->wide);

    build_ball(e, at, v3(h->eye, h->eye, h->eye), coat->eye, 0.0f);
}

static void muzzle(struct builder b, const struct head_shape *h,
                   const struct beast_coat *coat, int mouth_open)
{
    float t = h->muzzle_tilt * SM_DEG, c = sm_cos(t), s = sm_sin(t);
    float x0 = 0.45f, x1 = x0 + 0.4f + h->muzzle_len;
    struct v3 base = v3(x0, h->muzzle_y, 0);
    struct v3 tip = v3(x0 + (x1 - x0) * c, h->muzzle_y - (x1 - x0) * s, 0);
    float r = h->muzzle_tip, jaw = mouth_open ? 0.5f : 0.12f;

    build_cone(b, base, h->muzzle_base, tip, r, coat->muzzle, 0.22f);
    /* lower jaw */
    build_cone(b, v3(x0, h->muzzle_y - 0.45f * h->muzzle_base, 0),
               0.7f * h->muzzle_base,
               v3(tip.x - 0.25f * r, tip.y - (0.55f + jaw) * r, 0), 0.62f * r,
               coat->muzzle, 0.12f);
    if (mouth_open) {
        build_ball(b, v3(tip.x - 0.3f * r, tip.y - 0.75f * r, 0),
                   v3(0.8f * r, 0.3f * r, 0.6f * r), coat->ear_in, 0.0f);
    }
    if (h->snout) {
        struct builder d =
            build_turn(build_at(b, tip), 2, -t - 0.5f * SM_PI + 0.12f);

        build_disc(d, v3(0, 0.75f * r, 0), 1.05f * r, 0.28f * r, 0.1f * r,
                   coat->nose, 0.05f);
        build_ball(d, v3(0.1f * r, 1.05f * r, 0.35f * r),
                   v3(0.24f * r, 0.1f * r, 0.2f * r), coat->eye, 0.0f);
        build_ball(d, v3(0.1f * r, 1.05f * r, -0.35f * r),
                   v3(0.24f * r, 0.1f * r, 0.2f * r), coat->eye, 0.0f);
    } else if (h->nose > 0.0f) {
        build_ball(b, v3(tip.x + 0.72f * r * c, tip.y + 0.42f * r, 0),
                   v3(0.75f * h->nose, 0.72f * h->nose, h->nose), coat->nose,
                   0.02f);
    }
}

static void weapons(struct builder b, const struct head_shape *h,
                    const struct beast_coat *coat, int side)
{
    struct builder e = build_mirror(b, side);

    if (h->horns > 0.0f) {
        float w = 0.55f * h->wide;
        struct v3 mid = v3(0.0f, 0.85f * h->deep, w + 0.75f * h->horns);

        build_cone(e, v3(-0.05f, 0.75f * h->deep, w), 0.17f, mid, 0.13f,
                   coat->claw, 0.03f);
        build_cone(
            e, mid, 0.13f,
            v3(0.15f, 0.85f * h->deep + 0.6f * h->horns, w + 0.95f * h->horns),
            0.04f, coat->claw, 0.03f);
    }
    if (h->tusks > 0.0f) {
        float x = 0.6f + 0.75f * h->muzzle_len;
        float y = h->muzzle_y - (x - 0.45f) * sm_sin(h->muzzle_tilt * SM_DEG);

        build_cone(e, v3(x, y - 0.2f, 0.75f * h->muzzle_tip), 0.09f,
                   v3(x + 0.06f, y + h->tusks, 1.25f * h->muzzle_tip), 0.03f,
                   coat->claw, 0.02f);
    }
}

void beast_head(struct builder b, const struct head_shape *h,
                const struct beast_coat *coat, int mouth_open)
{
    build_ball(b, v3(0, 0, 0), v3(1.0f, h->deep, h->wide), coat->head, 0.35f);
    if (h->brow > 0.0f) {
        build_ball(b, v3(0.35f, 0.42f * h->deep, 0),
                   v3(0.52f, 0.5f * h->brow, 0.6f * h->wide), coat->head,
                   0.25f);
    }
    for (int side = 0; side < 2; side++) {
        if (h->cheek > 0.0f) {
            struct builder e = build_mirror(b, side);

            build_ball(e, v3(-0.02f, -0.25f, 0.5f * h->wide),
                       v3(0.9f * h->cheek, h->cheek, 0.8f * h->cheek),
                       coat->head, 0.3f);
        }
    }
    muzzle(b, h, coat, mouth_open);
    for (int side = 0; side < 2; side++) {
        ear(b, h, coat, side);
        eye(b, h, coat, side);
        weapons(b, h, coat, side);
    }
}
