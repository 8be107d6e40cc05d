#include "pipelines/train/baseline.h"

#include <stdio.h>

#include "common/base/mem.h"
#include "common/eval/metrics.h"
#include "common/train/task.h"
#include "pipelines/cascade/baseline_score.h"

struct baseline_task {
    const struct nn_dataset *ds;
    enum model_system system;
    const struct nn_net *net;
    struct nn_task task; /* score: of baseline_score() */
    double *p;           /* [outputs] */
};

/* --- outputs: the classes, and "-" of softmax-none --- */

static int32_t label_of(const void *ctx, const struct nn_item *it)
{
    const struct baseline_task *b = ctx;

    if (it->label != NN_NEGATIVE) {
        return it->label;
    }
    switch (b->system) {
    case MODEL_SOFTMAX_NONE:
        return (int32_t)b->ds->n_classes;
    case MODEL_SOFTMAX_MAX:
        return NN_TASK_UNSEEN;
    default:
        return NN_TASK_ZEROS;
    }
}

static char *name_of(const void *ctx, size_t i)
{
    const struct nn_dataset *ds = ((const struct baseline_task *)ctx)->ds;

    return i < ds->n_classes ? nn_mem_sprintf("+%s", ds->classes[i])
                             : nn_mem_strdup("-");
}

/* --- validation --- */

static void compute_scores(struct baseline_task *b)
{
    struct nn_task *t = &b->task;

    for (size_t i = 0; i < t->n_good; i++) {
        t->score[i] = baseline_score(b->system, b->net,
                                     t->logits + i * t->spec.n_outputs, b->p);
    }
}

/* Share of the positives whose class has the largest logit of the classes. */
static double class_accuracy(const struct nn_task *t)
{
    size_t k = t->spec.ds->n_classes, right = 0, n = 0;

    for (size_t i = 0; i < t->n_good; i++) {
        n += t->positive[i];
        right += t->positive[i] && nn_task_best(t, i, k) == (size_t)t->truth[i];
    }
    return n > 0 ? (double)right / (double)n : 0;
}

/* Both jobs count alike; softmax-max has no negatives to look at. */
static enum nn_status measure(void *ctx, struct nn_train_metrics *m,
                              struct nn_error *err)
{
    struct baseline_task *b = ctx;
    const struct nn_task *t = &b->task;
    struct nn_roc roc = NN_ROC_INIT;
    double accuracy = class_accuracy(t);
    enum nn_status st;

    if (b->system == MODEL_SOFTMAX_MAX) {
        m->metric = accuracy;
        snprintf(m->text, sizeof m->text, "accuracy %.4f", accuracy);
        return NN_OK;
    }
    compute_scores(b);
    st = nn_roc_init(&roc, t->score, t->positive, NULL, t->n_good, err);
    if (st) {
        return st;
    }
    m->metric = (nn_roc_area(&roc) + accuracy) / 2;
    snprintf(m->text, sizeof m->text, "ROC area %.4f, accuracy %.4f",
             nn_roc_area(&roc), accuracy);
    nn_roc_release(&roc);
    return NN_OK;
}

/* --- afterwards: temperature, threshold --- */

/* A sigmoid a class: all of them as one binary question. */
static enum nn_status fit_sigmoids(const struct nn_task *t, struct nn_net *net,
                                   struct nn_error *err)
{
    size_t k = t->spec.n_outputs, n = t->n_good * k;
    double *z = nn_mem_calloc(n, sizeof *z);
    uint8_t *is = nn_mem_calloc(n, 1);
    enum nn_status st;

    if (z == NULL || is == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        z[i] = (double)t->logits[i];
        is[i] = t->truth[i / k] == (int32_t)(i % k);
    }
    st = nn_task_fit_binary(t, z, is, n, net, err);
out:
    nn_mem_free(z);
    nn_mem_free(is);
    return st;
}

static enum nn_status finish(struct baseline_task *b,
                             const struct baseline_options *o,
                             struct nn_net *net, struct gate_policy *policy,
                             struct nn_error *err)
{
    struct nn_task *t = &b->task;
    enum nn_status st = nn_net_set_tta(net, &o->tta, err);

    if (st) {
        return st;
    }
    st = nn_task_score_net(t, net, o->train.batch, err);
    if (st) {
        return st;
    }
    st = o->system == MODEL_MULTILABEL
             ? fit_sigmoids(t, net, err)
             : nn_task_fit_softmax(t, t->spec.n_outputs, net, err);
    if (st) {
        return st;
    }
    compute_scores(b);
    return gate_choose(t->score, t->positive, t->n_good, o->min_recall, policy,
                       err);
}

/* --- the whole --- */

static enum nn_status set_up(struct baseline_task *b,
                             const struct nn_dataset *ds,
                             const struct baseline_options *o,
                             struct nn_error *err)
{
    const char *name = model_system_name(o->system);
    const struct nn_task_spec spec = {
        .name = name,
        .ds = ds,
        .seed = o->train.seed,
        .n_outputs = ds->n_classes + (o->system == MODEL_SOFTMAX_NONE),
        .one_bucket = 1,
        .ctx = b,
        .name_of = name_of,
        .label_of = label_of,
        .measure = measure,
    };
    enum nn_status st;

    *b = (struct baseline_task){ .ds = ds, .system = o->system };
    if (spec.n_outputs < 2 && o->system != MODEL_MULTILABEL) {
        return nn_fail(err, NN_ERR_ARG, "%s needs two classes, '%s' has %zu",
                       name, ds->path, ds->n_classes);
    }
    st = nn_task_open(&b->task, &spec, err);
    if (st) {
        return st;
    }
    st = nn_task_need_both(&b->task, name, o->system != MODEL_SOFTMAX_MAX, err);
    if (st) {
        return st;
    }
    b->p = nn_mem_calloc(spec.n_outputs, sizeof *b->p);
    return b->p == NULL ? nn_fail_nomem(err) : NN_OK;
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

static enum nn_status make_net(const struct nn_task *t,
                               const struct baseline_options *o,
                               struct nn_net **out, struct nn_error *err)
{
    struct nn_net_spec spec = gate_net_spec(o->width, o->size);
    enum nn_status st;

    nn_net_spec_set_arch(&spec, o->arch);
    if (o->system == MODEL_MULTILABEL) {
        spec.head = NN_HEAD_SIGMOID;
    }
    st = nn_task_net(t, &spec, out, err);
    if (st) {
        return st;
    }
    if (o->system == MODEL_MULTILABEL && o->focal) {
        set_prior(*out);
    }
    return nn_task_init(*out, o->init, "gate.", t->spec.name, err);
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
    struct baseline_task b;
    struct nn_train_options train = opt->train;
    struct nn_net *net = NULL;
    enum nn_status st = set_up(&b, ds, opt, err);

    *out = NULL;
    set_loss(opt, &train);
    if (st) {
        goto out;
    }
    st = make_net(&b.task, opt, &net, err);
    if (st) {
        goto out;
    }
    b.net = net;
    st = nn_task_train(&b.task, &train, run, net, result, err);
    if (st) {
        goto out;
    }
    st = finish(&b, opt, net, policy, err);
    if (st) {
        goto out;
    }
    *out = net;
    net = NULL;
out:
    nn_task_close(&b.task);
    nn_mem_free(b.p);
    nn_net_destroy(&net);
    return st;
}
