/* Single models: scores from logits, names of outputs. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "pipelines/cascade/baseline_score.h"
#include "pipelines/train/baseline.h"
#include "tests/unit/testkit.h"

static struct nn_net *net(const char *const *names, size_t n, enum nn_head head)
{
    struct nn_net_spec s = gate_net_spec(0.1f, 32);
    struct nn_net *out;

    s.n_outputs = n;
    s.outputs = names;
    s.head = head;
    ck_assert_int_eq(nn_net_create(&s, 1, &out, NULL), NN_OK);
    return out;
}

static const char *const classes[] = { "+a", "+b", "+c", "-" };
static const float z[4] = { 1, -2, 0.5f, 0.25f };

START_TEST(multilabel)
{
    struct nn_net *m = net(classes, 3, NN_HEAD_SIGMOID);
    double p[3];

    m->temperature = 2;
    ck_assert_double_eq_tol(baseline_score(MODEL_MULTILABEL, m, z, p),
                            1 / (1 + exp(-0.5)), 1e-12);
    for (int i = 0; i < 3; i++) {
        ck_assert_double_eq_tol(p[i], 1 / (1 + exp(-(double)z[i] / 2)), 1e-12);
    }
    ck_assert_int_eq(baseline_outputs_ok(MODEL_MULTILABEL, m, 3), 1);
    ck_assert_int_eq(baseline_outputs_ok(MODEL_MULTILABEL, m, 2), 0);
    ck_assert_int_eq(baseline_outputs_ok(MODEL_SOFTMAX_MAX, m, 3), 0);
    nn_net_destroy(&m);
}
END_TEST

START_TEST(softmax_none)
{
    struct nn_net *m = net(classes, 4, NN_HEAD_SOFTMAX);
    double p[4], sum = 0;

    for (int i = 0; i < 4; i++) {
        sum += exp((double)z[i]);
    }
    ck_assert_double_eq_tol(baseline_score(MODEL_SOFTMAX_NONE, m, z, p),
                            1 - exp(0.25) / sum, 1e-12);
    ck_assert_double_eq_tol(p[0] + p[1] + p[2], 1 - exp(0.25) / sum, 1e-12);
    ck_assert_double_eq_tol(p[1], exp(-2) / sum, 1e-12);
    ck_assert_int_eq(baseline_outputs_ok(MODEL_SOFTMAX_NONE, m, 3), 1);
    ck_assert_int_eq(baseline_outputs_ok(MODEL_SOFTMAX_MAX, m, 4), 0);
    nn_net_destroy(&m);
}
END_TEST

START_TEST(softmax_max)
{
    const float large[3] = { 900, 901, 899 };
    struct nn_net *m = net(classes, 3, NN_HEAD_SOFTMAX);
    double p[3], sum = exp(-1) + 1 + exp(-2);

    ck_assert_double_eq_tol(baseline_score(MODEL_SOFTMAX_MAX, m, large, p),
                            1 / sum, 1e-12);
    ck_assert_double_eq_tol(p[0] + p[1] + p[2], 1, 1e-12);
    ck_assert_int_eq(baseline_outputs_ok(MODEL_SOFTMAX_MAX, m, 3), 1);
    nn_net_destroy(&m);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("single");
    TCase *t = tcase_create("single");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, multilabel);
    tcase_add_test(t, softmax_none);
    tcase_add_test(t, softmax_max);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
