#include "stage1_gate/gate_curve.h"

#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/data/feature_rows.h"
#include "common/eval/stats.h"
#include "common/train/logistic.h"

enum { HELD = 4 }; /* one in so many groups */

static const double shares[GATE_CURVE_POINTS] = { 0.25, 0.5, 1 };
static const double strengths[] = { 0.1, 0.01, 0.001 };

struct rows {
    const struct nn_net *net;
    const struct nn_dataset *ds;
    size_t n, dims, outputs, k; /* k: classes */
    uint32_t *item;             /* [n] */
    uint8_t *ok;
    float *x;      /* [n,dims] */
    uint8_t *held; /* [n] */
    uint8_t
        *pass[2]; /* [n] of held-out negatives: with the first quarter, all */
    /* Of a fit. */
    float *part; /* [n,dims] */
    int32_t *label;
    double *weight;
    uint64_t *group;
    double *z;    /* [n] of all rows */
    size_t *size; /* [k] images of each class */
    /* Of the fit on all: its strength and rows. 0: not yet. */
    double strength;
    size_t n_all;
};

static void release(struct rows *r)
{
    nn_mem_free(r->item);
    nn_mem_free(r->ok);
    nn_mem_free(r->x);
    nn_mem_free(r->held);
    nn_mem_free(r->pass[0]);
    nn_mem_free(r->pass[1]);
    nn_mem_free(r->part);
    nn_mem_free(r->label);
    nn_mem_free(r->weight);
    nn_mem_free(r->group);
    nn_mem_free(r->z);
    nn_mem_free(r->size);
}

static enum nn_status allocate(struct rows *r, struct nn_error *err)
{
    size_t n = r->n;

    r->ok = nn_mem_calloc(n, 1);
    r->held = nn_mem_calloc(n, 1);
    r->pass[0] = nn_mem_calloc(n, 1);
    r->pass[1] = nn_mem_calloc(n, 1);
    r->x = nn_mem_aligned(n * r->dims, sizeof *r->x);
    r->part = nn_mem_aligned(n * r->dims, sizeof *r->part);
    r->label = nn_mem_calloc(n, sizeof *r->label);
    r->weight = nn_mem_calloc(n, sizeof *r->weight);
    r->group = nn_mem_calloc(n, sizeof *r->group);
    r->z = nn_mem_calloc(n, sizeof *r->z);
    r->size = nn_mem_calloc(r->k, sizeof *r->size);
    return r->ok == NULL || r->held == NULL || r->pass[0] == NULL ||
                   r->pass[1] == NULL || r->x == NULL || r->part == NULL ||
                   r->label == NULL || r->weight == NULL || r->group == NULL ||
                   r->z == NULL || r->size == NULL
               ? nn_fail_nomem(err)
               : NN_OK;
}

/* --- the images --- */

/* Training images, evenly spread where there are too many. */
static enum nn_status list_items(struct rows *r, struct nn_error *err)
{
    size_t all = 0, take, seen = 0;

    r->item = nn_mem_calloc(r->ds->n, sizeof *r->item);
    if (r->item == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < r->ds->n; i++) {
        const struct nn_item *it = &r->ds->items[i];

        if (it->split == NN_TRAIN && !it->bad && it->weight > 0) {
            r->item[all++] = (uint32_t)i;
        }
    }
    take = all < GATE_CURVE_IMAGES ? all : GATE_CURVE_IMAGES;
    for (size_t i = 0; i < all; i++) {
        if (i * take / all != (i + 1) * take / all) {
            r->item[seen++] = r->item[i];
        }
    }
    r->n = seen;
    return NN_OK;
}

static uint64_t group_of(const struct rows *r, size_t i)
{
    const struct nn_item *it = &r->ds->items[r->item[i]];

    return it->group > 0 ? it->group : r->item[i] + 1U;
}

static int is_negative(const struct rows *r, size_t i)
{
    return r->ds->items[r->item[i]].label == NN_NEGATIVE;
}

/* 0..1, the same for a group; draw 0 holds out, the others choose negatives. */
static double lot(const struct rows *r, size_t i, uint64_t seed, uint64_t draw)
{
    struct nn_rng rng =
        nn_rng_make(seed + draw * 0x9e3779b97f4a7c15u, group_of(r, i));

    return nn_rng_double(&rng);
}

static int32_t label_of(const struct rows *r, size_t i)
{
    int32_t label = r->ds->items[r->item[i]].label;

    return label != NN_NEGATIVE ? label : (int32_t)r->k;
}

/* --- a fit --- */

/* Rows to fit on, with the negatives of the share; returns how many of these
 * there are. */
static size_t take_rows(struct rows *r, const struct gate_options *o,
                        double share, uint64_t draw, size_t *used)
{
    size_t n = 0, negatives = 0, classes = 0;

    memset(r->size, 0, r->k * sizeof *r->size);
    for (size_t i = 0; i < r->n; i++) {
        int negative = is_negative(r, i);

        if (!r->ok[i] || r->held[i] ||
            (negative && lot(r, i, o->train.seed, draw) >= share)) {
            continue;
        }
        memcpy(r->part + n * r->dims, r->x + i * r->dims,
               r->dims * sizeof *r->part);
        r->label[n] = label_of(r, i);
        r->weight[n] = (double)r->ds->items[r->item[i]].weight;
        r->group[n] = group_of(r, i);
        negatives += (size_t)negative;
        if (!negative) {
            classes += r->size[r->label[n]]++ == 0;
        }
        n++;
    }
    /* as the shares of an epoch (gate_train.c) */
    for (size_t i = 0; o->positive_share > 0 && i < n; i++) {
        r->weight[i] *= r->label[i] < (int32_t)r->k
                            ? o->positive_share / (double)classes /
                                  (double)r->size[r->label[i]]
                            : (1 - o->positive_share) / (double)negatives;
    }
    *used = n;
    return negatives;
}

static double log_sum_exp(const double *z, size_t n)
{
    double top = -INFINITY, sum = 0;

    for (size_t j = 0; j < n; j++) {
        top = z[j] > top ? z[j] : top;
    }
    for (size_t j = 0; j < n; j++) {
        sum += exp(z[j] - top);
    }
    return top + log(sum);
}

static enum nn_status score(struct rows *r, const struct nn_logistic *fit,
                            struct nn_error *err)
{
    double *z = nn_mem_calloc(r->outputs, sizeof *z);

    if (z == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < r->n; i++) {
        const float *x = r->x + i * r->dims;

        if (!r->held[i] || !r->ok[i]) {
            continue;
        }
        for (size_t j = 0; j < r->outputs; j++) {
            const float *w = fit->weight + j * r->dims;

            z[j] = (double)fit->bias[j];
            for (size_t d = 0; d < r->dims; d++) {
                z[j] += (double)w[d] * (double)x[d];
            }
        }
        r->z[i] =
            log_sum_exp(z, r->k) - log_sum_exp(z + r->k, r->outputs - r->k);
    }
    nn_mem_free(z);
    return NN_OK;
}

/* Which held-out negatives pass at the recall. */
static enum nn_status judge(struct rows *r, double min_recall, uint8_t *pass,
                            size_t *n_passed, struct nn_error *err)
{
    double *positives = nn_mem_calloc(r->n, sizeof *positives);
    struct nn_recall_threshold at;
    enum nn_status st;
    size_t n = 0;

    *n_passed = 0;
    if (positives == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < r->n; i++) {
        if (r->held[i] && r->ok[i] && !is_negative(r, i)) {
            positives[n++] = r->z[i];
        }
    }
    st = nn_threshold_at_recall(positives, n, min_recall, NN_CONFIDENCE, &at,
                                err);
    nn_mem_free(positives);
    if (st) {
        return st;
    }
    for (size_t i = 0; i < r->n; i++) {
        int passes = r->held[i] && r->ok[i] && is_negative(r, i) &&
                     r->z[i] >= at.threshold;

        *n_passed += (size_t)passes;
        if (pass != NULL) {
            pass[i] = (uint8_t)passes;
        }
    }
    return NN_OK;
}

static enum nn_status fit_share(struct rows *r, const struct gate_options *o,
                                const struct nn_run *run, double share,
                                uint64_t draw, uint8_t *pass, size_t *negatives,
                                size_t *n_passed, struct nn_error *err)
{
    struct nn_logistic_rows rows = { .dims = r->dims,
                                     .outputs = r->outputs,
                                     .x = r->part,
                                     .label = r->label,
                                     .weight = r->weight,
                                     .group = r->group };
    struct nn_logistic_options how = nn_logistic_defaults();
    struct nn_logistic fit;
    double one;
    enum nn_status st;

    *negatives = take_rows(r, o, share, draw, &rows.n);
    how.seed = o->train.seed;
    how.stop = run->stop;
    how.folds = 3;
    how.strength = strengths;
    how.n_strengths = sizeof strengths / sizeof strengths[0];
    if (r->n_all > 0) {
        one = r->strength * (double)r->n_all / (double)rows.n;
        how.strength = &one;
        how.n_strengths = 1;
    }
    st = nn_logistic_fit(&rows, &how, &fit, err);
    if (st) {
        goto out;
    }
    if (r->n_all == 0) {
        r->strength = fit.strength;
        r->n_all = rows.n;
    }
    st = score(r, &fit, err);
    if (st) {
        goto out;
    }
    st = judge(r, o->min_recall, pass, n_passed, err);
out:
    nn_logistic_release(&fit);
    return st;
}

/* --- the whole --- */

void gate_curve_answer(struct gate_curve *c, size_t quarter_alone,
                       size_t all_alone)
{
    double first = c->fpr[0], last = c->fpr[GATE_CURVE_POINTS - 1];

    c->p = nn_mcnemar_exact(quarter_alone, all_alone);
    c->expected = (double)NAN;
    if (last * (double)c->n_held < GATE_CURVE_MIN_PASSED) {
        c->answer = GATE_CURVE_FEW_PASS;
    } else if (first > last && quarter_alone > all_alone && c->p < 0.05) {
        c->answer = GATE_CURVE_HELPS;
        c->expected = last * sqrt(last / first); /* log 2 / log 4 = 1/2 */
    } else {
        c->answer = GATE_CURVE_CANNOT_TELL;
    }
}

static enum nn_status fit_all(struct rows *r, const struct gate_options *o,
                              const struct nn_run *run, struct gate_curve *c,
                              struct nn_error *err)
{
    size_t alone[2] = { 0 };

    for (size_t s = GATE_CURVE_POINTS; s-- > 0;) {
        size_t draws = shares[s] < 1 ? GATE_CURVE_DRAWS : 1, passed, sum = 0;

        for (size_t d = draws; d-- > 0;) {
            uint8_t *pass = s == 0 && d == 0 ? r->pass[0]
                            : draws == 1     ? r->pass[1]
                                             : NULL;
            enum nn_status st = fit_share(r, o, run, shares[s], 1 + d, pass,
                                          &c->n_negatives[s], &passed, err);

            if (st) {
                return st;
            }
            sum += passed;
        }
        c->fpr[s] = (double)sum / (double)draws / (double)c->n_held;
    }
    for (size_t i = 0; i < r->n; i++) {
        alone[0] += r->pass[0][i] && !r->pass[1][i];
        alone[1] += r->pass[1][i] && !r->pass[0][i];
    }
    gate_curve_answer(c, alone[0], alone[1]);
    return NN_OK;
}

/* Features from the cache, and who judges; 1: there is enough of everything. */
static enum nn_status prepare(struct rows *r, const struct gate_options *o,
                              const struct nn_run *run, struct gate_curve *c,
                              int *enough, struct nn_error *err)
{
    const struct nn_feature_options how = { .dir = o->train.feature_dir,
                                            .limit_bytes =
                                                NN_FEATURE_CACHE_BYTES,
                                            .batch = o->train.batch,
                                            .threads = o->train.threads,
                                            .stop = run->stop };
    size_t n[2][2] = { { 0 } }; /* held out, negative */
    enum nn_status st = nn_features_of_items(r->net, r->ds, r->item, r->n, &how,
                                             r->x, r->ok, err);

    if (st) {
        return st;
    }
    for (size_t i = 0; i < r->n; i++) {
        r->held[i] = lot(r, i, o->train.seed, 0) < 1.0 / HELD;
        n[r->held[i]][is_negative(r, i)] += r->ok[i];
    }
    c->n_held = n[1][1];
    *enough = n[0][1] >= GATE_CURVE_MIN_NEGATIVES && n[1][1] > 0 &&
              n[0][0] > 0 && n[1][0] > 0;
    return NN_OK;
}

enum nn_status gate_curve(const struct nn_net *gate,
                          const struct nn_dataset *ds,
                          const struct gate_options *opt,
                          const struct nn_run *run, struct gate_curve *out,
                          struct nn_error *err)
{
    struct rows r = { .net = gate,
                      .ds = ds,
                      .dims = nn_feature_dims(gate),
                      .outputs = ds->n_classes + 1,
                      .k = ds->n_classes };
    int enough = 0;
    enum nn_status st;

    *out = (struct gate_curve){ .min_recall = opt->min_recall,
                                .expected = (double)NAN };
    if (opt->train.tune != NN_TUNE_FROZEN || opt->train.feature_dir == NULL ||
        gate->spec.n_outputs != ds->n_classes + ds->n_families + 1 ||
        nn_dataset_count(ds, NN_TRAIN, NN_ITEMS_NEGATIVE) <
            GATE_CURVE_MIN_NEGATIVES) {
        return NN_OK;
    }
    st = list_items(&r, err);
    if (st) {
        goto out;
    }
    st = allocate(&r, err);
    if (st) {
        goto out;
    }
    st = prepare(&r, opt, run, out, &enough, err);
    if (st || !enough) {
        goto out;
    }
    st = fit_all(&r, opt, run, out, err);
out:
    release(&r);
    return st;
}
