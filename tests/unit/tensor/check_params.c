/* Shapes, buffers, buffer placing, parameter tables, random start. */
#include <math.h>
#include <string.h>

#include "common/tensor/nets/mobilenetv4.h"
#include "common/tensor/plan.h"
#include "tests/unit/tensor/golden.h"
#include "tests/unit/testkit.h"

START_TEST(shapes)
{
    const struct nn_shape big = { INT32_MAX, INT32_MAX, 2, 1 };
    const struct nn_shape s = { 2, 3, 5, 7 }, none = { 1, 0, 1, 1 };
    size_t n = 99;
    char buf[48];

    ck_assert_int_eq(nn_shape_count(none, &n), NN_ERR_SHAPE);
    ck_assert_int_eq(nn_shape_count(big, &n), NN_ERR_NOMEM);
    ck_assert_uint_eq(n, 99);
    ck_assert_int_eq(nn_shape_count(s, &n), NN_OK);
    ck_assert_uint_eq(n, 210);
    ck_assert_str_eq(nn_shape_str(s, buf, sizeof buf), "[2,3,5,7]");
    ck_assert(nn_shape_equal(s, s) && !nn_shape_equal(s, big));
}
END_TEST

START_TEST(first_bad)
{
    float v[5] = { 0, -1e38f, 1e-45f, 3, 3 };
    struct nn_buf b = NN_BUF_INIT;

    ck_assert_uint_eq(nn_first_bad(v, 5), 5);
    v[4] = -INFINITY;
    ck_assert_uint_eq(nn_first_bad(v, 5), 4);
    v[1] = NAN;
    ck_assert_uint_eq(nn_first_bad(v, 5), 1);
    ck_assert_int_eq(nn_buf_reset(&b, 3), NN_OK);
    ck_assert_uint_eq((uintptr_t)b.data % NN_ALIGN, 0);
    ck_assert_float_eq(b.data[2], 0.0f);
    ck_assert_int_eq(nn_buf_reset(&b, 0), NN_OK);
    ck_assert_ptr_null(b.data);
    nn_buf_release(&b);
}
END_TEST

/* Random lifetimes and sizes: none that live together overlap, and the block
 * is no larger than all of them laid out in a row. */
START_TEST(placed_buffers_do_not_meet)
{
    enum { N = 40 };
    struct nn_plan_buffer b[N] = { 0 };
    size_t total, row = 0;
    float u[3 * N];

    golden_uniform("plan", 3 * N, u);
    for (int i = 0; i < N; i++) {
        b[i].floats = i % 7 == 0 ? 0 : (size_t)((u[3 * i] + 1) * 500 + 1);
        b[i].first = (int32_t)((u[3 * i + 1] + 1) * 10);
        b[i].last = b[i].first + (int32_t)((u[3 * i + 2] + 1) * 4);
        row += (b[i].floats + 15) / 16 * 16;
    }
    ck_assert_int_eq(nn_plan(b, N, &total), NN_OK);
    ck_assert_uint_lt(total, row);
    for (int i = 0; i < N; i++) {
        ck_assert_uint_eq(b[i].offset % 16, 0);
        ck_assert_uint_le(b[i].offset + b[i].floats, total);
        for (int j = 0; j < i; j++) {
            int together = b[i].first <= b[j].last && b[j].first <= b[i].last;
            int overlap = b[i].offset < b[j].offset + b[j].floats &&
                          b[j].offset < b[i].offset + b[i].floats;

            ck_assert_msg(
                !(together && overlap && b[i].floats > 0 && b[j].floats > 0),
                "%d and %d", i, j);
        }
    }
}
END_TEST

/* Two buffers in turn need the room of the larger one. */
START_TEST(placed_buffers_share)
{
    struct nn_plan_buffer b[3] = { { 100, 0, 1, 0 },
                                   { 300, 2, 3, 0 },
                                   { 10, 1, 2, 0 } };
    size_t total;

    ck_assert_int_eq(nn_plan(b, 3, &total), NN_OK);
    ck_assert_uint_eq(b[0].offset, 0);
    ck_assert_uint_eq(b[1].offset, 0);
    ck_assert_uint_eq(total, 304 + 16);
    ck_assert_int_eq(nn_plan(b, 0, &total), NN_OK);
    ck_assert_uint_eq(total, 0);
}
END_TEST

static struct nn_graph *network(float width, int32_t size, int32_t outputs)
{
    const struct nn_mobilenetv4 m = { width, size, outputs, 0, 0 };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_graph *g;

    ck_assert_msg(nn_mobilenetv4_build(&m, &g, &err) == NN_OK, "%s", err.text);
    return g;
}

/* timm publishes 3.77 M and 2.24 M parameters for 1000 classes. */
START_TEST(published_sizes)
{
    const float width[] = { 1.0f, 0.5f };
    const double million[] = { 3.77, 2.24 };
    struct nn_graph *g = network(width[_i], 224, 1000);

    ck_assert_double_eq_tol((double)nn_graph_trained_count(g) / 1e6,
                            million[_i], 0.006);
    ck_assert_int_eq(nn_graph_outputs(g), 1000);
    if (_i == 0) { /* 0.19 G multiply-adds at 224 px */
        ck_assert_double_eq_tol((double)nn_graph_macs(g) / 1e9, 0.19, 0.006);
    }
    nn_graph_destroy(&g);
}
END_TEST

START_TEST(the_table_has_no_gaps)
{
    struct nn_graph *g = network(0.5f, 96, 3), *other = network(0.5f, 160, 3);
    const struct nn_param *p, *q;
    size_t at = 0, trained = 0;

    for (size_t i = 0; (p = nn_graph_param(g, i)) != NULL; i++) {
        size_t n;

        q = nn_graph_param(other, i);
        ck_assert_str_eq(p->name, q->name);
        ck_assert_uint_eq(p->offset, at);
        ck_assert_uint_eq(p->offset, q->offset);
        ck_assert_int_eq(nn_shape_count(p->shape, &n), NN_OK);
        ck_assert_uint_eq(n, p->count);
        ck_assert_ptr_eq(nn_graph_find_param(g, p->name), p);
        ck_assert_int_eq(p->trained, strstr(p->name, "running_") == NULL);
        ck_assert_int_eq(p->decay,
                         strstr(p->name, "running_") == NULL && p->shape.n > 1);
        at += p->count;
        trained += p->trained ? p->count : 0;
    }
    ck_assert_uint_eq(at, nn_graph_param_count(g));
    ck_assert_uint_eq(trained, nn_graph_trained_count(g));
    ck_assert_ptr_null(nn_graph_find_param(g, "nothing"));
    nn_graph_destroy(&g);
    nn_graph_destroy(&other);
}
END_TEST

static double deviation(const float *v, size_t n)
{
    double sum = 0, squares = 0;

    for (size_t i = 0; i < n; i++) {
        sum += (double)v[i];
        squares += (double)v[i] * (double)v[i];
    }
    sum /= (double)n;
    return sqrt(squares / (double)n - sum * sum);
}

START_TEST(random_start)
{
    struct nn_graph *g = network(1.0f, 64, 3), *h = network(1.0f, 64, 5);
    const struct nn_param *p, *q;
    struct nn_params a, b;

    ck_assert_int_eq(nn_params_init(&a, g, 0), NN_OK);
    ck_assert_int_eq(nn_params_init(&b, h, 1), NN_OK);
    ck_assert_ptr_null(a.grad.data);
    nn_params_randomise(&a, g, 3);
    nn_params_randomise(&b, h, 3);
    /* 1x1, 960 -> 1280: variance 2 / 1280; 3x3 depthwise: 2 / 9 */
    p = nn_graph_find_param(g, "conv_head.weight");
    ck_assert_double_eq_tol(deviation(a.value.data + p->offset, p->count),
                            sqrt(2.0 / 1280), 2e-4);
    p = nn_graph_find_param(g, "blocks.3.5.dw_mid.conv.weight");
    ck_assert_double_eq_tol(deviation(a.value.data + p->offset, p->count),
                            sqrt(2.0 / 9), 0.02);
    p = nn_graph_find_param(g, "classifier.weight");
    ck_assert_double_eq_tol(deviation(a.value.data + p->offset, p->count), 0.01,
                            5e-4);
    /* Other parameters do not depend on the number of outputs. */
    for (size_t i = 0; (p = nn_graph_param(g, i)) != NULL; i++) {
        q = nn_graph_param(h, i);
        if (strncmp(p->name, "classifier", 10) != 0) {
            ck_assert_mem_eq(a.value.data + p->offset, b.value.data + q->offset,
                             p->count * sizeof(float));
        }
        if (strstr(p->name, "running_var") != NULL) {
            ck_assert_float_eq(a.value.data[p->offset + p->count - 1], 1.0f);
        }
    }
    nn_params_randomise(&b, h, 4);
    p = nn_graph_find_param(g, "conv_stem.weight");
    ck_assert_mem_ne(a.value.data + p->offset, b.value.data + p->offset,
                     p->count * sizeof(float));
    nn_params_release(&a);
    nn_params_release(&b);
    nn_graph_destroy(&g);
    nn_graph_destroy(&h);
}
END_TEST

START_TEST(description)
{
    struct nn_graph *g = network(0.35f, 64, 2);
    char *text = nn_graph_describe(g);
    size_t lines = 0;

    ck_assert_ptr_nonnull(text);
    for (const char *s = text; *s != '\0'; s++) {
        lines += *s == '\n';
    }
    ck_assert_uint_gt(lines, 130); /* a line a node */
    ck_assert_ptr_nonnull(strstr(text, " blocks.2.0.dw_start.conv "));
    ck_assert_ptr_nonnull(strstr(text, " depthwise 5x5/1 "));
    ck_assert_ptr_nonnull(strstr(text, "[1,1,1,2] "));
    nn_mem_free(text);
    nn_mem_fail_at(1);
    ck_assert_ptr_null(nn_graph_describe(g));
    nn_mem_fail_at(0);
    nn_graph_destroy(&g);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("params");
    TCase *t = tcase_create("params");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, shapes);
    tcase_add_test(t, first_bad);
    tcase_add_test(t, placed_buffers_do_not_meet);
    tcase_add_test(t, placed_buffers_share);
    tcase_add_loop_test(t, published_sizes, 0, 2);
    tcase_add_test(t, the_table_has_no_gaps);
    tcase_add_test(t, random_start);
    tcase_add_test(t, description);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
