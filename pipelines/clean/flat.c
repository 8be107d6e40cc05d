#include "pipelines/clean/flat.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/net/prepare.h"

enum { SIDE = 192, LEVELS = 1 };

/* Pairs of pixels `step` bytes apart, x < w, y < h. */
static double share(const struct nn_image *img, int32_t w, int32_t h,
                    size_t step)
{
    size_t equal = 0;

    for (int32_t y = 0; y < h; y++) {
        const uint8_t *a = img->rgb + (size_t)y * (size_t)img->w * 3;

        for (int32_t x = 0; x < w; x++, a += 3) {
            equal += abs(a[0] - a[step]) <= LEVELS &&
                     abs(a[1] - a[step + 1]) <= LEVELS &&
                     abs(a[2] - a[step + 2]) <= LEVELS;
        }
    }
    return (double)equal / ((double)w * (double)h);
}

float clean_flatness(const struct nn_image *img)
{
    double across, down;

    if (img->w < 2 || img->h < 2) {
        return 0;
    }
    across = share(img, img->w - 1, img->h, 3);
    down = share(img, img->w, img->h - 1, (size_t)img->w * 3);
    return (float)(across < down ? across : down);
}

struct work {
    const struct nn_dataset *ds;
    const uint32_t *item;
    float *flat;
};

static void measure(void *ctx, size_t i)
{
    struct work *w = ctx;
    struct nn_image img = NN_IMAGE_INIT;
    uint8_t *bytes = NULL;
    size_t size;

    w->flat[i] = 0;
    if (!nn_dataset_read(w->ds, w->item[i], &bytes, &size, NULL) &&
        !nn_image_prepare(bytes, size, SIDE, &img, NULL, NULL)) {
        w->flat[i] = clean_flatness(&img);
    }
    nn_image_release(&img);
    nn_mem_free(bytes);
}

void clean_flatness_of_items(const struct nn_dataset *ds, const uint32_t *item,
                             size_t n, float *flat)
{
    struct work w = { ds, item, flat };

    nn_parallel_for(n, measure, &w);
}
