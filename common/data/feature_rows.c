#include "common/data/feature_rows.h"

#include <string.h>

#include "common/base/cpu.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/feature_cache.h"
#include "common/data/loader.h"

/* From here on a row's bits do not depend on the batch (net.h). */
enum { LEAST_BATCH = 5 };
#define LAYOUT "features 1"

static const struct nn_param *classifier(const struct nn_net *net,
                                         enum nn_param_role role)
{
    return nn_graph_stage_param(net->graph, nn_graph_last_stage(net->graph),
                                role);
}

/* --- the key --- */

static uint64_t hash_weights(const struct nn_net *net, uint64_t h)
{
    const struct nn_param *weight = classifier(net, NN_PARAM_WEIGHT);
    const struct nn_param *bias = classifier(net, NN_PARAM_BIAS), *p;

    for (size_t i = 0; (p = nn_graph_param(net->graph, i)) != NULL; i++) {
        if (p != weight && p != bias) {
            h = nn_hash_u64(net->params.value.data + p->offset,
                            p->count * sizeof(float), h);
        }
    }
    return h;
}

static uint64_t hash_floats(const float *v, size_t n, uint64_t h)
{
    return nn_hash_u64(v, n * sizeof *v, h);
}

static uint64_t hash_augment(const struct nn_augment *a, uint64_t h)
{
    const float v[] = { a->crop_min, a->crop_max,        a->aspect,
                        a->flip,     a->rotate,          a->brightness,
                        a->contrast, a->saturation,      a->hue,
                        a->grey,     a->lowres,          a->lowres_min,
                        a->jpeg,     (float)a->jpeg_min, a->blur,
                        a->erase };

    h = hash_floats(v, sizeof v / sizeof *v, h);
    /* came later: features of views without it keep their key */
    return a->infrared > 0 ? hash_floats(&a->infrared, 1, h) : h;
}

static int is_reduced(const struct nn_net *net,
                      const struct nn_feature_options *opt)
{
    return opt->side > 0 && opt->side < nn_net_input(&net->spec).side;
}

uint64_t nn_feature_key(const struct nn_net *net,
                        const struct nn_feature_options *opt)
{
    const struct nn_net_spec *s = &net->spec;
    const char *arch = nn_arch_info(s->arch)->word;
    const uint64_t ids[] = { (uint64_t)s->size, opt->view, nn_cpu_flags() };
    uint64_t h = nn_hash_u64(LAYOUT, sizeof LAYOUT, 0);

    h = nn_hash_u64(arch, strlen(arch), h);
    h = nn_hash_u64(ids, sizeof ids, h);
    h = hash_floats(&s->width, 1, h);
    h = hash_floats(s->mean, 3, h);
    h = hash_floats(s->stddev, 3, h);
    if (opt->view > 0) {
        h = hash_augment(opt->augment, h);
    }
    if (is_reduced(net, opt)) {
        h = nn_hash_u64(&opt->side, sizeof opt->side, h);
    }
    return hash_weights(net, h);
}

/* --- a pass over what the cache lacks --- */

struct pass {
    const struct nn_dataset *ds;
    const uint32_t *index;
    const struct nn_feature_options *opt;
    struct nn_scorer *scorer;
    struct nn_feature_cache *cache; /* or NULL */
    struct nn_loader *loader;
    float *logits, *padded; /* padded [LEAST_BATCH,S,S,3] */
    size_t pixels;          /* floats of one input */
    uint32_t *todo, *row;   /* items and their rows of x */
    size_t n_todo, dims;
    float *x;
    uint8_t *ok;
};

static void open_cache(struct pass *p, const struct nn_net *net)
{
    struct nn_error why = NN_ERROR_INIT;

    if (p->opt->dir != NULL &&
        nn_feature_cache_open(p->opt->dir, nn_feature_key(net, p->opt), p->dims,
                              p->opt->limit_bytes, &p->cache, &why)) {
        nn_log(NN_LOG_WARN, "features are not kept: %s", why.text);
    }
}

static enum nn_status list_todo(struct pass *p, size_t n, struct nn_error *err)
{
    p->todo = nn_mem_calloc(n, sizeof *p->todo);
    p->row = nn_mem_calloc(n, sizeof *p->row);
    if (p->todo == NULL || p->row == NULL) {
        return nn_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t content = p->ds->items[p->index[i]].hash;

        if (p->cache != NULL && content != 0 &&
            nn_feature_cache_get(p->cache, content, p->x + i * p->dims)) {
            p->ok[i] = 1;
            continue;
        }
        memset(p->x + i * p->dims, 0, p->dims * sizeof *p->x);
        p->todo[p->n_todo] = p->index[i];
        p->row[p->n_todo++] = (uint32_t)i;
    }
    return NN_OK;
}

static enum nn_status open_loader(struct pass *p, const struct nn_net *net,
                                  struct nn_error *err)
{
    struct nn_input in = nn_net_input(&net->spec);
    struct nn_loader_options opt;

    if (is_reduced(net, p->opt)) {
        in.side = p->opt->side;
    }
    opt = nn_loader_once(&in, p->n_todo, p->opt->batch);
    opt.threads = p->opt->threads;
    if (p->opt->view > 0) {
        opt.augment = p->opt->augment;
        opt.by_content = 1;
        opt.cache_side = 0;
    }
    return nn_loader_create(p->ds, &opt, &p->loader, err);
}

/* Rows short of LEAST_BATCH are filled with the first. */
static const float *padded(const struct pass *p, const struct nn_batch *b,
                           int32_t *n)
{
    size_t bytes = p->pixels * sizeof(float);

    *n = b->n;
    if (b->n >= LEAST_BATCH) {
        return b->input;
    }
    *n = LEAST_BATCH;
    for (int32_t i = 0; i < LEAST_BATCH; i++) {
        memcpy(p->padded + (size_t)i * p->pixels,
               b->input + (size_t)(i < b->n ? i : 0) * p->pixels, bytes);
    }
    return p->padded;
}

static enum nn_status take_batch(struct pass *p, const struct nn_batch *b,
                                 struct nn_error *err)
{
    int32_t n;
    const float *input = padded(p, b, &n);
    enum nn_status st = nn_scorer_run(p->scorer, input, n, p->logits, err);

    for (int32_t i = 0; !st && i < b->n; i++) {
        size_t at = p->row[b->row[i]];
        float *x = p->x + at * p->dims;
        uint64_t content = p->ds->items[b->index[i]].hash;

        st = nn_scorer_features(p->scorer, i, x);
        if (st) {
            return st;
        }
        p->ok[at] = 1;
        if (p->cache != NULL && content != 0) {
            nn_feature_cache_put(p->cache, content, x);
        }
    }
    return st;
}

static enum nn_status take_all(struct pass *p, struct nn_progress *bar,
                               struct nn_error *err)
{
    struct nn_batch b;

    for (;;) {
        enum nn_status st = nn_loader_next(p->loader, &b, err);

        if (st || b.n == 0) {
            return st;
        }
        st = take_batch(p, &b, err);
        if (st) {
            return st;
        }
        if (p->opt->label != NULL) {
            nn_progress_update(bar, (int64_t)b.row[b.n - 1] + 1, NULL);
        }
        if (p->opt->stop != NULL && *p->opt->stop) {
            return nn_fail(err, NN_ERR_STOPPED, "stopped");
        }
    }
}

static enum nn_status make_room(struct pass *p, const struct nn_net *net,
                                struct nn_error *err)
{
    int32_t batch = p->opt->batch > LEAST_BATCH ? p->opt->batch : LEAST_BATCH;

    p->pixels = (size_t)net->spec.size * (size_t)net->spec.size * 3;
    p->padded = nn_mem_aligned(p->pixels, LEAST_BATCH * sizeof(float));
    p->logits =
        nn_mem_calloc((size_t)batch, net->spec.n_outputs * sizeof(float));
    if (p->padded == NULL || p->logits == NULL) {
        return nn_fail_nomem(err);
    }
    return nn_scorer_create(net, batch, &p->scorer, err);
}

static enum nn_status compute(struct pass *p, const struct nn_net *net,
                              struct nn_error *err)
{
    struct nn_progress bar;
    enum nn_status st = make_room(p, net, err);

    if (st) {
        return st;
    }
    st = open_loader(p, net, err);
    if (st) {
        return st;
    }
    st = nn_loader_start(p->loader, p->todo, p->n_todo, p->opt->view, 0, err);
    if (st) {
        return st;
    }
    if (p->opt->label != NULL) {
        nn_progress_begin(&bar, p->opt->label, "img", (int64_t)p->n_todo);
    }
    st = take_all(p, &bar, err);
    if (p->opt->label != NULL) {
        nn_progress_end(&bar, NULL);
    }
    return st;
}

enum nn_status nn_features_of_items(const struct nn_net *net,
                                    const struct nn_dataset *ds,
                                    const uint32_t *index, size_t n,
                                    const struct nn_feature_options *opt,
                                    float *x, uint8_t *ok, struct nn_error *err)
{
    struct pass p = { .ds = ds,
                      .index = index,
                      .opt = opt,
                      .dims = nn_feature_dims(net),
                      .x = x,
                      .ok = ok };
    enum nn_status st;

    memset(ok, 0, n);
    if (opt->view > 0 && opt->augment == NULL) {
        return nn_fail(err, NN_ERR_ARG, "view %u has no augmentation",
                       (unsigned)opt->view);
    }
    open_cache(&p, net);
    st = list_todo(&p, n, err);
    if (st) {
        goto out;
    }
    if (p.n_todo > 0) {
        st = compute(&p, net, err);
    }
out:
    nn_loader_destroy(&p.loader);
    nn_scorer_destroy(&p.scorer);
    nn_feature_cache_close(&p.cache);
    nn_mem_free(p.todo);
    nn_mem_free(p.row);
    nn_mem_free(p.logits);
    nn_mem_free(p.padded);
    return st;
}
