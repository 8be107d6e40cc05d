/* What stands between the lens and the subject: grass, trunks, leaves near the
 * lens, wires. Each stroke also adds to canvas.cover. */
#include "pipelines/synth/env.h"

static void blend(struct canvas *c, int32_t x, int32_t y, struct v3 color,
                  float share)
{
    size_t i;

    if (x < 0 || y < 0 || x >= c->size || y >= c->size || share <= 0.0f) {
        return;
    }
    i = (size_t)y * (size_t)c->size + (size_t)x;
    c->rgb[3 * i] = sm_mix(c->rgb[3 * i], color.x, share);
    c->rgb[3 * i + 1] = sm_mix(c->rgb[3 * i + 1], color.y, share);
    c->rgb[3 * i + 2] = sm_mix(c->rgb[3 * i + 2], color.z, share);
    c->cover[i] = sm_mix(c->cover[i], 1.0f, share);
}

/* A bent blade from (x, y), h pixels tall, w wide at its foot. */
static void blade(struct canvas *c, float x, float y, float h, float bend,
                  float w, struct v3 color)
{
    int32_t top = sm_floor(sm_max(y - h, 0.0f));
    int32_t bottom = sm_floor(sm_min(y, (float)c->size - 1.0f));

    for (int32_t row = top; row <= bottom; row++) {
        float t = sm_clamp((y - (float)row) / h, 0.0f, 1.0f);
        float mid = x + bend * t * t, half = 0.5f * w * (1.0f - 0.8f * t);
        int32_t from = sm_floor(mid - half), to = sm_floor(mid + half);

        for (int32_t col = from; col <= to; col++) {
            float l = sm_max(mid - half, (float)col);
            float r = sm_min(mid + half, (float)col + 1.0f);

            blend(c, col, row, v3_mul(color, 0.45f + 0.65f * t),
                  sm_clamp(r - l, 0.0f, 1.0f));
        }
    }
}

static void grass(const struct scene *s, struct canvas *c)
{
    const struct cover *k = &s->cover;
    struct nn_rng r = nn_rng_make(k->seed, 1);
    int n = (int)(k->grass * 420.0f);
    float zs = s->camera.pos.z - s->subject.center.z;
    float near = sm_max(zs - 2.2f * s->subject.radius, 0.35f * zs);
    struct v3 light = v3_add(v3_mul(s->light.sun, 0.6f), s->light.sky);

    for (int i = 0; i < n; i++) { /* far blades first */
        float z =
            sm_mix(zs + 0.15f * s->subject.radius, near, (float)i / (float)n);
        float half = s->camera.tan_half * z, x, y, h;
        float tall = k->grass_height * nn_rng_range(&r, 0.35f, 1.0f);
        float bend = nn_rng_range(&r, -0.5f, 0.5f);
        struct v3 color =
            v3_mix(k->grass_color[0], k->grass_color[1], nn_rng_float(&r));
        struct v3 foot =
            v3(s->camera.pos.x + nn_rng_range(&r, -1.3f, 1.3f) * half, 0.0f,
               s->camera.pos.z - z);

        if (!(camera_project(&s->camera, foot, c->size, &x, &y) > 0.0f)) {
            continue;
        }
        h = tall / half * 0.5f * (float)c->size;
        if (s->lens.flash > 0.9f) {
            color = v3_mul(color, 1.3f);
        }
        blade(c, x, y, sm_max(h, 1.0f), bend * h,
              sm_max(0.05f * h, 0.006f * (float)c->size),
              v3_scale(color, light));
    }
}

static void trunks(const struct scene *s, struct canvas *c)
{
    for (int i = 0; i < s->cover.n_trunks; i++) {
        for (int32_t p = 0; p < c->size * c->size; p++) {
            int32_t x = p % c->size, y = p / c->size;
            struct v3 bark = v3(0, 0, 0);
            struct v3 d = camera_ray(&s->camera, (float)x + 0.5f,
                                     (float)y + 0.5f, c->size);
            float ahead = sm_max(-d.z, 0.05f);
            struct env_ray ray = {
                .a = d.x / ahead,
                .e = d.y / ahead,
                .pixel = 2.0f * s->camera.tan_half / ((float)c->size * ahead),
            };

            float share = env_trunk(s, &s->cover.trunk[i], ray, &bark);

            blend(c, x, y, bark, share);
        }
    }
}

/* Soft ellipses, far out of focus. */
static void leaves(const struct scene *s, struct canvas *c)
{
    struct nn_rng r = nn_rng_make(s->cover.seed, 2);
    float size = (float)c->size;
    struct v3 color = v3_scale(
        s->cover.leaf_color, v3_add(v3_mul(s->light.sun, 0.5f), s->light.sky));

    for (int i = 0; i < s->cover.leaves; i++) {
        int corner = (int)nn_rng_below(&r, 4);
        float cx = (corner & 1 ? 1.0f : 0.0f) + nn_rng_range(&r, -0.3f, 0.3f);
        float cy = (corner & 2 ? 1.0f : 0.0f) + nn_rng_range(&r, -0.3f, 0.3f);
        float rx = nn_rng_range(&r, 0.05f, 0.22f);
        float ry = nn_rng_range(&r, 0.03f, 0.1f);
        float co = sm_cos(nn_rng_range(&r, 0.0f, 3.0f));
        float si = sqrtf(sm_max(1.0f - co * co, 0.0f));
        struct v3 k = v3_mul(color, nn_rng_range(&r, 0.5f, 1.3f));

        for (int32_t y = 0; y < c->size; y++) {
            for (int32_t x = 0; x < c->size; x++) {
                float dx = ((float)x + 0.5f) / size - cx;
                float dy = ((float)y + 0.5f) / size - cy;
                float u = (dx * co + dy * si) / rx;
                float v = (dy * co - dx * si) / ry;
                float d = u * u + v * v;

                if (d < 1.0f) {
                    blend(c, x, y, k, 0.9f * sm_step(1.0f, 0.35f, d));
                }
            }
        }
    }
}

static void bars(const struct scene *s, struct canvas *c)
{
    struct nn_rng r = nn_rng_make(s->cover.seed, 3);
    float size = (float)c->size, gap = nn_rng_range(&r, 0.08f, 0.2f) * size;
    float w = nn_rng_range(&r, 0.006f, 0.02f) * size;
    float slope = nn_rng_chance(&r, 0.5f) ? 1.0f : 0.0f;
    struct v3 k = v3_mul(s->light.sky, nn_rng_range(&r, 0.08f, 0.5f));

    for (int32_t y = 0; y < c->size; y++) {
        for (int32_t x = 0; x < c->size; x++) {
            float u = ((float)x + slope * (float)y) / gap;
            float v = ((float)x - slope * (float)y) / gap;
            float du, dv;

            u -= (float)sm_floor(u);
            v -= (float)sm_floor(v);
            du = sm_min(u, 1.0f - u) * gap;
            dv = slope > 0.0f ? sm_min(v, 1.0f - v) * gap : du;
            blend(c, x, y, k,
                  sm_clamp(0.5f * w + 0.5f - sm_min(du, dv), 0.0f, 1.0f));
        }
    }
}

void cover_draw(const struct scene *s, struct canvas *c)
{
    if (s->cover.grass > 0.0f) {
        grass(s, c);
    }
    trunks(s, c);
    if (s->cover.leaves > 0) {
        leaves(s, c);
    }
    if (s->cover.bars) {
        bars(s, c);
    }
}
