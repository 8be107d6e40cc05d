#include "common/image/image_internal.h"

#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "common/base/mem.h"

#define RIFF_HEAD 12 /* "RIFF", size, "WEBP" */

static enum nn_status fail_code(VP8StatusCode code, struct nn_error *err)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return nn_fail_nomem(err);
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return nn_fail(err, NN_ERR_FORMAT, "truncated WebP data");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return nn_fail(err, NN_ERR_UNSUPPORTED, "WebP feature not supported");
    default:
        return nn_fail(err, NN_ERR_FORMAT, "damaged WebP data");
    }
}

static enum nn_status find_orientation(const uint8_t *b, size_t size,
                                       struct nn_image_header *head)
{
    size_t pos = RIFF_HEAD;

    while (size - pos >= 8) {
        size_t n = nn_le32(b + pos + 4);

        if (n > size - pos - 8) {
            return NN_OK;
        }
        if (memcmp(b + pos, "EXIF", 4) == 0 &&
            nn_header_exif(head, b + pos + 8, n)) {
            return NN_ERR_NOMEM;
        }
        if (memcmp(b + pos, "XMP ", 4) == 0) {
            nn_header_xmp(head, b + pos + 8, n);
        }
        n += n & 1; /* chunks are padded to an even size */
        if (n > size - pos - 8) {
            return NN_OK;
        }
        pos += 8 + n;
    }
    return NN_OK;
}

enum nn_status nn_webp_header(const uint8_t *b, size_t size,
                              struct nn_image_header *head,
                              struct nn_error *err)
{
    WebPBitstreamFeatures f;
    VP8StatusCode code = WebPGetFeatures(b, size, &f);

    if (code != VP8_STATUS_OK) {
        return fail_code(code, err);
    }
    if (f.width < 1 || f.height < 1) {
        return nn_fail(err, NN_ERR_FORMAT, "damaged WebP header");
    }
    head->info.w = f.width;
    head->info.h = f.height;
    head->info.bits = 8;
    head->info.channels = f.has_alpha ? 4 : 3;
    head->alpha = f.has_alpha;
    head->animated = f.has_animation;
    return find_orientation(b, size, head) ? nn_fail_nomem(err) : NN_OK;
}

/* The first frame of an animation, on its canvas. */
static enum nn_status first_frame(const uint8_t *bytes, size_t size,
                                  struct nn_image_header *head,
                                  struct nn_image *img, struct nn_error *err)
{
    const WebPData data = { bytes, size };
    WebPAnimDecoderOptions o;
    uint8_t *rgba = NULL;
    int time_ms;

    if (!WebPAnimDecoderOptionsInit(&o)) {
        return nn_fail(err, NN_ERR_UNSUPPORTED, "libwebpdemux does not fit");
    }
    o.color_mode = MODE_RGBA;
    o.use_threads = 0;
    WebPAnimDecoder *d = WebPAnimDecoderNew(&data, &o);
    if (!d) {
        return fail_code(VP8_STATUS_NOT_ENOUGH_DATA, err);
    }
    enum nn_status st = NN_OK;

    if (!WebPAnimDecoderGetNext(d, &rgba, &time_ms)) {
        st = fail_code(VP8_STATUS_BITSTREAM_ERROR, err);
    } else if (nn_image_create(img, head->info.w, head->info.h)) {
        st = nn_fail_nomem(err);
    } else {
        nn_image_over_white(img, rgba);
        nn_image_note(&head->info, "the first frame of an animation");
    }
    WebPAnimDecoderDelete(d);
    return st;
}

enum nn_status nn_webp_pixels(const uint8_t *bytes, size_t size,
                              const struct nn_image_options *opt,
                              struct nn_image_header *head,
                              struct nn_image *img, struct nn_error *err)
{
    WebPDecoderConfig c;
    uint8_t *rgba = NULL;
    size_t bpp = head->alpha ? 4 : 3, w = (size_t)head->info.w;
    size_t h = (size_t)head->info.h;

    (void)opt;
    if (head->animated) {
        return first_frame(bytes, size, head, img, err);
    }
    if (!WebPInitDecoderConfig(&c)) {
        return nn_fail(err, NN_ERR_UNSUPPORTED, "libwebp does not fit");
    }
    if (nn_image_create(img, head->info.w, head->info.h)) {
        return nn_fail_nomem(err);
    }
    if (head->alpha) {
        rgba = nn_mem_realloc(NULL, w * h, 4);
        if (!rgba) {
            return nn_fail_nomem(err);
        }
    }
    c.output.colorspace = head->alpha ? MODE_RGBA : MODE_RGB;
    c.output.is_external_memory = 1;
    c.output.u.RGBA.rgba = head->alpha ? rgba : img->rgb;
    c.output.u.RGBA.stride = (int)(w * bpp);
    c.output.u.RGBA.size = w * h * bpp;
    VP8StatusCode code = WebPDecode(bytes, size, &c);

    if (code == VP8_STATUS_OK && head->alpha) {
        nn_image_over_white(img, rgba);
    }
    WebPFreeDecBuffer(&c.output);
    nn_mem_free(rgba);
    return code == VP8_STATUS_OK ? NN_OK : fail_code(code, err);
}
