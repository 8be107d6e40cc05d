#include <png.h>
#include <stdio.h>
#include <string.h>
#include <turbojpeg.h>

#include "common/base/mem.h"
#include "pipelines/synth/synth.h"

enum { JPEG_QUALITY = 92 };

const char *synth_format_suffix(enum synth_format f)
{
    return f == SYNTH_PNG ? "png" : "jpg";
}

static enum nn_status pack_jpeg(const uint8_t *rgb, int32_t w, int32_t h,
                                uint8_t **bytes, size_t *n,
                                struct nn_error *err)
{
    tjhandle tj = tjInitCompress();
    unsigned char *buf = NULL;
    unsigned long size = 0;
    enum nn_status st = NN_OK;

    if (tj == NULL) {
        return nn_fail_nomem(err);
    }
    if (tjCompress2(tj, rgb, w, 0, h, TJPF_RGB, &buf, &size, TJSAMP_420,
                    JPEG_QUALITY, TJFLAG_ACCURATEDCT) != 0) {
        st = nn_fail(err, NN_ERR_FORMAT, "cannot write a JPEG: %s",
                     tjGetErrorStr2(tj));
        goto out;
    }
    *bytes = nn_mem_calloc(size, 1);
    if (*bytes == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    memcpy(*bytes, buf, size);
    *n = size;
out:
    tjFree(buf);
    tjDestroy(tj);
    return st;
}

static enum nn_status pack_png(const uint8_t *rgb, int32_t w, int32_t h,
                               uint8_t **bytes, size_t *n, struct nn_error *err)
{
    png_image p = { .version = PNG_IMAGE_VERSION,
                    .width = (png_uint_32)w,
                    .height = (png_uint_32)h,
                    .format = PNG_FORMAT_RGB };
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(p);

    *bytes = nn_mem_calloc(size, 1);
    if (*bytes == NULL) {
        return nn_fail_nomem(err);
    }
    if (!png_image_write_to_memory(&p, *bytes, &size, 0, rgb, 0, NULL)) {
        nn_mem_free(*bytes);
        *bytes = NULL;
        return nn_fail(err, NN_ERR_FORMAT, "cannot write a PNG: %s", p.message);
    }
    *n = size;
    return NN_OK;
}

enum nn_status synth_pack(const uint8_t *rgb, int32_t w, int32_t h,
                          enum synth_format format, uint8_t **bytes, size_t *n,
                          struct nn_error *err)
{
    *bytes = NULL;
    *n = 0;
    return format == SYNTH_PNG ? pack_png(rgb, w, h, bytes, n, err)
                               : pack_jpeg(rgb, w, h, bytes, n, err);
}

enum nn_status synth_encode(uint64_t seed, uint64_t index,
                            const struct synth_options *opt, int32_t size,
                            enum synth_format format, uint8_t **bytes,
                            size_t *n, struct synth_truth *truth,
                            struct nn_error *err)
{
    uint8_t *rgb = NULL;
    enum nn_status st;

    *bytes = NULL;
    *n = 0;
    if (size < 0) {
        size = 0; /* refused below, with the limits named */
    }
    rgb = nn_mem_calloc((size_t)size * (size_t)size, 3);
    if (rgb == NULL) {
        return nn_fail_nomem(err);
    }
    st = synth_render(seed, index, opt, size, rgb, NULL, truth, err);
    if (st) {
        goto out;
    }
    st = synth_pack(rgb, size, size, format, bytes, n, err);
out:
    nn_mem_free(rgb);
    return st;
}

int synth_file_name(uint64_t seed, uint64_t index,
                    const struct synth_truth *truth, int splits,
                    enum synth_format format, char *buf, size_t buf_size)
{
    const char *family = synth_family_name(truth->family);
    int n = snprintf(buf, buf_size, "%s%s%s%s%s/%llu-%06llu.%s",
                     splits ? synth_split_name(truth->split) : "",
                     splits ? "/" : "", synth_class_name(truth->class),
                     family != NULL ? "/" : "", family != NULL ? family : "",
                     (unsigned long long)seed, (unsigned long long)index,
                     synth_format_suffix(format));

    return n >= 0 && (size_t)n < buf_size ? 0 : -1;
}
