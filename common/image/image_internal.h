/* common/image/image_internal.h - what the decoders share with image.c.
 *
 * Each format offers a _header function, which reads everything that stands
 * before the pixel data and allocates nothing that depends on the image,
 * and a _pixels function, which image.c calls once the limits are checked.
 * A library that was absent when this was built leaves its format out: its
 * functions are then missing from the table in image.c. */
#ifndef NN_COMMON_IMAGE_INTERNAL_H
#define NN_COMMON_IMAGE_INTERNAL_H

#include "common/image/image.h"

struct nn_image_header {
    struct nn_image_info info;
    int oriented;        /* EXIF gave the orientation: XMP is not asked */
    size_t body;         /* JPEG: offset of the first scan */
    int inverted;        /* JPEG: Adobe CMYK, 255 means no ink */
    int luma_id;         /* JPEG: the first component of the frame */
    const uint8_t *exif; /* JPEG: the first block, with its "Exif\0\0" */
    size_t n_exif;
    int progressive; /* JPEG */
    int alpha;       /* WebP: has an alpha channel */
    int animated;    /* WebP */
};

/* What a format's two steps look like. _pixels may add to head->info.note. */
typedef enum nn_status nn_header_fn(const uint8_t *bytes, size_t size,
                                    struct nn_image_header *head,
                                    struct nn_error *err);
typedef enum nn_status nn_pixels_fn(const uint8_t *bytes, size_t size,
                                    const struct nn_image_options *opt,
                                    struct nn_image_header *head,
                                    struct nn_image *img, struct nn_error *err);

nn_header_fn nn_jpeg_header, nn_png_header, nn_webp_header, nn_gif_header,
    nn_bmp_header, nn_tiff_header, nn_heif_header;
nn_pixels_fn nn_jpeg_pixels, nn_png_pixels, nn_webp_pixels, nn_gif_pixels,
    nn_bmp_pixels, nn_tiff_pixels, nn_heif_pixels;

/* rgb [h,w,3] through an encoder and a decoder of that quality, in place.
 * Errors: NN_ERR_NOMEM. */
enum nn_status nn_jpeg_round_trip(uint8_t *rgb, int32_t w, int32_t h,
                                  int quality);

/* Lay rgba [h,w,4], alpha not premultiplied, over white into img (w x h). */
void nn_image_over_white(struct nn_image *img, const uint8_t *rgba);

/* "; " between notes; what does not fit is left out. */
void nn_image_note(struct nn_image_info *info, const char *fmt, ...)
    NN_PRINTF(2, 3);
/* The note of a damaged image whose rows were decoded up to a share. */
void nn_image_note_share(struct nn_image_info *info, const char *what,
                         double share);
/* An image of which less than this share is there is not worth a verdict. */
#define NN_IMAGE_LEAST_SHARE 0.5

/* Take the orientation from a block of EXIF (that starts with "Exif\0\0" or
 * with the TIFF header itself) or of XMP, where there is a sensible one: from
 * the first block that has it, EXIF before XMP. Errors: NN_ERR_NOMEM. */
enum nn_status nn_header_exif(struct nn_image_header *head, const uint8_t *data,
                              size_t size);
void nn_header_xmp(struct nn_image_header *head, const uint8_t *data,
                   size_t size);
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

static inline uint32_t nn_le16(const uint8_t *p)
{
    return (uint32_t)p[1] << 8 | p[0];
}

static inline uint32_t nn_le32(const uint8_t *p)
{
    return nn_le16(p + 2) << 16 | nn_le16(p);
}

#endif /* NN_COMMON_IMAGE_INTERNAL_H */
