/* pipelines/clean/flat.h - drawn or printed, or taken by a camera?
 *
 * The share of neighbouring pixels that are equal to within one level in all
 * channels, side by side or one above the other, whichever is less. Noise and
 * texture leave few in a photo; drawings, logos, pages and cut-out pictures
 * have large even areas (Athitsos, Swain and Frankel, "Distinguishing
 * photographs and graphics on the World Wide Web", 1997). */
#ifndef PIPELINES_CLEAN_FLAT_H
#define PIPELINES_CLEAN_FLAT_H

#include "common/data/dataset.h"
#include "common/image/image.h"

/* 0..1; 0 for an image of fewer than 2 x 2 pixels. */
float clean_flatness(const struct nn_image *img);
/* flat [n] of items, 0 for those that cannot be read. In parallel. */
void clean_flatness_of_items(const struct nn_dataset *ds, const uint32_t *item,
                             size_t n, float *flat);

#endif /* PIPELINES_CLEAN_FLAT_H */
