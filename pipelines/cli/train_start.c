/* Which nets train trains, what they start from, and how they are tuned. */
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/feature_cache.h"
#include "common/train/checkpoint.h"
#include "pipelines/cli/models.h"
#include "pipelines/cli/train_rungs.h"
#include "pipelines/cli/net_choice.h"
#include "pipelines/cli/train_run.h"

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

/* Nets that saw ImageNet are left as they are unless epochs of theirs are asked
 * for; then their classifier, which starts at random, comes first. */
static enum nn_tune choose_tune(const struct train *t, enum nn_arch arch,
                                int epochs)
{
    if (t->tune > 0) {
        return (enum nn_tune)(t->tune - 1);
    }
    return arch == NN_ARCH_MOBILENETV4   ? NN_TUNE_ALL
           : epochs > 0 || t->epochs > 0 ? NN_TUNE_HEAD_FIRST
                                         : NN_TUNE_FROZEN;
}

/* Only pre-trained weights are worth sparing. epochs: of this net, as given. */
static void apply_start(const struct train *t, enum nn_arch arch, int epochs,
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
    o->tune = choose_tune(t, arch, epochs);
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

enum nn_status train_choose_nets(struct train *t, struct nn_error *err)
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
    st = net_choice_make(&species, init, "species.", "gate.",
                         net_choice_arch(t->gate_net), err);
    if (st) {
        return st;
    }
    return train_check_rungs(t, err);
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

enum nn_status train_choose_start(struct train *t, struct nn_error *err)
{
    /* A trained gate starts from nothing, unless rounds train it anew. */
    int given = t->rounds.gate_from != NULL;
    enum nn_status st;

    if (!given || t->mine_pool.n > 0) {
        st = find_start(t, t->gate.arch, t->gate_width, "gate", &t->gate_init,
                        err);
        if (st) {
            return st;
        }
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
        apply_start(t, t->gate.arch, t->gate_epochs, &t->gate.train);
        t->gate.train.epochs = INIT_GATE_EPOCHS;
        t->species.train.epochs = INIT_SPECIES_EPOCHS;
    }
    if (t->species.init != NULL ||
        ((t->gate.init != NULL || given) &&
         t->species_from == SPECIES_FROM_GATE && same_nets(t))) {
        apply_start(t, t->species.arch, t->species_epochs, &t->species.train);
        t->species.train.epochs = INIT_SPECIES_EPOCHS;
    }
    set_epochs(t);
    if (t->gate.train.tune == NN_TUNE_FROZEN &&
        (t->loss > 0 || t->subset.gate_focal > 0)) {
        nn_log(NN_LOG_WARN, "a classifier that is fitted to frozen features "
                            "has cross-entropy, not the focal loss: --epochs N "
                            "trains with it");
    }
    if (t->tune > NN_TUNE_FROZEN && t->gate.init == NULL && !given) {
        return nn_fail(err, NN_ERR_ARG,
                       "--tune frozen and head-first need pre-trained weights, "
                       "and the gate has none");
    }
    return NN_OK;
}

/* The gate's first weights where it is the same net, else those of a backbone
 * that is installed. */
static enum nn_status find_rung_start(const struct train *t,
                                      const struct rung_choice *c,
                                      const char *task, char **path,
                                      struct nn_error *err)
{
    enum nn_status st;

    *path = NULL;
    if (t->init != NULL && t->init_path == NULL) { /* none */
        return NN_OK;
    }
    if (t->gate_init != NULL && c->arch == t->gate.arch &&
        c->width == t->gate.width) {
        *path = nn_mem_strdup(t->gate_init);
        return *path == NULL ? nn_fail_nomem(err) : NN_OK;
    }
    st = models_backbone(c->arch, (double)c->width, path, err);
    if (!st && *path == NULL) {
        say_random(task, c->arch, (double)c->width);
    }
    return st;
}

int train_has_epochs(const struct train *t)
{
    int gate = t->rounds.gate_from == NULL || t->mine_pool.n > 0;

    if (gate && t->gate.train.tune != NN_TUNE_FROZEN) {
        return 1;
    }
    for (size_t i = 0; i < t->rung.n; i++) {
        if (choose_tune(t, t->rungs[i].arch, t->rung_epochs) !=
            NN_TUNE_FROZEN) {
            return 1;
        }
    }
    return 0;
}

enum nn_status train_rung_options(const struct train *t,
                                  const struct rung_choice *c, const char *task,
                                  struct gate_options *o, char **init,
                                  struct nn_error *err)
{
    enum nn_status st = find_rung_start(t, c, task, init, err);

    if (st) {
        return st;
    }
    *o = t->gate;
    o->train = gate_defaults().train;
    apply_shared(t, &o->train);
    augment_apply(&t->views, &o->train.augment);
    train_subset_loss(&t->subset, &o->train.loss);
    o->arch = c->arch;
    o->width = c->width;
    o->size = c->size;
    o->tta = (struct nn_tta){ .n = 0 };
    o->init = *init;
    o->task = task;
    if (*init != NULL) {
        apply_start(t, c->arch, t->rung_epochs, &o->train);
        o->train.epochs = INIT_GATE_EPOCHS;
    }
    if (t->rung_epochs > 0 || t->epochs > 0) {
        o->train.epochs = t->epochs > 0 ? t->epochs : t->rung_epochs;
    }
    return NN_OK;
}

/* --- more epochs for a finished run --- */

enum { MOST_OPTION_BYTES = 1 << 20 };

/* Epochs that a net of the run has had; 0: none, or it is not finished. */
static enum nn_status epochs_had(const char *path, const char *task, int *n,
                                 struct nn_error *err)
{
    json_t *state = NULL;
    enum nn_status st = nn_checkpoint_read(path, task, &state, NULL, 0, err);

    *n = 0;
    if (st) {
        return st;
    }
    if (json_is_true(json_object_get(state, "finished"))) {
        const json_t *print = json_object_get(state, "fingerprint");

        *n = (int)json_integer_value(json_object_get(print, "epochs"));
    }
    json_decref(state);
    return NN_OK;
}

/* Rounds that were mined decide what the nets behind them learnt from. */
static enum nn_status check_rounds(const struct train *t, const json_t *was,
                                   const json_t *now, int species,
                                   struct nn_error *err)
{
    static const char *const name[] = {
        "rounds",           "top",          "round-share",
        "max-fpr",          "match-rounds", "round-epochs",
        "round-lr-scale",   "hard-share",   "mine-mode",
        "fn-filter-recall", "keep-rounds",  "trust-pool",
    };

    if (t->mine_pool.n == 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "the run in '%s' has mined: give its --mine-pool again, "
                       "or train into another folder",
                       t->out);
    }
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        const char *a = json_string_value(json_object_get(was, name[i]));
        const char *b = json_string_value(json_object_get(now, name[i]));

        if (a == NULL || b == NULL || strcmp(a, b) == 0 ||
            (i == 0 && species == 0)) { /* more rounds for the gate */
            continue;
        }
        return nn_fail(err, NN_ERR_ARG,
                       "the run in '%s' has mined with --%s %s: go on with "
                       "that, or train into another folder",
                       t->out, name[i], a);
    }
    return NN_OK;
}

/* The options that the run had, where its first round is done; else NULL.
 * *species: a round for the species net is. */
static enum nn_status mined_with(const char *dir, json_t **was, int *species,
                                 struct nn_error *err)
{
    char *round = nn_path_join(dir, "round-1.json");
    char *behind = nn_path_join(dir, "round-species-1.json");
    char *options = nn_path_join(dir, "options.json");
    enum nn_status st = NN_OK;

    *was = NULL;
    if (round == NULL || behind == NULL || options == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    *species = nn_file_exists(behind);
    if ((*species || nn_file_exists(round)) && nn_file_exists(options)) {
        st = nn_json_read(options, MOST_OPTION_BYTES, was, err);
    }
out:
    nn_mem_free(round);
    nn_mem_free(behind);
    nn_mem_free(options);
    return st;
}

/* A species net of more epochs lets other images of the pool through. */
static enum nn_status check_species_epochs(const struct train *t, int mined,
                                           int species, struct nn_error *err)
{
    if (!mined || t->rounds.species == 0 || species == 0 ||
        t->species.train.epochs <= species) {
        return NN_OK;
    }
    return nn_fail(
        err, NN_ERR_ARG,
        "the run in '%s' has mined with its species net of %d epochs "
        "and cannot be extended: train into another folder",
        t->out, species);
}

enum nn_status train_check_extension(const struct train *t,
                                     const json_t *options,
                                     struct nn_error *err)
{
    json_t *was = NULL;
    char *path;
    int gate = 0, species = 0, mined_behind = 0;
    enum nn_status st = NN_OK;

    if (!t->resume || t->system != MODEL_CASCADE) {
        return NN_OK;
    }
    path = nn_path_join(t->out, "last.safetensors");
    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    if (nn_file_exists(path)) {
        st = epochs_had(path, "gate", &gate, err);
        if (st) {
            goto out;
        }
        st = epochs_had(path, "species", &species, err);
        if (st) {
            goto out;
        }
    }
    st = mined_with(t->out, &was, &mined_behind, err);
    if (st) {
        goto out;
    }
    if (was != NULL) {
        st = check_rounds(t, was, options, species, err);
        if (st) {
            goto out;
        }
    }
    st = check_species_epochs(t, mined_behind, species, err);
    if (st || gate == 0 || t->gate.train.epochs <= gate) {
        goto out;
    }
    if (t->mine_pool.n > 0) {
        st = nn_fail(err, NN_ERR_ARG,
                     "the run in '%s' has mined with its gate of %d epochs and "
                     "cannot be extended: train into another folder",
                     t->out, gate);
    } else if (t->species_none == SPECIES_NONE_ON && species > 0 &&
               t->species.train.epochs <= species) {
        st = nn_fail(err, NN_ERR_ARG,
                     "with more epochs for the gate of '%s' its species net "
                     "learns from other negatives: give that more than its %d "
                     "epochs too (--epochs)",
                     t->out, species);
    }
out:
    json_decref(was);
    nn_mem_free(path);
    return st;
}

void train_apply_options(struct train *t)
{
    t->feature_dir = nn_feature_cache_given(t->feature_cache);
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
