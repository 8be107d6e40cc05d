/* pipelines/cli/classify_pile.h - what classify does once it has all rows:
 * folders by verdict, a page, and a file for Timelapse.
 *
 * The rows are those of the file that --resume or --from names (JSON lines, or
 * what --detections makes), else a spool of this run that has no name. */
#ifndef PIPELINES_CLI_CLASSIFY_PILE_H
#define PIPELINES_CLI_CLASSIFY_PILE_H

#include "pipelines/cli/cmd.h"
#include "pipelines/cli/predictions.h"
#include "pipelines/piles/acts.h"

struct classify_pile {
    const char *into, *from, *undo, *page, *timelapse, *recurring;
    double threshold; /* of the model; below 0: none was loaded */
    int by, dry_run;
    int md;                   /* 1: the file of rows is of --detections */
    struct predictions spool; /* to NULL: none */
};
#define CLASSIFY_PILE_ROWS(p)                                                  \
    NN_OPT_HEADING("sorting"),                                                 \
        NN_OPT_STRING(0, "sort-into", &(p).into, "DIR",                        \
                      "put the photos, once all have a row, into folders of "  \
                      "DIR by verdict; DIR/undo.jsonl says what was done, "    \
                      "and the same command goes on after a kill"),            \
        NN_OPT_CHOICE(0, "sort-by", &(p).by, PILE_BY_WORDS,                    \
                      "hard links (symbolic ones where DIR is on another "     \
                      "file system), copies, or the photos themselves; side "  \
                      "files (.xmp, raw, ...) go with their photo"),           \
        NN_OPT_FLAG(0, "dry-run", &(p).dry_run,                                \
                    "only say what --sort-into would do"),                     \
        NN_OPT_STRING(                                                         \
            0, "page", &(p).page, "FILE",                                      \
            "one HTML page of the pile: counts, a histogram of the "           \
            "scores, photos just below and above the threshold, and "          \
            "some of each verdict"),                                           \
        NN_OPT_STRING(0, "timelapse", &(p).timelapse, "FILE",                  \
                      "a CSV file that Timelapse imports; FILE lies in the "   \
                      "root folder of its image set"),                         \
        NN_OPT_STRING(0, "recurring", &(p).recurring, "FILE",                  \
                      "which positives show the same view of the same camera " \
                      "again and again, such as a stump: JSON lines, one "     \
                      "photo of each to look at"),                             \
        NN_OPT_STRING(0, "from", &(p).from, "FILE",                            \
                      "rows of an earlier run (--format jsonl) in place of "   \
                      "a PATH, or a file of --detections, whose photos are "   \
                      "below PATH, or below the current folder"),              \
        NN_OPT_STRING(0, "undo", &(p).undo, "LIST",                            \
                      "undo what --sort-into did: its DIR, or the list in it")

/* 1: the run has no photos to look at, but is one of --from or --undo. */
int classify_pile_alone(const struct classify_pile *p);
/* 1: something is to be done with the rows. */
int classify_pile_wanted(const struct classify_pile *p);
/* What can be known before the first photo; resume: the file, or NULL. Errors:
 * NN_ERR_ARG, NN_ERR_IO (a file cannot be written), those of
 * pile_sort_check(). */
NN_MUST_CHECK enum nn_status classify_pile_check(const struct classify_pile *p,
                                                 const struct cmd_line *line,
                                                 const char *resume,
                                                 enum predictions_format format,
                                                 struct nn_error *err);
/* Before the first row. Errors: NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status classify_pile_begin(struct classify_pile *p,
                                                 const char *resume,
                                                 const struct model *m,
                                                 struct nn_error *err);
/* Each row. Errors: NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
classify_pile_put(struct classify_pile *p, const struct predictions_row *row,
                  struct nn_error *err);
/* All rows are there (of --from: at once). rows: the file of --resume or
 * --from, or NULL. line->exit is raised where photos stay. Errors: those of
 * pile_sort(), pile_page(), pile_timelapse() and pile_undo(). */
NN_MUST_CHECK enum nn_status classify_pile_finish(struct classify_pile *p,
                                                  const char *rows,
                                                  struct cmd_line *line,
                                                  struct nn_error *err);
void classify_pile_release(struct classify_pile *p);

#endif /* PIPELINES_CLI_CLASSIFY_PILE_H */
