/* common/image/image_jpeg_codes.h - a JPEG's Huffman table, several codes at a
 * look. */
#ifndef NN_COMMON_IMAGE_JPEG_CODES_H
#define NN_COMMON_IMAGE_JPEG_CODES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jpeglib.h>

enum {
    NN_JPEG_WINDOW = 12, /* bits looked up at once */
    NN_JPEG_LONGEST = 16,
    /* An entry: bits of the codes and of what follows them, above those the
       coefficients passed, and whether it ends with "end of block". */
    NN_JPEG_BITS = 63,
    NN_JPEG_PASSED = 8,
    NN_JPEG_MOST = 64, /* coefficients, and where it would be more */
    NN_JPEG_END = 1 << 15,
    NN_JPEG_WIDEST = 18, /* bits of an entry of `many` */
};

/* One Huffman table. An entry belongs to the next NN_JPEG_WINDOW bits. Where no
 * whole code stands there, it is 0 in `one` and passes more than a block in
 * `many`.
 */
struct nn_jpeg_codes {
    uint16_t one[1 << NN_JPEG_WINDOW];   /* the first code */
    uint16_t many[1 << NN_JPEG_WINDOW];  /* as many as are whole */
    uint8_t length[1 << NN_JPEG_WINDOW]; /* of the first code */
    uint32_t limit[NN_JPEG_LONGEST + 1]; /* behind the last code of each length,
                                     as 16 bits; 0: none of that length */
    int32_t index[NN_JPEG_LONGEST + 1];  /* of a symbol, less its code */
    uint8_t symbol[256];
    uint32_t end_code, end_length; /* "end of block"; length 0: there is none */
    int ac, built;
};

/* Coefficients that an entry passes. */
static inline uint32_t nn_jpeg_passed(uint32_t entry)
{
    return entry >> NN_JPEG_PASSED & (2 * NN_JPEG_MOST - 1);
}

/* Length of the code that 16 bits begin with, and its entry; 0: there is none.
 */
uint32_t nn_jpeg_find_code(const struct nn_jpeg_codes *t, uint32_t bits,
                           uint16_t *entry);
/* t: zero. ac: of AC codes, else of DC codes, of which `many` is not made and
 * entries pass one coefficient. 0, or -1: there is no such table. */
int nn_jpeg_build_codes(struct nn_jpeg_codes *t, const JHUFF_TBL *from, int ac);
/* Entries, 1 << NN_JPEG_WINDOW of them, of a block's beginning: a code of dc
 * and the codes of ac behind it. */
void nn_jpeg_join_codes(const struct nn_jpeg_codes *dc,
                        const struct nn_jpeg_codes *ac, uint16_t *many);

#endif /* NN_COMMON_IMAGE_JPEG_CODES_H */
