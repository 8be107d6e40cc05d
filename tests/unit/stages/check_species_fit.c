/* What the species net's temperature and reject threshold are on logits that
 * are known: it starts from a net of known answers, and its training moves
 * nothing. */
#include <math.h>
#include <string.h>

#include "stage2_species/species.h"
#include "tests/unit/stages/scripted.h"
#include "tests/unit/testkit.h"

static const char *const names[] = { "a", "b", "c", "-", "?" };

static struct nn_net *known_net(const double *want, size_t n, size_t outputs)
{
    struct nn_net_spec s = species_net_spec(0.1f, 32);
    struct nn_net *net;

    s.n_outputs = outputs;
    s.outputs = names;
    ck_assert_int_eq(nn_net_create(&s, 1, &net, NULL), NN_OK);
    scripted_answers(net, want, n);
    return net;
}

/* extra: what the items stand for, or NULL; outputs: of the net. */
static struct nn_net *fit_extra(const struct scripted_item *rows,
                                const uint8_t *extra, size_t outputs,
                                const double *logits, size_t n, double coverage,
                                struct species_policy *p,
                                struct nn_train_result *r)
{
    struct nn_net *start = known_net(logits, n, outputs);
    struct nn_net *net = NULL;
    struct nn_dataset *ds = scripted_open(rows);
    const struct nn_run run = { NULL, 0, NULL };
    struct species_options o = species_defaults();
    struct nn_error err = NN_ERROR_INIT;

    o.width = 0.1f;
    o.size = 32;
    o.extra = extra;
    o.says_unknown = outputs == 5;
    o.coverage = coverage;
    o.start = start;
    o.train.batch = 4;
    o.train.epochs = 1;
    o.train.schedule.peak = 0;
    o.train.freeze_bn_stats = 7;
    ck_assert_msg(species_train(ds, &o, &run, &net, p, r, &err) == NN_OK, "%s",
                  err.text);
    ck_assert_mem_eq(net->params.value.data, start->params.value.data,
                     net->params.value.count * sizeof(float));
    nn_net_destroy(&start);
    nn_dataset_close(&ds);
    return net;
}

static struct nn_net *fit(const struct scripted_item *rows,
                          const double *logits, size_t n, double coverage,
                          struct species_policy *p, struct nn_train_result *r)
{
    return fit_extra(rows, NULL, 3, logits, n, coverage, p, r);
}

/* Image 0 is a class with p = (0.8, 0.1, 0.1), image 1 with (0.25, 0.5, 0.25),
 * and so are the labels, but the logits are three times too large. */
START_TEST(calibrated_on_validation_positives)
{
    static const struct scripted_item rows[] = {
        { "a", NULL, NN_VALID, 0, 32 },
        { "b", NULL, NN_VALID, 0, 4 },
        { "c", NULL, NN_VALID, 0, 4 },
        { "a", NULL, NN_VALID, 1, 4 },
        { "b", NULL, NN_VALID, 1, 8 },
        { "c", NULL, NN_VALID, 1, 4 },
        { "", NULL, NN_VALID, 0, 3 },
        { "c", NULL, NN_VALID, SCRIPTED_DAMAGED, 1 },
        { "a", NULL, NN_TRAIN, 1, 4 },
        { "b", NULL, NN_TRAIN, 0, 4 },
        { "c", NULL, NN_TRAIN, 0, 4 },
        { "c", NULL, NN_TEST, 0, 9 },
        { .times = 0 },
    };
    const double logits[] = { 3 * log(8), 0, 0, 0, 3 * log(2), 0 };
    struct species_policy p;
    struct nn_train_result r;
    struct nn_net *net = fit(rows, logits, 2, 0.8, &p, &r);

    ck_assert_double_eq_tol(net->temperature, 3, 2e-3);
    ck_assert_uint_eq(p.n, 56);
    ck_assert_double_eq_tol(p.accuracy, 10 / 14.0, 1e-12);
    /* Of the 40 that are right 32 must stay: those of image 0. */
    ck_assert_double_eq_tol(p.reject_threshold, 0.8, 1e-3);
    ck_assert_double_eq_tol(p.coverage, 10 / 14.0, 1e-12);
    /* Before: 512 / 514 for 0.8 on ten of 14, 0.8 for 0.5 on four. */
    ck_assert_double_eq_tol(p.ece_before,
                            (10 * (512 / 514.0 - 0.8) + 4 * 0.3) / 14, 2e-3);
    ck_assert_double_eq_tol(p.ece_after, 0, 2e-3);
    /* The epoch's metric counts classes alike: 8 of 9, 2 of 3, 0 of 2. */
    ck_assert_double_eq_tol(r.best.metric, (8 / 9.0 + 2 / 3.0) / 3, 1e-12);
    nn_net_destroy(&net);
}
END_TEST

/* All right: the best temperature would be 0. */
START_TEST(temperature_is_not_left_at_its_limit)
{
    static const struct scripted_item rows[] = {
        { "a", NULL, NN_VALID, 0, 2 }, { "b", NULL, NN_VALID, 1, 2 },
        { "a", NULL, NN_TRAIN, 0, 2 }, { "b", NULL, NN_TRAIN, 1, 2 },
        { "c", NULL, NN_TRAIN, 1, 2 }, { .times = 0 },
    };
    const double logits[] = { log(8), 0, 0, 0, log(2), 0 };
    struct species_policy p;
    struct nn_train_result r;
    struct nn_net *net = fit(rows, logits, 2, 0.5, &p, &r);

    ck_assert_double_eq(net->temperature, 1);
    ck_assert_double_eq_tol(p.reject_threshold, 0.8, 1e-3);
    ck_assert_double_eq(p.coverage, 0.5);
    ck_assert_double_eq(p.accuracy, 1);
    nn_net_destroy(&net);
}
END_TEST

/* One image in four is right: the wrong ones, surer than it, do not count. */
START_TEST(threshold_keeps_a_share_of_the_right_ones)
{
    static const struct scripted_item rows[] = {
        { "b", NULL, NN_VALID, 0, 1 }, { "c", NULL, NN_VALID, 0, 1 },
        { "b", NULL, NN_VALID, 1, 1 }, { "c", NULL, NN_VALID, 1, 1 },
        { "a", NULL, NN_TRAIN, 0, 2 }, { "b", NULL, NN_TRAIN, 1, 2 },
        { "c", NULL, NN_TRAIN, 1, 2 }, { .times = 0 },
    };
    const double logits[] = { log(8), 0, 0, 0, log(2), 0 };
    struct species_policy p;
    struct nn_train_result r;
    struct nn_net *net = fit(rows, logits, 2, 0.5, &p, &r);
    double t = net->temperature, u = exp(log(2) / t);

    ck_assert_double_eq_tol(p.reject_threshold, u / (u + 2), 1e-4);
    ck_assert_double_eq(p.coverage, 1);
    ck_assert_double_eq(p.accuracy, 0.25);
    nn_net_destroy(&net);
}
END_TEST

/* Image 0 is none with p = 0.5, and else a class with p = (0.8, 0.1, 0.1);
 * the logits are three times too large. What stands for none counts for the
 * temperature and the epoch, other negatives for nothing, and accuracy,
 * coverage, calibration and reject threshold are of the classes alone. */
START_TEST(none_is_calibrated_and_not_counted)
{
    static const struct scripted_item rows[] = {
        { "a", NULL, NN_VALID, 0, 32 }, { "b", NULL, NN_VALID, 0, 4 },
        { "c", NULL, NN_VALID, 0, 4 },  { "", NULL, NN_VALID, 0, 40 },
        { "", NULL, NN_VALID, 1, 5 },   { "a", NULL, NN_TRAIN, 1, 4 },
        { "b", NULL, NN_TRAIN, 1, 4 },  { "c", NULL, NN_TRAIN, 1, 4 },
        { "", NULL, NN_TRAIN, 1, 4 },   { .times = 0 },
    };
    const double logits[] = { 3 * log(8), 0, 0, 3 * log(10), 9, 0, 0, 0 };
    uint8_t none[SCRIPTED_ITEMS] = { 0 };
    struct species_policy p;
    struct nn_train_result r;
    struct nn_net *net;

    memset(none + 40, 1, 40); /* in valid: of 45 */
    memset(none + 97, 1, 4);  /* in train */
    net = fit_extra(rows, none, 4, logits, 2, 0.8, &p, &r);
    ck_assert_uint_eq(net->spec.n_outputs, 4);
    ck_assert_double_eq_tol(net->temperature, 3, 2e-3);
    ck_assert_uint_eq(p.n, 40);
    ck_assert_double_eq_tol(p.accuracy, 0.8, 1e-12);
    ck_assert_double_eq_tol(p.coverage, 1, 1e-12);
    ck_assert_double_eq_tol(p.reject_threshold, 0.8, 1e-3);
    ck_assert_double_eq_tol(p.ece_before, 512 / 514.0 - 0.8, 2e-3);
    ck_assert_double_eq_tol(p.ece_after, 0, 2e-3);
    /* Of the four outputs none alone is the likeliest on image 0. */
    ck_assert_double_eq_tol(r.best.metric, 0.25, 1e-12);
    nn_net_destroy(&net);
}
END_TEST

/* Given that image 0 is not none it is known with 10 / 16 and image 1 with
 * 12 / 16, though its likeliest class has only 4 / 16: the reject threshold is
 * on what is known. The logits are as large as they should be. */
START_TEST(reject_threshold_is_on_what_is_known)
{
    static const struct scripted_item rows[] = {
        { "a", NULL, NN_VALID, 0, 8 },
        { "b", NULL, NN_VALID, 0, 1 },
        { "c", NULL, NN_VALID, 0, 1 },
        { "", NULL, NN_VALID, 0, 16 },
        { "a", NULL, NN_VALID, 1, 4 },
        { "b", NULL, NN_VALID, 1, 4 },
        { "c", NULL, NN_VALID, 1, 4 },
        { "a", NULL, NN_TRAIN, 1, 4 },
        { "b", NULL, NN_TRAIN, 1, 4 },
        { "c", NULL, NN_TRAIN, 1, 4 },
        { "", NULL, NN_TRAIN, 1, 4 },
        { "", NULL, NN_TRAIN, 0, 4 },
        { .times = 0 },
    };
    const double logits[] = { log(8), 0,      0,      log(16), log(6),
                              log(4), log(4), log(4), -40,     log(4) };
    uint8_t extra[SCRIPTED_ITEMS] = { 0 };
    struct species_policy p;
    struct nn_train_result r;
    struct nn_net *net;
    double row[3], first, second;
    const float z[] = { (float)log(8), 0, 0, (float)log(16), (float)log(6) };
    const float y[] = { (float)log(4), (float)log(4), (float)log(4), -40,
                        (float)log(4) };

    memset(extra + 10, SPECIES_NONE, 16);
    memset(extra + 50, SPECIES_NONE, 4);
    memset(extra + 54, SPECIES_UNKNOWN, 4);
    net = fit_extra(rows, extra, 5, logits, 2, 0.8, &p, &r);
    ck_assert_int_eq(species_says_unknown(net, 3), 1);
    ck_assert_int_eq(species_says_none(net, 3), 1);
    ck_assert_int_eq(species_says_unknown(net, 4), 0);
    ck_assert_uint_eq(p.n, 22);
    net->temperature = 1;
    ck_assert_double_eq_tol(species_answer(net, z, 3, row), 16 / 26.0, 1e-6);
    ck_assert_double_eq_tol(row[0], 8 / 16.0, 1e-6);
    ck_assert_double_eq_tol(row[2], 1 / 16.0, 1e-6);
    first = species_confidence(1, row, 3);
    ck_assert_double_eq_tol(first, 10 / 16.0, 1e-6);
    ck_assert_double_eq_tol(species_confidence(0, row, 3), .5, 1e-6);
    ck_assert_double_eq_tol(species_answer(net, y, 3, row), 0, 1e-6);
    second = species_confidence(1, row, 3);
    ck_assert_double_eq_tol(second, 12 / 16.0, 1e-6);
    nn_net_destroy(&net);
}
END_TEST

/* The same images: of 12 that are right 8 (of image 0) are known less than
 * the 4 of image 1, so that four fifths stay from image 0 on, and one third
 * from image 1 on. */
START_TEST(reject_threshold_keeps_the_known)
{
    static const struct scripted_item rows[] = {
        { "a", NULL, NN_VALID, 0, 8 }, { "b", NULL, NN_VALID, 0, 1 },
        { "c", NULL, NN_VALID, 0, 1 }, { "a", NULL, NN_VALID, 1, 4 },
        { "b", NULL, NN_VALID, 1, 4 }, { "c", NULL, NN_VALID, 1, 4 },
        { "a", NULL, NN_TRAIN, 1, 4 }, { "b", NULL, NN_TRAIN, 1, 4 },
        { "c", NULL, NN_TRAIN, 1, 4 }, { "", NULL, NN_TRAIN, 1, 4 },
        { "", NULL, NN_TRAIN, 0, 4 },  { .times = 0 },
    };
    const double logits[] = { log(8), 0,      0,      -40, log(6),
                              log(4), log(4), log(4), -40, log(4) };
    uint8_t extra[SCRIPTED_ITEMS] = { 0 };
    struct species_policy p;
    struct nn_train_result r;
    struct nn_net *net;

    memset(extra + 34, SPECIES_NONE, 4);
    memset(extra + 38, SPECIES_UNKNOWN, 4);
    for (int all = 0; all <= 1; all++) {
        double t, e, known[2];

        net = fit_extra(rows, extra, 5, logits, 2, all ? 0.8 : 0.3, &p, &r);
        t = 1 / net->temperature;
        e = pow(8, t) + 2;
        known[1] = e / (e + pow(6, t));
        known[0] = 3 / 4.0;
        ck_assert_double_lt(known[1], known[0]);
        ck_assert_double_eq_tol(p.reject_threshold, known[all], 1e-4);
        ck_assert_double_eq_tol(p.coverage, all ? 1 : 12 / 22.0, 1e-12);
        nn_net_destroy(&net);
    }
}
END_TEST

START_TEST(policy_from_the_words_of_a_file)
{
    json_t *j = json_pack("{s:f, s:f, s:f, s:f, s:f, s:i}", "reject_threshold",
                          0.11, "coverage", 0.22, "accuracy", 0.33,
                          "ece_before", 0.44, "ece_after", 0.55, "n", 66);
    struct species_policy p;
    json_t *again;

    ck_assert_int_eq(species_policy_from_json(j, &p, NULL), NN_OK);
    ck_assert_double_eq(p.reject_threshold, 0.11);
    ck_assert_double_eq(p.coverage, 0.22);
    ck_assert_double_eq(p.accuracy, 0.33);
    ck_assert_double_eq(p.ece_before, 0.44);
    ck_assert_double_eq(p.ece_after, 0.55);
    ck_assert_uint_eq(p.n, 66);
    again = species_policy_to_json(&p);
    ck_assert_int_eq(json_equal(j, again), 1);
    json_decref(again);
    json_object_set_new(j, "reject_threshold", json_real(1.01));
    ck_assert_int_eq(species_policy_from_json(j, &p, NULL), NN_ERR_FORMAT);
    json_decref(j);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("species_fit");
    TCase *t = tcase_create("species_fit");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, calibrated_on_validation_positives);
    tcase_add_test(t, temperature_is_not_left_at_its_limit);
    tcase_add_test(t, threshold_keeps_a_share_of_the_right_ones);
    tcase_add_test(t, none_is_calibrated_and_not_counted);
    tcase_add_test(t, reject_threshold_is_on_what_is_known);
    tcase_add_test(t, reject_threshold_keeps_the_known);
    tcase_add_test(t, policy_from_the_words_of_a_file);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
