/* common/image/image_jpeg_bits.h - the bits of a JPEG's scan, read and
 * written. */
#ifndef NN_COMMON_IMAGE_JPEG_BITS_H
#define NN_COMMON_IMAGE_JPEG_BITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/image/image_internal.h"

enum {
    NN_JPEG_CHUNK = 1 << 17, /* bytes of data held without their stuffing */
    /* zeros behind the data: the longest MCU, of ten blocks of 64 codes of 31
       bits, may run over their end, and then a word is read */
    NN_JPEG_MCU_BITS = 10 * 64 * 31,
    NN_JPEG_PADDING = NN_JPEG_MCU_BITS / 8 + 16
};

/* Data of a scan without their stuffing: of each FF 00 in the file the FF. */
struct nn_jpeg_input {
    const uint8_t *p, *end; /* of the file: what comes next */
    size_t n;               /* bytes held */
    size_t pos;             /* bits read of those */
    int ended;              /* p stands at a marker */
    int cut;                /* the file ends before one */
    uint8_t data[NN_JPEG_CHUNK + NN_JPEG_PADDING];
};

/* Move what is not read yet to the front and fill up to the next marker; zeros
 * follow. */
void nn_jpeg_fill(struct nn_jpeg_input *in);

static inline uint64_t nn_jpeg_load(const uint8_t *p)
{
    return (uint64_t)nn_be32(p) << 32 | nn_be32(p + 4);
}

static inline void nn_jpeg_store(uint8_t *p, uint64_t v)
{
    p[0] = (uint8_t)(v >> 56);
    p[1] = (uint8_t)(v >> 48);
    p[2] = (uint8_t)(v >> 40);
    p[3] = (uint8_t)(v >> 32);
    p[4] = (uint8_t)(v >> 24);
    p[5] = (uint8_t)(v >> 16);
    p[6] = (uint8_t)(v >> 8);
    p[7] = (uint8_t)v;
}

/* The bits at pos, at the top; at least 57. */
static inline uint64_t nn_jpeg_peek(const uint8_t *data, size_t pos)
{
    return nn_jpeg_load(data + pos / 8) << (pos & 7);
}

/* Bits one after the other, without stuffing. */
struct nn_jpeg_output {
    uint8_t *bytes;
    size_t n, cap;
    uint64_t
        held; /* its first `bits` bits are still to be written, and 0 follow */
    uint32_t bits; /* < 8 */
};

/* v: the `bits` bits, 1 to 56. There is room for 8 bytes. */
static inline void nn_jpeg_put(struct nn_jpeg_output *out, uint64_t v,
                               uint32_t bits)
{
    uint8_t *to = out->bytes + out->n;

    out->bits += bits;
    out->held |= v << (64 - out->bits);
    nn_jpeg_store(to, out->held);
    out->n += out->bits / 8;
    out->held <<= out->bits & ~7U;
    out->bits &= 7;
}

static inline void nn_jpeg_copy_bits(struct nn_jpeg_output *out,
                                     const uint8_t *data, size_t pos,
                                     size_t end)
{
    while (pos < end) {
        size_t n = end - pos < 56 ? end - pos : 56;

        nn_jpeg_put(out, nn_jpeg_peek(data, pos) >> (64 - n), (uint32_t)n);
        pos += n;
    }
}

/* Data as they stand in a file. */
struct nn_jpeg_data {
    uint8_t *bytes;
    size_t n, cap;
};

/* Append what out holds, ones up to a whole byte, with the stuffing, and empty
 * out. Needs 8 bytes of room in out. 0, or -1: there is none in to. */
int nn_jpeg_stuff(struct nn_jpeg_data *to, struct nn_jpeg_output *out);

#endif /* NN_COMMON_IMAGE_JPEG_BITS_H */
