/* pipelines/cli/box_head.h - what a file of classified boxes says before its
 * images, and of what its rows are made. head: md_file.h's, of the detector's
 * file. */
#ifndef PIPELINES_CLI_BOX_HEAD_H
#define PIPELINES_CLI_BOX_HEAD_H

#include <jansson.h>

#include "pipelines/cascade/model.h"

/* The same head with our classifier, as predictions.h wants it, for the caller
 * to free; head is changed. NULL when out of memory. */
char *box_head_text(json_t *head, const struct model *m);
/* A fingerprint of the model, the detector and its categories. Errors:
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
box_head_mark(const json_t *head, const struct model *m, uint64_t *mark);

#endif /* PIPELINES_CLI_BOX_HEAD_H */
