/* A folded graph, layer by layer in plain loops, against the executor. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/tensor/fold.h"
#include "common/tensor/nets/mobilenetv4.h"
#include "tests/unit/testkit.h"

/* Random weights, and norms away from their neutral start. */
static void randomise(const struct nn_graph *g, struct nn_params *p)
{
    struct nn_rng rng = nn_rng_make(3, 1);
    const struct nn_param *q;

    nn_params_randomise(p, g, 3);
    for (size_t i = 0; (q = nn_graph_param(g, i)) != NULL; i++) {
        int var = strstr(q->name, "running_var") != NULL;

        for (size_t j = 0; q->shape.n == 1 && j < q->count; j++) {
            p->value.data[q->offset + j] +=
                nn_rng_range(&rng, var ? -0.4f : -0.2f, 0.4f);
        }
    }
}

static size_t floats(struct nn_shape s)
{
    return (size_t)s.h * (size_t)s.w * (size_t)s.c;
}

static void conv(const struct nn_layer *l, const float *x, struct nn_shape in,
                 float *y)
{
    int32_t ic = in.c / l->groups, oc = l->shape.c / l->groups, k = l->kernel;

    for (int32_t at = 0; at < (int32_t)floats(l->shape); at++) {
        int32_t o = at % l->shape.c, col = at / l->shape.c % l->shape.w;
        int32_t row = at / l->shape.c / l->shape.w;
        double sum = (double)l->bias[o];

        for (int32_t t = 0; t < k * k * ic; t++) {
            int32_t c = t / (k * k), dy = t / k % k, dx = t % k;
            int32_t iy = row * l->stride + dy - l->pad;
            int32_t ix = col * l->stride + dx - l->pad;

            if (iy >= 0 && iy < in.h && ix >= 0 && ix < in.w) {
                sum += (double)l->weight[((o * ic + c) * k + dy) * k + dx] *
                       (double)x[(iy * in.w + ix) * in.c + o / oc * ic + c];
            }
        }
        y[at] = (float)sum;
    }
}

static void dense(const struct nn_layer *l, const float *x, float *y)
{
    int64_t in = l->weight_shape[1];

    for (int64_t o = 0; o < l->weight_shape[0]; o++) {
        double sum = (double)l->bias[o];

        for (int64_t i = 0; i < in; i++) {
            sum += (double)l->weight[o * in + i] * (double)x[i];
        }
        y[o] = (float)sum;
    }
}

static void mean(const float *x, struct nn_shape in, float *y)
{
    for (int32_t c = 0; c < in.c; c++) {
        double sum = 0;

        for (int32_t i = 0; i < in.h * in.w; i++) {
            sum += (double)x[i * in.c + c];
        }
        y[c] = (float)(sum / (in.h * in.w));
    }
}

/* Outputs of all layers, each a block of its own. */
static float **run(const struct nn_layers *l, const float *image,
                   struct nn_shape input)
{
    float **y = nn_mem_calloc(l->n, sizeof *y);

    for (size_t i = 0; i < l->n; i++) {
        const struct nn_layer *v = &l->v[i];
        const float *a = v->in[0] < 0 ? image : y[v->in[0]];
        struct nn_shape in = v->in[0] < 0 ? input : l->v[v->in[0]].shape;
        size_t n = floats(v->shape);

        ck_assert_int_lt(v->in[0], (int)i);
        y[i] = nn_mem_calloc(n, sizeof **y);
        switch (v->kind) {
        case NN_LAYER_CONV:
            conv(v, a, in, y[i]);
            break;
        case NN_LAYER_DENSE:
            dense(v, a, y[i]);
            break;
        case NN_LAYER_MEAN:
            mean(a, in, y[i]);
            break;
        case NN_LAYER_RELU:
            for (size_t j = 0; j < n; j++) {
                y[i][j] = fmaxf(a[j], 0);
            }
            break;
        case NN_LAYER_RELU6:
            for (size_t j = 0; j < n; j++) {
                y[i][j] = fminf(fmaxf(a[j], 0), 6);
            }
            break;
        case NN_LAYER_ADD:
            for (size_t j = 0; j < n; j++) {
                y[i][j] = a[j] + y[v->in[1]][j];
            }
            break;
        }
    }
    return y;
}

START_TEST(folded_layers_compute_the_same)
{
    const struct nn_mobilenetv4 m = { 0.25f, 40, 5, 0.2f, 0 };
    const struct nn_exec_options opt = { .max_batch = 1 };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_rng rng = nn_rng_make(5, 0);
    struct nn_params p = NN_PARAMS_INIT;
    struct nn_layers l;
    struct nn_graph *g;
    struct nn_exec *e;
    struct nn_tensor z;
    float image[40 * 40 * 3], **y;

    ck_assert_int_eq(nn_mobilenetv4_build(&m, &g, &err), NN_OK);
    ck_assert_int_eq(nn_params_init(&p, g, 0), NN_OK);
    randomise(g, &p);
    for (size_t i = 0; i < sizeof image / sizeof image[0]; i++) {
        image[i] = nn_rng_normal(&rng);
    }
    ck_assert_int_eq(nn_exec_create(g, &opt, &e, &err), NN_OK);
    nn_exec_load(e, &p);
    ck_assert_int_eq(nn_exec_forward(e, NULL, image, 1, 0, &z, &err), NN_OK);
    ck_assert_msg(nn_layers_fold(g, p.value.data, &l, &err) == NN_OK, "%s",
                  err.text);
    y = run(&l, image, nn_graph_input_shape(g));
    testkit_close(y[l.n - 1], z.data, 5, 1e-5, 1e-4, "logits");
    for (size_t i = 0; i < l.n; i++) {
        nn_mem_free(y[i]);
    }
    nn_mem_free(y);
    nn_layers_release(&l);
    nn_exec_destroy(&e);
    nn_params_release(&p);
    nn_graph_destroy(&g);
}
END_TEST

/* A norm of its own right behind the input. */
START_TEST(a_norm_without_convolution_is_refused)
{
    struct nn_error err = NN_ERROR_INIT;
    struct nn_params p = NN_PARAMS_INIT;
    struct nn_layers l;
    struct nn_graph *g;
    nn_node x;

    ck_assert_int_eq(nn_graph_create(&g), NN_OK);
    x = nn_graph_input(g, "image", (struct nn_shape){ 1, 4, 4, 3 });
    x = nn_graph_bnorm(g, nn_graph_relu(g, x), 0.9f, 1e-5f, "lonely");
    x = nn_graph_dense(g, nn_graph_mean_hw(g, x), 2, 1, "classifier");
    ck_assert_msg(nn_graph_finish(g, x, &err) == NN_OK, "%s", err.text);
    ck_assert_int_eq(nn_params_init(&p, g, 0), NN_OK);
    ck_assert_int_eq(nn_layers_fold(g, p.value.data, &l, &err),
                     NN_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "'lonely'"));
    ck_assert_ptr_null(l.v);
    nn_params_release(&p);
    nn_graph_destroy(&g);
}
END_TEST

static int fold_once(void *ctx)
{
    const struct nn_graph *g = ctx;
    struct nn_error err = NN_ERROR_INIT;
    struct nn_params p = NN_PARAMS_INIT;
    struct nn_layers l = { 0 };
    enum nn_status st = nn_params_init(&p, g, 0);

    if (!st) {
        st = nn_layers_fold(g, p.value.data, &l, &err);
    }
    nn_layers_release(&l);
    nn_params_release(&p);
    return st;
}

START_TEST(running_out_of_memory)
{
    const struct nn_mobilenetv4 m = { 0.1f, 32, 3, 0, 0 };
    struct nn_graph *g;

    ck_assert_int_eq(nn_mobilenetv4_build(&m, &g, NULL), NN_OK);
    testkit_each_alloc_failure(fold_once, g);
    nn_graph_destroy(&g);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("fold");
    TCase *t = tcase_create("fold");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, folded_layers_compute_the_same);
    tcase_add_test(t, a_norm_without_convolution_is_refused);
    tcase_add_test(t, running_out_of_memory);
    suite_add_tcase(s, t);
    return s;
}
TESTKIT_MAIN(create)
