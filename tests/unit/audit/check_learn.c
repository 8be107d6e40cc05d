/* Do the answers rank what is left better than the scores did? A new camera
 * shifts the scores; the features still tell photos apart. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "pipelines/audit/next.h"
#include "tests/unit/testkit.h"

enum { N = 600, DIMS = 12, TIMES = 20 };

struct camera {
    float x[N * DIMS];
    double p[N];
    uint8_t ok[N];
    unsigned char answer[N];
    int positive[N];
};

/* One in six is positive. Scores are chance but for `trust`; features 0 and 1
 * hold the kind, the others noise. */
static void make(struct camera *c, uint64_t seed, double trust)
{
    struct nn_rng rng = nn_rng_make(seed, 0);

    for (int i = 0; i < N; i++) {
        c->positive[i] = i % 6 == 0;
        c->ok[i] = 1;
        c->answer[i] = AUDIT_UNSEEN;
        c->p[i] = (1 - trust) * nn_rng_double(&rng) +
                  trust * (c->positive[i] ? 0.9 : 0.1);
        for (int k = 0; k < DIMS; k++) {
            c->x[i * DIMS + k] = (float)nn_rng_normal(&rng) +
                                 (k < 2 && c->positive[i] ? 1.6F : 0);
        }
    }
}

/* The first n units are answered, by the truth. */
static void answer(struct camera *c, int n)
{
    for (int i = 0; i < n; i++) {
        c->answer[i] = c->positive[i] ? AUDIT_POSITIVE : AUDIT_NONE;
    }
}

/* The share of pairs of unseen units that p puts in the right order: 0.5 for a
 * random order. */
static double area(const struct camera *c, const double *p)
{
    double right = 0, pairs = 0;

    for (int i = 0; i < N; i++) {
        for (int k = 0; k < N && c->positive[i]; k++) {
            if (c->answer[i] == AUDIT_UNSEEN && c->answer[k] == AUDIT_UNSEEN &&
                !c->positive[k]) {
                right += p[i] > p[k] ? 1 : p[i] < p[k] ? 0 : 0.5;
                pairs++;
            }
        }
    }
    return right / pairs;
}

static enum nn_status learn(const struct camera *c, double *p)
{
    const struct audit_lesson l = { N, DIMS, c->x, c->p, c->ok, c->answer };

    return audit_learn(&l, NULL, p, NULL);
}

/* After 30 and 120 answers, five of them positive and twenty. */
START_TEST(a_new_camera)
{
    struct camera *c = nn_mem_calloc(1, sizeof *c);
    double p[N], few = 0, many = 0, before = 0;

    for (uint64_t t = 0; t < TIMES; t++) {
        make(c, t, 0.05);
        answer(c, 30);
        before += area(c, c->p) / TIMES;
        ck_assert(learn(c, p) == NN_OK);
        few += area(c, p) / TIMES;
        answer(c, 120);
        ck_assert(learn(c, p) == NN_OK);
        many += area(c, p) / TIMES;
    }
    ck_assert_msg(before < 0.65, "scores: %.3f", before);
    ck_assert_msg(few > before + 0.1, "30 answers: %.3f, not %.3f", few,
                  before);
    ck_assert_msg(many > few + 0.02, "120 answers: %.3f, not %.3f", many, few);
    nn_mem_free(c);
}
END_TEST

/* Where the scores are right already, a few answers do not spoil them. */
START_TEST(good_scores_stay)
{
    struct camera *c = nn_mem_calloc(1, sizeof *c);
    double p[N], after = 0;

    for (uint64_t t = 0; t < TIMES; t++) {
        make(c, t, 0.6);
        answer(c, 30);
        ck_assert(learn(c, p) == NN_OK);
        after += area(c, p) / TIMES;
    }
    ck_assert_msg(after > 0.95, "%.3f", after);
    nn_mem_free(c);
}
END_TEST

/* "Not sure" teaches nothing; without features the score stays. */
START_TEST(what_teaches)
{
    struct camera *c = nn_mem_calloc(1, sizeof *c);
    double p[N], q[N];

    make(c, 1, 0.05);
    answer(c, 60);
    c->ok[599] = 0;
    ck_assert(learn(c, p) == NN_OK);
    ck_assert(!(p[599] < c->p[599]) && !(p[599] > c->p[599]));
    for (int i = 60; i < 200; i++) {
        c->answer[i] = AUDIT_UNSURE;
    }
    ck_assert(learn(c, q) == NN_OK);
    ck_assert_mem_eq(p, q, sizeof p);
    nn_mem_free(c);
}
END_TEST

static int learn_once(void *ctx)
{
    double p[N];

    return (int)learn(ctx, p);
}

START_TEST(memory)
{
    struct camera *c = nn_mem_calloc(1, sizeof *c);

    make(c, 1, 0.05);
    answer(c, 60);
    testkit_each_alloc_failure(learn_once, c);
    nn_mem_free(c);
}
END_TEST

static Suite *learn_suite(void)
{
    Suite *s = suite_create("audit learn");
    TCase *t = tcase_create("learn");

    tcase_set_timeout(t, 120);
    tcase_add_test(t, a_new_camera);
    tcase_add_test(t, good_scores_stay);
    tcase_add_test(t, what_teaches);
    tcase_add_test(t, memory);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(learn_suite)
