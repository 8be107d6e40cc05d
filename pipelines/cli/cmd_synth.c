/* synth: drawn images, or a sheet of them. */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/synth/synth.h"

enum { SHEET_KINDS = SYNTH_CLASSES + SYNTH_FAMILIES, SHEET_ROWS = 64 };
enum kind { KIND_ALL, KIND_BEARS, KIND_NEGATIVES };

struct arguments {
    struct cmd_common common;
    const char *out, *sheet, *show;
    int count, size, format, splits, kind, cols, rows;
    uint64_t seed;
    double near_miss;
    struct synth_spec spec;
    struct synth_row sheet_row[SHEET_ROWS];
    size_t n_sheet;
};

/* Rows of a sheet for --show: all, near-miss, or one class or family; each
 * --rows times. */
static enum nn_status rows_of(struct arguments *a, struct nn_error *err)
{
    struct synth_row kinds[SHEET_KINDS];
    int all = strcmp(a->show, "all") == 0;
    size_t n = 0, repeat = (size_t)a->rows;

    if (strcmp(a->show, "near-miss") == 0) { /* of any family */
        kinds[n++] = (struct synth_row){ SYNTH_NEGATIVE, SYNTH_FAMILY_NONE, 1 };
    }
    for (int i = 0; i < SYNTH_CLASSES; i++) {
        enum synth_class c = (enum synth_class)i;

        if (all || strcmp(a->show, synth_class_name(c)) == 0) {
            kinds[n++] = (struct synth_row){ c, SYNTH_FAMILY_NONE, 0 };
        }
    }
    for (int i = 0; i < SYNTH_FAMILIES; i++) {
        enum synth_family f = (enum synth_family)i;

        if (all || strcmp(a->show, synth_family_name(f)) == 0) {
            kinds[n++] = (struct synth_row){ SYNTH_NEGATIVE, f, 0 };
        }
    }
    if (n == 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "--show '%s' is not all, near-miss, a class or a family",
                       a->show);
    }
    if (n * repeat > SHEET_ROWS) {
        return nn_fail(err, NN_ERR_ARG, "%zu rows are more than %d", n * repeat,
                       SHEET_ROWS);
    }
    for (; a->n_sheet < n * repeat; a->n_sheet++) {
        a->sheet_row[a->n_sheet] = kinds[a->n_sheet / repeat];
    }
    return NN_OK;
}

static enum nn_status write_sheet(const struct arguments *a,
                                  struct nn_error *err)
{
    const struct synth_spec *spec = &a->spec;
    uint8_t *rgb = NULL, *png = NULL;
    struct nn_file_out out = { 0 };
    int32_t w = 0, h = 0;
    size_t n_png = 0;
    enum nn_status st =
        synth_sheet(spec->seed, &spec->opt, spec->size, a->sheet_row,
                    a->n_sheet, a->cols, &rgb, &w, &h, err);

    if (st) {
        return st;
    }
    st = synth_pack(rgb, w, h, SYNTH_PNG, &png, &n_png, err);
    if (st) {
        goto out;
    }
    st = nn_file_out_open(&out, a->sheet, err);
    if (st) {
        goto out;
    }
    fwrite(png, 1, n_png, out.stream);
    st = nn_file_out_commit(&out, err);
out:
    nn_mem_free(png);
    nn_mem_free(rgb);
    return st;
}

static enum nn_status spec_of(const struct arguments *a,
                              struct synth_spec *spec, struct nn_error *err)
{
    *spec = (struct synth_spec){ .count = (uint64_t)a->count,
                                 .seed = a->seed,
                                 .size = a->size,
                                 .opt = synth_defaults() };
    spec->opt.near_miss_share = (float)a->near_miss;
    if (a->kind == KIND_BEARS) {
        spec->opt.class_share[SYNTH_NEGATIVE] = 0.0f;
    } else if (a->kind == KIND_NEGATIVES) {
        for (int i = 0; i < SYNTH_CLASSES; i++) {
            spec->opt.class_share[i] = 0.0f;
        }
    }
    if ((a->out == NULL) == (a->sheet == NULL)) {
        return nn_fail(err, NN_ERR_ARG,
                       "give one of --out DIR and --sheet FILE");
    }
    return synth_check(&spec->opt, err);
}

static enum nn_status check_usage(void *ctx, const struct cmd_line *line,
                                  struct nn_error *err)
{
    struct arguments *a = ctx;
    enum nn_status st = spec_of(a, &a->spec, err);

    (void)line;
    if (st) {
        return st;
    }
    return a->sheet != NULL ? rows_of(a, err) : NN_OK;
}

static enum nn_status run(void *ctx, struct cmd_line *line,
                          struct nn_error *err)
{
    const struct arguments *a = ctx;

    (void)line;
    return a->sheet != NULL
               ? write_sheet(a, err)
               : synth_write(a->out, &a->spec, (enum synth_format)a->format,
                             a->splits, err);
}

int cmd_synth(int argc, char **argv)
{
    struct arguments a = { .count = 1000,
                           .size = SYNTH_SIZE_DEFAULT,
                           .splits = 1,
                           .cols = 8,
                           .rows = 1,
                           .show = "all",
                           .seed = 1,
                           .near_miss = 0.02 };
    const struct nn_option table[] = {
        NN_OPT_STRING('o', "out", &a.out, "DIR",
                      "folder for the images and manifest.jsonl"),
        NN_OPT_INT('n', "count", &a.count, "N", 1, 100000000,
                   "number of images"),
        NN_OPT_U64(0, "seed", &a.seed, "N", "another seed, other images"),
        NN_OPT_INT(0, "size", &a.size, "N", SYNTH_SIZE_MIN, SYNTH_SIZE_MAX,
                   "pixels a side"),
        NN_OPT_DOUBLE(
            0, "near-miss", &a.near_miss, "SHARE", 0, 1,
            "share of the negatives that are made to look like bears"),
        NN_OPT_CHOICE(0, "kind", &a.kind, "all|bears|negatives",
                      "what to draw"),
        NN_OPT_CHOICE(0, "format", &a.format, "jpeg|png", "file format"),
        NN_OPT_FLAG(0, "splits", &a.splits,
                    "train, valid and test folders; --no-splits: classes only"),
        NN_OPT_HEADING("Instead of files"),
        NN_OPT_STRING(0, "sheet", &a.sheet, "FILE",
                      "write a contact sheet (PNG)"),
        NN_OPT_STRING(0, "show", &a.show, "KIND",
                      "its rows: all, near-miss, or one class or family"),
        NN_OPT_INT(0, "rows", &a.rows, "N", 1, SHEET_ROWS, "rows of each kind"),
        NN_OPT_INT(0, "cols", &a.cols, "N", 1, 64, "images a row"),
        NN_OPT_HEADING("Common"),
        CMD_COMMON_ROWS(a.common),
        NN_OPT_END,
    };
    const struct nn_options o = {
        .command = "synth",
        .synopsis = "--out DIR [options]",
        .summary = "Draw labelled images: teddies, grizzlies, black bears, "
                   "and what is taken for them. The same seed draws the same "
                   "images everywhere.",
        .table = table,
        .examples = "  bearcascade synth --out bears --count 3000\n"
                    "  bearcascade synth --sheet sheet.png --show grizzly\n",
    };
    const struct cmd c = {
        .options = &o,
        .common = &a.common,
        .check = check_usage,
        .run = run,
    };

    return cmd_run(&c, &a, argc, argv);
}
