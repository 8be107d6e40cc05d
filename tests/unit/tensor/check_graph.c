/* Graphs as a whole: every op in small nets against a naive evaluation in
 * double, gradients against finite differences of that evaluation. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/parallel.h"
#include "common/base/rng.h"
#include "common/tensor/graph_internal.h"
#include "tests/unit/tensor/golden.h"
#include "tests/unit/tensor/naive_graph.h"
#include "tests/unit/testkit.h"

enum { BATCH = NAIVE_BATCH };

static size_t elements(struct nn_shape s)
{
    return (size_t)BATCH * (size_t)s.h * (size_t)s.w * (size_t)s.c;
}

/* --- small nets, one per way in which steps can be fused --------------------
 */

static const struct nn_conv2d c33 = { 4, 3, 1, 1, 1, 0, 0 };
static const struct nn_conv2d c33s2 = { 5, 3, 2, 1, 1, 1, 0 };
static const struct nn_conv2d c11 = { 4, 1, 1, 0, 1, 0, 0 };
static const struct nn_conv2d dw5 = { 4, 5, 2, 2, 4, 0, 0 };
static const struct nn_conv2d dw3 = { 4, 3, 1, 1, 4, 0, 0 };
static const struct nn_conv2d same = {
    .out_channels = 4, .kernel = 3, .stride = 1, .pad = 1, .pad_more = 1
};
static const struct nn_conv2d dw_same = {
    .out_channels = 4, .kernel = 3, .stride = 2, .groups = 4, .pad_more = 1
};

static nn_node net_plain(struct nn_graph *g, nn_node x)
{
    x = nn_graph_conv2d(g, x, &c33s2, "a");
    x = nn_graph_relu(g, x);
    return nn_graph_dense(g, x, 3, 1, "d");
}

static nn_node net_norm_relu(struct nn_graph *g, nn_node x)
{
    x = nn_graph_conv2d(g, x, &c33, "a");
    x = nn_graph_relu(g, nn_graph_bnorm(g, x, 0.9f, 1e-3f, "an"));
    x = nn_graph_conv2d(g, x, &dw5, "b");
    x = nn_graph_relu(g, nn_graph_bnorm(g, x, 0.9f, 1e-3f, "bn"));
    return nn_graph_dense(g, nn_graph_mean_hw(g, x), 2, 1, "d");
}

static nn_node net_residual(struct nn_graph *g, nn_node x)
{
    nn_node in;

    x = nn_graph_conv2d(g, x, &c33, "a");
    in = x = nn_graph_bnorm(g, x, 0.9f, 1e-3f, "an");
    x = nn_graph_conv2d(g, x, &c11, "b");
    x = nn_graph_relu(g, nn_graph_bnorm(g, x, 0.9f, 1e-3f, "bn"));
    x = nn_graph_conv2d(g, x, &c11, "c");
    x = nn_graph_add(g, nn_graph_bnorm(g, x, 0.9f, 1e-3f, "cn"), in);
    in = x;
    x = nn_graph_conv2d(g, x, &c11, "e");
    x = nn_graph_bnorm(g, x, 0.9f, 1e-3f, "en");
    x = nn_graph_relu(g, nn_graph_add(g, in, x));
    return nn_graph_dense(g, nn_graph_mean_hw(g, x), 2, 0, "d");
}

/* Norm, ReLU, add and mean that follow no convolution; a shared operand. */
static nn_node net_loose(struct nn_graph *g, nn_node x)
{
    nn_node a, b;

    x = nn_graph_bnorm(g, x, 0.5f, 1e-2f, "n0");
    a = nn_graph_relu(g, x);
    b = nn_graph_add(g, x, a);
    x = nn_graph_add(g, b, b);
    x = nn_graph_conv2d(g, x, &c33s2, "a");
    b = nn_graph_mean_hw(g, x);
    a = nn_graph_mean_hw(g, nn_graph_relu(g, x));
    return nn_graph_dense(g, nn_graph_add(g, a, b), 3, 1, "d");
}

static nn_node net_depthwise(struct nn_graph *g, nn_node x)
{
    x = nn_graph_conv2d(g, x, &c33, "a");
    x = nn_graph_conv2d(g, x, &dw3, "b");
    x = nn_graph_dropout(g, nn_graph_relu(g, x), 0);
    return nn_graph_dense(g, x, 2, 1, "d");
}

/* One output is added twice, and read by a convolution too. */
static nn_node net_shared(struct nn_graph *g, nn_node x)
{
    nn_node a, b;

    x = nn_graph_conv2d(g, x, &c33, "a");
    a = nn_graph_relu(g, nn_graph_bnorm(g, x, 0.9f, 1e-3f, "an"));
    x = nn_graph_conv2d(g, a, &c11, "b");
    b = nn_graph_add(g, nn_graph_bnorm(g, x, 0.9f, 1e-3f, "bn"), a);
    x = nn_graph_conv2d(g, b, &c11, "c");
    x = nn_graph_add(g, nn_graph_bnorm(g, x, 0.9f, 1e-3f, "cn"), a);
    return nn_graph_dense(g, nn_graph_mean_hw(g, x), 3, 1, "fc");
}

/* A residual around one convolution, whose input nobody else reads. */
static nn_node net_short(struct nn_graph *g, nn_node x)
{
    nn_node a;

    x = nn_graph_conv2d(g, x, &c33, "a");
    a = nn_graph_relu(g, nn_graph_bnorm(g, x, 0.9f, 1e-3f, "an"));
    x = nn_graph_conv2d(g, a, &c11, "b");
    x = nn_graph_add(g, nn_graph_bnorm(g, x, 0.9f, 1e-3f, "bn"), a);
    return nn_graph_dense(g, nn_graph_mean_hw(g, x), 3, 1, "fc");
}

/* ReLU6 behind a norm, alone and where much is cut off; a row and a column more
 * of zeros, as SAME padding has them with even sizes. */
static nn_node net_relu6(struct nn_graph *g, nn_node x)
{
    nn_node a;

    x = nn_graph_conv2d(g, x, &same, "a");
    a = nn_graph_bnorm(g, x, 0.9f, 1e-3f, "an");
    x = nn_graph_add(g, a, a);
    x = nn_graph_add(g, x, x);
    x = nn_graph_relu6(g, nn_graph_add(g, x, a));
    x = nn_graph_conv2d(g, x, &dw_same, "b");
    x = nn_graph_relu6(g, nn_graph_bnorm(g, x, 0.9f, 1e-3f, "bn"));
    x = nn_graph_conv2d(g, x, &c11, "c");
    x = nn_graph_relu6(g, nn_graph_bnorm(g, x, 0.9f, 1e-3f, "cn"));
    return nn_graph_dense(g, nn_graph_mean_hw(g, x), 2, 1, "d");
}

static nn_node (*const nets[])(struct nn_graph *, nn_node) = {
    net_plain,     net_norm_relu, net_residual, net_loose,
    net_depthwise, net_shared,    net_short,    net_relu6
};
enum { N_NETS = sizeof nets / sizeof nets[0] };

struct fixture {
    struct nn_graph *g;
    struct nn_params p;
    float *x, d[BATCH * 4];
    double *x64, *p64;
    size_t nx, np;
};

static void set_up(struct fixture *f, int which)
{
    struct nn_error err = NN_ERROR_INIT;
    nn_node x;

    ck_assert_int_eq(nn_graph_create(&f->g), NN_OK);
    x = nn_graph_input(f->g, "in", (struct nn_shape){ 1, 7, 6, 3 });
    x = nets[which](f->g, x);
    ck_assert_msg(nn_graph_finish(f->g, x, &err) == NN_OK, "%s", err.text);
    ck_assert_int_eq(nn_params_init(&f->p, f->g, 1), NN_OK);
    f->np = nn_graph_param_count(f->g);
    f->nx = BATCH * 7 * 6 * 3;
    f->x = calloc(f->nx, sizeof *f->x);
    f->x64 = calloc(f->nx, sizeof *f->x64);
    f->p64 = calloc(f->np, sizeof *f->p64);
    golden_uniform("x", f->nx, f->x);
    golden_uniform("p", f->np, f->p.value.data);
    golden_uniform("d", BATCH * 4, f->d);
    for (size_t i = 0; i < f->g->n_params; i++) {
        const struct nn_param *q = &f->g->param[i];

        for (size_t j = 0; strstr(q->name, "_var") && j < q->count; j++) {
            f->p.value.data[q->offset + j] += 1.5f;
        }
    }
    for (size_t i = 0; i < f->nx; i++) {
        f->x64[i] = (double)f->x[i];
    }
    for (size_t i = 0; i < f->np; i++) {
        f->p64[i] = (double)f->p.value.data[i];
    }
}

static void tear_down(struct fixture *f)
{
    free(f->x);
    free(f->x64);
    free(f->p64);
    nn_params_release(&f->p);
    nn_graph_destroy(&f->g);
}

/* All images at once, one at a time, and a few. */
static const size_t caches[] = { 0, 1, 900 };
enum {
    N_CACHES = sizeof caches / sizeof caches[0],
    N_WAYS = N_NETS * N_CACHES
};

/* way: net + N_NETS * cache. */
static struct nn_exec *train_exec(const struct fixture *f, unsigned cpu,
                                  int way)
{
    const struct nn_exec_options opt = { .max_batch = BATCH,
                                         .train = 1,
                                         .seed = 1,
                                         .cpu = cpu,
                                         .cache_floats = caches[way / N_NETS] };
    struct nn_exec *e;

    ck_assert_int_eq(nn_exec_create(f->g, &opt, &e, NULL), NN_OK);
    return e;
}

START_TEST(forward_and_gradients)
{
    const unsigned cpus[] = { 0, nn_cpu_flags() };
    struct fixture f;
    struct nn_exec *e;
    struct nn_tensor z;
    const struct nn_param *p;
    double loss = 0, want;

    set_up(&f, _i / 2 % N_NETS);
    e = train_exec(&f, cpus[_i % 2], _i / 2);
    ck_assert_int_eq(nn_exec_forward(e, &f.p, f.x, BATCH, 0, &z, NULL), NN_OK);
    for (size_t i = 0; i < (size_t)BATCH * (size_t)z.shape.c; i++) {
        loss += (double)z.data[i] * (double)f.d[i];
    }
    want = naive_loss(f.g, f.p64, f.x64, f.d);
    ck_assert_double_eq_tol(loss, want, 1e-4 * (1 + fabs(want)));
    ck_assert_int_eq(nn_exec_backward(e, &f.p, f.d, NULL), NN_OK);
    for (size_t i = 0; (p = nn_graph_param(f.g, i)) != NULL; i++) {
        for (size_t j = 0; p->trained && j < p->count; j++) {
            double keep = f.p64[p->offset + j], h = 1e-6, slope;

            f.p64[p->offset + j] = keep + h;
            slope = naive_loss(f.g, f.p64, f.x64, f.d);
            f.p64[p->offset + j] = keep - h;
            slope = (slope - naive_loss(f.g, f.p64, f.x64, f.d)) / (2 * h);
            f.p64[p->offset + j] = keep;
            ck_assert_msg(fabs((double)f.p.grad.data[p->offset + j] - slope) <=
                              1e-3 * (1 + fabs(slope)),
                          "net %d %s[%zu]: got %.6g, slope %.6g",
                          _i / 2 % N_NETS, p->name, j,
                          (double)f.p.grad.data[p->offset + j], slope);
        }
    }
    nn_exec_destroy(&e);
    tear_down(&f);
}
END_TEST

/* Gradients are added: two passes give twice one. */
START_TEST(gradients_accumulate)
{
    struct fixture f;
    struct nn_exec *e;
    struct nn_tensor z;
    float *once;

    set_up(&f, _i % N_NETS);
    e = train_exec(&f, nn_cpu_flags(), _i);
    once = calloc(f.np, sizeof *once);
    for (int pass = 0; pass < 2; pass++) {
        ck_assert_int_eq(nn_exec_forward(e, &f.p, f.x, BATCH, 0, &z, NULL),
                         NN_OK);
        ck_assert_int_eq(nn_exec_backward(e, &f.p, f.d, NULL), NN_OK);
        if (pass == 0) {
            memcpy(once, f.p.grad.data, f.np * sizeof *once);
        }
    }
    for (size_t i = 0; i < f.np; i++) {
        once[i] *= 2;
    }
    testkit_close(f.p.grad.data, once, f.np, 1e-5, 1e-5, "gradient");
    free(once);
    nn_exec_destroy(&e);
    tear_down(&f);
}
END_TEST

/* Inference with folded norms is the same function as the graph with its
 * running statistics, which one training pass with momentum 0 makes equal to
 * the batch's. */
START_TEST(folded_inference)
{
    struct fixture f;
    struct nn_exec *train, *infer;
    const struct nn_exec_options opt = { .max_batch = BATCH,
                                         .cpu = nn_cpu_flags(),
                                         .cache_floats = caches[_i / N_NETS] };
    struct nn_tensor z, zi;
    const struct nn_param *p;
    float kept[BATCH * 4];
    size_t n;

    set_up(&f, _i % N_NETS);
    for (size_t i = 0; i < f.g->n_nodes; i++) {
        f.g->node[i].momentum = 0;
    }
    train = train_exec(&f, nn_cpu_flags(), _i);
    ck_assert_int_eq(nn_exec_forward(train, &f.p, f.x, BATCH, 0, &z, NULL),
                     NN_OK);
    n = (size_t)BATCH * (size_t)z.shape.c;
    memcpy(kept, z.data, n * sizeof *kept);
    /* The running variance is unbiased: put the biased one in its place. */
    for (size_t i = 0; (p = nn_graph_param(f.g, i)) != NULL; i++) {
        if (strstr(p->name, "running_var") == NULL) {
            continue;
        }
        for (size_t k = 0; k < f.g->n_nodes; k++) {
            const struct nn_node_info *node = &f.g->node[k];
            double rows =
                (double)(elements(node->shape) / (size_t)node->shape.c);

            for (size_t j = 0; node->op == NN_OP_BNORM && j < p->count &&
                               (size_t)node->param + NN_BN_VAR == i;
                 j++) {
                f.p.value.data[p->offset + j] *= (float)((rows - 1) / rows);
            }
        }
    }
    ck_assert_int_eq(nn_exec_create(f.g, &opt, &infer, NULL), NN_OK);
    nn_exec_load(infer, &f.p);
    ck_assert_int_eq(nn_exec_forward(infer, NULL, f.x, BATCH, 0, &zi, NULL),
                     NN_OK);
    testkit_close(zi.data, kept, n, 1e-4, 1e-4, "logits");
    nn_exec_destroy(&train);
    nn_exec_destroy(&infer);
    tear_down(&f);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    struct fixture f;
    float *grad[2];

    for (int run = 0; run < 2; run++) {
        struct nn_exec *e;
        struct nn_tensor z;

        nn_parallel_set_threads(run + 1);
        set_up(&f, _i % N_NETS);
        e = train_exec(&f, nn_cpu_flags(), _i);
        ck_assert_int_eq(nn_exec_forward(e, &f.p, f.x, BATCH, 0, &z, NULL),
                         NN_OK);
        ck_assert_int_eq(nn_exec_backward(e, &f.p, f.d, NULL), NN_OK);
        grad[run] = malloc(2 * f.np * sizeof(float));
        memcpy(grad[run], f.p.grad.data, f.np * sizeof(float));
        memcpy(grad[run] + f.np, f.p.value.data, f.np * sizeof(float));
        nn_exec_destroy(&e);
        if (run == 1) {
            ck_assert_mem_eq(grad[0], grad[1], 2 * f.np * sizeof(float));
        }
        tear_down(&f);
    }
    free(grad[0]);
    free(grad[1]);
}
END_TEST

/* At inference too, whether threads share out groups of images (1 thread), or
 * each of the convolutions because groups would leave them idle (2 and 3). */
START_TEST(threads_do_not_matter_at_inference)
{
    const struct nn_exec_options opt = { .max_batch = BATCH,
                                         .cpu = nn_cpu_flags(),
                                         .cache_floats = caches[_i / N_NETS] };
    struct fixture f;
    float kept[BATCH * 4] = { 0 }, first[4] = { 0 };

    set_up(&f, _i % N_NETS);
    for (int threads = 1; threads <= 3; threads++) {
        struct nn_exec *e;
        struct nn_tensor z;
        size_t bytes;

        nn_parallel_set_threads(threads);
        ck_assert_int_eq(nn_exec_create(f.g, &opt, &e, NULL), NN_OK);
        nn_exec_load(e, &f.p);
        ck_assert_int_eq(nn_exec_forward(e, NULL, f.x, BATCH, 0, &z, NULL),
                         NN_OK);
        bytes = (size_t)BATCH * (size_t)z.shape.c * sizeof(float);
        if (threads == 1) {
            memcpy(kept, z.data, bytes);
        }
        ck_assert_mem_eq(kept, z.data, bytes);
        ck_assert_int_eq(nn_exec_forward(e, NULL, f.x, 1, 0, &z, NULL), NN_OK);
        bytes = (size_t)z.shape.c * sizeof(float);
        testkit_close(z.data, kept, (size_t)z.shape.c, 1e-5, 1e-5, "image 1");
        if (threads == 1) {
            memcpy(first, z.data, bytes);
        }
        ck_assert_mem_eq(first, z.data, bytes);
        nn_exec_destroy(&e);
    }
    tear_down(&f);
}
END_TEST

START_TEST(a_step_allocates_nothing)
{
    struct fixture f;
    struct nn_exec *e;
    struct nn_tensor z;
    long before;

    nn_parallel_set_threads(1);
    set_up(&f, _i % N_NETS);
    e = train_exec(&f, nn_cpu_flags(), _i);
    before = nn_mem_calls();
    ck_assert_int_eq(nn_exec_forward(e, &f.p, f.x, BATCH, 0, &z, NULL), NN_OK);
    ck_assert_int_eq(nn_exec_backward(e, &f.p, f.d, NULL), NN_OK);
    ck_assert_int_eq(nn_mem_calls(), before);
    nn_exec_destroy(&e);
    tear_down(&f);
}
END_TEST

/* --- dropout, NaN, marks, builder errors
 * -------------------------------------- */

static struct nn_graph *dropout_net(float drop)
{
    struct nn_graph *g;
    nn_node x;

    ck_assert_int_eq(nn_graph_create(&g), NN_OK);
    x = nn_graph_input(g, "in", (struct nn_shape){ 1, 1, 1, 4000 });
    x = nn_graph_dropout(g, x, drop);
    nn_graph_mark(g, x, "dropped");
    x = nn_graph_dense(g, x, 1, 0, "d");
    ck_assert_int_eq(nn_graph_finish(g, x, NULL), NN_OK);
    return g;
}

START_TEST(dropout_scales_and_repeats)
{
    struct nn_graph *g = dropout_net(0.3f);
    const struct nn_exec_options opt = { .max_batch = 1,
                                         .train = 1,
                                         .seed = 5 };
    struct nn_params p;
    struct nn_exec *e;
    struct nn_tensor z, t;
    float x[4000], first[4000];
    int zeros = 0;

    ck_assert_int_eq(nn_params_init(&p, g, 1), NN_OK);
    ck_assert_int_eq(nn_exec_create(g, &opt, &e, NULL), NN_OK);
    for (int i = 0; i < 4000; i++) {
        x[i] = 1;
    }
    ck_assert_int_eq(nn_exec_forward(e, &p, x, 1, 7, &z, NULL), NN_OK);
    ck_assert_int_eq(nn_exec_marked(e, "dropped", &t), NN_OK);
    memcpy(first, t.data, sizeof first);
    for (int i = 0; i < 4000; i++) {
        zeros += first[i] == 0;
        ck_assert(first[i] == 0 || fabsf(first[i] - 1 / 0.7f) < 1e-5f);
    }
    ck_assert_int_gt(zeros, 1080); /* 1200 +- 4 deviations of 29 */
    ck_assert_int_lt(zeros, 1320);
    ck_assert_int_eq(nn_exec_forward(e, &p, x, 1, 8, &z, NULL), NN_OK);
    ck_assert_mem_ne(first, t.data, sizeof first);
    ck_assert_int_eq(nn_exec_forward(e, &p, x, 1, 7, &z, NULL), NN_OK);
    ck_assert_mem_eq(first, t.data, sizeof first);
    ck_assert_int_eq(nn_exec_marked(e, "nothing", &t), NN_ERR_ARG);
    nn_exec_destroy(&e);
    nn_params_release(&p);
    nn_graph_destroy(&g);
}
END_TEST

START_TEST(nan_is_named)
{
    const struct nn_exec_options opt = { .max_batch = BATCH,
                                         .train = _i % 2,
                                         .cpu = nn_cpu_flags(),
                                         .cache_floats = caches[_i / 2] };
    struct nn_error err = NN_ERROR_INIT;
    const struct nn_param *p;
    struct nn_exec *e;
    struct nn_tensor z;
    struct fixture f;

    set_up(&f, 2);
    p = nn_graph_find_param(f.g, "c.weight");
    f.p.value.data[p->offset] = NAN;
    ck_assert_int_eq(nn_exec_create(f.g, &opt, &e, NULL), NN_OK);
    nn_exec_load(e, &f.p);
    ck_assert_int_eq(nn_exec_forward(e, &f.p, f.x, BATCH, 0, &z, &err),
                     NN_ERR_NUMERIC);
    ck_assert_msg(strstr(err.text, "'c'") != NULL, "%s", err.text);
    nn_exec_destroy(&e);
    tear_down(&f);
}
END_TEST

START_TEST(builder_errors_stick)
{
    struct nn_error err = NN_ERROR_INIT;
    /* Larger than the image; between dense and depthwise. */
    static const struct nn_conv2d bad[] = { { 4, 9, 1, 0, 1, 0, 0 },
                                            { 6, 3, 1, 0, 3, 0, 0 },
                                            { 3, 3, 1, 0, 2, 0, 0 } };
    struct nn_graph *g;
    nn_node x, y;

    ck_assert_int_eq(nn_graph_create(&g), NN_OK);
    x = nn_graph_input(g, "in", (struct nn_shape){ 1, 5, 5, 3 });
    y = nn_graph_conv2d(g, x, &bad[_i], "big");
    ck_assert_int_eq(y, NN_NODE_BAD);
    y = nn_graph_relu(g, y);
    ck_assert_int_eq(y, NN_NODE_BAD);
    ck_assert_int_eq(nn_graph_finish(g, y, &err), NN_ERR_SHAPE);
    ck_assert_ptr_nonnull(strstr(err.text, "'big'"));
    ck_assert_ptr_nonnull(strstr(err.text, "[1,5,5,3]"));
    nn_graph_destroy(&g);
    ck_assert_ptr_null(g);
}
END_TEST

START_TEST(names_are_unique)
{
    struct nn_error err = NN_ERROR_INIT;
    struct nn_graph *g;
    nn_node x;

    ck_assert_int_eq(nn_graph_create(&g), NN_OK);
    x = nn_graph_input(g, "in", (struct nn_shape){ 1, 5, 5, 3 });
    x = nn_graph_conv2d(g, x, &c11, "a");
    x = nn_graph_conv2d(g, x, &c11, "a");
    ck_assert_int_eq(nn_graph_finish(g, x, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "'a'"));
    nn_graph_destroy(&g);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("graph");
    TCase *t = tcase_create("graph");

    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, forward_and_gradients, 0, 2 * N_WAYS);
    tcase_add_loop_test(t, gradients_accumulate, 0, N_WAYS);
    tcase_add_loop_test(t, folded_inference, 0, N_WAYS);
    tcase_add_loop_test(t, threads_do_not_matter, 0, N_WAYS);
    tcase_add_loop_test(t, threads_do_not_matter_at_inference, 0, N_WAYS);
    tcase_add_loop_test(t, a_step_allocates_nothing, 0, N_WAYS);
    tcase_add_test(t, dropout_scales_and_repeats);
    tcase_add_loop_test(t, nan_is_named, 0, 2 * N_CACHES);
    tcase_add_loop_test(t, builder_errors_stick, 0, 3);
    tcase_add_test(t, names_are_unique);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
