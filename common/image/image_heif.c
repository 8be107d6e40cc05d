/* AVIF and HEIC: the primary image, through libheif, which also turns it. */
#include "common/image/image_internal.h"

#include <string.h>

#include <libheif/heif.h>

#include "common/base/mem.h"

#define MOST_METADATA ((size_t)1 << 20)

struct primary {
    struct heif_context *context;
    struct heif_image_handle *handle;
};

static enum nn_status fail(struct heif_error e, struct nn_error *err)
{
    if (e.code == heif_error_Memory_allocation_error &&
        e.subcode != heif_suberror_Security_limit_exceeded) {
        return nn_fail_nomem(err);
    }
    if (e.code == heif_error_Unsupported_filetype ||
        e.code == heif_error_Unsupported_feature ||
        e.code == heif_error_Decoder_plugin_error) {
        return nn_fail(err, NN_ERR_UNSUPPORTED,
                       "AVIF or HEIC image that libheif cannot read (%s)",
                       e.message);
    }
    return nn_fail(err, NN_ERR_FORMAT, "damaged AVIF or HEIC data (%s)",
                   e.message);
}

static void close_primary(struct primary *p)
{
    if (p->handle) {
        heif_image_handle_release(p->handle);
    }
    if (p->context) {
        heif_context_free(p->context);
    }
}

static enum nn_status open_primary(struct primary *p, const uint8_t *bytes,
                                   size_t size, struct nn_error *err)
{
    struct heif_error e;

    *p = (struct primary){ heif_context_alloc(), NULL };
    if (!p->context) {
        return nn_fail_nomem(err);
    }
    heif_context_set_max_decoding_threads(p->context, 0);
    e = heif_context_read_from_memory_without_copy(p->context, bytes, size,
                                                   NULL);
    if (e.code == heif_error_Ok) {
        e = heif_context_get_primary_image_handle(p->context, &p->handle);
    }
    return e.code == heif_error_Ok ? NN_OK : fail(e, err);
}

/* libheif has turned the image, so the orientation counts no more. The block
 * begins with the offset of the TIFF header in it. */
static enum nn_status take_shot(const struct primary *p, struct nn_shot *shot)
{
    heif_item_id id;
    size_t size, skip;
    uint8_t *block;
    int orientation;
    enum nn_status st = NN_OK;

    if (heif_image_handle_get_list_of_metadata_block_IDs(p->handle, "Exif", &id,
                                                         1) != 1) {
        return NN_OK;
    }
    size = heif_image_handle_get_metadata_size(p->handle, id);
    if (size < 12 || size > MOST_METADATA) {
        return NN_OK;
    }
    block = nn_mem_calloc(size, 1);
    if (!block) {
        return NN_ERR_NOMEM;
    }
    if (heif_image_handle_get_metadata(p->handle, id, block).code ==
        heif_error_Ok) {
        skip = (size_t)nn_be32(block) + 4;
        if (skip < size) {
            st = nn_shot_read(block + skip, size - skip, shot, &orientation);
        }
    }
    nn_mem_free(block);
    return st;
}

enum nn_status nn_heif_header(const uint8_t *b, size_t size,
                              struct nn_image_header *head,
                              struct nn_error *err)
{
    struct primary p;
    enum nn_status st = open_primary(&p, b, size, err);

    if (st == NN_OK) {
        head->info.w = heif_image_handle_get_width(p.handle);
        head->info.h = heif_image_handle_get_height(p.handle);
        head->info.bits = heif_image_handle_get_luma_bits_per_pixel(p.handle);
        head->alpha = heif_image_handle_has_alpha_channel(p.handle);
        head->info.channels = head->alpha ? 4 : 3;
        if (head->info.w < 1 || head->info.h < 1 || head->info.bits < 1) {
            st = nn_fail(err, NN_ERR_FORMAT, "damaged AVIF or HEIC header");
        } else if (take_shot(&p, &head->info.shot)) {
            st = nn_fail_nomem(err);
        }
    }
    close_primary(&p);
    return st;
}

static enum nn_status put_pixels(const struct heif_image *decoded, int alpha,
                                 struct nn_image *img, struct nn_error *err)
{
    int stride = 0;
    const uint8_t *p = heif_image_get_plane_readonly(
        decoded, heif_channel_interleaved, &stride);
    size_t bpp = alpha ? 4 : 3, w = (size_t)img->w;

    if (!p || heif_image_get_primary_width(decoded) != img->w ||
        heif_image_get_primary_height(decoded) != img->h) {
        return nn_fail(err, NN_ERR_FORMAT,
                       "damaged AVIF or HEIC data (two sizes)");
    }
    for (int32_t y = 0; y < img->h; y++, p += stride) {
        struct nn_image row = { img->w, 1, img->rgb + (size_t)y * w * 3 };

        if (alpha) {
            nn_image_over_white(&row, p);
        } else {
            memcpy(row.rgb, p, w * bpp);
        }
    }
    return NN_OK;
}

enum nn_status nn_heif_pixels(const uint8_t *bytes, size_t size,
                              const struct nn_image_options *opt,
                              struct nn_image_header *head,
                              struct nn_image *img, struct nn_error *err)
{
    struct heif_image *decoded = NULL;
    struct primary p;
    enum nn_status st = open_primary(&p, bytes, size, err);

    (void)opt;
    if (st) {
        goto out;
    }
    struct heif_error e =
        heif_decode_image(p.handle, &decoded, heif_colorspace_RGB,
                          head->alpha ? heif_chroma_interleaved_RGBA
                                      : heif_chroma_interleaved_RGB,
                          NULL);

    if (e.code != heif_error_Ok) {
        st = fail(e, err);
        goto out;
    }
    if (nn_image_create(img, head->info.w, head->info.h)) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = put_pixels(decoded, head->alpha, img, err);
out:
    if (decoded) {
        heif_image_release(decoded);
    }
    close_primary(&p);
    return st;
}
