/* Weight gradient: dw[OC, K] = sum over pixels of dy[OC] x patch[K]. Blocks
 * of pixels are taken one after another; a panel of patch columns is copied
 * to the stack once per block and used by every tile of filters. */
#include "common/base/parallel.h"
#include "common/tensor/kernels/conv_internal.h"

enum { BLOCK = 128 }; /* pixels whose panel stays in the first cache */

struct wview {
    const struct nn_conv *c;
    int32_t batch;
    const float *x, *dy;
    float *dw, *part;   /* part: [n_p][OC * K] when n_p > 1 */
    size_t n_p, n_n, k; /* pieces of pixels and of panels; K */
    size_t pixels;
};

static size_t width_of(const struct nn_conv *c)
{
    return 2 * c->k->vw;
}

static size_t depth_of(const struct nn_conv *c)
{
    return (size_t)c->s.kh * (size_t)c->s.kw * (size_t)c->s.ic;
}

static void cut_work(const struct nn_conv *c, size_t pixels, size_t *n_p,
                     size_t *n_n)
{
    size_t k = depth_of(c), panels = nn_ceil_div(k, width_of(c));
    size_t want = nn_conv_want(pixels * k * (size_t)c->s.oc, 2000000);
    want = nn_min_size(want, NN_CONV_CHUNKS / 2);
    *n_p = nn_min_size(want, nn_max_size(1, pixels / 512));
    *n_n = nn_min_size(nn_ceil_div(want, *n_p), panels);
}

size_t nn_gemm_weights_work(const struct nn_conv *c)
{
    size_t n_p, n_n;
    size_t pixels = (size_t)c->max_batch * (size_t)c->oh * (size_t)c->ow;
    cut_work(c, pixels, &n_p, &n_n);
    return n_p > 1 ? n_p * depth_of(c) * (size_t)c->s.oc : 0;
}

/* Where pixel m0 + i reads tap (kh, kw), channel `ic`; zeros outside. */
static void tap_pointers(const struct wview *v, size_t m0, size_t n, int32_t kh,
                         int32_t kw, size_t ic, const float **src)
{
    const struct nn_conv *c = v->c;
    const struct nn_conv_shape *s = &c->s;
    size_t per = (size_t)c->oh * (size_t)c->ow;
    size_t b = m0 / per, rest = m0 % per;
    int32_t i = (int32_t)(rest / (size_t)c->ow);
    int32_t j = (int32_t)(rest % (size_t)c->ow);
    for (size_t p = 0; p < n; p++) {
        int32_t ih = i * s->stride_h - s->pad_h + kh;
        int32_t iw = j * s->stride_w - s->pad_w + kw;
        if ((uint32_t)ih < (uint32_t)s->h && (uint32_t)iw < (uint32_t)s->w) {
            size_t row = b * (size_t)s->h + (size_t)ih;
            size_t pix = row * (size_t)s->w + (size_t)iw;
            src[p] = v->x + pix * (size_t)s->ic + ic;
        } else {
            src[p] = c->zeros;
        }
        if (++j == c->ow) {
            j = 0;
            if (++i == c->oh) {
                i = 0;
                b++;
            }
        }
    }
}

/* Columns k0..k0+len-1 of the patches of n pixels, n x width. */
static void pack_patches(const struct wview *v, size_t m0, size_t n, size_t k0,
                         size_t len, float *dst)
{
    const struct nn_conv_shape *s = &v->c->s;
    const struct nn_kernels *k = v->c->k;
    size_t ic = (size_t)s->ic, width = width_of(v->c);
    const float *src[BLOCK];
    for (size_t done = 0; done < len;) {
        size_t tap = (k0 + done) / ic, first = (k0 + done) % ic;
        size_t run = nn_min_size(ic - first, len - done);
        int32_t kh = (int32_t)(tap / (size_t)s->kw);
        int32_t kw = (int32_t)(tap % (size_t)s->kw);
        tap_pointers(v, m0, n, kh, kw, first, src);
        k->gather(src, n, run, dst + done, width);
        done += run;
    }
    if (len < width) {
        for (size_t p = 0; p < n; p++) {
            for (size_t j = len; j < width; j++) {
                dst[p * width + j] = 0;
            }
        }
    }
}

/* All tiles of filters for one panel of one block. */
static void run_tiles(const struct wview *v, size_t m0, size_t n,
                      const float *panel, size_t k0, size_t len, float *dst,
                      int add)
{
    const struct nn_kernels *k = v->c->k;
    size_t oc = (size_t)v->c->s.oc, tiles = nn_ceil_div(oc, k->mr);
    for (size_t t = 0; t < tiles; t++) {
        size_t a = nn_cut(oc, tiles, t), b = nn_cut(oc, tiles, t + 1);
        struct nn_outer o = {
            .a = v->dy + m0 * oc + a,
            .b = panel,
            .lda = oc,
            .ldb = width_of(v->c),
            .pixels = n,
            .n = len,
            .ldd = v->k,
            .dst = dst + a * v->k + k0,
            .add = add,
        };
        k->outer[len > k->vw][b - a](&o);
    }
}

static void run_piece(void *ctx, size_t i)
{
    const struct wview *v = ctx;
    size_t ip = i / v->n_n, in = i % v->n_n, width = width_of(v->c);
    size_t m0 = nn_cut(v->pixels, v->n_p, ip);
    size_t m1 = nn_cut(v->pixels, v->n_p, ip + 1);
    size_t panels = nn_ceil_div(v->k, width);
    size_t p0 = nn_cut(panels, v->n_n, in), p1 = nn_cut(panels, v->n_n, in + 1);
    float *dst = v->dw;
    if (v->n_p > 1) {
        dst = v->part + ip * v->k * (size_t)v->c->s.oc;
    }
    float panel[BLOCK * 2 * NN_VW_MAX] __attribute__((aligned(64)));
    for (size_t m = m0; m < m1; m += BLOCK) {
        size_t n = nn_min_size(BLOCK, m1 - m);
        for (size_t p = p0; p < p1; p++) {
            size_t k0 = p * width, len = nn_min_size(width, v->k - k0);
            pack_patches(v, m, n, k0, len, panel);
            run_tiles(v, m, n, panel, k0, len, dst, v->n_p == 1 || m > m0);
        }
    }
}

/* dw += the partial sums, in the order of the pieces. */
static void add_rows(void *ctx, size_t o)
{
    const struct wview *v = ctx;
    size_t all = v->k * (size_t)v->c->s.oc;
    struct nn_norm_args a = {
        .x = v->part + o * v->k,
        .sum0 = v->dw + o * v->k,
        .c = v->k,
        .rows = 1,
    };
    for (size_t p = 0; p < v->n_p; p++) {
        v->c->k->add_into(&a);
        a.x += all;
    }
}

void nn_gemm_backward_weights(const struct nn_conv *c, int32_t batch,
                              const float *x, const float *dy, float *dw,
                              float *work)
{
    struct wview v = {
        .c = c,
        .batch = batch,
        .x = x,
        .dy = dy,
        .dw = dw,
        .part = work,
        .k = depth_of(c),
        .pixels = (size_t)batch * (size_t)c->oh * (size_t)c->ow,
    };
    cut_work(c, v.pixels, &v.n_p, &v.n_n);
    nn_parallel_for(v.n_p * v.n_n, run_piece, &v);
    if (v.n_p > 1) {
        nn_parallel_for((size_t)c->s.oc, add_rows, &v);
    }
}
