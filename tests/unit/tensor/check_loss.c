/* Losses by hand, by finite differences, and at their limits. */
#include <math.h>
#include <string.h>

#include "common/tensor/loss.h"
#include "tests/unit/tensor/golden.h"
#include "tests/unit/testkit.h"

enum { B = 5, K = 3 };

static const struct nn_loss losses[] = {
    { NN_LOSS_BINARY, 0, 0, 0 },
    { NN_LOSS_BINARY, 0, 0, 0.2f },
    { NN_LOSS_FOCAL, 0.25f, 2, 0 },
    { NN_LOSS_FOCAL, -1, 0, 0 },
    { NN_LOSS_FOCAL, 0.6f, 0.5f, 0 },
    { NN_LOSS_CATEGORICAL, 0, 0, 0 },
    { NN_LOSS_CATEGORICAL, 0, 0, 0.1f },
    { NN_LOSS_FOCAL_CATEGORICAL, 0, 2, 0 },
    { NN_LOSS_FOCAL_CATEGORICAL, 0, 0.5f, 0.1f },
};
enum { N_LOSSES = sizeof losses / sizeof losses[0] };

static double eval(const struct nn_loss *l, const float *z, const float *t,
                   const float *w, float *d)
{
    double value = NAN;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_msg(nn_loss_eval(l, z, t, w, B, K, &value, d, &err) == NN_OK,
                  "%s", err.text);
    return value;
}

START_TEST(gradient_is_the_slope)
{
    const struct nn_loss *l = &losses[_i];
    const float weight[B] = { 1, 0.5f, 2, 0, 1 };
    float z[B * K], t[B * K] = { 0 }, d[B * K], scratch[B * K];

    golden_uniform("z", B * K, z);
    for (int i = 0; i < B * K; i++) {
        z[i] *= 3;
    }
    for (int b = 0; b < B; b++) {
        t[b * K + b % K] = b == 2 ? 0.25f : 1; /* one soft target */
    }
    eval(l, z, t, weight, d);
    for (int i = 0; i < B * K; i++) {
        /* The loss is evaluated in double from float logits, so the step may
         * be small, but not below the logit's own rounding. */
        float keep = z[i], h = 1.0f / 256;
        double up, down;

        z[i] = keep + h;
        up = eval(l, z, t, weight, scratch);
        z[i] = keep - h;
        down = eval(l, z, t, weight, scratch);
        z[i] = keep;
        ck_assert_double_eq_tol((double)d[i], (up - down) / (2 * (double)h),
                                1e-5);
    }
}
END_TEST

START_TEST(values_by_hand)
{
    const struct nn_loss bce = { NN_LOSS_BINARY, 0, 0, 0 };
    const struct nn_loss ce = { NN_LOSS_CATEGORICAL, 0, 0, 0 };
    const struct nn_loss focal = { NN_LOSS_FOCAL, 0.25f, 2, 0 };
    const float z[3] = { 0, 0, 0 }, one[3] = { 1, 0, 0 };
    double v;
    float d[3];

    ck_assert_int_eq(nn_loss_eval(&bce, z, one, NULL, 1, 3, &v, d, NULL), 0);
    ck_assert_double_eq_tol(v, 3 * log(2), 1e-12);
    ck_assert_int_eq(nn_loss_eval(&ce, z, one, NULL, 1, 3, &v, d, NULL), 0);
    ck_assert_double_eq_tol(v, log(3), 1e-12);
    ck_assert_float_eq_tol(d[0], -2.0f / 3, 1e-6f);
    /* p = 1/2: a (1/2)^2 log 2 for the positive, (1-a) of it for the others */
    ck_assert_int_eq(nn_loss_eval(&focal, z, one, NULL, 1, 3, &v, d, NULL), 0);
    ck_assert_double_eq_tol(v, (0.25 + 2 * 0.75) * 0.25 * log(2), 1e-7);
}
END_TEST

/* Of the label 1 a fifth goes to both answers: 0.9, and 0.1 of a 0. At z = ln 3
 * p is 0.75 and the losses of the answers ln 4/3 and ln 4. */
START_TEST(smoothed_labels_by_hand)
{
    const struct nn_loss bce = { NN_LOSS_BINARY, 0, 0, 0.2f };
    const struct nn_loss ce = { NN_LOSS_CATEGORICAL, 0, 0, 0.2f };
    const float z[2] = { (float)log(3), (float)log(3) }, t[2] = { 1, 0 };
    const float z2[2] = { (float)log(3), 0 };
    double v;
    float d[2];

    ck_assert_int_eq(nn_loss_eval(&bce, z, t, NULL, 1, 2, &v, d, NULL), 0);
    ck_assert_double_eq_tol(v, log(4 / 3.0) + log(4), 1e-6);
    ck_assert_float_eq_tol(d[0], 0.75f - 0.9f, 1e-6f);
    ck_assert_float_eq_tol(d[1], 0.75f - 0.1f, 1e-6f);
    ck_assert_int_eq(nn_loss_eval(&ce, z2, t, NULL, 1, 2, &v, d, NULL), 0);
    ck_assert_double_eq_tol(v, 0.9 * log(4 / 3.0) + 0.1 * log(4), 1e-6);
    ck_assert_float_eq_tol(d[0], 0.75f - 0.9f, 1e-6f);
}
END_TEST

START_TEST(focal_without_focus_is_cross_entropy)
{
    const struct nn_loss bce = { NN_LOSS_BINARY, 0, 0, 0 };
    const struct nn_loss focal = { NN_LOSS_FOCAL, -1, 0, 0 };
    float z[B * K], t[B * K] = { 0 }, d1[B * K], d2[B * K];

    golden_uniform("z", B * K, z);
    t[4] = 1;
    ck_assert_double_eq_tol(eval(&bce, z, t, NULL, d1),
                            eval(&focal, z, t, NULL, d2), 1e-12);
    testkit_close(d1, d2, B * K, 1e-7, 1e-6, "gradient");
}
END_TEST

START_TEST(focal_softmax)
{
    const struct nn_loss ce = { NN_LOSS_CATEGORICAL, 0, 0, 0.1f };
    const struct nn_loss none = { NN_LOSS_FOCAL_CATEGORICAL, 0, 0, 0.1f };
    const struct nn_loss two = { NN_LOSS_FOCAL_CATEGORICAL, 0, 2, 0 };
    const float zero[3] = { 0, 0, 0 }, one[3] = { 1, 0, 0 };
    float z[B * K], t[B * K] = { 0 }, d1[B * K], d2[B * K], d[3];
    double v;

    golden_uniform("z", B * K, z);
    t[4] = 1;
    ck_assert_double_eq_tol(eval(&ce, z, t, NULL, d1),
                            eval(&none, z, t, NULL, d2), 1e-12);
    testkit_close(d1, d2, B * K, 1e-7, 1e-6, "gradient");
    /* p = 1/3: (2/3)^2 log 3 */
    ck_assert_int_eq(nn_loss_eval(&two, zero, one, NULL, 1, 3, &v, d, NULL), 0);
    ck_assert_double_eq_tol(v, 4.0 / 9 * log(3), 1e-12);
}
END_TEST

START_TEST(extreme_logits)
{
    const float z[3] = { 1000, -1000, 80 }, t[3] = { 1, 0, 1 };
    double v;
    float d[3];

    ck_assert_int_eq(nn_loss_eval(&losses[_i], z, t, NULL, 1, 3, &v, d, NULL),
                     NN_OK);
    ck_assert(isfinite(v));
    for (int i = 0; i < 3; i++) {
        ck_assert(isfinite(d[i]));
    }
}
END_TEST

START_TEST(bad_arguments)
{
    const struct nn_loss l = { NN_LOSS_BINARY, 0, 0, 0 };
    const float z[2] = { 0, NAN }, good[2] = { 0, 1 }, bad[2] = { 0, 1.5f };
    const float none[2] = { 0, 0 };
    struct nn_error err = NN_ERROR_INIT;
    double v;
    float d[2];

    ck_assert_int_eq(nn_loss_eval(&l, z, bad, NULL, 2, 1, &v, d, &err),
                     NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "1.5"));
    ck_assert_int_eq(nn_loss_eval(&l, z, good, none, 2, 1, &v, d, &err),
                     NN_ERR_ARG);
    ck_assert_int_eq(nn_loss_eval(&l, z, good, NULL, 0, 1, &v, d, &err),
                     NN_ERR_ARG);
    ck_assert_int_eq(nn_loss_eval(&l, z, good, NULL, 2, 1, &v, d, &err),
                     NN_ERR_NUMERIC);
    ck_assert_ptr_nonnull(strstr(err.text, "NaN"));
}
END_TEST

START_TEST(softmax_and_prior)
{
    const float z[3] = { 1000, 1000, 1000 + 0.6931472f };
    float p[3];

    nn_softmax(z, 3, 1, p);
    ck_assert_float_eq_tol(p[2], 0.5f, 1e-4f);
    nn_softmax(z, 3, 100, p);
    ck_assert_float_eq_tol(p[2], 1.0f / 3, 5e-3f);
    ck_assert_float_eq_tol(nn_sigmoid(nn_loss_prior_bias(0.01f)), 0.01f, 1e-6f);
    ck_assert_float_eq(nn_sigmoid(-1e9f), 0.0f);
    ck_assert_float_eq(nn_sigmoid(1e9f), 1.0f);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("loss");
    TCase *t = tcase_create("loss");

    tcase_set_timeout(t, 20);
    tcase_add_loop_test(t, gradient_is_the_slope, 0, N_LOSSES);
    tcase_add_test(t, values_by_hand);
    tcase_add_test(t, smoothed_labels_by_hand);
    tcase_add_test(t, focal_without_focus_is_cross_entropy);
    tcase_add_test(t, focal_softmax);
    tcase_add_loop_test(t, extreme_logits, 0, N_LOSSES);
    tcase_add_test(t, bad_arguments);
    tcase_add_test(t, softmax_and_prior);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
