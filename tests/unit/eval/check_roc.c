/* Ranking figures against scikit-learn, hand-made cases and O(n^2) loops. */
#include <math.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/eval/metrics.h"
#include "tests/unit/eval/golden.h"
#include "tests/unit/testkit.h"

#define EPS 1e-13 /* a few hundred roundings of numbers near 1 */

static struct nn_roc curve(const double *score, const uint8_t *positive,
                           const uint8_t *right, size_t n)
{
    struct nn_error err = NN_ERROR_INIT;
    struct nn_roc r = NN_ROC_INIT;

    ck_assert_msg(nn_roc_init(&r, score, positive, right, n, &err) == NN_OK,
                  "%s", err.text);
    return r;
}

static void check_rates(struct nn_roc_rates got, const json_t *want)
{
    golden_close(got.threshold, golden_at(want, 0), 0, 0, "threshold");
    golden_close(got.tpr, golden_at(want, 1), EPS, 0, "tpr");
    golden_close(got.fpr, golden_at(want, 2), EPS, 0, "fpr");
}

START_TEST(golden_ranking)
{
    json_t *all = golden_load();
    const json_t *g = json_array_get(golden_get(all, "ranking"), (size_t)_i);
    const json_t *tpr = golden_get(g, "tpr"), *fpr = golden_get(g, "fpr");
    const json_t *precision = golden_get(g, "precision");
    size_t n, m;
    double *score = golden_doubles(g, "score", &n);
    uint8_t *positive = golden_bytes(g, "positive", &m);
    struct nn_roc r = curve(score, positive, NULL, n);

    golden_close(nn_roc_area(&r), golden_number(g, "area"), EPS, 0, "area");
    golden_close(nn_roc_area(&r), golden_number(g, "mann_whitney"), EPS, 0,
                 "area");
    golden_close(nn_roc_average_precision(&r),
                 golden_number(g, "average_precision"), EPS, 0, "average");
    check_rates(nn_roc_at_tpr(&r, 0.95), golden_get(g, "at95"));
    check_rates(nn_roc_at_tpr(&r, 0.99), golden_get(g, "at99"));
    ck_assert_uint_eq((r.n_points - 1) / 7 + 1, json_array_size(tpr));
    for (size_t i = 0; i < json_array_size(tpr); i++) {
        const struct nn_roc_point *p = &r.point[7 * i];

        golden_close((double)p->tp / (double)r.n_pos, golden_at(tpr, i), EPS, 0,
                     "tpr");
        golden_close((double)p->fp / (double)r.n_neg, golden_at(fpr, i), EPS, 0,
                     "fpr");
    }
    for (size_t i = 0; i < json_array_size(precision); i++) {
        const struct nn_roc_point *p = &r.point[7 * i + 1];

        golden_close((double)p->tp / (double)(p->tp + p->fp),
                     golden_at(precision, i), EPS, 0, "precision");
    }
    nn_roc_release(&r);
    nn_mem_free(score);
    nn_mem_free(positive);
    json_decref(all);
}
END_TEST

/* Four items: 0.9+ 0.8- 0.8+ 0.1-. Pairs: 1, 1, 1/2, 1 of 4. */
START_TEST(by_hand)
{
    const double score[] = { 0.8, 0.1, 0.9, 0.8 };
    const uint8_t positive[] = { 0, 0, 1, 1 };
    struct nn_roc r = curve(score, positive, NULL, 4);
    struct nn_roc_rates at;

    ck_assert_uint_eq(r.n_points, 4);
    ck_assert(isinf(r.point[0].threshold));
    ck_assert_uint_eq(r.point[2].tp, 2);
    ck_assert_uint_eq(r.point[2].fp, 1);
    ck_assert(nn_roc_area(&r) == 0.875);
    golden_close(nn_roc_average_precision(&r), 0.5 + 0.5 * 2 / 3, EPS, 0, "ap");
    at = nn_roc_at_tpr(&r, 0.5);
    ck_assert(at.threshold == 0.9 && at.tpr == 0.5 && at.fpr == 0);
    at = nn_roc_at_tpr(&r, 0.51);
    ck_assert(at.threshold == 0.8 && at.tpr == 1 && at.fpr == 0.5);
    at = nn_roc_at_tpr(&r, 0);
    ck_assert(isinf(at.threshold) && at.fpr == 0);
    ck_assert(isnan(nn_roc_at_tpr(&r, 1.01).fpr));
    ck_assert(isnan(nn_roc_at_tpr(&r, NAN).fpr));
    nn_roc_release(&r);
}
END_TEST

START_TEST(all_equal_scores)
{
    const double score[] = { 3, 3, 3, 3, 3 };
    const uint8_t positive[] = { 0, 1, 0, 0, 1 };
    struct nn_roc r = curve(score, positive, NULL, 5);

    ck_assert_uint_eq(r.n_points, 2);
    ck_assert(nn_roc_area(&r) == 0.5);
    ck_assert(nn_roc_average_precision(&r) == 0.4);
    ck_assert(nn_roc_at_tpr(&r, 0.01).fpr == 1);
    nn_roc_release(&r);
}
END_TEST

START_TEST(recall_on_the_edge)
{
    double score[200];
    uint8_t positive[200];
    struct nn_roc r;

    for (size_t i = 0; i < 200; i++) { /* 100 positives above 100 negatives */
        score[i] = 200 - (double)i;
        positive[i] = i < 100;
    }
    r = curve(score, positive, NULL, 200);
    /* 0.95 of 100 is 95 items exactly, 0.07 is 7, whatever the rounding */
    ck_assert(nn_roc_at_tpr(&r, 0.95).threshold == score[94]);
    ck_assert(nn_roc_at_tpr(&r, 0.07).threshold == score[6]);
    ck_assert(nn_roc_at_tpr(&r, 0.29).threshold == score[28]);
    ck_assert(nn_roc_at_tpr(&r, 1).threshold == score[99]);
    ck_assert(nn_roc_area(&r) == 1);
    nn_roc_release(&r);
}
END_TEST

/* The area by all pairs; `right` NULL or as in the header. */
static double pairs(const double *score, const uint8_t *positive,
                    const uint8_t *right, size_t n)
{
    double won = 0, all = 0;

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            if (positive[i] && !positive[j]) {
                all++;
                if (right == NULL || right[i]) {
                    won += score[i] > score[j]    ? 1
                           : score[i] == score[j] ? 0.5
                                                  : 0;
                }
            }
        }
    }
    return won / all;
}

/* Smallest fpr with tpr >= target over all thresholds, by counting. */
static double slow_fpr(const double *score, const uint8_t *positive, size_t n,
                       double target)
{
    double best = 2;

    for (size_t t = 0; t < n; t++) {
        double tp = 0, fp = 0, n_pos = 0;

        for (size_t i = 0; i < n; i++) {
            n_pos += positive[i];
            tp += positive[i] && score[i] >= score[t];
            fp += !positive[i] && score[i] >= score[t];
        }
        if (tp / n_pos >= target && fp / ((double)n - n_pos) < best) {
            best = fp / ((double)n - n_pos);
        }
    }
    return best;
}

START_TEST(random_against_pairs)
{
    struct nn_rng rng = nn_rng_make(11, (uint64_t)_i);
    size_t n = 2 + nn_rng_below(&rng, 120);
    uint32_t levels = 1 + nn_rng_below(&rng, 60);
    double score[128];
    uint8_t positive[128], right[128];
    struct nn_roc r;

    for (size_t i = 0; i < n; i++) {
        score[i] = (double)nn_rng_below(&rng, levels) - 20;
        positive[i] = (uint8_t)nn_rng_below(&rng, 2);
        right[i] = (uint8_t)nn_rng_below(&rng, 2);
    }
    positive[0] = 1;
    positive[1] = 0;
    r = curve(score, positive, NULL, n);
    golden_close(nn_roc_area(&r), pairs(score, positive, NULL, n), EPS, 0,
                 "area");
    for (double t = 0.05; t <= 1; t += 0.05) {
        golden_close(nn_roc_at_tpr(&r, t).fpr, slow_fpr(score, positive, n, t),
                     EPS, 0, "fpr");
    }
    nn_roc_release(&r);
    r = curve(score, positive, right, n);
    golden_close(nn_roc_area(&r), pairs(score, positive, right, n), EPS, 0,
                 "open-set area");
    nn_roc_release(&r);
}
END_TEST

START_TEST(golden_open_set)
{
    json_t *all = golden_load();
    const json_t *g = golden_get(all, "open_set");
    size_t n, m, k;
    double *known = golden_doubles(g, "known", &n);
    double *unknown = golden_doubles(g, "unknown", &m);
    uint8_t *hit = golden_bytes(g, "right", &k);
    double *score = nn_mem_calloc(n + m, sizeof *score);
    uint8_t *positive = nn_mem_calloc(n + m, 1);
    uint8_t *right = nn_mem_calloc(n + m, 1);
    struct nn_roc r;
    double hits = 0;

    for (size_t i = 0; i < n + m; i++) {
        score[i] = i < n ? known[i] : unknown[i - n];
        positive[i] = i < n;
        right[i] = i < n ? hit[i] : 1; /* not read for the unknown */
        hits += i < n ? hit[i] : 0;
    }
    r = curve(score, positive, right, n + m);
    golden_close(nn_roc_area(&r), golden_number(g, "area"), EPS, 0, "oscr");
    /* the curve ends at the closed-set accuracy, never above */
    ck_assert_uint_eq(r.point[r.n_points - 1].tp, (size_t)hits);
    ck_assert_uint_eq(r.n_pos, n);
    ck_assert(isnan(nn_roc_at_tpr(&r, 0.99).fpr));
    nn_roc_release(&r);
    nn_mem_free(known);
    nn_mem_free(unknown);
    nn_mem_free(hit);
    nn_mem_free(score);
    nn_mem_free(positive);
    nn_mem_free(right);
    json_decref(all);
}
END_TEST

/* A resampled curve is the curve of the resampled items. */
START_TEST(ranking_matches_copies)
{
    enum { N = 90 };
    struct nn_rng rng = nn_rng_make(5, (uint64_t)_i);
    struct nn_error err = NN_ERROR_INIT;
    struct nn_ranking rank = NN_RANKING_INIT;
    double score[N], s[N];
    uint8_t positive[N], right[N], p[N], h[N];
    uint32_t pick[N];
    struct nn_roc a, b;

    for (size_t i = 0; i < N; i++) {
        score[i] = nn_rng_below(&rng, 30);
        positive[i] = i % 3 == 0;
        right[i] = (uint8_t)nn_rng_below(&rng, 2);
        pick[i] = nn_rng_below(&rng, N);
    }
    pick[0] = 0; /* at least one of each */
    pick[1] = 1;
    for (size_t i = 0; i < N; i++) {
        s[i] = score[pick[i]];
        p[i] = positive[pick[i]];
        h[i] = right[pick[i]];
    }
    ck_assert_int_eq(nn_ranking_init(&rank, score, positive, right, N, &err),
                     NN_OK);
    nn_ranking_curve(&rank, pick, N, &a);
    b = curve(s, p, h, N);
    ck_assert_uint_eq(a.n_pos, b.n_pos);
    ck_assert_uint_eq(a.n_neg, b.n_neg);
    ck_assert(nn_roc_area(&a) == nn_roc_area(&b));
    golden_close(nn_roc_average_precision(&a), nn_roc_average_precision(&b),
                 EPS, 0, "average precision");
    for (double t = 0; t < 0.4; t += 0.03) {
        double x = nn_roc_at_tpr(&a, t).fpr, y = nn_roc_at_tpr(&b, t).fpr;

        ck_assert(x == y || (isnan(x) && isnan(y)));
    }
    nn_roc_release(&b);
    b = curve(score, positive, right, N);
    nn_ranking_curve(&rank, NULL, 0, &a);
    ck_assert(nn_roc_area(&a) == nn_roc_area(&b));
    nn_roc_release(&b);
    nn_ranking_release(&rank);
}
END_TEST

/* Positives 1, 2, ..., 50: 95 % of them are 48, from 3 up; 99 % are all. Of
 * four negatives one is above 3, and three are above 1. */
START_TEST(rates_by_hand)
{
    double score[54] = { 20.5, 2.5, 1.5, 0.5 };
    uint8_t positive[54] = { 0 };
    struct nn_ranking rank = NN_RANKING_INIT;
    struct nn_roc r;

    for (int i = 0; i < 50; i++) {
        score[4 + i] = i + 1;
        positive[4 + i] = 1;
    }
    ck_assert_int_eq(nn_ranking_init(&rank, score, positive, NULL, 54, NULL),
                     NN_OK);
    ck_assert_double_eq(nn_ranking_fpr95(&rank, NULL, 0), 0.25);
    nn_ranking_curve(&rank, NULL, 0, &r);
    ck_assert_double_eq(nn_roc_at_tpr(&r, 0.99).fpr, 0.75);
    nn_ranking_release(&rank);
}
END_TEST

START_TEST(resample_without_a_kind)
{
    const double score[] = { 1, 2, 3 };
    const uint8_t positive[] = { 1, 0, 1 };
    const uint32_t only_pos[] = { 0, 2, 2 }, only_neg[] = { 1, 1, 1 };
    struct nn_ranking rank = NN_RANKING_INIT;
    struct nn_roc r;

    ck_assert_int_eq(nn_ranking_init(&rank, score, positive, NULL, 3, NULL),
                     NN_OK);
    ck_assert(isnan(nn_ranking_fpr95(&rank, only_pos, 3)));
    ck_assert(isnan(nn_ranking_fpr95(&rank, only_neg, 3)));
    nn_ranking_curve(&rank, only_pos, 3, &r);
    ck_assert(isnan(nn_roc_area(&r)));
    ck_assert(nn_roc_average_precision(&r) == 1);
    nn_ranking_curve(&rank, only_neg, 3, &r);
    ck_assert(isnan(nn_roc_area(&r)));
    ck_assert(isnan(nn_roc_average_precision(&r)));
    nn_ranking_release(&rank);
}
END_TEST

START_TEST(bad_input)
{
    const double score[] = { 1, 2, NAN, INFINITY };
    const uint8_t both[] = { 1, 0, 1, 0 }, ones[] = { 1, 1, 1, 1 };
    const uint8_t none[] = { 0, 0, 0, 0 };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_roc r;
    struct nn_ranking k;

    ck_assert_int_eq(nn_roc_init(&r, score, both, NULL, 0, &err), NN_ERR_ARG);
    ck_assert_int_eq(nn_roc_init(&r, score, ones, NULL, 2, &err), NN_ERR_ARG);
    ck_assert_str_eq(err.text, "cannot rank 2 items without a negative");
    ck_assert_int_eq(nn_roc_init(&r, score, none, NULL, 2, &err), NN_ERR_ARG);
    ck_assert_str_eq(err.text, "cannot rank 2 items without a positive");
    ck_assert_int_eq(nn_roc_init(&r, score, both, NULL, 3, &err),
                     NN_ERR_NUMERIC);
    ck_assert_int_eq(nn_roc_init(&r, score + 3, both, NULL, 1, &err),
                     NN_ERR_NUMERIC);
    ck_assert_ptr_null(r.point);
    nn_roc_release(&r);
    ck_assert_int_eq(nn_ranking_init(&k, score, ones, NULL, 2, &err),
                     NN_ERR_ARG);
    nn_ranking_release(&k);
}
END_TEST

static int make_both(void *ctx)
{
    const double score[] = { 1, 2, 3, 3 };
    const uint8_t positive[] = { 1, 0, 1, 0 };
    struct nn_roc r = NN_ROC_INIT;
    struct nn_ranking k = NN_RANKING_INIT;
    enum nn_status st = nn_roc_init(&r, score, positive, NULL, 4, NULL);

    (void)ctx;
    if (st == NN_OK) {
        st = nn_ranking_init(&k, score, positive, NULL, 4, NULL);
    }
    /* empty after a failure, without a release by the caller */
    ck_assert(st == NN_OK || (k.group == NULL && k.scratch == NULL));
    nn_ranking_release(&k);
    nn_roc_release(&r);
    return st;
}

START_TEST(allocation_failures)
{
    testkit_each_alloc_failure(make_both, NULL);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("eval/roc");
    TCase *t = tcase_create("roc");

    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, golden_ranking, 0, 3);
    tcase_add_test(t, by_hand);
    tcase_add_test(t, all_equal_scores);
    tcase_add_test(t, recall_on_the_edge);
    tcase_add_loop_test(t, random_against_pairs, 0, 60);
    tcase_add_test(t, golden_open_set);
    tcase_add_loop_test(t, ranking_matches_copies, 0, 20);
    tcase_add_test(t, rates_by_hand);
    tcase_add_test(t, resample_without_a_kind);
    tcase_add_test(t, bad_input);
    tcase_add_test(t, allocation_failures);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
