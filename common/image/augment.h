/* common/image/augment.h - random training views of an image.
 *
 * Every draw comes from the rng that is passed in, which the loader makes
 * from (seed, epoch, image), so a view can be made again at any time. Only
 * whole numbers and exactly rounded float operations are used, no libm: the
 * same draws give the same bytes on every machine (for the JPEG step, given
 * the same libjpeg-turbo).
 *
 * Steps, applied in this order, each left out when its option is 0:
 *   crop     random resized crop (arXiv 1409.4842) in the wording of
 *            torchvision: share of the area uniform in [crop_min, crop_max],
 *            width / height in [1/aspect, aspect] with 1 as the median, place
 *            uniform; after 10 boxes that do not fit, the largest centred one
 *            with an allowed aspect. crop_min = 1: the whole image, squeezed
 *   rotate   angle uniform in +-rotate about the box centre; what lies
 *            outside the image repeats its border
 *   lowres   the view is made smaller, side share uniform in [lowres_min, 1],
 *            and enlarged again
 *   flip     left and right exchanged
 *   blur     near-Gaussian, standard deviation 0.45 to 1 pixel
 *   colour   brightness, contrast about the mean luma, saturation, hue (W3C
 *            Filter Effects matrices), grey; one matrix, one clamp
 *   infrared as a camera with an infrared lamp would show it: one grey of the
 *            three channels, flatter, lit from the middle, with noise
 *   jpeg     a real JPEG round trip, quality uniform in [jpeg_min, 100]
 *   erase    random erasing (arXiv 1708.04896): a box of 2 to 25 % of the
 *            view, aspect up to 3, in one random colour */
#ifndef NN_COMMON_IMAGE_AUGMENT_H
#define NN_COMMON_IMAGE_AUGMENT_H

#include "common/base/rng.h"
#include "common/image/image.h"

struct nn_augment {
    float crop_min, crop_max; /* area share, 0 < crop_min <= crop_max <= 1 */
    float aspect;             /* 1..100 */
    float flip;               /* probability of a mirror image */
    float rotate;             /* largest angle, 0..180 degrees */
    float brightness, contrast, saturation; /* factor in 1 +- value, 0..1 */
    float hue;        /* shift in +- value, turns, 0..0.5 */
    float grey;       /* probability of a greyscale view */
    float infrared;   /* probability of an infrared-like view */
    float lowres;     /* probability: down and up again */
    float lowres_min; /* smallest side share kept, 0 excluded..1 */
    float jpeg;       /* probability of a JPEG round trip */
    int jpeg_min;     /* lowest quality drawn, 1..100 */
    float blur;       /* probability of a small blur */
    float erase;      /* probability of an erased box */
};
struct nn_augment nn_augment_none(void); /* whole image, squeezed; no draw */
/* The trainer's defaults: crop 0.35..1, aspect 1.33, flip 0.5, rotate 0,
 * brightness, contrast and saturation 0.3, hue 0.03, grey 0.05, infrared 0,
 * lowres 0.25 (from 0.25), jpeg 0.2 (from 30), blur 0.1, erase 0.25. */
struct nn_augment nn_augment_defaults(void);

/* Turn a step off; `colour` is brightness, contrast, saturation, hue and grey.
 * Returns 0, or -1 when there is no step of that name. */
#define NN_AUGMENT_STEPS "crop|flip|colour|lowres|jpeg|blur|erase"
int nn_augment_without(struct nn_augment *a, const char *step);

/* Write one size x size view of src into rgb ([size,size,3] bytes, not part
 * of src). Errors: NN_ERR_ARG (an option out of its range, size < 1, empty
 * src; nothing is drawn), NN_ERR_NOMEM (rgb and rng are then undefined). */
NN_MUST_CHECK enum nn_status nn_augment_apply(const struct nn_augment *a,
                                              struct nn_rng *rng,
                                              const struct nn_image *src,
                                              int32_t size, uint8_t *rgb);

#endif /* NN_COMMON_IMAGE_AUGMENT_H */
