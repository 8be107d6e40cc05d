/* pipelines/report/assets.h - the page around its data, made by embed.py from
 * page.html, page.css and the scripts. Not terminated by a zero byte. */
#ifndef PIPELINES_REPORT_ASSETS_H
#define PIPELINES_REPORT_ASSETS_H

#include <stddef.h>

extern const unsigned char report_head[], report_tail[];
extern const size_t report_head_size, report_tail_size; /* bytes */

#endif /* PIPELINES_REPORT_ASSETS_H */
