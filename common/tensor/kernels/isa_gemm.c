/* Register tiles of the matrix products, and the copies that feed them. */
#include "common/tensor/kernels/isa.h"

#if defined(__AVX2__) && !defined(__AVX512F__)
#include "common/tensor/kernels/isa_kloop.h"
#define ISA_ROUNDS 1
#else
#define ISA_ROUNDS 0
#endif

/* Results of a tile, copied: a store of a vector may touch anything, and what
 * t holds would be read again after each. */
struct target {
    float *y;
    const float *residual;
    const size_t *off;
    size_t ldy;
    enum nn_act act;
};

NN_INLINE size_t tile_at(const struct target *g, const int r, const int flat)
{
    return flat ? (size_t)r * g->ldy : g->off[r];
}

/* Column sums of the tile; rows beyond the panel's columns are zeros. */
NN_INLINE void tile_sums(const struct nn_tile *t, const int m, const int nv,
                         vf acc[][2])
{
    NN_UNROLL
    for (int v = 0; v < nv; v++) {
        vf s = v_zero(), q = v_zero();
        NN_UNROLL
        for (int r = 0; r < m; r++) {
            s += acc[r][v];
            q = v_fma(acc[r][v], acc[r][v], q);
        }
        v_add_double(t->sum + v * VW, s);
        v_add_double(t->sum_sq + v * VW, q);
    }
}

/* One vector of columns of all rows; left: columns of it that exist. */
NN_INLINE void tile_store(const struct target *g, const int m, const int v,
                          const int flat, const int whole, size_t left,
                          vf acc[][2])
{
    struct v_range range = v_range_of(g->act);
    if (g->residual) {
        NN_UNROLL
        for (int r = 0; r < m; r++) {
            const float *p = g->residual + tile_at(g, r, flat) + v * VW;
            acc[r][v] += whole ? v_load(p) : v_load_n(p, left);
        }
    }
    NN_UNROLL
    for (int r = 0; r < m; r++) {
        float *p = g->y + tile_at(g, r, flat) + v * VW;
        vf a = v_within(acc[r][v], range);
        if (whole) {
            v_store(p, a);
        } else {
            v_store_n(p, a, left);
        }
    }
}

NN_INLINE void tile_finish(const struct nn_tile *t, const int m, const int nv,
                           const int flat, vf acc[][2])
{
    struct target g = { t->y, t->residual, t->off, t->ldy, t->act };
    if (t->sum) {
        tile_sums(t, m, nv, acc);
    }
    if (t->n == (size_t)(nv * VW)) {
        NN_UNROLL
        for (int v = 0; v < nv; v++) {
            tile_store(&g, m, v, flat, 1, VW, acc);
        }
        return;
    }
    if (nv > 1) {
        tile_store(&g, m, 0, flat, 1, VW, acc);
    }
    tile_store(&g, m, nv - 1, flat, 0, t->n - (size_t)((nv - 1) * VW), acc);
}

/* Values of k per round of the inner loop. With 16 vector registers gcc 12
 * spills sums of large tiles in longer rounds. */
enum { STEPS = ISA_MR > 6 ? 4 : 2 };

/* Where the rows of one tap are. Scattered rows have a pointer each and i
 * counts up to 0; rows one after another (flat) have a pointer per three rows
 * that moves along: so all of them fit in the integer registers. */
struct ahead {
    const float *p[NN_MR_MAX];
    size_t ld;
};

NN_INLINE void ahead_set(struct ahead *a, const struct nn_tile *t, size_t tap,
                         const int m, const int flat)
{
    a->ld = t->lda;
    NN_UNROLL
    for (int r = 0; r < m; r++) {
        if (!flat) {
            a->p[r] = t->rows[tap * NN_MR_MAX + (size_t)r] + t->k;
        } else if (r % 3 == 0) {
            a->p[r / 3] = t->rows[tap] + t->shift + (size_t)r * t->lda;
        }
    }
}

NN_INLINE void ahead_next(struct ahead *a, const int m, const int flat,
                          const int steps)
{
    NN_UNROLL
    for (int r = 0; flat && r < m; r += 3) {
        a->p[r / 3] += steps;
        /* Or the compiler makes a pointer per row of it again. */
        __asm__("" : "+r"(a->p[r / 3]));
    }
}

/* Step u of a round into acc[0..m-1]. */
NN_INLINE void tile_step(const struct ahead *a, const float *b, vf acc[][2],
                         const int m, const int nv, const int flat, ptrdiff_t i,
                         const int u)
{
    b += u * nv * VW;
    vf b0 = v_load(b), b1 = nv > 1 ? v_load(b + VW) : v_zero();
    NN_UNROLL
    for (int r = 0; r < m; r++) {
        const float *p = a->p[flat ? r / 3 : r];
        p += flat ? (ptrdiff_t)((size_t)(r % 3) * a->ld) : i;
        vf s = v_set1(p[u]);
        acc[r][0] = v_fma(s, b0, acc[r][0]);
        if (nv > 1) {
            acc[r][1] = v_fma(s, b1, acc[r][1]);
        }
    }
}

#if ISA_ROUNDS
/* The whole rounds of one tap. Returns i behind them. */
NN_INLINE ptrdiff_t tile_kloop(struct ahead *a, const float **b,
                               const float **prefetch, size_t step, vf acc[][2],
                               const int m, const int flat, const int fetch,
                               ptrdiff_t i)
{
    struct kloop x = { .ld = a->ld * sizeof(float),
                       .b = *b,
                       .prefetch = *prefetch,
                       .prefetch_step = step * sizeof(float),
                       .n = (size_t)-i / 4 };
    NN_UNROLL
    for (int r = 0; r < m; r++) {
        if (!flat || r < 2) {
            x.a[r] = a->p[r] + (flat ? 0 : i);
        }
    }
    kloop_run(&x, acc, m, flat, fetch);
    if (flat) {
        a->p[0] = x.a[0];
        a->p[1] = x.a[1];
    }
    *b = x.b;
    *prefetch = x.prefetch;
    return i + (ptrdiff_t)x.n * 4;
}
#endif

/* The sums of one tap; returns the panel behind it. */
NN_INLINE const float *tile_tap(struct nn_tile *t, size_t tap, const float *b,
                                vf acc[][2], const int m, const int nv,
                                const int flat, const int fetch)
{
    struct ahead a;
    ahead_set(&a, t, tap, m, flat);
    ptrdiff_t i = -(ptrdiff_t)t->k;
    const float *prefetch = t->prefetch;
    size_t step = t->prefetch_step;
#if ISA_ROUNDS
    if (m >= 5 && nv == 2 && t->k >= 4) {
        i = tile_kloop(&a, &b, &prefetch, step, acc, m, flat, fetch, i);
    }
#endif
    for (; i + STEPS <= 0; i += STEPS) {
        NN_UNROLL
        for (int u = 0; u < STEPS; u++) {
            tile_step(&a, b, acc, m, nv, flat, i, u);
            if (fetch) {
                __builtin_prefetch(prefetch, 0, 2);
                prefetch += step;
            }
        }
        ahead_next(&a, m, flat, STEPS);
        b += STEPS * nv * VW;
        __asm__("" : "+r"(i)); /* one counter for all scattered rows */
    }
    for (; i < 0; i++) {
        tile_step(&a, b, acc, m, nv, flat, i, 0);
        ahead_next(&a, m, flat, 1);
        b += nv * VW;
    }
    if (fetch) {
        t->prefetch = prefetch;
    }
    return b;
}

/* m, nv, flat, fetch are constants where this is inlined. However many rows,
 * a row's sum is added in one order: its bits do not depend on m. */
NN_INLINE void tile_body(struct nn_tile *t, const int m, const int nv,
                         const int flat, const int fetch)
{
    vf acc[NN_MR_MAX][2], b0 = v_zero(), b1 = v_zero();
    if (t->bias) {
        size_t last = (size_t)((nv - 1) * VW);
        b0 = v_load_upto(t->bias, t->n);
        b1 = nv > 1 ? v_load_upto(t->bias + last, t->n - last) : b1;
    }
    NN_UNROLL
    for (int r = 0; r < m; r++) {
        acc[r][0] = b0;
        acc[r][1] = b1;
    }
    if (t->prefetch_y) {
        NN_UNROLL
        for (int r = 0; r < m; r++) {
            const float *y = t->y + (flat ? (size_t)r * t->ldy : t->off[r]);
            __builtin_prefetch(y, 1);
            __builtin_prefetch(y + (nv * VW - 1), 1);
        }
    }
    const float *b = t->panel;
    for (size_t tap = 0; tap < t->taps; tap++) {
        b = tile_tap(t, tap, b, acc, m, nv, flat, fetch);
    }
    tile_finish(t, m, nv, flat, acc);
}

/* All tiles of a call. */
NN_INLINE void tile_run(struct nn_tile *t, const int m, const int nv,
                        const int flat, const int fetch)
{
    for (;;) {
        tile_body(t, m, nv, flat, fetch);
        if (--t->count == 0) {
            return;
        }
        t->shift += t->next_a;
        t->panel += t->next_panel;
        t->y += t->next_y;
        t->residual = t->residual ? t->residual + t->next_y : NULL;
        t->bias = t->bias ? t->bias + t->next_n : NULL;
        t->sum = t->sum ? t->sum + t->next_n : NULL;
        t->sum_sq = t->sum ? t->sum_sq + t->next_n : NULL;
    }
}

NN_INLINE void outer_body(const struct nn_outer *o, const int m, const int nv)
{
    vf acc[NN_MR_MAX][2];
    NN_UNROLL
    for (int r = 0; r < m; r++) {
        acc[r][0] = v_zero();
        acc[r][1] = v_zero();
    }
    NN_UNROLL
    for (int r = 0; r < m; r++) {
        __builtin_prefetch(o->dst + (size_t)r * o->ldd);
        __builtin_prefetch(o->dst + (size_t)r * o->ldd + (nv * VW - 1));
    }
    const float *a = o->a, *b = o->b, *prefetch0 = o->prefetch[0],
                *prefetch1 = o->prefetch[1];
    for (size_t p = 0; p < o->pixels; p++) {
        vf b0 = v_load(b), b1 = nv > 1 ? v_load(b + VW) : v_zero();
        NN_UNROLL
        for (int r = 0; r < m; r++) {
            vf s = v_set1(a[r]);
            acc[r][0] = v_fma(s, b0, acc[r][0]);
            if (nv > 1) {
                acc[r][1] = v_fma(s, b1, acc[r][1]);
            }
        }
        __builtin_prefetch(prefetch0, 0, 2);
        __builtin_prefetch(prefetch1, 0, 2);
        prefetch0 += o->prefetch_step[0];
        prefetch1 += o->prefetch_step[1];
        a += o->lda;
        b += o->ldb;
    }
    NN_UNROLL
    for (int v = 0; v < nv; v++) {
        size_t j = (size_t)v * VW;
        if (o->n <= j) {
            break;
        }
        size_t left = o->n - j;
        NN_UNROLL
        for (int r = 0; r < m; r++) {
            float *d = o->dst + (size_t)r * o->ldd + j;
            vf s = acc[r][v];
            if (o->add) {
                s += v_load_upto(d, left);
            }
            v_store_upto(d, s, left);
        }
    }
}

#define TILE(name, m, nv, flat)                                                \
    static void name##_##m##_##nv(struct nn_tile *t)                           \
    {                                                                          \
        if (t->prefetch) {                                                     \
            tile_run(t, m, nv, flat, 1);                                       \
        } else {                                                               \
            tile_run(t, m, nv, flat, 0);                                       \
        }                                                                      \
    }
#define SCATTERED(m, nv) TILE(tile, m, nv, 0)
#define FLAT(m, nv)      TILE(flat, m, nv, 1)
#define OUTER(m, nv)                                                           \
    static void outer_##m##_##nv(const struct nn_outer *o)                     \
    {                                                                          \
        outer_body(o, m, nv);                                                  \
    }
/* A function per count of rows. BOTH: 1 and 2 vectors wide. */
#define BOTH(fn, m) fn(m, 1) fn(m, 2)
#define UP_TO_6(fn)                                                            \
    BOTH(fn, 1)                                                                \
    BOTH(fn, 2)                                                                \
    BOTH(fn, 3)                                                                \
    BOTH(fn, 4)                                                                \
    BOTH(fn, 5)                                                                \
    BOTH(fn, 6)
#define UP_TO_12(fn)                                                           \
    BOTH(fn, 7)                                                                \
    BOTH(fn, 8)                                                                \
    BOTH(fn, 9)                                                                \
    BOTH(fn, 10)                                                               \
    BOTH(fn, 11)                                                               \
    BOTH(fn, 12)
#define ROW_6(fn, nv)                                                          \
    0, fn##_1_##nv, fn##_2_##nv, fn##_3_##nv, fn##_4_##nv, fn##_5_##nv,        \
        fn##_6_##nv
#define ROW_12(fn, nv)                                                         \
    ROW_6(fn, nv), fn##_7_##nv, fn##_8_##nv, fn##_9_##nv, fn##_10_##nv,        \
        fn##_11_##nv, fn##_12_##nv

UP_TO_6(SCATTERED)
UP_TO_6(FLAT)
UP_TO_6(OUTER)
#if ISA_MR > 6
UP_TO_12(SCATTERED)
UP_TO_12(FLAT)
UP_TO_12(OUTER)
#define MORE(fn, nv) ROW_12(fn, nv)
#else
#define MORE(fn, nv) ROW_6(fn, nv)
#endif

nn_tile_fn *const NN_K(nn_k_tiles)[2][NN_MR_MAX + 1] = { { MORE(tile, 1) },
                                                         { MORE(tile, 2) } };
nn_tile_fn *const NN_K(nn_k_flats)[2][NN_MR_MAX + 1] = { { MORE(flat, 1) },
                                                         { MORE(flat, 2) } };
nn_outer_fn *const NN_K(nn_k_outers)[2][NN_MR_MAX + 1] = { { MORE(outer, 1) },
                                                           { MORE(outer, 2) } };
void NN_K(nn_k_copy)(const float *src, size_t lds, size_t rows, size_t len,
                     float *dst, size_t ldd)
{
    for (size_t i = 0; i < rows; i++, src += lds, dst += ldd) {
        size_t j = 0;
        for (; j + VW <= len; j += VW) {
            v_store(dst + j, v_load(src + j));
        }
        if (j < len) {
            v_store_n(dst + j, v_load_n(src + j, len - j), len - j);
        }
    }
}

/* One vector of columns, of which left exist, through all rows. */
NN_INLINE void norm_column(const float *src, size_t lds, size_t rows,
                           float *dst, size_t ldd, vf scale, vf shift,
                           struct v_range range, const int whole, size_t left)
{
    for (size_t i = 0; i < rows; i++, src += lds, dst += ldd) {
        vf x = whole ? v_load(src) : v_load_n(src, left);
        x = v_within(v_fma(x, scale, shift), range);
        if (whole) {
            v_store(dst, x);
        } else {
            v_store_n(dst, x, left);
        }
    }
}

void NN_K(nn_k_copy_norm)(const float *src, size_t lds, size_t rows, size_t len,
                          float *dst, size_t ldd, const float *scale,
                          const float *shift, enum nn_act act)
{
    struct v_range range = v_range_of(act);
    size_t j = 0;
    for (; j + VW <= len; j += VW) {
        norm_column(src + j, lds, rows, dst + j, ldd, v_load(scale + j),
                    v_load(shift + j), range, 1, VW);
    }
    if (j < len) {
        size_t left = len - j;
        norm_column(src + j, lds, rows, dst + j, ldd, v_load_n(scale + j, left),
                    v_load_n(shift + j, left), range, 0, left);
    }
}

/* 4 x 4 floats; 128 bits are enough where the caches set the pace. */
typedef float v4 __attribute__((vector_size(16)));
typedef int32_t i4 __attribute__((vector_size(16)));

#if defined(__clang__)
#define PICK(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define PICK(a, b, i, j, k, l) __builtin_shuffle(a, b, (i4){ i, j, k, l })
#endif

NN_INLINE void transpose_4x4(const float *src, size_t lds, float *dst,
                             size_t ldd)
{
    v4 r[4], s[4];
    for (size_t i = 0; i < 4; i++) {
        memcpy(&r[i], src + i * lds, sizeof r[i]);
    }
    v4 a = PICK(r[0], r[1], 0, 4, 1, 5), b = PICK(r[2], r[3], 0, 4, 1, 5);
    v4 c = PICK(r[0], r[1], 2, 6, 3, 7), d = PICK(r[2], r[3], 2, 6, 3, 7);
    s[0] = PICK(a, b, 0, 1, 4, 5);
    s[1] = PICK(a, b, 2, 3, 6, 7);
    s[2] = PICK(c, d, 0, 1, 4, 5);
    s[3] = PICK(c, d, 2, 3, 6, 7);
    for (size_t i = 0; i < 4; i++) {
        memcpy(dst + i * ldd, &s[i], sizeof s[i]);
    }
}

void NN_K(nn_k_transpose)(const float *src, size_t lds, size_t rows,
                          size_t cols, float *dst, size_t ldd)
{
    size_t whole_i = rows / 4 * 4, whole_j = cols / 4 * 4;
    for (size_t i = 0; i < whole_i; i += 4) {
        for (size_t j = 0; j < whole_j; j += 4) {
            transpose_4x4(src + j * lds + i, lds, dst + i * ldd + j, ldd);
        }
    }
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = i < whole_i ? whole_j : 0; j < cols; j++) {
            dst[i * ldd + j] = src[j * lds + i];
        }
        for (size_t j = cols; j < ldd; j++) {
            dst[i * ldd + j] = 0;
        }
    }
}

#if NN_STREAMS
void NN_K(nn_k_stream)(const float *src, size_t n, float *dst)
{
    for (size_t i = 0; i < n; i += VW) {
        _mm256_stream_ps(dst + i, v_load(src + i));
    }
}

void NN_K(nn_k_stream_end)(void)
{
    _mm_sfence();
}
#endif
