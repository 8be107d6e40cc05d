/* classify: images in, one line an image out, in the order of the input. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/file.h"
#include "common/base/parallel.h"
#include "common/data/stream.h"
#include "pipelines/cascade/session.h"
#include "pipelines/cli/bursts.h"
#include "pipelines/cli/classify_boxes.h"
#include "pipelines/cli/classify_pile.h"
#include "pipelines/cli/classify_tiles.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/cli/decision_rows.h"
#include "pipelines/cli/pathlist.h"
#include "pipelines/cli/predictions.h"
#include "pipelines/cli/results.h"
#include "pipelines/cli/run_mark.h"
#include "pipelines/cli/shift_rows.h"

/* Images that are taken at a time, and paths of standard input. */
enum { CLASSIFY_CHUNK = 256, TILED_CHUNK = 32 };

struct classify {
    struct cmd_common common;
    const char *path; /* of the model */
    const char *resume;
    struct results *results; /* of that file, or NULL */
    char run[RUN_MARK_SIZE]; /* fingerprint of the model and the options */
    struct decision_rows decide;
    struct shift_rows shift;
    int format, nul, all_stages, thumbnails, tiles;
    size_t by_thumbnail;
    struct tiles_counts tiled;
    struct burst_rows burst;
    struct bursts *bursts; /* or NULL */
    size_t inside;         /* bytes of a name that are the one folder's */
    struct bc_model *model;
    struct bc_session *session; /* or NULL until needed */
    struct predictions out;
    struct classify_pile pile;
    struct classify_boxes boxes;
    struct nn_stream *stream;
    const struct nn_dataset *ds; /* under way */
    const char *const *operands;
    size_t n_operands;
    size_t done, failed;
    int counted;
    int64_t total; /* 0 or less: not known */
    struct nn_progress bar;
};

/* --- rows --- */

/* The name as it is printed. MegaDetector's readers want it below the folder
 * that was classified. */
static const char *shown_name(const struct classify *c, const char *file)
{
    if (c->format != PREDICTIONS_MEGADETECTOR) {
        return file;
    }
    if (c->inside > 0) {
        return strlen(file) > c->inside ? file + c->inside : file;
    }
    while (strncmp(file, "./", 2) == 0 && file[2] != '\0') {
        file += 2;
    }
    return file;
}

static void count_all(struct classify *c)
{
    int64_t total = 0;

    for (size_t i = 0; i < c->n_operands && total >= 0; i++) {
        int64_t n =
            strcmp(c->operands[i], "-") == 0
                ? -1
                : nn_stream_count(c->operands[i], data_generators, &stop_asked);

        total = n < 0 ? -1 : total + n;
    }
    c->counted = 1;
    c->total = total;
}

/* What an earlier run has done counts, but took no time. */
static void show_progress(struct classify *c)
{
    int64_t known = (int64_t)nn_stream_counts(c->stream).known;

    nn_progress_expect(&c->bar, c->total > 0 ? c->total : 0, known);
    nn_progress_update(&c->bar, (int64_t)c->done + known, NULL);
}

static enum nn_status flush_rows(struct classify *c, struct nn_error *err)
{
    if (c->results != NULL) {
        return results_flush(c->results, err);
    }
    if (fflush(c->out.to) != 0) {
        return nn_fail(err, NN_ERR_IO, "cannot write the output: %s",
                       strerror(errno));
    }
    return NN_OK;
}

static enum nn_status put_row(void *ctx, const struct predictions_row *row,
                              struct nn_error *err)
{
    struct classify *c = ctx;

    if (predictions_put(&c->out, row)) {
        return nn_fail_nomem(err);
    }
    return classify_pile_put(&c->pile, row, err);
}

/* Rows from..to-1, which are the items of the data set. */
static enum nn_status put_rows(void *ctx, const struct cascade_scores *s,
                               size_t from, size_t to, struct nn_error *err)
{
    struct classify *c = ctx;
    struct cascade *cascade = bc_session_cascade(c->session);
    const struct nn_origin *origin = nn_stream_origins(c->stream);
    enum nn_status st;

    for (size_t i = from; i < to; i++) {
        struct verdict v = { .best = -1 };

        if (s->ok[i]) {
            v = cascade_verdict(cascade, s, i);
            c->by_thumbnail += s->thumbnail[i];
            st = shift_rows_offer(&c->shift, c->ds->items[i].file, err);
            if (st) {
                return st;
            }
        } else {
            c->failed++;
        }
        const struct predictions_row row = {
            .file = shown_name(c, c->ds->items[i].file),
            .v = &v,
            .ms = 1000 * s->seconds[i],
            .error = s->reason[i],
            .note = s->note[i],
            .shot = s->shot[i],
            .bytes = origin[i].bytes,
            .mtime_ms = origin[i].mtime_ms,
        };

        st = c->bursts != NULL ? bursts_add(c->bursts, &row, err)
                               : put_row(c, &row, err);
        if (st) {
            return st;
        }
    }
    st = flush_rows(c, err);
    if (st) {
        return st;
    }
    c->done += to - from;
    show_progress(c);
    return stop_asked ? NN_ERR_STOPPED : NN_OK;
}

/* --- the nets --- */

/* A session with memory for as many images a step as pay, or for the few files
 * that are named. */
static enum nn_status make_room(struct classify *c, struct nn_error *err)
{
    struct bc_options o = BC_OPTIONS_INIT;
    size_t most = (size_t)cascade_pile_batch(nn_parallel_threads()), n = 0;
    char why[BC_TEXT_SIZE];

    if (c->session != NULL) {
        return NN_OK;
    }
    for (size_t i = 0; i < c->n_operands; i++) {
        int one = strcmp(c->operands[i], "-") != 0 &&
                  !pathlist_is_collection(c->operands[i]);

        n += one ? 1 : most;
    }
    o.max_batch = (int)(n < most ? n : most);
    o.threads = nn_parallel_threads();
    o.all_stages = c->all_stages;
    if (bc_session_create(c->model, &o, &c->session, why, sizeof why)) {
        return nn_fail(err, NN_ERR_NOMEM, "%s", why);
    }
    cascade_use_thumbnails(bc_session_cascade(c->session), c->thumbnails);
    return NN_OK;
}

/* The whole photos, then the parts of those that are none. */
static enum nn_status score_tiled(struct classify *c, const uint32_t *index,
                                  struct cascade_scores *s,
                                  struct nn_error *err)
{
    struct cascade *cascade = bc_session_cascade(c->session);
    enum nn_status st = cascade_score(cascade, c->ds, index, c->ds->n,
                                      c->all_stages, NULL, s, err);

    if (st) {
        return st;
    }
    st = tiles_look(cascade, bc_model_inside(c->model), c->ds, c->tiles, s,
                    &c->tiled, err);
    return st ? st : put_rows(c, s, 0, s->n, err);
}

static enum nn_status classify_dataset(struct classify *c,
                                       const struct nn_dataset *ds,
                                       struct nn_error *err)
{
    struct cascade_scores s = CASCADE_SCORES_INIT;
    uint32_t *index;
    enum nn_status st = make_room(c, err);

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
    st = c->tiles > 1
             ? score_tiled(c, index, &s, err)
             : cascade_score_rows(bc_session_cascade(c->session), ds, index,
                                  ds->n, c->all_stages, put_rows, c, &s, err);
    cascade_scores_release(&s);
    nn_mem_free(index);
    return st == NN_ERR_STOPPED ? NN_OK : st;
}

/* --- the photos --- */

/* All that the stream holds. The first photo goes alone, so that its row comes
 * at once. */
static enum nn_status classify_stream(struct classify *c, struct nn_error *err)
{
    struct nn_dataset *ds;
    enum nn_status st;

    for (;;) {
        size_t most = c->tiles > 1 ? TILED_CHUNK : CLASSIFY_CHUNK;

        st = nn_stream_next(c->stream, c->done == 0 ? 1 : most, &ds, err);
        if (st || ds == NULL) {
            return st;
        }
        st = classify_dataset(c, ds, err);
        nn_dataset_close(&ds);
        if (st || stop_asked) {
            return st;
        }
        if (!c->counted && !c->common.quiet) {
            count_all(c);
        }
    }
}

static size_t looked_at(const struct classify *c)
{
    return c->done + nn_stream_counts(c->stream).known;
}

/* Paths in order; runs of single files go through together. */
static enum nn_status classify_paths(struct classify *c,
                                     const char *const *paths, size_t n,
                                     struct nn_error *err)
{
    enum nn_status st = NN_OK;

    for (size_t i = 0; i < n && !stop_asked; i++) {
        int many = pathlist_is_collection(paths[i]);
        size_t before;

        st = many ? classify_stream(c, err) : NN_OK;
        if (st) {
            return st;
        }
        before = looked_at(c);
        st = nn_stream_add(c->stream, paths[i], err);
        if (st) {
            return st;
        }
        st = many ? classify_stream(c, err) : NN_OK;
        if (st) {
            return st;
        }
        if (many && looked_at(c) == before && !stop_asked) {
            nn_log(NN_LOG_WARN, "no images in '%s'", paths[i]);
        }
    }
    return stop_asked ? NN_OK : classify_stream(c, err);
}

static enum nn_status classify_stdin(struct classify *c, struct nn_error *err)
{
    struct pathlist list;
    enum nn_status st;

    pathlist_init(&list, 0, c->nul);
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

static enum nn_status classify_all(struct classify *c, struct nn_error *err)
{
    enum nn_status st;
    size_t from = 0;

    for (size_t i = 0; i < c->n_operands; i++) {
        if (strcmp(c->operands[i], "-") != 0) {
            continue;
        }
        st = classify_paths(c, c->operands + from, i - from, err);
        if (st) {
            return st;
        }
        st = classify_stdin(c, err);
        if (st) {
            return st;
        }
        from = i + 1;
    }
    return classify_paths(c, c->operands + from, c->n_operands - from, err);
}

/* What is neither photo nor failure, and what was not decoded. */
static void say_left_out(const struct classify *c)
{
    struct nn_stream_counts n = nn_stream_counts(c->stream);

    if (n.left_out > 0) {
        nn_log(NN_LOG_INFO,
               "left out: %zu hidden files, side files and others that are no "
               "photos%s%s%s",
               n.left_out, n.example != NULL ? " ('" : "",
               n.example != NULL ? n.example : "",
               n.example != NULL ? "' is the first)" : "");
    }
    if (c->thumbnails) {
        nn_log(NN_LOG_INFO,
               "%zu of %zu photos were judged by their EXIF thumbnails",
               c->by_thumbnail, c->done);
    }
}

/* --- where rows go --- */

static int is_known(void *ctx, const char *name, const struct nn_origin *o)
{
    struct classify *c = ctx;
    int failed = 0;
    int known = results_know(c->results, shown_name(c, name), o, &failed);

    c->failed += (size_t)(known && failed);
    return known;
}

/* All that a row depends on beside the photo. */
static void fingerprint(struct classify *c)
{
    uint64_t h = run_mark(bc_model_inside(c->model));

    h = nn_hash_u64(&c->burst.by, sizeof c->burst.by, h);
    h = nn_hash_u64(&c->burst.gap, sizeof c->burst.gap, h);
    h = nn_hash_u64(&c->all_stages, sizeof c->all_stages, h);
    if (c->thumbnails) { /* files of older programs go on without */
        h = nn_hash_u64(&c->thumbnails, sizeof c->thumbnails, h);
    }
    if (c->tiles > 1) {
        h = nn_hash_u64(&c->tiles, sizeof c->tiles, h);
    }
    run_mark_text(h, c->run);
}

static enum nn_status open_output(struct classify *c, struct nn_error *err)
{
    const struct model *m = bc_model_inside(c->model);
    struct nn_stream_options opt = { .generators = data_generators };
    enum nn_status st;

    if (c->burst.by != NN_BURST_OFF) {
        c->out.bursts = 1;
        st = bursts_create(m, (enum nn_burst_by)c->burst.by, c->burst.gap,
                           put_row, c, &c->bursts, err);
        if (st) {
            return st;
        }
    }
    if (c->resume == NULL) {
        st = predictions_begin(&c->out, stdout,
                               (enum predictions_format)c->format, m);
        return st ? nn_fail_nomem(err)
                  : nn_stream_create(&opt, &c->stream, err);
    }
    fingerprint(c);
    c->out.run = c->run;
    st = results_open(c->resume, &c->out, (enum predictions_format)c->format, m,
                      &c->results, err);
    if (st) {
        return st;
    }
    opt.origins = 1;
    opt.known = is_known;
    opt.ctx = c;
    return nn_stream_create(&opt, &c->stream, err);
}

/* A name in rows of megadetector is below the one folder that is named. */
static void take_operands(struct classify *c, const struct cmd_line *line)
{
    const char *only = line->operands[0];

    c->operands = line->operands;
    c->n_operands = (size_t)line->n;
    if (line->n == 1 && nn_file_is_dir(only)) {
        size_t n = strlen(only);

        c->inside = n + (only[n - 1] != '/');
    }
}

static enum nn_status check(void *ctx, const struct cmd_line *line,
                            struct nn_error *err)
{
    struct classify *c = ctx;
    enum predictions_format format = (enum predictions_format)c->format;
    int alone = classify_pile_alone(&c->pile);
    enum nn_status st;

    if (c->resume != NULL && format == PREDICTIONS_TEXT) {
        return nn_fail(err, NN_ERR_ARG,
                       "--resume FILE needs --format jsonl, csv or "
                       "megadetector");
    }
    if (c->thumbnails && (c->all_stages || c->boxes.detections != NULL)) {
        return nn_fail(err, NN_ERR_ARG,
                       "--thumbnails goes with neither --all-stages nor "
                       "--detections, which need the photos themselves");
    }
    st = burst_rows_check(&c->burst, err);
    if (st) {
        return st;
    }
    if (line->n == 0 && !alone && c->boxes.detections == NULL) {
        return nn_fail(err, NN_ERR_ARG, "at least one PATH is needed");
    }
    if (alone && (c->boxes.merge || c->boxes.detections != NULL)) {
        return nn_fail(err, NN_ERR_ARG,
                       "--from and --undo go with neither --detections nor "
                       "--merge");
    }
    if (c->tiles > 1 && c->thumbnails) {
        return nn_fail(err, NN_ERR_ARG,
                       "--tiles looks more closely, --thumbnails less");
    }
    if (c->tiles > 1 && c->boxes.detections != NULL) {
        return nn_fail(err, NN_ERR_ARG,
                       "--tiles looks at whole photos, --detections at boxes");
    }
    st = classify_boxes_check(&c->boxes, line, c->resume, format, err);
    if (st) {
        return st;
    }
    if ((alone || c->boxes.merge) && c->path == NULL) {
        c->path = ""; /* none is needed */
    }
    return classify_pile_check(&c->pile, line, c->resume, format, err);
}

/* Photos that have their verdicts. The file of results is closed by now. */
static enum nn_status finish_pile(struct classify *c, struct cmd_line *line,
                                  struct nn_error *err)
{
    if (line->exit == EXIT_FAILED) { /* stopped */
        return NN_OK;
    }
    return classify_pile_finish(
        &c->pile, c->pile.from != NULL ? c->pile.from : c->resume, line, err);
}

/* Frames whose burst was cut off by a stop are looked at again by the run that
 * goes on. */
static enum nn_status finish_bursts(struct classify *c, struct nn_error *err)
{
    enum nn_status st;

    if (c->bursts == NULL || (stop_asked && c->results != NULL)) {
        return NN_OK;
    }
    st = bursts_finish(c->bursts, err);
    return st ? st : flush_rows(c, err);
}

/* All photos, their rows, and what to say of them. */
static enum nn_status classify_photos(struct classify *c, struct cmd_line *line,
                                      struct nn_error *err)
{
    enum nn_status st = open_output(c, err);

    if (st) {
        return st;
    }
    nn_progress_begin(&c->bar, "classify", "img", 0);
    st = classify_all(c, err);
    if (st == NN_OK) {
        st = finish_bursts(c, err);
    }
    nn_progress_end(&c->bar, NULL);
    if (c->results == NULL) {
        predictions_end(&c->out);
    }
    if (st) {
        return st;
    }
    say_left_out(c);
    if (c->tiles > 1) {
        nn_log(
            NN_LOG_INFO,
            "tiles: %zu photos without a positive were looked at in %d parts "
            "each; %zu of them have one",
            c->tiled.looked, c->tiles * c->tiles, c->tiled.found);
    }
    st = shift_rows_say(&c->shift, bc_model_inside(c->model), err);
    if (st) {
        return st;
    }
    if (stop_asked) {
        fputs("bearcascade classify: interrupted\n", stderr);
        line->exit = EXIT_FAILED;
    } else if (c->failed > 0) {
        line->exit = EXIT_SOME_FAILED;
    }
    return NN_OK;
}

static enum nn_status run(void *ctx, struct cmd_line *line,
                          struct nn_error *err)
{
    struct classify *c = ctx;
    char why[BC_TEXT_SIZE];
    enum nn_status st, closed;

    if (classify_pile_alone(&c->pile)) {
        return finish_pile(c, line, err);
    }
    if (c->boxes.merge) {
        return classify_boxes_merge(line, err);
    }
    take_operands(c, line);
    if (bc_model_open(c->path, &c->model, why, sizeof why)) {
        return nn_fail(err, NN_ERR_FORMAT, "%s", why);
    }
    if (c->thumbnails && bc_model_inside(c->model)->system != MODEL_CASCADE) {
        st = nn_fail(err, NN_ERR_ARG, "--thumbnails needs a cascade's gate");
        goto out;
    }
    st = decision_rows_apply(&c->decide, bc_model_change(c->model), err);
    if (st) {
        goto out;
    }
    st = classify_pile_begin(&c->pile, c->resume, bc_model_inside(c->model),
                             err);
    if (st) {
        goto out;
    }
    st = shift_rows_open(&c->shift, bc_model_inside(c->model), err);
    if (st) {
        goto out;
    }
    if (c->boxes.detections != NULL) {
        st = classify_boxes_run(&c->boxes, c->model, &c->pile, line, err);
        goto out;
    }
    st = classify_photos(c, line, err);
out:
    bursts_destroy(&c->bursts);
    shift_rows_release(&c->shift);
    nn_stream_close(&c->stream);
    closed = results_close(&c->results, st ? NULL : err);
    bc_session_destroy(&c->session);
    bc_model_destroy(&c->model);
    st = st ? st : closed;
    if (st == NN_OK) {
        st = finish_pile(c, line, err);
    }
    classify_pile_release(&c->pile);
    return st;
}

int cmd_classify(int argc, char **argv)
{
    struct classify c = { .format = PREDICTIONS_TEXT,
                          .tiles = 1,
                          .burst = BURST_ROWS_INIT,
                          .decide = DECISION_ROWS_INIT,
                          .boxes = CLASSIFY_BOXES_INIT,
                          .shift = SHIFT_ROWS_INIT };
    const struct nn_option table[] = {
        NN_OPT_STRING('m', "model", &c.path, "FILE|RUN",
                      "the model: a .safetensors file or a run folder; left "
                      "out: the cascade that came with the program"),
        NN_OPT_CHOICE('f', "format", &c.format, PREDICTIONS_FORMATS,
                      "form of the output"),
        NN_OPT_STRING(0, "resume", &c.resume, "FILE",
                      "write to FILE and go on where it ends: after a kill, "
                      "or with photos that are new or changed"),
        NN_OPT_FLAG('0', "null", &c.nul,
                    "paths on standard input end with a NUL (find -print0); "
                    "also without it, once a NUL comes"),
        DECISION_ROWS(c.decide),
        BURST_ROWS(c.burst),
        NN_OPT_FLAG(0, "all-stages", &c.all_stages,
                    "run the species net on what the gate rejects too"),
        NN_OPT_FLAG(0, "thumbnails", &c.thumbnails,
                    "a photo whose EXIF thumbnail, where it is the camera's "
                    "own, the gate rejects clearly is none without being "
                    "decoded: several times as fast on large photos, and a "
                    "few verdicts differ"),
        NN_OPT_INT(0, "tiles", &c.tiles, "N", 1, TILES_MOST,
                   "look again at photos that are none, in N x N parts that "
                   "overlap, and take the part that is most like a positive: "
                   "for what is far away; costs N x N times as much, and more "
                   "false positives"),
        SHIFT_ROWS(c.shift),
        CMD_COMMON_ROWS(c.common),
        CLASSIFY_PILE_ROWS(c.pile),
        CLASSIFY_BOXES_ROWS(c.boxes),
        NN_OPT_END,
    };
    const struct nn_options o = {
        .command = "classify",
        .synopsis = "[--model FILE|RUN] PATH... | --from FILE ... | "
                    "--undo LIST",
        .summary =
            "Say what is in each image: one of the classes, none, or unknown "
            "(passed the gate, but fits no class). A PATH "
            "is an image, a folder, a .tar, .tar.gz or .zip, a manifest, "
            "or - for paths on standard input, one a line. What cannot be "
            "looked at gets a row that says why, and the exit status is 3; "
            "hidden files, and what is no photo by name and content, are "
            "counted.",
        .table = table,
        .examples =
            "  bearcascade classify --model runs/bears photo.jpg\n"
            "  find . -name '*.jpg' | bearcascade classify -m runs/bears "
            "-f jsonl -\n"
            "  bearcascade classify -f csv --resume card.csv /media/card\n"
            "  bearcascade classify --sort-into sorted /media/card\n",
        .min_operands = 0,
        .max_operands = -1,
    };
    const struct cmd command = {
        .options = &o,
        .common = &c.common,
        .model = &c.path,
        .check = check,
        .run = run,
        .stops = 1,
    };

    return cmd_run(&command, &c, argc, argv);
}
