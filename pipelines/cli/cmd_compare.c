/* compare: the cascade and the designs people use instead, side by side. */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/compare/comparison.h"
#include "pipelines/report/report_folder.h"

struct compare {
    struct cmd_common common;
    struct comparison_options opt;
    int epochs;
};

static enum nn_status write_part(const struct comparison *c, const char *name,
                                 const json_t *j, struct nn_error *err)
{
    char *path = nn_path_join(c->opt->out, name);
    enum nn_status st =
        path == NULL ? nn_fail_nomem(err) : nn_json_write(path, j, err);

    nn_mem_free(path);
    return st;
}

static enum nn_status write_all(const struct comparison *c, const json_t *all,
                                struct nn_error *err)
{
    json_t *pictures = comparison_pictures(c, err);
    enum nn_status st = pictures == NULL ? err->status : NN_OK;

    st = st ? st : write_part(c, "comparison.json", all, err);
    st = st ? st : write_part(c, "pictures.json", pictures, err);
    st = st ? st : report_folder(c->opt->out, err);
    json_decref(pictures);
    return st;
}

static enum nn_status run_compare(const struct compare *m, struct nn_error *err)
{
    struct nn_dataset *ds = NULL;
    struct comparison c = { 0 };
    struct comparison_result r = { 0 };
    json_t *all = NULL;
    enum nn_status st = data_open(m->opt.data, m->opt.split_seed, &ds, err);

    if (st) {
        return st;
    }
    st = comparison_init(&c, &m->opt, ds, err);
    if (st) {
        return st;
    }
    st = nn_file_mkdirs(m->opt.out, err);
    st = st ? st : comparison_train(&c, err);
    st = st ? st : comparison_score(&c, err);
    st = st ? st : comparison_result_init(&c, &r, err);
    if (!st) {
        all = comparison_json(&c, &r, err);
        st = all == NULL ? err->status : write_all(&c, all, err);
    }
    if (!st) {
        comparison_print(&c, &r, stdout);
    }
    json_decref(all);
    comparison_result_release(&r);
    comparison_release(&c);
    return st;
}

static int check_needs(struct compare *m, int n, const char *const *operands)
{
    if (n != 1 || m->opt.out == NULL) {
        fprintf(stderr, "bearcascade compare: %s is needed\n",
                m->opt.out == NULL ? "--out DIR" : "DATA");
        return EXIT_USAGE;
    }
    m->opt.data = operands[0];
    m->opt.threads = m->common.threads;
    if (m->epochs > 0) {
        m->opt.gate_epochs = m->opt.species_epochs = m->epochs;
    }
    return -1;
}

static int parse_and_run(struct compare *m, const struct nn_option *table,
                         int argc, char **argv)
{
    struct nn_error err = NN_ERROR_INIT;
    int n = 0, status;
    const struct nn_options o = {
        .command = "compare",
        .synopsis = "DATA --out DIR [options]",
        .summary =
            "Train the cascade and the single models people use instead, each "
            "with the same pictures, budget and seeds, and judge all on the "
            "same test pictures. Finished runs in DIR are not trained again. "
            "DIR/comparison.json holds every figure, DIR/report.html shows "
            "them.",
        .table = table,
        .examples =
            "  bearcascade compare photos --out runs/compare\n"
            "  bearcascade compare photos -o runs/two --seeds 1 --systems "
            "cascade,multilabel\n",
        .min_operands = 1,
        .max_operands = 1,
    };
    const char **operands = nn_mem_calloc((size_t)argc + 1, sizeof *operands);

    if (operands == NULL) {
        nn_fail_nomem(&err);
        return cmd_fail("compare", &err);
    }
    status = cmd_parse(&o, argc, argv, operands, &n);
    status = status < 0 ? check_needs(m, n, operands) : status;
    if (status < 0) {
        cmd_apply_common(&m->common);
        stop_catch_signals();
        status = run_compare(m, &err) ? cmd_fail("compare", &err) : EXIT_DONE;
    }
    nn_mem_free(operands);
    nn_options_release(&o);
    return status;
}

int cmd_compare(int argc, char **argv)
{
    struct compare m = { .opt = { .seeds = 3,
                                  .gate_epochs = 8,
                                  .species_epochs = 5,
                                  .split_seed = 1,
                                  .replicates = 2000 } };
    struct comparison_options *c = &m.opt;
    const struct nn_option table[] = {
        { "out", 'o', NN_OPT_STRING, &c->out, "DIR", "folder to write", 0, 0 },
        { "systems", 0, NN_OPT_STRING, &c->systems, "A,B,C",
          "of cascade, multilabel, multilabel-focal, softmax-none, "
          "softmax-max; all when not given",
          0, 0 },
        { "seeds", 's', NN_OPT_INT, &c->seeds, "N",
          "training runs of each system, seeds 1..N", 1, 100 },
        { NULL, 0, NN_OPT_HEADING, NULL, NULL, "training", 0, 0 },
        { "epochs", 'e', NN_OPT_INT, &m.epochs, "N",
          "of every net; 0: what --gate-epochs and --species-epochs say", 0,
          100000 },
        { "gate-epochs", 0, NN_OPT_INT, &c->gate_epochs, "N",
          "of the gate; a single model sees as many pictures as both nets", 1,
          100000 },
        { "species-epochs", 0, NN_OPT_INT, &c->species_epochs, "N",
          "of the species net", 1, 100000 },
        { "with", 'w', NN_OPT_LIST, &c->with, "NAME=VALUE",
          "one more option for every 'train', such as gate-size=64; may be "
          "repeated",
          0, 0 },
        { "split-seed", 0, NN_OPT_U64, &c->split_seed, "N",
          "of the splits, where the data have none", 0, 0 },
        { NULL, 0, NN_OPT_HEADING, NULL, NULL, "measuring", 0, 0 },
        { "left-out", 0, NN_OPT_LIST, &c->left_out, "FAMILY",
          "negative family that an extra run of each system never sees; may "
          "be repeated; every fourth when not given",
          0, 0 },
        { "no-left-out", 0, NN_OPT_FLAG, &c->no_left_out, NULL, "no extra runs",
          0, 0 },
        { "bootstrap", 0, NN_OPT_INT, &c->replicates, "N",
          "resamples behind each interval", 100, 1000000 },
        CMD_COMMON_ROWS(m.common),
        CMD_TABLE_END,
    };

    return parse_and_run(&m, table, argc, argv);
}
