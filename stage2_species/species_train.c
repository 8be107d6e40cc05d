#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/eval/calibrate.h"
#include "common/eval/metrics.h"
#include "common/eval/stats.h"
#include "stage2_species/species.h"

/* Everything that the training loop asks for. */
struct species_task {
    const struct nn_dataset *ds;
    size_t k;
    size_t *size;      /* [k] training pictures of a class */
    uint32_t **bucket; /* [k] their items */
    double *share;     /* [k] */
    struct nn_sampler sampler;
    uint32_t *index;
    uint32_t *valid; /* items of valid with a class */
    size_t n_valid;
    float *logits; /* [n_valid,k] */
    uint8_t *ok;
    double *z;      /* [n_good,k] */
    int32_t *truth; /* [n_good] */
    size_t n_good;
};

/* --- sampling: every class equally often
 * ---------------------------------------- */

static enum nn_status fill_buckets(struct species_task *t)
{
    t->size = nn_mem_calloc(t->k, sizeof *t->size);
    t->bucket = nn_mem_calloc(t->k, sizeof *t->bucket);
    t->share = nn_mem_calloc(t->k, sizeof *t->share);
    if (t->size == NULL || t->bucket == NULL || t->share == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < t->k; i++) {
        t->share[i] = 1.0 / (double)t->k;
        t->bucket[i] = nn_mem_calloc(t->ds->n, sizeof **t->bucket);
        if (t->bucket[i] == NULL) {
            return NN_ERR_NOMEM;
        }
    }
    for (size_t i = 0; i < t->ds->n; i++) {
        const struct nn_item *it = &t->ds->items[i];

        if (it->label != NN_NEGATIVE && it->split == NN_TRAIN && !it->bad) {
            t->bucket[it->label][t->size[it->label]++] = (uint32_t)i;
        }
    }
    return NN_OK;
}

static enum nn_status sample(void *ctx, uint64_t epoch, const uint32_t **index,
                             size_t *n)
{
    struct species_task *t = ctx;

    *index = t->index;
    *n = t->sampler.n_epoch;
    return nn_sampler_epoch(&t->sampler, epoch, t->index);
}

static void target(void *ctx, uint32_t item, float *row, float *weight)
{
    const struct species_task *t = ctx;

    memset(row, 0, t->k * sizeof *row);
    row[t->ds->items[item].label] = 1;
    *weight = t->ds->items[item].weight;
}

/* --- validation
 * --------------------------------------------------------------------- */

static enum nn_status list_valid(struct species_task *t)
{
    t->valid = nn_mem_calloc(t->ds->n, sizeof *t->valid);
    if (t->valid == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < t->ds->n; i++) {
        const struct nn_item *it = &t->ds->items[i];

        if (it->label != NN_NEGATIVE && it->split == NN_VALID && !it->bad) {
            t->valid[t->n_valid++] = (uint32_t)i;
        }
    }
    t->logits = nn_mem_calloc(t->n_valid, t->k * sizeof *t->logits);
    t->ok = nn_mem_calloc(t->n_valid, 1);
    t->z = nn_mem_calloc(t->n_valid, t->k * sizeof *t->z);
    t->truth = nn_mem_calloc(t->n_valid, sizeof *t->truth);
    return t->logits == NULL || t->ok == NULL || t->z == NULL ||
                   t->truth == NULL
               ? NN_ERR_NOMEM
               : NN_OK;
}

static enum nn_status score_valid(struct species_task *t, struct nn_scorer *s,
                                  struct nn_error *err)
{
    enum nn_status st = nn_scorer_run_items(s, t->ds, t->valid, t->n_valid,
                                            NULL, t->logits, t->ok, err);

    t->n_good = 0;
    for (size_t i = 0; !st && i < t->n_valid; i++) {
        if (!t->ok[i]) {
            continue;
        }
        t->truth[t->n_good] = t->ds->items[t->valid[i]].label;
        for (size_t j = 0; j < t->k; j++) {
            t->z[t->n_good * t->k + j] = (double)t->logits[i * t->k + j];
        }
        t->n_good++;
    }
    return st;
}

/* softmax(z / temperature) in place. */
static void to_probabilities(double *z, size_t n, size_t k, double temperature)
{
    for (size_t i = 0; i < n; i++) {
        double *row = z + i * k, most = row[0], sum = 0;

        for (size_t j = 1; j < k; j++) {
            most = fmax(most, row[j]);
        }
        for (size_t j = 0; j < k; j++) {
            row[j] = exp((row[j] - most) / temperature);
            sum += row[j];
        }
        for (size_t j = 0; j < k; j++) {
            row[j] /= sum;
        }
    }
}

/* Mean over the classes of their hit rates; and the plain accuracy. */
static enum nn_status accuracies(const struct species_task *t, double *balanced,
                                 double *plain)
{
    size_t *n = nn_mem_calloc(t->k, sizeof *n);
    size_t *right = nn_mem_calloc(t->k, sizeof *right);
    size_t all = 0, seen = 0;
    double sum = 0;

    if (n == NULL || right == NULL) {
        nn_mem_free(n);
        nn_mem_free(right);
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < t->n_good; i++) {
        const double *row = t->z + i * t->k;
        size_t best = 0;

        for (size_t j = 1; j < t->k; j++) {
            best = row[j] > row[best] ? j : best;
        }
        n[t->truth[i]]++;
        right[t->truth[i]] += best == (size_t)t->truth[i];
        all += best == (size_t)t->truth[i];
    }
    for (size_t j = 0; j < t->k; j++) {
        if (n[j] > 0) {
            sum += (double)right[j] / (double)n[j];
            seen++;
        }
    }
    *balanced = sum / (double)seen;
    *plain = (double)all / (double)t->n_good;
    nn_mem_free(n);
    nn_mem_free(right);
    return NN_OK;
}

static enum nn_status evaluate(void *ctx, struct nn_scorer *s,
                               struct nn_train_metrics *m, struct nn_error *err)
{
    struct species_task *t = ctx;
    double plain;
    enum nn_status st = score_valid(t, s, err);

    if (st) {
        return st;
    }
    if (accuracies(t, &m->metric, &plain)) {
        return nn_fail_nomem(err);
    }
    snprintf(m->text, sizeof m->text, "accuracy %.4f", m->metric);
    to_probabilities(t->z, t->n_good, t->k, 1);
    return nn_nll_classes(t->z, t->truth, t->n_good, (int32_t)t->k, &m->loss,
                          err);
}

/* --- calibration and the floor
 * -------------------------------------------------------- */

/* Floor: the largest that keeps the share of the pictures that are right. */
static enum nn_status choose_floor(const struct species_task *t,
                                   const double *confidence, const uint8_t *hit,
                                   double keep_rate, struct species_policy *p,
                                   struct nn_error *err)
{
    double *right = nn_mem_calloc(t->n_good, sizeof *right);
    struct nn_keep keep;
    size_t n = 0, above = 0;
    enum nn_status st = NN_OK;

    if (right == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < t->n_good; i++) {
        if (hit[i]) {
            right[n++] = confidence[i];
        }
    }
    if (n > 0) {
        st = nn_keep_threshold(right, n, keep_rate, 0.95, &keep, err);
        p->floor = st ? 0 : keep.threshold;
    }
    nn_mem_free(right);
    for (size_t i = 0; i < t->n_good; i++) {
        above += confidence[i] >= p->floor;
    }
    p->keep_rate = (double)above / (double)t->n_good;
    p->accuracy = (double)n / (double)t->n_good;
    p->n = t->n_good;
    return st;
}

static enum nn_status calibration_error(const struct species_task *t,
                                        double *confidence, uint8_t *hit,
                                        double *ece, struct nn_error *err)
{
    enum nn_status st = nn_top_label(t->z, t->truth, t->n_good, (int32_t)t->k,
                                     confidence, hit, NULL, err);

    return st ? st
              : nn_reliability(confidence, hit, t->n_good, NN_ECE_BINS, NULL,
                               ece, err);
}

static enum nn_status calibrate(struct species_task *t, struct nn_scorer *s,
                                double keep_rate, struct nn_net *net,
                                double *confidence, uint8_t *hit,
                                struct species_policy *p, struct nn_error *err)
{
    struct nn_temperature fit;
    enum nn_status st = score_valid(t, s, err);

    if (!st) {
        st = nn_temperature_fit(t->z, t->truth, t->n_good, (int32_t)t->k, &fit,
                                err);
    }
    if (st) {
        return st;
    }
    net->temperature = fit.at_limit ? 1 : fit.temperature;
    to_probabilities(t->z, t->n_good, t->k, 1);
    st = calibration_error(t, confidence, hit, &p->ece_before, err);
    if (!st) {
        st = score_valid(t, s, err);
    }
    if (!st) {
        to_probabilities(t->z, t->n_good, t->k, net->temperature);
        st = calibration_error(t, confidence, hit, &p->ece_after, err);
    }
    return st ? st : choose_floor(t, confidence, hit, keep_rate, p, err);
}

static enum nn_status finish(struct species_task *t,
                             const struct species_options *o,
                             struct nn_net *net, struct species_policy *p,
                             struct nn_error *err)
{
    double *confidence = nn_mem_calloc(t->n_valid, sizeof *confidence);
    uint8_t *hit = nn_mem_calloc(t->n_valid, 1);
    struct nn_scorer *s = NULL;
    enum nn_status st = confidence == NULL || hit == NULL
                            ? nn_fail_nomem(err)
                            : nn_scorer_create(net, o->train.batch, &s, err);

    *p = (struct species_policy){ 0 };
    if (!st) {
        st = calibrate(t, s, o->keep_rate, net, confidence, hit, p, err);
    }
    nn_scorer_destroy(&s);
    nn_mem_free(confidence);
    nn_mem_free(hit);
    return st;
}

/* --- the whole
 * -------------------------------------------------------------------------- */

static enum nn_status set_up(struct species_task *t,
                             const struct species_options *o,
                             struct nn_error *err)
{
    size_t n = 0;

    if (t->k < 2) {
        return nn_fail(err, NN_ERR_ARG,
                       "a species net needs two classes or more");
    }
    if (fill_buckets(t) || list_valid(t)) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < t->k; i++) {
        if (t->size[i] == 0) {
            return nn_fail(err, NN_ERR_ARG,
                           "class '%s' has no picture in the train part of "
                           "'%s'",
                           t->ds->classes[i], t->ds->path);
        }
        n += t->size[i];
    }
    if (t->n_valid == 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "no picture of a class in the valid part of '%s'",
                       t->ds->path);
    }
    t->sampler = (struct nn_sampler){
        .n_buckets = t->k,
        .bucket = (const uint32_t *const *)t->bucket,
        .bucket_n = t->size,
        .share = t->share,
        .n_epoch = n,
        .seed = o->train.seed + 1,
    };
    t->index = nn_mem_calloc(n, sizeof *t->index);
    return t->index == NULL ? nn_fail_nomem(err) : NN_OK;
}

static void release(struct species_task *t)
{
    for (size_t i = 0; t->bucket != NULL && i < t->k; i++) {
        nn_mem_free(t->bucket[i]);
    }
    nn_mem_free(t->bucket);
    nn_mem_free(t->size);
    nn_mem_free(t->share);
    nn_mem_free(t->index);
    nn_mem_free(t->valid);
    nn_mem_free(t->logits);
    nn_mem_free(t->ok);
    nn_mem_free(t->z);
    nn_mem_free(t->truth);
}

/* Copy what the two nets share: all but the classifier when their widths are
 * equal. */
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

static enum nn_status make_net(const struct species_task *t,
                               const struct species_options *o,
                               struct nn_net **out, struct nn_error *err)
{
    struct nn_net_spec spec = species_net_spec(o->width, o->size);
    struct nn_load_report r;
    enum nn_status st;

    spec.n_outputs = t->k;
    spec.outputs = (const char *const *)t->ds->classes;
    st = nn_net_create(&spec, o->train.seed + 1, out, err);
    if (!st && o->init == NULL && o->start != NULL) {
        start_from(*out, o->start);
    }
    if (!st && o->init != NULL) {
        st = nn_net_init_from(*out, o->init, "species.", &r, err);
        if (!st) {
            nn_net_init_log("species", o->init, &r);
        }
    }
    return st;
}

enum nn_status species_train(const struct nn_dataset *ds,
                             const struct species_options *opt,
                             const struct nn_run *run, struct nn_net **out,
                             struct species_policy *policy,
                             struct nn_train_result *result,
                             struct nn_error *err)
{
    struct species_task t = { .ds = ds, .k = ds->n_classes };
    const struct nn_train_task task = { "species", ds,     &t,
                                        sample,    target, evaluate };
    struct nn_net *net = NULL;
    enum nn_status st = set_up(&t, opt, err);

    *out = NULL;
    if (!st) {
        st = make_net(&t, opt, &net, err);
    }
    if (!st) {
        st = nn_train(&task, &opt->train, run, net, result, err);
    }
    if (!st) {
        st = nn_net_set_test_views(net, &opt->test_views, err);
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
