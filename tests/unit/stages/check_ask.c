/* Which photos of a pool a person is asked about, against a plain search. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/data/score_items.h"
#include "tests/unit/stages/mine_world.h"
#include "tests/unit/testkit.h"

/* The probability of the score in the middle of the pool's. */
static double middle_threshold(void)
{
    double sum = 0;
    size_t n = 0;

    mine_world_scan(NULL, mine_world.z);
    for (size_t i = 0; i < mine_world.pool->n; i++) {
        if (!isnan(mine_world.z[i])) {
            sum += mine_world.z[i];
            n++;
        }
    }
    return gate_probability(mine_world.gate, sum / (double)n);
}

static struct gate_mine_options ask_options(size_t n)
{
    const struct gate_policy policy = { .threshold = middle_threshold() };

    return gate_mine_ask_defaults(&policy, n);
}

static void choose(const struct gate_mine_options *o,
                   struct gate_mine_result *r)
{
    struct nn_error err = NN_ERROR_INIT;
    struct gate_mine_bank b;

    mine_world_bank(&b);
    ck_assert_msg(gate_mine_choose(mine_world.gate, mine_world.pool,
                                   &mine_world.scores, &b, NULL, NULL, o, NULL,
                                   r, &err) == NN_OK,
                  "%s", err.text);
    gate_mine_bank_release(&b);
}

static double distance(const struct gate_mine_options *o, double z)
{
    double p = o->threshold;

    return fabs(z / mine_world.gate->temperature - log(p / (1 - p)));
}

/* How many images of the pool are nearer to the threshold than z. */
static size_t count_nearer(const struct gate_mine_options *o, double z)
{
    size_t n = 0;

    for (size_t i = 0; i < mine_world.pool->n; i++) {
        n += distance(o, mine_world.z[i]) < distance(o, z) - 1e-9;
    }
    return n;
}

START_TEST(those_next_to_the_threshold_are_drawn)
{
    struct gate_mine_options o = ask_options(4);
    struct gate_mine_candidate *list;
    size_t n, above = 0, moved = 0, from;

    mine_world.gate->temperature = 1.5f;
    o.threshold = middle_threshold();
    from = gate_mine_drawn_from(&o, POOL);
    ck_assert_uint_eq(from, 20);
    ck_assert_int_eq(gate_mine_order(&mine_world.scores, &o, 1.5, NULL, POOL,
                                     &list, &n, NULL),
                     NN_OK);
    ck_assert_uint_eq(n, POOL);
    for (size_t i = 0; i < n; i++) {
        size_t nearer = count_nearer(&o, list[i].z);

        if (i < from) {
            ck_assert_uint_lt(nearer, from);
            moved += nearer != i;
            above += gate_probability(mine_world.gate, list[i].z) > o.threshold;
        } else {
            ck_assert_uint_eq(nearer, i - (nearer < i)); /* a copy: a tie */
        }
    }
    ck_assert_uint_gt(moved, from / 2); /* a draw, not the order */
    ck_assert(above > 0 && above < from);
    nn_mem_free(list);
}
END_TEST

/* --- one of each kind --- */

static float *embed(const struct gate_mine_result *r, size_t *dims)
{
    struct nn_scorer *s;
    uint32_t *all = nn_mem_calloc(r->n, sizeof *all);
    float *z = nn_mem_calloc(r->n, 2 * sizeof *z), *v;
    uint8_t *ok = nn_mem_calloc(r->n, 1);

    ck_assert_int_eq(nn_scorer_create(mine_world.gate, 8, &s, NULL), NN_OK);
    *dims = nn_scorer_dims(s);
    v = nn_mem_calloc(r->n, *dims * sizeof *v);
    for (size_t i = 0; i < r->n; i++) {
        all[i] = (uint32_t)i;
    }
    ck_assert_int_eq(
        nn_scorer_embed_items(s, r->images, all, r->n, NULL, z, v, ok, NULL),
        NN_OK);
    nn_scorer_destroy(&s);
    nn_mem_free(all);
    nn_mem_free(z);
    nn_mem_free(ok);
    return v;
}

static double cosine(const float *a, const float *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

/* In the order looked at: one that is near to one that was taken is not, until
 * there is nothing else. */
static void naive(const struct gate_mine_result *r,
                  const struct gate_mine_options *o, uint8_t *taken)
{
    size_t dims, n = 0;
    float *v = embed(r, &dims);

    for (size_t i = 0; i < r->n; i++) {
        int is_new = r->pick[i].verdict != GATE_MINE_V_DUPLICATE;

        for (size_t k = 0; k < i; k++) {
            is_new &= !taken[k] || cosine(v + i * dims, v + k * dims, dims) <
                                       o->cluster_cosine;
        }
        taken[i] = (uint8_t)is_new;
        n += (size_t)is_new;
    }
    for (size_t i = 0; i < r->n && n < o->top; i++) {
        if (!taken[i] && r->pick[i].verdict != GATE_MINE_V_DUPLICATE) {
            taken[i] = 1;
            n++;
        }
    }
    nn_mem_free(v);
}

/* A cosine that some pairs reach and some do not. */
static double middle_cosine(const struct gate_mine_options *o)
{
    struct gate_mine_result r;
    size_t dims, n = 0;
    double sum = 0;
    float *v;

    choose(o, &r);
    v = embed(&r, &dims);
    for (size_t i = 0; i < r.n; i++) {
        for (size_t k = 0; k < i; k++) {
            sum += cosine(v + i * dims, v + k * dims, dims);
            n++;
        }
    }
    nn_mem_free(v);
    gate_mine_result_release(&r);
    return sum / (double)n;
}

START_TEST(of_each_kind_one_is_asked_for)
{
    const size_t asked = _i == 0 ? 6 : 40; /* few, and more than kinds */
    struct gate_mine_options o = ask_options(asked);
    struct gate_mine_result r;
    uint8_t taken[POOL + 1] = { 0 };

    o.cluster_cosine = middle_cosine(&o);
    choose(&o, &r);
    ck_assert_uint_eq(r.count[GATE_MINE_V_HARD], asked);
    ck_assert_uint_gt(r.n, asked); /* some were passed over */
    naive(&r, &o, taken);
    for (size_t i = 0; i < r.n; i++) {
        ck_assert_int_eq(r.pick[i].verdict == GATE_MINE_V_HARD, taken[i]);
    }
    gate_mine_result_release(&r);
}
END_TEST

START_TEST(what_was_answered_is_not_asked_for)
{
    struct gate_mine_options o = ask_options(5);
    struct gate_mine_result first, second;
    uint64_t hash[5];
    size_t n = 0;

    choose(&o, &first);
    for (size_t i = 0; i < first.n; i++) {
        if (first.pick[i].verdict == GATE_MINE_V_HARD) {
            hash[n++] = first.pick[i].hash;
        }
    }
    ck_assert_uint_eq(n, 5);
    o.pass_over = hash;
    o.n_pass_over = n;
    choose(&o, &second);
    ck_assert_uint_eq(second.count[GATE_MINE_V_HARD], 5);
    for (size_t i = 0; i < second.n; i++) {
        for (size_t k = 0; k < n; k++) {
            ck_assert(second.pick[i].hash != hash[k]);
        }
    }
    gate_mine_result_release(&first);
    gate_mine_result_release(&second);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("ask");
    TCase *t = tcase_create("ask");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, mine_world_set_up, mine_world_tear_down);
    tcase_add_test(t, those_next_to_the_threshold_are_drawn);
    tcase_add_loop_test(t, of_each_kind_one_is_asked_for, 0, 2);
    tcase_add_test(t, what_was_answered_is_not_asked_for);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
