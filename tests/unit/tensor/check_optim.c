/* Optimisers against PyTorch; schedules, clipping and averages by hand. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/parallel.h"
#include "common/tensor/optim.h"
#include "tests/unit/tensor/golden.h"
#include "tests/unit/testkit.h"

enum { N = 40 };

/* A graph whose parameters are a weight (decays) and a bias (does not). */
static struct nn_graph *tiny(int32_t units)
{
    struct nn_graph *g;
    nn_node x;

    ck_assert_int_eq(nn_graph_create(&g), NN_OK);
    x = nn_graph_input(g, "in", (struct nn_shape){ 1, 1, 1, 1 });
    x = nn_graph_dense(g, x, units, 1, "d");
    ck_assert_int_eq(nn_graph_finish(g, x, NULL), NN_OK);
    return g;
}

static void step_compare(enum nn_optim_kind kind, const char *key, double lr)
{
    struct nn_graph *g = tiny(N);
    struct nn_optim_options o = nn_optim_defaults(kind);
    json_t *all = golden_load("tensor_optim.json");
    const json_t *rows = json_object_get(all, key);
    struct nn_params p;
    struct nn_optim opt;
    char name[16];

    o.weight_decay = 0.05f;
    ck_assert_int_eq(nn_params_init(&p, g, 1), NN_OK);
    ck_assert_int_eq(nn_optim_init(&opt, g, &o), NN_OK);
    golden_uniform("w", N, p.value.data);
    golden_uniform("b", N, p.value.data + N);
    for (int step = 0; step < 10; step++) {
        snprintf(name, sizeof name, "gw%d", step);
        golden_uniform(name, N, p.grad.data);
        snprintf(name, sizeof name, "gb%d", step);
        golden_uniform(name, N, p.grad.data + N);
        nn_optim_step(&opt, g, &p, lr, NULL);
        if (step == 0 || step == 9) {
            const json_t *row = json_array_get(rows, step == 9);

            golden_close(p.value.data, json_object_get(row, "w"), N, 2e-6, 2e-6,
                         "w");
            golden_close(p.value.data + N, json_object_get(row, "b"), N, 2e-6,
                         2e-6, "b");
        }
    }
    ck_assert_int_eq(opt.step, 10);
    nn_optim_release(&opt);
    nn_params_release(&p);
    nn_graph_destroy(&g);
    json_decref(all);
}

START_TEST(sgd_is_pytorchs)
{
    step_compare(NN_OPTIM_SGD, "sgd", 0.1);
}
END_TEST

START_TEST(adamw_is_pytorchs)
{
    step_compare(NN_OPTIM_ADAMW, "adamw", 0.01);
}
END_TEST

START_TEST(rates_freeze_and_scale)
{
    struct nn_graph *g = tiny(2);
    struct nn_optim_options o = nn_optim_defaults(NN_OPTIM_SGD);
    const float scale[2] = { 0, 0.5f };
    struct nn_params p;
    struct nn_optim opt;

    o.weight_decay = 0;
    o.momentum = 0;
    ck_assert_int_eq(nn_params_init(&p, g, 1), NN_OK);
    ck_assert_int_eq(nn_optim_init(&opt, g, &o), NN_OK);
    for (int i = 0; i < 4; i++) {
        p.value.data[i] = 1;
        p.grad.data[i] = 1;
    }
    nn_optim_step(&opt, g, &p, 0.5, scale);
    ck_assert_float_eq(p.value.data[0], 1.0f);
    ck_assert_float_eq(p.value.data[2], 0.75f);
    nn_optim_release(&opt);
    nn_params_release(&p);
    nn_graph_destroy(&g);
}
END_TEST

START_TEST(clipping)
{
    struct nn_graph *g = tiny(2);
    struct nn_params p;

    ck_assert_int_eq(nn_params_init(&p, g, 1), NN_OK);
    p.grad.data[0] = 3;
    p.grad.data[3] = 4;
    ck_assert_double_eq_tol(nn_grad_clip(&p, g, 10), 5, 1e-6);
    ck_assert_float_eq(p.grad.data[0], 3.0f);
    ck_assert_double_eq_tol(nn_grad_clip(&p, g, 1), 5, 1e-6);
    ck_assert_float_eq_tol(p.grad.data[0], 0.6f, 1e-5f);
    ck_assert_float_eq_tol(p.grad.data[3], 0.8f, 1e-5f);
    nn_params_release(&p);
    nn_graph_destroy(&g);
}
END_TEST

/* More than one chunk, the last one not whole. */
START_TEST(clearing)
{
    struct nn_params p = NN_PARAMS_INIT;

    ck_assert_int_eq(nn_buf_reset(&p.grad, 40001), NN_OK);
    for (size_t i = 0; i < p.grad.count; i++) {
        p.grad.data[i] = 1;
    }
    nn_grad_clear(&p);
    for (size_t i = 0; i < p.grad.count; i++) {
        ck_assert_float_eq(p.grad.data[i], 0);
    }
    nn_params_release(&p);
}
END_TEST

START_TEST(average)
{
    struct nn_graph *g = tiny(1);
    struct nn_params p;
    struct nn_buf avg = NN_BUF_INIT;

    ck_assert_int_eq(nn_params_init(&p, g, 0), NN_OK);
    ck_assert_int_eq(nn_buf_reset(&avg, 2), NN_OK);
    p.value.data[0] = 10;
    nn_ema_update(&avg, &p, 0.9, 0); /* keeps 1/10 at first */
    ck_assert_float_eq_tol(avg.data[0], 9.0f, 1e-6f);
    nn_ema_update(&avg, &p, 0.9, 1000);
    ck_assert_float_eq_tol(avg.data[0], 9.1f, 1e-6f);
    nn_buf_release(&avg);
    nn_params_release(&p);
    nn_graph_destroy(&g);
}
END_TEST

START_TEST(schedules)
{
    struct nn_schedule s = { NN_SCHEDULE_ONE_CYCLE, 1, 0.25, 0.1 };
    double max = 0, last = 0;

    ck_assert_double_eq_tol(nn_schedule_at(&s, 0, 100), 0.04, 1e-9);
    ck_assert_double_eq_tol(nn_schedule_at(&s, 25, 100), 1, 1e-9);
    ck_assert_double_eq_tol(nn_schedule_at(&s, 99, 100), 1e-4, 1e-9);
    s.kind = NN_SCHEDULE_COSINE;
    for (int i = 0; i < 100; i++) {
        last = nn_schedule_at(&s, i, 100);
        max = fmax(max, last);
    }
    ck_assert_double_eq_tol(max, 1, 1e-9);
    ck_assert_double_eq_tol(last, 0.1, 1e-9);
    s.kind = NN_SCHEDULE_CONSTANT;
    ck_assert_double_eq(nn_schedule_at(&s, 7, 100), 1);
    s.kind = NN_SCHEDULE_ONE_CYCLE;
    ck_assert(isfinite(nn_schedule_at(&s, 0, 1)));
}
END_TEST

/* 50,000 floats: several chunks, on one thread and on two. */
START_TEST(threads_do_not_matter)
{
    enum { UNITS = 25000 };
    struct nn_graph *g = tiny(UNITS);
    struct nn_optim_options o = nn_optim_defaults(NN_OPTIM_ADAMW);
    struct nn_params p[2];
    struct nn_optim opt[2];

    for (int run = 0; run < 2; run++) {
        nn_parallel_set_threads(run + 1);
        ck_assert_int_eq(nn_params_init(&p[run], g, 1), NN_OK);
        ck_assert_int_eq(nn_optim_init(&opt[run], g, &o), NN_OK);
        golden_uniform("w", 2 * UNITS, p[run].value.data);
        golden_uniform("g", 2 * UNITS, p[run].grad.data);
        nn_grad_clip(&p[run], g, 1);
        nn_optim_step(&opt[run], g, &p[run], 0.1, NULL);
    }
    ck_assert_mem_eq(p[0].value.data, p[1].value.data,
                     2 * UNITS * sizeof(float));
    for (int run = 0; run < 2; run++) {
        nn_optim_release(&opt[run]);
        nn_params_release(&p[run]);
    }
    nn_graph_destroy(&g);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("optim");
    TCase *t = tcase_create("optim");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, sgd_is_pytorchs);
    tcase_add_test(t, adamw_is_pytorchs);
    tcase_add_test(t, rates_freeze_and_scale);
    tcase_add_test(t, clipping);
    tcase_add_test(t, clearing);
    tcase_add_test(t, average);
    tcase_add_test(t, schedules);
    tcase_add_test(t, threads_do_not_matter);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
