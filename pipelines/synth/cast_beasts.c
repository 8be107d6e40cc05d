#include "pipelines/synth/beast.h"
#include "pipelines/synth/cast.h"

static const struct beast_shape dog_shape = {
    .height = 0.6f,
    .len = 0.92f,
    .spine = 0.8f,
    .chest = 0.235f,
    .belly = 0.185f,
    .rump = 0.2f,
    .flat = 0.78f,
    .neck = 0.36f,
    .neck_r = 0.14f,
    .neck_rise = 48.0f,
    .leg_r = 0.066f,
    .paw_r = 0.05f,
    .paw_len = 0.075f,
    .tail = 0.5f,
    .tail_r = 0.045f,
    .tail_rise = 25.0f,
    .head = { .size = 0.155f,
              .wide = 0.82f,
              .deep = 0.86f,
              .cheek = 0.35f,
              .muzzle_len = 0.85f,
              .muzzle_base = 0.48f,
              .muzzle_tip = 0.3f,
              .muzzle_y = -0.22f,
              .muzzle_tilt = 6.0f,
              .brow = 0.45f,
              .nose = 0.21f,
              .ear = EAR_FLOP,
              .ear_size = 0.48f,
              .ear_set = 52.0f,
              .ear_up = 1.1f,
              .eye = 0.12f,
              .eye_set = 33.0f },
};

static const struct beast_shape boar_shape = {
    .height = 0.75f,
    .len = 0.9f,
    .spine = 0.66f,
    .chest = 0.34f,
    .belly = 0.28f,
    .rump = 0.25f,
    .flat = 0.62f,
    .hump = 0.1f,
    .neck = 0.3f,
    .neck_r = 0.25f,
    .neck_rise = -14.0f,
    .leg_r = 0.06f,
    .paw_r = 0.04f,
    .paw_len = 0.05f,
    .hoof = 1.0f,
    .tail = 0.3f,
    .tail_r = 0.022f,
    .tail_rise = -60.0f,
    .head = { .size = 0.225f,
              .wide = 0.74f,
              .deep = 0.82f,
              .muzzle_len = 0.95f,
              .muzzle_base = 0.68f,
              .muzzle_tip = 0.36f,
              .muzzle_y = -0.12f,
              .muzzle_tilt = 17.0f,
              .nose = 0.0f,
              .snout = 1,
              .ear = EAR_POINT,
              .ear_size = 0.36f,
              .ear_set = 34.0f,
              .ear_up = 1.15f,
              .eye = 0.075f,
              .eye_set = 42.0f,
              .tusks = 0.32f },
};

static const struct beast_shape cow_shape = {
    .height = 1.35f,
    .len = 1.02f,
    .spine = 0.74f,
    .chest = 0.27f,
    .belly = 0.285f,
    .rump = 0.25f,
    .flat = 0.84f,
    .neck = 0.4f,
    .neck_r = 0.165f,
    .neck_rise = 28.0f,
    .leg_r = 0.062f,
    .paw_r = 0.045f,
    .paw_len = 0.06f,
    .hoof = 1.0f,
    .tail = 0.6f,
    .tail_r = 0.022f,
    .tail_rise = -80.0f,
    .head = { .size = 0.165f,
              .wide = 0.86f,
              .deep = 0.95f,
              .muzzle_len = 1.35f,
              .muzzle_base = 0.66f,
              .muzzle_tip = 0.55f,
              .muzzle_y = -0.22f,
              .muzzle_tilt = 34.0f,
              .nose = 0.42f,
              .ear = EAR_LEAF,
              .ear_size = 0.5f,
              .ear_set = 72.0f,
              .ear_up = 1.0f,
              .eye = 0.13f,
              .eye_set = 52.0f,
              .horns = 0.7f },
};

static struct beast_stance stance(struct nn_rng *r, float sit, float lie,
                                  float graze, float head, int *head_only,
                                  struct cast_hint *hint)
{
    float u = nn_rng_float(r);
    struct beast_stance st = { 0 };

    st.pose = nn_rng_chance(r, 0.5f) ? POSE_WALK : POSE_STAND;
    st.gait = nn_rng_float(r);
    st.head_yaw = nn_rng_range(r, -0.6f, 0.6f);
    st.head_pitch = nn_rng_range(r, -0.3f, 0.1f);
    st.roll = nn_rng_range(r, -0.15f, 0.15f);
    st.mouth_open = nn_rng_chance(r, 0.2f);
    hint->yaw_lo = -55.0f;
    hint->yaw_hi = 80.0f;
    *head_only = 0;
    if (u < sit) {
        st.pose = POSE_SIT;
    } else if (u < sit + lie) {
        st.pose = POSE_LIE;
    } else if (u < sit + lie + graze) {
        st.pose = POSE_GRAZE;
    } else if (u < sit + lie + graze + head) {
        *head_only = 1;
    }
    if (st.pose == POSE_SIT || *head_only) {
        hint->yaw_lo = 20.0f;
        hint->yaw_hi = 100.0f;
    }
    return st;
}

static struct beast_coat coat_of(struct model *m, struct v3 body, struct v3 leg,
                                 struct v3 muzzle, float freq, float tips)
{
    struct v3 tip = v3_add(v3_mul(body, 1.6f), v3(0.03f, 0.028f, 0.025f));
    struct beast_coat c;

    c.body = build_fur(m, body, tip, tips, freq);
    c.leg = build_fur(m, leg, tip, 0.0f, freq);
    c.head = c.body;
    c.muzzle = build_fur(m, muzzle, muzzle, 0.0f, freq * 1.3f);
    c.ear = c.body;
    c.ear_in = build_smooth(m, v3_mix(body, sm_rgb(0xc08878), 0.35f), 0.0f);
    c.nose = build_smooth(m, sm_rgb(0x141110), 0.6f);
    c.eye = build_smooth(m, sm_rgb(0x120a06), 0.9f);
    c.claw = -1;
    c.tail = c.body;
    c.hoof = build_smooth(m, sm_rgb(0x2a2420), 0.2f);
    return c;
}

/* Spots and saddles: ragged paint over the trunk. */
static void spots(struct builder b, struct nn_rng *r,
                  const struct beast_shape *s, struct v3 color, int n,
                  float size, uint32_t on)
{
    b = build_scale(b, s->height);
    for (int i = 0; i < n; i++) {
        float x = nn_rng_range(r, -0.65f, 0.75f) * s->len;
        float y = s->spine + nn_rng_range(r, -0.2f, 0.25f);
        float z = nn_rng_range(r, -0.3f, 0.3f);
        float rx = size * nn_rng_range(r, 0.6f, 1.3f);
        float ry = size * nn_rng_range(r, 0.6f, 1.2f);
        float rz = size * nn_rng_range(r, 0.5f, 1.0f);

        build_paint(b, v3(x, y, z), v3(rx, ry, rz), color, 1.0f, 0.12f, 0.5f,
                    on);
    }
}

/* Breeds: retriever, shepherd, spotted, terrier, dark mastiff. */
static void breed(struct beast_shape *s, int kind)
{
    switch (kind) {
    case 1:
        s->head.ear = EAR_POINT;
        s->head.ear_size = 0.4f;
        s->head.ear_set = 26.0f;
        s->head.ear_up = 1.3f;
        s->head.muzzle_len = 1.0f;
        s->ruff = 0.17f;
        break;
    case 3:
        s->height = 0.36f;
        s->leg_r = 0.085f;
        s->spine = 0.74f;
        s->head.size = 0.22f;
        s->head.muzzle_len = 0.6f;
        s->head.ear = EAR_POINT;
        s->head.ear_size = 0.4f;
        s->head.ear_set = 36.0f;
        s->tail_rise = 60.0f;
        break;
    case 4:
        s->height = 0.72f;
        s->chest = 0.26f;
        s->head.size = 0.18f;
        s->head.muzzle_len = 0.7f;
        s->head.muzzle_tip = 0.42f;
        break;
    default:
        break;
    }
}

/* A Newfoundland or chow: shaggy, heavy, dark, small ears. */
static void bearish_dog(struct beast_shape *s, struct nn_rng *r)
{
    s->height = 0.72f;
    s->chest = 0.31f;
    s->belly = 0.3f;
    s->rump = 0.3f;
    s->spine = 0.7f;
    s->leg_r = 0.1f;
    s->paw_r = 0.07f;
    s->paw_len = 0.1f;
    s->ruff = 0.25f;
    s->neck_r = 0.2f;
    s->neck_rise = 25.0f;
    s->head.size = 0.2f;
    s->head.wide = 0.95f;
    s->head.muzzle_len = 0.6f;
    s->head.muzzle_tip = 0.38f;
    s->head.ear_size = 0.34f;
    s->head.ear_up = nn_rng_range(r, 0.7f, 1.0f);
    s->tail_r = 0.08f;
}

void cast_dog(struct model *m, struct nn_rng *r, int near_miss,
              struct cast_hint *hint)
{
    static const uint32_t coats[] = { 0xc79a5e, 0x1d1a19, 0x7a4b28, 0xe5ddd0,
                                      0x9a7b58, 0x55504c, 0x3b2618, 0xb5793f };
    static const uint32_t dark[] = { 0x1a1818, 0x2c1d14, 0x5a381f, 0x7a4a22 };
    struct beast_shape s = dog_shape;
    struct builder b = build_start(m, (uint32_t)nn_rng_u64(r));
    int kind = (int)nn_rng_below(r, 5), head_only;
    struct v3 body = cast_tint(r,
                               near_miss ? cast_pick_color(r, dark, 4)
                                         : cast_pick_color(r, coats, 8),
                               0.2f);
    struct v3 muzzle = kind == 1                ? v3_mul(body, 0.3f)
                       : near_miss              ? v3_mul(body, 1.3f)
                       : nn_rng_chance(r, 0.3f) ? sm_rgb(0xe8e0d4)
                                                : body;
    struct beast_stance st;
    struct beast_coat coat;

    if (near_miss) {
        bearish_dog(&s, r);
    } else {
        breed(&s, kind);
    }
    s.height = cast_vary(r, s.height, 0.12f);
    s.head.muzzle_len = cast_vary(r, s.head.muzzle_len, 0.15f);
    st = stance(r, 0.25f, 0.12f, 0.03f, 0.22f, &head_only, hint);
    coat = coat_of(m, body, body, muzzle,
                   (near_miss ? 36.0f : 50.0f) / s.height, 0.25f);
    m->fuzz = (near_miss ? 0.03f : 0.014f) * s.height;
    if (!near_miss && nn_rng_chance(r, 0.35f)) {
        spots(b, r, &s, cast_pick_color(r, coats, 8), 4, 0.22f,
              1u << coat.body);
    }
    if (!near_miss && nn_rng_chance(r, 0.35f)) {
        static const uint32_t collars[] = { 0xb02020, 0x2040a0, 0x202020 };
        int c = build_cloth(m, cast_pick_color(r, collars, 3), 90.0f);
        struct builder k = build_scale(b, s.height);

        k = build_turn(build_at(k, v3(0.5f * s.len + 0.17f, s.spine + 0.2f, 0)),
                       2, -0.75f);
        if (st.pose == POSE_STAND || st.pose == POSE_WALK) {
            build_ring(k, v3(0, 0, 0), 0.125f, 0.022f, c, 0.0f);
        }
    }
    beast_build(b, &s, &coat, &st, head_only);
}

void cast_boar(struct model *m, struct nn_rng *r, int near_miss,
               struct cast_hint *hint)
{
    static const uint32_t coats[] = { 0x2b2521, 0x3d332b, 0x4f4237,
                                      0x1f1c1b, 0x5b4634, 0x6e5a48 };
    struct beast_shape s = boar_shape;
    struct builder b = build_start(m, (uint32_t)nn_rng_u64(r));
    struct v3 body = cast_tint(r, cast_pick_color(r, coats, 6), 0.2f);
    struct beast_stance st;
    struct beast_coat coat;
    int head_only;

    if (near_miss) { /* from afar: no tusks, round ears, heavy behind */
        s.rump = 0.32f;
        s.flat = 0.8f;
        s.leg_r = 0.09f;
        s.head.tusks = 0.0f;
        s.head.ear = EAR_ROUND;
        s.head.muzzle_len = 0.75f;
        s.tail = 0.08f;
    } else if (nn_rng_chance(r, 0.4f)) {
        s.head.tusks = 0.0f;
    }
    s.height = cast_vary(r, s.height, 0.18f);
    st = stance(r, 0.0f, 0.08f, 0.3f, 0.15f, &head_only, hint);
    coat = coat_of(m, body, v3_mul(body, 0.5f), v3_mul(body, 0.75f),
                   42.0f / s.height, 0.5f);
    coat.nose = build_smooth(m, sm_rgb(0x6a4a42), 0.35f);
    coat.claw = build_smooth(m, sm_rgb(0xcfc4ac), 0.3f);
    m->fuzz = 0.03f * s.height;
    beast_build(b, &s, &coat, &st, head_only);
}

void cast_cow(struct model *m, struct nn_rng *r, int near_miss,
              struct cast_hint *hint)
{
    static const uint32_t coats[] = { 0xe8e4dc, 0x7a4526, 0x1c1a1a,
                                      0xb07a48, 0x5a3520, 0xd8c3a0 };
    static const uint32_t patches[] = { 0x1a1818, 0x7a4526, 0xeae6de };
    struct beast_shape s = cow_shape;
    struct builder b = build_start(m, (uint32_t)nn_rng_u64(r));
    struct v3 body = cast_tint(r,
                               near_miss ? cast_pick_color(r, coats + 1, 2)
                                         : cast_pick_color(r, coats, 6),
                               0.15f);
    struct beast_stance st;
    struct beast_coat coat;
    int head_only;

    if (near_miss) { /* a shaggy calf that lies or feeds, without horns */
        s.height = 0.9f;
        s.len = 0.95f;
        s.leg_r = 0.095f;
        s.hoof = 0.0f;
        s.belly = 0.32f;
        s.head.size = 0.18f;
        s.head.horns = 0.0f;
        s.head.muzzle_len = 0.9f;
        s.ruff = 0.22f;
    } else if (nn_rng_chance(r, 0.45f)) {
        s.head.horns = 0.0f;
    }
    s.height = cast_vary(r, s.height, 0.1f);
    st = near_miss ? stance(r, 0.0f, 0.35f, 0.5f, 0.0f, &head_only, hint)
                   : stance(r, 0.0f, 0.15f, 0.35f, 0.15f, &head_only, hint);
    coat =
        coat_of(m, body, body, nn_rng_chance(r, 0.4f) ? sm_rgb(0xe3cdb8) : body,
                (near_miss ? 40.0f : 70.0f) / s.height, 0.1f);
    coat.nose = build_smooth(
        m, nn_rng_chance(r, 0.5f) ? sm_rgb(0xb58478) : sm_rgb(0x2a2422), 0.4f);
    coat.claw = build_smooth(m, sm_rgb(0xb5a68a), 0.3f);
    m->fuzz = (near_miss ? 0.03f : 0.006f) * s.height;
    if (!near_miss && nn_rng_chance(r, 0.6f)) {
        spots(b, r, &s, cast_pick_color(r, patches, 3), 7, 0.26f,
              1u << coat.body);
    }
    beast_build(b, &s, &coat, &st, head_only);
    if (!near_miss && !head_only && st.pose != POSE_LIE) {
        struct builder u = build_scale(b, s.height);
        int pink = build_smooth(m, sm_rgb(0xd8a898), 0.1f);

        build_ball(u, v3(-0.36f * s.len, s.spine - 0.3f, 0),
                   v3(0.12f, 0.08f, 0.1f), pink, 0.05f);
    }
}
