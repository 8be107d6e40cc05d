/* Batch norm, activations and sums, and the table of this instruction set. */
#include "common/tensor/kernels/isa.h"

/* Vectors of channels summed together: five registers for each. */
#if VW == 16
#define CB 4
#else
#define CB 2
#endif

NN_INLINE vf ld(const float *p, const int whole, size_t left)
{
    return whole ? v_load(p) : v_load_n(p, left);
}

/* Sums over rows for nv vectors of channels from c on. */
NN_INLINE void stats_cols(const struct nn_norm_args *n, size_t c, const int nv,
                          const int whole)
{
    size_t left = n->c - c;
    vf s[CB], q[CB];
    NN_UNROLL
    for (int v = 0; v < nv; v++) {
        s[v] = q[v] = v_zero();
    }
    const float *x = n->x + c;
    for (size_t r = 0; r < n->rows; r++) {
        NN_UNROLL
        for (int v = 0; v < nv; v++) {
            vf a = ld(x + v * VW, whole, left);
            s[v] += a;
            q[v] = v_fma(a, a, q[v]);
        }
        x += n->c;
    }
    NN_UNROLL
    for (int v = 0; v < nv; v++) {
        v_store_upto(n->sum0 + c + v * VW, s[v], left);
        v_store_upto(n->sum1 + c + v * VW, q[v], left);
    }
}

void NN_K(nn_k_stats)(const struct nn_norm_args *n)
{
    size_t c = 0;
    for (; c + CB * VW <= n->c; c += CB * VW) {
        stats_cols(n, c, CB, 1);
    }
    for (; c + VW <= n->c; c += VW) {
        stats_cols(n, c, 1, 1);
    }
    if (c < n->c) {
        stats_cols(n, c, 1, 0);
    }
}

/* sum0 += g, sum1 += g * (x - a) * b. */
NN_INLINE void back_cols(const struct nn_norm_args *n, size_t c, const int nv,
                         const enum nn_act act, const int whole)
{
    size_t left = n->c - c, at = c;
    vf s[CB], q[CB], mean[CB], scale[CB], shift[CB];
    NN_UNROLL
    for (int v = 0; v < nv; v++) {
        s[v] = q[v] = v_zero();
        mean[v] = ld(n->a + c + v * VW, whole, left);
        if (act != NN_ACT_NONE) {
            scale[v] = ld(n->scale + c + v * VW, whole, left);
            shift[v] = ld(n->shift + c + v * VW, whole, left);
        }
    }
    for (size_t r = 0; r < n->rows; r++) {
        NN_UNROLL
        for (int v = 0; v < nv; v++) {
            vf g = ld(n->dy + at + v * VW, whole, left);
            vf x = ld(n->x + at + v * VW, whole, left);
            if (act != NN_ACT_NONE) {
                g = v_where_through(v_fma(x, scale[v], shift[v]), act, g);
            }
            s[v] += g;
            q[v] = v_fma(g, x - mean[v], q[v]);
        }
        at += n->c;
    }
    NN_UNROLL
    for (int v = 0; v < nv; v++) {
        vf inv = ld(n->b + c + v * VW, whole, left);
        v_store_upto(n->sum0 + c + v * VW, s[v], left);
        v_store_upto(n->sum1 + c + v * VW, q[v] * inv, left);
    }
}

NN_INLINE void back_sums(const struct nn_norm_args *n, const enum nn_act act)
{
    size_t c = 0;
    for (; c + CB * VW <= n->c; c += CB * VW) {
        back_cols(n, c, CB, act, 1);
    }
    for (; c + VW <= n->c; c += VW) {
        back_cols(n, c, 1, act, 1);
    }
    if (c < n->c) {
        back_cols(n, c, 1, act, 0);
    }
}

void NN_K(nn_k_back_sums)(const struct nn_norm_args *n)
{
    if (!n->scale) {
        back_sums(n, NN_ACT_NONE);
    } else if (n->act == NN_ACT_RELU6) {
        back_sums(n, NN_ACT_RELU6);
    } else {
        back_sums(n, NN_ACT_RELU);
    }
}

NN_INLINE void apply_vec(const struct nn_norm_args *n, size_t at, size_t c,
                         const int res, const int whole, struct v_range range)
{
    size_t left = n->c - c;
    vf v = v_fma(ld(n->x + at + c, whole, left), ld(n->a + c, whole, left),
                 ld(n->b + c, whole, left));
    if (res) {
        v += ld(n->y + at + c, whole, left);
    }
    v_store_upto(n->out + at + c, v_within(v, range), left);
}

/* y (the residual) is NULL or added before the activation. */
void NN_K(nn_k_apply)(const struct nn_norm_args *n)
{
    struct v_range range = v_range_of(n->act);

    for (size_t r = 0; r < n->rows; r++) {
        size_t c = 0, at = r * n->c;
        if (n->y) {
            for (; c + VW <= n->c; c += VW) {
                apply_vec(n, at, c, 1, 1, range);
            }
        } else {
            for (; c + VW <= n->c; c += VW) {
                apply_vec(n, at, c, 0, 1, range);
            }
        }
        if (c < n->c) {
            apply_vec(n, at, c, n->y != NULL, 0, range);
        }
    }
}

NN_INLINE void back_vec(const struct nn_norm_args *n, size_t at, size_t c,
                        const enum nn_act act, const int whole)
{
    size_t left = n->c - c;
    vf g = ld(n->dy + at + c, whole, left);
    vf x = ld(n->x + at + c, whole, left);
    if (act != NN_ACT_NONE) {
        g = v_where_through(v_fma(x, ld(n->scale + c, whole, left),
                                  ld(n->shift + c, whole, left)),
                            act, g);
    }
    vf v = v_fma(ld(n->b + c, whole, left), x, ld(n->k + c, whole, left));
    v = v_fma(ld(n->a + c, whole, left), g, v);
    v_store_upto(n->out + at + c, v, left);
}

NN_INLINE void back_apply(const struct nn_norm_args *n, const enum nn_act act)
{
    for (size_t r = 0; r < n->rows; r++) {
        size_t c = 0, at = r * n->c;
        for (; c + VW <= n->c; c += VW) {
            back_vec(n, at, c, act, 1);
        }
        if (c < n->c) {
            back_vec(n, at, c, act, 0);
        }
    }
}

void NN_K(nn_k_back_apply)(const struct nn_norm_args *n)
{
    if (!n->scale) {
        back_apply(n, NN_ACT_NONE);
    } else if (n->act == NN_ACT_RELU6) {
        back_apply(n, NN_ACT_RELU6);
    } else {
        back_apply(n, NN_ACT_RELU);
    }
}

NN_INLINE void act_back(const struct nn_norm_args *n, const enum nn_act act)
{
    struct v_range range = v_range_of(act);

    for (size_t i = 0; i < n->c; i += VW) {
        size_t left = n->c - i;
        vf v = n->dy ? v_where_through(v_load_upto(n->y + i, left), act,
                                       v_load_upto(n->dy + i, left))
                     : v_within(v_load_upto(n->x + i, left), range);
        v_store_upto(n->out + i, v, left);
    }
}

/* out = dy where act lets y through. With dy NULL: out = act(x). */
void NN_K(nn_k_act_back)(const struct nn_norm_args *n)
{
    if (n->act == NN_ACT_RELU6) {
        act_back(n, NN_ACT_RELU6);
    } else {
        act_back(n, NN_ACT_RELU);
    }
}

void NN_K(nn_k_add)(const struct nn_norm_args *n)
{
    for (size_t i = 0; i < n->c; i += VW) {
        size_t left = n->c - i;
        v_store_upto(n->out + i,
                     v_load_upto(n->x + i, left) + v_load_upto(n->y + i, left),
                     left);
    }
}

/* sum0[c] += sum over rows of x. */
void NN_K(nn_k_add_into)(const struct nn_norm_args *n)
{
    for (size_t c = 0; c < n->c; c += VW) {
        size_t left = n->c - c;
        vf s = v_load_upto(n->sum0 + c, left);
        for (size_t r = 0; r < n->rows; r++) {
            s += v_load_upto(n->x + r * n->c + c, left);
        }
        v_store_upto(n->sum0 + c, s, left);
    }
}
