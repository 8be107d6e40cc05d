/* common/image/burst.h - which photos are one burst, for all who ask.
 *
 * A burst is what one camera saw of one event.
 *   by time    photos of one camera, each at most `gap` seconds before or after
 *              another of the burst; a photo without a time is alone. A camera
 *              is a folder (of an archive: a folder in it) and the make, model
 *              and serial number as far as the photo has them.
 *   by folder  photos of one folder
 *   by name    photos of one folder whose names are alike but for a last number
 *              behind one of " -_.(": "E7_1.JPG" and "E7_2.JPG", "IMG_0007.JPG"
 *              and "IMG_0007 (2).JPG"; what is alike must hold a digit, so that
 *              IMG_0001.JPG and IMG_0002.JPG are not */
#ifndef NN_COMMON_IMAGE_BURST_H
#define NN_COMMON_IMAGE_BURST_H

#include <stdint.h>

#include "common/image/shot.h"

enum nn_burst_by {
    NN_BURST_OFF,
    NN_BURST_BY_TIME,
    NN_BURST_BY_FOLDER,
    NN_BURST_BY_NAME
};
/* The order of enum nn_burst_by. */
#define NN_BURST_WORDS "off|time|folder|name"

/* Photos of one burst have the same key; by time that is the camera's. shot may
 * be NULL. */
uint64_t nn_burst_key(enum nn_burst_by by, const char *file,
                      const struct nn_shot *shot);
/* 1: t is within gap seconds of first..last, the times of a burst. */
int nn_burst_near(double first, double last, double t, double gap);

#endif /* NN_COMMON_IMAGE_BURST_H */
