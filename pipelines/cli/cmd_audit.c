/* audit: what did the filter miss in this pile? */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/audit/audit.h"
#include "pipelines/audit/statement.h"
#include "pipelines/cascade/model.h"
#include "pipelines/cli/audit_boxes.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/cli/models.h"
#include "pipelines/cli/pathlist.h"
#include "pipelines/piles/md_file.h"

struct audit {
    struct cmd_common common;
    struct audit_options o;
    const char *out, *answers, *verify, *model;
    int unit, count, json, next;
};

static enum nn_status print_statement(const struct audit *a, json_t *statement,
                                      struct nn_error *err)
{
    if (a->json) {
        enum nn_status st = nn_json_print(statement, stdout, err);

        putchar('\n');
        return st;
    }
    return audit_statement_print(statement, 0, stdout, err);
}

/* A dear audit is said before anybody looks at a photo, with what is cheaper.
 */
static enum nn_status print_cheaper(const struct audit_plan *plan,
                                    struct nn_error *err)
{
    const struct audit_forecast *f = &plan->forecast;

    if (f->median < (double)plan->n / 4) {
        return NN_OK;
    }
    printf("That is %.0f %% of the pile. Cheaper statements:\n",
           100 * f->median / (double)plan->n);
    for (int r = 8; r >= 5; r--) {
        double looks, recall = r / 10.0;
        enum nn_status st;

        if (recall >= plan->options.recall) {
            continue;
        }
        st = audit_forecast_for(plan, recall, &looks, err);
        if (st) {
            return st;
        }
        printf("  --recall %.1f: about %.0f looks\n", recall, looks);
    }
    return NN_OK;
}

static enum nn_status plan_audit(const struct audit *a, const char *predictions,
                                 struct cmd_line *line, struct nn_error *err)
{
    struct audit_plan plan = AUDIT_PLAN_INIT;
    const struct audit_forecast *f = &plan.forecast;
    enum nn_status st = audit_begin(predictions, &a->o, a->out, &plan, err);

    if (st) {
        goto out;
    }
    printf("%zu photos, %zu units; the scores expect about %.0f positives\n"
           "if that is right: about %.0f looks; one audit in ten takes more "
           "than %.0f",
           plan.pile.n, plan.n, f->positives, f->median, f->most);
    if (f->floor > 0) {
        printf(", and nobody could do with fewer than %.0f", f->floor);
    }
    printf("\ndraws are %s; open %s/audit.html, save the answers, then\n"
           "  bearcascade audit --answers answers.json --out %s\n",
           plan.even ? "even" : "weighted by score", a->out, a->out);
    if (plan.pile.n_unreadable > 0) {
        printf("%zu files could not be read: no statement covers them\n",
               plan.pile.n_unreadable);
        line->exit = EXIT_SOME_FAILED;
    }
    st = print_cheaper(&plan, err);
out:
    audit_plan_release(&plan);
    return st;
}

/* The rows of PHOTOS, by the command that makes them for anybody, which goes on
 * where a run that was killed ended. *status: its exit status. */
static enum nn_status make_rows(const struct audit *a,
                                const struct cmd_line *line, const char *rows,
                                int *status, struct nn_error *err)
{
    char threads[16];
    const char **argv = nn_mem_calloc((size_t)line->n + 12, sizeof *argv);
    int n = 0;

    if (argv == NULL) {
        return nn_fail_nomem(err);
    }
    snprintf(threads, sizeof threads, "%d", a->common.threads);
    argv[n++] = "classify";
    argv[n++] = "--format";
    argv[n++] = "jsonl";
    argv[n++] = "--resume";
    argv[n++] = rows;
    argv[n++] = "--threads";
    argv[n++] = threads;
    if (a->common.quiet) {
        argv[n++] = "--quiet";
    }
    if (a->model != NULL) {
        argv[n++] = "--model";
        argv[n++] = a->model;
    }
    argv[n++] = "--";
    for (int i = 0; i < line->n; i++) {
        argv[n++] = line->operands[i];
    }
    *status = cmd_classify(n, (char **)(uintptr_t)argv);
    nn_mem_free(argv);
    return NN_OK;
}

/* What `classify --detections` said, as rows. */
static enum nn_status take_boxes(const struct cmd_line *line, const char *rows,
                                 struct nn_error *err)
{
    const char *path = line->operands[0];
    const char *root = line->n > 1 ? line->operands[1] : "";
    size_t twice;
    enum nn_status st = audit_boxes_rows(path, root, rows, &twice, err);

    if (!st && twice > 0) {
        nn_log(NN_LOG_WARN,
               "%zu photos come again in '%s': the first row of each stays",
               twice, path);
    }
    return st;
}

static enum nn_status begin(const struct audit *a, struct cmd_line *line,
                            struct nn_error *err)
{
    char *rows = NULL;
    enum nn_status st;

    if (line->n == 1 && audit_pile_is_rows(line->operands[0])) {
        return plan_audit(a, line->operands[0], line, err);
    }
    st = audit_make_dir(a->out, err);
    if (st) {
        return st;
    }
    rows = nn_path_join(a->out, "predictions.jsonl");
    if (rows == NULL) {
        return nn_fail_nomem(err);
    }
    st = md_file_is_one(line->operands[0])
             ? take_boxes(line, rows, err)
             : make_rows(a, line, rows, &line->exit, err);
    if (!st && (line->exit == EXIT_DONE || line->exit == EXIT_SOME_FAILED)) {
        st = plan_audit(a, rows, line, err);
    }
    nn_mem_free(rows);
    return st;
}

static enum nn_status re_rank(const struct audit *a, struct nn_error *err)
{
    const char *path = a->model;
    char *shipped = NULL;
    struct model *m = NULL;
    struct audit_next next;
    enum nn_status st = models_choose(&path, &shipped, err);

    if (st) {
        return st;
    }
    st = model_load(path, &m, err);
    if (st) {
        goto out;
    }
    stop_catch_signals();
    st = audit_re_rank(a->out, a->answers, model_strong_net(m), &stop_asked,
                       &next, err);
    if (st) {
        goto out;
    }
    printf("learned from %zu positives and %zu others; about %.0f positives "
           "are expected among the rest\n"
           "open %s/audit.html again: it goes on behind these answers, and "
           "the statement stays true\n",
           next.positives, next.nones, next.expected, a->out);
out:
    model_destroy(&m);
    nn_mem_free(shipped);
    return st;
}

static enum nn_status run(void *ctx, struct cmd_line *line,
                          struct nn_error *err)
{
    struct audit *a = ctx;
    json_t *statement = NULL;
    enum nn_status st;

    a->o.unit = (enum audit_unit_kind)a->unit;
    a->o.count_photos = a->count == 0;
    if (a->next) {
        return re_rank(a, err);
    }
    if (a->verify != NULL) {
        st = audit_verify(a->verify, &statement, err);
    } else if (a->answers != NULL) {
        st = audit_finish(a->out, a->answers, &statement, err);
    } else {
        return begin(a, line, err);
    }
    if (!st) {
        st = print_statement(a, statement, err);
    }
    json_decref(statement);
    return st;
}

static int is_manifest(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot != NULL &&
           (strcasecmp(dot, ".jsonl") == 0 || strcasecmp(dot, ".csv") == 0);
}

/* Predictions need no model; those of boxes have a folder of photos. */
static enum nn_status check_predictions(const struct audit *a,
                                        const struct cmd_line *line, int most,
                                        struct nn_error *err)
{
    if (line->n > most || a->model != NULL) {
        return nn_fail(err, NN_ERR_ARG,
                       "'%s' holds predictions: give it %s, without --model",
                       line->operands[0],
                       most > 1 ? "and the folder of its photos" : "alone");
    }
    if (line->n == 2 && !nn_file_is_dir(line->operands[1])) {
        return nn_fail(err, NN_ERR_ARG,
                       "'%s' is no folder: the photos of '%s' are below one",
                       line->operands[1], line->operands[0]);
    }
    return NN_OK;
}

static enum nn_status check_pile(const struct audit *a,
                                 const struct cmd_line *line,
                                 struct nn_error *err)
{
    if (audit_pile_is_rows(line->operands[0])) {
        return check_predictions(a, line, 1, err);
    }
    if (md_file_is_one(line->operands[0])) {
        return check_predictions(a, line, 2, err);
    }
    for (int i = 0; i < line->n; i++) {
        const char *path = line->operands[i];

        if (i > 0 && (audit_pile_is_rows(path) || md_file_is_one(path))) {
            return nn_fail(err, NN_ERR_ARG,
                           "'%s' holds predictions: it must come first", path);
        }
        if (pathlist_is_collection(path) && !nn_file_is_dir(path) &&
            !is_manifest(path)) {
            return nn_fail(err, NN_ERR_ARG,
                           "'%s': a browser shows files alone: unpack archives",
                           path);
        }
    }
    return NN_OK;
}

static enum nn_status check(void *ctx, const struct cmd_line *line,
                            struct nn_error *err)
{
    const struct audit *a = ctx;

    if (a->verify != NULL) {
        return line->n == 0 && a->answers == NULL && a->out == NULL && !a->next
                   ? NN_OK
                   : nn_fail(err, NN_ERR_ARG, "--verify DIR stands alone");
    }
    if (a->out == NULL) {
        return nn_fail(err, NN_ERR_ARG, "--out DIR is needed");
    }
    if ((line->n > 0) == (a->answers != NULL)) {
        return nn_fail(err, NN_ERR_ARG,
                       "either PHOTOS or PREDICTIONS, to begin, or --answers "
                       "FILE");
    }
    if (a->next && a->answers == NULL) {
        return nn_fail(err, NN_ERR_ARG, "--next learns from --answers FILE");
    }
    return line->n > 0 ? check_pile(a, line, err) : NN_OK;
}

int cmd_audit(int argc, char **argv)
{
    struct audit a = {
        .o = { .recall = 0.9, .confidence = 0.95, .gap = 30, .seed = 1 },
        .count = 1
    };
    const struct nn_option table[] = {
        NN_OPT_STRING('o', "out", &a.out, "DIR", "folder of the audit"),
        NN_OPT_STRING('m', "model", &a.model, "FILE|RUN",
                      "of PHOTOS and --next: the model; left out: the "
                      "cascade that came with the program"),
        NN_OPT_STRING(0, "answers", &a.answers, "FILE",
                      "answers that the page saved: print and write the "
                      "statement"),
        NN_OPT_FLAG(0, "next", &a.next,
                    "with --answers: learn from them which photos to look at "
                    "next, and write the page anew"),
        NN_OPT_STRING(0, "verify", &a.verify, "DIR",
                      "compute the statement of an audit again and compare"),
        NN_OPT_DOUBLE(0, "recall", &a.o.recall, "R", 0.01, 0.999,
                      "share of the positives that is to be found"),
        NN_OPT_DOUBLE(0, "confidence", &a.o.confidence, "C", 0.5, 0.9999,
                      "confidence of the statement"),
        NN_OPT_CHOICE(0, "unit", &a.unit, "photo|time|folder",
                      "one look is for a photo, for a burst by capture time, "
                      "or for a folder"),
        NN_OPT_DOUBLE(0, "gap", &a.o.gap, "SECONDS", 0, 86400,
                      "longest wait within a burst, with --unit time"),
        NN_OPT_CHOICE(0, "count", &a.count, "photos|units",
                      "the statement counts photos (of bursts with a "
                      "positive) or units"),
        NN_OPT_DOUBLE(0, "wrong", &a.o.wrong, "SHARE", 0, 0.5,
                      "allowance for wrong answers, of either kind"),
        NN_OPT_U64(0, "seed", &a.o.seed, "N", "which draws"),
        NN_OPT_FLAG(0, "json", &a.json, "the statement as JSON"),
        CMD_COMMON_ROWS(a.common),
        NN_OPT_END,
    };
    const struct nn_options o = {
        .command = "audit",
        .synopsis = "PHOTOS...|PREDICTIONS [FOLDER] --out DIR | --answers "
                    "FILE --out DIR | --verify DIR",
        .summary =
            "Show what share of the positives of a pile was found. "
            "PHOTOS are classified as 'classify' does it; PREDICTIONS "
            "are rows of 'classify --format jsonl', or a file of "
            "'classify --detections' and the folder of its photos. A "
            "page asks for looks at photos; the statement holds whenever "
            "one stops, whatever the scores are worth.",
        .table = table,
        .examples = "  bearcascade audit photos --out audit\n"
                    "  bearcascade audit classified.json /media/card --out "
                    "audit\n"
                    "  bearcascade audit --answers answers.json --out audit\n",
        .max_operands = -1,
    };
    const struct cmd c = {
        .options = &o, .common = &a.common, .check = check, .run = run
    };

    return cmd_run(&c, &a, argc, argv);
}
