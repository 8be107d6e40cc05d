/* evaluate: measure a model on labelled images. */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/measure/evaluation.h"
#include "pipelines/measure/targets.h"
#include "pipelines/cli/augment_rows.h"
#include "pipelines/cli/data_rows.h"
#include "pipelines/cli/decision_rows.h"

struct evaluate {
    struct cmd_common common;
    const char *model;
    int split, json, bootstrap, keep_overlap, all_negative;
    double max_fpr, min_recall; /* NaN: none is asked */
    uint64_t seed;
    struct data_rows data;
    struct decision_rows decide;
    struct nn_option_list subsets;
    const char *views;
    struct nn_tta gate_tta; /* none: those of the model */
};

enum { SPLIT_ALL = NN_SPLITS };

/* --- which images --- */

/* Blanks have no splits. */
static int takes_all(const struct evaluate *o)
{
    return o->split == SPLIT_ALL || o->all_negative;
}

static uint32_t *choose(const struct nn_dataset *ds, const struct evaluate *o,
                        size_t *n)
{
    uint32_t *v = nn_mem_calloc(ds->n, sizeof *v);

    *n = 0;
    for (size_t i = 0; v != NULL && i < ds->n; i++) {
        if (takes_all(o) || (int)ds->items[i].split == o->split) {
            v[(*n)++] = (uint32_t)i;
        }
    }
    return v;
}

/* NAME=GLOB[:FAMILIES] taken apart; the strings are one own block. */
struct subset {
    char *name, *glob, *families; /* families NULL: all negatives */
};

static enum nn_status parse_subset(const char *spec, struct subset *s)
{
    char *eq, *colon;

    *s = (struct subset){ .name = nn_mem_strdup(spec) };
    if (s->name == NULL) {
        return NN_ERR_NOMEM;
    }
    eq = strchr(s->name, '=');
    *eq = '\0';
    s->glob = eq + 1;
    colon = strrchr(s->glob, ':');
    if (colon != NULL) {
        *colon = '\0';
        s->families = colon + 1;
    }
    return NN_OK;
}

/* A pattern with a slash is for the whole path, else for the last part. */
static int name_matches(const char *glob, const char *file)
{
    return fnmatch(glob, strchr(glob, '/') != NULL ? file : nn_path_base(file),
                   0) == 0;
}

/* list: patterns with commas between them. */
static int family_matches(const char *list, const char *family)
{
    char one[256];

    while (*list != '\0') {
        size_t n = strcspn(list, ",");

        snprintf(one, sizeof one, "%.*s", (int)n, list);
        if (fnmatch(one, family, 0) == 0) {
            return 1;
        }
        list += n + (list[n] == ',');
    }
    return 0;
}

static int in_subset(const struct nn_dataset *ds, const struct nn_item *it,
                     const struct subset *s)
{
    if (it->label != NN_NEGATIVE) {
        return name_matches(s->glob, it->file);
    }
    return s->families == NULL ||
           family_matches(s->families,
                          it->family >= 0 ? ds->families[it->family] : "");
}

/* Rows of a subset, or of all (NULL). positives: how many are of a class. */
static size_t match(const struct nn_dataset *ds, const uint32_t *index,
                    size_t n, const struct subset *s, uint32_t *pick,
                    size_t *positives)
{
    size_t m = 0;

    *positives = 0;
    for (size_t i = 0; i < n; i++) {
        const struct nn_item *it = &ds->items[index[i]];

        if (s == NULL || in_subset(ds, it, s)) {
            pick[m++] = (uint32_t)i;
            *positives += it->label != NN_NEGATIVE;
        }
    }
    return m;
}

/* Of train, or of all, nobody expects images that the model has not seen. */
static int keeps_overlap(const struct evaluate *o)
{
    return o->keep_overlap || (!o->all_negative &&
                               (o->split == NN_TRAIN || o->split == SPLIT_ALL));
}

/* --- one evaluation after another ------------------------------------------
 */

struct session {
    const struct evaluate *opt;
    const struct model *model;
    const struct nn_dataset *ds;
    uint32_t *index;
    size_t n;
    size_t seen[NN_SEEN_PARTS]; /* images that the model knew */
    const struct cascade_scores *scores;
    json_t *all; /* array for --json */
    int missed;  /* a target */
};

static void add_json(struct session *s, const struct evaluation *e,
                     const struct targets *t)
{
    json_t *j = evaluation_json(e, s->model);

    if (t != NULL) {
        nn_json_put(&j, "targets", targets_json(t));
    }

    nn_json_put(&j, "overlap",
                json_pack("{s:I, s:I, s:b}", "train",
                          (json_int_t)s->seen[NN_TRAIN], "valid",
                          (json_int_t)s->seen[NN_VALID], "kept",
                          keeps_overlap(s->opt)));
    nn_json_add(&s->all, j);
}

/* Targets are for all images; those of a subset have none. */
static enum nn_status say(struct session *s, const struct evaluation *e,
                          int is_subset, struct nn_error *err)
{
    const struct evaluate *o = s->opt;
    struct targets t;
    enum nn_status st = NN_OK;

    if (!is_subset) {
        st = targets_judge(e, o->max_fpr, o->min_recall, &t, err);
        if (st) {
            return st;
        }
        s->missed = targets_missed(&t);
    }
    if (o->json) {
        add_json(s, e, is_subset ? NULL : &t);
        return NN_OK;
    }
    evaluation_print(e, s->model, stdout);
    if (!is_subset) {
        targets_print(&t, stdout);
    }
    return NN_OK;
}

static enum nn_status report(struct session *s, const char *title,
                             const struct subset *subset, struct nn_error *err)
{
    struct evaluation e = { 0 };
    uint32_t *pick = nn_mem_calloc(s->n, sizeof *pick);
    size_t m, positives;
    uint64_t seed = s->opt->seed > 0 ? s->opt->seed : 1;
    enum nn_status st;

    if (pick == NULL) {
        return nn_fail_nomem(err);
    }
    m = match(s->ds, s->index, s->n, subset, pick, &positives);
    if (subset != NULL && (positives == 0 || positives == m)) {
        nn_log(NN_LOG_WARN,
               "subset '%s' has no %s: what needs both kinds is missing", title,
               positives == 0 ? "image of a class" : "negative");
    }
    if (m == 0) {
        st = nn_fail(err, NN_ERR_ARG, "subset '%s' is empty", title);
        goto out;
    }
    st = evaluation_compute(s->model, s->ds, s->index, s->scores, pick, m,
                            title, s->opt->bootstrap, seed, &e, err);
    if (st) {
        goto out;
    }
    st = say(s, &e, subset != NULL, err);
out:
    evaluation_release(&e);
    nn_mem_free(pick);
    return st;
}

static enum nn_status report_subset(struct session *s, const char *spec,
                                    struct nn_error *err)
{
    struct subset subset;
    enum nn_status st;

    if (parse_subset(spec, &subset)) {
        return nn_fail_nomem(err);
    }
    st = report(s, subset.name, &subset, err);
    nn_mem_free(subset.name);
    return st;
}

static enum nn_status report_all(struct session *s, struct nn_error *err)
{
    const struct evaluate *o = s->opt;
    const char *title = o->all_negative ? "negatives"
                        : o->split == SPLIT_ALL
                            ? "all splits"
                            : nn_split_name((enum nn_split)o->split);
    enum nn_status st = report(s, title, NULL, err);

    if (st) {
        return st;
    }
    for (size_t i = 0; i < o->subsets.n; i++) {
        st = report_subset(s, o->subsets.v[i], err);
        if (st) {
            return st;
        }
    }
    return NN_OK;
}

/* The data may lack classes of the model, but not have others. */
static enum nn_status same_classes(const struct model *m, struct nn_dataset *ds,
                                   struct nn_error *err)
{
    enum nn_status st = nn_dataset_set_classes(
        ds, (const char *const *)m->classes, m->n_classes, err);

    return st != NN_ERR_ARG
               ? st
               : nn_fail(err, NN_ERR_ARG,
                         "the classes of '%s' are not those of the model "
                         "('bearcascade inspect' shows both; --all-negative "
                         "takes every image as a negative)",
                         ds->path);
}

/* Images that were trained on say nothing of new ones; of the test part, nor do
 * those that thresholds were chosen on. */
static enum nn_status leave_out_seen(struct session *s, struct nn_error *err)
{
    enum nn_split last = s->opt->split == NN_VALID ? NN_TRAIN : NN_VALID;
    int keep = keeps_overlap(s->opt);
    uint32_t *left = nn_mem_calloc(s->n, sizeof *left);
    size_t n, all = s->n;

    if (left == NULL) {
        return nn_fail_nomem(err);
    }
    memcpy(left, s->index, s->n * sizeof *left);
    n = nn_seen_leave_out(&s->model->seen, s->ds, last, left, s->n, s->seen);
    if (!keep) {
        memcpy(s->index, left, n * sizeof *left);
        s->n = n;
    }
    nn_mem_free(left);
    if (n == all) {
        return NN_OK;
    }
    if (s->n == 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "the model was trained or validated on all %zu images: "
                       "give the splits of its training (--split-file "
                       "RUN/split.csv), or --keep-overlap",
                       all);
    }
    nn_log(NN_LOG_WARN,
           "of %zu images the model was trained on %zu and validated on %zu: "
           "%s",
           all, s->seen[NN_TRAIN], s->seen[NN_VALID],
           keep ? "figures look too good"
                : "they are left out (--keep-overlap keeps them)");
    return NN_OK;
}

static enum nn_status choose_images(struct session *s, struct nn_error *err)
{
    s->index = choose(s->ds, s->opt, &s->n);
    if (s->index == NULL) {
        return nn_fail_nomem(err);
    }
    if (s->n == 0) {
        return nn_fail(err, NN_ERR_ARG, "'%s' has no images in that split",
                       s->ds->path);
    }
    return leave_out_seen(s, err);
}

static enum nn_status measure(struct session *s, struct nn_error *err)
{
    struct cascade_scores scores = CASCADE_SCORES_INIT;
    struct cascade *c = NULL;
    enum nn_status st = cascade_create(s->model, CASCADE_BATCH, &c, err);

    if (st) {
        return st;
    }
    st = cascade_score(c, s->ds, s->index, s->n, 1, "evaluate", &scores, err);
    if (st) {
        goto out;
    }
    s->scores = &scores;
    st = report_all(s, err);
out:
    cascade_scores_release(&scores);
    cascade_destroy(&c);
    return st;
}

static enum nn_status run(void *ctx, struct cmd_line *line,
                          struct nn_error *err)
{
    const struct evaluate *o = ctx;
    const char *data = line->operands[0];
    struct nn_dataset *ds = NULL;
    struct model *m = NULL;
    struct session s = { .opt = o, .all = json_array() };
    struct data_reading reading = { .classes = NULL };
    enum nn_status st = model_load(o->model, &m, err);

    if (st) {
        goto out;
    }
    st = nn_net_set_tta(m->gate, &o->gate_tta, err);
    if (st) {
        goto out;
    }
    st = decision_rows_apply(&o->decide, m, err);
    if (st) {
        goto out;
    }
    st = data_reading_init(&reading, &o->data, m, o->seed > 0 ? &o->seed : NULL,
                           err);
    if (st) {
        goto out;
    }
    reading.how.no_class_needed = 1;
    reading.how.all_negative = o->all_negative;
    st = data_open(data, &reading.how, &ds, err);
    if (st) {
        goto out;
    }
    st = same_classes(m, ds, err);
    if (st) {
        goto out;
    }
    s.model = m;
    s.ds = ds;
    st = choose_images(&s, err);
    if (st) {
        goto out;
    }
    st = measure(&s, err);
    if (st) {
        goto out;
    }
    if (o->json) {
        st = nn_json_print(s.all, stdout, err);
    }
    line->exit = s.missed ? EXIT_MISSED : EXIT_DONE;
out:
    json_decref(s.all);
    nn_mem_free(s.index);
    nn_dataset_close(&ds);
    data_reading_release(&reading);
    model_destroy(&m);
    return st;
}

static enum nn_status check_usage(void *ctx, const struct cmd_line *line,
                                  struct nn_error *err)
{
    struct evaluate *e = ctx;

    (void)line;
    for (size_t i = 0; i < e->subsets.n; i++) {
        const char *spec = e->subsets.v[i], *eq = strchr(spec, '=');

        if (eq == NULL || eq == spec || eq[1] == '\0' || eq[1] == ':') {
            return nn_fail(err, NN_ERR_ARG,
                           "option '--subset' wants NAME=GLOB[:FAMILIES], not "
                           "'%s'",
                           spec);
        }
    }
    return tta_check(e->views, &e->gate_tta, err);
}

int cmd_evaluate(int argc, char **argv)
{
    struct evaluate e = { .split = NN_TEST,
                          .bootstrap = 1000,
                          .decide = DECISION_ROWS_INIT,
                          .max_fpr = (double)NAN,
                          .min_recall = (double)NAN };
    const struct nn_option table[] = {
        NN_OPT_STRING('m', "model", &e.model, "FILE|RUN",
                      "the model: a .safetensors file or a run folder; left "
                      "out: the cascade that came with the program"),
        NN_OPT_CHOICE(0, "split", &e.split, "train|valid|test|all",
                      "images to measure on"),
        NN_OPT_LIST(0, "subset", &e.subsets, "NAME=GLOB[:FAMILIES]",
                    "also report the images of a class whose file name "
                    "(whole path if GLOB has a slash) matches, against all "
                    "negatives or those of the named families (patterns, "
                    "commas between them); may be repeated"),
        NN_OPT_FLAG(0, "json", &e.json, "a JSON array of reports"),
        NN_OPT_INT(0, "bootstrap", &e.bootstrap, "N", 0, 1000000,
                   "samples behind each interval; 0: no intervals"),
        NN_OPT_U64(
            's', "seed", &e.seed, "N",
            "of the bootstrap (0: 1), and of the split where the data name "
            "none; 0: as the model's training drew it"),
        NN_OPT_STRING(
            0, "gate-tta", &e.views, "PX,PXm,...",
            "test-time augmentation of the gate instead of its own, such as "
            "224,160m (see train); its threshold and temperature stay"),
        DECISION_ROWS(e.decide),
        NN_OPT_DOUBLE(0, "max-fpr", &e.max_fpr, "P", 0, 1,
                      "exit status 4 when more than P of the negatives are "
                      "not called none; the measured share counts, its exact "
                      "bound is said"),
        NN_OPT_DOUBLE(0, "min-recall", &e.min_recall, "P", 0, 1,
                      "exit status 4 when less than P of the images of a "
                      "class are called something else than none"),
        DATA_ROWS(e.data),
        NN_OPT_FLAG(0, "all-negative", &e.all_negative,
                    "every image of DATA, whatever its folder, is a negative, "
                    "and all of them are measured but those that the model "
                    "has seen"),
        OVERLAP_ROW(e.keep_overlap),
        CMD_COMMON_ROWS(e.common),
        NN_OPT_END,
    };
    const struct nn_options o = {
        .command = "evaluate",
        .synopsis = "[--model FILE|RUN] DATA",
        .summary = "Measure a model on labelled images: the gate's ROC area, "
                   "average precision and false-positive rates (overall and "
                   "per negative family), species accuracy, the end-to-end "
                   "confusion matrix, false-negative and false-positive rates "
                   "at the stored "
                   "thresholds, and calibration error. Negatives alone, or "
                   "images of a class alone, give what can be known of "
                   "them.",
        .table = table,
        .examples = "  bearcascade evaluate --model runs/bears photos\n"
                    "  bearcascade evaluate -m runs/bears photos --json "
                    "--subset 'field=field-*'\n"
                    "  bearcascade evaluate --all-negative --max-fpr 0.01 "
                    "blanks\n"
                    "  bearcascade evaluate photos --subset "
                    "'field=field-*:*deer,trail_camera'\n",
        .min_operands = 1,
        .max_operands = 1,
    };
    const struct cmd c = {
        .options = &o,
        .common = &e.common,
        .model = &e.model,
        .check = check_usage,
        .run = run,
    };

    return cmd_run(&c, &e, argc, argv);
}
