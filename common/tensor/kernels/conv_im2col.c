/* How a product is partitioned into chunks, and a chunk into tiles. */
#include "common/tensor/kernels/conv_im2col.h"

#include "common/base/parallel.h"

enum {
    PANEL_FLOATS = 8192, /* a panel this long stays in the L1 cache */
    BLOCK_FLOATS =
        65536,    /* rows that share it, and their results, in the second */
    WIDE_ROW = 8, /* grid rows at least this long are cut alone */
    FETCH_AHEAD = 2048, /* floats behind the next row */
};

typedef nn_tile_fn *const (*tile_table)[NN_MR_MAX + 1];

size_t nn_panel_width(const struct nn_conv *c)
{
    return 2 * c->k->vw;
}

size_t nn_pad_to_panel(const struct nn_conv *c, size_t n)
{
    size_t w = nn_panel_width(c);
    return nn_ceil_div(n, w) * w;
}

/* The last panel may be one vector wide. */
size_t nn_panel_floats(const struct nn_conv *c, size_t n, size_t k)
{
    return nn_ceil_div(n, c->k->vw) * c->k->vw * k;
}

/* Rows first, then panels, so that small images use all threads. Two or three
 * tiles are shared out too: rows are what a thread finds in its own cache. */
void nn_im2col_partition(const struct nn_conv *c, size_t rows, size_t n,
                         size_t k, size_t *n_m, size_t *n_n)
{
    size_t chunks = nn_conv_chunk_count(rows * n * k, 2000000);
    size_t tiles = nn_ceil_div(rows, c->k->mr);
    *n_m = nn_min_size(chunks, nn_max_size(1, tiles < 4 ? tiles : tiles / 2));
    size_t panels = nn_ceil_div(n, nn_panel_width(c));
    *n_n = nn_min_size(nn_ceil_div(chunks, *n_m), panels);
    if (c->one_chunk) {
        *n_m = *n_n = 1;
    }
}

static int is_flat(const struct nn_im2col *v)
{
    return v->kh * v->kw == 1 && v->sh == 1 && v->sw == 1 && v->ph == 0 &&
           v->pw == 0 && v->step_h == 1 && v->step_w == 1 && v->gh == v->ah &&
           v->gw == v->aw;
}

static size_t rows_of(const struct nn_im2col *v)
{
    return (size_t)v->batch * (size_t)v->gh * (size_t)v->gw;
}

static size_t depth_of(const struct nn_im2col *v)
{
    return (size_t)v->kh * (size_t)v->kw * (size_t)v->ac;
}

static size_t tiles_per_row(const struct nn_im2col *v)
{
    return nn_ceil_div((size_t)v->gw, v->c->k->mr);
}

/* Tiles of rows; three ways to partition them, see run_chunk(). */
static size_t tiles_of(const struct nn_im2col *v)
{
    if (is_flat(v)) {
        return nn_ceil_div(rows_of(v), v->c->k->mr);
    }
    if (v->gw >= WIDE_ROW) {
        return (size_t)v->batch * (size_t)v->gh * tiles_per_row(v);
    }
    return nn_ceil_div(rows_of(v), v->c->k->mr);
}

/* A chunk: tiles t0..t1-1 of rows, panels p0..p1-1. */
struct chunk {
    size_t t0, t1, p0, p1;
    double *part;
    /* Weights for later: where the next call goes on. */
    const float *prefetch, *prefetch_end, *far;
    size_t prefetch_step;
};

/* After a call: behind the weights used next, those used much later. */
static void advance_prefetch(struct chunk *q, struct nn_tile *t)
{
    if (q->prefetch_end && t->prefetch >= q->prefetch_end) {
        t->prefetch = q->far;
        q->prefetch_end = NULL;
    }
    q->prefetch = t->prefetch;
}

/* Point t at panel p and at the result from float y on. k0: values of k that
 * are skipped at the start. */
static void set_panel(const struct nn_im2col *v, const struct chunk *q,
                      struct nn_tile *t, size_t p, size_t k0, size_t y)
{
    size_t width = nn_panel_width(v->c), n0 = p * width;
    size_t vw = v->c->k->vw;
    t->n = nn_min_size(v->n - n0, width);
    t->panel = v->panels + n0 * depth_of(v) + k0 * (t->n > vw ? width : vw);
    t->y = v->y + n0 + y;
    t->residual = v->residual ? v->residual + n0 + y : NULL;
    t->bias = v->bias ? v->bias + n0 : NULL;
    t->sum = q->part ? q->part + n0 : NULL;
    t->sum_sq = q->part ? t->sum + nn_pad_to_panel(v->c, v->n) : NULL;
}

/* What is prefetched during `tiles` tiles of m grid positions from g on, evenly
 * over the steps of all panels: too many lines in a row would hold up what is
 * waited for. */
static void set_prefetch(const struct nn_im2col *v, const struct chunk *q,
                         struct nn_tile *t, const struct nn_cursor *g, size_t m,
                         size_t tiles)
{
    if (v->later.p) {
        t->prefetch = q->prefetch;
        t->prefetch_step = q->prefetch_step;
        return;
    }
    size_t steps = (q->p1 - q->p0) * tiles * t->taps * t->k;
    size_t row = (size_t)g->b * (size_t)v->gh + (size_t)g->i;
    if (v->fetch && steps > 0) {
        t->prefetch = v->prefetch +
                      (row * (size_t)v->gw + (size_t)g->j) * v->prefetch_floats;
        t->prefetch_step = nn_ceil_div(m * tiles * v->prefetch_floats, steps);
    }
}

/* Tile t through all panels of the chunk: whole panels in one call, and a
 * narrower last. */
static void each_panel(const struct nn_im2col *v, struct chunk *q,
                       struct nn_tile *t, size_t m, size_t k0, size_t y,
                       tile_table table)
{
    size_t width = nn_panel_width(v->c), whole = v->n / width;
    t->next_panel = width * depth_of(v);
    t->next_y = t->next_n = width;
    t->act = v->act;
    t->prefetch_y = v->fetch;
    for (size_t p = q->p0; p < q->p1;) {
        size_t n = 1;
        if (p < whole) {
            n = nn_min_size(q->p1, whole) - p;
            n = q->prefetch_end ? nn_min_size(n, 4) : n;
        }
        t->count = n;
        set_panel(v, q, t, p, k0, y);
        table[t->n > v->c->k->vw][m](t);
        advance_prefetch(q, t);
        p += n;
    }
}

static void scattered_tile(const struct nn_im2col *v, struct chunk *q,
                           struct nn_cursor *at, size_t m)
{
    struct nn_tile_rows rows;
    struct nn_cursor first = *at;
    nn_tile_rows_fill(v, &rows, m, at);
    struct nn_tile t = {
        .rows = rows.rows,
        .lda = (size_t)(v->sw * v->ac),
        .off = rows.off,
        .taps = rows.taps,
        .k = rows.k,
    };
    set_prefetch(v, q, &t, &first, m, 1);
    each_panel(v, q, &t, m, 0, 0, v->c->k->tile);
}

/* t.count tiles in a row, next_a and next_y apart, for each panel: the panel
 * stays in the L1 cache. */
static void each_tile(const struct nn_im2col *v, struct chunk *q,
                      struct nn_tile *t, size_t m, size_t k0, size_t y)
{
    size_t count = t->count;
    t->act = v->act;
    t->prefetch_y = v->fetch;
    for (size_t p = q->p0; p < q->p1; p++) {
        t->count = count;
        t->shift = 0;
        set_panel(v, q, t, p, k0, y);
        v->c->k->flat[t->n > v->c->k->vw][m](t);
        advance_prefetch(q, t);
    }
}

/* count tiles of m pixels of one grid row: a pointer per kernel row that is
 * inside the image, the pixels a fixed step apart. Columns outside it are put
 * right in a copy, where nn_im2col_can_pad() says that it fits. */
static void row_tiles(const struct nn_im2col *v, struct chunk *q,
                      const struct nn_cursor *at, size_t m, size_t count)
{
    const float *rows[NN_TAPS_MAX];
    float patch[NN_PATCH];
    int32_t ih = at->i * v->sh - v->ph, iw = at->j * v->sw - v->pw;
    int32_t k0 = ih < 0 ? -ih : 0;
    int32_t k1 = v->ah - ih < v->kh ? v->ah - ih : v->kh;
    size_t taps = k1 > k0 ? (size_t)(k1 - k0) : 0;
    int inside = nn_im2col_inside(v, at, m * count);
    for (size_t i = 0; i < taps; i++) {
        ptrdiff_t row = (ptrdiff_t)at->b * v->ah + ih + k0 + (ptrdiff_t)i;
        const float *from = v->a + row * v->aw * v->ac;
        size_t span = nn_im2col_span(v, m * count);
        if (inside) {
            rows[i] = from + (ptrdiff_t)iw * v->ac;
        } else {
            rows[i] = nn_im2col_pad(v, from, iw, span, patch + i * span);
        }
    }
    struct nn_tile t = {
        .rows = rows,
        .lda = (size_t)(v->sw * v->ac),
        .ldy = (size_t)v->step_w * v->n,
        .taps = taps,
        .k = (size_t)v->kw * (size_t)v->ac,
    };
    size_t oh = (size_t)(at->i * v->step_h + v->off_h);
    size_t ow = (size_t)(at->j * v->step_w + v->off_w);
    size_t y = (size_t)at->b * (size_t)v->out_h + oh;
    size_t skip = taps ? (size_t)k0 * t.k : 0;
    y = (y * (size_t)v->out_w + ow) * v->n;
    t.count = count;
    t.next_a = m * t.lda;
    t.next_y = m * t.ldy;
    set_prefetch(v, q, &t, at, m, count);
    each_tile(v, q, &t, m, skip, y);
}

static struct nn_cursor cursor_at(const struct nn_im2col *v, size_t m)
{
    size_t row = m / (size_t)v->gw;
    return (struct nn_cursor){
        .b = (int32_t)(row / (size_t)v->gh),
        .i = (int32_t)(row % (size_t)v->gh),
        .j = (int32_t)(m % (size_t)v->gw),
    };
}

/* A grid row is cut into `tiles` tiles, of which the first `larger` have one
 * position more than the others, `min`. */
struct row_partition {
    size_t tiles, min, larger;
    int pad; /* a copy of the whole row fits */
};

/* Tiles t0..t1-1 of the grid row that at is in, taken together while they are
 * of one size and inside the image or, of few channels, a copy of all fits;
 * those at the ends may be scattered. */
static void run_grid_row(const struct nn_im2col *v, struct chunk *q,
                         const struct row_partition *split,
                         struct nn_cursor *at, size_t t0, size_t t1)
{
    for (size_t t = t0; t < t1;) {
        size_t m = split->min + (t < split->larger), n = 0;
        size_t same =
            nn_min_size(t < split->larger ? split->larger : t1, t1) - t;
        at->j = (int32_t)(split->min * t + nn_min_size(t, split->larger));
        if (split->pad) {
            n = same;
        }
        while (n < same && nn_im2col_inside(v, at, (n + 1) * m)) {
            n++;
        }
        n = n || !nn_im2col_can_pad(v, m) ? n : 1;
        if (n) {
            row_tiles(v, q, at, m, n);
            t += n;
        } else {
            struct nn_cursor copy = *at;
            scattered_tile(v, q, &copy, m);
            t++;
        }
    }
}

/* Tiles inside one grid row each. */
static void run_grid_rows(const struct nn_im2col *v, struct chunk *q)
{
    size_t gw = (size_t)v->gw, tiles = tiles_per_row(v);
    struct row_partition split = { tiles, gw / tiles, gw % tiles,
                                   nn_im2col_can_pad(v, gw) };
    size_t row = q->t0 / tiles, t0 = q->t0 % tiles, left = q->t1 - q->t0;
    struct nn_cursor at = cursor_at(v, row * gw);
    while (left > 0) {
        size_t t1 = nn_min_size(tiles, t0 + left);
        run_grid_row(v, q, &split, &at, t0, t1);
        left -= t1 - t0;
        t0 = 0;
        at.b += at.i + 1 == v->gh;
        at.i = at.i + 1 == v->gh ? 0 : at.i + 1;
    }
}

/* Small images: tiles across rows and images. */
static void run_scattered(const struct nn_im2col *v, struct chunk *q)
{
    size_t rows = rows_of(v), tiles = tiles_of(v);
    struct nn_cursor at = cursor_at(v, nn_chunk_start(rows, tiles, q->t0));
    for (size_t i = q->t0; i < q->t1; i++) {
        size_t m =
            nn_chunk_start(rows, tiles, i + 1) - nn_chunk_start(rows, tiles, i);
        scattered_tile(v, q, &at, m);
    }
}

/* 1x1, stride 1, n tiles of m rows from row m0 on. A panel that fits in the
 * L1 cache serves all of them; a larger one is read for each. */
static void flat_tiles(const struct nn_im2col *v, struct chunk *q, size_t m0,
                       size_t m, size_t n)
{
    size_t ac = (size_t)v->ac, block = 1;
    if (ac * nn_panel_width(v->c) <= PANEL_FLOATS) {
        block = nn_max_size(1, BLOCK_FLOATS / (m * (ac + v->n)));
    }
    for (size_t i = 0; i < n; i += block, m0 += block * m) {
        const float *a = v->a + m0 * ac;
        struct nn_tile t = {
            .rows = &a, .lda = ac, .ldy = v->n, .taps = 1, .k = ac
        };
        struct nn_cursor at = { .j = (int32_t)m0 };
        size_t tiles = nn_min_size(block, n - i);
        set_prefetch(v, q, &t, &at, m, tiles);
        if (block == 1) {
            each_panel(v, q, &t, m, 0, m0 * v->n, v->c->k->flat);
            continue;
        }
        t.count = tiles;
        t.next_a = m * ac;
        t.next_y = m * v->n;
        each_tile(v, q, &t, m, 0, m0 * v->n);
    }
}

/* Tiles are of two sizes, the larger first. */
static void run_flat(const struct nn_im2col *v, struct chunk *q)
{
    size_t rows = rows_of(v), tiles = tiles_of(v);
    size_t m = rows / tiles, larger = rows % tiles;
    if (q->t0 < larger) {
        size_t end = nn_min_size(q->t1, larger);
        flat_tiles(v, q, nn_chunk_start(rows, tiles, q->t0), m + 1,
                   end - q->t0);
    }
    if (q->t1 > larger) {
        size_t first = nn_max_size(q->t0, larger);
        flat_tiles(v, q, nn_chunk_start(rows, tiles, first), m, q->t1 - first);
    }
}

static void run_chunk(void *ctx, size_t i)
{
    const struct nn_im2col *v = ctx;
    size_t im = i / v->n_n, in = i % v->n_n, width = nn_panel_width(v->c);
    size_t panels = nn_ceil_div(v->n, width), tiles = tiles_of(v);
    size_t padded = nn_pad_to_panel(v->c, v->n);
    struct chunk q = {
        .t0 = nn_chunk_start(tiles, v->n_m, im),
        .t1 = nn_chunk_start(tiles, v->n_m, im + 1),
        .p0 = nn_chunk_start(panels, v->n_n, in),
        .p1 = nn_chunk_start(panels, v->n_n, in + 1),
        .part = v->part ? v->part + im * 2 * padded : NULL,
    };
    if (v->later.p) {
        /* As these weights are shared out, the next ones will be. */
        size_t n = v->later.floats / v->n_n, far = v->far.floats;
        size_t steps = (q.t1 - q.t0) * (q.p1 - q.p0) * depth_of(v);
        far /= v->n_m * v->n_n;
        q.prefetch = v->later.p + in * n;
        if (far > 0) {
            q.prefetch_end = q.prefetch + n;
            q.far = v->far.p + i * far;
        }
        q.prefetch_step = nn_ceil_div(n + far, nn_max_size(1, steps));
    }
    for (size_t j = q.p0 * width; q.part && j < q.p1 * width; j++) {
        q.part[j] = q.part[padded + j] = 0;
    }
    if (is_flat(v)) {
        run_flat(v, &q);
    } else if (v->gw >= WIDE_ROW) {
        run_grid_rows(v, &q);
    } else {
        run_scattered(v, &q);
    }
}

void nn_im2col_run(struct nn_im2col *v)
{
    size_t rows = rows_of(v);
    size_t image = (size_t)v->ah * (size_t)v->aw * (size_t)v->ac;
    if (rows == 0) {
        return;
    }
    nn_im2col_partition(v->c, rows, v->n, depth_of(v), &v->n_m, &v->n_n);
    v->prefetch = v->next ? v->next : v->a + FETCH_AHEAD;
    v->prefetch_floats = (size_t)v->sh * (size_t)v->sw * (size_t)v->ac;
    v->fetch =
        v->next || rows * v->n + (size_t)v->batch * image > v->c->l2_floats;
    nn_parallel_for(v->n_m * v->n_n, run_chunk, v);
}
