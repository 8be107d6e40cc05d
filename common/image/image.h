/* common/image/image.h - decode an image into 8-bit RGB.
 *
 * Formats are recognised by content, never by name:
 *   JPEG  through libjpeg-turbo: greyscale, YCbCr, RGB, CMYK and YCCK (with an
 *         Adobe marker 255 means no ink), baseline, progressive, arithmetic.
 *         Accurate DCT and smooth chroma upsampling, which libjpeg-turbo
 *         computes to the same bits with and without SIMD.
 *   PNG   through libpng's simplified interface: every colour type and depth,
 *         interlaced or not. An APNG gives its default image. (16-bit
 *         interlaced files take libpng's main interface: the simplified one
 *         garbles them, pnggroup/libpng issue 853.)
 *   WebP  through libwebp: lossy and lossless; of an animation the first frame.
 *   BMP   own code: 1 to 32 bits, RLE, bit fields.
 *   GIF   through giflib: the first frame.
 *   TIFF  through libtiff: the first page, what its RGBA interface reads.
 *   AVIF, HEIC  through libheif: the primary image, turned by libheif.
 * The last three are build options; nn_image_can_read() says what there is.
 * Alpha is laid over white, blending the stored (gamma-encoded) values as
 * browsers do. EXIF orientation is applied, from JPEG APP1, PNG eXIf and WebP
 * EXIF, from a PNG's "Raw profile type exif", and without EXIF from XMP; of a
 * damaged EXIF block counts what can be read. What else the camera wrote there
 * (shot.h) is told too, of TIFF and, through libheif, of AVIF and HEIC as well.
 * ICC profiles are ignored.
 *
 * What every browser shows is read, and info->note says what is wrong: a JPEG
 * or PNG without its end, cut short, or with a bad stripe, as long as half of
 * its rows are there. What was not decoded is grey, of a PNG white. Less than
 * half, damage behind a PNG's checksums, and a WebP that is shorter than its
 * header says are errors. Harmless oddities (stray bytes before a marker,
 * bytes behind the end, benign warnings of a library) are passed over.
 *
 * Threads: no hidden state; every function may run on distinct objects from
 * distinct threads. Memory of the three libraries is their own and does not
 * count in nn_mem_live(). */
#ifndef NN_COMMON_IMAGE_IMAGE_H
#define NN_COMMON_IMAGE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/image/shot.h"

/* Interleaved RGB bytes, sRGB, rows packed: pixel (x,y) channel c is
 * rgb[((size_t)y * w + x) * 3 + c]. Owns rgb. */
struct nn_image {
    int32_t w, h;
    uint8_t *rgb;
};
#define NN_IMAGE_INIT                                                          \
    {                                                                          \
        0, 0, 0                                                                \
    }
void nn_image_release(struct nn_image *img); /* safe on NN_IMAGE_INIT */
/* w x h image with undefined pixels; img is overwritten, not released.
 * Errors: NN_ERR_ARG (a side below 1), NN_ERR_NOMEM; img is then empty. */
NN_MUST_CHECK enum nn_status nn_image_create(struct nn_image *img, int32_t w,
                                             int32_t h);

enum nn_image_format {
    NN_IMAGE_UNKNOWN,
    NN_IMAGE_JPEG,
    NN_IMAGE_PNG,
    NN_IMAGE_WEBP,
    NN_IMAGE_BMP,
    NN_IMAGE_GIF,
    NN_IMAGE_TIFF,
    NN_IMAGE_HEIF, /* AVIF too */
};
/* 1 when this build has what it takes. */
int nn_image_can_read(enum nn_image_format f);

struct nn_image_options {
    int32_t min_side;   /* 0: full size; else a JPEG is halved up to three times
                           while decoding (DCT scaling, sides round up) so long
                           as the shorter side stays >= min_side */
    int32_t max_dim;    /* longest accepted side, pixels as decoded */
    int64_t max_pixels; /* largest accepted w * h as decoded; of a progressive
                           JPEG at most twice as many as stored */
    int32_t max_scans;  /* JPEG scans accepted: each is a pass over all
                           coefficients, so a small file could cost hours */
    int keep_orientation; /* 1: do not apply EXIF orientation */
};
/* 0, 65535, 100 million, 200, 0 */
struct nn_image_options nn_image_defaults(void);

#define NN_IMAGE_NOTE 128
struct nn_image_info {
    enum nn_image_format format;
    int32_t w, h;    /* as stored, before scaling and orientation */
    int orientation; /* EXIF 1..8; 1 when absent */
    int channels;    /* stored channels, 1..4; a palette is 1 */
    int bits;        /* bits per channel as stored; of a palette's indices */
    /* What a person should know of how it was decoded, else "": damage and
     * its extent, the first frame of several, a size above max_pixels. Set by
     * nn_image_decode(), "" after nn_image_probe(). */
    char note[NN_IMAGE_NOTE];
    struct nn_shot shot; /* from EXIF; empty where there is none */
};

/* 1, 2, 4 or 8: what the sides are divided by when an image of that header is
 * decoded for min_side; 1 unless it is a JPEG. */
int32_t nn_image_divisor(const struct nn_image_info *info, int32_t min_side);

enum nn_image_format nn_image_sniff(const uint8_t *bytes, size_t size);

/* Header only: fills *info and decodes nothing, so that damage behind the
 * header goes unseen. Errors as nn_image_decode(); *info then holds what was
 * read before the error, the rest zero. */
NN_MUST_CHECK enum nn_status nn_image_probe(const uint8_t *bytes, size_t size,
                                            const struct nn_image_options *opt,
                                            struct nn_image_info *info,
                                            struct nn_error *err);

/* Decode into *img (which must be empty; stays empty on error). info may be
 * NULL. err->text does not name the file: the caller puts the name in front.
 * Limits are checked before anything that depends on them is allocated.
 * Errors: NN_ERR_FORMAT ("empty file", "not an image of a known
 * format", "truncated JPEG data (...)", "damaged PNG data (...)", ...),
 * NN_ERR_UNSUPPORTED (over a limit of opt, lossless or 12-bit JPEG, a format
 * whose library this build lacks), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_image_decode(const uint8_t *bytes, size_t size,
                                             const struct nn_image_options *opt,
                                             struct nn_image *img,
                                             struct nn_image_info *info,
                                             struct nn_error *err);

/* Encode; *bytes is freed with nn_mem_free() and NULL on error. quality
 * 1..100, chroma 4:2:0. Errors: NN_ERR_ARG (empty img, quality out of range,
 * a side above 65500), NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_image_encode_jpeg(const struct nn_image *img,
                                                  int quality, uint8_t **bytes,
                                                  size_t *size,
                                                  struct nn_error *err);

#endif /* NN_COMMON_IMAGE_IMAGE_H */
