#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/options.h"
#include "common/base/parallel.h"
#include "pipelines/synth/synth.h"

enum { DONE = 0, FAILED = 1, USAGE = 2 };
enum { SHEET_KINDS = SYNTH_CLASSES + SYNTH_FAMILIES, SHEET_ROWS = 64 };
enum kind { KIND_ALL, KIND_BEARS, KIND_NEGATIVES };

struct arguments {
    const char *out, *sheet, *show;
    int count, size, format, splits, kind, cols, rows, threads, quiet;
    uint64_t seed;
    double near_miss;
};

static int fail(const struct nn_error *err, int status)
{
    fprintf(stderr, "bearcascade synth: %s\n",
            err->text[0] != '\0' ? err->text : nn_status_str(err->status));
    return status;
}

/* Rows of a sheet for --show: all, near-miss, or one class or family. */
static enum nn_status rows_of(const char *show,
                              struct synth_row rows[SHEET_KINDS], size_t *n,
                              struct nn_error *err)
{
    int all = strcmp(show, "all") == 0, near = strcmp(show, "near-miss") == 0;

    *n = 0;
    if (near) { /* of any family */
        rows[(*n)++] =
            (struct synth_row){ SYNTH_NEGATIVE, SYNTH_FAMILY_NONE, 1 };
    }
    for (int i = 0; i < SYNTH_CLASSES; i++) {
        if (all || strcmp(show, synth_class_name((enum synth_class)i)) == 0) {
            rows[(*n)++] =
                (struct synth_row){ (enum synth_class)i, SYNTH_FAMILY_NONE, 0 };
        }
    }
    for (int i = 0; i < SYNTH_FAMILIES; i++) {
        enum synth_family f = (enum synth_family)i;

        if (all || strcmp(show, synth_family_name(f)) == 0) {
            rows[(*n)++] = (struct synth_row){ SYNTH_NEGATIVE, f, 0 };
        }
    }
    if (*n == 0) {
        return nn_fail(err, NN_ERR_ARG,
                       "--show '%s' is not all, near-miss, a class or a family",
                       show);
    }
    return NN_OK;
}

static enum nn_status write_sheet(const struct arguments *a,
                                  const struct synth_spec *spec,
                                  struct nn_error *err)
{
    struct synth_row kinds[SHEET_KINDS], rows[SHEET_ROWS];
    uint8_t *rgb = NULL, *png = NULL;
    struct nn_file_out out = { 0 };
    int32_t w = 0, h = 0;
    size_t n = 0, n_png = 0;
    enum nn_status st = rows_of(a->show, kinds, &n, err);
    size_t repeat = (size_t)a->rows;

    if (st == NN_OK && n * repeat > SHEET_ROWS) {
        st = nn_fail(err, NN_ERR_ARG, "%zu rows are more than %d", n * repeat,
                     SHEET_ROWS);
    }
    for (size_t i = 0; st == NN_OK && i < n * repeat; i++) {
        rows[i] = kinds[i / repeat];
    }
    n *= repeat;
    if (st == NN_OK) {
        st = synth_sheet(spec->seed, &spec->opt, spec->size, rows, n, a->cols,
                         &rgb, &w, &h, err);
    }
    if (st == NN_OK) {
        st = synth_pack(rgb, w, h, SYNTH_PNG, &png, &n_png, err);
    }
    if (st == NN_OK) {
        st = nn_file_out_open(&out, a->sheet, err);
    }
    if (st == NN_OK) {
        fwrite(png, 1, n_png, out.stream);
        st = nn_file_out_commit(&out, err);
    }
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

static int run(const struct arguments *a)
{
    struct nn_error err = NN_ERROR_INIT;
    struct synth_spec spec;

    if (spec_of(a, &spec, &err)) {
        return fail(&err, USAGE);
    }
    nn_parallel_set_threads(a->threads);
    nn_progress_set_quiet(a->quiet);
    if (a->sheet != NULL) {
        enum nn_status st = write_sheet(a, &spec, &err);

        return st == NN_OK ? DONE
                           : fail(&err, st == NN_ERR_ARG ? USAGE : FAILED);
    }
    if (synth_write(a->out, &spec, (enum synth_format)a->format, a->splits,
                    &err)) {
        return fail(&err, FAILED);
    }
    return DONE;
}

static int parse_and_run(const struct nn_options *o, const struct arguments *a,
                         int argc, char **argv)
{
    struct nn_error err = NN_ERROR_INIT;
    const char **operands = nn_mem_calloc((size_t)argc + 1, sizeof *operands);
    int n = 0, help = 0, status = DONE;

    if (operands == NULL) {
        nn_fail_nomem(&err);
        return fail(&err, FAILED);
    }
    if (nn_options_parse(o, argc, argv, operands, &n, &help, &err)) {
        status = fail(&err, USAGE);
    } else if (help) {
        nn_options_help(o, stdout);
    } else {
        status = run(a);
    }
    nn_mem_free(operands);
    nn_options_release(o);
    return status;
}

int synth_command(int argc, char **argv)
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
        { "out", 'o', NN_OPT_STRING, &a.out, "DIR",
          "folder for the pictures and manifest.jsonl", 0, 0 },
        { "count", 'n', NN_OPT_INT, &a.count, "N", "number of pictures", 1,
          100000000 },
        { "seed", 0, NN_OPT_U64, &a.seed, "N", "another seed, other pictures",
          0, 0 },
        { "size", 0, NN_OPT_INT, &a.size, "N", "pixels a side", SYNTH_SIZE_MIN,
          SYNTH_SIZE_MAX },
        { "near-miss", 0, NN_OPT_DOUBLE, &a.near_miss, "SHARE",
          "share of the negatives that are made to look like bears", 0, 1 },
        { "kind", 0, NN_OPT_CHOICE, &a.kind, "all|bears|negatives",
          "what to draw", 0, 0 },
        { "format", 0, NN_OPT_CHOICE, &a.format, "jpeg|png", "file format", 0,
          0 },
        { "splits", 0, NN_OPT_FLAG, &a.splits, NULL,
          "train, valid and test folders; --no-splits: classes only", 0, 0 },
        { NULL, 0, NN_OPT_HEADING, NULL, NULL, "Instead of files", 0, 0 },
        { "sheet", 0, NN_OPT_STRING, &a.sheet, "FILE",
          "write a contact sheet (PNG)", 0, 0 },
        { "show", 0, NN_OPT_STRING, &a.show, "KIND",
          "its rows: all, near-miss, or one class or family", 0, 0 },
        { "rows", 0, NN_OPT_INT, &a.rows, "N", "rows of each kind", 1,
          SHEET_ROWS },
        { "cols", 0, NN_OPT_INT, &a.cols, "N", "pictures a row", 1, 64 },
        { NULL, 0, NN_OPT_HEADING, NULL, NULL, "Common", 0, 0 },
        { "threads", 0, NN_OPT_INT, &a.threads, "N",
          "threads; 0 takes all that this process may use", 0, 1024 },
        { "quiet", 'q', NN_OPT_FLAG, &a.quiet, NULL, "no progress output", 0,
          0 },
        { NULL, 0, NN_OPT_HEADING, NULL, NULL, NULL, 0, 0 },
    };
    const struct nn_options o = {
        .program = "bearcascade",
        .command = "synth",
        .synopsis = "--out DIR [options]",
        .summary = "Draw labelled pictures: teddies, grizzlies, black bears, "
                   "and what is taken for them. The same seed draws the same "
                   "pictures everywhere.",
        .table = table,
        .examples = "  bearcascade synth --out bears --count 3000\n"
                    "  bearcascade synth --sheet sheet.png --show grizzly\n",
    };

    return parse_and_run(&o, &a, argc, argv);
}
