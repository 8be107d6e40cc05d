/* Depthwise convolution, vectors over channels. A block of NB results of one
 * row shares each input column it loads; columns outside the image are
 * skipped, so zeros of the padding are never stored or read. */
#include "common/tensor/kernels/isa.h"

#define NB 4 /* results of a row held in registers */

NN_INLINE vf ld(const float *p, const int whole, size_t left)
{
    return whole ? v_load(p) : v_load_n(p, left);
}
NN_INLINE void st(float *p, vf v, const int whole, size_t left)
{
    if (whole) {
        v_store(p, v);
    } else {
        v_store_n(p, v, left);
    }
}

/* y[o] = acc[o] with the epilogue, for o < n results from float `at` on. */
NN_INLINE void dw_finish(const struct nn_dw *d, vf *acc, const int n, size_t at,
                         size_t c, const int whole, size_t left)
{
    if (d->sum) {
        vf s = v_zero(), q = v_zero();
        NN_UNROLL
        for (int o = 0; o < n; o++) {
            s += acc[o];
            q = v_fma(acc[o], acc[o], q);
        }
        st(d->sum + c, ld(d->sum + c, whole, left) + s, whole, left);
        st(d->sum_sq + c, ld(d->sum_sq + c, whole, left) + q, whole, left);
    }
    vf bias = d->bias ? ld(d->bias + c, whole, left) : v_zero();
    NN_UNROLL
    for (int o = 0; o < n; o++) {
        size_t i = at + (size_t)o * (size_t)d->c;
        vf a = acc[o] + bias;
        if (d->residual) {
            a += ld(d->residual + i, whole, left);
        }
        a = d->relu ? v_relu(a) : a;
        st(d->y + i, a, whole, left);
    }
}

/* Where a block reads and writes. */
struct place {
    ptrdiff_t in;   /* float of input (first row, first column), c = 0 */
    size_t out;     /* float of the first result, c = 0 */
    int32_t col;    /* input column of in; may be outside */
    int32_t k0, k1; /* kernel rows inside the image */
};

NN_INLINE void dw_vec(const struct nn_dw *d, const struct place *p, const int k,
                      const int s, const int n, const int inside, int32_t c,
                      const int whole)
{
    size_t left = (size_t)(d->c1 - c);
    vf acc[NB];
    NN_UNROLL
    for (int o = 0; o < n; o++) {
        acc[o] = v_zero();
    }
    const ptrdiff_t pix = d->c, row = pix * d->wd;
    for (int32_t kh = p->k0; kh < p->k1; kh++) {
        const float *w = d->w + (ptrdiff_t)kh * k * pix + c;
        vf wv[5];
        NN_UNROLL
        for (int i = 0; i < k; i++) {
            wv[i] = ld(w + i * pix, whole, left);
        }
        ptrdiff_t at = p->in + kh * row + c;
        NN_UNROLL
        for (int j = 0; j < (n - 1) * s + k; j++) {
            if (!inside && (uint32_t)(p->col + j) >= (uint32_t)d->wd) {
                continue;
            }
            vf v = ld(d->x + (at + j * pix), whole, left);
            NN_UNROLL
            for (int o = 0; o < n; o++) {
                if (j - o * s >= 0 && j - o * s < k) {
                    acc[o] = v_fma(v, wv[j - o * s], acc[o]);
                }
            }
        }
    }
    dw_finish(d, acc, n, p->out + (size_t)c, (size_t)c, whole, left);
}

NN_INLINE void dw_block(const struct nn_dw *d, const struct place *p,
                        const int k, const int s, const int n, const int inside)
{
    int32_t c = d->c0;
    for (; c + VW <= d->c1; c += VW) {
        dw_vec(d, p, k, s, n, inside, c, 1);
    }
    if (c < d->c1) {
        dw_vec(d, p, k, s, n, inside, c, 0);
    }
}

NN_INLINE struct place dw_place(const struct nn_dw *d, int32_t oh, int32_t ow)
{
    int32_t ih = oh * d->sh - d->ph, iw = ow * d->sw - d->pw;
    struct place p = {
        .in = ((ptrdiff_t)ih * d->wd + iw) * d->c,
        .out = ((size_t)oh * (size_t)d->ow + (size_t)ow) * (size_t)d->c,
        .col = iw,
        .k0 = ih < 0 ? -ih : 0,
        .k1 = d->h - ih < d->kh ? d->h - ih : d->kh,
    };
    return p;
}

NN_INLINE void dw_rows(const struct nn_dw *d, const int k, const int s)
{
    for (int32_t oh = d->oh0; oh < d->oh1; oh++) {
        int32_t ow = 0;
        for (; ow + NB <= d->ow; ow += NB) {
            struct place p = dw_place(d, oh, ow);
            if (p.col >= 0 && p.col + (NB - 1) * s + k <= d->wd) {
                dw_block(d, &p, k, s, NB, 1);
            } else {
                dw_block(d, &p, k, s, NB, 0);
            }
        }
        for (; ow < d->ow; ow++) {
            struct place p = dw_place(d, oh, ow);
            dw_block(d, &p, k, s, 1, 0);
        }
    }
}

void NN_K(nn_k_dw_3s1)(const struct nn_dw *d)
{
    dw_rows(d, 3, 1);
}
void NN_K(nn_k_dw_3s2)(const struct nn_dw *d)
{
    dw_rows(d, 3, 2);
}
void NN_K(nn_k_dw_5s1)(const struct nn_dw *d)
{
    dw_rows(d, 5, 1);
}
void NN_K(nn_k_dw_5s2)(const struct nn_dw *d)
{
    dw_rows(d, 5, 2);
}

/* Any kernel and stride: one result at a time. */
void NN_K(nn_k_dw_any)(const struct nn_dw *d)
{
    for (int32_t oh = d->oh0; oh < d->oh1; oh++) {
        for (int32_t ow = 0; ow < d->ow; ow++) {
            struct place p = dw_place(d, oh, ow);
            for (int32_t c = d->c0; c < d->c1; c += VW) {
                size_t left = (size_t)(d->c1 - c);
                vf acc = v_zero();
                for (int32_t kh = p.k0; kh < p.k1; kh++) {
                    for (int32_t kw = 0; kw < d->kw; kw++) {
                        if ((uint32_t)(p.col + kw) >= (uint32_t)d->wd) {
                            continue;
                        }
                        ptrdiff_t t = (ptrdiff_t)kh * d->kw + kw;
                        ptrdiff_t i = (ptrdiff_t)kh * d->wd + kw;
                        vf w = v_load_upto(d->w + t * d->c + c, left);
                        i = p.in + i * d->c + c;
                        acc = v_fma(v_load_upto(d->x + i, left), w, acc);
                    }
                }
                dw_finish(d, &acc, 1, p.out + (size_t)c, (size_t)c, left >= VW,
                          left);
            }
        }
    }
}

/* Input gradient of stride 2: NB columns of dx from t - pw on, t even, so
 * that which taps meet which columns is known when compiled:
 * column t + o takes kernel column o - 2 j of dy column t / 2 + j. */
NN_INLINE void dwi_vec(const struct nn_dw *d, int32_t ih, int32_t t,
                       const int k, int32_t c, const int whole)
{
    size_t left = (size_t)(d->c1 - c);
    const ptrdiff_t pix = d->c;
    int32_t th = ih + d->ph;
    vf acc[NB];
    NN_UNROLL
    for (int o = 0; o < NB; o++) {
        acc[o] = v_zero();
    }
    for (int32_t kh = th & 1; kh < k && kh <= th; kh += 2) {
        int32_t oh = (th - kh) / 2;
        if (oh >= d->oh) {
            continue;
        }
        const float *w = d->w + (ptrdiff_t)kh * k * pix + c;
        NN_UNROLL
        for (int j = -((k - 1) / 2); j <= (NB - 1) / 2; j++) {
            int32_t ow = t / 2 + j;
            if ((uint32_t)ow >= (uint32_t)d->ow) {
                continue;
            }
            ptrdiff_t at = ((ptrdiff_t)oh * d->ow + ow) * pix + c;
            vf v = ld(d->x + at, whole, left);
            NN_UNROLL
            for (int o = 0; o < NB; o++) {
                if (o - 2 * j >= 0 && o - 2 * j < k) {
                    vf wv = ld(w + (o - 2 * j) * pix, whole, left);
                    acc[o] = v_fma(v, wv, acc[o]);
                }
            }
        }
    }
    NN_UNROLL
    for (int o = 0; o < NB; o++) {
        int32_t iw = t - d->pw + o;
        if (iw >= 0 && iw < d->wd) {
            ptrdiff_t at = ((ptrdiff_t)ih * d->wd + iw) * pix + c;
            vf a = acc[o];
            if (d->residual) {
                a += ld(d->residual + at, whole, left);
            }
            st(d->y + at, a, whole, left);
        }
    }
}

NN_INLINE void dwi_rows(const struct nn_dw *d, const int k)
{
    for (int32_t ih = d->oh0; ih < d->oh1; ih++) {
        for (int32_t t = d->pw & ~1; t - d->pw < d->wd; t += NB) {
            int32_t c = d->c0;
            for (; c + VW <= d->c1; c += VW) {
                dwi_vec(d, ih, t, k, c, 1);
            }
            if (c < d->c1) {
                dwi_vec(d, ih, t, k, c, 0);
            }
        }
    }
}

void NN_K(nn_k_dwi_3s2)(const struct nn_dw *d)
{
    dwi_rows(d, 3);
}
void NN_K(nn_k_dwi_5s2)(const struct nn_dw *d)
{
    dwi_rows(d, 5);
}

/* dx[ih, iw] of any kernel and stride. */
NN_INLINE vf dwi_one(const struct nn_dw *d, int32_t ih, int32_t iw, int32_t c)
{
    size_t left = (size_t)(d->c1 - c);
    vf acc = v_zero();
    for (int32_t kh = 0; kh < d->kh; kh++) {
        int32_t th = ih + d->ph - kh;
        if (th < 0 || th % d->sh != 0 || th / d->sh >= d->oh) {
            continue;
        }
        for (int32_t kw = 0; kw < d->kw; kw++) {
            int32_t tw = iw + d->pw - kw;
            if (tw < 0 || tw % d->sw != 0 || tw / d->sw >= d->ow) {
                continue;
            }
            ptrdiff_t t = (ptrdiff_t)kh * d->kw + kw;
            ptrdiff_t i = (ptrdiff_t)(th / d->sh) * d->ow + tw / d->sw;
            vf w = v_load_upto(d->w + t * d->c + c, left);
            acc = v_fma(v_load_upto(d->x + i * d->c + c, left), w, acc);
        }
    }
    return acc;
}

void NN_K(nn_k_dwi_any)(const struct nn_dw *d)
{
    for (int32_t ih = d->oh0; ih < d->oh1; ih++) {
        for (int32_t iw = 0; iw < d->wd; iw++) {
            for (int32_t c = d->c0; c < d->c1; c += VW) {
                size_t left = (size_t)(d->c1 - c);
                ptrdiff_t i = ((ptrdiff_t)ih * d->wd + iw) * d->c + c;
                vf a = dwi_one(d, ih, iw, c);
                if (d->residual) {
                    a += v_load_upto(d->residual + i, left);
                }
                v_store_upto(d->y + i, a, left);
            }
        }
    }
}
