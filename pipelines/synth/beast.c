#include "pipelines/synth/beast.h"

/* Where the spine runs for a pose, in units of height. */
struct spine {
    struct v3 hip, shoulder;
    float lean; /* pitch of the head's rest position, radians up */
};

static struct spine spine_of(const struct beast_shape *s,
                             const struct beast_stance *st)
{
    float half = 0.5f * s->len, y = s->spine;

    switch (st->pose) {
    case POSE_SIT:
        return (struct spine){ v3(-0.28f * s->len, s->rump * 0.95f, 0),
                               v3(0.26f * s->len, s->rump + 0.62f * s->len, 0),
                               0.0f };
    case POSE_UPRIGHT:
        return (struct spine){ v3(-0.04f, 0.62f * y + 0.12f, 0),
                               v3(0.06f, 0.62f * y + 0.1f + s->len, 0), 0.0f };
    case POSE_LIE:
        return (struct spine){ v3(-half, s->rump * 0.85f, 0),
                               v3(half, s->chest * 0.95f, 0), 0.1f };
    default:
        return (struct spine){ v3(-half, y - 0.01f, 0), v3(half, y, 0), 0.0f };
    }
}

/* Frame at `at` whose x axis points along `dir` in the x-y plane. */
static struct builder along(struct builder b, struct v3 at, struct v3 dir)
{
    struct v3 a = v3_norm(dir);
    struct m3 m = { { { a.x, -a.y, 0 }, { a.y, a.x, 0 }, { 0, 0, 1 } } };

    b = build_at(b, at);
    b.f.m = m3_mul(b.f.m, m);
    return b;
}

static void trunk(struct builder b, const struct beast_shape *s,
                  const struct beast_coat *coat, const struct spine *sp)
{
    struct v3 mid = v3_mul(v3_add(sp->hip, sp->shoulder), 0.5f);
    struct builder t = along(b, mid, v3_sub(sp->shoulder, sp->hip));
    float half = 0.5f * v3_len(v3_sub(sp->shoulder, sp->hip));

    t.flow = v3(-0.85f, -0.5f, 0);
    build_ball(t, v3(0, -0.02f, 0),
               v3(half + 0.12f, s->belly, s->belly * s->flat), coat->body,
               0.0f);
    build_ball(t, v3(-half, 0, 0),
               v3(s->rump * 1.02f, s->rump, s->rump * s->flat), coat->body,
               0.2f);
    build_ball(t, v3(half, -0.01f, 0),
               v3(s->chest * 1.05f, s->chest, s->chest * s->flat), coat->body,
               0.2f);
    if (s->hump > 0.0f) {
        build_ball(t, v3(half - 0.05f, s->chest * 0.78f, 0),
                   v3(0.3f, 0.1f + s->hump, 0.2f), coat->body, 0.18f);
    }
}

/* One leg from joint to foot over a bent middle. */
static void leg(struct builder b, const struct beast_shape *s,
                const struct beast_coat *coat, struct v3 joint, struct v3 bend,
                struct v3 foot, float thick, float toe)
{
    float r = s->leg_r, low = s->hoof > 0.0f ? 0.55f : 0.85f;
    struct v3 ankle = v3(foot.x, foot.y + s->paw_r, foot.z);

    build_cone(b, joint, thick, bend, r * 1.05f, coat->body, 0.16f);
    build_cone(b, bend, r, ankle, r * low, coat->leg, 0.08f);
    if (s->hoof > 0.0f) {
        build_cone(b, v3(foot.x + 0.01f, foot.y + 0.09f, foot.z), r * 0.6f,
                   v3(foot.x + 0.03f, foot.y + 0.02f, foot.z), r * 0.75f,
                   coat->hoof, 0.02f);
        return;
    }
    build_ball(b,
               v3(foot.x + 0.45f * s->paw_len * toe, foot.y + s->paw_r, foot.z),
               v3(s->paw_len, s->paw_r, s->paw_r * 1.15f), coat->leg, 0.06f);
    if (coat->claw >= 0) {
        float x = foot.x + (0.45f + 0.9f) * s->paw_len * toe;

        for (int i = -1; i <= 1; i++) {
            float z = foot.z + (float)i * 0.6f * s->paw_r;

            build_cone(b, v3(x, foot.y + s->paw_r * 0.8f, z), 0.018f,
                       v3(x + 0.07f * toe, foot.y + 0.015f, z), 0.006f,
                       coat->claw, 0.0f);
        }
    }
}

/* Feet on the ground for standing and walking: swing by phase. */
static float swing(const struct beast_stance *st, float phase)
{
    return st->pose == POSE_WALK
               ? 0.2f * sm_sin(2.0f * SM_PI * (st->gait + phase))
               : 0.05f * sm_sin(2.0f * SM_PI * (0.7f * st->gait + phase));
}

static void legs_ground(struct builder b, const struct beast_shape *s,
                        const struct beast_coat *coat,
                        const struct beast_stance *st, const struct spine *sp)
{
    float w = s->chest * s->flat * 0.62f, v = s->rump * s->flat * 0.62f;

    for (int side = 0; side < 2; side++) {
        struct builder e = build_mirror(b, side);
        float f = swing(st, side ? 0.5f : 0.0f);
        float h = swing(st, side ? 0.25f : 0.75f);
        struct v3 sh = sp->shoulder, hip = sp->hip;

        leg(e, s, coat, v3(sh.x, sh.y - 0.22f * s->chest, w),
            v3(sh.x - 0.03f + 0.45f * f, 0.46f * sh.y, w),
            v3(sh.x + 0.02f + f, sm_max(-f, 0.0f) * 0.15f, w), s->leg_r * 1.55f,
            1.0f);
        leg(e, s, coat, v3(hip.x, hip.y - 0.12f * s->rump, v),
            v3(hip.x + 0.1f + 0.4f * h, 0.5f * hip.y, v),
            v3(hip.x - 0.05f + h, sm_max(-h, 0.0f) * 0.15f, v), s->leg_r * 1.9f,
            1.0f);
    }
}

static void legs_other(struct builder b, const struct beast_shape *s,
                       const struct beast_coat *coat,
                       const struct beast_stance *st, const struct spine *sp)
{
    struct v3 sh = sp->shoulder, hip = sp->hip;
    float w = s->chest * s->flat * 0.7f, v = s->rump * s->flat * 0.75f;
    float reach = sh.y - 0.1f;

    for (int side = 0; side < 2; side++) {
        struct builder e = build_mirror(b, side);
        float lift =
            0.12f * sm_sin(2.0f * SM_PI * st->gait + 2.0f * (float)side);

        if (st->pose == POSE_SIT) {
            leg(e, s, coat, v3(sh.x, sh.y - 0.2f * s->chest, w),
                v3(sh.x + 0.04f, 0.5f * reach, w), v3(sh.x + 0.1f, 0.0f, w),
                s->leg_r * 1.5f, 1.0f);
            leg(e, s, coat, v3(hip.x + 0.05f, hip.y, v),
                v3(hip.x + 0.36f, 0.75f * s->rump, v * 1.25f),
                v3(hip.x + 0.3f, 0.0f, v * 1.35f), s->leg_r * 1.9f, 1.0f);
        } else if (st->pose == POSE_UPRIGHT) {
            leg(e, s, coat, v3(sh.x + 0.05f, sh.y - 0.12f, w * 1.15f),
                v3(sh.x + 0.2f, sh.y - 0.42f + lift, w * 1.3f),
                v3(sh.x + 0.36f, sh.y - 0.68f + 2.0f * lift, w * 0.9f),
                s->leg_r * 1.4f, 0.5f);
            leg(e, s, coat, v3(hip.x, hip.y, v * 0.9f),
                v3(hip.x + 0.12f, 0.5f * hip.y, v), v3(hip.x, 0.0f, v),
                s->leg_r * 1.9f, 1.0f);
        } else {
            leg(e, s, coat, v3(sh.x + 0.05f, 0.6f * sh.y, w),
                v3(sh.x + 0.12f, 0.13f, w * 1.1f),
                v3(sh.x + 0.45f, 0.0f, w * 0.9f), s->leg_r * 1.4f, 1.0f);
            leg(e, s, coat, v3(hip.x, 0.7f * hip.y, v),
                v3(hip.x + 0.25f, 0.22f, v * 1.35f),
                v3(hip.x + 0.42f, 0.0f, v * 1.3f), s->leg_r * 1.7f, 1.0f);
        }
    }
}

static void tail(struct builder b, const struct beast_shape *s,
                 const struct beast_coat *coat, const struct spine *sp)
{
    float a = s->tail_rise * SM_DEG, r = s->tail_r;
    struct v3 root =
        v3(sp->hip.x - 0.9f * s->rump, sp->hip.y + 0.35f * s->rump, 0);
    struct v3 mid = v3(root.x - 0.5f * s->tail * sm_cos(a),
                       root.y + 0.5f * s->tail * sm_sin(a), 0.02f);
    float b2 = a > 0.0f ? a + 0.7f : a - 0.15f;

    if (s->tail <= 0.0f) {
        return;
    }
    build_cone(b, root, r * 1.2f, mid, r, coat->tail, 0.08f);
    build_cone(b, mid, r,
               v3(mid.x - 0.5f * s->tail * sm_cos(b2),
                  mid.y + 0.5f * s->tail * sm_sin(b2), 0.05f),
               r * 0.7f, coat->tail, 0.05f);
}

static void neck_and_head(struct builder b, const struct beast_shape *s,
                          const struct beast_coat *coat,
                          const struct beast_stance *st, const struct spine *sp,
                          int head_only)
{
    float rise = s->neck_rise * SM_DEG;
    struct builder h;
    struct v3 from = v3(sp->shoulder.x + 0.05f, sp->shoulder.y + 0.1f, 0), at;

    if (st->pose == POSE_GRAZE) {
        rise = -48.0f * SM_DEG;
    } else if (st->pose == POSE_UPRIGHT || st->pose == POSE_SIT) {
        rise = 0.5f * rise + 48.0f * SM_DEG;
    }
    at =
        v3(from.x + s->neck * sm_cos(rise), from.y + s->neck * sm_sin(rise), 0);
    build_cone(b, from, s->neck_r * 1.1f, v3_mix(from, at, 0.8f),
               0.8f * s->head.size, coat->body, 0.2f);
    if (s->ruff > 0.0f) {
        build_ball(b, v3_mix(from, at, 0.35f),
                   v3(s->ruff, s->ruff * 1.1f, s->ruff), coat->body, 0.2f);
    }
    h = build_at(b, at);
    h = build_turn(h, 1, st->head_yaw);
    h = build_turn(h, 2,
                   st->head_pitch + (st->pose == POSE_GRAZE ? -0.65f : 0.0f));
    h = build_turn(h, 0, st->roll);
    h = build_scale(h, s->head.size);
    h.flow = v3(-1, -0.2f, 0);
    beast_head(h, &s->head, coat, st->mouth_open);
    if (head_only) {
        b.model->focus = build_point(&h, v3(0.25f, -0.05f, 0));
        b.model->focus_radius = s->head.size * s->height * 1.75f;
    }
}

void beast_build(struct builder b, const struct beast_shape *s,
                 const struct beast_coat *coat, const struct beast_stance *st,
                 int head_only)
{
    struct spine sp = spine_of(s, st);

    b = build_scale(b, s->height);
    trunk(b, s, coat, &sp);
    if (st->pose == POSE_STAND || st->pose == POSE_WALK ||
        st->pose == POSE_GRAZE) {
        legs_ground(b, s, coat, st, &sp);
    } else {
        legs_other(b, s, coat, st, &sp);
    }
    tail(b, s, coat, &sp);
    neck_and_head(b, s, coat, st, &sp, head_only);
}
