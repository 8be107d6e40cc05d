/* pipelines/piles/timelapse.h - a CSV file that Timelapse imports ("Import data
 * from a CSV file", Greenberg, Timelapse Image Analyser 2).
 *
 * Timelapse finds a photo by File and RelativePath, the latter below the root
 * folder of the image set, with backslashes, and takes the other columns as
 * fields of those data labels: Label (none, unknown or the class), Verdict
 * (none, unknown, class), Score (p_positive), ClassScore (of the class that is
 * most likely) and Problem (why there is no verdict). A template needs note
 * fields with these data labels, or the columns are taken out. */
#ifndef PIPELINES_PILES_TIMELAPSE_H
#define PIPELINES_PILES_TIMELAPSE_H

#include "pipelines/piles/pile_rows.h"

/* The rows to path, which lies in the root folder of the image set. *outside:
 * photos that do not lie below that folder, or lie in archives: they are left
 * out, the first are named. Errors: those of pile_rows_next() and
 * nn_file_out_open(), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status pile_timelapse(struct pile_rows *rows,
                                            const char *path, size_t *outside,
                                            struct nn_error *err);

#endif /* PIPELINES_PILES_TIMELAPSE_H */
