/* Embeddings of the known images, and where a new one stands among them. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/data/score_items.h"
#include "stage1_gate/mine_internal.h"

enum { BATCH = 32 };

/* Sixteen sums side by side: the compiler may not reorder a single one. */
double gate_mine_dot(const float *a, const float *b, size_t n)
{
    float sum[16] = { 0 };
    double total = 0;
    size_t i = 0;

    for (; i + 16 <= n; i += 16) {
        for (size_t j = 0; j < 16; j++) {
            sum[j] += a[i + j] * b[i + j];
        }
    }
    for (size_t j = 0; j < 16; j++) {
        total += (double)sum[j];
    }
    for (; i < n; i++) {
        total += (double)a[i] * (double)b[i];
    }
    return total;
}

/* The bank's readable rows move to the front. */
static void drop_unreadable(struct gate_mine_bank *b, const uint8_t *ok)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n; i++) {
        if (!ok[i]) {
            continue;
        }
        memmove(b->v + n * b->dims, b->v + i * b->dims, b->dims * sizeof *b->v);
        b->item[n] = b->item[i];
        b->positive[n] = b->positive[i];
        b->n_positives += b->positive[i];
        n++;
    }
    b->n = n;
}

static enum nn_status fill(struct gate_mine_bank *b, const struct nn_net *gate,
                           struct nn_scorer *s, struct nn_error *err)
{
    size_t n = b->ds->n;
    uint8_t *ok = nn_mem_calloc(n, 1);
    float *logits = nn_mem_calloc(n, gate->spec.n_outputs * sizeof *logits);
    enum nn_status st;

    b->dims = nn_scorer_dims(s);
    b->item = nn_mem_calloc(n, sizeof *b->item);
    b->positive = nn_mem_calloc(n, 1);
    b->v = nn_mem_calloc(n, b->dims * sizeof *b->v);
    if (ok == NULL || logits == NULL || b->item == NULL ||
        b->positive == NULL || b->v == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        const struct nn_item *it = &b->ds->items[i];

        if (nn_item_in(it, NN_TRAIN, NN_ITEMS_ALL)) {
            b->positive[b->n] = it->label != NN_NEGATIVE;
            b->item[b->n++] = (uint32_t)i;
        }
    }
    st = nn_scorer_embed_items(s, b->ds, b->item, b->n, "known images", logits,
                               b->v, ok, err);
    if (st) {
        goto out;
    }
    drop_unreadable(b, ok);
out:
    nn_mem_free(ok);
    nn_mem_free(logits);
    return st;
}

enum nn_status gate_mine_bank_create(const struct nn_net *gate,
                                     const struct nn_dataset *ds, int32_t side,
                                     const char *features,
                                     struct gate_mine_bank *bank,
                                     struct nn_error *err)
{
    struct nn_scorer *s = NULL;
    enum nn_status st = nn_scorer_create(gate, BATCH, &s, err);

    *bank =
        (struct gate_mine_bank){ .ds = ds, .side = side, .features = features };
    if (st) {
        goto out;
    }
    nn_scorer_set_side(s, side);
    nn_scorer_keep_features(s, features);
    st = fill(bank, gate, s, err);
out:
    nn_scorer_destroy(&s);
    if (st) {
        gate_mine_bank_release(bank);
    }
    return st;
}

void gate_mine_bank_release(struct gate_mine_bank *bank)
{
    nn_mem_free(bank->v);
    nn_mem_free(bank->item);
    nn_mem_free(bank->positive);
    *bank = (struct gate_mine_bank){ .ds = NULL };
}

/* --- how large the images of a pool are --- */

enum { SAMPLE = 256 };

static int by_side(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

    return (x > y) - (x < y);
}

enum nn_status gate_mine_pool_side(const struct nn_net *gate,
                                   const struct nn_pool *pool, int32_t *side,
                                   struct nn_error *err)
{
    uint32_t index[SAMPLE] = { 0 };
    int32_t found[SAMPLE];
    size_t n = pool->n < SAMPLE ? pool->n : SAMPLE, readable = 0;
    struct nn_dataset *ds = NULL;
    enum nn_status st;

    *side = 0;
    for (size_t i = 0; i < n; i++) {
        index[i] = (uint32_t)((uint64_t)i * pool->n / n);
    }
    st = nn_pool_take(pool, index, n, &ds, err);
    if (st) {
        return st;
    }
    nn_dataset_fingerprint(ds);
    for (size_t i = 0; i < n; i++) {
        const struct nn_item *it = &ds->items[i];

        if (!it->bad) {
            found[readable++] = it->w < it->h ? it->w : it->h;
        }
    }
    if (readable > 0) {
        qsort(found, readable, sizeof *found, by_side);
        *side = found[readable / 2];
    }
    if (2 * *side >= gate->spec.size) {
        *side = 0;
    }
    nn_dataset_close(&ds);
    return NN_OK;
}

/* --- neighbours --- */

struct nearest {
    double cos[GATE_MINE_NEIGHBOURS]; /* falling */
    uint32_t item[GATE_MINE_NEIGHBOURS];
    int n;
};

static void insert(struct nearest *a, double cos, uint32_t item)
{
    int at = a->n;

    if (at == GATE_MINE_NEIGHBOURS) {
        if (cos <= a->cos[at - 1]) {
            return;
        }
        at--;
    } else {
        a->n++;
    }
    for (; at > 0 && a->cos[at - 1] < cos; at--) {
        a->cos[at] = a->cos[at - 1];
        a->item[at] = a->item[at - 1];
    }
    a->cos[at] = cos;
    a->item[at] = item;
}

static double mean(const struct nearest *a)
{
    double sum = 0;

    for (int i = 0; i < a->n; i++) {
        sum += a->cos[i];
    }
    return a->n > 0 ? sum / a->n : 0;
}

struct neighbourhood_job {
    const struct gate_mine_bank *bank;
    const float *v;
    struct gate_mine_neighbourhood *neighbourhood;
};

static void look_one(void *ctx, size_t i)
{
    const struct neighbourhood_job *j = ctx;
    const struct gate_mine_bank *b = j->bank;
    struct gate_mine_neighbourhood *neighbourhood = &j->neighbourhood[i];
    struct nearest pos = { .n = 0 }, neg = { .n = 0 };

    for (size_t r = 0; r < b->n; r++) {
        double cos =
            gate_mine_dot(j->v + i * b->dims, b->v + r * b->dims, b->dims);

        insert(b->positive[r] ? &pos : &neg, cos, b->item[r]);
    }
    neighbourhood->positive_cos = mean(&pos);
    neighbourhood->negative_cos = mean(&neg);
    for (int k = 0; k < 3; k++) {
        neighbourhood->nearest[k] = pos.item[k < pos.n ? k : 0];
    }
}

void gate_mine_bank_neighbourhood(const struct gate_mine_bank *bank,
                                  const float *v, size_t n,
                                  struct gate_mine_neighbourhood *neighbourhood)
{
    struct neighbourhood_job j = { bank, v, neighbourhood };

    nn_parallel_for(n, look_one, &j);
}

enum nn_status
gate_mine_second_scores(const struct gate_mine_second_scorer *o,
                        const struct nn_dataset *ds, const uint32_t *index,
                        size_t n, struct gate_mine_neighbourhood *neighbourhood,
                        struct nn_error *err)
{
    double *p;
    enum nn_status st;

    if (o == NULL || o->score == NULL || n == 0) {
        return NN_OK;
    }
    p = nn_mem_calloc(n, sizeof *p);
    if (p == NULL) {
        return nn_fail_nomem(err);
    }
    st = o->score(o->ctx, ds, index, n, p, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        neighbourhood[i].agreement = p[i];
    }
out:
    nn_mem_free(p);
    return st;
}
