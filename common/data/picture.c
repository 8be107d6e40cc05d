/* What the loader keeps of a picture. */
#include "common/data/loader.h"

enum nn_status nn_picture_prepare(const uint8_t *bytes, size_t size,
                                  int32_t side, struct nn_image *img,
                                  struct nn_error *err)
{
    struct nn_image_options opt = nn_image_defaults();
    struct nn_image whole = NN_IMAGE_INIT;
    int32_t w, h, shorter;
    enum nn_status st;

    opt.min_side = side;
    st = nn_image_decode(bytes, size, &opt, &whole, NULL, err);
    if (st) {
        return st;
    }
    shorter = whole.w < whole.h ? whole.w : whole.h;
    if (shorter <= side) {
        *img = whole;
        return NN_OK;
    }
    w = (int32_t)(((int64_t)whole.w * side + shorter / 2) / shorter);
    h = (int32_t)(((int64_t)whole.h * side + shorter / 2) / shorter);
    st = nn_image_create(img, w, h);
    if (!st) {
        st = nn_image_resize(
            &whole, (struct nn_box){ 0, 0, (float)whole.w, (float)whole.h },
            NN_FILTER_AREA, img);
    }
    if (st) {
        nn_image_release(img);
        nn_fail(err, st, "cannot be scaled: %s", nn_status_str(st));
    }
    nn_image_release(&whole);
    return st;
}
