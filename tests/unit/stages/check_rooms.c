/* Small parts of pipelines/: the second second_scorer, the data card, the list
 * of test images, a sweep's means over seeds, what a single model is fitted to.
 */
#include <math.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/data/data_card.h"
#include "pipelines/experiment/experiment.h"
#include "pipelines/mine/mining.h"
#include "pipelines/sweep/sweep.h"
#include "pipelines/train/baseline.h"
#include "stage2_species/species.h"
#include "tests/unit/stages/scripted.h"
#include "tests/unit/testkit.h"

/* Three classes: 0.8 for the first, 0.5 for the second, 0.4 for the last; where
 * the last stands for none it is not asked, and 0.3 is left. */
START_TEST(opinion_is_the_largest_probability)
{
    const char *const names[] = { "a", "b", _i == 0 ? "c" : "-" };
    static const struct scripted_item rows[] = {
        { "a", NULL, NN_TEST, 0, 1 },
        { "a", NULL, NN_TEST, 1, 1 },
        { "a", NULL, NN_TEST, SCRIPTED_DAMAGED, 1 },
        { "a", NULL, NN_TEST, 2, 1 },
        { .times = 0 },
    };
    const double logits[] = { log(8), 0, 0, 0, log(2), 0, 0, 0, log(4 / 3.0) };
    const uint32_t index[] = { 3, 2, 1, 0 };
    struct nn_net_spec spec = species_net_spec(0.1f, 32);
    struct gate_mine_second_scorer second_scorer;
    struct nn_dataset *ds;
    struct nn_net *net;
    struct second_scorer o;
    double p[4];

    spec.n_outputs = 3;
    spec.outputs = names;
    ck_assert_int_eq(nn_net_create(&spec, 1, &net, NULL), NN_OK);
    scripted_answers(net, logits, 3);
    ds = scripted_open(rows);
    ck_assert_int_eq(second_scorer_init(&o, net, 0, NULL, &second_scorer, NULL),
                     NN_OK);
    ck_assert_int_eq(
        second_scorer.score(second_scorer.ctx, ds, index, 4, p, NULL), NN_OK);
    ck_assert_double_eq_tol(p[0], _i == 0 ? 0.4 : 0.3, 1e-3);
    ck_assert_double_eq(p[1], 0);
    ck_assert_double_eq_tol(p[2], 0.5, 1e-3);
    ck_assert_double_eq_tol(p[3], 0.8, 1e-3);
    second_scorer_release(&o);
    nn_net_destroy(&net);
    nn_dataset_close(&ds);
}
END_TEST

static const struct scripted_item card[] = {
    { "a", NULL, NN_TRAIN, 0, 1 },
    { "a", NULL, NN_VALID, 0, 2 },
    { "a", NULL, NN_TEST, 0, 3 },
    { "b", NULL, NN_TRAIN, 1, 4 },
    { "b", NULL, NN_TEST, 1, 5 },
    { "", "dog", NN_TRAIN, 2, 6 },
    { "", "dog", NN_TEST, 2, 1 },
    { "", NULL, NN_VALID, 3, 7 },
    { "", "cat", NN_TEST, 3, 2 },
    { "a", NULL, NN_TEST, SCRIPTED_DAMAGED, 2 },
    { "", "cat", NN_TEST, SCRIPTED_DAMAGED, 1 },
    { .times = 0 },
};

START_TEST(card_counts)
{
    static const char counts[] =
        "{\"test\":{\"(negative)\":3,\"a\":3,\"b\":5},"
        "\"train\":{\"(negative)\":6,\"a\":1,\"b\":4},"
        "\"valid\":{\"(negative)\":7,\"a\":2,\"b\":0}}";
    static const char families[] =
        "{\"test\":{\"cat\":2,\"dog\":1},\"train\":{\"cat\":0,\"dog\":6},"
        "\"valid\":{\"cat\":0,\"dog\":0}}";
    struct nn_dataset *ds = scripted_open(card);
    json_t *j, *want;

    nn_dataset_fingerprint(ds);
    j = data_card_json(ds);
    want = json_loads(counts, 0, NULL);
    ck_assert_int_eq(json_equal(json_object_get(j, "counts"), want), 1);
    json_decref(want);
    want = json_loads(families, 0, NULL);
    ck_assert_int_eq(json_equal(json_object_get(j, "families"), want), 1);
    json_decref(want);
    ck_assert_int_eq(json_integer_value(json_object_get(j, "images")), 34);
    ck_assert_int_eq(json_integer_value(json_object_get(j, "unreadable")), 3);
    json_decref(j);
    nn_dataset_close(&ds);
}
END_TEST

START_TEST(test_images)
{
    struct nn_dataset *ds = scripted_open(card);
    struct experiment_test t;

    nn_dataset_fingerprint(ds);
    ck_assert_int_eq(experiment_test_init(ds, &t, NULL), NN_OK);
    ck_assert_uint_eq(t.n, 11);
    ck_assert_uint_eq(t.n_positives, 8);
    ck_assert_uint_eq(t.n_negatives, 3);
    for (size_t i = 0; i < t.n; i++) {
        ck_assert_int_eq(ds->items[t.index[i]].split, NN_TEST);
        ck_assert_int_eq(t.positive[i], i < 8);
    }
    t.ok[0] = t.ok[9] = t.ok[10] = 0;
    experiment_test_count(&t);
    ck_assert_uint_eq(t.n_positives, 7);
    ck_assert_uint_eq(t.n_negatives, 1);
    experiment_test_release(&t);
    nn_dataset_close(&ds);
}
END_TEST

/* Two positives, two negatives, two nets. The first ranks all right, passes
 * both positives and one negative; the second has one negative on top, half of
 * the pairs right, and passes nothing else. */
START_TEST(sweep_takes_means_over_seeds)
{
    uint32_t index[] = { 0, 1, 2, 3 };
    uint8_t positive[] = { 1, 1, 0, 0 }, ok[] = { 1, 1, 1, 1 };
    double score[2][4] = { { 0.9, 0.8, 0.7, 0.1 }, { 0.6, 0.5, 0.9, 0.1 } };
    double seed[4][2];
    const struct experiment_test test = { index, positive, ok, 4, 2, 2 };
    struct sweep_run run[2] = { { .threshold = 0.6, .score = score[0] },
                                { .threshold = 0.8, .score = score[1] } };
    struct sweep_point point = { .negatives = 5, .run = run };
    struct sweep_plan plan = { .n = 1, .point = &point, .n_seeds = 2 };
    struct sweep_replicates r;

    point.roc_area.seed = seed[0];
    point.fpr95.seed = seed[1];
    point.fpr.seed = seed[2];
    point.average_precision.seed = seed[3];
    ck_assert_int_eq(sweep_measure(&test, &plan, 10, &r, NULL), NN_OK);
    ck_assert_double_eq_tol(point.roc_area.seed[0], 1, 1e-12);
    ck_assert_double_eq_tol(point.roc_area.seed[1], 0.5, 1e-12);
    ck_assert_double_eq_tol(point.roc_area.value, 0.75, 1e-12);
    ck_assert_double_eq_tol(point.fpr95.value, 0.25, 1e-12); /* 0 and 1/2 */
    ck_assert_double_eq_tol(point.fpr.seed[0], 0.5, 1e-12);
    ck_assert_double_eq_tol(point.fpr.value, 0.5, 1e-12);
    /* 1, and the mean of 1/2 and 2/3 */
    ck_assert_double_eq_tol(point.average_precision.value,
                            (1 + (1 / 2.0 + 2 / 3.0) / 2) / 2, 1e-12);
    nn_mem_free(r.fpr95);
}
END_TEST

/* One sigmoid a class, calibrated but for a factor of 3: 0.8 and 0.2 on the
 * first image, 0.2 and 0.1 on the second. */
START_TEST(single_model_fit)
{
    static const char *const names[] = { "+a", "+b" };
    static const struct scripted_item rows[] = {
        { "a", NULL, NN_VALID, 0, 8 },
        { "b", NULL, NN_VALID, 0, 2 },
        { "a", NULL, NN_VALID, 1, 2 },
        { "b", NULL, NN_VALID, 1, 1 },
        { "", NULL, NN_VALID, 1, 7 },
        { "a", NULL, NN_TRAIN, 1, 3 },
        { "b", NULL, NN_TRAIN, 0, 3 },
        { "", NULL, NN_TRAIN, 0, 3 },
        { .times = 0 },
    };
    const double logits[] = { 3 * log(4), -3 * log(4), -3 * log(4),
                              -3 * log(9) };
    const struct nn_run run = { NULL, 0, NULL };
    char *dir = testkit_mkdir(), *path = nn_path_join(dir, "m.safetensors");
    struct baseline_options o = { .system = MODEL_MULTILABEL,
                                  .train = nn_train_defaults(),
                                  .width = 0.1f,
                                  .size = 32,
                                  .min_recall = 0.7,
                                  .init = path };
    struct nn_net_spec spec = gate_net_spec(0.1f, 32);
    struct nn_error err = NN_ERROR_INIT;
    struct nn_train_result r;
    struct gate_policy p;
    struct nn_st_writer *w;
    struct nn_dataset *ds;
    struct nn_net *net;

    spec.n_outputs = 2;
    spec.outputs = names;
    spec.head = NN_HEAD_SIGMOID;
    ck_assert_int_eq(nn_net_create(&spec, 1, &net, NULL), NN_OK);
    scripted_answers(net, logits, 2);
    ck_assert_int_eq(nn_st_writer_create(&w), NN_OK);
    ck_assert_int_eq(nn_net_save(w, "gate.", net, NN_F32, NULL), NN_OK);
    ck_assert_int_eq(nn_st_writer_commit(w, path, NULL), NN_OK);
    nn_st_writer_destroy(&w);
    nn_net_destroy(&net);
    ds = scripted_open(rows);
    o.train.epochs = 1;
    o.train.schedule.peak = 0;
    o.train.freeze_bn_stats = 7;
    ck_assert_msg(baseline_train(ds, &o, &run, &net, &p, &r, &err) == NN_OK,
                  "%s", err.text);
    ck_assert_double_eq_tol(net->temperature, 3, 2e-3);
    /* 10 of 13 positives lie above all negatives, 3 are their equals; the
     * likelier class is right for 8 and 2 of the 13. */
    ck_assert_double_eq_tol(r.best.metric, (11.5 / 13 + 10 / 13.0) / 2, 1e-9);
    ck_assert_double_eq_tol(p.threshold, 0.8, 1e-3);
    ck_assert_double_eq_tol(p.recall, 10 / 13.0, 1e-12);
    ck_assert_double_eq(p.fpr, 0);
    nn_net_destroy(&net);
    nn_dataset_close(&ds);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("rooms");
    TCase *t = tcase_create("rooms");

    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, opinion_is_the_largest_probability, 0, 2);
    tcase_add_test(t, card_counts);
    tcase_add_test(t, test_images);
    tcase_add_test(t, sweep_takes_means_over_seeds);
    tcase_add_test(t, single_model_fit);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
