/* pipelines/report/page_parts.h - what pages of photos have in common. */
#ifndef PIPELINES_REPORT_PAGE_PARTS_H
#define PIPELINES_REPORT_PAGE_PARTS_H

#include <stdio.h>

/* Text for inside an element or a quoted attribute. */
void page_put_text(FILE *to, const char *text);
/* JSON for inside <script>: no "<" may end it early. */
void page_put_json(FILE *to, const char *text);
/* Where a photo is, as seen from a page in the folder dir, which is absolute
 * and without links: a relative URL (RFC 3986), percent-encoded; nn_mem_free.
 * NULL when out of memory. Of a file that is not there its name as it stands.
 */
char *page_photo_url(const char *dir, const char *file);

#endif /* PIPELINES_REPORT_PAGE_PARTS_H */
