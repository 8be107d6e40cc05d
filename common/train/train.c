#include "common/train/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/train/train_internal.h"

/* Milder than nn_augment_defaults(): a small net that sees few epochs still
 * underfits, and strong views slow it down (docs/training.md has figures). */
static struct nn_augment mild_views(void)
{
    struct nn_augment a = nn_augment_defaults();

    a.crop_min = 0.5f;
    a.brightness = a.contrast = a.saturation = 0.25f;
    a.hue = 0.02f;
    a.grey = 0.02f;
    a.lowres = 0.1f;
    a.jpeg = 0.05f;
    a.blur = 0.03f;
    a.erase = 0.1f;
    return a;
}

struct nn_train_options nn_train_defaults(void)
{
    return (struct nn_train_options){
        .head_views = 1,
        .epochs = 40,
        .batch = 32,
        .seed = 1,
        .loss = { NN_LOSS_CATEGORICAL, 0.25f, 2.0f, 0.1f },
        .optim = nn_optim_defaults(NN_OPTIM_ADAMW),
        .schedule = { NN_SCHEDULE_ONE_CYCLE, 2e-3, 0.2, 0.01 },
        .clip = 5,
        .ema = 0.998,
        .eval_every = 1,
        .augment = mild_views(),
        .head_lr = 1,
        .block_decay = 1,
        .mix = nn_mix_none(),
    };
}

const char *nn_train_feature_dir(const struct nn_train_options *opt)
{
    return opt->tune == NN_TUNE_FROZEN ? opt->feature_dir : NULL;
}

/* --- rates per layer --- */

static void set_rates(struct nn_training *t)
{
    const struct nn_param *p;
    int frozen = t->epoch < t->opt->freeze_epochs;
    int classifier = nn_graph_last_stage(t->net->graph);

    for (size_t i = 0; (p = nn_graph_param(t->net->graph, i)) != NULL; i++) {
        if (p->stage == classifier) {
            t->lr_scale[i] = (float)t->opt->head_lr;
        } else {
            t->lr_scale[i] = frozen ? 0.0f
                                    : (float)pow(t->opt->block_decay,
                                                 classifier - 1 - p->stage);
        }
    }
}

/* --- running statistics --- */

static enum nn_status remember_norms(struct nn_training *t,
                                     struct nn_error *err)
{
    const struct nn_buf *v = &t->net->params.value;

    if (t->opt->freeze_bn_stats == 0) {
        return NN_OK;
    }
    t->norms = nn_mem_calloc(v->count, sizeof *t->norms);
    if (t->norms == NULL) {
        return nn_fail_nomem(err);
    }
    memcpy(t->norms, v->data, v->count * sizeof *t->norms);
    return NN_OK;
}

static void raise_to(float *v, size_t n, float min)
{
    for (size_t i = 0; i < n; i++) {
        v[i] = v[i] < min ? min : v[i];
    }
}

/* After each forward pass, which moves the running statistics. */
static void settle_norms(struct nn_training *t)
{
    const struct nn_param *p;

    if (t->norms == NULL && !(t->opt->bn_var_floor > 0)) {
        return;
    }
    for (size_t i = 0; (p = nn_graph_param(t->net->graph, i)) != NULL; i++) {
        float *v = t->net->params.value.data + p->offset;

        if (p->trained) {
            continue;
        }
        if (t->norms != NULL && p->stage < t->opt->freeze_bn_stats) {
            memcpy(v, t->norms + p->offset, p->count * sizeof *v);
        } else if (p->role == NN_PARAM_NORM_VAR) {
            raise_to(v, p->count, t->opt->bn_var_floor);
        }
    }
}

/* --- one step --- */

static enum nn_status name_failure(const struct nn_training *t,
                                   enum nn_status st, struct nn_error *err)
{
    struct nn_error why = *err;

    if (st != NN_ERR_NUMERIC) {
        return st;
    }
    return nn_fail(
        err, st, "%s, epoch %lld, step %lld: %s; a smaller --lr may help",
        t->task->name, (long long)t->epoch + 1, (long long)t->step, why.text);
}

static int mixes(const struct nn_training *t)
{
    return t->mixed != NULL &&
           t->epoch < t->opt->epochs - t->opt->mix.no_mix_epochs;
}

static double rate_at(const struct nn_training *t, int64_t step)
{
    return nn_schedule_at(&t->opt->schedule, step - t->first_step,
                          t->total_steps - t->first_step);
}

static enum nn_status train_step(struct nn_training *t,
                                 const struct nn_batch *b, struct nn_error *err)
{
    struct nn_params *p = &t->net->params;
    const float *input = b->input, *target = t->target, *weight = t->weight;
    struct nn_tensor z;
    double loss, lr = rate_at(t, t->step);
    enum nn_status st;

    for (int32_t i = 0; i < b->n; i++) {
        t->weight[i] = 1;
        t->task->target(t->task->ctx, b->index[i], t->target + (size_t)i * t->k,
                        &t->weight[i]);
    }
    if (mixes(t)) {
        nn_mix_batch(&t->opt->mix, t->opt->seed, (uint64_t)t->step, input,
                     target, weight, b->n, t->size, (int32_t)t->k, t->mixed,
                     t->mixed_target, t->mixed_weight);
        input = t->mixed;
        target = t->mixed_target;
        weight = t->mixed_weight;
    }
    st = nn_exec_forward(t->exec, p, input, b->n, (uint64_t)t->step, &z, err);
    settle_norms(t);
    if (st) {
        return name_failure(t, st, err);
    }
    st = nn_loss_eval(&t->opt->loss, z.data, target, weight, b->n,
                      (int32_t)t->k, &loss, t->dlogits, err);
    if (st) {
        return name_failure(t, st, err);
    }
    nn_grad_clear(p);
    st = nn_exec_backward(t->exec, p, t->dlogits, err);
    if (st) {
        return st;
    }
    nn_grad_clip(p, t->net->graph, t->opt->clip);
    nn_optim_step(&t->optim, t->net->graph, p, lr, t->lr_scale);
    if (t->opt->ema > 0) {
        nn_ema_update(&t->ema, p, t->opt->ema, t->step);
    }
    t->loss_sum += loss * b->n;
    t->loss_n += b->n;
    return NN_OK;
}

static int is_stopped(const struct nn_training *t)
{
    return t->run->stop != NULL && *t->run->stop;
}

static enum nn_status stop_here(struct nn_training *t, struct nn_error *err)
{
    enum nn_status st = nn_training_save(t, err);

    if (st) {
        return st;
    }
    return nn_fail(err, NN_ERR_STOPPED,
                   "interrupted in epoch %lld of %d of the %s; the state is "
                   "saved, go on with --resume",
                   (long long)t->epoch + 1, t->opt->epochs, t->task->name);
}

static void show_progress(struct nn_training *t)
{
    char note[160];

    snprintf(note, sizeof note, "epoch %lld/%d loss %.3f %s",
             (long long)t->epoch + 1, t->opt->epochs,
             t->loss_n > 0 ? t->loss_sum / t->loss_n : 0.0,
             t->best_metrics.text);
    nn_progress_update(&t->bar, t->step * t->opt->batch, note);
}

/* --- input size --- */

static int32_t size_at(const struct nn_training *t, int64_t epoch)
{
    for (size_t i = 0; i < t->opt->n_phases; i++) {
        if (epoch < t->opt->phases[i].epochs) {
            return t->opt->phases[i].size;
        }
        epoch -= t->opt->phases[i].epochs;
    }
    return t->net->spec.size;
}

static enum nn_status make_loader(struct nn_training *t, struct nn_error *err)
{
    const struct nn_net_spec *s = &t->net->spec;
    struct nn_loader_options o = {
        .batch = t->opt->batch,
        .size = t->size,
        .cache_bytes = t->opt->cache_bytes,
        .threads = t->opt->threads,
        .seed = t->opt->seed,
        .augment = &t->opt->augment,
    };

    memcpy(o.mean, s->mean, sizeof o.mean);
    memcpy(o.stddev, s->stddev, sizeof o.stddev);
    return nn_loader_create(t->task->ds, &o, &t->loader, err);
}

static enum nn_status make_mixed(struct nn_training *t, struct nn_error *err)
{
    size_t side = (size_t)t->size, batch = (size_t)t->opt->batch;

    if (!nn_mix_is_on(&t->opt->mix)) {
        return NN_OK;
    }
    nn_mem_free(t->mixed);
    t->mixed = nn_mem_aligned(batch * side * side, 3 * sizeof(float));
    return t->mixed == NULL ? nn_fail_nomem(err) : NN_OK;
}

static void drop_size(struct nn_training *t)
{
    nn_exec_destroy(&t->exec);
    nn_loader_destroy(&t->loader);
    nn_net_destroy(&t->sized);
    t->size = 0;
}

/* Executor and loader for inputs of this size. Graphs of all sizes share one
 * parameter table. */
static enum nn_status set_size(struct nn_training *t, int32_t size,
                               struct nn_error *err)
{
    const struct nn_exec_options opt = { .max_batch = t->opt->batch,
                                         .train = 1,
                                         .seed = t->opt->seed,
                                         .cpu = nn_cpu_flags() };
    const struct nn_graph *graph = t->net->graph;
    struct nn_net_spec spec = t->net->spec;
    enum nn_status st;

    if (size == t->size) {
        return NN_OK;
    }
    drop_size(t);
    if (size != spec.size) {
        spec.size = size;
        st = nn_net_create(&spec, 0, &t->sized, err);
        if (st) {
            return st;
        }
        graph = t->sized->graph;
    }
    st = nn_exec_create(graph, &opt, &t->exec, err);
    if (st) {
        return st;
    }
    t->size = size;
    st = make_mixed(t, err);
    if (st) {
        return st;
    }
    return make_loader(t, err);
}

/* --- epochs --- */

static enum nn_status run_batches(struct nn_training *t, struct nn_error *err)
{
    struct nn_batch b;
    enum nn_status st = nn_loader_next(t->loader, &b, err);

    if (st) {
        return st;
    }
    while (b.n > 0) {
        double t0 = nn_time_s();

        /* Batch statistics of one image say nothing: unreadable images
         * may leave such a batch. */
        if (b.n > 1) {
            st = train_step(t, &b, err);
            if (st) {
                return st;
            }
        }
        t->step++;
        t->batch++;
        t->train_images += b.n;
        if (is_stopped(t)) {
            return stop_here(t, err);
        }
        show_progress(t);
        st = nn_loader_next(t->loader, &b, err);
        if (st) {
            return st;
        }
        t->train_s += nn_time_s() - t0;
    }
    return NN_OK;
}

static int is_better(const struct nn_train_metrics *a,
                     const struct nn_train_metrics *b)
{
    return a->metric > b->metric ||
           (a->metric == b->metric && a->loss < b->loss);
}

static enum nn_status evaluate(struct nn_training *t, double lr,
                               struct nn_error *err)
{
    const struct nn_buf *now =
        t->opt->ema > 0 ? &t->ema : &t->net->params.value;
    struct nn_train_metrics m = { (double)NAN, (double)NAN, "" };
    double t0 = nn_time_s();
    enum nn_status st;

    nn_scorer_load(t->scorer, now->data);
    st = t->task->evaluate(t->task->ctx, t->scorer, &m, err);
    t->eval_s += nn_time_s() - t0;
    if (st) {
        return st;
    }
    if (t->best_epoch == 0 || is_better(&m, &t->best_metrics)) {
        t->best_epoch = t->epoch + 1;
        t->best_metrics = m;
        memcpy(t->best.data, now->data, now->count * sizeof(float));
    }
    return nn_training_add_row(t, &m, lr, err);
}

static enum nn_status run_epoch(struct nn_training *t, struct nn_error *err)
{
    const uint32_t *index = NULL;
    size_t n = 0, use;
    double lr;
    enum nn_status st =
        t->task->sample(t->task->ctx, (uint64_t)t->epoch, &index, &n);

    if (st) {
        return nn_fail_nomem(err);
    }
    use = (size_t)t->batches * (size_t)t->opt->batch;
    set_rates(t);
    st = set_size(t, size_at(t, t->epoch), err);
    if (st) {
        return st;
    }
    st =
        nn_loader_start(t->loader, index, use < n ? use : n, (uint64_t)t->epoch,
                        (size_t)t->batch * (size_t)t->opt->batch, err);
    if (st) {
        return st;
    }
    st = run_batches(t, err);
    if (st) {
        return st;
    }
    lr = rate_at(t, t->step - 1);
    if ((t->epoch + 1) % t->opt->eval_every == 0 ||
        t->epoch + 1 == t->opt->epochs) {
        st = evaluate(t, lr, err);
        if (st) {
            return st;
        }
    }
    t->epoch++;
    t->batch = 0;
    t->loss_sum = t->loss_n = 0;
    return nn_training_save(t, err);
}

static int out_of_patience(const struct nn_training *t)
{
    return t->opt->patience > 0 && t->epoch - t->best_epoch >= t->opt->patience;
}

static enum nn_status run_epochs(struct nn_training *t, struct nn_error *err)
{
    while (t->epoch < t->opt->epochs && !out_of_patience(t)) {
        enum nn_status st = run_epoch(t, err);

        if (st) {
            return st;
        }
    }
    t->finished = 1;
    return nn_training_save(t, err);
}

/* --- setting up --- */

static enum nn_status allocate(struct nn_training *t)
{
    size_t batch = (size_t)t->opt->batch, n_params = 0;
    size_t floats = nn_graph_param_count(t->net->graph);

    while (nn_graph_param(t->net->graph, n_params) != NULL) {
        n_params++;
    }
    t->k = t->net->spec.n_outputs;
    t->lr_scale = nn_mem_calloc(n_params, sizeof(float));
    t->target = nn_mem_calloc(batch * t->k, sizeof(float));
    t->weight = nn_mem_calloc(batch, sizeof(float));
    t->dlogits = nn_mem_calloc(batch * t->k, sizeof(float));
    t->mixed_target = nn_mem_calloc(batch * t->k, sizeof(float));
    t->mixed_weight = nn_mem_calloc(batch, sizeof(float));
    if (t->mixed_target == NULL || t->mixed_weight == NULL ||
        t->lr_scale == NULL || t->target == NULL || t->weight == NULL ||
        t->dlogits == NULL || nn_buf_reset(&t->best, floats) ||
        nn_buf_reset(&t->net->params.grad, floats) ||
        (t->opt->ema > 0 && nn_buf_reset(&t->ema, floats)) ||
        nn_optim_init(&t->optim, t->net->graph, &t->opt->optim)) {
        return NN_ERR_NOMEM;
    }
    if (t->opt->ema > 0) {
        memcpy(t->ema.data, t->net->params.value.data, floats * sizeof(float));
    }
    return NN_OK;
}

static enum nn_status set_up(struct nn_training *t, struct nn_error *err)
{
    const uint32_t *index;
    size_t n = 0;

    if (t->opt->epochs < 1 || t->opt->batch < 2 || t->opt->eval_every < 1) {
        return nn_fail(err, NN_ERR_ARG,
                       "epochs must be 1 or more, the batch 2 or more");
    }
    if (t->task->sample(t->task->ctx, 0, &index, &n)) {
        return nn_fail_nomem(err);
    }
    nn_hash_hex(index, n * sizeof *index, t->sampling);
    t->fingerprint = nn_training_fingerprint(t);
    if (t->fingerprint == NULL || allocate(t)) {
        return nn_fail_nomem(err);
    }
    t->batches = (int64_t)(n / (size_t)t->opt->batch);
    t->batches = t->batches > 0 ? t->batches : 1;
    return nn_scorer_create(t->net, t->opt->batch, &t->scorer, err);
}

static void release(struct nn_training *t)
{
    json_decref(t->fingerprint);
    nn_optim_release(&t->optim);
    nn_buf_release(&t->ema);
    nn_buf_release(&t->best);
    nn_buf_release(&t->net->params.grad);
    drop_size(t);
    nn_scorer_destroy(&t->scorer);
    nn_mem_free(t->lr_scale);
    nn_mem_free(t->norms);
    nn_mem_free(t->target);
    nn_mem_free(t->weight);
    nn_mem_free(t->dlogits);
    nn_mem_free(t->mixed);
    nn_mem_free(t->mixed_target);
    nn_mem_free(t->mixed_weight);
    nn_mem_free(t->rows);
}

static void report(const struct nn_training *t, struct nn_train_result *r)
{
    *r = (struct nn_train_result){
        .epochs_done = (int)t->epoch,
        .best_epoch = (int)t->best_epoch,
        .best = t->best_metrics,
        .seconds = t->train_s + t->eval_s,
        .images_per_s = t->train_s > 0 ? t->train_images / t->train_s : 0,
        .stopped_early = t->epoch < t->opt->epochs,
    };
}

enum nn_status nn_train(const struct nn_train_task *task,
                        const struct nn_train_options *opt,
                        const struct nn_run *run, struct nn_net *net,
                        struct nn_train_result *result, struct nn_error *err)
{
    struct nn_training t = { .task = task, .opt = opt, .run = run, .net = net };
    char label[64];
    int found = 0;
    enum nn_status st = set_up(&t, err);

    if (st) {
        goto out;
    }
    st = nn_training_restore(&t, &found, err);
    if (st) {
        goto out;
    }
    st = remember_norms(&t, err);
    if (st) {
        goto out;
    }
    t.total_steps = t.first_step + t.batches * (opt->epochs - t.first_epoch);
    if (!t.finished) {
        snprintf(label, sizeof label, "train %s", task->name);
        nn_progress_begin(&t.bar, label, "img", t.total_steps * opt->batch);
        nn_progress_resume(&t.bar, t.step * opt->batch);
        st = run_epochs(&t, err);
        nn_progress_end(&t.bar, t.best_metrics.text);
        if (st) {
            goto out;
        }
    }
    memcpy(net->params.value.data, t.best.data, t.best.count * sizeof(float));
    report(&t, result);
out:
    release(&t);
    return st;
}
