/* pipelines/clean/page.h - DIR/clean.html: the photos to decide on. */
#ifndef PIPELINES_CLEAN_PAGE_H
#define PIPELINES_CLEAN_PAGE_H

#include "pipelines/clean/clean.h"

/* One file with all photos in it, small: about 10 kB each. Errors: NN_ERR_IO,
 * NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status clean_page_write(const struct clean_findings *f,
                                              const char *path,
                                              struct nn_error *err);
/* Of a file that cannot be read, why. */
void clean_reason(const struct nn_dataset *ds, size_t item,
                  struct nn_error *err);

/* page.html with style and scripts, before and behind the data. */
extern const unsigned char clean_page_head[], clean_page_tail[];
extern const size_t clean_page_head_size, clean_page_tail_size;

#endif /* PIPELINES_CLEAN_PAGE_H */
