/* sweep: how many negatives does the gate need? */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/json.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/cli/experiment_rows.h"
#include "pipelines/cli/data_rows.h"
#include "pipelines/cli/models.h"
#include "pipelines/experiment/experiment.h"
#include "pipelines/report/report_folder.h"
#include "pipelines/sweep/sweep.h"

enum { REPLICATES = 1000, SPLIT_SEED = 1, EPOCHS = 10 };

static const char all_losses[] =
    "cross-entropy,focal-1,focal-2,focal-5,class-weights";

struct sweep {
    struct cmd_common common;
    struct data_rows data;
    const char *numbers, *kinds, *losses;
    struct sweep_options o;
};

/* --- one sweep -------------------------------------------------------------
 */

struct session {
    struct nn_dataset *ds;
    struct sweep_counts counts;
    struct sweep_plan plan;
    struct experiment_test test;
    struct sweep_replicates replicates;
    struct sweep_fit fit[SWEEP_KINDS * SWEEP_LOSSES];
    size_t n_fits;
};

static void session_release(struct session *s)
{
    for (size_t i = 0; i < s->n_fits; i++) {
        sweep_fit_release(&s->fit[i]);
    }
    nn_mem_free(s->replicates.fpr95);
    experiment_test_release(&s->test);
    sweep_plan_release(&s->plan);
    nn_dataset_close(&s->ds);
}

static void say_plan(const struct sweep_options *o, const struct session *s)
{
    size_t runs = 0;

    for (size_t i = 0; i < s->plan.n; i++) {
        int again = s->plan.point[i].skipped;

        for (size_t k = 0; k < i; k++) {
            again |=
                sweep_same_runs(&s->plan, &s->plan.point[k], &s->plan.point[i]);
        }
        runs += again ? 0 : s->plan.n_seeds;
    }
    nn_log(NN_LOG_INFO,
           "%zu points, %zu runs; %zu positives and up to %zu negatives for "
           "training",
           s->plan.n, runs, s->plan.n_positives, s->plan.max);
    if (o->epochs > 0) {
        nn_log(NN_LOG_INFO, "each run is shown about %zu images",
               (size_t)o->epochs * (s->plan.n_positives + s->plan.max));
    } else {
        nn_log(NN_LOG_INFO, "each run fits a classifier to frozen features");
    }
    if (o->kind[SWEEP_FAMILY] && s->counts.family < 0) {
        nn_log(NN_LOG_WARN,
               "the negatives have no families: one-family is left out");
    }
}

static enum nn_status prepare(const struct sweep_options *o, struct session *s,
                              struct nn_error *err)
{
    enum nn_status st = data_open(o->data, &o->how, &s->ds, err);

    if (st) {
        return st;
    }
    st = sweep_count(s->ds, o->family, &s->counts, err);
    if (st) {
        return st;
    }
    st = sweep_plan_init(o, &s->counts, &s->plan, err);
    if (st) {
        return st;
    }
    st = experiment_test_init(s->ds, &s->test, err);
    if (st) {
        return st;
    }
    say_plan(o, s);
    return NN_OK;
}

/* The curves, that of random negatives and cross-entropy first. */
static enum nn_status fit_all(const struct sweep_options *o, struct session *s,
                              struct nn_error *err)
{
    for (int loss = 0; loss < SWEEP_LOSSES; loss++) {
        for (int kind = 0; kind < SWEEP_KINDS; kind++) {
            int found = 0;
            enum nn_status st =
                sweep_fit_init(&s->plan, &s->test, &s->replicates,
                               (enum sweep_kind)kind, (enum sweep_loss)loss,
                               o->gain, &s->fit[s->n_fits], &found, err);

            s->n_fits += (size_t)found;
            if (st) {
                return st;
            }
        }
    }
    return NN_OK;
}

/* What a sweep leaves behind: DIR/sweep.json, DIR/report.html, the tables, the
 * answer. */
static enum nn_status publish(const struct sweep_options *o,
                              const struct session *s, struct nn_error *err)
{
    const struct sweep_answer a = {
        .options = o,
        .ds = s->ds,
        .plan = &s->plan,
        .test = &s->test,
        .fit = s->fit,
        .n_fits = s->n_fits,
        .family =
            s->counts.family >= 0 ? s->ds->families[s->counts.family] : NULL,
    };
    char *path = nn_path_join(o->out, "sweep.json");
    char *answer = sweep_sentence(&a);
    json_t *j = sweep_json(&a);
    enum nn_status st;

    if (path == NULL || answer == NULL || j == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_json_write(path, j, err);
    if (st) {
        goto out;
    }
    st = report_folder(o->out, err);
    if (st) {
        goto out;
    }
    sweep_print(&a, stdout);
    printf("\n%s\n", answer);
out:
    json_decref(j);
    nn_mem_free(answer);
    nn_mem_free(path);
    return st;
}

static enum nn_status run(void *ctx, struct cmd_line *line,
                          struct nn_error *err)
{
    const struct sweep_options *o = &((const struct sweep *)ctx)->o;
    struct session s = { .ds = NULL };
    int folder = -1;
    enum nn_status st = prepare(o, &s, err);

    (void)line;
    if (st) {
        goto out;
    }
    st = nn_folder_take(o->out, &folder, err);
    if (st) {
        goto out;
    }
    st = sweep_train(o, s.ds, &s.plan, &s.test, err);
    if (st) {
        goto out;
    }
    st = sweep_measure(&s.test, &s.plan, REPLICATES, &s.replicates, err);
    if (st) {
        goto out;
    }
    st = fit_all(o, &s, err);
    if (st) {
        goto out;
    }
    st = publish(o, &s, err);
out:
    nn_folder_give_back(&folder);
    session_release(&s);
    return st;
}

/* --- the command -----------------------------------------------------------
 */

/* 1: train would fit the classifier alone, as it does without epochs to a
 * backbone that has seen ImageNet. */
static enum nn_status is_fitted(const struct sweep *s, int *fitted,
                                struct nn_error *err)
{
    const struct nn_option_list *with = &s->o.with;
    const char *tune = experiment_with_value(with, "tune");
    const char *net = experiment_with_value(with, "gate-net");
    enum nn_arch arch = NN_ARCH_EFFICIENTNET_LITE2;
    char *path = NULL;
    enum nn_status st;

    *fitted = 0;
    if (tune != NULL && strcmp(tune, "auto") != 0) {
        *fitted = strcmp(tune, "frozen") == 0;
        return NN_OK;
    }
    if (experiment_with_value(with, "init") != NULL ||
        experiment_with_value(with, "gate-width") != NULL ||
        (net != NULL && nn_arch_parse(net, &arch) != NN_OK) ||
        nn_arch_info(arch)->has_width) {
        return NN_OK;
    }
    st = models_backbone(arch, 1, &path, err);
    *fitted = path != NULL;
    nn_mem_free(path);
    return st;
}

/* A fitted classifier has no epochs, and one loss. */
static enum nn_status choose_budget(struct sweep *s, struct nn_error *err)
{
    int fitted = 0;
    enum nn_status st;

    if (s->o.epochs > 0) {
        return NN_OK;
    }
    st = is_fitted(s, &fitted, err);
    if (st) {
        return st;
    }
    if (!fitted) {
        s->o.epochs = EPOCHS;
    } else if (s->losses == all_losses) {
        s->losses = "cross-entropy";
    } else if (strcmp(s->losses, "cross-entropy") != 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "--losses %s needs --epochs N: a classifier that is "
                       "fitted to frozen features has cross-entropy alone",
                       s->losses);
    }
    return NN_OK;
}

static enum nn_status check_usage(void *ctx, const struct cmd_line *line,
                                  struct nn_error *err)
{
    struct sweep *s = ctx;
    enum nn_status st;

    if (s->o.out == NULL) {
        return nn_fail(err, NN_ERR_ARG, "--out DIR is needed");
    }
    s->o.data = line->operands[0];
    s->o.threads = s->common.threads;
    s->o.how = data_rows_options(&s->data, SPLIT_SEED);
    st = sweep_parse_numbers(s->numbers, &s->o, err);
    if (st) {
        return st;
    }
    st = sweep_parse_kinds(s->kinds, &s->o, err);
    if (st) {
        return st;
    }
    st = sweep_check_with(&s->o.with, err);
    if (st) {
        return st;
    }
    st = choose_budget(s, err);
    if (st) {
        return st;
    }
    return sweep_parse_losses(s->losses, &s->o, err);
}

static int parse_and_run(struct sweep *s, const struct nn_option *table,
                         int argc, char **argv)
{
    const struct nn_options o = {
        .command = "sweep",
        .synopsis = "DATA --out DIR",
        .summary =
            "Train the gate on more and more negatives, chosen in several ways "
            "and with several losses, measure each on the same test images, "
            "and say after how many another doubling gains little. Writes "
            "DIR/sweep.json. A run that is there already is not trained again.",
        .table = table,
        .examples = "  bearcascade sweep photos --out runs/sweep\n"
                    "  bearcascade sweep photos --out runs/quick --seeds 1 "
                    "--kinds random\n      --losses cross-entropy --with "
                    "gate-width=0.5 --with gate-size=96\n",
        .min_operands = 1,
        .max_operands = 1,
    };
    const struct cmd c = {
        .options = &o,
        .common = &s->common,
        .check = check_usage,
        .run = run,
        .stops = 1,
    };

    int status = cmd_run(&c, s, argc, argv);

    nn_mem_free(s->o.number);
    return status;
}

int cmd_sweep(int argc, char **argv)
{
    struct sweep s = {
        .numbers = "0,30,100,300,1000,all",
        .kinds = "random,mined,one-family",
        .losses = all_losses,
        .o = { .seeds = 3, .gain = 0.01 },
    };
    const struct nn_option table[] = {
        NN_OPT_STRING('o', "out", &s.o.out, "DIR",
                      "folder for sweep.json and the runs"),
        NN_OPT_STRING(0, "negatives", &s.numbers, "LIST",
                      "numbers of training negatives"),
        NN_OPT_STRING(0, "kinds", &s.kinds, "LIST",
                      "how they are chosen: random, mined (those that fool the "
                      "gate of the smallest number), one-family"),
        NN_OPT_STRING(
            0, "losses", &s.losses, "LIST",
            "cross-entropy, focal-1, focal-2, focal-5, class-weights; all but "
            "the first with random negatives at the two largest numbers, and "
            "only with epochs"),
        NN_OPT_FLAG(0, "full-grid", &s.o.full_grid,
                    "every loss with every kind at every number"),
        NN_OPT_STRING(0, "family", &s.o.family, "NAME",
                      "of one-family; left out: the largest"),
        SEEDS_ROW(s.o, 0, "runs of each point"),
        NN_OPT_DOUBLE(0, "gain", &s.o.gain, "X", 1e-6, 1,
                      "enough is where a doubling lowers the false-positive "
                      "rate at 95 % recall by less than this"),
        NN_OPT_HEADING("training"),
        NN_OPT_INT('e', "epochs", &s.o.epochs, "N", 0, 10000,
                   "epochs over all training images; with fewer negatives "
                   "more, so that every run is shown as many images; 0: none "
                   "where train fits the classifier alone, else 10"),
        WITH_ROW(s.o),
        DATA_ROWS(s.data),
        CMD_COMMON_ROWS(s.common),
        NN_OPT_END,
    };

    return parse_and_run(&s, table, argc, argv);
}
