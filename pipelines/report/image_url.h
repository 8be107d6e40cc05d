/* pipelines/report/image_url.h - images inside a page without network. */
#ifndef PIPELINES_REPORT_IMAGE_URL_H
#define PIPELINES_REPORT_IMAGE_URL_H

#include "common/image/image.h"

/* "data:image/jpeg;base64,..." (RFC 2397, RFC 4648), quality 1..100;
 * nn_mem_free. NULL when out of memory or img is empty. */
char *image_url(const struct nn_image *img, int quality);

#endif /* PIPELINES_REPORT_IMAGE_URL_H */
