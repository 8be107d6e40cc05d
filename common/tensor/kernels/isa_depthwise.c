/* Depthwise convolution, vectors over channels. A block of NB results of one
 * row shares each input column it loads. Columns of the padding are left out
 * when compiled: at the edges of an image other code runs than inside. */
#include "common/tensor/kernels/isa_dw.h"

/* Where a block reads and writes, at channel 0. */
struct place {
    const float *x;    /* first kernel row and first column that are inside */
    const float *w;    /* of that kernel row */
    size_t out;        /* float of the first result */
    const float *next; /* what will be read later at the same place, or NULL */
    int32_t rows;      /* kernel rows inside the image */
};

/* n results of nv vectors of channels from c on. Of the columns that they
 * read, j0..j1-1 are inside the image. */
NN_INLINE void dw_vec(const struct nn_dw *d, const struct place *p, const int k,
                      const int s, const int n, const int j0, const int j1,
                      const int nv, size_t c, const int whole)
{
    size_t left = (size_t)d->c1 - c, pix = (size_t)d->c;
    size_t row = pix * (size_t)d->wd;
    vf acc[NB * 2];
    if (p->next) {
        dw_fetch(d, p->next + c, s, n, nv);
    }
    dw_start(d, acc, n, nv, c, whole, left);
    const float *x[5], *w[2] = { p->w + c, p->w + c + 3 * pix };
    NN_UNROLL
    for (int j = j0; j < j1; j += 3) {
        x[(j - j0) / 3] = p->x + c + (size_t)(j - j0) * pix;
    }
    for (int32_t kh = p->rows; kh > 0; kh--) {
        vf wv[5 * 2];
        NN_UNROLL
        for (int i = 0; i < k * nv; i++) {
            const float *from = w[i / nv / 3] + (size_t)(i / nv % 3) * pix;
            wv[i] = ld(from + i % nv * VW, whole, left);
        }
        NN_UNROLL
        for (int i = 0; i < (j1 - j0) * nv; i++) {
            int j = j0 + i / nv, q = i / nv;
            const float *from = x[q / 3] + (size_t)(q % 3) * pix;
            vf v = ld(from + i % nv * VW, whole, left);
            NN_UNROLL
            for (int o = 0; o < n; o++) {
                if (j - o * s >= 0 && j - o * s < k) {
                    vf *a = acc + o * nv + i % nv;
                    *a = v_fma(v, wv[(j - o * s) * nv + i % nv], *a);
                }
            }
        }
        NN_UNROLL
        for (int q = 0; q < (j1 - j0 + 2) / 3; q++) {
            x[q] += row;
            NN_KEEP(x[q]);
        }
        w[0] += (size_t)k * pix;
        w[1] += (size_t)k * pix;
        NN_KEEP(w[0]);
        NN_KEEP(w[1]);
    }
    dw_finish(d, acc, n, nv, p->out + c, c, whole, left);
}

NN_INLINE void dw_block(const struct nn_dw *d, const struct place *p,
                        const int k, const int s, const int n, const int j0,
                        const int j1)
{
    size_t c = (size_t)d->c0, end = (size_t)d->c1;
    for (; c + NV * VW <= end; c += NV * VW) {
        dw_vec(d, p, k, s, n, j0, j1, NV, c, 1);
    }
    for (; c + VW <= end; c += VW) {
        dw_vec(d, p, k, s, n, j0, j1, 1, c, 1);
    }
    if (c < end) {
        dw_vec(d, p, k, s, n, j0, j1, 1, c, 0);
    }
}

/* Kernel columns outside the image on the left and right of n results. */
struct edges {
    int32_t left, right;
};

NN_INLINE struct edges edges_of(const struct nn_dw *d, int32_t ow, int32_t n)
{
    int32_t iw = ow * d->sw - d->pw, end = iw + (n - 1) * d->sw + d->kw;
    struct edges e = { .left = iw < 0 ? -iw : 0,
                       .right = end > d->wd ? end - d->wd : 0 };
    return e;
}

NN_INLINE struct place dw_place(const struct nn_dw *d, int32_t oh, int32_t ow,
                                int32_t left)
{
    int32_t ih = oh * d->sh - d->ph, iw = ow * d->sw - d->pw + left;
    int32_t k0 = ih < 0 ? -ih : 0;
    int32_t k1 = d->h - ih < d->kh ? d->h - ih : d->kh;
    size_t out = (size_t)(oh - d->y0) * (size_t)d->ow + (size_t)ow;
    struct place p = { d->x, d->w, out * (size_t)d->c, NULL, k1 - k0 };
    if (k1 > k0 && iw < d->wd) {
        p.x += ((ptrdiff_t)(ih + k0) * d->wd + iw) * d->c;
        p.w += (ptrdiff_t)k0 * d->kw * d->c;
    }
    if (d->ahead) {
        ptrdiff_t at = (ptrdiff_t)oh * d->sh * d->wd + (ptrdiff_t)ow * d->sw;
        p.next = d->x + (at * d->c + d->ahead);
    }
    return p;
}

/* One result anywhere, any kernel. */
NN_INLINE void dw_single(const struct nn_dw *d, int32_t oh, int32_t ow)
{
    struct edges e = edges_of(d, ow, 1);
    struct place p = dw_place(d, oh, ow, e.left);
    size_t pix = (size_t)d->c, end = (size_t)d->c1;
    for (size_t c = (size_t)d->c0; c < end; c += VW) {
        vf acc[1];
        dw_start(d, acc, 1, 1, c, end - c >= VW, end - c);
        for (int32_t kh = 0; kh < p.rows; kh++) {
            for (int32_t kw = e.left; kw < d->kw - e.right; kw++) {
                ptrdiff_t i = (ptrdiff_t)kh * d->wd + kw - e.left;
                const float *x = p.x + i * d->c + c;
                const float *w = p.w + (size_t)(kh * d->kw + kw) * pix + c;
                acc[0] = v_fma(v_load_upto(x, end - c), v_load_upto(w, end - c),
                               acc[0]);
            }
        }
        dw_finish(d, acc, 1, 1, p.out + c, c, end - c >= VW, end - c);
    }
}

/* NB results; 0 when their edges are of a kind not compiled. */
NN_INLINE int dw_blocks(const struct nn_dw *d, int32_t oh, int32_t ow,
                        const int k, const int s)
{
    const int j1 = (NB - 1) * s + k, h = k / 2;
    struct edges e = edges_of(d, ow, NB);
    struct place p = dw_place(d, oh, ow, e.left);
    if (e.left == 0 && e.right == 0) {
        dw_block(d, &p, k, s, NB, 0, j1);
    } else if (e.left == h && e.right == 0) {
        dw_block(d, &p, k, s, NB, h, j1);
    } else if (e.left == 0 && e.right == h) {
        dw_block(d, &p, k, s, NB, 0, j1 - h);
    } else if (e.left == h && e.right == h) {
        dw_block(d, &p, k, s, NB, h, j1 - h);
    } else if (k == 5 && s == 2 && e.left == 0 && e.right == 1) {
        dw_block(d, &p, k, s, NB, 0, j1 - 1);
    } else if (k == 5 && s == 2 && e.left == h && e.right == 1) {
        dw_block(d, &p, k, s, NB, h, j1 - 1);
    } else {
        return 0;
    }
    return 1;
}

/* The last n results of a row, fewer than NB; 0 when their edges are of a kind
 * not compiled. */
NN_INLINE int dw_tail(const struct nn_dw *d, int32_t oh, int32_t ow,
                      const int k, const int s, const int n)
{
    const int j1 = (n - 1) * s + k, h = k / 2;
    /* The padding that an even width leaves, and the one of an odd width. */
    const int even = s == 1 ? h : h - 1;
    struct edges e = edges_of(d, ow, n);
    struct place p = dw_place(d, oh, ow, 0);
    if (e.left == 0 && e.right == even) {
        dw_block(d, &p, k, s, n, 0, j1 - even);
    } else if (e.left == 0 && e.right == h) {
        dw_block(d, &p, k, s, n, 0, j1 - h);
    } else {
        return 0;
    }
    return 1;
}

NN_INLINE int dw_tails(const struct nn_dw *d, int32_t oh, int32_t ow,
                       const int k, const int s)
{
    int32_t n = d->ow - ow;
    return (n == 3 && dw_tail(d, oh, ow, k, s, 3)) ||
           (n == 2 && dw_tail(d, oh, ow, k, s, 2)) ||
           (n == 1 && dw_tail(d, oh, ow, k, s, 1));
}

NN_INLINE void dw_rows(const struct nn_dw *d, const int k, const int s)
{
    for (int32_t oh = d->oh0; oh < d->oh1; oh++) {
        for (int32_t ow = 0; ow < d->ow;) {
            if (ow + NB <= d->ow && dw_blocks(d, oh, ow, k, s)) {
                ow += NB;
            } else if (dw_tails(d, oh, ow, k, s)) {
                ow = d->ow;
            } else {
                dw_single(d, oh, ow);
                ow++;
            }
        }
    }
}

/* Stride 1, in strips where that is possible. */
NN_INLINE void dw_image(const struct nn_dw *d, nn_dw_strips_fn *strips,
                        const int k)
{
    struct nn_dw rest = *d;
    if (strips(d)) {
        rest.c0 = d->c1 - (d->c1 - d->c0) % VW;
    }
    if (rest.c0 < rest.c1) {
        dw_rows(&rest, k, 1);
    }
}

void NN_K(nn_k_dw_3s1)(const struct nn_dw *d)
{
    dw_image(d, NN_K(nn_k_dw_strips_3s1), 3);
}
void NN_K(nn_k_dw_3s2)(const struct nn_dw *d)
{
    dw_rows(d, 3, 2);
}
void NN_K(nn_k_dw_5s1)(const struct nn_dw *d)
{
    dw_image(d, NN_K(nn_k_dw_strips_5s1), 5);
}
void NN_K(nn_k_dw_5s2)(const struct nn_dw *d)
{
    dw_rows(d, 5, 2);
}
void NN_K(nn_k_dw_any)(const struct nn_dw *d)
{
    for (int32_t oh = d->oh0; oh < d->oh1; oh++) {
        for (int32_t ow = 0; ow < d->ow; ow++) {
            dw_single(d, oh, ow);
        }
    }
}
