/* pipelines/audit/statement.h - what an audit has shown, as sentence, JSON and
 * page. */
#ifndef PIPELINES_AUDIT_STATEMENT_H
#define PIPELINES_AUDIT_STATEMENT_H

#include <jansson.h>
#include <stdio.h>

#include "pipelines/audit/answers.h"

/* The share of the positives that is among those called positive, at least:
 * found / upper (1 - wrong)^2, rounded down to 1e-4. */
double audit_statement_recall(const struct audit_plan *plan,
                              const struct audit_result *r);
/* The sentence (nn_mem_free), NULL when out of memory. */
char *audit_statement_text(const struct audit_plan *plan,
                           const struct audit_result *r);
/* All figures; NULL when out of memory. */
json_t *audit_statement_json(const struct audit_plan *plan,
                             const struct audit_result *r);
/* Sentence and table; html 1: a page to print. `to`'s errors are its owner's.
 * Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status audit_statement_print(const json_t *statement,
                                                   int html, FILE *to,
                                                   struct nn_error *err);

#endif /* PIPELINES_AUDIT_STATEMENT_H */
