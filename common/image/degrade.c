#include "common/image/augment_internal.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/image/resize_internal.h"

static uint8_t tap3(uint32_t a, uint32_t b, uint32_t c, uint32_t t)
{
    return (uint8_t)(((a + c) * t + b * (256 - 2 * t) + 128) >> 8);
}

static void blur_rows(const uint8_t *in, uint8_t *out, size_t row, size_t h,
                      uint32_t t)
{
    for (size_t y = 0; y < h; y++, in += row, out += row) {
        size_t last = row - 3;

        for (size_t c = 0; c < 3; c++) {
            out[c] = tap3(in[c], in[c], in[row > 3 ? c + 3 : c], t);
            out[last + c] = tap3(in[row > 3 ? last + c - 3 : c], in[last + c],
                                 in[last + c], t);
        }
        for (size_t i = 3; i < last; i++) {
            out[i] = tap3(in[i - 3], in[i], in[i + 3], t);
        }
    }
}

static void blur_columns(const uint8_t *in, uint8_t *out, size_t row, size_t h,
                         uint32_t t)
{
    for (size_t y = 0; y < h; y++) {
        const uint8_t *mid = in + y * row;
        const uint8_t *up = y > 0 ? mid - row : mid;
        const uint8_t *down = y + 1 < h ? mid + row : mid;

        for (size_t i = 0; i < row; i++) {
            out[y * row + i] = tap3(up[i], mid[i], down[i], t);
        }
    }
}

void nn_blur(uint8_t *rgb, uint8_t *tmp, int32_t w, int32_t h, uint32_t t)
{
    size_t row = (size_t)w * 3;

    for (int pass = 0; pass < 2; pass++) {
        blur_rows(rgb, tmp, row, (size_t)h, t);
        blur_columns(tmp, rgb, row, (size_t)h, t);
    }
}

void nn_flip(uint8_t *rgb, int32_t w, int32_t h)
{
    for (int32_t y = 0; y < h; y++) {
        uint8_t *a = rgb + (size_t)y * (size_t)w * 3;
        uint8_t *b = a + ((size_t)w - 1) * 3;

        for (; a < b; a += 3, b -= 3) {
            for (int c = 0; c < 3; c++) {
                uint8_t v = a[c];

                a[c] = b[c];
                b[c] = v;
            }
        }
    }
}

/* Turning reads pixels at places in 1/65536 of a pixel. */
#define POS_BITS 16

static int32_t clamp_index(int64_t v, int32_t n)
{
    return v < 0 ? 0 : v >= n ? n - 1 : (int32_t)v;
}

static void sample(const struct nn_image *src, int64_t x, int64_t y,
                   uint8_t *out)
{
    int64_t px = x >> POS_BITS, py = y >> POS_BITS;
    uint32_t fx = (uint32_t)(x >> (POS_BITS - 8)) & 255;
    uint32_t fy = (uint32_t)(y >> (POS_BITS - 8)) & 255;
    size_t row = (size_t)src->w * 3;
    size_t x0 = (size_t)clamp_index(px, src->w) * 3;
    size_t x1 = (size_t)clamp_index(px + 1, src->w) * 3;
    const uint8_t *a = src->rgb + row * (size_t)clamp_index(py, src->h);
    const uint8_t *b = src->rgb + row * (size_t)clamp_index(py + 1, src->h);

    for (size_t c = 0; c < 3; c++) {
        uint32_t top = a[x0 + c] * (256 - fx) + a[x1 + c] * fx;
        uint32_t bottom = b[x0 + c] * (256 - fx) + b[x1 + c] * fx;

        out[c] = (uint8_t)((top * (256 - fy) + bottom * fy + 32768) >> 16);
    }
}

static int64_t to_pos(double v)
{
    v = v * (1 << POS_BITS) + (v < 0 ? -0.5 : 0.5);
    return (int64_t)v;
}

/* Sides of the upright box that a turned one fits in, cut to the image. */
static struct nn_box enclose(const struct nn_image *src, struct nn_box box,
                             double s, double c)
{
    double as = s < 0 ? -s : s, ac = c < 0 ? -c : c;
    double w = (double)box.w * ac + (double)box.h * as;
    double h = (double)box.w * as + (double)box.h * ac;
    double x0 = (double)box.x + ((double)box.w - w) / 2;
    double y0 = (double)box.y + ((double)box.h - h) / 2;
    double x1 = x0 + w < src->w ? x0 + w : src->w;
    double y1 = y0 + h < src->h ? y0 + h : src->h;

    x0 = x0 > 0 ? x0 : 0;
    y0 = y0 > 0 ? y0 : 0;
    return (struct nn_box){ (float)x0, (float)y0, (float)(x1 - x0),
                            (float)(y1 - y0) };
}

enum nn_status nn_rotate(const struct nn_image *src, struct nn_box box,
                         double turns, uint8_t *rgb, int32_t size)
{
    struct nn_image big = NN_IMAGE_INIT;
    double s, c;

    nn_sincos_turns(turns, &s, &c);
    /* the neighbourhood of the box at the scale of the result: reducing it
     * first is what keeps the result free of aliasing */
    struct nn_box all = enclose(src, box, s, c);
    double sx = size / (double)box.w, sy = size / (double)box.h;
    int32_t w = (int32_t)((double)all.w * sx + 0.5);
    int32_t h = (int32_t)((double)all.h * sy + 0.5);
    enum nn_status st = nn_image_create(&big, w > 1 ? w : 1, h > 1 ? h : 1);

    if (st) {
        return st;
    }
    st = nn_image_resize(src, all, NN_FILTER_BILINEAR, &big);
    if (st) {
        goto out;
    }
    sx = big.w / (double)all.w;
    sy = big.h / (double)all.h;
    double cx = ((double)box.x + (double)box.w / 2 - (double)all.x) * sx;
    double cy = ((double)box.y + (double)box.h / 2 - (double)all.y) * sy;
    /* one output pixel to the right, and one down, in pixels of big */
    double px = (double)box.w / size, py = (double)box.h / size;
    double rx = c * px * sx, ry = s * px * sy;
    double dx = -s * py * sx, dy = c * py * sy, half = (size - 1) / 2.0;
    double ox = cx - half * (rx + dx) - 0.5, oy = cy - half * (ry + dy) - 0.5;

    for (int32_t y = 0; y < size; y++) {
        int64_t x0 = to_pos(ox + y * dx), y0 = to_pos(oy + y * dy);
        int64_t stepx = to_pos(rx), stepy = to_pos(ry);

        for (int32_t x = 0; x < size; x++) {
            sample(&big, x0 + x * stepx, y0 + x * stepy, rgb);
            rgb += 3;
        }
    }
out:
    nn_image_release(&big);
    return st;
}
