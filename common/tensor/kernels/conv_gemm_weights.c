/* Weight gradient: dw[OC, K] = sum over pixels of dy[OC] x patch[K]. Blocks
 * of pixels are taken one after another; a panel of patch columns is copied
 * to the stack once per block and used by every tile of filters. */
#include <string.h>

#include "common/base/parallel.h"
#include "common/tensor/kernels/conv_internal.h"

enum {
    BLOCK = 64,          /* pixels taken together, so that the lines of dy that
                            they touch stay in the L1 cache */
    DIRECT_TILES = 4,    /* up to so many tiles of filters no panel is copied */
    MERGE_FLOATS = 32,   /* kernel rows this short are copied as one run */
    CHUNKS = 8,          /* no more by columns than makes so many chunks */
    CHUNK_PIXELS = 2048, /* fewer are not worth partial sums */
    ADD_FLOATS = 16384,  /* of partial sums added in one chunk */
};

struct wview {
    const struct nn_conv *c;
    int32_t batch;
    const float *x, *dy;
    const float *next_x, *next_dy; /* where what is read later begins */
    const struct nn_conv_norm *norm;
    float *dw, *part;        /* part: [n_p][OC * K] when n_p > 1 */
    size_t n_p, n_o, n_n, k; /* chunks of pixels, filters and panels; K */
    size_t pixels;
    int accumulate;
};

static size_t width_of(const struct nn_conv *c)
{
    return 2 * c->k->vw;
}

static size_t depth_of(const struct nn_conv *c)
{
    return (size_t)c->s.kh * (size_t)c->s.kw * (size_t)c->s.ic;
}

static size_t tiles_of(const struct nn_conv *c)
{
    return nn_ceil_div((size_t)c->s.oc, c->k->mr);
}

/* Panels first: only chunks of pixels need partial sums, and chunks of
 * filters copy the same patches. */
static void cut_work(const struct nn_conv *c, struct wview *v)
{
    size_t k = depth_of(c), panels = nn_ceil_div(k, width_of(c));
    size_t chunks =
        nn_conv_chunk_count(v->pixels * k * (size_t)c->s.oc, 2000000);
    size_t max = nn_max_size(1, v->pixels / CHUNK_PIXELS);
    if (c->one_chunk) {
        chunks = 1;
    }
    v->n_p = nn_min_size(nn_min_size(chunks, NN_CONV_CHUNKS / 2), max);
    v->n_n = nn_ceil_div(nn_min_size(chunks, CHUNKS), v->n_p);
    v->n_o = nn_ceil_div(v->n_n, panels);
    v->n_n = nn_min_size(v->n_n, panels);
    v->n_o = nn_min_size(v->n_o, tiles_of(c));
}

size_t nn_gemm_weights_work(const struct nn_conv *c)
{
    struct wview v = { .pixels = (size_t)c->max_batch * (size_t)c->oh *
                                 (size_t)c->ow };
    cut_work(c, &v);
    return v.n_p > 1 ? v.n_p * depth_of(c) * (size_t)c->s.oc : 0;
}

/* A run of one kernel position (or, merged, of one kernel row) in patches:
 * len floats from float `first` of it. */
struct run {
    size_t first, len;
    int32_t kh, kw;
    int merged;
};

/* Result pixels j0..j1-1 of row i of image b. */
struct strip {
    size_t b;
    int32_t i, j0, j1;
};

/* rows times len floats of x, channels from c0 on, into a panel. */
static void copy_inside(const struct wview *v, const float *x, size_t step,
                        size_t rows, size_t len, size_t c0, float *dst)
{
    const struct nn_kernels *k = v->c->k;
    const struct nn_conv_norm *n = v->norm;
    if (n) {
        k->copy_norm(x, step, rows, len, dst, width_of(v->c), n->scale + c0,
                     n->shift + c0, n->act);
    } else {
        k->copy(x, step, rows, len, dst, width_of(v->c));
    }
}

/* The run of one pixel at the edge: row (NULL: outside) from column iw on,
 * zero outside the image. */
static void copy_edge(const struct wview *v, const float *row, int32_t iw,
                      const struct run *r, float *dst)
{
    const struct nn_conv_shape *s = &v->c->s;
    for (size_t i = 0; i < r->len; i++) {
        int32_t at = iw + (int32_t)((r->first + i) / (size_t)s->ic);
        int in = row != NULL && (uint32_t)at < (uint32_t)s->w;
        ptrdiff_t from = (ptrdiff_t)iw * s->ic + (ptrdiff_t)(r->first + i);
        if (in && v->norm) {
            copy_inside(v, row + from, (size_t)s->ic, 1, 1,
                        (r->first + i) % (size_t)s->ic, dst + i);
        } else {
            dst[i] = in ? row[from] : 0;
        }
    }
}

/* The run of all pixels of a strip: copied where all its columns are inside
 * the image, put together at the edges. */
static void pack_strip(const struct wview *v, const struct strip *t,
                       const struct run *r, float *dst)
{
    const struct nn_conv *c = v->c;
    const struct nn_conv_shape *s = &c->s;
    size_t width = width_of(c), step = (size_t)s->stride_w * (size_t)s->ic;
    int32_t ih = t->i * s->stride_h - s->pad_h + r->kh;
    int32_t left = s->pad_w - r->kw; /* columns that the first one lacks */
    int32_t last = s->w - (r->merged ? s->kw : 1) + left, j = t->j0;
    const float *row = NULL;
    if ((uint32_t)ih < (uint32_t)s->h) {
        size_t at = (t->b * (size_t)s->h + (size_t)ih) * (size_t)s->w;
        row = v->x + at * (size_t)s->ic;
    }
    while (j < t->j1) {
        int32_t n = 0;
        if (row != NULL && j * s->stride_w >= left && j * s->stride_w <= last) {
            int32_t end = last / s->stride_w + 1;
            n = (end < t->j1 ? end : t->j1) - j;
            ptrdiff_t from = (ptrdiff_t)(j * s->stride_w - left) * s->ic;
            copy_inside(v, row + from + r->first, step, (size_t)n, r->len,
                        r->first, dst);
        } else {
            n = 1;
            copy_edge(v, row, j * s->stride_w - left, r, dst);
        }
        j += n;
        dst += (size_t)n * width;
    }
}

static void pack_run(const struct wview *v, size_t m0, size_t n,
                     const struct run *r, float *dst)
{
    size_t ow = (size_t)v->c->ow, oh = (size_t)v->c->oh;
    for (size_t m = m0; m < m0 + n;) {
        size_t row = m / ow, j = m % ow;
        size_t end = nn_min_size(ow, j + (m0 + n - m));
        struct strip t = { row / oh, (int32_t)(row % oh), (int32_t)j,
                           (int32_t)end };
        pack_strip(v, &t, r, dst + (m - m0) * width_of(v->c));
        m += end - j;
    }
}

/* Columns k0..k0+len-1 of the patches of n pixels, n x width. */
static void pack_patches(const struct wview *v, size_t m0, size_t n, size_t k0,
                         size_t len, float *dst)
{
    const struct nn_conv_shape *s = &v->c->s;
    size_t width = width_of(v->c), kw = (size_t)s->kw;
    int merged = (size_t)s->ic * kw <= MERGE_FLOATS && v->norm == NULL;
    struct run r = { .merged = merged };
    size_t unit = (size_t)s->ic * (r.merged ? kw : 1);
    for (size_t done = 0; done < len; done += r.len) {
        size_t at = (k0 + done) / unit;
        r.first = (k0 + done) % unit;
        r.len = nn_min_size(unit - r.first, len - done);
        r.kh = (int32_t)(r.merged ? at : at / kw);
        r.kw = (int32_t)(r.merged ? 0 : at % kw);
        pack_run(v, m0, n, &r, dst + done);
    }
    if (len < width) {
        for (size_t p = 0; p < n; p++) {
            for (size_t j = len; j < width; j++) {
                dst[p * width + j] = 0;
            }
        }
    }
}

/* Pixels m..m+n-1, tiles t0..t1-1 of filters, panels p0..p1-1. */
struct block {
    size_t m, n, t0, t1, p0, p1;
};

/* Floats of x for each pixel of the result. */
static size_t input_floats(const struct nn_conv *c)
{
    return (size_t)c->s.stride_h * (size_t)c->s.stride_w * (size_t)c->s.ic;
}

/* What the tiles of panel p prefetch: all calls of a block share out as many
 * pixels of what is read later. */
static void set_prefetch(const struct wview *v, const struct block *b, size_t p,
                         struct nn_outer *o)
{
    const size_t floats[2] = { (size_t)v->c->s.oc, input_floats(v->c) };
    const float *from[2] = { v->next_dy, v->next_x };
    size_t calls = (b->p1 - b->p0) * (b->t1 - b->t0);
    size_t done = (p - b->p0) * (b->t1 - b->t0);
    for (int i = 0; i < 2; i++) {
        o->prefetch_step[i] = nn_ceil_div(floats[i], calls);
        o->prefetch[i] =
            from[i] + b->m * floats[i] + done * b->n * o->prefetch_step[i];
    }
}

/* All tiles of a block for the panel at base->b. */
static void run_tiles(const struct wview *v, const struct block *b,
                      const struct nn_outer *base, float *dst)
{
    const struct nn_kernels *k = v->c->k;
    size_t oc = (size_t)v->c->s.oc, tiles = tiles_of(v->c);
    nn_outer_fn *const *fn = k->outer[base->n > k->vw];
    struct nn_outer o = *base;
    for (size_t t = b->t0; t < b->t1; t++) {
        size_t first = nn_chunk_start(oc, tiles, t);
        o.a = v->dy + b->m * oc + first;
        o.dst = dst + first * v->k;
        fn[nn_chunk_start(oc, tiles, t + 1) - first](&o);
        o.prefetch[0] += b->n * o.prefetch_step[0];
        o.prefetch[1] += b->n * o.prefetch_step[1];
    }
}

/* 1x1, stride 1: row m of the patches is pixel m of x. */
static int is_flat(const struct nn_conv_shape *s)
{
    return s->kh * s->kw == 1 && s->stride_h == 1 && s->stride_w == 1 &&
           s->pad_h == 0 && s->pad_w == 0 && s->pad_more == 0;
}

static void run_block(const struct wview *v, const struct block *b, float *dst,
                      int add)
{
    size_t width = width_of(v->c), oc = (size_t)v->c->s.oc;
    int flat = is_flat(&v->c->s);
    float panel[BLOCK * 2 * NN_VW_MAX] __attribute__((aligned(64)));
    struct nn_outer o = { .lda = oc, .pixels = b->n, .ldd = v->k, .add = add };
    for (size_t p = b->p0; p < b->p1; p++) {
        size_t k0 = p * width;
        const float *x = v->x + b->m * v->k + k0; /* when flat */
        o.n = nn_min_size(width, v->k - k0);
        o.b = panel;
        o.ldb = width;
        set_prefetch(v, b, p, &o);
        if (flat && o.n == width && b->t1 - b->t0 <= DIRECT_TILES &&
            v->norm == NULL) {
            o.b = x;
            o.ldb = v->k;
        } else if (flat && o.n == width) {
            copy_inside(v, x, v->k, b->n, width, k0, panel);
        } else {
            pack_patches(v, b->m, b->n, k0, o.n, panel);
        }
        run_tiles(v, b, &o, dst + k0);
    }
}

static void run_chunk(void *ctx, size_t i)
{
    const struct wview *v = ctx;
    size_t in = i % v->n_n, io = i / v->n_n % v->n_o, ip = i / v->n_n / v->n_o;
    size_t panels = nn_ceil_div(v->k, width_of(v->c)), tiles = tiles_of(v->c);
    size_t m0 = nn_chunk_start(v->pixels, v->n_p, ip);
    size_t m1 = nn_chunk_start(v->pixels, v->n_p, ip + 1);
    struct block b = {
        .t0 = nn_chunk_start(tiles, v->n_o, io),
        .t1 = nn_chunk_start(tiles, v->n_o, io + 1),
        .p0 = nn_chunk_start(panels, v->n_n, in),
        .p1 = nn_chunk_start(panels, v->n_n, in + 1),
    };
    float *dst = v->dw;
    if (v->n_p > 1) {
        dst = v->part + ip * v->k * (size_t)v->c->s.oc;
    }
    for (b.m = m0; b.m < m1; b.m += BLOCK) {
        b.n = nn_min_size(BLOCK, m1 - b.m);
        run_block(v, &b, dst, (v->n_p == 1 && v->accumulate) || b.m > m0);
    }
}

/* dw (+)= the partial sums, in the order of the chunks. */
static void add_parts(void *ctx, size_t i)
{
    const struct wview *v = ctx;
    size_t all = v->k * (size_t)v->c->s.oc, at = i * ADD_FLOATS;
    struct nn_norm_args a = {
        .x = v->part + at,
        .sum0 = v->dw + at,
        .c = nn_min_size(ADD_FLOATS, all - at),
        .rows = 1,
    };
    if (!v->accumulate) {
        memset(v->dw + at, 0, a.c * sizeof *v->dw);
    }
    for (size_t p = 0; p < v->n_p; p++) {
        v->c->k->add_into(&a);
        a.x += all;
    }
}

void nn_gemm_backward_weights(const struct nn_conv *c, int32_t batch,
                              const float *x, const float *dy, float *dw,
                              int accumulate, float *work,
                              const struct nn_conv_norm *norm,
                              const struct nn_conv_next *next)
{
    struct wview v = {
        .c = c,
        .batch = batch,
        .x = x,
        .dy = dy,
        .dw = dw,
        .accumulate = accumulate,
        .part = work,
        .k = depth_of(c),
        .pixels = (size_t)batch * (size_t)c->oh * (size_t)c->ow,
    };
    v.norm = norm;
    v.next_x = next && next->x ? next->x : x + BLOCK * input_floats(c);
    v.next_dy = next && next->dy ? next->dy : dy + BLOCK * (size_t)c->s.oc;
    cut_work(c, &v);
    nn_parallel_for(v.n_p * v.n_o * v.n_n, run_chunk, &v);
    if (v.n_p > 1) {
        size_t all = v.k * (size_t)c->s.oc;
        nn_parallel_for(nn_ceil_div(all, ADD_FLOATS), add_parts, &v);
    }
}
