/* Resampling: strata, repeatability, coverage, undefined figures. */
#include <math.h>
#include <sched.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/base/rng.h"
#include "common/eval/metrics.h"
#include "common/eval/stats.h"
#include "tests/unit/eval/golden.h"
#include "tests/unit/testkit.h"

enum { N = 80 };

/* One statistic of a resample, or the difference of two. */
typedef double stat_fn(void *ctx, const uint32_t *pick, size_t n);

struct stats {
    stat_fn *fn;
    void *a, *b;
};

static void run(void *ctx, const uint32_t *pick, size_t n, double *value)
{
    const struct stats *s = ctx;

    *value = s->fn(s->a, pick, n) - (s->b != NULL ? s->fn(s->b, pick, n) : 0);
}

static enum nn_status paired(const struct nn_bootstrap *spec, stat_fn *fn,
                             void *a, void *b, struct nn_interval *out,
                             struct nn_error *err)
{
    struct stats s = { fn, a, b };

    return nn_bootstrap_many(spec, run, &s, 1, out, err);
}

static enum nn_status one(const struct nn_bootstrap *spec, stat_fn *fn,
                          void *ctx, struct nn_interval *out,
                          struct nn_error *err)
{
    return paired(spec, fn, ctx, NULL, out, err);
}

static double mean(void *ctx, const uint32_t *pick, size_t n)
{
    const double *v = ctx;
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += v[pick[i]];
    }
    return sum / (double)n;
}

static double area(void *ctx, const uint32_t *pick, size_t n)
{
    struct nn_roc roc;

    nn_ranking_curve(ctx, pick, n, &roc);
    return nn_roc_area(&roc);
}

static double fpr95(void *ctx, const uint32_t *pick, size_t n)
{
    return nn_ranking_fpr95(ctx, pick, n);
}

static void fill(double *score, uint8_t *positive, size_t n, uint64_t stream,
                 double shift)
{
    struct nn_rng rng = nn_rng_make(42, stream);

    for (size_t i = 0; i < n; i++) {
        positive[i] = i % 3 == 0;
        score[i] = (double)nn_rng_normal(&rng) + shift * positive[i];
    }
}

/* Threads must not matter to a bit. */
START_TEST(same_for_any_threads)
{
    double score[N];
    uint8_t positive[N];
    struct nn_interval single, four, other;
    struct nn_bootstrap spec = { N, positive, 300, 0.95, 9 };
    struct nn_ranking rank = NN_RANKING_INIT;

    fill(score, positive, N, 1, 1);
    nn_parallel_set_threads(4);
    ck_assert_int_eq(nn_ranking_init(&rank, score, positive, NULL, N, NULL),
                     NN_OK);
    ck_assert_int_eq(one(&spec, area, &rank, &four, NULL), NN_OK);
    nn_parallel_set_threads(1);
    ck_assert_int_eq(one(&spec, area, &rank, &single, NULL), NN_OK);
    ck_assert(memcmp(&single, &four, sizeof single) == 0);
    ck_assert(single.lo < single.value && single.value < single.hi);
    spec.seed = 10;
    ck_assert_int_eq(one(&spec, area, &rank, &other, NULL), NN_OK);
    ck_assert(other.value == single.value && other.lo != single.lo);
    nn_ranking_release(&rank);
}
END_TEST

/* NaN when the picks change while they are being used. */
static double picks_stand_still(void *ctx, const uint32_t *pick, size_t n)
{
    double first = mean(ctx, pick, n);

    for (int i = 0; i < 20; i++) {
        sched_yield();
        if (mean(ctx, pick, n) != first) {
            return NAN;
        }
    }
    return first;
}

START_TEST(threads_have_their_own_picks)
{
    double v[N];
    struct nn_bootstrap spec = { N, NULL, 2000, 0.95, 9 };
    struct nn_interval got;

    for (size_t i = 0; i < N; i++) {
        v[i] = (double)(i * i);
    }
    nn_parallel_set_threads(4);
    ck_assert_int_eq(one(&spec, picks_stand_still, v, &got, NULL), NN_OK);
    ck_assert_uint_eq(got.n_undefined, 0);
}
END_TEST

/* Counts the items of each stratum in the resample; NaN when they moved. */
struct strata {
    const uint8_t *id;
    size_t want[256];
};

static double strata_kept(void *ctx, const uint32_t *pick, size_t n)
{
    const struct strata *s = ctx;
    size_t got[256] = { 0 };
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        if (pick[i] >= N) {
            return NAN;
        }
        got[s->id[pick[i]]]++;
        sum += pick[i];
    }
    return memcmp(got, s->want, sizeof got) == 0 ? sum : NAN;
}

START_TEST(strata_keep_their_size)
{
    uint8_t id[N];
    struct strata s = { id, { 0 } };
    struct nn_bootstrap spec = { N, id, 500, 0.95, 1 };
    struct nn_interval got;

    for (size_t i = 0; i < N; i++) {
        id[i] = i == 7 ? 255 : (uint8_t)(i % 3 * 40);
        s.want[id[i]]++;
    }
    ck_assert_int_eq(one(&spec, strata_kept, &s, &got, NULL), NN_OK);
    ck_assert_uint_eq(got.n_undefined, 0);
    ck_assert(got.value == N * (N - 1) / 2.0);
    ck_assert(got.lo < got.hi); /* something was drawn */
    spec.stratum = NULL;        /* one stratum: sizes move */
    ck_assert_int_eq(one(&spec, strata_kept, &s, &got, NULL), NN_OK);
    ck_assert_uint_gt(got.n_undefined, 400);
}
END_TEST

/* The standard deviation of a bootstrapped mean is s / sqrt(n): the interval
 * is the normal one, widened by nothing. */
START_TEST(mean_is_normal)
{
    enum { M = 2000 };
    struct nn_rng rng = nn_rng_make(1, 1);
    double *v = nn_mem_calloc(M, sizeof *v), middle = 0, var = 0, half;
    struct nn_bootstrap spec = { M, NULL, 4000, 0.9, 2 };
    struct nn_interval got;

    for (size_t i = 0; i < M; i++) {
        v[i] = 5 + (double)nn_rng_normal(&rng);
        middle += v[i] / M;
    }
    for (size_t i = 0; i < M; i++) {
        var += (v[i] - middle) * (v[i] - middle) / M;
    }
    half = 1.6448536269514722 * sqrt(var / M);
    ck_assert_int_eq(one(&spec, mean, v, &got, NULL), NN_OK);
    golden_close(got.value, middle, 1e-12, 0, "mean");
    /* 4000 replicates place a 5 % quantile within 6 % of the half width
     * (3 standard errors) */
    golden_close(got.lo, middle - half, 0.06 * half, 0, "lo");
    golden_close(got.hi, middle + half, 0.06 * half, 0, "hi");
    golden_close(got.p_zero, 2.0 / 4001, 1e-15, 0, "p");
    nn_mem_free(v);
}
END_TEST

/* want: value, lo, hi. A 2.5 % quantile of R replicates has a standard error
 * of sqrt(0.025 0.975 / R) / 0.058 standard deviations: 0.0189 for our 20000,
 * 0.0085 for scipy's 100000, so 0.0207 between them, and the half width is
 * 1.96: four of them are 4.3 % of it. */
static void as_scipy(const struct nn_interval *got, const json_t *want)
{
    double lo = golden_at(want, 1), hi = golden_at(want, 2);
    double room = 0.043 * (hi - lo) / 2;

    golden_close(got->value, golden_at(want, 0), 1e-12, 0, "value");
    golden_close(got->lo, lo, room, 0, "lo");
    golden_close(got->hi, hi, room, 0, "hi");
}

START_TEST(golden_intervals)
{
    json_t *all = golden_load();
    const json_t *g = golden_get(all, "bootstrap");
    size_t n;
    uint8_t *positive = golden_bytes(g, "positive", &n);
    double *a = golden_doubles(g, "a", &n), *b = golden_doubles(g, "b", &n);
    const struct nn_bootstrap spec = { n, positive, 20000, 0.95, 6 };
    struct nn_ranking x = NN_RANKING_INIT, y = NN_RANKING_INIT;
    struct nn_interval got;

    ck_assert_int_eq(nn_ranking_init(&x, a, positive, NULL, n, NULL), NN_OK);
    ck_assert_int_eq(nn_ranking_init(&y, b, positive, NULL, n, NULL), NN_OK);
    ck_assert_int_eq(one(&spec, area, &x, &got, NULL), NN_OK);
    as_scipy(&got, golden_get(g, "area"));
    ck_assert_int_eq(paired(&spec, area, &x, &y, &got, NULL), NN_OK);
    as_scipy(&got, golden_get(g, "difference"));
    nn_ranking_release(&x);
    nn_ranking_release(&y);
    nn_mem_free(a);
    nn_mem_free(b);
    nn_mem_free(positive);
    json_decref(all);
}
END_TEST

/* 95 % intervals of the ROC area cover the true area about that often. Truth:
 * Phi(shift / sqrt 2) for normal scores. */
START_TEST(area_coverage)
{
    enum { TRIALS = 300, ITEMS = 180 };
    double score[ITEMS], truth = 0.5 * erfc(-1.0 / 2);
    uint8_t positive[ITEMS];
    size_t covered = 0;

    for (size_t t = 0; t < TRIALS; t++) {
        struct nn_bootstrap spec = { ITEMS, positive, 400, 0.95, t };
        struct nn_ranking rank = NN_RANKING_INIT;
        struct nn_interval got;

        fill(score, positive, ITEMS, 100 + t, 1);
        ck_assert_int_eq(
            nn_ranking_init(&rank, score, positive, NULL, ITEMS, NULL), NN_OK);
        ck_assert_int_eq(one(&spec, area, &rank, &got, NULL), NN_OK);
        covered += got.lo <= truth && truth <= got.hi;
        nn_ranking_release(&rank);
    }
    /* percentile intervals run 1-2 % short; 3 standard errors are 3.8 % */
    ck_assert_msg(covered >= TRIALS * 90 / 100 && covered <= TRIALS * 99 / 100,
                  "%zu of 300", covered);
}
END_TEST

START_TEST(paired_difference)
{
    double good[N], bad[N];
    uint8_t positive[N];
    struct nn_bootstrap spec = { N, positive, 1000, 0.95, 3 };
    struct nn_ranking a = NN_RANKING_INIT, b = NN_RANKING_INIT;
    struct nn_interval same, diff, back;

    fill(good, positive, N, 4, 3);
    for (size_t i = 0; i < N; i++) {
        bad[i] = positive[i] ? good[i] - 2 : good[i];
    }
    ck_assert_int_eq(nn_ranking_init(&a, good, positive, NULL, N, NULL), NN_OK);
    ck_assert_int_eq(nn_ranking_init(&b, bad, positive, NULL, N, NULL), NN_OK);
    ck_assert_int_eq(paired(&spec, area, &a, &a, &same, NULL), NN_OK);
    ck_assert(same.value == 0 && same.lo == 0 && same.hi == 0);
    ck_assert(same.p_zero == 1);
    ck_assert_int_eq(paired(&spec, area, &a, &b, &diff, NULL), NN_OK);
    ck_assert(diff.lo > 0 && diff.value > diff.lo && diff.value < diff.hi);
    golden_close(diff.p_zero, 2.0 / 1001, 1e-15, 0, "p");
    ck_assert_int_eq(paired(&spec, area, &b, &a, &back, NULL), NN_OK);
    ck_assert(back.p_zero == diff.p_zero);
    golden_close(back.lo, -diff.hi, 1e-14, 0, "mirrored");
    golden_close(back.hi, -diff.lo, 1e-14, 0, "mirrored");
    nn_ranking_release(&a);
    nn_ranking_release(&b);
}
END_TEST

/* Several figures of one resample equal the same figures one at a time. */
static void two_figures(void *ctx, const uint32_t *pick, size_t n,
                        double *value)
{
    value[0] = area(ctx, pick, n);
    value[1] = fpr95(ctx, pick, n);
    value[2] = NAN;
}

START_TEST(many_equals_single)
{
    double score[N];
    uint8_t positive[N];
    struct nn_bootstrap spec = { N, positive, 200, 0.8, 5 };
    struct nn_ranking rank = NN_RANKING_INIT;
    struct nn_interval many[3], first, second;

    fill(score, positive, N, 6, 1.5);
    ck_assert_int_eq(nn_ranking_init(&rank, score, positive, NULL, N, NULL),
                     NN_OK);
    ck_assert_int_eq(
        nn_bootstrap_many(&spec, two_figures, &rank, 3, many, NULL), NN_OK);
    ck_assert_int_eq(one(&spec, area, &rank, &first, NULL), NN_OK);
    ck_assert_int_eq(one(&spec, fpr95, &rank, &second, NULL), NN_OK);
    ck_assert(memcmp(&many[0], &first, sizeof first) == 0);
    ck_assert(memcmp(&many[1], &second, sizeof second) == 0);
    ck_assert(isnan(many[2].value) && isnan(many[2].lo) && isnan(many[2].hi) &&
              isnan(many[2].p_zero));
    ck_assert_uint_eq(many[2].n_undefined, 200);
    nn_ranking_release(&rank);
}
END_TEST

/* One item: every resample is that item. */
START_TEST(baseline_item)
{
    double v = -2.5;
    struct nn_bootstrap spec = { 1, NULL, 1, 0.95, 0 };
    struct nn_interval got;

    ck_assert_int_eq(one(&spec, mean, &v, &got, NULL), NN_OK);
    ck_assert(got.value == v && got.lo == v && got.hi == v);
    ck_assert(got.p_zero == 1);
}
END_TEST

START_TEST(bad_spec)
{
    double v[2] = { 1, 2 };
    struct nn_bootstrap spec = { 0, NULL, 10, 0.95, 0 };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_interval got;

    ck_assert_int_eq(one(&spec, mean, v, &got, &err), NN_ERR_ARG);
    spec.n = 2;
    spec.replicates = 0;
    ck_assert_int_eq(one(&spec, mean, v, &got, &err), NN_ERR_ARG);
    spec.replicates = 10;
    spec.confidence = 1;
    ck_assert_int_eq(one(&spec, mean, v, &got, &err), NN_ERR_ARG);
    ck_assert_str_eq(err.text, "confidence 1 is not between 0 and 1");
    spec.confidence = 0.5;
    ck_assert_int_eq(nn_bootstrap_many(&spec, two_figures, v, 0, &got, &err),
                     NN_ERR_ARG);
    spec.replicates = SIZE_MAX / 4;
    ck_assert_int_eq(one(&spec, mean, v, &got, &err), NN_ERR_NOMEM);
}
END_TEST

static int allocating(void *ctx)
{
    double v[3] = { 1, 2, 3 };
    struct nn_bootstrap spec = { 3, NULL, 10, 0.9, 0 };
    struct nn_interval got;

    (void)ctx;
    return one(&spec, mean, v, &got, NULL);
}

START_TEST(allocation_failures)
{
    nn_parallel_set_threads(1);
    testkit_each_alloc_failure(allocating, NULL);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("eval/bootstrap");
    TCase *t = tcase_create("bootstrap");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, same_for_any_threads);
    tcase_add_test(t, threads_have_their_own_picks);
    tcase_add_test(t, strata_keep_their_size);
    tcase_add_test(t, mean_is_normal);
    tcase_add_test(t, golden_intervals);
    tcase_add_test(t, area_coverage);
    tcase_add_test(t, paired_difference);
    tcase_add_test(t, many_equals_single);
    tcase_add_test(t, baseline_item);
    tcase_add_test(t, bad_spec);
    tcase_add_test(t, allocation_failures);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
