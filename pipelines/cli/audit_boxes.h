/* pipelines/cli/audit_boxes.h - an audit of what `classify --detections`
 * said of a pile. */
#ifndef PIPELINES_CLI_AUDIT_BOXES_H
#define PIPELINES_CLI_AUDIT_BOXES_H

#include <stddef.h>

#include "common/base/status.h"

/* The photos of the file at `path`, which are below root ("": the current
 * folder), as rows that audit_pile_read() takes, into a new file at `rows`: a
 * photo's own probability of a positive, which is 0 where there is no box of
 * an animal, and "error" where there is none. So what the detector missed is
 * part of the pile. Of a photo that comes again the first row stays; *twice is
 * how often one came. Errors: NN_ERR_IO, NN_ERR_FORMAT (names the image: not
 * such a file, or one without verdicts), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status audit_boxes_rows(const char *path,
                                              const char *root,
                                              const char *rows, size_t *twice,
                                              struct nn_error *err);

#endif /* PIPELINES_CLI_AUDIT_BOXES_H */
