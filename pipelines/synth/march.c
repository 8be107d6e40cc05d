#include "pipelines/synth/scene.h"
#include "pipelines/synth/sdf.h"

/* Samples a tile side, those of a packet of rays, packets; most steps a ray. */
enum { TILE = 8, ROWS = SDF_LANES / TILE, PACKETS = TILE / ROWS, STEPS = 44 };
#define NOTHING      1e6f /* farther than any hit */
#define SHADOW_REACH 0.6f /* of the body's radius */

struct v3 camera_ray(const struct camera *c, float x, float y, int32_t size)
{
    float s = 2.0f / (float)size;
    float u = (x * s - 1.0f - c->ox) * c->tan_half;
    float v = (1.0f - y * s - c->oy) * c->tan_half;

    return v3_add(c->fwd, v3_add(v3_mul(c->right, u), v3_mul(c->up, v)));
}

float camera_project(const struct camera *c, struct v3 p, int32_t size,
                     float *x, float *y)
{
    struct v3 d = v3_sub(p, c->pos);
    float depth = v3_dot(d, c->fwd), half = 0.5f * (float)size;

    if (depth <= 1e-4f) {
        return depth;
    }
    *x = (v3_dot(d, c->right) / (depth * c->tan_half) + 1.0f + c->ox) * half;
    *y = (1.0f - c->oy - v3_dot(d, c->up) / (depth * c->tan_half)) * half;
    return depth;
}

struct rays {
    struct sdf_points dir; /* unit */
    float t[SDF_LANES];
    float shell[SDF_LANES]; /* metres that the surface is moved out */
    int hit[SDF_LANES];
};

static void points_at(const struct rays *r, struct v3 o, struct sdf_points *p)
{
    for (int l = 0; l < SDF_LANES; l++) {
        p->x[l] = o.x + r->dir.x[l] * r->t[l];
        p->y[l] = o.y + r->dir.y[l] * r->t[l];
        p->z[l] = o.z + r->dir.z[l] * r->t[l];
    }
}

/* The rays under way, one a lane: where one has ended the next begins, so that
 * the lanes are full until no ray is left. */
struct walkers {
    int n, ray[SDF_LANES], step[SDF_LANES];
};

static void next_points(const struct walkers *w, const struct rays *r,
                        struct v3 o, struct sdf_points *p)
{
    for (int l = 0; l < w->n; l++) {
        const struct rays *at = &r[w->ray[l] / SDF_LANES];
        int i = w->ray[l] % SDF_LANES;

        p->x[l] = o.x + at->dir.x[i] * at->t[i];
        p->y[l] = o.y + at->dir.y[i] * at->t[i];
        p->z[l] = o.z + at->dir.z[i] * at->t[i];
    }
}

/* One step of a ray, d from the body; 1 when it has hit or left. */
static int take_step(struct rays *r, int i, float d, int last, float pixel,
                     float far)
{
    float gap = d - r->shell[i], slack = last ? 6.0f : 0.35f;

    if (gap < slack * pixel * r->t[i]) {
        r->hit[i] = 1;
        return 1;
    }
    r->t[i] += 0.93f * gap;
    return last || r->t[i] > far;
}

/* Walk all rays of `packets` until each has hit or left; returns how many hit.
 * pixel: metres a sample covers at distance 1. */
static int walk(const struct sdf_list *list, struct v3 eye, float pixel,
                struct rays *r, int packets)
{
    struct walkers w = { .n = 0 };
    struct sdf_points p = { { 0 }, { 0 }, { 0 } };
    int next = 0, hits = 0;

    for (int i = 0; i < packets; i++) {
        for (int l = 0; l < SDF_LANES; l++) {
            r[i].t[l] = list->near;
            r[i].hit[l] = 0;
        }
    }
    for (;;) {
        float d[SDF_LANES];
        int left = 0;

        while (w.n < SDF_LANES && next < packets * SDF_LANES) {
            w.ray[w.n] = next++;
            w.step[w.n++] = 0;
        }
        if (w.n == 0) {
            return hits;
        }
        next_points(&w, r, eye, &p);
        sdf_distance(list, &p, w.n, d);
        for (int l = 0; l < w.n; l++) {
            struct rays *at = &r[w.ray[l] / SDF_LANES];
            int i = w.ray[l] % SDF_LANES, step = w.step[l] + 1;

            if (take_step(at, i, d[l], step == STEPS, pixel, list->far)) {
                hits += at->hit[i];
            } else {
                w.ray[left] = w.ray[l];
                w.step[left++] = step;
            }
        }
        w.n = left;
    }
}

static void normals(const struct sdf_list *list, const struct sdf_points *p,
                    float eps, struct v3 n[SDF_LANES])
{
    static const float sx[4] = { 1, -1, -1, 1 }, sy[4] = { -1, -1, 1, 1 },
                       sz[4] = { -1, 1, -1, 1 };

    memset(n, 0, SDF_LANES * sizeof *n);
    for (int i = 0; i < 4; i++) {
        struct sdf_points q;
        float d[SDF_LANES];

        for (int l = 0; l < SDF_LANES; l++) {
            q.x[l] = p->x[l] + eps * sx[i];
            q.y[l] = p->y[l] + eps * sy[i];
            q.z[l] = p->z[l] + eps * sz[i];
        }
        sdf_distance(list, &q, SDF_LANES, d);
        for (int l = 0; l < SDF_LANES; l++) {
            n[l] = v3_add(n[l], v3_mul(v3(sx[i], sy[i], sz[i]), d[l]));
        }
    }
    for (int l = 0; l < SDF_LANES; l++) {
        n[l] = v3_norm(n[l]);
    }
}

/* Share of light left after walking `reach` along dir from just above the
 * surface; dir NULL means along each normal. */
static void visibility(const struct sdf_list *list, const struct sdf_points *p,
                       const struct v3 n[SDF_LANES], const struct v3 *dir,
                       float reach, int samples, float out[SDF_LANES])
{
    for (int l = 0; l < SDF_LANES; l++) {
        out[l] = 1.0f;
    }
    for (int i = 1; i <= samples; i++) {
        float at = reach * (float)(i * i) / (float)(samples * samples);
        struct sdf_points q;
        float d[SDF_LANES];

        for (int l = 0; l < SDF_LANES; l++) {
            struct v3 w = dir != NULL ? *dir : n[l];
            float lift = dir != NULL ? 0.12f * at : 0.0f;

            q.x[l] = p->x[l] + w.x * at + n[l].x * lift;
            q.y[l] = p->y[l] + w.y * at + n[l].y * lift;
            q.z[l] = p->z[l] + w.z * at + n[l].z * lift;
        }
        sdf_distance(list, &q, SDF_LANES, d);
        for (int l = 0; l < SDF_LANES; l++) {
            float open = dir != NULL ? 0.5f + 2.2f * d[l] / at : d[l] / at;

            open = sm_clamp(open, 0.0f, 1.0f);
            if (dir == NULL) {
                open = 1.0f - (1.0f - open) * 0.65f;
            }
            out[l] = dir != NULL ? sm_min(out[l], open) : out[l] * open;
        }
    }
}

struct tile {
    const struct scene *s;
    struct canvas *c;
    struct sdf_list list;
    int ss;      /* samples a pixel side */
    float pixel; /* metres a sample covers at distance 1 */
    float fuzz;  /* of the subject, but never more than 2 % of the frame */
};

/* Add a sample to its pixel. Props are gathered in cover, see finish(). */
static void store(const struct tile *t, int32_t sx, int32_t sy, int prop,
                  struct v3 color)
{
    int32_t x = sx / t->ss, y = sy / t->ss;
    float share = 1.0f / (float)(t->ss * t->ss);
    size_t i = (size_t)y * (size_t)t->c->size + (size_t)x;
    float *out;

    if (x >= t->c->size || y >= t->c->size) {
        return;
    }
    out = t->c->layer + 4 * i;
    out[0] += share * color.x;
    out[1] += share * color.y;
    out[2] += share * color.z;
    out[3] += share;
    if (prop) {
        t->c->cover[i] += share;
    }
}

/* Props hide their share of the subject's alpha: from samples to a share. */
static void finish(const struct scene *s, struct canvas *c)
{
    int props = 0;

    for (size_t i = 0; i < s->subject.n_materials; i++) {
        props |= s->subject.material[i].prop;
    }
    for (size_t i = 0; props && i < (size_t)c->size * (size_t)c->size; i++) {
        if (c->cover[i] > 0.0f) {
            c->cover[i] /= c->layer[4 * i + 3];
        }
    }
}

static float nearest_hit(const struct rays *r)
{
    float t = NOTHING;

    for (int l = 0; l < SDF_LANES; l++) {
        if (r->hit[l]) {
            t = sm_min(t, r->t[l]);
        }
    }
    return t;
}

/* What may stand between the hit points and the lamp. */
static void cull_shadow(const struct tile *t, const struct rays *r,
                        const struct sdf_points *p, struct sdf_list *list)
{
    float n = 0.0f, far = 0.0f, reach = SHADOW_REACH * t->s->subject.radius;
    struct v3 mid = v3(0, 0, 0);

    for (int l = 0; l < SDF_LANES; l++) {
        if (r->hit[l]) {
            mid = v3_add(mid, v3(p->x[l], p->y[l], p->z[l]));
            n += 1.0f;
        }
    }
    mid = v3_mul(mid, 1.0f / n);
    for (int l = 0; l < SDF_LANES; l++) {
        if (r->hit[l]) {
            struct v3 d = v3_sub(v3(p->x[l], p->y[l], p->z[l]), mid);

            far = sm_max(far, v3_dot(d, d));
        }
    }
    far = sqrtf(far);
    sdf_cull(list, &t->s->subject, mid, t->s->light.dir, 0.25f, far);
    sdf_drop_beyond(list, mid, 1.25f * reach + far);
}

static void shade_packet(const struct tile *t, const struct rays *r, int32_t x0,
                         int32_t y0)
{
    const struct scene *s = t->s;
    float radius = s->subject.radius, ao[SDF_LANES], sun[SDF_LANES];
    float t0 = nearest_hit(r);
    struct v3 n[SDF_LANES];
    struct sdf_points p;
    struct sdf_look look;
    struct sdf_list shadow;

    points_at(r, s->camera.pos, &p);
    normals(&t->list, &p, sm_max(0.7f * t->pixel * t0, 0.0005f * radius), n);
    sdf_look(&t->list, &p, &look);
    visibility(&t->list, &p, n, NULL, 0.16f * radius, 2, ao);
    cull_shadow(t, r, &p, &shadow);
    visibility(&shadow, &p, n, &s->light.dir, SHADOW_REACH * radius, 3, sun);
    for (int l = 0; l < SDF_LANES; l++) {
        struct shade_point h = {
            .p = v3(p.x[l], p.y[l], p.z[l]),
            .n = n[l],
            .view = v3(-r->dir.x[l], -r->dir.y[l], -r->dir.z[l]),
            .color = look.color[l],
            .flow = look.flow[l],
            .mat = &s->subject.material[look.material[l]],
            .mat_index = look.material[l],
            .sun = sun[l],
            .pixel = t->pixel * r->t[l],
        };

        if (!r->hit[l] || h.p.y < s->env.water_level) {
            continue;
        }
        h.ao = ao[l] *
               (0.55f + 0.45f * sm_step(-0.05f * radius, 0.5f * radius, h.p.y));
        store(t, x0 + l % TILE, y0 + l / TILE, h.mat->prop, shade(s, &h));
    }
}

static void aim(const struct tile *t, int32_t x0, int32_t y0, struct rays *r)
{
    const struct camera *cam = &t->s->camera;
    float inv = 1.0f / (float)t->ss, fuzz = t->fuzz;

    for (int l = 0; l < SDF_LANES; l++) {
        float x = ((float)(x0 + l % TILE) + 0.5f) * inv;
        float y = ((float)(y0 + l / TILE) + 0.5f) * inv;
        struct v3 d = v3_norm(camera_ray(cam, x, y, t->c->size));

        r->dir.x[l] = d.x;
        r->dir.y[l] = d.y;
        r->dir.z[l] = d.z;
        r->shell[l] = 0.0f;
        if (fuzz > 0.0f) {
            /* hairs: thin cells, taller than wide, in frame units */
            float f = 150.0f / (float)t->c->size;

            r->shell[l] =
                fuzz * sm_noise2(x * f, y * f * 0.5f, t->s->subject.seed + 31u);
        }
    }
}

static void draw_tile(struct tile *t, int32_t x0, int32_t y0)
{
    const struct scene *s = t->s;
    float inv = 1.0f / (float)t->ss;
    float mid = 0.5f * (float)TILE;
    struct v3 axis = v3_norm(camera_ray(&s->camera, ((float)x0 + mid) * inv,
                                        ((float)y0 + mid) * inv, t->c->size));
    float half = 0.75f * (float)TILE * t->pixel;
    struct rays r[PACKETS];

    sdf_cull(&t->list, &s->subject, s->camera.pos, axis, half,
             0.02f * s->subject.radius + t->fuzz);
    if (t->list.n == 0) {
        return;
    }
    for (int i = 0; i < PACKETS; i++) {
        aim(t, x0, y0 + i * ROWS, &r[i]);
    }
    if (walk(&t->list, s->camera.pos, t->pixel, r, PACKETS) == 0) {
        return;
    }
    for (int i = 0; i < PACKETS; i++) {
        if (nearest_hit(&r[i]) < NOTHING) {
            shade_packet(t, &r[i], x0, y0 + i * ROWS);
        }
    }
}

/* Widen box by a ball's outline on the image. A ball around the lens takes
 * the whole frame and as much again on each side. */
static void box_ball(const struct camera *cam, struct v3 c, float r,
                     int32_t size, float box[4])
{
    float half = 0.5f * (float)size, x = half, y = half, px = 3.0f * half;
    float depth = camera_project(cam, c, size, &x, &y);

    if (depth > 1.2f * r) {
        px = r / (sqrtf(depth * depth - r * r) * cam->tan_half) * half;
        px *= 1.1f; /* off the axis, outlines are ellipses */
    }
    box[0] = sm_min(box[0], x - px);
    box[1] = sm_min(box[1], y - px);
    box[2] = sm_max(box[2], x + px);
    box[3] = sm_max(box[3], y + px);
}

/* The part of the image that the body can touch, pixels. */
static void frame_box(const struct scene *s, int32_t size, int props,
                      float box[4])
{
    const struct model *m = &s->subject;

    box[0] = box[1] = 1e6f;
    box[2] = box[3] = -1e6f;
    for (size_t i = 0; i < m->n_prims; i++) {
        const struct prim *q = &m->prim[i];
        float grow = m->fuzz + 0.25f * q->k;

        if (m->material[q->material].prop && !props) {
            continue;
        }
        if (q->kind == PRIM_CONE) {
            box_ball(&s->camera, q->c, q->s.x + grow, size, box);
            box_ball(&s->camera, v3_mad(q->c, q->s.z, q->m.r[1]), q->s.y + grow,
                     size, box);
        } else {
            box_ball(&s->camera, q->bc, q->br + grow, size, box);
        }
    }
}

void march_draw(const struct scene *s, struct canvas *c)
{
    int ss = c->size <= 192 ? 2 : 1;
    struct tile t = { .s = s, .c = c, .ss = ss };
    int32_t samples = c->size * ss;
    float box[4];

    t.pixel = 2.0f * s->camera.tan_half / (float)samples;
    t.fuzz = sm_min(s->subject.fuzz,
                    0.03f * s->camera.tan_half *
                        v3_len(v3_sub(s->subject.focus, s->camera.pos)));
    frame_box(s, c->size, 1, box);
    for (int32_t y = 0; y < samples; y += TILE) {
        if ((float)(y + TILE) < box[1] * (float)ss ||
            (float)y > box[3] * (float)ss) {
            continue;
        }
        for (int32_t x = 0; x < samples; x += TILE) {
            if ((float)(x + TILE) >= box[0] * (float)ss &&
                (float)x <= box[2] * (float)ss) {
                draw_tile(&t, x, y);
            }
        }
    }
    finish(s, c);
}

float march_whole_area(const struct scene *s, int32_t size)
{
    enum { GRID = 48, AT_ONCE = 24 }; /* rays a side; packets a walk */
    float box[4], dx, dy, pixel, area = 0.0f;
    struct sdf_list all;

    frame_box(s, size, 0, box);
    dx = (box[2] - box[0]) / (float)GRID;
    dy = (box[3] - box[1]) / (float)GRID;
    pixel = 2.0f * s->camera.tan_half / (float)size * sm_min(dx, dy);
    sdf_all(&all, &s->subject);
    for (size_t i = all.n = 0; i < s->subject.n_prims; i++) {
        if (!s->subject.material[s->subject.prim[i].material].prop) {
            all.prim[all.n++] = (uint8_t)i;
        }
    }
    all.near = sm_max(v3_len(v3_sub(s->subject.center, s->camera.pos)) -
                          1.1f * s->subject.radius,
                      0.02f);
    all.far = all.near + 2.4f * s->subject.radius;
    for (int i = 0; i < GRID * GRID; i += AT_ONCE * SDF_LANES) {
        struct rays r[AT_ONCE];

        for (int l = 0; l < AT_ONCE * SDF_LANES; l++) {
            float x = box[0] + ((float)((i + l) % GRID) + 0.5f) * dx;
            float y = box[1] + ((float)((i + l) / GRID) + 0.5f) * dy;
            struct v3 d = v3_norm(camera_ray(&s->camera, x, y, size));
            struct rays *at = &r[l / SDF_LANES];

            at->dir.x[l % SDF_LANES] = d.x;
            at->dir.y[l % SDF_LANES] = d.y;
            at->dir.z[l % SDF_LANES] = d.z;
            at->shell[l % SDF_LANES] = 0.5f * s->subject.fuzz;
        }
        area += (float)walk(&all, s->camera.pos, pixel * 0.3f, r, AT_ONCE);
    }
    return area * dx * dy;
}
