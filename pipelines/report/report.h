/* pipelines/report/report.h - report.html, the page of `compare` and `sweep`.
 *
 * One file that needs no network and no other file: style, scripts, the data
 * as JSON blocks and images as data URLs. Everything it shows is computed
 * in the page from the data, so that thresholds can be moved there. Its parts
 * are the assets in this folder, put into the program by embed.py. */
#ifndef PIPELINES_REPORT_REPORT_H
#define PIPELINES_REPORT_REPORT_H

#include <jansson.h>

#include "common/base/status.h"

/* Write the page to path (beside it, then renamed: complete or untouched).
 * comparison is what comparison.json holds, sweep what sweep.json holds,
 * images {"INDEX": {"thumb": URL, "cam": {SYSTEM: URL}}} with data URLs and
 * positions in comparison's test.files. Each may be NULL: its sections (for
 * images: the galleries) are then left out. Values are only read; '<' is
 * written as \u003c, so no text in them can end a block. Safe from any thread
 * for distinct paths.
 * Errors: NN_ERR_IO (the file cannot be written), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
report_write(const char *path, const json_t *comparison, const json_t *sweep,
             const json_t *images, struct nn_error *err);

#endif /* PIPELINES_REPORT_REPORT_H */
