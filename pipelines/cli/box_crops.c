#include "pipelines/cli/box_crops.h"

#include <math.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/image/resize.h"

#define MOST_BYTES ((size_t)1 << 30)

/* [*from, *to): `size` pixels about `centre`, inside 0..all. */
static void place(double centre, double size, int32_t all, int32_t *from,
                  int32_t *to)
{
    double n = size < 1 ? 1 : size > all ? all : round(size);
    double at = round(centre - n / 2);

    at = at > all - n ? all - n : at;
    *from = (int32_t)(at < 0 ? 0 : at);
    *to = *from + (int32_t)n;
}

struct box_edges box_edges_of(const struct box *b, double margin, int32_t w,
                              int32_t h)
{
    double longer = b->w * w > b->h * h ? b->w * w : b->h * h;
    double side = longer * (1 + 2 * margin);
    struct box_edges e;

    place((b->x + b->w / 2) * w, side, w, &e.x0, &e.x1);
    place((b->y + b->h / 2) * h, side, h, &e.y0, &e.y1);
    return e;
}

static int32_t shorter(struct box_edges e)
{
    int32_t w = e.x1 - e.x0, h = e.y1 - e.y0;

    return w < h ? w : h;
}

/* The shorter side that the photo must keep for its smallest crop. */
static int32_t side_needed(const struct nn_image_info *info,
                           const struct box *box, size_t n, double margin,
                           int32_t side)
{
    int turned = info->orientation >= 5;
    int32_t w = turned ? info->h : info->w, h = turned ? info->w : info->h;
    int32_t least = w < h ? w : h, smallest = least;
    double need;

    for (size_t i = 0; i < n; i++) {
        int32_t s = shorter(box_edges_of(&box[i], margin, w, h));

        smallest = s < smallest ? s : smallest;
    }
    need = ceil((double)least * side / smallest);
    return need < least ? (int32_t)need : 0;
}

static enum nn_status cut(const struct nn_image *img, struct box_edges e,
                          int32_t side, struct nn_image *out)
{
    const struct nn_box from = { (float)e.x0, (float)e.y0, (float)(e.x1 - e.x0),
                                 (float)(e.y1 - e.y0) };
    int32_t least = shorter(e);
    double scale = least > side ? (double)side / least : 1;
    int32_t w = (int32_t)round(from.w * scale);
    int32_t h = (int32_t)round(from.h * scale);
    enum nn_status st = nn_image_create(out, w > 0 ? w : 1, h > 0 ? h : 1);

    if (st) {
        return st;
    }
    st = nn_image_resize(img, from, NN_FILTER_AREA, out);
    if (st) {
        nn_image_release(out);
    }
    return st;
}

enum nn_status box_crops_of(const uint8_t *bytes, size_t size,
                            const struct box *box, size_t n, double margin,
                            int32_t side, struct nn_image *crop,
                            struct nn_error *err)
{
    struct nn_image_options opt = nn_image_defaults();
    struct nn_image img = NN_IMAGE_INIT;
    struct nn_image_info info;
    enum nn_status st;

    opt.min_side = 1; /* the size that counts is that as decoded */
    st = nn_image_probe(bytes, size, &opt, &info, err);
    if (st) {
        goto out;
    }
    opt = nn_image_defaults();
    opt.min_side = side_needed(&info, box, n, margin, side);
    st = nn_image_decode(bytes, size, &opt, &img, &info, err);
    for (size_t i = 0; st == NN_OK && i < n; i++) {
        st = cut(&img, box_edges_of(&box[i], margin, img.w, img.h), side,
                 &crop[i]);
        if (st) {
            nn_fail(err, st, "%s", nn_status_str(st));
        }
    }
out:
    for (size_t i = 0; st != NN_OK && i < n; i++) {
        nn_image_release(&crop[i]);
    }
    nn_image_release(&img);
    return st;
}

enum nn_status box_crops(const char *path, const struct box *box, size_t n,
                         double margin, int32_t side, struct nn_image *crop,
                         struct nn_error *err)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    enum nn_status st = nn_file_read(path, MOST_BYTES, &bytes, &size, err);

    if (st) {
        return st;
    }
    st = box_crops_of(bytes, size, box, n, margin, side, crop, err);
    nn_mem_free(bytes);
    return st;
}
