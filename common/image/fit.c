#include <string.h>

#include "common/image/resize_internal.h"

#define PAD_GREY 128

static const char *const fit_names[] = {
    [NN_FIT_CROP] = "crop",
    [NN_FIT_SQUEEZE] = "squeeze",
    [NN_FIT_PAD] = "pad",
};
#define N_FITS (sizeof(fit_names) / sizeof(fit_names[0]))

const char *nn_fit_name(enum nn_fit f)
{
    return (size_t)f < N_FITS ? fit_names[f] : "unknown";
}

int nn_fit_parse(const char *name, enum nn_fit *f)
{
    for (size_t i = 0; i < N_FITS; i++) {
        if (strcmp(name, fit_names[i]) == 0) {
            *f = (enum nn_fit)i;
            return 0;
        }
    }
    return -1;
}

/* The shorter side of a letter-boxed image. */
static int32_t pad_side(int32_t this_side, int32_t other, int32_t size)
{
    if (this_side >= other) {
        return size;
    }
    int64_t n = ((int64_t)this_side * size * 2 + other) / (2 * (int64_t)other);

    return n < 1 ? 1 : (int32_t)n;
}

enum nn_status nn_image_fit(const struct nn_image *src, enum nn_fit fit,
                            float crop_share, int32_t size, uint8_t *rgb)
{
    struct nn_box box = { 0, 0, (float)src->w, (float)src->h };
    int32_t w = size, h = size;
    size_t stride = (size_t)size * 3, at = 0;

    if (size < 1 || src->w < 1 || src->h < 1) {
        return NN_ERR_ARG;
    }
    if (fit == NN_FIT_CROP) {
        if (!(crop_share > 0 && crop_share <= 1)) {
            return NN_ERR_ARG;
        }
        float side = (float)(src->w < src->h ? src->w : src->h) * crop_share;

        box = (struct nn_box){ ((float)src->w - side) / 2,
                               ((float)src->h - side) / 2, side, side };
    } else if (fit == NN_FIT_PAD) {
        w = pad_side(src->w, src->h, size);
        h = pad_side(src->h, src->w, size);
        memset(rgb, PAD_GREY, stride * (size_t)size);
        at = (size_t)((size - h) / 2) * stride + (size_t)((size - w) / 2) * 3;
    }
    return nn_resize_into(src, box, NN_FILTER_BILINEAR, rgb + at, stride, w, h);
}

static uint32_t luma(const uint8_t *p)
{
    return p[0] * 77u + p[1] * 150u + p[2] * 29u;
}

/* An image of w pixels is cut into n equal cells in units of 1/n pixel:
 * cell i covers [i*w, (i+1)*w), pixel p covers [p*n, (p+1)*n). Add the row's
 * luma into the cells by exact overlap. */
static void cell_sums(const uint8_t *row, int32_t w, int32_t n, uint64_t *sum)
{
    int64_t cell = 0, end = w;

    for (int32_t p = 0; p < w; p++) {
        uint64_t v = luma(row + (size_t)p * 3);
        int64_t from = (int64_t)p * n, to = from + n;

        while (to > end) {
            sum[cell] += v * (uint64_t)(end - from);
            from = end;
            end += w;
            cell++;
        }
        sum[cell] += v * (uint64_t)(to - from);
    }
}

uint64_t nn_image_dhash(const struct nn_image *img)
{
    enum { COLS = 9, ROWS = 8 };
    uint64_t cell[ROWS][COLS] = { { 0 } }, hash = 0;

    for (int32_t y = 0; y < img->h; y++) {
        uint64_t sum[COLS] = { 0 };
        int64_t from = (int64_t)y * ROWS, to = from + ROWS;

        cell_sums(img->rgb + (size_t)y * (size_t)img->w * 3, img->w, COLS, sum);
        while (from < to) {
            int64_t r = from / img->h, end = (r + 1) * img->h;

            end = end < to ? end : to;
            for (size_t c = 0; c < COLS; c++) {
                cell[r][c] += sum[c] * (uint64_t)(end - from);
            }
            from = end;
        }
    }
    for (size_t i = 0; i < ROWS * (COLS - 1); i++) {
        size_t r = i / (COLS - 1), c = i % (COLS - 1);

        hash |= (uint64_t)(cell[r][c] > cell[r][c + 1]) << i;
    }
    return hash;
}
