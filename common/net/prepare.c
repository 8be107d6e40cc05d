#include "common/net/prepare.h"

#include "common/base/mem.h"
#include "common/net/normalise.h"

enum nn_status nn_decode_for(const uint8_t *bytes, size_t size, int32_t side,
                             struct nn_image *img, struct nn_image_info *info,
                             struct nn_error *err)
{
    struct nn_image_options opt = nn_image_defaults();

    opt.min_side = side;
    return nn_image_decode(bytes, size, &opt, img, info, err);
}

int nn_decode_serves(const struct nn_image_info *info, int32_t have,
                     int32_t want)
{
    return nn_image_divisor(info, have) == nn_image_divisor(info, want);
}

static int32_t shorter_side(const struct nn_image *img)
{
    return img->w < img->h ? img->w : img->h;
}

/* small = img by area averaging; img has a shorter side above `side`. */
static enum nn_status reduce(const struct nn_image *img, int32_t side,
                             struct nn_image *small, struct nn_error *err)
{
    int32_t shorter = shorter_side(img);
    int32_t w = (int32_t)(((int64_t)img->w * side + shorter / 2) / shorter);
    int32_t h = (int32_t)(((int64_t)img->h * side + shorter / 2) / shorter);
    const struct nn_box all = { 0, 0, (float)img->w, (float)img->h };
    enum nn_status st = nn_image_create(small, w, h);

    if (st) {
        goto out;
    }
    st = nn_image_resize(img, all, NN_FILTER_AREA, small);
out:
    if (st) {
        nn_image_release(small);
        return nn_fail(err, st, "cannot be scaled: %s", nn_status_str(st));
    }
    return NN_OK;
}

enum nn_status nn_image_prepare(const uint8_t *bytes, size_t size, int32_t side,
                                struct nn_image *img,
                                struct nn_image_info *info,
                                struct nn_error *err)
{
    struct nn_image whole = NN_IMAGE_INIT;
    enum nn_status st = nn_decode_for(bytes, size, side, &whole, info, err);

    if (st) {
        return st;
    }
    if (shorter_side(&whole) <= side) {
        *img = whole;
        return NN_OK;
    }
    st = reduce(&whole, side, img, err);
    nn_image_release(&whole);
    return st;
}

enum nn_status nn_prepare_bytes(const struct nn_input *in,
                                const struct nn_image *img, uint8_t *rgb,
                                struct nn_error *err)
{
    struct nn_image small = NN_IMAGE_INIT;
    enum nn_status st = NN_OK;

    if (shorter_side(img) > in->side) {
        st = reduce(img, in->side, &small, err);
        if (st) {
            return st;
        }
        img = &small;
    }
    st = nn_image_fit(img, in->size, rgb);
    nn_image_release(&small);
    return st ? nn_fail(err, st, "cannot make a view: %s", nn_status_str(st))
              : NN_OK;
}

enum nn_status nn_prepare(const struct nn_input *in, const struct nn_image *img,
                          float *out, struct nn_error *err)
{
    size_t pixels = (size_t)in->size * (size_t)in->size;
    uint8_t *rgb = nn_mem_calloc(pixels, 3);
    enum nn_status st;

    if (rgb == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_prepare_bytes(in, img, rgb, err);
    if (st) {
        goto out;
    }
    nn_normalise(rgb, pixels, in->mean, in->stddev, out);
out:
    nn_mem_free(rgb);
    return st;
}
