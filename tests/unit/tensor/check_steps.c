/* Whole training steps of a small MobileNetV4: bit-equal for any number of
 * threads, no allocation, and the loss goes down. */
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/parallel.h"
#include "common/tensor/exec_internal.h"
#include "common/tensor/loss.h"
#include "common/tensor/nets/mobilenetv4.h"
#include "common/tensor/optim.h"
#include "tests/unit/tensor/golden.h"
#include "tests/unit/testkit.h"

enum { BATCH = 6, SIZE = 48, K = 3, PIXELS = BATCH * SIZE * SIZE * 3 };

struct run {
    struct nn_graph *g;
    struct nn_params p;
    struct nn_optim o;
    struct nn_exec *e;
    struct nn_buf avg;
    float x[PIXELS], target[BATCH * K];
};

static enum nn_status build(struct nn_graph **g, float dropout)
{
    const struct nn_mobilenetv4 m = { 0.35f, SIZE, K, dropout, 0 };

    return nn_mobilenetv4_build(&m, g, NULL);
}

static struct run *start(enum nn_optim_kind kind)
{
    const struct nn_exec_options opt = {
        .max_batch = BATCH, .train = 1, .seed = 9, .cpu = nn_cpu_flags()
    };
    struct nn_optim_options o = nn_optim_defaults(kind);
    struct run *r = nn_mem_calloc(1, sizeof *r);

    ck_assert_ptr_nonnull(r);
    ck_assert_int_eq(build(&r->g, 0.2f), NN_OK);
    ck_assert_int_eq(nn_params_init(&r->p, r->g, 1), NN_OK);
    nn_params_randomise(&r->p, r->g, 1);
    ck_assert_int_eq(nn_optim_init(&r->o, r->g, &o), NN_OK);
    ck_assert_int_eq(nn_exec_create(r->g, &opt, &r->e, NULL), NN_OK);
    ck_assert_int_eq(nn_buf_reset(&r->avg, r->p.value.count), NN_OK);
    golden_uniform("x", PIXELS, r->x);
    for (int i = 0; i < BATCH; i++) {
        r->target[i * K + i % K] = 1;
        for (int j = 0; j < SIZE * SIZE * 3; j++) { /* something to learn */
            r->x[i * SIZE * SIZE * 3 + j] += 0.5f * (float)(i % K);
        }
    }
    return r;
}

static double step(struct run *r, uint64_t at, double lr)
{
    const struct nn_loss loss = { NN_LOSS_FOCAL, 0.25f, 2, 0 };
    struct nn_tensor z;
    float d[BATCH * K];
    double value;

    memset(r->p.grad.data, 0, r->p.grad.count * sizeof(float));
    ck_assert_int_eq(nn_exec_forward(r->e, &r->p, r->x, BATCH, at, &z, NULL),
                     NN_OK);
    ck_assert_int_eq(
        nn_loss_eval(&loss, z.data, r->target, NULL, BATCH, K, &value, d, NULL),
        NN_OK);
    ck_assert_int_eq(nn_exec_backward(r->e, &r->p, d, NULL), NN_OK);
    nn_grad_clip(&r->p, r->g, 0.5);
    nn_optim_step(&r->o, r->g, &r->p, lr, NULL);
    nn_ema_update(&r->avg, &r->p, 0.99, (int64_t)at);
    return value;
}

static void stop(struct run *r)
{
    nn_exec_destroy(&r->e);
    nn_optim_release(&r->o);
    nn_params_release(&r->p);
    nn_buf_release(&r->avg);
    nn_graph_destroy(&r->g);
    nn_mem_free(r);
}

/* Weights, moments and averages after three steps on 1, 2 and 3 threads. */
START_TEST(threads_do_not_matter)
{
    const enum nn_optim_kind kind = _i ? NN_OPTIM_ADAMW : NN_OPTIM_SGD;
    struct run *one = start(kind), *r;
    size_t bytes = one->p.value.count * sizeof(float);

    nn_parallel_set_threads(1);
    for (uint64_t i = 0; i < 3; i++) {
        step(one, i, 0.01);
    }
    for (int threads = 2; threads <= 3; threads++) {
        r = start(kind);
        nn_parallel_set_threads(threads);
        for (uint64_t i = 0; i < 3; i++) {
            step(r, i, 0.01);
        }
        ck_assert_mem_eq(one->p.value.data, r->p.value.data, bytes);
        ck_assert_mem_eq(one->p.grad.data, r->p.grad.data, bytes);
        ck_assert_mem_eq(one->o.m.data, r->o.m.data, bytes);
        ck_assert_mem_eq(one->avg.data, r->avg.data, bytes);
        stop(r);
    }
    stop(one);
}
END_TEST

START_TEST(a_step_allocates_nothing)
{
    struct run *r = start(NN_OPTIM_ADAMW);
    long before;

    nn_parallel_set_threads(2);
    before = nn_mem_calls();
    step(r, 0, 0.01);
    ck_assert_int_eq(nn_mem_calls(), before);
    stop(r);
}
END_TEST

START_TEST(the_loss_goes_down)
{
    struct run *r = start(NN_OPTIM_ADAMW);
    double first = step(r, 0, 2e-3), last = 0;

    for (uint64_t i = 1; i < 12; i++) {
        last = step(r, i, 2e-3);
    }
    ck_assert_msg(last < 0.5 * first, "from %g to %g", first, last);
    stop(r);
}
END_TEST

static size_t floats_of(const struct nn_exec *e)
{
    return e->activations.count + e->gradients.count + e->constants.count +
           e->work.count + e->microbatches.count;
}

/* Reused buffers: with its packed weights still less memory than training
 * needs for values and gradients alone; the marked embedding still
 * readable, the same for one image as for that image in a batch. */
START_TEST(inference)
{
    const struct nn_exec_options opt = { .max_batch = BATCH,
                                         .cpu = nn_cpu_flags() };
    struct run *r = start(NN_OPTIM_SGD);
    struct nn_tensor z, t;
    struct nn_exec *e;
    float embedding[1280], logits[K];

    step(r, 0, 0.01); /* running statistics that are not 0 and 1 */
    ck_assert_int_eq(nn_exec_create(r->g, &opt, &e, NULL), NN_OK);
    ck_assert_uint_lt(floats_of(e), floats_of(r->e));
    nn_exec_load(e, &r->p);
    ck_assert_int_eq(nn_exec_marked(e, "embedding", &t), NN_ERR_ARG);
    ck_assert_int_eq(
        nn_exec_forward(e, NULL, r->x + PIXELS / BATCH, 1, 0, &z, NULL), NN_OK);
    memcpy(logits, z.data, sizeof logits);
    ck_assert_int_eq(nn_exec_marked(e, "embedding", &t), NN_OK);
    ck_assert_int_eq(t.shape.c, 1280);
    memcpy(embedding, t.data, sizeof embedding);
    for (int i = 0; i < 1280; i++) {
        ck_assert(embedding[i] >= 0); /* after the ReLU */
    }
    ck_assert_int_eq(nn_exec_forward(e, NULL, r->x, BATCH, 0, &z, NULL), NN_OK);
    testkit_close(z.data + K, logits, K, 1e-4, 1e-4, "logits");
    ck_assert_int_eq(nn_exec_marked(e, "embedding", &t), NN_OK);
    testkit_close(t.data + 1280, embedding, 1280, 1e-4, 1e-4, "embedding");
    nn_exec_destroy(&e);
    stop(r);
}
END_TEST

START_TEST(wrong_use)
{
    const struct nn_exec_options bad = { .train = 1 };
    const struct nn_exec_options infer = { .max_batch = BATCH };
    struct run *r = start(NN_OPTIM_SGD);
    struct nn_error err = NN_ERROR_INIT;
    const float d[BATCH * K] = { 0 };
    struct nn_exec *e;
    struct nn_tensor z;

    ck_assert_int_eq(nn_exec_create(r->g, &bad, &e, &err), NN_ERR_ARG);
    ck_assert_ptr_null(e);
    ck_assert_int_eq(nn_exec_backward(r->e, &r->p, d, &err), NN_ERR_ARG);
    ck_assert_int_eq(nn_exec_forward(r->e, &r->p, r->x, BATCH + 1, 0, &z, &err),
                     NN_ERR_ARG);
    ck_assert_int_eq(nn_exec_forward(r->e, NULL, r->x, 1, 0, &z, &err),
                     NN_ERR_ARG);
    ck_assert_int_eq(nn_exec_create(r->g, &infer, &e, &err), NN_OK);
    nn_exec_load(e, &r->p);
    ck_assert_int_eq(nn_exec_forward(e, NULL, r->x, 1, 0, &z, &err), NN_OK);
    ck_assert_int_eq(nn_exec_backward(e, &r->p, d, &err), NN_ERR_ARG);
    nn_exec_destroy(&e);
    stop(r);
}
END_TEST

static int create_infer(void *ctx)
{
    const struct nn_exec_options opt = { .max_batch = 2,
                                         .cpu = nn_cpu_flags() };
    struct nn_params p = NN_PARAMS_INIT;
    struct nn_optim o = { .step = 0 };
    struct nn_optim_options oo = nn_optim_defaults(NN_OPTIM_ADAMW);
    struct nn_graph *g = NULL;
    struct nn_exec *e = NULL;
    enum nn_status st = build(&g, 0);

    (void)ctx;
    if (!st) {
        st = nn_params_init(&p, g, 1);
    }
    if (!st) {
        st = nn_optim_init(&o, g, &oo);
    }
    if (!st) {
        st = nn_exec_create(g, &opt, &e, NULL);
    }
    nn_exec_destroy(&e);
    nn_optim_release(&o);
    nn_params_release(&p);
    nn_graph_destroy(&g);
    return st;
}

START_TEST(allocation_failures)
{
    testkit_each_alloc_failure(create_infer, NULL);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("steps");
    TCase *t = tcase_create("steps");

    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, threads_do_not_matter, 0, 2);
    tcase_add_test(t, a_step_allocates_nothing);
    tcase_add_test(t, the_loss_goes_down);
    tcase_add_test(t, inference);
    tcase_add_test(t, wrong_use);
    tcase_add_test(t, allocation_failures);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
