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
#include "pipelines/cli/views.h"

enum { MAX_PHASES = 16, LEAST_SIZE = 32, MOST_SIZE = 1024 };

struct command {
    struct cmd_common common;
    const char *out, *init, *sizes;
    int resume, half, head, negatives, optimiser, schedule;
    int epochs, batch, size, eval_every, plain_epochs, cache_mb;
    double width, dropout, lr, warmup, weight_decay, ema, label_smoothing;
    double mixup, cutmix, mix_share, clip, norm_floor;
    struct views_options views;
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
    c->size = c->opt.size;
    c->eval_every = t->eval_every;
    c->width = (double)c->opt.width;
    c->dropout = (double)c->opt.dropout;
    c->lr = t->schedule.peak;
    c->warmup = t->schedule.warmup_share;
    c->weight_decay = (double)t->optim.weight_decay;
    c->ema = t->ema;
    c->clip = t->clip;
    c->norm_floor = (double)t->norm_floor;
    c->label_smoothing = (double)t->loss.smoothing;
    c->mixup = (double)t->mix.mixup;
    c->cutmix = (double)t->mix.cutmix;
    c->mix_share = (double)t->mix.share;
    c->plain_epochs = t->mix.plain_epochs;
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

    apply_sizes(c);
    views_apply(&c->views, &t->augment);
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
    t->norm_floor = (float)c->norm_floor;
    t->cache_bytes = (size_t)c->cache_mb << 20;
    t->loss.kind = c->head == 0 ? NN_LOSS_CATEGORICAL : NN_LOSS_BINARY;
    t->loss.smoothing = (float)c->label_smoothing;
    t->mix = (struct nn_mix){ (float)c->mixup, (float)c->cutmix,
                              (float)c->mix_share, c->plain_epochs };
    c->opt.sigmoid = c->head != 0;
    c->opt.width = (float)c->width;
    c->opt.dropout = (float)c->dropout;
    c->opt.negatives = (enum pretrain_negatives)c->negatives;
    c->opt.init = c->init;
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
                  r->top5, "valid_pictures", (json_int_t)r->n_valid);
    enum nn_status st = path == NULL || data == NULL || training == NULL
                            ? nn_fail_nomem(err)
                            : pretrain_save(net, data, training, path,
                                            c->half ? NN_F16 : NN_F32, err);

    if (!st) {
        printf("backbone: %s\n"
               "top-1 %.4f, top-5 %.4f of %zu validation pictures, %zu "
               "classes\n"
               "try:   bearcascade train --init %s --out RUN PHOTOS\n",
               path, r->top1, r->top5, r->n_valid, net->spec.n_outputs, path);
    }
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

    if (!st) {
        nn_log(NN_LOG_INFO,
               "pretrain: best epoch %d of %d, %s, %.0f s, %.0f images/s",
               r.train.best_epoch, r.train.epochs_done, r.train.best.text,
               r.train.seconds, r.train.images_per_s);
        st = save_result(c, ds, net, &r, options, err);
    }
    nn_net_destroy(&net);
    return st;
}

static enum nn_status run_pretrain(struct command *c,
                                   const struct nn_options *o, const char *data,
                                   struct nn_error *err)
{
    struct nn_dataset *ds = NULL;
    json_t *options = cmd_options_json(o, data);
    enum nn_status st =
        options == NULL ? nn_fail_nomem(err) : nn_file_mkdirs(c->out, err);

    if (st) {
        goto out;
    }
    apply_options(c);
    st = data_open(data, c->seed, &ds, err);
    st = st ? st : nn_dataset_keep_inputs(ds, 0, err);
    if (!st) {
        st = cmd_write_options(c->out, options, err);
    }
    if (!st) {
        st = train_and_save(c, ds, options, err);
    }
out:
    nn_dataset_close(&ds);
    json_decref(options);
    return st;
}

static int check_usage(struct command *c, int status)
{
    char *last;
    int exists;

    if (status >= 0) {
        return status;
    }
    if (c->out == NULL) {
        fputs("bearcascade pretrain: --out RUN is needed\n", stderr);
        return EXIT_USAGE;
    }
    if (parse_sizes(c)) {
        fprintf(stderr,
                "bearcascade pretrain: option '--sizes' wants "
                "PX:EPOCHS,PX:EPOCHS..., sizes from %d to %d, not '%s'\n",
                LEAST_SIZE, MOST_SIZE, c->sizes);
        return EXIT_USAGE;
    }
    last = nn_path_join(c->out, "last.safetensors");
    exists = last != NULL && nn_file_exists(last);
    nn_mem_free(last);
    if (exists != c->resume) {
        fprintf(stderr,
                exists ? "bearcascade pretrain: '%s' holds a run already: "
                         "choose another --out, or --resume to go on\n"
                       : "bearcascade pretrain: nothing to resume in '%s' (no "
                         "last.safetensors)\n",
                c->out);
        return EXIT_USAGE;
    }
    return -1;
}

static int parse_and_run(struct command *c, const struct nn_option *table,
                         int argc, char **argv)
{
    struct nn_error err = NN_ERROR_INIT;
    int n = 0, status;
    const struct nn_options o = {
        .command = "pretrain",
        .synopsis = "DATA... --out RUN",
        .summary = "Train one MobileNetV4 classifier over all class folders "
                   "of DATA (folders, archives or a manifest, as for train) "
                   "and write RUN/best.safetensors, with timm's tensor names, "
                   "for train --init. Several DATA are taken as one, classes "
                   "of the same name together. Pictures of no class are left "
                   "out unless --negatives says otherwise.",
        .table = table,
        .examples = "  bearcascade pretrain thumbnails --out runs/backbone \\\n"
                    "      --sizes 64:20,96:10 --mixup 0.2\n"
                    "  bearcascade train photos --out runs/bears \\\n"
                    "      --init runs/backbone/best.safetensors\n",
        .min_operands = 1,
        .max_operands = -1,
    };
    const char **operands = nn_mem_calloc((size_t)argc + 1, sizeof *operands);

    if (operands == NULL) {
        nn_fail_nomem(&err);
        return cmd_fail("pretrain", &err);
    }
    status = cmd_parse(&o, argc, argv, operands, &n);
    status = check_usage(c, views_check(&c->views, "pretrain", status));
    if (status < 0) {
        char *data = join_spec(operands, (size_t)n);

        cmd_apply_common(&c->common);
        stop_catch_signals();
        if (data == NULL) {
            nn_fail_nomem(&err);
        }
        status = data == NULL || run_pretrain(c, &o, data, &err)
                     ? cmd_fail("pretrain", &err)
                     : EXIT_DONE;
        nn_mem_free(data);
    }
    nn_mem_free(operands);
    nn_options_release(&o);
    return status;
}

int cmd_pretrain(int argc, char **argv)
{
    struct command c;
    const struct nn_option table[] = {
        { "out", 'o', NN_OPT_STRING, &c.out, "RUN", "run folder to write", 0,
          0 },
        { "epochs", 'e', NN_OPT_INT, &c.epochs, "N", "passes over the pictures",
          1, 100000 },
        { "size", 0, NN_OPT_INT, &c.size, "PX", "input, pixels square",
          LEAST_SIZE, MOST_SIZE },
        { "sizes", 0, NN_OPT_STRING, &c.sizes, "PX:EPOCHS,...",
          "growing input: replaces --size and --epochs; the last one is the "
          "net's, and every epoch is measured at it",
          0, 0 },
        { "width", 'w', NN_OPT_DOUBLE, &c.width, "W",
          "channels of the net times this", 0.05, 4 },
        { "seed", 's', NN_OPT_U64, &c.seed, "N",
          "start weights, order, augmentation and splits", 0, 0 },
        { "init", 0, NN_OPT_STRING, &c.init, "FILE",
          "start from these weights (timm's or our .safetensors)", 0, 0 },
        { "resume", 0, NN_OPT_FLAG, &c.resume, NULL,
          "go on with an interrupted run in --out", 0, 0 },
        { "negatives", 0, NN_OPT_CHOICE, &c.negatives, "leave|class|families",
          "pictures of no class: leave them out, make them one class, or one "
          "class per family",
          0, 0 },
        { "head", 0, NN_OPT_CHOICE, &c.head, "softmax|sigmoid",
          "one choice among the classes, or one yes or no per class", 0, 0 },
        { "half", 0, NN_OPT_FLAG, &c.half, NULL,
          "store the weights as float16 (half the size)", 0, 0 },
        { NULL, 0, NN_OPT_HEADING, NULL, NULL, "training", 0, 0 },
        { "batch", 'b', NN_OPT_INT, &c.batch, "N", "pictures a step", 2, 4096 },
        { "optimiser", 0, NN_OPT_CHOICE, &c.optimiser, "adamw|sgd",
          "AdamW, or SGD with Nesterov momentum 0.9", 0, 0 },
        { "lr", 0, NN_OPT_DOUBLE, &c.lr, "RATE", "largest learning rate", 1e-8,
          10 },
        { "schedule", 0, NN_OPT_CHOICE, &c.schedule, "one-cycle|cosine",
          "course of the learning rate", 0, 0 },
        { "warmup", 0, NN_OPT_DOUBLE, &c.warmup, "SHARE",
          "share of the steps in which the rate rises", 0, 0.9 },
        { "weight-decay", 0, NN_OPT_DOUBLE, &c.weight_decay, "X",
          "AdamW: decoupled; SGD: added to the gradient", 0, 10 },
        { "clip", 0, NN_OPT_DOUBLE, &c.clip, "NORM",
          "largest norm of a gradient; 0 off", 0, 1e6 },
        { "norm-floor", 0, NN_OPT_DOUBLE, &c.norm_floor, "V",
          "least running variance of a batch norm; 0: none", 0, 1 },
        { "dropout", 0, NN_OPT_DOUBLE, &c.dropout, "P", "before the classifier",
          0, 0.9 },
        { "ema", 0, NN_OPT_DOUBLE, &c.ema, "D",
          "decay of the weight average; 0 off", 0, 0.99999 },
        { "label-smoothing", 0, NN_OPT_DOUBLE, &c.label_smoothing, "S",
          "share of a target spread over all classes", 0, 0.9 },
        { "eval-every", 0, NN_OPT_INT, &c.eval_every, "N",
          "epochs between measurements", 1, 100000 },
        { "cache", 0, NN_OPT_INT, &c.cache_mb, "MB",
          "memory for decoded pictures; 0: 1 GiB or a quarter of memory, the "
          "less",
          0, 1 << 20 },
        VIEWS_ROWS(c.views),
        { "mixup", 0, NN_OPT_DOUBLE, &c.mixup, "A",
          "blend pairs of pictures, share from Beta(A,A); 0 off", 0, 1 },
        { "cutmix", 0, NN_OPT_DOUBLE, &c.cutmix, "A",
          "paste boxes between pictures, area from Beta(A,A); 0 off", 0, 1 },
        { "mix-share", 0, NN_OPT_DOUBLE, &c.mix_share, "P",
          "probability that a picture is blended or pasted into", 0, 1 },
        { "plain-epochs", 0, NN_OPT_INT, &c.plain_epochs, "N",
          "last epochs without --mixup and --cutmix", 0, 100000 },
        CMD_COMMON_ROWS(c.common),
        CMD_TABLE_END,
    };

    set_defaults(&c);
    return parse_and_run(&c, table, argc, argv);
}
