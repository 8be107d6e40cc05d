/* pipelines/audit/decisions.h - answers as files, for people and for the next
 * training. */
#ifndef PIPELINES_AUDIT_DECISIONS_H
#define PIPELINES_AUDIT_DECISIONS_H

#include "pipelines/audit/answers.h"

/* Writes into DIR, as JSON lines with a row for each photo that was looked at:
 *   looks.jsonl      {"file","answer"}: none, positive or not sure; the file as
 *                    the predictions name it
 *   decisions.jsonl  {"file","label"}: the class that was named, or "none", for
 *                    `--decisions`
 *   negatives.jsonl  the same of those that are none, with the label "", a
 *                    manifest for `train --negatives`
 *   positives.jsonl  {"file"}: positive, but of no class that was named, or
 *                    one frame of a burst that was answered as a whole
 * but for looks.jsonl with absolute paths. A note says what decisions.jsonl
 * lacks. Errors: NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
audit_decisions_write(const struct audit_plan *plan,
                      const struct audit_result *r, const char *dir,
                      struct nn_error *err);

#endif /* PIPELINES_AUDIT_DECISIONS_H */
