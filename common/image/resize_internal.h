/* common/image/resize_internal.h - resampling into a part of an image. */
#ifndef NN_COMMON_IMAGE_RESIZE_INTERNAL_H
#define NN_COMMON_IMAGE_RESIZE_INTERNAL_H

#include "common/image/resize.h"

/* As nn_image_resize(), into w x h pixels at rgb whose rows lie stride bytes
 * apart. rgb must not overlap src. */
NN_MUST_CHECK enum nn_status nn_resize_into(const struct nn_image *src,
                                            struct nn_box box,
                                            enum nn_filter filter, uint8_t *rgb,
                                            size_t stride, int32_t w,
                                            int32_t h);

#endif /* NN_COMMON_IMAGE_RESIZE_INTERNAL_H */
