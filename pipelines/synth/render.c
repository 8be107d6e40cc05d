#include "common/base/mem.h"
#include "pipelines/synth/blur.h"
#include "pipelines/synth/scene.h"

/* Lay the subject over the background. */
static void compose(struct canvas *c)
{
    size_t n = (size_t)c->size * (size_t)c->size;

    for (size_t i = 0; i < n; i++) {
        const float *l = c->layer + 4 * i;

        for (size_t k = 0; k < 3; k++) {
            c->rgb[3 * i + k] = c->rgb[3 * i + k] * (1.0f - l[3]) + l[k];
        }
    }
}

/* Area, box and visible share from what is left of the subject's alpha. */
static void measure(const struct scene *s, const struct canvas *c,
                    uint8_t *mask, struct synth_truth *t)
{
    int32_t size = c->size, x0 = size, y0 = size, x1 = 0, y1 = 0, side;
    float seen = 0.0f, whole, pixels = (float)size * (float)size;

    for (int32_t y = 0; y < size; y++) {
        for (int32_t x = 0; x < size; x++) {
            size_t i = (size_t)y * (size_t)size + (size_t)x;
            float a = c->layer[4 * i + 3] * (1.0f - c->cover[i]);

            seen += a;
            if (mask != NULL) {
                mask[i] = (uint8_t)(255.0f * a + 0.5f);
            }
            if (a > 0.25f) {
                x0 = x < x0 ? x : x0;
                y0 = y < y0 ? y : y0;
                x1 = x + 1 > x1 ? x + 1 : x1;
                y1 = y + 1 > y1 ? y + 1 : y1;
            }
        }
    }
    if (x1 <= x0) {
        return;
    }
    t->box[0] = x0;
    t->box[1] = y0;
    t->box[2] = x1;
    t->box[3] = y1;
    side = x1 - x0 > y1 - y0 ? x1 - x0 : y1 - y0;
    t->extent = (float)side / (float)size;
    t->area = sm_min(seen / pixels, 1.0f);
    whole = march_whole_area(s, size);
    t->visible = whole > 0.0f ? sm_min(seen / whole, 1.0f) : 0.0f;
}

static void draw(const struct scene *s, struct canvas *c, uint8_t *rgb,
                 uint8_t *mask, struct synth_truth *truth)
{
    if (s->env.place == PLACE_TEXTURE) {
        texture_draw(s, c);
    } else {
        env_draw(s, c);
        blur_gauss(c->rgb, c->tmp, c->size, s->lens.blur_back * (float)c->size);
        if (s->has_subject) {
            march_draw(s, c);
            compose(c);
        }
        cover_draw(s, c);
    }
    *truth = s->truth;
    if (s->has_subject) {
        measure(s, c, mask, truth);
    } else if (mask != NULL) {
        memset(mask, 0, (size_t)c->size * (size_t)c->size);
    }
    lens_apply(s, c, rgb);
}

enum nn_status synth_render(uint64_t seed, uint64_t index,
                            const struct synth_options *opt, int32_t size,
                            uint8_t *rgb, uint8_t *mask,
                            struct synth_truth *truth, struct nn_error *err)
{
    struct synth_truth own;
    struct scene *s = NULL;
    struct canvas c = { .size = size };
    enum nn_status st = NN_OK;
    size_t n;

    if (size < SYNTH_SIZE_MIN || size > SYNTH_SIZE_MAX) {
        return nn_fail(err, NN_ERR_ARG, "image size %d is not in %d..%d",
                       (int)size, SYNTH_SIZE_MIN, SYNTH_SIZE_MAX);
    }
    n = (size_t)size * (size_t)size;
    s = nn_mem_calloc(1, sizeof *s);
    c.rgb = nn_mem_calloc(11 * n, sizeof *c.rgb);
    if (s == NULL || c.rgb == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    c.tmp = c.rgb + 3 * n;
    c.layer = c.tmp + 3 * n;
    c.cover = c.layer + 4 * n;
    scene_draw_up(s, seed, index, opt);
    draw(s, &c, rgb, mask, truth != NULL ? truth : &own);
out:
    nn_mem_free(c.rgb);
    nn_mem_free(s);
    return st;
}
