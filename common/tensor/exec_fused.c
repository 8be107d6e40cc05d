/* Depth-first inference: the first steps of a net over a microbatch, a few
 * images at a time. A thread that takes some images through all of them finds
 * each result in its L2 cache, and no thread waits for another between the
 * steps. Early steps touch most, late ones have most weights: so the
 * microbatches of early steps are parts of those of later ones, down to single
 * images. */
#include "common/base/parallel.h"
#include "common/tensor/exec_internal.h"
#include "common/tensor/plan.h"

enum {
    IMAGES = 16,         /* largest microbatch */
    L2_FLOATS = 150000,  /* input and output of a step for its microbatch */
    MIN_FLOATS = 100000, /* of an image that are worth it */
    BUSY = 85,           /* per cent of the threads' time, or no microbatches */
};

/* 1 when nothing behind step `last` reads what the steps before it made. */
static int can_end(const struct nn_exec *e, size_t last)
{
    for (size_t t = 0; t < last; t++) {
        nn_node id = e->step[t].out;

        for (size_t u = last + 1; u < e->n_steps; u++) {
            if (e->step[u].x == id || e->step[u].residual == id) {
                return 0;
            }
        }
    }
    return 1;
}

/* Steps that may be fused depth-first: convolutions whose inner outputs nobody
 * else wants. */
static size_t count_steps(const struct nn_exec *e)
{
    size_t best = 0;

    for (size_t t = 0; t + 1 < e->n_steps && e->step[t].conv >= 0; t++) {
        best = can_end(e, t) ? t + 1 : best;
        if (e->graph->node[e->step[t].out].mark != NULL) {
            break;
        }
    }
    return best;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Input and output of step t, floats per image. */
static size_t touched(const struct nn_exec *e, size_t t)
{
    return nn_step_floats(e->graph, e->step[t].x, 1) +
           nn_step_floats(e->graph, e->step[t].out, 1);
}

/* Images of each step's microbatch, a power of two, no less than those of the
 * step before. Returns what the largest step touches. */
static size_t plan_microbatches(struct nn_exec *e, size_t max)
{
    size_t l2_floats =
        e->opt.cache_floats > 0 ? e->opt.cache_floats : L2_FLOATS;
    size_t n = e->fused.steps, largest = 0;

    for (size_t t = n; t-- > 0;) {
        size_t floats = touched(e, t), images = 1;

        while (2 * images <= max && 2 * images * floats <= l2_floats) {
            images *= 2;
        }
        max = images;
        e->step[t].fused_images = images;
        largest = floats > largest ? floats : largest;
    }
    return largest;
}

static enum nn_status plan_steps(struct nn_exec *e, struct nn_error *err)
{
    size_t work = 0;

    for (size_t t = 0; t < e->fused.steps; t++) {
        struct nn_step *s = &e->step[t];
        size_t n;
        enum nn_status st =
            nn_conv_create(&e->graph->node[s->conv].conv,
                           (int32_t)s->fused_images, e->opt.cpu, &s->part, err);

        if (st) {
            return st;
        }
        nn_conv_one_chunk(s->part, 1);
        n = nn_conv_work_floats(s->part, 0);
        work = n > work ? n : work;
    }
    e->fused.work = nn_step_padded(work);
    return NN_OK;
}

/* The inner output of step t in a thread's scratch: as many images as the
 * steps that read it take, and so held while the steps before go on. */
static struct nn_plan_buffer place_of(struct nn_exec *e, size_t t)
{
    struct nn_step *s = &e->step[t];
    struct nn_plan_buffer b = { .first = (int32_t)t, .last = (int32_t)t };

    s->fused_hold = s->fused_images;
    for (size_t u = t + 1; u < e->fused.steps; u++) {
        if (e->step[u].x == s->out || e->step[u].residual == s->out) {
            b.last = (int32_t)u;
            s->fused_hold = e->step[u].fused_images;
        }
    }
    b.first = s->fused_hold > s->fused_images ? 0 : b.first;
    b.floats = nn_step_floats(e->graph, s->out, (int32_t)s->fused_hold);
    return b;
}

/* Offsets of the inner outputs in a thread's scratch; the last step writes
 * where all of the net finds it. */
static enum nn_status plan_scratch(struct nn_exec *e)
{
    size_t total, n = e->fused.steps;
    struct nn_plan_buffer *b = nn_mem_calloc(n, sizeof *b);
    enum nn_status st;

    if (b == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t t = 0; t + 1 < n; t++) {
        b[t] = place_of(e, t);
    }
    st = nn_plan(b, n, &total);
    if (st) {
        goto out;
    }
    e->fused.floats = nn_step_padded(total) + e->fused.work;
    for (size_t t = 0; t < n; t++) {
        e->step[t].fused_at = e->fused.work + b[t].offset;
    }
    st = nn_buf_reset(&e->microbatches, e->fused.threads * e->fused.floats);
out:
    nn_mem_free(b);
    return st;
}

enum nn_status nn_fused_plan(struct nn_exec *e, struct nn_error *err)
{
    size_t max = (size_t)e->opt.max_batch;
    enum nn_status st;

    e->fused.steps = count_steps(e);
    e->fused.threads = smaller((size_t)nn_parallel_threads(), max);
    max = smaller(max / e->fused.threads, IMAGES);
    if (plan_microbatches(e, max) < MIN_FLOATS && e->opt.cache_floats == 0) {
        e->fused.steps = 0;
    }
    if (e->fused.steps == 0 || e->opt.max_batch < 2) {
        e->fused.steps = 0;
        return NN_OK;
    }
    st = plan_steps(e, err);
    if (st) {
        return st;
    }
    return plan_scratch(e) ? nn_fail_nomem(err) : NN_OK;
}

/* What node id holds for images b.. in a thread's scratch. */
static float *images_of(const struct nn_exec *e, float *scratch, nn_node id,
                        size_t b)
{
    for (size_t t = 0; t + 1 < e->fused.steps; t++) {
        const struct nn_step *s = &e->step[t];

        if (s->out == id) {
            return scratch + s->fused_at +
                   b % s->fused_hold * nn_step_floats(e->graph, id, 1);
        }
    }
    return e->y[id] + b * nn_step_floats(e->graph, id, 1);
}

static void run_step(const struct nn_exec *e, float *scratch, size_t t,
                     size_t b, size_t n)
{
    const struct nn_step *s = &e->step[t];
    struct nn_conv_epilogue end = { .bias = s->folded_bias, .act = s->act };

    if (s->residual >= 0) {
        end.residual = images_of(e, scratch, s->residual, b);
    }
    nn_conv_forward(s->part, (int32_t)n, images_of(e, scratch, s->x, b),
                    s->packed, &end, images_of(e, scratch, s->out, b), scratch);
}

/* Steps 0..end-1 for images b..b+n-1: the last ones that take microbatches of
 * one size, for each behind the steps before them. */
static void run_steps(const struct nn_exec *e, float *scratch, size_t end,
                      size_t b, size_t n)
{
    size_t images = e->step[end - 1].fused_images, first = end - 1;

    while (first > 0 && e->step[first - 1].fused_images == images) {
        first--;
    }
    for (size_t i = 0; i < n; i += images) {
        size_t m = smaller(images, n - i);

        if (first > 0) {
            run_steps(e, scratch, first, b + i, m);
        }
        for (size_t t = first; t < end; t++) {
            run_step(e, scratch, t, b + i, m);
        }
    }
}

static void fused_task(void *ctx, size_t i)
{
    const struct nn_exec *e = ctx;
    size_t b = i * e->fused.images;

    run_steps(e, e->microbatches.data + nn_parallel_thread() * e->fused.floats,
              e->fused.steps, b,
              smaller(e->fused.images, (size_t)e->batch - b));
}

/* Images that a thread takes at a time, so that all are busy; 0: they are
 * not. */
static size_t shared_out(const struct nn_exec *e, size_t threads)
{
    size_t batch = (size_t)e->batch;
    size_t images = e->step[e->fused.steps - 1].fused_images;

    for (; images > 0; images /= 2) {
        size_t microbatches = (batch + images - 1) / images;
        size_t rounds = (microbatches + threads - 1) / threads;

        if (100 * batch >= BUSY * rounds * threads * images) {
            break;
        }
    }
    return images;
}

size_t nn_fused_forward(struct nn_exec *e)
{
    size_t threads = (size_t)nn_parallel_threads();

    if (e->fused.steps == 0 || e->batch < 2 || threads > e->fused.threads) {
        return 0;
    }
    e->fused.images = shared_out(e, threads);
    if (e->fused.images == 0) {
        return 0;
    }
    nn_parallel_for(((size_t)e->batch + e->fused.images - 1) / e->fused.images,
                    fused_task, e);
    return e->fused.steps;
}
