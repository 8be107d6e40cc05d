#include "common/image/image_internal.h"

#include <string.h>

enum nn_status nn_header_exif(struct nn_image_header *head, const uint8_t *data,
                              size_t size)
{
    int orientation = 0;
    enum nn_status st =
        nn_shot_read(data, size, &head->info.shot, &orientation);

    if (orientation > 0 && !head->oriented) {
        head->info.orientation = orientation;
        head->oriented = 1;
    }
    return st;
}

/* tiff:Orientation as an attribute, ="6", or as an element, >6<. */
void nn_header_xmp(struct nn_image_header *head, const uint8_t *data,
                   size_t size)
{
    static const char tag[] = "tiff:Orientation";
    const size_t n = sizeof(tag) - 1;
    const uint8_t *end = data + size;
    const uint8_t *p = head->oriented ? NULL : memmem(data, size, tag, n);

    if (!p) {
        return;
    }
    p += n;
    while (p < end &&
           (*p == '=' || *p == '"' || *p == '\'' || *p == '>' || *p == ' ')) {
        p++;
    }
    if (end - p >= 2 && p[0] >= '1' && p[0] <= '8' &&
        (p[1] == '"' || p[1] == '\'' || p[1] == '<')) {
        head->info.orientation = p[0] - '0';
    }
}

/* Where the upright image's pixels lie in the stored one: the corner its
 * first pixel comes from, and whether its rows run along stored columns. */
static const struct turn {
    unsigned right : 1, bottom : 1, swap : 1;
} turns[9] = {
    [1] = { 0, 0, 0 }, [2] = { 1, 0, 0 }, [3] = { 1, 1, 0 }, [4] = { 0, 1, 0 },
    [5] = { 0, 0, 1 }, [6] = { 0, 1, 1 }, [7] = { 1, 1, 1 }, [8] = { 1, 0, 1 },
};

#define TILE 32 /* rows and columns turned together: both stay in cache */

static void turn_tile(const uint8_t *from, ptrdiff_t dx, ptrdiff_t dy,
                      uint8_t *to, size_t stride, int32_t w, int32_t h)
{
    for (int32_t y = 0; y < h; y++) {
        const uint8_t *p = from + dy * y;
        uint8_t *q = to + stride * (size_t)y;

        for (int32_t x = 0; x < w; x++, p += dx, q += 3) {
            q[0] = p[0];
            q[1] = p[1];
            q[2] = p[2];
        }
    }
}

enum nn_status nn_image_orient(struct nn_image *img, int orientation)
{
    if (orientation <= 1 || orientation > 8) {
        return NN_OK;
    }
    struct turn t = turns[orientation];
    struct nn_image out = NN_IMAGE_INIT;
    enum nn_status st = nn_image_create(&out, t.swap ? img->h : img->w,
                                        t.swap ? img->w : img->h);

    if (st) {
        return st;
    }
    ptrdiff_t row = (ptrdiff_t)img->w * 3;
    ptrdiff_t along = t.right ? -3 : 3, down = t.bottom ? -row : row;
    ptrdiff_t dx = t.swap ? down : along, dy = t.swap ? along : down;
    const uint8_t *from = img->rgb + (t.right ? row - 3 : 0) +
                          (t.bottom ? row * (img->h - 1) : 0);
    size_t stride = (size_t)out.w * 3;

    for (int32_t y = 0; y < out.h; y += TILE) {
        for (int32_t x = 0; x < out.w; x += TILE) {
            int32_t tw = out.w - x < TILE ? out.w - x : TILE;
            int32_t th = out.h - y < TILE ? out.h - y : TILE;

            turn_tile(from + dx * x + dy * y, dx, dy,
                      out.rgb + stride * (size_t)y + (size_t)x * 3, stride, tw,
                      th);
        }
    }
    nn_image_release(img);
    *img = out;
    return NN_OK;
}
