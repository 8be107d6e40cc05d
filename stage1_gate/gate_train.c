#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/eval/calibrate.h"
#include "common/eval/metrics.h"
#include "stage1_gate/gate.h"

/* Everything that the training loop asks for. */
struct gate_task {
    const struct nn_dataset *ds;
    size_t n_outputs; /* classes, families, negatives without a family */
    char **outputs;
    size_t *size;      /* [n_outputs] training pictures of each */
    uint32_t **bucket; /* [n_outputs] their items */
    double *share;     /* [n_outputs] */
    struct nn_sampler sampler;
    uint32_t *index; /* [sampler.n_epoch] */
    uint32_t *valid; /* items */
    uint8_t *positive;
    size_t n_valid;
    float *logits; /* [n_valid,n_outputs] */
    uint8_t *ok;
    double *z;           /* [n_good] */
    uint8_t *z_positive; /* [n_good] */
    size_t n_good;
    const struct nn_net *net;
};

/* --- outputs --- */

/* Classes first, then families in the data set's order, then "-". */
static size_t output_of(const struct nn_dataset *ds, const struct nn_item *it)
{
    if (it->label != NN_NEGATIVE) {
        return (size_t)it->label;
    }
    return ds->n_classes +
           (it->family >= 0 ? (size_t)it->family : ds->n_families);
}

static enum nn_status name_outputs(struct gate_task *t)
{
    const struct nn_dataset *ds = t->ds;

    t->n_outputs = ds->n_classes + ds->n_families + 1;
    t->outputs = nn_mem_calloc(t->n_outputs, sizeof *t->outputs);
    if (t->outputs == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < t->n_outputs; i++) {
        if (i < ds->n_classes) {
            t->outputs[i] = nn_mem_sprintf("+%s", ds->classes[i]);
        } else if (i < ds->n_classes + ds->n_families) {
            t->outputs[i] =
                nn_mem_sprintf("-%s", ds->families[i - ds->n_classes]);
        } else {
            t->outputs[i] = nn_mem_strdup("-");
        }
        if (t->outputs[i] == NULL) {
            return NN_ERR_NOMEM;
        }
    }
    return NN_OK;
}

/* --- sampling --- */

static enum nn_status fill_buckets(struct gate_task *t)
{
    const struct nn_dataset *ds = t->ds;

    t->size = nn_mem_calloc(t->n_outputs, sizeof *t->size);
    t->bucket = nn_mem_calloc(t->n_outputs, sizeof *t->bucket);
    t->share = nn_mem_calloc(t->n_outputs, sizeof *t->share);
    if (t->size == NULL || t->bucket == NULL || t->share == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < t->n_outputs; i++) {
        t->bucket[i] = nn_mem_calloc(ds->n, sizeof **t->bucket);
        if (t->bucket[i] == NULL) {
            return NN_ERR_NOMEM;
        }
    }
    for (size_t i = 0; i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];
        size_t o = output_of(ds, it);

        if (it->split == NN_TRAIN && !it->bad) {
            t->bucket[o][t->size[o]++] = (uint32_t)i;
        }
    }
    return NN_OK;
}

static size_t count_range(const struct gate_task *t, size_t from, size_t to)
{
    size_t n = 0;

    for (size_t i = from; i < to; i++) {
        n += t->size[i];
    }
    return n;
}

/* Shares: positives together positive_share, evenly over the classes;
 * negatives over their families by size^family_power. With positive_share 0
 * everything is drawn as often as it is there. */
static void set_shares(struct gate_task *t, const struct gate_options *o)
{
    size_t k = t->ds->n_classes, n_pos = count_range(t, 0, k);
    size_t n_neg = count_range(t, k, t->n_outputs);
    double natural = (double)n_pos / (double)(n_pos + n_neg);
    double positive = o->positive_share > 0 ? o->positive_share : natural;
    double families = 0, classes = 0;

    for (size_t i = 0; i < t->n_outputs; i++) {
        double w = i < k && o->positive_share > 0 ? t->size[i] > 0
                   : i < k                        ? (double)t->size[i]
                   : t->size[i] > 0 ? pow((double)t->size[i], o->family_power)
                                    : 0;

        t->share[i] = w;
        *(i < k ? &classes : &families) += w;
    }
    for (size_t i = 0; i < t->n_outputs; i++) {
        t->share[i] *= i < k ? positive / classes : (1 - positive) / families;
    }
}

static enum nn_status make_sampler(struct gate_task *t,
                                   const struct gate_options *o)
{
    t->sampler = (struct nn_sampler){
        .n_buckets = t->n_outputs,
        .bucket = (const uint32_t *const *)t->bucket,
        .bucket_n = t->size,
        .share = t->share,
        .n_epoch = count_range(t, 0, t->n_outputs),
        .seed = o->train.seed,
    };
    t->index = nn_mem_calloc(t->sampler.n_epoch, sizeof *t->index);
    return t->index == NULL ? NN_ERR_NOMEM : NN_OK;
}

static enum nn_status sample(void *ctx, uint64_t epoch, const uint32_t **index,
                             size_t *n)
{
    struct gate_task *t = ctx;

    *index = t->index;
    *n = t->sampler.n_epoch;
    return nn_sampler_epoch(&t->sampler, epoch, t->index);
}

static void target(void *ctx, uint32_t item, float *row, float *weight)
{
    const struct gate_task *t = ctx;
    const struct nn_item *it = &t->ds->items[item];

    memset(row, 0, t->n_outputs * sizeof *row);
    row[output_of(t->ds, it)] = 1;
    *weight = it->weight;
}

/* --- validation --- */

static enum nn_status list_valid(struct gate_task *t)
{
    size_t n = t->ds->n;

    t->valid = nn_mem_calloc(n, sizeof *t->valid);
    t->positive = nn_mem_calloc(n, 1);
    if (t->valid == NULL || t->positive == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        const struct nn_item *it = &t->ds->items[i];

        if (it->split == NN_VALID && !it->bad) {
            t->positive[t->n_valid] = it->label != NN_NEGATIVE;
            t->valid[t->n_valid++] = (uint32_t)i;
        }
    }
    t->logits = nn_mem_calloc(t->n_valid, t->n_outputs * sizeof *t->logits);
    t->ok = nn_mem_calloc(t->n_valid, 1);
    t->z = nn_mem_calloc(t->n_valid, sizeof *t->z);
    t->z_positive = nn_mem_calloc(t->n_valid, 1);
    return t->logits == NULL || t->ok == NULL || t->z == NULL ||
                   t->z_positive == NULL
               ? NN_ERR_NOMEM
               : NN_OK;
}

/* z of the readable validation pictures. */
static enum nn_status score_valid(struct gate_task *t, struct nn_scorer *s,
                                  struct nn_error *err)
{
    enum nn_status st = nn_scorer_run_items(s, t->ds, t->valid, t->n_valid,
                                            NULL, t->logits, t->ok, err);

    t->n_good = 0;
    for (size_t i = 0; !st && i < t->n_valid; i++) {
        if (t->ok[i]) {
            t->z[t->n_good] = gate_logit(t->net, t->logits + i * t->n_outputs);
            t->z_positive[t->n_good++] = t->positive[i];
        }
    }
    return st;
}

static double cross_entropy(const struct gate_task *t)
{
    double sum = 0;

    for (size_t i = 0; i < t->n_good; i++) {
        double z = t->z_positive[i] ? t->z[i] : -t->z[i];

        sum += (z < 0 ? -z : 0) + log1p(exp(-fabs(z)));
    }
    return sum / (double)t->n_good;
}

static enum nn_status evaluate(void *ctx, struct nn_scorer *s,
                               struct nn_train_metrics *m, struct nn_error *err)
{
    struct gate_task *t = ctx;
    struct nn_roc roc = NN_ROC_INIT;
    enum nn_status st = score_valid(t, s, err);

    if (!st) {
        st = nn_roc_init(&roc, t->z, t->z_positive, NULL, t->n_good, err);
    }
    if (!st) {
        m->loss = cross_entropy(t);
        m->metric = nn_roc_area(&roc);
        snprintf(m->text, sizeof m->text, "ROC area %.4f", m->metric);
    }
    nn_roc_release(&roc);
    return st;
}

/* --- the whole --- */

static enum nn_status check_counts(const struct gate_task *t,
                                   struct nn_error *err)
{
    size_t k = t->ds->n_classes, valid_pos = 0;
    const char *split = NULL, *what = NULL;

    for (size_t i = 0; i < t->n_valid; i++) {
        valid_pos += t->positive[i];
    }
    if (count_range(t, 0, k) == 0 || valid_pos == 0) {
        what = "pictures of a class";
        split = valid_pos == 0 ? "valid" : "train";
    }
    if (count_range(t, k, t->n_outputs) == 0 || valid_pos == t->n_valid) {
        what = "negatives (a folder named 'negative', 'none', 'no_...')";
        split = valid_pos == t->n_valid ? "valid" : "train";
    }
    if (what != NULL) {
        return nn_fail(err, NN_ERR_ARG,
                       "the gate needs %s in the %s part of '%s'", what, split,
                       t->ds->path);
    }
    return NN_OK;
}

static enum nn_status set_up(struct gate_task *t, const struct gate_options *o,
                             struct nn_error *err)
{
    enum nn_status st;

    if (name_outputs(t) || fill_buckets(t) || list_valid(t)) {
        return nn_fail_nomem(err);
    }
    st = check_counts(t, err);
    if (st) {
        return st;
    }
    set_shares(t, o);
    return make_sampler(t, o) ? nn_fail_nomem(err) : NN_OK;
}

static void release(struct gate_task *t)
{
    for (size_t i = 0; i < t->n_outputs; i++) {
        if (t->outputs != NULL) {
            nn_mem_free(t->outputs[i]);
        }
        if (t->bucket != NULL) {
            nn_mem_free(t->bucket[i]);
        }
    }
    nn_mem_free(t->outputs);
    nn_mem_free(t->bucket);
    nn_mem_free(t->size);
    nn_mem_free(t->share);
    nn_mem_free(t->index);
    nn_mem_free(t->valid);
    nn_mem_free(t->positive);
    nn_mem_free(t->logits);
    nn_mem_free(t->ok);
    nn_mem_free(t->z);
    nn_mem_free(t->z_positive);
}

static enum nn_status start_from(struct nn_net *net, const struct nn_net *start,
                                 struct nn_error *err)
{
    if (start->params.value.count != net->params.value.count) {
        return nn_fail(err, NN_ERR_ARG,
                       "the gate to start from has other outputs or another "
                       "width");
    }
    memcpy(net->params.value.data, start->params.value.data,
           net->params.value.count * sizeof(float));
    return NN_OK;
}

static enum nn_status make_net(const struct gate_task *t,
                               const struct gate_options *o,
                               struct nn_net **out, struct nn_error *err)
{
    struct nn_net_spec spec = gate_net_spec(o->width, o->size);
    struct nn_load_report r;
    enum nn_status st;

    spec.n_outputs = t->n_outputs;
    spec.outputs = (const char *const *)t->outputs;
    st = nn_net_create(&spec, o->train.seed, out, err);
    if (!st && o->start != NULL) {
        return start_from(*out, o->start, err);
    }
    if (!st && o->init != NULL) {
        st = nn_net_init_from(*out, o->init, "gate.", &r, err);
        if (!st) {
            nn_net_init_log("gate", o->init, &r);
        }
    }
    return st;
}

/* Test views, temperature, then the threshold on the calibrated
 * probabilities. */
static enum nn_status finish(struct gate_task *t, const struct gate_options *o,
                             struct nn_net *net, struct gate_policy *policy,
                             struct nn_error *err)
{
    struct nn_temperature fit;
    struct nn_scorer *s = NULL;
    enum nn_status st = nn_net_set_test_views(net, &o->test_views, err);

    if (!st) {
        st = nn_scorer_create(net, o->train.batch, &s, err);
    }
    if (!st) {
        st = score_valid(t, s, err);
    }
    nn_scorer_destroy(&s);
    if (!st) {
        st = nn_temperature_fit_binary(t->z, t->z_positive, t->n_good, &fit,
                                       err);
    }
    if (st) {
        return st;
    }
    net->temperature = fit.at_limit ? 1 : fit.temperature;
    for (size_t i = 0; i < t->n_good; i++) {
        t->z[i] = gate_probability(net, t->z[i]);
    }
    return gate_choose(t->z, t->z_positive, t->n_good, o->min_hit_rate, policy,
                       err);
}

enum nn_status gate_train(const struct nn_dataset *ds,
                          const struct gate_options *opt,
                          const struct nn_run *run, struct nn_net **out,
                          struct gate_policy *policy,
                          struct nn_train_result *result, struct nn_error *err)
{
    struct gate_task t = { .ds = ds };
    const struct nn_train_task task = { opt->task, ds,     &t,
                                        sample,    target, evaluate };
    struct nn_net *net = NULL;
    enum nn_status st = set_up(&t, opt, err);

    *out = NULL;
    if (!st) {
        st = make_net(&t, opt, &net, err);
    }
    if (!st) {
        t.net = net;
        st = nn_train(&task, &opt->train, run, net, result, err);
    }
    if (!st) {
        st = finish(&t, opt, net, policy, err);
    }
    release(&t);
    if (st) {
        nn_net_destroy(&net);
        return st;
    }
    *out = net;
    return NN_OK;
}

enum nn_status gate_calibrate(const struct nn_dataset *ds,
                              const struct gate_options *opt,
                              struct nn_net *gate, struct gate_policy *policy,
                              struct nn_error *err)
{
    struct gate_task t = { .ds = ds };
    enum nn_status st = set_up(&t, opt, err);

    if (!st && t.n_outputs != gate->spec.n_outputs) {
        st = nn_fail(err, NN_ERR_ARG, "the gate has other outputs than '%s'",
                     ds->path);
    }
    if (!st) {
        t.net = gate;
        st = finish(&t, opt, gate, policy, err);
    }
    release(&t);
    return st;
}
