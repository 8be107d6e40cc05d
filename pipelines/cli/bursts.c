#include "pipelines/cli/bursts.h"

#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/cascade/cascade_burst.h"

/* A row that waits; all it points to is its own. */
struct held {
    struct predictions_row row;
    struct verdict v;
    struct nn_shot shot;
    uint64_t key;
    double time;
    struct burst *burst;
};

/* Frames are rows first, next, ... of the ring. */
struct burst {
    struct predictions_burst said;
    double *p; /* [n_classes] of `said.v` */
    char *id;
    uint64_t key;
    double from, to;
    size_t last; /* number of its last row */
    size_t told; /* frames that came out */
    int open;
    struct burst *next; /* of those that are open or not told to the end */
};

struct bursts {
    const struct model *model;
    enum nn_burst_by by;
    double gap;
    bursts_put_fn *put;
    void *ctx;
    struct held **ring; /* rows out..in-1, at number % cap */
    size_t out, in, cap;
    struct burst *list;
    /* Of two frames or more, their photos, and those whose frames disagree. */
    size_t n_bursts, n_frames, n_disagree;
};

enum nn_status burst_rows_check(struct burst_rows *b, struct nn_error *err)
{
    if (!isnan(b->gap)) {
        if (b->by != NN_BURST_OFF && b->by != NN_BURST_BY_TIME) {
            return nn_fail(err, NN_ERR_ARG,
                           "--burst SECONDS is for --burst-by time");
        }
        b->by = NN_BURST_BY_TIME;
    } else {
        b->gap = b->by == NN_BURST_BY_TIME ? 30 : 0;
    }
    return NN_OK;
}

enum nn_status bursts_create(const struct model *m, enum nn_burst_by by,
                             double gap, bursts_put_fn *put, void *ctx,
                             struct bursts **out, struct nn_error *err)
{
    *out = nn_mem_calloc(1, sizeof **out);
    if (*out == NULL) {
        return nn_fail_nomem(err);
    }
    **out = (struct bursts){
        .model = m, .by = by, .gap = gap, .put = put, .ctx = ctx
    };
    return NN_OK;
}

/* --- rows --- */

static void free_held(struct held *h)
{
    if (h == NULL) {
        return;
    }
    nn_mem_free((char *)(uintptr_t)h->row.file);
    nn_mem_free((char *)(uintptr_t)h->row.error);
    nn_mem_free((char *)(uintptr_t)h->row.note);
    nn_mem_free((double *)(uintptr_t)h->v.p);
    nn_mem_free(h);
}

/* A copy, or NULL; *bad becomes 1 when out of memory. */
static char *copy_text(const char *s, int *bad)
{
    char *own = s != NULL ? nn_mem_strdup(s) : NULL;

    *bad |= s != NULL && own == NULL;
    return own;
}

static double *copy_p(const double *p, size_t k, int *bad)
{
    double *own = p != NULL ? nn_mem_calloc(k, sizeof *own) : NULL;

    if (own != NULL) {
        memcpy(own, p, k * sizeof *own);
    }
    *bad |= p != NULL && own == NULL;
    return own;
}

static struct held *copy_row(const struct bursts *b,
                             const struct predictions_row *row)
{
    struct held *h = nn_mem_calloc(1, sizeof *h);
    int bad = 0;

    if (h == NULL) {
        return NULL;
    }
    h->row = *row;
    h->v = row->error == NULL ? *row->v : (struct verdict){ .best = -1 };
    h->row.v = &h->v;
    h->row.file = copy_text(row->file, &bad);
    h->row.error = copy_text(row->error, &bad);
    h->row.note = copy_text(row->note, &bad);
    h->v.p = copy_p(h->v.p, b->model->n_classes, &bad);
    if (row->shot != NULL) {
        h->shot = *row->shot;
        h->row.shot = &h->shot;
    }
    if (bad) {
        free_held(h);
        return NULL;
    }
    return h;
}

static struct held *row_at(const struct bursts *b, size_t number)
{
    return b->ring[number % b->cap];
}

/* --- bursts --- */

static void free_burst(struct bursts *b, struct burst *x)
{
    struct burst **at = &b->list;

    while (*at != x) {
        at = &(*at)->next;
    }
    *at = x->next;
    nn_mem_free(x->p);
    nn_mem_free(x->id);
    nn_mem_free(x);
}

/* The verdict of all its frames, which lie before row `end`. */
static enum nn_status close_burst(struct bursts *b, struct burst *x,
                                  struct nn_error *err)
{
    size_t n = 0;
    const struct verdict **frame = nn_mem_calloc(x->said.frames, sizeof *frame);

    x->open = 0;
    if (frame == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = b->out; i <= x->last; i++) {
        if (row_at(b, i)->burst == x) {
            frame[n++] = &row_at(b, i)->v;
        }
    }
    x->said.v = cascade_decide_burst(b->model, frame, n, x->p);
    x->said.agree = 1;
    for (size_t i = 1; i < n; i++) {
        x->said.agree &= strcmp(verdict_label(b->model, frame[0]),
                                verdict_label(b->model, frame[i])) == 0;
    }
    nn_mem_free(frame);
    if (n > 1) {
        b->n_bursts++;
        b->n_frames += n;
        b->n_disagree += !x->said.agree;
    }
    return NN_OK;
}

/* Rows of complete bursts in front of all others. */
static enum nn_status put_complete(struct bursts *b, struct nn_error *err)
{
    while (b->out < b->in) {
        struct held *h = row_at(b, b->out);
        struct burst *x = h->burst;
        enum nn_status st;

        if (x != NULL && x->open) {
            return NN_OK;
        }
        if (x != NULL) {
            x->said.frame = ++x->told;
            h->row.burst = &x->said;
        }
        st = b->put(b->ctx, &h->row, err);
        b->ring[b->out++ % b->cap] = NULL;
        free_held(h);
        if (x != NULL && x->told == x->said.frames) {
            free_burst(b, x);
        }
        if (st) {
            return st;
        }
    }
    return NN_OK;
}

static int takes(const struct bursts *b, const struct burst *x,
                 const struct held *h, size_t number)
{
    return x->open && x->key == h->key && x->said.frames < BURSTS_FRAMES &&
           number - x->last <= BURSTS_APART &&
           (b->by != NN_BURST_BY_TIME ||
            nn_burst_near(x->from, x->to, h->time, b->gap));
}

/* A photo of a camera ends what that camera took before it. */
static enum nn_status close_before(struct bursts *b, const struct held *h,
                                   struct nn_error *err)
{
    for (struct burst *x = b->list; x != NULL; x = x->next) {
        enum nn_status st =
            x->open && x->key == h->key ? close_burst(b, x, err) : NN_OK;

        if (st) {
            return st;
        }
    }
    return NN_OK;
}

static enum nn_status new_burst(struct bursts *b, struct held *h,
                                struct nn_error *err)
{
    struct burst *x = nn_mem_calloc(1, sizeof *x);

    if (x == NULL) {
        return nn_fail_nomem(err);
    }
    x->next = b->list;
    b->list = x;
    x->open = 1;
    x->key = h->key;
    x->from = x->to = h->time;
    x->id = nn_mem_strdup(h->row.file);
    x->p = nn_mem_calloc(b->model->n_classes, sizeof *x->p);
    x->said.id = x->id;
    h->burst = x;
    return x->id == NULL || x->p == NULL ? nn_fail_nomem(err) : NN_OK;
}

/* Which burst row b->in, h, is of: none where it failed. */
static enum nn_status join(struct bursts *b, struct held *h,
                           struct nn_error *err)
{
    int alone;
    enum nn_status st;

    if (h->row.error != NULL) {
        return NN_OK;
    }
    h->key = nn_burst_key(b->by, h->row.file, h->row.shot);
    alone = b->by == NN_BURST_BY_TIME && !nn_shot_clock(h->shot.time, &h->time);
    for (struct burst *x = b->list; !alone && h->burst == NULL && x != NULL;
         x = x->next) {
        h->burst = takes(b, x, h, b->in) ? x : NULL;
    }
    if (h->burst == NULL && !alone) {
        st = close_before(b, h, err);
        if (st) {
            return st;
        }
    }
    if (h->burst == NULL) {
        st = new_burst(b, h, err);
        if (st) {
            return st;
        }
        h->burst->open = !alone;
    }
    h->burst->from = h->time < h->burst->from ? h->time : h->burst->from;
    h->burst->to = h->time > h->burst->to ? h->time : h->burst->to;
    h->burst->last = b->in;
    h->burst->said.frames++;
    return NN_OK;
}

static enum nn_status make_room(struct bursts *b)
{
    size_t cap = b->cap > 0 ? 2 * b->cap : 256;
    struct held **ring;

    if (b->in - b->out < b->cap) {
        return NN_OK;
    }
    ring = nn_mem_calloc(cap, sizeof *ring);
    if (ring == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = b->out; i < b->in; i++) {
        ring[i % cap] = row_at(b, i);
    }
    nn_mem_free(b->ring);
    b->ring = ring;
    b->cap = cap;
    return NN_OK;
}

static enum nn_status close_far(struct bursts *b, struct nn_error *err)
{
    for (struct burst *x = b->list; x != NULL; x = x->next) {
        enum nn_status st = x->open && b->in - x->last > BURSTS_APART
                                ? close_burst(b, x, err)
                                : NN_OK;

        if (st) {
            return st;
        }
    }
    return NN_OK;
}

enum nn_status bursts_add(struct bursts *b, const struct predictions_row *row,
                          struct nn_error *err)
{
    struct held *h;
    enum nn_status st;

    if (make_room(b)) {
        return nn_fail_nomem(err);
    }
    h = copy_row(b, row);
    if (h == NULL) {
        return nn_fail_nomem(err);
    }
    b->ring[b->in % b->cap] = h;
    st = join(b, h, err);
    b->in++;
    if (st) {
        return st;
    }
    if (h->burst != NULL && !h->burst->open) { /* a photo without a time */
        st = close_burst(b, h->burst, err);
        if (st) {
            return st;
        }
    }
    st = close_far(b, err);
    return st ? st : put_complete(b, err);
}

enum nn_status bursts_finish(struct bursts *b, struct nn_error *err)
{
    for (struct burst *x = b->list; x != NULL; x = x->next) {
        enum nn_status st = x->open ? close_burst(b, x, err) : NN_OK;

        if (st) {
            return st;
        }
    }
    nn_log(NN_LOG_INFO,
           "%zu bursts of %zu photos; in %zu of them the frames disagree",
           b->n_bursts, b->n_frames, b->n_disagree);
    return put_complete(b, err);
}

void bursts_destroy(struct bursts **bp)
{
    struct bursts *b = *bp;

    *bp = NULL;
    if (b == NULL) {
        return;
    }
    for (size_t i = b->out; i < b->in; i++) {
        free_held(row_at(b, i));
    }
    while (b->list != NULL) {
        free_burst(b, b->list);
    }
    nn_mem_free(b->ring);
    nn_mem_free(b);
}
