#include "common/data/loader.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/data/normalise.h"

#define DEFAULT_CACHE ((size_t)1 << 30)
enum { DEFAULT_PREFETCH = 4, MAX_WORKERS = 64, MAX_SIZE = 16384 };

/* One batch under way. Its pictures are the positions
 * number * batch .. + n - 1 of the pass. */
struct slot {
    float *input;    /* [batch,size,size,3] */
    uint32_t *index; /* [batch] */
    uint8_t *ok;     /* [batch] */
    int32_t n;       /* pictures, once the consumer holds it; else 0 */
    int32_t done;
};

struct worker {
    struct nn_loader *l;
    pthread_t thread;
    uint8_t *rgb; /* [size,size,3] one view */
};

struct nn_loader {
    const struct nn_dataset *ds;
    struct nn_loader_options opt;
    struct nn_augment augment;
    size_t view_bytes;
    struct slot *slot;      /* [prefetch], a ring over batch numbers */
    struct nn_image *cache; /* [ds->n] */
    uint8_t *bad;           /* [ds->n] 1: warned of */
    uint32_t *count;        /* [ds->n] occurrences, while starting a pass */
    uint32_t *order, *view; /* [pass_n] items, and which occurrence each is */
    size_t order_cap, view_cap;
    struct worker *worker; /* [n_workers], of which n_threads run */
    int n_workers, n_threads;
    pthread_mutex_t lock;
    pthread_cond_t work, ready;
    /* The rest is guarded by lock. */
    size_t pass_n;   /* positions of the pass */
    size_t next;     /* position that the next worker takes */
    size_t batch_no; /* batch that the consumer waits for or holds */
    int busy;        /* workers on a picture */
    int quit;
    int urgent; /* the workers have the priority of other threads */
    struct nn_error failure; /* first error that is no picture's fault */
    uint64_t epoch;
    struct nn_loader_stats stats;
};

/* --- one picture --- */

static void warn_bad(struct nn_loader *l, uint32_t item,
                     const struct nn_error *err)
{
    int first;

    pthread_mutex_lock(&l->lock);
    first = !l->bad[item];
    l->bad[item] = 1;
    l->stats.failed += (size_t)first;
    pthread_mutex_unlock(&l->lock);
    if (first) {
        nn_log(NN_LOG_WARN, "left out '%s': %s", l->ds->items[item].file,
               err->text);
    }
}

static enum nn_status read_picture(struct nn_loader *l, uint32_t item,
                                   struct nn_image *img, struct nn_error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    enum nn_status st = nn_dataset_read(l->ds, item, &bytes, &size, err);

    if (!st) {
        st = nn_picture_prepare(bytes, size, l->opt.cache_side, img, err);
    }
    nn_mem_free(bytes);
    return st;
}

/* The prepared picture, from the cache when it is there. *own is set when the
 * caller must release it. Cached pictures are never changed or freed while
 * workers run, so reading one needs no lock once it is seen. */
static enum nn_status get_picture(struct nn_loader *l, uint32_t item,
                                  struct nn_image *img, int *own,
                                  struct nn_error *err)
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
    st = read_picture(l, item, img, err);
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

/* A view of a prepared picture. Its errors are the caller's options or want
 * of memory, never the picture. */
static enum nn_status make_view(const struct nn_loader *l,
                                const struct nn_image *img, uint64_t stream,
                                uint8_t *rgb, struct nn_error *err)
{
    struct nn_rng rng = nn_rng_make(l->opt.seed, stream);
    enum nn_status st;

    if (l->opt.augment != NULL) {
        st = nn_augment_apply(&l->augment, &rng, img, l->opt.size, rgb);
    } else {
        st = nn_image_fit(img, l->opt.fit, l->opt.crop_share, l->opt.size, rgb);
    }
    return st ? nn_fail(err, st, "cannot make a view: %s", nn_status_str(st))
              : NN_OK;
}

/* --- workers --- */

/* 1 when position `next` exists and its slot is free. */
static int can_work(const struct nn_loader *l)
{
    return l->next < l->pass_n && l->next / (size_t)l->opt.batch <
                                      l->batch_no + (size_t)l->opt.prefetch;
}

static void set_failure(struct nn_loader *l, const struct nn_error *err)
{
    pthread_mutex_lock(&l->lock);
    if (l->failure.status == NN_OK) {
        l->failure = *err;
    }
    pthread_mutex_unlock(&l->lock);
}

static void fill_position(struct nn_loader *l, size_t at, uint64_t epoch,
                          uint8_t *rgb)
{
    size_t batch = (size_t)l->opt.batch, i = at % batch;
    struct slot *s = &l->slot[at / batch % (size_t)l->opt.prefetch];
    uint32_t item = l->order[at];
    struct nn_image img = NN_IMAGE_INIT;
    struct nn_error err = NN_ERROR_INIT;
    int own = 0;
    enum nn_status st = get_picture(l, item, &img, &own, &err);

    s->index[i] = item;
    s->ok[i] = st == NN_OK;
    if (st && st != NN_ERR_NOMEM) {
        warn_bad(l, item, &err);
        return;
    }
    if (!st) {
        st = make_view(l, &img, nn_rng_stream(epoch, item, l->view[at]), rgb,
                       &err);
    }
    if (st) {
        err.status = st; /* a generator may not have filled it */
        set_failure(l, &err);
    } else {
        nn_normalise(rgb, l->view_bytes / 3, l->opt.mean, l->opt.stddev,
                     s->input + i * l->view_bytes);
    }
    if (own) {
        nn_image_release(&img);
    }
}

/* Pictures in batch number b of the pass. */
static int32_t batch_size(const struct nn_loader *l, size_t b)
{
    size_t from = b * (size_t)l->opt.batch;
    size_t left = from < l->pass_n ? l->pass_n - from : 0;

    return left < (size_t)l->opt.batch ? (int32_t)left : l->opt.batch;
}

/* While there are batches ready, workers take only time that nobody wants: a
 * worker that displaces a compute thread makes all of these wait at their next
 * barrier (training of the default gate on 2 cores: 228 images/s when workers
 * were equals, 280 when they stand back). A consumer that waits for a batch
 * makes them equals again, so that a busy machine cannot starve them. Where the
 * system refuses, nothing but speed is lost. */
static void set_urgent(struct nn_loader *l, int urgent)
{
    const struct sched_param none = { 0 };

    if (urgent == l->urgent) {
        return;
    }
    l->urgent = urgent;
    for (int i = 0; i < l->n_threads; i++) {
        (void)pthread_setschedparam(l->worker[i].thread,
                                    urgent ? SCHED_OTHER : SCHED_IDLE, &none);
    }
}

static void *work(void *ctx)
{
    struct worker *w = ctx;
    struct nn_loader *l = w->l;

    pthread_mutex_lock(&l->lock);
    while (!l->quit) {
        size_t at, number;
        uint64_t epoch;
        struct slot *s;

        if (!can_work(l)) {
            pthread_cond_wait(&l->work, &l->lock);
            continue;
        }
        at = l->next++;
        epoch = l->epoch;
        number = at / (size_t)l->opt.batch;
        s = &l->slot[number % (size_t)l->opt.prefetch];
        l->busy++;
        pthread_mutex_unlock(&l->lock);
        fill_position(l, at, epoch, w->rgb);
        pthread_mutex_lock(&l->lock);
        l->busy--;
        s->done++;
        if (s->done == batch_size(l, number) || l->busy == 0 ||
            l->failure.status != NN_OK) {
            pthread_cond_broadcast(&l->ready);
        }
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* --- life --- */

static void set_defaults(struct nn_loader *l, const struct nn_loader_options *o)
{
    l->opt = *o;
    if (o->cache_side <= 0) {
        l->opt.cache_side = o->size + o->size / 4;
    }
    if (o->cache_bytes == 0) {
        long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
        size_t quarter = pages > 0 && page > 0
                             ? (size_t)pages / 4 * (size_t)page
                             : DEFAULT_CACHE;

        l->opt.cache_bytes = quarter < DEFAULT_CACHE ? quarter : DEFAULT_CACHE;
    }
    if (o->prefetch <= 0) {
        l->opt.prefetch = DEFAULT_PREFETCH;
    }
    l->n_workers = o->threads > 0 ? o->threads : nn_parallel_threads();
    l->n_workers = l->n_workers < MAX_WORKERS ? l->n_workers : MAX_WORKERS;
    if (o->augment != NULL) {
        l->augment = *o->augment;
        l->opt.augment = &l->augment;
    }
    l->view_bytes = (size_t)o->size * (size_t)o->size * 3;
}

static enum nn_status allocate(struct nn_loader *l)
{
    size_t batch = (size_t)l->opt.batch, cells;

    l->slot = nn_mem_calloc((size_t)l->opt.prefetch, sizeof *l->slot);
    l->cache = nn_mem_calloc(l->ds->n, sizeof *l->cache);
    l->bad = nn_mem_calloc(l->ds->n, 1);
    l->count = nn_mem_calloc(l->ds->n, sizeof *l->count);
    l->worker = nn_mem_calloc((size_t)l->n_workers, sizeof *l->worker);
    if (l->slot == NULL || l->cache == NULL || l->bad == NULL ||
        l->count == NULL || l->worker == NULL ||
        nn_size_mul(batch, l->view_bytes, &cells)) {
        return NN_ERR_NOMEM;
    }
    for (int i = 0; i < l->opt.prefetch; i++) {
        l->slot[i].input = nn_mem_aligned(cells, sizeof(float));
        l->slot[i].index = nn_mem_calloc(batch, sizeof(uint32_t));
        l->slot[i].ok = nn_mem_calloc(batch, 1);
        if (l->slot[i].input == NULL || l->slot[i].index == NULL ||
            l->slot[i].ok == NULL) {
            return NN_ERR_NOMEM;
        }
    }
    for (int i = 0; i < l->n_workers; i++) {
        l->worker[i].l = l;
        l->worker[i].rgb = nn_mem_calloc(l->view_bytes, 1);
        if (l->worker[i].rgb == NULL) {
            return NN_ERR_NOMEM;
        }
    }
    return NN_OK;
}

static enum nn_status start_threads(struct nn_loader *l, struct nn_error *err)
{
    while (l->n_threads < l->n_workers &&
           pthread_create(&l->worker[l->n_threads].thread, NULL, work,
                          &l->worker[l->n_threads]) == 0) {
        l->n_threads++;
    }
    l->urgent = 1;
    return l->n_threads > 0
               ? NN_OK
               : nn_fail(err, NN_ERR_NOMEM, "cannot start a loader thread");
}

static enum nn_status check_options(const struct nn_loader_options *o,
                                    struct nn_error *err)
{
    if (o->batch < 1 || o->size < 1 || o->size > MAX_SIZE) {
        return nn_fail(err, NN_ERR_ARG, "batch must be 1 or more, size 1 to %d",
                       MAX_SIZE);
    }
    for (int c = 0; c < 3; c++) {
        if (!(o->stddev[c] > 0)) {
            return nn_fail(err, NN_ERR_ARG, "stddev must be above 0");
        }
    }
    if (o->augment == NULL && o->fit == NN_FIT_CROP &&
        !(o->crop_share > 0 && o->crop_share <= 1)) {
        return nn_fail(err, NN_ERR_ARG, "crop_share must be in (0,1]");
    }
    return NN_OK;
}

enum nn_status nn_loader_create(const struct nn_dataset *ds,
                                const struct nn_loader_options *opt,
                                struct nn_loader **out, struct nn_error *err)
{
    struct nn_loader *l;
    enum nn_status st;

    *out = NULL;
    st = check_options(opt, err);
    if (st) {
        return st;
    }
    l = nn_mem_calloc(1, sizeof *l);
    if (l == NULL) {
        return nn_fail_nomem(err);
    }
    l->ds = ds;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->work, NULL);
    pthread_cond_init(&l->ready, NULL);
    set_defaults(l, opt);
    st = allocate(l) ? nn_fail_nomem(err) : start_threads(l, err);
    if (st) {
        nn_loader_destroy(&l);
        return st;
    }
    *out = l;
    return NN_OK;
}

void nn_loader_destroy(struct nn_loader **lp)
{
    struct nn_loader *l = *lp;

    *lp = NULL;
    if (l == NULL) {
        return;
    }
    pthread_mutex_lock(&l->lock);
    l->quit = 1;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; i < l->n_threads; i++) {
        pthread_join(l->worker[i].thread, NULL);
    }
    for (int i = 0; l->worker != NULL && i < l->n_workers; i++) {
        nn_mem_free(l->worker[i].rgb);
    }
    for (int i = 0; l->slot != NULL && i < l->opt.prefetch; i++) {
        nn_mem_free(l->slot[i].input);
        nn_mem_free(l->slot[i].index);
        nn_mem_free(l->slot[i].ok);
    }
    for (size_t i = 0; l->cache != NULL && i < l->ds->n; i++) {
        nn_image_release(&l->cache[i]);
    }
    nn_mem_free(l->slot);
    nn_mem_free(l->cache);
    nn_mem_free(l->bad);
    nn_mem_free(l->count);
    nn_mem_free(l->order);
    nn_mem_free(l->view);
    nn_mem_free(l->worker);
    pthread_cond_destroy(&l->work);
    pthread_cond_destroy(&l->ready);
    pthread_mutex_destroy(&l->lock);
    nn_mem_free(l);
}

/* --- passes --- */

/* Stop handing out positions and wait for the pictures under way. */
static void settle(struct nn_loader *l)
{
    l->pass_n = 0;
    set_urgent(l, 1);
    while (l->busy > 0) {
        pthread_cond_wait(&l->ready, &l->lock);
    }
}

static enum nn_status set_order(struct nn_loader *l, const uint32_t *index,
                                size_t n, size_t skip, struct nn_error *err)
{
    if (nn_mem_grow(&l->order, &l->order_cap, n - skip, sizeof *l->order) ||
        nn_mem_grow(&l->view, &l->view_cap, n - skip, sizeof *l->view)) {
        return nn_fail_nomem(err);
    }
    memset(l->count, 0, l->ds->n * sizeof *l->count);
    for (size_t i = 0; i < n; i++) {
        if (index[i] >= l->ds->n) {
            return nn_fail(err, NN_ERR_ARG, "item %u of %zu", index[i],
                           l->ds->n);
        }
        uint32_t view = l->count[index[i]]++;

        if (i >= skip) {
            l->order[i - skip] = index[i];
            l->view[i - skip] = view;
        }
    }
    return NN_OK;
}

enum nn_status nn_loader_start(struct nn_loader *l, const uint32_t *index,
                               size_t n, uint64_t epoch, size_t skip,
                               struct nn_error *err)
{
    enum nn_status st;

    skip = skip < n ? skip : n;
    pthread_mutex_lock(&l->lock);
    settle(l);
    st = set_order(l, index, n, skip, err);
    if (!st) {
        l->next = 0;
        l->batch_no = 0;
        l->epoch = epoch;
        l->pass_n = n - skip;
        for (int i = 0; i < l->opt.prefetch; i++) {
            l->slot[i].done = 0;
            l->slot[i].n = 0;
        }
        pthread_cond_broadcast(&l->work);
    }
    pthread_mutex_unlock(&l->lock);
    return st;
}

/* Move the good pictures of a batch together. */
static int32_t compact(struct nn_loader *l, struct slot *s, int32_t n)
{
    size_t floats = l->view_bytes;
    int32_t kept = 0;

    for (int32_t i = 0; i < n; i++) {
        if (!s->ok[i]) {
            continue;
        }
        if (kept != i) {
            memmove(s->input + (size_t)kept * floats,
                    s->input + (size_t)i * floats, floats * sizeof(float));
            s->index[kept] = s->index[i];
        }
        kept++;
    }
    return kept;
}

/* Give the slot of the batch that the consumer held back to the workers. */
static void recycle(struct nn_loader *l)
{
    struct slot *s = &l->slot[l->batch_no % (size_t)l->opt.prefetch];

    if (s->n > 0) {
        s->n = 0;
        s->done = 0;
        l->batch_no++;
        pthread_cond_broadcast(&l->work);
    }
}

enum nn_status nn_loader_next(struct nn_loader *l, struct nn_batch *b,
                              struct nn_error *err)
{
    double t0 = nn_time_s();
    enum nn_status st = NN_OK;

    *b = (struct nn_batch){ 0 };
    pthread_mutex_lock(&l->lock);
    /* A batch of unreadable pictures only is passed over. */
    while (!st && b->n == 0) {
        struct slot *s;
        int32_t n;

        recycle(l);
        n = batch_size(l, l->batch_no);
        if (n == 0) {
            break;
        }
        s = &l->slot[l->batch_no % (size_t)l->opt.prefetch];
        while (s->done < n && l->failure.status == NN_OK) {
            set_urgent(l, 1);
            pthread_cond_wait(&l->ready, &l->lock);
        }
        set_urgent(l, 0);
        if (l->failure.status != NN_OK) {
            st = nn_fail(err, l->failure.status, "%s", l->failure.text);
            break;
        }
        s->n = n;
        b->n = compact(l, s, n);
        b->input = s->input;
        b->index = s->index;
    }
    l->stats.wait_s += nn_time_s() - t0;
    pthread_mutex_unlock(&l->lock);
    return st;
}

void nn_loader_get_stats(const struct nn_loader *l, struct nn_loader_stats *s)
{
    struct nn_loader *own = (struct nn_loader *)(uintptr_t)l;

    pthread_mutex_lock(&own->lock);
    *s = l->stats;
    pthread_mutex_unlock(&own->lock);
}
