/* common/image/resize.h - antialiased resampling, fitting, fingerprints.
 *
 * Output pixel i of n over a box edge [from, from + span) has the share
 * [from + i s, from + (i + 1) s) of the source, s = span / n.
 *   Area: the mean of the source under that share, by exact overlap.
 *   Bilinear: a triangle filter about the share's centre that reaches max(s,
 *   1) pixels each way, normalised, as Pillow's BILINEAR and torchvision's
 *   antialias=True define it. It may read source pixels outside the box.
 * Both axes are separable. Weights are 16-bit fixed point and every sum is
 * exact, so the result is the same on every machine and within 0.52 levels
 * of the real-number definition; against Pillow, which rounds between its
 * passes, at most 1 level apart.
 *
 * Threads: no hidden state. */
#ifndef NN_COMMON_IMAGE_RESIZE_H
#define NN_COMMON_IMAGE_RESIZE_H

#include "common/image/image.h"

enum nn_filter { NN_FILTER_AREA, NN_FILTER_BILINEAR };

/* A rectangle in source pixels; edges may be fractional. */
struct nn_box {
    float x, y, w, h;
};

/* dst (w x h already created, not src) = box of src, resampled. The box is
 * clipped to the image. Only the pixels that count are computed: time is
 * about box area + dst area. Errors: NN_ERR_ARG (nothing left of the box, or
 * a NaN), NN_ERR_NOMEM; dst is then undefined. */
NN_MUST_CHECK enum nn_status nn_image_resize(const struct nn_image *src,
                                             struct nn_box box,
                                             enum nn_filter filter,
                                             struct nn_image *dst);

/* rgb [size,size,3] = all of src, bilinear, its aspect ratio not kept.
 * Errors: NN_ERR_ARG (size < 1, empty src), NN_ERR_NOMEM; rgb is then
 * undefined. */
NN_MUST_CHECK enum nn_status nn_image_fit(const struct nn_image *src,
                                          int32_t size, uint8_t *rgb);

/* Difference hash: the image is reduced to 9 x 8 cells of mean luma (77 R +
 * 150 G + 29 B, exact area means); bit 8 y + x is set where cell (x,y) is
 * brighter than cell (x+1,y). Copies at another size or quality differ in few
 * bits (popcount of the XOR <= 6, say), unrelated images in about 32. Flat
 * areas give arbitrary bits. img must not be empty. Allocates nothing. */
uint64_t nn_image_dhash(const struct nn_image *img);

#endif /* NN_COMMON_IMAGE_RESIZE_H */
