/* Row pointers of tiles whose pixels are scattered: at the edges of images,
 * and across the rows of small ones. */
#include "common/tensor/kernels/conv_im2col.h"

#include <string.h>

static int is_edge(const struct nn_im2col *v, int32_t iw)
{
    return iw < 0 || iw + v->kw > v->aw;
}

/* A merged row at the edge: its columns inside, zeros for the others. */
static const float *copy_edge(const struct nn_im2col *v, const float *row,
                              int32_t iw, float *patch)
{
    int32_t k0 = iw < 0 ? -iw : 0, k1 = v->aw - iw;
    k1 = k1 < v->kw ? k1 : v->kw;
    for (int32_t kw = 0; kw < v->kw; kw++) {
        float *to = patch + (ptrdiff_t)kw * v->ac;
        size_t bytes = (size_t)v->ac * sizeof(float);
        if (kw < k0 || kw >= k1) {
            memset(to, 0, bytes);
        } else {
            memcpy(to, row + (ptrdiff_t)(iw + kw) * v->ac, bytes);
        }
    }
    return patch;
}

/* Pointers of one kernel row for pixels j..j+n-1 of a grid row, which are
 * rows r.. of the tile. row: the image row, or NULL outside. */
static void fill_merged(const struct nn_im2col *v, struct nn_tile_rows *t,
                        size_t r, int32_t j, size_t n, int32_t kh,
                        const float *row)
{
    const float **rows = t->rows + (size_t)kh * NN_MR_MAX + r;
    for (size_t i = 0; i < n; i++) {
        int32_t iw = (j + (int32_t)i) * v->sw - v->pw;
        if (!row) {
            rows[i] = v->c->zeros;
        } else if (!is_edge(v, iw)) {
            rows[i] = row + (ptrdiff_t)iw * v->ac;
        } else {
            rows[i] = copy_edge(v, row, iw, t->patch + t->patched);
            t->patched += (size_t)(v->kw * v->ac);
        }
    }
}

static void fill_taps(const struct nn_im2col *v, struct nn_tile_rows *t,
                      size_t r, int32_t j, size_t n, int32_t kh,
                      const float *row)
{
    const float **rows = t->rows + (size_t)(kh * v->kw) * NN_MR_MAX + r;
    for (int32_t kw = 0; kw < v->kw; kw++, rows += NN_MR_MAX) {
        for (size_t i = 0; i < n; i++) {
            int32_t iw = (j + (int32_t)i) * v->sw - v->pw + kw;
            int in = row && (uint32_t)iw < (uint32_t)v->aw;
            rows[i] = in ? row + (ptrdiff_t)iw * v->ac : v->c->zeros;
        }
    }
}

/* Result offsets of n pixels from p on, all in one grid row. */
static void fill_offsets(const struct nn_im2col *v, size_t *off,
                         const struct nn_cursor *p, size_t n)
{
    size_t oh = (size_t)(p->i * v->step_h + v->off_h);
    size_t ow = (size_t)(p->j * v->step_w + v->off_w);
    size_t at = (size_t)p->b * (size_t)v->out_h + oh;
    at = (at * (size_t)v->out_w + ow) * v->n;
    for (size_t i = 0; i < n; i++) {
        off[i] = at + i * (size_t)v->step_w * v->n;
    }
}

int nn_im2col_inside(const struct nn_im2col *v, const struct nn_cursor *at,
                     size_t m)
{
    int32_t first = at->j * v->sw - v->pw;
    int32_t last = first + ((int32_t)m - 1) * v->sw;
    return at->j + (int32_t)m <= v->gw && first >= 0 && last + v->kw <= v->aw;
}

size_t nn_im2col_span(const struct nn_im2col *v, size_t m)
{
    size_t columns = (m - 1) * (size_t)v->sw + (size_t)v->kw;
    return m > 0 && v->kw > 0 ? columns * (size_t)v->ac : 0;
}

int nn_im2col_can_pad(const struct nn_im2col *v, size_t m)
{
    return nn_im2col_span(v, m) * (size_t)v->kh <= NN_PATCH;
}

const float *nn_im2col_pad(const struct nn_im2col *v, const float *row,
                           int32_t iw, size_t span, float *to)
{
    ptrdiff_t ac = v->ac, first = iw * ac, n = (ptrdiff_t)span;
    ptrdiff_t left = first < 0 ? -first : 0, end = v->aw * ac - first;
    left = left < n ? left : n;
    end = end < n ? end : n;
    end = end > left ? end : left;
    for (ptrdiff_t i = 0; i < left; i++) {
        to[i] = 0;
    }
    if (end > left) {
        v->c->k->copy(row + first + left, 0, 1, (size_t)(end - left), to + left,
                      0);
    }
    for (ptrdiff_t i = end; i < n; i++) {
        to[i] = 0;
    }
    return to;
}

/* 1 when what the edge pixels read is little enough to be copied. */
static int can_merge(const struct nn_im2col *v, size_t m, struct nn_cursor p)
{
    size_t edges = 0;
    for (size_t r = 0; r < m; r++) {
        edges += (size_t)is_edge(v, p.j * v->sw - v->pw);
        p.j = p.j + 1 == v->gw ? 0 : p.j + 1;
    }
    return edges * (size_t)(v->kh * v->kw * v->ac) <= NN_PATCH;
}

/* Where all kernel columns are inside the image, or what is outside is little
 * enough to be copied, the taps of a kernel row are one run. */
void nn_tile_rows_fill(const struct nn_im2col *v, struct nn_tile_rows *t,
                       size_t m, struct nn_cursor *p)
{
    int merged = can_merge(v, m, *p);
    t->patched = 0;
    for (size_t r = 0; r < m;) {
        size_t n = nn_min_size(m - r, (size_t)(v->gw - p->j));
        int32_t ih = p->i * v->sh - v->ph;
        for (int32_t kh = 0; kh < v->kh; kh++) {
            const float *row = NULL;
            if ((uint32_t)(ih + kh) < (uint32_t)v->ah) {
                ptrdiff_t at = (ptrdiff_t)p->b * v->ah + ih + kh;
                row = v->a + at * v->aw * v->ac;
            }
            if (merged) {
                fill_merged(v, t, r, p->j, n, kh, row);
            } else {
                fill_taps(v, t, r, p->j, n, kh, row);
            }
        }
        fill_offsets(v, t->off + r, p, n);
        r += n;
        p->j += (int32_t)n;
        if (p->j == v->gw) {
            p->j = 0;
            p->b += p->i + 1 == v->gh;
            p->i = p->i + 1 == v->gh ? 0 : p->i + 1;
        }
    }
    t->taps = (size_t)v->kh * (merged ? 1 : (size_t)v->kw);
    t->k = (size_t)v->ac * (merged ? (size_t)v->kw : 1);
}
