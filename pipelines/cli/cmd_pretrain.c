/* pretrain: a folder of many classes in, a backbone for train --init out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/inputs.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/data/data_card.h"
#include "pipelines/data/join.h"
#include "pipelines/train/pretrain.h"
#include "pipelines/cli/augment_rows.h"
#include "pipelines/cli/data_rows.h"
#include "pipelines/cli/models.h"
#include "pipelines/cli/net_choice.h"

enum { MAX_PHASES = 16, LEAST_SIZE = 32, MOST_SIZE = 1024 };

struct command {
    struct cmd_common common;
    struct data_rows data;
    const char *out, *init, *sizes;
    char *init_path; /* what init stands for, or NULL */
    int net, resume, half, head, negatives, optimiser, schedule;
    int epochs, batch, size, eval_every, no_mix_epochs, cache_mb;
    double width, dropout, lr, warmup, weight_decay, ema, label_smoothing;
    double mixup, cutmix, mix_share, clip, bn_var_floor;
    struct augment_options views;
    uint64_t seed;
    struct nn_train_phase phase[MAX_PHASES];
    size_t n_phases;
    struct pretrain_options opt;
};

enum { OPT_ADAMW, OPT_SGD };

static void set_defaults(struct command *c)
{
    const struct nn_train_options *t;

    *c = (struct command){ .opt = pretrain_defaults(), .seed = 1 };
    t = &c->opt.train;
    c->epochs = t->epochs;
    c->batch = t->batch;
    c->eval_every = t->eval_every;
    c->width = (double)c->opt.width;
    c->dropout = (double)c->opt.dropout;
    c->lr = t->schedule.peak;
    c->warmup = t->schedule.warmup_share;
    c->weight_decay = (double)t->optim.weight_decay;
    c->ema = t->ema;
    c->clip = t->clip;
    c->bn_var_floor = -1;
    c->label_smoothing = (double)t->loss.smoothing;
    c->mixup = (double)t->mix.mixup;
    c->cutmix = (double)t->mix.cutmix;
    c->mix_share = (double)t->mix.share;
    c->no_mix_epochs = t->mix.no_mix_epochs;
}

/* --- from options to a recipe --- */

/* "64:20,96:10" into phases. 0, or -1 when it is none. */
static int parse_sizes(struct command *c)
{
    const char *s = c->sizes;

    while (s != NULL && *s != '\0') {
        char *end;
        long size = strtol(s, &end, 10), epochs;

        if (end == s || *end != ':' || c->n_phases == MAX_PHASES) {
            return -1;
        }
        s = end + 1;
        epochs = strtol(s, &end, 10);
        if (end == s || (*end != ',' && *end != '\0') || size < LEAST_SIZE ||
            size > MOST_SIZE || epochs < 1 || epochs > 100000) {
            return -1;
        }
        c->phase[c->n_phases++] =
            (struct nn_train_phase){ (int32_t)size, (int)epochs };
        if (*end == ',' && end[1] == '\0') {
            return -1;
        }
        s = *end == ',' ? end + 1 : end;
    }
    return c->sizes != NULL && c->n_phases == 0 ? -1 : 0;
}

static void apply_sizes(struct command *c)
{
    struct nn_train_options *t = &c->opt.train;

    t->epochs = c->epochs;
    c->opt.size = c->size;
    if (c->n_phases == 0) {
        return;
    }
    t->epochs = 0;
    for (size_t i = 0; i < c->n_phases; i++) {
        t->epochs += c->phase[i].epochs;
    }
    c->opt.size = c->phase[c->n_phases - 1].size;
    t->phases = c->phase;
    t->n_phases = c->n_phases;
}

static void apply_options(struct command *c)
{
    struct nn_train_options *t = &c->opt.train;

    c->opt.arch = net_choice_arch(c->net);
    apply_sizes(c);
    augment_apply(&c->views, &t->augment);
    t->batch = c->batch;
    t->seed = c->seed;
    t->eval_every = c->eval_every;
    if (c->optimiser == OPT_SGD) {
        t->optim = nn_optim_defaults(NN_OPTIM_SGD);
    }
    t->optim.weight_decay = (float)c->weight_decay;
    t->schedule.kind =
        c->schedule == 0 ? NN_SCHEDULE_ONE_CYCLE : NN_SCHEDULE_COSINE;
    t->schedule.peak = c->lr;
    t->schedule.warmup_share = c->warmup;
    t->ema = c->ema;
    t->clip = c->clip;
    if (c->bn_var_floor >= 0) {
        t->bn_var_floor = (float)c->bn_var_floor;
    } else if (c->opt.arch != NN_ARCH_MOBILENETV4) {
        t->bn_var_floor = 0;
    }
    t->cache_bytes = (size_t)c->cache_mb << 20;
    t->loss.kind = c->head == 0 ? NN_LOSS_CATEGORICAL : NN_LOSS_BINARY;
    t->loss.smoothing = (float)c->label_smoothing;
    t->mix = (struct nn_mix){ (float)c->mixup, (float)c->cutmix,
                              (float)c->mix_share, c->no_mix_epochs };
    c->opt.sigmoid = c->head != 0;
    c->opt.width = (float)c->width;
    c->opt.dropout = (float)c->dropout;
    c->opt.negatives = (enum pretrain_negatives)c->negatives;
    c->opt.init = c->init_path;
}

static struct net_choice net_of(struct command *c)
{
    return (struct net_choice){ .stem = "",
                                .word = &c->net,
                                .size = &c->size,
                                .width = c->width,
                                .mobile_size = c->opt.size };
}

static enum nn_status choose_net(struct command *c, struct nn_error *err)
{
    const struct net_choice net = net_of(c);
    enum nn_status st;

    if (c->init != NULL) {
        st = models_init(c->init, &c->init_path, err);
        if (st) {
            return st;
        }
    }
    return net_choice_make(&net, c->init_path, "gate.", NULL,
                           NN_ARCH_MOBILENETV4, err);
}

/* --- the run --- */

static enum nn_status save_result(const struct command *c,
                                  const struct nn_dataset *ds,
                                  const struct nn_net *net,
                                  const struct pretrain_result *r,
                                  json_t *options, struct nn_error *err)
{
    char *path = nn_path_join(c->out, "best.safetensors");
    json_t *data = data_card_json(ds);
    json_t *training =
        json_pack("{s:o, s:f, s:i, s:f, s:f, s:I}", "options",
                  cmd_public_options(options), "seconds", r->train.seconds,
                  "best_epoch", r->train.best_epoch, "top1", r->top1, "top5",
                  r->top5, "valid_images", (json_int_t)r->n_valid);
    enum nn_status st;

    if (path == NULL || data == NULL || training == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = pretrain_save(net, data, training, path, c->half ? NN_F16 : NN_F32,
                       err);
    if (st) {
        goto out;
    }
    printf("backbone: %s\n"
           "top-1 %.4f, top-5 %.4f of %zu validation images, %zu "
           "classes\n"
           "try:   bearcascade train --init %s --out RUN PHOTOS\n",
           path, r->top1, r->top5, r->n_valid, net->spec.n_outputs, path);
out:
    json_decref(data);
    json_decref(training);
    nn_mem_free(path);
    return st;
}

static enum nn_status train_and_save(struct command *c,
                                     const struct nn_dataset *ds,
                                     json_t *options, struct nn_error *err)
{
    const struct nn_run run = { c->out, c->resume, &stop_asked };
    struct pretrain_result r = { 0 };
    struct nn_net *net = NULL;
    enum nn_status st = pretrain(ds, &c->opt, &run, &net, &r, err);

    if (st) {
        goto out;
    }
    nn_log(NN_LOG_INFO,
           "pretrain: best epoch %d of %d, %s, %.0f s, %.0f images/s",
           r.train.best_epoch, r.train.epochs_done, r.train.best.text,
           r.train.seconds, r.train.images_per_s);
    st = save_result(c, ds, net, &r, options, err);
out:
    nn_net_destroy(&net);
    return st;
}

static enum nn_status run_pretrain(struct command *c,
                                   const struct nn_options *o, const char *data,
                                   struct nn_error *err)
{
    const struct data_options how = data_rows_options(&c->data, c->seed);
    struct nn_dataset *ds = NULL;
    json_t *options = NULL;
    int folder = -1;
    enum nn_status st = choose_net(c, err);

    if (st) {
        goto out;
    }
    options = cmd_options_json(o, data); /* with the net that was chosen */
    if (options == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_folder_take(c->out, &folder, err);
    if (st) {
        goto out;
    }
    st = cmd_check_out(c->out, c->resume, err); /* now that it is ours */
    if (st) {
        goto out;
    }
    cmd_say_resumed(c->out, c->resume);
    apply_options(c);
    st = data_open(data, &how, &ds, err);
    if (st) {
        goto out;
    }
    st = cmd_write_splits(c->out, ds, c->resume, err);
    if (st) {
        goto out;
    }
    st = nn_dataset_keep_inputs(ds, 0, err);
    if (st) {
        goto out;
    }
    st = cmd_write_options(c->out, options, err);
    if (st) {
        goto out;
    }
    st = train_and_save(c, ds, options, err);
out:
    nn_folder_give_back(&folder);
    nn_mem_free(c->init_path);
    nn_dataset_close(&ds);
    json_decref(options);
    return st;
}

static enum nn_status check_usage(void *ctx, const struct cmd_line *line,
                                  struct nn_error *err)
{
    struct command *c = ctx;
    const struct net_choice net = net_of(c);
    enum nn_status st = augment_check(&c->views, err);

    if (st) {
        return st;
    }
    if (line->n > 1 && c->data.classes.n + c->data.negatives.n > 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "--class and --negative-class go with one DATA alone");
    }
    st = net_choice_check(&net, err);
    if (st) {
        return st;
    }
    if (parse_sizes(c)) {
        return nn_fail(err, NN_ERR_ARG,
                       "option '--sizes' wants PX:EPOCHS,PX:EPOCHS..., sizes "
                       "from %d to %d, not '%s'",
                       LEAST_SIZE, MOST_SIZE, c->sizes);
    }
    return cmd_check_out(c->out, c->resume, err);
}

static enum nn_status run(void *ctx, struct cmd_line *line,
                          struct nn_error *err)
{
    char *data = join_spec(line->operands, (size_t)line->n);
    enum nn_status st;

    if (data == NULL) {
        return nn_fail_nomem(err);
    }
    st = run_pretrain(ctx, line->options, data, err);
    nn_mem_free(data);
    return st;
}

/* --- the command line --- */

#define RUN_ROWS(c)                                                            \
    NN_OPT_STRING('o', "out", &(c).out, "RUN", "run folder to write"),         \
        NN_OPT_INT('e', "epochs", &(c).epochs, "N", 1, 100000,                 \
                   "passes over the images"),                                  \
        NN_OPT_CHOICE(0, "net", &(c).net, NET_CHOICE_WORDS,                    \
                      "architecture; auto: that of --init, else mobilenetv4"), \
        NN_OPT_INT(0, "size", &(c).size, "PX", 0, MOST_SIZE,                   \
                   "input, pixels square; 0: 96, or 224, 240 and 260 for "     \
                   "efficientnet-lite0, 1 and 2"),                             \
        NN_OPT_STRING(0, "sizes", &(c).sizes, "PX:EPOCHS,...",                 \
                      "growing input: replaces --size and --epochs; the last " \
                      "one is the net's, and every epoch is measured at it"),  \
        NN_OPT_DOUBLE('w', "width", &(c).width, "W", 0.05, 4,                  \
                      "channels of a mobilenetv4 times this"),                 \
        NN_OPT_U64('s', "seed", &(c).seed, "N",                                \
                   "start weights, order, augmentation and splits"),           \
        NN_OPT_STRING(                                                         \
            0, "init", &(c).init, "FILE|NAME",                                 \
            "start from these weights: timm's or our .safetensors, or "        \
            "efficientnet-lite2 and the like, which models/fetch.sh gets"),    \
        NN_OPT_FLAG(0, "resume", &(c).resume,                                  \
                    "go on with an interrupted run in --out"),                 \
        NN_OPT_CHOICE(0, "negatives", &(c).negatives, "leave|class|families",  \
                      "images of no class: leave them out, make them one "     \
                      "class, or one class per family"),                       \
        NN_OPT_CHOICE(                                                         \
            0, "head", &(c).head, "softmax|sigmoid",                           \
            "one choice among the classes, or one yes or no per class"),       \
        NN_OPT_FLAG(0, "half", &(c).half,                                      \
                    "store the weights as float16 (half the size)")

#define TRAINING_ROWS(c)                                                       \
    NN_OPT_HEADING("training"),                                                \
        NN_OPT_INT('b', "batch", &(c).batch, "N", 2, 4096, "images a step"),   \
        NN_OPT_CHOICE(0, "optimiser", &(c).optimiser, "adamw|sgd",             \
                      "AdamW, or SGD with Nesterov momentum 0.9"),             \
        NN_OPT_DOUBLE(0, "lr", &(c).lr, "RATE", 1e-8, 10,                      \
                      "largest learning rate"),                                \
        NN_OPT_CHOICE(0, "schedule", &(c).schedule, "one-cycle|cosine",        \
                      "course of the learning rate"),                          \
        NN_OPT_DOUBLE(0, "warmup", &(c).warmup, "SHARE", 0, 0.9,               \
                      "share of the steps in which the rate rises"),           \
        NN_OPT_DOUBLE(0, "weight-decay", &(c).weight_decay, "X", 0, 10,        \
                      "AdamW: decoupled; SGD: added to the gradient"),         \
        NN_OPT_DOUBLE(0, "clip", &(c).clip, "NORM", 0, 1e6,                    \
                      "largest norm of a gradient; 0 off"),                    \
        NN_OPT_DOUBLE(0, "bn-var-floor", &(c).bn_var_floor, "V", -1, 1,        \
                      "minimum running variance of a batch norm, 0: none; "    \
                      "-1: 0.01 for mobilenetv4, else none"),                  \
        NN_OPT_DOUBLE(0, "dropout", &(c).dropout, "P", 0, 0.9,                 \
                      "before the classifier"),                                \
        NN_OPT_DOUBLE(0, "ema", &(c).ema, "D", 0, 0.99999,                     \
                      "decay of the weight average; 0 off"),                   \
        NN_OPT_DOUBLE(0, "label-smoothing", &(c).label_smoothing, "S", 0, 0.9, \
                      "share of a target spread over all classes"),            \
        NN_OPT_INT(0, "eval-every", &(c).eval_every, "N", 1, 100000,           \
                   "epochs between measurements"),                             \
        NN_OPT_INT(0, "cache", &(c).cache_mb, "MB", 0, 1 << 20,                \
                   "memory for decoded images; 0: 1 GiB or a quarter of "      \
                   "memory, the less")

#define MIX_ROWS(c)                                                            \
    NN_OPT_DOUBLE(0, "mixup", &(c).mixup, "A", 0, 1,                           \
                  "blend pairs of images, share from Beta(A,A); 0 off"),       \
        NN_OPT_DOUBLE(                                                         \
            0, "cutmix", &(c).cutmix, "A", 0, 1,                               \
            "paste boxes between images, area from Beta(A,A); 0 off"),         \
        NN_OPT_DOUBLE(0, "mix-share", &(c).mix_share, "P", 0, 1,               \
                      "probability that an image is blended or pasted into"),  \
        NN_OPT_INT(0, "no-mix-epochs", &(c).no_mix_epochs, "N", 0, 100000,     \
                   "last epochs without --mixup and --cutmix")

int cmd_pretrain(int argc, char **argv)
{
    struct command p;
    const struct nn_option table[] = {
        RUN_ROWS(p), TRAINING_ROWS(p),  AUGMENT_ROWS(p.views),
        MIX_ROWS(p), DATA_ROWS(p.data), CMD_COMMON_ROWS(p.common),
        NN_OPT_END,
    };
    const struct nn_options o = {
        .command = "pretrain",
        .synopsis = "DATA... --out RUN",
        .summary = "Train one classifier over all class folders of "
                   "DATA (folders, archives or a manifest, as for train) and "
                   "write RUN/best.safetensors, with timm's tensor names, for "
                   "train --init. Several DATA are taken as one, classes of "
                   "the same name together. Images of no class are left out "
                   "unless --negatives says otherwise.",
        .table = table,
        .examples = "  bearcascade pretrain thumbnails --out runs/backbone \\\n"
                    "      --sizes 64:20,96:10 --mixup 0.2\n"
                    "  bearcascade train photos --out runs/bears \\\n"
                    "      --init runs/backbone/best.safetensors\n",
        .min_operands = 1,
        .max_operands = -1,
    };
    const struct cmd c = {
        .options = &o,
        .common = &p.common,
        .check = check_usage,
        .run = run,
        .stops = 1,
    };

    set_defaults(&p);
    return cmd_run(&c, &p, argc, argv);
}
