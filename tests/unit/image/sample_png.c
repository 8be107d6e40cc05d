#include "tests/unit/image/sample.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "common/base/mem.h"

static void take(png_structp png, png_bytep bytes, png_size_t n)
{
    sample_add(png_get_io_ptr(png), bytes, n);
}

static void flush(png_structp png)
{
    (void)png;
}

/* Palette entry i: three bits of hue, one of brightness, and its alpha. */
static void palette_entry(int i, uint8_t rgb[3], uint8_t *alpha)
{
    int high = i & 8 ? 140 : 250;

    rgb[0] = (uint8_t)(i & 1 ? high : 20);
    rgb[1] = (uint8_t)(i & 2 ? high : 20);
    rgb[2] = (uint8_t)(i & 4 ? high : 20);
    *alpha = (uint8_t)(255 - i * 16);
}

static uint8_t over_white(int v, int alpha)
{
    return (uint8_t)((v * alpha + 255 * (255 - alpha) + 127) / 255);
}

/* Alpha of the types that have a channel for it. */
static int alpha_at(const struct nn_image *img, int32_t x, int32_t y)
{
    return (x * 255 / img->w + y * 64 / img->h) & 255;
}

/* Sample values of one pixel at 16 bits in v (n of them), and the RGB that a
 * decoder must give in want. */
static int one_pixel(const struct nn_image *img, struct sample_png kind,
                     int32_t x, int32_t y, unsigned v[4], uint8_t want[3])
{
    const uint8_t *p = img->rgb + ((size_t)y * (size_t)img->w + (size_t)x) * 3;
    unsigned top = (1u << kind.bits) - 1;
    int n = 0, alpha = 255;

    if (kind.colour == 3) {
        int i = ((p[0] >> 7) | (p[1] >> 7) << 1 | (p[2] >> 6) << 2) & (int)top;
        uint8_t a;

        v[n++] = (unsigned)i & 15;
        palette_entry(i & 15, want, &a);
        alpha = kind.transparent ? a : 255;
    } else {
        int grey = (kind.colour & 2) == 0;

        for (int c = 0; c < (grey ? 1 : 3); c++) {
            unsigned q = (p[c] * top + 127) / 255;

            v[n++] = q;
            want[c] = (uint8_t)((q * 255 + top / 2) / top);
        }
        if (grey) {
            want[1] = want[2] = want[0];
        }
        if (kind.colour & 4) {
            alpha = alpha_at(img, x, y);
            v[n++] = (unsigned)alpha * (kind.bits == 16 ? 257 : 1);
        } else if (kind.transparent && v[0] == top / 2) {
            alpha = 0; /* put_transparency() declares this very colour */
            for (int c = 1; c < n; c++) {
                v[c] = top / 2;
            }
        }
    }
    for (int c = 0; c < 3; c++) {
        want[c] = over_white(want[c], alpha);
    }
    return n;
}

static void put_transparency(png_structp png, png_infop info,
                             struct sample_png kind)
{
    png_uint_16 half = (png_uint_16)(((1u << kind.bits) - 1) / 2);
    png_color_16 key = { 0, half, half, half, half };
    png_byte alphas[16];
    int n = kind.bits < 4 ? 1 << kind.bits : 16;

    for (int i = 0; i < 16; i++) {
        uint8_t rgb[3];

        palette_entry(i, rgb, &alphas[i]);
    }
    if (kind.colour == 3) {
        png_set_tRNS(png, info, alphas, n, NULL);
    } else {
        png_set_tRNS(png, info, NULL, 0, &key);
    }
}

static void put_header(png_structp png, png_infop info,
                       const struct nn_image *img, struct sample_png kind)
{
    png_color colours[16];
    int n = kind.bits < 4 ? 1 << kind.bits : 16;

    png_set_IHDR(png, info, (png_uint_32)img->w, (png_uint_32)img->h, kind.bits,
                 kind.colour,
                 kind.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    for (int i = 0; i < 16; i++) {
        uint8_t alpha;

        palette_entry(i, (uint8_t *)&colours[i], &alpha);
    }
    if (kind.colour == 3) {
        png_set_PLTE(png, info, colours, n);
    }
    if (kind.transparent) {
        put_transparency(png, info, kind);
    }
    png_write_info(png, info);
}

/* All rows, packed as the file wants them; *want gets the decoded image. */
static uint8_t *pack_rows(const struct nn_image *img, struct sample_png kind,
                          size_t *stride, struct nn_image *want)
{
    *stride = (size_t)img->w * 8;
    uint8_t *rows = nn_mem_calloc((size_t)img->h, *stride);

    for (int32_t y = 0; rows && y < img->h; y++) {
        uint8_t *row = rows + *stride * (size_t)y;
        size_t bit = 0;

        for (int32_t x = 0; x < img->w; x++) {
            unsigned v[4] = { 0 };
            uint8_t rgb[3];
            int n = one_pixel(img, kind, x, y, v, rgb);

            if (want) {
                memcpy(want->rgb + ((size_t)y * (size_t)img->w + (size_t)x) * 3,
                       rgb, 3);
            }
            for (int c = 0; c < n; c++) {
                for (int b = kind.bits - 1; b >= 0; b--, bit++) {
                    row[bit / 8] |= (uint8_t)((v[c] >> b & 1) << (7 - bit % 8));
                }
            }
        }
    }
    return rows;
}

void sample_png(struct sample *s, const struct nn_image *img,
                struct sample_png kind, struct nn_image *want)
{
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    size_t stride = 0;

    if (want && nn_image_create(want, img->w, img->h)) {
        want = NULL;
    }
    uint8_t *rows = pack_rows(img, kind, &stride, want);
    if (!info || !rows || setjmp(png_jmpbuf(png))) {
        fprintf(stderr, "sample: cannot write a PNG\n");
        exit(1);
    }
    png_set_write_fn(png, s, take, flush);
    put_header(png, info, img, kind);
    int passes = kind.interlaced ? png_set_interlace_handling(png) : 1;

    for (int i = 0; i < passes; i++) {
        for (int32_t y = 0; y < img->h; y++) {
            png_write_row(png, rows + stride * (size_t)y);
        }
    }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    nn_mem_free(rows);
}

/* CRC-32 of ISO 3309, bit by bit. */
static uint32_t crc32_of(const uint8_t *p, size_t n)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int b = 0; b < 8; b++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
        }
    }
    return ~crc;
}

void sample_png_chunk(struct sample *s, const char *type, const void *data,
                      size_t n)
{
    sample_add_be32(s, (uint32_t)n);
    size_t from = s->size;

    sample_add(s, type, 4);
    sample_add(s, data, n);
    sample_add_be32(s, crc32_of(s->bytes + from, n + 4));
}

void sample_png_header(struct sample *s, uint32_t w, uint32_t h)
{
    struct sample d = { 0 };

    sample_add(s, "\x89PNG\r\n\x1a\n", 8);
    sample_add_be32(&d, w);
    sample_add_be32(&d, h);
    sample_add(&d, "\x08\x02\0\0\0", 5); /* 8 bits, RGB */
    sample_png_chunk(s, "IHDR", d.bytes, d.size);
    /* an empty deflate stream, so that only the size is out of the ordinary */
    sample_png_chunk(s, "IDAT", "\x78\x9c\3\0\0\0\0\1", 8);
    sample_png_chunk(s, "IEND", NULL, 0);
    sample_release(&d);
}

void sample_png_insert(struct sample *s, const char *type, const void *data,
                       size_t n)
{
    struct sample chunk = { 0 };

    sample_png_chunk(&chunk, type, data, n);
    sample_insert(s, 33, chunk.bytes, chunk.size);
    sample_release(&chunk);
}

/* Payload of the only IDAT chunk of a small PNG. */
static const uint8_t *find_data(const struct sample *s, size_t *n)
{
    size_t pos = 8;

    while (memcmp(s->bytes + pos + 4, "IDAT", 4) != 0) {
        pos += 12 + ((size_t)s->bytes[pos + 2] << 8 | s->bytes[pos + 3]);
    }
    *n = (size_t)s->bytes[pos + 2] << 8 | s->bytes[pos + 3];
    return s->bytes + pos + 8;
}

static void frame_control(struct sample *s, const struct nn_image *img,
                          uint32_t number)
{
    struct sample d = { 0 };

    sample_add_be32(&d, number);
    sample_add_be32(&d, (uint32_t)img->w);
    sample_add_be32(&d, (uint32_t)img->h);
    sample_add(&d, "\0\0\0\0\0\0\0\0", 8); /* offset */
    sample_add(&d, "\0\1\0\x0a\0\0", 6);   /* 0.1 s, replace */
    sample_png_chunk(s, "fcTL", d.bytes, d.size);
    sample_release(&d);
}

void sample_apng(struct sample *s, const struct nn_image *img)
{
    struct sample_png kind = { 2, 8, 0, 0 };
    struct sample one = { 0 }, two = { 0 }, d = { 0 };
    struct nn_image negative = NN_IMAGE_INIT;
    size_t n;

    sample_image(&negative, img->w, img->h);
    for (size_t i = 0; i < (size_t)img->w * (size_t)img->h * 3; i++) {
        negative.rgb[i] = (uint8_t)(255 - img->rgb[i]);
    }
    sample_png(&one, img, kind, NULL);
    sample_png(&two, &negative, kind, NULL);
    sample_add(s, one.bytes, 33);
    sample_png_chunk(s, "acTL", "\0\0\0\2\0\0\0\0", 8);
    frame_control(s, img, 0);
    const uint8_t *data = find_data(&one, &n);
    sample_png_chunk(s, "IDAT", data, n);
    frame_control(s, img, 1);
    sample_add_be32(&d, 2);
    data = find_data(&two, &n);
    sample_add(&d, data, n);
    sample_png_chunk(s, "fdAT", d.bytes, d.size);
    sample_png_chunk(s, "IEND", NULL, 0);
    sample_release(&d);
    sample_release(&two);
    sample_release(&one);
    nn_image_release(&negative);
}

void sample_png_file(const char *path, const struct nn_image *img)
{
    const struct sample_png rgb = { 2, 8, 0, 0 };
    struct sample s = { 0 };
    FILE *f = fopen(path, "wb");

    sample_png(&s, img, rgb, NULL);
    if (f == NULL || fwrite(s.bytes, 1, s.size, f) != s.size ||
        fclose(f) != 0) {
        perror(path);
        exit(1);
    }
    sample_release(&s);
}
