/* common/image/augment_internal.h - the steps of an augmentation.
 *
 * Images here are packed RGB bytes [h,w,3], changed in place. Every step
 * works in whole numbers or in plain double arithmetic without libm, so that
 * the same draws give the same bytes on every machine. */
#ifndef NN_COMMON_IMAGE_AUGMENT_INTERNAL_H
#define NN_COMMON_IMAGE_AUGMENT_INTERNAL_H

#include "common/image/augment.h"
#include "common/image/resize.h"

/* Sine and cosine of an angle in turns (1 turn = 360 degrees), to about
 * 1e-11, from a fixed polynomial. */
void nn_sincos_turns(double turns, double *s, double *c);

/* Factors of a colour change: 1 leaves a property as it is. */
struct nn_colour {
    double brightness, contrast, saturation;
    double hue; /* turns */
};
/* rgb = H S (c (b rgb - m) + m): brightness b, contrast c about the mean luma
 * m of the brightened image, saturation matrix S and hue rotation H of
 * W3C Filter Effects Module Level 1, all as one 3x3 matrix and one clamp. */
void nn_colour_apply(const struct nn_colour *c, uint8_t *rgb, size_t n_pixels);

/* Blur along both axes with [t, 256 - 2t, t] / 256 twice, borders repeated:
 * close to a Gaussian of standard deviation sqrt(t / 64) pixels. tmp has the
 * image's size. 0 <= t <= 85. */
void nn_blur(uint8_t *rgb, uint8_t *tmp, int32_t w, int32_t h, uint32_t t);

/* What a camera with an infrared lamp makes of a size x size view: the
 * channels mixed into one grey by drawn weights, contrast times 0.4..1.1 about
 * the middle grey, -50..30 grey levels lighter, light 1 / (1 + k d^2) at the
 * distance d (in sides) from a lamp near the middle, k 0..6, and noise of a
 * standard deviation of up to 12 grey levels. */
void nn_infrared(struct nn_rng *rng, uint8_t *rgb, int32_t size);

/* Mirror left and right. */
void nn_flip(uint8_t *rgb, int32_t w, int32_t h);

/* dst (size x size) = the box of src turned by an angle about its centre,
 * antialiased; what lies outside src repeats its border.
 * Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_rotate(const struct nn_image *src,
                                       struct nn_box box, double turns,
                                       uint8_t *rgb, int32_t size);

#endif /* NN_COMMON_IMAGE_AUGMENT_INTERNAL_H */
