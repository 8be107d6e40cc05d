/* pipelines/audit/page.h - DIR/audit.html: the photos, one after the other. */
#ifndef PIPELINES_AUDIT_PAGE_H
#define PIPELINES_AUDIT_PAGE_H

#include "pipelines/audit/plan.h"

/* Every photo must be a file that is found from the current folder, as a
 * browser shows no members of archives. Errors: NN_ERR_ARG naming the first
 * that is not, and how many. */
NN_MUST_CHECK enum nn_status audit_page_check(const struct audit_plan *plan,
                                              struct nn_error *err);
/* Photos are referred to by their paths, relative to dir. Errors: NN_ERR_IO,
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status audit_page_write(const struct audit_plan *plan,
                                              const char *dir,
                                              struct nn_error *err);

/* page.html with style and scripts, before and behind the data. */
extern const unsigned char audit_page_head[], audit_page_tail[];
extern const size_t audit_page_head_size, audit_page_tail_size;

#endif /* PIPELINES_AUDIT_PAGE_H */
