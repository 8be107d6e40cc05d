#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/data/dataset_internal.h"
#include "common/image/resize.h"

/* Decoding at a shorter side of 48 keeps enough for 16x16 tiles and is many
 * times faster than the whole image. */
enum { HASH_SIDE = 48, ROUND = 512 };

/* Means over side x side tiles of img, RGB. */
static enum nn_status make_tiles(const struct nn_image *img, int32_t side,
                                 struct nn_image *tiles)
{
    struct nn_box all = { 0, 0, (float)img->w, (float)img->h };
    enum nn_status st = nn_image_create(tiles, side, side);

    if (st) {
        return st;
    }
    return nn_image_resize(img, all, NN_FILTER_AREA, tiles);
}

static uint8_t luma_of(const uint8_t *rgb)
{
    return (uint8_t)((77 * rgb[0] + 150 * rgb[1] + 29 * rgb[2] + 128) >> 8);
}

static void fingerprint_one(struct nn_dataset *ds, size_t i)
{
    struct nn_item *it = &ds->items[i];
    struct nn_image_options opt = nn_image_defaults();
    struct nn_image img = NN_IMAGE_INIT;
    struct nn_image coarse = NN_IMAGE_INIT, fine = NN_IMAGE_INIT;
    struct nn_image_info info;
    struct nn_error err = NN_ERROR_INIT;
    uint8_t *bytes = NULL;
    size_t size = 0;

    opt.min_side = HASH_SIDE;
    it->bad = 1;
    if (nn_dataset_read(ds, i, &bytes, &size, &err) ||
        nn_image_decode(bytes, size, &opt, &img, &info, &err)) {
        it->why = nn_mem_strdup(err.text);
        goto out;
    }
    if (make_tiles(&img, 4, &coarse) || make_tiles(&img, 16, &fine)) {
        it->why = nn_mem_strdup("out of memory");
        goto out;
    }
    it->bad = 0;
    it->w = info.w;
    it->h = info.h;
    it->dhash = nn_image_dhash(&img);
    it->hash = nn_hash_u64(bytes, size, 0);
    memcpy(it->colour, coarse.rgb, sizeof it->colour);
    for (size_t t = 0; t < sizeof it->luma; t++) {
        it->luma[t] = luma_of(fine.rgb + 3 * t);
    }
out:
    nn_image_release(&img);
    nn_image_release(&coarse);
    nn_image_release(&fine);
    nn_mem_free(bytes);
}

/* --- the files alone --- */

static int is_rendered(const struct nn_dataset *ds, size_t i)
{
    const struct nn_source *s = ds->source;
    uint64_t where = ds->items[i].where;
    size_t at = nn_where_index(where);

    switch (nn_where_kind(where)) {
    case NN_WHERE_GENERATED:
        return 1;
    case NN_WHERE_BORROWED:
        return is_rendered(s->ref[at].from, s->ref[at].item);
    case NN_WHERE_POOL:
        return nn_pool_renders(s->pool, at);
    default:
        return 0;
    }
}

static void hash_one(void *ctx, size_t i)
{
    struct nn_dataset *ds = ctx;
    struct nn_item *it = &ds->items[i];
    uint8_t *bytes = NULL;
    size_t size = 0;

    if (it->hash == 0 && !it->bad && !is_rendered(ds, i) &&
        nn_dataset_read(ds, i, &bytes, &size, NULL) == NN_OK) {
        it->hash = nn_hash_u64(bytes, size, 0);
    }
    nn_mem_free(bytes);
}

void nn_dataset_hash_files(struct nn_dataset *ds)
{
    nn_parallel_for(ds->n, hash_one, ds);
}

/* --- all of them --- */

struct job {
    struct nn_dataset *ds;
    size_t from;
};

static void fingerprint_item(void *ctx, size_t i)
{
    const struct job *j = ctx;
    const struct nn_item *it = &j->ds->items[j->from + i];

    if (it->w == 0 && !it->bad) {
        fingerprint_one(j->ds, j->from + i);
    }
}

void nn_dataset_fingerprint(struct nn_dataset *ds)
{
    struct nn_progress bar;

    nn_progress_begin(&bar, "read", "img", (int64_t)ds->n);
    for (size_t at = 0; at < ds->n; at += ROUND) {
        struct job j = { ds, at };
        size_t n = ds->n - at < ROUND ? ds->n - at : ROUND;

        nn_parallel_for(n, fingerprint_item, &j);
        nn_progress_update(&bar, (int64_t)(at + n), NULL);
    }
    nn_progress_end(&bar, NULL);
}
