#include "pipelines/mine/mine_rungs.h"

#include <math.h>

#include "common/base/mem.h"
#include "pipelines/cascade/cascade.h"

enum { BLOCK = 1024 };

struct showing {
    const struct model *m;
    const struct nn_pool *pool;
    struct cascade *cascade;
    struct gate_mine_scores *scores;
    int whole; /* the species net has its say too */
    int keeps; /* features are kept by what a file holds */
    double z[BLOCK];
    uint32_t passes[BLOCK], index[BLOCK]; /* of the block; of the window */
    size_t n_rejected;
};

/* What becomes of the score of image i of c, which passes the gate alone. */
static void judge(struct showing *s, const struct cascade_scores *c, size_t i)
{
    double *z = &s->z[s->passes[i]];
    int none =
        c->ok[i] && cascade_verdict(s->cascade, c, i).kind == VERDICT_NONE;

    if (s->whole ? none : c->ok[i] && c->rung[i] > 0) {
        *z = s->whole ? -INFINITY : c->gate_z[i];
        s->n_rejected++;
    }
}

/* The n images passes[] of the block at `at`. */
static enum nn_status show(struct showing *s, size_t at, size_t n,
                           struct nn_error *err)
{
    struct cascade_scores c = CASCADE_SCORES_INIT;
    struct nn_dataset *window = NULL;
    enum nn_status st;

    for (size_t i = 0; i < n; i++) {
        s->index[i] = (uint32_t)(at + s->passes[i]);
    }
    st = nn_pool_take(s->pool, s->index, n, &window, err);
    if (st) {
        return st;
    }
    for (size_t i = 0; i < n; i++) {
        s->index[i] = (uint32_t)i;
    }
    if (s->keeps) {
        nn_dataset_hash_files(window);
    }
    st = cascade_score(s->cascade, window, s->index, n, 0, NULL, &c, err);
    for (size_t i = 0; !st && i < n; i++) {
        judge(s, &c, i);
    }
    cascade_scores_release(&c);
    nn_dataset_close(&window);
    return st;
}

static enum nn_status show_block(struct showing *s, size_t at,
                                 struct nn_error *err)
{
    size_t left = s->scores->n - at, n = left < BLOCK ? left : BLOCK;
    size_t n_pass = 0, before = s->n_rejected;
    enum nn_status st = gate_mine_scores_read(s->scores, at, n, s->z, err);

    if (st) {
        return st;
    }
    for (size_t i = 0; i < n; i++) { /* NAN does not pass */
        if (gate_probability(s->m->gate, s->z[i]) >=
            s->m->gate_policy.threshold) {
            s->passes[n_pass++] = (uint32_t)i;
        } else if (s->whole && !isnan(s->z[i])) {
            s->z[i] = -INFINITY;
        }
    }
    if (n_pass > 0) {
        st = show(s, at, n_pass, err);
    }
    if (st || (!s->whole && s->n_rejected == before)) {
        return st;
    }
    return gate_mine_scores_write(s->scores, at, n, s->z, err);
}

static enum nn_status show_all(struct showing *s,
                               const volatile sig_atomic_t *stop,
                               struct nn_error *err)
{
    for (size_t at = 0; at < s->scores->n; at += BLOCK) {
        enum nn_status st;

        if (stop != NULL && *stop) {
            return nn_fail(err, NN_ERR_STOPPED,
                           "interrupted while the %s looked at '%s'",
                           s->whole ? "cascade" : "rungs", s->pool->path);
        }
        st = show_block(s, at, err);
        if (st) {
            return st;
        }
    }
    return NN_OK;
}

static enum nn_status show_pool(const struct model *m,
                                const struct nn_pool *pool, int whole,
                                const char *features,
                                const volatile sig_atomic_t *stop,
                                struct gate_mine_scores *scores,
                                size_t *n_rejected, struct nn_error *err)
{
    struct gate_mine_scores copy = { .fd = -1 };
    struct showing *s = NULL;
    enum nn_status st = gate_mine_scores_copy(scores, &copy, err);

    if (st) {
        return st;
    }
    gate_mine_scores_close(scores);
    *scores = copy;
    s = nn_mem_calloc(1, sizeof *s);
    if (s == NULL) {
        return nn_fail_nomem(err);
    }
    s->m = m;
    s->pool = pool;
    s->scores = scores;
    s->whole = whole;
    s->keeps = features != NULL;
    st = cascade_create(m, CASCADE_BATCH, &s->cascade, err);
    if (!st) {
        cascade_keep_features(s->cascade, features);
        st = show_all(s, stop, err);
    }
    *n_rejected = s->n_rejected;
    cascade_destroy(&s->cascade);
    nn_mem_free(s);
    return st;
}

enum nn_status mine_show_rungs(const struct model *m,
                               const struct nn_pool *pool, const char *features,
                               const volatile sig_atomic_t *stop,
                               struct gate_mine_scores *scores,
                               size_t *n_rejected, struct nn_error *err)
{
    *n_rejected = 0;
    return m->rungs.n == 0
               ? NN_OK
               : show_pool(m, pool, 0, features, stop, scores, n_rejected, err);
}

enum nn_status mine_show_cascade(const struct model *m,
                                 const struct nn_pool *pool,
                                 const char *features,
                                 const volatile sig_atomic_t *stop,
                                 struct gate_mine_scores *scores,
                                 size_t *n_rejected, struct nn_error *err)
{
    *n_rejected = 0;
    return show_pool(m, pool, 1, features, stop, scores, n_rejected, err);
}
