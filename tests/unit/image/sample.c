#include "tests/unit/image/sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <turbojpeg.h>

#include "common/base/mem.h"

void sample_release(struct sample *s)
{
    nn_mem_free(s->bytes);
    *s = (struct sample){ 0 };
}

static void need(struct sample *s, size_t n)
{
    if (nn_mem_grow(&s->bytes, &s->cap, s->size + n, 1)) {
        fprintf(stderr, "sample: out of memory\n");
        exit(1);
    }
}

void sample_add(struct sample *s, const void *bytes, size_t n)
{
    need(s, n);
    if (n > 0) {
        memcpy(s->bytes + s->size, bytes, n);
    }
    s->size += n;
}

void sample_add_u8(struct sample *s, unsigned v)
{
    uint8_t b = (uint8_t)v;

    sample_add(s, &b, 1);
}

void sample_add_be16(struct sample *s, unsigned v)
{
    sample_add_u8(s, v >> 8);
    sample_add_u8(s, v);
}

void sample_add_be32(struct sample *s, uint32_t v)
{
    sample_add_be16(s, v >> 16);
    sample_add_be16(s, v & 0xFFFF);
}

void sample_add_le32(struct sample *s, uint32_t v)
{
    for (int i = 0; i < 4; i++, v >>= 8) {
        sample_add_u8(s, v & 255);
    }
}

void sample_insert(struct sample *s, size_t at, const void *bytes, size_t n)
{
    need(s, n);
    memmove(s->bytes + at + n, s->bytes + at, s->size - at);
    memcpy(s->bytes + at, bytes, n);
    s->size += n;
}

static void create(struct nn_image *img, int32_t w, int32_t h)
{
    if (nn_image_create(img, w, h)) {
        fprintf(stderr, "sample: cannot create an image\n");
        exit(1);
    }
}

void sample_image(struct nn_image *img, int32_t w, int32_t h)
{
    create(img, w, h);
    uint8_t *p = img->rgb;

    for (int32_t y = 0; y < h; y++) {
        for (int32_t x = 0; x < w; x++, p += 3) {
            p[0] = (uint8_t)(30 + 200 * x / w);
            p[1] = (uint8_t)(230 - 180 * y / h);
            p[2] = (uint8_t)(40 + 170 * (w - x) / w * y / h);
        }
    }
}

void sample_noise(struct nn_image *img, int32_t w, int32_t h, uint32_t seed)
{
    create(img, w, h);
    uint8_t *p = img->rgb;

    for (int32_t y = 0; y < h; y++) {
        for (int32_t x = 0; x < w; x++) {
            for (int32_t c = 0; c < 3; c++, p++) {
                int32_t slope = (x * 3 + y * 5 + c * 40) & 255;

                seed = seed * 1664525u + 1013904223u;
                /* right half: full-range noise; left half: a little */
                *p = (uint8_t)(x * 2 < w ? (slope * 3 + (int)(seed >> 24)) / 4
                                         : (int)(seed >> 24));
            }
        }
    }
}

static void encode(struct sample *s, const uint8_t *pixels, int32_t w,
                   int32_t h, int format, int sub, int quality, int flags)
{
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    tjhandle tj = tjInitCompress();

    if (!tj || tjCompress2(tj, pixels, w, 0, h, format, &bytes, &size, sub,
                           quality, flags)) {
        fprintf(stderr, "sample: %s\n", tjGetErrorStr2(tj));
        exit(1);
    }
    sample_add(s, bytes, size);
    tjFree(bytes);
    tjDestroy(tj);
}

/* Inverted CMYK (255 is no ink) with some black in it: k is the largest
 * channel, and each colour relative to it. */
static uint8_t *to_cmyk(const struct nn_image *img)
{
    size_t n = (size_t)img->w * (size_t)img->h;
    uint8_t *cmyk = nn_mem_calloc(n, 4);

    for (size_t i = 0; cmyk && i < n; i++) {
        const uint8_t *p = img->rgb + i * 3;
        int k = p[0] > p[1] ? p[0] : p[1];

        k = k > p[2] ? k : p[2];
        k = k > 1 ? k : 1;
        cmyk[i * 4 + 3] = (uint8_t)k;
        for (size_t c = 0; c < 3; c++) {
            cmyk[i * 4 + c] = (uint8_t)((p[c] * 255 + k / 2) / k);
        }
    }
    return cmyk;
}

void sample_jpeg(struct sample *s, const struct nn_image *img,
                 enum sample_jpeg_kind kind, int quality)
{
    static const int subs[] = {
        [SAMPLE_JPEG_420] = TJSAMP_420,
        [SAMPLE_JPEG_444] = TJSAMP_444,
        [SAMPLE_JPEG_GREY] = TJSAMP_GRAY,
        [SAMPLE_JPEG_PROGRESSIVE] = TJSAMP_420,
        [SAMPLE_JPEG_CMYK] = TJSAMP_444,
    };
    uint8_t *cmyk = kind == SAMPLE_JPEG_CMYK ? to_cmyk(img) : NULL;

    encode(s, cmyk ? cmyk : img->rgb, img->w, img->h,
           cmyk ? TJPF_CMYK : TJPF_RGB, subs[kind], quality,
           TJFLAG_ACCURATEDCT |
               (kind == SAMPLE_JPEG_PROGRESSIVE ? TJFLAG_PROGRESSIVE : 0));
    nn_mem_free(cmyk);
}

static void add_u16(struct sample *s, unsigned v, int big)
{
    sample_add_u8(s, big ? v >> 8 : v & 255);
    sample_add_u8(s, big ? v & 255 : v >> 8);
}

void sample_exif(struct sample *s, int orientation, int big)
{
    sample_add(s, "Exif\0\0", 6);
    sample_add(s, big ? "MM\0*\0\0\0\x08" : "II*\0\x08\0\0\0", 8);
    add_u16(s, 1, big);      /* entries */
    add_u16(s, 0x0112, big); /* Orientation */
    add_u16(s, 3, big);      /* SHORT */
    sample_add(s, big ? "\0\0\0\1" : "\1\0\0\0", 4);
    add_u16(s, (unsigned)orientation, big);
    add_u16(s, 0, big);
    sample_add(s, "\0\0\0\0", 4); /* no further directory */
}

void sample_jpeg_orient(struct sample *s, int orientation, int big)
{
    struct sample exif = { 0 }, segment = { 0 };

    sample_exif(&exif, orientation, big);
    sample_add_be16(&segment, 0xFFE1);
    sample_add_be16(&segment, (unsigned)exif.size + 2);
    sample_add(&segment, exif.bytes, exif.size);
    sample_insert(s, 2, segment.bytes, segment.size);
    sample_release(&segment);
    sample_release(&exif);
}

void sample_jpeg_header(struct sample *s, unsigned w, unsigned h)
{
    sample_add(s, "\xff\xd8\xff\xc0\0\x11\x08", 7);
    sample_add_be16(s, h);
    sample_add_be16(s, w);
    sample_add(s, "\3\1\x22\0\2\x11\1\3\x11\1", 10);
    sample_add(s, "\xff\xda\0\x0c\3\1\0\2\x11\3\x11\0\x3f\0", 14);
}
