#include "pipelines/synth/env.h"

struct ground_light ground_light_at(const struct scene *s, struct v3 p)
{
    const struct model *m = &s->subject;
    struct ground_light g = { 1.0f, 1.0f };
    struct v3 l = s->light.dir, d = v3_sub(p, m->center);
    float reach = 4.0f * m->radius;

    if (!s->has_subject || v3_dot(d, d) > reach * reach) {
        return g;
    }
    for (size_t i = 0; i < m->n_prims; i++) {
        const struct prim *q = &m->prim[i];
        struct v3 oc = v3_sub(q->bc, p);
        float r = q->kind == PRIM_ELLIPSOID ? 0.34f * (q->s.x + q->s.y + q->s.z)
                                            : 0.8f * q->br;
        float b = v3_dot(oc, l), d2 = v3_dot(oc, oc), side, soft;

        if (r < 0.12f * m->radius) {
            continue;
        }
        if (b > 0.0f) {
            side = sqrtf(sm_max(d2 - b * b, 0.0f));
            soft = 0.25f * r + 0.12f * b;
            g.sun *= sm_step(r - soft, r + soft, side);
        }
        if (oc.y > 0.0f) {
            float share = r * r * oc.y / (d2 * sqrtf(d2) + 1e-6f);

            g.sky *= 1.0f - sm_min(0.75f * share, 0.75f);
        } else {
            g.sky *= 1.0f - 0.7f * sm_step(1.6f * r, 0.6f * r, sqrtf(d2));
        }
    }
    g.sky = sm_max(g.sky, 0.18f);
    return g;
}

struct v3 env_lit(const struct scene *s, struct v3 albedo, struct v3 p)
{
    struct ground_light g = ground_light_at(s, p);
    struct v3 light =
        v3_add(v3_mul(s->light.sun, sm_max(s->light.dir.y, 0.0f) * g.sun),
               v3_mul(s->light.sky, g.sky));

    if (s->lens.flash > 0.0f) { /* a lamp at the camera fades with distance */
        float far = v3_len(v3_sub(p, s->camera.pos));
        float near = v3_len(v3_sub(s->subject.focus, s->camera.pos));

        light = v3_mad(light,
                       s->lens.flash * 0.4f *
                           sm_min(near * near / (far * far), 2.0f),
                       v3(1, 1, 1));
    }
    return v3_scale(albedo, light);
}

struct v3 env_lit_wall(const struct scene *s, struct v3 albedo, float facing)
{
    float sun = sm_max(s->light.dir.z, 0.0f) * 0.8f + 0.1f;

    if (s->lens.flash > 0.9f) {
        sun *= 0.12f;
    }
    return v3_scale(albedo, v3_mul(v3_add(v3_mul(s->light.sun, sun),
                                          v3_mul(s->light.sky, 0.75f)),
                                   facing));
}

struct v3 env_fog(const struct scene *s, struct v3 color, float ahead)
{
    float clear = sm_exp2(-s->env.fog * ahead * (1.0f / 50.0f));

    return v3_mix(s->env.fog_color, color, clear);
}

float env_trunk(const struct scene *s, const struct trunk *t,
                struct env_ray ray, struct v3 *color)
{
    float y = s->camera.pos.y + ray.e * t->z;
    float x = s->camera.pos.x + ray.a * t->z - t->x - t->lean * y;
    float r = t->r, jag, u, edge = ray.pixel * t->z, n;
    struct v3 bark =
        t->birch ? v3(0.62f, 0.6f, 0.55f) : v3(0.09f, 0.065f, 0.045f);

    if (y < 0.0f) {
        return 0.0f;
    }
    if (t->fir) {
        float h = 16.0f * (t->r + 0.15f), level = sm_max(1.0f - y / h, 0.0f);
        float tooth = y * 2.2f - (float)sm_floor(y * 2.2f);

        jag = sm_noise2(x * 6.0f, y * 9.0f, t->seed);
        r = h * 0.22f * level * (1.15f - 0.5f * tooth) * (0.75f + 0.5f * jag);
        if (y < 0.4f) {
            r = t->r * 0.5f;
        }
        bark = v3(0.025f + 0.04f * jag, 0.045f + 0.05f * jag, 0.03f);
        if (s->env.place == PLACE_SNOW && jag > 0.55f) {
            bark = v3(0.7f, 0.75f, 0.8f);
        }
        edge += 0.04f;
    } else {
        r *= 1.0f + 0.5f * sm_exp2(-6.0f * y);
    }
    if (sm_abs(x) > r + edge) {
        return 0.0f;
    }
    u = x / sm_max(r, 1e-3f);
    n = sm_noise2(u * 5.0f, y * (t->birch ? 5.0f : 2.0f), t->seed + 3u);
    if (t->birch && n > 0.7f) {
        bark = v3(0.05f, 0.045f, 0.04f);
    } else if (!t->fir) {
        bark = v3_mul(bark, 0.55f + 0.9f * n);
    }
    u = 1.0f - 0.55f * u * u +
        0.45f * u * (s->light.dir.x > 0.0f ? 1.0f : -1.0f);
    *color = env_fog(s, env_lit_wall(s, bark, sm_max(u, 0.1f) * 0.9f), t->z);
    return sm_clamp((r - sm_abs(x)) / edge + 0.5f, 0.0f, 1.0f);
}

static void draw_pixel(const struct scene *s, struct env_ray ray, float *out)
{
    struct v3 c = place_is_outdoors(s->env.place) ? env_outdoors(s, ray)
                                                  : env_indoors(s, ray);

    for (int i = 0; i < s->env.n_trunks; i++) {
        struct v3 bark = v3(0, 0, 0);
        float share = env_trunk(s, &s->env.trunk[i], ray, &bark);

        if (share > 0.0f) {
            c = v3_mix(c, bark, share);
        }
    }
    out[0] = c.x;
    out[1] = c.y;
    out[2] = c.z;
}

void env_draw(const struct scene *s, struct canvas *c)
{
    for (int32_t y = 0; y < c->size; y++) {
        for (int32_t x = 0; x < c->size; x++) {
            struct v3 d = camera_ray(&s->camera, (float)x + 0.5f,
                                     (float)y + 0.5f, c->size);
            float ahead = sm_max(-d.z, 0.05f);
            struct env_ray ray = {
                .a = d.x / ahead,
                .e = d.y / ahead,
                .pixel = 2.0f * s->camera.tan_half / ((float)c->size * ahead),
            };

            draw_pixel(s, ray,
                       c->rgb + 3 * ((size_t)y * (size_t)c->size + (size_t)x));
        }
    }
}
