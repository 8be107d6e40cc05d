/* Inference on prepared inputs. */
#include <math.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/mem.h"
#include "common/net/net.h"
#include "common/net/normalise.h"

/* A view behind the first. One of a size that came before runs in the memory,
 * and with the packed weights, of that one. */
struct view {
    struct nn_exec *exec;
    int owns_exec;
    struct nn_tta_scale scale;
};

struct nn_scorer {
    const struct nn_net *net;
    struct nn_exec *exec;
    struct view more[NN_TTA_MAX - 1];
    float *view; /* input of one of them, where there are any */
    float *sum;  /* [max_batch,K] of their logits */
    int32_t max_batch;
    int32_t side; /* of items, at most; 0: as the net needs */
    const char *feature_dir;
    float *input; /* of nn_scorer_run_bytes(), once it was called */
};

/* The executor of an earlier view of that size, or NULL. */
static struct nn_exec *same_size(const struct nn_scorer *s, size_t i)
{
    const struct nn_net_spec *spec = &s->net->spec;

    if (spec->more[i].size == spec->size) {
        return s->exec;
    }
    for (size_t k = 0; k < i; k++) {
        if (spec->more[k].size == spec->more[i].size) {
            return s->more[k].exec;
        }
    }
    return NULL;
}

/* What is made belongs to s, also after a failure. */
static enum nn_status make_view(struct nn_scorer *s, size_t i,
                                const struct nn_exec_options *opt,
                                struct nn_error *err)
{
    const struct nn_net_spec *spec = &s->net->spec;
    struct view *v = &s->more[i];
    enum nn_status st =
        nn_tta_scale_init(&v->scale, spec->size, spec->more[i], err);

    if (st) {
        return st;
    }
    v->exec = same_size(s, i);
    if (v->exec != NULL) {
        return NN_OK;
    }
    v->owns_exec = 1;
    return nn_exec_create(s->net->more[i], opt, &v->exec, err);
}

static enum nn_status make_views(struct nn_scorer *s,
                                 const struct nn_exec_options *opt,
                                 struct nn_error *err)
{
    const struct nn_net_spec *spec = &s->net->spec;
    size_t batch = (size_t)opt->max_batch, side = 0;

    if (spec->n_more == 0) {
        return NN_OK;
    }
    for (size_t i = 0; i < spec->n_more; i++) {
        size_t size = (size_t)spec->more[i].size;
        enum nn_status st = make_view(s, i, opt, err);

        if (st) {
            return st;
        }
        side = size > side ? size : side;
    }
    s->view = nn_mem_aligned(batch * side * side, 3 * sizeof(float));
    s->sum = nn_mem_calloc(batch * spec->n_outputs, sizeof *s->sum);
    return s->view == NULL || s->sum == NULL ? nn_fail_nomem(err) : NN_OK;
}

static void load(struct nn_scorer *s, const struct nn_params *p)
{
    nn_exec_load(s->exec, p);
    for (size_t i = 0; i < s->net->spec.n_more; i++) {
        if (s->more[i].owns_exec) {
            nn_exec_load(s->more[i].exec, p);
        }
    }
}

enum nn_status nn_scorer_create(const struct nn_net *net, int32_t max_batch,
                                struct nn_scorer **out, struct nn_error *err)
{
    const struct nn_exec_options opt = { .max_batch = max_batch,
                                         .cpu = nn_cpu_flags() };
    struct nn_scorer *s = nn_mem_calloc(1, sizeof *s);
    enum nn_status st;

    *out = NULL;
    if (s == NULL) {
        return nn_fail_nomem(err);
    }
    s->net = net;
    s->max_batch = max_batch;
    st = nn_exec_create(net->graph, &opt, &s->exec, err);
    if (st) {
        goto out;
    }
    st = make_views(s, &opt, err);
    if (st) {
        goto out;
    }
    load(s, &net->params);
    *out = s;
    s = NULL;
out:
    nn_scorer_destroy(&s);
    return st;
}

void nn_scorer_destroy(struct nn_scorer **sp)
{
    struct nn_scorer *s = *sp;

    *sp = NULL;
    if (s == NULL) {
        return;
    }
    nn_exec_destroy(&s->exec);
    for (size_t i = 0; i < NN_TTA_MAX - 1; i++) {
        if (s->more[i].owns_exec) {
            nn_exec_destroy(&s->more[i].exec);
        }
        nn_tta_scale_release(&s->more[i].scale);
    }
    nn_mem_free(s->view);
    nn_mem_free(s->sum);
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

void nn_scorer_keep_features(struct nn_scorer *s, const char *dir)
{
    s->feature_dir = s->net->spec.n_more == 0 ? dir : NULL;
}

const char *nn_scorer_feature_dir(const struct nn_scorer *s)
{
    return s->feature_dir;
}

const struct nn_net *nn_scorer_net(const struct nn_scorer *s)
{
    return s->net;
}

struct nn_input nn_scorer_input(const struct nn_scorer *s)
{
    struct nn_input in = nn_net_input(&s->net->spec);

    if (s->side > 0 && s->side < in.side) {
        in.side = s->side;
    }
    return in;
}

int32_t nn_scorer_max_batch(const struct nn_scorer *s)
{
    return s->max_batch;
}

size_t nn_scorer_outputs(const struct nn_scorer *s)
{
    return s->net->spec.n_outputs;
}

/* *z: the mean of the views' logits. The first comes last, because its
 * features are asked for afterwards. */
static enum nn_status run(struct nn_scorer *s, const float *input, int32_t n,
                          struct nn_tensor *z, struct nn_error *err)
{
    size_t more = s->net->spec.n_more;
    size_t count = (size_t)n * s->net->spec.n_outputs;
    enum nn_status st;

    for (size_t v = 0; v < more; v++) {
        struct view *view = &s->more[v];
        struct nn_tensor one;

        nn_tta_scale_run(&view->scale, input, n, s->view);
        st = nn_exec_forward(view->exec, NULL, s->view, n, 0, &one, err);
        if (st) {
            return st;
        }
        for (size_t i = 0; i < count; i++) {
            s->sum[i] = (v > 0 ? s->sum[i] : 0) + one.data[i];
        }
    }
    st = nn_exec_forward(s->exec, NULL, input, n, 0, z, err);
    if (st || more == 0) {
        return st;
    }
    for (size_t i = 0; i < count; i++) {
        s->sum[i] = (z->data[i] + s->sum[i]) / (float)(1 + more);
    }
    z->data = s->sum;
    return NN_OK;
}

enum nn_status nn_scorer_run(struct nn_scorer *s, const float *input, int32_t n,
                             float *logits, struct nn_error *err)
{
    struct nn_tensor z;
    enum nn_status st;

    if (n < 1 || n > s->max_batch) {
        return nn_fail(err, NN_ERR_ARG, "batch of %d images, 1 to %d fit",
                       (int)n, (int)s->max_batch);
    }
    st = run(s, input, n, &z, err);
    if (st) {
        return st;
    }
    memcpy(logits, z.data, (size_t)n * s->net->spec.n_outputs * sizeof *logits);
    return NN_OK;
}

enum nn_status nn_scorer_run_bytes(struct nn_scorer *s, const uint8_t *rgb,
                                   int32_t n, float *logits,
                                   struct nn_error *err)
{
    const struct nn_net_spec *spec = &s->net->spec;
    size_t pixels = (size_t)spec->size * (size_t)spec->size;

    if (s->input == NULL) {
        s->input =
            nn_mem_aligned((size_t)s->max_batch * pixels, 3 * sizeof(float));
        if (s->input == NULL) {
            return nn_fail_nomem(err);
        }
    }
    if (n >= 1 && n <= s->max_batch) { /* nn_scorer_run() says what is wrong */
        nn_normalise(rgb, (size_t)n * pixels, spec->mean, spec->stddev,
                     s->input);
    }
    return nn_scorer_run(s, s->input, n, logits, err);
}

enum nn_status nn_scorer_map_bytes(struct nn_scorer *s, const uint8_t *rgb,
                                   float **map, int32_t *h, int32_t *w,
                                   struct nn_error *err)
{
    size_t k = s->net->spec.n_outputs, places;
    float *z = nn_mem_calloc(k, sizeof *z), *made = NULL;
    struct nn_tensor t;
    enum nn_status st;

    *map = NULL;
    if (z == NULL) {
        return nn_fail_nomem(err);
    }
    st = nn_scorer_run_bytes(s, rgb, 1, z, err);
    if (st) {
        goto out;
    }
    st = nn_exec_marked(s->exec, "features", &t);
    if (st) {
        goto out;
    }
    *h = t.shape.h;
    *w = t.shape.w;
    places = (size_t)t.shape.h * (size_t)t.shape.w;
    made = nn_mem_calloc(places, k * sizeof *made);
    if (made == NULL) {
        st = nn_fail_nomem(err);
        goto out;
    }
    st = nn_net_head(s->net, t.data, places, made, err);
    if (st) {
        goto out;
    }
    *map = made;
    made = NULL;
out:
    nn_mem_free(made);
    nn_mem_free(z);
    return st;
}

size_t nn_scorer_dims(const struct nn_scorer *s)
{
    const struct nn_graph *g = s->net->graph;

    return nn_graph_stage_param(g, nn_graph_last_stage(g), NN_PARAM_WEIGHT)
               ->count /
           s->net->spec.n_outputs;
}

void nn_scale_to_length_1(float *v, size_t n)
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

enum nn_status nn_scorer_features(const struct nn_scorer *s, int32_t i,
                                  float *features)
{
    struct nn_tensor t;
    enum nn_status st = nn_exec_marked(s->exec, "embedding", &t);
    size_t d;

    if (st) {
        return st;
    }
    d = (size_t)t.shape.c;
    memcpy(features, t.data + (size_t)i * d, d * sizeof(float));
    return NN_OK;
}

enum nn_status nn_scorer_embedding(struct nn_scorer *s, int32_t i,
                                   float *embedding)
{
    enum nn_status st = nn_scorer_features(s, i, embedding);

    if (st) {
        return st;
    }
    nn_scale_to_length_1(embedding, nn_scorer_dims(s));
    return NN_OK;
}
