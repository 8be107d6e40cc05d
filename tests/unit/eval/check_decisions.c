/* Confusion figures, calibration error, Brier score and likelihood. */
#include <math.h>

#include "common/base/mem.h"
#include "common/eval/metrics.h"
#include "tests/unit/eval/golden.h"
#include "tests/unit/testkit.h"

#define EPS 1e-13 /* a few hundred roundings of numbers near 1 */

/* Softmax rows of z [n,k] into a new array. */
static double *softmax(const double *z, size_t n, size_t k)
{
    double *p = nn_mem_calloc(n * k, sizeof *p);

    ck_assert_ptr_nonnull(p);
    for (size_t i = 0; i < n; i++) {
        double sum = 0;

        for (size_t j = 0; j < k; j++) {
            sum += exp(z[i * k + j]);
        }
        for (size_t j = 0; j < k; j++) {
            p[i * k + j] = exp(z[i * k + j]) / sum;
        }
    }
    return p;
}

static void check_confusion(const json_t *g, const size_t *counts, int32_t k)
{
    const json_t *want = golden_get(g, "confusion");
    struct nn_class_figures per[4];
    struct nn_confusion_figures f;

    for (size_t i = 0; i < json_array_size(want); i++) {
        ck_assert_uint_eq(counts[i], (size_t)golden_at(want, i));
    }
    ck_assert_int_eq(nn_confusion_summarise(counts, k, k, per, &f, NULL),
                     NN_OK);
    golden_close(f.accuracy, golden_number(g, "accuracy"), EPS, 0, "accuracy");
    golden_close(f.balanced_accuracy, golden_number(g, "balanced_accuracy"),
                 EPS, 0, "balanced accuracy");
    golden_close(f.macro_f1, golden_number(g, "macro_f1"), EPS, 0, "macro f1");
    for (size_t i = 0; i < (size_t)k; i++) {
        golden_close(per[i].precision, golden_at(golden_get(g, "precision"), i),
                     EPS, 0, "precision");
        golden_close(per[i].recall, golden_at(golden_get(g, "recall"), i), EPS,
                     0, "recall");
        golden_close(per[i].f1, golden_at(golden_get(g, "f1"), i), EPS, 0,
                     "f1");
    }
}

START_TEST(golden_classes)
{
    json_t *all = golden_load();
    const json_t *g = golden_get(all, "classes");
    int32_t k = (int32_t)golden_number(g, "k");
    size_t nk, n, counts[16];
    double *z = golden_doubles(g, "logits", &nk);
    int32_t *truth = golden_ints(g, "truth", &n);
    double *p = softmax(z, n, (size_t)k), v;
    double *conf = nn_mem_calloc(n, sizeof *conf);
    uint8_t *hit = nn_mem_calloc(n, 1);
    int32_t *best = nn_mem_calloc(n, sizeof *best);

    ck_assert_int_eq(k, 4);
    ck_assert_uint_eq(nk, n * 4);
    ck_assert_int_eq(nn_top_label(p, truth, n, k, conf, hit, best, NULL),
                     NN_OK);
    ck_assert_int_eq(
        nn_confusion_count(truth, best, NULL, n, k, k, counts, NULL), NN_OK);
    check_confusion(g, counts, k);
    ck_assert_int_eq(nn_reliability(conf, hit, n, NN_ECE_BINS, NULL, &v, NULL),
                     NN_OK);
    golden_close(v, golden_number(g, "ece"), EPS, 0, "ece");
    ck_assert_int_eq(nn_nll_classes(p, truth, n, k, &v, NULL), NN_OK);
    golden_close(v, golden_number(g, "nll"), EPS, 0, "nll");
    nn_mem_free(z);
    nn_mem_free(truth);
    nn_mem_free(p);
    nn_mem_free(conf);
    nn_mem_free(hit);
    nn_mem_free(best);
    json_decref(all);
}
END_TEST

START_TEST(golden_binary)
{
    json_t *all = golden_load();
    const json_t *g = golden_get(all, "binary");
    size_t n, m;
    double *p = golden_doubles(g, "logit", &n), v;
    uint8_t *positive = golden_bytes(g, "positive", &m);

    for (size_t i = 0; i < n; i++) {
        p[i] = 1 / (1 + exp(-p[i]));
    }
    ck_assert_int_eq(nn_reliability(p, positive, n, 15, NULL, &v, NULL), NN_OK);
    golden_close(v, golden_number(g, "ece"), EPS, 0, "ece");
    ck_assert_int_eq(nn_brier_binary(p, positive, n, &v, NULL), NN_OK);
    golden_close(v, golden_number(g, "brier"), EPS, 0, "brier");
    nn_mem_free(p);
    nn_mem_free(positive);
    json_decref(all);
}
END_TEST

/* Rows: classes 0, 1, 2; columns: the same and "unknown". Class 2 neither
 * happens nor is said. */
START_TEST(confusion_with_unknown)
{
    const int32_t truth[] = { 0, 0, 0, 0, 1, 1, 1 };
    const int32_t said[] = { 0, 0, 1, 3, 1, 3, 3 };
    const size_t want[] = { 2, 1, 0, 1, 0, 1, 0, 2, 0, 0, 0, 0 };
    struct nn_class_figures per[3];
    struct nn_confusion_figures f;
    size_t counts[12];

    ck_assert_int_eq(
        nn_confusion_count(truth, said, NULL, 7, 3, 4, counts, NULL), NN_OK);
    for (size_t i = 0; i < 12; i++) {
        ck_assert_uint_eq(counts[i], want[i]);
    }
    ck_assert_int_eq(nn_confusion_summarise(counts, 3, 4, per, &f, NULL),
                     NN_OK);
    ck_assert_uint_eq(f.n, 7);
    golden_close(f.accuracy, 3.0 / 7, EPS, 0, "accuracy");
    golden_close(f.balanced_accuracy, (0.5 + 1.0 / 3) / 2, EPS, 0, "balanced");
    golden_close(per[0].f1, 2 * 2 / (4.0 + 2), EPS, 0, "f1");
    golden_close(per[1].precision, 0.5, EPS, 0, "precision");
    golden_close(f.macro_f1, (2.0 / 3 + 2.0 / 5) / 2, EPS, 0, "macro f1");
    ck_assert_uint_eq(per[2].support, 0);
    ck_assert(isnan(per[2].precision) && isnan(per[2].recall) &&
              isnan(per[2].f1));
}
END_TEST

START_TEST(confusion_errors)
{
    const int32_t truth[] = { 0, 2 }, said[] = { 1, 0 }, bad[] = { -1, 0 };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_confusion_figures f;
    size_t counts[4] = { 0, 0, 0, 0 };

    ck_assert_int_eq(
        nn_confusion_count(truth, said, NULL, 2, 2, 2, counts, &err),
        NN_ERR_ARG);
    ck_assert_str_eq(err.text, "label 2 of item 1 not in 0..1");
    ck_assert_int_eq(
        nn_confusion_count(said, truth, NULL, 2, 2, 2, counts, &err),
        NN_ERR_ARG);
    ck_assert_str_eq(err.text, "decision 2 of item 1 not in 0..1");
    ck_assert_int_eq(nn_confusion_count(bad, said, NULL, 2, 2, 2, counts, &err),
                     NN_ERR_ARG);
    ck_assert_int_eq(
        nn_confusion_count(said, said, NULL, 0, 2, 2, counts, &err),
        NN_ERR_ARG);
    ck_assert_int_eq(
        nn_confusion_count(said, said, NULL, 2, 2, 1, counts, &err),
        NN_ERR_ARG);
    counts[0] = counts[1] = counts[2] = counts[3] = 0;
    ck_assert_int_eq(nn_confusion_summarise(counts, 2, 2, NULL, &f, &err),
                     NN_ERR_ARG);
    ck_assert_int_eq(nn_confusion_summarise(counts, 0, 2, NULL, &f, &err),
                     NN_ERR_ARG);
}
END_TEST

START_TEST(bins_by_hand)
{
    /* 5 bins: (0,.2] holds 0 and 0.2, (.2,.4] 0.4, (.8,1] 0.9 and 1 */
    const double p[] = { 0, 0.2, 0.4, 0.9, 1 };
    const uint8_t hit[] = { 0, 1, 1, 1, 0 };
    struct nn_reliability_bin b[5];
    double ece;

    ck_assert_int_eq(nn_reliability(p, hit, 5, 5, b, &ece, NULL), NN_OK);
    ck_assert_uint_eq(b[0].n, 2);
    ck_assert_uint_eq(b[1].n, 1);
    ck_assert_uint_eq(b[2].n, 0);
    ck_assert_uint_eq(b[4].n, 2);
    ck_assert(isnan(b[2].confidence) && isnan(b[2].accuracy));
    golden_close(b[0].confidence, 0.1, EPS, 0, "confidence");
    golden_close(b[0].accuracy, 0.5, EPS, 0, "recall");
    golden_close(b[4].confidence, 0.95, EPS, 0, "confidence");
    golden_close(ece, 0.4 * 0.4 + 0.2 * 0.6 + 0.4 * 0.45, EPS, 0, "ece");
}
END_TEST

/* Every edge i / m belongs to the bin below it, the next double to the one
 * above. */
START_TEST(bin_edges)
{
    int32_t m = _i;
    struct nn_reliability_bin *b = nn_mem_calloc((size_t)m, sizeof *b);
    const uint8_t hit[] = { 1, 1 };
    double ece;

    for (int32_t i = 1; i < m; i++) {
        double edge = (double)i / m, p[2] = { edge, nextafter(edge, 1) };

        ck_assert_int_eq(nn_reliability(p, hit, 2, m, b, &ece, NULL), NN_OK);
        ck_assert_msg(b[i - 1].n == 1 && b[i].n == 1, "edge %d / %d", (int)i,
                      (int)m);
    }
    nn_mem_free(b);
}
END_TEST

START_TEST(likelihood_limits)
{
    const double p[] = { 0, 1 }, rows[] = { 0, 1, 1, 0 };
    const uint8_t wrong[] = { 1, 0 };
    const int32_t truth[] = { 1, 1 }, right[] = { 1, 0 };
    double v;

    ck_assert_int_eq(nn_nll_classes(rows, right, 2, 2, &v, NULL), NN_OK);
    ck_assert(v == 0);
    ck_assert_int_eq(nn_nll_classes(rows, truth, 2, 2, &v, NULL), NN_OK);
    golden_close(v, 26 * log(2), EPS, EPS, "nll");
    ck_assert_int_eq(nn_brier_binary(p, wrong, 2, &v, NULL), NN_OK);
    ck_assert(v == 1);
}
END_TEST

START_TEST(probability_errors)
{
    const double p[] = { 0.5, 1.5, -0.1, NAN };
    const uint8_t hit[] = { 0, 1 };
    const int32_t truth[] = { 0, 1 };
    struct nn_error err = NN_ERROR_INIT;
    int32_t best[2];
    uint8_t got[2];
    double v = 7;

    ck_assert_int_eq(nn_reliability(p, hit, 0, 15, NULL, &v, &err), NN_ERR_ARG);
    ck_assert_int_eq(nn_reliability(p, hit, 1, 0, NULL, &v, &err), NN_ERR_ARG);
    ck_assert_int_eq(nn_reliability(p, hit, 1, 16, NULL, &v, &err), NN_ERR_ARG);
    ck_assert_int_eq(nn_reliability(p, hit, 2, 15, NULL, &v, &err),
                     NN_ERR_NUMERIC);
    ck_assert_str_eq(err.text, "probability 1 is 1.5");
    for (size_t i = 1; i < 4; i++) {
        ck_assert_int_eq(nn_brier_binary(p + i, hit, 1, &v, &err),
                         NN_ERR_NUMERIC);
        ck_assert_int_eq(nn_nll_classes(p + i, truth, 1, 1, &v, &err),
                         NN_ERR_NUMERIC);
    }
    ck_assert_int_eq(nn_brier_binary(p, hit, 0, &v, &err), NN_ERR_ARG);
    ck_assert_int_eq(nn_nll_classes(p, truth + 1, 1, 1, &v, &err), NN_ERR_ARG);
    ck_assert_int_eq(nn_nll_classes(p, truth, 1, 0, &v, &err), NN_ERR_ARG);
    ck_assert_int_eq(nn_top_label(p + 2, truth, 1, 2, NULL, NULL, best, &err),
                     NN_ERR_NUMERIC);
    ck_assert_int_eq(nn_top_label(p, truth + 1, 1, 1, NULL, got, best, &err),
                     NN_ERR_ARG);
    ck_assert(v == 7);
}
END_TEST

START_TEST(first_of_equal_labels)
{
    const double p[] = { 0.2, 0.4, 0.4, 0.5, 0.5, 0 };
    const int32_t truth[] = { 2, 0 };
    uint8_t hit[2];
    int32_t best[2];

    ck_assert_int_eq(nn_top_label(p, truth, 2, 3, NULL, hit, best, NULL),
                     NN_OK);
    ck_assert_int_eq(best[0], 1);
    ck_assert_int_eq(best[1], 0);
    ck_assert(hit[0] == 0 && hit[1] == 1);
    ck_assert_int_eq(nn_top_label(p, NULL, 2, 3, NULL, NULL, best, NULL),
                     NN_OK);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("eval/decisions");
    TCase *t = tcase_create("decisions");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, golden_classes);
    tcase_add_test(t, golden_binary);
    tcase_add_test(t, confusion_with_unknown);
    tcase_add_test(t, confusion_errors);
    tcase_add_test(t, bins_by_hand);
    tcase_add_loop_test(t, bin_edges, 2, 64);
    tcase_add_test(t, likelihood_limits);
    tcase_add_test(t, probability_errors);
    tcase_add_test(t, first_of_equal_labels);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
