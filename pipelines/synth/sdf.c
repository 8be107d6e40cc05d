#include "pipelines/synth/sdf.h"

#include "common/base/cpu.h"

/* The loops below run over SDF_LANES points so that a compiler can use SIMD;
 * all operations round alike in scalar and SIMD form. They are compiled for
 * AVX2 too. */

NN_INLINE void distance_ball(const struct prim *q, const struct sdf_points *p,
                             const int lanes, float *restrict d)
{
    const struct v3 a = v3_mul(q->m.r[0], q->inv.x);
    const struct v3 b = v3_mul(q->m.r[1], q->inv.y);
    const struct v3 c = v3_mul(q->m.r[2], q->inv.z);
    const struct v3 o = q->c, inv = q->inv;

    for (int l = 0; l < lanes; l++) {
        float x = p->x[l] - o.x, y = p->y[l] - o.y, z = p->z[l] - o.z;
        float u = a.x * x + a.y * y + a.z * z;
        float v = b.x * x + b.y * y + b.z * z;
        float w = c.x * x + c.y * y + c.z * z;
        float k0 = sqrtf(u * u + v * v + w * w);

        u *= inv.x;
        v *= inv.y;
        w *= inv.z;
        d[l] = k0 * (k0 - 1.0f) / (sqrtf(u * u + v * v + w * w) + 1e-9f);
    }
}

NN_INLINE void distance_cone(const struct prim *q, const struct sdf_points *p,
                             const int lanes, float *restrict d)
{
    const struct v3 o = q->c, n = q->m.r[1];
    const float a = q->cone_a, b = q->cone_b;
    const float r1 = q->s.x, r2 = q->s.y, h = q->s.z;

    for (int l = 0; l < lanes; l++) {
        float x = p->x[l] - o.x, y = p->y[l] - o.y, z = p->z[l] - o.z;
        float along = n.x * x + n.y * y + n.z * z;
        float rr = x * x + y * y + z * z - along * along;
        float side = sqrtf(rr > 0.0f ? rr : 0.0f);
        float t = a * along - b * side;
        float up = along - h;
        float first = sqrtf(side * side + along * along) - r1;
        float last = sqrtf(side * side + up * up) - r2;
        float hull = side * a + along * b - r1;
        float e = t > a * h ? last : hull;

        d[l] = t < 0.0f ? first : e;
    }
}

NN_INLINE void distance_box(const struct prim *q, const struct sdf_points *p,
                            const int lanes, float *restrict d)
{
    const struct v3 o = q->c, s = q->s;
    const struct m3 m = q->m;
    const float round = q->round;

    for (int l = 0; l < lanes; l++) {
        float x = p->x[l] - o.x, y = p->y[l] - o.y, z = p->z[l] - o.z;
        float u = m.r[0].x * x + m.r[0].y * y + m.r[0].z * z;
        float v = m.r[1].x * x + m.r[1].y * y + m.r[1].z * z;
        float w = m.r[2].x * x + m.r[2].y * y + m.r[2].z * z;
        float in;

        u = (u < 0.0f ? -u : u) - s.x;
        v = (v < 0.0f ? -v : v) - s.y;
        w = (w < 0.0f ? -w : w) - s.z;
        in = u > v ? u : v;
        in = in > w ? in : w;
        in = in < 0.0f ? in : 0.0f;
        u = u > 0.0f ? u : 0.0f;
        v = v > 0.0f ? v : 0.0f;
        w = w > 0.0f ? w : 0.0f;
        d[l] = sqrtf(u * u + v * v + w * w) + in - round;
    }
}

NN_INLINE void distance_round(const struct prim *q, const struct sdf_points *p,
                              const int lanes, float *restrict d)
{
    const struct v3 o = q->c, n = q->m.r[1], s = q->s;
    const float round = q->round;
    const int ring = q->kind == PRIM_RING;

    for (int l = 0; l < lanes; l++) {
        float x = p->x[l] - o.x, y = p->y[l] - o.y, z = p->z[l] - o.z;
        float v = n.x * x + n.y * y + n.z * z;
        float rr = x * x + y * y + z * z - v * v;
        float u = sqrtf(rr > 0.0f ? rr : 0.0f) - s.x;
        float tube = sqrtf(u * u + v * v) - s.y;
        float in, disc;

        v = (v < 0.0f ? -v : v) - s.y;
        in = u > v ? u : v;
        in = in < 0.0f ? in : 0.0f;
        u = u > 0.0f ? u : 0.0f;
        v = v > 0.0f ? v : 0.0f;
        disc = sqrtf(u * u + v * v) + in - round;
        d[l] = ring ? tube : disc;
    }
}

NN_INLINE void distance_prim(const struct prim *q, const struct sdf_points *p,
                             const int lanes, float *d)
{
    switch (q->kind) {
    case PRIM_ELLIPSOID:
        distance_ball(q, p, lanes, d);
        break;
    case PRIM_CONE:
        distance_cone(q, p, lanes, d);
        break;
    case PRIM_BOX:
        distance_box(q, p, lanes, d);
        break;
    case PRIM_DISC:
    case PRIM_RING:
        distance_round(q, p, lanes, d);
        break;
    }
}

/* Quadratic smooth minimum: pulls both in by k/4 where they are equal. */
NN_INLINE void join(float *restrict d, const float *restrict e, float k,
                    const int lanes)
{
    const float width = k > 1e-6f ? k : 1e-6f, inv = 1.0f / width;

    for (int l = 0; l < lanes; l++) {
        float gap = d[l] - e[l];
        float h = (width - (gap < 0.0f ? -gap : gap)) * inv;

        h = h > 0.0f ? h : 0.0f;
        d[l] = (d[l] < e[l] ? d[l] : e[l]) - h * h * width * 0.25f;
    }
}

NN_INLINE void carve(float *restrict d, const float *restrict e,
                     const int lanes)
{
    for (int l = 0; l < lanes; l++) {
        float out = -e[l];

        d[l] = d[l] > out ? d[l] : out;
    }
}

NN_INLINE void distance(const struct sdf_list *list, const struct sdf_points *p,
                        const int lanes, float d[SDF_LANES])
{
    float e[SDF_LANES];

    for (int l = 0; l < lanes; l++) {
        d[l] = 1e6f;
    }
    for (size_t i = 0; i < list->n; i++) {
        const struct prim *q = &list->model->prim[list->prim[i]];

        distance_prim(q, p, lanes, e);
        if (q->carve) {
            carve(d, e, lanes);
        } else {
            join(d, e, q->k, lanes);
        }
    }
}

/* Half the lanes where that is enough. */
NN_INLINE void distance_of(const struct sdf_list *list,
                           const struct sdf_points *p, int n,
                           float d[SDF_LANES])
{
    if (n > SDF_LANES / 2) {
        distance(list, p, SDF_LANES, d);
    } else {
        distance(list, p, SDF_LANES / 2, d);
    }
}

NN_FOR_AVX2 static void distance_avx2(const struct sdf_list *list,
                                      const struct sdf_points *p, int n,
                                      float d[SDF_LANES])
{
    distance_of(list, p, n, d);
}

void sdf_distance(const struct sdf_list *list, const struct sdf_points *p,
                  int n, float d[SDF_LANES])
{
    if (nn_cpu_flags() & NN_CPU_AVX2) {
        distance_avx2(list, p, n, d);
    } else {
        distance_of(list, p, n, d);
    }
}

NN_INLINE void look(const struct sdf_list *list, const struct sdf_points *p,
                    struct sdf_look *out)
{
    float d[SDF_LANES], e[SDF_LANES];

    memset(out, 0, sizeof *out);
    for (int l = 0; l < SDF_LANES; l++) {
        d[l] = 1e6f;
    }
    for (size_t i = 0; i < list->n; i++) {
        const struct prim *q = &list->model->prim[list->prim[i]];
        const struct v3 color = list->model->material[q->material].color;
        const float inv = 1.0f / sm_max(q->k, 1e-6f);

        if (q->carve) {
            continue;
        }
        distance_prim(q, p, SDF_LANES, e);
        for (int l = 0; l < SDF_LANES; l++) {
            float h = sm_max((q->k - sm_abs(d[l] - e[l])) * inv, 0.0f);
            float half = 0.5f * h * h;
            float share = e[l] < d[l] ? 1.0f - half : half;

            out->color[l] = v3_mix(out->color[l], color, share);
            out->flow[l] = v3_mix(out->flow[l], q->flow, share);
            if (e[l] < d[l]) {
                out->material[l] = q->material;
            }
        }
        join(d, e, q->k, SDF_LANES);
    }
}

NN_FOR_AVX2 static void look_avx2(const struct sdf_list *list,
                                  const struct sdf_points *p,
                                  struct sdf_look *out)
{
    look(list, p, out);
}

void sdf_look(const struct sdf_list *list, const struct sdf_points *p,
              struct sdf_look *out)
{
    if (nn_cpu_flags() & NN_CPU_AVX2) {
        look_avx2(list, p, out);
    } else {
        look(list, p, out);
    }
}

static int touches(const struct prim *q, struct v3 eye, struct v3 axis,
                   float tan_half, float reach, float *near, float *far)
{
    struct v3 to = v3_sub(q->bc, eye);
    float r = q->br + q->k + reach;
    float t = v3_dot(to, axis);
    float side2 = v3_dot(to, to) - t * t;
    float limit = r * 1.05f + tan_half * sm_max(t, 0.0f);

    if (t < -r || side2 > limit * limit) {
        return 0;
    }
    *near = sm_min(*near, t - r - tan_half * sm_max(t, 0.0f));
    *far = sm_max(*far, t + r + tan_half * sm_max(t, 0.0f));
    return 1;
}

void sdf_cull(struct sdf_list *list, const struct model *model, struct v3 eye,
              struct v3 axis, float tan_half, float reach)
{
    list->model = model;
    list->n = 0;
    list->near = 1e6f;
    list->far = 0.0f;
    for (size_t i = 0; i < model->n_prims; i++) {
        if (touches(&model->prim[i], eye, axis, tan_half, reach, &list->near,
                    &list->far)) {
            list->prim[list->n++] = (uint8_t)i;
        }
    }
    list->near = sm_max(list->near, 0.02f);
}

void sdf_drop_beyond(struct sdf_list *list, struct v3 p, float reach)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++) {
        const struct prim *q = &list->model->prim[list->prim[i]];

        if (v3_len(v3_sub(q->bc, p)) - q->br - q->k < reach) {
            list->prim[n++] = list->prim[i];
        }
    }
    list->n = n;
}

void sdf_all(struct sdf_list *list, const struct model *model)
{
    list->model = model;
    list->n = model->n_prims;
    list->near = 0.0f;
    list->far = 1e6f;
    for (size_t i = 0; i < model->n_prims; i++) {
        list->prim[i] = (uint8_t)i;
    }
}
