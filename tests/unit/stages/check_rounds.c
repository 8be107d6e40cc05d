/* Rounds of mining behind a gate: the order of steps, what is appended, when
 * they end. */
#include <string.h>

#include "stage1_gate/rounds.h"
#include "tests/unit/stages/mine_world.h"
#include "tests/unit/testkit.h"

enum { MOST = 16 };

/* What on_round() heard. */
struct heard {
    int n, number[MOST];
    enum gate_round_step step[MOST];
    size_t items[MOST]; /* of ds at the time */
    size_t taken, wanted, top, valid;
    double threshold; /* of the gate so far, when last trained */
    int kept;
    enum nn_status answer; /* to MINED */
};

static enum nn_status hear(void *ctx, const struct gate_round *r,
                           struct nn_error *err)
{
    struct heard *h = ctx;

    ck_assert_int_lt(h->n, MOST);
    h->number[h->n] = r->number;
    h->step[h->n] = r->step;
    h->items[h->n++] = mine_world.ds->n;
    h->valid = r->n_valid;
    h->wanted = r->wanted;
    h->top = r->top;
    ck_assert(r->step == GATE_ROUND_BEGINS ? r->result == NULL
                                           : r->result != NULL);
    ck_assert((r->step == GATE_ROUND_TRAINED) == (r->next != NULL));
    if (r->step == GATE_ROUND_MINED) {
        h->taken += r->taken;
        if (h->answer) {
            return nn_fail(err, h->answer, "enough");
        }
    }
    if (r->step == GATE_ROUND_TRAINED) {
        h->kept = r->kept;
        h->threshold = r->next->threshold;
    }
    return NN_OK;
}

static struct gate_options small_gate(void)
{
    struct gate_options o = gate_defaults();

    o.width = 0.35f;
    o.size = 32;
    o.task = "gate";
    o.train.batch = 8;
    o.train.epochs = 1;
    o.train.threads = 1;
    return o;
}

static struct gate_round_options options(struct heard *h)
{
    return (struct gate_round_options){ .pool = mine_world.pool,
                                        .rounds = 2,
                                        .top = 4,
                                        .share = 1,
                                        .epochs = 1,
                                        .rate = 0.3,
                                        .hard_share = 0.5,
                                        .fn_filter_recall = 0.9,
                                        .mode = GATE_MINE_RANDOM,
                                        .trust_pool = 1,
                                        .keep = 1,
                                        .on_round = hear,
                                        .ctx = h };
}

/* A policy of the random gate that lets all through. */
static struct gate_policy open_door(void)
{
    return (struct gate_policy){
        .threshold = 0, .min_recall = 0.95, .fpr = 1, .fpr_upper = 1
    };
}

static enum nn_status run(const struct gate_round_options *how,
                          struct gate_policy *policy, struct nn_error *err)
{
    const struct gate_options gate = small_gate();
    const struct nn_run run = { NULL, 0, NULL };

    return gate_run_rounds(mine_world.ds, &gate, how, &run, &mine_world.gate,
                           policy, err);
}

START_TEST(each_round_has_three_steps)
{
    static const enum gate_round_step steps[] = { GATE_ROUND_BEGINS,
                                                  GATE_ROUND_MINED,
                                                  GATE_ROUND_TRAINED };
    struct heard h = { .n = 0 };
    struct gate_round_options how = options(&h);
    struct gate_policy policy = open_door();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_net *first = mine_world.gate;
    size_t had = mine_world.ds->n;

    ck_assert_msg(run(&how, &policy, &err) == NN_OK, "%s", err.text);
    ck_assert_int_eq(h.n, 6);
    for (int i = 0; i < 6; i++) {
        ck_assert_int_eq(h.number[i], 1 + i / 3);
        ck_assert_int_eq(h.step[i], steps[i % 3]);
    }
    ck_assert_uint_eq(h.valid, 12);
    ck_assert_uint_eq(h.items[0], had); /* appended after MINED */
    ck_assert_uint_eq(h.items[1], had);
    ck_assert_uint_eq(h.items[2], had + 4);
    ck_assert_uint_eq(h.items[5], had + 8);
    ck_assert_uint_eq(h.taken, 8);
    for (size_t i = had; i < mine_world.ds->n; i++) {
        const struct nn_item *it = &mine_world.ds->items[i];

        ck_assert_int_eq(it->label, NN_NEGATIVE);
        ck_assert_int_eq(it->split, NN_TRAIN);
        ck_assert_ptr_null(strstr(it->file, "y.jpg")); /* of test */
        for (size_t k = had; k < i; k++) {
            ck_assert_str_ne(it->file, mine_world.ds->items[k].file);
        }
    }
    ck_assert_int_eq(h.kept, 1);
    ck_assert_ptr_ne(mine_world.gate, first);
    ck_assert_double_eq(policy.threshold, h.threshold);
}
END_TEST

START_TEST(a_round_takes_its_share_at_most)
{
    struct heard h = { .n = 0 };
    struct gate_round_options how = options(&h);
    struct gate_policy policy = open_door();

    how.rounds = 1;
    how.share = 0.13; /* of 16 training images: 2 */
    ck_assert_int_eq(run(&how, &policy, NULL), NN_OK);
    ck_assert_uint_eq(h.wanted, 4);
    ck_assert_uint_eq(h.top, 2);
    ck_assert_uint_eq(h.taken, 2);
}
END_TEST

START_TEST(exactly_so_many_and_no_third)
{
    const size_t exactly[] = { 3, 1, 0, 5 };
    struct heard h = { .n = 0 };
    struct gate_round_options how = options(&h);
    struct gate_policy policy = open_door();
    size_t had = mine_world.ds->n;

    how.rounds = 4;
    how.exactly = exactly;
    ck_assert_int_eq(run(&how, &policy, NULL), NN_OK);
    ck_assert_int_eq(h.n, 6);
    ck_assert_uint_eq(h.items[2], had + 3);
    ck_assert_uint_eq(h.items[5], had + 4);
}
END_TEST

START_TEST(no_round_when_the_target_is_reached)
{
    struct heard h = { .n = 0 };
    struct gate_round_options how = options(&h);
    struct gate_policy policy = open_door();

    policy.fpr_upper = 0.04;
    how.max_fpr = 0.05;
    how.keep = 0;
    ck_assert_int_eq(run(&how, &policy, NULL), NN_OK);
    ck_assert_int_eq(h.n, 0);
    how.keep = 1; /* asks for all rounds */
    how.rounds = 1;
    ck_assert_int_eq(run(&how, &policy, NULL), NN_OK);
    ck_assert_int_eq(h.n, 3);
}
END_TEST

START_TEST(the_listener_can_end_it)
{
    struct heard h = { .answer = NN_ERR_IO };
    struct gate_round_options how = options(&h);
    struct gate_policy policy = open_door();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_net *first = mine_world.gate;
    size_t had = mine_world.ds->n;

    ck_assert_int_eq(run(&how, &policy, &err), NN_ERR_IO);
    ck_assert_str_eq(err.text, "enough");
    ck_assert_int_eq(h.n, 2);
    ck_assert_uint_eq(mine_world.ds->n, had);
    ck_assert_ptr_eq(mine_world.gate, first);
}
END_TEST

/* The first gate lets all validation negatives through, so the next one is
 * never worse; a threshold above 1 lets none through, so it is not better. */
START_TEST(the_better_gate_stays)
{
    struct heard h = { .n = 0 };
    struct gate_round_options how = options(&h);
    struct gate_policy policy = open_door();
    struct nn_net *first = mine_world.gate;

    how.keep = 0;
    how.rounds = 1;
    policy.threshold = 1.5;
    ck_assert_int_eq(run(&how, &policy, NULL), NN_OK);
    ck_assert_int_eq(h.n, 3);
    ck_assert_double_le(h.threshold, 1);
    ck_assert_int_eq(h.kept, 0);
    ck_assert_ptr_eq(mine_world.gate, first);
    ck_assert_double_eq(policy.threshold, 1.5);

    policy.threshold = 0;
    ck_assert_int_eq(run(&how, &policy, NULL), NN_OK);
    ck_assert_int_eq(h.kept, 1);
    ck_assert_ptr_ne(mine_world.gate, first);
    ck_assert_double_eq(policy.threshold, h.threshold);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("rounds");
    TCase *t = tcase_create("rounds");

    tcase_add_checked_fixture(t, mine_world_set_up, mine_world_tear_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, each_round_has_three_steps);
    tcase_add_test(t, a_round_takes_its_share_at_most);
    tcase_add_test(t, exactly_so_many_and_no_third);
    tcase_add_test(t, no_round_when_the_target_is_reached);
    tcase_add_test(t, the_listener_can_end_it);
    tcase_add_test(t, the_better_gate_stays);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
