/* Checkpoints and results.csv of one training. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/json.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/train/train_internal.h"

#define CSV_HEADER                                                             \
    "stage,epoch,step,lr,train_loss,valid_loss,metric,images_per_s,seconds\n"

/* --- what must not change between the parts of a run --- */

static json_t *augment_json(const struct nn_augment *a)
{
    return json_pack("[f,f,f,f,f,f,f,f,f,f,f,f,f,i,f,f]", (double)a->crop_min,
                     (double)a->crop_max, (double)a->aspect, (double)a->flip,
                     (double)a->rotate, (double)a->brightness,
                     (double)a->contrast, (double)a->saturation, (double)a->hue,
                     (double)a->grey, (double)a->lowres, (double)a->lowres_min,
                     (double)a->jpeg, a->jpeg_min, (double)a->blur,
                     (double)a->erase);
}

static json_t *loss_json(const struct nn_loss *l)
{
    return json_pack("[i,f,f,f]", (int)l->kind, (double)l->alpha,
                     (double)l->gamma, (double)l->smoothing);
}

static json_t *optim_json(const struct nn_train_options *o)
{
    return json_pack(
        "[i,f,i,f,f,f,f,i,f,f,f,f]", (int)o->optim.kind,
        (double)o->optim.momentum, o->optim.nesterov, (double)o->optim.beta1,
        (double)o->optim.beta2, (double)o->optim.epsilon,
        (double)o->optim.weight_decay, (int)o->schedule.kind, o->schedule.peak,
        o->schedule.warmup_share, o->schedule.final_share, o->clip);
}

static json_t *outputs_json(const struct nn_net_spec *s)
{
    json_t *a = json_array();

    for (size_t i = 0; i < s->n_outputs; i++) {
        nn_json_add(&a, json_string(s->outputs[i]));
    }
    return a;
}

/* Options that came later are named only where they are used, so that older
 * runs can still be resumed. */
static json_t *add_later_options(json_t *j, const struct nn_train_options *o,
                                 enum nn_arch arch)
{
    const struct nn_mix *m = &o->mix;

    if (arch != NN_ARCH_MOBILENETV4) {
        nn_json_put(&j, "network", json_string(nn_arch_info(arch)->name));
    }
    if (o->tune == NN_TUNE_HEAD_FIRST) {
        nn_json_put(&j, "views of the first head", json_integer(o->head_views));
    }
    if (nn_mix_is_on(m)) {
        nn_json_put(&j, "mixing",
                    json_pack("[f,f,f,i]", (double)m->mixup, (double)m->cutmix,
                              (double)m->share, m->no_mix_epochs));
    }
    if (o->augment.infrared > 0) {
        nn_json_put(&j, "infrared", json_real((double)o->augment.infrared));
    }
    if (o->bn_var_floor > 0) {
        nn_json_put(&j, "norm floor", json_real((double)o->bn_var_floor));
    }
    if (o->freeze_bn_stats > 0) {
        nn_json_put(&j, "kept norms", json_integer(o->freeze_bn_stats));
    }
    if (o->n_phases > 0) {
        json_t *a = json_array();

        for (size_t i = 0; i < o->n_phases; i++) {
            nn_json_add(&a, json_pack("[i,i]", (int)o->phases[i].size,
                                      o->phases[i].epochs));
        }
        nn_json_put(&j, "input sizes", a);
    }
    return j;
}

json_t *nn_training_fingerprint(const struct nn_training *t)
{
    const struct nn_train_options *o = t->opt;
    const struct nn_net_spec *s = &t->net->spec;
    char hex[33];
    json_t *j;

    nn_dataset_hash(t->task->ds, hex);
    j = json_pack(
        "{s:s, s:i, s:i, s:I, s:o, s:o, s:o, s:f, s:[f,f,i], s:f, s:i, s:f, "
        "s:o}",
        "data", hex, "epochs", o->epochs, "batch", (int)o->batch, "seed",
        (json_int_t)o->seed, "loss", loss_json(&o->loss), "optimiser",
        optim_json(o), "augmentation", augment_json(&o->augment), "average",
        o->ema, "layer rates", o->head_lr, o->block_decay, o->freeze_epochs,
        "network width", (double)s->width, "input size", (int)s->size,
        "dropout", (double)s->dropout, "outputs", outputs_json(s));
    nn_json_put(&j, "sampling", json_string(t->sampling));
    if (t->task->soft_hash != 0) {
        snprintf(hex, sizeof hex, "%016" PRIx64, t->task->soft_hash);
        nn_json_put(&j, "teacher", json_string(hex));
    }
    return j != NULL ? add_later_options(j, o, s->arch) : NULL;
}

/* Compare as text: numbers went through a file once. */
static int same_json(const json_t *a, const json_t *b)
{
    char *x = nn_json_dump(a, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
    char *y = nn_json_dump(b, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
    int same = x != NULL && y != NULL && strcmp(x, y) == 0;

    nn_mem_free(x);
    nn_mem_free(y);
    return same;
}

/* A key of a with another value, or none, in b; NULL when there is none. */
static const char *first_difference(json_t *a, const json_t *b)
{
    const char *key;
    json_t *v;

    json_object_foreach(a, key, v)
    {
        if (!same_json(v, json_object_get(b, key))) {
            return key;
        }
    }
    return NULL;
}

static int epochs_of(const json_t *fingerprint)
{
    return (int)json_integer_value(json_object_get(fingerprint, "epochs"));
}

/* A run that is through may have more epochs, and those who are drawn in them
 * may follow from another net that had more. */
static int may_extend(const struct nn_training *t, json_t *old)
{
    const char *key;
    json_t *v;

    if (epochs_of(t->fingerprint) <= epochs_of(old)) {
        return 0;
    }
    json_object_foreach(t->fingerprint, key, v)
    {
        if (strcmp(key, "epochs") != 0 && strcmp(key, "sampling") != 0 &&
            !same_json(v, json_object_get(old, key))) {
            return 0;
        }
    }
    return json_object_size(t->fingerprint) == json_object_size(old);
}

static enum nn_status refuse_epochs(const struct nn_training *t,
                                    const json_t *old, int finished,
                                    struct nn_error *err)
{
    int n = epochs_of(old);

    return finished
               ? nn_fail(err, NN_ERR_ARG,
                         "cannot resume '%s': its %s has had %d epochs; give "
                         "more than that to extend it",
                         t->run->dir, t->task->name, n)
               : nn_fail(err, NN_ERR_ARG,
                         "cannot resume '%s': its %s is in the middle of %d "
                         "epochs; finish those first (--epochs %d), then it "
                         "can be extended",
                         t->run->dir, t->task->name, n, n);
}

/* *extend: a finished run that gets more epochs. */
static enum nn_status check_same(const struct nn_training *t,
                                 const json_t *state, int *extend,
                                 struct nn_error *err)
{
    int finished = json_is_true(json_object_get(state, "finished"));
    json_t *old = json_object_get(state, "fingerprint");
    const char *key;

    if (json_object_get(old, "sampling") == NULL) { /* of an older program */
        json_object_del(t->fingerprint, "sampling");
    }
    *extend = finished && may_extend(t, old);
    key = first_difference(t->fingerprint, old);
    if (key == NULL) {
        key = first_difference(old, t->fingerprint);
    }
    if (key == NULL || *extend) {
        return NN_OK;
    }
    if (strcmp(key, "epochs") == 0) {
        return refuse_epochs(t, old, finished, err);
    }
    return nn_fail(err, NN_ERR_ARG,
                   "cannot resume '%s': its %s was made with another "
                   "%s; use the same data and options, or another "
                   "folder",
                   t->run->dir, t->task->name, key);
}

/* --- saving --- */

enum { ARRAYS = 5 };

static void list_arrays(struct nn_training *t,
                        struct nn_checkpoint_array a[ARRAYS])
{
    a[0] = (struct nn_checkpoint_array){ "now", &t->net->params.value };
    a[1] = (struct nn_checkpoint_array){ "m", &t->optim.m };
    a[2] = (struct nn_checkpoint_array){ "v", &t->optim.v };
    a[3] = (struct nn_checkpoint_array){ "ema", &t->ema };
    a[4] = (struct nn_checkpoint_array){ "best", &t->best };
}

static json_t *state_json(const struct nn_training *t)
{
    return json_pack(
        "{s:O, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:I, s:o, s:o, "
        "s:s, s:s, s:b, s:I, s:I}",
        "fingerprint", t->fingerprint, "epoch", (json_int_t)t->epoch, "batch",
        (json_int_t)t->batch, "step", (json_int_t)t->step, "updates",
        (json_int_t)t->optim.step, "loss_sum", t->loss_sum, "loss_n", t->loss_n,
        "train_s", t->train_s, "train_images", t->train_images, "eval_s",
        t->eval_s, "best_epoch", (json_int_t)t->best_epoch, "best_loss",
        nn_json_number(t->best_metrics.loss), "best_metric",
        nn_json_number(t->best_metrics.metric), "best_text",
        t->best_metrics.text, "rows", t->rows != NULL ? t->rows : "",
        "finished", t->finished, "first_epoch", (json_int_t)t->first_epoch,
        "first_step", (json_int_t)t->first_step);
}

enum nn_status nn_training_save(struct nn_training *t, struct nn_error *err)
{
    struct nn_checkpoint_array a[ARRAYS];
    json_t *state;
    char *path;
    enum nn_status st;

    if (t->run->dir == NULL) {
        return NN_OK;
    }
    list_arrays(t, a);
    state = state_json(t);
    path = nn_path_join(t->run->dir, "last.safetensors");
    if (state == NULL || path == NULL) {
        st = nn_fail_nomem(err);
    } else if (t->finished) { /* only the result is needed from now on */
        st = nn_checkpoint_write(path, t->task->name, state, &a[4], 1, err);
    } else {
        st = nn_checkpoint_write(path, t->task->name, state, a, ARRAYS, err);
    }
    json_decref(state);
    nn_mem_free(path);
    return st;
}

/* --- restoring --- */

static double number_of(const json_t *j, const char *key)
{
    const json_t *v = json_object_get(j, key);

    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static enum nn_status take_state(struct nn_training *t, const json_t *j,
                                 struct nn_error *err)
{
    const char *text = json_string_value(json_object_get(j, "best_text"));
    const char *rows = json_string_value(json_object_get(j, "rows"));

    t->epoch = json_integer_value(json_object_get(j, "epoch"));
    t->batch = json_integer_value(json_object_get(j, "batch"));
    t->step = json_integer_value(json_object_get(j, "step"));
    t->optim.step = json_integer_value(json_object_get(j, "updates"));
    t->best_epoch = json_integer_value(json_object_get(j, "best_epoch"));
    t->loss_sum = number_of(j, "loss_sum");
    t->loss_n = number_of(j, "loss_n");
    t->train_s = number_of(j, "train_s");
    t->train_images = number_of(j, "train_images");
    t->eval_s = number_of(j, "eval_s");
    t->best_metrics.loss = number_of(j, "best_loss");
    t->best_metrics.metric = number_of(j, "best_metric");
    t->finished = json_is_true(json_object_get(j, "finished"));
    t->first_epoch = json_integer_value(json_object_get(j, "first_epoch"));
    t->first_step = json_integer_value(json_object_get(j, "first_step"));
    snprintf(t->best_metrics.text, sizeof t->best_metrics.text, "%s",
             text != NULL ? text : "");
    nn_mem_free(t->rows);
    t->rows = nn_mem_strdup(rows != NULL ? rows : "");
    if (t->rows == NULL) {
        return nn_fail_nomem(err);
    }
    if (t->epoch < 0 || t->epoch > t->opt->epochs || t->batch < 0 ||
        t->batch > t->batches || t->first_epoch < 0 ||
        t->first_epoch > t->epoch || t->first_step < 0 ||
        t->first_step > t->step) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "cannot resume '%s': its state is damaged", t->run->dir);
    }
    return NN_OK;
}

/* The epochs that were added: from the best weights, with new averages. */
static void extend_run(struct nn_training *t)
{
    size_t bytes = t->best.count * sizeof(float);

    nn_log(NN_LOG_INFO,
           "%s: %lld more epochs after %lld, from the weights of the best one "
           "(%lld) and with a learning rate that rises and falls anew",
           t->task->name, (long long)(t->opt->epochs - t->epoch),
           (long long)t->epoch, (long long)t->best_epoch);
    memcpy(t->net->params.value.data, t->best.data, bytes);
    if (t->ema.count > 0) {
        memcpy(t->ema.data, t->best.data, bytes);
    }
    t->optim.step = 0;
    t->finished = 0;
    t->first_epoch = t->epoch;
    t->first_step = t->step;
}

static enum nn_status restore_from(struct nn_training *t, const char *path,
                                   int *found, struct nn_error *err)
{
    struct nn_checkpoint_array a[ARRAYS];
    json_t *state = NULL;
    int finished = 0, extend = 0;
    enum nn_status st;

    list_arrays(t, a);
    /* First the words alone: whether it fits, and whether it is finished. */
    st = nn_checkpoint_read(path, t->task->name, &state, NULL, 0, err);
    if (st || state == NULL) {
        return st;
    }
    st = check_same(t, state, &extend, err);
    finished = json_is_true(json_object_get(state, "finished"));
    json_decref(state);
    if (st) {
        return st;
    }
    st = nn_checkpoint_read(path, t->task->name, &state, finished ? &a[4] : a,
                            finished ? 1 : ARRAYS, err);
    if (st) {
        return st;
    }
    st = take_state(t, state, err);
    json_decref(state);
    if (st) {
        return st;
    }
    *found = 1;
    if (extend) {
        extend_run(t);
    }
    return NN_OK;
}

enum nn_status nn_training_restore(struct nn_training *t, int *found,
                                   struct nn_error *err)
{
    char *path;
    enum nn_status st = NN_OK;

    *found = 0;
    if (t->run->dir == NULL || !t->run->resume) {
        return NN_OK;
    }
    path = nn_path_join(t->run->dir, "last.safetensors");
    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    if (nn_file_exists(path)) {
        st = restore_from(t, path, found, err);
    }
    nn_mem_free(path);
    return st;
}

/* --- results.csv --- */

/* Rows of other tasks in the present file. */
static char *other_rows(const char *path, const char *task)
{
    unsigned char *bytes = NULL;
    size_t size = 0, n = strlen(task);
    char *keep = nn_mem_strdup(""), *line, *next;

    if (nn_file_read(path, (size_t)64 << 20, &bytes, &size, NULL)) {
        return keep;
    }
    line = strchr((char *)bytes, '\n');
    for (line = line != NULL ? line + 1 : NULL;
         keep != NULL && line != NULL && *line != '\0'; line = next) {
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (strncmp(line, task, n) != 0 || line[n] != ',') {
            char *more = nn_mem_sprintf("%s%s\n", keep, line);

            nn_mem_free(keep);
            keep = more;
        }
    }
    nn_mem_free(bytes);
    return keep;
}

static enum nn_status write_rows(const struct nn_training *t,
                                 struct nn_error *err)
{
    struct nn_file_out o = { 0 };
    char *path = nn_path_join(t->run->dir, "results.csv");
    char *others = path != NULL ? other_rows(path, t->task->name) : NULL;
    enum nn_status st;

    if (others == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_file_out_open(&o, path, err);
    if (st) {
        goto out;
    }
    fprintf(o.stream, CSV_HEADER "%s%s", others, t->rows);
    st = nn_file_out_commit(&o, err);
out:
    nn_mem_free(others);
    nn_mem_free(path);
    return st;
}

enum nn_status nn_training_add_row(struct nn_training *t,
                                   const struct nn_train_metrics *m, double lr,
                                   struct nn_error *err)
{
    double rate = t->train_s > 0 ? t->train_images / t->train_s : 0;
    char *rows =
        nn_mem_sprintf("%s%s,%lld,%lld,%.6g,%.6f,%.6f,%.6f,%.1f,%.1f\n",
                       t->rows != NULL ? t->rows : "", t->task->name,
                       (long long)t->epoch + 1, (long long)t->step, lr,
                       t->loss_n > 0 ? t->loss_sum / t->loss_n : (double)NAN,
                       m->loss, m->metric, rate, t->train_s + t->eval_s);

    if (rows == NULL) {
        return nn_fail_nomem(err);
    }
    nn_mem_free(t->rows);
    t->rows = rows;
    return t->run->dir != NULL ? write_rows(t, err) : NN_OK;
}
