/* Convolution as an implicit matrix product: packing, forward, and the input
 * gradient, which is the same product over dy once per stride phase. */
#include "common/base/parallel.h"
#include "common/tensor/kernels/conv_im2col.h"

static size_t depth_of(const struct nn_conv *c)
{
    return (size_t)c->s.kh * (size_t)c->s.kw * (size_t)c->s.ic;
}

size_t nn_gemm_packed(const struct nn_conv *c)
{
    return nn_panel_floats(c, (size_t)c->s.oc, depth_of(c));
}

static size_t stats_floats(const struct nn_conv *c)
{
    size_t n_m, n_n, n = (size_t)c->s.oc;
    nn_im2col_partition(c, (size_t)c->max_batch * (size_t)c->oh * (size_t)c->ow,
                        n, depth_of(c), &n_m, &n_n);
    return n_m * 2 * nn_pad_to_panel(c, n) * (sizeof(double) / sizeof(float));
}

static size_t packed_input(const struct nn_conv *c)
{
    size_t depth = (size_t)c->s.kh * (size_t)c->s.kw * (size_t)c->s.oc;
    return nn_panel_floats(c, (size_t)c->s.ic, depth);
}

size_t nn_gemm_work(const struct nn_conv *c, int backward)
{
    size_t n = c->winograd ? nn_winograd_work(c) : stats_floats(c);
    if (backward) {
        n = nn_max_size(n, packed_input(c));
        n = nn_max_size(n, nn_gemm_weights_work(c));
    }
    return n;
}

struct pack_job {
    const struct nn_conv *c;
    const float *w;
    float *packed;
    int32_t kh0, kw0, nkh, nkw; /* taps of a phase (input gradient) */
};

static void pack_panel(void *ctx, size_t p)
{
    const struct pack_job *j = ctx;
    const struct nn_kernels *k = j->c->k;
    size_t n0 = p * 2 * k->vw, depth = depth_of(j->c);
    size_t left = nn_min_size((size_t)j->c->s.oc - n0, 2 * k->vw);
    k->transpose(j->w + n0 * depth, depth, depth, left, j->packed + n0 * depth,
                 left > k->vw ? 2 * k->vw : k->vw);
}

void nn_gemm_pack(const struct nn_conv *c, const float *w, float *packed)
{
    struct pack_job j = { .c = c, .w = w, .packed = packed };
    nn_parallel_for(nn_ceil_div((size_t)c->s.oc, nn_panel_width(c)), pack_panel,
                    &j);
}

void nn_gemm_forward(const struct nn_conv *c, int32_t batch, const float *x,
                     const float *packed, const struct nn_conv_epilogue *e,
                     float *y, float *work)
{
    const struct nn_conv_shape *s = &c->s;
    struct nn_im2col v = {
        .c = c,
        .batch = batch,
        .ah = s->h,
        .aw = s->w,
        .ac = s->ic,
        .kh = s->kh,
        .kw = s->kw,
        .sh = s->stride_h,
        .sw = s->stride_w,
        .ph = s->pad_h,
        .pw = s->pad_w,
        .gh = c->oh,
        .gw = c->ow,
        .out_h = c->oh,
        .out_w = c->ow,
        .step_h = 1,
        .step_w = 1,
        .n = (size_t)s->oc,
        .a = x,
        .panels = packed,
        .y = y,
        .residual = e->residual,
        .bias = e->bias,
        .act = e->act,
        .next = e->next_x,
        .later = e->later,
        .far = e->far,
        .part = e->sum ? (double *)(void *)work : NULL,
    };
    nn_im2col_run(&v);
    if (e->sum) {
        nn_conv_combine(v.part, v.n_m, nn_pad_to_panel(c, v.n), v.n, e->sum,
                        e->sum_sq);
    }
}

/* Input gradient. */

/* Panel p of the phase's transposed weights: row (tap, oc) holds the input
 * channels of the panel, taps reversed so that dy columns ascend. */
static void pack_phase_panel(void *ctx, size_t p)
{
    const struct pack_job *j = ctx;
    const struct nn_conv_shape *s = &j->c->s;
    const struct nn_kernels *k = j->c->k;
    size_t ic = (size_t)s->ic, oc = (size_t)s->oc, n0 = p * 2 * k->vw;
    size_t left = nn_min_size(ic - n0, 2 * k->vw);
    size_t width = left > k->vw ? 2 * k->vw : k->vw;
    float *dst = j->packed + n0 * (size_t)j->nkh * (size_t)j->nkw * oc;
    for (int32_t a = j->nkh - 1; a >= 0; a--) {
        for (int32_t b = j->nkw - 1; b >= 0; b--) {
            size_t kh = (size_t)(j->kh0 + a * s->stride_h);
            size_t kw = (size_t)(j->kw0 + b * s->stride_w);
            const float *w = j->w + (kh * (size_t)s->kw + kw) * ic + n0;
            k->copy(w, depth_of(j->c), oc, left, dst, width);
            for (size_t o = 0; left < width && o < oc; o++) {
                for (size_t i = left; i < width; i++) {
                    dst[o * width + i] = 0;
                }
            }
            dst += oc * width;
        }
    }
}

static int32_t taps_of(int32_t first, int32_t k, int32_t stride)
{
    return first < k ? (k - 1 - first) / stride + 1 : 0;
}

/* Input pixels (py, px) modulo the strides and the kernel positions that reach
 * them. */
struct phase {
    int32_t py, px, kh0, kw0, nkh, nkw;
};

/* Phase i of the shape; 0 when there are no more. */
static int phase_at(const struct nn_conv_shape *s, int32_t i, struct phase *f)
{
    int32_t rows = s->stride_h < s->h ? s->stride_h : s->h;
    int32_t columns = s->stride_w < s->w ? s->stride_w : s->w;
    if (i / columns >= rows) {
        return 0;
    }
    f->py = i / columns;
    f->px = i % columns;
    f->kh0 = (f->py + s->pad_h) % s->stride_h;
    f->kw0 = (f->px + s->pad_w) % s->stride_w;
    f->nkh = taps_of(f->kh0, s->kh, s->stride_h);
    f->nkw = taps_of(f->kw0, s->kw, s->stride_w);
    if (f->nkh == 0 || f->nkw == 0) {
        f->nkh = f->nkw = 0;
    }
    return 1;
}

static size_t phase_floats(const struct nn_conv *c, const struct phase *f)
{
    size_t depth = (size_t)f->nkh * (size_t)f->nkw * (size_t)c->s.oc;
    return nn_panel_floats(c, (size_t)c->s.ic, depth);
}

void nn_gemm_pack_input(const struct nn_conv *c, const float *w, float *packed)
{
    size_t panels = nn_ceil_div((size_t)c->s.ic, nn_panel_width(c));
    struct phase f;
    for (int32_t i = 0; phase_at(&c->s, i, &f); i++) {
        struct pack_job j = { .c = c, .w = w, .packed = packed };
        j.kh0 = f.kh0;
        j.kw0 = f.kw0;
        j.nkh = f.nkh;
        j.nkw = f.nkw;
        nn_parallel_for(panels, pack_phase_panel, &j);
        packed += phase_floats(c, &f);
    }
}

void nn_gemm_backward_input(const struct nn_conv *c, int32_t batch,
                            const float *dy, const float *packed, float *dx,
                            int accumulate, const struct nn_conv_next *next)
{
    const struct nn_conv_shape *s = &c->s;
    struct nn_im2col v = {
        .c = c,
        .batch = batch,
        .ah = c->oh,
        .aw = c->ow,
        .ac = s->oc,
        .sh = 1,
        .sw = 1,
        .out_h = s->h,
        .out_w = s->w,
        .step_h = s->stride_h,
        .step_w = s->stride_w,
        .n = (size_t)s->ic,
        .a = dy,
        .panels = packed,
        .y = dx,
        .residual = accumulate ? dx : NULL,
        .next = next ? next->dy : NULL,
    };
    struct phase f;
    for (int32_t i = 0; phase_at(s, i, &f); i++) {
        v.kh = f.nkh;
        v.kw = f.nkw;
        v.ph = f.nkh - 1 - (f.py + s->pad_h) / s->stride_h;
        v.pw = f.nkw - 1 - (f.px + s->pad_w) / s->stride_w;
        v.gh = (s->h - f.py + s->stride_h - 1) / s->stride_h;
        v.gw = (s->w - f.px + s->stride_w - 1) / s->stride_w;
        v.off_h = f.py;
        v.off_w = f.px;
        nn_im2col_run(&v);
        v.next = NULL; /* prefetched once */
        v.panels += phase_floats(c, &f);
    }
}
