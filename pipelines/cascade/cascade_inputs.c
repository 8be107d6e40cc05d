/* Images in memory through both nets. */
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/cascade/cascade_internal.h"

/* One step's worth of them. */
struct memory {
    struct cascade *c;
    const struct cascade_input *input;
    uint8_t *bad;         /* [n] */
    uint8_t *made;        /* [n] 1: the second input is there */
    const uint8_t *want;  /* [n] */
    struct nn_error *why; /* [n] */
    struct cascade_pass *pass;
    uint32_t *row; /* [n] of the scores */
    size_t n;
};

static float *input_of(float *x, const struct nn_input *in, size_t i)
{
    return x + i * (size_t)in->size * (size_t)in->size * 3;
}

static void make_first(void *ctx, size_t i)
{
    struct memory *m = ctx;
    struct cascade *c = m->c;
    const struct cascade_input *input = &m->input[i];
    float *x = input_of(c->gate_x, &c->gate_in, i);
    struct nn_error *why = &m->why[i];
    struct nn_image img = NN_IMAGE_INIT;
    struct nn_image_info info;
    enum nn_status st;

    if (input->image != NULL) {
        why->status = nn_prepare(&c->gate_in, input->image, x, why);
        return;
    }
    st = nn_decode_for(input->bytes, input->size, c->gate_in.side, &img, &info,
                       why);
    m->bad[i] = st != NN_OK && st != NN_ERR_NOMEM;
    if (st) {
        goto out;
    }
    st = nn_prepare(&c->gate_in, &img, x, why);
    if (st) {
        goto out;
    }
    if (cascade_second_input(c) != NULL &&
        nn_decode_serves(&info, c->gate_in.side, c->species_in.side)) {
        m->made[i] = 1;
        st = nn_prepare(&c->species_in, &img,
                        input_of(c->species_x, &c->species_in, i), why);
    }
out:
    nn_image_release(&img);
    why->status = st;
}

static void make_second(void *ctx, size_t i)
{
    struct memory *m = ctx;
    struct cascade *c = m->c;
    const struct cascade_input *input = &m->input[i];
    float *x = input_of(c->species_x, &c->species_in, i);
    struct nn_error *why = &m->why[i];
    struct nn_image img = NN_IMAGE_INIT;
    enum nn_status st;

    if (!m->want[i] || m->made[i]) {
        return;
    }
    if (input->image != NULL) {
        why->status = nn_prepare(&c->species_in, input->image, x, why);
        return;
    }
    st = nn_decode_for(input->bytes, input->size, c->species_in.side, &img,
                       NULL, why);
    m->bad[i] = st != NN_OK && st != NN_ERR_NOMEM;
    if (st) {
        goto out;
    }
    st = nn_prepare(&c->species_in, &img, x, why);
out:
    nn_image_release(&img);
    why->status = st;
}

/* Bad images get their reason; any other failure is returned. */
static enum nn_status check(struct memory *m, struct nn_error *err)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct nn_error *why = &m->why[i];

        if (m->bad[i]) {
            cascade_fail_row(m->pass, m->row[i], why);
        } else if (why->status != NN_OK) {
            return nn_fail(err, why->status, "%s", why->text);
        }
    }
    return NN_OK;
}

static enum nn_status memory_second(void *ctx, uint8_t *want,
                                    const float **input, struct nn_error *err)
{
    struct memory *m = ctx;
    enum nn_status st;

    m->want = want;
    nn_parallel_for(m->n, make_second, m);
    st = check(m, err);
    for (size_t i = 0; i < m->n; i++) {
        want[i] = want[i] && !m->bad[i];
    }
    *input = m->c->species_x;
    return st;
}

/* The next n <= max_batch images. */
static enum nn_status score_memory(struct memory *m, size_t n,
                                   struct nn_error *err)
{
    struct cascade *c = m->c;
    struct cascade_batch b = { .n = (int32_t)n,
                               .input = c->gate_x,
                               .row = m->row,
                               .bad = m->bad,
                               .since = nn_time_s(),
                               .second = memory_second,
                               .ctx = m };
    enum nn_status st;

    m->n = n;
    memset(m->bad, 0, n);
    memset(m->made, 0, n);
    memset(m->why, 0, n * sizeof *m->why);
    nn_parallel_for(n, make_first, m);
    st = check(m, err);
    for (size_t i = 0; i < n; i++) {
        if (m->bad[i]) { /* what lies there must not slow the net down */
            memset(input_of(c->gate_x, &c->gate_in, i), 0,
                   (size_t)c->gate_in.size * (size_t)c->gate_in.size * 3 *
                       sizeof(float));
        }
    }
    if (st) {
        return st;
    }
    return cascade_score_batch(m->pass, &b, err);
}

static enum nn_status memory_init(struct memory *m, size_t n,
                                  struct nn_error *err)
{
    struct cascade *c = m->c;
    enum nn_status st = cascade_take_inputs(c, &c->gate_in, &c->gate_x, err);

    if (st) {
        return st;
    }
    if (cascade_second_input(c) != NULL) {
        st = cascade_take_inputs(c, &c->species_in, &c->species_x, err);
        if (st) {
            return st;
        }
    }
    m->bad = nn_mem_calloc(n, 1);
    m->made = nn_mem_calloc(n, 1);
    m->why = nn_mem_calloc(n, sizeof *m->why);
    m->row = nn_mem_calloc(n, sizeof *m->row);
    if (m->bad == NULL || m->made == NULL || m->why == NULL || m->row == NULL) {
        return nn_fail_nomem(err);
    }
    return NN_OK;
}

static void memory_release(struct memory *m)
{
    nn_mem_free(m->bad);
    nn_mem_free(m->made);
    nn_mem_free(m->why);
    nn_mem_free(m->row);
}

enum nn_status cascade_score_inputs(struct cascade *c,
                                    const struct cascade_input *inputs,
                                    size_t n, int all_stages,
                                    struct cascade_scores *out,
                                    struct nn_error *err)
{
    struct cascade_pass p = { .c = c, .all_stages = all_stages, .out = out };
    struct memory m = { .c = c, .pass = &p };
    size_t batch = n < (size_t)c->max_batch ? n : (size_t)c->max_batch;
    enum nn_status st = cascade_scores_init(out, c->model, n, err);

    if (st) {
        return st;
    }
    st = memory_init(&m, batch, err);
    if (st) {
        goto out;
    }
    for (size_t at = 0; at < n; at += batch) {
        size_t some = n - at < batch ? n - at : batch;

        for (size_t i = 0; i < some; i++) {
            m.row[i] = (uint32_t)(at + i);
        }
        m.input = inputs + at;
        st = score_memory(&m, some, err);
        if (st) {
            goto out;
        }
        st = cascade_tell(&p, at + some, err);
        if (st) {
            goto out;
        }
    }
    st = cascade_flush(&p, err);
    if (st) {
        goto out;
    }
    st = cascade_tell(&p, n, err);
out:
    memory_release(&m);
    if (st) {
        cascade_scores_release(out);
    }
    return st;
}
