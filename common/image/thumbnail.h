/* common/image/thumbnail.h - the small version of a photo that its camera wrote
 * into the EXIF block, where it shows this photo.
 *
 * Programs that crop, turn or paint over a photo often leave the thumbnail as
 * it was, so it counts only where nothing speaks against it:
 *   - the photo is a sequential JPEG of 16 times as many pixels or more, whose
 *     end marker is there, and the thumbnail a whole JPEG;
 *   - the sides agree: as they are, or once black bars are cut off, which must
 *     be black, where the camera filled a 4:3 thumbnail; and so do the photo's
 *     sides in EXIF, where they are there;
 *   - it was not edited, as far as EXIF tells: DateTime is within a minute of
 *     DateTimeOriginal, the thumbnail has no other orientation than the photo,
 *     and there is no trace of Photoshop, of XMP's history of edits, or of
 *     ProcessingSoftware;
 *   - the top of the photo, as many rows as `head` holds (an eighth of them at
 *     most), looks like the thumbnail's: the mean colours of some 20 tiles
 *     differ by 8 levels or less in the mean, and by 48 at most.
 * What such a thumbnail cannot tell: something painted in further down with
 * all of EXIF kept, and damage in the midst of the photo's data.
 *
 * Threads: no hidden state. */
#ifndef NN_COMMON_IMAGE_THUMBNAIL_H
#define NN_COMMON_IMAGE_THUMBNAIL_H

#include "common/image/image.h"

/* Bytes of a file's start and end that are enough for nearly all photos. */
enum { NN_THUMBNAIL_HEAD = 256 << 10, NN_THUMBNAIL_TAIL = 64 };

/* The thumbnail, cut and turned as the photo is shown, into *img, which becomes
 * empty where there is none that counts or its shorter side is below `least`.
 * head: the first bytes of the file, or all; tail: its last ones, behind
 * those of head. info is the photo's (empty where even that cannot be read),
 * its note empty. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status
nn_image_thumbnail(const uint8_t *head, size_t n_head, const uint8_t *tail,
                   size_t n_tail, int32_t least, struct nn_image *img,
                   struct nn_image_info *info);

#endif /* NN_COMMON_IMAGE_THUMBNAIL_H */
