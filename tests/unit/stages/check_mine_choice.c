/* Mining: which images are chosen, and in which order. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "tests/unit/stages/mine_world.h"
#include "tests/unit/testkit.h"

static struct gate_mine_options options(size_t top)
{
    const struct gate_policy policy = { .threshold = 0.5 };
    struct gate_mine_options o = gate_mine_defaults(&policy, top);

    o.mode = GATE_MINE_HARDEST;
    o.min_score = 0;
    o.hard_share = 1;
    o.folder_cap = o.cluster_cap = 0;
    return o;
}

static void choose(const struct gate_mine_rule *rule,
                   const struct gate_mine_second_scorer *op,
                   const struct gate_mine_options *o,
                   struct gate_mine_result *r)
{
    struct nn_error err = NN_ERROR_INIT;
    struct gate_mine_bank b;

    mine_world_scan(NULL, mine_world.z);
    mine_world_bank(&b);
    ck_assert_msg(gate_mine_choose(mine_world.gate, mine_world.pool,
                                   &mine_world.scores, &b, rule, op, o, NULL, r,
                                   &err) == NN_OK,
                  "%s", err.text);
    gate_mine_bank_release(&b);
}

static const char *file(const struct gate_mine_result *r, size_t i)
{
    return r->images->items[i].file;
}

START_TEST(hardest_first_and_no_copies)
{
    const struct gate_mine_options o = options(POOL);
    struct gate_mine_result r;
    size_t n;
    uint32_t *v;

    choose(NULL, NULL, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_HARD], POOL - 3);
    ck_assert_uint_eq(r.count[GATE_MINE_V_DUPLICATE], 3);
    ck_assert_int_eq(r.exhausted, 1);
    ck_assert_uint_eq(r.above, POOL);
    for (size_t i = 0; i < r.n; i++) {
        const struct gate_mine_pick *p = &r.pick[i];

        ck_assert(i == 0 || p->z <= r.pick[i - 1].z);
        if (p->verdict == GATE_MINE_V_DUPLICATE && p->same_as < 0) {
            const char *known = mine_world.ds->items[-1 - p->same_as].file;

            ck_assert(strstr(file(&r, i), "/x.jpg") != NULL
                          ? strcmp(known, "train/bear/01.jpg") == 0
                          : strcmp(known, "test/none/01.jpg") == 0);
        } else if (p->verdict == GATE_MINE_V_DUPLICATE) {
            ck_assert_int_lt(p->same_as, (int64_t)i);
            ck_assert_double_eq(r.pick[p->same_as].z, p->z);
        }
    }
    v = gate_mine_accepted(&r, &n);
    ck_assert_uint_eq(n, POOL - 3);
    ck_assert_uint_eq(v[0], r.pick[0].verdict == GATE_MINE_V_HARD ? 0 : 1);
    nn_mem_free(v);
    gate_mine_result_release(&r);
}
END_TEST

START_TEST(caps)
{
    struct gate_mine_options o = options(POOL);
    struct gate_mine_result r;
    size_t a = 0, b = 0;

    o.folder_cap = 5;
    choose(NULL, NULL, &o, &r);
    for (size_t i = 0; i < r.n; i++) {
        if (r.pick[i].verdict == GATE_MINE_V_HARD) {
            *(strstr(file(&r, i), "/a/") != NULL ? &a : &b) += 1;
        }
    }
    ck_assert_uint_eq(a, 5);
    ck_assert_uint_eq(b, 5);
    ck_assert_uint_eq(r.count[GATE_MINE_V_CAPPED], POOL - 3 - 10);
    gate_mine_result_release(&r);
    o.folder_cap = 0;
    o.cluster_cap = 7;
    o.cluster_cosine = -1; /* everything is of one kind */
    choose(NULL, NULL, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_HARD], 7);
    gate_mine_result_release(&r);
}
END_TEST

/* Images of folder b are bears, says the second scorer: none is accepted, all
 * that are no copies stand among the suspected false negatives. */
START_TEST(suspected_false_negatives_are_kept_apart)
{
    const struct gate_mine_second_scorer knows = { mine_world_oracle,
                                                   (char[]){ "/b/" } };
    const struct gate_mine_rule rule = { .w = { 0, 0, 0, 1 }, .limit = 0.5 };
    struct gate_mine_options o = options(10);
    struct gate_mine_result r;

    choose(&rule, &knows, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_HARD], 10);
    ck_assert_int_eq(r.exhausted, 0);
    for (size_t i = 0; i < r.n; i++) {
        if (r.pick[i].verdict == GATE_MINE_V_HARD) {
            ck_assert_ptr_nonnull(strstr(file(&r, i), "/a/"));
        } else if (r.pick[i].verdict == GATE_MINE_V_SUSPECTED_FN) {
            ck_assert_ptr_nonnull(strstr(file(&r, i), "/b/"));
        }
    }
    /* also those that score less than the last one taken */
    ck_assert_uint_ge(r.count[GATE_MINE_V_SUSPECTED_FN], POOL / 2 - 3);
    gate_mine_result_release(&r);
}
END_TEST

START_TEST(random_share_and_threads)
{
    struct gate_mine_options o = options(20);
    struct gate_mine_result r, again;

    o.hard_share = 0.5;
    nn_parallel_set_threads(1);
    choose(NULL, NULL, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_HARD], 10);
    ck_assert_uint_eq(r.count[GATE_MINE_V_RANDOM], 10);
    nn_parallel_set_threads(3);
    choose(NULL, NULL, &o, &again);
    ck_assert_uint_eq(r.n, again.n);
    for (size_t i = 0; i < r.n; i++) {
        ck_assert_uint_eq(r.pick[i].item, again.pick[i].item);
        ck_assert_int_eq(r.pick[i].verdict, again.pick[i].verdict);
    }
    gate_mine_result_release(&r);
    gate_mine_result_release(&again);
    o.mode = GATE_MINE_RANDOM;
    choose(NULL, NULL, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_RANDOM], 20);
    gate_mine_result_release(&r);
}
END_TEST

/* Of what is wanted the share that was asked for, the rest at random. */
START_TEST(random_share)
{
    const struct gate_policy all = { .threshold = 0 };
    struct gate_mine_options o = gate_mine_defaults(&all, 20);
    struct gate_mine_result r;

    o.folder_cap = o.cluster_cap = 0;
    choose(NULL, NULL, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_HARD], 20);
    gate_mine_result_release(&r);
    o.hard_share = 0.8;
    choose(NULL, NULL, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_HARD], 16);
    ck_assert_uint_eq(r.count[GATE_MINE_V_RANDOM], 4);
    gate_mine_result_release(&r);
}
END_TEST

/* Unknown scores are enough to draw at random, and change no draw; they are
 * not enough for anything else. Images of a folder that is left out are
 * passed over. */
START_TEST(random_without_scores)
{
    static const char *const out[] = { "a", "bb" };
    struct gate_mine_options o = options(15);
    struct gate_mine_scores none = { -1, POOL + 1 };
    struct gate_mine_result r, again;
    struct gate_mine_bank b;

    o.mode = GATE_MINE_RANDOM;
    o.leave_out = out;
    o.n_leave_out = 2;
    choose(NULL, NULL, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_RANDOM], 15);
    mine_world_bank(&b);
    ck_assert_int_eq(gate_mine_choose(mine_world.gate, mine_world.pool, &none,
                                      &b, NULL, NULL, &o, NULL, &again, NULL),
                     NN_OK);
    ck_assert_uint_eq(again.count[GATE_MINE_V_RANDOM], 15);
    for (size_t i = 0, k = 0; i < again.n; i++) {
        if (again.pick[i].verdict == GATE_MINE_V_UNREADABLE) {
            continue; /* scores would have told */
        }
        ck_assert_uint_eq(r.pick[k].item, again.pick[i].item);
        ck_assert_double_eq_tol(r.pick[k].z, again.pick[i].z, 1e-4);
        ck_assert_ptr_nonnull(strstr(file(&r, k), "/b/"));
        k++;
    }
    gate_mine_result_release(&r);
    gate_mine_result_release(&again);
    o.mode = GATE_MINE_HARDEST;
    ck_assert_int_eq(gate_mine_choose(mine_world.gate, mine_world.pool, &none,
                                      &b, NULL, NULL, &o, NULL, &again, NULL),
                     NN_ERR_ARG);
    gate_mine_bank_release(&b);
}
END_TEST

/* The order does not depend on how many are asked for at a time. */
START_TEST(order_in_pieces)
{
    struct gate_mine_options o = options(10);
    struct gate_mine_candidate *all, *part, last = { 0 };
    size_t n, m = 1, at = 0;

    o.threshold = 1;
    mine_world_scan(NULL, mine_world.z);
    for (int mode = GATE_MINE_FALSE_POSITIVES; mode <= GATE_MINE_RANDOM;
         mode++) {
        o.mode = (enum gate_mine_mode)mode;
        ck_assert_int_eq(gate_mine_order(&mine_world.scores, &o, 1, NULL, 1000,
                                         &all, &n, NULL),
                         NN_OK);
        ck_assert_uint_gt(n, 10);
        for (at = 0, m = 1; m > 0; at += m) {
            ck_assert_int_eq(gate_mine_order(&mine_world.scores, &o, 1,
                                             at == 0 ? NULL : &last, 7, &part,
                                             &m, NULL),
                             NN_OK);
            ck_assert_uint_le(at + m, n);
            for (size_t i = 0; i < m; i++) {
                ck_assert_uint_eq(part[i].item, all[at + i].item);
                ck_assert_double_eq(part[i].z, mine_world.z[part[i].item]);
                last = part[i];
            }
            nn_mem_free(part);
        }
        ck_assert_uint_eq(at, n);
        nn_mem_free(all);
    }
}
END_TEST

/* Without scores all are equal: the pool's own order, in pieces too. */
START_TEST(equals_keep_the_order_of_the_pool)
{
    const struct gate_mine_scores none = { -1, 100 };
    const struct gate_mine_options o = options(10); /* hardest first */
    struct gate_mine_candidate *list, last = { 0 };
    size_t n;

    for (uint32_t at = 0; at < 100; at += 20) {
        ck_assert_int_eq(gate_mine_order(&none, &o, 1, at == 0 ? NULL : &last,
                                         20, &list, &n, NULL),
                         NN_OK);
        ck_assert_uint_eq(n, 20);
        for (uint32_t i = 0; i < 20; i++) {
            ck_assert_uint_eq(list[i].item, at + i);
        }
        last = list[19];
        nn_mem_free(list);
    }
}
END_TEST

/* 90 images of one probability and 10 of another: each of the two comes first
 * half the time, and within them each image as often as the next. */
START_TEST(uniform_weighs_a_score_by_its_rarity)
{
    enum { N = 100, RARE = 10, DRAWS = 2000 };
    struct gate_mine_options o = options(1);
    struct gate_mine_scores s = { .n = N };
    size_t first[N] = { 0 }, rare = 0;
    double z[N];
    FILE *f = tmpfile();

    ck_assert_ptr_nonnull(f);
    for (int i = 0; i < N; i++) {
        z[i] = i % 10 == 3 ? log(9) : -log(9); /* 0.9, 0.1 */
    }
    ck_assert_int_eq(fseek(f, 80, SEEK_SET), 0); /* a journal's header */
    ck_assert_uint_eq(fwrite(z, sizeof *z, N, f), N);
    ck_assert_int_eq(fflush(f), 0);
    s.fd = fileno(f);
    o.mode = GATE_MINE_UNIFORM;
    for (o.seed = 1; o.seed <= DRAWS; o.seed++) {
        struct gate_mine_candidate *list;
        size_t n;

        ck_assert_int_eq(gate_mine_order(&s, &o, 1, NULL, 1, &list, &n, NULL),
                         NN_OK);
        ck_assert_uint_eq(n, 1);
        first[list[0].item]++;
        rare += list[0].item % 10 == 3;
        nn_mem_free(list);
    }
    fclose(f);
    /* six standard deviations of a binomial count */
    ck_assert_double_lt(fabs((double)rare - DRAWS / 2.0),
                        6 * sqrt(DRAWS / 4.0));
    for (int i = 0; i < N; i++) {
        double expected = DRAWS / 2.0 / (i % 10 == 3 ? RARE : N - RARE);

        ck_assert_double_lt(fabs((double)first[i] - expected),
                            6 * sqrt(expected));
    }
}
END_TEST

START_TEST(semi_hard_and_uniform)
{
    struct gate_mine_options o = options(8);
    struct gate_mine_result r;
    double middle;

    mine_world_scan(NULL, mine_world.z);
    middle = mine_world.z[5];
    o.mode = GATE_MINE_SEMI;
    o.threshold = gate_probability(mine_world.gate, middle);
    choose(NULL, NULL, &o, &r);
    for (size_t i = 0; i < r.n; i++) {
        ck_assert_double_lt(r.pick[i].z, middle + 1e-6);
        ck_assert(i == 0 || r.pick[i].z <= r.pick[i - 1].z);
    }
    gate_mine_result_release(&r);
    o.mode = GATE_MINE_UNIFORM;
    o.min_score = gate_probability(mine_world.gate, middle);
    choose(NULL, NULL, &o, &r);
    for (size_t i = 0; i < r.n; i++) {
        ck_assert_double_ge(r.pick[i].z, middle - 1e-6);
    }
    gate_mine_result_release(&r);
}
END_TEST

/* Any image that fools the gate, as often as another: over many draws of one
 * each rank comes first about equally often, none below `least` at all. */
START_TEST(false_positives_are_drawn_evenly)
{
    enum { DRAWS = 2000 };
    struct gate_mine_options o = options(1);
    size_t first[POOL] = { 0 }, above = 0;

    mine_world_scan(NULL, mine_world.z);
    o.mode = GATE_MINE_FALSE_POSITIVES;
    o.min_score =
        gate_probability(mine_world.gate, mine_world.z[5]) * (1 - 1e-9);
    for (o.seed = 1; o.seed <= DRAWS; o.seed++) {
        struct gate_mine_candidate *list;
        size_t n;

        ck_assert_int_eq(gate_mine_order(&mine_world.scores, &o, 1, NULL, POOL,
                                         &list, &n, NULL),
                         NN_OK);
        for (size_t i = 0; i < n; i++) {
            ck_assert_double_ge(list[i].z, mine_world.z[5] - 1e-6);
        }
        ck_assert_uint_lt(list[0].item, POOL);
        first[list[0].item]++;
        above = n;
        nn_mem_free(list);
    }
    ck_assert_uint_gt(above, 3);
    ck_assert_uint_lt(above, POOL);
    for (size_t i = 0; i < POOL; i++) {
        double expected = DRAWS / (double)above;

        if (mine_world.z[i] >=
            mine_world.z[5]) { /* six standard deviations of a binomial count */
            ck_assert_double_lt(fabs((double)first[i] - expected),
                                6 * sqrt(expected));
        } else {
            ck_assert_uint_eq(first[i], 0);
        }
    }
}
END_TEST

/* Of the six with the largest scores each is taken about equally often, and of
 * others none; what was not drawn follows, the largest first. */
START_TEST(hard_ones_are_drawn_from_the_top)
{
    enum { DRAWS = 600, WANTED = 2, FROM = 6 };
    struct gate_mine_options o = options(WANTED);
    size_t taken[POOL + 1] = { 0 };
    struct gate_mine_candidate *list;
    double least = 0;
    size_t n;

    mine_world_scan(NULL, mine_world.z);
    o.mode = GATE_MINE_HARD;
    o.min_score = 1; /* of the other modes */
    o.draw_from = (double)FROM / WANTED;
    ck_assert_uint_eq(gate_mine_drawn_from(&o, 100), FROM);
    ck_assert_uint_eq(gate_mine_drawn_from(&o, 4), 4);
    for (o.seed = 1; o.seed <= DRAWS; o.seed++) {
        ck_assert_int_eq(gate_mine_order(&mine_world.scores, &o, 1, NULL, POOL,
                                         &list, &n, NULL),
                         NN_OK);
        ck_assert_uint_eq(n, POOL);
        for (size_t i = 0; i < WANTED; i++) {
            taken[list[i].item]++;
        }
        for (size_t i = FROM; i < n; i++) {
            for (size_t k = 0; k < FROM; k++) {
                ck_assert_double_le(list[i].z, list[k].z);
            }
            ck_assert(i == FROM || list[i].z <= list[i - 1].z);
        }
        least = list[FROM].z;
        nn_mem_free(list);
    }
    n = 0;
    for (size_t i = 0; i < POOL + 1; i++) {
        if (taken[i] > 0) {
            n++;
            ck_assert_double_ge(mine_world.z[i], least);
            ck_assert_uint_gt(taken[i], DRAWS / 5);
            ck_assert_uint_lt(taken[i], DRAWS / 2);
        }
    }
    ck_assert_uint_eq(n, FROM);
    o.hard_floor = gate_probability(mine_world.gate, least) * (1 + 1e-9);
    ck_assert_int_eq(gate_mine_order(&mine_world.scores, &o,
                                     mine_world.gate->temperature, NULL, POOL,
                                     &list, &n, NULL),
                     NN_OK);
    ck_assert_uint_eq(n, FROM);
    nn_mem_free(list);
}
END_TEST

/* A cap spreads what is taken, but a pool in one folder gives what it has. */
START_TEST(caps_yield_where_there_is_nothing_else)
{
    struct gate_mine_options o = options(POOL);
    struct gate_mine_result r;

    o.folder_cap = 3;
    choose(NULL, NULL, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_HARD], 6);
    ck_assert_uint_eq(r.count[GATE_MINE_V_CAPPED], POOL - 3 - 6);
    gate_mine_result_release(&r);
    o.caps_yield = 1;
    choose(NULL, NULL, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_HARD], POOL - 3);
    ck_assert_uint_eq(r.count[GATE_MINE_V_CAPPED], 0);
    gate_mine_result_release(&r);
    o.top = 8;
    choose(NULL, NULL, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_HARD], 8);
    ck_assert_int_eq(r.exhausted, 0);
    gate_mine_result_release(&r);
}
END_TEST

/* Drawn or from the top, suspected false negatives are looked for everywhere.
 */
START_TEST(false_positives_and_all_suspected_false_negatives)
{
    const struct gate_mine_second_scorer knows = { mine_world_oracle,
                                                   (char[]){ "/b/" } };
    const struct gate_mine_rule rule = { .w = { 0, 0, 0, 1 }, .limit = 0.5 };
    struct gate_mine_options o = options(10);
    struct gate_mine_result r;

    o.mode = GATE_MINE_FALSE_POSITIVES;
    choose(&rule, &knows, &o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_HARD], 10);
    ck_assert_uint_ge(r.count[GATE_MINE_V_SUSPECTED_FN], POOL / 2 - 3);
    for (size_t i = 0; i < r.n; i++) {
        if (r.pick[i].verdict == GATE_MINE_V_HARD) {
            ck_assert_ptr_nonnull(strstr(file(&r, i), "/a/"));
        }
    }
    gate_mine_result_release(&r);
}
END_TEST

/* Where everything is a suspected false negative the search ends, however large
 * the pool. */
START_TEST(looks_are_bounded)
{
    const struct gate_mine_rule all = { .w = { 1, 0, 0, 0 }, .limit = 0.5 };
    struct gate_mine_options o = options(2);
    struct gate_mine_result r;

    o.hard_share = 0.5;
    o.max_candidates = 7;
    for (int mode = GATE_MINE_FALSE_POSITIVES; mode <= GATE_MINE_HARDEST;
         mode++) {
        o.mode = (enum gate_mine_mode)mode;
        choose(&all, NULL, &o, &r);
        ck_assert_uint_gt(r.n, 7);
        ck_assert_uint_le(r.n, 14);
        ck_assert_int_eq(r.exhausted, 1);
        gate_mine_result_release(&r);
    }
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("mine_choice");
    TCase *t = tcase_create("mine_choice");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, mine_world_set_up, mine_world_tear_down);
    tcase_add_test(t, hardest_first_and_no_copies);
    tcase_add_test(t, caps);
    tcase_add_test(t, suspected_false_negatives_are_kept_apart);
    tcase_add_test(t, random_share_and_threads);
    tcase_add_test(t, random_without_scores);
    tcase_add_test(t, random_share);
    tcase_add_test(t, order_in_pieces);
    tcase_add_test(t, equals_keep_the_order_of_the_pool);
    tcase_add_test(t, uniform_weighs_a_score_by_its_rarity);
    tcase_add_test(t, semi_hard_and_uniform);
    tcase_add_test(t, false_positives_are_drawn_evenly);
    tcase_add_test(t, hard_ones_are_drawn_from_the_top);
    tcase_add_test(t, caps_yield_where_there_is_nothing_else);
    tcase_add_test(t, false_positives_and_all_suspected_false_negatives);
    tcase_add_test(t, looks_are_bounded);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
