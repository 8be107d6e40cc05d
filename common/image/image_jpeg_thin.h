/* common/image/image_jpeg_thin.h - leave out of a JPEG's data what a decoder
 * at 1/8 passes over. */
#ifndef NN_COMMON_IMAGE_JPEG_THIN_H
#define NN_COMMON_IMAGE_JPEG_THIN_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jpeglib.h>

#include "common/base/status.h"

/* What follows the header of a scan: its data, thinned, and then the rest of
 * the file as it is. Free when j is done: nn_mem_free(bytes). */
struct nn_jpeg_thin {
    uint8_t *bytes;
    size_t size;
};

/* At 1/8 a block of 8 x 8 samples becomes one, its mean: of most blocks
 * libjpeg decodes 63 coefficients, a code at a time, to throw them away. The
 * scan made here has the same mean in each block and then "end of block", so
 * that the library, with its header and its tables, gives the same pixels to
 * the bit; both together take three fifths of the time
 * (docs/notes/performance.md). Blocks of which it wants more (chroma at half
 * the sides is decoded at 1/4) are copied.
 *
 * j: after jpeg_read_header() and jpeg_calc_output_dimensions(), with all of
 * the file in its source, which becomes what out holds. out->bytes is NULL, and
 * the library reads the file as it is, where there is nothing to gain or the
 * data are not what it would read without a word (no baseline JPEG of one scan,
 * a code that does not exist, bytes missing or left over, markers out of
 * order).
 *
 * rows: 0, or how many rows of the image at 1/8 are wanted. Then the file may
 * be cut, nothing follows the data, and where they end too early the last MCUs,
 * of at most 3 KB, may be left out. Safe from any thread. Errors: NN_ERR_NOMEM.
 * Source: ITU-T T.81, F.2.2 and annex C. */
NN_MUST_CHECK enum nn_status nn_jpeg_thin(struct jpeg_decompress_struct *j,
                                          int32_t rows,
                                          struct nn_jpeg_thin *out);

#endif /* NN_COMMON_IMAGE_JPEG_THIN_H */
