/* pipelines/piles/md_image.h - what a record of a file of MegaDetector results
 * (md_file.h) says of its photo. */
#ifndef PIPELINES_PILES_MD_IMAGE_H
#define PIPELINES_PILES_MD_IMAGE_H

#include <jansson.h>

#include "pipelines/piles/pile_rows.h"

/* 1: a video, by its name: the format wants a frame rate of each, negative
 * where it failed, and the frames that were looked at. */
int md_image_is_video(const char *file);
/* Where the photo is; names are below root, "" for the current folder. To be
 * freed; NULL when out of memory. */
char *md_image_path(const char *root, const char *file);
/* Whether the detector says anything of the photo's boxes. Errors: those that
 * *why tells: NN_ERR_UNSUPPORTED (a video), NN_ERR_FORMAT (it failed). */
NN_MUST_CHECK enum nn_status
md_image_boxes(const json_t *image, const char *file, struct nn_error *why);
/* 1: `classify --detections` wrote the record; *row is what it says but for
 * file and camera, and valid as long as image and *why. */
int md_image_row(const json_t *image, const char *file, struct pile_row *row,
                 struct nn_error *why);

#endif /* PIPELINES_PILES_MD_IMAGE_H */
