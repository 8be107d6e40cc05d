/* pipelines/cli/box_rows.h - what classify --detections writes into the
 * detector's record of a photo. Read again by pipelines/piles/md_image.h. */
#ifndef PIPELINES_CLI_BOX_ROWS_H
#define PIPELINES_CLI_BOX_ROWS_H

#include <jansson.h>

#include "pipelines/cascade/cascade.h"

/* Takes out what an earlier run has left; resumed: also where the record does
 * not say so, what one of --resume adds. */
void box_row_clear(json_t *image, int resumed);
/* A box's classifications: of the classes, none and, of a model that says it,
 * unknown; their shares make 1. NULL when out of memory. */
json_t *box_row_shares(const struct model *m, const struct verdict *v);
/* The photo's verdict. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
box_row_verdict(json_t *image, const struct model *m, const struct verdict *v);

#endif /* PIPELINES_CLI_BOX_ROWS_H */
