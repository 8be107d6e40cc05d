#include "pipelines/audit/next.h"

#include <math.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/data/feature_cache.h"
#include "common/data/feature_rows.h"
#include "common/train/logistic.h"
#include "pipelines/audit/expect.h"
#include "pipelines/audit/revisions.h"

#define MAX_PHOTO ((size_t)512 << 20)
enum { BATCH = 16, PRIOR_PART = 8 };

struct rows {
    size_t n, dims, wide; /* units; features, and those with the scores */
    const char **path;    /* [n] of each unit's photo, owned */
    double *p;            /* [n] its score */
    struct nn_dataset *ds;
    float *x, *train; /* [n,dims], [answered,wide] */
    uint8_t *ok;
    int32_t *label; /* [answered] */
    double *weight;
    size_t n_train, of[2];
};

static void release(struct rows *w)
{
    nn_dataset_close(&w->ds);
    for (size_t i = 0; w->path != NULL && i < w->n; i++) {
        nn_mem_free((char *)(uintptr_t)w->path[i]);
    }
    nn_mem_free(w->path);
    nn_mem_free(w->p);
    nn_mem_free(w->x);
    nn_mem_free(w->train);
    nn_mem_free(w->ok);
    nn_mem_free(w->label);
    nn_mem_free(w->weight);
}

static enum nn_status reserve(struct rows *w, const struct nn_net *net,
                              struct nn_error *err)
{
    w->dims = nn_feature_dims(net);
    w->wide = w->dims + w->dims / PRIOR_PART + 1;
    w->path = nn_mem_calloc(w->n, sizeof *w->path);
    w->p = nn_mem_calloc(w->n, sizeof *w->p);
    w->ok = nn_mem_calloc(w->n, 1);
    w->label = nn_mem_calloc(w->n, sizeof *w->label);
    w->weight = nn_mem_calloc(w->n, sizeof *w->weight);
    w->x = nn_mem_aligned(w->n, w->dims * sizeof *w->x);
    w->train = nn_mem_aligned(w->of[0] + w->of[1], w->wide * sizeof *w->train);
    return w->path == NULL || w->p == NULL || w->ok == NULL ||
                   w->label == NULL || w->weight == NULL || w->x == NULL ||
                   w->train == NULL
               ? nn_fail_nomem(err)
               : NN_OK;
}

/* Of each unit, the photo with the highest score. */
static enum nn_status choose_photos(struct rows *w,
                                    const struct audit_plan *plan,
                                    struct nn_error *err)
{
    for (size_t i = 0; i < w->n; i++) {
        const struct audit_photo *best = NULL;

        for (size_t k = plan->first[i]; k < plan->first[i + 1]; k++) {
            const struct audit_photo *at = &plan->pile.photo[plan->member[k]];

            best = best == NULL || at->p > best->p ? at : best;
        }
        w->p[i] = best->p;
        w->path[i] = nn_text_bytes(best->file);
        if (w->path[i] == NULL) {
            return nn_fail_nomem(err);
        }
    }
    return NN_OK;
}

static enum nn_status compute_features(struct rows *w, const struct nn_net *net,
                                       const volatile sig_atomic_t *stop,
                                       struct nn_error *err)
{
    char *dir = nn_feature_cache_dir();
    const struct nn_feature_options o = { .dir = dir,
                                          .limit_bytes = NN_FEATURE_CACHE_BYTES,
                                          .batch = BATCH,
                                          .label = "features",
                                          .stop = stop };
    uint32_t *index = nn_mem_calloc(w->n, sizeof *index);
    enum nn_status st;

    if (index == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_dataset_open_files(w->path, w->n, &w->ds, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < w->n; i++) {
        unsigned char *bytes = NULL;
        size_t size;

        index[i] = (uint32_t)i;
        if (nn_file_read(w->path[i], MAX_PHOTO, &bytes, &size, NULL) == NN_OK) {
            w->ds->items[i].hash = nn_hash_u64(bytes, size, 0);
        }
        nn_mem_free(bytes);
    }
    st = nn_features_of_items(net, w->ds, index, w->n, &o, w->x, w->ok, err);
out:
    nn_mem_free(index);
    nn_mem_free(dir);
    return st;
}

static double log_odds(double p)
{
    const double least = 1e-6;

    p = p < least ? least : p > 1 - least ? 1 - least : p;
    return log(p / (1 - p));
}

/* Features, and copies of the score's log-odds: a regularised fit would pass
 * over one feature among a thousand. */
static void put_row(const struct rows *w, size_t i, float *to)
{
    memcpy(to, w->x + i * w->dims, w->dims * sizeof *to);
    for (size_t k = w->dims; k < w->wide; k++) {
        to[k] = (float)log_odds(w->p[i]);
    }
}

static enum nn_status fit(struct rows *w, const struct audit_result *r,
                          const volatile sig_atomic_t *stop,
                          struct nn_logistic *head, struct nn_error *err)
{
    struct nn_logistic_options o = nn_logistic_defaults();
    struct nn_logistic_rows rows = { .dims = w->wide,
                                     .outputs = 2,
                                     .x = w->train,
                                     .label = w->label,
                                     .weight = w->weight };

    o.stop = stop;
    for (size_t i = 0; i < w->n; i++) {
        int positive = r->answer[i] == AUDIT_POSITIVE;

        if (!w->ok[i] || (!positive && r->answer[i] != AUDIT_NONE)) {
            continue;
        }
        put_row(w, i, w->train + rows.n * w->wide);
        w->label[rows.n] = positive;
        w->weight[rows.n++] = 1.0 / (double)w->of[positive];
    }
    return nn_logistic_fit(&rows, &o, head, err);
}

/* P(positive) of unit i, were half of all units positive. */
static double say(const struct rows *w, const struct nn_logistic *head,
                  size_t i, float *row)
{
    double z = (double)head->bias[1] - (double)head->bias[0];

    if (!w->ok[i]) {
        return w->p[i];
    }
    put_row(w, i, row);
    for (size_t k = 0; k < w->wide; k++) {
        z += ((double)head->weight[w->wide + k] - (double)head->weight[k]) *
             (double)row[k];
    }
    return 1 / (1 + exp(-z));
}

/* Shares of what is left; what was seen keeps what it had. */
static enum nn_status revise(const struct rows *w,
                             const struct audit_plan *plan,
                             const struct audit_result *r,
                             const struct nn_logistic *head, double *expected,
                             struct audit_next *out, struct nn_error *err)
{
    double *p = nn_mem_calloc(2 * w->n, sizeof *p);
    float *row = nn_mem_calloc(w->wide, sizeof *row);
    size_t n = 0;
    enum nn_status st = NN_OK;

    if (p == NULL || row == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < w->n; i++) {
        expected[i] = fmin(plan->unit[i].expected, 1);
        if (r->answer[i] == AUDIT_UNSEEN) {
            p[n++] = say(w, head, i, row);
        }
    }
    if (n > 0) {
        audit_expect(p, n, p + w->n);
    }
    for (size_t i = w->n; i-- > 0;) {
        if (r->answer[i] == AUDIT_UNSEEN) {
            expected[i] = p[w->n + --n];
            out->expected += expected[i] * plan->unit[i].value;
        }
    }
out:
    nn_mem_free(row);
    nn_mem_free(p);
    return st;
}

static void count_answers(struct rows *w, const struct audit_result *r)
{
    for (size_t i = 0; i < w->n; i++) {
        w->of[0] += r->answer[i] == AUDIT_NONE;
        w->of[1] += r->answer[i] == AUDIT_POSITIVE;
    }
}

enum nn_status audit_next(struct audit_plan *plan, const struct audit_result *r,
                          const struct nn_net *net,
                          const volatile sig_atomic_t *stop,
                          struct audit_next *out, struct nn_error *err)
{
    struct rows w = { .n = plan->n };
    struct nn_logistic head = { 0 };
    double *expected = NULL;
    enum nn_status st;

    count_answers(&w, r);
    *out = (struct audit_next){ w.of[1], w.of[0], 0 };
    if (w.of[0] < AUDIT_NEXT_MIN || w.of[1] < AUDIT_NEXT_MIN) {
        return nn_fail(err, NN_ERR_ARG,
                       "%zu positives and %zu others were answered: --next "
                       "learns from %d of each or more",
                       w.of[1], w.of[0], AUDIT_NEXT_MIN);
    }
    st = reserve(&w, net, err);
    if (st) {
        goto out;
    }
    st = choose_photos(&w, plan, err);
    if (st) {
        goto out;
    }
    st = compute_features(&w, net, stop, err);
    if (st) {
        goto out;
    }
    st = fit(&w, r, stop, &head, err);
    if (st) {
        goto out;
    }
    expected = nn_mem_calloc(plan->n, sizeof *expected);
    if (expected == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = revise(&w, plan, r, &head, expected, out, err);
    if (st) {
        goto out;
    }
    st = audit_revisions_add(plan, r->letters, expected, err);
    expected = NULL;
out:
    nn_mem_free(expected);
    nn_logistic_release(&head);
    release(&w);
    return st;
}
