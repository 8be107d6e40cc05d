/* mine: the images of a pool that fool the gate, without the bears in it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/feature_cache.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/mine/ask.h"
#include "pipelines/mine/mine_rungs.h"
#include "pipelines/study/study.h"
#include "pipelines/cli/data_rows.h"
#include "pipelines/cli/study_rows.h"

struct mine {
    struct cmd_common common;
    const char *model, *out, *positives, *link, *feature_cache;
    struct nn_option_list pool;
    struct data_rows data;
    int top, mode, resume, trust, folder_cap, cluster_cap, keep_overlap;
    int ask; /* photos for a person; 0: none */
    double hard_share, draw_from, min_score, fn_filter_recall;
    uint64_t seed;
    struct study_options study; /* data: NULL unless asked for */
};

/* Everything that is open while mining. */
struct work {
    struct model *model;
    char *features; /* where they are kept; NULL: nowhere */
    struct nn_dataset *known;
    struct nn_pool *pool;
    struct gate_mine_bank bank;
    struct second_scorer species;
    struct gate_mine_second_scorer second_scorer;
    struct gate_mine_rule rule;
    struct gate_mine_options opt;
    struct gate_mine_scores scores;
    struct gate_mine_result result;
    uint64_t *answered; /* hashes of photos that were not decided on */
    size_t n_answered;
};

static void work_release(struct work *w)
{
    gate_mine_result_release(&w->result);
    gate_mine_bank_release(&w->bank);
    second_scorer_release(&w->species);
    gate_mine_scores_close(&w->scores);
    nn_pool_close(&w->pool);
    nn_dataset_close(&w->known);
    model_destroy(&w->model);
    nn_mem_free(w->features);
    nn_mem_free(w->answered);
}

/* What the model was trained on says nothing of the recall of a filter. */
static void leave_out_seen(const struct mine *m, struct work *w)
{
    struct nn_dataset *ds = w->known;
    size_t n = 0;

    for (size_t i = 0; !m->keep_overlap && i < ds->n; i++) {
        struct nn_item *it = &ds->items[i];

        if (it->split == NN_VALID &&
            nn_seen_has(&w->model->seen, NN_TRAIN, it)) {
            it->split = NN_TRAIN;
            n++;
        }
    }
    if (n > 0) {
        nn_log(NN_LOG_WARN,
               "%zu images of the valid part of '%s' are images that the "
               "model was trained on: they count as train (--keep-overlap "
               "leaves them)",
               n, ds->path);
    }
}

static enum nn_status open_all(const struct mine *m, struct work *w,
                               struct nn_error *err)
{
    struct data_reading reading;
    enum nn_status st = model_load(m->model, &w->model, err);

    if (st) {
        return st;
    }
    if (w->model->system != MODEL_CASCADE) {
        return nn_fail(err, NN_ERR_ARG,
                       "'%s' is a %s model: mine needs one with a gate (train "
                       "--system cascade)",
                       w->model->path, model_system_name(w->model->system));
    }
    if (w->model->gate->spec.arch != NN_ARCH_MOBILENETV4) {
        w->features = nn_feature_cache_given(m->feature_cache);
    }
    st = data_reading_init(&reading, &m->data, w->model, NULL, err);
    if (st) {
        return st;
    }
    st = data_open(m->positives, &reading.how, &w->known, err);
    data_reading_release(&reading);
    if (st) {
        return st;
    }
    leave_out_seen(m, w);
    return data_open_pools(m->pool.v, m->pool.n, &w->pool, err);
}

/* Any score and any folder; one of each kind. */
static void set_ask_options(const struct mine *m, struct work *w)
{
    w->opt = gate_mine_ask_defaults(&w->model->gate_policy, (size_t)m->ask);
    w->opt.draw_from = m->draw_from;
    w->opt.seen = m->keep_overlap ? NULL : &w->model->seen;
    w->opt.seed = m->seed;
    w->opt.pass_over = w->answered;
    w->opt.n_pass_over = w->n_answered;
}

static void set_options(const struct mine *m, struct work *w)
{
    if (m->ask > 0) {
        set_ask_options(m, w);
        return;
    }
    w->opt = gate_mine_defaults(&w->model->gate_policy, (size_t)m->top);
    w->opt.mode = (enum gate_mine_mode)m->mode;
    w->opt.hard_share = m->hard_share;
    w->opt.draw_from = m->draw_from;
    w->opt.caps_yield = m->folder_cap < 0 && m->cluster_cap < 0;
    w->opt.seen = m->keep_overlap ? NULL : &w->model->seen;
    w->opt.seed = m->seed;
    if (m->min_score >= 0) {
        w->opt.min_score = w->opt.hard_floor = m->min_score;
    }
    if (m->folder_cap >= 0) {
        w->opt.folder_cap = (size_t)m->folder_cap;
    }
    if (m->cluster_cap >= 0) {
        w->opt.cluster_cap = (size_t)m->cluster_cap;
    }
}

static enum nn_status score_pool(const struct mine *m, struct work *w,
                                 struct nn_error *err)
{
    char *journal = nn_path_join(m->out, "scores.bin");
    size_t n_rejected;
    enum nn_status st;

    if (journal == NULL) {
        return nn_fail_nomem(err);
    }
    st = gate_mine_scan(w->model->gate, w->pool, journal, w->features,
                        &stop_asked, "score pool", &w->scores, err);
    nn_mem_free(journal);
    if (st) {
        return st;
    }
    st = mine_show_rungs(w->model, w->pool, w->features, &stop_asked,
                         &w->scores, &n_rejected, err);
    if (!st && n_rejected > 0) {
        nn_log(NN_LOG_INFO,
               "%zu images of the pool pass the gate alone, but not the rungs "
               "before it: they count as rejected",
               n_rejected);
    }
    return st;
}

/* A person sees for themselves what may be a positive. */
static int has_rule(const struct mine *m)
{
    return !m->trust && m->ask == 0;
}

static enum nn_status choose(const struct mine *m, struct work *w,
                             struct nn_error *err)
{
    const struct nn_net *gate = w->model->gate;
    int32_t side;
    enum nn_status st = gate_mine_pool_side(gate, w->pool, &side, err);

    if (st) {
        return st;
    }
    st =
        gate_mine_bank_create(gate, w->known, side, w->features, &w->bank, err);
    if (st) {
        return st;
    }
    st = second_scorer_init(&w->species, w->model->species, side, w->features,
                            &w->second_scorer, err);
    if (st) {
        return st;
    }
    if (has_rule(m)) {
        st = gate_mine_rule_fit(gate, &w->bank, &w->second_scorer,
                                w->model->gate_policy.threshold,
                                m->fn_filter_recall, &w->rule, err);
        if (st) {
            return st;
        }
    }
    return gate_mine_choose(gate, w->pool, &w->scores, &w->bank,
                            has_rule(m) ? &w->rule : NULL, &w->second_scorer,
                            &w->opt, &stop_asked, &w->result, err);
}

/* Drawn images are in no file that train could read; copies of them are. The
 * gate is trained anew: going on from the weights that mined learns less from
 * the same images (docs/mining.md, "Trained anew"). */
static void print_next(const struct mine *m, size_t drawn)
{
    const char *dir = m->link != NULL ? m->link : m->out;
    const char *file = m->link != NULL ? "" : "/negatives.jsonl";

    printf("record: %s/mined.jsonl\npage:   %s/mined.html\n", m->out, m->out);
    if (drawn > 0 && m->link == NULL) {
        printf("next:\tthe same with --resume --link COPIES (%zu of the "
               "accepted are drawn and in no file), then\n",
               drawn);
        dir = "COPIES";
        file = "";
    } else {
        printf("next:");
    }
    printf("\tbearcascade train %s --out RUN --negatives %s%s\n", m->positives,
           dir, file);
}

static enum nn_status write_files(const struct mining_round *r, const char *dir,
                                  struct nn_error *err)
{
    static const struct mining_file file[] = {
        { "negatives.jsonl", mining_write_manifest },
        { "mined.html", mining_write_html },
        { "round.json", mining_write_summary },
        { "mined.jsonl", mining_write_jsonl },
    };

    return mining_write_files(r, dir, file, sizeof file / sizeof file[0], err);
}

static enum nn_status write_questions(const struct mine *m,
                                      const struct work *w,
                                      const struct mining_round *r,
                                      struct nn_error *err)
{
    const size_t *count = r->result->count;
    size_t n = count[GATE_MINE_V_HARD];
    enum nn_status st = ask_write(r, (const char *const *)w->model->classes,
                                  w->model->n_classes, m->out, err);

    if (st) {
        return st;
    }
    printf("%zu photos to ask about, of %zu in the pool\n", n, w->pool->n);
    if (n < (size_t)m->ask) {
        printf("no more: of the %zu photos nearest to the threshold %zu are "
               "known already or copies, %zu resemble one that is asked "
               "about\n",
               r->result->n, count[GATE_MINE_V_DUPLICATE],
               count[GATE_MINE_V_CAPPED]);
    }
    if (n > 0) {
        printf("page: %s/ask.html (open it in a browser, save the decisions)\n"
               "then: bearcascade train %s --out RUN --decisions "
               "decisions.jsonl\n",
               m->out, m->positives);
    }
    return NN_OK;
}

static enum nn_status write_record(const struct mine *m, const struct work *w,
                                   struct nn_error *err)
{
    char id[33];
    const struct mining_round r = {
        .number = 1,
        .model_id = id,
        .temperature = w->model->gate->temperature,
        .n_pool = w->pool->n,
        .bank = &w->bank,
        .rule = has_rule(m) ? &w->rule : NULL,
        .opt = &w->opt,
        .result = &w->result,
    };
    enum nn_status st;

    nn_hash_hex(w->model->gate->params.value.data,
                w->model->gate->params.value.count * sizeof(float), id);
    if (m->ask > 0) {
        return write_questions(m, w, &r, err);
    }
    st = write_files(&r, m->out, err);
    if (st) {
        return st;
    }
    if (m->link != NULL) {
        st = mining_copy_accepted(&w->result, m->link, err);
        if (st) {
            return st;
        }
    }
    mining_print(&r, stdout);
    print_next(m, mining_drawn(&r));
    return NN_OK;
}

static enum nn_status check_journal(const struct mine *m, struct nn_error *err)
{
    char *journal = nn_path_join(m->out, "scores.bin");
    int exists;

    if (journal == NULL) {
        return nn_fail_nomem(err);
    }
    exists = nn_file_exists(journal);
    nn_mem_free(journal);
    return !exists || m->resume
               ? NN_OK
               : nn_fail(err, NN_ERR_ARG,
                         "'%s' holds scores already: choose another --out, or "
                         "--resume to use them",
                         m->out);
}

static enum nn_status run_mine(const struct mine *m, struct nn_error *err)
{
    struct work w = { .scores = { .fd = -1 } };
    int folder = -1;
    enum nn_status st = open_all(m, &w, err);

    if (st) {
        goto out;
    }
    if (m->ask > 0 && m->data.decisions != NULL) {
        st = ask_answered(m->data.decisions, &w.answered, &w.n_answered, err);
        if (st) {
            goto out;
        }
    }
    set_options(m, &w);
    st = nn_folder_take(m->out, &folder, err);
    if (st) {
        goto out;
    }
    st = check_journal(m, err); /* now that it is ours */
    if (st) {
        goto out;
    }
    st = score_pool(m, &w, err);
    if (st) {
        goto out;
    }
    st = choose(m, &w, err);
    if (st) {
        goto out;
    }
    st = write_record(m, &w, err);
out:
    nn_folder_give_back(&folder);
    work_release(&w);
    return st;
}

static enum nn_status check_needs(void *ctx, const struct cmd_line *line,
                                  struct nn_error *err)
{
    const struct mine *m = ctx;
    const char *missing = m->model == NULL       ? "--model FILE|RUN"
                          : m->pool.n == 0       ? "--pool PATH"
                          : m->out == NULL       ? "--out DIR"
                          : m->positives == NULL ? "--positives DATA"
                                                 : NULL;

    (void)line;
    if (m->ask > 0 && (m->study.data != NULL || m->link != NULL)) {
        return nn_fail(err, NN_ERR_ARG, "--ask does not go with --%s",
                       m->link != NULL ? "link" : "study");
    }
    if (m->study.data != NULL) {
        return m->pool.n > 0 && m->out != NULL
                   ? NN_OK
                   : nn_fail(err, NN_ERR_ARG,
                             "--study needs --pool PATH and --out DIR");
    }
    if (missing != NULL) {
        return nn_fail(err, NN_ERR_ARG, "%s is needed", missing);
    }
    return check_journal(m, err);
}

static enum nn_status run_study(struct mine *m, struct nn_error *err)
{
    int folder;
    enum nn_status st = nn_folder_take(m->out, &folder, err);

    if (st) {
        return st;
    }
    m->study.out = m->out;
    m->study.pool = m->pool;
    m->study.top = m->top;
    m->study.trust_pool = m->trust;
    m->study.threads = m->common.threads;
    m->study.how = data_rows_options(&m->data, 1);
    st = study_run(&m->study, err);
    nn_folder_give_back(&folder);
    return st;
}

static enum nn_status run(void *ctx, struct cmd_line *line,
                          struct nn_error *err)
{
    struct mine *m = ctx;

    (void)line;
    return m->study.data != NULL ? run_study(m, err) : run_mine(m, err);
}

static int parse_and_run(struct mine *m, const struct nn_option *table,
                         int argc, char **argv)
{
    const struct nn_options o = {
        .command = "mine",
        .synopsis =
            "--model FILE|RUN --pool PATH... --positives DATA --out DIR\n      "
            " bearcascade mine --ask N --model FILE|RUN --pool PATH... "
            "--positives DATA --out DIR\n      "
            " bearcascade mine --study DATA --pool PATH... --out DIR",
        .summary =
            "Find the images of a pool that fool the gate, and leave out "
            "copies and what may be a bear after all. Scores are kept in "
            "DIR/scores.bin: an interrupted run goes on with --resume, and "
            "another --top needs no second pass. DIR/mined.jsonl has a line "
            "for each image looked at, DIR/mined.html shows them, "
            "DIR/negatives.jsonl is what 'train --negatives' takes. With "
            "--ask N it chooses the N photos instead that the gate is least "
            "sure of: DIR/ask.html asks a person what they show, and what it "
            "saves is what 'train --decisions' takes. With --study it asks "
            "whether mining pays: gates are trained with mined "
            "and with as many random negatives, and DIR/study.txt says which "
            "is better, and on which families; runs that are there are not "
            "trained again.",
        .table = table,
        .examples = "  bearcascade mine --model runs/bears --pool holiday "
                    "--positives photos --out runs/mined\n"
                    "  bearcascade mine -m runs/bears --pool synth:100000:7 "
                    "--positives photos -o runs/mined\n"
                    "  bearcascade mine --ask 100 -m runs/bears --pool holiday "
                    "--positives photos -o runs/ask\n"
                    "  bearcascade mine --study photos --pool holiday "
                    "--out runs/study\n",
        .min_operands = 0,
        .max_operands = 0,
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

int cmd_mine(int argc, char **argv)
{
    struct mine m = {
        .top = 500,
        .hard_share = 1,
        .draw_from = GATE_MINE_DRAW_FROM,
        .min_score = -1,
        .fn_filter_recall = 0.98,
        .folder_cap = -1,
        .cluster_cap = -1,
        .seed = 1,
        .study = { .seeds = 3, .rounds = 3, .round_epochs = 6, .sets = 2 }
    };
    const struct nn_option table[] = {
        NN_OPT_STRING('m', "model", &m.model, "FILE|RUN",
                      "the model whose gate is to be fooled"),
        NN_OPT_LIST(
            'p', "pool", &m.pool, "PATH",
            "folder, archive, manifest or synth:COUNT:SEED; may be repeated"),
        NN_OPT_STRING(0, "positives", &m.positives, "DATA",
                      "the labelled data of the model: what a bear looks like, "
                      "and what is known already"),
        NN_OPT_STRING('o', "out", &m.out, "DIR", "folder to write"),
        NN_OPT_INT('k', "top", &m.top, "K", 1, 1000000, "negatives wanted"),
        NN_OPT_INT(0, "ask", &m.ask, "N", 1, 100000,
                   "choose N photos to ask a person about, and write the page "
                   "that asks: those whose scores lie nearest to the gate's "
                   "threshold, one of each scene; of the options below only "
                   "--draw-from and --seed count"),
        NN_OPT_FLAG(0, "resume", &m.resume, "use the scores that --out holds"),
        NN_OPT_STRING(
            0, "link", &m.link, "DIR",
            "copy the accepted images into DIR, such as a class folder"),
        NN_OPT_HEADING("choosing"),
        NN_OPT_CHOICE(
            0, "mode", &m.mode, GATE_MINE_MODES,
            "which: drawn from --draw-from times as many with the largest "
            "scores, any that score --min-score or more, the largest scores, "
            "those just below the threshold, all scores alike, any at all, or "
            "drawn from --draw-from times as many next to the threshold"),
        NN_OPT_DOUBLE(
            0, "draw-from", &m.draw_from, "X", 1, 1e6,
            "hard, uncertain and --ask: from the X times as many as are "
            "wanted that come first; 1: the first themselves"),
        NN_OPT_DOUBLE(0, "hard-share", &m.hard_share, "S", 0, 1,
                      "share chosen by score; the rest are random"),
        NN_OPT_DOUBLE(
            0, "min-score", &m.min_score, "P", -1, 1,
            "minimum score of a hard negative; -1: none with --mode hard, else "
            "the gate's threshold"),
        NN_OPT_INT(0, "folder-cap", &m.folder_cap, "N", -1, 1000000,
                   "maximum number from one folder; 0: no limit, -1: a fifth "
                   "of --top as long as others have enough"),
        NN_OPT_INT(
            0, "cluster-cap", &m.cluster_cap, "N", -1, 1000000,
            "maximum number of one kind; 0: no limit, -1: a tenth of --top as "
            "long as others have enough"),
        NN_OPT_DOUBLE(0, "fn-filter-recall", &m.fn_filter_recall, "P", 0.01, 1,
                      "share of all validation positives that the filter for "
                      "suspected false negatives must catch"),
        NN_OPT_FLAG(0, "trust-pool", &m.trust,
                    "the pool holds no positives: suspect no false negatives"),
        NN_OPT_U64('s', "seed", &m.seed, "N", "of random choices"),
        NN_OPT_STRING(0, "feature-cache", &m.feature_cache, "DIR",
                      "where the features of photos are kept between runs, as "
                      "in train; none: nowhere"),
        STUDY_ROWS(m.study),
        DATA_ROWS(m.data),
        OVERLAP_ROW(m.keep_overlap),
        CMD_COMMON_ROWS(m.common),
        NN_OPT_END,
    };

    return parse_and_run(&m, table, argc, argv);
}
