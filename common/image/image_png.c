#include "common/image/image_internal.h"

#include <setjmp.h>
#include <string.h>

#include <png.h>

#include "common/base/file.h"
#include "common/base/mem.h"

#define HEAD_SIZE    33 /* signature and IHDR chunk */
#define AT_INTERLACE 28

static enum nn_status fail_truncated(struct nn_error *err)
{
    return nn_fail(err, NN_ERR_FORMAT, "truncated PNG data");
}

/* Walk the chunks behind IHDR; returns 1 when the walk reaches IEND. */
static int walk_chunks(const uint8_t *b, size_t size,
                       struct nn_image_header *head)
{
    size_t pos = HEAD_SIZE;

    while (size - pos >= 12) {
        size_t n = nn_be32(b + pos);
        const uint8_t *type = b + pos + 4, *data = b + pos + 8;

        if (n > size - pos - 12) {
            return 0;
        }
        if (memcmp(type, "IEND", 4) == 0) {
            return 1;
        }
        if (memcmp(type, "eXIf", 4) == 0 && head) {
            head->exif = data;
            head->exif_size = n;
        }
        pos += 12 + n;
    }
    return 0;
}

enum nn_status nn_png_header(const uint8_t *b, size_t size,
                             struct nn_image_header *head, struct nn_error *err)
{
    static const int channels[7] = { 1, 0, 3, 1, 2, 0, 4 };

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
    walk_chunks(b, size, head);
    return NN_OK;
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
 * through the interface below it, which returns by longjmp on errors. */
struct deep {
    const uint8_t *at;
    size_t left;
    uint8_t *rgba;
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
    int passes = png_set_interlace_handling(d->png);

    png_read_update_info(d->png, d->info);
    if (png_get_rowbytes(d->png, d->info) != w * 4) {
        png_error(d->png, "unexpected row size");
    }
    for (int pass = 0; pass < passes; pass++) {
        for (size_t y = 0; y < h; y++) {
            png_read_row(d->png, d->rgba + y * w * 4, NULL);
        }
    }
    return 0;
}

static enum nn_status read_deep(const uint8_t *bytes, size_t size,
                                const struct nn_image_header *head,
                                struct nn_image *img, struct nn_error *err)
{
    size_t w = (size_t)head->info.w, h = (size_t)head->info.h;
    struct deep d = { .at = bytes, .left = size };
    enum nn_status st = nn_image_create(img, head->info.w, head->info.h);

    if (st) {
        return nn_fail_nomem(err);
    }
    d.rgba = nn_mem_realloc(NULL, w * h, 4);
    if (!d.rgba) {
        return nn_fail_nomem(err);
    }
    d.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d, deep_error,
                                   deep_warning);
    d.info = d.png ? png_create_info_struct(d.png) : NULL;
    if (!d.info) {
        st = nn_fail_nomem(err);
    } else if (deep_pixels(&d, w, h)) {
        st = nn_fail(err, NN_ERR_FORMAT, "damaged PNG data (%s)", d.text);
    } else {
        nn_image_over_white(img, d.rgba);
    }
    png_destroy_read_struct(&d.png, &d.info, NULL);
    nn_mem_free(d.rgba);
    return st;
}

enum nn_status nn_png_pixels(const uint8_t *bytes, size_t size,
                             const struct nn_image_header *head,
                             struct nn_image *img, struct nn_error *err)
{
    png_image p;
    enum nn_status st;

    if (!walk_chunks(bytes, size, NULL)) {
        return fail_truncated(err);
    }
    if (head->info.bits == 16 && bytes[AT_INTERLACE] != 0) {
        return read_deep(bytes, size, head, img, err);
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

enum nn_status nn_image_save_png(const struct nn_image *img, const char *path,
                                 struct nn_error *err)
{
    struct nn_file_out out = { 0 };
    png_image p;
    enum nn_status st;

    if (img->w < 1 || img->h < 1) {
        return nn_fail(err, NN_ERR_ARG, "cannot write '%s': no image", path);
    }
    st = nn_file_out_open(&out, path, err);
    if (st) {
        return st;
    }
    memset(&p, 0, sizeof(p));
    p.version = PNG_IMAGE_VERSION;
    p.width = (png_uint_32)img->w;
    p.height = (png_uint_32)img->h;
    p.format = PNG_FORMAT_RGB;
    if (!png_image_write_to_stdio(&p, out.stream, 0, img->rgb, 0, NULL)) {
        st = nn_fail(err, NN_ERR_IO, "cannot write '%s': %s", path, p.message);
        nn_file_out_abort(&out);
    } else {
        st = nn_file_out_commit(&out, err);
    }
    png_image_free(&p);
    return st;
}
