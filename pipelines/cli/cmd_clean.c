/* clean: what is probably wrong in a labelled data set? */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/feature_cache.h"
#include "pipelines/clean/clean.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/cli/data_rows.h"
#include "pipelines/cli/models.h"

enum { FOLDS = 5, BATCH = 32 };

struct clean {
    struct cmd_common common;
    struct data_rows data;
    const char *out, *backbone, *feature_cache;
    uint64_t seed, split_seed;
    int folds, most, json;
};

/* --- the net whose features count --- */

static enum nn_status find_backbone(const struct clean *c, char **path,
                                    struct nn_error *err)
{
    enum nn_status st;

    if (c->backbone != NULL) {
        return models_init(c->backbone, path, err);
    }
    st = models_backbone(NN_ARCH_EFFICIENTNET_LITE2, 1, path, err);
    if (st || *path != NULL) {
        return st;
    }
    st = models_backbone(NN_ARCH_MOBILENETV4, 1, path, err);
    if (st || *path != NULL) {
        return st;
    }
    return nn_fail(err, NN_ERR_ARG,
                   "no backbone is installed: --backbone FILE is needed");
}

static enum nn_status arch_of(const char *path, enum nn_arch *arch,
                              struct nn_error *err)
{
    struct nn_error why = NN_ERROR_INIT;
    struct nn_st_file *f = NULL;
    int known = 0;
    enum nn_status st = nn_st_open(path, &f, err);

    if (st) {
        return st;
    }
    st = nn_arch_of_file(f, "", arch, &known, &why);
    nn_st_close(&f);
    if (st) {
        return nn_fail(err, st, "'%s' %s", path, why.text);
    }
    return known ? NN_OK
                 : nn_fail(err, NN_ERR_FORMAT,
                           "'%s' does not say which net it is of", path);
}

static enum nn_status load_net(const struct clean *c, struct nn_net **net,
                               struct nn_error *err)
{
    static const char *const outputs[] = { "not used" };
    struct nn_net_spec spec = nn_net_spec_defaults();
    struct nn_load_report report;
    enum nn_arch arch;
    char *path = NULL;
    enum nn_status st = find_backbone(c, &path, err);

    if (st) {
        return st;
    }
    st = arch_of(path, &arch, err);
    if (st) {
        goto out;
    }
    spec.width = 1;
    nn_net_spec_set_arch(&spec, arch);
    spec.size = nn_arch_info(arch)->size;
    spec.head = NN_HEAD_SOFTMAX;
    spec.n_outputs = 1;
    spec.outputs = outputs;
    st = nn_net_create_empty(&spec, net, err);
    if (st) {
        goto out;
    }
    st = nn_net_init_from(*net, path, "", &report, err);
    if (st) {
        nn_net_destroy(net);
        goto out;
    }
    nn_log(NN_LOG_INFO, "photos are judged by the features of '%s'", path);
out:
    nn_mem_free(path);
    return st;
}

/* --- what is said --- */

static enum nn_status print_json(const struct clean_findings *f,
                                 const struct clean_statement *s,
                                 struct nn_error *err)
{
    json_t *j = json_object();
    enum nn_status st;

    nn_json_put(&j, "photos", json_integer((json_int_t)f->n));
    nn_json_put(&j, "suspects", json_integer((json_int_t)f->n_listed));
    nn_json_put(&j, "duplicates", json_integer((json_int_t)f->n_pairs));
    nn_json_put(&j, "damaged", json_integer((json_int_t)f->n_damaged));
    if (s != NULL) {
        int known = s->at_least != SIZE_MAX;

        nn_json_put(&j, "decided",
                    json_pack("{s:I, s:I, s:I, s:I, s:o, s:f}", "listed",
                              (json_int_t)s->listed, "sample",
                              (json_int_t)s->sample, "looked_at",
                              (json_int_t)s->looked_at, "wrong",
                              (json_int_t)s->wrong_in_all, "wrong_at_least",
                              known ? json_integer((json_int_t)s->at_least)
                                    : json_null(),
                              "confidence", CLEAN_CONFIDENCE));
    }
    st = nn_json_print(j, stdout, err);
    json_decref(j);
    return st;
}

static void print_statement(const struct clean_statement *s)
{
    printf("decisions: %zu of %zu suspects looked at, %zu wrong\n",
           s->looked_at, s->listed, s->wrong_in_all);
    if (s->at_least == SIZE_MAX) {
        printf("           after all %zu of the sample this line says what "
               "share of the list is wrong\n",
               s->sample);
    } else {
        printf("           of all %zu at least %zu (%.0f %%) are wrong "
               "(%.0f %% confidence, from %zu drawn evenly)\n",
               s->listed, s->at_least,
               100 * (double)s->at_least / (double)s->listed - 0.5,
               100 * CLEAN_CONFIDENCE, s->sample);
    }
}

static void print_text(const struct clean *c, const struct clean_findings *f,
                       const struct clean_statement *s)
{
    if (s != NULL) {
        print_statement(s);
    }
    printf("suspects:   %zu of %zu photos to look at, the most doubtful first\n"
           "duplicates: %zu under another label or in another split\n"
           "damaged:    %zu\n",
           f->n_listed, f->n, f->n_pairs, f->n_damaged);
    printf("page: %s/clean.html (open it in a browser, save the decisions)\n"
           "then: bearcascade train %s --decisions decisions.jsonl --out RUN\n",
           c->out, f->ds->path);
}

/* --- earlier decisions --- */

/* What the file says of its page, if it is of one; decided [ds->n]. */
static enum nn_status look_back(const struct clean *c,
                                const struct nn_dataset *ds, uint8_t *decided,
                                struct clean_statement *s, int *of_page,
                                struct nn_error *err)
{
    struct nn_decisions d = NN_DECISIONS_INIT;
    size_t *item = NULL;
    enum nn_status st = nn_decisions_read(c->data.decisions, &d, err);

    if (st) {
        goto out;
    }
    item = nn_mem_calloc(d.n + 1, sizeof *item);
    if (item == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_decisions_match(&d, ds, item, err);
    if (st) {
        goto out;
    }
    for (size_t k = 0; k < d.n; k++) {
        if (item[k] < ds->n) {
            decided[item[k]] = 1;
        }
    }
    *of_page = clean_state(&d, s, NULL) == NN_OK;
out:
    nn_mem_free(item);
    nn_decisions_release(&d);
    return st;
}

/* --- one run --- */

static char *feature_dir(const struct clean *c)
{
    if (c->feature_cache == NULL) {
        return nn_feature_cache_dir();
    }
    return strcmp(c->feature_cache, "none") == 0
               ? NULL
               : nn_mem_strdup(c->feature_cache);
}

static enum nn_status judge(const struct clean *c, const struct nn_dataset *ds,
                            struct cmd_line *line, struct nn_error *err)
{
    struct clean_findings f = { .ds = NULL };
    struct clean_statement said;
    uint8_t *decided = nn_mem_calloc(ds->n, 1);
    char *dir = feature_dir(c);
    struct nn_net *net = NULL;
    int of_page = 0;
    struct clean_options o = { .folds = c->folds,
                               .seed = c->seed,
                               .most = (size_t)c->most,
                               .decided = decided };
    enum nn_status st;

    o.views =
        (struct nn_feature_options){ .dir = dir,
                                     .limit_bytes = NN_FEATURE_CACHE_BYTES,
                                     .batch = BATCH,
                                     .label = "features",
                                     .stop = &stop_asked };
    if (decided == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    if (c->data.decisions != NULL) {
        st = look_back(c, ds, decided, &said, &of_page, err);
        if (st) {
            goto out;
        }
    }
    st = load_net(c, &net, err);
    if (st) {
        goto out;
    }
    o.net = net;
    st = clean_find(ds, &o, &f, err);
    if (st) {
        goto out;
    }
    st = clean_write(&f, c->out, err);
    if (st) {
        goto out;
    }
    line->exit = f.n_damaged > 0 ? EXIT_SOME_FAILED : EXIT_DONE;
    if (c->json) {
        st = print_json(&f, of_page ? &said : NULL, err);
    } else {
        print_text(c, &f, of_page ? &said : NULL);
    }
out:
    clean_findings_release(&f);
    nn_net_destroy(&net);
    nn_mem_free(decided);
    nn_mem_free(dir);
    return st;
}

static enum nn_status check_usage(void *ctx, const struct cmd_line *line,
                                  struct nn_error *err)
{
    const struct clean *c = ctx;

    (void)line;
    return c->out != NULL ? NN_OK
                          : nn_fail(err, NN_ERR_ARG, "--out DIR is needed");
}

static enum nn_status run(void *ctx, struct cmd_line *line,
                          struct nn_error *err)
{
    const struct clean *c = ctx;
    const struct data_options how = data_rows_options(
        &c->data, c->split_seed > 0 ? c->split_seed : c->seed);
    struct nn_dataset *ds = NULL;
    int folder = -1;
    enum nn_status st = nn_folder_take(c->out, &folder, err);

    if (st) {
        return st;
    }
    st = data_open(line->operands[0], &how, &ds, err);
    if (st) {
        goto out;
    }
    st = judge(c, ds, line, err);
out:
    nn_dataset_close(&ds);
    nn_folder_give_back(&folder);
    return st;
}

int cmd_clean(int argc, char **argv)
{
    struct clean c = { .folds = FOLDS, .seed = 1 };
    const struct nn_option table[] = {
        NN_OPT_STRING(0, "out", &c.out, "DIR",
                      "the page (clean.html) and the list (ranking.jsonl)"),
        NN_OPT_INT(0, "most", &c.most, "N", 0, 5000,
                   "suspects on the page; 0: 5 % of the photos, 50 to 500"),
        NN_OPT_INT(0, "folds", &c.folds, "N", 2, 50,
                   "parts of the photos, each of which is judged by what was "
                   "learned from the others"),
        NN_OPT_STRING(0, "backbone", &c.backbone, "FILE",
                      "the net whose features count; left out: the strongest "
                      "that is installed"),
        NN_OPT_STRING(0, "feature-cache", &c.feature_cache, "DIR",
                      "where features of photos are kept, or none; left out: "
                      "$BEARCASCADE_CACHE, else ~/.cache/bearcascade"),
        NN_OPT_U64('s', "seed", &c.seed, "N", "of the folds and of the sample"),
        NN_OPT_U64(0, "split-seed", &c.split_seed, "N",
                   "of splits, where DATA name none; 0: that of --seed"),
        NN_OPT_FLAG(0, "json", &c.json, "what was found, as JSON"),
        DATA_ROWS(c.data),
        CMD_COMMON_ROWS(c.common),
        NN_OPT_END,
    };
    const struct nn_options o = {
        .command = "clean",
        .synopsis = "DATA --out DIR",
        .summary =
            "Find what is probably wrong in labelled photos: wrong labels, "
            "photos unlike the others, near-duplicates across labels and "
            "splits, damaged files. Each photo is judged by what was learned "
            "without it. A page shows them, the most doubtful first, to keep, "
            "relabel or drop; what it saves is for --decisions of every "
            "command. The photos are never touched.",
        .table = table,
        .examples = "  bearcascade clean photos --out cleaning\n"
                    "  bearcascade clean photos --out again --decisions "
                    "decisions.jsonl\n"
                    "  bearcascade train photos --out runs/clean --decisions "
                    "decisions.jsonl\n",
        .min_operands = 1,
        .max_operands = 1,
    };
    const struct cmd cmd = {
        .options = &o,
        .common = &c.common,
        .check = check_usage,
        .run = run,
        .stops = 1,
    };

    return cmd_run(&cmd, &c, argc, argv);
}
