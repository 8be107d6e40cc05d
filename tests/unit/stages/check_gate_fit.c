/* What the gate's temperature, threshold and bounds are on logits that are
 * known. Bounds of Clopper and Pearson are literals: sums of the binomial
 * distribution, solved for the rate by bisection in Python (math.comb). */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "stage1_gate/gate.h"
#include "tests/unit/stages/scripted.h"
#include "tests/unit/testkit.h"

/* Images 0..3 have z = 3 ln 9, 3 ln 4, -3 ln 4, -3 ln 9: three times the
 * logits of 0.9, 0.8, 0.2, 0.1. */
static struct nn_net *known_gate(const double z[4])
{
    static const char *const names[] = { "+bear", "-" };
    struct nn_net_spec s = gate_net_spec(0.1f, 32);
    struct nn_net *net;
    double want[8];

    s.n_outputs = 2;
    s.outputs = names;
    ck_assert_int_eq(nn_net_create(&s, 1, &net, NULL), NN_OK);
    for (int i = 0; i < 4; i++) {
        want[2 * i] = z[i] / 2;
        want[2 * i + 1] = -z[i] / 2;
    }
    scripted_answers(net, want, 4);
    return net;
}

static struct gate_options options(void)
{
    struct gate_options o = gate_defaults();

    o.width = 0.1f;
    o.size = 32;
    o.min_recall = 0.8;
    o.train.batch = 8;
    return o;
}

/* Of ten images with p = 0.9 nine are bears, of five with 0.8 four, and the
 * mirror of it: calibrated, but for the factor of 3. Train and test say
 * the opposite, and two images cannot be read. */
static const struct scripted_item calibrated[] = {
    { "bear", NULL, NN_VALID, 0, 9 },
    { "", NULL, NN_VALID, 0, 1 },
    { "bear", NULL, NN_VALID, 1, 4 },
    { "", NULL, NN_VALID, 1, 1 },
    { "bear", NULL, NN_VALID, 2, 1 },
    { "", NULL, NN_VALID, 2, 4 },
    { "bear", NULL, NN_VALID, 3, 1 },
    { "", NULL, NN_VALID, 3, 9 },
    { "bear", NULL, NN_TRAIN, 3, 7 },
    { "", NULL, NN_TRAIN, 0, 6 },
    { "bear", NULL, NN_TEST, 3, 5 },
    { "", NULL, NN_TEST, 0, 5 },
    { "bear", NULL, NN_VALID, SCRIPTED_DAMAGED, 1 },
    { "", NULL, NN_VALID, SCRIPTED_DAMAGED, 1 },
    { .times = 0 },
};

START_TEST(calibrated_on_validation_images)
{
    const double z[4] = { 3 * log(9), 3 * log(4), -3 * log(4), -3 * log(9) };
    struct nn_net *net = known_gate(z);
    struct nn_dataset *ds = scripted_open(calibrated);
    struct gate_options o = options();
    struct nn_error err = NN_ERROR_INIT;
    struct gate_policy p;

    ck_assert_msg(gate_calibrate(ds, &o, net, &p, &err) == NN_OK, "%s",
                  err.text);
    ck_assert_double_eq_tol(net->temperature, 3, 1e-3);
    /* 12 of 15 bears must pass: 9 at 0.9 do not suffice, 13 at 0.8 do */
    ck_assert_double_eq_tol(p.threshold, 0.8, 1e-4);
    ck_assert_double_eq_tol(p.recall, 13 / 15.0, 1e-12);
    ck_assert_double_eq_tol(p.recall_lower, 0.560215564, 1e-8); /* 12 of 15 */
    ck_assert_double_eq_tol(p.fpr, 2 / 15.0, 1e-12);
    ck_assert_double_eq_tol(p.fpr_upper, 0.363441766, 1e-8); /* 2 of 15 */
    ck_assert_double_eq(p.min_recall, 0.8);
    ck_assert_uint_eq(p.n_positives, 15);
    ck_assert_uint_eq(p.n_negatives, 15);
    ck_assert_int_eq(p.certified, 0);
    ck_assert_uint_eq(p.n_needed, 14); /* 0.8^14 = 0.044, 0.8^13 = 0.055 */
    nn_net_destroy(&net);
    nn_dataset_close(&ds);
}
END_TEST

/* Bears and negatives apart by a margin: any smaller temperature would be
 * better still, so none is taken. */
START_TEST(temperature_is_not_left_at_its_limit)
{
    static const struct scripted_item rows[] = {
        { "bear", NULL, NN_VALID, 0, 3 },
        { "", NULL, NN_VALID, 3, 3 },
        { "bear", NULL, NN_TRAIN, 0, 1 },
        { "", NULL, NN_TRAIN, 3, 1 },
        { .times = 0 },
    };
    const double z[4] = { 2, 1, -1, -2 };
    struct nn_net *net = known_gate(z);
    struct nn_dataset *ds = scripted_open(rows);
    struct gate_options o = options();
    struct gate_policy p;

    net->temperature = 7;
    ck_assert_int_eq(gate_calibrate(ds, &o, net, &p, NULL), NN_OK);
    ck_assert_double_eq(net->temperature, 1);
    ck_assert_double_eq_tol(p.threshold, 0.880797, 1e-4); /* sigmoid(2) */
    ck_assert_double_eq(p.fpr, 0);
    nn_net_destroy(&net);
    nn_dataset_close(&ds);
}
END_TEST

/* A training that moves nothing: its figures are those of the net it started
 * from, of the validation images alone. */
START_TEST(figures_of_the_best_epoch)
{
    const double z[4] = { 3 * log(9), 3 * log(4), -3 * log(4), -3 * log(9) };
    struct nn_net *start = known_gate(z), *net = NULL;
    struct nn_dataset *ds = scripted_open(calibrated);
    const struct nn_run run = { NULL, 0, NULL };
    struct gate_options o = options();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_train_result r;
    struct gate_policy p;

    o.start = start;
    o.train.epochs = 1;
    o.train.schedule.peak = 0;
    o.train.freeze_bn_stats = 7;
    ck_assert_msg(gate_train(ds, &o, &run, &net, &p, &r, &err) == NN_OK, "%s",
                  err.text);
    ck_assert_mem_eq(net->params.value.data, start->params.value.data,
                     net->params.value.count * sizeof(float));
    /* Pairs of a bear and a negative, ties half: 9 x 14.5 + 4 x 13.5 +
     * 1 x 11 + 1 x 4.5 = 200 of 225. */
    ck_assert_double_eq_tol(r.best.metric, 200 / 225.0, 1e-12);
    /* Two of thirty times 9 ln(1 + 9^-3) + ln(1 + 9^3) + 4 ln(1 + 4^-3) +
     * ln(1 + 4^3), the logits as they are */
    ck_assert_double_eq_tol(r.best.loss, 0.722785718, 2e-3);
    ck_assert_double_eq_tol(net->temperature, 3, 1e-3);
    ck_assert_double_eq_tol(p.threshold, 0.8, 1e-4);
    nn_net_destroy(&start);
    nn_net_destroy(&net);
    nn_dataset_close(&ds);
}
END_TEST

/* Five bears, asked for three: the third has two equals. Of the negatives one
 * is as high as the threshold. */
START_TEST(threshold_with_ties)
{
    const double p[] = { 0.8, 0.79, 0.5, 0.8, 0.9, 0.1, 0.8, 0.8 };
    const uint8_t positive[] = { 1, 0, 1, 1, 1, 0, 0, 1 };
    struct gate_policy q;

    ck_assert_int_eq(gate_choose(p, positive, 8, 0.6, &q, NULL), NN_OK);
    ck_assert_double_eq(q.threshold, 0.8);
    ck_assert_double_eq_tol(q.recall, 0.8, 1e-12);
    ck_assert_double_eq_tol(q.recall_lower, 0.189255377, 1e-8); /* 3 of 5 */
    ck_assert_double_eq_tol(q.fpr, 1 / 3.0, 1e-12);
    ck_assert_double_eq_tol(q.fpr_upper, 0.864649638, 1e-8); /* 1 of 3 */
    ck_assert_uint_eq(q.n_positives, 5);
    ck_assert_uint_eq(q.n_negatives, 3);
    ck_assert_uint_eq(q.n_needed, 6); /* 0.6^6 = 0.047, 0.6^5 = 0.078 */
}
END_TEST

/* A word of JSON at a time, none like another. */
START_TEST(policy_from_the_words_of_a_file)
{
    json_t *j = json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:i, s:i, s:b, s:i}",
                          "threshold", 0.11, "min_recall", 0.22, "recall", 0.33,
                          "recall_lower", 0.44, "fpr", 0.55, "fpr_upper", 0.66,
                          "n_positives", 77, "n_negatives", 88, "certified", 1,
                          "n_needed", 99);
    struct gate_policy p;
    json_t *again;

    ck_assert_int_eq(gate_policy_from_json(j, &p, NULL), NN_OK);
    ck_assert_double_eq(p.threshold, 0.11);
    ck_assert_double_eq(p.min_recall, 0.22);
    ck_assert_double_eq(p.recall, 0.33);
    ck_assert_double_eq(p.recall_lower, 0.44);
    ck_assert_double_eq(p.fpr, 0.55);
    ck_assert_double_eq(p.fpr_upper, 0.66);
    ck_assert_uint_eq(p.n_positives, 77);
    ck_assert_uint_eq(p.n_negatives, 88);
    ck_assert_int_eq(p.certified, 1);
    ck_assert_uint_eq(p.n_needed, 99);
    again = gate_policy_to_json(&p);
    ck_assert_int_eq(json_equal(j, again), 1);
    json_decref(again);
    json_object_set_new(j, "certified", json_false());
    ck_assert_int_eq(gate_policy_from_json(j, &p, NULL), NN_OK);
    ck_assert_int_eq(p.certified, 0);
    json_object_set_new(j, "n_needed", json_integer(-1));
    ck_assert_int_eq(gate_policy_from_json(j, &p, NULL), NN_ERR_FORMAT);
    json_decref(j);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("gate_fit");
    TCase *t = tcase_create("gate_fit");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, calibrated_on_validation_images);
    tcase_add_test(t, temperature_is_not_left_at_its_limit);
    tcase_add_test(t, figures_of_the_best_epoch);
    tcase_add_test(t, threshold_with_ties);
    tcase_add_test(t, policy_from_the_words_of_a_file);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
