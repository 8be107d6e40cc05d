/* What `bench` measures is what the nets have; how it sums up timings. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/tensor/nets/mobilenetv4.h"
#include "pipelines/bench/bench.h"
#include "pipelines/bench/clock.h"
#include "pipelines/bench/training.h"
#include "tests/unit/testkit.h"

/* A small net with all-zero weights. */
struct fixture {
    struct nn_graph *g;
    struct nn_params p;
};

static void make(struct fixture *f, float width, int32_t size)
{
    const struct nn_mobilenetv4 m = { .width = width,
                                      .size = size,
                                      .outputs = 5 };
    struct nn_error err = NN_ERROR_INIT;

    f->p = (struct nn_params)NN_PARAMS_INIT;
    ck_assert_int_eq(nn_mobilenetv4_build(&m, &f->g, &err), NN_OK);
    ck_assert_int_eq(nn_params_init(&f->p, f->g, 0), NN_OK);
}

static void drop(struct fixture *f)
{
    nn_params_release(&f->p);
    nn_graph_destroy(&f->g);
}

/* How many weights of the graph's parameter table have the layer's shape. The
 * same weight may be used at another image size: then shapes of the list
 * share it, and their times add up. */
static int weights_like(const struct nn_graph *g, const struct nn_conv_shape *s)
{
    const struct nn_param *p;
    int n = 0;

    for (size_t i = 0; (p = nn_graph_param(g, i)) != NULL; i++) {
        n += p->shape.n == s->oc && p->shape.h == s->kh &&
             p->shape.w == s->kw && p->shape.c == s->ic / s->groups;
    }
    return n;
}

static int times_like(const struct bench_layer *v, size_t n,
                      const struct nn_conv_shape *s)
{
    int times = 0;

    for (size_t i = 0; i < n; i++) {
        const struct nn_conv_shape *t = &v[i].s;

        if (t->oc == s->oc && t->kh == s->kh &&
            t->ic / t->groups == s->ic / s->groups) {
            times += v[i].times;
        }
    }
    return times;
}

static const struct {
    float width;
    int32_t size;
} sizes[] = { { 1, 128 }, { 1, 224 }, { 0.5f, 96 }, { 0.35f, 100 } };

START_TEST(test_layers_are_those_of_the_net)
{
    struct fixture f;
    struct bench_layer *v = NULL;
    struct nn_error err = NN_ERROR_INIT;
    size_t n = 0, macs = 0;
    int layers = 0;

    make(&f, sizes[_i].width, sizes[_i].size);
    ck_assert_int_eq(bench_layers_list(f.g, f.p.value.data, &v, &n, &err),
                     NN_OK);
    for (size_t i = 0; i < n; i++) {
        macs += (size_t)v[i].times * nn_conv_macs(&v[i].s);
        layers += v[i].times;
        ck_assert_msg(times_like(v, n, &v[i].s) == weights_like(f.g, &v[i].s),
                      "%s", v[i].name);
    }
    ck_assert_uint_eq(macs, nn_graph_macs(f.g));
    /* Stem, 5 plain convolutions, 12 bottlenecks with 2 pointwise and 15
     * depthwise layers among them, head, classifier. */
    ck_assert_int_eq(layers, 1 + 5 + 2 * 12 + 15 + 1 + 1);
    ck_assert_int_eq(v[0].s.ic, 3);
    ck_assert_int_eq(v[0].s.h, sizes[_i].size);
    ck_assert_int_eq(v[n - 1].s.oc, 5);
    ck_assert_int_eq(v[n - 1].s.h, 1);
    nn_mem_free(v);
    drop(&f);
}
END_TEST

static int list_layers(void *ctx)
{
    struct fixture *f = ctx;
    struct bench_layer *v = NULL;
    struct nn_error err = NN_ERROR_INIT;
    size_t n;
    enum nn_status st = bench_layers_list(f->g, f->p.value.data, &v, &n, &err);

    nn_mem_free(v);
    return st;
}

static const struct bench_layer some_layer = {
    .name = "dw",
    .s = { .h = 9,
           .w = 9,
           .ic = 16,
           .oc = 16,
           .kh = 3,
           .kw = 3,
           .stride_h = 2,
           .stride_w = 2,
           .pad_h = 1,
           .pad_w = 1,
           .groups = 16 },
    .times = 1,
};

static int init_run(void *ctx)
{
    struct bench_run r;
    struct nn_error err = NN_ERROR_INIT;
    enum nn_status st = bench_run_init(&r, &some_layer, 2, &err);

    (void)ctx;
    if (!st) {
        bench_run_release(&r);
    }
    return st;
}

static int create_training(void *ctx)
{
    struct fixture *f = ctx;
    struct bench_training *t = NULL;
    struct nn_error err = NN_ERROR_INIT;
    enum nn_status st = bench_training_create(f->g, 2, &t, &err);

    bench_training_destroy(&t);
    return st;
}

START_TEST(test_allocation_failures)
{
    struct fixture f;

    make(&f, 0.25f, 32);
    testkit_each_alloc_failure(list_layers, &f);
    testkit_each_alloc_failure(init_run, NULL);
    testkit_each_alloc_failure(create_training, &f);
    drop(&f);
}
END_TEST

START_TEST(test_one_layer)
{
    struct bench_run r;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(bench_run_init(&r, &some_layer, 2, &err), NN_OK);
    /* 5 x 5 outputs of 16 channels, 9 multiply-adds each, 2 images. */
    ck_assert_double_eq(bench_run_flops(&r), 2.0 * 2 * 25 * 16 * 9);
    ck_assert_double_eq(bench_run_bytes(&r),
                        4.0 * (2 * 81 * 16 + 9 * 16 + 2 * 25 * 16));
    memset(r.y, 0xff, r.n_y * sizeof *r.y); /* NaN */
    bench_run_once(&r, BENCH_FORWARD);
    ck_assert_uint_eq(nn_first_bad(r.y, r.n_y), r.n_y);
    bench_run_release(&r);
}
END_TEST

START_TEST(test_medians)
{
    double odd[] = { 3, 1, 2 }, even[] = { 4, 1, 3, 2 }, one[] = { 7 };
    double s[] = { 0.5, 0.1, 0.2 };
    struct bench_rate r;

    ck_assert_double_eq(bench_median(odd, 3), 2);
    ck_assert_double_eq(bench_median(even, 4), 2.5);
    ck_assert_double_eq(bench_median(one, 1), 7);
    r = bench_rate_of(s, 3, 32);
    ck_assert_double_eq(r.median, 32 / 0.2);
    ck_assert_double_eq(r.min, 32 / 0.5);
    ck_assert_double_eq(r.max, 32 / 0.1);
}
END_TEST

/* The steps are real ones: the same batch over and over is learned. */
START_TEST(test_training_learns)
{
    struct fixture f;
    struct bench_training *t = NULL;
    struct nn_error err = NN_ERROR_INIT;
    double first = 0, loss = 0;

    make(&f, 0.25f, 32);
    ck_assert_int_eq(bench_training_create(f.g, 8, &t, &err), NN_OK);
    ck_assert_int_eq(bench_training_step(t, NULL, 8, &first, &err), NN_OK);
    for (int i = 0; i < 30; i++) {
        ck_assert_int_eq(bench_training_step(t, NULL, 8, &loss, &err), NN_OK);
    }
    ck_assert_msg(isfinite(loss) && loss < 0.8 * first, "%g to %g", first,
                  loss);
    bench_training_destroy(&t);
    ck_assert_ptr_null(t);
    drop(&f);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("bench");
    TCase *c = tcase_create("bench");

    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, test_layers_are_those_of_the_net, 0,
                        sizeof sizes / sizeof sizes[0]);
    tcase_add_test(c, test_one_layer);
    tcase_add_test(c, test_medians);
    tcase_add_test(c, test_training_learns);
    tcase_add_test(c, test_allocation_failures);
    suite_add_tcase(s, c);
    return s;
}

TESTKIT_MAIN(create)
