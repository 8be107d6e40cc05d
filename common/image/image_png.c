#include "common/image/image_internal.h"

#include <setjmp.h>
#include <string.h>

#include <png.h>
#include <zlib.h>

#include "common/base/mem.h"

#define HEAD_SIZE    33 /* signature and IHDR chunk */
#define AT_INTERLACE 28

static enum nn_status fail_truncated(struct nn_error *err)
{
    return nn_fail(err, NN_ERR_FORMAT, "truncated PNG data");
}

/* --- chunks --- */

/* Programs that knew no eXIf chunk wrote EXIF as text: "\nexif\n", the count
 * of bytes, and these as hex digits; ImageMagick still does. */
static enum nn_status raw_profile(struct nn_image_header *head,
                                  const uint8_t *text, size_t n)
{
    uint8_t *bytes = nn_mem_calloc(n / 2 + 1, 1);
    size_t at = 0, m = 0;
    enum nn_status st;

    if (!bytes) {
        return NN_ERR_NOMEM;
    }
    while (at < n && (text[at] < '0' || text[at] > '9')) {
        at++; /* the name */
    }
    while (at < n && text[at] >= '0' && text[at] <= '9') {
        at++; /* the count */
    }
    for (int high = -1; at < n; at++) {
        int c = text[at] | 32, v;

        if (text[at] <= ' ') {
            continue;
        }
        v = c >= 'a' && c <= 'f' ? c - 'a' + 10 : text[at] - '0';
        if (v < 0 || v > 15) {
            break;
        }
        if (high >= 0) {
            bytes[m++] = (uint8_t)(high << 4 | v);
        }
        high = high < 0 ? v : -1;
    }
    st = nn_header_exif(head, bytes, m);
    nn_mem_free(bytes);
    return st;
}

/* At most this much of a compressed text is looked at. */
#define MAX_TEXT ((size_t)1 << 18)

static enum nn_status deflated_text(struct nn_image_header *head,
                                    const uint8_t *data, size_t n, int xmp)
{
    uint8_t *text = nn_mem_calloc(MAX_TEXT, 1);
    z_stream z = { .next_in = (Bytef *)(uintptr_t)data,
                   .avail_in = (uInt)(n < UINT32_MAX ? n : UINT32_MAX) };
    enum nn_status st = NN_OK;

    if (!text) {
        return NN_ERR_NOMEM;
    }
    if (inflateInit(&z) != Z_OK) {
        nn_mem_free(text);
        return NN_ERR_NOMEM;
    }
    z.next_out = text;
    z.avail_out = MAX_TEXT;
    (void)inflate(&z, Z_SYNC_FLUSH); /* what came out before an error counts */
    if (xmp) {
        nn_header_xmp(head, text, MAX_TEXT - z.avail_out);
    } else {
        st = raw_profile(head, text, MAX_TEXT - z.avail_out);
    }
    inflateEnd(&z);
    nn_mem_free(text);
    return st;
}

/* A chunk that may tell how the image is to be turned. */
static enum nn_status take_chunk(struct nn_image_header *head,
                                 const uint8_t *type, const uint8_t *data,
                                 size_t n)
{
    static const char exif[] = "Raw profile type exif";
    static const char app1[] = "Raw profile type APP1";
    static const char xmp[] = "XML:com.adobe.xmp";

    if (memcmp(type, "eXIf", 4) == 0) {
        return nn_header_exif(head, data, n);
    }
    if (n > sizeof(exif) + 1 && (memcmp(data, exif, sizeof(exif)) == 0 ||
                                 memcmp(data, app1, sizeof(app1)) == 0)) {
        data += sizeof(exif);
        n -= sizeof(exif);
        if (memcmp(type, "tEXt", 4) == 0) {
            return raw_profile(head, data, n);
        }
        if (memcmp(type, "zTXt", 4) == 0) { /* behind the method's byte */
            return deflated_text(head, data + 1, n - 1, 0);
        }
    }
    if (memcmp(type, "iTXt", 4) == 0 && n > sizeof(xmp) + 4 &&
        memcmp(data, xmp, sizeof(xmp)) == 0) {
        const uint8_t *p = data + sizeof(xmp) + 2, *end = data + n;

        for (int i = 0; i < 2 && p < end; i++) { /* language, keyword */
            p += strnlen((const char *)p, (size_t)(end - p));
            p += p < end;
        }
        if (data[sizeof(xmp)] == 1) {
            return deflated_text(head, p, (size_t)(end - p), 1);
        }
        nn_header_xmp(head, p, (size_t)(end - p));
    }
    return NN_OK;
}

/* Walk the chunks behind IHDR; *whole becomes 1 when the walk reaches IEND.
 * Errors: NN_ERR_NOMEM. */
static enum nn_status walk_chunks(const uint8_t *b, size_t size,
                                  struct nn_image_header *head, int *whole)
{
    size_t pos = HEAD_SIZE;

    *whole = 0;
    while (size - pos >= 12) {
        size_t n = nn_be32(b + pos);

        if (n > size - pos - 12) {
            return NN_OK;
        }
        if (memcmp(b + pos + 4, "IEND", 4) == 0) {
            *whole = 1;
            return NN_OK;
        }
        if (head && take_chunk(head, b + pos + 4, b + pos + 8, n)) {
            return NN_ERR_NOMEM;
        }
        pos += 12 + n;
    }
    return NN_OK;
}

enum nn_status nn_png_header(const uint8_t *b, size_t size,
                             struct nn_image_header *head, struct nn_error *err)
{
    static const int channels[7] = { 1, 0, 3, 1, 2, 0, 4 };
    int whole;

    if (size < HEAD_SIZE) {
        return fail_truncated(err);
    }
    uint32_t w = nn_be32(b + 16), h = nn_be32(b + 20), bits = b[24];
    uint32_t type = b[25];

    if (memcmp(b + 8, "\0\0\0\x0dIHDR", 8) != 0 || w == 0 || h == 0 ||
        w > INT32_MAX || h > INT32_MAX || type > 6 || channels[type] == 0 ||
        bits == 0 || bits > 16) {
        return nn_fail(err, NN_ERR_FORMAT, "damaged PNG header");
    }
    head->info.w = (int32_t)w;
    head->info.h = (int32_t)h;
    head->info.bits = (int)bits;
    head->info.channels = channels[type];
    return walk_chunks(b, size, head, &whole) ? nn_fail_nomem(err) : NN_OK;
}

static enum nn_status fail_library(const png_image *p, struct nn_error *err)
{
    if (strstr(p->message, "ut of memory") ||
        strstr(p->message, "nsufficient memory")) {
        return nn_fail_nomem(err);
    }
    return nn_fail(err, NN_ERR_FORMAT, "damaged PNG data (%s)", p->message);
}

/* Pixels of an opened image. Alpha is laid over white here, not by libpng:
 * that would blend in linear light, unlike every browser and viewer. */
static enum nn_status read_pixels(png_image *p, struct nn_image *img,
                                  struct nn_error *err)
{
    int alpha = (p->format & PNG_FORMAT_FLAG_ALPHA) != 0;
    uint8_t *rgba = NULL;
    enum nn_status st =
        nn_image_create(img, (int32_t)p->width, (int32_t)p->height);

    if (st) {
        return nn_fail_nomem(err);
    }
    if (alpha) {
        rgba = nn_mem_realloc(NULL, (size_t)p->width * p->height, 4);
        if (!rgba) {
            return nn_fail_nomem(err);
        }
    }
    p->format = alpha ? PNG_FORMAT_RGBA : PNG_FORMAT_RGB;
    p->flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
    if (!png_image_finish_read(p, NULL, alpha ? rgba : img->rgb, 0, NULL)) {
        st = fail_library(p, err);
    } else if (alpha) {
        nn_image_over_white(img, rgba);
    }
    nn_mem_free(rgba);
    return st;
}

/* The simplified interface of libpng 1.6 mixes up the passes of interlaced
 * images with 16 bits a channel (pnggroup/libpng issue 853), so these go
 * through the interface below it, which returns by longjmp on errors; so do
 * images that end early, because it gives them up to where they end. */
struct deep {
    const uint8_t *at;
    size_t left;
    uint8_t *rgba;
    int passes, pass; /* of an interlaced image 7 */
    size_t y;         /* rows of the present pass that are done */
    png_structp png;
    png_infop info;
    char text[64];
};

static void deep_read(png_structp png, png_bytep to, png_size_t n)
{
    struct deep *d = png_get_io_ptr(png);

    if (n > d->left) {
        png_error(png, "read beyond end of data");
    }
    memcpy(to, d->at, n);
    d->at += n;
    d->left -= n;
}

static void deep_error(png_structp png, png_const_charp text)
{
    struct deep *d = png_get_error_ptr(png);
    size_t n = strlen(text);

    n = n < sizeof(d->text) - 1 ? n : sizeof(d->text) - 1;
    memcpy(d->text, text, n);
    d->text[n] = 0;
    png_longjmp(png, 1);
}

static void deep_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

/* 0, or -1 with d->text set. Nothing here changes after setjmp() but d. */
static int deep_pixels(struct deep *d, size_t w, size_t h)
{
    if (setjmp(png_jmpbuf(d->png))) {
        return -1;
    }
    png_set_read_fn(d->png, d, deep_read);
    png_read_info(d->png, d->info);
    if (png_get_image_width(d->png, d->info) != w ||
        png_get_image_height(d->png, d->info) != h) {
        png_error(d->png, "two headers");
    }
    png_set_expand(d->png);
    png_set_scale_16(d->png);
    png_set_gray_to_rgb(d->png);
    png_set_add_alpha(d->png, 255, PNG_FILLER_AFTER);
    d->passes = png_set_interlace_handling(d->png);
    png_read_update_info(d->png, d->info);
    if (png_get_rowbytes(d->png, d->info) != w * 4) {
        png_error(d->png, "unexpected row size");
    }
    for (d->pass = 0; d->pass < d->passes; d->pass++) {
        for (d->y = 0; d->y < h; d->y++) {
            /* a coarse pass fills the blocks that finer ones refine */
            png_read_row(d->png, NULL, d->rgba + d->y * w * 4);
        }
    }
    return 0;
}

/* How much of the image is there. The last of 7 passes brings half of it, the
 * last but one a quarter. */
static double deep_share(const struct deep *d, size_t h)
{
    double rows = (double)d->y / (double)h;

    if (d->passes <= 1) {
        return rows;
    }
    return d->pass >= 6 ? 0.5 + rows / 2 : d->pass == 5 ? 0.25 + rows / 4 : 0;
}

static enum nn_status cut_short(const struct deep *d, int whole,
                                struct nn_image_info *info,
                                struct nn_error *err)
{
    double share = deep_share(d, (size_t)info->h);

    if (whole) {
        return nn_fail(err, NN_ERR_FORMAT, "damaged PNG data (%s)", d->text);
    }
    if (share < NN_IMAGE_LEAST_SHARE) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "truncated PNG data (%.0f %% of it is there)",
                       share * 100);
    }
    nn_image_note_share(info, "truncated PNG", share);
    return NN_OK;
}

static enum nn_status read_deep(const uint8_t *bytes, size_t size, int whole,
                                struct nn_image_header *head,
                                struct nn_image *img, struct nn_error *err)
{
    size_t w = (size_t)head->info.w, h = (size_t)head->info.h;
    struct deep d = { .at = bytes, .left = size };
    enum nn_status st = nn_image_create(img, head->info.w, head->info.h);

    if (st) {
        return nn_fail_nomem(err);
    }
    d.rgba = nn_mem_realloc(NULL, w * h, 4);
    if (d.rgba) {
        memset(d.rgba, 255, w * h * 4);
    } else {
        return nn_fail_nomem(err);
    }
    d.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d, deep_error,
                                   deep_warning);
    d.info = d.png ? png_create_info_struct(d.png) : NULL;
    if (!d.info) {
        st = nn_fail_nomem(err);
    } else if (deep_pixels(&d, w, h)) {
        st = cut_short(&d, whole, &head->info, err);
    } else if (!whole) {
        nn_image_note(&head->info,
                      "the PNG's end is missing, the image is whole");
    }
    if (st == NN_OK) {
        nn_image_over_white(img, d.rgba);
    }
    png_destroy_read_struct(&d.png, &d.info, NULL);
    nn_mem_free(d.rgba);
    return st;
}

enum nn_status nn_png_pixels(const uint8_t *bytes, size_t size,
                             const struct nn_image_options *opt,
                             struct nn_image_header *head, struct nn_image *img,
                             struct nn_error *err)
{
    png_image p;
    int whole;
    enum nn_status st = walk_chunks(bytes, size, NULL, &whole);

    (void)opt;
    (void)st; /* that walk takes no memory */
    if (!whole || (head->info.bits == 16 && bytes[AT_INTERLACE] != 0)) {
        return read_deep(bytes, size, whole, head, img, err);
    }
    memset(&p, 0, sizeof(p));
    p.version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_memory(&p, bytes, size)) {
        return fail_library(&p, err);
    }
    if ((int32_t)p.width != head->info.w || (int32_t)p.height != head->info.h) {
        st = nn_fail(err, NN_ERR_FORMAT, "damaged PNG header");
    } else {
        st = read_pixels(&p, img, err);
    }
    png_image_free(&p);
    return st;
}
