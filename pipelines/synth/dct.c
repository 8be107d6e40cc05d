#include "pipelines/synth/dct.h"

#include <stddef.h>

#include "pipelines/synth/smath.h"

static const uint8_t luma_table[64] = {
    16, 11, 10, 16, 24,  40,  51,  61,  12, 12, 14, 19, 26,  58,  60,  55,
    14, 13, 16, 24, 40,  57,  69,  56,  14, 17, 22, 29, 51,  87,  80,  62,
    18, 22, 37, 56, 68,  109, 103, 77,  24, 35, 55, 64, 81,  104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
};
static const uint8_t chroma_table[64] = {
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
};

struct dct {
    float basis[8][8]; /* basis[k][n] = c(k) / 2 * cos((2n+1) k pi / 16) */
    float step[64];
};

static void prepare(struct dct *d, const uint8_t table[64], int quality)
{
    int scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;

    for (int k = 0; k < 8; k++) {
        for (int n = 0; n < 8; n++) {
            float c = k == 0 ? 0.35355339f : 0.5f;

            d->basis[k][n] =
                c * sm_cos((float)((2 * n + 1) * k) * SM_PI / 16.0f);
        }
    }
    for (int i = 0; i < 64; i++) {
        int q = (table[i] * scale + 50) / 100;

        d->step[i] = (float)(q < 1 ? 1 : q > 255 ? 255 : q);
    }
}

/* out = basis * in (forward) or its transpose, over rows of in; called twice
 * with a transposition built in, so that out is the other way round. */
static void pass(const struct dct *d, const float *in, float *out, int back)
{
    for (int i = 0; i < 8; i++) {
        for (int k = 0; k < 8; k++) {
            float sum = 0.0f;

            for (int n = 0; n < 8; n++) {
                sum += (back ? d->basis[n][k] : d->basis[k][n]) * in[8 * i + n];
            }
            out[8 * k + i] = sum;
        }
    }
}

static void degrade_block(const struct dct *d, float b[64])
{
    float t[64];

    pass(d, b, t, 0);
    pass(d, t, b, 0);
    for (int i = 0; i < 64; i++) {
        float v = b[i] / d->step[i];

        b[i] = (float)sm_floor(v + 0.5f) * d->step[i];
    }
    pass(d, b, t, 1);
    pass(d, t, b, 1);
}

static int32_t inside(int32_t v, int32_t n)
{
    return v < 0 ? 0 : v >= n ? n - 1 : v;
}

/* plane [n,n], values around 0. */
static void degrade_plane(const struct dct *d, float *plane, int32_t n,
                          int32_t x0, int32_t y0)
{
    for (int32_t by = -y0; by < n; by += 8) {
        for (int32_t bx = -x0; bx < n; bx += 8) {
            float b[64];

            for (int i = 0; i < 64; i++) {
                int32_t x = inside(bx + i % 8, n), y = inside(by + i / 8, n);

                b[i] = plane[(size_t)y * (size_t)n + (size_t)x];
            }
            degrade_block(d, b);
            for (int i = 0; i < 64; i++) {
                int32_t x = bx + i % 8, y = by + i / 8;

                if (x >= 0 && y >= 0 && x < n && y < n) {
                    plane[(size_t)y * (size_t)n + (size_t)x] = b[i];
                }
            }
        }
    }
}

/* Full-resolution Y at tmp, then Cb and Cr at half resolution. */
static void to_planes(const float *rgb, float *tmp, int32_t size, int32_t half)
{
    size_t n = (size_t)size * (size_t)size, m = (size_t)half * (size_t)half;
    float *cb = tmp + n, *cr = cb + m;

    memset(cb, 0, 2 * m * sizeof *cb);
    for (int32_t y = 0; y < size; y++) {
        for (int32_t x = 0; x < size; x++) {
            size_t i = (size_t)y * (size_t)size + (size_t)x;
            size_t j = (size_t)inside(y / 2, half) * (size_t)half +
                       (size_t)inside(x / 2, half);
            float r = rgb[3 * i], g = rgb[3 * i + 1], b = rgb[3 * i + 2];

            tmp[i] = 0.299f * r + 0.587f * g + 0.114f * b - 128.0f;
            cb[j] += 0.25f * (-0.168736f * r - 0.331264f * g + 0.5f * b);
            cr[j] += 0.25f * (0.5f * r - 0.418688f * g - 0.081312f * b);
        }
    }
}

static void from_planes(float *rgb, const float *tmp, int32_t size,
                        int32_t half)
{
    size_t n = (size_t)size * (size_t)size, m = (size_t)half * (size_t)half;
    const float *cb = tmp + n, *cr = cb + m;

    for (int32_t y = 0; y < size; y++) {
        for (int32_t x = 0; x < size; x++) {
            size_t i = (size_t)y * (size_t)size + (size_t)x;
            size_t j = (size_t)inside(y / 2, half) * (size_t)half +
                       (size_t)inside(x / 2, half);
            float l = tmp[i] + 128.0f;

            rgb[3 * i] = l + 1.402f * cr[j];
            rgb[3 * i + 1] = l - 0.344136f * cb[j] - 0.714136f * cr[j];
            rgb[3 * i + 2] = l + 1.772f * cb[j];
        }
    }
}

void dct_degrade(float *rgb, float *tmp, int32_t size, int quality, int block_x,
                 int block_y)
{
    int32_t half = size / 2;
    size_t n = (size_t)size * (size_t)size, m = (size_t)half * (size_t)half;
    struct dct d;

    to_planes(rgb, tmp, size, half);
    prepare(&d, luma_table, quality);
    degrade_plane(&d, tmp, size, block_x, block_y);
    prepare(&d, chroma_table, quality);
    degrade_plane(&d, tmp + n, half, block_x, block_y);
    degrade_plane(&d, tmp + n + m, half, block_x, block_y);
    from_planes(rgb, tmp, size, half);
}
