#include "common/image/augment_internal.h"

#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/image/image_internal.h"
#include "common/image/resize_internal.h"

#define CROP_TRIES 10

struct nn_augment nn_augment_none(void)
{
    return (struct nn_augment){
        .crop_min = 1,
        .crop_max = 1,
        .aspect = 1,
        .lowres_min = 1,
        .jpeg_min = 100,
    };
}

struct nn_augment nn_augment_defaults(void)
{
    return (struct nn_augment){
        .crop_min = 0.35f,
        .crop_max = 1,
        .aspect = 1.33f,
        .flip = 0.5f,
        .brightness = 0.3f,
        .contrast = 0.3f,
        .saturation = 0.3f,
        .hue = 0.03f,
        .grey = 0.05f,
        .lowres = 0.25f,
        .lowres_min = 0.25f,
        .jpeg = 0.2f,
        .jpeg_min = 30,
        .blur = 0.1f,
        .erase = 0.25f,
    };
}

int nn_augment_without(struct nn_augment *a, const char *step)
{
    if (strcmp(step, "crop") == 0) {
        a->crop_min = a->crop_max = a->aspect = 1;
    } else if (strcmp(step, "flip") == 0) {
        a->flip = 0;
    } else if (strcmp(step, "colour") == 0) {
        a->brightness = a->contrast = a->saturation = a->hue = a->grey = 0;
    } else if (strcmp(step, "lowres") == 0) {
        a->lowres = 0;
    } else if (strcmp(step, "jpeg") == 0) {
        a->jpeg = 0;
    } else if (strcmp(step, "blur") == 0) {
        a->blur = 0;
    } else if (strcmp(step, "erase") == 0) {
        a->erase = 0;
    } else {
        return -1;
    }
    return 0;
}

static int in_unit(float v)
{
    return v >= 0 && v <= 1;
}

static int is_valid(const struct nn_augment *a)
{
    return a->crop_min > 0 && a->crop_min <= a->crop_max && a->crop_max <= 1 &&
           a->aspect >= 1 && a->aspect <= 100 && in_unit(a->flip) &&
           a->rotate >= 0 && a->rotate <= 180 && in_unit(a->brightness) &&
           in_unit(a->contrast) && in_unit(a->saturation) && a->hue >= 0 &&
           a->hue <= 0.5f && in_unit(a->grey) && in_unit(a->infrared) &&
           in_unit(a->lowres) && a->lowres_min > 0 && a->lowres_min <= 1 &&
           in_unit(a->jpeg) && a->jpeg_min >= 1 && a->jpeg_min <= 100 &&
           in_unit(a->blur) && in_unit(a->erase);
}

/* A ratio in [1/most, most], as often below one as above. */
static float draw_ratio(struct nn_rng *rng, float max)
{
    float v = nn_rng_range(rng, -1, 1) * (max - 1);

    return v < 0 ? 1 / (1 - v) : 1 + v;
}

/* The random resized crop of Szegedy et al. (arXiv 1409.4842), as torchvision
 * words it: area and aspect ratio are drawn until the box fits; if none does,
 * the largest centred box whose ratio is allowed. */
static struct nn_box draw_crop(const struct nn_augment *a, struct nn_rng *rng,
                               const struct nn_image *src)
{
    float w = (float)src->w, h = (float)src->h;

    if (a->crop_min >= 1) {
        return (struct nn_box){ 0, 0, w, h };
    }
    for (int i = 0; i < CROP_TRIES; i++) {
        float area = w * h * nn_rng_range(rng, a->crop_min, a->crop_max);
        float ratio = draw_ratio(rng, a->aspect);
        float bw = sqrtf(area * ratio), bh = sqrtf(area / ratio);
        float fx = nn_rng_float(rng), fy = nn_rng_float(rng);

        if (bw <= w && bh <= h) {
            return (struct nn_box){ fx * (w - bw), fy * (h - bh), bw, bh };
        }
    }
    float bw = w < h * a->aspect ? w : h * a->aspect;
    float bh = h < w * a->aspect ? h : w * a->aspect;

    return (struct nn_box){ (w - bw) / 2, (h - bh) / 2, bw, bh };
}

static float draw_factor(struct nn_rng *rng, float spread)
{
    return spread > 0 ? 1 + nn_rng_range(rng, -spread, spread) : 1;
}

static void jitter_colour(const struct nn_augment *a, struct nn_rng *rng,
                          uint8_t *rgb, int32_t size)
{
    struct nn_colour c = {
        .brightness = (double)draw_factor(rng, a->brightness),
        .contrast = (double)draw_factor(rng, a->contrast),
        .saturation = (double)draw_factor(rng, a->saturation),
        .hue = (double)(draw_factor(rng, a->hue) - 1),
    };
    int grey = a->grey > 0 && nn_rng_chance(rng, a->grey);

    if (grey) {
        c.saturation = 0;
    }
    if (grey || a->brightness > 0 || a->contrast > 0 || a->saturation > 0 ||
        a->hue > 0) {
        nn_colour_apply(&c, rgb, (size_t)size * (size_t)size);
    }
}

/* Random erasing, Zhong et al. (arXiv 1708.04896), with one random colour. */
static void erase_box(struct nn_rng *rng, uint8_t *rgb, int32_t size)
{
    float area = nn_rng_range(rng, 0.02f, 0.25f), ratio = draw_ratio(rng, 3);
    int32_t w = (int32_t)((float)size * sqrtf(area * ratio) + 0.5f);
    int32_t h = (int32_t)((float)size * sqrtf(area / ratio) + 0.5f);

    w = w < 1 ? 1 : w < size ? w : size;
    h = h < 1 ? 1 : h < size ? h : size;
    int32_t x = (int32_t)nn_rng_below(rng, (uint32_t)(size - w + 1));
    int32_t y = (int32_t)nn_rng_below(rng, (uint32_t)(size - h + 1));
    uint64_t colour = nn_rng_u64(rng);

    for (int32_t r = y; r < y + h; r++) {
        uint8_t *p = rgb + ((size_t)r * (size_t)size + (size_t)x) * 3;

        for (int32_t i = 0; i < w; i++, p += 3) {
            p[0] = (uint8_t)colour;
            p[1] = (uint8_t)(colour >> 8);
            p[2] = (uint8_t)(colour >> 16);
        }
    }
}

/* Crop, turn and reduce into a side x side image. */
static enum nn_status take_view(const struct nn_augment *a, struct nn_rng *rng,
                                const struct nn_image *src, int32_t side,
                                uint8_t *rgb)
{
    struct nn_box box = draw_crop(a, rng, src);

    if (a->rotate > 0) {
        float degrees = nn_rng_range(rng, -a->rotate, a->rotate);

        return nn_rotate(src, box, (double)degrees / 360, rgb, side);
    }
    return nn_resize_into(src, box, NN_FILTER_BILINEAR, rgb, (size_t)side * 3,
                          side, side);
}

static int32_t draw_side(const struct nn_augment *a, struct nn_rng *rng,
                         int32_t size)
{
    if (a->lowres > 0 && nn_rng_chance(rng, a->lowres)) {
        float share = nn_rng_range(rng, a->lowres_min, 1);
        int32_t side = (int32_t)((float)size * share + 0.5f);

        return side < 1 ? 1 : side < size ? side : size;
    }
    return size;
}

/* Geometry, with the loss of resolution folded in: the view is made small
 * and then enlarged. tmp has room for the view. */
static enum nn_status make_view(const struct nn_augment *a, struct nn_rng *rng,
                                const struct nn_image *src, int32_t size,
                                uint8_t *rgb, uint8_t *tmp)
{
    int32_t side = draw_side(a, rng, size);

    if (side == size) {
        return take_view(a, rng, src, size, rgb);
    }
    struct nn_image small = { side, side, tmp };
    struct nn_box all = { 0, 0, (float)side, (float)side };
    enum nn_status st = take_view(a, rng, src, side, tmp);

    if (st) {
        return st;
    }
    return nn_resize_into(&small, all, NN_FILTER_BILINEAR, rgb,
                          (size_t)size * 3, size, size);
}

enum nn_status nn_augment_apply(const struct nn_augment *a, struct nn_rng *rng,
                                const struct nn_image *src, int32_t size,
                                uint8_t *rgb)
{
    if (!is_valid(a) || size < 1 || src->w < 1 || src->h < 1) {
        return NN_ERR_ARG;
    }
    uint8_t *tmp = nn_mem_realloc(NULL, (size_t)size * (size_t)size, 3);

    if (!tmp) {
        return NN_ERR_NOMEM;
    }
    enum nn_status st = make_view(a, rng, src, size, rgb, tmp);

    if (st) {
        goto out;
    }
    if (a->flip > 0 && nn_rng_chance(rng, a->flip)) {
        nn_flip(rgb, size, size);
    }
    if (a->blur > 0 && nn_rng_chance(rng, a->blur)) {
        nn_blur(rgb, tmp, size, size, 13 + nn_rng_below(rng, 52));
    }
    jitter_colour(a, rng, rgb, size);
    if (a->infrared > 0 && nn_rng_chance(rng, a->infrared)) {
        nn_infrared(rng, rgb, size);
    }
    if (a->jpeg > 0 && nn_rng_chance(rng, a->jpeg)) {
        uint32_t span = (uint32_t)(101 - a->jpeg_min);

        st = nn_jpeg_round_trip(rgb, size, size,
                                a->jpeg_min + (int)nn_rng_below(rng, span));
        if (st) {
            goto out;
        }
    }
    if (a->erase > 0 && nn_rng_chance(rng, a->erase)) {
        erase_box(rng, rgb, size);
    }
out:
    nn_mem_free(tmp);
    return st;
}
