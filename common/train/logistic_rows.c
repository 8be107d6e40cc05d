/* Passes over the rows: logits, losses, gradients. */
#include <math.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/tensor/kernels/conv.h"
#include "common/train/logistic_internal.h"

enum { CHUNK = 256, SUMS = 3 };

/* Matrix products with `width` columns. */
struct nn_lr_products {
    struct nn_conv *conv;
    size_t width;
    float *packed, *work;
};

static void drop_products(struct nn_lr_products *p)
{
    nn_conv_destroy(&p->conv);
    nn_mem_free(p->packed);
    nn_mem_free(p->work);
    *p = (struct nn_lr_products){ .width = 0 };
}

static enum nn_status want_products(struct nn_lr *lr, struct nn_error *err)
{
    struct nn_lr_products *p = lr->products;
    size_t width = lr->n_active * lr->k, work;
    const struct nn_conv_shape s = { .h = 1,
                                     .w = 1,
                                     .ic = (int32_t)lr->d,
                                     .oc = (int32_t)width,
                                     .kh = 1,
                                     .kw = 1,
                                     .stride_h = 1,
                                     .stride_w = 1,
                                     .groups = 1 };
    enum nn_status st;

    if (p->width == width) {
        return NN_OK;
    }
    drop_products(p);
    st = nn_conv_create(&s, NN_LOGISTIC_BLOCK, nn_cpu_flags(), &p->conv, err);
    if (st) {
        return st;
    }
    work = nn_conv_work_floats(p->conv, 0);
    if (nn_conv_work_floats(p->conv, 1) > work) {
        work = nn_conv_work_floats(p->conv, 1);
    }
    p->packed =
        nn_mem_aligned(nn_conv_packed_floats(p->conv), sizeof *p->packed);
    p->work = nn_mem_aligned(work, sizeof *p->work);
    if (p->packed == NULL || p->work == NULL) {
        return nn_fail_nomem(err);
    }
    p->width = width;
    return NN_OK;
}

/* --- what the rows determine --- */

static int is_in(const struct nn_lr *lr, size_t f, size_t i)
{
    return lr->fold == NULL || lr->fold[i] != (int32_t)f;
}

static void count_labels(struct nn_lr *lr, double *of)
{
    for (size_t f = 0; f < lr->f; f++) {
        double *mine = of + f * lr->k;

        for (size_t i = 0; i < lr->n; i++) {
            if (is_in(lr, f, i)) {
                lr->total[f] += lr->w[i];
                if (lr->label[i] >= 0) {
                    mine[lr->label[i]] += lr->w[i];
                }
            }
        }
        for (size_t j = 0; j < lr->k; j++) {
            int all = lr->kind == NN_LOGISTIC_SIGMOID &&
                      mine[j] >= lr->total[f] * (1 - 1e-12);

            lr->known[f * lr->k + j] = mine[j] > 0 && !all;
        }
    }
}

enum nn_status nn_lr_open(struct nn_lr *lr, struct nn_error *err)
{
    size_t fk = lr->f * lr->k, chunks = (lr->n + CHUNK - 1) / CHUNK;
    double *of = nn_mem_calloc(fk, sizeof *of);

    lr->known = nn_mem_calloc(fk, 1);
    lr->total = nn_mem_calloc(lr->f, sizeof *lr->total);
    lr->z = nn_mem_calloc(lr->n, fk * sizeof *lr->z);
    lr->coef = nn_mem_calloc(fk, (lr->d + 1) * sizeof *lr->coef);
    lr->active = nn_mem_calloc(lr->f, sizeof *lr->active);
    lr->zp = nn_mem_aligned(lr->n, fk * sizeof *lr->zp);
    lr->block = nn_mem_aligned(NN_LOGISTIC_BLOCK, fk * sizeof *lr->block);
    lr->cols = nn_mem_aligned(fk, lr->d * sizeof *lr->cols);
    lr->bias = nn_mem_aligned(fk, sizeof *lr->bias);
    lr->sums = nn_mem_calloc(chunks, (fk + lr->f * SUMS) * sizeof *lr->sums);
    lr->products = nn_mem_calloc(1, sizeof *lr->products);
    if (of == NULL || lr->known == NULL || lr->total == NULL || lr->z == NULL ||
        lr->coef == NULL || lr->active == NULL || lr->zp == NULL ||
        lr->block == NULL || lr->cols == NULL || lr->bias == NULL ||
        lr->sums == NULL || lr->products == NULL) {
        nn_mem_free(of);
        return nn_fail_nomem(err);
    }
    count_labels(lr, of);
    nn_mem_free(of);
    return NN_OK;
}

void nn_lr_close(struct nn_lr *lr)
{
    nn_mem_free(lr->known);
    nn_mem_free(lr->total);
    nn_mem_free(lr->z);
    nn_mem_free(lr->coef);
    nn_mem_free(lr->active);
    nn_mem_free(lr->zp);
    nn_mem_free(lr->block);
    nn_mem_free(lr->cols);
    nn_mem_free(lr->bias);
    nn_mem_free(lr->sums);
    if (lr->products != NULL) {
        drop_products(lr->products);
    }
    nn_mem_free(lr->products);
    *lr = (struct nn_lr){ .n = 0 };
}

/* --- logits --- */

enum nn_status nn_lr_product(struct nn_lr *lr, const double *p,
                             struct nn_error *err)
{
    size_t k = lr->k, d = lr->d, width = lr->n_active * k;
    struct nn_conv_epilogue end = { .bias = lr->bias };
    enum nn_status st = want_products(lr, err);

    if (st) {
        return st;
    }
    for (size_t j = 0; j < width; j++) {
        const double *from = p + (lr->active[j / k] * k + j % k) * (d + 1);

        for (size_t c = 0; c < d; c++) {
            lr->cols[j * d + c] = (float)from[c];
        }
        lr->bias[j] = (float)from[d];
    }
    nn_conv_pack(lr->products->conv, lr->cols, lr->products->packed);
    for (size_t at = 0; at < lr->n; at += NN_LOGISTIC_BLOCK) {
        size_t n =
            lr->n - at < NN_LOGISTIC_BLOCK ? lr->n - at : NN_LOGISTIC_BLOCK;

        nn_conv_forward(lr->products->conv, (int32_t)n, lr->x + at * d,
                        lr->products->packed, &end, lr->zp + at * width,
                        lr->products->work);
    }
    return NN_OK;
}

/* --- one row --- */

/* Softmax: p [k] of the known outputs, 0 elsewhere; the log of its sum. */
static double softmax(const uint8_t *known, const double *z, size_t k,
                      double *p)
{
    double max = -INFINITY, sum = 0;

    for (size_t j = 0; j < k; j++) {
        max = known[j] && z[j] > max ? z[j] : max;
    }
    for (size_t j = 0; j < k; j++) {
        p[j] = known[j] ? exp(z[j] - max) : 0;
        sum += p[j];
    }
    for (size_t j = 0; j < k; j++) {
        p[j] /= sum;
    }
    return max + log(sum);
}

/* -log sigmoid(z) for yes, of 1 - sigmoid(z) for no. */
static double logistic_loss(double z, int yes)
{
    double v = yes ? z : -z;

    return (v < 0 ? -v : 0) + log1p(exp(-fabs(v)));
}

static double sigmoid(double z)
{
    double e = exp(-fabs(z));

    return z >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/* Loss of a row with logits z, p [k] its probabilities. */
static double row_loss(const struct nn_lr *lr, size_t f, size_t i,
                       const double *z, double *p)
{
    const uint8_t *known = lr->known + f * lr->k;
    int32_t y = lr->label[i];
    double loss = 0;

    if (lr->kind == NN_LOGISTIC_SOFTMAX) {
        return softmax(known, z, lr->k, p) - z[y];
    }
    for (size_t j = 0; j < lr->k; j++) {
        p[j] = known[j] ? sigmoid(z[j]) : 0;
        loss += known[j] ? logistic_loss(z[j], y == (int32_t)j) : 0;
    }
    return loss;
}

/* Derivatives along v, where the probabilities are p. */
static void row_slopes(const struct nn_lr *lr, size_t f, size_t i,
                       const double *p, const float *v, double *slope,
                       double *curve)
{
    const uint8_t *known = lr->known + f * lr->k;
    int32_t y = lr->label[i];
    double mean = 0, square = 0;

    *slope = *curve = 0;
    for (size_t j = 0; j < lr->k; j++) {
        if (known[j]) {
            double u = (double)v[j];

            *slope += (p[j] - (y == (int32_t)j)) * u;
            mean += p[j] * u;
            square += p[j] * u * u;
            *curve += p[j] * (1 - p[j]) * u * u;
        }
    }
    if (lr->kind == NN_LOGISTIC_SOFTMAX) {
        *curve = square - mean * mean;
    }
}

/* --- all rows, chunk by chunk --- */

struct pass {
    struct nn_lr *lr;
    const double *step; /* [f] */
    size_t from;        /* first row of a block */
    size_t to;
};

static size_t chunk_end(const struct pass *p, size_t begin)
{
    return begin + CHUNK < p->to ? begin + CHUNK : p->to;
}

static void run_pass(const struct pass *p, nn_parallel_fn *fn)
{
    struct pass mine = *p;

    nn_parallel_for((p->to - p->from + CHUNK - 1) / CHUNK, fn, &mine);
}

static size_t sum_width(const struct nn_lr *lr)
{
    return lr->f * (SUMS + lr->k);
}

/* Logits of a row at the step, and its probabilities, side by side in room
 * [2,k]; the loss. */
static double at_step(const struct nn_lr *lr, const struct pass *p, size_t i,
                      size_t a, double *room)
{
    size_t f = lr->active[a], k = lr->k;
    const double *z = lr->z + (i * lr->f + f) * k;
    const float *v = lr->zp + (i * lr->n_active + a) * k;

    for (size_t j = 0; j < k; j++) {
        room[j] = z[j] + p->step[f] * (double)v[j];
    }
    return row_loss(lr, f, i, room, room + k);
}

static void along_chunk(void *ctx, size_t chunk)
{
    const struct pass *p = ctx;
    struct nn_lr *lr = p->lr;
    size_t begin = chunk * CHUNK, end = chunk_end(p, begin);
    double *sums = lr->sums + chunk * sum_width(lr);
    double room[2 * NN_LOGISTIC_OUTPUTS_MAX];

    memset(sums, 0, lr->n_active * SUMS * sizeof *sums);
    for (size_t i = begin; i < end; i++) {
        for (size_t a = 0; a < lr->n_active; a++) {
            double slope, curve, loss;

            if (is_in(lr, lr->active[a], i) && lr->w[i] > 0) {
                loss = at_step(lr, p, i, a, room);
                row_slopes(lr, lr->active[a], i, room + lr->k,
                           lr->zp + (i * lr->n_active + a) * lr->k, &slope,
                           &curve);
                sums[a * SUMS] += lr->w[i] * loss;
                sums[a * SUMS + 1] += lr->w[i] * slope;
                sums[a * SUMS + 2] += lr->w[i] * curve;
            }
        }
    }
}

void nn_lr_along(struct nn_lr *lr, const double *step, struct nn_lr_line *line)
{
    const struct pass p = { .lr = lr, .step = step, .to = lr->n };
    size_t chunks = (lr->n + CHUNK - 1) / CHUNK;

    run_pass(&p, along_chunk);
    for (size_t a = 0; a < lr->n_active; a++) {
        size_t f = lr->active[a];
        double sum[SUMS] = { 0 };

        for (size_t c = 0; c < chunks; c++) {
            for (size_t s = 0; s < SUMS; s++) {
                sum[s] += lr->sums[c * sum_width(lr) + a * SUMS + s];
            }
        }
        line[f] =
            (struct nn_lr_line){ sum[0] / lr->total[f], sum[1] / lr->total[f],
                                 sum[2] / lr->total[f] };
    }
}

static void move_chunk(void *ctx, size_t chunk)
{
    const struct pass *p = ctx;
    struct nn_lr *lr = p->lr;
    size_t begin = chunk * CHUNK, end = chunk_end(p, begin), k = lr->k;

    for (size_t i = begin; i < end; i++) {
        for (size_t a = 0; a < lr->n_active; a++) {
            size_t f = lr->active[a];
            double *z = lr->z + (i * lr->f + f) * k;
            const float *v = lr->zp + (i * lr->n_active + a) * k;

            for (size_t j = 0; j < k; j++) {
                z[j] += p->step[f] * (double)v[j];
            }
        }
    }
}

void nn_lr_move(struct nn_lr *lr, const double *step)
{
    const struct pass p = { .lr = lr, .step = step, .to = lr->n };

    run_pass(&p, move_chunk);
}

/* --- gradients --- */

/* Derivatives with respect to the logits of the rows of a block. */
static void residual_chunk(void *ctx, size_t chunk)
{
    const struct pass *p = ctx;
    struct nn_lr *lr = p->lr;
    size_t begin = p->from + chunk * CHUNK, end = chunk_end(p, begin);
    size_t k = lr->k, width = lr->n_active * k;
    double *sums = lr->sums + chunk * sum_width(lr);
    double prob[NN_LOGISTIC_OUTPUTS_MAX];

    memset(sums, 0, width * sizeof *sums);
    for (size_t i = begin; i < end; i++) {
        for (size_t a = 0; a < lr->n_active; a++) {
            size_t f = lr->active[a];
            float *to = lr->block + (i - p->from) * width + a * k;

            memset(to, 0, k * sizeof *to);
            if (!is_in(lr, f, i) || !(lr->w[i] > 0)) {
                continue;
            }
            row_loss(lr, f, i, lr->z + (i * lr->f + f) * k, prob);
            for (size_t j = 0; j < k; j++) {
                if (lr->known[f * k + j]) {
                    double r = lr->w[i] / lr->total[f] *
                               (prob[j] - (lr->label[i] == (int32_t)j));

                    to[j] = (float)r;
                    sums[a * k + j] += r;
                }
            }
        }
    }
}

static void add_block(struct nn_lr *lr, size_t n, double *grad)
{
    size_t k = lr->k, d = lr->d, width = lr->n_active * k;

    for (size_t j = 0; j < width; j++) {
        double *to = grad + (lr->active[j / k] * k + j % k) * (d + 1);

        for (size_t c = 0; c < d; c++) {
            to[c] += (double)lr->cols[j * d + c];
        }
        for (size_t c = 0; c < (n + CHUNK - 1) / CHUNK; c++) {
            to[d] += lr->sums[c * sum_width(lr) + j];
        }
    }
}

enum nn_status nn_lr_gradient(struct nn_lr *lr, double *grad,
                              struct nn_error *err)
{
    size_t each = lr->k * (lr->d + 1);
    enum nn_status st = want_products(lr, err);

    if (st) {
        return st;
    }
    for (size_t a = 0; a < lr->n_active; a++) {
        memset(grad + lr->active[a] * each, 0, each * sizeof *grad);
    }
    for (size_t at = 0; at < lr->n; at += NN_LOGISTIC_BLOCK) {
        size_t n =
            lr->n - at < NN_LOGISTIC_BLOCK ? lr->n - at : NN_LOGISTIC_BLOCK;
        const struct pass p = { .lr = lr, .from = at, .to = at + n };

        run_pass(&p, residual_chunk);
        nn_conv_backward_weights(lr->products->conv, (int32_t)n,
                                 lr->x + at * lr->d, lr->block, lr->cols, 0,
                                 lr->products->work, NULL, NULL);
        add_block(lr, n, grad);
    }
    return NN_OK;
}

/* --- figures --- */

double nn_lr_held_out(const struct nn_lr *lr)
{
    double prob[NN_LOGISTIC_OUTPUTS_MAX], sum = 0, weight = 0;

    for (size_t i = 0; i < lr->n; i++) {
        size_t f = lr->fold == NULL ? 0 : (size_t)lr->fold[i];
        int32_t y = lr->label[i];

        if (lr->fold == NULL || !(lr->w[i] > 0) ||
            (y >= 0 && !lr->known[f * lr->k + (size_t)y])) {
            continue;
        }
        sum += lr->w[i] *
               row_loss(lr, f, i, lr->z + (i * lr->f + f) * lr->k, prob);
        weight += lr->w[i];
    }
    return weight > 0 ? sum / weight : NAN;
}

double nn_lr_variance(const struct nn_lr *lr)
{
    double prob[NN_LOGISTIC_OUTPUTS_MAX], sum = 0, n = 0;

    for (size_t i = 0; i < lr->n; i++) {
        for (size_t f = 0; f < lr->f; f++) {
            if (!is_in(lr, f, i) || !(lr->w[i] > 0)) {
                continue;
            }
            row_loss(lr, f, i, lr->z + (i * lr->f + f) * lr->k, prob);
            for (size_t j = 0; j < lr->k; j++) {
                if (lr->known[f * lr->k + j]) {
                    sum += lr->w[i] * prob[j] * (1 - prob[j]);
                    n += lr->w[i];
                }
            }
        }
    }
    return n > 0 ? sum / n : 0;
}
