/* classify: images in, one line an image out, in the order of the input. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/cascade/session.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/cli/pathlist.h"
#include "pipelines/cli/predictions.h"

/* Paths of standard input that become one data set, at most. */
enum { CLASSIFY_CHUNK = 256 };

struct classify {
    struct cmd_common common;
    const char *path; /* of the model */
    int format;
    struct bc_model *model;
    struct bc_session *session; /* as large as was needed so far, or NULL */
    struct predictions out;
    const struct nn_dataset *ds; /* under way */
    int all_stages;
    size_t done, failed;
    struct nn_progress bar;
};

/* Rows from..to-1, which are the items of the data set. */
static enum nn_status put_rows(void *ctx, const struct cascade_scores *s,
                               size_t from, size_t to, struct nn_error *err)
{
    struct classify *c = ctx;
    struct cascade *cascade = bc_session_cascade(c->session);

    for (size_t i = from; i < to; i++) {
        struct verdict v = { .best = -1 };

        if (s->ok[i]) {
            v = cascade_verdict(cascade, s, i);
        } else {
            c->failed++;
        }
        const struct predictions_row row = {
            .file = c->ds->items[i].file,
            .v = &v,
            .ms = 1000 * s->seconds[i],
            .error = s->reason[i],
            .note = s->note[i],
        };

        if (predictions_put(&c->out, &row)) {
            return nn_fail_nomem(err);
        }
    }
    if (fflush(c->out.to) != 0) {
        return nn_fail(err, NN_ERR_IO, "cannot write the output: %s",
                       strerror(errno));
    }
    c->done += to - from;
    nn_progress_update(&c->bar, (int64_t)c->done, NULL);
    return stop_asked ? NN_ERR_STOPPED : NN_OK;
}

/* Images a step: a few keep memory small, and each thread needs two. Verdicts
 * do not depend on it. */
enum { SMALL_BATCH = 8 };

static size_t batch_for(size_t n)
{
    size_t most = 2 * (size_t)nn_parallel_threads();

    most = most < SMALL_BATCH ? SMALL_BATCH : most;
    most = most < CASCADE_BATCH ? most : CASCADE_BATCH;
    return n < most ? n : most;
}

/* A session with memory for n images at a time, or as many as pay. */
static enum nn_status make_room(struct classify *c, size_t n,
                                struct nn_error *err)
{
    struct bc_options o = BC_OPTIONS_INIT;
    char why[BC_TEXT_SIZE];

    o.max_batch = (int)batch_for(n);
    o.threads = nn_parallel_threads();
    o.all_stages = c->all_stages;
    if (c->session != NULL &&
        cascade_max_batch(bc_session_cascade(c->session)) >= o.max_batch) {
        return NN_OK;
    }
    bc_session_destroy(&c->session);
    return bc_session_create(c->model, &o, &c->session, why, sizeof why)
               ? nn_fail(err, NN_ERR_NOMEM, "%s", why)
               : NN_OK;
}

static enum nn_status classify_dataset(struct classify *c,
                                       const struct nn_dataset *ds,
                                       struct nn_error *err)
{
    struct cascade_scores s = CASCADE_SCORES_INIT;
    uint32_t *index;
    enum nn_status st;

    if (ds->n == 0) {
        return NN_OK;
    }
    st = make_room(c, ds->n, err);
    if (st) {
        return st;
    }
    index = nn_mem_calloc(ds->n, sizeof *index);
    if (index == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < ds->n; i++) {
        index[i] = (uint32_t)i;
    }
    c->ds = ds;
    st = cascade_score_rows(bc_session_cascade(c->session), ds, index, ds->n,
                            c->all_stages, put_rows, c, &s, err);
    cascade_scores_release(&s);
    nn_mem_free(index);
    return st == NN_ERR_STOPPED ? NN_OK : st;
}

/* A path that cannot even be opened is an input that failed, not the end. */
static enum nn_status path_failed(struct classify *c, const char *path,
                                  const char *text, struct nn_error *err)
{
    const struct predictions_row row = { .file = path, .error = text };

    c->failed++;
    c->done++;
    return predictions_put(&c->out, &row) ? nn_fail_nomem(err) : NN_OK;
}

static enum nn_status classify_files(struct classify *c,
                                     const char *const *paths, size_t n,
                                     struct nn_error *err)
{
    struct nn_dataset *ds = NULL;
    enum nn_status st;

    if (n == 0) {
        return NN_OK;
    }
    st = nn_dataset_open_files(paths, n, &ds, err);
    if (st) {
        return st;
    }
    st = classify_dataset(c, ds, err);
    nn_dataset_close(&ds);
    return st;
}

static enum nn_status classify_collection(struct classify *c, const char *path,
                                          struct nn_error *err)
{
    struct nn_error why = NN_ERROR_INIT;
    struct nn_dataset *ds = NULL;
    enum nn_status st = data_open_pool(path, &ds, &why);

    if (st == NN_ERR_IO || st == NN_ERR_FORMAT) {
        return path_failed(c, path, why.text, err);
    }
    if (st) {
        return nn_fail(err, st, "%s", why.text);
    }
    st = classify_dataset(c, ds, err);
    nn_dataset_close(&ds);
    return st;
}

/* Paths in order; runs of single files go through one data set. */
static enum nn_status classify_paths(struct classify *c,
                                     const char *const *paths, size_t n,
                                     struct nn_error *err)
{
    enum nn_status st;
    size_t from = 0;

    for (size_t i = 0; i < n && !stop_asked; i++) {
        if (!pathlist_is_collection(paths[i])) {
            continue;
        }
        st = classify_files(c, paths + from, i - from, err);
        if (st) {
            return st;
        }
        st = classify_collection(c, paths[i], err);
        if (st) {
            return st;
        }
        from = i + 1;
    }
    return classify_files(c, paths + from, n - from, err);
}

static enum nn_status classify_stdin(struct classify *c, struct nn_error *err)
{
    struct pathlist list;
    enum nn_status st;

    pathlist_init(&list, 0);
    do {
        st = pathlist_read(&list, CLASSIFY_CHUNK, err);
        if (st) {
            goto out;
        }
        st = classify_paths(c, (const char *const *)list.v, list.n, err);
        if (st) {
            goto out;
        }
    } while (!list.at_end && !stop_asked);
out:
    pathlist_release(&list);
    return st;
}

static enum nn_status classify_all(struct classify *c, const char **paths,
                                   int n, struct nn_error *err)
{
    enum nn_status st;
    int from = 0;

    for (int i = 0; i < n; i++) {
        if (strcmp(paths[i], "-") != 0) {
            continue;
        }
        st = classify_paths(c, paths + from, (size_t)(i - from), err);
        if (st) {
            return st;
        }
        st = classify_stdin(c, err);
        if (st) {
            return st;
        }
        from = i + 1;
    }
    return classify_paths(c, paths + from, (size_t)(n - from), err);
}

static enum nn_status run(void *ctx, struct cmd_line *line,
                          struct nn_error *err)
{
    struct classify *c = ctx;
    char why[BC_TEXT_SIZE];
    enum nn_status st;

    if (bc_model_open(c->path, &c->model, why, sizeof why)) {
        return nn_fail(err, NN_ERR_FORMAT, "%s", why);
    }
    st = predictions_begin(&c->out, stdout, (enum predictions_format)c->format,
                           bc_model_inside(c->model));
    if (st) {
        goto out;
    }
    nn_progress_begin(&c->bar, "classify", "img", 0);
    st = classify_all(c, line->operands, line->n, err);
    nn_progress_end(&c->bar, NULL);
    predictions_end(&c->out);
    if (st) {
        goto out;
    }
    if (stop_asked) {
        fputs("bearcascade classify: interrupted\n", stderr);
        line->exit = EXIT_FAILED;
    } else if (c->failed > 0) {
        line->exit = EXIT_SOME_FAILED;
    }
out:
    bc_session_destroy(&c->session);
    bc_model_destroy(&c->model);
    return st;
}

int cmd_classify(int argc, char **argv)
{
    struct classify c = { .format = PREDICTIONS_TEXT };
    const struct nn_option table[] = {
        NN_OPT_STRING('m', "model", &c.path, "FILE|RUN",
                      "the model: a .safetensors file or a run folder; left "
                      "out: the cascade that came with the program"),
        NN_OPT_CHOICE('f', "format", &c.format, PREDICTIONS_FORMATS,
                      "form of the output"),
        NN_OPT_FLAG(0, "all-stages", &c.all_stages,
                    "run the species net on what the gate rejects too"),
        CMD_COMMON_ROWS(c.common),
        NN_OPT_END,
    };
    const struct nn_options o = {
        .command = "classify",
        .synopsis = "[--model FILE|RUN] PATH...",
        .summary =
            "Say what is in each image: one of the classes, none, or unknown "
            "(passed the gate, but fits no class). A PATH "
            "is an image, a folder, a .tar, .tar.gz or .zip, a manifest, "
            "or - for paths on standard input, one a line.",
        .table = table,
        .examples =
            "  bearcascade classify --model runs/bears photo.jpg\n"
            "  find . -name '*.jpg' | bearcascade classify -m runs/bears "
            "-f jsonl -\n",
        .min_operands = 1,
        .max_operands = -1,
    };
    const struct cmd command = {
        .options = &o,
        .common = &c.common,
        .model = &c.path,
        .run = run,
        .stops = 1,
    };

    return cmd_run(&command, &c, argc, argv);
}
