/* Grouped convolution between full and depthwise, and kernels too large for
 * the row table: plain loops, right before fast. */
#include <string.h>

#include "common/base/parallel.h"
#include "common/tensor/kernels/conv_internal.h"

struct view {
    const struct nn_conv *c;
    int32_t batch;
    const float *x, *w, *dy;
    const struct nn_conv_epilogue *e;
    float *y, *dx, *dw;
    int accumulate;
    size_t rows, n_m;
    double *part; /* [n_m][2][OC] */
};

size_t nn_plain_packed(const struct nn_conv *c)
{
    const struct nn_conv_shape *s = &c->s;
    return (size_t)s->oc * (size_t)s->kh * (size_t)s->kw *
           (size_t)(s->ic / s->groups);
}

size_t nn_plain_work(const struct nn_conv *c, int backward)
{
    size_t n =
        NN_CONV_CHUNKS * 2 * (size_t)c->s.oc * (sizeof(double) / sizeof(float));
    return backward ? nn_max_size(n, nn_plain_packed(c)) : n;
}

void nn_plain_pack(const struct nn_conv *c, const float *w, float *packed)
{
    memcpy(packed, w, nn_plain_packed(c) * sizeof(float));
}

/* Float of x[b, ih, iw, 0], or -1 outside the image. */
static ptrdiff_t x_at(const struct view *v, size_t b, int32_t ih, int32_t iw)
{
    const struct nn_conv_shape *s = &v->c->s;
    if (ih < 0 || ih >= s->h || iw < 0 || iw >= s->w) {
        return -1;
    }
    return (((ptrdiff_t)b * s->h + ih) * s->w + iw) * s->ic;
}

/* Input channels of a group, and the first one that filter oc reads. */
static size_t group_ic(const struct nn_conv_shape *s, size_t oc, size_t *first)
{
    size_t icg = (size_t)(s->ic / s->groups);
    *first = oc / (size_t)(s->oc / s->groups) * icg;
    return icg;
}

static float dot(const struct view *v, size_t b, int32_t oh, int32_t ow,
                 size_t oc)
{
    const struct nn_conv_shape *s = &v->c->s;
    size_t first, icg = group_ic(s, oc, &first);
    const float *w = v->w + oc * (size_t)s->kh * (size_t)s->kw * icg;
    float sum = 0;
    for (int32_t kh = 0; kh < s->kh; kh++) {
        for (int32_t kw = 0; kw < s->kw; kw++, w += icg) {
            ptrdiff_t at = x_at(v, b, oh * s->stride_h + kh - s->pad_h,
                                ow * s->stride_w + kw - s->pad_w);
            if (at < 0) {
                continue;
            }
            const float *x = v->x + at + first;
            for (size_t i = 0; i < icg; i++) {
                sum += x[i] * w[i];
            }
        }
    }
    return sum;
}

static void forward_chunk(void *ctx, size_t i)
{
    const struct view *v = ctx;
    const struct nn_conv_epilogue *e = v->e;
    size_t n = (size_t)v->c->s.oc;
    double *part = v->part ? v->part + i * 2 * n : NULL;
    if (part) {
        for (size_t oc = 0; oc < 2 * n; oc++) {
            part[oc] = 0;
        }
    }
    size_t r1 = nn_chunk_start(v->rows, v->n_m, i + 1);
    for (size_t r = nn_chunk_start(v->rows, v->n_m, i); r < r1; r++) {
        size_t b = r / (size_t)v->c->oh;
        int32_t oh = (int32_t)(r % (size_t)v->c->oh);
        for (int32_t ow = 0; ow < v->c->ow; ow++) {
            size_t at = (r * (size_t)v->c->ow + (size_t)ow) * n;
            for (size_t oc = 0; oc < n; oc++) {
                float a = dot(v, b, oh, ow, oc);
                if (part) {
                    part[oc] += (double)a;
                    part[n + oc] += (double)a * (double)a;
                }
                a += e->bias ? e->bias[oc] : 0;
                a += e->residual ? e->residual[at + oc] : 0;
                a = e->act != NN_ACT_NONE && a < 0 ? 0 : a;
                v->y[at + oc] = e->act == NN_ACT_RELU6 && a > 6 ? 6 : a;
            }
        }
    }
}

void nn_plain_forward(const struct nn_conv *c, int32_t batch, const float *x,
                      const float *packed, const struct nn_conv_epilogue *e,
                      float *y, float *work)
{
    struct view v = {
        .c = c,
        .batch = batch,
        .x = x,
        .w = packed,
        .e = e,
        .y = y,
        .rows = (size_t)batch * (size_t)c->oh,
        .part = e->sum ? (double *)(void *)work : NULL,
    };
    v.n_m = nn_min_size(v.rows, NN_CONV_CHUNKS);
    nn_parallel_for(v.n_m, forward_chunk, &v);
    if (e->sum) {
        size_t n = (size_t)c->s.oc;
        nn_conv_combine(v.part, v.n_m, n, n, e->sum, e->sum_sq);
    }
}

/* dx of one pixel gets what result (oh, ow) of tap (kh, kw) sends back. */
static void send_back(const struct view *v, size_t y_pix, int32_t kh,
                      int32_t kw, float *dx)
{
    const struct nn_conv_shape *s = &v->c->s;
    const float *dy = v->dy + y_pix * (size_t)s->oc;
    size_t tap = (size_t)kh * (size_t)s->kw + (size_t)kw;
    size_t taps = (size_t)s->kh * (size_t)s->kw;
    for (size_t oc = 0; oc < (size_t)s->oc; oc++) {
        size_t first, icg = group_ic(s, oc, &first);
        const float *w = v->w + (oc * taps + tap) * icg;
        for (size_t i = 0; i < icg; i++) {
            dx[first + i] += dy[oc] * w[i];
        }
    }
}

static void input_row(void *ctx, size_t r)
{
    const struct view *v = ctx;
    const struct nn_conv_shape *s = &v->c->s;
    size_t b = r / (size_t)s->h, ic = (size_t)s->ic;
    int32_t ih = (int32_t)(r % (size_t)s->h);
    for (int32_t iw = 0; iw < s->w; iw++) {
        float *dx = v->dx + (r * (size_t)s->w + (size_t)iw) * ic;
        for (size_t i = 0; i < ic && !v->accumulate; i++) {
            dx[i] = 0;
        }
        for (int32_t kh = 0; kh < s->kh; kh++) {
            int32_t th = ih + s->pad_h - kh, oh = th / s->stride_h;
            if (th < 0 || th % s->stride_h != 0 || oh >= v->c->oh) {
                continue;
            }
            for (int32_t kw = 0; kw < s->kw; kw++) {
                int32_t tw = iw + s->pad_w - kw, ow = tw / s->stride_w;
                if (tw < 0 || tw % s->stride_w != 0 || ow >= v->c->ow) {
                    continue;
                }
                size_t row = b * (size_t)v->c->oh + (size_t)oh;
                send_back(v, row * (size_t)v->c->ow + (size_t)ow, kh, kw, dx);
            }
        }
    }
}

void nn_plain_backward_input(const struct nn_conv *c, int32_t batch,
                             const float *dy, const float *w, float *dx,
                             int accumulate, const struct nn_conv_next *next)
{
    (void)next;
    struct view v = { .c = c,
                      .batch = batch,
                      .dy = dy,
                      .w = w,
                      .dx = dx,
                      .accumulate = accumulate };
    nn_parallel_for((size_t)batch * (size_t)c->s.h, input_row, &v);
}

static void weights_filter(void *ctx, size_t oc)
{
    const struct view *v = ctx;
    const struct nn_conv_shape *s = &v->c->s;
    size_t first, icg = group_ic(s, oc, &first), n = (size_t)s->oc;
    float *dw = v->dw + oc * (size_t)s->kh * (size_t)s->kw * icg;
    for (int32_t kh = 0; kh < s->kh; kh++) {
        for (int32_t kw = 0; kw < s->kw; kw++, dw += icg) {
            for (size_t r = 0; r < v->rows; r++) {
                size_t b = r / (size_t)v->c->oh;
                int32_t oh = (int32_t)(r % (size_t)v->c->oh);
                for (int32_t ow = 0; ow < v->c->ow; ow++) {
                    ptrdiff_t at = x_at(v, b, oh * s->stride_h + kh - s->pad_h,
                                        ow * s->stride_w + kw - s->pad_w);
                    if (at < 0) {
                        continue;
                    }
                    size_t y = (r * (size_t)v->c->ow + (size_t)ow) * n + oc;
                    const float *x = v->x + at + first;
                    for (size_t i = 0; i < icg; i++) {
                        dw[i] += v->dy[y] * x[i];
                    }
                }
            }
        }
    }
}

void nn_plain_backward_weights(const struct nn_conv *c, int32_t batch,
                               const float *x, const float *dy, float *dw,
                               float *work, const struct nn_conv_next *next)
{
    (void)work;
    (void)next;
    struct view v = { .c = c,
                      .batch = batch,
                      .x = x,
                      .dy = dy,
                      .dw = dw,
                      .rows = (size_t)batch * (size_t)c->oh };
    nn_parallel_for((size_t)c->s.oc, weights_filter, &v);
}
