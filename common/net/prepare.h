/* common/net/prepare.h - from an image to the input of a net: the one way.
 *
 *   1. decode   a JPEG is halved while it is decoded (DCT scaling) so long as
 *               its shorter side stays >= side; other formats in full
 *   2. reduce   area averaging until the shorter side is `side`; smaller
 *               images stay as they are
 *   3. fit      nn_image_fit(): all of it squeezed to [S,S,3] bytes
 *   4. scale    x = (byte - mean) / stddev per channel, floats [S,S,3]
 * with side = S, or less where somebody asks for the look of smaller files.
 * Validation, scoring, the report
 * and the library all go this way, so that an image gives the same bits
 * everywhere; training takes its crops from what step 2 leaves.
 *
 * Two nets on one image see what each saw in training: steps 2 to 4 are made
 * for each from the same decoded image, and the decoded image is the same
 * where step 1 gives both the same scale (nn_decode_serves(): always for PNG
 * and WebP, for equal sides, and for a JPEG whose shorter side is >= 8 sides of
 * either). Only where the scales differ is the JPEG decoded again, at its
 * other scale, from the bytes in memory; a file is opened and read once.
 *
 * Threads: no hidden state. */
#ifndef NN_COMMON_NET_PREPARE_H
#define NN_COMMON_NET_PREPARE_H

#include "common/image/image.h"
#include "common/image/resize.h"

/* What a net asks of an image; nn_net_input() gives it. */
struct nn_input {
    int32_t size;             /* S: the input is [S,S,3] */
    int32_t side;             /* pixels, see above */
    float mean[3], stddev[3]; /* of 0..255, stddev > 0 */
};

/* Step 1 alone. img must be empty and stays so on error; info may be NULL; err
 * does not name the file. Errors: those of nn_image_decode(). */
NN_MUST_CHECK enum nn_status nn_decode_for(const uint8_t *bytes, size_t size,
                                           int32_t side, struct nn_image *img,
                                           struct nn_image_info *info,
                                           struct nn_error *err);
/* 1 when decoding for side `have` gives the image that decoding for `want`
 * would give; info: that of the image. */
int nn_decode_serves(const struct nn_image_info *info, int32_t have,
                     int32_t want);

/* Steps 1 and 2: what the loader keeps of an image, and what augmented views
 * are made from; info may be NULL. Errors: those of nn_image_decode(). */
NN_MUST_CHECK enum nn_status nn_image_prepare(const uint8_t *bytes, size_t size,
                                              int32_t side,
                                              struct nn_image *img,
                                              struct nn_image_info *info,
                                              struct nn_error *err);

/* Steps 2 and 3: rgb [S,S,3] of an oriented image of any size (step 2 leaves
 * an image that went through it already as it is).
 * Errors: NN_ERR_ARG (empty img, size < 1), NN_ERR_NOMEM; rgb is then
 * undefined. */
NN_MUST_CHECK enum nn_status nn_prepare_bytes(const struct nn_input *in,
                                              const struct nn_image *img,
                                              uint8_t *rgb,
                                              struct nn_error *err);
/* Steps 2 to 4: out [S,S,3]. Errors as above. */
NN_MUST_CHECK enum nn_status nn_prepare(const struct nn_input *in,
                                        const struct nn_image *img, float *out,
                                        struct nn_error *err);

#endif /* NN_COMMON_NET_PREPARE_H */
