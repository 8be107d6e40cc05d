#include "pipelines/train/baseline.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/eval/calibrate.h"
#include "common/eval/metrics.h"
#include "pipelines/cascade/baseline_score.h"

struct baseline_task {
    const struct nn_dataset *ds;
    const struct baseline_options *opt;
    size_t k, n_outputs;
    char **outputs;
    uint32_t *train, *index; /* items that are trained on; an epoch of them */
    size_t n_train;
    uint32_t *valid;
    size_t n_valid;
    float *logits; /* [n_valid,n_outputs] */
    uint8_t *ok;
    /* readable validation pictures */
    size_t n_good;
    int32_t *truth; /* class, or k for a negative */
    uint8_t *positive;
    double *z;     /* [n_good,n_outputs] */
    double *score; /* [n_good] */
    const struct nn_net *net;
};

/* --- what is trained on --- */

static enum nn_status name_outputs(struct baseline_task *t)
{
    t->k = t->ds->n_classes;
    t->n_outputs = t->k + (t->opt->system == MODEL_SOFTMAX_NONE);
    t->outputs = nn_mem_calloc(t->n_outputs, sizeof *t->outputs);
    for (size_t i = 0; t->outputs != NULL && i < t->n_outputs; i++) {
        t->outputs[i] = i < t->k ? nn_mem_sprintf("+%s", t->ds->classes[i])
                                 : nn_mem_strdup("-");
        if (t->outputs[i] == NULL) {
            return NN_ERR_NOMEM;
        }
    }
    return t->outputs == NULL ? NN_ERR_NOMEM : NN_OK;
}

static enum nn_status list_items(struct baseline_task *t)
{
    size_t n = t->ds->n;

    t->train = nn_mem_calloc(n, sizeof *t->train);
    t->index = nn_mem_calloc(n, sizeof *t->index);
    t->valid = nn_mem_calloc(n, sizeof *t->valid);
    if (t->train == NULL || t->index == NULL || t->valid == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        const struct nn_item *it = &t->ds->items[i];
        int shown =
            it->label != NN_NEGATIVE || t->opt->system != MODEL_SOFTMAX_MAX;

        if (it->split == NN_TRAIN && !it->bad && shown) {
            t->train[t->n_train++] = (uint32_t)i;
        } else if (it->split == NN_VALID && !it->bad) {
            t->valid[t->n_valid++] = (uint32_t)i;
        }
    }
    n = t->n_valid;
    t->logits = nn_mem_calloc(n, t->n_outputs * sizeof *t->logits);
    t->ok = nn_mem_calloc(n, 1);
    t->truth = nn_mem_calloc(n, sizeof *t->truth);
    t->positive = nn_mem_calloc(n, 1);
    t->z = nn_mem_calloc(n, t->n_outputs * sizeof *t->z);
    t->score = nn_mem_calloc(n, sizeof *t->score);
    return t->logits == NULL || t->ok == NULL || t->truth == NULL ||
                   t->positive == NULL || t->z == NULL || t->score == NULL
               ? NN_ERR_NOMEM
               : NN_OK;
}

static enum nn_status sample(void *ctx, uint64_t epoch, const uint32_t **index,
                             size_t *n)
{
    struct baseline_task *t = ctx;
    const uint32_t *all = t->train;
    const double share = 1;
    const struct nn_sampler s = { 1,      &all,       &t->n_train,
                                  &share, t->n_train, t->opt->train.seed };

    *index = t->index;
    *n = t->n_train;
    return nn_sampler_epoch(&s, epoch, t->index);
}

static void target(void *ctx, uint32_t item, float *row, float *weight)
{
    const struct baseline_task *t = ctx;
    const struct nn_item *it = &t->ds->items[item];

    memset(row, 0, t->n_outputs * sizeof *row);
    if (it->label != NN_NEGATIVE) {
        row[it->label] = 1;
    } else if (t->n_outputs > t->k) {
        row[t->k] = 1;
    }
    *weight = it->weight;
}

/* --- validation --- */

static enum nn_status score_valid(struct baseline_task *t, struct nn_scorer *s,
                                  double *p, struct nn_error *err)
{
    size_t m = t->n_outputs;
    enum nn_status st = nn_scorer_run_items(s, t->ds, t->valid, t->n_valid,
                                            NULL, t->logits, t->ok, err);

    t->n_good = 0;
    for (size_t i = 0; !st && i < t->n_valid; i++) {
        int32_t label = t->ds->items[t->valid[i]].label;

        if (!t->ok[i]) {
            continue;
        }
        for (size_t j = 0; j < m; j++) {
            t->z[t->n_good * m + j] = (double)t->logits[i * m + j];
        }
        t->positive[t->n_good] = label != NN_NEGATIVE;
        t->truth[t->n_good] = label != NN_NEGATIVE ? label : (int32_t)t->k;
        t->score[t->n_good++] =
            baseline_score(t->opt->system, t->net, t->logits + i * m, p);
    }
    return st;
}

/* Share of the positives whose class has the largest logit of the classes. */
static double class_accuracy(const struct baseline_task *t)
{
    size_t right = 0, n = 0;

    for (size_t i = 0; i < t->n_good; i++) {
        const double *z = t->z + i * t->n_outputs;
        size_t best = 0;

        for (size_t j = 1; j < t->k; j++) {
            best = z[j] > z[best] ? j : best;
        }
        n += t->positive[i];
        right += t->positive[i] && (int32_t)best == t->truth[i];
    }
    return n > 0 ? (double)right / (double)n : 0;
}

/* Both jobs count alike; softmax-max has no negatives to look at. */
static enum nn_status evaluate(void *ctx, struct nn_scorer *s,
                               struct nn_train_metrics *m, struct nn_error *err)
{
    struct baseline_task *t = ctx;
    struct nn_roc roc = NN_ROC_INIT;
    double *p = nn_mem_calloc(t->n_outputs, sizeof *p), accuracy;
    enum nn_status st =
        p == NULL ? nn_fail_nomem(err) : score_valid(t, s, p, err);

    nn_mem_free(p);
    m->loss = (double)NAN;
    if (st) {
        return st;
    }
    accuracy = class_accuracy(t);
    if (t->opt->system == MODEL_SOFTMAX_MAX) {
        m->metric = accuracy;
        snprintf(m->text, sizeof m->text, "accuracy %.4f", accuracy);
        return NN_OK;
    }
    st = nn_roc_init(&roc, t->score, t->positive, NULL, t->n_good, err);
    if (!st) {
        m->metric = (nn_roc_area(&roc) + accuracy) / 2;
        snprintf(m->text, sizeof m->text, "ROC area %.4f, accuracy %.4f",
                 nn_roc_area(&roc), accuracy);
    }
    nn_roc_release(&roc);
    return st;
}

/* --- afterwards: temperature, threshold --- */

/* A sigmoid a class: all of them as one binary question. */
static enum nn_status fit_sigmoids(const struct baseline_task *t,
                                   struct nn_temperature *fit,
                                   struct nn_error *err)
{
    size_t n = t->n_good * t->k;
    uint8_t *is = nn_mem_calloc(n, 1);
    enum nn_status st;

    if (is == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        is[i] = t->truth[i / t->k] == (int32_t)(i % t->k);
    }
    st = nn_temperature_fit_binary(t->z, is, n, fit, err);
    nn_mem_free(is);
    return st;
}

/* Softmax: on what it was trained on; positives to the front for those that
 * know no negatives. */
static enum nn_status fit_softmax(struct baseline_task *t,
                                  struct nn_temperature *fit,
                                  struct nn_error *err)
{
    size_t n = 0, m = t->n_outputs;

    for (size_t i = 0; i < t->n_good; i++) {
        if ((size_t)t->truth[i] < m) {
            memmove(t->z + n * m, t->z + i * m, m * sizeof *t->z);
            t->truth[n++] = t->truth[i];
        }
    }
    return nn_temperature_fit(t->z, t->truth, n, (int32_t)m, fit, err);
}

static enum nn_status finish(struct baseline_task *t, struct nn_net *net,
                             struct gate_policy *policy, struct nn_error *err)
{
    struct nn_temperature fit;
    struct nn_scorer *s = NULL;
    double *p = nn_mem_calloc(t->n_outputs, sizeof *p);
    enum nn_status st =
        p == NULL ? nn_fail_nomem(err)
                  : nn_scorer_create(net, t->opt->train.batch, &s, err);

    if (!st) {
        st = score_valid(t, s, p, err);
    }
    if (!st) {
        st = t->opt->system == MODEL_MULTILABEL ? fit_sigmoids(t, &fit, err)
                                                : fit_softmax(t, &fit, err);
    }
    if (!st) {
        net->temperature = fit.at_limit ? 1 : fit.temperature;
        st = score_valid(t, s, p, err);
    }
    if (!st) {
        st = gate_choose(t->score, t->positive, t->n_good, t->opt->min_hit_rate,
                         policy, err);
    }
    nn_scorer_destroy(&s);
    nn_mem_free(p);
    return st;
}

/* --- the whole --- */

static enum nn_status check_counts(const struct baseline_task *t,
                                   struct nn_error *err)
{
    size_t n[2][2] = { { 0 } }; /* split, positive */

    if (t->n_outputs < 2 && t->opt->system != MODEL_MULTILABEL) {
        return nn_fail(err, NN_ERR_ARG, "%s needs two classes, '%s' has %zu",
                       model_system_name(t->opt->system), t->ds->path, t->k);
    }
    for (size_t i = 0; i < t->n_train; i++) {
        n[0][t->ds->items[t->train[i]].label != NN_NEGATIVE]++;
    }
    for (size_t i = 0; i < t->n_valid; i++) {
        n[1][t->ds->items[t->valid[i]].label != NN_NEGATIVE]++;
    }
    for (int s = 0; s < 2; s++) {
        for (int what = 0; what < 2; what++) {
            if (n[s][what] > 0 ||
                (what == 0 && s == 0 && t->opt->system == MODEL_SOFTMAX_MAX)) {
                continue;
            }
            return nn_fail(err, NN_ERR_ARG,
                           "%s needs %s in the %s part of '%s'",
                           model_system_name(t->opt->system),
                           what ? "pictures of a class" : "negatives",
                           s == 0 ? "train" : "valid", t->ds->path);
        }
    }
    return NN_OK;
}

/* With the focal loss every class starts as rare, so that the many negatives
 * do not drown the first steps (Lin et al. 2017, section 4.1). */
static void set_prior(struct nn_net *net)
{
    const struct nn_param *p = nn_graph_stage_param(
        net->graph, nn_graph_last_stage(net->graph), NN_PARAM_BIAS);

    for (size_t i = 0; i < p->count; i++) {
        net->params.value.data[p->offset + i] = nn_loss_prior_bias(0.01f);
    }
}

static enum nn_status make_net(const struct baseline_task *t,
                               struct nn_net **out, struct nn_error *err)
{
    const struct baseline_options *o = t->opt;
    struct nn_net_spec spec = gate_net_spec(o->width, o->size);
    struct nn_load_report r;
    enum nn_status st;

    spec.n_outputs = t->n_outputs;
    spec.outputs = (const char *const *)t->outputs;
    if (o->system == MODEL_MULTILABEL) {
        spec.head = NN_HEAD_SIGMOID;
    }
    st = nn_net_create(&spec, o->train.seed, out, err);
    if (!st && o->system == MODEL_MULTILABEL && o->focal) {
        set_prior(*out);
    }
    if (!st && o->init != NULL) {
        st = nn_net_init_from(*out, o->init, "gate.", &r, err);
        if (!st) {
            nn_net_init_log(model_system_name(o->system), o->init, &r);
        }
    }
    return st;
}

static void release(struct baseline_task *t)
{
    for (size_t i = 0; t->outputs != NULL && i < t->n_outputs; i++) {
        nn_mem_free(t->outputs[i]);
    }
    nn_mem_free(t->outputs);
    nn_mem_free(t->train);
    nn_mem_free(t->index);
    nn_mem_free(t->valid);
    nn_mem_free(t->logits);
    nn_mem_free(t->ok);
    nn_mem_free(t->truth);
    nn_mem_free(t->positive);
    nn_mem_free(t->z);
    nn_mem_free(t->score);
}

/* The loss that goes with the head. */
static void set_loss(const struct baseline_options *o,
                     struct nn_train_options *train)
{
    if (o->system == MODEL_MULTILABEL) {
        train->loss = o->focal ? (struct nn_loss){ NN_LOSS_FOCAL, 0.25f, 2, 0 }
                               : (struct nn_loss){ NN_LOSS_BINARY, 0, 0, 0 };
    }
}

enum nn_status baseline_train(const struct nn_dataset *ds,
                              const struct baseline_options *opt,
                              const struct nn_run *run, struct nn_net **out,
                              struct gate_policy *policy,
                              struct nn_train_result *result,
                              struct nn_error *err)
{
    struct baseline_task t = { .ds = ds, .opt = opt };
    const struct nn_train_task task = {
        model_system_name(opt->system), ds, &t, sample, target, evaluate
    };
    struct nn_train_options train = opt->train;
    struct nn_net *net = NULL;
    enum nn_status st =
        name_outputs(&t) || list_items(&t) ? nn_fail_nomem(err) : NN_OK;

    *out = NULL;
    set_loss(opt, &train);
    if (!st) {
        st = check_counts(&t, err);
    }
    if (!st) {
        st = make_net(&t, &net, err);
    }
    if (!st) {
        t.net = net;
        st = nn_train(&task, &train, run, net, result, err);
    }
    if (!st) {
        st = nn_net_set_test_views(net, &opt->test_views, err);
    }
    if (!st) {
        st = finish(&t, net, policy, err);
    }
    release(&t);
    if (st) {
        nn_net_destroy(&net);
        return st;
    }
    *out = net;
    return NN_OK;
}
