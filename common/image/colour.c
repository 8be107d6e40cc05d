#include "common/image/augment_internal.h"

/* W3C Filter Effects Module Level 1, section 9.6 (feColorMatrix): luminance
 * weights, and the part of the hue matrix that goes with the sine. */
static const double lum[3] = { 0.213, 0.715, 0.072 };
static const double hue_sin[3][3] = {
    { -0.213, -0.715, 0.928 },
    { 0.143, 0.140, -0.283 },
    { -0.787, 0.715, 0.072 },
};

#define FIX 12 /* fraction bits of the fixed-point matrix */

void nn_sincos_turns(double turns, double *s, double *c)
{
    /* quarter turns q and a rest within an eighth of a turn */
    double quarters = turns * 4;
    int64_t q = (int64_t)(quarters + (quarters < 0 ? -0.5 : 0.5));
    double x = (quarters - (double)q) * 1.57079632679489661923, y = x * x;
    /* Taylor series; the first terms left out are below 1e-11 */
    double sx =
        x *
        (1 -
         y / 6 * (1 - y / 20 * (1 - y / 42 * (1 - y / 72 * (1 - y / 110)))));
    double cx =
        1 - y / 2 *
                (1 - y / 12 *
                         (1 - y / 30 *
                                  (1 - y / 56 * (1 - y / 90 * (1 - y / 132)))));

    switch (q & 3) {
    case 0:
        *s = sx;
        *c = cx;
        break;
    case 1:
        *s = cx;
        *c = -sx;
        break;
    case 2:
        *s = -sx;
        *c = -cx;
        break;
    default:
        *s = -cx;
        *c = sx;
        break;
    }
}

static double mean_luma(const uint8_t *rgb, size_t n)
{
    uint64_t sum[3] = { 0 };

    for (size_t i = 0; i < n; i++) {
        sum[0] += rgb[i * 3];
        sum[1] += rgb[i * 3 + 1];
        sum[2] += rgb[i * 3 + 2];
    }
    return (lum[0] * (double)sum[0] + lum[1] * (double)sum[1] +
            lum[2] * (double)sum[2]) /
           (double)n;
}

static int32_t to_fixed(double v)
{
    v = v * (1 << FIX) + (v < 0 ? -0.5 : 0.5);
    return (int32_t)v;
}

/* The whole change as rgb' = m rgb + add, in fixed point. */
static void build_matrix(const struct nn_colour *p, double luma,
                         int32_t m[3][3], int32_t *add)
{
    double s, c, gain = p->brightness * p->contrast;
    double sat[3][3], hue[3][3];

    nn_sincos_turns(p->hue, &s, &c);
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            double unit = i == j ? 1 : 0;

            sat[i][j] = lum[j] + p->saturation * (unit - lum[j]);
            hue[i][j] = lum[j] + c * (unit - lum[j]) + s * hue_sin[i][j];
        }
    }
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            double v = hue[i][0] * sat[0][j] + hue[i][1] * sat[1][j] +
                       hue[i][2] * sat[2][j];

            m[i][j] = to_fixed(gain * v);
        }
    }
    *add =
        to_fixed((1 - p->contrast) * p->brightness * luma) + (1 << (FIX - 1));
}

static uint8_t clamp_byte(int32_t v)
{
    v = v < 0 ? 0 : v;
    return (uint8_t)(v > 255 ? 255 : v);
}

void nn_colour_apply(const struct nn_colour *p, uint8_t *rgb, size_t n)
{
    int32_t m[3][3], add;
    double luma = p->contrast < 1 || p->contrast > 1 ? mean_luma(rgb, n) : 0;

    build_matrix(p, luma, m, &add);
    for (size_t i = 0; i < n; i++, rgb += 3) {
        int32_t r = rgb[0], g = rgb[1], b = rgb[2];

        for (int k = 0; k < 3; k++) {
            int32_t v = m[k][0] * r + m[k][1] * g + m[k][2] * b + add;

            rgb[k] = clamp_byte(v >> FIX);
        }
    }
}
