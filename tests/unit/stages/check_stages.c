/* The stages' decisions: the gate's score and threshold, policies as JSON. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "stage1_gate/gate.h"
#include "stage2_species/species.h"
#include "tests/unit/testkit.h"

static struct nn_net *gate_net(const char *const *names, size_t n)
{
    struct nn_net_spec s = gate_net_spec(0.1f, 32);
    struct nn_net *net;

    s.n_outputs = n;
    s.outputs = names;
    ck_assert_int_eq(nn_net_create(&s, 1, &net, NULL), NN_OK);
    return net;
}

/* One class against one kind of negative: the difference of the outputs. */
START_TEST(two_outputs_are_one_logit)
{
    static const char *const names[] = { "+hotdog", "-" };
    const float z[2] = { 1.5f, -0.25f };
    struct nn_net *net = gate_net(names, 2);

    ck_assert_double_eq_tol(gate_logit(net, z), 1.75, 1e-12);
    ck_assert_double_eq_tol(gate_probability(net, 0), 0.5, 1e-12);
    net->temperature = 2;
    ck_assert_double_eq_tol(gate_probability(net, 2 * log(3)), 0.75, 1e-12);
    ck_assert_double_eq(gate_probability(net, 1e6), 1);
    ck_assert_double_eq(gate_probability(net, -1e6), 0);
    nn_net_destroy(&net);
}
END_TEST

/* p is the softmax mass of the classes, also where exp() would overflow. */
START_TEST(mass_of_the_classes)
{
    static const char *const names[] = { "+a", "+b", "-x", "-y", "-" };
    const float z[5] = { 500, 501, 499, 500.5f, 498 };
    struct nn_net *net = gate_net(names, 5);
    double sum = 0, bears;

    for (int i = 0; i < 5; i++) {
        sum += exp((double)z[i] - 500);
    }
    bears = (1 + exp(1)) / sum;
    ck_assert_double_eq_tol(gate_probability(net, gate_logit(net, z)), bears,
                            1e-6);
    ck_assert_int_eq(gate_outputs_ok(net), 1);
    nn_net_destroy(&net);
}
END_TEST

START_TEST(outputs_must_be_named)
{
    static const char *const no_sign[] = { "+a", "b" };
    static const char *const no_negative[] = { "+a", "+b" };
    struct nn_net *net = gate_net(no_sign, 2);

    ck_assert_int_eq(gate_outputs_ok(net), 0);
    nn_net_destroy(&net);
    net = gate_net(no_negative, 2);
    ck_assert_int_eq(gate_outputs_ok(net), 0);
    nn_net_destroy(&net);
}
END_TEST

/* 20 positives 0.05 .. 1.00, four negatives. */
START_TEST(threshold_by_hand)
{
    double p[24];
    uint8_t positive[24] = { 0 };
    struct gate_policy q;
    struct nn_error err = NN_ERROR_INIT;
    char *text;

    for (int i = 0; i < 20; i++) {
        p[i] = 0.05 * (i + 1);
        positive[i] = 1;
    }
    p[20] = 0.01;
    p[21] = 0.3;
    p[22] = 0.5;
    p[23] = 0.9;
    ck_assert_msg(gate_choose(p, positive, 24, 0.8, &q, &err) == NN_OK, "%s",
                  err.text);
    /* 16 of 20 must pass: the fifth smallest, 0.25 */
    ck_assert_double_eq_tol(q.threshold, 0.25, 1e-12);
    ck_assert_double_eq_tol(q.recall, 0.8, 1e-12);
    ck_assert_double_eq_tol(q.fpr, 0.75, 1e-12);
    ck_assert_int_eq(q.certified, 0);
    ck_assert_double_lt(q.recall_lower, 0.8);
    text = gate_policy_text(&q);
    ck_assert_ptr_nonnull(strstr(text, "cannot be certified with n = 20"));
    nn_mem_free(text);
}
END_TEST

/* Bounds by the binomial distribution: of three positives the first is asked
 * for, 1 - 0.95^(1/3); of 99 that tie, 50, whose bound is below a half though
 * all pass. */
START_TEST(threshold_certified)
{
    const double few[] = { 0.9, 0.7, 0.5, 0.6 };
    const uint8_t three[] = { 1, 1, 1, 0 };
    double p[100];
    uint8_t positive[100];
    struct gate_policy q;
    char *text;

    ck_assert_int_eq(gate_choose(few, three, 4, 0.01, &q, NULL), NN_OK);
    ck_assert_double_eq(q.threshold, 0.9);
    ck_assert_double_eq_tol(q.recall_lower, 0.0169524275, 1e-9);
    ck_assert_int_eq(q.certified, 1);
    text = gate_policy_text(&q);
    ck_assert_ptr_nonnull(strstr(text, "certified: at least 0.017 with"));
    nn_mem_free(text);
    for (int i = 0; i < 100; i++) {
        p[i] = 0.5;
        positive[i] = i < 99;
    }
    ck_assert_int_eq(gate_choose(p, positive, 100, 0.5, &q, NULL), NN_OK);
    ck_assert_double_eq(q.recall, 1);
    ck_assert_double_eq_tol(q.recall_lower, 0.418109222, 1e-8);
    ck_assert_int_eq(q.certified, 0);
    ck_assert_double_eq(q.fpr_upper, 1);
    text = gate_policy_text(&q);
    ck_assert_ptr_nonnull(strstr(text, "cannot be certified with n = 99"));
    ck_assert_ptr_nonnull(strstr(text, "bound is 0.418 (5 positives"));
    nn_mem_free(text);
}
END_TEST

START_TEST(threshold_needs_positives)
{
    const double p[2] = { 0.1, 0.2 };
    const uint8_t none[2] = { 0, 0 };
    struct gate_policy q;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(gate_choose(p, none, 2, 0.9, &q, &err), NN_ERR_ARG);
    ck_assert_uint_gt(strlen(err.text), 0);
}
END_TEST

START_TEST(policies_round_trip)
{
    const struct gate_policy g = { 0.25, 0.95, 0.96, 0.93, 0.1,
                                   0.2,  100,  200,  1,    59 };
    const struct species_policy s = { 0.5, 0.95, 0.9, 0.1, 0.02, 77 };
    struct gate_policy g2;
    struct species_policy s2;
    struct nn_error err = NN_ERROR_INIT;
    json_t *j = gate_policy_to_json(&g);

    ck_assert_int_eq(gate_policy_from_json(j, &g2, &err), NN_OK);
    ck_assert_double_eq(g2.threshold, g.threshold);
    ck_assert_double_eq(g2.fpr_upper, g.fpr_upper);
    ck_assert_uint_eq(g2.n_needed, 59);
    ck_assert_int_eq(g2.certified, 1);
    json_object_set_new(j, "threshold", json_real(1.5));
    ck_assert_int_eq(gate_policy_from_json(j, &g2, &err), NN_ERR_FORMAT);
    json_decref(j);
    j = species_policy_to_json(&s);
    ck_assert_int_eq(species_policy_from_json(j, &s2, &err), NN_OK);
    ck_assert_double_eq(s2.reject_threshold, 0.5);
    ck_assert_uint_eq(s2.n, 77);
    json_object_del(j, "reject_threshold");
    ck_assert_int_eq(species_policy_from_json(j, &s2, &err), NN_ERR_FORMAT);
    json_decref(j);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("stages");
    TCase *t = tcase_create("stages");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, two_outputs_are_one_logit);
    tcase_add_test(t, mass_of_the_classes);
    tcase_add_test(t, outputs_must_be_named);
    tcase_add_test(t, threshold_by_hand);
    tcase_add_test(t, threshold_certified);
    tcase_add_test(t, threshold_needs_positives);
    tcase_add_test(t, policies_round_trip);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
