/* From an item to its place in a batch. */
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/data/inputs.h"
#include "common/data/loader_internal.h"
#include "common/net/normalise.h"

/* --- one image --- */

static void tell(const struct nn_image_info *info, struct nn_told *told)
{
    memcpy(told->note, info->note, sizeof info->note);
    told->shot = info->shot;
}

static enum nn_status read_image(struct nn_loader *l, uint32_t item,
                                 struct nn_image *img, struct nn_told *told,
                                 struct nn_error *err)
{
    struct nn_image_info info = { .note = "" };
    uint8_t *bytes = NULL;
    size_t size = 0;
    enum nn_status st = nn_dataset_read(l->ds, item, &bytes, &size, err);

    if (st) {
        return st;
    }
    st = nn_image_prepare(bytes, size, l->opt.cache_side, img, &info, err);
    tell(&info, told);
    nn_mem_free(bytes);
    return st;
}

/* The prepared image, from the cache when it is there. *own is set when the
 * caller must release it. Cached images are never changed or freed while
 * workers run, so reading one needs no lock once it is seen. */
static enum nn_status get_image(struct nn_loader *l, uint32_t item,
                                struct nn_image *img, struct nn_told *told,
                                int *own, struct nn_error *err)
{
    size_t bytes;
    enum nn_status st;

    *own = 0;
    pthread_mutex_lock(&l->lock);
    *img = l->cache[item];
    l->stats.cache_hits += img->rgb != NULL;
    l->stats.cache_misses += img->rgb == NULL;
    pthread_mutex_unlock(&l->lock);
    if (img->rgb != NULL) {
        return NN_OK;
    }
    st = read_image(l, item, img, told, err);
    if (st) {
        return st;
    }
    bytes = (size_t)img->w * (size_t)img->h * 3;
    pthread_mutex_lock(&l->lock);
    if (l->cache[item].rgb == NULL &&
        l->stats.cache_bytes + bytes <= l->opt.cache_bytes) {
        l->cache[item] = *img;
        l->stats.cache_bytes += bytes;
    } else {
        *own = 1;
    }
    pthread_mutex_unlock(&l->lock);
    return NN_OK;
}

/* A view of a prepared image. Its errors are the caller's options or want
 * of memory, never the image. */
static enum nn_status make_view(const struct nn_loader *l,
                                const struct nn_image *img, uint64_t stream,
                                uint8_t *rgb, struct nn_error *err)
{
    if (l->opt.augment != NULL) {
        struct nn_rng rng = nn_rng_make(l->opt.seed, stream);
        enum nn_status st =
            nn_augment_apply(&l->augment, &rng, img, l->opt.size, rgb);
        return st ? nn_fail(err, st, "cannot make a view: %s",
                            nn_status_str(st))
                  : NN_OK;
    }
    return nn_prepare_bytes(&l->first, img, rgb, err);
}

static void set_failure(struct nn_loader *l, const struct nn_error *err)
{
    pthread_mutex_lock(&l->lock);
    if (l->failure.status == NN_OK) {
        l->failure = *err;
    }
    pthread_mutex_unlock(&l->lock);
}

/* Who draws: a fingerprinted image may do so by its content. */
static uint64_t who_draws(const struct nn_loader *l, uint32_t item)
{
    uint64_t content = l->ds->items[item].hash;

    return l->opt.by_content && content != 0 ? content : item;
}

/* The bytes of one image's view; *bad is set when the image is at fault. */
static enum nn_status view_one(struct nn_loader *l, size_t at, uint64_t epoch,
                               uint8_t *rgb, struct nn_told *told, int *bad,
                               struct nn_error *err)
{
    uint32_t item = l->order[at];
    struct nn_image img = NN_IMAGE_INIT;
    int plain = l->opt.augment == NULL, own = 0;
    enum nn_status st;

    *bad = 0;
    if (plain && nn_inputs_get(l->ds, item, &l->first, rgb)) {
        return NN_OK;
    }
    st = get_image(l, item, &img, told, &own, err);
    if (st) {
        *bad = 1;
        return st;
    }
    st = make_view(l, &img,
                   nn_rng_stream(epoch, who_draws(l, item), l->view[at]), rgb,
                   err);
    if (st) {
        goto out;
    }
    if (plain) {
        nn_inputs_put(l->ds, item, &l->first, rgb);
    }
out:
    if (own) {
        nn_image_release(&img);
    }
    return st;
}

static enum nn_status fill_one(struct nn_loader *l, size_t at, uint64_t epoch,
                               uint8_t *rgb, struct slot *s, size_t i, int *bad,
                               struct nn_error *err)
{
    float *input = s->input + i * l->view_bytes;
    enum nn_status st = view_one(l, at, epoch, rgb, &s->cell[i].told, bad, err);

    if (st) {
        return st;
    }
    nn_normalise(rgb, l->view_bytes / 3, l->opt.mean, l->opt.stddev, input);
    return NN_OK;
}

static enum nn_status put_second(const struct nn_loader *l,
                                 const struct nn_image *img, uint8_t *rgb,
                                 float *out, struct nn_error *err)
{
    enum nn_status st = nn_prepare_bytes(&l->second, img, rgb, err);

    if (st) {
        return st;
    }
    nn_normalise(rgb, l->second_bytes / 3, l->second.mean, l->second.stddev,
                 out);
    return NN_OK;
}

/* Does an image that waits take no more memory than the input it makes? */
static int is_small(const struct nn_loader *l, const struct nn_image *img)
{
    return (size_t)img->w * (size_t)img->h * 3 <=
           l->second_bytes * sizeof(float);
}

/* The first input, and what makes the second where somebody asks for it: the
 * image, or the bytes where it does not serve. Only what is made of an image
 * too large to wait is made at once. */
static enum nn_status fill_two(struct nn_loader *l, uint32_t item, uint8_t *rgb,
                               struct slot *s, size_t i, int *bad,
                               struct nn_error *err)
{
    struct cell *c = &s->cell[i];
    struct nn_image img = NN_IMAGE_INIT;
    struct nn_image_info info;
    int keep_bytes = 0;
    enum nn_status st = nn_dataset_read(l->ds, item, &c->bytes, &c->size, err);

    *bad = 1;
    if (st) {
        goto out;
    }
    st = nn_decode_for(c->bytes, c->size, l->first.side, &img, &info, err);
    if (st) {
        goto out;
    }
    *bad = 0;
    tell(&info, &c->told);
    st = nn_prepare_bytes(&l->first, &img, rgb, err);
    if (st) {
        goto out;
    }
    nn_normalise(rgb, l->view_bytes / 3, l->first.mean, l->first.stddev,
                 s->input + i * l->view_bytes);
    if (!nn_decode_serves(&info, l->first.side, l->second.side)) {
        keep_bytes = 1;
    } else if (is_small(l, &img)) {
        c->img = img;
        img = (struct nn_image)NN_IMAGE_INIT;
    } else {
        st = put_second(l, &img, rgb, s->second + i * l->second_bytes, err);
    }
out:
    if (!keep_bytes) {
        nn_mem_free(c->bytes);
        c->bytes = NULL;
    }
    nn_image_release(&img);
    return st;
}

void nn_loader_fill(struct nn_loader *l, size_t at, uint64_t epoch,
                    uint8_t *rgb)
{
    size_t batch = (size_t)l->opt.batch, i = at % batch;
    struct slot *s = &l->slot[at / batch % (size_t)l->opt.prefetch];
    struct nn_error err = NN_ERROR_INIT;
    double since = nn_time_s();
    int bad;
    enum nn_status st;

    s->index[i] = l->order[at];
    s->row[i] = (uint32_t)(at + l->skipped);
    s->cell[i].why.status = NN_OK;
    s->cell[i].told = (struct nn_told){ .note = "" };
    st = l->second_bytes > 0 ? fill_two(l, l->order[at], rgb, s, i, &bad, &err)
                             : fill_one(l, at, epoch, rgb, s, i, &bad, &err);
    if (st) {
        err.status = st; /* a generator may not have filled it */
        s->cell[i].why = err;
        if (!bad || st == NN_ERR_NOMEM) {
            set_failure(l, &err);
        }
    }
    s->cell[i].seconds = (float)(nn_time_s() - since);
}

void nn_loader_report(struct nn_loader *l, size_t row, uint32_t item,
                      const struct nn_error *why)
{
    int first = !l->bad[item];

    l->bad[item] = 1;
    l->stats.failed += (size_t)first;
    if (l->opt.failed != NULL) {
        l->opt.failed(l->opt.failed_ctx, row, item, why);
    } else if (first) {
        nn_log(NN_LOG_WARN, "left out '%s': %s", l->ds->items[item].file,
               why->text);
    }
}
/* --- the second input --- */

struct completing {
    const struct nn_loader *l;
    struct slot *slot;
    const uint8_t *want;
};

static void complete_one(void *ctx, size_t i)
{
    const struct completing *k = ctx;
    const struct nn_loader *l = k->l;
    struct cell *c = &k->slot->cell[i];
    enum nn_status st = NN_OK;

    if (!k->want[i] || (c->bytes == NULL && c->img.rgb == NULL)) {
        return;
    }
    if (c->img.rgb == NULL) {
        st = nn_decode_for(c->bytes, c->size, l->second.side, &c->img, NULL,
                           &c->why);
    }
    if (st == NN_OK) {
        st = nn_prepare(&l->second, &c->img,
                        k->slot->second + i * l->second_bytes, &c->why);
    }
    c->why.status = st;
    nn_image_release(&c->img);
    nn_mem_free(c->bytes);
    c->bytes = NULL;
}

enum nn_status nn_loader_second(struct nn_loader *l, uint8_t *want,
                                struct nn_error *err)
{
    struct slot *s = &l->slot[l->batch_no % (size_t)l->opt.prefetch];
    struct completing k = { l, s, want };

    if (s->second == NULL || s->n == 0) {
        return nn_fail(err, NN_ERR_ARG, "no batch with a second input");
    }
    nn_parallel_for((size_t)s->kept, complete_one, &k);
    for (int32_t i = 0; i < s->kept; i++) {
        const struct nn_error *why = &s->cell[i].why;

        if (!want[i] || why->status == NN_OK) {
            continue;
        }
        if (why->status == NN_ERR_NOMEM) {
            return nn_fail_nomem(err);
        }
        want[i] = 0;
        pthread_mutex_lock(&l->lock);
        nn_loader_report(l, s->row[i], s->index[i], why);
        pthread_mutex_unlock(&l->lock);
    }
    return NN_OK;
}
