#include "common/train/logistic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/context.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/base/rng.h"
#include "common/train/logistic_internal.h"

/* What is left to gain when a fit stops: for comparing strengths, and of the
 * one that is returned. */
#define LEFT_TRIAL 1e-6
#define LEFT_FINAL 1e-13

struct nn_logistic_options nn_logistic_defaults(void)
{
    static const double strength[] = { 3,    1,    0.3,  0.1,  0.03,
                                       0.01, 3e-3, 1e-3, 3e-4, 1e-4 };

    return (struct nn_logistic_options){
        .kind = NN_LOGISTIC_SOFTMAX,
        .strength = strength,
        .n_strengths = sizeof strength / sizeof *strength,
        .folds = 5,
        .seed = 1,
        .max_iterations = 300,
    };
}

void nn_logistic_release(struct nn_logistic *l)
{
    nn_mem_free(l->weight);
    nn_mem_free(l->bias);
    nn_mem_free(l->loss);
    *l = (struct nn_logistic){ .outputs = 0 };
}

/* --- folds --- */

struct member {
    uint64_t group, key;
    int32_t label;
    size_t row;
};

static int by_group(const void *a, const void *b)
{
    const struct member *x = a, *y = b;

    if (x->group != y->group) {
        return x->group < y->group ? -1 : 1;
    }
    return x->row < y->row ? -1 : x->row > y->row;
}

static int by_label(const void *a, const void *b)
{
    const struct member *x = a, *y = b;

    if (x->label != y->label) {
        return x->label < y->label ? -1 : 1;
    }
    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    return x->group < y->group ? -1 : x->group > y->group;
}

enum nn_status nn_logistic_folds(const struct nn_logistic_rows *r,
                                 uint64_t seed, int *folds, int32_t *fold)
{
    struct member *all = nn_mem_calloc(r->n, sizeof *all);
    struct member *groups = nn_mem_calloc(r->n, sizeof *groups);
    size_t n = 0;

    if (all == NULL || groups == NULL) {
        nn_mem_free(all);
        nn_mem_free(groups);
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < r->n; i++) {
        all[i].group = r->group != NULL ? r->group[i] : i;
        all[i].key =
            nn_rng_at(seed, nn_rng_stream(0x666f6c64, 0, 0), all[i].group);
        all[i].label = r->label[i];
        all[i].row = i;
    }
    qsort(all, r->n, sizeof *all, by_group);
    for (size_t i = 0; i < r->n; i++) {
        if (i == 0 || all[i].group != all[i - 1].group) {
            groups[n++] = all[i];
        }
    }
    qsort(groups, n, sizeof *groups, by_label);
    *folds = n < (size_t)*folds ? (int)n : *folds;
    for (size_t i = 0; i < n; i++) {
        groups[i].label = (int32_t)(i % (size_t)*folds);
    }
    qsort(groups, n, sizeof *groups, by_group);
    for (size_t i = 0, g = 0; i < r->n; i++) {
        g += all[i].group != groups[g].group;
        fold[all[i].row] = groups[g].label;
    }
    nn_mem_free(all);
    nn_mem_free(groups);
    return NN_OK;
}

/* --- arguments --- */

static enum nn_status check_options(const struct nn_logistic_options *o,
                                    struct nn_error *err)
{
    if (o->n_strengths == 0 || o->folds < 2 || o->max_iterations < 1) {
        return nn_fail(err, NN_ERR_ARG,
                       "a regression needs a strength, two folds and an "
                       "iteration");
    }
    for (size_t i = 0; i < o->n_strengths; i++) {
        if (!(o->strength[i] > 0) || !isfinite(o->strength[i])) {
            return nn_fail(err, NN_ERR_ARG, "%g is no strength of a regression",
                           o->strength[i]);
        }
    }
    return NN_OK;
}

static enum nn_status check_rows(const struct nn_logistic_rows *r,
                                 enum nn_logistic_kind kind,
                                 struct nn_error *err)
{
    int32_t least = kind == NN_LOGISTIC_SIGMOID ? -1 : 0;
    double weight = 0;

    if (r->n == 0 || r->dims == 0 || r->outputs == 0 || r->dims > INT32_MAX ||
        r->outputs > NN_LOGISTIC_OUTPUTS_MAX) {
        return nn_fail(err, NN_ERR_ARG,
                       "a regression of %zu rows on %zu features and %zu "
                       "outputs",
                       r->n, r->dims, r->outputs);
    }
    for (size_t i = 0; i < r->n; i++) {
        double w = r->weight != NULL ? r->weight[i] : 1;

        if (r->label[i] < least || r->label[i] >= (int32_t)r->outputs ||
            !(w >= 0) || !isfinite(w)) {
            return nn_fail(err, NN_ERR_ARG,
                           "row %zu of a regression has label %ld, weight %g",
                           i, (long)r->label[i], w);
        }
        weight += w;
    }
    if (!(weight > 0)) {
        return nn_fail(err, NN_ERR_ARG, "no row of a regression has a weight");
    }
    return NN_OK;
}

/* --- standardisation --- */

struct columns {
    const struct nn_logistic_rows *r;
    const double *w;
    double total;
    double *mean, *inverse; /* [dims]; inverse 0: the same everywhere */
    uint8_t *bad;           /* [strips] */
};
enum { STRIP = 64 };

static void standardise_strip(void *ctx, size_t strip)
{
    const struct columns *c = ctx;
    size_t d = c->r->dims, from = strip * STRIP;
    size_t to = from + STRIP < d ? from + STRIP : d;
    double sum[STRIP] = { 0 }, square[STRIP] = { 0 };

    for (size_t i = 0; i < c->r->n; i++) {
        for (size_t j = from; j < to; j++) {
            sum[j - from] += c->w[i] * (double)c->r->x[i * d + j];
        }
    }
    for (size_t j = from; j < to; j++) {
        c->mean[j] = sum[j - from] / c->total;
        if (!isfinite(c->mean[j])) {
            c->bad[strip] = 1;
        }
    }
    for (size_t i = 0; i < c->r->n; i++) {
        for (size_t j = from; j < to; j++) {
            double v = (double)c->r->x[i * d + j] - c->mean[j];

            square[j - from] += c->w[i] * v * v;
        }
    }
    /* Below this the differences are those of rounding. */
    for (size_t j = from; j < to; j++) {
        double deviation = sqrt(square[j - from] / c->total);

        c->inverse[j] = deviation > 1e-6 * fabs(c->mean[j]) && deviation > 1e-30
                            ? 1 / deviation
                            : 0;
    }
    for (size_t i = 0; i < c->r->n; i++) {
        for (size_t j = from; j < to; j++) {
            float *x = c->r->x + i * d + j;

            if (!isfinite(*x)) {
                c->bad[strip] = 1;
            }
            *x = (float)(((double)*x - c->mean[j]) * c->inverse[j]);
        }
    }
}

static enum nn_status standardise(const struct columns *c, struct nn_error *err)
{
    size_t strips = (c->r->dims + STRIP - 1) / STRIP;
    struct columns mine = *c;

    nn_parallel_for(strips, standardise_strip, &mine);
    for (size_t s = 0; s < strips; s++) {
        if (c->bad[s]) {
            return nn_fail(err, NN_ERR_NUMERIC,
                           "a feature of a regression is NaN or infinite");
        }
    }
    return NN_OK;
}

/* --- choosing the strength --- */

struct fit {
    const struct nn_logistic_rows *r;
    const struct nn_logistic_options *o;
    struct columns columns;
    const float *x; /* [n,dims]: the rows as given, or in the space that they
                       span */
    size_t dims;
    struct nn_lr_space space;
    struct nn_lr_metric metric;
    int32_t *fold;
    double *start; /* [outputs,dims+1] mean of the folds at the best */
    struct nn_logistic *out;
};

static struct nn_lr problems(const struct fit *f, size_t n, const int32_t *fold)
{
    return (struct nn_lr){
        .n = f->r->n,
        .d = f->dims,
        .k = f->r->outputs,
        .f = n,
        .kind = f->o->kind,
        .x = f->x,
        .label = f->r->label,
        .w = f->columns.w,
        .fold = fold,
    };
}

static enum nn_status solve(struct fit *f, struct nn_lr *lr, double strength,
                            double left, struct nn_error *err)
{
    /* As if each output were certain in all but some rows: enough for a first
     * metric. */
    double scale = fmax(nn_lr_variance(lr), 1e-4);
    enum nn_status st = nn_lr_metric_set(&f->metric, scale, strength, err);

    if (st) {
        return st;
    }
    lr->strength = strength;
    return nn_lr_solve(lr, &f->metric, left, f->o, &f->out->iterations, err);
}

static void keep_mean(struct fit *f, const struct nn_lr *lr)
{
    size_t each = lr->k * (lr->d + 1);

    memset(f->start, 0, each * sizeof *f->start);
    for (size_t i = 0; i < lr->f * each; i++) {
        f->start[i % each] += lr->coef[i] / (double)lr->f;
    }
}

static enum nn_status try_strengths(struct fit *f, struct nn_lr *lr,
                                    struct nn_error *err)
{
    const struct nn_logistic_options *o = f->o;
    size_t best = 0, worse = 0;

    for (size_t i = 0; i < o->n_strengths && worse < 2; i++) {
        double *loss = f->out->loss;
        enum nn_status st = solve(f, lr, o->strength[i], LEFT_TRIAL, err);

        if (st) {
            return st;
        }
        loss[i] = nn_lr_held_out(lr);
        worse = i > 0 && loss[i] > loss[i - 1] ? worse + 1 : 0;
        if (i == 0 || loss[i] < loss[best]) {
            best = i;
            keep_mean(f, lr);
        }
        if (isnan(loss[i])) {
            break;
        }
    }
    f->out->strength = o->strength[best];
    return NN_OK;
}

static enum nn_status choose(struct fit *f, struct nn_error *err)
{
    struct nn_lr lr = { .n = 0 };
    int folds = f->o->folds;
    enum nn_status st = NN_OK;

    f->out->strength = f->o->strength[0];
    if (f->o->n_strengths == 1) {
        return NN_OK;
    }
    f->fold = nn_mem_calloc(f->r->n, sizeof *f->fold);
    if (f->fold == NULL ||
        nn_logistic_folds(f->r, f->o->seed, &folds, f->fold)) {
        return nn_fail_nomem(err);
    }
    if (folds < 2) {
        return NN_OK;
    }
    lr = problems(f, (size_t)folds, f->fold);
    st = nn_lr_open(&lr, err);
    if (st) {
        goto out;
    }
    st = try_strengths(f, &lr, err);
out:
    nn_lr_close(&lr);
    return st;
}

/* --- the fit to all rows --- */

/* Back to features as they were. Outputs without rows: far below the others,
 * or as certain as the rows say. */
static void unfold(const struct fit *f, const struct nn_lr *lr)
{
    size_t d = lr->d;
    double least = INFINITY;

    for (size_t j = 0; j < lr->k; j++) {
        const double *w = lr->coef + j * (d + 1);
        double bias = w[d];

        for (size_t c = 0; c < d; c++) {
            double v = w[c] * f->columns.inverse[c];

            f->out->weight[j * d + c] = lr->known[j] ? (float)v : 0;
            bias -= v * f->columns.mean[c];
        }
        f->out->bias[j] = (float)bias;
        if (lr->known[j]) {
            least = fmin(least, bias);
        }
    }
    for (size_t j = 0; j < lr->k; j++) {
        int has = 0;

        if (lr->known[j]) {
            continue;
        }
        for (size_t i = 0; i < lr->n; i++) {
            has |= lr->label[i] == (int32_t)j && lr->w[i] > 0;
        }
        f->out->bias[j] =
            (float)((isfinite(least) && lr->kind == NN_LOGISTIC_SOFTMAX ? least
                                                                        : 0) +
                    (has ? NN_LOGISTIC_FAR : -NN_LOGISTIC_FAR));
    }
}

static enum nn_status say_left(const struct fit *f, struct nn_lr *lr,
                               struct nn_error *err)
{
    size_t each = lr->k * (lr->d + 1);
    double *grad = nn_mem_calloc(each, sizeof *grad), largest = 0;
    const double step = 0;
    struct nn_lr_line line;
    enum nn_status st;

    if (grad == NULL) {
        return nn_fail_nomem(err);
    }
    lr->n_active = 1;
    st = nn_lr_gradient(lr, grad, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < each; i++) {
        double more = i % (lr->d + 1) < lr->d ? lr->strength * lr->coef[i] : 0;

        largest = fmax(largest, fabs(grad[i] + more));
    }
    nn_lr_along(lr, &step, &line);
    f->out->gradient = largest;
    f->out->fitted = line.value;
out:
    nn_mem_free(grad);
    return st;
}

/* The logits of lr->coef, which become floats, as the rows see them. */
static enum nn_status set_logits(struct nn_lr *lr, struct nn_error *err)
{
    const double step = 1;
    enum nn_status st;

    for (size_t i = 0; i < lr->k * (lr->d + 1); i++) {
        lr->coef[i] = (double)(float)lr->coef[i];
    }
    lr->n_active = 1;
    st = nn_lr_product(lr, lr->coef, err);
    if (st) {
        return st;
    }
    nn_lr_move(lr, &step);
    return NN_OK;
}

/* The answer, and how good it is. */
static enum nn_status tell(const struct fit *f, struct nn_lr *lr,
                           struct nn_error *err)
{
    unfold(f, lr);
    return say_left(f, lr, err);
}

/* From the space that the rows span: what is left is measured out of it. */
static enum nn_status leave_space(struct fit *f, const struct nn_lr *inside,
                                  struct nn_error *err)
{
    struct nn_lr lr;
    enum nn_status st;

    f->x = f->r->x;
    f->dims = f->r->dims;
    lr = problems(f, 1, NULL);
    lr.strength = inside->strength;
    st = nn_lr_open(&lr, err);
    if (st) {
        goto out;
    }
    for (size_t j = 0; j < lr.k; j++) {
        nn_lr_space_back(&f->space, f->x,
                         inside->coef + j * (f->space.dims + 1),
                         lr.coef + j * (lr.d + 1));
    }
    st = set_logits(&lr, err);
    if (st) {
        goto out;
    }
    st = tell(f, &lr, err);
out:
    nn_lr_close(&lr);
    return st;
}

static enum nn_status fit_all(struct fit *f, struct nn_error *err)
{
    struct nn_lr lr = problems(f, 1, NULL);
    enum nn_status st = nn_lr_open(&lr, err);

    if (st) {
        goto out;
    }
    /* The folds' mean is a start. */
    memcpy(lr.coef, f->start, lr.k * (lr.d + 1) * sizeof *lr.coef);
    st = set_logits(&lr, err);
    if (st) {
        goto out;
    }
    st = solve(f, &lr, f->out->strength, LEFT_FINAL, err);
    if (st) {
        goto out;
    }
    st = f->space.z != NULL ? leave_space(f, &lr, err) : tell(f, &lr, err);
out:
    nn_lr_close(&lr);
    return st;
}

static enum nn_status make_room(struct fit *f, double *w, struct nn_error *err)
{
    const struct nn_logistic_rows *r = f->r;
    struct nn_logistic *out = f->out;

    *out = (struct nn_logistic){ .outputs = r->outputs,
                                 .dims = r->dims,
                                 .n_strengths = f->o->n_strengths };
    out->weight = nn_mem_calloc(r->outputs, r->dims * sizeof *out->weight);
    out->bias = nn_mem_calloc(r->outputs, sizeof *out->bias);
    out->loss = nn_mem_calloc(out->n_strengths, sizeof *out->loss);
    f->columns.mean = nn_mem_calloc(r->dims, sizeof *f->columns.mean);
    f->columns.inverse = nn_mem_calloc(r->dims, sizeof *f->columns.inverse);
    f->columns.bad = nn_mem_calloc(r->dims, 1);
    if (w == NULL || out->weight == NULL || out->bias == NULL ||
        out->loss == NULL || f->columns.mean == NULL ||
        f->columns.inverse == NULL || f->columns.bad == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < r->n; i++) {
        w[i] = r->weight != NULL ? r->weight[i] : 1;
        f->columns.total += w[i];
    }
    for (size_t i = 0; i < out->n_strengths; i++) {
        out->loss[i] = NAN;
    }
    f->columns.r = r;
    f->columns.w = w;
    return NN_OK;
}

static enum nn_status run(struct fit *f, struct nn_error *err)
{
    enum nn_status st = standardise(&f->columns, err);
    struct nn_lr rows;

    if (st) {
        return st;
    }
    f->x = f->r->x;
    f->dims = f->r->dims;
    rows = problems(f, 1, NULL);
    if (rows.n < rows.d) {
        st = nn_lr_space_open(&f->space, &rows, err);
        if (st) {
            return st;
        }
        f->x = f->space.z;
        f->dims = f->space.dims;
        rows = problems(f, 1, NULL);
    }
    f->start = nn_mem_calloc(rows.k, (rows.d + 1) * sizeof *f->start);
    if (f->start == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_lr_metric_open(&f->metric, &rows, err);
    if (st) {
        return st;
    }
    st = choose(f, err);
    if (st) {
        return st;
    }
    return fit_all(f, err);
}

/* Loops over less than this (rows, features, outputs, folds) are done before
 * another thread has woken. */
#define SERIAL 262144.0

static struct nn_context context_for(const struct nn_logistic_rows *r,
                                     const struct nn_logistic_options *o)
{
    struct nn_context c = nn_context_get();
    double dims = fmin((double)r->dims, (double)r->n);

    if ((double)r->n * dims * (double)r->outputs * o->folds < SERIAL) {
        c.threads = 1;
    }
    return c;
}

enum nn_status nn_logistic_fit(const struct nn_logistic_rows *rows,
                               const struct nn_logistic_options *opt,
                               struct nn_logistic *out, struct nn_error *err)
{
    struct fit f = { .r = rows, .o = opt, .out = out };
    struct nn_context before;
    double *w = NULL;
    enum nn_status st = check_options(opt, err);

    *out = (struct nn_logistic){ .outputs = 0 };
    if (st) {
        return st;
    }
    st = check_rows(rows, opt->kind, err);
    if (st) {
        return st;
    }
    before = nn_context_set(context_for(rows, opt));
    w = nn_mem_calloc(rows->n, sizeof *w);
    st = make_room(&f, w, err);
    if (st) {
        goto out;
    }
    st = run(&f, err);
out:
    nn_context_set(before);
    nn_lr_metric_close(&f.metric);
    nn_lr_space_close(&f.space);
    nn_mem_free(w);
    nn_mem_free(f.columns.mean);
    nn_mem_free(f.columns.inverse);
    nn_mem_free(f.columns.bad);
    nn_mem_free(f.fold);
    nn_mem_free(f.start);
    return st;
}
