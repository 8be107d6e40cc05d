#include "common/data/loader_internal.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"

#define DEFAULT_CACHE ((size_t)1 << 30)
enum { DEFAULT_PREFETCH = 4, MAX_WORKERS = 64, MAX_SIZE = 16384 };

/* --- workers --- */

/* 1 when position `next` exists and its slot is free. */
static int can_work(const struct nn_loader *l)
{
    return l->next < l->pass_n && l->next / (size_t)l->opt.batch <
                                      l->batch_no + (size_t)l->opt.prefetch;
}

/* Images in batch number b of the pass. */
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

    nn_context_set(l->context);
    pthread_mutex_lock(&l->lock);
    while (!l->quit) {
        size_t at, number, following;
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
        following = at + (size_t)l->n_threads;
        following = l->opt.expect && following < l->pass_n ? following : 0;
        pthread_mutex_unlock(&l->lock);
        if (following > 0) {
            nn_dataset_expect(l->ds, l->order[following], SIZE_MAX);
        }
        nn_loader_fill(l, at, epoch, w->rgb);
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
    l->first = (struct nn_input){ .size = o->size, .side = l->opt.cache_side };
    memcpy(l->first.mean, o->mean, sizeof o->mean);
    memcpy(l->first.stddev, o->stddev, sizeof o->stddev);
    if (o->second != NULL) {
        l->second = *o->second;
        l->second_bytes = (size_t)l->second.size * (size_t)l->second.size * 3;
    }
}

struct nn_loader_options nn_loader_once(const struct nn_input *in, size_t n,
                                        int32_t max_batch)
{
    struct nn_loader_options o = {
        .batch = n < (size_t)max_batch ? (int32_t)n : max_batch,
        .size = in->size,
        .cache_side = in->side,
        .cache_bytes = 1,
        .expect = 1,
    };
    size_t ahead = 2 * (size_t)nn_parallel_threads(), batch, batches;

    o.batch = o.batch > 0 ? o.batch : 1;
    batch = (size_t)o.batch;
    batches = (n + batch - 1) / batch;
    /* One batch under way and one ahead, or two images a worker. */
    o.prefetch = ahead > 2 * batch ? (int)((ahead + batch - 1) / batch) : 2;
    if (batches < (size_t)o.prefetch) {
        o.prefetch = batches > 0 ? (int)batches : 1;
    }
    if (n < (size_t)nn_parallel_threads()) {
        o.threads = n > 0 ? (int)n : 1;
    }
    memcpy(o.mean, in->mean, sizeof o.mean);
    memcpy(o.stddev, in->stddev, sizeof o.stddev);
    return o;
}

static enum nn_status allocate_slot(const struct nn_loader *l, struct slot *s)
{
    size_t batch = (size_t)l->opt.batch, floats;

    if (nn_size_mul(batch, l->view_bytes, &floats)) {
        return NN_ERR_NOMEM;
    }
    s->input = nn_mem_aligned(floats, sizeof(float));
    s->index = nn_mem_calloc(batch, sizeof *s->index);
    s->row = nn_mem_calloc(batch, sizeof *s->row);
    s->cell = nn_mem_calloc(batch, sizeof *s->cell);
    s->seconds = nn_mem_calloc(batch, sizeof *s->seconds);
    if (s->input == NULL || s->index == NULL || s->row == NULL ||
        s->cell == NULL || s->seconds == NULL) {
        return NN_ERR_NOMEM;
    }
    if (l->second_bytes == 0) {
        return NN_OK;
    }
    if (nn_size_mul(batch, l->second_bytes, &floats)) {
        return NN_ERR_NOMEM;
    }
    s->second = nn_mem_aligned(floats, sizeof(float));
    return s->second == NULL ? NN_ERR_NOMEM : NN_OK;
}

static enum nn_status allocate(struct nn_loader *l)
{
    size_t view =
        l->view_bytes > l->second_bytes ? l->view_bytes : l->second_bytes;
    l->slot = nn_mem_calloc((size_t)l->opt.prefetch, sizeof *l->slot);
    l->cache = nn_mem_calloc(l->ds->n, sizeof *l->cache);
    l->bad = nn_mem_calloc(l->ds->n, 1);
    l->count = nn_mem_calloc(l->ds->n, sizeof *l->count);
    l->worker = nn_mem_calloc((size_t)l->n_workers, sizeof *l->worker);
    if (l->slot == NULL || l->cache == NULL || l->bad == NULL ||
        l->count == NULL || l->worker == NULL) {
        return NN_ERR_NOMEM;
    }
    for (int i = 0; i < l->opt.prefetch; i++) {
        if (allocate_slot(l, &l->slot[i])) {
            return NN_ERR_NOMEM;
        }
    }
    for (int i = 0; i < l->n_workers; i++) {
        l->worker[i].l = l;
        l->worker[i].rgb = nn_mem_calloc(view, 1);
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
    if (o->second != NULL && (o->augment != NULL || o->second->size < 1 ||
                              o->second->size > MAX_SIZE)) {
        return nn_fail(err, NN_ERR_ARG,
                       "a second input has a size of 1 to %d, and no "
                       "augmentation",
                       MAX_SIZE);
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
    l->context = nn_context_get();
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

/* What waits for nn_loader_second(). */
static void forget_waiting(const struct nn_loader *l, struct slot *s)
{
    for (int32_t i = 0; s->cell != NULL && i < l->opt.batch; i++) {
        nn_image_release(&s->cell[i].img);
        nn_mem_free(s->cell[i].bytes);
        s->cell[i].bytes = NULL;
    }
}

static void release_slot(const struct nn_loader *l, struct slot *s)
{
    forget_waiting(l, s);
    nn_mem_free(s->input);
    nn_mem_free(s->second);
    nn_mem_free(s->index);
    nn_mem_free(s->row);
    nn_mem_free(s->cell);
    nn_mem_free(s->seconds);
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
        release_slot(l, &l->slot[i]);
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

/* Stop handing out positions and wait for the images under way. */
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
    if (st) {
        goto out;
    }
    l->next = 0;
    l->batch_no = 0;
    l->epoch = epoch;
    l->pass_n = n - skip;
    l->skipped = skip;
    for (int i = 0; i < l->opt.prefetch; i++) {
        forget_waiting(l, &l->slot[i]);
        l->slot[i].done = 0;
        l->slot[i].n = 0;
    }
    pthread_cond_broadcast(&l->work);
out:
    pthread_mutex_unlock(&l->lock);
    return st;
}

static void move_cell(const struct nn_loader *l, struct slot *s, int32_t from,
                      int32_t to)
{
    size_t f = (size_t)from, t = (size_t)to;

    memcpy(s->input + t * l->view_bytes, s->input + f * l->view_bytes,
           l->view_bytes * sizeof(float));
    if (s->second != NULL) {
        memcpy(s->second + t * l->second_bytes, s->second + f * l->second_bytes,
               l->second_bytes * sizeof(float));
    }
    s->index[t] = s->index[f];
    s->row[t] = s->row[f];
    s->cell[t] = s->cell[f];
    s->cell[f].img = (struct nn_image)NN_IMAGE_INIT;
    s->cell[f].bytes = NULL;
}

/* Move the good images of a batch together and report the others. */
static int32_t compact(struct nn_loader *l, struct slot *s, int32_t n)
{
    int32_t kept = 0;

    for (int32_t i = 0; i < n; i++) {
        if (s->cell[i].why.status != NN_OK) {
            nn_loader_report(l, s->row[i], s->index[i], &s->cell[i].why);
            continue;
        }
        const struct nn_told *told = &s->cell[i].told;

        if (l->opt.noted != NULL &&
            (told->note[0] != '\0' || !nn_shot_is_empty(&told->shot))) {
            l->opt.noted(l->opt.failed_ctx, s->row[i], told);
        }
        if (kept != i) {
            move_cell(l, s, i, kept);
        }
        s->seconds[kept] = s->cell[kept].seconds;
        kept++;
    }
    return kept;
}

/* Give the slot of the batch that the consumer held back to the workers. */
static void recycle(struct nn_loader *l)
{
    struct slot *s = &l->slot[l->batch_no % (size_t)l->opt.prefetch];

    if (s->n > 0) {
        forget_waiting(l, s);
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
    /* A batch of unreadable images only is passed over. */
    while (b->n == 0) {
        struct slot *s;
        int32_t n;

        recycle(l);
        n = batch_size(l, l->batch_no);
        if (n == 0) {
            goto out;
        }
        s = &l->slot[l->batch_no % (size_t)l->opt.prefetch];
        while (s->done < n && l->failure.status == NN_OK) {
            set_urgent(l, 1);
            pthread_cond_wait(&l->ready, &l->lock);
        }
        set_urgent(l, 0);
        if (l->failure.status != NN_OK) {
            st = nn_fail(err, l->failure.status, "%s", l->failure.text);
            goto out;
        }
        s->n = n;
        s->kept = compact(l, s, n);
        b->n = s->kept;
        b->input = s->input;
        b->second = s->second;
        b->index = s->index;
        b->row = s->row;
        b->seconds = s->seconds;
    }
out:
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
