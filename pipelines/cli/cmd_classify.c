/* classify: the command line. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "pipelines/cli/classify_photos.h"
#include "pipelines/piles/md_file.h"

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

/* 1: what is written to one is lost for the other; /dev/null may be both. */
static int is_same_file(const char *a, const char *b)
{
    struct stat x, y;

    if (stat(a, &x) != 0 || stat(b, &y) != 0) {
        return strcmp(a, b) == 0;
    }
    return S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static enum nn_status check_files(const struct classify *c,
                                  struct nn_error *err)
{
    const struct {
        const char *option, *file;
    } all[] = { { "--detections", c->boxes.detections },
                { "--resume", c->resume },
                { "--from", c->pile.from },
                { "--page", c->pile.page },
                { "--timelapse", c->pile.timelapse },
                { "--recurring", c->pile.recurring } };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        for (size_t k = 0; k < i; k++) {
            if (all[k].file != NULL && all[i].file != NULL &&
                is_same_file(all[k].file, all[i].file)) {
                return nn_fail(err, NN_ERR_ARG, "%s and %s name the same file",
                               all[k].option, all[i].option);
            }
        }
    }
    return NN_OK;
}

static enum nn_status check(void *ctx, const struct cmd_line *line,
                            struct nn_error *err)
{
    struct classify *c = ctx;
    enum predictions_format format = (enum predictions_format)c->format;
    int alone = classify_pile_alone(&c->pile);
    enum nn_status st;

    if (c->resume != NULL && format == PREDICTIONS_TEXT &&
        c->boxes.detections == NULL) {
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
                       "--tiles and --thumbnails do not go together: one looks "
                       "more closely, the other less");
    }
    if (c->tiles > 1 && c->boxes.detections != NULL) {
        return nn_fail(err, NN_ERR_ARG,
                       "--tiles looks at whole photos, --detections at boxes");
    }
    st = classify_boxes_check(&c->boxes, line, c->resume, format, err);
    if (st) {
        return st;
    }
    st = check_files(c, err);
    if (st) {
        return st;
    }
    if ((alone || c->boxes.merge) && c->path == NULL) {
        c->path = ""; /* none is needed */
    }
    c->pile.md = c->pile.from != NULL ? md_file_is_one(c->pile.from)
                                      : c->boxes.detections != NULL;
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
        st = classify_boxes_run(&c->boxes, c->model, &c->pile, c->resume, line,
                                err);
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
                    "let the gate look at the camera's EXIF thumbnail first; "
                    "a photo that it clearly rejects there is none, and is "
                    "not decoded: several times as fast on large photos, but "
                    "a few verdicts may differ"),
        NN_OPT_INT(0, "tiles", &c.tiles, "N", 1, TILES_MOST,
                   "cut photos that are none into N x N overlapping parts, "
                   "and judge them by the part that is most like a positive: "
                   "finds positives that are far away, at N x N times the cost "
                   "and with more false positives"),
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
