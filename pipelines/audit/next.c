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
    size_t n, dims;    /* units, features */
    const char **path; /* [n] of each unit's photo, owned */
    double *p;         /* [n] its score */
    struct nn_dataset *ds;
    float *x; /* [n,dims] */
    uint8_t *ok;
    size_t of[2];
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
    nn_mem_free(w->ok);
}

static enum nn_status reserve(struct rows *w, const struct nn_net *net,
                              struct nn_error *err)
{
    w->dims = nn_feature_dims(net);
    w->path = nn_mem_calloc(w->n, sizeof *w->path);
    w->p = nn_mem_calloc(w->n, sizeof *w->p);
    w->ok = nn_mem_calloc(w->n, 1);
    w->x = nn_mem_aligned(w->n, w->dims * sizeof *w->x);
    return w->path == NULL || w->p == NULL || w->ok == NULL || w->x == NULL
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

/* Columns of a row: features, and copies of the score's log-odds, as a
 * regularised fit would pass over one feature among a thousand. */
static size_t width(size_t dims)
{
    return dims + dims / PRIOR_PART + 1;
}

static void put_row(const struct audit_lesson *l, size_t i, float *to)
{
    memcpy(to, l->x + i * l->dims, l->dims * sizeof *to);
    for (size_t k = l->dims; k < width(l->dims); k++) {
        to[k] = (float)log_odds(l->p[i]);
    }
}

static int teaches(const struct audit_lesson *l, size_t i)
{
    return l->ok[i] &&
           (l->answer[i] == AUDIT_POSITIVE || l->answer[i] == AUDIT_NONE);
}

static enum nn_status fit(const struct audit_lesson *l,
                          const volatile sig_atomic_t *stop,
                          struct nn_logistic *head, struct nn_error *err)
{
    struct nn_logistic_options o = nn_logistic_defaults();
    size_t wide = width(l->dims), of[2] = { 0 }, n = 0;
    float *x = nn_mem_aligned(l->n, wide * sizeof *x);
    int32_t *label = nn_mem_calloc(l->n, sizeof *label);
    double *weight = nn_mem_calloc(l->n, sizeof *weight);
    struct nn_logistic_rows rows = {
        .dims = wide, .outputs = 2, .x = x, .label = label, .weight = weight
    };
    enum nn_status st;

    if (x == NULL || label == NULL || weight == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < l->n; i++) {
        of[1] += l->answer[i] == AUDIT_POSITIVE;
        of[0] += l->answer[i] == AUDIT_NONE;
    }
    for (size_t i = 0; i < l->n; i++) {
        if (teaches(l, i)) {
            put_row(l, i, x + n * wide);
            label[n] = l->answer[i] == AUDIT_POSITIVE;
            weight[n] = 1.0 / (double)of[label[n]];
            n++;
        }
    }
    rows.n = n;
    o.stop = stop;
    st = nn_logistic_fit(&rows, &o, head, err);
out:
    nn_mem_free(x);
    nn_mem_free(label);
    nn_mem_free(weight);
    return st;
}

/* row: [wide] to work in. */
static double say(const struct audit_lesson *l, const struct nn_logistic *head,
                  size_t i, float *row)
{
    double z = (double)head->bias[1] - (double)head->bias[0];
    size_t wide = width(l->dims);

    if (!l->ok[i]) {
        return l->p[i];
    }
    put_row(l, i, row);
    for (size_t k = 0; k < wide; k++) {
        z += ((double)head->weight[wide + k] - (double)head->weight[k]) *
             (double)row[k];
    }
    return 1 / (1 + exp(-z));
}

enum nn_status audit_learn(const struct audit_lesson *l,
                           const volatile sig_atomic_t *stop, double *p,
                           struct nn_error *err)
{
    struct nn_logistic head = { 0 };
    float *row = nn_mem_calloc(width(l->dims), sizeof *row);
    enum nn_status st;

    if (row == NULL) {
        return nn_fail_nomem(err);
    }
    st = fit(l, stop, &head, err);
    if (st) {
        goto out;
    }
    for (size_t i = 0; i < l->n; i++) {
        p[i] = say(l, &head, i, row);
    }
out:
    nn_logistic_release(&head);
    nn_mem_free(row);
    return st;
}

/* Shares of what is left; what was seen keeps what it had. learned: [n]. */
static enum nn_status revise(const struct audit_plan *plan,
                             const struct audit_result *r,
                             const double *learned, double *expected,
                             struct audit_next *out, struct nn_error *err)
{
    double *p = nn_mem_calloc(2 * plan->n, sizeof *p);
    size_t n = 0;

    if (p == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < plan->n; i++) {
        expected[i] = fmin(plan->unit[i].expected, 1);
        if (r->answer[i] == AUDIT_UNSEEN) {
            p[n++] = learned[i];
        }
    }
    if (n > 0) {
        audit_expect(p, n, p + plan->n);
    }
    for (size_t i = plan->n; i-- > 0;) {
        if (r->answer[i] == AUDIT_UNSEEN) {
            expected[i] = p[plan->n + --n];
            out->expected += expected[i] * plan->unit[i].value;
        }
    }
    nn_mem_free(p);
    return NN_OK;
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
    struct audit_lesson lesson;
    double *expected = NULL, *learned = NULL;
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
    expected = nn_mem_calloc(plan->n, sizeof *expected);
    learned = nn_mem_calloc(plan->n, sizeof *learned);
    if (expected == NULL || learned == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    lesson = (struct audit_lesson){ w.n, w.dims, w.x, w.p, w.ok, r->answer };
    st = audit_learn(&lesson, stop, learned, err);
    if (st) {
        goto out;
    }
    st = revise(plan, r, learned, expected, out, err);
    if (st) {
        goto out;
    }
    st = audit_revisions_add(plan, r->letters, expected, err);
    expected = NULL;
out:
    nn_mem_free(expected);
    nn_mem_free(learned);
    release(&w);
    return st;
}
