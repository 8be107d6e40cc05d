/* common/image/image_internal.h - what the decoders share with image.c.
 *
 * Each format offers a _header function, which reads everything that stands
 * before the pixel data and allocates nothing that depends on the image,
 * and a _pixels function, which image.c calls once the limits are checked. */
#ifndef NN_COMMON_IMAGE_INTERNAL_H
#define NN_COMMON_IMAGE_INTERNAL_H

#include "common/image/image.h"

struct nn_image_header {
    struct nn_image_info info; /* orientation is filled in by image.c */
    const uint8_t *exif;       /* inside the file; NULL when there is none */
    size_t exif_size;
    size_t body;  /* JPEG: offset of the first scan */
    int inverted; /* JPEG: Adobe CMYK, 255 means no ink */
    int alpha;    /* WebP: has an alpha channel */
};

enum nn_status nn_jpeg_header(const uint8_t *bytes, size_t size,
                              struct nn_image_header *head,
                              struct nn_error *err);
enum nn_status nn_jpeg_pixels(const uint8_t *bytes, size_t size,
                              const struct nn_image_options *opt,
                              const struct nn_image_header *head,
                              struct nn_image *img, struct nn_error *err);
/* rgb [h,w,3] through an encoder and a decoder of that quality, in place.
 * Errors: NN_ERR_NOMEM. */
enum nn_status nn_jpeg_round_trip(uint8_t *rgb, int32_t w, int32_t h,
                                  int quality);

enum nn_status nn_png_header(const uint8_t *bytes, size_t size,
                             struct nn_image_header *head,
                             struct nn_error *err);
enum nn_status nn_png_pixels(const uint8_t *bytes, size_t size,
                             const struct nn_image_header *head,
                             struct nn_image *img, struct nn_error *err);

enum nn_status nn_webp_header(const uint8_t *bytes, size_t size,
                              struct nn_image_header *head,
                              struct nn_error *err);
enum nn_status nn_webp_pixels(const uint8_t *bytes, size_t size,
                              const struct nn_image_header *head,
                              struct nn_image *img, struct nn_error *err);

/* Lay rgba [h,w,4], alpha not premultiplied, over white into img (w x h). */
void nn_image_over_white(struct nn_image *img, const uint8_t *rgba);

/* EXIF orientation 1..8 of a block that starts with "Exif\0\0" or with the
 * TIFF header itself; 1 when there is none or it makes no sense.
 * Errors: NN_ERR_NOMEM. */
enum nn_status nn_exif_orientation(const uint8_t *data, size_t size,
                                   int *orientation);
/* Turn and mirror img so that an orientation of 1..8 becomes 1.
 * Errors: NN_ERR_NOMEM (img is as before). */
enum nn_status nn_image_orient(struct nn_image *img, int orientation);

static inline uint32_t nn_be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t nn_be32(const uint8_t *p)
{
    return nn_be16(p) << 16 | nn_be16(p + 2);
}

static inline uint32_t nn_le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 |
           p[0];
}

#endif /* NN_COMMON_IMAGE_INTERNAL_H */
