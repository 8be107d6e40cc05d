#include "pipelines/cli/train_run.h"

#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/feature_cache.h"
#include "common/data/inputs.h"
#include "common/data/negatives.h"
#include "pipelines/cascade/model.h"
#include "pipelines/cli/models.h"
#include "pipelines/cli/net_choice.h"
#include "pipelines/data/data_card.h"
#include "pipelines/train/cascade_fit.h"
#include "pipelines/train/train_check.h"

/* What nets that start from pre-trained weights need (docs/training.md). */
enum { INIT_GATE_EPOCHS = 20, INIT_SPECIES_EPOCHS = 12 };
#define INIT_BN_VAR_FLOOR 0.01

static void apply_shared(const struct train *t, struct nn_train_options *o)
{
    o->batch = t->batch;
    o->seed = t->seed;
    o->schedule.peak = t->lr;
    o->optim.weight_decay = (float)t->weight_decay;
    o->ema = t->ema;
    o->head_views = t->head_views;
    o->feature_dir = t->feature_dir;
    o->bn_var_floor = t->bn_var_floor > 0 ? (float)t->bn_var_floor : 0;
}

/* Nets that saw ImageNet are left as they are unless epochs are asked for. */
static enum nn_tune choose_tune(const struct train *t, enum nn_arch arch)
{
    int epochs = t->epochs > 0 || t->gate_epochs > 0 || t->species_epochs > 0;

    if (t->tune > 0) {
        return (enum nn_tune)(t->tune - 1);
    }
    return arch == NN_ARCH_MOBILENETV4 || epochs ? NN_TUNE_ALL : NN_TUNE_FROZEN;
}

/* Only pre-trained weights are worth sparing. */
static void apply_start(const struct train *t, enum nn_arch arch,
                        struct nn_train_options *o)
{
    double var_floor = arch == NN_ARCH_MOBILENETV4 ? INIT_BN_VAR_FLOOR : 0;

    o->schedule.peak *= t->init_rate;
    o->head_lr = t->head_rate;
    o->block_decay = t->layer_decay;
    o->bn_var_floor =
        (float)(t->bn_var_floor < 0 ? var_floor : t->bn_var_floor);
    o->freeze_epochs = t->head_epochs;
    o->freeze_bn_stats = t->freeze_bn_stats;
    o->tune = choose_tune(t, arch);
}

/* --- which nets --- */

static struct net_choice gate_choice(struct train *t)
{
    return (struct net_choice){ .stem = "gate-",
                                .word = &t->gate_net,
                                .size = &t->gate_size,
                                .width = t->gate_width,
                                .mobile_size = t->gate.size };
}

static struct net_choice species_choice(struct train *t)
{
    return (struct net_choice){ .stem = "species-",
                                .word = &t->species_net,
                                .size = &t->species_size,
                                .width = t->species_width,
                                .mobile_size = t->species.size };
}

enum nn_status train_check_sizes(struct train *t, struct nn_error *err)
{
    const struct net_choice gate = gate_choice(t), species = species_choice(t);
    enum nn_status st = net_choice_check(&gate, err);

    if (st) {
        return st;
    }
    return net_choice_check(&species, err);
}

/* The net that nobody named: the strongest backbone that is installed, unless
 * random weights or a width (which that net does not have) are asked for. */
static enum nn_status best_net(const struct train *t, enum nn_arch *arch,
                               struct nn_error *err)
{
    char *path = NULL;
    enum nn_status st;

    *arch = NN_ARCH_MOBILENETV4;
    if (t->init != NULL || t->gate_width != (double)t->gate.width ||
        t->species_width != (double)t->species.width) {
        return NN_OK;
    }
    st = models_backbone(NN_ARCH_EFFICIENTNET_LITE2, 1, &path, err);
    if (st) {
        return st;
    }
    if (path != NULL) {
        *arch = NN_ARCH_EFFICIENTNET_LITE2;
    }
    nn_mem_free(path);
    return NN_OK;
}

static enum nn_status choose_nets(struct train *t, struct nn_error *err)
{
    const struct net_choice gate = gate_choice(t), species = species_choice(t);
    const char *init;
    enum nn_arch fallback;
    enum nn_status st = best_net(t, &fallback, err);

    if (st) {
        return st;
    }
    if (t->init != NULL && strcmp(t->init, "none") != 0) {
        st = models_init(t->init, &t->init_path, err);
        if (st) {
            return st;
        }
    }
    st = net_choice_make(&gate, t->init_path, "gate.", NULL, fallback, err);
    if (st) {
        return st;
    }
    init = t->species_from != SPECIES_FROM_RANDOM ? t->init_path : NULL;
    return net_choice_make(&species, init, "species.", "gate.",
                           net_choice_arch(t->gate_net), err);
}

/* --- first weights --- */

static void say_random(const char *who, enum nn_arch arch, double width)
{
    const struct nn_arch_info *a = nn_arch_info(arch);

    if (a->has_width) {
        nn_log(NN_LOG_INFO,
               "%s: no backbone of width %g is installed, it starts from "
               "random weights",
               who, width);
    } else {
        nn_log(NN_LOG_INFO,
               "%s: no weights of %s are installed, it starts from random "
               "ones; `sh models/fetch.sh %s` gets those trained on ImageNet",
               who, a->title, a->word);
    }
}

static enum nn_status find_start(const struct train *t, enum nn_arch arch,
                                 double width, const char *who, char **path,
                                 struct nn_error *err)
{
    enum nn_status st;

    if (t->init != NULL) {
        if (t->init_path == NULL) { /* none */
            return NN_OK;
        }
        *path = nn_mem_strdup(t->init_path);
        return *path == NULL ? nn_fail_nomem(err) : NN_OK;
    }
    st = models_backbone(arch, width, path, err);
    if (st) {
        return st;
    }
    if (*path == NULL) {
        say_random(who, arch, width);
    }
    return NN_OK;
}

static int same_nets(const struct train *t)
{
    return t->species.arch == t->gate.arch && t->species.width == t->gate.width;
}

/* 1 when the species net starts from a file of its own: asked for, the gate
 * is another net, or the file is a cascade with a species net. */
static int species_has_file(const struct train *t)
{
    struct nn_st_file *f = NULL;
    int from_gate = t->species_from == SPECIES_FROM_GATE;
    int has =
        t->species_from == SPECIES_FROM_INIT || (from_gate && !same_nets(t));

    if (!has && from_gate && t->init_path != NULL &&
        !nn_st_open(t->init_path, &f, NULL)) {
        has = nn_st_meta(f, "species.net") != NULL;
        nn_st_close(&f);
    }
    return has;
}

static void set_epochs(struct train *t)
{
    if (t->gate_epochs > 0 || t->epochs > 0) {
        t->gate.train.epochs = t->epochs > 0 ? t->epochs : t->gate_epochs;
    }
    if (t->species_epochs > 0 || t->epochs > 0) {
        t->species.train.epochs = t->epochs > 0 ? t->epochs : t->species_epochs;
    }
}

static enum nn_status choose_start(struct train *t, struct nn_error *err)
{
    enum nn_status st =
        find_start(t, t->gate.arch, t->gate_width, "gate", &t->gate_init, err);

    if (st) {
        return st;
    }
    if (species_has_file(t)) {
        st = find_start(t, t->species.arch, t->species_width, "species",
                        &t->species_init, err);
        if (st) {
            return st;
        }
    }
    t->gate.init = t->gate_init;
    t->species.init = t->species_init;
    if (t->gate.init != NULL) {
        apply_start(t, t->gate.arch, &t->gate.train);
        t->gate.train.epochs = INIT_GATE_EPOCHS;
        t->species.train.epochs = INIT_SPECIES_EPOCHS;
    }
    if (t->species.init != NULL ||
        (t->gate.init != NULL && t->species_from == SPECIES_FROM_GATE &&
         same_nets(t))) {
        apply_start(t, t->species.arch, &t->species.train);
    }
    set_epochs(t);
    if (t->tune > NN_TUNE_FROZEN && t->gate.init == NULL) {
        return nn_fail(err, NN_ERR_ARG,
                       "--tune frozen and head-first need pre-trained weights, "
                       "and the gate has none");
    }
    return NN_OK;
}

/* Nowhere, in a folder that was given, or in the user's. */
static char *feature_dir(const struct train *t)
{
    if (t->feature_cache == NULL) {
        return nn_feature_cache_dir();
    }
    return strcmp(t->feature_cache, "none") == 0
               ? NULL
               : nn_mem_strdup(t->feature_cache);
}

static void apply_options(struct train *t)
{
    apply_shared(t, &t->gate.train);
    apply_shared(t, &t->species.train);
    augment_apply(&t->views, &t->gate.train.augment);
    augment_apply(&t->views, &t->species.train.augment);
    t->gate.arch = net_choice_arch(t->gate_net);
    t->gate.size = t->gate_size;
    t->gate.width = (float)t->gate_width;
    t->gate.min_recall = t->min_recall;
    t->gate.positive_share = t->positive_share;
    train_subset_loss(&t->subset, &t->gate.train.loss);
    t->species.arch = net_choice_arch(t->species_net);
    t->species.size = t->species_size;
    t->species.width = (float)t->species_width;
    t->species.coverage = t->min_coverage;
    t->species.train.loss.smoothing = (float)t->label_smoothing;
}

static void say_result(const char *name, const struct nn_train_result *r)
{
    if (r->epochs_done == 0) {
        nn_log(NN_LOG_INFO, "%s: %s on validation images, %.0f s", name,
               r->best.text, r->seconds);
        return;
    }
    nn_log(NN_LOG_INFO, "%s: best epoch %d of %d, %s, %.0f s, %.0f images/s",
           name, r->best_epoch, r->epochs_done, r->best.text, r->seconds,
           r->images_per_s);
}

/* Trained on ds, or read from a file; then the rounds of mining, if any. */
static enum nn_status make_gate(const struct train *t, struct nn_dataset *ds,
                                const struct nn_run *run, struct model *m,
                                struct nn_train_result *r, struct nn_error *err)
{
    const char *from = t->rounds.gate_from;
    enum nn_status st;

    if (from != NULL) {
        st =
            train_load_gate(from, ds, &t->gate, &m->gate, &m->gate_policy, err);
        if (st) {
            return st;
        }
    } else {
        st = gate_train(ds, &t->gate, run, &m->gate, &m->gate_policy, r, err);
        if (st) {
            return st;
        }
        say_result("gate", r);
    }
    if (t->rounds.pool == NULL) {
        return NN_OK;
    }
    return train_run_rounds(ds, &t->gate, &t->rounds, run, &m->gate,
                            &m->gate_policy, err);
}

static enum nn_status train_gate(const struct train *t, struct nn_dataset *ds,
                                 const struct nn_run *run, struct model *m,
                                 json_t **info, struct nn_error *err)
{
    struct nn_train_result r = { 0 };
    enum nn_status st = make_gate(t, ds, run, m, &r, err);
    char *text;

    if (st) {
        return st;
    }
    text = gate_policy_text(&m->gate_policy);
    if (text == NULL) {
        return nn_fail_nomem(err);
    }
    nn_log(NN_LOG_INFO, "gate: %s", text);
    nn_mem_free(text);
    nn_json_put(info, "gate_seconds", json_real(r.seconds));
    nn_json_put(info, "gate_best_epoch", json_integer(r.best_epoch));
    return NN_OK;
}

/* As many training images as the cascade's two nets see together. */
static int baseline_epochs(const struct train *t, const struct nn_dataset *ds)
{
    double all = (double)nn_dataset_count(ds, NN_TRAIN, NN_ITEMS_ALL);
    double positive = (double)nn_dataset_count(ds, NN_TRAIN, NN_ITEMS_POSITIVE);
    double shown, species = positive;

    if (t->species_none == SPECIES_NONE_ON) {
        species /= 1 - t->species.none_share;
    }
    shown = t->system == MODEL_SOFTMAX_MAX ? positive : all;
    if (t->epochs > 0 || shown == 0) {
        return t->epochs > 0 ? t->epochs : 1;
    }
    return (
        int)((t->gate.train.epochs * all + t->species.train.epochs * species) /
                 shown +
             0.5);
}

static enum nn_status train_baseline(const struct train *t,
                                     const struct nn_dataset *ds,
                                     const struct nn_run *run, struct model *m,
                                     json_t **info, struct nn_error *err)
{
    struct baseline_options o = { .system = (enum model_system)t->system,
                                  .train = t->gate.train,
                                  .arch = t->gate.arch,
                                  .width = t->gate.width,
                                  .size = t->gate.size,
                                  .tta = t->gate.tta,
                                  .focal = t->loss,
                                  .min_recall = t->min_recall,
                                  .init = t->gate.init };
    struct nn_train_result r = { 0 };
    enum nn_status st;
    char *text;

    m->system = o.system;
    o.train.epochs = baseline_epochs(t, ds);
    st = baseline_train(ds, &o, run, &m->gate, &m->gate_policy, &r, err);
    if (st) {
        return st;
    }
    say_result(model_system_name(m->system), &r);
    text = gate_policy_text(&m->gate_policy);
    if (text == NULL) {
        return nn_fail_nomem(err);
    }
    nn_log(NN_LOG_INFO, "%s: %s", model_system_name(m->system), text);
    nn_mem_free(text);
    nn_json_put(info, "seconds", json_real(r.seconds));
    nn_json_put(info, "best_epoch", json_integer(r.best_epoch));
    return NN_OK;
}

/* The species net, and where it may say none, thresholds of both stages. */
static enum nn_status make_species(const struct train *t,
                                   const struct nn_dataset *ds,
                                   const struct nn_run *run, struct model *m,
                                   struct nn_train_result *r,
                                   struct nn_error *err)
{
    const struct cascade_aim aim = { .min_recall = t->min_recall,
                                     .expected_share = t->expected_share };
    struct species_options o = t->species;
    uint8_t *none = NULL;
    enum nn_status st;

    /* The gate has seen the same bears, and the negatives besides. */
    if (t->species_from == SPECIES_FROM_GATE) {
        o.start = m->gate;
    }
    if (t->species_none == SPECIES_NONE_ON) {
        st = cascade_fit_none(ds, m, &none, err);
        if (st) {
            return st;
        }
    }
    o.none = none;
    st = species_train(ds, &o, run, &m->species, &m->species_policy, r, err);
    if (st) {
        goto out;
    }
    if (none != NULL) {
        st = cascade_fit_policy(ds, m, &aim, err);
    }
out:
    nn_mem_free(none);
    return st;
}

static enum nn_status train_species(const struct train *t,
                                    const struct nn_dataset *ds,
                                    const struct nn_run *run, struct model *m,
                                    json_t **info, struct nn_error *err)
{
    struct nn_train_result r = { 0 };
    enum nn_status st;

    if (m->n_classes < 2) {
        nn_log(NN_LOG_INFO,
               "one class only ('%s'): the gate alone decides, no species net",
               m->classes[0]);
        return NN_OK;
    }
    st = make_species(t, ds, run, m, &r, err);
    if (st) {
        return st;
    }
    say_result("species", &r);
    nn_log(NN_LOG_INFO,
           "species: validation accuracy %.3f, calibration error %.3f -> %.3f "
           "at temperature %.2f; below %.3f the verdict is unknown",
           m->species_policy.accuracy, m->species_policy.ece_before,
           m->species_policy.ece_after, m->species->temperature,
           m->species_policy.reject_threshold);
    nn_json_put(info, "species_seconds", json_real(r.seconds));
    nn_json_put(info, "species_best_epoch", json_integer(r.best_epoch));
    return NN_OK;
}

/* Of a path, what may go into a file that is passed on; NULL stays. */
static const char *file_name(const char *path)
{
    return path != NULL ? nn_path_base(path) : NULL;
}

static enum nn_status train_nets(const struct train *t, struct nn_dataset *ds,
                                 const struct nn_run *run, struct model *m,
                                 struct nn_error *err)
{
    enum nn_status st;

    if (t->system != MODEL_CASCADE) {
        return train_baseline(t, ds, run, m, &m->training, err);
    }
    st = train_gate(t, ds, run, m, &m->training, err);
    if (st) {
        return st;
    }
    if (t->subset.only == TRAIN_ONLY_GATE) {
        return train_join_classes(m, err);
    }
    return train_species(t, ds, run, m, &m->training, err);
}

static uint64_t split_seed(const struct train *t)
{
    return t->split_seed > 0 ? t->split_seed : t->seed;
}

static enum nn_status train_model(const struct train *t, struct nn_dataset *ds,
                                  json_t *options, struct nn_error *err)
{
    const struct nn_run run = { t->out, t->resume, &stop_asked };
    struct model *m = NULL;
    char *path = nn_path_join(t->out, "best.safetensors");
    enum nn_status st;

    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    st = model_create(ds, &m, err);
    if (st) {
        goto out;
    }
    m->data = data_card_json(ds);
    m->training =
        json_pack("{s:o, s:s?, s:s?}", "options", cmd_public_options(options),
                  "gate_start", file_name(t->gate_init), "species_start",
                  file_name(t->species_init));
    nn_json_put(&m->data, "split_seed",
                json_integer((json_int_t)split_seed(t)));
    if (m->data == NULL || m->training == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = train_nets(t, ds, &run, m, err);
    if (st) {
        goto out;
    }
    if (m->training == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_seen_init(&m->seen, ds, err); /* with what mining has added */
    if (st) {
        goto out;
    }
    st = model_save(m, path, t->half ? NN_F16 : NN_F32, err);
    if (st) {
        goto out;
    }
    printf("model: %s\n"
           "try:   bearcascade classify --model %s PHOTO\n"
           "       bearcascade evaluate --model %s %s\n",
           path, t->out, t->out, ds->path);
out:
    model_destroy(&m);
    nn_mem_free(path);
    return st;
}

/* The images to train on and, for rounds, the pool to mine. */
static enum nn_status open_data(struct train *t, const char *data,
                                struct nn_dataset **ds,
                                struct mine_sources *given,
                                struct nn_pool **pool, struct nn_error *err)
{
    const struct data_options how = data_rows_options(&t->data, split_seed(t));
    enum nn_status st = data_open(data, &how, ds, err);

    if (st) {
        return st;
    }
    st = cmd_write_splits(t->out, *ds, t->resume, err);
    if (st) {
        return st;
    }
    st = nn_dataset_keep_inputs(*ds, 0, err);
    if (st) {
        return st;
    }
    st = nn_negatives_leave_out(*ds, t->leave_out.v, t->leave_out.n, err);
    if (st) {
        return st;
    }
    st = train_take_subset(*ds, &t->subset, err);
    if (st) {
        return st;
    }
    if (t->negatives.n > 0) {
        st = mine_sources_open(t->negatives.v, t->negatives.n, given, err);
        if (st) {
            return st;
        }
        st = nn_negatives_add(*ds, given->v, given->n, err);
        if (st) {
            return st;
        }
    }
    if (t->mine_pool.n > 0) {
        st = data_open_pools(t->mine_pool.v, t->mine_pool.n, pool, err);
        if (st) {
            return st;
        }
        t->rounds.pool = *pool;
        t->rounds.leave_out = &t->leave_out;
    }
    return NN_OK;
}

enum nn_status train_run(struct train *t, const struct nn_options *o,
                         const char *data, struct nn_error *err)
{
    struct nn_dataset *ds = NULL;
    struct mine_sources given = { .n = 0 };
    struct nn_pool *pool = NULL;
    json_t *options = NULL;
    int folder = -1;
    enum nn_status st = choose_nets(t, err);

    if (st) {
        goto out;
    }
    options = cmd_options_json(o, data); /* with the nets that were chosen */
    if (options == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_folder_take(t->out, &folder, err);
    if (st) {
        goto out;
    }
    st = cmd_check_out(t->out, t->resume, err); /* now that it is ours */
    if (st) {
        goto out;
    }
    t->feature_dir = feature_dir(t);
    apply_options(t);
    st = choose_start(t, err);
    if (st) {
        goto out;
    }
    st = open_data(t, data, &ds, &given, &pool, err);
    if (st) {
        goto out;
    }
    st = cmd_write_options(t->out, options, err);
    if (st) {
        goto out;
    }
    st = train_check_data(ds, split_seed(t), t->system != MODEL_SOFTMAX_MAX,
                          err);
    data_card_print(ds, stderr);
    data_card_print_names(ds, stderr);
    if (st) {
        goto out;
    }
    st = train_model(t, ds, options, err);
out:
    nn_folder_give_back(&folder);
    nn_mem_free(t->init_path);
    nn_mem_free(t->feature_dir);
    nn_mem_free(t->gate_init);
    nn_mem_free(t->species_init);
    nn_dataset_close(&ds);
    mine_sources_close(&given);
    nn_pool_close(&pool);
    json_decref(options);
    return st;
}
