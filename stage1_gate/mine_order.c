/* Which images of a pool are looked at, and in which order: passes over the
 * scores that keep the best of what they have seen in a heap. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "stage1_gate/mine_internal.h"

enum { BLOCK = 4096, BINS = 20, STREAM = 0x6d696e65 };

double gate_mine_logit_of(double p, double temperature)
{
    return p <= 0   ? -INFINITY
           : p >= 1 ? INFINITY
                    : log(p / (1 - p)) * temperature;
}

/* --- passes over the scores --- */

/* Called for each image with a score, or with 0 where none are known. */
typedef void visit_fn(void *ctx, uint32_t item, double z);

static enum nn_status each_score(const struct gate_mine_scores *s,
                                 visit_fn *visit, void *ctx,
                                 struct nn_error *err)
{
    double z[BLOCK] = { 0 };

    for (size_t at = 0; at < s->n; at += BLOCK) {
        size_t n = s->n - at < BLOCK ? s->n - at : BLOCK;

        if (s->fd >= 0) {
            enum nn_status st = gate_mine_scores_read(s, at, n, z, err);

            if (st) {
                return st;
            }
        }
        for (size_t i = 0; i < n; i++) {
            visit(ctx, (uint32_t)(at + i), z[i]);
        }
    }
    return NN_OK;
}

struct counts {
    double z;
    size_t above, unreadable;
};

static void count_one(void *ctx, uint32_t item, double z)
{
    struct counts *c = ctx;

    (void)item;
    c->above += z >= c->z; /* NAN is not */
    c->unreadable += isnan(z) != 0;
}

enum nn_status gate_mine_count(const struct gate_mine_scores *scores, double z,
                               size_t *above, size_t *unreadable,
                               struct nn_error *err)
{
    struct counts c = { .z = z };
    enum nn_status st =
        scores->fd < 0 ? NN_OK : each_score(scores, count_one, &c, err);

    *above = c.above;
    *unreadable = c.unreadable;
    return st;
}

/* --- keys --- */

struct pass {
    const struct gate_mine_options *opt;
    double temperature, z_min, z_floor, z_threshold;
    size_t bin[BINS]; /* images by probability, from `min_score` up */
    const struct gate_mine_candidate *behind;
    struct gate_mine_candidate *heap; /* the one that comes last is first */
    size_t n, max;
};

static int is_drawn_from_the_first(const struct gate_mine_options *o)
{
    return o->mode == GATE_MINE_HARD || o->mode == GATE_MINE_UNCERTAIN;
}

/* (0,1), of the image and the mode alone: the random share of a round is
 * drawn anew and does not go on where its hard share stopped. */
static double draw(const struct pass *p, uint32_t item)
{
    uint64_t part = p->opt->mode == GATE_MINE_FALSE_POSITIVES ||
                    is_drawn_from_the_first(p->opt);
    uint64_t u = nn_rng_at(p->opt->seed, nn_rng_stream(1, STREAM, part), item);

    return ((double)(u >> 12) + 0.5) * 0x1p-52;
}

static size_t bin_of(const struct pass *p, double z)
{
    double min_score = p->opt->min_score, share = 0;

    if (min_score < 1) {
        share =
            (1 / (1 + exp(-z / p->temperature)) - min_score) / (1 - min_score);
    }
    return share >= 1 ? BINS - 1 : share > 0 ? (size_t)(share * BINS) : 0;
}

static void count_bin(void *ctx, uint32_t item, double z)
{
    struct pass *p = ctx;

    (void)item;
    if (z >= p->z_min) {
        p->bin[bin_of(p, z)]++;
    }
}

/* NAN: not wanted. Evenly over the scores: draws without replacement with
 * weights of 1 / size of the bin (P. Efraimidis and P. Spirakis, 2006). */
static double key_of(const struct pass *p, uint32_t item, double z)
{
    switch (p->opt->mode) {
    case GATE_MINE_HARD:
        return z >= p->z_floor ? z : (double)NAN;
    case GATE_MINE_HARDEST:
        return z >= p->z_min ? z : (double)NAN;
    case GATE_MINE_UNCERTAIN:
        return -fabs(z - p->z_threshold);
    case GATE_MINE_SEMI:
        return z < p->z_threshold ? z : (double)NAN;
    case GATE_MINE_UNIFORM:
        return z >= p->z_min ? log(draw(p, item)) * (double)p->bin[bin_of(p, z)]
                             : (double)NAN;
    case GATE_MINE_FALSE_POSITIVES:
        return z >= p->z_min ? draw(p, item) : (double)NAN;
    case GATE_MINE_RANDOM:
        break;
    }
    return isnan(z) ? (double)NAN : draw(p, item);
}

/* --- the heap --- */

static int comes_before(const struct gate_mine_candidate *a,
                        const struct gate_mine_candidate *b)
{
    return a->key != b->key ? a->key > b->key : a->item < b->item;
}

static int in_order(const void *a, const void *b)
{
    return comes_before(b, a) - comes_before(a, b);
}

static void swap(struct gate_mine_candidate *a, struct gate_mine_candidate *b)
{
    struct gate_mine_candidate t = *a;

    *a = *b;
    *b = t;
}

static void sift_up(struct pass *p, size_t at)
{
    while (at > 0 && comes_before(&p->heap[(at - 1) / 2], &p->heap[at])) {
        swap(&p->heap[(at - 1) / 2], &p->heap[at]);
        at = (at - 1) / 2;
    }
}

static void sift_down(struct pass *p)
{
    size_t at = 0, child;

    while ((child = 2 * at + 1) < p->n) {
        if (child + 1 < p->n &&
            comes_before(&p->heap[child], &p->heap[child + 1])) {
            child++;
        }
        if (!comes_before(&p->heap[at], &p->heap[child])) {
            return;
        }
        swap(&p->heap[at], &p->heap[child]);
        at = child;
    }
}

static void offer(void *ctx, uint32_t item, double z)
{
    struct pass *p = ctx;
    struct gate_mine_candidate c = { key_of(p, item, z), z, item };

    if (isnan(c.key) || (p->behind != NULL && !comes_before(p->behind, &c))) {
        return;
    }
    if (p->n < p->max) {
        p->heap[p->n++] = c;
        sift_up(p, p->n - 1);
    } else if (p->n > 0 && comes_before(&c, &p->heap[0])) {
        p->heap[0] = c;
        sift_down(p);
    }
}

size_t gate_mine_drawn_from(const struct gate_mine_options *o, size_t n)
{
    double many = ceil(o->draw_from * (double)gate_mine_wanted_hard(o));

    return many < (double)n ? (size_t)many : n;
}

/* The first of them in an order of their own. */
static void shuffle_first(struct pass *p)
{
    size_t m = gate_mine_drawn_from(p->opt, p->n);

    for (size_t i = 0; i < m; i++) {
        p->heap[i].key = draw(p, p->heap[i].item);
    }
    qsort(p->heap, m, sizeof *p->heap, in_order);
}

enum nn_status gate_mine_order(const struct gate_mine_scores *scores,
                               const struct gate_mine_options *opt,
                               double temperature,
                               const struct gate_mine_candidate *behind,
                               size_t max, struct gate_mine_candidate **out,
                               size_t *n, struct nn_error *err)
{
    struct pass p = {
        .opt = opt,
        .temperature = temperature,
        .z_min = gate_mine_logit_of(opt->min_score, temperature),
        .z_floor = gate_mine_logit_of(opt->hard_floor, temperature),
        .z_threshold = gate_mine_logit_of(opt->threshold, temperature),
        .behind = behind,
        .max = max < scores->n ? max : scores->n,
    };
    enum nn_status st;

    *n = 0;
    p.heap = nn_mem_calloc(p.max, sizeof *p.heap);
    if (p.heap == NULL) {
        return nn_fail_nomem(err);
    }
    if (opt->mode == GATE_MINE_UNIFORM) {
        st = each_score(scores, count_bin, &p, err);
        if (st) {
            goto out;
        }
    }
    st = each_score(scores, offer, &p, err);
    if (st) {
        goto out;
    }
    qsort(p.heap, p.n, sizeof *p.heap, in_order);
    if (is_drawn_from_the_first(opt)) {
        shuffle_first(&p);
    }
    *out = p.heap;
    *n = p.n;
    p.heap = NULL;
out:
    nn_mem_free(p.heap);
    return st;
}
