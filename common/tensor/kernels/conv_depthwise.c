/* Depthwise convolution: rows of all images are partitioned into chunks. */
#include "common/base/parallel.h"
#include "common/tensor/kernels/conv_internal.h"

enum {
    FLOAT_PIXELS = 256,       /* most pixels summed in float */
    CHANNELS = 128,           /* taken through all rows of a call together */
    ADD_CHANNELS = 32,        /* of partial sums added in one chunk */
    UNCACHED_FLOATS = 500000, /* more are not in the L2 caches */
    SPLIT_MACS = 64000,       /* fewer are one chunk, */
    PAIR_MACS = 2000000, /* and fewer two, so that halves meet their caches */
    LINE_FLOATS = 16,    /* of a cache line */
    /* Read and written, more than a thread's part of a shared cache. */
    STREAM_FLOATS = 2000000,
    ROWS_FLOATS = 4096, /* of results that are streamed together */
};

struct view {
    const struct nn_conv *c;
    nn_dw_fn *fn;
    struct nn_dw d;          /* first image; copied per call */
    size_t x_image, y_image; /* floats */
    int32_t rows;            /* rows of the result per image */
    size_t total, n_m, n_c;
    ptrdiff_t by;  /* floats from x to what is prefetched, or 0 */
    double *part;  /* [n_m][2][C] */
    float *sums;   /* [n_m][2][C] */
    float *rows_y; /* [n_m][stream][OW,C] before they are streamed */
    size_t stream; /* rows of results streamed together, or 0 */
    float *taps;   /* weight gradient: [n_m][KH*KW][C] */
    float *dw;
};

static size_t taps_of(const struct nn_conv *c)
{
    return (size_t)c->s.kh * (size_t)c->s.kw;
}

/* Pieces of rows (n_m) and of channels (n_c): rows first, but blocks of
 * channels first where chunks of rows need partial sums. */
static void cut_work(const struct nn_conv *c, size_t rows, size_t macs,
                     int partial, size_t *n_m, size_t *n_c)
{
    size_t vecs = nn_ceil_div((size_t)c->s.ic, c->k->vw);
    size_t chunks = macs < SPLIT_MACS ? 1 : 2;
    if (macs >= PAIR_MACS || partial) {
        chunks = nn_conv_chunk_count(macs, 400000);
    }
    size_t blocks = nn_ceil_div((size_t)c->s.ic, CHANNELS);
    size_t max = partial ? nn_ceil_div(chunks, blocks) : chunks;
    *n_m = nn_min_size(max, rows);
    *n_c = nn_min_size(nn_ceil_div(chunks, *n_m), vecs);
    if (c->one_chunk) {
        *n_m = *n_c = 1;
    }
}

/* Rows of results that are stored non-temporally together, or 0. */
static size_t stream_rows(const struct nn_conv *c, size_t batch)
{
    size_t row = (size_t)c->ow * (size_t)c->s.ic;
    size_t x = (size_t)c->s.h * (size_t)c->s.w * (size_t)c->s.ic;
    if (!c->k->stream || row % LINE_FLOATS != 0 ||
        batch * (x + row * (size_t)c->oh) <= STREAM_FLOATS) {
        return 0;
    }
    return nn_min_size(nn_max_size(1, ROWS_FLOATS / row), (size_t)c->oh);
}

size_t nn_depthwise_packed(const struct nn_conv *c)
{
    return taps_of(c) * (size_t)c->s.ic;
}

size_t nn_depthwise_work(const struct nn_conv *c, int backward)
{
    size_t n_m, n_c, ch = (size_t)c->s.ic;
    size_t b = (size_t)c->max_batch, macs = b * nn_conv_macs(&c->s);
    cut_work(c, b * (size_t)c->oh, macs, 0, &n_m, &n_c);
    size_t n = n_m * ch * (2 + 2 * sizeof(double) / sizeof(float));
    size_t rows = stream_rows(c, b);
    n = nn_max_size(n, n_m * rows * (size_t)c->ow * ch);
    if (backward) {
        cut_work(c, b * (size_t)c->oh, macs, 1, &n_m, &n_c);
        n = nn_max_size(n, n_m * taps_of(c) * ch);
    }
    return n;
}

void nn_depthwise_pack(const struct nn_conv *c, const float *w, float *packed)
{
    size_t taps = taps_of(c), ch = (size_t)c->s.ic;
    c->k->transpose(w, taps, taps, ch, packed, ch);
}

/* Fold the float sums of channels c0..c1-1 into the doubles and clear. */
static void fold_sums(const struct view *v, size_t im, int32_t c0, int32_t c1)
{
    size_t ch = (size_t)v->c->s.ic;
    double *part = v->part + im * 2 * ch;
    float *sums = v->sums + im * 2 * ch;
    for (size_t i = (size_t)c0; i < (size_t)c1; i++) {
        part[i] += (double)sums[i];
        part[ch + i] += (double)sums[ch + i];
        sums[i] = sums[ch + i] = 0;
    }
}

static void clear_sums(const struct view *v, size_t im, int32_t c0, int32_t c1)
{
    size_t ch = (size_t)v->c->s.ic;
    for (size_t i = (size_t)c0; i < (size_t)c1; i++) {
        v->part[im * 2 * ch + i] = v->part[(im * 2 + 1) * ch + i] = 0;
        v->sums[im * 2 * ch + i] = v->sums[(im * 2 + 1) * ch + i] = 0;
    }
}

/* The kernel for channels c0..c1-1 of d, a block of them after another, so
 * that what it reads several times stays in the L1 cache. */
static void run_channels(const struct view *v, const struct nn_dw *d)
{
    int32_t max = d->kh * d->sh > 8 ? CHANNELS / 2 : CHANNELS;
    struct nn_dw part = *d;
    for (int32_t c = d->c0; c < d->c1; c = part.c1) {
        part.c0 = c;
        part.c1 = d->c1 - c > max ? c + max : d->c1;
        part.ahead = v->by;
        v->fn(&part);
    }
}

/* The rows of d, whole ones, through a buffer that is cached. */
static void stream_channels(const struct view *v, struct nn_dw *d, size_t im)
{
    size_t row = (size_t)d->ow * (size_t)d->c;
    float *y = d->y + (size_t)d->oh0 * row;
    d->y0 = d->oh0;
    d->y = v->rows_y + im * v->stream * row;
    run_channels(v, d);
    v->c->k->stream(d->y, (size_t)(d->oh1 - d->oh0) * row, y);
}

/* Rows r..r1-1 of all images, at most `step` of one image at a time. */
static void run_rows(const struct view *v, struct nn_dw *d, size_t im, size_t r,
                     size_t r1, size_t step)
{
    while (r < r1) {
        size_t b = r / (size_t)v->rows, first = r % (size_t)v->rows;
        size_t n = nn_min_size((size_t)v->rows - first, r1 - r);
        n = nn_min_size(n, step);
        d->oh0 = (int32_t)first;
        d->oh1 = (int32_t)(first + n);
        d->x = v->d.x + b * v->x_image;
        d->y = v->taps ? d->y : v->d.y + b * v->y_image;
        d->residual = v->d.residual ? v->d.residual + b * v->y_image : NULL;
        if (v->stream) {
            stream_channels(v, d, im);
        } else {
            run_channels(v, d);
        }
        if (v->part) {
            fold_sums(v, im, d->c0, d->c1);
        }
        r += n;
    }
}

static void run_chunk(void *ctx, size_t i)
{
    const struct view *v = ctx;
    size_t im = i / v->n_c, in = i % v->n_c, vw = v->c->k->vw;
    size_t ch = (size_t)v->c->s.ic, vecs = nn_ceil_div(ch, vw);
    struct nn_dw d = v->d;
    d.c0 = (int32_t)(nn_chunk_start(vecs, v->n_c, in) * vw);
    d.c1 = (int32_t)nn_min_size(ch, nn_chunk_start(vecs, v->n_c, in + 1) * vw);
    size_t step = v->stream ? v->stream : (size_t)v->rows;
    if (v->part) {
        clear_sums(v, im, d.c0, d.c1);
        d.sum = v->sums + im * 2 * ch;
        d.sum_sq = d.sum + ch;
        step = nn_max_size(1, FLOAT_PIXELS / (size_t)v->d.ow);
    }
    if (v->taps) {
        d.y = v->taps + im * taps_of(v->c) * ch;
        for (size_t t = 0; t < taps_of(v->c); t++) {
            for (int32_t j = d.c0; j < d.c1; j++) {
                d.y[t * ch + (size_t)j] = 0;
            }
        }
    }
    run_rows(v, &d, im, nn_chunk_start(v->total, v->n_m, im),
             nn_chunk_start(v->total, v->n_m, im + 1), step);
    if (v->stream) {
        v->c->k->stream_end();
    }
}

static struct nn_dw describe(const struct nn_conv *c)
{
    const struct nn_conv_shape *s = &c->s;
    struct nn_dw d = {
        .h = s->h,
        .wd = s->w,
        .oh = c->oh,
        .ow = c->ow,
        .c = s->ic,
        .kh = s->kh,
        .kw = s->kw,
        .sh = s->stride_h,
        .sw = s->stride_w,
        .ph = s->pad_h,
        .pw = s->pad_w,
    };
    return d;
}

/* k when the kernel is k x k with equal strides, 3 or 5; else 0. */
static int square(const struct nn_conv *c, int32_t stride)
{
    const struct nn_conv_shape *s = &c->s;
    int same = s->kh == s->kw && s->stride_h == stride && s->stride_w == stride;
    return same && (s->kh == 3 || s->kh == 5) ? s->kh : 0;
}

static nn_dw_fn *pick(const struct nn_conv *c, nn_dw_fn *f31, nn_dw_fn *f32,
                      nn_dw_fn *f51, nn_dw_fn *f52, nn_dw_fn *any)
{
    int a = square(c, 1), b = square(c, 2);
    if (a) {
        return a == 3 ? f31 : f51;
    }
    if (b) {
        return b == 3 ? f32 : f52;
    }
    return any;
}

/* Floats from an input row to the first that the result beside it does not
 * need. A kernel that goes over the channels in steps of less than a cache line
 * follows a short stream for each pixel of its strip, more of them than the
 * hardware sees. */
static ptrdiff_t rows_below(const struct view *v)
{
    ptrdiff_t row = (ptrdiff_t)v->d.wd * v->d.c;
    return v->c->k->vw < LINE_FLOATS ? (v->d.kh / 2 + 1) * row : 0;
}

static void run_view(struct view *v, int32_t batch)
{
    v->total = (size_t)batch * (size_t)v->rows;
    int uncached = (size_t)batch * (v->x_image + v->y_image) > UNCACHED_FLOATS;
    if (uncached && v->by == 0) {
        v->by = rows_below(v);
    }
    cut_work(v->c, v->total, (size_t)batch * nn_conv_macs(&v->c->s),
             v->taps != NULL, &v->n_m, &v->n_c);
    int lines = (uintptr_t)v->d.y % (LINE_FLOATS * sizeof(float)) == 0;
    v->stream = v->n_c == 1 && lines ? v->stream : 0;
    v->d.uncached = uncached && !v->stream;
    if (v->part) { /* doubles first, floats behind them */
        v->sums = (float *)(void *)(v->part + v->n_m * 2 * (size_t)v->c->s.ic);
    }
    nn_parallel_for(v->n_m * v->n_c, run_chunk, v);
}

static size_t image_of(int32_t h, int32_t w, int32_t c)
{
    return (size_t)h * (size_t)w * (size_t)c;
}

void nn_depthwise_forward(const struct nn_conv *c, int32_t batch,
                          const float *x, const float *packed,
                          const struct nn_conv_epilogue *e, float *y,
                          float *work)
{
    const struct nn_kernels *k = c->k;
    struct view v = {
        .c = c,
        .fn = pick(c, k->dw_3s1, k->dw_3s2, k->dw_5s1, k->dw_5s2, k->dw_any),
        .d = describe(c),
        .x_image = image_of(c->s.h, c->s.w, c->s.ic),
        .y_image = image_of(c->oh, c->ow, c->s.ic),
        .rows = c->oh,
        .part = e->sum ? (double *)(void *)work : NULL,
        .rows_y = work,
        .stream = e->sum || e->residual ? 0 : stream_rows(c, (size_t)batch),
    };
    v.d.x = x;
    v.d.w = packed;
    v.d.y = y;
    v.d.residual = e->residual;
    v.d.bias = e->bias;
    v.d.act = e->act;
    v.by = e->next_x ? nn_conv_offset(x, e->next_x) : 0;
    run_view(&v, batch);
    if (e->sum) {
        size_t ch = (size_t)c->s.ic;
        nn_conv_combine(v.part, v.n_m, ch, ch, e->sum, e->sum_sq);
    }
}

void nn_depthwise_pack_input(const struct nn_conv *c, const float *w,
                             float *packed)
{
    size_t taps = taps_of(c), ch = (size_t)c->s.ic;
    nn_depthwise_pack(c, w, packed);
    if (!square(c, 1)) {
        return;
    }
    /* The same convolution over dy with the kernel turned around. */
    for (size_t a = 0, b = taps - 1; a < b; a++, b--) {
        for (size_t i = 0; i < ch; i++) {
            float t = packed[a * ch + i];
            packed[a * ch + i] = packed[b * ch + i];
            packed[b * ch + i] = t;
        }
    }
}

void nn_depthwise_backward_input(const struct nn_conv *c, int32_t batch,
                                 const float *dy, const float *packed,
                                 float *dx, int accumulate,
                                 const struct nn_conv_next *next)
{
    const struct nn_kernels *k = c->k;
    struct view v = {
        .c = c,
        .fn = pick(c, k->dw_3s1, k->dwi_3s2, k->dw_5s1, k->dwi_5s2, k->dwi_any),
        .d = describe(c),
        .x_image = image_of(c->oh, c->ow, c->s.ic),
        .y_image = image_of(c->s.h, c->s.w, c->s.ic),
        .rows = c->s.h,
    };
    if (square(c, 1)) {
        v.d.h = c->oh;
        v.d.wd = c->ow;
        v.d.oh = c->s.h;
        v.d.ow = c->s.w;
        v.d.ph = c->s.kh - 1 - c->s.pad_h;
        v.d.pw = c->s.kw - 1 - c->s.pad_w;
    }
    v.d.x = dy;
    v.d.w = packed;
    v.d.y = dx;
    v.d.residual = accumulate ? dx : NULL;
    v.by = next && next->dy ? nn_conv_offset(dy, next->dy) : 0;
    run_view(&v, batch);
}

/* dw[c, t] += the partial sums in the order of the chunks, for one block of
 * channels, whose rows of dw no other thread writes. */
static void add_taps(void *ctx, size_t block)
{
    const struct view *v = ctx;
    size_t taps = taps_of(v->c), ch = (size_t)v->c->s.ic;
    size_t c0 = block * ADD_CHANNELS, n = nn_min_size(ch - c0, ADD_CHANNELS);
    float *dw = v->dw + c0 * taps;
    for (size_t t = 0; t < taps; t++) {
        float s[ADD_CHANNELS] = { 0 };
        const float *part = v->taps + t * ch + c0;
        for (size_t m = 0; m < v->n_m; m++, part += taps * ch) {
            for (size_t i = 0; i < n; i++) {
                s[i] += part[i];
            }
        }
        for (size_t i = 0; i < n; i++) {
            dw[i * taps + t] += s[i];
        }
    }
}

void nn_depthwise_backward_weights(const struct nn_conv *c, int32_t batch,
                                   const float *x, const float *dy, float *dw,
                                   float *work, const struct nn_conv_next *next)
{
    const struct nn_kernels *k = c->k;
    struct view v = {
        .c = c,
        .fn =
            pick(c, k->dww_3s1, k->dww_3s2, k->dww_5s1, k->dww_5s2, k->dww_any),
        .d = describe(c),
        .x_image = image_of(c->s.h, c->s.w, c->s.ic),
        .y_image = image_of(c->oh, c->ow, c->s.ic),
        .rows = c->oh,
        .taps = work,
        .dw = dw,
    };
    (void)next; /* asking costs as much here as it saves */
    v.d.x = x;
    v.d.residual = dy;
    run_view(&v, batch);
    nn_parallel_for(nn_ceil_div((size_t)c->s.ic, ADD_CHANNELS), add_taps, &v);
}
