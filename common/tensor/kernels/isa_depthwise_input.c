/* Input gradient of depthwise convolution with a stride; with stride 1 it is
 * the forward kernel over dy. */
#include "common/tensor/kernels/isa_dw.h"

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
