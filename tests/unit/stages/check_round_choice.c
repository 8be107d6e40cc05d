/* Rounds of mining: which gate stays, when they end, how many negatives they
 * take. A gate of known answers on two images starts them. A round's training
 * is one step that turns the sign of the classifier: its rate is next to
 * nothing, but for a weight decay of 2 / rate, w <- w - rate x decay x w. So a
 * good gate becomes a bad one, and the other way round. */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/mine/train_rounds.h"
#include "tests/unit/data/album.h"
#include "tests/unit/stages/scripted.h"
#include "tests/unit/testkit.h"

enum { BEAR, OTHER }; /* the two images */

/* Validation: ten bears, ten others. */
static const struct scripted_item rows[] = {
    { "bear", NULL, NN_TRAIN, BEAR, 8 },
    { "", NULL, NN_TRAIN, OTHER, 8 },
    { "bear", NULL, NN_VALID, BEAR, 10 },
    { "", NULL, NN_VALID, OTHER, 10 },
    { .times = 0 },
};
/* In training the images stand the other way round. */
static const struct scripted_item crossed[] = {
    { "bear", NULL, NN_TRAIN, OTHER, 8 },
    { "", NULL, NN_TRAIN, BEAR, 8 },
    { "bear", NULL, NN_VALID, BEAR, 10 },
    { "", NULL, NN_VALID, OTHER, 10 },
    { .times = 0 },
};

static struct {
    char *pool_dir, *run_dir;
    struct nn_pool *pool;
    struct nn_dataset *ds;
    struct gate_options opt;
    struct train_rounds how;
    struct nn_net *gate;
    struct gate_policy policy;
} world;

/* A gate with logits z for a bear and -z for others, and a pool. */
static void start_on(const struct scripted_item *items, double z, int pool)
{
    static const char *const names[] = { "+bear", "-" };
    const double want[] = { z / 2, -z / 2, -z / 2, z / 2 };
    struct nn_net_spec s = gate_net_spec(0.1f, 32);

    s.n_outputs = 2;
    s.outputs = names;
    ck_assert_int_eq(nn_net_create(&s, 1, &world.gate, NULL), NN_OK);
    scripted_answers(world.gate, want, 2);
    world.ds = scripted_open(items);
    nn_dataset_fingerprint(world.ds);
    for (int i = 0; i < pool; i++) {
        char name[16];

        snprintf(name, sizeof name, "%02d.jpg", i);
        album_put_image(world.pool_dir, name, 1000 + (uint64_t)i);
    }
    ck_assert_int_eq(nn_pool_open((const char *const[]){ world.pool_dir }, 1,
                                  &(struct nn_dataset_options){ 0 },
                                  &world.pool, NULL),
                     NN_OK);
    world.how.pool = world.pool;
    ck_assert_int_eq(
        gate_calibrate(world.ds, &world.opt, world.gate, &world.policy, NULL),
        NN_OK);
}

static void start(double z, int pool)
{
    start_on(rows, z, pool);
}

static void run(void)
{
    const struct nn_run run = { world.run_dir, 0, NULL };
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_msg(train_run_rounds(world.ds, &world.opt, &world.how, &run,
                                   &world.gate, &world.policy, &err) == NN_OK,
                  "%s", err.text);
}

static void set_up(void)
{
    world.pool_dir = testkit_mkdir();
    world.run_dir = testkit_mkdir();
    world.opt = gate_defaults();
    world.opt.width = 0.1f;
    world.opt.size = 32;
    world.opt.train.batch = 32;
    world.opt.train.ema = 0;
    world.opt.train.schedule.kind = NN_SCHEDULE_CONSTANT;
    world.opt.train.schedule.peak = 1e-6;
    world.opt.train.optim.weight_decay = 2e6f;
    world.opt.train.freeze_epochs = 1;
    world.opt.train.freeze_bn_stats = 7;
    world.opt.train.augment = nn_augment_none();
    world.how = (struct train_rounds){ .rounds = 1,
                                       .top = 4,
                                       .epochs = 1,
                                       .rate = 1,
                                       .share = 1,
                                       .mode = GATE_MINE_RANDOM,
                                       .trust_pool = 1 };
}

static void tear_down(void)
{
    nn_net_destroy(&world.gate);
    nn_dataset_close(&world.ds);
    nn_pool_close(&world.pool);
    testkit_rmdir(world.pool_dir);
    testkit_rmdir(world.run_dir);
}

/* How many rounds have left their record. */
static int kloop_run(void)
{
    int n = 0;

    for (;; n++) {
        char *path = nn_mem_sprintf("%s/mined-%d.jsonl", world.run_dir, n + 1);
        int there = nn_file_exists(path);

        nn_mem_free(path);
        if (!there) {
            return n;
        }
    }
}

/* Before, no negative passes; after the round, all do. The images that are
 * trained on have no say. */
START_TEST(a_worse_round_is_dropped)
{
    struct nn_net *was;
    struct gate_policy policy;
    float *values;
    size_t bytes;

    start_on(_i == 0 ? rows : crossed, 2, 30);
    was = world.gate;
    policy = world.policy;
    ck_assert_double_eq(policy.fpr, 0);
    bytes = was->params.value.count * sizeof(float);
    values = nn_mem_calloc(1, bytes);
    memcpy(values, was->params.value.data, bytes);
    world.how.rounds = 3;
    run();
    ck_assert_int_eq(kloop_run(), 1);
    ck_assert_ptr_eq(world.gate, was);
    ck_assert_mem_eq(world.gate->params.value.data, values, bytes);
    ck_assert_double_eq(world.policy.fpr, 0);
    ck_assert_double_eq(world.policy.threshold, policy.threshold);
    nn_mem_free(values);
}
END_TEST

/* The same, but the last gate is wanted whatever it is worth. */
START_TEST(a_worse_round_is_kept_when_asked_for)
{
    start(2, 30);
    world.how.rounds = 3;
    world.how.keep = 1;
    run();
    ck_assert_int_eq(kloop_run(), 3);
    ck_assert_double_eq(world.policy.fpr, 1);
}
END_TEST

/* Before, all negatives pass; then none: ten of ten changes are for the
 * better, and there is another round, which is dropped. */
START_TEST(a_better_round_is_kept)
{
    start(-2, 30);
    ck_assert_double_eq(world.policy.fpr, 1);
    world.how.rounds = 4;
    run();
    ck_assert_int_eq(kloop_run(), 2);
    ck_assert_double_eq(world.policy.fpr, 0);
    ck_assert_uint_eq(world.ds->n, 36 + 2 * 4);
}
END_TEST

/* A rate of 0: the gate stays as it was. Nothing fell, so that is the end. */
START_TEST(no_change_is_no_fall)
{
    float first;

    start(-2, 30);
    first = world.gate->params.value.data[0];
    world.how.rounds = 4;
    world.how.rate = 0;
    run();
    ck_assert_int_eq(kloop_run(), 1);
    ck_assert_double_eq(world.policy.fpr, 1);
    ck_assert_float_eq(world.gate->params.value.data[0], first);
}
END_TEST

/* It fell, but the pool has no more. */
START_TEST(an_empty_pool_ends_them)
{
    start(-2, 3);
    world.how.rounds = 4;
    run();
    ck_assert_int_eq(kloop_run(), 1);
    ck_assert_double_eq(world.policy.fpr, 0);
    ck_assert_uint_eq(world.ds->n, 36 + 3);
}
END_TEST

/* None of 10 passes: at most 0.2589 do with 95 % confidence (1 - 0.05^0.1). */
START_TEST(a_certified_target_ends_them)
{
    start(2, 30);
    ck_assert_double_eq_tol(world.policy.fpr_upper, 0.258865551, 1e-8);
    world.how.max_fpr = 0.2589;
    run();
    ck_assert_int_eq(kloop_run(), 0);
    world.how.max_fpr = 0.2588;
    run();
    ck_assert_int_eq(kloop_run(), 1);
}
END_TEST

/* An eighth of 16 training images is 2, though 4 were asked for. */
START_TEST(negatives_of_a_round_are_limited)
{
    start(2, 30);
    world.how.share = 0.125;
    run();
    ck_assert_uint_eq(world.ds->n, 36 + 2);
    for (size_t i = 36; i < world.ds->n; i++) {
        ck_assert_int_eq(world.ds->items[i].label, NN_NEGATIVE);
        ck_assert_int_eq(world.ds->items[i].split, NN_TRAIN);
    }
}
END_TEST

/* With a fair coin, 5 of 5 come in 3.1 % of the cases and 7 of 8 or more in
 * 3.5 %; 4 of 4 in 6.3 % and 6 of 7 or more in 6.3 %. */
START_TEST(falls_beyond_chance)
{
    ck_assert_int_eq(gate_rounds_fell(0, 0), 0);
    ck_assert_int_eq(gate_rounds_fell(4, 0), 0);
    ck_assert_int_eq(gate_rounds_fell(5, 0), 1);
    ck_assert_int_eq(gate_rounds_fell(6, 1), 0);
    ck_assert_int_eq(gate_rounds_fell(7, 1), 1);
    ck_assert_int_eq(gate_rounds_fell(1, 7), 0);
    ck_assert_int_eq(gate_rounds_fell(0, 50), 0);
}
END_TEST

/* 0.95^58 = 0.051, 0.95^59 = 0.048. */
START_TEST(targets_that_cannot_be_certified)
{
    char *text;

    ck_assert_ptr_null(train_rounds_too_few(0, 0));
    ck_assert_ptr_null(train_rounds_too_few(0.05, 59));
    text = train_rounds_too_few(0.05, 58);
    ck_assert_ptr_nonnull(strstr(text, "n = 58"));
    ck_assert_ptr_nonnull(strstr(text, "59 would be the fewest"));
    nn_mem_free(text);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("round_choice");
    TCase *t = tcase_create("round_choice");

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, a_worse_round_is_dropped, 0, 2);
    tcase_add_test(t, a_worse_round_is_kept_when_asked_for);
    tcase_add_test(t, a_better_round_is_kept);
    tcase_add_test(t, no_change_is_no_fall);
    tcase_add_test(t, an_empty_pool_ends_them);
    tcase_add_test(t, a_certified_target_ends_them);
    tcase_add_test(t, negatives_of_a_round_are_limited);
    tcase_add_test(t, falls_beyond_chance);
    tcase_add_test(t, targets_that_cannot_be_certified);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
