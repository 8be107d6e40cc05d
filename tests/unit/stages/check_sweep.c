/* The sweep's plan and its sets of negatives. */
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/sweep/sweep.h"
#include "pipelines/train/train_subset.h"
#include "tests/unit/testkit.h"

/* 40 positives of 2 classes and 60 negatives: families f0 (35), f1 (20) and 5
 * without one; every tenth image is for valid, every tenth for test. */
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
    ck_assert_uint_eq(p.max, 48);
    for (int i = 0; i < WANT; i++) {
        const struct sweep_point *q =
            find(&p, (enum sweep_kind)want[i][0], (enum sweep_loss)want[i][1],
                 want[i][2]);

        ck_assert_msg(q != NULL, "row %d", i);
        /* 10 epochs of 80 images, to within half an epoch */
        ck_assert_int_le(abs((int)q->images - 800),
                         (int)(32 + q->negatives) / 2);
        ck_assert_uint_eq(q->images, (size_t)q->epochs * (32 + q->negatives));
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
    const struct sweep_plan plan = { .first = 5, .max = 47, .family = 1 };
    double z[N];
    uint32_t *v[SWEEP_KINDS];
    size_t n[SWEEP_KINDS];
    int seen[N] = { 0 };

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
    for (int k = 0; k < SWEEP_KINDS; k++) {
        nn_mem_free(v[k]);
    }
}
END_TEST

START_TEST(order_of_seeds)
{
    struct set s;
    const struct sweep_plan plan = { .first = 5, .max = 48 };
    uint32_t *first, *again, *other;
    size_t m;
    int same = 1;

    fill(&s);
    ck_assert_int_eq(
        sweep_order(&s.ds, &plan, SWEEP_RANDOM, 3, NULL, &first, &m, NULL),
        NN_OK);
    ck_assert_int_eq(
        sweep_order(&s.ds, &plan, SWEEP_RANDOM, 3, NULL, &again, &m, NULL),
        NN_OK);
    ck_assert_int_eq(
        sweep_order(&s.ds, &plan, SWEEP_RANDOM, 4, NULL, &other, &m, NULL),
        NN_OK);
    ck_assert_mem_eq(again, first, 48 * sizeof *again);
    for (size_t i = 0; i < 48; i++) {
        same = same && other[i] == again[i];
    }
    ck_assert_int_eq(same, 0);
    nn_mem_free(first);
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
    char *dir = testkit_mkdir(), *list = nn_path_join(dir, "list");

    fill(&s);
    testkit_each_alloc_failure(plan_and_order, &s);
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
    tcase_add_test(t, order_of_seeds);
    tcase_add_test(t, training_subset);
    tcase_add_test(t, out_of_memory);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
