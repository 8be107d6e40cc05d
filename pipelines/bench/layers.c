#include "pipelines/bench/layers.h"

#include <stdio.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/tensor/fold.h"

int bench_is_depthwise(const struct nn_conv_shape *s)
{
    return s->groups > 1;
}

/* --- the list --- */

static struct nn_conv_shape shape_of(const struct nn_layer *l,
                                     struct nn_shape in)
{
    if (l->kind == NN_LAYER_DENSE) {
        return (struct nn_conv_shape){
            1, 1, in.h * in.w * in.c, l->shape.c, 1, 1, 1, 1, 0, 0, 1, 0
        };
    }
    return (struct nn_conv_shape){
        .h = in.h,
        .w = in.w,
        .ic = in.c,
        .oc = l->shape.c,
        .kh = l->kernel,
        .kw = l->kernel,
        .stride_h = l->stride,
        .stride_w = l->stride,
        .pad_h = l->pad,
        .pad_w = l->pad,
        .groups = l->groups,
        .pad_more = l->pad_more,
    };
}

/* Append a shape, or count one more of it. */
static void add(struct bench_layer *v, size_t *n, const struct nn_conv_shape *s)
{
    struct bench_layer *l = &v[*n];

    for (size_t i = 0; i < *n; i++) {
        if (memcmp(&v[i].s, s, sizeof *s) == 0) {
            v[i].times++;
            return;
        }
    }
    l->s = *s;
    l->times = 1;
    snprintf(l->name, sizeof l->name, "%s%dx%d s%d %3d->%-4d @%d",
             bench_is_depthwise(s) ? "dw " : "", s->kh, s->kw, s->stride_h,
             s->ic, s->oc, s->h);
    ++*n;
}

enum nn_status bench_layers_list(const struct nn_graph *g, const float *values,
                                 struct bench_layer **out, size_t *n,
                                 struct nn_error *err)
{
    struct nn_layers all;
    enum nn_status st = nn_layers_fold(g, values, &all, err);

    *out = NULL;
    *n = 0;
    if (st) {
        return st;
    }
    *out = nn_mem_calloc(all.n, sizeof **out);
    for (size_t i = 0; *out != NULL && i < all.n; i++) {
        const struct nn_layer *l = &all.v[i];

        if (l->kind == NN_LAYER_CONV || l->kind == NN_LAYER_DENSE) {
            struct nn_conv_shape s =
                shape_of(l, l->in[0] < 0 ? nn_graph_input_shape(g)
                                         : all.v[l->in[0]].shape);

            add(*out, n, &s);
        }
    }
    nn_layers_release(&all);
    return *out == NULL ? nn_fail_nomem(err) : NN_OK;
}

/* --- one layer --- */

static float *floats(size_t n, uint64_t stream, float scale)
{
    float *v = nn_mem_aligned(n, sizeof(float));
    struct nn_rng r = nn_rng_make(1, stream);

    for (size_t i = 0; v && i < n; i++) {
        v[i] = nn_rng_range(&r, -scale, scale);
    }
    return v;
}

enum nn_status bench_run_init(struct bench_run *r, const struct bench_layer *l,
                              int32_t batch, struct nn_error *err)
{
    const struct nn_conv_shape *s = &l->s;
    size_t b = (size_t)batch, n_work, n_back;
    enum nn_status st;

    *r = (struct bench_run){ .layer = l, .batch = batch };
    st = nn_conv_create(s, batch, nn_cpu_flags(), &r->conv, err);
    if (st) {
        return st;
    }
    r->n_x = b * (size_t)s->h * (size_t)s->w * (size_t)s->ic;
    r->n_y =
        b * (size_t)nn_conv_out_h(s) * (size_t)nn_conv_out_w(s) * (size_t)s->oc;
    r->n_w = (size_t)s->oc * (size_t)s->kh * (size_t)s->kw *
             (size_t)(s->ic / s->groups);
    n_work = nn_conv_work_floats(r->conv, 0);
    n_back = nn_conv_work_floats(r->conv, 1);
    r->x = floats(r->n_x, 1, 1);
    r->w = floats(r->n_w, 2, 0.1f);
    r->y = floats(r->n_y, 3, 1);
    r->bias = floats((size_t)s->oc, 4, 1);
    r->packed = floats(nn_conv_packed_floats(r->conv), 5, 0);
    r->work = floats(n_work > n_back ? n_work : n_back, 6, 0);
    if (!r->x || !r->w || !r->y || !r->bias || !r->packed || !r->work) {
        bench_run_release(r);
        return nn_fail_nomem(err);
    }
    nn_conv_pack(r->conv, r->w, r->packed);
    return NN_OK;
}

void bench_run_release(struct bench_run *r)
{
    nn_mem_free(r->x);
    nn_mem_free(r->w);
    nn_mem_free(r->y);
    nn_mem_free(r->bias);
    nn_mem_free(r->packed);
    nn_mem_free(r->work);
    nn_conv_destroy(&r->conv);
    *r = (struct bench_run){ 0 };
}

void bench_run_once(struct bench_run *r, enum bench_what what)
{
    struct nn_conv_epilogue e = { .bias = r->bias, .act = NN_ACT_RELU };

    switch (what) {
    case BENCH_FORWARD:
        nn_conv_forward(r->conv, r->batch, r->x, r->packed, &e, r->y, r->work);
        break;
    case BENCH_INPUT:
        nn_conv_backward_input(r->conv, r->batch, r->y, r->w, r->x, 0, r->work);
        break;
    case BENCH_WEIGHTS:
        nn_conv_backward_weights(r->conv, r->batch, r->x, r->y, r->w, 1,
                                 r->work, NULL, NULL);
        break;
    }
}

double bench_run_flops(const struct bench_run *r)
{
    return 2.0 * r->batch * (double)nn_conv_macs(&r->layer->s);
}

double bench_run_bytes(const struct bench_run *r)
{
    return (double)(r->n_x + r->n_w + r->n_y) * sizeof(float);
}
