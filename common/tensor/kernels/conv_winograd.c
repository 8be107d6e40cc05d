/* Forward pass of 3x3 convolutions with stride 2 by Winograd's minimal
 * filtering: 25 multiplications where the sum has 36.
 *
 * Along a line, two results read 5 pixels. The middle tap meets the odd ones,
 * the outer two the even ones, and of those F(2,2) (S. Winograd, Arithmetic
 * Complexity of Computations, 1980) saves one product in four:
 *   y0 = w0 (x0 - x2) + w1 x1 + m     m = (w0 + w2) x2
 *   y1 = w2 (x4 - x2) + w1 x3 + m
 * In both directions that makes nine products: for parts r and c of {y0's own,
 * m, y1's own}, over 2 or 1 samples each way, and a result is the sum of four
 * of them. Nothing is divided, so whole numbers stay exact. */
#include <string.h>

#include "common/base/parallel.h"
#include "common/tensor/kernels/conv_internal.h"

enum {
    PARTS = 9,
    SAMPLES = 25,
    MOST_VW = 8,          /* not measured with longer vectors */
    LEAST_IC = 16,        /* fewer: the transforms cost what is saved */
    BLOCK_FLOATS = 24576, /* transformed pixels that stay in L2 */
    BLOCK_TILES = 48,     /* most tiles of a block */
};

struct run {
    const struct nn_conv *c;
    const float *x, *packed;
    const struct nn_conv_epilogue *e;
    float *y, *scratch;
    double *part;
    size_t th, tw, tiles; /* of an image down and across; of all images */
    size_t strips;        /* register tiles of tiles */
    size_t blocks, chunks;
    int fetch;
};

/* Where a part's samples begin, and how many it has, along one line. */
static const size_t first_of[3] = { 0, 2, 3 }, samples_of[3] = { 2, 1, 2 };

/* Samples of part q, and of all parts before it. */
static size_t part_samples(size_t q)
{
    return samples_of[q / 3] * samples_of[q % 3];
}

static size_t samples_before(size_t q)
{
    return first_of[q / 3] * 5 + samples_of[q / 3] * first_of[q % 3];
}

int nn_winograd_fits(const struct nn_conv *c)
{
    const struct nn_conv_shape *s = &c->s;
    size_t tiles =
        nn_ceil_div((size_t)c->oh, 2) * nn_ceil_div((size_t)c->ow, 2);
    return c->k->vw <= MOST_VW && s->kh == 3 && s->kw == 3 &&
           s->stride_h == 2 && s->stride_w == 2 && s->ic >= LEAST_IC &&
           tiles * SAMPLES * 10 <= (size_t)c->oh * (size_t)c->ow * 9 * 9;
}

static size_t panel_width(const struct nn_conv *c)
{
    return 2 * c->k->vw;
}

static size_t padded(const struct nn_conv *c)
{
    size_t width = panel_width(c);
    return nn_ceil_div((size_t)c->s.oc, width) * width;
}

/* Most tiles of a block, whole register tiles of them. */
static size_t block_tiles(const struct nn_conv *c)
{
    size_t n = BLOCK_FLOATS / (SAMPLES * (size_t)c->s.ic);
    n = nn_min_size(n, BLOCK_TILES) / c->k->mr * c->k->mr;
    return nn_max_size(n, c->k->mr);
}

static void partition(const struct nn_conv *c, size_t batch, struct run *r)
{
    size_t pixels = batch * (size_t)c->oh * (size_t)c->ow;
    size_t macs = pixels * 9 * (size_t)c->s.ic * (size_t)c->s.oc;
    r->th = nn_ceil_div((size_t)c->oh, 2);
    r->tw = nn_ceil_div((size_t)c->ow, 2);
    r->tiles = batch * r->th * r->tw;
    r->chunks = nn_min_size(nn_conv_chunk_count(macs, 4000000),
                            nn_ceil_div(r->tiles, c->k->mr));
    r->strips = nn_ceil_div(r->tiles, c->k->mr);
    size_t max = r->chunks * (block_tiles(c) / c->k->mr);
    r->blocks = r->chunks * nn_ceil_div(r->strips, max);
    r->blocks = nn_min_size(r->blocks, r->strips);
    r->chunks = c->one_chunk ? 1 : r->chunks;
}

size_t nn_winograd_packed(const struct nn_conv *c)
{
    size_t n = nn_ceil_div((size_t)c->s.oc, c->k->vw) * c->k->vw;
    return n * SAMPLES * (size_t)c->s.ic;
}

static size_t scratch_floats(const struct nn_conv *c)
{
    size_t pixels = SAMPLES * (size_t)c->s.ic;
    size_t tile = pixels + PARTS * panel_width(c);
    return nn_ceil_div(block_tiles(c) * tile + pixels, 16) * 16;
}

static size_t stats_floats(const struct nn_conv *c, size_t chunks)
{
    return chunks * 2 * padded(c) * (sizeof(double) / sizeof(float));
}

size_t nn_winograd_work(const struct nn_conv *c)
{
    struct run r;
    partition(c, (size_t)c->max_batch, &r);
    return stats_floats(c, r.chunks) + r.chunks * scratch_floats(c);
}

/* --- weights ---------------------------------------------------------------
 */

/* Weight of sample s along a line of three, `step` floats apart. */
static float sample_weight(const float *w, size_t step, size_t s)
{
    switch (s) {
    case 0:
        return w[0];
    case 2:
        return w[0] + w[2 * step];
    case 3:
        return w[2 * step];
    default:
        return w[step];
    }
}

struct pack_job {
    const struct nn_conv *c;
    const float *w;
    float *packed;
};

/* Sample (i, j) of one filter and channel: w is its first tap. */
static float weight_at(const float *w, size_t ic, size_t i, size_t j)
{
    float row[3];
    for (size_t kh = 0; kh < 3; kh++) {
        row[kh] = sample_weight(w + kh * 3 * ic, ic, j);
    }
    return sample_weight(row, 1, i);
}

/* Panel p: part by part its samples, of each all channels, of each the
 * panel's filters. */
static void pack_panel(void *ctx, size_t p)
{
    const struct pack_job *job = ctx;
    size_t ic = (size_t)job->c->s.ic, n0 = p * panel_width(job->c);
    size_t left = (size_t)job->c->s.oc - n0, vw = job->c->k->vw;
    size_t width = left > vw ? 2 * vw : vw;
    float *to = job->packed + n0 * SAMPLES * ic;
    for (size_t q = 0; q < PARTS; q++) {
        for (size_t s = 0; s < part_samples(q); s++) {
            size_t across = samples_of[q % 3];
            size_t i = first_of[q / 3] + s / across;
            size_t j = first_of[q % 3] + s % across;
            for (size_t k = 0; k < ic; k++, to += width) {
                for (size_t n = 0; n < width; n++) {
                    const float *w = job->w + (n0 + n) * 9 * ic + k;
                    to[n] = n < left ? weight_at(w, ic, i, j) : 0;
                }
            }
        }
    }
}

void nn_winograd_pack(const struct nn_conv *c, const float *w, float *packed)
{
    struct pack_job job = { c, w, packed };
    nn_parallel_for(nn_ceil_div((size_t)c->s.oc, panel_width(c)), pack_panel,
                    &job);
}

/* --- forward ---------------------------------------------------------------
 */

/* A block of tiles t0..t0+n-1, its transformed pixels and the products of one
 * panel. Register tiles are always whole, with rows of zeros behind the last
 * tile, so that a tile's bits do not depend on those around it. */
struct block {
    size_t t0, n, rows;
    float *v, *products, *patch;
    float *y[4 * BLOCK_TILES];
    const float *prefetch, *prefetch_end, *far; /* as in conv_im2col.c */
    size_t prefetch_step;
};

/* The 5 x 5 pixels from (h, w) of an image on, zeros outside, in a copy. */
static void copy_tile(const struct nn_conv_shape *s, const float *image,
                      int32_t h, int32_t w, float *patch)
{
    size_t ic = (size_t)s->ic, bytes = ic * sizeof *patch;
    for (int32_t k = 0; k < SAMPLES; k++, patch += ic) {
        int32_t i = h + k / 5, j = w + k % 5;
        if ((uint32_t)i < (uint32_t)s->h && (uint32_t)j < (uint32_t)s->w) {
            memcpy(patch, image + ((ptrdiff_t)i * s->w + j) * s->ic, bytes);
        } else {
            memset(patch, 0, bytes);
        }
    }
}

/* Tile t: its rows of 5 pixels, and where its four results go. */
static void place_tile(const struct run *r, struct block *b, size_t t,
                       const float **rows, float **y)
{
    const struct nn_conv *c = r->c;
    const struct nn_conv_shape *s = &c->s;
    size_t row = t / r->tw, at = row / r->th;
    int32_t i = 2 * (int32_t)(row % r->th), j = 2 * (int32_t)(t % r->tw);
    int32_t h = 2 * i - s->pad_h, w = 2 * j - s->pad_w;
    ptrdiff_t line = (ptrdiff_t)s->w * s->ic, step = 5 * (ptrdiff_t)s->ic;
    const float *first = r->x + (ptrdiff_t)at * s->h * line;
    if (h >= 0 && w >= 0 && h + 5 <= s->h && w + 5 <= s->w) {
        first += h * line + (ptrdiff_t)w * s->ic;
        step = line;
    } else {
        copy_tile(s, first, h, w, b->patch);
        first = b->patch;
    }
    for (ptrdiff_t k = 0; k < 5; k++) {
        rows[k] = first + k * step;
    }
    float *to = r->y + (((ptrdiff_t)at * c->oh + i) * c->ow + j) * s->oc;
    int right = j + 1 < c->ow, below = i + 1 < c->oh;
    float *under = to + (ptrdiff_t)c->ow * s->oc;
    y[0] = to;
    y[1] = right ? to + s->oc : NULL;
    y[2] = below ? under : NULL;
    y[3] = right && below ? under + s->oc : NULL;
}

static void transform_pixels(const struct run *r, struct block *b)
{
    size_t ic = (size_t)r->c->s.ic;
    struct nn_wino_in in = { .c = ic };
    for (size_t q = 0; q < PARTS; q++) {
        size_t floats = part_samples(q) * ic;
        in.to[q] = b->v + samples_before(q) * b->rows * ic;
        memset(in.to[q] + b->n * floats, 0,
               (b->rows - b->n) * floats * sizeof(float));
    }
    for (size_t i = 0; i < b->n; i++) {
        place_tile(r, b, b->t0 + i, in.row, b->y + 4 * i);
        r->c->k->wino_in(&in);
        for (size_t q = 0; q < PARTS; q++) {
            in.to[q] += part_samples(q) * ic;
        }
    }
}

/* One part's product with a panel. */
static void multiply(const struct run *r, const struct block *b, size_t q,
                     struct nn_tile *t)
{
    const struct nn_kernels *k = r->c->k;
    const float *a = b->v + samples_before(q) * b->rows * (size_t)r->c->s.ic;
    t->rows = &a;
    t->next_a = k->mr * t->lda;
    t->next_y = k->mr * t->ldy;
    t->y = b->products + q * b->rows * t->ldy;
    t->count = b->rows / k->mr;
    k->flat[t->n > k->vw][k->mr](t);
    t->rows = NULL;
}

static void run_panel(const struct run *r, struct block *b, size_t p,
                      double *part)
{
    const struct nn_conv *c = r->c;
    size_t ic = (size_t)c->s.ic, vw = c->k->vw, n0 = p * 2 * vw;
    size_t n = nn_min_size((size_t)c->s.oc - n0, 2 * vw);
    size_t width = n > vw ? 2 * vw : vw;
    const float *panel = r->packed + n0 * SAMPLES * ic;
    for (size_t q = 0; q < PARTS; q++) {
        size_t k = part_samples(q) * ic;
        struct nn_tile t = { .lda = k, .ldy = width, .taps = 1, .k = k };
        t.n = width;
        t.panel = panel;
        t.prefetch = b->prefetch;
        t.prefetch_step = b->prefetch_step;
        multiply(r, b, q, &t);
        if (b->prefetch_end && t.prefetch >= b->prefetch_end) {
            t.prefetch = b->far;
            b->prefetch_end = NULL;
        }
        b->prefetch = t.prefetch;
        panel += k * width;
    }
    float *y[4 * BLOCK_TILES];
    for (size_t i = 0; i < 4 * b->n; i++) {
        y[i] = b->y[i] ? b->y[i] + n0 : NULL;
    }
    struct nn_wino_out out = {
        .a = b->products,
        .step = b->rows * width,
        .ld = width,
        .tiles = b->n,
        .n = n,
        .y = y,
        .bias = r->e->bias ? r->e->bias + n0 : NULL,
        .has_residual = r->e->residual != NULL,
        .residual = r->e->residual ? nn_conv_offset(r->y, r->e->residual) : 0,
        .act = r->e->act,
        .sum = part ? part + n0 : NULL,
        .sum_sq = part ? part + padded(c) + n0 : NULL,
    };
    c->k->wino_out(&out);
}

/* What is prefetched during a block: its share of later weights, or the pixels
 * of the next block. */
static void set_prefetch(const struct run *r, struct block *b, size_t blocks)
{
    const struct nn_conv *c = r->c;
    size_t ic = (size_t)c->s.ic;
    size_t panels = nn_ceil_div((size_t)c->s.oc, panel_width(c));
    size_t steps = b->rows / c->k->mr * panels * SAMPLES * ic;
    if (r->e->later.p) {
        size_t n = r->e->later.floats + r->e->far.floats / r->chunks;
        b->prefetch_step = nn_ceil_div(n, steps * blocks);
    } else if (r->fetch) {
        /* 16 pixels of each tile are not of the tiles before. */
        size_t n = b->n * 16 * ic;
        const float *from = r->e->next_x ? r->e->next_x : r->x + n;
        b->prefetch = from + b->t0 * 16 * ic;
        b->prefetch_step = nn_ceil_div(n, steps);
    }
}

static void run_chunk(void *ctx, size_t i)
{
    const struct run *r = ctx;
    const struct nn_conv *c = r->c;
    size_t first = nn_chunk_start(r->blocks, r->chunks, i);
    size_t end = nn_chunk_start(r->blocks, r->chunks, i + 1);
    size_t panels = nn_ceil_div((size_t)c->s.oc, panel_width(c));
    double *part = r->part ? r->part + i * 2 * padded(c) : NULL;
    size_t far = r->e->far.floats / r->chunks;
    struct block b = { .prefetch = r->e->later.p };
    if (b.prefetch && far > 0) {
        b.prefetch_end = b.prefetch + r->e->later.floats;
        b.far = r->e->far.p + i * far;
    }
    for (size_t j = 0; part && j < 2 * padded(c); j++) {
        part[j] = 0;
    }
    b.v = r->scratch + i * scratch_floats(c);
    b.products = b.v + block_tiles(c) * SAMPLES * (size_t)c->s.ic;
    b.patch = b.products + block_tiles(c) * PARTS * panel_width(c);
    for (size_t k = first; k < end; k++) {
        size_t end_tile =
            nn_chunk_start(r->strips, r->blocks, k + 1) * c->k->mr;
        b.t0 = nn_chunk_start(r->strips, r->blocks, k) * c->k->mr;
        b.n = nn_min_size(end_tile, r->tiles) - b.t0;
        b.rows = end_tile - b.t0;
        set_prefetch(r, &b, end - first);
        transform_pixels(r, &b);
        for (size_t p = 0; p < panels; p++) {
            run_panel(r, &b, p, part);
        }
    }
}

void nn_winograd_forward(const struct nn_conv *c, int32_t batch, const float *x,
                         const float *packed, const struct nn_conv_epilogue *e,
                         float *y, float *work)
{
    struct run r = { .c = c, .x = x, .packed = packed, .e = e, .y = y };
    partition(c, (size_t)batch, &r);
    r.part = e->sum ? (double *)(void *)work : NULL;
    r.scratch = work + stats_floats(c, r.chunks);
    size_t image = (size_t)c->s.h * (size_t)c->s.w * (size_t)c->s.ic;
    size_t out = (size_t)c->oh * (size_t)c->ow * (size_t)c->s.oc;
    r.fetch = e->next_x || (size_t)batch * (image + out) > c->l2_floats;
    nn_parallel_for(r.chunks, run_chunk, &r);
    if (e->sum) {
        nn_conv_combine(r.part, r.chunks, padded(c), (size_t)c->s.oc, e->sum,
                        e->sum_sq);
    }
}
