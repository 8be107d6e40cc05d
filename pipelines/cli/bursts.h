/* pipelines/cli/bursts.h - one verdict for the photos of a burst, beside those
 * of its frames.
 *
 * Rows go in as they are scored and come out in the same order, each once its
 * burst (common/image/burst.h) is complete: when a photo comes that its camera
 * took later, when BURSTS_APART rows have come since its last frame, when it
 * has BURSTS_FRAMES frames, or at the end. So at most BURSTS_APART *
 * BURSTS_FRAMES rows are held, mostly those of one burst, and how photos are
 * put together depends on what lies before and behind them alone, never on
 * where a run began. */
#ifndef PIPELINES_CLI_BURSTS_H
#define PIPELINES_CLI_BURSTS_H

#include <math.h>

#include "common/base/options.h"
#include "common/image/burst.h"
#include "pipelines/cli/predictions.h"

struct burst_rows {
    int by;     /* enum nn_burst_by */
    double gap; /* seconds; NaN: not given */
};
#define BURST_ROWS_INIT                                                        \
    {                                                                          \
        NN_BURST_OFF, (double)NAN                                              \
    }
/* b: a struct burst_rows. */
#define BURST_ROWS(b)                                                          \
    NN_OPT_DOUBLE(0, "burst", &(b).gap, "SECONDS", 0, 86400,                   \
                  "photos of one camera at most SECONDS apart get one "        \
                  "verdict beside their own; with --burst-by time alone: 30"), \
        NN_OPT_CHOICE(0, "burst-by", &(b).by, NN_BURST_WORDS,                  \
                      "what makes photos a burst: capture time and camera "    \
                      "(EXIF), one folder, or names that are alike but for a " \
                      "last number")

/* Both put right for each other. Errors: NN_ERR_ARG (seconds, but not by time).
 */
NN_MUST_CHECK enum nn_status burst_rows_check(struct burst_rows *b,
                                              struct nn_error *err);

enum { BURSTS_APART = 64, BURSTS_FRAMES = 500 };

struct bursts;
/* put is told of each row, whose burst is set, in order; what it returns other
 * than NN_OK is returned. Errors: NN_ERR_NOMEM. */
typedef enum nn_status bursts_put_fn(void *ctx,
                                     const struct predictions_row *row,
                                     struct nn_error *err);
NN_MUST_CHECK enum nn_status bursts_create(const struct model *m,
                                           enum nn_burst_by by, double gap,
                                           bursts_put_fn *put, void *ctx,
                                           struct bursts **out,
                                           struct nn_error *err);
void bursts_destroy(struct bursts **b); /* NULL is fine; drops what is held */
/* The next row, which is copied. Errors: NN_ERR_NOMEM, those of put. */
NN_MUST_CHECK enum nn_status bursts_add(struct bursts *b,
                                        const struct predictions_row *row,
                                        struct nn_error *err);
/* There are no more rows: all that are held come out, and one line says how
 * many bursts there were. */
NN_MUST_CHECK enum nn_status bursts_finish(struct bursts *b,
                                           struct nn_error *err);

#endif /* PIPELINES_CLI_BURSTS_H */
