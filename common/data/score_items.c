#include "common/data/score_items.h"

#include <string.h>

#include "common/base/log.h"
#include "common/data/loader.h"

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

enum nn_status nn_scorer_run_items(struct nn_scorer *s,
                                   const struct nn_dataset *ds,
                                   const uint32_t *index, size_t n,
                                   const char *label, float *logits,
                                   uint8_t *ok, struct nn_error *err)
{
    return nn_scorer_embed_items(s, ds, index, n, label, logits, NULL, ok, err);
}

enum nn_status nn_scorer_embed_items(struct nn_scorer *s,
                                     const struct nn_dataset *ds,
                                     const uint32_t *index, size_t n,
                                     const char *label, float *logits,
                                     float *embedding, uint8_t *ok,
                                     struct nn_error *err)
{
    const struct nn_input in = nn_scorer_input(s);
    struct nn_loader_options opt =
        nn_loader_once(&in, n, nn_scorer_max_batch(s));
    struct rows rows = { logits, embedding, ok };
    struct nn_progress bar;
    struct nn_loader *l = NULL;
    enum nn_status st;

    memset(ok, 0, n);
    memset(logits, 0, n * nn_scorer_outputs(s) * sizeof *logits);
    if (embedding != NULL) {
        memset(embedding, 0, n * nn_scorer_dims(s) * sizeof *embedding);
    }
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
    st = score_all(s, l, &rows, label != NULL ? &bar : NULL, err);
    if (label != NULL) {
        nn_progress_end(&bar, NULL);
    }
out:
    nn_loader_destroy(&l);
    return st;
}
