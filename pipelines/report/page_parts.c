#include "pipelines/report/page_parts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "common/net/prepare.h"
#include "pipelines/report/image_url.h"

void page_put_text(FILE *to, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", to);
            break;
        case '<':
            fputs("&lt;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        default:
            fputc(*text, to);
        }
    }
}

void page_put_json(FILE *to, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '<') {
            fputs("\\u003c", to);
        } else {
            fputc(*text, to);
        }
    }
}

enum nn_status page_write(const char *path, const struct page_frame *frame,
                          const json_t *data, struct nn_error *err)
{
    char *text = nn_json_dump(data, JSON_COMPACT);
    struct nn_file_out out;
    enum nn_status st;

    if (text == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_file_out_open(&out, path, err);
    if (st) {
        goto out;
    }
    fwrite(frame->head, 1, frame->head_size, out.stream);
    page_put_json(out.stream, text);
    fwrite(frame->tail, 1, frame->tail_size, out.stream);
    st = nn_file_out_commit(&out, err);
out:
    nn_mem_free(text);
    return st;
}

char *page_small_photo(const struct nn_dataset *ds, size_t item, int32_t side,
                       int quality)
{
    struct nn_image img = NN_IMAGE_INIT;
    uint8_t *bytes = NULL;
    char *url = NULL;
    size_t size = 0;

    if (!nn_dataset_read(ds, item, &bytes, &size, NULL) &&
        !nn_image_prepare(bytes, size, side, &img, NULL, NULL)) {
        url = image_url(&img, quality);
    }
    nn_image_release(&img);
    nn_mem_free(bytes);
    return url != NULL ? url : nn_mem_strdup("");
}

/* to, as seen from the folder `from`, both absolute: "../../x/y.jpg". */
static char *relative(const char *from, const char *to)
{
    size_t same = 0, ups = 1, at = 0;
    char *out;

    for (size_t i = 0; from[i] == to[i] && to[i] != '\0'; i++) {
        same = to[i] == '/' ? i + 1 : same;
        at = i + 1;
    }
    if (from[at] == '\0' && to[at] == '/') { /* inside `from` itself */
        return nn_mem_strdup(to + at + 1);
    }
    for (const char *p = from + same; *p != '\0'; p++) {
        ups += *p == '/';
    }
    ups = from[same] == '\0' ? 0 : ups;
    out = nn_mem_calloc(3 * ups + strlen(to + same) + 1, 1);
    for (size_t i = 0; out != NULL && i < ups; i++) {
        memcpy(out + 3 * i, "../", 3);
    }
    if (out != NULL) {
        memcpy(out + 3 * ups, to + same, strlen(to + same));
    }
    return out;
}

/* Percent-encoding of all but what is plain in a path. */
static char *url_of(const char *path)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
                                "uvwxyz0123456789-._~/";
    static const char hex[] = "0123456789ABCDEF";
    char *out = nn_mem_calloc(3 * strlen(path) + 1, 1), *to = out;

    for (; out != NULL && *path != '\0'; path++) {
        if (strchr(plain, *path) != NULL) {
            *to++ = *path;
        } else {
            *to++ = '%';
            *to++ = hex[(unsigned char)*path >> 4];
            *to++ = hex[(unsigned char)*path & 15];
        }
    }
    return out;
}

char *page_photo_url(const char *dir, const char *file)
{
    char full[PATH_MAX], *url;
    char *path = realpath(file, full) != NULL ? relative(dir, full)
                                              : nn_mem_strdup(file);

    url = path == NULL ? NULL : url_of(path);
    nn_mem_free(path);
    return url;
}
