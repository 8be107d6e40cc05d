#include "common/image/image.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/image/image_internal.h"

#define MAX_FILE ((size_t)256 << 20)

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
        .max_dim = 20000,
        .max_pixels = 100 * 1000 * 1000,
        .max_scans = 200,
    };
}

/* Files that other programs would open, and pages saved under an image's
 * name, are told apart only to say what they are. */
static const struct magic {
    enum nn_image_format format;
    size_t at, size;
    const char *bytes, *what;
} magics[] = {
    { NN_IMAGE_JPEG, 0, 3, "\xff\xd8\xff", NULL },
    { NN_IMAGE_PNG, 0, 8, "\x89PNG\r\n\x1a\n", NULL },
    { NN_IMAGE_UNKNOWN, 0, 4, "GIF8", "a GIF image" },
    { NN_IMAGE_UNKNOWN, 0, 2, "BM", "a BMP image" },
    { NN_IMAGE_UNKNOWN, 0, 4, "II*\0", "a TIFF image" },
    { NN_IMAGE_UNKNOWN, 0, 4, "MM\0*", "a TIFF image" },
    { NN_IMAGE_UNKNOWN, 4, 8, "ftypavif", "an AVIF image" },
    { NN_IMAGE_UNKNOWN, 4, 6, "ftyphe", "a HEIF image" },
    { NN_IMAGE_UNKNOWN, 4, 8, "ftypmif1", "a HEIF image" },
    { NN_IMAGE_UNKNOWN, 0, 9, "<!DOCTYPE", "a web page" },
    { NN_IMAGE_UNKNOWN, 0, 9, "<!doctype", "a web page" },
    { NN_IMAGE_UNKNOWN, 0, 5, "<html", "a web page" },
    { NN_IMAGE_UNKNOWN, 0, 5, "<?xml", "an XML file" },
    { NN_IMAGE_UNKNOWN, 0, 4, "<svg", "an SVG drawing" },
    { NN_IMAGE_UNKNOWN, 0, 5, "%PDF-", "a PDF file" },
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
    return NN_IMAGE_UNKNOWN;
}

static enum nn_status fail_unknown(const uint8_t *bytes, size_t size,
                                   struct nn_error *err)
{
    const struct magic *m = find_magic(bytes, size);

    if (size == 0) {
        return nn_fail(err, NN_ERR_FORMAT, "empty file");
    }
    if (m && m->what) {
        return nn_fail(err, NN_ERR_FORMAT, "%s, not a JPEG, PNG or WebP image",
                       m->what);
    }
    return nn_fail(err, NN_ERR_FORMAT, "not a JPEG, PNG or WebP image");
}

static enum nn_status check_limits(const struct nn_image_options *opt,
                                   const struct nn_image_info *info,
                                   struct nn_error *err)
{
    if (info->w > opt->max_dim || info->h > opt->max_dim) {
        return nn_fail(err, NN_ERR_UNSUPPORTED,
                       "%" PRId32 " x %" PRId32
                       " pixels is over the limit of %" PRId32 " a side",
                       info->w, info->h, opt->max_dim);
    }
    if ((int64_t)info->w * info->h > opt->max_pixels) {
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
    enum nn_status st = NN_OK;

    memset(head, 0, sizeof(*head));
    head->info.format = nn_image_sniff(bytes, size);
    head->info.orientation = 1;
    switch (head->info.format) {
    case NN_IMAGE_JPEG:
        st = nn_jpeg_header(bytes, size, head, err);
        break;
    case NN_IMAGE_PNG:
        st = nn_png_header(bytes, size, head, err);
        break;
    case NN_IMAGE_WEBP:
        st = nn_webp_header(bytes, size, head, err);
        break;
    case NN_IMAGE_UNKNOWN:
        st = fail_unknown(bytes, size, err);
        break;
    }
    if (st) {
        return st;
    }
    st = check_limits(opt, &head->info, err);
    if (st) {
        return st;
    }
    if (head->exif && nn_exif_orientation(head->exif, head->exif_size,
                                          &head->info.orientation)) {
        return nn_fail_nomem(err);
    }
    return NN_OK;
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
    if (head.info.format == NN_IMAGE_JPEG) {
        st = nn_jpeg_pixels(bytes, size, opt, &head, img, err);
    } else if (head.info.format == NN_IMAGE_PNG) {
        st = nn_png_pixels(bytes, size, &head, img, err);
    } else {
        st = nn_webp_pixels(bytes, size, &head, img, err);
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

enum nn_status nn_image_load(const char *path,
                             const struct nn_image_options *opt,
                             struct nn_image *img, struct nn_image_info *info,
                             struct nn_error *err)
{
    struct nn_error why = NN_ERROR_INIT;
    unsigned char *bytes = NULL;
    size_t size = 0;
    enum nn_status st = nn_file_read(path, MAX_FILE, &bytes, &size, err);

    *img = (struct nn_image)NN_IMAGE_INIT;
    if (st) {
        return st;
    }
    st = nn_image_decode(bytes, size, opt, img, info, &why);
    if (st) {
        nn_fail(err, st, "cannot decode '%s': %s", path, why.text);
    }
    nn_mem_free(bytes);
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
