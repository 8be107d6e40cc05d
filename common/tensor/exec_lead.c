/* Inference: the leading steps of a net over a few images at a time. A thread
 * that takes some images through all of them finds each result in its second
 * cache, and no thread waits for another between the steps. */
#include <string.h>

#include "common/base/parallel.h"
#include "common/tensor/exec_internal.h"
#include "common/tensor/plan.h"

enum {
    IMAGES = 4,             /* most of a group */
    GROUP_FLOATS = 1100000, /* of the largest step of a group */
    LEAST_FLOATS = 100000,  /* of an image that are worth it */
    ROUNDS = 3, /* groups per thread, or a last one alone would cost too much */
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

/* Steps that may lead: convolutions whose inner outputs nobody else wants. */
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

static enum nn_status plan_steps(struct nn_exec *e, struct nn_error *err)
{
    size_t work = 0;
    enum nn_status st = NN_OK;

    for (size_t t = 0; !st && t < e->lead.steps; t++) {
        struct nn_step *s = &e->step[t];
        size_t n;

        st = nn_conv_create(&e->graph->node[s->conv].conv,
                            (int32_t)e->lead.images, e->opt.cpu, &s->part, err);
        if (!st) {
            n = nn_conv_work_floats(s->part, 0);
            work = n > work ? n : work;
        }
    }
    e->lead.work = nn_step_padded(work);
    return st;
}

/* Offsets of the inner outputs in a thread's scratch; the last step writes
 * where all of the net finds it. */
static enum nn_status plan_scratch(struct nn_exec *e)
{
    size_t total, n = e->lead.steps;
    struct nn_plan_buffer *b = nn_mem_calloc(n, sizeof *b);
    enum nn_status st;

    if (b == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t t = 0; t < n; t++) {
        b[t].floats =
            nn_step_floats(e->graph, e->step[t].out, (int32_t)e->lead.images);
        b[t].first = b[t].last = (int32_t)t;
        for (size_t u = t + 1; u < n; u++) {
            if (e->step[u].x == e->step[t].out ||
                e->step[u].residual == e->step[t].out) {
                b[t].last = (int32_t)u;
            }
        }
    }
    st = nn_plan(b, n, &total);
    e->lead.floats = nn_step_padded(total) + e->lead.work;
    for (size_t t = 0; !st && t < n; t++) {
        e->step[t].lead_at = e->lead.work + b[t].offset;
    }
    nn_mem_free(b);
    if (!st) {
        st = nn_buf_reset(&e->groups, e->lead.threads * e->lead.floats);
        e->bytes += e->groups.count * sizeof(float);
    }
    return st;
}

/* Input and output of the largest leading step, floats per image. */
static size_t largest(const struct nn_exec *e)
{
    size_t most = 0;

    for (size_t t = 0; t < e->lead.steps; t++) {
        size_t n = nn_step_floats(e->graph, e->step[t].x, 1) +
                   nn_step_floats(e->graph, e->step[t].out, 1);

        most = n > most ? n : most;
    }
    return most;
}

enum nn_status nn_lead_plan(struct nn_exec *e, struct nn_error *err)
{
    size_t floats = e->opt.cache_floats, most, n;
    enum nn_status st;

    e->lead.steps = count_steps(e);
    most = largest(e);
    n = (floats > 0 ? floats : GROUP_FLOATS) / (most > 0 ? most : 1);
    n = n > 1 ? n : 1;
    e->lead.images = n < IMAGES ? n : IMAGES;
    if ((size_t)e->opt.max_batch < 2 * e->lead.images ||
        (floats == 0 && most < LEAST_FLOATS)) {
        e->lead.steps = 0;
        return NN_OK;
    }
    e->lead.threads = (size_t)nn_parallel_threads();
    if (e->lead.threads > (size_t)e->opt.max_batch / e->lead.images) {
        e->lead.threads = 1; /* groups are never shared out */
    }
    st = plan_steps(e, err);
    if (!st && plan_scratch(e)) {
        st = nn_fail_nomem(err);
    }
    return st;
}

/* What node id holds for images b.. in a thread's scratch. */
static float *images_of(const struct nn_exec *e, float *scratch, nn_node id,
                        size_t b)
{
    for (size_t t = 0; t + 1 < e->lead.steps; t++) {
        if (e->step[t].out == id) {
            return scratch + e->step[t].lead_at;
        }
    }
    return e->y[id] + b * nn_step_floats(e->graph, id, 1);
}

static void lead_group(void *ctx, size_t i)
{
    struct nn_exec *e = ctx;
    size_t b = i * e->lead.images, n = (size_t)e->batch - b;
    size_t thread = e->lead.share ? nn_parallel_thread() : 0;
    float *scratch = e->groups.data + thread * e->lead.floats;

    n = n < e->lead.images ? n : e->lead.images;
    for (size_t t = 0; t < e->lead.steps; t++) {
        const struct nn_step *s = &e->step[t];
        struct nn_conv_epilogue end = { .bias = s->folded_bias,
                                        .relu = s->relu };

        if (s->residual >= 0) {
            end.residual = images_of(e, scratch, s->residual, b);
        }
        nn_conv_forward(s->part, (int32_t)n, images_of(e, scratch, s->x, b),
                        s->packed, &end, images_of(e, scratch, s->out, b),
                        scratch);
    }
}

/* Groups are shared out where that keeps all threads busy; else they follow
 * each other, and all threads share each convolution. The results are equal. */
size_t nn_lead_forward(struct nn_exec *e)
{
    size_t images = e->lead.images, threads = (size_t)nn_parallel_threads();
    size_t groups = ((size_t)e->batch + images - 1) / images;

    if (e->lead.steps == 0 || (size_t)e->batch < 2 * images) {
        return 0;
    }
    e->lead.share = threads <= e->lead.threads &&
                    (groups % threads == 0 || groups >= ROUNDS * threads);
    for (size_t t = 0; t < e->lead.steps; t++) {
        nn_conv_one_piece(e->step[t].part, e->lead.share);
    }
    if (e->lead.share) {
        nn_parallel_for(groups, lead_group, e);
    }
    for (size_t i = 0; !e->lead.share && i < groups; i++) {
        lead_group(e, i);
    }
    return e->lead.steps;
}
