/* common/image/image_jpeg_pass.h - pass over a scan's codes. */
#ifndef NN_COMMON_IMAGE_JPEG_PASS_H
#define NN_COMMON_IMAGE_JPEG_PASS_H

#include "common/base/status.h"
#include "common/image/image_jpeg_bits.h"
#include "common/image/image_jpeg_codes.h"

enum { NN_JPEG_BLOCKS = 10 /* of an MCU, at most */ };

struct nn_jpeg_block {
    const struct nn_jpeg_codes *dc, *ac;
    const uint16_t *first; /* of both: nn_jpeg_join_codes() */
    int thin;              /* DC alone is wanted */
};

/* What a scan consists of. */
struct nn_jpeg_plan {
    struct nn_jpeg_block block[NN_JPEG_BLOCKS]; /* of an MCU */
    int n_blocks;
    int64_t mcus;
    int64_t interval; /* MCUs between restart markers; 0: there are none */
    int top;          /* the first rows are enough, and the file may be cut */
};

/* The data from p on, with only "end of block" behind the DC code of each thin
 * block, appended to `to`, and *rest: what follows them in the file.
 *
 * *all: 1: all MCUs were there; 0: of the top of a file those before its end;
 * -1: the data are not as the library would read them without a word, or not
 * shorter. Safe from any thread. Errors: NN_ERR_NOMEM. */
NN_MUST_CHECK enum nn_status nn_jpeg_pass(const struct nn_jpeg_plan *plan,
                                          const uint8_t *p,
                                          const uint8_t *end_of_file,
                                          struct nn_jpeg_data *to,
                                          const uint8_t **rest, int *all);

#endif /* NN_COMMON_IMAGE_JPEG_PASS_H */
