/* Weight gradient: dw[OC, K] = sum over pixels of dy[OC] x patch[K]. Blocks
 * of pixels are taken one after another; a panel of patch columns is copied
 * to the stack once per block and used by every tile of filters. */
#include "common/base/parallel.h"
#include "common/tensor/kernels/conv_internal.h"

enum {
    BLOCK = 64,         /* pixels taken together, so that the lines of dy that
                           they touch stay in the first cache */
    DIRECT_TILES = 4,   /* up to so many tiles of filters no panel is copied */
    MERGE_FLOATS = 32,  /* kernel rows this short are copied as one run */
    PIECES = 8,         /* no more by columns than makes so many pieces */
    PIECE_PIXELS = 512, /* fewer are not worth partial sums */
};

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
    size_t most = nn_max_size(1, pixels / PIECE_PIXELS);
    *n_p = nn_min_size(nn_min_size(want, NN_CONV_CHUNKS / 2), most);
    *n_n = nn_ceil_div(nn_min_size(want, PIECES), *n_p);
    *n_n = nn_min_size(*n_n, panels);
}

size_t nn_gemm_weights_work(const struct nn_conv *c)
{
    size_t n_p, n_n;
    size_t pixels = (size_t)c->max_batch * (size_t)c->oh * (size_t)c->ow;
    cut_work(c, pixels, &n_p, &n_n);
    return n_p > 1 ? n_p * depth_of(c) * (size_t)c->s.oc : 0;
}

/* A run of one kernel position (or, merged, of one kernel row) in the patches
 * of n pixels from m0 on: len floats from float `first` of it. */
struct run {
    size_t m0, n, first, len;
    int32_t kh, kw;
    int merged;
};

/* Floats of a merged row of a pixel at the edge, outside ones zero. */
static const float *copy_edge(const struct nn_conv_shape *s, const float *row,
                              int32_t iw, const struct run *r, float *patch)
{
    for (size_t i = 0; i < r->len; i++) {
        int32_t at = iw + (int32_t)((r->first + i) / (size_t)s->ic);
        int in = (uint32_t)at < (uint32_t)s->w;
        ptrdiff_t from = (ptrdiff_t)iw * s->ic + (ptrdiff_t)(r->first + i);
        patch[i] = in ? row[from] : 0;
    }
    return patch;
}

/* Where each pixel of a run starts to read. */
static void run_pointers(const struct wview *v, const struct run *r,
                         const float **src, float *patch)
{
    const struct nn_conv *c = v->c;
    const struct nn_conv_shape *s = &c->s;
    size_t row_of = r->m0 / (size_t)c->ow, b = row_of / (size_t)c->oh;
    int32_t i = (int32_t)(row_of % (size_t)c->oh);
    int32_t j = (int32_t)(r->m0 % (size_t)c->ow);
    int32_t columns = r->merged ? s->kw : 1;
    for (size_t p = 0; p < r->n; p++) {
        int32_t ih = i * s->stride_h - s->pad_h + r->kh;
        int32_t iw = j * s->stride_w - s->pad_w + r->kw;
        size_t at = (b * (size_t)s->h + (size_t)ih) * (size_t)s->w;
        const float *row = v->x + at * (size_t)s->ic;
        if ((uint32_t)ih >= (uint32_t)s->h) {
            src[p] = c->zeros;
        } else if (iw >= 0 && iw + columns <= s->w) {
            src[p] = row + (size_t)iw * (size_t)s->ic + r->first;
        } else if (r->merged) {
            src[p] = copy_edge(s, row, iw, r, patch + p * MERGE_FLOATS);
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
    size_t width = width_of(v->c), kw = (size_t)s->kw;
    const float *src[BLOCK];
    float patch[BLOCK * MERGE_FLOATS];
    struct run r = { .m0 = m0, .n = n };
    r.merged = (size_t)s->ic * kw <= MERGE_FLOATS;
    size_t unit = (size_t)s->ic * (r.merged ? kw : 1);
    size_t ahead = BLOCK * (size_t)(s->stride_h * s->stride_w) * (size_t)s->ic;
    for (size_t done = 0; done < len; done += r.len) {
        size_t at = (k0 + done) / unit;
        r.first = (k0 + done) % unit;
        r.len = nn_min_size(unit - r.first, len - done);
        r.kh = (int32_t)(r.merged ? at : at / kw);
        r.kw = (int32_t)(r.merged ? 0 : at % kw);
        run_pointers(v, &r, src, patch);
        k->gather(src, n, r.len, dst + done, width, ahead);
    }
    if (len < width) {
        for (size_t p = 0; p < n; p++) {
            for (size_t j = len; j < width; j++) {
                dst[p * width + j] = 0;
            }
        }
    }
}

/* All tiles of filters for columns k0..k0+len-1 of one block. */
static void run_tiles(const struct wview *v, const struct nn_outer *base,
                      size_t k0, float *dst)
{
    const struct nn_kernels *k = v->c->k;
    size_t oc = (size_t)v->c->s.oc, tiles = nn_ceil_div(oc, k->mr);
    size_t m = oc / tiles, larger = oc % tiles;
    nn_outer_fn *const *fn = k->outer[base->n > k->vw];
    struct nn_outer o = *base;
    o.dst = dst + k0;
    for (size_t t = 0; t < tiles; t++) {
        size_t rows = t < larger ? m + 1 : m;
        fn[rows](&o);
        o.a += rows;
        o.dst += rows * v->k;
    }
}

/* 1x1, stride 1: row m of the patches is pixel m of x. */
static int is_flat(const struct nn_conv_shape *s)
{
    return s->kh * s->kw == 1 && s->stride_h == 1 && s->stride_w == 1 &&
           s->pad_h == 0 && s->pad_w == 0;
}

/* Panels p0..p1-1 of n pixels from m on. */
static void run_block(const struct wview *v, size_t m, size_t n, size_t p0,
                      size_t p1, float *dst, int add)
{
    size_t width = width_of(v->c), oc = (size_t)v->c->s.oc;
    int flat = is_flat(&v->c->s);
    float panel[BLOCK * 2 * NN_VW_MAX] __attribute__((aligned(64)));
    struct nn_outer o = {
        .a = v->dy + m * oc, .lda = oc, .pixels = n, .ldd = v->k, .add = add
    };
    for (size_t p = p0; p < p1; p++) {
        size_t k0 = p * width;
        o.n = nn_min_size(width, v->k - k0);
        o.b = panel;
        o.ldb = width;
        o.ahead = p == p0 ? BLOCK * oc : 0;
        if (flat && o.n == width && oc <= DIRECT_TILES * v->c->k->mr) {
            o.b = v->x + m * v->k + k0;
            o.ldb = v->k;
        } else if (flat && o.n == width) {
            v->c->k->copy(v->x + m * v->k + k0, v->k, n, width, panel, width,
                          BLOCK * v->k);
        } else {
            pack_patches(v, m, n, k0, o.n, panel);
        }
        run_tiles(v, &o, k0, dst);
    }
}

static void run_piece(void *ctx, size_t i)
{
    const struct wview *v = ctx;
    size_t ip = i / v->n_n, in = i % v->n_n;
    size_t m0 = nn_cut(v->pixels, v->n_p, ip);
    size_t m1 = nn_cut(v->pixels, v->n_p, ip + 1);
    size_t panels = nn_ceil_div(v->k, width_of(v->c));
    size_t p0 = nn_cut(panels, v->n_n, in), p1 = nn_cut(panels, v->n_n, in + 1);
    float *dst = v->dw;
    if (v->n_p > 1) {
        dst = v->part + ip * v->k * (size_t)v->c->s.oc;
    }
    for (size_t m = m0; m < m1; m += BLOCK) {
        run_block(v, m, nn_min_size(BLOCK, m1 - m), p0, p1, dst,
                  v->n_p == 1 || m > m0);
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
