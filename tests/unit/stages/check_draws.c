/* How often an epoch draws what: counted at the reading of the images. */
#include <string.h>

#include "common/base/rng.h"
#include "stage1_gate/gate.h"
#include "stage2_species/species.h"
#include "tests/unit/stages/scripted.h"
#include "tests/unit/testkit.h"

/* 24 training images; the others must not be drawn. */
enum { A = 0, B = 8, X = 10, Y = 19, NONE = 20, TRAIN = 24 };
static const struct scripted_item rows[] = {
    { "a", NULL, NN_TRAIN, 0, 8 },
    { "b", NULL, NN_TRAIN, 1, 2 },
    { "", "x", NN_TRAIN, 2, 9 },
    { "", "y", NN_TRAIN, 3, 1 },
    { "", NULL, NN_TRAIN, 4, 4 },
    { "a", NULL, NN_VALID, 5, 2 },
    { "b", NULL, NN_VALID, 5, 1 },
    { "", NULL, NN_VALID, 6, 2 },
    { "a", NULL, NN_TEST, 7, 2 },
    { "", "y", NN_TEST, 8, 2 },
    { .times = 0 },
};

static struct nn_train_options quick(int epochs, int32_t batch)
{
    struct nn_train_options o = nn_train_defaults();

    o.epochs = epochs;
    o.batch = batch;
    o.eval_every = epochs;
    o.cache_bytes = 1; /* nothing is kept: a draw is a reading */
    return o;
}

/* Draws of the training images over `epochs` epochs of a gate's training. */
static void draw_gate(double positive_share, int epochs, size_t reads[TRAIN])
{
    struct nn_dataset *ds = scripted_open(rows);
    const struct nn_run run = { NULL, 0, NULL };
    struct gate_options o = gate_defaults();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_net *net = NULL;
    struct nn_train_result r;
    struct gate_policy p;

    o.train = quick(epochs, 12);
    o.width = 0.1f;
    o.size = 32;
    o.positive_share = positive_share;
    ck_assert_msg(gate_train(ds, &o, &run, &net, &p, &r, &err) == NN_OK, "%s",
                  err.text);
    for (size_t i = 0; i < TRAIN; i++) {
        reads[i] = scripted_reads(i);
    }
    /* Read when the epochs and the thresholds are judged, not drawn: all of
     * them equally often. */
    for (size_t i = TRAIN + 1; i < TRAIN + 5; i++) {
        ck_assert_uint_eq(scripted_reads(i), scripted_reads(TRAIN));
    }
    for (size_t i = TRAIN + 5; i < ds->n; i++) {
        ck_assert_uint_eq(scripted_reads(i), 0);
    }
    nn_net_destroy(&net);
    nn_dataset_close(&ds);
}

/* Each of reads[from..to-1] lies between least and most, and their sum is. */
static void expect(const size_t *reads, size_t from, size_t to, size_t sum,
                   size_t min, size_t max)
{
    for (size_t i = from; i < to; i++) {
        ck_assert_uint_ge(reads[i], min);
        ck_assert_uint_le(reads[i], max);
        sum -= reads[i];
    }
    ck_assert_uint_eq(sum, 0);
}

START_TEST(gate_draws_as_they_are)
{
    size_t reads[TRAIN];

    draw_gate(0, 2, reads);
    expect(reads, 0, TRAIN, 48, 2, 2);
}
END_TEST

/* 10 of 24 for the classes, 5 each; the others once each. Four epochs. */
START_TEST(gate_draws_shares)
{
    size_t reads[TRAIN];

    draw_gate(10 / 24., 4, reads);
    expect(reads, A, B, 20, 2, 3);
    expect(reads, B, X, 20, 10, 10);
    expect(reads, X, TRAIN, 56, 4, 4);
}
END_TEST

/* Draws over eight epochs of a species net's training with what o says besides
 * the classes. */
static struct nn_net *draw_species(struct species_options o,
                                   size_t reads[TRAIN])
{
    struct nn_dataset *ds = scripted_open(rows);
    const struct nn_run run = { NULL, 0, NULL };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_net *net = NULL;
    struct nn_train_result r;
    struct species_policy p;

    ck_assert_uint_le(ds->n, SCRIPTED_ITEMS);
    o.train = quick(8, 5);
    o.width = 0.1f;
    o.size = 32;
    ck_assert_msg(species_train(ds, &o, &run, &net, &p, &r, &err) == NN_OK,
                  "%s", err.text);
    for (size_t i = 0; i < TRAIN; i++) {
        reads[i] = scripted_reads(i);
    }
    nn_dataset_close(&ds);
    return net;
}

/* 10 training images of two classes: 5 draws each, negatives never. */
START_TEST(species_draws_classes_evenly)
{
    size_t reads[TRAIN];
    struct nn_net *net = draw_species(species_defaults(), reads);

    expect(reads, A, B, 40, 5, 5);
    expect(reads, B, X, 40, 20, 20);
    expect(reads, X, TRAIN, 0, 0, 0);
    nn_net_destroy(&net);
}
END_TEST

/* The negatives without a family stand for none and get half of an epoch, which
 * shows 10 images of classes as before: 5 draws a class and 10 of none. */
START_TEST(species_draws_none)
{
    struct species_options o = species_defaults();
    uint8_t extra[SCRIPTED_ITEMS] = { 0 };
    size_t reads[TRAIN];
    struct nn_net *net;

    memset(extra + NONE, SPECIES_NONE, TRAIN - NONE);
    o.extra = extra;
    o.none_share = 0.5;
    net = draw_species(o, reads);
    expect(reads, A, B, 40, 5, 5);
    expect(reads, B, X, 40, 20, 20);
    expect(reads, X, NONE, 0, 0, 0);
    expect(reads, NONE, TRAIN, 80, 20, 20);
    ck_assert_int_eq(species_says_none(net, 2), 1);
    nn_net_destroy(&net);
}
END_TEST

/* Those of a family are unknown and get a fifth, those without two fifths: of
 * 25 draws 10 are left to the classes, as before. */
START_TEST(species_draws_unknown)
{
    struct species_options o = species_defaults();
    uint8_t extra[SCRIPTED_ITEMS] = { 0 };
    size_t reads[TRAIN];
    struct nn_net *net;

    memset(extra + X, SPECIES_UNKNOWN, NONE - X);
    memset(extra + NONE, SPECIES_NONE, TRAIN - NONE);
    o.extra = extra;
    o.says_unknown = 1;
    o.none_share = 0.4;
    o.unknown_share = 0.2;
    net = draw_species(o, reads);
    expect(reads, A, B, 40, 5, 5);
    expect(reads, B, X, 40, 20, 20);
    expect(reads, X, NONE, 40, 4, 4);
    expect(reads, NONE, TRAIN, 80, 20, 20);
    ck_assert_int_eq(species_says_unknown(net, 2), 1);
    nn_net_destroy(&net);
}
END_TEST

/* --- the sampler itself, many draws --- */

enum { N = 100, EPOCHS = 150 };
static const uint32_t low[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
static const uint32_t high[] = { 10, 11, 12 };

static struct nn_sampler sampler(uint64_t seed)
{
    static const uint32_t *const bucket[] = { low, high };
    static const size_t size[] = { 10, 3 };
    static const double share[] = { 0.7, 0.3 };

    return (struct nn_sampler){ 2, bucket, size, share, N, seed };
}

START_TEST(sampler_shares_of_many_draws)
{
    const struct nn_sampler s = sampler(1);
    size_t drawn[13] = { 0 }, first[13] = { 0 };
    uint32_t list[N];

    for (uint64_t e = 0; e < EPOCHS; e++) {
        ck_assert_int_eq(nn_sampler_epoch(&s, e, list), NN_OK);
        first[list[0]]++;
        for (int i = 0; i < N; i++) {
            ck_assert_uint_lt(list[i], 13);
            drawn[list[i]]++;
        }
    }
    /* 15,000 draws: 10,500 over ten items, 4,500 over three. */
    expect(drawn, 0, 10, 10500, 1050, 1050);
    expect(drawn, 10, 13, 4500, 1500, 1500);
    /* Mixed: the first place is a draw with these odds, too. 45 of 150 are
     * expected, the deviation is 5.6. */
    ck_assert_uint_gt(first[10] + first[11] + first[12], 22);
    ck_assert_uint_lt(first[10] + first[11] + first[12], 68);
}
END_TEST

START_TEST(sampler_of_seed_and_epoch)
{
    const struct nn_sampler s = sampler(1), t = sampler(2);
    uint32_t a[N], b[N];

    ck_assert_int_eq(nn_sampler_epoch(&s, 3, a), NN_OK);
    ck_assert_int_eq(nn_sampler_epoch(&s, 3, b), NN_OK);
    ck_assert_mem_eq(a, b, sizeof a);
    ck_assert_int_eq(nn_sampler_epoch(&s, 4, b), NN_OK);
    ck_assert_mem_ne(a, b, sizeof a);
    ck_assert_int_eq(nn_sampler_epoch(&t, 3, b), NN_OK);
    ck_assert_mem_ne(a, b, sizeof a);
}
END_TEST

/* The order is an epoch's own even where what is drawn is the same. */
START_TEST(sampler_orders_differ)
{
    static const uint32_t *const bucket[] = { low, high };
    static const size_t size[] = { 1, 1 };
    static const double share[] = { 0.5, 0.5 };
    const struct nn_sampler s = { 2, bucket, size, share, 40, 1 };
    uint32_t a[40], b[40];

    ck_assert_int_eq(nn_sampler_epoch(&s, 0, a), NN_OK);
    ck_assert_int_eq(nn_sampler_epoch(&s, 1, b), NN_OK);
    ck_assert_mem_ne(a, b, sizeof a);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("draws");
    TCase *t = tcase_create("draws");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, gate_draws_as_they_are);
    tcase_add_test(t, gate_draws_shares);
    tcase_add_test(t, species_draws_classes_evenly);
    tcase_add_test(t, species_draws_none);
    tcase_add_test(t, species_draws_unknown);
    tcase_add_test(t, sampler_shares_of_many_draws);
    tcase_add_test(t, sampler_of_seed_and_epoch);
    tcase_add_test(t, sampler_orders_differ);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
