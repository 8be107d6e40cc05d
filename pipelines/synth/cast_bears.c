#include "pipelines/synth/beast.h"
#include "pipelines/synth/cast.h"

float cast_vary(struct nn_rng *r, float v, float share)
{
    return v * (1.0f + nn_rng_range(r, -share, share));
}

struct v3 cast_pick_color(struct nn_rng *r, const uint32_t *hex, size_t n)
{
    return sm_rgb(hex[nn_rng_below(r, (uint32_t)n)]);
}

struct v3 cast_tint(struct nn_rng *r, struct v3 color, float amount)
{
    float light = 1.0f + nn_rng_range(r, -amount, amount);
    float warm = nn_rng_range(r, -0.4f, 0.4f) * amount;

    return v3(color.x * light * (1.0f + warm), color.y * light,
              color.z * light * (1.0f - warm));
}

static const struct beast_shape grizzly_shape = {
    .height = 1.05f,
    .len = 0.92f,
    .spine = 0.68f,
    .chest = 0.335f,
    .belly = 0.325f,
    .rump = 0.335f,
    .flat = 0.86f,
    .hump = 0.17f,
    .ruff = 0.235f,
    .neck = 0.45f,
    .neck_r = 0.25f,
    .neck_rise = 4.0f,
    .leg_r = 0.118f,
    .paw_r = 0.08f,
    .paw_len = 0.13f,
    .tail = 0.08f,
    .tail_r = 0.06f,
    .tail_rise = -40.0f,
    .head = { .size = 0.225f,
              .wide = 0.98f,
              .deep = 0.95f,
              .cheek = 0.62f,
              .muzzle_len = 0.72f,
              .muzzle_base = 0.5f,
              .muzzle_tip = 0.34f,
              .muzzle_y = -0.26f,
              .muzzle_tilt = 4.0f,
              .brow = 0.75f,
              .nose = 0.24f,
              .ear = EAR_ROUND,
              .ear_size = 0.4f,
              .ear_set = 46.0f,
              .ear_up = 0.85f,
              .eye = 0.082f,
              .eye_set = 30.0f },
};

static const struct beast_shape black_shape = {
    .height = 0.85f,
    .len = 0.94f,
    .spine = 0.69f,
    .chest = 0.3f,
    .belly = 0.315f,
    .rump = 0.345f,
    .flat = 0.84f,
    .hump = 0.0f,
    .ruff = 0.2f,
    .neck = 0.45f,
    .neck_r = 0.21f,
    .neck_rise = 14.0f,
    .leg_r = 0.108f,
    .paw_r = 0.07f,
    .paw_len = 0.11f,
    .tail = 0.08f,
    .tail_r = 0.05f,
    .tail_rise = -40.0f,
    .head = { .size = 0.2f,
              .wide = 0.86f,
              .deep = 0.9f,
              .cheek = 0.5f,
              .muzzle_len = 0.98f,
              .muzzle_base = 0.52f,
              .muzzle_tip = 0.31f,
              .muzzle_y = -0.08f,
              .muzzle_tilt = 13.0f,
              .brow = 0.0f,
              .nose = 0.24f,
              .ear = EAR_ROUND,
              .ear_size = 0.4f,
              .ear_set = 38.0f,
              .ear_up = 1.25f,
              .eye = 0.078f,
              .eye_set = 33.0f },
};

static void vary_beast(struct nn_rng *r, struct beast_shape *s)
{
    s->height = cast_vary(r, s->height, 0.15f);
    s->len = cast_vary(r, s->len, 0.05f);
    s->chest = cast_vary(r, s->chest, 0.06f);
    s->belly = cast_vary(r, s->belly, 0.1f);
    s->rump = cast_vary(r, s->rump, 0.06f);
    s->leg_r = cast_vary(r, s->leg_r, 0.1f);
    s->neck = cast_vary(r, s->neck, 0.1f);
    s->head.size = cast_vary(r, s->head.size, 0.06f);
    s->head.muzzle_len = cast_vary(r, s->head.muzzle_len, 0.1f);
    s->head.ear_size = cast_vary(r, s->head.ear_size, 0.1f);
}

/* Pose by share: walk, stand, graze, sit, upright, lie, then the head. */
static struct beast_stance bear_stance(struct nn_rng *r, int *head_only,
                                       struct cast_hint *hint)
{
    float u = nn_rng_float(r);
    struct beast_stance st = { 0 };

    st.gait = nn_rng_float(r);
    st.head_yaw = nn_rng_range(r, -0.55f, 0.55f);
    st.head_pitch = nn_rng_range(r, -0.3f, 0.12f);
    st.roll = nn_rng_range(r, -0.12f, 0.12f);
    st.mouth_open = nn_rng_chance(r, 0.2f);
    *head_only = 0;
    hint->yaw_lo = -50.0f;
    hint->yaw_hi = 80.0f;
    if (u < 0.3f) {
        st.pose = POSE_WALK;
    } else if (u < 0.45f) {
        st.pose = POSE_STAND;
    } else if (u < 0.53f) {
        st.pose = POSE_GRAZE;
        st.head_yaw *= 0.5f;
    } else if (u < 0.65f) {
        st.pose = POSE_SIT;
        hint->yaw_lo = 15.0f;
        hint->yaw_hi = 100.0f;
    } else if (u < 0.78f) {
        st.pose = POSE_UPRIGHT;
        hint->yaw_lo = 15.0f;
        hint->yaw_hi = 100.0f;
    } else {
        st.pose = u < 0.9f ? POSE_STAND : POSE_SIT;
        st.head_pitch = nn_rng_range(r, -0.15f, 0.1f);
        *head_only = 1;
        hint->yaw_lo = 30.0f;
        hint->yaw_hi = 100.0f;
    }
    return st;
}

void cast_grizzly(struct model *m, struct nn_rng *r, struct cast_hint *hint)
{
    static const uint32_t browns[] = { 0x5a3a22, 0x6b4526, 0x4a2f1d, 0x7d5733,
                                       0x8f6a3f, 0xa98552, 0x3f2a1c, 0x61442c };
    static const uint32_t tips[] = { 0xc7a873, 0xb8935c, 0xd8c193, 0x9c7a4c };
    struct beast_shape s = grizzly_shape;
    struct builder b = build_start(m, (uint32_t)nn_rng_u64(r));
    struct v3 brown = cast_tint(r, cast_pick_color(r, browns, 8), 0.15f);
    struct v3 tip = cast_pick_color(r, tips, 4);
    struct v3 dark = v3_mul(brown, nn_rng_range(r, 0.35f, 0.75f));
    float grizzled = nn_rng_range(r, 0.1f, 0.6f), freq;
    struct beast_coat coat;
    struct beast_stance st;
    int head_only;

    vary_beast(r, &s);
    st = bear_stance(r, &head_only, hint);
    freq = 34.0f / s.height;
    coat.body = build_fur(m, brown, tip, grizzled, freq);
    coat.leg = build_fur(m, dark, brown, 0.15f, freq);
    coat.head = build_fur(m, v3_mix(brown, tip, nn_rng_range(r, 0.05f, 0.3f)),
                          tip, grizzled * 0.6f, freq * 1.3f);
    coat.muzzle = build_fur(m, v3_mix(brown, tip, nn_rng_range(r, 0.0f, 0.3f)),
                            tip, 0.1f, freq * 1.3f);
    coat.ear = coat.body;
    coat.ear_in = build_fur(m, v3_mul(dark, 0.6f), dark, 0.0f, freq);
    coat.nose = build_smooth(m, sm_rgb(0x15110f), 0.5f);
    coat.eye = build_smooth(m, sm_rgb(0x0d0805), 0.9f);
    coat.claw =
        nn_rng_chance(r, 0.7f) ? build_smooth(m, sm_rgb(0x8d8068), 0.3f) : -1;
    coat.tail = coat.body;
    coat.hoof = coat.leg;
    m->fuzz = 0.035f * s.height;
    beast_build(b, &s, &coat, &st, head_only);
}

void cast_black(struct model *m, struct nn_rng *r, struct cast_hint *hint)
{
    static const uint32_t tans[] = { 0x7a5836, 0x84643f, 0x5f442a, 0x977650 };
    static const uint32_t cinnamon[] = { 0x7a4522, 0x8c5229, 0x5d3519 };
    struct beast_shape s = black_shape;
    struct builder b = build_start(m, (uint32_t)nn_rng_u64(r));
    float u = nn_rng_float(r), freq, shine = nn_rng_range(r, 0.2f, 0.45f);
    struct v3 body = u < 0.72f   ? cast_tint(r, sm_rgb(0x18171a), 0.25f)
                     : u < 0.85f ? cast_tint(r, sm_rgb(0x2d1f17), 0.2f)
                                 : cast_pick_color(r, cinnamon, 3);
    struct v3 tan = cast_pick_color(r, tans, 4);
    struct v3 tip = v3_add(v3_mul(body, 1.8f), v3(0.02f, 0.02f, 0.022f));
    struct beast_coat coat;
    struct beast_stance st;
    int head_only;

    vary_beast(r, &s);
    st = bear_stance(r, &head_only, hint);
    freq = 38.0f / s.height;
    coat.body = build_fur(m, body, tip, 0.35f, freq);
    coat.leg = coat.body;
    coat.head = coat.body;
    coat.muzzle = build_fur(m, tan, tan, 0.0f, freq * 1.4f);
    coat.ear = coat.body;
    coat.ear_in =
        build_fur(m, v3_add(v3_mul(body, 1.4f), v3(0.02f, 0.016f, 0.013f)), tan,
                  0.1f, freq);
    coat.nose = build_smooth(m, sm_rgb(0x100e0f), 0.6f);
    coat.eye = build_smooth(m, sm_rgb(0x140a05), 0.9f);
    coat.claw = -1;
    coat.tail = coat.body;
    coat.hoof = coat.leg;
    m->material[coat.body].gloss = u < 0.85f ? shine : 0.12f;
    m->fuzz = 0.024f * s.height;
    beast_build(b, &s, &coat, &st, head_only);
    if (nn_rng_chance(r, 0.2f)) {
        struct builder p = build_scale(b, s.height);

        build_paint(p, v3(0.72f * s.len, s.spine - 0.05f, 0),
                    v3(0.2f, 0.16f, 0.1f), sm_rgb(0xd9cdb8), 0.9f, 0.3f, 0.6f,
                    1u << coat.body);
    }
}
