/* Small parts of pipelines/: the second opinion, the data card, the list of
 * test pictures. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "pipelines/data/data_card.h"
#include "pipelines/experiment/experiment.h"
#include "pipelines/mine/mining.h"
#include "stage2_species/species.h"
#include "tests/unit/stages/scripted.h"
#include "tests/unit/testkit.h"

/* Three classes: 0.8 for the first, 0.5 for the second, 0.4 for the last. */
START_TEST(opinion_is_the_largest_probability)
{
    static const char *const names[] = { "a", "b", "c" };
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
    struct gate_mine_opinion opinion;
    struct nn_dataset *ds;
    struct nn_net *net;
    struct opinion o;
    double p[4];

    spec.n_outputs = 3;
    spec.outputs = names;
    ck_assert_int_eq(nn_net_create(&spec, 1, &net, NULL), NN_OK);
    scripted_answers(net, logits, 3);
    ds = scripted_open(rows);
    ck_assert_int_eq(opinion_init(&o, net, 0, &opinion, NULL), NN_OK);
    ck_assert_int_eq(opinion.ask(opinion.ctx, ds, index, 4, p, NULL), NN_OK);
    ck_assert_double_eq_tol(p[0], 0.4, 1e-3);
    ck_assert_double_eq(p[1], 0);
    ck_assert_double_eq_tol(p[2], 0.5, 1e-3);
    ck_assert_double_eq_tol(p[3], 0.8, 1e-3);
    opinion_release(&o);
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
    ck_assert_int_eq(json_integer_value(json_object_get(j, "pictures")), 34);
    ck_assert_int_eq(json_integer_value(json_object_get(j, "unreadable")), 3);
    json_decref(j);
    nn_dataset_close(&ds);
}
END_TEST

START_TEST(test_pictures)
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

static Suite *create(void)
{
    Suite *s = suite_create("rooms");
    TCase *t = tcase_create("rooms");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, opinion_is_the_largest_probability);
    tcase_add_test(t, card_counts);
    tcase_add_test(t, test_pictures);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
