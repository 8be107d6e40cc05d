#include "pipelines/synth/blur.h"

#include <stddef.h>

#include "pipelines/synth/smath.h"

enum { MAX_TAPS = 48 };

static int32_t inside(int32_t v, int32_t n)
{
    return v < 0 ? 0 : v >= n ? n - 1 : v;
}

/* One pass; reads rows, writes columns, so that two passes restore them. */
static void gauss_pass(const float *in, float *out, int32_t size,
                       const float *tap, int32_t reach)
{
    for (int32_t y = 0; y < size; y++) {
        const float *row = in + 3 * (size_t)y * (size_t)size;

        for (int32_t x = 0; x < size; x++) {
            float r = tap[0] * row[3 * x], g = tap[0] * row[3 * x + 1];
            float b = tap[0] * row[3 * x + 2];

            for (int32_t k = 1; k <= reach; k++) {
                const float *p = row + 3 * inside(x - k, size);
                const float *q = row + 3 * inside(x + k, size);

                r += tap[k] * (p[0] + q[0]);
                g += tap[k] * (p[1] + q[1]);
                b += tap[k] * (p[2] + q[2]);
            }
            out[3 * ((size_t)x * (size_t)size + (size_t)y)] = r;
            out[3 * ((size_t)x * (size_t)size + (size_t)y) + 1] = g;
            out[3 * ((size_t)x * (size_t)size + (size_t)y) + 2] = b;
        }
    }
}

void blur_gauss(float *rgb, float *tmp, int32_t size, float sigma)
{
    float tap[MAX_TAPS], sum = 0.0f;
    int32_t reach = sm_floor(sm_min(2.6f * sigma + 1.0f, (float)MAX_TAPS - 1));

    if (sigma < 0.2f) {
        return;
    }
    for (int32_t k = 0; k <= reach; k++) {
        float t = (float)k / sigma;

        tap[k] = sm_exp2(-0.72134752f * t * t);
        sum += k == 0 ? tap[k] : 2.0f * tap[k];
    }
    for (int32_t k = 0; k <= reach; k++) {
        tap[k] /= sum;
    }
    gauss_pass(rgb, tmp, size, tap, reach);
    gauss_pass(tmp, rgb, size, tap, reach);
}

static void sample(const float *in, int32_t w, float x, float y, float out[3])
{
    int32_t i = sm_floor(x), j = sm_floor(y);
    float u = x - (float)i, v = y - (float)j;
    int32_t i1 = inside(i + 1, w), j1 = inside(j + 1, w);

    i = inside(i, w);
    j = inside(j, w);
    for (int c = 0; c < 3; c++) {
        float a = in[3 * ((size_t)j * (size_t)w + (size_t)i) + (size_t)c];
        float b = in[3 * ((size_t)j * (size_t)w + (size_t)i1) + (size_t)c];
        float d = in[3 * ((size_t)j1 * (size_t)w + (size_t)i) + (size_t)c];
        float e = in[3 * ((size_t)j1 * (size_t)w + (size_t)i1) + (size_t)c];

        out[c] = sm_mix(sm_mix(a, b, u), sm_mix(d, e, u), v);
    }
}

void blur_line(float *rgb, float *tmp, int32_t size, float length, float angle)
{
    enum { TAPS = 9 };
    float dx = sm_cos(angle) * length / (float)(TAPS - 1);
    float dy = sm_sin(angle) * length / (float)(TAPS - 1);

    memcpy(tmp, rgb, 3 * (size_t)size * (size_t)size * sizeof *tmp);
    for (int32_t y = 0; y < size; y++) {
        for (int32_t x = 0; x < size; x++) {
            float sum[3] = { 0, 0, 0 }, one[3];
            size_t i = 3 * ((size_t)y * (size_t)size + (size_t)x);

            for (int k = -(TAPS / 2); k <= TAPS / 2; k++) {
                sample(tmp, size, (float)x + dx * (float)k,
                       (float)y + dy * (float)k, one);
                for (int c = 0; c < 3; c++) {
                    sum[c] += one[c];
                }
            }
            for (size_t c = 0; c < 3; c++) {
                rgb[i + c] = sum[c] / (float)TAPS;
            }
        }
    }
}

void blur_resample(float *rgb, float *tmp, int32_t size, float share)
{
    int32_t small = sm_floor(share * (float)size);
    float step;

    small = small < 8 ? 8 : small;
    step = (float)size / (float)small;
    for (int32_t y = 0; y < small; y++) {
        for (int32_t x = 0; x < small; x++) {
            float *out = tmp + 3 * ((size_t)y * (size_t)small + (size_t)x);
            int32_t x1 = sm_floor((float)(x + 1) * step);
            int32_t y1 = sm_floor((float)(y + 1) * step), n = 0;
            float sum[3] = { 0, 0, 0 };

            for (int32_t j = sm_floor((float)y * step); j < y1; j++) {
                for (int32_t i = sm_floor((float)x * step); i < x1; i++) {
                    size_t at = (size_t)inside(j, size) * (size_t)size +
                                (size_t)inside(i, size);

                    for (size_t c = 0; c < 3; c++) {
                        sum[c] += rgb[3 * at + c];
                    }
                    n++;
                }
            }
            for (int c = 0; c < 3; c++) {
                out[c] = sum[c] / (float)(n > 0 ? n : 1);
            }
        }
    }
    for (int32_t y = 0; y < size; y++) {
        for (int32_t x = 0; x < size; x++) {
            sample(tmp, small, ((float)x + 0.5f) / step - 0.5f,
                   ((float)y + 0.5f) / step - 0.5f,
                   rgb + 3 * ((size_t)y * (size_t)size + (size_t)x));
        }
    }
}
