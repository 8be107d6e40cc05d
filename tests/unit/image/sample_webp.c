#include "tests/unit/image/sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <webp/encode.h>

#include "common/base/mem.h"

#define RIFF_HEAD 12

/* The pixels as RGBA, alpha rising from left to right when asked for. */
static uint8_t *to_rgba(const struct nn_image *img, int alpha)
{
    size_t w = (size_t)img->w, n = w * (size_t)img->h;
    uint8_t *rgba = nn_mem_calloc(n, 4);

    if (!rgba) {
        fprintf(stderr, "sample: out of memory\n");
        exit(1);
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(rgba + i * 4, img->rgb + i * 3, 3);
        rgba[i * 4 + 3] = (uint8_t)(alpha ? i % w * 255 / w : 255);
    }
    return rgba;
}

static void lay_over_white(struct nn_image *want, const uint8_t *rgba)
{
    size_t n = (size_t)want->w * (size_t)want->h;

    for (size_t i = 0; i < n; i++) {
        int a = rgba[i * 4 + 3];

        for (size_t c = 0; c < 3; c++) {
            int v = rgba[i * 4 + c] * a + 255 * (255 - a);

            want->rgb[i * 3 + c] = (uint8_t)((v + 127) / 255);
        }
    }
}

void sample_webp(struct sample *s, const struct nn_image *img, int lossless,
                 int alpha, struct nn_image *want)
{
    uint8_t *rgba = to_rgba(img, alpha), *bytes = NULL;
    size_t size =
        lossless
            ? WebPEncodeLosslessRGBA(rgba, img->w, img->h, img->w * 4, &bytes)
            : WebPEncodeRGBA(rgba, img->w, img->h, img->w * 4, 95, &bytes);

    if (size == 0 || (want && nn_image_create(want, img->w, img->h))) {
        fprintf(stderr, "sample: cannot write a WebP\n");
        exit(1);
    }
    sample_add(s, bytes, size);
    if (want) {
        lay_over_white(want, rgba);
    }
    WebPFree(bytes);
    nn_mem_free(rgba);
}

static void chunk(struct sample *s, const char *type, const void *data,
                  size_t n)
{
    sample_add(s, type, 4);
    sample_add_le32(s, (uint32_t)n);
    sample_add(s, data, n);
    if (n & 1) {
        sample_add_u8(s, 0);
    }
}

static void add_le24(struct sample *s, uint32_t v)
{
    sample_add_u8(s, v & 255);
    sample_add_u8(s, v >> 8 & 255);
    sample_add_u8(s, v >> 16);
}

/* Width and height of a simple lossy file, from its key frame header. */
static void frame_size(const struct sample *s, uint32_t *w, uint32_t *h)
{
    const uint8_t *p = s->bytes + RIFF_HEAD + 8 + 6;

    *w = (uint32_t)(p[0] | (p[1] & 0x3F) << 8);
    *h = (uint32_t)(p[2] | (p[3] & 0x3F) << 8);
}

static void extended_start(struct sample *s, unsigned flags, uint32_t w,
                           uint32_t h)
{
    struct sample d = { 0 };

    sample_add(s, "RIFF\0\0\0\0WEBP", RIFF_HEAD);
    sample_add_le32(&d, flags);
    add_le24(&d, w - 1);
    add_le24(&d, h - 1);
    chunk(s, "VP8X", d.bytes, d.size);
    sample_release(&d);
}

static void set_riff_size(struct sample *s)
{
    for (int i = 0; i < 4; i++) {
        s->bytes[4 + i] = (uint8_t)((s->size - 8) >> (8 * i));
    }
}

void sample_webp_orient(struct sample *s, int orientation)
{
    struct sample out = { 0 }, exif = { 0 };
    uint32_t w, h;

    frame_size(s, &w, &h);
    extended_start(&out, 0x08, w, h);
    sample_add(&out, s->bytes + RIFF_HEAD, s->size - RIFF_HEAD);
    sample_exif(&exif, orientation, 0);
    chunk(&out, "EXIF", exif.bytes + 6, exif.size - 6); /* bare TIFF */
    set_riff_size(&out);
    sample_release(&exif);
    sample_release(s);
    *s = out;
}

void sample_webp_animated(struct sample *s, const struct nn_image *img)
{
    struct sample one = { 0 }, frame = { 0 };
    uint32_t w, h;

    sample_webp(&one, img, 0, 0, NULL);
    frame_size(&one, &w, &h);
    extended_start(s, 0x02, w, h);
    chunk(s, "ANIM", "\xff\xff\xff\xff\0\0", 6);
    add_le24(&frame, 0); /* place */
    add_le24(&frame, 0);
    add_le24(&frame, w - 1);
    add_le24(&frame, h - 1);
    add_le24(&frame, 100); /* milliseconds */
    sample_add_u8(&frame, 0);
    sample_add(&frame, one.bytes + RIFF_HEAD, one.size - RIFF_HEAD);
    chunk(s, "ANMF", frame.bytes, frame.size);
    chunk(s, "ANMF", frame.bytes, frame.size);
    set_riff_size(s);
    sample_release(&frame);
    sample_release(&one);
}
