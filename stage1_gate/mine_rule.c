/* Which candidates look so much like the wanted things that a person must see
 * them: logistic regression on what is known of the validation images. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/data/score_items.h"
#include "stage1_gate/mine_internal.h"

enum { BATCH = 32, F = 4, STEPS = 50 };
#define RIDGE 1e-3

struct sample {
    double x[F]; /* 1, z/T, margin, agreement */
    double z;    /* calibrated */
    int positive;
};

static void features(double z,
                     const struct gate_mine_neighbourhood *neighbourhood,
                     double x[F])
{
    x[0] = 1;
    x[1] = z;
    x[2] = neighbourhood->positive_cos - neighbourhood->negative_cos;
    x[3] = neighbourhood->agreement;
}

static double dot(const double *a, const double *b)
{
    double sum = 0;

    for (int i = 0; i < F; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

double gate_mine_rule_score(const struct gate_mine_rule *rule,
                            double z_calibrated,
                            const struct gate_mine_neighbourhood *neighbourhood)
{
    double x[F];

    features(z_calibrated, neighbourhood, x);
    return dot(rule->w, x);
}

/* Solve a.x = b in place (a symmetric, positive definite by the ridge). */
static void solve(double a[F][F], double b[F])
{
    for (int i = 0; i < F; i++) {
        for (int r = i + 1; r < F; r++) {
            double by = a[r][i] / a[i][i];

            for (int c = i; c < F; c++) {
                a[r][c] -= by * a[i][c];
            }
            b[r] -= by * b[i];
        }
    }
    for (int i = F - 1; i >= 0; i--) {
        for (int c = i + 1; c < F; c++) {
            b[i] -= a[i][c] * b[c];
        }
        b[i] /= a[i][i];
    }
}

/* One Newton step of the penalised likelihood; returns its length. Positives
 * and negatives weigh the same in all. */
static double newton(const struct sample *s, size_t n, const double weight[2],
                     double w[F])
{
    double h[F][F] = { { 0 } }, g[F] = { 0 }, length = 0;

    for (size_t i = 0; i < n; i++) {
        double t = dot(w, s[i].x), p = 1 / (1 + exp(-t));
        double k = weight[s[i].positive];

        for (int a = 0; a < F; a++) {
            g[a] += k * (s[i].positive - p) * s[i].x[a];
            for (int b = 0; b < F; b++) {
                h[a][b] += k * p * (1 - p) * s[i].x[a] * s[i].x[b];
            }
        }
    }
    for (int a = 0; a < F; a++) {
        g[a] -= RIDGE * w[a];
        h[a][a] += RIDGE;
    }
    solve(h, g);
    for (int a = 0; a < F; a++) {
        w[a] += g[a];
        length += g[a] * g[a];
    }
    return sqrt(length);
}

/* Features to mean 0, deviation 1 (a constant one stays 0). */
static void standardise(struct sample *s, size_t n, double mean[F],
                        double scale[F])
{
    for (int a = 1; a < F; a++) {
        double sum = 0, squares = 0;

        for (size_t i = 0; i < n; i++) {
            sum += s[i].x[a];
            squares += s[i].x[a] * s[i].x[a];
        }
        mean[a] = sum / (double)n;
        squares = squares / (double)n - mean[a] * mean[a];
        scale[a] = squares > 1e-12 ? 1 / sqrt(squares) : 0;
        for (size_t i = 0; i < n; i++) {
            s[i].x[a] = (s[i].x[a] - mean[a]) * scale[a];
        }
    }
}

static int rising(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The limit that catches `rate` of all positives, and what it does above the
 * threshold. t: room for n. Those below the threshold count for the limit:
 * they are as few as the recall allows, look least like the others, and are
 * what a bear of another kind of photo looks like. */
static void set_limit(const struct sample *s, size_t n, double z_threshold,
                      double *t, struct gate_mine_rule *rule)
{
    size_t np = 0, caught = 0, lost = 0, miss;

    for (size_t i = 0; i < n; i++) {
        if (s[i].positive) {
            t[np++] = dot(rule->w, s[i].x);
        }
        if (s[i].z >= z_threshold) {
            *(s[i].positive ? &rule->n_positives : &rule->n_negatives) += 1;
        }
    }
    qsort(t, np, sizeof *t, rising);
    miss = (size_t)floor((1 - rule->rate) * (double)np + 1e-9);
    rule->limit = t[miss < np ? miss : np - 1];
    for (size_t i = 0; i < n; i++) {
        if (s[i].z >= z_threshold && dot(rule->w, s[i].x) >= rule->limit) {
            *(s[i].positive ? &caught : &lost) += 1;
        }
    }
    rule->caught =
        rule->n_positives > 0 ? (double)caught / (double)rule->n_positives : 0;
    rule->lost =
        rule->n_negatives > 0 ? (double)lost / (double)rule->n_negatives : 0;
}

static enum nn_status fit(struct sample *s, size_t n, double z_threshold,
                          struct gate_mine_rule *rule, struct nn_error *err)
{
    double mean[F] = { 0 }, scale[F] = { 1, 1, 1, 1 }, weight[2], w[F] = { 0 };
    struct sample *raw = nn_mem_calloc(n, sizeof *raw);
    double *t = nn_mem_calloc(n, sizeof *t);
    size_t np = 0;

    if (raw == NULL || t == NULL) {
        nn_mem_free(raw);
        nn_mem_free(t);
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        np += (size_t)s[i].positive;
    }
    memcpy(raw, s, n * sizeof *raw);
    weight[1] = 0.5 / (double)np;
    weight[0] = 0.5 / (double)(n - np);
    standardise(s, n, mean, scale);
    for (int i = 0; i < STEPS && newton(s, n, weight, w) > 1e-9; i++) {
    }
    rule->w[0] = w[0];
    for (int a = 1; a < F; a++) { /* back to the features as they are */
        rule->w[a] = w[a] * scale[a];
        rule->w[0] -= w[a] * scale[a] * mean[a];
    }
    set_limit(raw, n, z_threshold, t, rule);
    nn_mem_free(raw);
    nn_mem_free(t);
    return NN_OK;
}

/* --- the validation images --- */

struct valid {
    size_t n;
    uint32_t *item;
    uint8_t *ok;
    float *logits, *v;
    struct gate_mine_neighbourhood *neighbourhood;
    struct sample *sample;
};

static void valid_release(struct valid *a)
{
    nn_mem_free(a->item);
    nn_mem_free(a->ok);
    nn_mem_free(a->logits);
    nn_mem_free(a->v);
    nn_mem_free(a->neighbourhood);
    nn_mem_free(a->sample);
}

static enum nn_status
valid_init(struct valid *a, const struct gate_mine_bank *bank, size_t outputs)
{
    const struct nn_dataset *ds = bank->ds;

    a->item = nn_dataset_list(ds, NN_VALID, NN_ITEMS_ALL, &a->n);
    if (a->item == NULL) {
        return NN_ERR_NOMEM;
    }
    a->ok = nn_mem_calloc(a->n, 1);
    a->logits = nn_mem_calloc(a->n, outputs * sizeof *a->logits);
    a->v = nn_mem_calloc(a->n, bank->dims * sizeof *a->v);
    a->neighbourhood = nn_mem_calloc(a->n, sizeof *a->neighbourhood);
    a->sample = nn_mem_calloc(a->n, sizeof *a->sample);
    return a->ok == NULL || a->logits == NULL || a->v == NULL ||
                   a->neighbourhood == NULL || a->sample == NULL
               ? NN_ERR_NOMEM
               : NN_OK;
}

static enum nn_status
look_at_valid(struct valid *a, const struct nn_net *gate,
              const struct gate_mine_bank *bank,
              const struct gate_mine_second_scorer *second_scorer,
              struct nn_error *err)
{
    struct nn_scorer *s = NULL;
    enum nn_status st = nn_scorer_create(gate, BATCH, &s, err);

    if (st) {
        return st;
    }
    nn_scorer_set_side(s, bank->side);
    nn_scorer_keep_features(s, bank->features);
    st = nn_scorer_embed_items(s, bank->ds, a->item, a->n, NULL, a->logits,
                               a->v, a->ok, err);
    nn_scorer_destroy(&s);
    if (st) {
        return st;
    }
    gate_mine_bank_neighbourhood(bank, a->v, a->n, a->neighbourhood);
    return gate_mine_second_scores(second_scorer, bank->ds, a->item, a->n,
                                   a->neighbourhood, err);
}

/* Sample by sample what is known of the readable ones: *n of them, *np of
 * them positive. */
static void fill_samples(struct valid *a, const struct nn_net *gate,
                         const struct nn_dataset *ds, size_t *n, size_t *np)
{
    size_t k = gate->spec.n_outputs;

    *n = *np = 0;
    for (size_t i = 0; i < a->n; i++) {
        struct sample *s = &a->sample[*n];

        if (!a->ok[i]) {
            continue;
        }
        s->z = gate_logit(gate, a->logits + i * k) / gate->temperature;
        s->positive = ds->items[a->item[i]].label != NN_NEGATIVE;
        features(s->z, &a->neighbourhood[i], s->x);
        *np += (size_t)s->positive;
        *n += 1;
    }
}

enum nn_status
gate_mine_rule_fit(const struct nn_net *gate, const struct gate_mine_bank *bank,
                   const struct gate_mine_second_scorer *second_scorer,
                   double threshold, double rate, struct gate_mine_rule *rule,
                   struct nn_error *err)
{
    struct valid a = { 0 };
    size_t n, np;
    enum nn_status st;

    *rule = (struct gate_mine_rule){ .rate = rate };
    if (valid_init(&a, bank, gate->spec.n_outputs)) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = look_at_valid(&a, gate, bank, second_scorer, err);
    if (st) {
        goto out;
    }
    fill_samples(&a, gate, bank->ds, &n, &np);
    if (np == 0 || np == n) {
        st = nn_fail(err, NN_ERR_ARG,
                     "'%s' has no %s in its validation part: suspected false "
                     "negatives cannot "
                     "be told",
                     bank->ds->path,
                     np == 0 ? "images of a class" : "negatives");
        goto out;
    }
    st = fit(a.sample, n, log(threshold / (1 - threshold)), rule, err);
out:
    valid_release(&a);
    return st;
}
