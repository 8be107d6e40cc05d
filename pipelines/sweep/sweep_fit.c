/* The power law through the points, and where it is flat enough. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/eval/stats.h"
#include "pipelines/sweep/sweep.h"

enum { GRID = 160, SECTIONS = 80 };
#define B_LEAST 0.05
#define B_MOST  4.0

/* --- one curve --- */

struct points {
    const double *n, *v, *w;
    size_t m;
    double scale; /* n is divided by it: powers stay near 1 */
};

/* The best a >= 0 and c >= 0 for this b; returns the weighted sum of squares.
 * a belongs to n / scale. */
static double solve(const struct points *p, double b, double *a, double *c)
{
    double s = 0, sx = 0, sv = 0, sxx = 0, sxv = 0, sse = 0, det;

    for (size_t i = 0; i < p->m; i++) {
        double x = pow(p->n[i] / p->scale, -b), w = p->w[i];

        s += w;
        sx += w * x;
        sv += w * p->v[i];
        sxx += w * x * x;
        sxv += w * x * p->v[i];
    }
    det = s * sxx - sx * sx;
    *a = det > 1e-12 * s * sxx ? (s * sxv - sx * sv) / det : 0;
    *c = (sv - *a * sx) / s;
    if (*c < 0) {
        *c = 0;
        *a = sxv / sxx;
    }
    if (*a <= 0) {
        *a = 0;
        *c = fmax(sv / s, 0);
    }
    for (size_t i = 0; i < p->m; i++) {
        double d = *a * pow(p->n[i] / p->scale, -b) + *c - p->v[i];

        sse += p->w[i] * d * d;
    }
    return sse;
}

/* Minimum between two neighbours of the best of the grid. */
static double golden(const struct points *p, double lo, double hi)
{
    const double share = (sqrt(5.0) - 1) / 2;
    double a, c;

    for (int i = 0; i < SECTIONS; i++) {
        double x = hi - share * (hi - lo), y = lo + share * (hi - lo);

        if (solve(p, x, &a, &c) <= solve(p, y, &a, &c)) {
            hi = y;
        } else {
            lo = x;
        }
    }
    return (lo + hi) / 2;
}

static double grid_b(int i)
{
    return B_LEAST * pow(B_MOST / B_LEAST, (double)i / (GRID - 1));
}

static enum nn_status check(const double *n, const double *v, const double *w,
                            size_t m, struct nn_error *err)
{
    int fine = m >= 2;

    for (size_t i = 0; fine && i < m; i++) {
        fine = isfinite(n[i]) && n[i] > 0 && isfinite(v[i]) && isfinite(w[i]) &&
               w[i] > 0;
    }
    return fine ? NN_OK
                : nn_fail(err, NN_ERR_ARG,
                          "a curve needs 2 points or more, with numbers above "
                          "0 and finite values");
}

enum nn_status sweep_fit_power(const double *n, const double *v,
                               const double *w, size_t m,
                               struct sweep_power *out, struct nn_error *err)
{
    struct points p = { n, v, w, m, 1 };
    enum nn_status st = check(n, v, w, m, err);
    double best = INFINITY, a, c, at_best, squares = 0;
    int k = 0;

    if (st) {
        return st;
    }
    p.scale = n[0];
    for (int i = 0; i < GRID; i++) {
        double sse = solve(&p, grid_b(i), &a, &c);

        if (sse < best) {
            best = sse;
            k = i;
        }
    }
    out->b = golden(&p, grid_b(k > 0 ? k - 1 : 0),
                    grid_b(k < GRID - 1 ? k + 1 : GRID - 1));
    at_best = solve(&p, out->b, &a, &c);
    if (!(at_best <= best)) {
        out->b = grid_b(k);
        solve(&p, out->b, &a, &c);
    }
    out->a = a * pow(p.scale, out->b);
    out->c = c;
    if (!(a > 0)) {
        out->a = 0;
        out->b = (double)NAN;
    }
    for (size_t i = 0; i < m; i++) {
        double d = sweep_power_at(out, n[i]) - v[i];

        squares += d * d;
    }
    out->rmse = sqrt(squares / (double)m);
    return NN_OK;
}

double sweep_power_at(const struct sweep_power *p, double n)
{
    return p->a > 0 ? p->a * pow(n, -p->b) + p->c : p->c;
}

double sweep_power_enough(const struct sweep_power *p, double gain, double min)
{
    double n;

    if (!(p->a > 0)) {
        return min;
    }
    /* a n^-b (1 - 2^-b) = gain */
    n = pow(p->a * (1 - pow(2, -p->b)) / gain, 1 / p->b);
    if (!(n < 1e12)) {
        return INFINITY;
    }
    return fmax(floor(n) + 1, min);
}

/* --- the curve of a kind and loss --- */

void sweep_fit_release(struct sweep_fit *f)
{
    nn_mem_free(f->n);
    nn_mem_free(f->value);
    nn_mem_free(f->weight);
    *f = (struct sweep_fit){ .n_points = 0 };
}

/* What the fit is made of: its points in rising n. */
struct source {
    const struct sweep_plan *plan;
    const struct sweep_replicates *r;
    size_t *point; /* [m] of the plan */
    size_t m;
    double *value; /* [m] of a replicate */
    double gain;
    int still; /* all replicates are what was measured */
};

static int belongs(const struct sweep_point *p, enum sweep_kind kind,
                   enum sweep_loss loss)
{
    return p->kind == kind && p->loss == loss && p->negatives > 0 &&
           !p->skipped;
}

static enum nn_status list_points(struct source *s, enum sweep_kind kind,
                                  enum sweep_loss loss)
{
    const struct sweep_plan *plan = s->plan;

    s->point = nn_mem_calloc(plan->n + 1, sizeof *s->point);
    s->value = nn_mem_calloc(plan->n + 1, sizeof *s->value);
    if (s->point == NULL || s->value == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < plan->n; i++) {
        if (belongs(&plan->point[i], kind, loss)) {
            size_t at = s->m++;

            while (at > 0 && plan->point[s->point[at - 1]].negatives >
                                 plan->point[i].negatives) {
                s->point[at] = s->point[at - 1];
                at--;
            }
            s->point[at] = i;
        }
    }
    return NN_OK;
}

/* Values of a replicate: its images, and seeds drawn with replacement, the
 * same for every point. */
static void replicate_values(const struct source *s, size_t r)
{
    size_t seeds = s->plan->n_seeds, stride = s->plan->n * seeds;
    const double *row = s->r->fpr95 + r * stride;

    for (size_t i = 0; i < s->m; i++) {
        struct nn_rng rng = nn_rng_make(2, r);
        double sum = 0;

        for (size_t k = 0; k < seeds; k++) {
            sum +=
                row[s->point[i] * seeds + nn_rng_below(&rng, (uint32_t)seeds)];
        }
        s->value[i] = sum / (double)seeds;
    }
}

/* 1 / variance of each point over the replicates; a value of 0 or 1 has none,
 * so that of one image is added. */
static void set_weights(struct source *s, size_t n_negatives,
                        struct sweep_fit *f)
{
    double one = 1 / (double)n_negatives;

    s->still = 1;
    for (size_t r = 0; r < s->r->n; r++) {
        replicate_values(s, r);
        for (size_t i = 0; i < s->m; i++) {
            double d = s->value[i] - f->value[i];

            f->weight[i] += d * d / (double)s->r->n;
            s->still &= fabs(d) < 1e-12;
        }
    }
    for (size_t i = 0; i < s->m; i++) {
        f->weight[i] = 1 / (f->weight[i] + one * one);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* Percentiles of the refitted answers; "never" stands at the end. */
static enum nn_status set_interval(const struct source *s, struct sweep_fit *f,
                                   struct nn_error *err)
{
    double *enough = nn_mem_calloc(s->r->n + 1, sizeof *enough);
    size_t last = s->r->n > 0 ? s->r->n - 1 : 0;
    struct sweep_power p;
    enum nn_status st = NN_OK;

    f->lo = f->hi = (double)NAN;
    if (enough == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t r = 0; r < s->r->n; r++) {
        replicate_values(s, r);
        st = sweep_fit_power(f->n, s->value, f->weight, s->m, &p, err);
        if (st) {
            goto out;
        }
        enough[r] = sweep_power_enough(&p, s->gain, f->n[0]);
    }
    if (s->r->n > 0) {
        qsort(enough, s->r->n, sizeof *enough, by_value);
        f->lo = enough[(size_t)(0.025 * (double)last)];
        f->hi = enough[(size_t)ceil(0.975 * (double)last)];
    }
out:
    nn_mem_free(enough);
    return st;
}

/* Refit without each point in turn. */
static enum nn_status leave_one_out(const struct source *s, struct sweep_fit *f,
                                    struct nn_error *err)
{
    double *v = nn_mem_calloc(3 * s->m, sizeof *v);
    enum nn_status st = NN_OK;

    if (v == NULL) {
        return nn_fail_nomem(err);
    }
    f->one_out_lo = INFINITY;
    f->one_out_hi = 0;
    for (size_t k = 0; k < s->m; k++) {
        struct sweep_power p;
        double enough;
        size_t m = 0;

        for (size_t i = 0; i < s->m; i++) {
            if (i != k) {
                v[m] = f->n[i];
                v[s->m + m] = f->value[i];
                v[2 * s->m + m++] = f->weight[i];
            }
        }
        st = sweep_fit_power(v, v + s->m, v + 2 * s->m, m, &p, err);
        if (st) {
            goto out;
        }
        enough = sweep_power_enough(&p, s->gain, f->n[0]);
        f->one_out_lo = fmin(f->one_out_lo, enough);
        f->one_out_hi = fmax(f->one_out_hi, enough);
    }
out:
    nn_mem_free(v);
    return st;
}

static enum nn_status fill(struct source *s, const struct experiment_test *test,
                           struct sweep_fit *f, struct nn_error *err)
{
    enum nn_status st;

    f->n_points = s->m;
    f->n = nn_mem_calloc(s->m, sizeof *f->n);
    f->value = nn_mem_calloc(s->m, sizeof *f->value);
    f->weight = nn_mem_calloc(s->m, sizeof *f->weight);
    if (f->n == NULL || f->value == NULL || f->weight == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < s->m; i++) {
        f->n[i] = (double)s->plan->point[s->point[i]].negatives;
        f->value[i] = s->plan->point[s->point[i]].fpr95.value;
    }
    set_weights(s, test->n_negatives, f);
    st = sweep_fit_power(f->n, f->value, f->weight, s->m, &f->power, err);
    if (st) {
        return st;
    }
    f->enough = sweep_power_enough(&f->power, s->gain, f->n[0]);
    st = set_interval(s, f, err);
    if (st) {
        return st;
    }
    /* Of test negatives that all agree: more than the gain may be of the kind
     * that none of them is, and any number may be enough. */
    if (s->still && nn_clopper_pearson_upper(0, test->n_negatives,
                                             NN_CONFIDENCE) > s->gain) {
        f->lo = f->n[0];
        f->hi = INFINITY;
    }
    f->one_out_lo = f->one_out_hi = (double)NAN;
    return s->m > 3 ? leave_one_out(s, f, err) : NN_OK;
}

enum nn_status sweep_fit_init(const struct sweep_plan *plan,
                              const struct experiment_test *test,
                              const struct sweep_replicates *r,
                              enum sweep_kind kind, enum sweep_loss loss,
                              double gain, struct sweep_fit *f, int *found,
                              struct nn_error *err)
{
    struct source s = { .plan = plan, .r = r, .gain = gain };
    enum nn_status st = NN_OK;

    *f = (struct sweep_fit){ .kind = kind, .loss = loss };
    *found = 0;
    if (list_points(&s, kind, loss)) {
        st = nn_fail_nomem(err);
        goto out;
    }
    if (s.m < 3) {
        goto out;
    }
    st = fill(&s, test, f, err);
    if (st) {
        sweep_fit_release(f);
        goto out;
    }
    *found = 1;
out:
    nn_mem_free(s.point);
    nn_mem_free(s.value);
    return st;
}
