/* tests/unit/image/sample.h - small synthetic image files.
 *
 * Everything is drawn and encoded here, so that the tests need no images
 * and can check what comes out of a decoder against what went in. The
 * functions stop the program with a message when they run out of memory, an
 * encoder refuses or a file cannot be written: there is no test to save then.
 */
#ifndef TESTS_UNIT_IMAGE_SAMPLE_H
#define TESTS_UNIT_IMAGE_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/image/image.h"

/* A file in memory. Zero-initialise; sample_release() frees it. */
struct sample {
    uint8_t *bytes;
    size_t size, cap;
};
void sample_release(struct sample *s);
void sample_add(struct sample *s, const void *bytes, size_t n);
void sample_add_u8(struct sample *s, unsigned v);
void sample_add_be16(struct sample *s, unsigned v);
void sample_add_be32(struct sample *s, uint32_t v);
void sample_add_le32(struct sample *s, uint32_t v);
/* Insert n bytes at offset at. */
void sample_insert(struct sample *s, size_t at, const void *bytes, size_t n);

/* w x h pixels of smooth colour: four corners of different hue, so that any
 * turn or mirror image is another image. */
void sample_image(struct nn_image *img, int32_t w, int32_t h);
/* w x h pixels of gradient plus noise from a 32-bit linear congruential
 * generator; tests/golden/image_golden.py draws the same bytes. */
void sample_noise(struct nn_image *img, int32_t w, int32_t h, uint32_t seed);

enum sample_jpeg_kind {
    SAMPLE_JPEG_420,
    SAMPLE_JPEG_444,
    SAMPLE_JPEG_GREY,
    SAMPLE_JPEG_PROGRESSIVE,
    SAMPLE_JPEG_CMYK, /* YCCK with an Adobe marker, inverted */
};
void sample_jpeg(struct sample *s, const struct nn_image *img,
                 enum sample_jpeg_kind kind, int quality);
/* 4:2:0 with a restart marker behind every row of blocks. */
void sample_jpeg_rows(struct sample *s, const struct nn_image *img,
                      int quality);
/* Put an EXIF block with this orientation behind the start marker. */
void sample_jpeg_orient(struct sample *s, int orientation, int big_endian);
/* What EXIF says beside a thumbnail; 0 and NULL: it does not. */
struct sample_shot {
    int orientation, turn;       /* of the photo, of the thumbnail */
    int32_t w, h;                /* the photo's sides */
    const char *taken, *changed; /* "2024:05:31 06:12:09" */
    const char *software;        /* ProcessingSoftware */
};
/* Put an EXIF block with the JPEG `thumb` behind the start marker. */
void sample_jpeg_thumbnail(struct sample *s, const struct sample_shot *shot,
                           const struct sample *thumb);
/* "Exif\0\0" and a TIFF block with one entry. */
void sample_exif(struct sample *s, int orientation, int big_endian);
/* A valid start and a frame of w x h pixels, then nothing. */
void sample_jpeg_header(struct sample *s, unsigned w, unsigned h);

struct sample_png {
    int colour;      /* 0 grey, 2 RGB, 3 palette, 4 grey+alpha, 6 RGB+alpha */
    int bits;        /* 1, 2, 4, 8, 16 */
    int interlaced;  /* Adam7 */
    int transparent; /* a tRNS chunk (colours 0, 2, 3) */
};
/* Encode img as far as the colour type can hold it; *want (may be NULL)
 * becomes what a decoder must make of it, alpha laid over white. */
void sample_png(struct sample *s, const struct nn_image *img,
                struct sample_png kind, struct nn_image *want);
/* A file of img, 8-bit RGB. */
void sample_png_file(const char *path, const struct nn_image *img);
void sample_png_chunk(struct sample *s, const char *type, const void *data,
                      size_t n);
void sample_png_header(struct sample *s, uint32_t w, uint32_t h);
/* Insert a chunk behind IHDR. */
void sample_png_insert(struct sample *s, const char *type, const void *data,
                       size_t n);
/* Two frames; the first is img, the second its negative. */
void sample_apng(struct sample *s, const struct nn_image *img);

/* alpha: rising from left to right; *want as for sample_png(). */
void sample_webp(struct sample *s, const struct nn_image *img, int lossless,
                 int alpha, struct nn_image *want);
void sample_webp_orient(struct sample *s, int orientation);
void sample_webp_animated(struct sample *s, const struct nn_image *img);

/* Little-endian, three samples a pixel, one strip. orientation 0: no tag. */
void sample_tiff(struct sample *s, const struct nn_image *img, int orientation);
/* Bits 1 (black or white by the green channel), 4 and 8 (grey levels), 16 (five
 * each), 24 or 32. rle: 4 and 8 bits as runs. core: the OS/2 header. */
struct sample_bmp {
    int bits, rle, top_down, core;
};
/* *want: what a decoder must make of it. */
void sample_bmp(struct sample *s, const struct nn_image *img,
                struct sample_bmp kind, struct nn_image *want);
/* 64 colours, two bits of each channel, in codes that never grow; frames times
 * the same image; transparent: colour 0 is. *want as above. */
void sample_gif(struct sample *s, const struct nn_image *img, int frames,
                int interlaced, struct nn_image *want);

#endif /* TESTS_UNIT_IMAGE_SAMPLE_H */
