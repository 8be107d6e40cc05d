/* compare: the cascade and the designs people use instead, side by side. */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/cli/experiment_rows.h"
#include "pipelines/cli/data_rows.h"
#include "pipelines/compare/comparison.h"
#include "pipelines/report/report_folder.h"

struct compare {
    struct cmd_common common;
    struct comparison_options opt;
    struct data_rows data;
    uint64_t split_seed;
    int epochs;
};

static enum nn_status write_part(const struct comparison *c, const char *name,
                                 const json_t *j, struct nn_error *err)
{
    char *path = nn_path_join(c->opt->out, name);
    enum nn_status st;

    if (path == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_json_write(path, j, err);
    nn_mem_free(path);
    return st;
}

static enum nn_status write_all(const struct comparison *c, const json_t *all,
                                struct nn_error *err)
{
    json_t *images = comparison_images(c, err);
    enum nn_status st;

    if (images == NULL) {
        return err->status;
    }
    st = write_part(c, "comparison.json", all, err);
    if (st) {
        goto out;
    }
    st = write_part(c, "images.json", images, err);
    if (st) {
        goto out;
    }
    st = report_folder(c->opt->out, err);
out:
    json_decref(images);
    return st;
}

/* The figures of r: into the files of --out, and printed. */
static enum nn_status publish(const struct comparison *c,
                              const struct comparison_result *r,
                              struct nn_error *err)
{
    json_t *all = comparison_json(c, r, err);
    enum nn_status st;

    if (all == NULL) {
        return err->status;
    }
    st = write_all(c, all, err);
    json_decref(all);
    if (st) {
        return st;
    }
    comparison_print(c, r, stdout);
    return NN_OK;
}

static enum nn_status run(void *ctx, struct cmd_line *line,
                          struct nn_error *err)
{
    const struct compare *m = ctx;
    struct nn_dataset *ds = NULL;
    struct comparison c = { 0 };
    struct comparison_result r = { 0 };
    int folder = -1;
    enum nn_status st = data_open(m->opt.data, &m->opt.how, &ds, err);

    (void)line;
    if (st) {
        return st;
    }
    st = comparison_init(&c, &m->opt, ds, err);
    if (st) {
        return st;
    }
    st = nn_folder_take(m->opt.out, &folder, err);
    if (st) {
        goto out;
    }
    st = comparison_train(&c, err);
    if (st) {
        goto out;
    }
    st = comparison_score(&c, err);
    if (st) {
        goto out;
    }
    st = comparison_result_init(&c, &r, err);
    if (st) {
        goto out;
    }
    st = publish(&c, &r, err);
out:
    nn_folder_give_back(&folder);
    comparison_result_release(&r);
    comparison_release(&c);
    return st;
}

static enum nn_status check_needs(void *ctx, const struct cmd_line *line,
                                  struct nn_error *err)
{
    struct compare *m = ctx;

    if (m->opt.out == NULL) {
        return nn_fail(err, NN_ERR_ARG, "--out DIR is needed");
    }
    m->opt.data = line->operands[0];
    m->opt.threads = m->common.threads;
    m->opt.how = data_rows_options(&m->data, m->split_seed);
    if (m->epochs > 0) {
        m->opt.gate_epochs = m->opt.species_epochs = m->epochs;
    }
    return NN_OK;
}

static int parse_and_run(struct compare *m, const struct nn_option *table,
                         int argc, char **argv)
{
    const struct nn_options o = {
        .command = "compare",
        .synopsis = "DATA --out DIR [options]",
        .summary = "Train the cascade and the single models people use "
                   "instead, each with the same images, budget and seeds, "
                   "and judge all on the same test images. Finished runs in "
                   "DIR are not trained again. DIR/comparison.json holds every "
                   "figure, DIR/report.html shows them.",
        .table = table,
        .examples =
            "  bearcascade compare photos --out runs/compare\n"
            "  bearcascade compare photos -o runs/two --seeds 1 --systems "
            "cascade,multilabel\n"
            "  bearcascade compare photos -o runs/sizes --systems "
            "cascade,softmax-none,softmax-none+small --with "
            "softmax-none+small:gate-size=128\n",
        .min_operands = 1,
        .max_operands = 1,
    };
    const struct cmd c = {
        .options = &o,
        .common = &m->common,
        .check = check_needs,
        .run = run,
        .stops = 1,
    };

    return cmd_run(&c, m, argc, argv);
}

int cmd_compare(int argc, char **argv)
{
    struct compare m = { .opt = { .seeds = 3, .replicates = 2000 },
                         .split_seed = 1 };
    struct comparison_options *c = &m.opt;
    const struct nn_option table[] = {
        NN_OPT_STRING('o', "out", &c->out, "DIR", "folder to write"),
        NN_OPT_STRING(0, "systems", &c->systems, "A,B,C",
                      "of cascade, cascade-plain (its species net cannot say "
                      "none), multilabel, multilabel-focal, softmax-none, "
                      "softmax-max; all when not given. softmax-none+small is "
                      "a variant, trained with the options that --with gives "
                      "that name"),
        SEEDS_ROW(*c, 's', "training runs of each system, seeds 1..N"),
        NN_OPT_HEADING("training"),
        NN_OPT_INT(
            'e', "epochs", &m.epochs, "N", 0, 100000,
            "of every net; 0: what --gate-epochs and --species-epochs say"),
        NN_OPT_INT(
            0, "gate-epochs", &c->gate_epochs, "N", 0, 100000,
            "of the gate, 0: as train; a single model sees as many images as "
            "both nets"),
        NN_OPT_INT(0, "species-epochs", &c->species_epochs, "N", 0, 100000,
                   "of the species net, 0: as train"),
        NN_OPT_LIST('w', "with", &c->with, "NAME=VALUE",
                    "an option of train for every run, such as gate-size=96, "
                    "or for those of one system, such as "
                    "softmax-none+small:gate-size=96; may be repeated"),
        NN_OPT_U64(0, "split-seed", &m.split_seed, "N",
                   "of the splits, where the data have none"),
        NN_OPT_HEADING("measuring"),
        LEFT_OUT_ROWS(*c,
                      "negative family that an extra run of each system never "
                      "sees; may be repeated; every fourth when not given"),
        NN_OPT_INT(0, "bootstrap", &c->replicates, "N", 100, 1000000,
                   "resamples behind each interval"),
        DATA_ROWS(m.data),
        OVERLAP_ROW(c->keep_overlap),
        CMD_COMMON_ROWS(m.common),
        NN_OPT_END,
    };

    return parse_and_run(&m, table, argc, argv);
}
