#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/eval/calibrate.h"
#include "common/eval/metrics.h"
#include "common/eval/stats.h"
#include "common/train/task.h"
#include "stage2_species/species.h"

struct species_task {
    const struct nn_dataset *ds;
    const uint8_t *extra; /* [ds->n], or NULL */
    int says_unknown;
    struct nn_task task; /* score: of positives, confidence in the likeliest
                            class */
    double *p;           /* [n_valid,outputs] */
    int32_t *truth;      /* [n_valid] of positives */
    uint8_t *hit;        /* [n_valid] the likeliest class is the true one */
    double *known;       /* [n_valid] species_confidence() of positives */
    size_t n;            /* validation positives */
};

/* --- outputs: the classes, each drawn equally often, then perhaps none --- */

static int32_t label_of(const void *ctx, const struct nn_item *it)
{
    const struct species_task *s = ctx;
    int extra = s->extra != NULL ? s->extra[it - s->ds->items] : SPECIES_UNUSED;

    if (it->label != NN_NEGATIVE) {
        return it->label;
    }
    return extra == SPECIES_UNUSED
               ? NN_TASK_UNUSED
               : (int32_t)s->ds->n_classes + (extra == SPECIES_UNKNOWN);
}

static char *name_of(const void *ctx, size_t i)
{
    const struct nn_dataset *ds = ((const struct species_task *)ctx)->ds;

    return nn_mem_strdup(i < ds->n_classes    ? ds->classes[i]
                         : i == ds->n_classes ? "-"
                                              : "?");
}

/* Shares of an epoch that shows as many images of classes as there are. */
static enum nn_status set_shares(struct nn_task *t,
                                 const struct species_options *o,
                                 struct nn_error *err)
{
    size_t k = t->spec.ds->n_classes;
    double positives = (double)nn_task_count(t, 0, k), rest = 1 - o->none_share;

    t->share[k] = o->none_share;
    if (o->says_unknown) {
        t->share[k + 1] = o->unknown_share;
        rest -= o->unknown_share;
    }
    for (size_t i = 0; i < k; i++) {
        t->share[i] = rest / (double)k;
    }
    return nn_task_set_epoch(t, (size_t)(positives / rest + 0.5), err);
}

/* --- validation --- */

/* Mean over the outputs of their recalls. */
static enum nn_status balanced_accuracy(const struct nn_task *t, double *mean)
{
    size_t k = t->spec.n_outputs, seen = 0;
    size_t *n = nn_mem_calloc(k, sizeof *n);
    size_t *right = nn_mem_calloc(k, sizeof *right);
    double sum = 0;

    if (n == NULL || right == NULL) {
        nn_mem_free(n);
        nn_mem_free(right);
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < t->n_good; i++) {
        size_t truth = (size_t)t->truth[i];

        n[truth]++;
        right[truth] += nn_task_best(t, i, k) == truth;
    }
    for (size_t j = 0; j < k; j++) {
        if (n[j] > 0) {
            sum += (double)right[j] / (double)n[j];
            seen++;
        }
    }
    *mean = sum / (double)seen;
    nn_mem_free(n);
    nn_mem_free(right);
    return NN_OK;
}

static enum nn_status measure(void *ctx, struct nn_train_metrics *m,
                              struct nn_error *err)
{
    struct species_task *s = ctx;
    const struct nn_task *t = &s->task;

    if (balanced_accuracy(t, &m->metric)) {
        return nn_fail_nomem(err);
    }
    snprintf(m->text, sizeof m->text, "balanced accuracy %.4f", m->metric);
    nn_task_softmax(t, 1, s->p);
    return nn_nll_classes(s->p, t->truth, t->n_good, (int32_t)t->spec.n_outputs,
                          &m->loss, err);
}

/* --- calibration and the reject threshold --- */

/* The reject threshold: the largest that keeps the share of the images that are
 * right. */
static enum nn_status choose_reject_threshold(const struct species_task *s,
                                              double coverage,
                                              struct species_policy *p,
                                              struct nn_error *err)
{
    const double *confidence = s->known;
    double *right = nn_mem_calloc(s->n, sizeof *right);
    struct nn_recall_threshold chosen;
    size_t n = 0, above = 0;
    enum nn_status st = NN_OK;

    if (right == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < s->n; i++) {
        if (s->hit[i]) {
            right[n++] = confidence[i];
        }
    }
    if (n > 0) {
        st = nn_threshold_at_recall(right, n, coverage, NN_CONFIDENCE, &chosen,
                                    err);
        if (st) {
            goto out;
        }
        p->reject_threshold = chosen.threshold;
    }
    for (size_t i = 0; i < s->n; i++) {
        above += confidence[i] >= p->reject_threshold;
    }
    p->coverage = (double)above / (double)s->n;
    p->accuracy = (double)n / (double)s->n;
    p->n = s->n;
out:
    nn_mem_free(right);
    return st;
}

/* Of the positives: what they are, and p [n,classes] given that they are not
 * none. */
static void class_softmax(struct species_task *s, double temperature)
{
    const struct nn_task *t = &s->task;
    size_t outputs = t->spec.n_outputs, k = s->ds->n_classes;

    s->n = 0;
    for (size_t i = 0; i < t->n_good; i++) {
        const float *z = t->logits + i * outputs;
        double max = (double)z[nn_task_best(t, i, k)], sum = 0;
        double unknown = 0;
        double *row = s->p + s->n * k;

        if (!t->positive[i]) {
            continue;
        }
        for (size_t j = 0; j < k; j++) {
            row[j] = exp(((double)z[j] - max) / temperature);
            sum += row[j];
        }
        if (s->says_unknown) {
            unknown = exp(((double)z[k + 1] - max) / temperature);
        }
        for (size_t j = 0; j < k; j++) {
            row[j] /= sum + unknown;
        }
        s->known[s->n] = species_confidence(s->says_unknown, row, k);
        s->truth[s->n++] = t->truth[i];
    }
}

static enum nn_status calibration_error(struct species_task *s,
                                        double temperature, double *ece,
                                        struct nn_error *err)
{
    struct nn_task *t = &s->task;
    enum nn_status st;

    class_softmax(s, temperature);
    if (s->n == 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "no readable image of a class in the valid part of '%s'",
                       s->ds->path);
    }
    st = nn_top_label(s->p, s->truth, s->n, (int32_t)s->ds->n_classes, t->score,
                      s->hit, NULL, err);
    if (st) {
        return st;
    }
    return nn_reliability(t->score, s->hit, s->n, NN_ECE_BINS, NULL, ece, err);
}

static enum nn_status finish(struct species_task *s,
                             const struct species_options *o,
                             struct nn_net *net, struct species_policy *p,
                             struct nn_error *err)
{
    struct nn_task *t = &s->task;
    enum nn_status st = nn_net_set_tta(net, &o->tta, err);

    *p = (struct species_policy){ 0 };
    if (st) {
        return st;
    }
    st = nn_task_score_net(t, net, o->train.batch, err);
    if (st) {
        return st;
    }
    st = nn_task_fit_softmax(t, s->ds->n_classes, net, err);
    if (st) {
        return st;
    }
    st = calibration_error(s, 1, &p->ece_before, err);
    if (st) {
        return st;
    }
    st = calibration_error(s, net->temperature, &p->ece_after, err);
    if (st) {
        return st;
    }
    return choose_reject_threshold(s, o->coverage, p, err);
}

/* --- the whole --- */

static enum nn_status set_up(struct species_task *s,
                             const struct nn_dataset *ds,
                             const struct species_options *o,
                             struct nn_error *err)
{
    const struct nn_task_spec spec = {
        .name = o->task != NULL ? o->task : "species",
        .ds = ds,
        .seed = o->train.seed + 1,
        .n_outputs =
            ds->n_classes + (o->extra != NULL) + (o->says_unknown != 0),
        .ctx = s,
        .name_of = name_of,
        .label_of = label_of,
        .measure = measure,
    };
    enum nn_status st;

    *s = (struct species_task){ .ds = ds,
                                .extra = o->extra,
                                .says_unknown = o->says_unknown };
    if (ds->n_classes < 2) {
        return nn_fail(err, NN_ERR_ARG,
                       "a species net needs two classes or more");
    }
    st = nn_task_open(&s->task, &spec, err);
    if (st) {
        return st;
    }
    st = nn_task_need_all(&s->task, err);
    if (st) {
        return st;
    }
    s->p = nn_mem_calloc(s->task.n_valid, spec.n_outputs * sizeof *s->p);
    s->truth = nn_mem_calloc(s->task.n_valid, sizeof *s->truth);
    s->hit = nn_mem_calloc(s->task.n_valid, 1);
    s->known = nn_mem_calloc(s->task.n_valid, sizeof *s->known);
    if (s->p == NULL || s->truth == NULL || s->hit == NULL ||
        s->known == NULL) {
        return nn_fail_nomem(err);
    }
    return o->extra != NULL ? set_shares(&s->task, o, err) : NN_OK;
}

static void release(struct species_task *s)
{
    nn_task_close(&s->task);
    nn_mem_free(s->p);
    nn_mem_free(s->truth);
    nn_mem_free(s->hit);
    nn_mem_free(s->known);
}

/* Copy what two nets of one architecture share: all but the classifier when
 * their widths are equal. */
static void start_from(struct nn_net *net, const struct nn_net *start)
{
    const struct nn_param *to, *from;
    size_t taken = 0, n = 0;

    for (size_t i = 0; (to = nn_graph_param(net->graph, i)) != NULL; i++) {
        from = nn_graph_find_param(start->graph, to->name);
        n++;
        if (from != NULL && nn_shape_equal(from->shape, to->shape)) {
            memcpy(net->params.value.data + to->offset,
                   start->params.value.data + from->offset,
                   to->count * sizeof(float));
            taken++;
        }
    }
    nn_log(NN_LOG_INFO,
           "species: starts from %zu of the gate's tensors, %zu "
           "of its own at random",
           taken, n - taken);
}

static enum nn_status make_net(const struct nn_task *t,
                               const struct species_options *o,
                               struct nn_net **out, struct nn_error *err)
{
    struct nn_net_spec spec = species_net_spec(o->width, o->size);
    enum nn_status st;

    nn_net_spec_set_arch(&spec, o->arch);
    st = nn_task_net(t, &spec, out, err);
    if (st) {
        return st;
    }
    if (o->init == NULL && o->start != NULL) {
        start_from(*out, o->start);
    }
    return nn_task_init(*out, o->init, "species.", "species", err);
}

enum nn_status species_train(const struct nn_dataset *ds,
                             const struct species_options *opt,
                             const struct nn_run *run, struct nn_net **out,
                             struct species_policy *policy,
                             struct nn_train_result *result,
                             struct nn_error *err)
{
    struct species_task s;
    struct nn_net *net = NULL;
    enum nn_status st = set_up(&s, ds, opt, err);

    *out = NULL;
    if (st) {
        goto out;
    }
    st = make_net(&s.task, opt, &net, err);
    if (st) {
        goto out;
    }
    st = nn_task_train(&s.task, &opt->train, run, net, result, err);
    if (st) {
        goto out;
    }
    st = finish(&s, opt, net, policy, err);
    if (st) {
        goto out;
    }
    *out = net;
    net = NULL;
out:
    release(&s);
    nn_net_destroy(&net);
    return st;
}
