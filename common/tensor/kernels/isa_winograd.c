/* Transforms around the products of 3x3 convolutions with stride 2; see
 * conv_winograd.c. */
#include "common/tensor/kernels/isa.h"

NN_INLINE vf load(const float *p, const int whole, size_t left)
{
    return whole ? v_load(p) : v_load_n(p, left);
}

/* Sample s down of a tile's columns, and of those all samples across. */
NN_INLINE void in_sample(const struct nn_wino_in *t, const int s)
{
    const int one = s == 0 ? 0 : s == 1 ? 1 : s == 2 ? 2 : s == 3 ? 4 : 3;
    const int differ = s == 0 || s == 3, part = s < 2 ? 0 : s == 2 ? 3 : 6;
    const size_t c = t->c, second = s == 1 || s == 4;
    const float *row = t->row[one], *middle = t->row[2];
    float *to0 = t->to[part] + second * 2 * c;
    float *to1 = t->to[part + 1] + second * c;
    float *to2 = t->to[part + 2] + second * 2 * c;
    for (size_t i = 0; i < c; i += VW) {
        size_t left = c - i;
        vf x[5];
        NN_UNROLL
        for (size_t j = 0; j < 5; j++) {
            x[j] = v_load_upto(row + j * c + i, left);
            if (differ) {
                x[j] -= v_load_upto(middle + j * c + i, left);
            }
        }
        v_store_upto(to0 + i, x[0] - x[2], left);
        v_store_upto(to0 + c + i, x[1], left);
        v_store_upto(to1 + i, x[2], left);
        v_store_upto(to2 + i, x[4] - x[2], left);
        v_store_upto(to2 + c + i, x[3], left);
    }
}

void NN_K(nn_k_wino_in)(const struct nn_wino_in *t)
{
    NN_UNROLL
    for (int s = 0; s < 5; s++) {
        in_sample(t, s);
    }
}

/* One vector of columns of one tile, from column j on, of which left exist;
 * y: its four results. */
NN_INLINE void out_vector(const struct nn_wino_out *t, const float *a,
                          float *const *y, size_t j, const int whole,
                          size_t left, struct v_range range, vf bias,
                          vf sums[2])
{
    vf x[9], r[4];
    NN_UNROLL
    for (size_t q = 0; q < 9; q++) {
        x[q] = v_load(a + q * t->step + j);
    }
    NN_UNROLL
    for (int i = 0; i < 2; i++) {
        const int at = i ? 6 : 0;
        vf middle = x[at + 1] + x[4] + bias;
        r[2 * i] = x[at] + x[3] + middle;
        r[2 * i + 1] = x[at + 2] + x[5] + middle;
    }
    NN_UNROLL
    for (int i = 0; i < 4; i++) {
        if (!y[i]) {
            continue;
        }
        if (t->sum) {
            sums[0] += r[i];
            sums[1] = v_fma(r[i], r[i], sums[1]);
        }
        if (t->has_residual) {
            r[i] += load(y[i] + t->residual + j, whole, left);
        }
        r[i] = v_within(r[i], range);
        if (whole) {
            v_store(y[i] + j, r[i]);
        } else {
            v_store_n(y[i] + j, r[i], left);
        }
    }
}

void NN_K(nn_k_wino_out)(const struct nn_wino_out *t)
{
    struct v_range range = v_range_of(t->act);
    for (size_t j = 0; j < t->n; j += VW) {
        size_t left = t->n - j;
        vf bias = t->bias ? v_load_upto(t->bias + j, left) : v_zero();
        for (size_t i = 0; i < t->tiles; i++) {
            vf sums[2] = { v_zero(), v_zero() };
            const float *a = t->a + i * t->ld;
            if (left >= VW) {
                out_vector(t, a, t->y + 4 * i, j, 1, VW, range, bias, sums);
            } else {
                out_vector(t, a, t->y + 4 * i, j, 0, left, range, bias, sums);
            }
            if (t->sum) {
                v_add_double(t->sum + j, sums[0]);
                v_add_double(t->sum_sq + j, sums[1]);
            }
        }
    }
}
