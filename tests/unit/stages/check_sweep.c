/* The sweep's plan, its sets of negatives, its curve and its words. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/sweep.h"
#include "pipelines/train_subset.h"
#include "tests/unit/testkit.h"

/* 40 positives of 2 classes and 60 negatives: families f0 (35), f1 (20) and 5
 * without one; every tenth picture is for valid, every tenth for test. */
enum { N = 100, N_POSITIVE = 40 };

struct set {
    struct nn_dataset ds;
    struct nn_item item[N];
    char name[N][8];
    char *classes[2], *families[2];
};

static char path[] = "set", one[] = "a", two[] = "b", f0[] = "f0", f1[] = "f1";

static void fill(struct set *s)
{
    memset(s, 0, sizeof *s);
    s->classes[0] = one;
    s->classes[1] = two;
    s->families[0] = f0;
    s->families[1] = f1;
    s->ds = (struct nn_dataset){ .path = path,
                                 .n = N,
                                 .items = s->item,
                                 .n_classes = 2,
                                 .classes = s->classes,
                                 .n_families = 2,
                                 .families = s->families };
    for (int i = 0; i < N; i++) {
        struct nn_item *it = &s->item[i];
        int negative = i - N_POSITIVE;

        snprintf(s->name[i], sizeof s->name[i], "p%03d", i);
        it->file = s->name[i];
        it->label = negative < 0 ? i % 2 : NN_NEGATIVE;
        it->family = negative < 0    ? -1
                     : negative < 35 ? 0
                     : negative < 55 ? 1
                                     : -1;
        it->split = i % 10 == 3 ? NN_VALID : i % 10 == 7 ? NN_TEST : NN_TRAIN;
        it->weight = 1;
    }
}

static struct sweep_options options(void)
{
    struct sweep_options o = { .seeds = 2, .epochs = 10, .gain = 0.01 };

    ck_assert_int_eq(sweep_parse_numbers("0,all,5,20,10,20", &o, NULL), NN_OK);
    ck_assert_int_eq(sweep_parse_kinds("random,mined,one-family", &o, NULL),
                     NN_OK);
    ck_assert_int_eq(sweep_parse_losses("cross-entropy,focal-2", &o, NULL),
                     NN_OK);
    return o;
}

static const struct sweep_point *find(const struct sweep_plan *plan,
                                      enum sweep_kind kind,
                                      enum sweep_loss loss, size_t n)
{
    for (size_t i = 0; i < plan->n; i++) {
        const struct sweep_point *p = &plan->point[i];

        if (p->kind == kind && p->loss == loss && p->negatives == n) {
            return p;
        }
    }
    return NULL;
}

/* --- the plan --- */

START_TEST(grid)
{
    /* kind, loss, negatives: all of them, and no other */
    static const size_t want[][3] = {
        { SWEEP_RANDOM, SWEEP_CROSS_ENTROPY, 0 },
        { SWEEP_RANDOM, SWEEP_CROSS_ENTROPY, 5 },
        { SWEEP_RANDOM, SWEEP_CROSS_ENTROPY, 10 },
        { SWEEP_RANDOM, SWEEP_CROSS_ENTROPY, 20 },
        { SWEEP_RANDOM, SWEEP_CROSS_ENTROPY, 48 },
        { SWEEP_MINED, SWEEP_CROSS_ENTROPY, 5 },
        { SWEEP_MINED, SWEEP_CROSS_ENTROPY, 10 },
        { SWEEP_MINED, SWEEP_CROSS_ENTROPY, 20 },
        { SWEEP_MINED, SWEEP_CROSS_ENTROPY, 48 },
        { SWEEP_FAMILY, SWEEP_CROSS_ENTROPY, 5 },
        { SWEEP_FAMILY, SWEEP_CROSS_ENTROPY, 10 },
        { SWEEP_FAMILY, SWEEP_CROSS_ENTROPY, 20 },
        { SWEEP_FAMILY, SWEEP_CROSS_ENTROPY, 28 },
        { SWEEP_RANDOM, SWEEP_FOCAL_2, 20 },
        { SWEEP_RANDOM, SWEEP_FOCAL_2, 48 },
    };
    enum { WANT = sizeof want / sizeof want[0] };
    struct set s;
    struct sweep_options o = options();
    struct sweep_counts c;
    struct sweep_plan p;

    fill(&s);
    ck_assert_int_eq(sweep_count(&s.ds, NULL, &c, NULL), NN_OK);
    ck_assert_uint_eq(c.n_positives, 32);
    ck_assert_uint_eq(c.n_negatives, 48);
    ck_assert_int_eq(c.family, 0);
    ck_assert_uint_eq(c.n_family, 28);
    ck_assert_int_eq(sweep_plan_init(&o, &c, &p, NULL), NN_OK);
    ck_assert_uint_eq(p.n, WANT);
    ck_assert_uint_eq(p.first, 5);
    ck_assert_uint_eq(p.most, 48);
    for (int i = 0; i < WANT; i++) {
        const struct sweep_point *q =
            find(&p, (enum sweep_kind)want[i][0], (enum sweep_loss)want[i][1],
                 want[i][2]);

        ck_assert_msg(q != NULL, "row %d", i);
        /* 10 epochs of 80 pictures, to within half an epoch */
        ck_assert_int_le(abs((int)q->pictures - 800),
                         (int)(32 + q->negatives) / 2);
        ck_assert_uint_eq(q->pictures, (size_t)q->epochs * (32 + q->negatives));
        ck_assert_int_eq(q->skipped, 0);
    }
    sweep_plan_release(&p);
    o.full_grid = 1;
    ck_assert_int_eq(sweep_plan_init(&o, &c, &p, NULL), NN_OK);
    ck_assert_uint_eq(p.n, 1 + 2 * 12);
    sweep_plan_release(&p);
    nn_mem_free(o.number);
}
END_TEST

START_TEST(plan_of_one_class)
{
    struct sweep_options o = options();
    const struct sweep_counts c = { 1, 32, 48, -1, 0 };
    struct sweep_plan p;

    ck_assert_int_eq(sweep_plan_init(&o, &c, &p, NULL), NN_OK);
    ck_assert_ptr_null(find(&p, SWEEP_FAMILY, SWEEP_CROSS_ENTROPY, 5));
    for (size_t i = 0; i < p.n; i++) {
        ck_assert_int_eq(p.point[i].skipped, p.point[i].negatives == 0);
    }
    sweep_plan_release(&p);
    ck_assert_int_eq(sweep_parse_numbers("0", &o, NULL), NN_OK);
    ck_assert_int_eq(sweep_parse_losses("focal-1", &o, NULL), NN_OK);
    ck_assert_int_eq(sweep_plan_init(&o, &c, &p, NULL), NN_ERR_ARG);
    nn_mem_free(o.number);
}
END_TEST

START_TEST(shared_runs)
{
    struct set s;
    struct sweep_options o = options();
    struct sweep_counts c;
    struct sweep_plan p;
    static const size_t number[] = { 5, 10, 48 };

    fill(&s);
    ck_assert_int_eq(sweep_count(&s.ds, NULL, &c, NULL), NN_OK);
    ck_assert_int_eq(sweep_plan_init(&o, &c, &p, NULL), NN_OK);
    for (int i = 0; i < 3; i++) {
        const struct sweep_point *r =
            find(&p, SWEEP_RANDOM, SWEEP_CROSS_ENTROPY, number[i]);
        const struct sweep_point *m =
            find(&p, SWEEP_MINED, SWEEP_CROSS_ENTROPY, number[i]);
        char *a = sweep_run_name(&p, r, 2), *b = sweep_run_name(&p, m, 2);

        ck_assert_int_eq(sweep_same_runs(&p, r, m), number[i] != 10);
        ck_assert_int_eq(strcmp(a, b) == 0, number[i] != 10);
        nn_mem_free(a);
        nn_mem_free(b);
    }
    sweep_plan_release(&p);
    nn_mem_free(o.number);
}
END_TEST

START_TEST(words)
{
    static const char *const bad_numbers[] = {
        "", "x", "-1", "1,,2", "10,", "1e3", "9999999999999", "5 "
    };
    struct sweep_options o = { .n_numbers = 0 };
    const char *own[] = { "out=x" }, *flag[] = { "--only=gate" };
    const char *space[] = { "gate-size 32" }, *none[] = { "--" };
    const char *fine[] = { "gate-size=32", "half", "--batch=8" };
    struct nn_option_list with = { own, 1, 1 };

    for (size_t i = 0; i < sizeof bad_numbers / sizeof bad_numbers[0]; i++) {
        ck_assert_msg(sweep_parse_numbers(bad_numbers[i], &o, NULL) ==
                          NN_ERR_ARG,
                      "'%s'", bad_numbers[i]);
    }
    nn_mem_free(o.number);
    ck_assert_int_eq(sweep_parse_kinds("random,hard", &o, NULL), NN_ERR_ARG);
    ck_assert_int_eq(sweep_parse_kinds("", &o, NULL), NN_ERR_ARG);
    ck_assert_int_eq(sweep_parse_losses("focal", &o, NULL), NN_ERR_ARG);
    ck_assert_int_eq(sweep_check_with(&with, NULL), NN_ERR_ARG);
    with.v = flag;
    ck_assert_int_eq(sweep_check_with(&with, NULL), NN_ERR_ARG);
    with.v = space;
    ck_assert_int_eq(sweep_check_with(&with, NULL), NN_ERR_ARG);
    with.v = none;
    ck_assert_int_eq(sweep_check_with(&with, NULL), NN_ERR_ARG);
    with = (struct nn_option_list){ fine, 3, 3 };
    ck_assert_int_eq(sweep_check_with(&with, NULL), NN_OK);
}
END_TEST

START_TEST(counts_refuse)
{
    struct set s;
    struct sweep_counts c;
    struct nn_error err = NN_ERROR_INIT;

    fill(&s);
    ck_assert_int_eq(sweep_count(&s.ds, "f1", &c, NULL), NN_OK);
    ck_assert_uint_eq(c.n_family, 16);
    ck_assert_int_eq(sweep_count(&s.ds, "f9", &c, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "f9"));
    for (int i = N_POSITIVE; i < N; i++) {
        s.item[i].bad = 1;
    }
    ck_assert_int_eq(sweep_count(&s.ds, NULL, &c, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "negatives"));
}
END_TEST

/* --- which negatives --- */

static int training_negative(const struct set *s, uint32_t i)
{
    const struct nn_item *it = &s->item[i];

    return it->label == NN_NEGATIVE && it->split == NN_TRAIN && !it->bad;
}

START_TEST(order)
{
    struct set s;
    const struct sweep_plan plan = { .first = 5, .most = 47, .family = 1 };
    double z[N];
    uint32_t *v[SWEEP_KINDS], *again, *other;
    size_t n[SWEEP_KINDS], m;
    int seen[N] = { 0 }, same = 1;

    fill(&s);
    s.item[50].bad = 1;
    for (int i = 0; i < N; i++) {
        z[i] = i % 13; /* ties */
    }
    for (int k = 0; k < SWEEP_KINDS; k++) {
        ck_assert_int_eq(sweep_order(&s.ds, &plan, (enum sweep_kind)k, 3, z,
                                     &v[k], &n[k], NULL),
                         NN_OK);
    }
    ck_assert_uint_eq(n[SWEEP_RANDOM], 47);
    ck_assert_uint_eq(n[SWEEP_MINED], 47);
    ck_assert_uint_eq(n[SWEEP_FAMILY], 16);
    for (size_t i = 0; i < 47; i++) {
        ck_assert(training_negative(&s, v[SWEEP_RANDOM][i]));
        seen[v[SWEEP_RANDOM][i]]++;
        seen[v[SWEEP_MINED][i]]++;
    }
    for (uint32_t i = 0; i < N; i++) {
        ck_assert_int_eq(seen[i], training_negative(&s, i) ? 2 : 0);
    }
    /* mined: the first set stays, then falling scores */
    for (size_t i = 0; i < 47; i++) {
        const uint32_t *w = v[SWEEP_MINED];

        if (i < 5) {
            ck_assert_uint_eq(w[i], v[SWEEP_RANDOM][i]);
        } else if (i > 5) {
            ck_assert(z[w[i - 1]] > z[w[i]] ||
                      (!(z[w[i - 1]] < z[w[i]]) && w[i - 1] < w[i]));
        }
    }
    for (size_t i = 0; i < 16; i++) {
        ck_assert_int_eq(s.item[v[SWEEP_FAMILY][i]].family, 1);
    }
    ck_assert_int_eq(
        sweep_order(&s.ds, &plan, SWEEP_RANDOM, 3, NULL, &again, &m, NULL),
        NN_OK);
    ck_assert_int_eq(
        sweep_order(&s.ds, &plan, SWEEP_RANDOM, 4, NULL, &other, &m, NULL),
        NN_OK);
    ck_assert_mem_eq(again, v[SWEEP_RANDOM], 47 * sizeof *again);
    for (size_t i = 0; i < 47; i++) {
        same = same && other[i] == again[i];
    }
    ck_assert_int_eq(same, 0);
    for (int k = 0; k < SWEEP_KINDS; k++) {
        nn_mem_free(v[k]);
    }
    nn_mem_free(again);
    nn_mem_free(other);
}
END_TEST

static void write_text(const char *to, const char *text, size_t size)
{
    FILE *f = fopen(to, "wb");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, size, f), size);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(training_subset)
{
    struct set s;
    struct nn_error err = NN_ERROR_INIT;
    char *dir = testkit_mkdir(), *list = nn_path_join(dir, "list");
    struct train_subset t = { .only_negatives = list, .class_weights = 1 };
    double weight[2] = { 0, 0 };
    size_t n = 0;

    fill(&s);
    write_text(list, "p041\n\np099\np042\np041", 20);
    ck_assert_int_eq(train_take_subset(&s.ds, &t, NULL), NN_OK);
    for (uint32_t i = 0; i < N; i++) {
        const struct nn_item *it = &s.item[i];

        if (it->label == NN_NEGATIVE) {
            int kept = i == 41 || i == 42 || i == 99;

            ck_assert_int_eq(it->split, i % 10 == 3   ? NN_VALID
                                        : i % 10 == 7 ? NN_TEST
                                        : kept        ? NN_TRAIN
                                                      : NN_SPLIT_NONE);
        }
        if (it->split == NN_TRAIN) {
            weight[it->label == NN_NEGATIVE] += (double)it->weight;
            n++;
        }
    }
    ck_assert_uint_eq(n, 35);
    ck_assert_double_eq_tol(weight[0], 17.5, 1e-4);
    ck_assert_double_eq_tol(weight[1], 17.5, 1e-4);
    /* a validation negative, a positive, nobody; a zero byte; no file */
    fill(&s);
    write_text(list, "p043\n", 5);
    ck_assert_int_eq(train_take_subset(&s.ds, &t, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "p043"));
    fill(&s);
    write_text(list, "p001\n", 5);
    ck_assert_int_eq(train_take_subset(&s.ds, &t, NULL), NN_ERR_ARG);
    fill(&s);
    write_text(list, "p\0\n", 3);
    ck_assert_int_eq(train_take_subset(&s.ds, &t, NULL), NN_ERR_FORMAT);
    t.only_negatives = "/no/such/list";
    ck_assert_int_eq(train_take_subset(&s.ds, &t, NULL), NN_ERR_IO);
    nn_mem_free(list);
    testkit_rmdir(dir);
}
END_TEST

/* --- the curve --- */

START_TEST(recovers_a_curve)
{
    static const struct sweep_power truth[] = {
        { 2, 0.5, 0.05, 0 }, { 0.9, 0.2, 0, 0 },   { 30, 1.3, 0.1, 0 },
        { 0.5, 0.75, 0, 0 }, { 5, 0.31, 0.02, 0 }, { 1e4, 2.5, 0.2, 0 },
    };
    const struct sweep_power *t = &truth[_i];
    const double n[] = { 30, 100, 300, 1000, 2725 };
    const double w[] = { 1, 2, 1e4, 3, 0.5 };
    struct sweep_power p;
    double v[5];

    for (int i = 0; i < 5; i++) {
        v[i] = t->a * pow(n[i], -t->b) + t->c;
    }
    ck_assert_int_eq(sweep_fit_power(n, v, w, 5, &p, NULL), NN_OK);
    ck_assert_double_eq_tol(p.b, t->b, 1e-4 * t->b);
    ck_assert_double_eq_tol(p.a, t->a, 1e-3 * t->a);
    ck_assert_double_eq_tol(p.c, t->c, 1e-5);
    ck_assert_double_le(p.rmse, 1e-6);
}
END_TEST

/* No other curve of a fine grid is better. */
START_TEST(is_the_best_curve)
{
    const double n[] = { 10, 30, 100, 500 }, v[] = { 0.9, 0.5, 0.45, 0.1 };
    const double w[] = { 4, 1, 2, 3 };
    struct sweep_power p;
    double best = 0;

    ck_assert_int_eq(sweep_fit_power(n, v, w, 4, &p, NULL), NN_OK);
    ck_assert(p.a > 0 && p.c >= 0);
    for (int i = 0; i < 4; i++) {
        double d = sweep_power_at(&p, n[i]) - v[i];

        best += w[i] * d * d;
    }
    for (int ib = 1; ib <= 80; ib++) {
        for (int ic = 0; ic <= 40; ic++) {
            for (int ia = 0; ia <= 60; ia++) {
                double b = ib * 0.05, c = ic * 0.01, s = 0;
                double a = ia * 0.05 * pow(10, b);

                for (int i = 0; i < 4; i++) {
                    double d = a * pow(n[i], -b) + c - v[i];

                    s += w[i] * d * d;
                }
                ck_assert_double_ge(s, best - 1e-9);
            }
        }
    }
}
END_TEST

START_TEST(flat_and_rising)
{
    const double n[] = { 30, 100, 300 }, w[] = { 1, 1, 1 };
    const double flat[] = { 0.2, 0.2, 0.2 }, up[] = { 0.1, 0.2, 0.3 };
    const double zero[] = { 0, 0, 0 };
    const double *const v[] = { flat, up, zero };

    for (int i = 0; i < 3; i++) {
        struct sweep_power p;

        ck_assert_int_eq(sweep_fit_power(n, v[i], w, 3, &p, NULL), NN_OK);
        ck_assert(!(p.a > 0));
        ck_assert(isnan(p.b));
        ck_assert_double_eq_tol(p.c, i == 2 ? 0 : 0.2, 1e-9);
        ck_assert_double_eq(sweep_power_enough(&p, 0.01, 30), 30);
    }
}
END_TEST

START_TEST(enough)
{
    /* a n^-1 / 2 < gain: n > a / (2 gain) = 100 */
    const struct sweep_power p = { 2, 1, 0.1, 0 };
    const struct sweep_power slow = { 1, 0.05, 0, 0 };

    ck_assert_double_eq_tol(sweep_power_enough(&p, 0.01, 1), 100, 1.5);
    ck_assert_double_eq(sweep_power_enough(&p, 0.01, 300), 300);
    ck_assert(isinf(sweep_power_enough(&slow, 1e-4, 30)));
    for (int i = 1; i < 40; i++) {
        const struct sweep_power q = { 0.3 * i, 0.1 * i, 0, 0 };
        double n = sweep_power_enough(&q, 0.01, 1);

        ck_assert(sweep_power_at(&q, n) - sweep_power_at(&q, 2 * n) < 0.01);
        ck_assert(n < 1.5 ||
                  sweep_power_at(&q, n - 1) - sweep_power_at(&q, 2 * (n - 1)) >=
                      0.01 - 1e-12);
    }
}
END_TEST

START_TEST(bad_curves)
{
    const double n[] = { 30, 0, 300 }, v[] = { 1, NAN, 0 }, w[] = { 1, 1, 0 };
    const double good[] = { 1, 2, 3 };
    struct sweep_power p;

    ck_assert_int_eq(sweep_fit_power(n, good, good, 3, &p, NULL), NN_ERR_ARG);
    ck_assert_int_eq(sweep_fit_power(good, v, good, 3, &p, NULL), NN_ERR_ARG);
    ck_assert_int_eq(sweep_fit_power(good, good, w, 3, &p, NULL), NN_ERR_ARG);
    ck_assert_int_eq(sweep_fit_power(good, good, good, 1, &p, NULL),
                     NN_ERR_ARG);
}
END_TEST

/* --- measuring, from scores that were made up --- */

enum { TEST_POSITIVES = 100, TEST_NEGATIVES = 400 };
enum { TEST_N = TEST_POSITIVES + TEST_NEGATIVES };

struct story {
    struct set s;
    struct sweep_options o;
    struct sweep_plan plan;
    struct sweep_test test;
    struct sweep_replicates r;
};

/* A gate whose false-positive rate at 95 % hit rate is alarms / negatives:
 * one positive lies below everything (so few that resamples hardly ever have
 * more than 5 % of it), and `alarms` negatives above the rest. */
static void tell(struct sweep_run *run, size_t alarms)
{
    run->score = nn_mem_calloc(TEST_N, sizeof *run->score);
    run->threshold = 0.9;
    run->command = nn_mem_strdup("bearcascade train");
    run->dir = nn_mem_strdup("x/points/y");
    for (size_t i = 0; i < TEST_N; i++) {
        /* negatives and positives take turns at first */
        int positive = i % 5 == 0;
        size_t k = positive ? i / 5 : i - i / 5 - 1;

        run->score[i] = positive     ? (k < 1 ? 0.1 : 0.8)
                        : k < alarms ? 0.95
                                     : 0.3;
    }
}

static void story_init(struct story *t, const char *numbers, double a, double b,
                       double c)
{
    const struct sweep_counts counts = { 2, 100, 4000, -1, 0 };

    memset(t, 0, sizeof *t);
    fill(&t->s);
    t->o = (struct sweep_options){ .seeds = 2, .epochs = 10, .gain = 0.02 };
    ck_assert_int_eq(sweep_parse_numbers(numbers, &t->o, NULL), NN_OK);
    ck_assert_int_eq(sweep_parse_kinds("random", &t->o, NULL), NN_OK);
    ck_assert_int_eq(sweep_parse_losses("cross-entropy", &t->o, NULL), NN_OK);
    ck_assert_int_eq(sweep_plan_init(&t->o, &counts, &t->plan, NULL), NN_OK);
    t->test = (struct sweep_test){ .index = nn_mem_calloc(TEST_N, 4),
                                   .positive = nn_mem_calloc(TEST_N, 1),
                                   .ok = nn_mem_calloc(TEST_N, 1),
                                   .n = TEST_N,
                                   .n_positives = TEST_POSITIVES,
                                   .n_negatives = TEST_NEGATIVES };
    for (size_t i = 0; i < TEST_N; i++) {
        t->test.ok[i] = 1;
        t->test.positive[i] = i % 5 == 0;
    }
    for (size_t i = 0; i < t->plan.n; i++) {
        double n = (double)t->plan.point[i].negatives;
        double v = a * pow(n, -b) + c;

        tell(&t->plan.point[i].run[0], (size_t)(TEST_NEGATIVES * v + 0.5) - 4);
        tell(&t->plan.point[i].run[1], (size_t)(TEST_NEGATIVES * v + 0.5) + 4);
    }
}

static void story_release(struct story *t)
{
    nn_mem_free(t->r.fpr95);
    sweep_test_release(&t->test);
    sweep_plan_release(&t->plan);
    nn_mem_free(t->o.number);
}

static struct sweep_answer answer_of(const struct story *t,
                                     const struct sweep_fit *f, size_t n)
{
    return (struct sweep_answer){ &t->o, &t->s.ds, &t->plan, &t->test,
                                  f,     n,        NULL };
}

START_TEST(measured_and_answered)
{
    struct story t;
    struct sweep_fit f;
    struct sweep_answer a;
    int found;
    char *text;
    json_t *j, *k;

    story_init(&t, "30,100,300,1000,all", 2, 0.5, 0.1);
    ck_assert_int_eq(sweep_measure(&t.test, &t.plan, 300, &t.r, NULL), NN_OK);
    for (size_t i = 0; i < t.plan.n; i++) {
        const struct sweep_point *p = &t.plan.point[i];
        double want = 2 * pow((double)p->negatives, -0.5) + 0.1;

        ck_assert_double_eq_tol(p->fpr95.value, want, 0.5 / TEST_NEGATIVES);
        ck_assert_double_eq_tol(p->fpr95.seed[1] - p->fpr95.seed[0],
                                8.0 / TEST_NEGATIVES, 1e-12);
        ck_assert(p->fpr95.lo < p->fpr95.value && p->fpr95.value < p->fpr95.hi);
        /* nothing but the alarms reaches the threshold */
        ck_assert_double_eq_tol(p->false_alarm.value, p->fpr95.value, 1e-12);
    }
    ck_assert_int_eq(sweep_fit_init(&t.plan, &t.test, &t.r, SWEEP_RANDOM,
                                    SWEEP_CROSS_ENTROPY, t.o.gain, &f, &found,
                                    NULL),
                     NN_OK);
    ck_assert_int_eq(found, 1);
    /* (2 (1 - 2^-1/2) / 0.02)^2 = 858 */
    ck_assert_double_eq_tol(f.enough, 858, 90);
    ck_assert(f.lo < f.enough && f.enough < f.hi);
    ck_assert(f.one_out_lo <= f.enough && f.enough <= f.one_out_hi);
    ck_assert_int_eq(sweep_judge(&f), SWEEP_ENOUGH);
    a = answer_of(&t, &f, 1);
    text = sweep_sentence(&a);
    ck_assert_ptr_nonnull(strstr(text, "random negatives are enough here"));
    ck_assert_ptr_nonnull(strstr(text, "less than 2 percentage points"));
    ck_assert_ptr_nonnull(strstr(text, "5 numbers, 2 seeds"));
    nn_mem_free(text);
    j = sweep_json(&a);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "points")), 5);
    k = json_array_get(json_object_get(j, "fits"), 0);
    ck_assert_double_eq(json_number_value(json_object_get(k, "enough")),
                        f.enough);
    ck_assert_uint_eq(json_array_size(json_object_get(k, "points")), 5);
    json_decref(j);
    sweep_fit_release(&f);
    story_release(&t);
}
END_TEST

/* What the sentence says where there is no number. */
START_TEST(honest_words)
{
    static const struct {
        const char *numbers;
        double a, b, c;
        const char *words;
    } rows[] = {
        { "30,100,300,1000", 1, 0.15, 0, "worth having here" },
        { "300,1000,2000,all", 0, 1, 0.2, "300 random negatives, the fewest" },
        { "30,100", 1, 0.5, 0.1, "this plan has 2" },
    };
    struct story t;
    struct sweep_fit f;
    struct sweep_answer a;
    int found;
    char *text;
    json_t *trust;

    story_init(&t, rows[_i].numbers, rows[_i].a, rows[_i].b, rows[_i].c);
    ck_assert_int_eq(sweep_measure(&t.test, &t.plan, 300, &t.r, NULL), NN_OK);
    ck_assert_int_eq(sweep_fit_init(&t.plan, &t.test, &t.r, SWEEP_RANDOM,
                                    SWEEP_CROSS_ENTROPY, t.o.gain, &f, &found,
                                    NULL),
                     NN_OK);
    ck_assert_int_eq(found, _i != 2);
    a = answer_of(&t, &f, (size_t)found);
    text = sweep_sentence(&a);
    ck_assert_msg(strstr(text, rows[_i].words) != NULL, "%s", text);
    trust = sweep_trust(&a);
    ck_assert_uint_ge(json_array_size(trust), 4);
    json_decref(trust);
    nn_mem_free(text);
    sweep_fit_release(&f);
    story_release(&t);
}
END_TEST

START_TEST(verdicts)
{
    double n[] = { 30, 300, 3000 };
    struct sweep_fit f = {
        .n_points = 3, .n = n, .enough = 200, .lo = 30, .hi = INFINITY
    };

    ck_assert_int_eq(sweep_judge(&f), SWEEP_UNDETERMINED);
    f.lo = 31;
    ck_assert_int_eq(sweep_judge(&f), SWEEP_ENOUGH);
    f.enough = 3001;
    ck_assert_int_eq(sweep_judge(&f), SWEEP_NOT_REACHED);
    f = (struct sweep_fit){
        .n_points = 3, .n = n, .enough = 30, .lo = 30, .hi = 90
    };
    ck_assert_int_eq(sweep_judge(&f), SWEEP_FEWEST);
}
END_TEST

/* --- out of memory --- */

static int plan_and_order(void *ctx)
{
    struct set *s = ctx;
    struct sweep_options o = { .seeds = 2, .epochs = 1 };
    struct sweep_counts c;
    struct sweep_plan p = { .n = 0 };
    uint32_t *v = NULL;
    double z[N] = { 0 };
    size_t n;
    enum nn_status st = sweep_parse_numbers("0,5,all", &o, NULL);

    o.kind[SWEEP_MINED] = o.kind[SWEEP_RANDOM] = o.loss[0] = 1;
    st = st ? st : sweep_count(&s->ds, NULL, &c, NULL);
    st = st ? st : sweep_plan_init(&o, &c, &p, NULL);
    st = st ? st : sweep_order(&s->ds, &p, SWEEP_MINED, 1, z, &v, &n, NULL);
    nn_mem_free(v);
    sweep_plan_release(&p);
    nn_mem_free(o.number);
    return (int)st;
}

static int measure_and_fit(void *ctx)
{
    struct story *t = ctx;
    struct sweep_replicates r = { 0, NULL };
    struct sweep_fit f = { .n_points = 0 };
    int found;
    enum nn_status st = sweep_measure(&t->test, &t->plan, 20, &r, NULL);

    st = st ? st
            : sweep_fit_init(&t->plan, &t->test, &r, SWEEP_RANDOM,
                             SWEEP_CROSS_ENTROPY, 0.01, &f, &found, NULL);
    sweep_fit_release(&f);
    nn_mem_free(r.fpr95);
    return (int)st;
}

static int subset(void *ctx)
{
    struct set s;
    const struct train_subset t = { .only_negatives = ctx };

    fill(&s);
    return (int)train_take_subset(&s.ds, &t, NULL);
}

START_TEST(out_of_memory)
{
    struct set s;
    struct story t;
    char *dir = testkit_mkdir(), *list = nn_path_join(dir, "list");

    fill(&s);
    testkit_each_alloc_failure(plan_and_order, &s);
    story_init(&t, "30,100,300,all", 2, 0.5, 0.1);
    testkit_each_alloc_failure(measure_and_fit, &t);
    story_release(&t);
    write_text(list, "p041\np042\n", 10);
    testkit_each_alloc_failure(subset, list);
    nn_mem_free(list);
    testkit_rmdir(dir);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("sweep");
    TCase *t = tcase_create("sweep");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, grid);
    tcase_add_test(t, plan_of_one_class);
    tcase_add_test(t, shared_runs);
    tcase_add_test(t, words);
    tcase_add_test(t, counts_refuse);
    tcase_add_test(t, order);
    tcase_add_test(t, training_subset);
    tcase_add_loop_test(t, recovers_a_curve, 0, 6);
    tcase_add_test(t, is_the_best_curve);
    tcase_add_test(t, flat_and_rising);
    tcase_add_test(t, enough);
    tcase_add_test(t, bad_curves);
    tcase_add_test(t, measured_and_answered);
    tcase_add_loop_test(t, honest_words, 0, 3);
    tcase_add_test(t, verdicts);
    tcase_add_test(t, out_of_memory);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
