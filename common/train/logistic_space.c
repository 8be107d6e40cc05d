/* Fewer rows than features: the same rows in the space that they span.
 *
 * With X = R Q, where the rows of Q [rank,D] are orthonormal, W = V Q gives
 * the logits R V' and |W| = |V|; what a W has across that space changes no
 * logit and only costs. So the best V for the rows of R gives the best W, for
 * any part of the rows too. R comes from X X' = R R' (Cholesky, the row that
 * is farthest from the span of those before it next; Higham, Accuracy and
 * Stability of Numerical Algorithms, 2002, section 10.3), and Q is not formed:
 * of the chosen rows X_p = R_p Q, so that W = V R_p^-1 X_p. */
#include <math.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/train/logistic_internal.h"

enum { TOGETHER = 16 };

/* Squared distance from the span, as a share of the longest row's square,
 * below which a row counts as lying in it: what the rounding of floats leaves
 * of a copy is less, another photo is more. */
#define IN_SPAN 1e-12

struct growth {
    const struct nn_lr *lr;
    double *r;       /* [n,n] */
    double *left;    /* [n] squared distance from the span */
    size_t rank, at; /* so far, and the row that is next */
};

static double dot_rows(const float *a, const float *b, size_t n)
{
    double sum[8] = { 0 };
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        for (size_t j = 0; j < 8; j++) {
            sum[j] += (double)a[i + j] * (double)b[i + j];
        }
    }
    for (; i < n; i++) {
        sum[0] += (double)a[i] * (double)b[i];
    }
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) +
           ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

static void measure_rows(void *ctx, size_t group)
{
    struct growth *g = ctx;
    size_t n = g->lr->n, d = g->lr->d, i = group * TOGETHER;

    for (size_t end = i + TOGETHER; i < end && i < n; i++) {
        const float *x = g->lr->x + i * d;

        g->left[i] = dot_rows(x, x, d);
    }
}

/* The next coordinate of each row. */
static void add_coordinate(void *ctx, size_t group)
{
    struct growth *g = ctx;
    size_t n = g->lr->n, d = g->lr->d, t = g->rank, i = group * TOGETHER;
    const double *to = g->r + g->at * n;
    double length = sqrt(g->left[g->at]);

    for (size_t end = i + TOGETHER; i < end && i < n; i++) {
        double *row = g->r + i * n;

        if (i != g->at && g->left[i] > 0) {
            double v = dot_rows(g->lr->x + i * d, g->lr->x + g->at * d, d);

            row[t] = (v - nn_lr_dot(row, to, t)) / length;
            g->left[i] = fmax(g->left[i] - row[t] * row[t], 0);
        }
    }
}

/* Rows until all lie in the span of the chosen; pivot [n]. */
static void grow(struct growth *g, size_t *pivot)
{
    size_t n = g->lr->n, groups = (n + TOGETHER - 1) / TOGETHER;
    double least = 0;

    nn_parallel_for(groups, measure_rows, g);
    while (g->rank < n) {
        g->at = 0;
        for (size_t i = 1; i < n; i++) {
            g->at = g->left[i] > g->left[g->at] ? i : g->at;
        }
        if (g->rank == 0) {
            least = g->left[g->at] * IN_SPAN;
        }
        if (!(g->left[g->at] > least)) {
            break;
        }
        nn_parallel_for(groups, add_coordinate, g);
        g->r[g->at * n + g->rank] = sqrt(g->left[g->at]);
        g->left[g->at] = 0;
        pivot[g->rank++] = g->at;
    }
}

enum nn_status nn_lr_space_open(struct nn_lr_space *s, const struct nn_lr *lr,
                                struct nn_error *err)
{
    size_t n = lr->n;
    struct growth g = { .lr = lr };
    enum nn_status st = NN_OK;

    *s = (struct nn_lr_space){ .n = n, .d = lr->d };
    s->r = g.r = nn_mem_calloc(n, n * sizeof *g.r);
    g.left = nn_mem_calloc(n, sizeof *g.left);
    s->pivot = nn_mem_calloc(n, sizeof *s->pivot);
    if (g.r == NULL || g.left == NULL || s->pivot == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    grow(&g, s->pivot);
    s->rank = g.rank;
    /* The kernels' width; what is added is 0 in all rows. At least one. */
    s->dims = g.rank / TOGETHER * TOGETHER + TOGETHER;
    s->z = nn_mem_aligned(n, s->dims * sizeof *s->z);
    if (s->z == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t t = 0; t < s->rank; t++) {
            s->z[i * s->dims + t] = (float)s->r[i * n + t];
        }
    }
out:
    nn_mem_free(g.left);
    return st;
}

void nn_lr_space_close(struct nn_lr_space *s)
{
    nn_mem_free(s->r);
    nn_mem_free(s->pivot);
    nn_mem_free(s->z);
    *s = (struct nn_lr_space){ .n = 0 };
}

/* u R_p = v, in place, from the last coordinate. */
static void solve_chosen(const struct nn_lr_space *s, double *v)
{
    for (size_t a = s->rank; a-- > 0;) {
        const double *row = s->r + s->pivot[a] * s->n;

        v[a] /= row[a];
        for (size_t t = 0; t < a; t++) {
            v[t] -= v[a] * row[t];
        }
    }
}

void nn_lr_space_back(const struct nn_lr_space *s, const float *x, double *v,
                      double *w)
{
    solve_chosen(s, v);
    for (size_t a = 0; a < s->rank; a++) {
        const float *row = x + s->pivot[a] * s->d;

        for (size_t c = 0; c < s->d; c++) {
            w[c] += v[a] * (double)row[c];
        }
    }
    w[s->d] = v[s->dims];
}
