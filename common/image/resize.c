#include "common/image/resize_internal.h"

#include <string.h>

#include "common/base/mem.h"

/* Weights of one output pixel add up to ONE exactly. A sum of bytes times
 * weights stays below 2^24, so the vertical pass may add them up as floats
 * without any rounding: four multiplications an instruction even where there
 * is no packed 32-bit integer multiply, and still the same on every machine.
 * The rows in between keep MID_BITS of fraction, and the horizontal pass
 * fits 31 bits: 255 * 2^(16 + 6) + 2^21 < 2^31. */
#define ONE_BITS 16
#define ONE      (1 << ONE_BITS)
#define MID_BITS 6

#define STRIP                                                                  \
    192 /* columns of bytes whose sums are kept in registers or L1             \
         */

/* How one axis is resampled: output i is the sum over k < count[i] of
 * weight[i * taps + k] * source[first[i] + k]. Weights behind them are 0. */
struct axis {
    int32_t *first, *count, *weight; /* one block, at first */
    int32_t taps;                    /* room for each output */
    int32_t most;                    /* largest count */
    int32_t lo, hi;                  /* source range that is read */
};

/* Overlap of the output's share of the source with pixel p. */
static double area_weight(double from, double to, int32_t p)
{
    double a = from > p ? from : p, b = to < p + 1 ? to : p + 1;

    return b > a ? b - a : 0;
}

static double triangle_weight(double centre, double support, int32_t p)
{
    double d = ((double)p + 0.5 - centre) / support;

    d = d < 0 ? -d : d;
    return d < 1 ? 1 - d : 0;
}

/* Fill in output i, whose share of the source is [from, to). The rounded
 * weights are differences of rounded running sums, so that they add up. */
static void weigh_output(struct axis *a, int32_t i, double from, double to,
                         int32_t size, enum nn_filter filter)
{
    double centre = (from + to) / 2, support = to - from > 1 ? to - from : 1;
    double lo = filter == NN_FILTER_AREA ? from : centre - support + 0.5;
    double hi = filter == NN_FILTER_AREA ? to : centre + support + 0.5;
    int32_t first = lo > 0 ? (int32_t)lo : 0;
    int32_t last = hi < size ? (int32_t)hi : size;
    int32_t *weight = a->weight + (size_t)i * (size_t)a->taps;
    double total = 0, sum = 0;

    if (filter == NN_FILTER_AREA && last < size && last < hi) {
        last++;
    }
    first = first < size - 1 ? first : size - 1;
    last = last > first ? last : first + 1;
    last = last - first <= a->taps ? last : first + a->taps;
    for (int pass = 0; pass < 2; pass++) {
        int32_t before = 0;

        for (int32_t p = first; p < last; p++) {
            double w = filter == NN_FILTER_AREA
                           ? area_weight(from, to, p)
                           : triangle_weight(centre, support, p);

            if (pass == 0) {
                total += w;
            } else {
                sum += w;
                int32_t after = (int32_t)(sum * ONE / total + 0.5);

                weight[p - first] = after - before;
                before = after;
            }
        }
        if (total <= 0) { /* a share too narrow for double: one pixel */
            weight[0] = ONE;
            last = first + 1;
            break;
        }
    }
    while (last - first > 1 && weight[last - first - 1] == 0) {
        last--;
    }
    a->first[i] = first;
    a->count[i] = last - first;
    memset(weight + a->count[i], 0,
           (size_t)(a->taps - a->count[i]) * sizeof *weight);
}

static enum nn_status axis_init(struct axis *a, int32_t size, double from,
                                double to, int32_t out, enum nn_filter filter)
{
    double scale = (to - from) / out;
    double support =
        filter == NN_FILTER_AREA ? scale / 2 : (scale > 1 ? scale : 1);
    size_t n = (size_t)out, total;

    a->taps = (int32_t)(2 * support) + 3;
    if (nn_size_mul(n, (size_t)a->taps + 2, &total)) {
        return NN_ERR_NOMEM;
    }
    a->first = nn_mem_realloc(NULL, total, sizeof(*a->first));
    if (!a->first) {
        return NN_ERR_NOMEM;
    }
    a->count = a->first + n;
    a->weight = a->count + n;
    a->lo = size;
    a->hi = 0;
    a->most = 1;
    for (int32_t i = 0; i < out; i++) {
        weigh_output(a, i, from + i * scale, from + (i + 1) * scale, size,
                     filter);
        int32_t end = a->first[i] + a->count[i];

        a->lo = a->lo < a->first[i] ? a->lo : a->first[i];
        a->hi = a->hi > end ? a->hi : end;
        a->most = a->most > a->count[i] ? a->most : a->count[i];
    }
    return NN_OK;
}

/* mid[i] = weighted sum of n bytes below each other, 8 + MID_BITS bits. */
static void sum_rows(const uint8_t *src, size_t stride, const int32_t *weight,
                     int32_t count, uint16_t *mid, size_t n)
{
    for (size_t at = 0; at < n; at += STRIP) {
        size_t len = n - at < STRIP ? n - at : STRIP;
        float sum[STRIP];

        float w0 = (float)weight[0];
        const uint8_t *row = src + at;

        for (size_t i = 0; i < len; i++) {
            sum[i] = w0 * (float)row[i];
        }
        for (int32_t k = 1; k < count; k++) {
            float w = (float)weight[k];

            row += stride;
            for (size_t i = 0; i < len; i++) {
                sum[i] += w * (float)row[i];
            }
        }
        for (size_t i = 0; i < len; i++) {
            int32_t s = (int32_t)sum[i] + (1 << (ONE_BITS - MID_BITS - 1));

            mid[at + i] = (uint16_t)(s >> (ONE_BITS - MID_BITS));
        }
    }
}

/* One output row from a row of mid, whose first pixel is column a->lo. All
 * outputs take `most` pixels, a constant where this is inlined: a loop as long
 * as each needs is one that the processor mispredicts. */
static inline void sum_most(const uint16_t *mid, const struct axis *a,
                            int32_t w, uint8_t *out, const int32_t most)
{
    const int32_t *weight = a->weight;

    for (int32_t x = 0; x < w; x++, out += 3, weight += a->taps) {
        const uint16_t *p = mid + (size_t)(a->first[x] - a->lo) * 3;
        int32_t half = 1 << (ONE_BITS + MID_BITS - 1);
        int32_t r = half, g = half, b = half;

        for (int32_t k = 0; k < most; k++, p += 3) {
            r += weight[k] * p[0];
            g += weight[k] * p[1];
            b += weight[k] * p[2];
        }
        out[0] = (uint8_t)(r >> (ONE_BITS + MID_BITS));
        out[1] = (uint8_t)(g >> (ONE_BITS + MID_BITS));
        out[2] = (uint8_t)(b >> (ONE_BITS + MID_BITS));
    }
}

static void sum_columns(const uint16_t *mid, const struct axis *a, int32_t w,
                        uint8_t *out)
{
    switch (a->most) {
    case 1:
        sum_most(mid, a, w, out, 1);
        break;
    case 2:
        sum_most(mid, a, w, out, 2);
        break;
    case 3:
        sum_most(mid, a, w, out, 3);
        break;
    case 4:
        sum_most(mid, a, w, out, 4);
        break;
    default:
        sum_most(mid, a, w, out, a->most);
    }
}

enum nn_status nn_resize_into(const struct nn_image *src, struct nn_box box,
                              enum nn_filter filter, uint8_t *rgb,
                              size_t stride, int32_t w, int32_t h)
{
    double x0 = box.x > 0 ? (double)box.x : 0;
    double y0 = box.y > 0 ? (double)box.y : 0;
    double x1 = (double)box.x + (double)box.w;
    double y1 = (double)box.y + (double)box.h;
    struct axis ax = { 0 }, ay = { 0 };
    uint16_t *mid = NULL;

    if (!(x1 > x0) || !(y1 > y0) || x0 >= src->w || y0 >= src->h || w < 1 ||
        h < 1) { /* so written that NaN is refused */
        return NN_ERR_ARG;
    }
    x1 = x1 < src->w ? x1 : src->w;
    y1 = y1 < src->h ? y1 : src->h;
    enum nn_status st = axis_init(&ax, src->w, x0, x1, w, filter);

    if (st) {
        goto out;
    }
    st = axis_init(&ay, src->h, y0, y1, h, filter);
    if (st) {
        goto out;
    }
    size_t n = (size_t)(ax.hi - ax.lo) * 3, row = (size_t)src->w * 3;

    /* Behind the row come pixels of weight 0. */
    mid = nn_mem_calloc(n + (size_t)ax.most * 3, sizeof(*mid));
    if (!mid) {
        st = NN_ERR_NOMEM;
        goto out;
    }
    for (int32_t y = 0; y < h; y++) {
        sum_rows(src->rgb + row * (size_t)ay.first[y] + (size_t)ax.lo * 3, row,
                 ay.weight + (size_t)y * (size_t)ay.taps, ay.count[y], mid, n);
        sum_columns(mid, &ax, w, rgb + stride * (size_t)y);
    }
out:
    nn_mem_free(mid);
    nn_mem_free(ay.first);
    nn_mem_free(ax.first);
    return st;
}

enum nn_status nn_image_resize(const struct nn_image *src, struct nn_box box,
                               enum nn_filter filter, struct nn_image *dst)
{
    return nn_resize_into(src, box, filter, dst->rgb, (size_t)dst->w * 3,
                          dst->w, dst->h);
}
