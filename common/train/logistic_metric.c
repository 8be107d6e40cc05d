/* The first metric of the optimiser: a Cholesky factor and its solves. */
#include <math.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/tensor/kernels/conv.h"
#include "common/train/logistic_internal.h"

/* A metric need not be exact: these many rows, evenly spread, make it. */
enum { ROWS_MAX = 16384, SIDE = 64, LANES = 8 };

/* --- X'X --- */

struct gram {
    struct nn_conv *conv;
    float *x, *wx, *part, *work; /* rows, weighted rows, their product */
};

static void close_gram(struct gram *g)
{
    nn_conv_destroy(&g->conv);
    nn_mem_free(g->x);
    nn_mem_free(g->wx);
    nn_mem_free(g->part);
    nn_mem_free(g->work);
}

static enum nn_status open_gram(struct gram *g, size_t d, struct nn_error *err)
{
    const struct nn_conv_shape s = { .h = 1,
                                     .w = 1,
                                     .ic = (int32_t)d,
                                     .oc = (int32_t)d,
                                     .kh = 1,
                                     .kw = 1,
                                     .stride_h = 1,
                                     .stride_w = 1,
                                     .groups = 1 };
    enum nn_status st =
        nn_conv_create(&s, NN_LOGISTIC_BLOCK, nn_cpu_flags(), &g->conv, err);

    if (st) {
        return st;
    }
    g->x = nn_mem_aligned(NN_LOGISTIC_BLOCK, d * sizeof *g->x);
    g->wx = nn_mem_aligned(NN_LOGISTIC_BLOCK, d * sizeof *g->wx);
    g->part = nn_mem_aligned(d, d * sizeof *g->part);
    g->work = nn_mem_aligned(nn_conv_work_floats(g->conv, 1), sizeof(float));
    return g->x == NULL || g->wx == NULL || g->part == NULL || g->work == NULL
               ? nn_fail_nomem(err)
               : NN_OK;
}

/* Rows from.., `step` apart, n of them; their weight. */
static double take_rows(struct gram *g, const struct nn_lr *lr, size_t from,
                        size_t step, size_t n)
{
    double weight = 0;

    for (size_t i = 0; i < n; i++) {
        size_t row = from + i * step;
        const float *x = lr->x + row * lr->d;
        float w = (float)lr->w[row];

        memcpy(g->x + i * lr->d, x, lr->d * sizeof *x);
        for (size_t c = 0; c < lr->d; c++) {
            g->wx[i * lr->d + c] = w * x[c];
        }
        weight += lr->w[row];
    }
    return weight;
}

static void fill_gram(struct nn_lr_metric *m, struct gram *g,
                      const struct nn_lr *lr)
{
    size_t step = (lr->n + ROWS_MAX - 1) / ROWS_MAX;
    size_t rows = (lr->n + step - 1) / step, d = lr->d;
    double weight = 0;

    for (size_t at = 0; at < rows; at += NN_LOGISTIC_BLOCK) {
        size_t n =
            rows - at < NN_LOGISTIC_BLOCK ? rows - at : NN_LOGISTIC_BLOCK;

        weight += take_rows(g, lr, at * step, step, n);
        nn_conv_backward_weights(g->conv, (int32_t)n, g->x, g->wx, g->part, 0,
                                 g->work, NULL, NULL);
        for (size_t i = 0; i < d * d; i++) {
            m->gram[i] += (double)g->part[i];
        }
    }
    for (size_t i = 0; i < d * d; i++) {
        m->gram[i] /= weight > 0 ? weight : 1;
    }
}

enum nn_status nn_lr_metric_open(struct nn_lr_metric *m, const struct nn_lr *lr,
                                 struct nn_error *err)
{
    struct gram g = { .conv = NULL };
    enum nn_status st;

    *m = (struct nn_lr_metric){ .d = lr->d };
    m->gram = nn_mem_calloc(lr->d, lr->d * sizeof *m->gram);
    m->l = nn_mem_calloc(lr->d, lr->d * sizeof *m->l);
    if (m->gram == NULL || m->l == NULL) {
        return nn_fail_nomem(err);
    }
    st = open_gram(&g, lr->d, err);
    if (st) {
        goto out;
    }
    fill_gram(m, &g, lr);
out:
    close_gram(&g);
    return st;
}

void nn_lr_metric_close(struct nn_lr_metric *m)
{
    nn_mem_free(m->gram);
    nn_mem_free(m->l);
    *m = (struct nn_lr_metric){ .d = 0 };
}

/* --- Cholesky, SIDE columns at a time --- */

struct step {
    double *l;
    size_t d, at, n; /* columns at .. at + n - 1 */
    double *across;  /* [n,d] those columns below, transposed */
};

static void factor_diagonal(const struct step *s)
{
    for (size_t j = s->at; j < s->at + s->n; j++) {
        double *row = s->l + j * s->d;

        for (size_t i = s->at; i <= j; i++) {
            const double *other = s->l + i * s->d;
            double sum = row[i];

            for (size_t t = s->at; t < i; t++) {
                sum -= row[t] * other[t];
            }
            row[i] = i < j ? sum / other[i] : sqrt(fmax(sum, 1e-12));
        }
    }
}

static void solve_row(void *ctx, size_t r)
{
    const struct step *s = ctx;
    size_t i = s->at + s->n + r;
    double *row = s->l + i * s->d;

    for (size_t j = s->at; j < s->at + s->n; j++) {
        const double *other = s->l + j * s->d;
        double sum = row[j];

        for (size_t t = s->at; t < j; t++) {
            sum -= row[t] * other[t];
        }
        row[j] = sum / other[j];
        s->across[(j - s->at) * s->d + i] = row[j];
    }
}

static void update_row(void *ctx, size_t r)
{
    const struct step *s = ctx;
    size_t first = s->at + s->n, i = first + r, t = 0;
    double *row = s->l + i * s->d;
    const double *mine = row + s->at, *a = s->across;

    for (; t + 4 <= s->n; t += 4, a += 4 * s->d) {
        for (size_t j = first; j <= i; j++) {
            row[j] -= mine[t] * a[j] + mine[t + 1] * a[s->d + j] +
                      mine[t + 2] * a[2 * s->d + j] +
                      mine[t + 3] * a[3 * s->d + j];
        }
    }
    for (; t < s->n; t++, a += s->d) {
        for (size_t j = first; j <= i; j++) {
            row[j] -= mine[t] * a[j];
        }
    }
}

enum nn_status nn_lr_metric_set(struct nn_lr_metric *m, double scale,
                                double strength, struct nn_error *err)
{
    size_t d = m->d;
    struct step s = { .l = m->l, .d = d };

    s.across = nn_mem_calloc(SIDE, d * sizeof *s.across);
    if (s.across == NULL) {
        return nn_fail_nomem(err);
    }
    m->scale = scale;
    for (size_t i = 0; i < d * d; i++) {
        m->l[i] = scale * m->gram[i] + (i % (d + 1) == 0 ? strength : 0);
    }
    for (s.at = 0; s.at < d; s.at += s.n) {
        s.n = d - s.at < SIDE ? d - s.at : SIDE;
        factor_diagonal(&s);
        nn_parallel_for(d - s.at - s.n, solve_row, &s);
        nn_parallel_for(d - s.at - s.n, update_row, &s);
    }
    nn_mem_free(s.across);
    return NN_OK;
}

/* --- solves, LANES vectors at a time, AT_ONCE rows of the factor --- */

enum { AT_ONCE = 4 };

/* Half the lanes. Arrays of doubles are not aligned for it. */
typedef double quad __attribute__((vector_size(32), aligned(8), may_alias));
enum { QUADS = LANES / 4 };

struct solve {
    const struct nn_lr_metric *m;
    double *const *v;
    size_t count;
    double *room; /* [groups,d,LANES] */
};

/* The first rows are those that make the rest a multiple of AT_ONCE: no others
 * stand above them. */
NN_INLINE size_t rows_from(size_t first, size_t d)
{
    size_t rest = (d - first) % AT_ONCE;

    return rest > 0 ? rest : AT_ONCE;
}

/* L u = v, from the first row down; each sum in the order of its terms. */
NN_INLINE void solve_down(const double *l, size_t d, quad (*u)[QUADS])
{
    for (size_t first = 0, n; first < d; first += n) {
        const double *row = l + first * d;
        quad sum[AT_ONCE][QUADS] = { { { 0 } } };

        n = rows_from(first, d);
        for (size_t t = 0; t < first; t++) {
            for (size_t j = 0; j < QUADS; j++) {
                sum[0][j] += row[t] * u[t][j];
                sum[1][j] += row[d + t] * u[t][j];
                sum[2][j] += row[2 * d + t] * u[t][j];
                sum[3][j] += row[3 * d + t] * u[t][j];
            }
        }
        for (size_t r = 0; r < n; r++, row += d) {
            for (size_t j = 0; j < QUADS; j++) {
                quad s = sum[r][j];

                for (size_t t = first; t < first + r; t++) {
                    s += row[t] * u[t][j];
                }
                u[first + r][j] = (u[first + r][j] - s) / row[first + r];
            }
        }
    }
}

/* L' u = v, from the last row up. */
NN_INLINE void solve_up(const double *l, size_t d, quad (*u)[QUADS])
{
    for (size_t end = d, first; end > 0; end = first) {
        const double *row;
        quad mine[AT_ONCE][QUADS];

        first = end < AT_ONCE ? 0 : end - AT_ONCE;
        row = l + first * d;
        for (size_t i = end; i-- > first;) {
            for (size_t j = 0; j < QUADS; j++) {
                mine[i - first][j] = u[i][j] /= l[i * d + i];
                for (size_t t = first; t < i; t++) {
                    u[t][j] -= l[i * d + t] * mine[i - first][j];
                }
            }
        }
        for (size_t t = 0; t < first; t++) { /* of AT_ONCE rows */
            for (size_t j = 0; j < QUADS; j++) {
                u[t][j] = u[t][j] - row[3 * d + t] * mine[3][j] -
                          row[2 * d + t] * mine[2][j] -
                          row[d + t] * mine[1][j] - row[t] * mine[0][j];
            }
        }
    }
}

NN_INLINE void solve_both(const double *l, size_t d, double *u)
{
    solve_down(l, d, (quad(*)[QUADS])u);
    solve_up(l, d, (quad(*)[QUADS])u);
}

NN_FOR_AVX2 static void solve_avx2(const double *l, size_t d, double *u)
{
    solve_both(l, d, u);
}

static void solve_lanes(void *ctx, size_t group)
{
    const struct solve *s = ctx;
    size_t d = s->m->d, from = group * LANES;
    size_t n = s->count - from < LANES ? s->count - from : LANES;
    double *u = s->room + group * d * LANES;

    memset(u, 0, d * LANES * sizeof *u);
    for (size_t j = 0; j < n; j++) {
        for (size_t i = 0; i < d; i++) {
            u[i * LANES + j] = s->v[from + j][i];
        }
        s->v[from + j][d] /= s->m->scale;
    }
    if (nn_cpu_flags() & NN_CPU_AVX2) {
        solve_avx2(s->m->l, d, u);
    } else {
        solve_both(s->m->l, d, u);
    }
    for (size_t j = 0; j < n; j++) {
        for (size_t i = 0; i < d; i++) {
            s->v[from + j][i] = u[i * LANES + j];
        }
    }
}

void nn_lr_metric_apply(const struct nn_lr_metric *m, double *const *v,
                        size_t count, double *room)
{
    struct solve s = { m, v, count, room };

    nn_parallel_for((count + LANES - 1) / LANES, solve_lanes, &s);
}

size_t nn_lr_metric_room(const struct nn_lr_metric *m, size_t count)
{
    return (count + LANES - 1) / LANES * LANES * m->d;
}
