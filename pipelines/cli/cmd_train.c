/* train: a folder of photos in, a run folder with a trained cascade out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/data/inputs.h"
#include "common/data/negatives.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/data/data_card.h"
#include "pipelines/cascade/model.h"
#include "pipelines/cli/models.h"
#include "pipelines/train/baseline.h"
#include "pipelines/mine/train_rounds.h"
#include "pipelines/cli/train_rows.h"
#include "pipelines/train/train_subset.h"
#include "pipelines/cli/views.h"

struct train {
    struct cmd_common common;
    const char *out, *init;
    int system, resume, half, loss;
    int epochs, batch, gate_epochs, species_epochs;
    int gate_size, species_size;
    const char *gate_views, *species_views; /* of the trained nets */
    double gate_width, species_width, min_hit_rate, keep_rate;
    double lr, weight_decay, positive_share, label_smoothing, ema, norm_floor;
    int species_from;
    struct nn_option_list negatives, mine_pool, leave_out;
    struct train_rounds rounds;
    struct train_subset subset;
    struct views_options views;
    /* Of nets that start from pre-trained weights. */
    double init_rate, head_rate, layer_decay;
    int head_epochs, keep_norms;
    char *gate_init, *species_init; /* the files, NULL: random */
    uint64_t seed, split_seed;
    struct gate_options gate;
    struct species_options species;
};

/* What nets that start from pre-trained weights need (docs/training.md). */
enum { INIT_GATE_EPOCHS = 20, INIT_SPECIES_EPOCHS = 12 };
#define INIT_RATE       0.3
#define INIT_NORM_FLOOR 0.01f

enum { SPECIES_FROM_GATE, SPECIES_FROM_INIT, SPECIES_FROM_RANDOM };

/* The stages' measured defaults are the defaults shown by --help. */
static void set_defaults(struct train *t)
{
    *t = (struct train){ .gate = gate_defaults(),
                         .species = species_defaults() };
    t->gate_size = t->gate.size;
    t->species_size = t->species.size;
    t->gate_width = (double)t->gate.width;
    t->species_width = (double)t->species.width;
    t->min_hit_rate = t->gate.min_hit_rate;
    t->keep_rate = t->species.keep_rate;
    t->batch = t->species.train.batch;
    t->lr = t->species.train.schedule.peak;
    t->weight_decay = (double)t->species.train.optim.weight_decay;
    t->positive_share = t->gate.positive_share;
    t->label_smoothing = (double)t->species.train.loss.smoothing;
    t->ema = t->species.train.ema;
    t->seed = 1;
    t->rounds = (struct train_rounds){ .rounds = 3,
                                       .top = 500,
                                       .epochs = 6,
                                       .rate = 0.3,
                                       .share = 0.25,
                                       .hard_share = 0.8,
                                       .suspect_rate = 0.98 };
    t->init_rate = INIT_RATE;
    t->norm_floor = -1;
    t->head_rate = t->gate.train.head_lr;
    t->layer_decay = t->gate.train.block_decay;
    t->head_epochs = t->gate.train.freeze_epochs;
    t->keep_norms = t->gate.train.keep_norms;
}

static void apply_shared(const struct train *t, struct nn_train_options *o)
{
    o->batch = t->batch;
    o->seed = t->seed;
    o->schedule.peak = t->lr;
    o->optim.weight_decay = (float)t->weight_decay;
    o->ema = t->ema;
    o->norm_floor = t->norm_floor > 0 ? (float)t->norm_floor : 0;
}

/* Only pre-trained weights are worth sparing. */
static void apply_start(const struct train *t, struct nn_train_options *o)
{
    o->schedule.peak *= t->init_rate;
    o->head_lr = t->head_rate;
    o->block_decay = t->layer_decay;
    o->norm_floor = t->norm_floor < 0 ? INIT_NORM_FLOOR : (float)t->norm_floor;
    o->freeze_epochs = t->head_epochs;
    o->keep_norms = t->keep_norms;
}

static enum nn_status find_start(const struct train *t, double width,
                                 const char *who, char **path,
                                 struct nn_error *err)
{
    enum nn_status st = NN_OK;

    if (t->init == NULL) {
        st = models_backbone(width, path, err);
        if (!st && *path == NULL) {
            nn_log(NN_LOG_INFO,
                   "%s: no backbone of width %g is installed, it starts from "
                   "random weights",
                   who, width);
        }
    } else if (strcmp(t->init, "none") != 0) {
        *path = nn_mem_strdup(t->init);
        st = *path == NULL ? nn_fail_nomem(err) : NN_OK;
    }
    return st;
}

/* 1 when the species net starts from a file of its own: asked for, the gate
 * is another net, or the file is a cascade with a species net. */
static int species_has_file(const struct train *t)
{
    struct nn_st_file *f = NULL;
    int from_gate = t->species_from == SPECIES_FROM_GATE;
    int has = t->species_from == SPECIES_FROM_INIT ||
              (from_gate && t->species.width != t->gate.width);

    if (!has && from_gate && t->init != NULL && strcmp(t->init, "none") != 0 &&
        !nn_st_open(t->init, &f, NULL)) {
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
        find_start(t, t->gate_width, "gate", &t->gate_init, err);

    if (!st && species_has_file(t)) {
        st = find_start(t, t->species_width, "species", &t->species_init, err);
    }
    t->gate.init = t->gate_init;
    t->species.init = t->species_init;
    if (t->gate.init != NULL) {
        apply_start(t, &t->gate.train);
        t->gate.train.epochs = INIT_GATE_EPOCHS;
        t->species.train.epochs = INIT_SPECIES_EPOCHS;
    }
    if (t->species.init != NULL ||
        (t->gate.init != NULL && t->species_from == SPECIES_FROM_GATE &&
         t->species.width == t->gate.width)) {
        apply_start(t, &t->species.train);
    }
    set_epochs(t);
    return st;
}

static void apply_options(struct train *t)
{
    apply_shared(t, &t->gate.train);
    apply_shared(t, &t->species.train);
    views_apply(&t->views, &t->gate.train.augment);
    views_apply(&t->views, &t->species.train.augment);
    t->gate.size = t->gate_size;
    t->gate.width = (float)t->gate_width;
    t->gate.min_hit_rate = t->min_hit_rate;
    t->gate.positive_share = t->positive_share;
    train_subset_loss(&t->subset, &t->gate.train.loss);
    t->species.size = t->species_size;
    t->species.width = (float)t->species_width;
    t->species.keep_rate = t->keep_rate;
    t->species.train.loss.smoothing = (float)t->label_smoothing;
}

static void say_result(const char *name, const struct nn_train_result *r)
{
    nn_log(NN_LOG_INFO, "%s: best epoch %d of %d, %s, %.0f s, %.0f images/s",
           name, r->best_epoch, r->epochs_done, r->best.text, r->seconds,
           r->images_per_s);
}

static enum nn_status train_gate(const struct train *t, struct nn_dataset *ds,
                                 const struct nn_run *run, struct model *m,
                                 json_t *info, struct nn_error *err)
{
    struct nn_train_result r = { 0 };
    const char *from = t->rounds.gate_from;
    enum nn_status st =
        from != NULL
            ? train_load_gate(from, ds, &t->gate, &m->gate, &m->gate_policy,
                              err)
            : gate_train(ds, &t->gate, run, &m->gate, &m->gate_policy, &r, err);
    char *text;

    if (!st && from == NULL) {
        say_result("gate", &r);
    }
    if (!st && t->rounds.pool != NULL) {
        st = train_run_rounds(ds, &t->gate, &t->rounds, run, &m->gate,
                              &m->gate_policy, err);
    }
    if (st) {
        return st;
    }
    text = gate_policy_text(&m->gate_policy);
    if (text == NULL) {
        return nn_fail_nomem(err);
    }
    nn_log(NN_LOG_INFO, "gate: %s", text);
    nn_mem_free(text);
    json_object_set_new(info, "gate_seconds", json_real(r.seconds));
    json_object_set_new(info, "gate_best_epoch", json_integer(r.best_epoch));
    return NN_OK;
}

/* As many training pictures as the cascade's two nets see together. */
static int baseline_epochs(const struct train *t, const struct nn_dataset *ds)
{
    double all = (double)nn_dataset_count(ds, NN_TRAIN, NN_ITEMS_ALL);
    double positive = (double)nn_dataset_count(ds, NN_TRAIN, NN_ITEMS_POSITIVE);
    double shown;

    shown = t->system == MODEL_SOFTMAX_MAX ? positive : all;
    if (t->epochs > 0 || shown == 0) {
        return t->epochs > 0 ? t->epochs : 1;
    }
    return (
        int)((t->gate.train.epochs * all + t->species.train.epochs * positive) /
                 shown +
             0.5);
}

static enum nn_status train_single(const struct train *t,
                                   const struct nn_dataset *ds,
                                   const struct nn_run *run, struct model *m,
                                   json_t *info, struct nn_error *err)
{
    struct baseline_options o = { .system = (enum model_system)t->system,
                                  .train = t->gate.train,
                                  .width = t->gate.width,
                                  .size = t->gate.size,
                                  .test_views = t->gate.test_views,
                                  .focal = t->loss,
                                  .min_hit_rate = t->min_hit_rate,
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
    json_object_set_new(info, "seconds", json_real(r.seconds));
    json_object_set_new(info, "best_epoch", json_integer(r.best_epoch));
    return NN_OK;
}

static enum nn_status train_species(const struct train *t,
                                    const struct nn_dataset *ds,
                                    const struct nn_run *run, struct model *m,
                                    json_t *info, struct nn_error *err)
{
    struct species_options o = t->species;
    struct nn_train_result r = { 0 };
    enum nn_status st;

    if (m->n_classes < 2) {
        nn_log(NN_LOG_INFO,
               "one class only ('%s'): the gate alone decides, no species net",
               m->classes[0]);
        return NN_OK;
    }
    /* The gate has seen the same bears, and the negatives besides. */
    if (t->species_from == SPECIES_FROM_GATE) {
        o.start = m->gate;
    }
    st = species_train(ds, &o, run, &m->species, &m->species_policy, &r, err);
    if (st) {
        return st;
    }
    say_result("species", &r);
    nn_log(NN_LOG_INFO,
           "species: validation accuracy %.3f, calibration error %.3f -> %.3f "
           "at temperature %.2f; below %.3f the verdict is unknown_bear",
           m->species_policy.accuracy, m->species_policy.ece_before,
           m->species_policy.ece_after, m->species->temperature,
           m->species_policy.floor);
    json_object_set_new(info, "species_seconds", json_real(r.seconds));
    json_object_set_new(info, "species_best_epoch", json_integer(r.best_epoch));
    return NN_OK;
}

/* Of a path, what may go into a file that is passed on; NULL stays. */
static const char *file_name(const char *path)
{
    return path != NULL ? nn_path_base(path) : NULL;
}

static enum nn_status train_model(const struct train *t, struct nn_dataset *ds,
                                  json_t *options, struct nn_error *err)
{
    const struct nn_run run = { t->out, t->resume, &stop_asked };
    struct model *m = NULL;
    char *path = nn_path_join(t->out, "best.safetensors");
    enum nn_status st =
        path == NULL ? nn_fail_nomem(err) : model_create(ds, &m, err);

    if (st) {
        goto out;
    }
    m->data = data_card_json(ds);
    m->training =
        json_pack("{s:o, s:s?, s:s?}", "options", cmd_public_options(options),
                  "gate_start", file_name(t->gate_init), "species_start",
                  file_name(t->species_init));
    if (m->data == NULL || m->training == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    if (t->system != MODEL_CASCADE) {
        st = train_single(t, ds, &run, m, m->training, err);
    } else {
        st = train_gate(t, ds, &run, m, m->training, err);
        st = st ? st
             : t->subset.only == TRAIN_ONLY_GATE
                 ? train_join_classes(m, err)
                 : train_species(t, ds, &run, m, m->training, err);
    }
    if (!st) {
        st = model_save(m, path, t->half ? NN_F16 : NN_F32, err);
    }
    if (!st) {
        printf("model: %s\n"
               "try:   bearcascade classify --model %s PHOTO\n"
               "       bearcascade evaluate --model %s %s\n",
               path, t->out, t->out, ds->path);
    }
out:
    model_destroy(&m);
    nn_mem_free(path);
    return st;
}

static enum nn_status run_train(struct train *t, const struct nn_options *o,
                                const char *data, struct nn_error *err)
{
    struct nn_dataset *ds = NULL;
    struct mine_sources given = { .n = 0 };
    struct nn_pool *pool = NULL;
    json_t *options = cmd_options_json(o, data);
    enum nn_status st =
        options == NULL ? nn_fail_nomem(err) : nn_file_mkdirs(t->out, err);

    if (st) {
        goto out;
    }
    apply_options(t);
    st = choose_start(t, err);
    if (!st) {
        st = data_open(data, t->split_seed > 0 ? t->split_seed : t->seed, &ds,
                       err);
    }
    if (!st) {
        st = nn_dataset_keep_inputs(ds, 0, err);
        st = st ? st
                : nn_negatives_leave_out(ds, t->leave_out.v, t->leave_out.n,
                                         err);
        st = st ? st : train_take_subset(ds, &t->subset, err);
    }
    if (!st && t->negatives.n > 0) {
        st = mine_sources_open(t->negatives.v, t->negatives.n, &given, err);
        st = st ? st : nn_negatives_add(ds, given.v, given.n, err);
    }
    if (!st && t->mine_pool.n > 0) {
        st = data_open_pools(t->mine_pool.v, t->mine_pool.n, &pool, err);
        t->rounds.pool = pool;
        t->rounds.leave_out = &t->leave_out;
    }
    if (!st) {
        st = cmd_write_options(t->out, options, err);
    }
    if (!st) {
        data_card_print(ds, stderr);
        st = train_model(t, ds, options, err);
    }
out:
    nn_mem_free(t->gate_init);
    nn_mem_free(t->species_init);
    nn_dataset_close(&ds);
    mine_sources_close(&given);
    nn_pool_close(&pool);
    json_decref(options);
    return st;
}

static int needs_out(const struct train *t, int status)
{
    char *last;
    int exists;

    if (status >= 0) {
        return status;
    }
    if (t->system != MODEL_CASCADE &&
        (t->subset.only != TRAIN_ALL || t->subset.gate_focal > 0)) {
        fputs("bearcascade train: --only and --gate-focal are of a cascade\n",
              stderr);
        return EXIT_USAGE;
    }
    if (t->out == NULL) {
        fputs("bearcascade train: --out RUN is needed\n", stderr);
        return EXIT_USAGE;
    }
    last = nn_path_join(t->out, "last.safetensors");
    exists = last != NULL && nn_file_exists(last);
    nn_mem_free(last);
    if (exists && !t->resume) {
        fprintf(stderr,
                "bearcascade train: '%s' holds a run already: choose another "
                "--out, or --resume to go on\n",
                t->out);
        return EXIT_USAGE;
    }
    if (!exists && t->resume) {
        fprintf(stderr,
                "bearcascade train: nothing to resume in '%s' "
                "(no last.safetensors)\n",
                t->out);
        return EXIT_USAGE;
    }
    return -1;
}

static int parse_and_run(struct train *t, const struct nn_option *table,
                         int argc, char **argv)
{
    struct nn_error err = NN_ERROR_INIT;
    int n = 0, status;
    const struct nn_options o = {
        .command = "train",
        .synopsis = "DATA --out RUN",
        .summary = "Train a gate (bear / not bear) and a species net on a "
                   "folder of photos, DATA/{train,valid,test}/CLASS/... or "
                   "DATA/CLASS/..., and write both, with their thresholds, "
                   "into RUN/best.safetensors. Folders named negative, none, "
                   "background, other, no_* and the like are 'none of these'.",
        .table = table,
        .examples = "  bearcascade train photos --out runs/first\n"
                    "  bearcascade train photos --out runs/first --resume\n",
        .min_operands = 1,
        .max_operands = 1,
    };
    const char **operands = nn_mem_calloc((size_t)argc + 1, sizeof *operands);

    if (operands == NULL) {
        nn_fail_nomem(&err);
        return cmd_fail("train", &err);
    }
    status = cmd_parse(&o, argc, argv, operands, &n);
    status = views_check(&t->views, "train", status);
    status =
        test_views_check(t->gate_views, "train", &t->gate.test_views, status);
    status = test_views_check(t->species_views, "train", &t->species.test_views,
                              status);
    status = needs_out(t, status);
    if (status < 0) {
        cmd_apply_common(&t->common);
        stop_catch_signals();
        status = run_train(t, &o, operands[0], &err) ? cmd_fail("train", &err)
                                                     : EXIT_DONE;
    }
    nn_mem_free(operands);
    nn_options_release(&o);
    return status;
}

int cmd_train(int argc, char **argv)
{
    struct train t;
    const struct nn_option table[] = {
        { "out", 'o', NN_OPT_STRING, &t.out, "RUN", "run folder to write", 0,
          0 },
        { "system", 0, NN_OPT_CHOICE, &t.system, MODEL_SYSTEM_NAMES,
          "design to train", 0, 0 },
        { "loss", 0, NN_OPT_CHOICE, &t.loss, "cross-entropy|focal",
          "of --system multilabel", 0, 0 },
        { "epochs", 'e', NN_OPT_INT, &t.epochs, "N",
          "epochs of every net; 0: the two defaults below, or as many as see "
          "the same number of pictures",
          0, 100000 },
        { "seed", 's', NN_OPT_U64, &t.seed, "N",
          "start weights, order, augmentation and splits", 0, 0 },
        { "init", 0, NN_OPT_STRING, &t.init, "FILE",
          "first weights, timm's or our .safetensors; none: random ones; left "
          "out: the backbone that came with the program, if it fits",
          0, 0 },
        { "split-seed", 0, NN_OPT_U64, &t.split_seed, "N",
          "of the splits alone, where the data name none; 0: --seed", 0, 0 },
        { "resume", 0, NN_OPT_FLAG, &t.resume, NULL,
          "go on with an interrupted run in --out", 0, 0 },
        PROMISE_ROWS(t),
        { NULL, 0, NN_OPT_HEADING, NULL, NULL, "networks", 0, 0 },
        { "gate-width", 0, NN_OPT_DOUBLE, &t.gate_width, "W",
          "channels of the gate times this", 0.05, 4 },
        { "gate-size", 0, NN_OPT_INT, &t.gate_size, "PX",
          "input of the gate, pixels square", 32, 1024 },
        { "species-width", 0, NN_OPT_DOUBLE, &t.species_width, "W",
          "channels of the species net times this", 0.05, 4 },
        { "species-size", 0, NN_OPT_INT, &t.species_size, "PX",
          "input of the species net", 32, 1024 },
        TEST_VIEWS_ROWS(t.gate_views, t.species_views),
        { "species-from", 0, NN_OPT_CHOICE, &t.species_from, "gate|init|random",
          "first weights of the species net: the trained gate's where the "
          "widths are equal (but the species net's of a cascade in --init), "
          "those of --init, or random ones",
          0, 0 },
        { "half", 0, NN_OPT_FLAG, &t.half, NULL,
          "store the model as float16 (half the size)", 0, 0 },
        { NULL, 0, NN_OPT_HEADING, NULL, NULL, "training", 0, 0 },
        { "gate-epochs", 0, NN_OPT_INT, &t.gate_epochs, "N",
          "epochs of the gate; 0: 45 from random weights, 20 from others", 0,
          100000 },
        { "species-epochs", 0, NN_OPT_INT, &t.species_epochs, "N",
          "epochs of the species net; 0: 20, or 12 when the gate started from "
          "a file",
          0, 100000 },
        { "batch", 'b', NN_OPT_INT, &t.batch, "N", "pictures a step", 2, 4096 },
        { "lr", 0, NN_OPT_DOUBLE, &t.lr, "RATE", "largest learning rate", 1e-8,
          10 },
        { "weight-decay", 0, NN_OPT_DOUBLE, &t.weight_decay, "X",
          "AdamW weight decay", 0, 10 },
        { "ema", 0, NN_OPT_DOUBLE, &t.ema, "D",
          "decay of the weight average; 0 off", 0, 0.99999 },
        { "norm-floor", 0, NN_OPT_DOUBLE, &t.norm_floor, "V",
          "least running variance of a batch norm, 0: none; -1: 0.01 from "
          "pre-trained weights, none from random ones",
          -1, 10 },
        { "label-smoothing", 0, NN_OPT_DOUBLE, &t.label_smoothing, "S",
          "of the species net", 0, 0.9 },
        { "positive-share", 0, NN_OPT_DOUBLE, &t.positive_share, "P",
          "share of bears among the gate's training views; 0: as in the data",
          0, 0.99 },
        VIEWS_ROWS(t.views),
        INIT_ROWS(t),
        NEGATIVES_ROWS(t),
        SUBSET_ROWS(t.subset),
        CMD_COMMON_ROWS(t.common),
        CMD_TABLE_END,
    };

    set_defaults(&t);
    return parse_and_run(&t, table, argc, argv);
}
