#include "pipelines/train/pretrain.h"

#include <stdio.h>
#include <string.h>

#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/train/task.h"

struct pretraining {
    const struct nn_dataset *ds;
    const struct pretrain_options *opt;
    struct nn_task task;
    double top1, top5;
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
    o.train.bn_var_floor = 0.01f;
    return o;
}

/* --- outputs: the classes, then what negatives are --- */

static int32_t label_of(const void *ctx, const struct nn_item *it)
{
    const struct pretraining *t = ctx;

    if (it->label != NN_NEGATIVE) {
        return it->label;
    }
    if (t->opt->negatives == PRETRAIN_ONE_CLASS) {
        return (int32_t)t->ds->n_classes;
    }
    if (t->opt->negatives == PRETRAIN_FAMILIES && it->family >= 0) {
        return (int32_t)t->ds->n_classes + it->family;
    }
    return NN_TASK_UNUSED;
}

static char *name_of(const void *ctx, size_t i)
{
    const struct pretraining *t = ctx;
    size_t classes = t->ds->n_classes;

    if (i < classes) {
        return nn_mem_strdup(t->ds->classes[i]);
    }
    return t->opt->negatives == PRETRAIN_ONE_CLASS
               ? nn_mem_strdup("negative")
               : nn_mem_sprintf("negative/%s", t->ds->families[i - classes]);
}

static size_t negative_outputs(const struct nn_dataset *ds,
                               enum pretrain_negatives negatives)
{
    switch (negatives) {
    case PRETRAIN_ONE_CLASS:
        return 1;
    case PRETRAIN_FAMILIES:
        return ds->n_families;
    case PRETRAIN_NO_NEGATIVES:
        break;
    }
    return 0;
}

/* --- validation --- */

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
static enum nn_status measure(void *ctx, struct nn_train_metrics *m,
                              struct nn_error *err)
{
    struct pretraining *p = ctx;
    const struct nn_task *t = &p->task;
    size_t k = t->spec.n_outputs, first = 0, five = 0;
    struct nn_loss plain = p->opt->train.loss;
    float *row = nn_mem_calloc(2 * k, sizeof *row);
    double sum = 0, one = 0;
    enum nn_status st = NN_OK;

    if (row == NULL) {
        return nn_fail_nomem(err);
    }
    plain.smoothing = 0;
    for (size_t i = 0; i < t->n_good; i++) {
        const float *z = t->logits + i * k;
        size_t rank = rank_of(z, k, t->truth[i]);

        memset(row, 0, k * sizeof *row);
        row[t->truth[i]] = 1;
        st = nn_loss_eval(&plain, z, row, NULL, 1, (int32_t)k, &one, row + k,
                          err);
        if (st) {
            goto out;
        }
        sum += one;
        first += rank == 0;
        five += rank < 5;
    }
    p->top1 = (double)first / (double)t->n_good;
    p->top5 = (double)five / (double)t->n_good;
    m->loss = sum / (double)t->n_good;
    m->metric = p->top1;
    snprintf(m->text, sizeof m->text, "top-1 %.4f", p->top1);
out:
    nn_mem_free(row);
    return st;
}

/* --- the whole --- */

static enum nn_status set_up(struct pretraining *p, const struct nn_dataset *ds,
                             const struct pretrain_options *o,
                             struct nn_error *err)
{
    const struct nn_task_spec spec = {
        .name = "pretrain",
        .ds = ds,
        .seed = o->train.seed,
        .n_outputs = ds->n_classes + negative_outputs(ds, o->negatives),
        .ctx = p,
        .name_of = name_of,
        .label_of = label_of,
        .measure = measure,
    };
    enum nn_status st;

    *p = (struct pretraining){ .ds = ds, .opt = o };
    if (spec.n_outputs < 2) {
        return nn_fail(err, NN_ERR_ARG,
                       "pre-training needs two classes or more; '%s' has %zu",
                       ds->path, spec.n_outputs);
    }
    st = nn_task_open(&p->task, &spec, err);
    if (st) {
        return st;
    }
    return nn_task_need_all(&p->task, err);
}

static enum nn_status make_net(const struct nn_task *t,
                               const struct pretrain_options *o,
                               struct nn_net **out, struct nn_error *err)
{
    struct nn_net_spec spec = nn_net_spec_defaults();
    enum nn_status st;

    spec.width = o->width;
    spec.size = o->size;
    nn_net_spec_set_arch(&spec, o->arch);
    spec.dropout = o->dropout;
    spec.head = o->sigmoid ? NN_HEAD_SIGMOID : NN_HEAD_SOFTMAX;
    st = nn_task_net(t, &spec, out, err);
    if (st) {
        return st;
    }
    return nn_task_init(*out, o->init, "gate.", "backbone", err);
}

/* The figures of the weights that were kept. */
static enum nn_status measure_best(struct pretraining *p,
                                   const struct nn_net *net,
                                   struct pretrain_result *r,
                                   struct nn_error *err)
{
    struct nn_train_metrics m;
    enum nn_status st =
        nn_task_score_net(&p->task, net, p->opt->train.batch, err);

    if (st) {
        return st;
    }
    st = measure(p, &m, err);
    if (st) {
        return st;
    }
    r->top1 = p->top1;
    r->top5 = p->top5;
    r->n_valid = p->task.n_good;
    return NN_OK;
}

enum nn_status pretrain(const struct nn_dataset *ds,
                        const struct pretrain_options *opt,
                        const struct nn_run *run, struct nn_net **out,
                        struct pretrain_result *result, struct nn_error *err)
{
    struct pretraining p;
    struct nn_net *net = NULL;
    enum nn_status st = set_up(&p, ds, opt, err);

    *out = NULL;
    if (st) {
        goto out;
    }
    st = make_net(&p.task, opt, &net, err);
    if (st) {
        goto out;
    }
    st = nn_task_train(&p.task, &opt->train, run, net, &result->train, err);
    if (st) {
        goto out;
    }
    st = measure_best(&p, net, result, err);
    if (st) {
        goto out;
    }
    *out = net;
    net = NULL;
out:
    nn_task_close(&p.task);
    nn_net_destroy(&net);
    return st;
}

static enum nn_status put_json(struct nn_st_writer *w, const char *key,
                               const json_t *j)
{
    char *text = nn_json_dump(j, JSON_COMPACT);
    enum nn_status st =
        text == NULL ? NN_ERR_NOMEM : nn_st_writer_meta(w, key, text);

    nn_mem_free(text);
    return st;
}

static enum nn_status put_metadata(struct nn_st_writer *w, const json_t *data,
                                   const json_t *training)
{
    enum nn_status st = nn_st_writer_meta(w, "format", PRETRAIN_FORMAT);

    if (st) {
        return st;
    }
    st = nn_st_writer_meta(w, "program", "bearcascade " BEARCASCADE_VERSION);
    if (st) {
        return st;
    }
    if (data != NULL) {
        st = put_json(w, "data", data);
        if (st) {
            return st;
        }
    }
    return training != NULL ? put_json(w, "training", training) : NN_OK;
}

enum nn_status pretrain_save(const struct nn_net *net, const json_t *data,
                             const json_t *training, const char *path,
                             enum nn_dtype dtype, struct nn_error *err)
{
    struct nn_st_writer *w = NULL;
    enum nn_status st = nn_st_writer_create(&w);

    if (st) {
        return nn_fail_nomem(err);
    }
    st = put_metadata(w, data, training);
    if (st) {
        nn_fail(err, st, "%s", nn_status_str(st));
        goto out;
    }
    st = nn_net_save(w, "", net, dtype, err);
    if (st) {
        goto out;
    }
    st = nn_st_writer_commit(w, path, err);
out:
    nn_st_writer_destroy(&w);
    return st;
}
