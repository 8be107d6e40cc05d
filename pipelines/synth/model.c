#include "pipelines/synth/model.h"

struct builder build_start(struct model *model, uint32_t seed)
{
    memset(model, 0, sizeof *model);
    model->seed = seed;
    return (struct builder){
        .model = model,
        .f = { .m = m3_identity(), .origin = v3(0, 0, 0), .scale = 1.0f },
        .flow = v3(-0.6f, -0.8f, 0.0f),
    };
}

static struct v3 sided(const struct builder *b, struct v3 p)
{
    return v3(p.x, p.y, b->mirror ? -p.z : p.z);
}

struct v3 build_point(const struct builder *b, struct v3 local)
{
    return v3_mad(b->f.origin, b->f.scale, m3_apply(b->f.m, sided(b, local)));
}

struct builder build_at(struct builder b, struct v3 at)
{
    b.f.origin = build_point(&b, at);
    return b;
}

/* With the mirror on, turns about x and y change sign, so that a mirrored
 * limb is the mirror image. */
struct builder build_turn(struct builder b, int axis, float angle)
{
    float a = b.mirror && axis != 2 ? -angle : angle;

    b.f.m = m3_mul(b.f.m, m3_turn(axis, a));
    return b;
}

struct builder build_scale(struct builder b, float scale)
{
    b.f.scale *= scale;
    return b;
}

struct builder build_mirror(struct builder b, int mirror)
{
    b.mirror = mirror;
    return b;
}

int build_material(struct model *m, struct material mat)
{
    if (m->n_materials < MODEL_MATERIALS) {
        m->material[m->n_materials++] = mat;
    }
    return (int)m->n_materials - 1;
}

int build_fur(struct model *m, struct v3 color, struct v3 tip, float tips,
              float freq)
{
    return build_material(m, (struct material){
                                 .surface = SURF_FUR,
                                 .color = color,
                                 .tip = tip,
                                 .tip_amount = tips,
                                 .grain = 0.75f,
                                 .freq = freq,
                                 .gloss = 0.15f,
                             });
}

int build_plush(struct model *m, struct v3 color, float freq)
{
    return build_material(m, (struct material){
                                 .surface = SURF_PLUSH,
                                 .color = color,
                                 .tip = color,
                                 .grain = 0.5f,
                                 .freq = freq,
                             });
}

int build_smooth(struct model *m, struct v3 color, float gloss)
{
    return build_material(m, (struct material){
                                 .surface = SURF_SMOOTH,
                                 .color = color,
                                 .tip = color,
                                 .freq = 10.0f,
                                 .grain = 0.1f,
                                 .gloss = gloss,
                             });
}

int build_cloth(struct model *m, struct v3 color, float freq)
{
    return build_material(m, (struct material){
                                 .surface = SURF_CLOTH,
                                 .color = color,
                                 .tip = color,
                                 .grain = 0.35f,
                                 .freq = freq,
                             });
}

static struct m3 transpose(struct m3 m)
{
    return (struct m3){ { { m.r[0].x, m.r[1].x, m.r[2].x },
                          { m.r[0].y, m.r[1].y, m.r[2].y },
                          { m.r[0].z, m.r[1].z, m.r[2].z } } };
}

static struct prim *add(struct builder *b, enum prim_kind kind, struct v3 c,
                        int mat, float k)
{
    struct model *m = b->model;
    size_t i = m->n_prims < MODEL_PRIMS ? m->n_prims++ : MODEL_PRIMS - 1;
    struct prim *p = &m->prim[i];

    *p = (struct prim){
        .kind = kind,
        .material = mat,
        .c = build_point(b, c),
        .m = transpose(b->f.m),
        .k = k * b->f.scale,
        .flow = v3_norm(m3_apply(b->f.m, sided(b, b->flow))),
    };
    return p;
}

struct prim *build_ball(struct builder b, struct v3 c, struct v3 radii, int mat,
                        float k)
{
    struct prim *p = add(&b, PRIM_ELLIPSOID, c, mat, k);

    p->s = v3_mul(radii, b.f.scale);
    p->inv = v3(1.0f / p->s.x, 1.0f / p->s.y, 1.0f / p->s.z);
    p->bc = p->c;
    p->br = sm_max(p->s.x, sm_max(p->s.y, p->s.z));
    return p;
}

struct prim *build_cone(struct builder b, struct v3 a, float ra, struct v3 c,
                        float rc, int mat, float k)
{
    struct prim *p = add(&b, PRIM_CONE, a, mat, k);
    struct v3 axis = v3_sub(build_point(&b, c), p->c);
    float length = sm_max(v3_len(axis), 1e-4f);
    float r1 = ra * b.f.scale, r2 = rc * b.f.scale;
    float sine = sm_clamp((r1 - r2) / length, -0.98f, 0.98f);

    p->m.r[1] = v3_mul(axis, 1.0f / length);
    p->s = v3(r1, r2, length);
    p->cone_b = sine;
    p->cone_a = sqrtf(1.0f - sine * sine);
    p->bc = v3_mad(p->c, 0.5f, axis);
    p->br = 0.5f * length + sm_max(r1, r2);
    p->flow = v3_norm(v3_mad(p->flow, 1.5f, p->m.r[1]));
    return p;
}

struct prim *build_box(struct builder b, struct v3 c, struct v3 half,
                       float round, int mat, float k)
{
    struct prim *p = add(&b, PRIM_BOX, c, mat, k);

    p->round = round * b.f.scale;
    p->s = v3_mul(half, b.f.scale);
    p->bc = p->c;
    p->br = v3_len(p->s);
    p->s = v3(p->s.x - p->round, p->s.y - p->round, p->s.z - p->round);
    return p;
}

struct prim *build_disc(struct builder b, struct v3 c, float radius,
                        float half_height, float round, int mat, float k)
{
    struct prim *p = add(&b, PRIM_DISC, c, mat, k);
    float r = radius * b.f.scale, h = half_height * b.f.scale;

    p->round = round * b.f.scale;
    p->s = v3(r - p->round, h - p->round, 0.0f);
    p->bc = p->c;
    p->br = sqrtf(r * r + h * h);
    return p;
}

struct prim *build_ring(struct builder b, struct v3 c, float radius, float tube,
                        int mat, float k)
{
    struct prim *p = add(&b, PRIM_RING, c, mat, k);

    p->s = v3(radius * b.f.scale, tube * b.f.scale, 0.0f);
    p->bc = p->c;
    p->br = p->s.x + p->s.y;
    return p;
}

void build_paint(struct builder b, struct v3 c, struct v3 radii,
                 struct v3 color, float strength, float edge, float ragged,
                 uint32_t on)
{
    struct model *m = b.model;
    size_t i = m->n_paints < MODEL_PAINTS ? m->n_paints++ : MODEL_PAINTS - 1;
    float s = b.f.scale;

    m->paint[i] = (struct paint){
        .c = build_point(&b, c),
        .inv = v3(1.0f / (radii.x * s), 1.0f / (radii.y * s),
                  1.0f / (radii.z * s)),
        .m = transpose(b.f.m),
        .color = color,
        .strength = strength,
        .edge = edge,
        .ragged = ragged,
        .on = on,
    };
}

static struct m3 turned(struct m3 local, struct m3 turn)
{
    for (int i = 0; i < 3; i++) {
        local.r[i] = m3_apply(turn, local.r[i]);
    }
    return local;
}

void model_turn_all(struct model *m, int axis, float angle)
{
    struct m3 t = m3_turn(axis, angle);

    for (size_t i = 0; i < m->n_prims; i++) {
        struct prim *p = &m->prim[i];

        p->c = m3_apply(t, p->c);
        p->bc = m3_apply(t, p->bc);
        p->m = turned(p->m, t);
        p->flow = m3_apply(t, p->flow);
    }
    for (size_t i = 0; i < m->n_paints; i++) {
        m->paint[i].c = m3_apply(t, m->paint[i].c);
        m->paint[i].m = turned(m->paint[i].m, t);
    }
    m->focus = m3_apply(t, m->focus);
}

void model_shift_all(struct model *m, struct v3 by)
{
    for (size_t i = 0; i < m->n_prims; i++) {
        m->prim[i].c = v3_add(m->prim[i].c, by);
        m->prim[i].bc = v3_add(m->prim[i].bc, by);
    }
    for (size_t i = 0; i < m->n_paints; i++) {
        m->paint[i].c = v3_add(m->paint[i].c, by);
    }
    m->focus = v3_add(m->focus, by);
    m->center = v3_add(m->center, by);
    m->low += by.y;
}

/* Lowest point of a primitive: exact for balls and cones, a bound for the
 * others. */
static float prim_low(const struct prim *p)
{
    float x, y, z;

    switch (p->kind) {
    case PRIM_ELLIPSOID:
        x = p->m.r[0].y * p->s.x;
        y = p->m.r[1].y * p->s.y;
        z = p->m.r[2].y * p->s.z;
        return p->c.y - sqrtf(x * x + y * y + z * z);
    case PRIM_CONE:
        return sm_min(p->c.y - p->s.x, p->c.y + p->m.r[1].y * p->s.z - p->s.y);
    case PRIM_BOX:
        x = sm_abs(p->m.r[0].y) * p->s.x;
        y = sm_abs(p->m.r[1].y) * p->s.y;
        z = sm_abs(p->m.r[2].y) * p->s.z;
        return p->c.y - x - y - z - p->round;
    case PRIM_DISC:
        y = sm_abs(p->m.r[1].y);
        x = sqrtf(sm_max(1.0f - y * y, 0.0f));
        return p->c.y - y * p->s.y - x * p->s.x - p->round;
    case PRIM_RING:
        y = sm_abs(p->m.r[1].y);
        return p->c.y - sqrtf(sm_max(1.0f - y * y, 0.0f)) * p->s.x - p->s.y;
    }
    return p->bc.y - p->br;
}

void model_finish(struct model *m)
{
    struct v3 lo = v3(1e9f, 1e9f, 1e9f), hi = v3(-1e9f, -1e9f, -1e9f);

    m->low = 1e9f;
    for (size_t i = 0; i < m->n_prims; i++) {
        const struct prim *p = &m->prim[i];

        if (p->carve) {
            continue;
        }
        m->low = sm_min(m->low, prim_low(p));
        lo = v3(sm_min(lo.x, p->bc.x - p->br), sm_min(lo.y, p->bc.y - p->br),
                sm_min(lo.z, p->bc.z - p->br));
        hi = v3(sm_max(hi.x, p->bc.x + p->br), sm_max(hi.y, p->bc.y + p->br),
                sm_max(hi.z, p->bc.z + p->br));
    }
    m->center = v3_mul(v3_add(lo, hi), 0.5f);
    m->radius = 0.0f;
    for (size_t i = 0; i < m->n_prims; i++) {
        const struct prim *p = &m->prim[i];

        if (!p->carve) {
            m->radius =
                sm_max(m->radius, v3_len(v3_sub(p->bc, m->center)) + p->br);
        }
    }
    if (!(m->focus_radius > 0.0f)) {
        m->focus = m->center;
        m->focus_radius = m->radius;
    }
}
