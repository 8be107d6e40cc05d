/* Weight gradient of depthwise convolution: sums over pixels stay in
 * registers, one per kernel position, for a vector of channels. */
#include "common/tensor/kernels/isa_dw.h"

/* Results ow..ow+n-1 of row oh into acc[g][kw], kernel rows kh0 + g. */
NN_INLINE void dww_block(const struct nn_dw *d, int32_t oh, int32_t ow,
                         int32_t c, int32_t kh0, const int g_n, const int k,
                         const int s, const int n, const int whole, vf acc[][5])
{
    size_t left = (size_t)(d->c1 - c);
    const ptrdiff_t pix = d->c;
    const float *dy = d->residual + ((ptrdiff_t)oh * d->ow + ow) * pix + c;
    int32_t iw = ow * s - d->pw;
    int inside = iw >= 0 && iw + (n - 1) * s + k <= d->wd;
    vf g[NB];
    NN_UNROLL
    for (int o = 0; o < n; o++) {
        g[o] = ld(dy + o * pix, whole, left);
    }
    NN_UNROLL
    for (int r = 0; r < g_n; r++) {
        int32_t ih = oh * s - d->ph + kh0 + r;
        if ((uint32_t)ih >= (uint32_t)d->h) {
            continue;
        }
        ptrdiff_t at = ((ptrdiff_t)ih * d->wd + iw) * pix + c;
        NN_UNROLL
        for (int j = 0; j < (n - 1) * s + k; j++) {
            if (!inside && (uint32_t)(iw + j) >= (uint32_t)d->wd) {
                continue;
            }
            vf v = ld(d->x + (at + j * pix), whole, left);
            NN_UNROLL
            for (int o = 0; o < n; o++) {
                if (j - o * s >= 0 && j - o * s < k) {
                    acc[r][j - o * s] = v_fma(v, g[o], acc[r][j - o * s]);
                }
            }
        }
    }
}

/* Kernel rows kh0..kh0+g_n-1 for one vector of channels. */
NN_INLINE void dww_group(const struct nn_dw *d, int32_t c, int32_t kh0,
                         const int g_n, const int k, const int s,
                         const int whole)
{
    vf acc[5][5];
    NN_UNROLL
    for (int r = 0; r < g_n; r++) {
        NN_UNROLL
        for (int i = 0; i < k; i++) {
            acc[r][i] = v_zero();
        }
    }
    for (int32_t oh = d->oh0; oh < d->oh1; oh++) {
        int32_t ow = 0;
        for (; ow + NB <= d->ow; ow += NB) {
            dww_block(d, oh, ow, c, kh0, g_n, k, s, NB, whole, acc);
        }
        for (; ow < d->ow; ow++) {
            dww_block(d, oh, ow, c, kh0, g_n, k, s, 1, whole, acc);
        }
    }
    size_t left = (size_t)(d->c1 - c);
    NN_UNROLL
    for (int r = 0; r < g_n; r++) {
        NN_UNROLL
        for (int i = 0; i < k; i++) {
            float *y = d->y + ((ptrdiff_t)(kh0 + r) * k + i) * d->c + c;
            v_store_upto(y, v_load_upto(y, left) + acc[r][i], left);
        }
    }
}

/* As many kernel rows at once as the registers hold. */
NN_INLINE void dww_vec(const struct nn_dw *d, int32_t c, const int k,
                       const int s, const int whole)
{
    if (k == 3 || VW == 16) {
        dww_group(d, c, 0, k, k, s, whole);
    } else {
        dww_group(d, c, 0, 2, k, s, whole);
        dww_group(d, c, 2, 2, k, s, whole);
        dww_group(d, c, 4, 1, k, s, whole);
    }
}

NN_INLINE void dww_all(const struct nn_dw *d, const int k, const int s)
{
    int32_t c = d->c0;
    for (; c + VW <= d->c1; c += VW) {
        dww_vec(d, c, k, s, 1);
    }
    if (c < d->c1) {
        dww_vec(d, c, k, s, 0);
    }
}

void NN_K(nn_k_dww_3s1)(const struct nn_dw *d)
{
    dww_all(d, 3, 1);
}
void NN_K(nn_k_dww_3s2)(const struct nn_dw *d)
{
    dww_all(d, 3, 2);
}
void NN_K(nn_k_dww_5s1)(const struct nn_dw *d)
{
    dww_all(d, 5, 1);
}
void NN_K(nn_k_dww_5s2)(const struct nn_dw *d)
{
    dww_all(d, 5, 2);
}

NN_INLINE vf dww_tap(const struct nn_dw *d, int32_t kh, int32_t kw, int32_t c)
{
    size_t left = (size_t)(d->c1 - c);
    vf acc = v_zero();
    for (int32_t oh = d->oh0; oh < d->oh1; oh++) {
        int32_t ih = oh * d->sh - d->ph + kh;
        if ((uint32_t)ih >= (uint32_t)d->h) {
            continue;
        }
        for (int32_t ow = 0; ow < d->ow; ow++) {
            int32_t iw = ow * d->sw - d->pw + kw;
            if ((uint32_t)iw >= (uint32_t)d->wd) {
                continue;
            }
            ptrdiff_t xi = ((ptrdiff_t)ih * d->wd + iw) * d->c + c;
            ptrdiff_t yi = ((ptrdiff_t)oh * d->ow + ow) * d->c + c;
            acc = v_fma(v_load_upto(d->x + xi, left),
                        v_load_upto(d->residual + yi, left), acc);
        }
    }
    return acc;
}

void NN_K(nn_k_dww_any)(const struct nn_dw *d)
{
    for (int32_t c = d->c0; c < d->c1; c += VW) {
        size_t left = (size_t)(d->c1 - c);
        for (int32_t kh = 0; kh < d->kh; kh++) {
            for (int32_t kw = 0; kw < d->kw; kw++) {
                float *y = d->y + ((ptrdiff_t)kh * d->kw + kw) * d->c + c;
                vf a = dww_tap(d, kh, kw, c);
                v_store_upto(y, v_load_upto(y, left) + a, left);
            }
        }
    }
}
