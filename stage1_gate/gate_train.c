#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/eval/metrics.h"
#include "common/train/task.h"
#include "stage1_gate/gate.h"

struct gate_task {
    const struct nn_dataset *ds;
    const struct gate_lessons *lessons; /* or NULL */
    const struct nn_net *net;
    struct nn_task task; /* score: z of each */
};

/* --- outputs: classes, then families in the data set's order, then "-" --- */

static int32_t label_of(const void *ctx, const struct nn_item *it)
{
    const struct gate_task *g = ctx;
    const struct nn_dataset *ds = g->ds;

    if (it->split == NN_SPLIT_UNLABELLED) {
        return g->lessons != NULL &&
                       gate_lessons_has(g->lessons, (size_t)(it - ds->items))
                   ? NN_TASK_TAUGHT
                   : NN_TASK_UNUSED;
    }
    if (it->label != NN_NEGATIVE) {
        return it->label;
    }
    return (int32_t)ds->n_classes +
           (it->family >= 0 ? it->family : (int32_t)ds->n_families);
}

static char *name_of(const void *ctx, size_t i)
{
    const struct nn_dataset *ds = ((const struct gate_task *)ctx)->ds;

    if (i < ds->n_classes) {
        return nn_mem_sprintf("+%s", ds->classes[i]);
    }
    i -= ds->n_classes;
    return i < ds->n_families ? nn_mem_sprintf("-%s", ds->families[i])
                              : nn_mem_strdup("-");
}

static void soften(const void *ctx, uint32_t item, float *row)
{
    const struct gate_task *g = ctx;

    gate_lessons_apply(g->lessons, item, row, g->task.spec.n_outputs);
}

/* --- sampling --- */

/* What has no label is drawn as often as it is there. The others share the
 * rest: positives together positive_share of it, evenly over the classes, and
 * negatives as often as they are there; with positive_share 0 everything is. */
static void set_shares(struct gate_task *g, const struct gate_options *o)
{
    struct nn_task *t = &g->task;
    size_t k = t->spec.ds->n_classes, n_pos = nn_task_count(t, 0, k);
    size_t n_neg = nn_task_count(t, k, t->spec.n_outputs);
    double natural = (double)n_pos / (double)(n_pos + n_neg);
    double positive = o->positive_share > 0 ? o->positive_share : natural;
    double families = 0, classes = 0, labelled = 1;

    if (g->lessons != NULL) {
        size_t taught = t->size[t->spec.n_outputs];

        labelled = (double)(n_pos + n_neg) / (double)(n_pos + n_neg + taught);
        t->share[t->spec.n_outputs] = 1 - labelled;
    }
    for (size_t i = 0; i < t->spec.n_outputs; i++) {
        double w = i < k && o->positive_share > 0 ? t->size[i] > 0
                                                  : (double)t->size[i];

        t->share[i] = w;
        *(i < k ? &classes : &families) += w;
    }
    for (size_t i = 0; i < t->spec.n_outputs; i++) {
        t->share[i] *=
            labelled * (i < k ? positive / classes : (1 - positive) / families);
    }
}

/* --- validation --- */

static void compute_z(struct gate_task *g)
{
    struct nn_task *t = &g->task;

    for (size_t i = 0; i < t->n_good; i++) {
        t->score[i] = gate_logit(g->net, t->logits + i * t->spec.n_outputs);
    }
}

static double cross_entropy(const struct nn_task *t)
{
    double sum = 0;

    for (size_t i = 0; i < t->n_good; i++) {
        double z = t->positive[i] ? t->score[i] : -t->score[i];

        sum += (z < 0 ? -z : 0) + log1p(exp(-fabs(z)));
    }
    return sum / (double)t->n_good;
}

static enum nn_status measure(void *ctx, struct nn_train_metrics *m,
                              struct nn_error *err)
{
    struct gate_task *g = ctx;
    const struct nn_task *t = &g->task;
    struct nn_roc roc = NN_ROC_INIT;
    enum nn_status st;

    compute_z(g);
    st = nn_roc_init(&roc, t->score, t->positive, NULL, t->n_good, err);
    if (st) {
        return st;
    }
    m->loss = cross_entropy(t);
    m->metric = nn_roc_area(&roc);
    snprintf(m->text, sizeof m->text, "ROC area %.4f", m->metric);
    nn_roc_release(&roc);
    return NN_OK;
}

/* --- the whole --- */

static enum nn_status set_up(struct gate_task *g, const struct nn_dataset *ds,
                             const struct gate_options *o, struct nn_error *err)
{
    const struct nn_task_spec spec = {
        .name = o->task,
        .ds = ds,
        .seed = o->train.seed,
        .n_outputs = ds->n_classes + ds->n_families + 1,
        .ctx = g,
        .name_of = name_of,
        .label_of = label_of,
        .measure = measure,
        .soften = o->lessons != NULL ? soften : NULL,
        .soft_hash = o->lessons != NULL ? o->lessons->soft_hash : 0,
    };
    enum nn_status st;

    *g = (struct gate_task){ .ds = ds, .lessons = o->lessons };
    st = nn_task_open(&g->task, &spec, err);
    if (st) {
        return st;
    }
    st = nn_task_need_both(&g->task, "the gate", 1, err);
    if (st) {
        return st;
    }
    g->task.feature_dir = nn_train_feature_dir(&o->train);
    set_shares(g, o);
    return NN_OK;
}

static enum nn_status start_from(struct nn_net *net, const struct nn_net *start,
                                 struct nn_error *err)
{
    if (start->spec.arch != net->spec.arch ||
        start->params.value.count != net->params.value.count) {
        return nn_fail(err, NN_ERR_ARG,
                       "the gate to start from is another net or has other "
                       "outputs");
    }
    memcpy(net->params.value.data, start->params.value.data,
           net->params.value.count * sizeof(float));
    return NN_OK;
}

static enum nn_status make_net(const struct nn_task *t,
                               const struct gate_options *o,
                               struct nn_net **out, struct nn_error *err)
{
    struct nn_net_spec spec = gate_net_spec(o->width, o->size);
    enum nn_status st;

    nn_net_spec_set_arch(&spec, o->arch);
    st = nn_task_net(t, &spec, out, err);
    if (st) {
        return st;
    }
    return o->start != NULL
               ? start_from(*out, o->start, err)
               : nn_task_init(*out, o->init, "gate.", o->task, err);
}

/* Test views, temperature, then the threshold on the calibrated
 * probabilities. */
static enum nn_status finish(struct gate_task *g, const struct gate_options *o,
                             struct nn_net *net, struct gate_policy *policy,
                             struct nn_error *err)
{
    struct nn_task *t = &g->task;
    enum nn_status st = nn_net_set_tta(net, &o->tta, err);

    if (st) {
        return st;
    }
    st = nn_task_score_net(t, net, o->train.batch, err);
    if (st) {
        return st;
    }
    compute_z(g);
    st = nn_task_fit_binary(t, t->score, t->positive, t->n_good, net, err);
    if (st) {
        return st;
    }
    for (size_t i = 0; i < t->n_good; i++) {
        t->score[i] = gate_probability(net, t->score[i]);
    }
    return gate_choose(t->score, t->positive, t->n_good, o->min_recall, policy,
                       err);
}

enum nn_status gate_train(const struct nn_dataset *ds,
                          const struct gate_options *opt,
                          const struct nn_run *run, struct nn_net **out,
                          struct gate_policy *policy,
                          struct nn_train_result *result, struct nn_error *err)
{
    struct gate_task g;
    struct nn_net *net = NULL;
    enum nn_status st = set_up(&g, ds, opt, err);

    *out = NULL;
    if (st) {
        goto out;
    }
    st = make_net(&g.task, opt, &net, err);
    if (st) {
        goto out;
    }
    g.net = net;
    st = nn_task_train(&g.task, &opt->train, run, net, result, err);
    if (st) {
        goto out;
    }
    st = finish(&g, opt, net, policy, err);
    if (st) {
        goto out;
    }
    *out = net;
    net = NULL;
out:
    nn_task_close(&g.task);
    nn_net_destroy(&net);
    return st;
}

enum nn_status gate_calibrate(const struct nn_dataset *ds,
                              const struct gate_options *opt,
                              struct nn_net *gate, struct gate_policy *policy,
                              struct nn_error *err)
{
    struct gate_task g;
    enum nn_status st = set_up(&g, ds, opt, err);

    if (st) {
        goto out;
    }
    if (g.task.spec.n_outputs != gate->spec.n_outputs) {
        st = nn_fail(err, NN_ERR_ARG, "the gate has other outputs than '%s'",
                     ds->path);
        goto out;
    }
    g.net = gate;
    st = finish(&g, opt, gate, policy, err);
out:
    nn_task_close(&g.task);
    return st;
}
