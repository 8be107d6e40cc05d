/* L-BFGS with a line search, on all problems at once. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/train/logistic_internal.h"

enum { PAIRS = 12, TRIES = 12 };

struct solver {
    struct nn_lr *lr;
    const struct nn_lr_metric *m;
    size_t each; /* coefficients of a problem */
    /* [f,each] */
    double *grad, *dir;
    double *s, *y;   /* [f,PAIRS,each] the last steps, and what the gradient
                        changed by */
    double *rho;     /* [f,PAIRS] 1 / (s . y) */
    size_t *n_pairs; /* [f] seen so far */
    double *step;    /* [f] */
    double *room;    /* of the metric */
    double **rows;   /* [f * k] */
    struct nn_lr_line *start, *now; /* [f] */
    double *low, *high;             /* [f] brackets of the step */
    uint8_t *found;                 /* [f] */
};

double nn_lr_dot(const double *a, const double *b, size_t n)
{
    double sum[4] = { 0 };
    size_t i = 0;

    for (; i + 4 <= n; i += 4) {
        for (size_t j = 0; j < 4; j++) {
            sum[j] += a[i + j] * b[i + j];
        }
    }
    for (; i < n; i++) {
        sum[0] += a[i] * b[i];
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void axpy(double a, const double *x, double *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] += a * x[i];
    }
}

/* --- the second term: strength / 2 |W|^2 without the biases --- */

static double dot_weights(const struct nn_lr *lr, const double *a,
                          const double *b)
{
    double sum = 0;

    for (size_t j = 0; j < lr->k; j++) {
        sum += nn_lr_dot(a + j * (lr->d + 1), b + j * (lr->d + 1), lr->d);
    }
    return sum;
}

static void add_decay(const struct solver *s, size_t f)
{
    const struct nn_lr *lr = s->lr;

    for (size_t j = 0; j < lr->k; j++) {
        size_t at = f * s->each + j * (lr->d + 1);

        axpy(lr->strength, lr->coef + at, s->grad + at, lr->d);
    }
}

/* --- memory --- */

static void close_solver(struct solver *s)
{
    nn_mem_free(s->grad);
    nn_mem_free(s->dir);
    nn_mem_free(s->s);
    nn_mem_free(s->y);
    nn_mem_free(s->rho);
    nn_mem_free(s->n_pairs);
    nn_mem_free(s->step);
    nn_mem_free(s->room);
    nn_mem_free(s->rows);
    nn_mem_free(s->start);
    nn_mem_free(s->now);
    nn_mem_free(s->low);
    nn_mem_free(s->high);
    nn_mem_free(s->found);
}

static enum nn_status open_solver(struct solver *s, struct nn_lr *lr,
                                  const struct nn_lr_metric *m,
                                  struct nn_error *err)
{
    size_t f = lr->f, each = lr->k * (lr->d + 1);

    *s = (struct solver){ .lr = lr, .m = m, .each = each };
    s->grad = nn_mem_calloc(f, each * sizeof *s->grad);
    s->dir = nn_mem_calloc(f, each * sizeof *s->dir);
    s->s = nn_mem_calloc(f * PAIRS, each * sizeof *s->s);
    s->y = nn_mem_calloc(f * PAIRS, each * sizeof *s->y);
    s->rho = nn_mem_calloc(f * PAIRS, sizeof *s->rho);
    s->n_pairs = nn_mem_calloc(f, sizeof *s->n_pairs);
    s->step = nn_mem_calloc(f, sizeof *s->step);
    s->room = nn_mem_calloc(nn_lr_metric_room(m, f * lr->k), sizeof *s->room);
    s->rows = nn_mem_calloc(f * lr->k, sizeof *s->rows);
    s->start = nn_mem_calloc(f, sizeof *s->start);
    s->now = nn_mem_calloc(f, sizeof *s->now);
    s->low = nn_mem_calloc(f, sizeof *s->low);
    s->high = nn_mem_calloc(f, sizeof *s->high);
    s->found = nn_mem_calloc(f, sizeof *s->found);
    return s->grad == NULL || s->dir == NULL || s->s == NULL || s->y == NULL ||
                   s->rho == NULL || s->n_pairs == NULL || s->step == NULL ||
                   s->room == NULL || s->rows == NULL || s->start == NULL ||
                   s->now == NULL || s->low == NULL || s->high == NULL ||
                   s->found == NULL
               ? nn_fail_nomem(err)
               : NN_OK;
}

/* --- directions: the two loops --- */

struct half {
    struct solver *s;
    double (*alpha)[PAIRS]; /* [f] */
};

/* The i-th youngest of n pairs has this place. */
static size_t place(const struct solver *s, size_t f, size_t i)
{
    return f * PAIRS + (s->n_pairs[f] - 1 - i) % PAIRS;
}

static size_t kept(const struct solver *s, size_t f)
{
    return s->n_pairs[f] < PAIRS ? s->n_pairs[f] : PAIRS;
}

static void first_loop(void *ctx, size_t a)
{
    const struct half *h = ctx;
    struct solver *s = h->s;
    size_t f = s->lr->active[a], n = s->each;
    double *q = s->dir + f * n;

    for (size_t i = 0; i < n; i++) {
        q[i] = -s->grad[f * n + i];
    }
    for (size_t i = 0; i < kept(s, f); i++) {
        size_t at = place(s, f, i);

        h->alpha[f][i] = s->rho[at] * nn_lr_dot(s->s + at * n, q, n);
        axpy(-h->alpha[f][i], s->y + at * n, q, n);
    }
}

/* Steps are taken as floats, which is how the rows see them. */
static void second_loop(void *ctx, size_t a)
{
    const struct half *h = ctx;
    struct solver *s = h->s;
    size_t f = s->lr->active[a], n = s->each;
    double *q = s->dir + f * n;

    for (size_t i = kept(s, f); i-- > 0;) {
        size_t at = place(s, f, i);

        axpy(h->alpha[f][i] - s->rho[at] * nn_lr_dot(s->y + at * n, q, n),
             s->s + at * n, q, n);
    }
    for (size_t i = 0; i < n; i++) {
        q[i] = (double)(float)q[i];
    }
}

static enum nn_status find_directions(struct solver *s, struct nn_error *err)
{
    struct nn_lr *lr = s->lr;
    struct half h = { s, nn_mem_calloc(lr->f, sizeof *h.alpha) };
    size_t n = 0;

    if (h.alpha == NULL) {
        return nn_fail_nomem(err);
    }
    nn_parallel_for(lr->n_active, first_loop, &h);
    for (size_t a = 0; a < lr->n_active; a++) {
        for (size_t j = 0; j < lr->k; j++) {
            s->rows[n++] = s->dir + lr->active[a] * s->each + j * (lr->d + 1);
        }
    }
    nn_lr_metric_apply(s->m, s->rows, n, s->room);
    nn_parallel_for(lr->n_active, second_loop, &h);
    nn_mem_free(h.alpha);
    return NN_OK;
}

/* --- gradients, and what they say about the last step --- */

static void remember(struct solver *s, size_t f, const double *before)
{
    size_t n = s->each, at = f * PAIRS + s->n_pairs[f] % PAIRS;
    double *step = s->s + at * n, *change = s->y + at * n, curve;

    for (size_t i = 0; i < n; i++) {
        step[i] = s->step[f] * s->dir[f * n + i];
        change[i] = s->grad[f * n + i] - before[i];
    }
    curve = nn_lr_dot(step, change, n);
    if (curve > 1e-12 * nn_lr_dot(step, step, n)) {
        s->rho[at] = 1 / curve;
        s->n_pairs[f]++;
    }
}

static enum nn_status next_gradient(struct solver *s, int first,
                                    struct nn_error *err)
{
    struct nn_lr *lr = s->lr;
    size_t n = s->each;
    double *before = nn_mem_calloc(lr->f, n * sizeof *before);
    enum nn_status st;

    if (before == NULL) {
        return nn_fail_nomem(err);
    }
    memcpy(before, s->grad, lr->f * n * sizeof *before);
    st = nn_lr_gradient(lr, s->grad, err);
    if (st) {
        goto out;
    }
    for (size_t a = 0; a < lr->n_active; a++) {
        size_t f = lr->active[a];

        add_decay(s, f);
        if (!first) {
            remember(s, f, before + f * n);
        }
    }
out:
    nn_mem_free(before);
    return st;
}

/* --- steps --- */

/* Loss and slope at s->step, second term and all. */
static void look_along(struct solver *s)
{
    struct nn_lr *lr = s->lr;

    nn_lr_along(lr, s->step, s->now);
    for (size_t a = 0; a < lr->n_active; a++) {
        size_t f = lr->active[a];
        const double *w = lr->coef + f * s->each, *p = s->dir + f * s->each;
        double wp = dot_weights(lr, w, p), pp = dot_weights(lr, p, p);
        double at = s->step[f];

        s->now[f].value += lr->strength * (at * wp + at * at * pp / 2);
        s->now[f].slope += lr->strength * (wp + at * pp);
        s->now[f].curve += lr->strength * pp;
    }
}

/* The next step to try: Newton's, kept between what is known to be too short
 * and too long. */
static void another(struct solver *s, size_t f)
{
    const struct nn_lr_line *now = &s->now[f];
    double next = s->step[f] - now->slope / fmax(now->curve, 1e-300);

    if (now->slope > 0) {
        s->high[f] = s->step[f];
    } else {
        s->low[f] = s->step[f];
    }
    if (s->high[f] > 0 && (next <= s->low[f] || next >= s->high[f])) {
        next = (s->low[f] + s->high[f]) / 2;
    } else if (next > 10 * s->step[f]) {
        next = 10 * s->step[f];
    }
    s->step[f] = next;
}

/* 1 when a step is good: lower, and much flatter. Convexity does the rest. */
static int is_good(const struct nn_lr_line *start, const struct nn_lr_line *now)
{
    return fabs(now->slope) <= 0.3 * fabs(start->slope) &&
           now->value <= start->value;
}

/* step [f] of each active problem; 0 where rounding hides any descent. */
static void find_steps(struct solver *s)
{
    struct nn_lr *lr = s->lr;
    size_t open = lr->n_active;

    memset(s->step, 0, lr->f * sizeof *s->step);
    look_along(s);
    memcpy(s->start, s->now, lr->f * sizeof *s->start);
    for (size_t f = 0; f < lr->f; f++) {
        s->step[f] = 1;
        s->low[f] = s->high[f] = 0;
        s->found[f] = 0;
    }
    for (int t = 0; t < TRIES && open > 0; t++) {
        look_along(s);
        open = 0;
        for (size_t a = 0; a < lr->n_active; a++) {
            size_t f = lr->active[a];

            s->found[f] |= (uint8_t)is_good(&s->start[f], &s->now[f]);
            if (!s->found[f]) {
                another(s, f);
                open++;
            }
        }
    }
    for (size_t f = 0; f < lr->f; f++) {
        s->step[f] = s->found[f] ? s->step[f] : 0;
    }
}

/* --- the whole --- */

/* Only those that have more than `left` to gain go on. */
static void drop_finished(struct solver *s, double left)
{
    struct nn_lr *lr = s->lr;
    size_t n = 0;

    for (size_t a = 0; a < lr->n_active; a++) {
        size_t f = lr->active[a];
        double gain =
            -nn_lr_dot(s->grad + f * s->each, s->dir + f * s->each, s->each) /
            2;

        if (gain > left) {
            lr->active[n++] = f;
        }
    }
    lr->n_active = n;
}

/* No step was found: rounding hides what is left. */
static void drop_stuck(struct solver *s)
{
    struct nn_lr *lr = s->lr;
    size_t n = 0;

    for (size_t a = 0; a < lr->n_active; a++) {
        if (s->step[lr->active[a]] > 0) {
            lr->active[n++] = lr->active[a];
        }
    }
    lr->n_active = n;
}

static enum nn_status iterate(struct solver *s, int first, double left,
                              struct nn_error *err)
{
    struct nn_lr *lr = s->lr;
    enum nn_status st = next_gradient(s, first, err);

    if (st) {
        return st;
    }
    st = find_directions(s, err);
    if (st) {
        return st;
    }
    drop_finished(s, left);
    if (lr->n_active == 0) {
        return NN_OK;
    }
    st = nn_lr_product(lr, s->dir, err);
    if (st) {
        return st;
    }
    find_steps(s);
    nn_lr_move(lr, s->step);
    for (size_t a = 0; a < lr->n_active; a++) {
        size_t at = lr->active[a] * s->each;

        axpy(s->step[lr->active[a]], s->dir + at, lr->coef + at, s->each);
    }
    drop_stuck(s);
    return NN_OK;
}

enum nn_status nn_lr_solve(struct nn_lr *lr, const struct nn_lr_metric *m,
                           double left, const struct nn_logistic_options *opt,
                           int *iterations, struct nn_error *err)
{
    struct solver s;
    enum nn_status st = open_solver(&s, lr, m, err);

    lr->n_active = lr->f;
    for (size_t f = 0; f < lr->f; f++) {
        lr->active[f] = f;
    }
    *iterations = 0;
    if (st) {
        goto out;
    }
    while (lr->n_active > 0 && *iterations < opt->max_iterations) {
        if (opt->stop != NULL && *opt->stop) {
            st = nn_fail(err, NN_ERR_STOPPED, "stopped");
            goto out;
        }
        st = iterate(&s, *iterations == 0, left, err);
        if (st) {
            goto out;
        }
        (*iterations)++;
    }
out:
    close_solver(&s);
    return st;
}
