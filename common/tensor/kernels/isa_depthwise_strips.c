/* Depthwise convolution in strips: n columns of results, one vector of
 * channels, two rows at a time from the top to the bottom. Both rows share the
 * input rows and the weights that are loaded, and what a strip reads again
 * stays in the L1 cache. The sums of a result are in the same order as in
 * isa_depthwise.c, so that it does not matter who did which. */
#include "common/tensor/kernels/isa_dw.h"

enum { WIDEST = 8 }; /* columns: 2 * 8 sums, 10 weights and 1 input at once */

/* A tile of one or two rows at channel 0. Its input rows come in turn: those
 * that only the first row of results meets, both, and only the second. */
struct tile {
    const float *x; /* first input row and column inside the image */
    const float *w; /* the kernel row of the first row that meets it */
    size_t out;     /* float of the first result */
    const float *next;
    int32_t first, both, second;
};

/* Adds one input row to the first row of results, by the kernel row w[0], if
 * `a`, and to the second, by w[1], if `b`. */
NN_INLINE void add_row(const float *x, const float *const w[2], vf *acc,
                       size_t pix, const int k, const int n, const int j0,
                       const int j1, const int a, const int b)
{
    vf wv[2][5];
    NN_UNROLL
    for (int i = 0; i < k; i++) {
        if (a) {
            wv[0][i] = v_load(w[0] + (size_t)i * pix);
        }
        if (b) {
            wv[1][i] = v_load(w[1] + (size_t)i * pix);
        }
    }
    NN_UNROLL
    for (int j = j0; j < j1; j++) {
        vf v = v_load(x + (size_t)(j - j0) * pix);
        NN_UNROLL
        for (int o = 0; o < n; o++) {
            int t = j - o;
            if (t >= 0 && t < k && a) {
                acc[o] = v_fma(v, wv[0][t], acc[o]);
            }
            if (t >= 0 && t < k && b) {
                acc[n + o] = v_fma(v, wv[1][t], acc[n + o]);
            }
        }
    }
}

NN_INLINE void tile_vec(const struct nn_dw *d, const struct tile *t,
                        const int rows, const int k, const int n, const int j0,
                        const int j1, size_t c)
{
    size_t pix = (size_t)d->c, row = pix * (size_t)d->wd;
    size_t taps = pix * (size_t)k, down = pix * (size_t)d->ow;
    vf acc[2 * WIDEST];
    const float *x = t->x + c;
    const float *w[2] = { t->w + c, t->w + c - taps };
    NN_UNROLL
    for (int r = 0; r < rows; r++) {
        if (t->next) {
            dw_fetch(d, t->next + c + (size_t)r * row, 1, n, 1);
        }
        if (d->uncached) {
            dw_prefetch_results(d, t->out + c + (size_t)r * down, n, 1);
        }
    }
    dw_start(d, acc, rows * n, 1, c, 1, VW);
    for (int32_t i = t->first; i > 0; i--) {
        add_row(x, w, acc, pix, k, n, j0, j1, 1, 0);
        x += row;
        w[0] += taps;
        w[1] += taps;
    }
    for (int32_t i = t->both; rows == 2 && i > 0; i--) {
        add_row(x, w, acc, pix, k, n, j0, j1, 1, 1);
        x += row;
        w[0] += taps;
        w[1] += taps;
    }
    for (int32_t i = t->second; rows == 2 && i > 0; i--) {
        add_row(x, w, acc, pix, k, n, j0, j1, 0, 1);
        x += row;
        w[1] += taps;
    }
    if (d->sum) {
        dw_sums(d, acc, rows * n, 1, c, 1, VW);
    }
    NN_UNROLL
    for (int r = 0; r < rows; r++) {
        dw_store(d, acc + r * n, n, 1, t->out + c + (size_t)r * down, 1, VW);
    }
}

static int32_t between(int32_t a, int32_t min, int32_t max)
{
    return a < min ? min : a > max ? max : a;
}

/* Where rows oh and, of two, oh + 1 start, from column ow on; the first `left`
 * input columns are outside. */
static struct tile tile_at(const struct nn_dw *d, int32_t oh, int32_t ow,
                           int32_t left, int32_t rows)
{
    int32_t k = d->kh, top = oh - d->ph, max = k + rows - 1;
    int32_t t0 = between(-top, 0, max), t1 = between(d->h - top, t0, max);
    int32_t alone = rows == 1 ? k : 1;
    int32_t a = between(alone, t0, t1), b = between(k, a, t1);
    ptrdiff_t col = (ptrdiff_t)ow - d->pw + left;
    size_t out = (size_t)(oh - d->y0) * (size_t)d->ow + (size_t)ow;
    struct tile t = {
        .x = d->x + ((ptrdiff_t)(top + t0) * d->wd + col) * d->c,
        .w = d->w + (ptrdiff_t)t0 * k * d->c,
        .out = out * (size_t)d->c,
        .first = a - t0,
        .both = b - a,
        .second = t1 - b,
    };
    if (d->ahead) {
        ptrdiff_t at = (ptrdiff_t)oh * d->wd + ow;
        t.next = d->x + (at * d->c + d->ahead);
    }
    return t;
}

/* All rows of the strip from column ow on; of the columns that its results
 * read, j0..j1-1 are inside the image. */
NN_INLINE void strip(const struct nn_dw *d, int32_t ow, const int k,
                     const int n, const int j0, const int j1)
{
    size_t end = (size_t)(d->c1 - (d->c1 - d->c0) % VW);
    int32_t oh = d->oh0;
    for (; oh + DW_ROWS <= d->oh1; oh += DW_ROWS) {
        struct tile t = tile_at(d, oh, ow, j0, DW_ROWS);
        for (size_t c = (size_t)d->c0; c < end; c += VW) {
            tile_vec(d, &t, DW_ROWS, k, n, j0, j1, c);
        }
    }
    for (; oh < d->oh1; oh++) {
        struct tile t = tile_at(d, oh, ow, j0, 1);
        for (size_t c = (size_t)d->c0; c < end; c += VW) {
            tile_vec(d, &t, 1, k, n, j0, j1, c);
        }
    }
}

/* Strips of n columns; 0 when the image cannot be cut into them or its edges
 * are not those of a padding of k / 2. */
NN_INLINE int strips(const struct nn_dw *d, const int k, const int n)
{
    const int h = k / 2, j1 = n - 1 + k;
    if (d->ow % n || d->pw != h || d->ow != d->wd) {
        return 0;
    }
    if (d->ow == n) {
        strip(d, 0, k, n, h, j1 - h);
        return 1;
    }
    strip(d, 0, k, n, h, j1);
    for (int32_t ow = n; ow < d->ow - n; ow += n) {
        strip(d, ow, k, n, 0, j1);
    }
    strip(d, d->ow - n, k, n, 0, j1 - h);
    return 1;
}

NN_INLINE int any_strips(const struct nn_dw *d, const int k)
{
    return strips(d, k, 8) || strips(d, k, 7);
}

int NN_K(nn_k_dw_strips_3s1)(const struct nn_dw *d)
{
    return any_strips(d, 3);
}
int NN_K(nn_k_dw_strips_5s1)(const struct nn_dw *d)
{
    return any_strips(d, 5);
}
