/* The first page of a TIFF, through libtiff's RGBA interface. */
#include "common/image/image_internal.h"

#include <stdio.h>
#include <string.h>

#include <tiffio.h>

#include "common/base/mem.h"

/* The file in memory, as libtiff asks for one, and its last complaint. */
struct memory {
    const uint8_t *bytes;
    uint64_t size, at;
    char text[128];
};

static tmsize_t take(thandle_t handle, void *to, tmsize_t n)
{
    struct memory *m = handle;
    uint64_t left = m->at < m->size ? m->size - m->at : 0;
    uint64_t some = (uint64_t)n < left ? (uint64_t)n : left;

    memcpy(to, m->bytes + (some > 0 ? m->at : 0), some);
    m->at += some;
    return (tmsize_t)some;
}

static tmsize_t refuse(thandle_t handle, void *from, tmsize_t n)
{
    (void)handle;
    (void)from;
    (void)n;
    return -1;
}

static toff_t seek(thandle_t handle, toff_t to, int whence)
{
    struct memory *m = handle;

    if (whence == SEEK_CUR) {
        to += m->at;
    } else if (whence == SEEK_END) {
        to += m->size;
    }
    m->at = to;
    return to;
}

static int stay_open(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t length(thandle_t handle)
{
    return ((const struct memory *)handle)->size;
}

static int keep_text(TIFF *tif, void *ctx, const char *module, const char *fmt,
                     va_list args)
{
    struct memory *m = ctx;

    (void)tif;
    (void)module;
    vsnprintf(m->text, sizeof(m->text), fmt, args);
    return 1; /* nothing more is to be done with it */
}

static int keep_quiet(TIFF *tif, void *ctx, const char *module, const char *fmt,
                      va_list args)
{
    (void)tif;
    (void)ctx;
    (void)module;
    (void)fmt;
    (void)args;
    return 1;
}

static TIFF *open_memory(struct memory *m, const uint8_t *bytes, size_t size)
{
    TIFFOpenOptions *o = TIFFOpenOptionsAlloc();
    TIFF *tif = NULL;

    *m = (struct memory){ .bytes = bytes, .size = size };
    if (o) {
        TIFFOpenOptionsSetMaxSingleMemAlloc(o, (tmsize_t)512 << 20);
        TIFFOpenOptionsSetErrorHandlerExtR(o, keep_text, m);
        TIFFOpenOptionsSetWarningHandlerExtR(o, keep_quiet, m);
        /* "m": no mapping, the bytes are in memory already */
        tif = TIFFClientOpenExt("", "rm", m, take, refuse, seek, stay_open,
                                length, NULL, NULL, o);
        TIFFOpenOptionsFree(o);
    }
    return tif;
}

static enum nn_status fail(const struct memory *m, struct nn_error *err)
{
    return nn_fail(err, NN_ERR_FORMAT, "damaged TIFF data (%s)",
                   m->text[0] ? m->text : "no reason given");
}

static const char *ascii(TIFF *tif, uint32_t tag)
{
    char *text = NULL;

    return TIFFGetField(tif, tag, &text) == 1 ? text : NULL;
}

/* Leaves the first directory, so the last that is asked of it. */
static enum nn_status take_shot(TIFF *tif, struct nn_shot *s)
{
    struct nn_shot changed = { .time = "" };
    uint64_t at = 0;
    enum nn_status st = nn_shot_take_camera(
        s, ascii(tif, TIFFTAG_MAKE), ascii(tif, TIFFTAG_MODEL),
        ascii(tif, TIFFTAG_CAMERASERIALNUMBER));

    if (st) {
        return st;
    }
    st = nn_shot_take_time(&changed, ascii(tif, TIFFTAG_DATETIME), NULL, NULL);
    if (st) {
        return st;
    }
    if (TIFFGetField(tif, TIFFTAG_EXIFIFD, &at) == 1 &&
        TIFFReadEXIFDirectory(tif, at)) {
        st = nn_shot_take_time(s, ascii(tif, EXIFTAG_DATETIMEORIGINAL),
                               ascii(tif, EXIFTAG_SUBSECTIMEORIGINAL),
                               ascii(tif, EXIFTAG_OFFSETTIMEORIGINAL));
        if (st) {
            return st;
        }
    }
    return nn_shot_take_time(s, changed.time, NULL, NULL);
}

enum nn_status nn_tiff_header(const uint8_t *b, size_t size,
                              struct nn_image_header *head,
                              struct nn_error *err)
{
    struct memory m;
    TIFF *tif = open_memory(&m, b, size);
    uint32_t w = 0, h = 0;
    uint16_t bits = 1, channels = 1, orientation = 1;
    int no_memory;

    if (!tif) {
        return fail(&m, err);
    }
    TIFFGetField(tif, TIFFTAG_IMAGEWIDTH, &w);
    TIFFGetField(tif, TIFFTAG_IMAGELENGTH, &h);
    TIFFGetFieldDefaulted(tif, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetFieldDefaulted(tif, TIFFTAG_SAMPLESPERPIXEL, &channels);
    TIFFGetField(tif, TIFFTAG_ORIENTATION, &orientation);
    no_memory = take_shot(tif, &head->info.shot) != NN_OK;
    TIFFClose(tif);
    if (no_memory) {
        return nn_fail_nomem(err);
    }
    if (w < 1 || h < 1 || w > INT32_MAX || h > INT32_MAX) {
        return nn_fail(err, NN_ERR_FORMAT, "damaged TIFF header");
    }
    head->info.w = (int32_t)w;
    head->info.h = (int32_t)h;
    head->info.bits = bits;
    head->info.channels = channels < 1 ? 1 : channels > 4 ? 4 : channels;
    if (orientation >= 1 && orientation <= 8) {
        head->info.orientation = orientation;
    }
    return NN_OK;
}

/* raster [h,w] of ABGR words becomes the image; alpha is premultiplied. */
static void put_pixels(const uint32_t *raster, struct nn_image *img)
{
    size_t n = (size_t)img->w * (size_t)img->h;
    uint8_t *out = img->rgb;

    for (size_t i = 0; i < n; i++, out += 3) {
        uint32_t v = raster[i], white = 255 - TIFFGetA(v);
        uint32_t c[3] = { TIFFGetR(v), TIFFGetG(v), TIFFGetB(v) };

        for (size_t k = 0; k < 3; k++) {
            uint32_t sum = c[k] + white;

            out[k] = (uint8_t)(sum < 255 ? sum : 255);
        }
    }
}

static enum nn_status read_page(TIFF *tif, struct memory *m,
                                struct nn_image *img, struct nn_error *err)
{
    TIFFRGBAImage page;
    char why[1024] = "";
    size_t w = (size_t)img->w, h = (size_t)img->h;
    uint32_t *raster;
    enum nn_status st = NN_OK;

    if (!TIFFRGBAImageOK(tif, why)) {
        return nn_fail(err, NN_ERR_UNSUPPORTED, "TIFF not supported (%.100s)",
                       why);
    }
    if (!TIFFRGBAImageBegin(&page, tif, 1, why)) {
        return nn_fail(err, NN_ERR_FORMAT, "damaged TIFF data (%.100s)", why);
    }
    raster = nn_mem_calloc(w * h, sizeof(*raster));
    if (!raster) {
        TIFFRGBAImageEnd(&page);
        return nn_fail_nomem(err);
    }
    /* Rows as they are stored: turning is ours, for all formats alike. */
    page.req_orientation = page.orientation;
    if (page.width != w || page.height != h ||
        !TIFFRGBAImageGet(&page, raster, (uint32_t)w, (uint32_t)h)) {
        st = fail(m, err);
    } else {
        put_pixels(raster, img);
    }
    TIFFRGBAImageEnd(&page);
    nn_mem_free(raster);
    return st;
}

enum nn_status nn_tiff_pixels(const uint8_t *bytes, size_t size,
                              const struct nn_image_options *opt,
                              struct nn_image_header *head,
                              struct nn_image *img, struct nn_error *err)
{
    struct memory m;
    TIFF *tif = open_memory(&m, bytes, size);
    enum nn_status st;

    (void)opt;
    if (!tif) {
        return fail(&m, err);
    }
    st = nn_image_create(img, head->info.w, head->info.h)
             ? nn_fail_nomem(err)
             : read_page(tif, &m, img, err);
    if (st == NN_OK && TIFFReadDirectory(tif)) {
        nn_image_note(&head->info, "the first of several pages");
    }
    TIFFClose(tif);
    return st;
}
