/* Are statements true as often as they say? Simulated piles, with the person
 * looking at the bound again and again: a pile counts as false when the bound
 * was above the truth at any time, which no stopping habit can beat. */
#include <math.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "pipelines/audit/expect.h"
#include "pipelines/audit/looks.h"
#include "tests/unit/testkit.h"

enum { N = 2000, PILES = 150 };

struct item {
    double p;
    int positive;
};

struct scene {
    double distance; /* of the two normal distributions of the scores */
    double share;    /* of positives */
    double tilt, wrong;
    int bursts;
    double unsure; /* share of the positives, and a tenth of it of the others,
                      that get "not sure" */
    int revise; /* shares are changed again and again: 1 by what was found, as
                   the answers suggest; 2 turned round */
};

static int by_score(const void *a, const void *b)
{
    const struct item *x = a, *y = b;

    return (x->p < y->p) - (x->p > y->p);
}

/* The model believes in a distance of 3, whatever the truth. */
static void draw_pile(const struct scene *s, struct nn_rng *rng,
                      struct item *item, struct audit_unit *unit)
{
    double p[N], expected[N];

    for (int i = 0; i < N; i++) {
        double z =
            (i < s->share * N ? 0.5 : -0.5) * s->distance + nn_rng_normal(rng);

        item[i] = (struct item){ 1 / (1 + exp(-3 * z)), i < s->share * N };
    }
    qsort(item, N, sizeof *item, by_score);
    for (int i = 0; i < N; i++) {
        p[i] = item[i].p;
    }
    audit_expect(p, N, expected);
    for (int i = 0; i < N; i++) {
        unit[i].expected = expected[i];
        unit[i].value = s->bursts ? 1 + nn_rng_below(rng, 9) : 1;
        unit[i].clock = 1e-12 - log1p(-nn_rng_double(rng));
    }
}

static enum audit_answer answer_of(const struct scene *s, struct nn_rng *rng,
                                   int says)
{
    if (s->unsure > 0 &&
        nn_rng_double(rng) < (says ? s->unsure : s->unsure / 10)) {
        return AUDIT_UNSURE;
    }
    return says ? AUDIT_POSITIVE : AUDIT_NONE;
}

/* A person who errs in `wrong` of the looks, and who is asked twice before a
 * draw counts as positive. */
static int person(const struct scene *s, struct nn_rng *rng, int truth,
                  int is_draw)
{
    int says = truth != (nn_rng_double(rng) < s->wrong);

    if (says && is_draw) {
        says = truth != (nn_rng_double(rng) < s->wrong);
    }
    return says;
}

/* Expected shares as somebody may make them of the answers so far, who has
 * learned a lot (the truth shines through) or the wrong thing. */
static void revise(const struct scene *s, struct audit_looks *a,
                   const struct item *item, const struct audit_unit *unit,
                   struct nn_rng *rng)
{
    double expected[N];

    for (int i = 0; i < N; i++) {
        double e = unit[i].expected < 0.5 ? unit[i].expected : 0.5;

        expected[i] = s->revise == 2 ? 0.5 - e
                      : nn_rng_double(rng) < 0.7
                          ? (item[i].positive ? 0.6 : 0.01)
                          : e;
    }
    ck_assert(audit_looks_revise(a, expected, NULL) == NN_OK);
}

/* Was the bound ever above the truth? */
static int is_false(const struct scene *s, uint64_t pile, size_t *looks)
{
    struct nn_rng rng = nn_rng_make(41, pile);
    struct audit_goal goal = { 0.9, 0.95, s->tilt };
    struct item item[N];
    struct audit_unit unit[N];
    struct audit_looks *a = NULL;
    double all = 0, marked = 0, allowance = s->wrong > 0 ? 0.12 : 0;
    int false_once = 0, reached = 0;
    int failed = 0; /* an assertion a look would be a third of the time */

    draw_pile(s, &rng, item, unit);
    for (int i = 0; i < N; i++) {
        all += item[i].positive ? unit[i].value : 0;
    }
    ck_assert(audit_looks_create(unit, N, &goal, &a, NULL) == NN_OK);
    *looks = N;
    for (size_t k = 1;; k++) {
        struct audit_state state;
        enum audit_answer answer;
        int is_draw, says;
        size_t i = audit_looks_next(a, &is_draw);

        if (i == N) {
            break;
        }
        says = person(s, &rng, item[i].positive, is_draw);
        answer = answer_of(s, &rng, says);
        says = answer == AUDIT_POSITIVE;
        marked += says && item[i].positive ? unit[i].value : 0;
        failed |= audit_looks_put(a, answer, NULL) != NN_OK;
        if (k % 25 == 0 || (is_draw && says)) {
            double keep = (1 - allowance) * (1 - allowance);

            audit_looks_state(a, &state);
            false_once |= all > 0 && state.recall * keep > marked / all + 1e-12;
        }
        if (s->revise && k % 150 == 0) {
            revise(s, a, item, unit, &rng);
        }
        if (!reached && audit_looks_reached(a)) {
            reached = 1;
            *looks = k;
        }
    }
    audit_looks_destroy(&a);
    ck_assert(!failed);
    return false_once;
}

static const struct scene scenes[] = {
    { 5, 0.05, AUDIT_TILT, 0, 0, 0, 0 },   { 5, 0.05, 0, 0, 0, 0, 0 },
    { 3, 0.05, AUDIT_TILT, 0, 0, 0, 0 },   { 3, 0.02, AUDIT_TILT, 0, 0, 0, 0 },
    { 3, 0.1, AUDIT_TILT, 0, 1, 0, 0 },    { 0, 0.05, AUDIT_TILT, 0, 0, 0, 0 },
    { -2, 0.05, AUDIT_TILT, 0, 0, 0, 0 },  { 3, 0.3, 2, 0, 0, 0, 0 },
    { 4, 0.1, AUDIT_TILT, 0.02, 0, 0, 0 }, { 4, 0.1, AUDIT_TILT, 0, 0, 0.1, 0 },
    { 2, 0.1, AUDIT_TILT, 0, 0, 0, 1 },    { 2, 0.1, AUDIT_TILT, 0, 1, 0, 1 },
    { 3, 0.1, AUDIT_TILT, 0, 0, 0, 2 },
};

START_TEST(statements_are_true)
{
    const struct scene *s = &scenes[_i];
    size_t n_false = 0, looks = 0, sum = 0;
    /* 5 %, and three standard errors of PILES piles */
    double most = PILES * 0.05 + 3 * sqrt(PILES * 0.05 * 0.95);

    for (uint64_t k = 0; k < PILES; k++) {
        n_false += (size_t)is_false(s, k, &looks);
        sum += looks;
    }
    ck_assert_msg((double)n_false <= most, "scene %d: %zu of %d false", _i,
                  n_false, PILES);
    /* A good model saves looks, and a useless one costs no more than all. */
    ck_assert_msg(s->distance < 5 || sum < (size_t)PILES * N / 2,
                  "scene %d: %zu looks", _i, sum / PILES);
}
END_TEST

static Suite *coverage_suite(void)
{
    Suite *s = suite_create("audit coverage");
    TCase *t = tcase_create("simulation");

    tcase_set_timeout(t, 240);
    tcase_add_loop_test(t, statements_are_true, 0,
                        sizeof scenes / sizeof scenes[0]);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(coverage_suite)
