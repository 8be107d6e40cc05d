#include "common/train/frozen.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/feature_rows.h"

struct head_rows {
    size_t n, views, dims;
    uint32_t *index; /* [n] training items */
    double *share;   /* [n] weight of an item */
    uint8_t *ok;     /* [n] */
    struct nn_logistic_rows rows;
    float *x; /* [views n,dims] */
    int32_t *label;
    double *weight;
    uint64_t *group;
    size_t used; /* rows of images that could be read */
};

/* Items by bucket, as an epoch draws them, and what each of them weighs. */
static enum nn_status list_items(struct head_rows *h, const struct nn_task *t,
                                 struct nn_error *err)
{
    size_t n = nn_task_count(t, 0, nn_task_labelled(t)), at = 0, all;

    h->n = n;
    h->index = nn_mem_calloc(n, sizeof *h->index);
    h->share = nn_mem_calloc(n, sizeof *h->share);
    h->ok = nn_mem_calloc(n, 1);
    all = n * h->views;
    h->x = nn_mem_aligned(all * h->dims, sizeof *h->x);
    h->label = nn_mem_calloc(all, sizeof *h->label);
    h->weight = nn_mem_calloc(all, sizeof *h->weight);
    h->group = nn_mem_calloc(all, sizeof *h->group);
    if (h->index == NULL || h->share == NULL || h->ok == NULL || h->x == NULL ||
        h->label == NULL || h->weight == NULL || h->group == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t b = 0; b < nn_task_labelled(t); b++) {
        for (size_t i = 0; i < t->size[b]; i++) {
            uint32_t item = t->bucket[b][i];

            h->index[at] = item;
            h->share[at++] = t->share[b] / (double)t->size[b] *
                             (double)t->spec.ds->items[item].weight;
        }
    }
    return NN_OK;
}

/* Behind the rows that there are already, those of a view. */
static enum nn_status add_view(struct head_rows *h, const struct nn_task *t,
                               const struct nn_feature_options *opt,
                               const struct nn_net *net, struct nn_error *err)
{
    float *x = h->x + h->used * h->dims;
    size_t first = h->used;
    enum nn_status st = nn_features_of_items(net, t->spec.ds, h->index, h->n,
                                             opt, x, h->ok, err);

    if (st == NN_ERR_STOPPED) {
        return nn_fail(err, st,
                       "interrupted while the %s's features were computed; %s, "
                       "go on with --resume",
                       t->spec.name,
                       opt->dir != NULL ? "those that are done are kept"
                                        : "nothing is kept (--feature-cache)");
    }
    if (st) {
        return st;
    }
    for (size_t i = 0; i < h->n; i++) {
        const struct nn_item *it = &t->spec.ds->items[h->index[i]];
        int32_t label = t->label[h->index[i]];
        size_t at = h->used;

        if (!h->ok[i] || !(h->share[i] > 0)) {
            continue;
        }
        memmove(h->x + at * h->dims, x + i * h->dims, h->dims * sizeof *h->x);
        h->label[at] = label >= 0 ? label : -1;
        h->weight[at] = h->share[i];
        h->group[at] = it->group > 0 ? it->group : h->index[i] + 1U;
        h->used++;
    }
    return h->used > first
               ? NN_OK
               : nn_fail(err, NN_ERR_ARG,
                         "no readable image in the train part of '%s'",
                         t->spec.ds->path);
}

static void put_head(const struct nn_logistic *fit, struct nn_net *net)
{
    int stage = nn_graph_last_stage(net->graph);
    const struct nn_param *w =
        nn_graph_stage_param(net->graph, stage, NN_PARAM_WEIGHT);
    const struct nn_param *b =
        nn_graph_stage_param(net->graph, stage, NN_PARAM_BIAS);

    memcpy(net->params.value.data + w->offset, fit->weight,
           w->count * sizeof(float));
    memcpy(net->params.value.data + b->offset, fit->bias,
           b->count * sizeof(float));
}

static enum nn_status fit(struct head_rows *h, const struct nn_task *t,
                          const struct nn_train_options *opt,
                          const struct nn_run *run, struct nn_net *net,
                          struct nn_error *err)
{
    const struct nn_logistic_rows rows = { .n = h->used,
                                           .dims = h->dims,
                                           .outputs = t->spec.n_outputs,
                                           .x = h->x,
                                           .label = h->label,
                                           .weight = h->weight,
                                           .group = h->group };
    struct nn_logistic_options how = nn_logistic_defaults();
    struct nn_logistic found;
    enum nn_status st;

    how.kind = net->spec.head == NN_HEAD_SIGMOID ? NN_LOGISTIC_SIGMOID
                                                 : NN_LOGISTIC_SOFTMAX;
    how.seed = opt->seed;
    how.stop = run->stop;
    st = nn_logistic_fit(&rows, &how, &found, err);
    if (st) {
        goto out;
    }
    put_head(&found, net);
    nn_log(NN_LOG_INFO,
           "%s: classifier fitted on the features of %zu images in %zu "
           "view%s, strength %g",
           t->spec.name, h->used / h->views, h->views, h->views > 1 ? "s" : "",
           found.strength);
out:
    nn_logistic_release(&found);
    return st;
}

static void release(struct head_rows *h)
{
    nn_mem_free(h->index);
    nn_mem_free(h->share);
    nn_mem_free(h->ok);
    nn_mem_free(h->x);
    nn_mem_free(h->label);
    nn_mem_free(h->weight);
    nn_mem_free(h->group);
}

enum nn_status nn_task_fit_head(struct nn_task *t,
                                const struct nn_train_options *opt,
                                const struct nn_run *run, struct nn_net *net,
                                struct nn_error *err)
{
    struct head_rows h = { .views = 1 + (size_t)opt->head_views,
                           .dims = nn_feature_dims(net) };
    struct nn_feature_options how = { .augment = &opt->augment,
                                      .dir = opt->feature_dir,
                                      .limit_bytes = NN_FEATURE_CACHE_BYTES,
                                      .batch = opt->batch,
                                      .threads = opt->threads,
                                      .stop = run->stop };
    char label[80];
    enum nn_status st = list_items(&h, t, err);

    if (st) {
        goto out;
    }
    how.label = label;
    for (how.view = 0; how.view < h.views; how.view++) {
        snprintf(label, sizeof label, "%s: features, view %u of %zu",
                 t->spec.name, (unsigned)how.view + 1, h.views);
        st = add_view(&h, t, &how, net, err);
        if (st) {
            goto out;
        }
    }
    st = fit(&h, t, opt, run, net, err);
out:
    release(&h);
    return st;
}
