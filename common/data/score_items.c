#include "common/data/score_items.h"

#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/feature_rows.h"
#include "common/data/loader.h"

enum { ROWS = 4096 }; /* of features in memory at a time */

/* Where the rows of a pass go; embedding may be NULL. */
struct rows {
    float *logits, *embedding;
    uint8_t *ok;
};

static enum nn_status score_batch(struct nn_scorer *s, const struct nn_batch *b,
                                  struct rows *r, struct nn_error *err)
{
    size_t k = nn_scorer_outputs(s), d = nn_scorer_dims(s);
    /* A batch's rows go to the row of its first image on, in its own order,
     * and from there, last one first, to their places. */
    float *z = r->logits + (size_t)b->row[0] * k;
    enum nn_status st = nn_scorer_run(s, b->input, b->n, z, err);

    if (st) {
        return st;
    }
    for (int32_t i = b->n - 1; i >= 0; i--) {
        size_t row = b->row[i];

        if (z + (size_t)i * k != r->logits + row * k) {
            memcpy(r->logits + row * k, z + (size_t)i * k, k * sizeof *z);
            memset(z + (size_t)i * k, 0, k * sizeof *z);
        }
        r->ok[row] = 1;
        if (r->embedding != NULL) {
            st = nn_scorer_embedding(s, i, r->embedding + row * d);
            if (st) {
                return st;
            }
        }
    }
    return NN_OK;
}

static enum nn_status score_all(struct nn_scorer *s, struct nn_loader *l,
                                struct rows *r, struct nn_progress *bar,
                                struct nn_error *err)
{
    struct nn_batch b;

    for (;;) {
        enum nn_status st = nn_loader_next(l, &b, err);

        if (st || b.n == 0) {
            return st;
        }
        st = score_batch(s, &b, r, err);
        if (st) {
            return st;
        }
        if (bar != NULL) {
            nn_progress_update(bar, (int64_t)b.row[b.n - 1] + 1, NULL);
        }
    }
}

static enum nn_status run_net(struct nn_scorer *s, const struct nn_dataset *ds,
                              const uint32_t *index, size_t n,
                              const char *label, struct rows *rows,
                              struct nn_error *err)
{
    const struct nn_input in = nn_scorer_input(s);
    struct nn_loader_options opt =
        nn_loader_once(&in, n, nn_scorer_max_batch(s));
    struct nn_progress bar;
    struct nn_loader *l = NULL;
    enum nn_status st;

    st = nn_loader_create(ds, &opt, &l, err);
    if (st) {
        return st;
    }
    st = nn_loader_start(l, index, n, 0, 0, err);
    if (st) {
        goto out;
    }
    if (label != NULL) {
        nn_progress_begin(&bar, label, "img", (int64_t)n);
    }
    st = score_all(s, l, rows, label != NULL ? &bar : NULL, err);
    if (label != NULL) {
        nn_progress_end(&bar, NULL);
    }
out:
    nn_loader_destroy(&l);
    return st;
}

/* --- by way of features that are kept --- */

/* Logits and embeddings of n rows of features x, which may be overwritten. */
static enum nn_status take_features(const struct nn_scorer *s, float *x,
                                    size_t n, struct rows *r,
                                    struct nn_error *err)
{
    size_t k = nn_scorer_outputs(s), d = nn_scorer_dims(s);
    enum nn_status st = nn_net_classify(nn_scorer_net(s), x, n, r->logits, err);

    if (st) {
        return st;
    }
    for (size_t i = 0; i < n; i++) {
        if (!r->ok[i]) {
            memset(r->logits + i * k, 0, k * sizeof *r->logits);
        } else if (r->embedding != NULL) {
            memcpy(r->embedding + i * d, x + i * d, d * sizeof *x);
            nn_scale_to_length_1(r->embedding + i * d, d);
        }
    }
    return NN_OK;
}

static enum nn_status run_kept(struct nn_scorer *s, const struct nn_dataset *ds,
                               const uint32_t *index, size_t n,
                               const char *label, struct rows *r,
                               struct nn_error *err)
{
    const struct nn_net *net = nn_scorer_net(s);
    size_t k = nn_scorer_outputs(s), d = nn_scorer_dims(s);
    size_t room = n < ROWS ? n : ROWS;
    const struct nn_feature_options opt = {
        .side = nn_scorer_input(s).side,
        .dir = nn_scorer_feature_dir(s),
        .limit_bytes = NN_FEATURE_CACHE_BYTES,
        .batch = nn_scorer_max_batch(s),
        .label = label,
    };
    float *x = nn_mem_calloc(room, d * sizeof *x);
    enum nn_status st = NN_OK;

    if (x == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t at = 0; at < n; at += ROWS) {
        size_t m = n - at < ROWS ? n - at : ROWS;
        struct rows part = { r->logits + at * k,
                             r->embedding != NULL ? r->embedding + at * d
                                                  : NULL,
                             r->ok + at };

        st =
            nn_features_of_items(net, ds, index + at, m, &opt, x, part.ok, err);
        if (st) {
            goto out;
        }
        st = take_features(s, x, m, &part, err);
        if (st) {
            goto out;
        }
    }
out:
    nn_mem_free(x);
    return st;
}

enum nn_status nn_scorer_embed_items(struct nn_scorer *s,
                                     const struct nn_dataset *ds,
                                     const uint32_t *index, size_t n,
                                     const char *label, float *logits,
                                     float *embedding, uint8_t *ok,
                                     struct nn_error *err)
{
    struct rows rows = { logits, embedding, ok };

    memset(ok, 0, n);
    memset(logits, 0, n * nn_scorer_outputs(s) * sizeof *logits);
    if (embedding != NULL) {
        memset(embedding, 0, n * nn_scorer_dims(s) * sizeof *embedding);
    }
    return nn_scorer_feature_dir(s) != NULL
               ? run_kept(s, ds, index, n, label, &rows, err)
               : run_net(s, ds, index, n, label, &rows, err);
}

enum nn_status nn_scorer_run_items(struct nn_scorer *s,
                                   const struct nn_dataset *ds,
                                   const uint32_t *index, size_t n,
                                   const char *label, float *logits,
                                   uint8_t *ok, struct nn_error *err)
{
    return nn_scorer_embed_items(s, ds, index, n, label, logits, NULL, ok, err);
}
