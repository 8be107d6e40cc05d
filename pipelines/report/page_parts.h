/* pipelines/report/page_parts.h - what pages of photos have in common. */
#ifndef PIPELINES_REPORT_PAGE_PARTS_H
#define PIPELINES_REPORT_PAGE_PARTS_H

#include <jansson.h>
#include <stdio.h>

#include "common/base/status.h"
#include "common/data/dataset.h"

/* Text for inside an element or a quoted attribute. */
void page_put_text(FILE *to, const char *text);
/* JSON for inside <script>: no "<" may end it early. */
void page_put_json(FILE *to, const char *text);
/* A page made by embed.py: what stands before its data, and behind. */
struct page_frame {
    const unsigned char *head, *tail;
    size_t head_size, tail_size; /* bytes */
};
/* The page with its data, beside path, then renamed. Errors: NN_ERR_IO,
 * NN_ERR_NOMEM (data NULL too). */
NN_MUST_CHECK enum nn_status page_write(const char *path,
                                        const struct page_frame *frame,
                                        const json_t *data,
                                        struct nn_error *err);
/* An image of ds as a data: URL, its shorter side scaled down to `side`; "" of
 * one that cannot be read; nn_mem_free. NULL when out of memory. */
char *page_small_photo(const struct nn_dataset *ds, size_t item, int32_t side,
                       int quality);
/* Where a photo is, as seen from a page in the folder dir, which is absolute
 * and without links: a relative URL (RFC 3986), percent-encoded; nn_mem_free.
 * NULL when out of memory. Of a file that is not there its name as it stands.
 */
char *page_photo_url(const char *dir, const char *file);

#endif /* PIPELINES_REPORT_PAGE_PARTS_H */
