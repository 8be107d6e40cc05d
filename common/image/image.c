#include "common/image/image.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/image/image_internal.h"

void nn_image_release(struct nn_image *img)
{
    nn_mem_free(img->rgb);
    *img = (struct nn_image)NN_IMAGE_INIT;
}

enum nn_status nn_image_create(struct nn_image *img, int32_t w, int32_t h)
{
    size_t n;

    *img = (struct nn_image)NN_IMAGE_INIT;
    if (w < 1 || h < 1) {
        return NN_ERR_ARG;
    }
    if (nn_size_mul((size_t)w, (size_t)h, &n) || nn_size_mul(n, 3, &n)) {
        return NN_ERR_NOMEM;
    }
    img->rgb = nn_mem_realloc(NULL, n, 1);
    if (!img->rgb) {
        return NN_ERR_NOMEM;
    }
    img->w = w;
    img->h = h;
    return NN_OK;
}

struct nn_image_options nn_image_defaults(void)
{
    return (struct nn_image_options){
        .max_dim = 65535,
        .max_pixels = 100 * 1000 * 1000,
        .max_scans = 200,
    };
}

/* The formats, and what a build without their library says. */
static const struct format {
    const char *name;
    nn_header_fn *header;
    nn_pixels_fn *pixels;
    const char *needs;
} formats[] = {
    [NN_IMAGE_UNKNOWN] = { "unknown", NULL, NULL, NULL },
    [NN_IMAGE_JPEG] = { "JPEG", nn_jpeg_header, nn_jpeg_pixels, NULL },
    [NN_IMAGE_PNG] = { "PNG", nn_png_header, nn_png_pixels, NULL },
    [NN_IMAGE_WEBP] = { "WebP", nn_webp_header, nn_webp_pixels, NULL },
    [NN_IMAGE_BMP] = { "BMP", nn_bmp_header, nn_bmp_pixels, NULL },
#ifdef NN_HAVE_GIF
    [NN_IMAGE_GIF] = { "GIF", nn_gif_header, nn_gif_pixels, NULL },
#else
    [NN_IMAGE_GIF] = { "GIF", NULL, NULL, "giflib" },
#endif
#ifdef NN_HAVE_TIFF
    [NN_IMAGE_TIFF] = { "TIFF", nn_tiff_header, nn_tiff_pixels, NULL },
#else
    [NN_IMAGE_TIFF] = { "TIFF", NULL, NULL, "libtiff" },
#endif
#ifdef NN_HAVE_HEIF
    [NN_IMAGE_HEIF] = { "AVIF or HEIC", nn_heif_header, nn_heif_pixels, NULL },
#else
    [NN_IMAGE_HEIF] = { "AVIF or HEIC", NULL, NULL, "libheif" },
#endif
};

int nn_image_can_read(enum nn_image_format f)
{
    return formats[f].header != NULL;
}

/* Files that other programs would open, and pages saved under an image's
 * name, are told apart only to say what they are. The first match counts. */
static const struct magic {
    enum nn_image_format format;
    size_t at, size;
    const char *bytes, *what;
} magics[] = {
    { NN_IMAGE_JPEG, 0, 3, "\xff\xd8\xff", NULL },
    { NN_IMAGE_PNG, 0, 8, "\x89PNG\r\n\x1a\n", NULL },
    { NN_IMAGE_GIF, 0, 6, "GIF87a", NULL },
    { NN_IMAGE_GIF, 0, 6, "GIF89a", NULL },
    { NN_IMAGE_UNKNOWN, 8, 3, "CR\2", "a camera's raw file" },
    { NN_IMAGE_TIFF, 0, 4, "II*\0", NULL },
    { NN_IMAGE_TIFF, 0, 4, "MM\0*", NULL },
    { NN_IMAGE_TIFF, 0, 4, "II+\0", NULL },
    { NN_IMAGE_TIFF, 0, 4, "MM\0+", NULL },
    { NN_IMAGE_HEIF, 4, 8, "ftypavif", NULL },
    { NN_IMAGE_HEIF, 4, 8, "ftypavis", NULL },
    { NN_IMAGE_HEIF, 4, 6, "ftyphe", NULL },
    { NN_IMAGE_HEIF, 4, 8, "ftypmif1", NULL },
    { NN_IMAGE_HEIF, 4, 8, "ftypmsf1", NULL },
    { NN_IMAGE_UNKNOWN, 4, 8, "ftypcrx ", "a camera's raw file" },
    { NN_IMAGE_UNKNOWN, 4, 4, "ftyp", "a video" },
    { NN_IMAGE_UNKNOWN, 0, 4, "\x1a\x45\xdf\xa3", "a video" },
    { NN_IMAGE_UNKNOWN, 0, 12, "\0\0\0\x0cjP  \r\n\x87\n",
      "a JPEG 2000 image" },
    { NN_IMAGE_UNKNOWN, 0, 4, "\xff\x4f\xff\x51", "a JPEG 2000 image" },
    { NN_IMAGE_UNKNOWN, 0, 12, "\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image" },
    { NN_IMAGE_UNKNOWN, 0, 2, "\xff\x0a", "a JPEG XL image" },
    { NN_IMAGE_UNKNOWN, 0, 4, "8BPS", "a Photoshop file" },
    { NN_IMAGE_UNKNOWN, 0, 9, "<!DOCTYPE", "a web page" },
    { NN_IMAGE_UNKNOWN, 0, 9, "<!doctype", "a web page" },
    { NN_IMAGE_UNKNOWN, 0, 5, "<html", "a web page" },
    { NN_IMAGE_UNKNOWN, 0, 5, "<?xml", "an XML file" },
    { NN_IMAGE_UNKNOWN, 0, 4, "<svg", "an SVG drawing" },
    { NN_IMAGE_UNKNOWN, 0, 5, "%PDF-", "a PDF file" },
    { NN_IMAGE_UNKNOWN, 0, 4, "PK\3\4", "a zip archive" },
};

static const struct magic *find_magic(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
        const struct magic *m = &magics[i];

        if (size >= m->at + m->size &&
            memcmp(bytes + m->at, m->bytes, m->size) == 0) {
            return m;
        }
    }
    return NULL;
}

/* "BM" begins many a text: the size of the second header must be one that
 * exists. */
static int is_bmp(const uint8_t *b, size_t size)
{
    static const uint32_t sizes[] = { 12, 16, 40, 52, 56, 64, 108, 124 };

    if (size < 18 || b[0] != 'B' || b[1] != 'M') {
        return 0;
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (nn_le32(b + 14) == sizes[i]) {
            return 1;
        }
    }
    return 0;
}

enum nn_image_format nn_image_sniff(const uint8_t *bytes, size_t size)
{
    const struct magic *m = find_magic(bytes, size);

    if (m) {
        return m->format;
    }
    if (size >= 12 && memcmp(bytes, "RIFF", 4) == 0 &&
        memcmp(bytes + 8, "WEBP", 4) == 0) {
        return NN_IMAGE_WEBP;
    }
    return is_bmp(bytes, size) ? NN_IMAGE_BMP : NN_IMAGE_UNKNOWN;
}

static enum nn_status fail_unknown(const uint8_t *bytes, size_t size,
                                   struct nn_error *err)
{
    const struct magic *m = find_magic(bytes, size);

    if (size == 0) {
        return nn_fail(err, NN_ERR_FORMAT, "empty file");
    }
    if (m && m->what) {
        return nn_fail(err, NN_ERR_FORMAT, "%s, not a format that is read",
                       m->what);
    }
    return nn_fail(err, NN_ERR_FORMAT, "not an image of a known format");
}

/* Most pixels as stored. A photo that is decoded at 1/8 has no more of them in
 * memory than a small one; only a progressive JPEG keeps all coefficients. */
static int64_t most_stored(const struct nn_image_options *opt,
                           const struct nn_image_header *head)
{
    return opt->max_pixels * (head->progressive ? 2 : 64);
}

/* By what is decoded, not by what is stored. */
static enum nn_status check_limits(const struct nn_image_options *opt,
                                   const struct nn_image_header *head,
                                   struct nn_error *err)
{
    const struct nn_image_info *info = &head->info;
    int64_t div = nn_image_divisor(info, opt->min_side);
    int64_t w = (info->w + div - 1) / div, h = (info->h + div - 1) / div;

    if (w > opt->max_dim || h > opt->max_dim) {
        return nn_fail(err, NN_ERR_UNSUPPORTED,
                       "%" PRId32 " x %" PRId32
                       " pixels is over the limit of %" PRId32 " a side",
                       info->w, info->h, opt->max_dim);
    }
    if (w * h > opt->max_pixels ||
        (int64_t)info->w * info->h > most_stored(opt, head)) {
        return nn_fail(err, NN_ERR_UNSUPPORTED,
                       "%" PRId32 " x %" PRId32
                       " pixels is over the limit of %" PRId64 " in all",
                       info->w, info->h, opt->max_pixels);
    }
    return NN_OK;
}

static enum nn_status read_header(const uint8_t *bytes, size_t size,
                                  const struct nn_image_options *opt,
                                  struct nn_image_header *head,
                                  struct nn_error *err)
{
    memset(head, 0, sizeof(*head));
    head->info.format = nn_image_sniff(bytes, size);
    head->info.orientation = 1;
    if (head->info.format == NN_IMAGE_UNKNOWN) {
        return fail_unknown(bytes, size, err);
    }
    const struct format *f = &formats[head->info.format];

    if (!f->header) {
        return nn_fail(err, NN_ERR_UNSUPPORTED,
                       "%s image, which this build cannot read (it was made "
                       "without %s)",
                       f->name, f->needs);
    }
    enum nn_status st = f->header(bytes, size, head, err);

    return st ? st : check_limits(opt, head, err);
}

void nn_image_note(struct nn_image_info *info, const char *fmt, ...)
{
    size_t n = strlen(info->note);
    va_list args;

    va_start(args, fmt);
    if (n > 0 && n + 3 < sizeof(info->note)) {
        memcpy(info->note + n, "; ", 3);
        n += 2;
    }
    vsnprintf(info->note + n, sizeof(info->note) - n, fmt, args);
    va_end(args);
}

void nn_image_note_share(struct nn_image_info *info, const char *what,
                         double share)
{
    double percent = share * 100;

    nn_image_note(info, "%s: %.*f %% of it decoded", what, percent > 99,
                  percent > 99.9 && share < 1 ? 99.9 : percent);
}

enum nn_status nn_image_probe(const uint8_t *bytes, size_t size,
                              const struct nn_image_options *opt,
                              struct nn_image_info *info, struct nn_error *err)
{
    struct nn_image_header head;
    enum nn_status st = read_header(bytes, size, opt, &head, err);

    *info = head.info;
    return st;
}

enum nn_status nn_image_decode(const uint8_t *bytes, size_t size,
                               const struct nn_image_options *opt,
                               struct nn_image *img, struct nn_image_info *info,
                               struct nn_error *err)
{
    struct nn_image_header head;
    enum nn_status st = read_header(bytes, size, opt, &head, err);

    *img = (struct nn_image)NN_IMAGE_INIT;
    if (info) {
        *info = head.info;
    }
    if (st) {
        return st;
    }
    st = formats[head.info.format].pixels(bytes, size, opt, &head, img, err);
    if (info) {
        *info = head.info;
    }
    if (st) {
        goto out;
    }
    if (!opt->keep_orientation && nn_image_orient(img, head.info.orientation)) {
        st = nn_fail_nomem(err);
    }
out:
    if (st) {
        nn_image_release(img);
    }
    return st;
}

void nn_image_over_white(struct nn_image *img, const uint8_t *rgba)
{
    size_t n = (size_t)img->w * (size_t)img->h;
    uint8_t *out = img->rgb;

    for (size_t i = 0; i < n; i++, rgba += 4, out += 3) {
        uint32_t a = rgba[3], white = (255 - a) * 255 + 127;

        out[0] = (uint8_t)((rgba[0] * a + white) / 255);
        out[1] = (uint8_t)((rgba[1] * a + white) / 255);
        out[2] = (uint8_t)((rgba[2] * a + white) / 255);
    }
}
