/* pipelines/cli/md_rows.h - what results in the MegaDetector format share,
 * whether of whole photos (predictions.h) or of boxes (classify_boxes.h).
 * Errors of all: NULL when out of memory. */
#ifndef PIPELINES_CLI_MD_ROWS_H
#define PIPELINES_CLI_MD_ROWS_H

#include <jansson.h>
#include <stddef.h>

#include "pipelines/cascade/model.h"

json_t *md_rounded(double x, int decimals);
/* Six decimals: what a float32 probability can carry. */
json_t *md_number(double x);
/* {"0": "black", ...}: the classes; where says_none, none; and of a model that
 * says it, unknown. */
json_t *md_categories(const struct model *m, int says_none);
/* [["2", 0.9], ["0", 0.08], ...]: the indices of share [n], largest first, of
 * equal ones the first; share is used up. */
json_t *md_ranked(double *share, size_t n);

#endif /* PIPELINES_CLI_MD_ROWS_H */
