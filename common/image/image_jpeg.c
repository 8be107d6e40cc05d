#include "common/image/image_internal.h"

#include <inttypes.h>
#include <string.h>

#include <turbojpeg.h>

#include "common/base/mem.h"

enum {
    M_SOF0 = 0xC0,
    M_DHT = 0xC4,
    M_JPG = 0xC8,
    M_DAC = 0xCC,
    M_RST0 = 0xD0,
    M_SOI = 0xD8,
    M_EOI = 0xD9,
    M_SOS = 0xDA,
    M_DNL = 0xDC,
    M_APP1 = 0xE1,
    M_APP14 = 0xEE,
    M_COM = 0xFE,
    M_TEM = 0x01,
};

static enum nn_status fail_truncated(struct nn_error *err)
{
    return nn_fail(err, NN_ERR_FORMAT, "truncated JPEG data");
}

/* Offset just behind the next marker at or after pos, or 0 at the end. Other
 * bytes, fill bytes (FF FF) and stuffed ones (FF 00) are passed over. */
static size_t next_marker(const uint8_t *b, size_t size, size_t pos, int *code)
{
    while (pos < size) {
        const uint8_t *p = memchr(b + pos, 0xFF, size - pos);

        if (!p) {
            return 0;
        }
        while (p < b + size && *p == 0xFF) {
            p++;
        }
        if (p == b + size) {
            return 0;
        }
        pos = (size_t)(p - b) + 1;
        if (*p != 0) {
            *code = *p;
            return pos;
        }
    }
    return 0;
}

static int stands_alone(int code)
{
    return code == M_TEM || (code >= M_RST0 && code <= M_SOI);
}

/* Length of the segment at pos with its two length bytes, or 0 when it is
 * damaged or runs past the end. */
static size_t segment_size(const uint8_t *b, size_t size, size_t pos)
{
    if (size - pos < 2) {
        return 0;
    }
    size_t n = nn_be16(b + pos);

    return n >= 2 && n <= size - pos ? n : 0;
}

static int is_frame(int code)
{
    return code >= M_SOF0 && code <= 0xCF && code != M_DHT && code != M_JPG &&
           code != M_DAC;
}

static enum nn_status read_frame(const uint8_t *p, size_t n, int code,
                                 struct nn_image_header *head,
                                 struct nn_error *err)
{
    struct nn_image_info *info = &head->info;

    if (n < 8) {
        return nn_fail(err, NN_ERR_FORMAT, "damaged JPEG header");
    }
    info->bits = p[2];
    info->h = (int32_t)nn_be16(p + 3);
    info->w = (int32_t)nn_be16(p + 5);
    info->channels = p[7];
    head->luma_id = n > 8 ? p[8] : 0;
    head->progressive = code == 0xC2 || code == 0xCA;
    if (info->w == 0 || info->h == 0 || info->channels == 0) {
        return nn_fail(err, NN_ERR_FORMAT, "damaged JPEG header");
    }
    /* baseline, extended, progressive; the last two with arithmetic coding */
    if (code != 0xC0 && code != 0xC1 && code != 0xC2 && code != 0xC9 &&
        code != 0xCA) {
        return nn_fail(err, NN_ERR_UNSUPPORTED,
                       "lossless or hierarchical JPEG is not supported");
    }
    if (info->bits != 8) {
        return nn_fail(err, NN_ERR_UNSUPPORTED,
                       "JPEG with %d bits a channel is not supported",
                       info->bits);
    }
    if (info->channels == 2 || info->channels > 4) {
        return nn_fail(err, NN_ERR_UNSUPPORTED,
                       "JPEG with %d channels is not supported",
                       info->channels);
    }
    return NN_OK;
}

/* EXIF and XMP, of which a file may hold several. */
static enum nn_status read_app1(const uint8_t *p, size_t n,
                                struct nn_image_header *head)
{
    static const char xmp[] = "http://ns.adobe.com/xap/1.0/";

    if (n >= 6 && memcmp(p, "Exif\0", 6) == 0) {
        if (head->exif == NULL) {
            head->exif = p;
            head->n_exif = n;
        }
        return nn_header_exif(head, p, n);
    }
    if (n > sizeof(xmp) && memcmp(p, xmp, sizeof(xmp)) == 0) {
        nn_header_xmp(head, p + sizeof(xmp), n - sizeof(xmp));
    }
    return NN_OK;
}

enum nn_status nn_jpeg_header(const uint8_t *b, size_t size,
                              struct nn_image_header *head,
                              struct nn_error *err)
{
    struct nn_image_info *info = &head->info;
    size_t pos = 2;
    int code = 0;

    while ((pos = next_marker(b, size, pos, &code)) != 0) {
        if (stands_alone(code)) {
            continue;
        }
        if (code == M_EOI) {
            return nn_fail(err, NN_ERR_FORMAT, "JPEG without an image");
        }
        size_t n = segment_size(b, size, pos);

        if (n == 0) {
            return size - pos < 2 || nn_be16(b + pos) >= 2
                       ? fail_truncated(err)
                       : nn_fail(err, NN_ERR_FORMAT, "damaged JPEG header");
        }
        if (code == M_SOS) {
            head->body = pos - 2;
            break;
        }
        if (is_frame(code) && info->w == 0) {
            enum nn_status st = read_frame(b + pos, n, code, head, err);

            if (st) {
                return st;
            }
        } else if (code == M_APP1) {
            if (read_app1(b + pos + 2, n - 2, head)) {
                return nn_fail_nomem(err);
            }
        } else if (code == M_APP14 && n >= 14 &&
                   memcmp(b + pos + 2, "Adobe", 5) == 0) {
            head->inverted = 1;
        }
        pos += n;
    }
    if (head->body == 0) {
        return fail_truncated(err);
    }
    if (info->w == 0) {
        return nn_fail(err, NN_ERR_FORMAT, "JPEG without an image");
    }
    return NN_OK;
}

/* Compress into a block of ours; *bytes is freed with nn_mem_free(). */
static enum nn_status compress(tjhandle tj, const uint8_t *rgb, int32_t w,
                               int32_t h, int quality, uint8_t **bytes,
                               size_t *size, struct nn_error *err)
{
    unsigned long n = tjBufSize(w, h, TJSAMP_420);

    *bytes = NULL;
    if (n == (unsigned long)-1) {
        return nn_fail(err, NN_ERR_ARG, "image too large for a JPEG file");
    }
    *bytes = nn_mem_realloc(NULL, n, 1);
    if (!*bytes) {
        return nn_fail_nomem(err);
    }
    if (tjCompress2(tj, rgb, w, 0, h, TJPF_RGB, bytes, &n, TJSAMP_420, quality,
                    TJFLAG_NOREALLOC | TJFLAG_ACCURATEDCT)) {
        nn_mem_free(*bytes);
        *bytes = NULL;
        return nn_fail(err, NN_ERR_ARG, "cannot encode a JPEG: %s",
                       tjGetErrorStr2(tj));
    }
    *size = n;
    return NN_OK;
}

enum nn_status nn_image_encode_jpeg(const struct nn_image *img, int quality,
                                    uint8_t **bytes, size_t *size,
                                    struct nn_error *err)
{
    *bytes = NULL;
    *size = 0;
    if (quality < 1 || quality > 100 || img->w < 1 || img->h < 1) {
        return nn_fail(err, NN_ERR_ARG,
                       "cannot encode a JPEG: no image, or "
                       "a quality outside 1..100");
    }
    tjhandle tj = tjInitCompress();
    if (!tj) {
        return nn_fail_nomem(err);
    }
    enum nn_status st =
        compress(tj, img->rgb, img->w, img->h, quality, bytes, size, err);

    tjDestroy(tj);
    return st;
}

/* What we have just compressed. */
static enum nn_status decompress(tjhandle tj, const uint8_t *b, size_t size,
                                 uint8_t *rgb, int32_t w, int32_t h)
{
    return tjDecompress2(tj, b, (unsigned long)size, rgb, w, 0, h, TJPF_RGB,
                         TJFLAG_ACCURATEDCT)
               ? NN_ERR_NOMEM
               : NN_OK;
}

enum nn_status nn_jpeg_round_trip(uint8_t *rgb, int32_t w, int32_t h,
                                  int quality)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    tjhandle tj = tjInitTransform(); /* compresses and decompresses */

    if (!tj) {
        return NN_ERR_NOMEM;
    }
    enum nn_status st = compress(tj, rgb, w, h, quality, &bytes, &size, NULL);

    if (st) {
        goto out;
    }
    st = decompress(tj, bytes, size, rgb, w, h);
out:
    nn_mem_free(bytes);
    tjDestroy(tj);
    return st ? NN_ERR_NOMEM : NN_OK;
}
