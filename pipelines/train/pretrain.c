#include "pipelines/train/pretrain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/eval/metrics.h"

struct pretraining {
    const struct nn_dataset *ds;
    const struct pretrain_options *opt;
    size_t k;          /* outputs */
    char **outputs;    /* [k] names */
    int32_t *label;    /* [ds->n] output of an item, -1: not used */
    uint32_t *items;   /* training items, class after class */
    uint32_t **bucket; /* [k] into items */
    size_t *size;      /* [k] */
    double *share;     /* [k] */
    struct nn_sampler sampler;
    uint32_t *index;
    uint32_t *valid;
    size_t n_valid;
    float *logits; /* [n_valid,k] */
    uint8_t *ok;   /* [n_valid] */
    double top1, top5;
    size_t n_good;
};

struct pretrain_options pretrain_defaults(void)
{
    struct pretrain_options o = {
        .train = nn_train_defaults(),
        .width = 1.0f,
        .dropout = 0.1f,
        .size = 96,
    };

    o.train.epochs = 30;
    o.train.batch = 128;
    o.train.schedule.peak = 4e-3;
    o.train.ema = 0.999;
    o.train.norm_floor = 0.01f;
    return o;
}

/* --- which picture is what --- */

static size_t negative_outputs(const struct pretraining *t)
{
    switch (t->opt->negatives) {
    case PRETRAIN_ONE_CLASS:
        return 1;
    case PRETRAIN_FAMILIES:
        return t->ds->n_families;
    case PRETRAIN_NO_NEGATIVES:
        break;
    }
    return 0;
}

static int32_t label_of(const struct pretraining *t, const struct nn_item *it)
{
    if (it->label != NN_NEGATIVE) {
        return it->label;
    }
    if (t->opt->negatives == PRETRAIN_ONE_CLASS) {
        return (int32_t)t->ds->n_classes;
    }
    if (t->opt->negatives == PRETRAIN_FAMILIES && it->family >= 0) {
        return (int32_t)t->ds->n_classes + it->family;
    }
    return -1;
}

static enum nn_status name_outputs(struct pretraining *t)
{
    size_t classes = t->ds->n_classes;

    t->k = classes + negative_outputs(t);
    t->outputs = nn_mem_calloc(t->k, sizeof *t->outputs);
    for (size_t i = 0; t->outputs != NULL && i < t->k; i++) {
        t->outputs[i] =
            i < classes ? nn_mem_strdup(t->ds->classes[i])
            : t->opt->negatives == PRETRAIN_ONE_CLASS
                ? nn_mem_strdup("negative")
                : nn_mem_sprintf("negative/%s", t->ds->families[i - classes]);
        if (t->outputs[i] == NULL) {
            return NN_ERR_NOMEM;
        }
    }
    return t->outputs == NULL ? NN_ERR_NOMEM : NN_OK;
}

/* Items of each class side by side in one block. */
static void fill_buckets(struct pretraining *t)
{
    size_t at = 0;

    for (size_t j = 0; j < t->k; j++) {
        t->bucket[j] = t->items + at;
        at += t->size[j];
        t->size[j] = 0;
        t->share[j] = 1.0 / (double)t->k;
    }
    for (size_t i = 0; i < t->ds->n; i++) {
        const struct nn_item *it = &t->ds->items[i];
        int32_t j = t->label[i];

        if (j >= 0 && it->split == NN_TRAIN) {
            t->bucket[j][t->size[j]++] = (uint32_t)i;
        } else if (j >= 0 && it->split == NN_VALID) {
            t->valid[t->n_valid++] = (uint32_t)i;
        }
    }
}

static enum nn_status list_items(struct pretraining *t)
{
    size_t n = t->ds->n;

    t->label = nn_mem_calloc(n, sizeof *t->label);
    t->items = nn_mem_calloc(n, sizeof *t->items);
    t->valid = nn_mem_calloc(n, sizeof *t->valid);
    t->bucket = nn_mem_calloc(t->k, sizeof *t->bucket);
    t->size = nn_mem_calloc(t->k, sizeof *t->size);
    t->share = nn_mem_calloc(t->k, sizeof *t->share);
    if (t->label == NULL || t->items == NULL || t->valid == NULL ||
        t->bucket == NULL || t->size == NULL || t->share == NULL) {
        return NN_ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        const struct nn_item *it = &t->ds->items[i];

        t->label[i] = it->bad ? -1 : label_of(t, it);
        if (t->label[i] >= 0 && it->split == NN_TRAIN) {
            t->size[t->label[i]]++;
        }
    }
    fill_buckets(t);
    t->logits = nn_mem_calloc(t->n_valid, t->k * sizeof *t->logits);
    t->ok = nn_mem_calloc(t->n_valid, 1);
    return t->logits == NULL || t->ok == NULL ? NN_ERR_NOMEM : NN_OK;
}

static enum nn_status check_counts(const struct pretraining *t,
                                   struct nn_error *err)
{
    if (t->k < 2) {
        return nn_fail(err, NN_ERR_ARG,
                       "pre-training needs two classes or more; '%s' has %zu",
                       t->ds->path, t->k);
    }
    for (size_t j = 0; j < t->k; j++) {
        if (t->size[j] == 0) {
            return nn_fail(err, NN_ERR_ARG,
                           "class '%s' has no picture in the train part of "
                           "'%s'",
                           t->outputs[j], t->ds->path);
        }
    }
    return t->n_valid > 0 ? NN_OK
                          : nn_fail(err, NN_ERR_ARG,
                                    "no picture of a class in the valid part "
                                    "of '%s'",
                                    t->ds->path);
}

static enum nn_status set_up(struct pretraining *t, struct nn_error *err)
{
    size_t n = 0;
    enum nn_status st;

    if (name_outputs(t) || list_items(t)) {
        return nn_fail_nomem(err);
    }
    st = check_counts(t, err);
    if (st) {
        return st;
    }
    for (size_t j = 0; j < t->k; j++) {
        n += t->size[j];
    }
    t->sampler = (struct nn_sampler){
        .n_buckets = t->k,
        .bucket = (const uint32_t *const *)t->bucket,
        .bucket_n = t->size,
        .share = t->share,
        .n_epoch = n,
        .seed = t->opt->train.seed,
    };
    t->index = nn_mem_calloc(n, sizeof *t->index);
    return t->index == NULL ? nn_fail_nomem(err) : NN_OK;
}

static void release(struct pretraining *t)
{
    for (size_t i = 0; t->outputs != NULL && i < t->k; i++) {
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
    nn_mem_free(t->ok);
}

/* --- what the training loop asks for --- */

static enum nn_status sample(void *ctx, uint64_t epoch, const uint32_t **index,
                             size_t *n)
{
    struct pretraining *t = ctx;

    *index = t->index;
    *n = t->sampler.n_epoch;
    return nn_sampler_epoch(&t->sampler, epoch, t->index);
}

static void target(void *ctx, uint32_t item, float *row, float *weight)
{
    const struct pretraining *t = ctx;

    memset(row, 0, t->k * sizeof *row);
    row[t->label[item]] = 1;
    *weight = t->ds->items[item].weight;
}

/* How many outputs are larger than that of the truth: 0 is a hit. */
static size_t rank_of(const float *z, size_t k, int32_t truth)
{
    size_t rank = 0;

    for (size_t j = 0; j < k; j++) {
        rank += z[j] > z[truth] || (z[j] == z[truth] && j < (size_t)truth);
    }
    return rank;
}

/* Mean loss without smoothing, and how often the truth is first or among the
 * first five. */
static enum nn_status count_hits(struct pretraining *t, double *loss,
                                 struct nn_error *err)
{
    struct nn_loss plain = t->opt->train.loss;
    float *row = nn_mem_calloc(2 * t->k, sizeof *row);
    double sum = 0, one = 0;
    size_t first = 0, five = 0;
    enum nn_status st = row == NULL ? nn_fail_nomem(err) : NN_OK;

    plain.smoothing = 0;
    t->n_good = 0;
    for (size_t i = 0; !st && i < t->n_valid; i++) {
        const float *z = t->logits + i * t->k;
        int32_t truth = t->label[t->valid[i]];
        size_t rank = rank_of(z, t->k, truth);

        if (t->ok[i]) {
            memset(row, 0, t->k * sizeof *row);
            row[truth] = 1;
            st = nn_loss_eval(&plain, z, row, NULL, 1, (int32_t)t->k, &one,
                              row + t->k, err);
            sum += one;
            first += rank == 0;
            five += rank < 5;
            t->n_good++;
        }
    }
    nn_mem_free(row);
    if (!st && t->n_good == 0) {
        st = nn_fail(err, NN_ERR_ARG, "no readable picture in the valid part");
    }
    *loss = sum / (double)t->n_good;
    t->top1 = (double)first / (double)t->n_good;
    t->top5 = (double)five / (double)t->n_good;
    return st;
}

static enum nn_status evaluate(void *ctx, struct nn_scorer *s,
                               struct nn_train_metrics *m, struct nn_error *err)
{
    struct pretraining *t = ctx;
    enum nn_status st = nn_scorer_run_items(s, t->ds, t->valid, t->n_valid,
                                            NULL, t->logits, t->ok, err);

    if (!st) {
        st = count_hits(t, &m->loss, err);
    }
    m->metric = t->top1;
    snprintf(m->text, sizeof m->text, "top-1 %.4f", t->top1);
    return st;
}

/* --- the whole --- */

static enum nn_status make_net(const struct pretraining *t, struct nn_net **out,
                               struct nn_error *err)
{
    const struct pretrain_options *o = t->opt;
    struct nn_net_spec spec = nn_net_spec_defaults();
    struct nn_load_report r;
    enum nn_status st;

    spec.width = o->width;
    spec.size = o->size;
    spec.dropout = o->dropout;
    spec.head = o->sigmoid ? NN_HEAD_SIGMOID : NN_HEAD_SOFTMAX;
    spec.n_outputs = t->k;
    spec.outputs = (const char *const *)t->outputs;
    st = nn_net_create(&spec, o->train.seed, out, err);
    if (!st && o->init != NULL) {
        st = nn_net_init_from(*out, o->init, "gate.", &r, err);
        if (!st) {
            nn_net_init_log("backbone", o->init, &r);
        }
    }
    return st;
}

/* The figures of the weights that were kept. */
static enum nn_status measure(struct pretraining *t, const struct nn_net *net,
                              struct pretrain_result *r, struct nn_error *err)
{
    struct nn_train_metrics m;
    struct nn_scorer *s = NULL;
    enum nn_status st = nn_scorer_create(net, t->opt->train.batch, &s, err);

    if (!st) {
        st = evaluate(t, s, &m, err);
    }
    nn_scorer_destroy(&s);
    r->top1 = t->top1;
    r->top5 = t->top5;
    r->n_valid = t->n_good;
    return st;
}

enum nn_status pretrain(const struct nn_dataset *ds,
                        const struct pretrain_options *opt,
                        const struct nn_run *run, struct nn_net **out,
                        struct pretrain_result *result, struct nn_error *err)
{
    struct pretraining t = { .ds = ds, .opt = opt };
    const struct nn_train_task task = { "pretrain", ds,     &t,
                                        sample,     target, evaluate };
    struct nn_net *net = NULL;
    enum nn_status st = set_up(&t, err);

    *out = NULL;
    if (!st) {
        st = make_net(&t, &net, err);
    }
    if (!st) {
        st = nn_train(&task, &opt->train, run, net, &result->train, err);
    }
    if (!st) {
        st = measure(&t, net, result, err);
    }
    release(&t);
    if (st) {
        nn_net_destroy(&net);
        return st;
    }
    *out = net;
    return NN_OK;
}

static enum nn_status put_json(struct nn_st_writer *w, const char *key,
                               const json_t *j)
{
    char *text = json_dumps(j, JSON_COMPACT);
    enum nn_status st =
        text == NULL ? NN_ERR_NOMEM : nn_st_writer_meta(w, key, text);

    free(text);
    return st;
}

enum nn_status pretrain_save(const struct nn_net *net, const json_t *data,
                             const json_t *training, const char *path,
                             enum nn_dtype dtype, struct nn_error *err)
{
    struct nn_st_writer *w = NULL;
    enum nn_status st = nn_st_writer_create(&w);

    if (!st) {
        st = nn_st_writer_meta(w, "format", PRETRAIN_FORMAT);
    }
    if (!st) {
        st =
            nn_st_writer_meta(w, "program", "bearcascade " BEARCASCADE_VERSION);
    }
    if (!st && data != NULL) {
        st = put_json(w, "data", data);
    }
    if (!st && training != NULL) {
        st = put_json(w, "training", training);
    }
    if (st) {
        nn_fail(err, st, "%s", nn_status_str(st));
    } else {
        st = nn_net_save(w, "", net, dtype, err);
    }
    if (!st) {
        st = nn_st_writer_commit(w, path, err);
    }
    nn_st_writer_destroy(&w);
    return st;
}
