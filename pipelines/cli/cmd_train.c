/* train: a folder of images in, a run folder with a trained cascade out. */
#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/cli/train_rows.h"
#include "pipelines/cli/train_run.h"
#include "pipelines/cli/train_rungs.h"
#include "pipelines/cli/train_teach.h"

/* The stages' measured defaults are the defaults shown by --help. */
static void set_defaults(struct train *t)
{
    *t = (struct train){ .gate = gate_defaults(),
                         .species = species_defaults() };
    t->gate_width = (double)t->gate.width;
    t->species_width = (double)t->species.width;
    t->min_recall = t->gate.min_recall;
    t->min_coverage = t->species.coverage;
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
                                       .hard_share = 1,
                                       .fn_filter_recall = 0.98 };
    t->teacher_weight = TRAIN_TEACHER_WEIGHT;
    t->init_rate = TRAIN_INIT_RATE;
    t->rung_loss = TRAIN_RUNG_LOSS;
    t->bn_var_floor = -1;
    t->head_views = t->gate.train.head_views;
    t->head_rate = t->gate.train.head_lr;
    t->layer_decay = t->gate.train.block_decay;
    t->head_epochs = t->gate.train.freeze_epochs;
    t->freeze_bn_stats = t->gate.train.freeze_bn_stats;
}

static int may_say_none(const struct train *t)
{
    return t->system == MODEL_CASCADE && t->subset.only != TRAIN_ONLY_GATE &&
           t->species_none == SPECIES_NONE_ON;
}

/* The pool is there, and so is a net that could learn from it. */
static enum nn_status check_species_rounds(const struct train *t,
                                           struct nn_error *err)
{
    if (t->rounds.species == 0 || (t->mine_pool.n > 0 && may_say_none(t))) {
        return NN_OK;
    }
    return nn_fail(err, NN_ERR_ARG, "--species-rounds needs %s",
                   may_say_none(t) ? "a --mine-pool"
                                   : "a species net that may say none");
}

static enum nn_status check_options(struct train *t, struct nn_error *err)
{
    enum nn_status st = augment_check(&t->views, err);

    if (st) {
        return st;
    }
    st = train_check_sizes(t, err);
    if (st) {
        return st;
    }
    st = tta_check(t->gate_tta, &t->gate.tta, err);
    if (st) {
        return st;
    }
    st = tta_check(t->species_tta, &t->species.tta, err);
    if (st) {
        return st;
    }
    st = train_parse_rungs(t, err);
    if (st) {
        return st;
    }
    st = train_teach_check(t, err);
    if (st) {
        return st;
    }
    st = check_species_rounds(t, err);
    if (st) {
        return st;
    }
    if (t->system != MODEL_CASCADE &&
        (t->subset.only != TRAIN_ALL || t->subset.gate_focal > 0)) {
        return nn_fail(err, NN_ERR_ARG,
                       "--only and --gate-focal are of a cascade");
    }
    if (may_say_none(t)) {
        return NN_OK;
    }
    if (t->unknown.n > 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "--unknown needs a species net that may say none");
    }
    if (t->gate_recall > 0 || t->gate_pass > 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "%s needs a species net that may say none",
                       t->gate_pass > 0 ? "--gate-pass" : "--gate-recall");
    }
    return NN_OK;
}

static enum nn_status check_usage(void *ctx, const struct cmd_line *line,
                                  struct nn_error *err)
{
    struct train *t = ctx;
    enum nn_status st = check_options(t, err);

    (void)line;
    if (st) {
        return st;
    }
    return cmd_check_out(t->out, t->resume, err);
}

static enum nn_status run(void *ctx, struct cmd_line *line,
                          struct nn_error *err)
{
    return train_run(ctx, line->options, line->operands[0], err);
}

int cmd_train(int argc, char **argv)
{
    struct train t;
    const struct nn_option table[] = {
        RUN_ROWS(t),
        PROMISE_ROWS(t),
        NET_ROWS(t),
        TRAINING_ROWS(t),
        AUGMENT_ROWS(t.views),
        INIT_ROWS(t),
        DATA_ROWS(t.data),
        NEGATIVES_ROWS(t),
        SUBSET_ROWS(t.subset),
        CMD_COMMON_ROWS(t.common),
        NN_OPT_END,
    };
    const struct nn_options o = {
        .command = "train",
        .synopsis = "DATA --out RUN",
        .summary = "Train a gate (bear / not bear) and a species net on a "
                   "folder of images, DATA/{train,valid,test}/CLASS/... or "
                   "DATA/CLASS/..., and write both, with their thresholds, "
                   "into RUN/best.safetensors. Folders named negative, none, "
                   "background, other and the like are 'none of these'.",
        .table = table,
        .examples = "  bearcascade train photos --out runs/first\n"
                    "  bearcascade train photos --out runs/first --resume\n",
        .min_operands = 1,
        .max_operands = 1,
    };
    const struct cmd c = {
        .options = &o,
        .common = &t.common,
        .check = check_usage,
        .run = run,
        .stops = 1,
    };

    set_defaults(&t);
    return cmd_run(&c, &t, argc, argv);
}
