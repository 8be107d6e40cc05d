#include "common/image/resize_internal.h"

enum nn_status nn_image_fit(const struct nn_image *src, int32_t size,
                            uint8_t *rgb)
{
    const struct nn_box whole = { 0, 0, (float)src->w, (float)src->h };

    if (size < 1 || src->w < 1 || src->h < 1) {
        return NN_ERR_ARG;
    }
    return nn_resize_into(src, whole, NN_FILTER_BILINEAR, rgb, (size_t)size * 3,
                          size, size);
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
