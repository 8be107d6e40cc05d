/* What images cost: decoding, and training that is fed by the loader. */
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/train/train.h"
#include "pipelines/bench/bench.h"
#include "pipelines/bench/clock.h"
#include "pipelines/bench/training.h"

/* Batches of a pass before its clock starts, and behind the last one that is
 * timed: the loader then works as in the middle of an epoch. */
enum { BATCHES_BEFORE = 4, BATCHES_BEHIND = 8 };

/* --- decoding --- */

struct decoding {
    const struct nn_dataset *ds;
    const struct nn_net_spec *spec;
    size_t n;
    uint8_t **bytes;
    size_t *size;
    uint8_t *rgb; /* [n,to,to,3] */
    enum nn_status *status;
};

static void read_one(void *ctx, size_t i)
{
    struct decoding *d = ctx;
    struct nn_error why = NN_ERROR_INIT;

    d->status[i] = nn_dataset_read(d->ds, i, &d->bytes[i], &d->size[i], &why);
}

/* As the loader and the scorer do it. */
static void decode_one(void *ctx, size_t i)
{
    struct decoding *d = ctx;
    struct nn_error why = NN_ERROR_INIT;
    struct nn_input in = nn_net_input(d->spec);
    struct nn_image img = NN_IMAGE_INIT;
    size_t side = (size_t)in.size;
    enum nn_status st =
        nn_decode_for(d->bytes[i], d->size[i], in.side, &img, NULL, &why);

    if (st) {
        goto out;
    }
    st = nn_prepare_bytes(&in, &img, d->rgb + i * side * side * 3, &why);
out:
    nn_image_release(&img);
    d->status[i] = st;
}

/* Run fn on every image; the first failure. */
static enum nn_status each(struct decoding *d, nn_parallel_fn *fn,
                           struct nn_error *err)
{
    nn_parallel_for(d->n, fn, d);
    for (size_t i = 0; i < d->n; i++) {
        if (d->status[i]) {
            return nn_fail(err, d->status[i], "cannot decode '%s'",
                           d->ds->items[i].file);
        }
    }
    return NN_OK;
}

static enum nn_status take_images(struct decoding *d, struct bench_decode *out,
                                  struct nn_error *err)
{
    struct nn_image_options opt = nn_image_defaults();
    struct nn_image_info info = { 0 };
    size_t side = (size_t)d->spec->size;
    enum nn_status st;

    d->bytes = nn_mem_calloc(d->n, sizeof *d->bytes);
    d->size = nn_mem_calloc(d->n, sizeof *d->size);
    d->rgb = nn_mem_calloc(d->n, side * side * 3);
    d->status = nn_mem_calloc(d->n, sizeof *d->status);
    if (d->bytes == NULL || d->size == NULL || d->rgb == NULL ||
        d->status == NULL) {
        return nn_fail_nomem(err);
    }
    st = each(d, read_one, err);
    if (st) {
        return st;
    }
    st = nn_image_probe(d->bytes[0], d->size[0], &opt, &info, err);
    if (st) {
        return st;
    }
    out->n = d->n;
    out->w = info.w;
    out->h = info.h;
    out->to = d->spec->size;
    for (size_t i = 0; i < d->n; i++) {
        out->bytes += (double)d->size[i] / (double)d->n;
    }
    return NN_OK;
}

static void decoding_release(struct decoding *d)
{
    for (size_t i = 0; d->bytes != NULL && i < d->n; i++) {
        nn_mem_free(d->bytes[i]);
    }
    nn_mem_free(d->bytes);
    nn_mem_free(d->size);
    nn_mem_free(d->rgb);
    nn_mem_free(d->status);
}

enum nn_status bench_measure_decode(const struct bench_plan *p,
                                    const struct nn_dataset *ds,
                                    const struct nn_net_spec *spec,
                                    struct bench_decode *out,
                                    struct nn_error *err)
{
    struct decoding d = { .ds = ds, .spec = spec, .n = ds->n };
    double s[BENCH_MAX_ROUNDS];
    enum nn_status st;

    *out = (struct bench_decode){ 0 };
    st = take_images(&d, out, err);
    if (st) {
        goto out;
    }
    for (int i = -1; i < p->rounds; i++) { /* the first warms up */
        double t0 = nn_time_s();

        st = each(&d, decode_one, err);
        if (st) {
            goto out;
        }
        s[i < 0 ? 0 : i] = nn_time_s() - t0;
    }
    out->rate = bench_rate_of(s, (size_t)p->rounds, (double)d.n);
out:
    decoding_release(&d);
    return st;
}

/* --- the loader --- */

struct feeding {
    struct bench_training *training;
    struct nn_loader *loader;
    uint32_t *index; /* all images over and over */
    size_t n_index;
    int32_t batch;
    int steps;
    double bare_s, fed_s, wait_s; /* of the last round */
};

static enum nn_status feeding_init(struct feeding *f,
                                   const struct bench_plan *p,
                                   const struct nn_dataset *ds,
                                   const struct nn_net *net,
                                   struct nn_error *err)
{
    const struct nn_train_options defaults = nn_train_defaults();
    struct nn_loader_options o = {
        .batch = p->train[0],
        .size = net->spec.size,
        .seed = 1,
        .augment = &defaults.augment,
    };
    enum nn_status st;

    memcpy(o.mean, net->spec.mean, sizeof o.mean);
    memcpy(o.stddev, net->spec.stddev, sizeof o.stddev);
    f->batch = p->train[0];
    f->steps = p->steps;
    f->n_index =
        (size_t)(BATCHES_BEFORE + p->steps + BATCHES_BEHIND) * (size_t)f->batch;
    f->index = nn_mem_calloc(f->n_index, sizeof *f->index);
    if (f->index == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < f->n_index; i++) {
        f->index[i] = (uint32_t)(i % ds->n);
    }
    st = nn_loader_create(ds, &o, &f->loader, err);
    if (st) {
        return st;
    }
    return bench_training_create(net->graph, f->batch, &f->training, err);
}

static void feeding_release(struct feeding *f)
{
    nn_loader_destroy(&f->loader);
    bench_training_destroy(&f->training);
    nn_mem_free(f->index);
}

/* n batches of the pass and a step on each, or, without a loader, n steps on
 * the batch in memory. *seconds is what they took. */
static enum nn_status run_steps(struct feeding *f, int fed, int n,
                                double *seconds, struct nn_error *err)
{
    struct nn_batch b = { .n = f->batch };
    double t0 = nn_time_s();
    enum nn_status st;

    for (int i = 0; i < n; i++) {
        if (fed) {
            st = nn_loader_next(f->loader, &b, err);
            if (st) {
                return st;
            }
        }
        st = bench_training_step(f->training, b.input, b.n, NULL, err);
        if (st) {
            return st;
        }
    }
    *seconds = nn_time_s() - t0;
    return NN_OK;
}

static enum nn_status feeding_round(struct feeding *f, int round,
                                    struct nn_error *err)
{
    struct nn_loader_stats before, after;
    double warm;
    enum nn_status st = run_steps(f, 0, BATCHES_BEFORE, &warm, err);

    if (st) {
        return st;
    }
    st = run_steps(f, 0, f->steps, &f->bare_s, err);
    if (st) {
        return st;
    }
    st = nn_loader_start(f->loader, f->index, f->n_index, (uint64_t)round, 0,
                         err);
    if (st) {
        return st;
    }
    st = run_steps(f, 1, BATCHES_BEFORE, &warm, err);
    if (st) {
        return st;
    }
    nn_loader_get_stats(f->loader, &before);
    st = run_steps(f, 1, f->steps, &f->fed_s, err);
    if (st) {
        return st;
    }
    nn_loader_get_stats(f->loader, &after);
    f->wait_s = after.wait_s - before.wait_s;
    return NN_OK;
}

/* Every image once through the loader, so that its cache holds them all. */
static enum nn_status fill_cache(struct feeding *f, size_t n,
                                 struct nn_error *err)
{
    struct nn_batch b = { 0 };
    enum nn_status st = nn_loader_start(
        f->loader, f->index, n < f->n_index ? n : f->n_index, 0, 0, err);

    if (st) {
        return st;
    }
    do {
        st = nn_loader_next(f->loader, &b, err);
        if (st) {
            return st;
        }
    } while (b.n > 0);
    return NN_OK;
}

enum nn_status bench_measure_loader(const struct bench_plan *p,
                                    const struct nn_dataset *ds,
                                    struct bench_net_result *out,
                                    struct nn_error *err)
{
    struct feeding f = { 0 };
    double bare[BENCH_MAX_ROUNDS], fed[BENCH_MAX_ROUNDS],
        share[BENCH_MAX_ROUNDS];
    size_t n = (size_t)p->rounds;
    double images;
    enum nn_status st = feeding_init(&f, p, ds, out->net, err);

    if (st) {
        goto out;
    }
    st = fill_cache(&f, ds->n, err);
    if (st) {
        goto out;
    }
    for (int i = 0; i < p->rounds; i++) {
        st = feeding_round(&f, i + 1, err);
        if (st) {
            goto out;
        }
        bare[i] = f.bare_s;
        fed[i] = f.fed_s;
        share[i] = f.wait_s / f.fed_s;
    }
    images = (double)f.batch * f.steps;
    out->loader.batch = p->train[0];
    out->loader.wait_share = bench_median(share, n);
    out->loader.bare = bench_rate_of(bare, n, images);
    out->loader.fed = bench_rate_of(fed, n, images);
out:
    feeding_release(&f);
    return st;
}
