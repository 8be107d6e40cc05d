/* BMP, GIF, TIFF and HEIF files. */
#include "tests/unit/image/sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "common/base/mem.h"

static void add_le16(struct sample *s, unsigned v)
{
    sample_add_u8(s, v & 255);
    sample_add_u8(s, v >> 8 & 255);
}

static void create(struct nn_image *img, int32_t w, int32_t h)
{
    if (nn_image_create(img, w, h)) {
        fprintf(stderr, "sample: cannot create an image\n");
        exit(2);
    }
}

/* --- JPEG --- */

void sample_jpeg_rows(struct sample *s, const struct nn_image *img, int quality)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr e;
    unsigned char *bytes = NULL;
    unsigned long n = 0;

    c.err = jpeg_std_error(&e);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &bytes, &n);
    c.image_width = (JDIMENSION)img->w;
    c.image_height = (JDIMENSION)img->h;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, quality, TRUE);
    c.restart_in_rows = 1;
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < c.image_height) {
        JSAMPROW row = img->rgb + (size_t)c.next_scanline * (size_t)img->w * 3;

        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    sample_add(s, bytes, n);
    free(bytes);
}

/* --- TIFF --- */

static void add_tag(struct sample *s, unsigned tag, unsigned type, unsigned n,
                    uint32_t value)
{
    add_le16(s, tag);
    add_le16(s, type);
    sample_add_le32(s, n);
    sample_add_le32(s, value);
}

void sample_tiff(struct sample *s, const struct nn_image *img, int orientation)
{
    enum { SHORT = 3, LONG = 4 };
    unsigned tags = orientation > 0 ? 10 : 9;
    uint32_t bits = 8 + 2 + tags * 12 + 4, pixels = bits + 6;
    size_t n = (size_t)img->w * (size_t)img->h * 3;

    sample_add(s, "II*\0\10\0\0\0", 8);
    add_le16(s, tags);
    add_tag(s, 256, LONG, 1, (uint32_t)img->w);
    add_tag(s, 257, LONG, 1, (uint32_t)img->h);
    add_tag(s, 258, SHORT, 3, bits);
    add_tag(s, 259, SHORT, 1, 1); /* not compressed */
    add_tag(s, 262, SHORT, 1, 2); /* RGB */
    add_tag(s, 273, LONG, 1, pixels);
    if (orientation > 0) {
        add_tag(s, 274, SHORT, 1, (uint32_t)orientation);
    }
    add_tag(s, 277, SHORT, 1, 3);
    add_tag(s, 278, LONG, 1, (uint32_t)img->h);
    add_tag(s, 279, LONG, 1, (uint32_t)n);
    sample_add_le32(s, 0);
    for (int i = 0; i < 3; i++) {
        add_le16(s, 8);
    }
    sample_add(s, img->rgb, n);
}

/* --- BMP --- */

/* The value that a pixel is stored as, and what becomes of it. */
static uint32_t bmp_value(const uint8_t *rgb, int bits, uint8_t *want)
{
    uint32_t v = rgb[1];

    memcpy(want, rgb, 3);
    if (bits == 16) {
        for (int c = 0; c < 3; c++) {
            uint32_t five = rgb[c] >> 3;

            want[c] = (uint8_t)((five * 255 + 15) / 31);
        }
        return (uint32_t)(rgb[0] >> 3) << 10 | (uint32_t)(rgb[1] >> 3) << 5 |
               rgb[2] >> 3;
    }
    if (bits > 16) {
        return (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
    }
    v >>= 8 - bits;
    memset(want, (int)(v * 255 / ((1u << bits) - 1)), 3);
    return v;
}

static void bmp_row(struct sample *s, const uint32_t *v, int32_t w, int bits)
{
    size_t start = s->size;
    unsigned byte = 0;

    for (int32_t x = 0; x < w; x++) {
        if (bits >= 8) {
            for (int b = 0; b < bits; b += 8) {
                sample_add_u8(s, v[x] >> b & 255);
            }
            continue;
        }
        byte = byte << bits | v[x];
        if ((x + 1) * bits % 8 == 0) {
            sample_add_u8(s, byte & 255);
        } else if (x == w - 1) {
            sample_add_u8(s, byte << (8 - (x + 1) * bits % 8) & 255);
        }
    }
    while ((s->size - start) % 4 != 0) {
        sample_add_u8(s, 0);
    }
}

/* Runs of up to 5 equal values, an absolute piece, and the end of the row. */
static void bmp_runs(struct sample *s, const uint32_t *v, int32_t w, int bits)
{
    for (int32_t x = 0; x < w;) {
        int32_t n = 1;

        if (x == 2 && w >= 5) { /* three values as they are */
            sample_add_u8(s, 0);
            sample_add_u8(s, 3);
            if (bits == 8) {
                for (int i = 0; i < 3; i++) {
                    sample_add_u8(s, v[x + i]);
                }
                sample_add_u8(s, 0);
            } else {
                sample_add_u8(s, v[x] << 4 | v[x + 1]);
                sample_add_u8(s, v[x + 2] << 4);
            }
            x += 3;
            continue;
        }
        while (n < 5 && x + n < w && x + n != 2 && v[x + n] == v[x]) {
            n++;
        }
        sample_add_u8(s, (unsigned)n);
        sample_add_u8(s, bits == 8 ? v[x] : v[x] << 4 | v[x]);
        x += n;
    }
    sample_add(s, "\0", 2);
}

static void bmp_head(struct sample *s, const struct nn_image *img,
                     struct sample_bmp kind)
{
    uint32_t colours = kind.bits <= 8 ? 1u << kind.bits : 0;
    uint32_t head = kind.core ? 12 : 40, step = kind.core ? 3 : 4;

    sample_add(s, "BM\0\0\0\0\0\0\0\0", 10);
    sample_add_le32(s, 14 + head + colours * step);
    sample_add_le32(s, head);
    if (kind.core) {
        add_le16(s, (unsigned)img->w);
        add_le16(s, (unsigned)img->h);
    } else {
        sample_add_le32(s, (uint32_t)img->w);
        sample_add_le32(s, (uint32_t)(kind.top_down ? -img->h : img->h));
    }
    add_le16(s, 1);
    add_le16(s, (unsigned)kind.bits);
    if (!kind.core) {
        sample_add_le32(s, !kind.rle ? 0 : kind.bits == 8 ? 1 : 2);
        sample_add_le32(s, 0);
        sample_add_le32(s, 0);
        sample_add_le32(s, 0);
        sample_add_le32(s, colours);
        sample_add_le32(s, 0);
    }
    for (uint32_t i = 0; i < colours; i++) {
        for (uint32_t c = 0; c < step; c++) {
            sample_add_u8(s, c < 3 ? i * 255 / (colours - 1) : 0);
        }
    }
}

void sample_bmp(struct sample *s, const struct nn_image *img,
                struct sample_bmp kind, struct nn_image *want)
{
    uint32_t *v = nn_mem_calloc((size_t)img->w, sizeof(*v));

    create(want, img->w, img->h);
    bmp_head(s, img, kind);
    for (int32_t y = 0; v && y < img->h; y++) {
        int32_t row = kind.top_down ? y : img->h - 1 - y;

        for (int32_t x = 0; x < img->w; x++) {
            size_t at = ((size_t)row * (size_t)img->w + (size_t)x) * 3;

            v[x] = bmp_value(img->rgb + at, kind.bits, want->rgb + at);
        }
        if (kind.rle) {
            bmp_runs(s, v, img->w, kind.bits);
        } else {
            bmp_row(s, v, img->w, kind.bits);
        }
    }
    if (kind.rle) {
        sample_add(s, "\0\1", 2);
    }
    nn_mem_free(v);
}

/* --- GIF --- */

struct codes {
    struct sample *s;
    uint32_t bits;
    int n_bits;
    uint8_t block[255];
    size_t n;
};

static void flush_block(struct codes *c)
{
    if (c->n > 0) {
        sample_add_u8(c->s, (unsigned)c->n);
        sample_add(c->s, c->block, c->n);
        c->n = 0;
    }
}

static void put_byte(struct codes *c)
{
    c->block[c->n++] = (uint8_t)(c->bits & 255);
    c->bits >>= 8;
    c->n_bits -= 8;
    if (c->n == sizeof c->block) {
        flush_block(c);
    }
}

static void put_code(struct codes *c, uint32_t code) /* of 7 bits */
{
    c->bits |= code << c->n_bits;
    c->n_bits += 7;
    while (c->n_bits >= 8) {
        put_byte(c);
    }
}

static unsigned gif_colour(const uint8_t *rgb)
{
    return (unsigned)(rgb[0] >> 6) << 4 | (unsigned)(rgb[1] >> 6) << 2 |
           rgb[2] >> 6;
}

/* A clear code every 50 pixels keeps all codes at 7 bits. */
static void gif_pixels(struct sample *s, const struct nn_image *img,
                       int interlaced)
{
    static const int start[] = { 0, 4, 2, 1 }, step[] = { 8, 8, 4, 2 };
    struct codes c = { .s = s };
    size_t done = 0;

    sample_add_u8(s, 6);
    for (int pass = 0; pass < (interlaced ? 4 : 1); pass++) {
        for (int y = interlaced ? start[pass] : 0; y < img->h;
             y += interlaced ? step[pass] : 1) {
            for (int x = 0; x < img->w; x++) {
                if (done++ % 50 == 0) {
                    put_code(&c, 64);
                }
                put_code(&c, gif_colour(
                                 img->rgb +
                                 ((size_t)y * (size_t)img->w + (size_t)x) * 3));
            }
        }
    }
    put_code(&c, 65);
    if (c.n_bits > 0) {
        put_byte(&c);
    }
    flush_block(&c);
    sample_add_u8(s, 0);
}

void sample_gif(struct sample *s, const struct nn_image *img, int frames,
                int interlaced, struct nn_image *want)
{
    size_t n = (size_t)img->w * (size_t)img->h;

    create(want, img->w, img->h);
    for (size_t i = 0; i < n * 3; i++) {
        want->rgb[i] = (uint8_t)((img->rgb[i] >> 6) * 85);
    }
    sample_add(s, "GIF89a", 6);
    add_le16(s, (unsigned)img->w);
    add_le16(s, (unsigned)img->h);
    sample_add(s, "\x85\0\0", 3); /* a table of 64 */
    for (unsigned i = 0; i < 64; i++) {
        sample_add_u8(s, (i >> 4) * 85);
        sample_add_u8(s, (i >> 2 & 3) * 85);
        sample_add_u8(s, (i & 3) * 85);
    }
    for (int f = 0; f < frames; f++) {
        sample_add(s, "\x21\xf9\4\0\12\0\0\0", 8);
        sample_add(s, ",\0\0\0\0", 5);
        add_le16(s, (unsigned)img->w);
        add_le16(s, (unsigned)img->h);
        sample_add_u8(s, interlaced ? 0x40 : 0);
        gif_pixels(s, img, interlaced);
    }
    sample_add_u8(s, ';');
}
