/* Training steps over a microbatch, a few images at a time, with recomputation:
 * what a convolution reads was written by the same thread just before and is
 * still in its L2 cache.
 *
 * Forward, the norm of the step before is applied as its images are needed.
 * Backward, the norm's gradient, both gradients of the convolution and the
 * sums for the norm of the step before follow each other image by image.
 * Chunks of images and microbatches inside them depend on shapes alone. */
#include <string.h>

#include "common/base/parallel.h"
#include "common/tensor/exec_internal.h"
#include "common/tensor/kernels/norm.h"

enum {
    CHUNKS = 16,           /* most chunks of a batch, */
    FEW_CHUNKS = 8,        /* and of a small one or a step of many weights; */
    CHUNK_IMAGES = 8,      /* images of a chunk when there are more than few, */
    MIN_IMAGES = 2,        /* and at least */
    CACHE_FLOATS = 100000, /* of a microbatch: fits in an L2 cache */
    ADD_FLOATS = 4096,     /* of a gradient that are added up at a time */
};

/* Floats per image that a step touches forward and backward. */
static size_t touched(const struct nn_exec *e, const struct nn_step *s)
{
    size_t in = nn_step_floats(e->graph, s->x, 1);
    size_t out = nn_step_floats(e->graph, s->out, 1);

    return 2 * in + (s->residual >= 0 ? 3 : 2) * out;
}

static size_t weight_floats(const struct nn_exec *e, const struct nn_step *s)
{
    return e->graph->param[e->graph->node[s->conv].param].count;
}

/* Chunks whose partial sums of the weights cost little beside what the step
 * touches; 0: not even few. */
static size_t chunks_of(const struct nn_exec *e, const struct nn_step *s)
{
    size_t max = (size_t)e->opt.max_batch * touched(e, s) / 2;
    size_t weights = weight_floats(e, s);

    if (CHUNKS * weights <= max) {
        return CHUNKS;
    }
    return FEW_CHUNKS * weights <= max ? FEW_CHUNKS : 0;
}

/* Images of a microbatch, or 0 when the step is better done in one pass: all
 * that it touches fits in the cache anyway. */
static size_t microbatch_of(const struct nn_exec *e, const struct nn_step *s)
{
    size_t batch = (size_t)e->opt.max_batch, per, n;
    size_t floats = e->opt.cache_floats;

    if (!e->opt.train || s->conv < 0 || s->norm < 0 ||
        (s->act && s->residual >= 0)) {
        return 0;
    }
    per = touched(e, s);
    if (floats > 0) {
        return batch * per <= floats ? 0 : floats > per ? floats / per : 1;
    }
    if (batch < 2 * MIN_IMAGES || batch * per < 2 * CACHE_FLOATS) {
        return 0;
    }
    n = CACHE_FLOATS / per;
    return n > 1 ? n : 1;
}

enum nn_status nn_microbatch_plan(struct nn_exec *e, struct nn_error *err)
{
    for (size_t t = 0; t < e->n_steps; t++) {
        struct nn_step *s = &e->step[t];
        size_t n = microbatch_of(e, s);
        enum nn_status st;

        if (n > 0) {
            s->chunks = e->opt.cache_floats > 0 ? CHUNKS : chunks_of(e, s);
        }
        if (s->chunks == 0) {
            continue;
        }
        st = nn_conv_create(&e->graph->node[s->conv].conv, (int32_t)n,
                            e->opt.cpu, &s->part, err);
        if (st) {
            return st;
        }
        nn_conv_one_chunk(s->part, 1);
        s->microbatch = n;
    }
    return NN_OK;
}

/* Scratch of one chunk: work of the kernels, partial weight gradient, and
 * sums of the step and of the one before. */
static size_t sums_floats(size_t c)
{
    return 4 * c * (sizeof(double) / sizeof(float));
}

size_t nn_microbatch_floats(struct nn_exec *e)
{
    size_t max = 0;

    for (size_t t = 0; t < e->n_steps; t++) {
        const struct nn_step *s = &e->step[t];
        size_t c = (size_t)e->graph->node[s->out].shape.c, n, work, in;

        if (s->microbatch == 0) {
            continue;
        }
        in = (size_t)e->graph->node[s->x].shape.c;
        c = c > in ? c : in;
        work = nn_conv_work_floats(s->part, 1);
        n = nn_norm_work_floats(c);
        work = work > n ? work : n;
        n = sums_floats(c) + work + weight_floats(e, s) + 5 * 16 +
            s->microbatch * nn_step_floats(e->graph, s->x, 1) +
            s->microbatch * nn_step_floats(e->graph, s->out, 1);
        max = n > max ? n : max;
    }
    e->microbatch_floats = nn_step_padded(max);
    return CHUNKS * e->microbatch_floats;
}

/* One pass of a step, shared by its chunks. */
struct pass {
    struct nn_exec *e;
    struct nn_step *s, *before; /* before: NULL, or the step that makes x */
    int hidden;                 /* y of the step before is not kept */
    size_t chunks, c, in_c;
    const float *packed; /* backward: weights for the input gradient or NULL */
};

/* The workspace of a chunk. */
struct workspace {
    double *sums, *call; /* [2][c] of the chunk and of one call */
    float *dw, *work;
    float *x, *dz; /* a microbatch each, where they are recomputed */
};

static struct workspace workspace_of(const struct pass *t, size_t i)
{
    float *at = t->e->microbatches.data + i * t->e->microbatch_floats;
    size_t c = t->c > t->in_c ? t->c : t->in_c;
    struct workspace d = { .sums = (double *)(void *)at };

    d.call = d.sums + 2 * c;
    d.dw = at + nn_step_padded(sums_floats(c));
    d.x = d.dw + nn_step_padded(weight_floats(t->e, t->s));
    d.dz = d.x + nn_step_padded(t->s->microbatch *
                                nn_step_floats(t->e->graph, t->s->x, 1));
    d.work = d.dz + nn_step_padded(t->s->microbatch *
                                   nn_step_floats(t->e->graph, t->s->out, 1));
    return d;
}

static void clear_sums(const struct workspace *d, size_t c)
{
    memset(d->sums, 0, 2 * c * sizeof *d->sums);
}

static size_t count_chunks(const struct nn_exec *e, const struct nn_step *s)
{
    size_t batch = (size_t)e->batch, n = batch / CHUNK_IMAGES;

    n = n > FEW_CHUNKS ? n : FEW_CHUNKS;
    n = n < s->chunks ? n : s->chunks;
    n = n * MIN_IMAGES <= batch ? n : batch / MIN_IMAGES;
    return n > 1 ? n : 1;
}

static size_t chunk_start(const struct pass *t, size_t i)
{
    size_t n = (size_t)t->e->batch;

    return n / t->chunks * i + (i < n % t->chunks ? i : n % t->chunks);
}

/* 1 when the step behind s is microbatched and reads s: it applies s's norm. */
int nn_microbatch_fuses_norm(const struct nn_exec *e, const struct nn_step *s)
{
    const struct nn_step *next = s + 1;

    return next < e->step + e->n_steps && next->microbatch > 0 &&
           next->x == s->out && s->conv >= 0 && s->norm >= 0 &&
           !(s->act && s->residual >= 0);
}

int nn_microbatch_recomputes(const struct nn_exec *e, const struct nn_step *s)
{
    const struct nn_node_info *out = &e->graph->node[s->out];

    return nn_microbatch_fuses_norm(e, s) && out->users == 1 &&
           out->mark == NULL;
}

/* The image that this thread will probably take behind b - 1 of chunk i, for
 * hints alone: the first thread goes up, the others take chunks from the end.
 */
static size_t behind(const struct pass *t, size_t i, size_t b)
{
    size_t others = (size_t)nn_parallel_threads() - 1;

    if (b < chunk_start(t, i + 1) || nn_parallel_thread() == 0) {
        return b < (size_t)t->e->batch ? b : 0;
    }
    return i >= others ? chunk_start(t, i - others) : 0;
}

static struct pass pass_of(struct nn_exec *e, struct nn_step *s)
{
    struct pass t = { .e = e, .s = s };

    t.hidden = s > e->step && nn_microbatch_recomputes(e, s - 1);
    t.before = s > e->step && nn_microbatch_fuses_norm(e, s - 1) ? s - 1 : NULL;
    t.chunks = count_chunks(e, s);
    t.c = (size_t)e->graph->node[s->out].shape.c;
    t.in_c = (size_t)e->graph->node[s->x].shape.c;
    return t;
}

/* Sums of all chunks, in their order. */
static void add_sums(const struct pass *t, size_t c, double *sum,
                     double *sum_sq)
{
    memset(sum, 0, c * sizeof *sum);
    memset(sum_sq, 0, c * sizeof *sum_sq);
    for (size_t i = 0; i < t->chunks; i++) {
        const double *from =
            (const double *)(const void *)(t->e->microbatches.data +
                                           i * t->e->microbatch_floats);

        for (size_t k = 0; k < c; k++) {
            sum[k] += from[k];
            sum_sq[k] += from[c + k];
        }
    }
}

static void add_call(const struct workspace *d, size_t c)
{
    for (size_t k = 0; k < 2 * c; k++) {
        d->sums[k] += d->call[k];
    }
}

/* --- forward ---------------------------------------------------------------
 */

/* The norm of step s over images b..b+n-1. */
static void apply_images(const struct nn_exec *e, const struct nn_step *s,
                         size_t b, size_t n, float *y)
{
    size_t at = b * nn_step_floats(e->graph, s->out, 1);
    const float *res = s->residual >= 0 ? e->y[s->residual] + at : NULL;

    nn_norm_apply(s->z + at, nn_step_rows(e->graph, s->out, (int32_t)n),
                  (size_t)e->graph->node[s->out].shape.c, s->scale, s->shift,
                  res, s->act, y);
}

/* Input of the step for images b..b+n-1; make: it is not there yet. */
static const float *input_images(const struct pass *t,
                                 const struct workspace *d, size_t b, size_t n,
                                 int make)
{
    const struct nn_exec *e = t->e;
    size_t at = b * nn_step_floats(e->graph, t->s->x, 1);
    float *x = t->hidden ? d->x : e->y[t->s->x] + at;

    if (make || t->hidden) {
        apply_images(e, t->s - 1, b, n, x);
    }
    return x;
}

static void forward_chunk(void *ctx, size_t i)
{
    const struct pass *t = ctx;
    struct nn_exec *e = t->e;
    struct nn_step *s = t->s;
    struct workspace d = workspace_of(t, i);
    struct nn_conv_epilogue end = { .sum = d.call, .sum_sq = d.call + t->c };
    size_t in = nn_step_floats(e->graph, s->x, 1);
    size_t out = nn_step_floats(e->graph, s->out, 1);

    clear_sums(&d, t->c);
    for (size_t b = chunk_start(t, i), last = chunk_start(t, i + 1), n;
         b < last; b += n) {
        n = last - b < s->microbatch ? last - b : s->microbatch;
        end.next_x = NULL;
        if (t->before != NULL) {
            end.next_x = t->before->z + behind(t, i, b + n) * in;
        }
        nn_conv_forward(s->part, (int32_t)n,
                        input_images(t, &d, b, n, t->before != NULL), s->packed,
                        &end, s->z + b * out, d.work);
        add_call(&d, t->c);
    }
}

void nn_microbatch_forward(struct nn_exec *e, struct nn_step *s)
{
    struct pass t = pass_of(e, s);

    nn_parallel_for(t.chunks, forward_chunk, &t);
    add_sums(&t, t.c, s->sum, s->sum_sq);
}

/* --- backward --------------------------------------------------------------
 */

/* Gradient of images b..b+n-1 of the residual, which the norm leaves alone. */
static void give_images(const struct nn_exec *e, const struct nn_step *s,
                        const float *dy, size_t at, size_t floats)
{
    float *to = s->residual >= 0 ? e->dy[s->residual] : NULL;

    if (to != NULL && e->seen[s->residual]) {
        nn_add_into(dy, floats, to + at);
    } else if (to != NULL) {
        memcpy(to + at, dy, floats * sizeof *dy);
    }
}

static void gather_images(const struct pass *t, const struct workspace *d,
                          size_t b, size_t n)
{
    const struct nn_exec *e = t->e;
    const struct nn_step *s = t->before;
    size_t at = b * nn_step_floats(e->graph, s->out, 1);
    struct nn_norm_saved saved = nn_step_saved(s);

    nn_norm_backward_sums(s->z + at, e->dy[s->out] + at,
                          nn_step_rows(e->graph, s->out, (int32_t)n), t->in_c,
                          &saved, d->call, d->call + t->in_c, d->work);
    add_call(d, t->in_c);
}

/* Weight gradient, or with `more` added to that of images before; an input that
 * is not kept is made again from z, by the convolution itself where it can. */
static void weights_images(const struct pass *t, const struct workspace *d,
                           size_t b, size_t n, int more,
                           const struct nn_conv_next *next)
{
    const struct nn_step *s = t->s;
    struct nn_conv_norm norm;

    if (t->hidden && nn_conv_can_norm(s->part) && s[-1].residual < 0) {
        norm.scale = s[-1].scale;
        norm.shift = s[-1].shift;
        norm.act = s[-1].act;
        nn_conv_backward_weights(s->part, (int32_t)n,
                                 s[-1].z +
                                     b * nn_step_floats(t->e->graph, s->x, 1),
                                 d->dz, d->dw, more, d->work, &norm, next);
    } else {
        nn_conv_backward_weights(s->part, (int32_t)n,
                                 input_images(t, d, b, n, 0), d->dz, d->dw,
                                 more, d->work, NULL, next);
    }
}

static void backward_chunk(void *ctx, size_t i)
{
    const struct pass *t = ctx;
    struct nn_exec *e = t->e;
    struct nn_step *s = t->s;
    struct workspace d = workspace_of(t, i);
    struct nn_norm_saved saved = nn_step_saved(s);
    size_t in = nn_step_floats(e->graph, s->x, 1);
    size_t out = nn_step_floats(e->graph, s->out, 1);

    /* A residual around this step alone has just been given to x. */
    int more = e->seen[s->x] || s->residual == s->x;

    clear_sums(&d, t->in_c);
    for (size_t b = chunk_start(t, i), last = chunk_start(t, i + 1), n;
         b < last; b += n) {
        const float *dy = e->dy[s->out] + b * out;
        struct nn_conv_next next = { NULL, NULL }, later = { NULL, NULL };

        n = last - b < s->microbatch ? last - b : s->microbatch;
        give_images(e, s, dy, b * out, n * out);
        nn_norm_backward_apply(s->z + b * out, dy,
                               nn_step_rows(e->graph, s->out, (int32_t)n), t->c,
                               &saved, s->inv_std, s->coef_z, s->mean, d.dz);
        next.x =
            (t->hidden ? (s - 1)->z : e->y[s->x]) + behind(t, i, b + n) * in;
        next.dy = s->z + behind(t, i, b + n) * out;
        later.dy = e->dy[s->out] + behind(t, i, b + n) * out;
        weights_images(t, &d, b, n, b > chunk_start(t, i), &next);
        if (t->packed != NULL) {
            nn_conv_backward_input_packed(s->part, (int32_t)n, d.dz, t->packed,
                                          e->dy[s->x] + b * in, more, &later);
        }
        if (t->before != NULL) {
            gather_images(t, &d, b, n);
        }
    }
}

/* Of the step before, when this one completes its gradient. */
static int can_gather(const struct pass *t)
{
    return t->before != NULL && t->packed != NULL &&
           !(t->before->act && t->before->residual >= 0);
}

struct adding {
    const struct pass *t;
    float *dw;
    size_t n;
};

/* dw += what the chunks found, in their order: a block at a time, which stays
 * in the L1 cache. */
static void add_block(void *ctx, size_t i)
{
    const struct adding *a = ctx;
    size_t at = i * ADD_FLOATS, n = a->n - at;

    n = n < ADD_FLOATS ? n : ADD_FLOATS;
    for (size_t k = 0; k < a->t->chunks; k++) {
        nn_add_into(workspace_of(a->t, k).dw + at, n, a->dw + at);
    }
}

void nn_microbatch_backward(struct nn_exec *e, struct nn_step *s,
                            struct nn_params *p)
{
    struct pass t = pass_of(e, s);
    struct adding a = { &t, nn_step_param(e->graph, p->grad.data, s->conv, 0),
                        weight_floats(e, s) };

    if (e->dy[s->x] != NULL) {
        nn_conv_pack_input(s->kernel,
                           nn_step_param(e->graph, p->value.data, s->conv, 0),
                           e->work.data);
        t.packed = e->work.data;
    }
    t.before = can_gather(&t) ? t.before : NULL;
    nn_parallel_for(t.chunks, backward_chunk, &t);
    nn_parallel_for((a.n + ADD_FLOATS - 1) / ADD_FLOATS, add_block, &a);
    if (t.before != NULL) {
        add_sums(&t, t.in_c, t.before->sum, t.before->sum_sq);
        t.before->gathered = 1;
    }
    if (t.packed != NULL) {
        e->seen[s->x] = 1;
    }
    if (s->residual >= 0 && e->dy[s->residual] != NULL) {
        e->seen[s->residual] = 1;
    }
}
