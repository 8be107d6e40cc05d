/* pipelines/audit/audit.h - the steps of the command. */
#ifndef PIPELINES_AUDIT_AUDIT_H
#define PIPELINES_AUDIT_AUDIT_H

#include "pipelines/audit/answers.h"
#include "pipelines/audit/next.h"

/* Makes the folder DIR of an audit. Errors: NN_ERR_ARG (it holds one already),
 * NN_ERR_IO, NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status audit_make_dir(const char *dir,
                                            struct nn_error *err);
/* Plans an audit of the rows at `predictions` into DIR: predictions.jsonl,
 * plan.json and the page. Errors: those of audit_plan_make(); NN_ERR_ARG (DIR
 * holds an audit, a photo cannot be found from here), NN_ERR_IO. Release the
 * plan also after an error. */
NN_MUST_CHECK enum nn_status
audit_begin(const char *predictions, const struct audit_options *o,
            const char *dir, struct audit_plan *plan, struct nn_error *err);
/* DIR/answers.json (unless answers is that file), statement.json and
 * statement.html from a file of answers, and the files of decisions.h.
 * *statement is for the caller (json_decref). Errors: those of
 * audit_plan_read() and audit_answers_read(), NN_ERR_IO. */
NN_MUST_CHECK enum nn_status audit_finish(const char *dir, const char *answers,
                                          json_t **statement,
                                          struct nn_error *err);
/* Re-ranks what the answers leave (next.h) and writes DIR/next.json,
 * answers.json and the page anew, which begins where the answers end. Errors:
 * those of audit_plan_read(), audit_answers_read() and audit_next(), NN_ERR_IO.
 */
NN_MUST_CHECK enum nn_status audit_re_rank(const char *dir, const char *answers,
                                           const struct nn_net *net,
                                           const volatile sig_atomic_t *stop,
                                           struct audit_next *out,
                                           struct nn_error *err);
/* Computes the statement of DIR again. NN_ERR_FORMAT: it is not the one that
 * stands in statement.json; *statement is what follows from the files. */
NN_MUST_CHECK enum nn_status audit_verify(const char *dir, json_t **statement,
                                          struct nn_error *err);

#endif /* PIPELINES_AUDIT_AUDIT_H */
