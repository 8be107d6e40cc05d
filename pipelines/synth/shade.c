#include "pipelines/synth/scene.h"

static struct v3 paint_color(const struct model *m, const struct shade_point *h)
{
    struct v3 color = h->color;

    for (size_t i = 0; i < m->n_paints; i++) {
        const struct paint *q = &m->paint[i];
        struct v3 d;
        float r, amount;

        if ((q->on >> h->mat_index & 1u) == 0) {
            continue;
        }
        d = v3_scale(m3_apply(q->m, v3_sub(h->p, q->c)), q->inv);
        r = v3_len(d);
        if (r > 1.6f) {
            continue;
        }
        if (q->ragged > 0.0f) {
            r += q->ragged * (sm_noise3(v3_mul(d, 4.0f), m->seed + 77u) - 0.5f);
        }
        amount = q->strength * sm_step(1.0f + 0.5f * q->edge + 0.02f,
                                       1.0f - 0.5f * q->edge, r);
        color = v3_mix(color, q->color, amount);
    }
    return color;
}

/* How much of a noise with `freq` cells a metre survives at this distance. */
static float detail(const struct shade_point *h, float freq)
{
    return sm_clamp(1.3f - 1.6f * h->pixel * freq, 0.0f, 1.0f);
}

static struct v3 fur_color(const struct model *m, const struct shade_point *h,
                           struct v3 base, float *relief)
{
    const struct material *mat = h->mat;
    struct v3 q = v3_mad(h->p, -0.82f * v3_dot(h->p, h->flow), h->flow);
    float fine = mat->grain * detail(h, mat->freq * 0.6f);
    float strand = sm_noise3(v3_mul(q, mat->freq), m->seed);
    float clump = sm_fbm3(v3_mul(q, mat->freq * 0.22f), 2, m->seed + 5u);
    float s = fine * (strand - 0.5f), c = mat->grain * (clump - 0.5f);
    struct v3 color = v3_mul(base, 1.0f + 0.9f * s + 0.9f * c);
    float tips = mat->tip_amount *
                 sm_step(0.25f, 0.85f, 0.5f + s + 1.2f * c + 0.35f * h->n.y);

    *relief = 1.0f + 0.9f * s + 0.6f * c;
    return v3_mix(color, mat->tip, tips);
}

static struct v3 rough_color(const struct model *m, const struct shade_point *h,
                             struct v3 base, float *relief)
{
    const struct material *mat = h->mat;
    float f = mat->freq, n, fine;

    switch (mat->surface) {
    case SURF_PLUSH:
        n = sm_noise3(v3_mul(h->p, f), m->seed) - 0.5f;
        fine = sm_noise3(v3_mul(h->p, 2.3f * f), m->seed + 1u) - 0.5f;
        n = mat->grain * (n * detail(h, f) + fine * detail(h, 2.0f * f));
        *relief = 1.0f + 0.8f * n;
        return v3_mul(base, 1.0f + 0.5f * n);
    case SURF_CLOTH:
        n = sm_noise3(v3_mul(h->p, f), m->seed) - 0.5f;
        fine = sm_fbm3(v3_mul(h->p, f * 0.12f), 2, m->seed + 1u) - 0.5f;
        *relief = 1.0f + mat->grain * (1.6f * fine + 0.5f * n * detail(h, f));
        return v3_mul(base, 1.0f + 0.3f * mat->grain * n);
    case SURF_ROCK:
        n = sm_fbm3(v3_mul(h->p, f), 4, m->seed) - 0.5f;
        fine = sm_fbm3(v3_mul(h->p, f * 4.0f), 2, m->seed + 9u) - 0.5f;
        *relief = 1.0f + mat->grain * (1.4f * n + 0.7f * fine);
        return v3_mix(v3_mul(base, 1.0f + mat->grain * (n + fine)), mat->tip,
                      mat->tip_amount *
                          sm_step(0.45f, 0.75f, 0.5f + n + 0.3f * h->n.y));
    case SURF_BARK:
        n = sm_noise3(v3(h->p.x * f, h->p.y * f * 0.2f, h->p.z * f), m->seed);
        fine = sm_fbm3(v3_mul(h->p, f * 0.6f), 2, m->seed + 9u) - 0.5f;
        n = sm_abs(n - 0.5f) * 2.0f;
        *relief = 1.0f + mat->grain * (1.2f * (n - 0.5f) + fine);
        return v3_mix(v3_mul(base, 0.6f + 0.8f * n), mat->tip,
                      mat->tip_amount * sm_step(0.45f, 0.7f, 0.5f + fine));
    default:
        n = sm_noise3(v3_mul(h->p, f), m->seed) - 0.5f;
        *relief = 1.0f;
        return v3_mul(base, 1.0f + mat->grain * n);
    }
}

static struct v3 cut_color(const struct shade_point *h, struct v3 base,
                           float *relief)
{
    float r = sqrtf(h->p.x * h->p.x + h->p.z * h->p.z) * h->mat->freq;
    float wobble = sm_noise3(v3_mul(h->p, h->mat->freq * 0.3f), 3u);
    float ring = sm_sin(6.0f * (r + wobble));

    *relief = 1.0f;
    return v3_mul(base, 1.0f + 0.25f * ring * detail(h, h->mat->freq));
}

static struct v3 highlight(const struct scene *s, const struct shade_point *h,
                           float relief)
{
    struct v3 half = v3_norm(v3_add(h->view, s->light.dir));
    float g = h->mat->gloss, nh = sm_max(v3_dot(h->n, half), 0.0f);
    float up =
        0.5f + 0.5f * v3_dot(h->n, v3_norm(v3_add(h->view, v3(0, 1.2f, 0))));
    float sharp = nh * nh;

    for (int i = 0; i < 2 + (int)(g * 3.0f); i++) {
        sharp *= sharp;
    }
    up *= up;
    up *= up * up;
    return v3_add(
        v3_mul(s->light.sun, g * (0.15f + g) * sharp * h->sun),
        v3_mul(s->light.sky, 0.17f * g * up * h->ao * relief * relief));
}

struct v3 shade(const struct scene *s, const struct shade_point *h)
{
    const struct light *lt = &s->light;
    enum surface kind = h->mat->surface;
    int hairy = kind == SURF_FUR || kind == SURF_PLUSH;
    struct v3 color = paint_color(&s->subject, h), light;
    float relief = 1.0f, wrap = hairy ? 0.25f : 0.05f;
    float nl = (v3_dot(h->n, lt->dir) + wrap) / (1.0f + wrap);
    float nv = sm_clamp(v3_dot(h->n, h->view), 0.0f, 1.0f);
    float rim = (1.0f - nv) * (1.0f - nv), up = 0.5f + 0.5f * h->n.y;

    if (kind == SURF_FUR) {
        color = fur_color(&s->subject, h, color, &relief);
    } else if (kind == SURF_CUT) {
        color = cut_color(h, color, &relief);
    } else {
        color = rough_color(&s->subject, h, color, &relief);
    }
    nl = sm_max(nl, 0.0f) * h->sun * sm_max(relief, 0.0f);
    light = v3_add(v3_mul(lt->sun, nl),
                   v3_mul(v3_mix(lt->bounce, lt->sky, up),
                          h->ao * (0.35f + 0.65f * sm_max(relief, 0.0f))));
    color = v3_scale(
        v3(sm_max(color.x, 0.0f), sm_max(color.y, 0.0f), sm_max(color.z, 0.0f)),
        light);
    if (hairy) {
        /* light caught by the pile where it is seen from the side */
        float catch = (kind == SURF_PLUSH ? 0.5f : 0.25f) * rim * relief;

        color = v3_add(color,
                       v3_scale(v3_mix(h->color, v3(0.2f, 0.2f, 0.2f), 0.15f),
                                v3_mul(light, catch)));
    }
    if (h->mat->gloss > 0.0f) {
        color = v3_add(color, highlight(s, h, relief));
    }
    return color;
}
