/* Inference on data sets and on fitted pictures. */
#include <math.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/data/loader.h"
#include "common/data/normalise.h"
#include "common/net/net.h"

/* A view behind the first. */
struct view {
    struct nn_exec *exec;
    struct nn_view_scale scale;
    float *input;
};

struct nn_scorer {
    const struct nn_net *net;
    struct nn_exec *exec;
    struct view more[NN_TEST_VIEWS - 1];
    float *mean; /* logits [max_batch,K], where there is more than one view */
    int32_t max_batch;
    int32_t side; /* of items, at most; 0: as the net needs */
    float *input; /* for nn_scorer_run_bytes() */
};

static enum nn_status make_views(struct nn_scorer *s,
                                 const struct nn_exec_options *opt,
                                 struct nn_error *err)
{
    const struct nn_net_spec *spec = &s->net->spec;
    size_t batch = (size_t)opt->max_batch;
    enum nn_status st = NN_OK;

    for (size_t i = 0; !st && i < spec->n_more; i++) {
        size_t side = (size_t)spec->more[i].size;

        st = nn_view_scale_init(&s->more[i].scale, spec->size, spec->more[i],
                                err);
        if (!st) {
            st = nn_exec_create(s->net->more[i], opt, &s->more[i].exec, err);
        }
        if (!st) {
            s->more[i].input =
                nn_mem_aligned(batch * side * side, 3 * sizeof(float));
            st = s->more[i].input == NULL ? nn_fail_nomem(err) : NN_OK;
        }
    }
    if (!st && spec->n_more > 0) {
        s->mean = nn_mem_calloc(batch * spec->n_outputs, sizeof *s->mean);
        st = s->mean == NULL ? nn_fail_nomem(err) : NN_OK;
    }
    return st;
}

static void load(struct nn_scorer *s, const struct nn_params *p)
{
    nn_exec_load(s->exec, p);
    for (size_t i = 0; i < s->net->spec.n_more; i++) {
        nn_exec_load(s->more[i].exec, p);
    }
}

enum nn_status nn_scorer_create(const struct nn_net *net, int32_t max_batch,
                                struct nn_scorer **out, struct nn_error *err)
{
    const struct nn_exec_options opt = { .max_batch = max_batch,
                                         .cpu = nn_cpu_flags() };
    struct nn_scorer *s = nn_mem_calloc(1, sizeof *s);
    size_t side = (size_t)net->spec.size;
    enum nn_status st;

    *out = NULL;
    if (s == NULL) {
        return nn_fail_nomem(err);
    }
    s->net = net;
    s->max_batch = max_batch;
    st = nn_exec_create(net->graph, &opt, &s->exec, err);
    if (!st) {
        s->input =
            nn_mem_aligned((size_t)max_batch * side * side, 3 * sizeof(float));
        st = s->input == NULL ? nn_fail_nomem(err) : make_views(s, &opt, err);
    }
    if (st) {
        nn_scorer_destroy(&s);
        return st;
    }
    load(s, &net->params);
    *out = s;
    return NN_OK;
}

void nn_scorer_destroy(struct nn_scorer **sp)
{
    struct nn_scorer *s = *sp;

    *sp = NULL;
    if (s == NULL) {
        return;
    }
    nn_exec_destroy(&s->exec);
    for (size_t i = 0; i < NN_TEST_VIEWS - 1; i++) {
        nn_exec_destroy(&s->more[i].exec);
        nn_view_scale_release(&s->more[i].scale);
        nn_mem_free(s->more[i].input);
    }
    nn_mem_free(s->mean);
    nn_mem_free(s->input);
    nn_mem_free(s);
}

void nn_scorer_load(struct nn_scorer *s, const float *values)
{
    /* Only the values are read. */
    const struct nn_params p = { .value = {
                                     (float *)(uintptr_t)values,
                                     nn_graph_param_count(s->net->graph) } };

    load(s, &p);
}

void nn_scorer_set_side(struct nn_scorer *s, int32_t side)
{
    s->side = side;
}

/* *z: the mean of the views' logits. */
static enum nn_status run(struct nn_scorer *s, const float *input, int32_t n,
                          struct nn_tensor *z, struct nn_error *err)
{
    size_t views = 1 + s->net->spec.n_more;
    size_t count = (size_t)n * s->net->spec.n_outputs;
    enum nn_status st = nn_exec_forward(s->exec, NULL, input, n, 0, z, err);

    if (st || views == 1) {
        return st;
    }
    memcpy(s->mean, z->data, count * sizeof *s->mean);
    for (size_t v = 0; !st && v + 1 < views; v++) {
        struct view *view = &s->more[v];
        struct nn_tensor more;

        nn_view_scale_run(&view->scale, input, n, view->input);
        st = nn_exec_forward(view->exec, NULL, view->input, n, 0, &more, err);
        for (size_t i = 0; !st && i < count; i++) {
            s->mean[i] += more.data[i];
        }
    }
    for (size_t i = 0; i < count; i++) {
        s->mean[i] /= (float)views;
    }
    z->data = s->mean;
    return st;
}

enum nn_status nn_scorer_run_bytes(struct nn_scorer *s, const uint8_t *rgb,
                                   int32_t n, float *logits,
                                   struct nn_error *err)
{
    const struct nn_net_spec *spec = &s->net->spec;
    size_t pixels = (size_t)n * (size_t)spec->size * (size_t)spec->size;
    struct nn_tensor z;
    enum nn_status st;

    if (n < 1 || n > s->max_batch) {
        return nn_fail(err, NN_ERR_ARG, "batch of %d pictures, 1 to %d fit",
                       (int)n, (int)s->max_batch);
    }
    nn_normalise(rgb, pixels, spec->mean, spec->stddev, s->input);
    st = run(s, s->input, n, &z, err);
    if (!st) {
        memcpy(logits, z.data, (size_t)n * spec->n_outputs * sizeof *logits);
    }
    return st;
}

enum nn_status nn_scorer_map_bytes(struct nn_scorer *s, const uint8_t *rgb,
                                   float **map, int32_t *h, int32_t *w,
                                   struct nn_error *err)
{
    size_t k = s->net->spec.n_outputs, places = 0;
    float *z = nn_mem_calloc(k, sizeof *z);
    struct nn_tensor t;
    enum nn_status st =
        z == NULL ? nn_fail_nomem(err) : nn_scorer_run_bytes(s, rgb, 1, z, err);

    *map = NULL;
    st = st ? st : nn_exec_marked(s->exec, "features", &t);
    if (!st) {
        *h = t.shape.h;
        *w = t.shape.w;
        places = (size_t)t.shape.h * (size_t)t.shape.w;
        *map = nn_mem_calloc(places, k * sizeof **map);
        st = *map == NULL ? nn_fail_nomem(err) : NN_OK;
    }
    st = st ? st : nn_net_head(s->net, t.data, places, *map, err);
    if (st) {
        nn_mem_free(*map);
        *map = NULL;
    }
    nn_mem_free(z);
    return st;
}

size_t nn_scorer_dims(const struct nn_scorer *s)
{
    return nn_graph_find_param(s->net->graph, "classifier.weight")->count /
           s->net->spec.n_outputs;
}

/* Where the rows of a pass go; embedding may be NULL. */
struct rows {
    const uint32_t *index;
    float *logits, *embedding;
    uint8_t *ok;
    size_t at; /* rows behind us */
};

static void scale_to_length_1(float *v, size_t n)
{
    double squares = 0;

    for (size_t i = 0; i < n; i++) {
        squares += (double)v[i] * (double)v[i];
    }
    if (squares > 0) {
        float by = (float)(1 / sqrt(squares));

        for (size_t i = 0; i < n; i++) {
            v[i] *= by;
        }
    }
}

static enum nn_status put_embedding(struct nn_scorer *s, struct rows *r,
                                    size_t row, int32_t i)
{
    struct nn_tensor t;
    enum nn_status st;
    size_t d;

    if (r->embedding == NULL) {
        return NN_OK;
    }
    st = nn_exec_marked(s->exec, "embedding", &t);
    if (st) {
        return st;
    }
    d = (size_t)t.shape.c;
    memcpy(r->embedding + row * d, t.data + (size_t)i * d, d * sizeof(float));
    scale_to_length_1(r->embedding + row * d, d);
    return NN_OK;
}

/* The loader delivers readable pictures in order; unreadable ones are missing
 * from its batches, so walk index[] along with it. */
static enum nn_status run_loader(struct nn_scorer *s, struct nn_loader *l,
                                 struct rows *r, struct nn_progress *bar,
                                 struct nn_error *err)
{
    size_t k = s->net->spec.n_outputs;
    struct nn_batch b;
    enum nn_status st = nn_loader_next(l, &b, err);

    while (!st && b.n > 0) {
        struct nn_tensor z;

        st = run(s, b.input, b.n, &z, err);
        for (int32_t i = 0; !st && i < b.n; i++) {
            while (r->index[r->at] != b.index[i]) {
                r->at++;
            }
            memcpy(r->logits + r->at * k, z.data + (size_t)i * k,
                   k * sizeof *r->logits);
            st = put_embedding(s, r, r->at, i);
            r->ok[r->at++] = 1;
        }
        if (!st) {
            if (bar != NULL) {
                nn_progress_update(bar, (int64_t)r->at, NULL);
            }
            st = nn_loader_next(l, &b, err);
        }
    }
    return st;
}

enum nn_status nn_scorer_run_items(struct nn_scorer *s,
                                   const struct nn_dataset *ds,
                                   const uint32_t *index, size_t n,
                                   const char *label, float *logits,
                                   uint8_t *ok, struct nn_error *err)
{
    return nn_scorer_embed_items(s, ds, index, n, label, logits, NULL, ok, err);
}

enum nn_status nn_scorer_embed_items(struct nn_scorer *s,
                                     const struct nn_dataset *ds,
                                     const uint32_t *index, size_t n,
                                     const char *label, float *logits,
                                     float *embedding, uint8_t *ok,
                                     struct nn_error *err)
{
    const struct nn_net_spec *spec = &s->net->spec;
    struct nn_loader_options opt = {
        .batch = s->max_batch,
        .size = spec->size,
        .cache_side = (int32_t)((float)spec->size / spec->crop_share),
        .cache_bytes = 1, /* each picture is seen once */
        .fit = spec->fit,
        .crop_share = spec->crop_share,
    };
    struct rows rows = { index, logits, embedding, ok, 0 };
    struct nn_progress bar;
    struct nn_loader *l = NULL;
    enum nn_status st;

    memset(ok, 0, n);
    memset(logits, 0, n * spec->n_outputs * sizeof *logits);
    if (embedding != NULL) {
        memset(embedding, 0, n * nn_scorer_dims(s) * sizeof *embedding);
    }
    if (s->side > 0 && s->side < opt.cache_side) {
        opt.cache_side = s->side;
    }
    memcpy(opt.mean, spec->mean, sizeof opt.mean);
    memcpy(opt.stddev, spec->stddev, sizeof opt.stddev);
    st = nn_loader_create(ds, &opt, &l, err);
    if (!st) {
        st = nn_loader_start(l, index, n, 0, 0, err);
    }
    if (!st) {
        if (label != NULL) {
            nn_progress_begin(&bar, label, "img", (int64_t)n);
        }
        st = run_loader(s, l, &rows, label != NULL ? &bar : NULL, err);
        if (label != NULL) {
            nn_progress_end(&bar, NULL);
        }
    }
    nn_loader_destroy(&l);
    return st;
}
