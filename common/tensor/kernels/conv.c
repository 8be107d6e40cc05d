/* Plans of convolutions: checks, choice of method, dispatch. */
#include "common/tensor/kernels/conv.h"

#include <string.h>

#include "common/base/cpu.h"
#include "common/base/mem.h"
#include "common/tensor/kernels/conv_internal.h"

static int32_t out_size(int32_t in, int32_t pad, int32_t more, int32_t k,
                        int32_t stride)
{
    int64_t span = (int64_t)in + 2 * (int64_t)pad + more - k;
    if (in < 1 || pad < 0 || k < 1 || stride < 1 || span < 0) {
        return 0;
    }
    span = span / stride + 1;
    return span > INT32_MAX ? 0 : (int32_t)span;
}

int32_t nn_conv_out_h(const struct nn_conv_shape *s)
{
    return out_size(s->h, s->pad_h, s->pad_more, s->kh, s->stride_h);
}

int32_t nn_conv_out_w(const struct nn_conv_shape *s)
{
    return out_size(s->w, s->pad_w, s->pad_more, s->kw, s->stride_w);
}

size_t nn_conv_macs(const struct nn_conv_shape *s)
{
    return (size_t)nn_conv_out_h(s) * (size_t)nn_conv_out_w(s) * (size_t)s->oc *
           (size_t)s->kh * (size_t)s->kw * (size_t)(s->ic / s->groups);
}

/* Every count of floats that the drivers form must fit in ptrdiff_t bytes. */
static int sizes_fit(const struct nn_conv *c)
{
    const struct nn_conv_shape *s = &c->s;
    const size_t in[] = { (size_t)c->max_batch, (size_t)s->h, (size_t)s->w,
                          (size_t)s->ic };
    const size_t out[] = { (size_t)c->max_batch, (size_t)c->oh, (size_t)c->ow,
                           (size_t)s->oc };
    const size_t wt[] = { (size_t)s->oc + 64, (size_t)s->kh, (size_t)s->kw,
                          (size_t)s->ic + 64 };
    size_t a = sizeof(float), b = a, n = a * 2 * NN_CONV_CHUNKS;
    for (size_t i = 0; i < 4; i++) {
        if (nn_size_mul(a, in[i], &a) || nn_size_mul(b, out[i], &b) ||
            nn_size_mul(n, wt[i], &n)) {
            return 0;
        }
    }
    return 1;
}

static enum nn_status check_shape(const struct nn_conv_shape *s,
                                  int32_t max_batch, struct nn_error *err)
{
    if (s->h < 1 || s->w < 1 || s->ic < 1 || s->oc < 1 || s->kh < 1 ||
        s->kw < 1 || s->stride_h < 1 || s->stride_w < 1 || s->pad_h < 0 ||
        s->pad_w < 0 || s->pad_more < 0 || s->pad_more > 1 || max_batch < 1) {
        return nn_fail(err, NN_ERR_SHAPE,
                       "convolution of %dx%dx%d, %d filters of %dx%d, stride "
                       "%dx%d, padding %dx%d, batch %d: a size is out of range",
                       (int)s->h, (int)s->w, (int)s->ic, (int)s->oc, (int)s->kh,
                       (int)s->kw, (int)s->stride_h, (int)s->stride_w,
                       (int)s->pad_h, (int)s->pad_w, (int)max_batch);
    }
    if (s->groups != 1 && (s->groups != s->ic || s->groups != s->oc)) {
        return nn_fail(err, NN_ERR_SHAPE,
                       "convolution of %d groups over %d input and %d output "
                       "channels: neither dense (1) nor depthwise (one a "
                       "channel)",
                       (int)s->groups, (int)s->ic, (int)s->oc);
    }
    if (s->groups == 1 && (int64_t)s->kh * s->kw > NN_TAPS_MAX) {
        return nn_fail(err, NN_ERR_SHAPE,
                       "a dense %dx%d kernel has more than %d positions",
                       (int)s->kh, (int)s->kw, NN_TAPS_MAX);
    }
    if (nn_conv_out_h(s) < 1 || nn_conv_out_w(s) < 1) {
        return nn_fail(err, NN_ERR_SHAPE,
                       "a %dx%d kernel does not fit in a %dx%d image with "
                       "padding %dx%d",
                       (int)s->kh, (int)s->kw, (int)s->h, (int)s->w,
                       (int)s->pad_h, (int)s->pad_w);
    }
    return NN_OK;
}

enum { L2_FLOATS = 300000 }; /* no more count as near on any machine */

/* A little more than the L2 cache holds, as some of it is used at once. */
static size_t find_l2_floats(void)
{
    size_t l2 = (size_t)nn_cpu_caches().l2 / sizeof(float);
    return nn_min_size(l2 / 5 * 6, L2_FLOATS);
}

enum nn_status nn_conv_create(const struct nn_conv_shape *s, int32_t max_batch,
                              unsigned cpu_flags, struct nn_conv **out,
                              struct nn_error *err)
{
    *out = NULL;
    enum nn_status status = check_shape(s, max_batch, err);
    if (status) {
        return status;
    }
    struct nn_conv *c = nn_mem_calloc(1, sizeof(*c));
    if (!c) {
        return nn_fail_nomem(err);
    }
    c->s = *s;
    c->oh = nn_conv_out_h(s);
    c->ow = nn_conv_out_w(s);
    c->max_batch = max_batch;
    c->k = nn_kernels_for(cpu_flags);
    if (!sizes_fit(c)) {
        status = nn_fail_nomem(err);
        goto out;
    }
    c->kind = s->groups == 1 ? NN_CONV_GEMM : NN_CONV_DEPTHWISE;
    c->winograd = c->kind == NN_CONV_GEMM && nn_winograd_fits(c);
    c->l2_floats = find_l2_floats();
    size_t widest = (size_t)(s->ic > s->oc ? s->ic : s->oc);
    c->n_zeros = widest * (size_t)s->kw;
    c->zeros = nn_mem_aligned(c->n_zeros, sizeof(float));
    if (!c->zeros) {
        status = nn_fail_nomem(err);
        goto out;
    }
    *out = c;
    c = NULL;
out:
    nn_conv_destroy(&c);
    return status;
}

void nn_conv_destroy(struct nn_conv **conv)
{
    if (*conv) {
        nn_mem_free((*conv)->zeros);
        nn_mem_free(*conv);
        *conv = NULL;
    }
}

void nn_conv_one_chunk(struct nn_conv *c, int on)
{
    c->one_chunk = on;
}

int nn_conv_can_norm(const struct nn_conv *c)
{
    return c->kind == NN_CONV_GEMM;
}

size_t nn_conv_chunk_count(size_t macs, size_t unit)
{
    size_t n = macs / unit, chunks = 2;
    if (n < 2) {
        return macs >= NN_CONV_SPLIT ? 2 : 1;
    }
    /* A power of two: of 3 chunks one of 2 threads would do 2. */
    while (chunks < n && chunks < NN_CONV_CHUNKS) {
        chunks *= 2;
    }
    return chunks;
}

void nn_conv_combine(const double *part, size_t n_chunks, size_t stride,
                     size_t oc, double *sum, double *sum_sq)
{
    for (size_t i = 0; i < oc; i++) {
        double s = 0, q = 0;
        for (size_t n = 0; n < n_chunks; n++) {
            s += part[n * 2 * stride + i];
            q += part[(n * 2 + 1) * stride + i];
        }
        sum[i] = s;
        sum_sq[i] = q;
    }
}

size_t nn_conv_packed_floats(const struct nn_conv *c)
{
    if (c->kind == NN_CONV_DEPTHWISE) {
        return nn_depthwise_packed(c);
    }
    return c->winograd ? nn_winograd_packed(c) : nn_gemm_packed(c);
}

size_t nn_conv_work_floats(const struct nn_conv *c, int backward)
{
    return c->kind == NN_CONV_DEPTHWISE ? nn_depthwise_work(c, backward)
                                        : nn_gemm_work(c, backward);
}

void nn_conv_pack(const struct nn_conv *c, const float *w, float *packed)
{
    if (c->kind == NN_CONV_DEPTHWISE) {
        nn_depthwise_pack(c, w, packed);
    } else if (c->winograd) {
        nn_winograd_pack(c, w, packed);
    } else {
        nn_gemm_pack(c, w, packed);
    }
}

void nn_conv_forward(const struct nn_conv *c, int32_t batch, const float *x,
                     const float *packed, const struct nn_conv_epilogue *e,
                     float *y, float *work)
{
    static const struct nn_conv_epilogue none = { 0 };
    e = e ? e : &none;
    if (c->kind == NN_CONV_DEPTHWISE) {
        nn_depthwise_forward(c, batch, x, packed, e, y, work);
    } else if (c->winograd) {
        nn_winograd_forward(c, batch, x, packed, e, y, work);
    } else {
        nn_gemm_forward(c, batch, x, packed, e, y, work);
    }
}

void nn_conv_pack_input(const struct nn_conv *c, const float *w, float *packed)
{
    if (c->kind == NN_CONV_DEPTHWISE) {
        nn_depthwise_pack_input(c, w, packed);
    } else {
        nn_gemm_pack_input(c, w, packed);
    }
}

void nn_conv_backward_input_packed(const struct nn_conv *c, int32_t batch,
                                   const float *dy, const float *packed,
                                   float *dx, int accumulate,
                                   const struct nn_conv_next *next)
{
    if (c->kind == NN_CONV_DEPTHWISE) {
        nn_depthwise_backward_input(c, batch, dy, packed, dx, accumulate, next);
    } else {
        nn_gemm_backward_input(c, batch, dy, packed, dx, accumulate, next);
    }
}

void nn_conv_backward_input(const struct nn_conv *c, int32_t batch,
                            const float *dy, const float *w, float *dx,
                            int accumulate, float *work)
{
    nn_conv_pack_input(c, w, work);
    nn_conv_backward_input_packed(c, batch, dy, work, dx, accumulate, NULL);
}

void nn_conv_backward_weights(const struct nn_conv *c, int32_t batch,
                              const float *x, const float *dy, float *dw,
                              int accumulate, float *work,
                              const struct nn_conv_norm *norm,
                              const struct nn_conv_next *next)
{
    if (c->kind == NN_CONV_DEPTHWISE) {
        if (!accumulate) {
            size_t taps = (size_t)c->s.kh * (size_t)c->s.kw;
            memset(dw, 0, (size_t)c->s.oc * taps * sizeof *dw);
        }
        nn_depthwise_backward_weights(c, batch, x, dy, dw, work, next);
    } else {
        nn_gemm_backward_weights(c, batch, x, dy, dw, accumulate, work, norm,
                                 next);
    }
}
