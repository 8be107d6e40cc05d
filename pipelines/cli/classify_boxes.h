/* pipelines/cli/classify_boxes.h - classify --detections: the boxes of another
 * detector's file, and --merge of files of results. */
#ifndef PIPELINES_CLI_CLASSIFY_BOXES_H
#define PIPELINES_CLI_CLASSIFY_BOXES_H

#include "pipelines/cascade/session.h"
#include "pipelines/cli/classify_pile.h"

struct classify_boxes {
    const char *detections;
    double least, margin;
    int merge;
};
#define CLASSIFY_BOXES_INIT                                                    \
    {                                                                          \
        .least = 0.2, .margin = 0.1                                            \
    }
#define CLASSIFY_BOXES_ROWS(b)                                                 \
    NN_OPT_HEADING("beside other detectors"),                                  \
        NN_OPT_STRING(0, "detections", &(b).detections, "FILE",                \
                      "classify the boxes of animals in a file of "            \
                      "MegaDetector's results; its photos are below PATH, or " \
                      "below the current folder; prints the same file with "   \
                      "classifications and a verdict for each photo, or "      \
                      "writes it to the file of --resume, and goes on "        \
                      "where that ends"),                                      \
        NN_OPT_DOUBLE(0, "min-detection", &(b).least, "P", 0, 1,               \
                      "least confidence of a box that is classified"),         \
        NN_OPT_DOUBLE(0, "margin", &(b).margin, "SHARE", 0, 2,                 \
                      "what is added to a box on each side, a share of its "   \
                      "longer side"),                                          \
        NN_OPT_FLAG(0, "merge", &(b).merge,                                    \
                    "print files of results (JSON lines, or of the "           \
                    "MegaDetector format), which are the PATHs, as one")

/* Errors: NN_ERR_ARG. */
NN_MUST_CHECK enum nn_status
classify_boxes_check(const struct classify_boxes *b,
                     const struct cmd_line *line, const char *resume,
                     enum predictions_format format, struct nn_error *err);
/* The file of --detections with our classifications to stdout, or to the file
 * `resume` as results.h says: an image is looked at again where its photo or
 * the detector's record of it has changed; one that is gone keeps its row.
 * Rows of the photos to pile too.
 * line->exit becomes EXIT_SOME_FAILED where a photo has no verdict, EXIT_FAILED
 * where it was stopped. Errors: NN_ERR_FORMAT, NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
classify_boxes_run(const struct classify_boxes *b, struct bc_model *model,
                   struct classify_pile *pile, const char *resume,
                   struct cmd_line *line, struct nn_error *err);
/* The PATHs as one file, to stdout. Errors: those of pile_merge(). */
NN_MUST_CHECK enum nn_status classify_boxes_merge(const struct cmd_line *line,
                                                  struct nn_error *err);

#endif /* PIPELINES_CLI_CLASSIFY_BOXES_H */
