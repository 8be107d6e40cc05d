#include "pipelines/report/image_url.h"

#include <string.h>

#include "common/base/mem.h"

static void base64(char *to, const uint8_t *v, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < n; i += 3) {
        unsigned long w = (unsigned long)v[i] << 16;

        w |= i + 1 < n ? (unsigned long)v[i + 1] << 8 : 0;
        w |= i + 2 < n ? v[i + 2] : 0;
        *to++ = digits[w >> 18];
        *to++ = digits[w >> 12 & 63];
        *to++ = i + 1 < n ? digits[w >> 6 & 63] : '=';
        *to++ = i + 2 < n ? digits[w & 63] : '=';
    }
    *to = '\0';
}

char *image_url(const struct nn_image *img, int quality)
{
    static const char head[] = "data:image/jpeg;base64,";
    uint8_t *jpeg = NULL;
    char *url = NULL;
    size_t n = 0;

    if (!nn_image_encode_jpeg(img, quality, &jpeg, &n, NULL)) {
        url = nn_mem_calloc(sizeof head + (n + 2) / 3 * 4, 1);
    }
    if (url != NULL) {
        memcpy(url, head, sizeof head - 1);
        base64(url + sizeof head - 1, jpeg, n);
    }
    nn_mem_free(jpeg);
    return url;
}
