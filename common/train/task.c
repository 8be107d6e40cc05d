#include "common/data/score_items.h"
#include "common/train/task.h"

#include <math.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/eval/calibrate.h"
#include "common/train/frozen.h"

/* --- who belongs where --- */

static enum nn_status name_outputs(struct nn_task *t)
{
    size_t k = t->spec.n_outputs;

    t->outputs = nn_mem_calloc(k, sizeof *t->outputs);
    for (size_t i = 0; t->outputs != NULL && i < k; i++) {
        t->outputs[i] = t->spec.name_of(t->spec.ctx, i);
        if (t->outputs[i] == NULL) {
            return NN_ERR_NOMEM;
        }
    }
    return t->outputs == NULL ? NN_ERR_NOMEM : NN_OK;
}

/* The bucket of an item, or n_buckets: it is not trained on. */
static size_t bucket_of(const struct nn_task *t, size_t i)
{
    int32_t label = t->label[i];
    int shown = label >= 0 || label == NN_TASK_ZEROS;

    if (label == NN_TASK_TAUGHT && t->spec.soften != NULL) {
        return t->sampler.n_buckets - 1;
    }
    if (t->spec.ds->items[i].split != NN_TRAIN || !shown) {
        return t->sampler.n_buckets;
    }
    return t->spec.one_bucket ? 0 : (size_t)label;
}

static enum nn_status label_items(struct nn_task *t)
{
    const struct nn_dataset *ds = t->spec.ds;
    size_t n = t->sampler.n_buckets;

    t->label = nn_mem_calloc(ds->n, sizeof *t->label);
    t->size = nn_mem_calloc(n, sizeof *t->size);
    if (t->label == NULL || t->size == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];

        t->label[i] =
            it->bad ? NN_TASK_UNUSED : t->spec.label_of(t->spec.ctx, it);
        if (bucket_of(t, i) < n) {
            t->size[bucket_of(t, i)]++;
        }
        t->n_valid += it->split == NN_VALID && t->label[i] != NN_TASK_UNUSED;
    }
    return NN_OK;
}

/* Items of each bucket side by side in one block. */
static enum nn_status fill_buckets(struct nn_task *t)
{
    size_t n = t->sampler.n_buckets, all = nn_task_count(t, 0, n), at = 0;

    t->items = nn_mem_calloc(all, sizeof *t->items);
    t->index = nn_mem_calloc(all, sizeof *t->index);
    t->bucket = nn_mem_calloc(n, sizeof *t->bucket);
    t->share = nn_mem_calloc(n, sizeof *t->share);
    if (t->items == NULL || t->index == NULL || t->bucket == NULL ||
        t->share == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t b = 0; b < n; b++) {
        t->bucket[b] = t->items + at;
        at += t->size[b];
        t->size[b] = 0;
        t->share[b] = 1.0 / (double)n;
    }
    for (size_t i = 0; i < t->spec.ds->n; i++) {
        size_t b = bucket_of(t, i);

        if (b < n) {
            t->bucket[b][t->size[b]++] = (uint32_t)i;
        }
    }
    t->sampler.bucket = (const uint32_t *const *)t->bucket;
    t->sampler.bucket_n = t->size;
    t->sampler.share = t->share;
    t->sampler.n_epoch = all;
    return NN_OK;
}

static enum nn_status list_valid(struct nn_task *t)
{
    size_t n = t->n_valid, k = t->spec.n_outputs;

    t->valid = nn_mem_calloc(n, sizeof *t->valid);
    t->logits = nn_mem_calloc(n, k * sizeof *t->logits);
    t->truth = nn_mem_calloc(n, sizeof *t->truth);
    t->positive = nn_mem_calloc(n, 1);
    t->group = nn_mem_calloc(n, sizeof *t->group);
    t->score = nn_mem_calloc(n, sizeof *t->score);
    t->ok = nn_mem_calloc(n, 1);
    if (t->valid == NULL || t->logits == NULL || t->truth == NULL ||
        t->positive == NULL || t->group == NULL || t->score == NULL ||
        t->ok == NULL) {
        return NN_ERR_NOMEM;
    }
    n = 0;
    for (size_t i = 0; i < t->spec.ds->n; i++) {
        if (t->spec.ds->items[i].split == NN_VALID &&
            t->label[i] != NN_TASK_UNUSED) {
            t->valid[n++] = (uint32_t)i;
        }
    }
    return NN_OK;
}

enum nn_status nn_task_open(struct nn_task *t, const struct nn_task_spec *spec,
                            struct nn_error *err)
{
    *t = (struct nn_task){ .spec = *spec };
    t->sampler.n_buckets =
        (spec->one_bucket ? 1 : spec->n_outputs) + (spec->soften != NULL);
    t->sampler.seed = spec->seed;
    if (name_outputs(t) || label_items(t) || fill_buckets(t) || list_valid(t)) {
        return nn_fail_nomem(err);
    }
    return NN_OK;
}

void nn_task_close(struct nn_task *t)
{
    for (size_t i = 0; t->outputs != NULL && i < t->spec.n_outputs; i++) {
        nn_mem_free(t->outputs[i]);
    }
    nn_mem_free(t->outputs);
    nn_mem_free(t->label);
    nn_mem_free(t->items);
    nn_mem_free(t->bucket);
    nn_mem_free(t->size);
    nn_mem_free(t->share);
    nn_mem_free(t->index);
    nn_mem_free(t->valid);
    nn_mem_free(t->logits);
    nn_mem_free(t->truth);
    nn_mem_free(t->positive);
    nn_mem_free(t->group);
    nn_mem_free(t->score);
    nn_mem_free(t->ok);
    *t = (struct nn_task){ .n_valid = 0 };
}

enum nn_status nn_task_set_epoch(struct nn_task *t, size_t n,
                                 struct nn_error *err)
{
    uint32_t *index = nn_mem_calloc(n, sizeof *index);

    if (index == NULL) {
        return nn_fail_nomem(err);
    }
    nn_mem_free(t->index);
    t->index = index;
    t->sampler.n_epoch = n;
    return NN_OK;
}

/* --- demands --- */

size_t nn_task_count(const struct nn_task *t, size_t from, size_t to)
{
    size_t n = 0;

    for (size_t b = from; b < to; b++) {
        n += t->size[b];
    }
    return n;
}

size_t nn_task_labelled(const struct nn_task *t)
{
    return t->sampler.n_buckets - (t->spec.soften != NULL);
}

enum nn_status nn_task_need_all(const struct nn_task *t, struct nn_error *err)
{
    for (size_t b = 0; b < nn_task_labelled(t); b++) {
        if (t->size[b] == 0) {
            return nn_fail(err, NN_ERR_ARG,
                           "class '%s' has no image in the train part of "
                           "'%s'",
                           t->outputs[b], t->spec.ds->path);
        }
    }
    if (t->n_valid == 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "no image of a class in the valid part of '%s'",
                       t->spec.ds->path);
    }
    return NN_OK;
}

enum nn_status nn_task_need_both(const struct nn_task *t, const char *who,
                                 int trains_on_negatives, struct nn_error *err)
{
    static const char *const what[] = {
        "negatives (a folder named 'negative', 'none', 'no_...')",
        "images of a class"
    };
    const struct nn_dataset *ds = t->spec.ds;
    size_t n[2][2] = { { 0 } }; /* valid, positive */

    for (size_t i = 0; i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];
        int valid = it->split == NN_VALID;

        if (t->label[i] != NN_TASK_UNUSED && (valid || it->split == NN_TRAIN)) {
            n[valid][it->label != NN_NEGATIVE]++;
        }
    }
    for (int valid = 0; valid < 2; valid++) {
        for (int positive = 0; positive < 2; positive++) {
            int asked = valid || positive || trains_on_negatives;

            if (asked && n[valid][positive] == 0) {
                return nn_fail(
                    err, NN_ERR_ARG, "%s needs %s in the %s part of '%s'", who,
                    what[positive], valid ? "valid" : "train", ds->path);
            }
        }
    }
    return NN_OK;
}

/* --- training --- */

enum nn_status nn_task_net(const struct nn_task *t,
                           const struct nn_net_spec *spec, struct nn_net **out,
                           struct nn_error *err)
{
    struct nn_net_spec own = *spec;

    own.n_outputs = t->spec.n_outputs;
    own.outputs = (const char *const *)t->outputs;
    return nn_net_create(&own, t->spec.seed, out, err);
}

enum nn_status nn_task_init(struct nn_net *net, const char *path,
                            const char *prefix, const char *who,
                            struct nn_error *err)
{
    struct nn_load_report r;
    enum nn_status st;

    if (path == NULL) {
        return NN_OK;
    }
    st = nn_net_init_from(net, path, prefix, &r, err);
    if (st) {
        return st;
    }
    nn_net_init_log(who, path, &r);
    return NN_OK;
}

static enum nn_status sample(void *ctx, uint64_t epoch, const uint32_t **index,
                             size_t *n)
{
    struct nn_task *t = ctx;

    *index = t->index;
    *n = t->sampler.n_epoch;
    return nn_sampler_epoch(&t->sampler, epoch, t->index);
}

static void target(void *ctx, uint32_t item, float *row, float *weight)
{
    const struct nn_task *t = ctx;

    memset(row, 0, t->spec.n_outputs * sizeof *row);
    if (t->label[item] >= 0) {
        row[t->label[item]] = 1;
    }
    if (t->spec.soften != NULL) {
        t->spec.soften(t->spec.ctx, item, row);
    }
    *weight = t->spec.ds->items[item].weight;
}

static enum nn_status score_valid(struct nn_task *t, struct nn_scorer *s,
                                  struct nn_error *err)
{
    const struct nn_dataset *ds = t->spec.ds;
    size_t k = t->spec.n_outputs, n = 0;
    enum nn_status st = nn_scorer_run_items(s, ds, t->valid, t->n_valid, NULL,
                                            t->logits, t->ok, err);

    t->n_good = 0;
    if (st) {
        return st;
    }
    for (size_t i = 0; i < t->n_valid; i++) {
        if (t->ok[i]) {
            memmove(t->logits + n * k, t->logits + i * k,
                    k * sizeof *t->logits);
            t->truth[n] = t->label[t->valid[i]];
            t->group[n] = ds->items[t->valid[i]].group;
            t->positive[n++] = ds->items[t->valid[i]].label != NN_NEGATIVE;
        }
    }
    if (n == 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "no readable image in the valid part of '%s'", ds->path);
    }
    t->n_good = n;
    return NN_OK;
}

static enum nn_status evaluate(void *ctx, struct nn_scorer *s,
                               struct nn_train_metrics *m, struct nn_error *err)
{
    struct nn_task *t = ctx;
    enum nn_status st = score_valid(t, s, err);

    if (st) {
        return st;
    }
    return t->spec.measure(t->spec.ctx, m, err);
}

/* The head alone; measured as an epoch would be. */
static enum nn_status train_frozen(struct nn_task *t,
                                   const struct nn_train_options *opt,
                                   const struct nn_run *run, struct nn_net *net,
                                   struct nn_train_result *result,
                                   struct nn_error *err)
{
    double start = nn_time_s();
    enum nn_status st = nn_task_fit_head(t, opt, run, net, err);

    *result = (struct nn_train_result){ .seconds = 0 };
    if (st) {
        return st;
    }
    t->feature_dir = nn_train_feature_dir(opt);
    st = nn_task_score_net(t, net, opt->batch, err);
    if (st) {
        return st;
    }
    st = t->spec.measure(t->spec.ctx, &result->best, err);
    result->seconds = nn_time_s() - start;
    return st;
}

enum nn_status nn_task_train(struct nn_task *t,
                             const struct nn_train_options *opt,
                             const struct nn_run *run, struct nn_net *net,
                             struct nn_train_result *result,
                             struct nn_error *err)
{
    const struct nn_train_task task = { t->spec.name,     t->spec.ds, t,
                                        sample,           target,     evaluate,
                                        t->spec.soft_hash };

    if (opt->tune == NN_TUNE_FROZEN) {
        return train_frozen(t, opt, run, net, result, err);
    }
    if (opt->tune == NN_TUNE_HEAD_FIRST) {
        enum nn_status st = nn_task_fit_head(t, opt, run, net, err);

        if (st) {
            return st;
        }
    }
    return nn_train(&task, opt, run, net, result, err);
}

/* --- validation --- */

enum nn_status nn_task_score_net(struct nn_task *t, const struct nn_net *net,
                                 int32_t batch, struct nn_error *err)
{
    struct nn_scorer *s = NULL;
    enum nn_status st = nn_scorer_create(net, batch, &s, err);

    if (st) {
        return st;
    }
    nn_scorer_keep_features(s, t->feature_dir);
    st = score_valid(t, s, err);
    nn_scorer_destroy(&s);
    return st;
}

size_t nn_task_best(const struct nn_task *t, size_t i, size_t k)
{
    const float *z = t->logits + i * t->spec.n_outputs;
    size_t best = 0;

    for (size_t j = 1; j < k; j++) {
        best = z[j] > z[best] ? j : best;
    }
    return best;
}

void nn_task_softmax(const struct nn_task *t, double temperature, double *p)
{
    size_t k = t->spec.n_outputs;

    for (size_t i = 0; i < t->n_good; i++) {
        const float *z = t->logits + i * k;
        double max = (double)z[nn_task_best(t, i, k)], sum = 0;
        double *row = p + i * k;

        for (size_t j = 0; j < k; j++) {
            row[j] = exp(((double)z[j] - max) / temperature);
            sum += row[j];
        }
        for (size_t j = 0; j < k; j++) {
            row[j] /= sum;
        }
    }
}

/* --- temperature --- */

static void set_temperature(const struct nn_task *t, struct nn_net *net,
                            const struct nn_temperature_choice *c)
{
    net->temperature = c->temperature;
    if (c->temperature != 1 || c->fit.temperature == 1 || c->fit.at_limit) {
        return;
    }
    if (isnan(c->ece_after)) {
        nn_log(NN_LOG_INFO,
               "%s: too few validation images to check a temperature on, "
               "probabilities stay as they are",
               t->spec.name);
    } else {
        nn_log(NN_LOG_INFO,
               "%s: a temperature of %.2f does not lower the calibration error "
               "on validation images (%.3f without, %.3f on images it was not "
               "fitted on), so it is not used",
               t->spec.name, c->fit.temperature, c->ece_before, c->ece_after);
    }
}

/* Of a validation item. Lists go by class, so that neighbours in the list give
 * each fold its share. */
static uint64_t fold_of(const struct nn_task *t, size_t i)
{
    return t->group != NULL && t->group[i] > 0 ? t->group[i] : i;
}

enum nn_status nn_task_fit_softmax(const struct nn_task *t, size_t n_judged,
                                   struct nn_net *net, struct nn_error *err)
{
    size_t k = t->spec.n_outputs, n = 0;
    double *z = nn_mem_calloc(t->n_good, k * sizeof *z);
    int32_t *truth = nn_mem_calloc(t->n_good, sizeof *truth);
    uint64_t *fold = nn_mem_calloc(t->n_good, sizeof *fold);
    struct nn_temperature_choice choice;
    enum nn_status st = NN_OK;

    if (z == NULL || truth == NULL || fold == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    for (size_t i = 0; i < t->n_good; i++) {
        if (t->truth[i] >= 0) {
            for (size_t j = 0; j < k; j++) {
                z[n * k + j] = (double)t->logits[i * k + j];
            }
            fold[n] = fold_of(t, i);
            truth[n++] = t->truth[i];
        }
    }
    st = nn_temperature_choose(z, truth, n, (int32_t)k, (int32_t)n_judged, fold,
                               &choice, err);
    if (st) {
        goto out;
    }
    set_temperature(t, net, &choice);
out:
    nn_mem_free(z);
    nn_mem_free(truth);
    nn_mem_free(fold);
    return st;
}

enum nn_status nn_task_fit_binary(const struct nn_task *t, const double *z,
                                  const uint8_t *yes, size_t n,
                                  struct nn_net *net, struct nn_error *err)
{
    uint64_t *fold = nn_mem_calloc(n, sizeof *fold);
    struct nn_temperature_choice choice;
    enum nn_status st;

    if (fold == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        fold[i] = fold_of(t, i / (n / t->n_good));
    }
    st = nn_temperature_choose_binary(z, yes, n, fold, &choice, err);
    nn_mem_free(fold);
    if (st) {
        return st;
    }
    set_temperature(t, net, &choice);
    return NN_OK;
}
