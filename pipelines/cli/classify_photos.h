/* pipelines/cli/classify_photos.h - what classify does with whole photos: from
 * paths to rows. */
#ifndef PIPELINES_CLI_CLASSIFY_PHOTOS_H
#define PIPELINES_CLI_CLASSIFY_PHOTOS_H

#include "common/base/log.h"
#include "common/data/stream.h"
#include "pipelines/cascade/session.h"
#include "pipelines/cli/bursts.h"
#include "pipelines/cli/classify_boxes.h"
#include "pipelines/cli/classify_pile.h"
#include "pipelines/cli/classify_tiles.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/cli/decision_rows.h"
#include "pipelines/cli/predictions.h"
#include "pipelines/cli/results.h"
#include "pipelines/cli/run_mark.h"
#include "pipelines/cli/shift_rows.h"

/* The command's options, and its state. */
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

/* All photos of the operands through the model, a row each to the file of
 * results or to standard output, and what is to be said of them. line->exit
 * becomes EXIT_SOME_FAILED where a photo has no verdict, EXIT_FAILED where it
 * was stopped. Errors: those of the stream, of the nets and of the output. */
NN_MUST_CHECK enum nn_status classify_photos(struct classify *c,
                                             struct cmd_line *line,
                                             struct nn_error *err);

#endif /* PIPELINES_CLI_CLASSIFY_PHOTOS_H */
