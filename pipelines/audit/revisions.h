/* pipelines/audit/revisions.h - what `audit --next` has made of the answers:
 * DIR/next.json.
 *
 *     {"format": "bearcascade-audit-next 1", "plan": HASH, "revisions":
 *      [{"letters": "npn...", "expected": [0.2, ...]}, ...]}
 *
 * A revision says which share of units like each is expected to be positive,
 * once the answers `letters` were given; from there on these shares order what
 * is left (audit_looks_revise()). Each has more letters than the one before,
 * and begins with them. */
#ifndef PIPELINES_AUDIT_REVISIONS_H
#define PIPELINES_AUDIT_REVISIONS_H

#include "pipelines/audit/plan.h"

/* Reads DIR/next.json into plan->revision, if there is one. Errors:
 * NN_ERR_FORMAT (of another plan, or none at all), NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status audit_revisions_read(struct audit_plan *plan,
                                                  const char *dir,
                                                  struct nn_error *err);
/* Adds one behind the others: letters are copied, expected [units] becomes the
 * plan's, after an error too. Errors: NN_ERR_ARG (no answers since the last
 * one), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status audit_revisions_add(struct audit_plan *plan,
                                                 const char *letters,
                                                 double *expected,
                                                 struct nn_error *err);
NN_MUST_CHECK enum nn_status
audit_revisions_write(const struct audit_plan *plan, const char *dir,
                      struct nn_error *err);
/* The array above; NULL when out of memory. */
json_t *audit_revisions_json(const struct audit_plan *plan);
void audit_revisions_release(struct audit_plan *plan);

#endif /* PIPELINES_AUDIT_REVISIONS_H */
