/* sweep: how many negatives does the gate need? */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/json.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/report/report_folder.h"
#include "pipelines/sweep/sweep.h"

enum { REPLICATES = 1000, SPLIT_SEED = 1 };

struct sweep {
    struct cmd_common common;
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
           "training; each run is shown about %zu pictures",
           s->plan.n, runs, s->plan.n_positives, s->plan.most,
           (size_t)o->epochs * (s->plan.n_positives + s->plan.most));
    if (o->kind[SWEEP_FAMILY] && s->counts.family < 0) {
        nn_log(NN_LOG_WARN,
               "the negatives have no families: one-family is left out");
    }
}

static enum nn_status prepare(const struct sweep_options *o, struct session *s,
                              struct nn_error *err)
{
    enum nn_status st = data_open(o->data, SPLIT_SEED, &s->ds, err);

    if (!st) {
        st = sweep_count(s->ds, o->family, &s->counts, err);
    }
    if (!st) {
        st = sweep_plan_init(o, &s->counts, &s->plan, err);
    }
    if (!st) {
        st = experiment_test_init(s->ds, &s->test, err);
    }
    if (!st) {
        say_plan(o, s);
    }
    return st;
}

/* The curves, that of random negatives and cross-entropy first. */
static enum nn_status fit_all(const struct sweep_options *o, struct session *s,
                              struct nn_error *err)
{
    enum nn_status st = NN_OK;

    for (int loss = 0; loss < SWEEP_LOSSES; loss++) {
        for (int kind = 0; !st && kind < SWEEP_KINDS; kind++) {
            int found = 0;

            st = sweep_fit_init(&s->plan, &s->test, &s->replicates,
                                (enum sweep_kind)kind, (enum sweep_loss)loss,
                                o->gain, &s->fit[s->n_fits], &found, err);
            s->n_fits += (size_t)found;
        }
    }
    return st;
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
    enum nn_status st = path == NULL || answer == NULL || j == NULL
                            ? nn_fail_nomem(err)
                            : nn_json_write(path, j, err);

    st = st ? st : report_folder(o->out, err);
    if (!st) {
        sweep_print(&a, stdout);
        printf("\n%s\n", answer);
    }
    json_decref(j);
    nn_mem_free(answer);
    nn_mem_free(path);
    return st;
}

static enum nn_status run(const struct sweep_options *o, struct nn_error *err)
{
    struct session s = { .ds = NULL };
    enum nn_status st = prepare(o, &s, err);

    if (!st) {
        st = sweep_train(o, s.ds, &s.plan, &s.test, err);
    }
    if (!st) {
        st = sweep_measure(&s.test, &s.plan, REPLICATES, &s.replicates, err);
    }
    if (!st) {
        st = fit_all(o, &s, err);
    }
    if (!st) {
        st = publish(o, &s, err);
    }
    session_release(&s);
    return st;
}

/* --- the command -----------------------------------------------------------
 */

static int check_usage(struct sweep *s, int status)
{
    struct nn_error err = NN_ERROR_INIT;
    enum nn_status st;

    if (status >= 0) {
        return status;
    }
    if (s->o.out == NULL) {
        fputs("bearcascade sweep: --out DIR is needed\n", stderr);
        return EXIT_USAGE;
    }
    st = sweep_parse_numbers(s->numbers, &s->o, &err);
    st = st ? st : sweep_parse_kinds(s->kinds, &s->o, &err);
    st = st ? st : sweep_parse_losses(s->losses, &s->o, &err);
    st = st ? st : sweep_check_with(&s->o.with, &err);
    if (st) {
        cmd_fail("sweep", &err);
        return st == NN_ERR_ARG ? EXIT_USAGE : EXIT_FAILED;
    }
    return -1;
}

static int parse_and_run(struct sweep *s, const struct nn_option *table,
                         int argc, char **argv)
{
    struct nn_error err = NN_ERROR_INIT;
    int n = 0, status;
    const struct nn_options o = {
        .command = "sweep",
        .synopsis = "DATA --out DIR",
        .summary = "Train the gate on more and more negatives, chosen in "
                   "several ways and with several losses, measure each on the "
                   "same test pictures, and say after how many another "
                   "doubling gains little. Writes DIR/sweep.json. A run that "
                   "is there already is not trained again.",
        .table = table,
        .examples = "  bearcascade sweep photos --out runs/sweep\n"
                    "  bearcascade sweep photos --out runs/quick --seeds 1 "
                    "--kinds random\n      --losses cross-entropy --with "
                    "gate-width=0.5 --with gate-size=96\n",
        .min_operands = 1,
        .max_operands = 1,
    };
    const char **operands = nn_mem_calloc((size_t)argc + 1, sizeof *operands);

    if (operands == NULL) {
        nn_fail_nomem(&err);
        return cmd_fail("sweep", &err);
    }
    status = check_usage(s, cmd_parse(&o, argc, argv, operands, &n));
    if (status < 0) {
        cmd_apply_common(&s->common);
        stop_catch_signals();
        s->o.data = operands[0];
        s->o.threads = s->common.threads;
        status = run(&s->o, &err) ? cmd_fail("sweep", &err) : EXIT_DONE;
    }
    nn_mem_free(operands);
    nn_mem_free(s->o.number);
    nn_options_release(&o);
    return status;
}

int cmd_sweep(int argc, char **argv)
{
    struct sweep s = {
        .numbers = "0,30,100,300,1000,all",
        .kinds = "random,mined,one-family",
        .losses = "cross-entropy,focal-1,focal-2,focal-5,class-weights",
        .o = { .seeds = 3, .epochs = 10, .gain = 0.01 },
    };
    const struct nn_option table[] = {
        { "out", 'o', NN_OPT_STRING, &s.o.out, "DIR",
          "folder for sweep.json and the runs", 0, 0 },
        { "negatives", 0, NN_OPT_STRING, &s.numbers, "LIST",
          "numbers of training negatives", 0, 0 },
        { "kinds", 0, NN_OPT_STRING, &s.kinds, "LIST",
          "how they are chosen: random, mined (those that fool the gate of "
          "the smallest number), one-family",
          0, 0 },
        { "losses", 0, NN_OPT_STRING, &s.losses, "LIST",
          "cross-entropy, focal-1, focal-2, focal-5, class-weights; all but "
          "the first with random negatives at the two largest numbers",
          0, 0 },
        { "full-grid", 0, NN_OPT_FLAG, &s.o.full_grid, NULL,
          "every loss with every kind at every number", 0, 0 },
        { "family", 0, NN_OPT_STRING, &s.o.family, "NAME",
          "of one-family; left out: the largest", 0, 0 },
        { "seeds", 0, NN_OPT_INT, &s.o.seeds, "N", "runs of each point", 1,
          100 },
        { "gain", 0, NN_OPT_DOUBLE, &s.o.gain, "X",
          "enough is where a doubling lowers the false-positive rate at 95 % "
          "hit rate by less than this",
          1e-6, 1 },
        { NULL, 0, NN_OPT_HEADING, NULL, NULL, "training", 0, 0 },
        { "epochs", 'e', NN_OPT_INT, &s.o.epochs, "N",
          "epochs over all training pictures; with fewer negatives more, so "
          "that every run is shown as many pictures",
          1, 10000 },
        { "with", 0, NN_OPT_LIST, &s.o.with, "NAME=VALUE",
          "an option of train for every run, such as gate-size=96; may be "
          "repeated",
          0, 0 },
        CMD_COMMON_ROWS(s.common),
        CMD_TABLE_END,
    };

    return parse_and_run(&s, table, argc, argv);
}
