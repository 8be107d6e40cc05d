/* Bounds from samples without replacement, against brute force: every sample,
 * every path of draws, every split over the strata of small piles. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/eval/sampling.h"
#include "tests/unit/eval/golden.h"
#include "tests/unit/testkit.h"

static double choose(size_t n, size_t k)
{
    double c = 1;

    if (k > n) {
        return 0;
    }
    for (size_t i = 1; i <= k; i++) {
        c = c * (double)(n - k + i) / (double)i;
    }
    return c;
}

static double density(size_t N, size_t K, size_t n, size_t k)
{
    return k > n ? 0 : choose(K, k) * choose(N - K, n - k) / choose(N, n);
}

/* Exact fractions, by Python's math.comb: N, K, n, k, P(X<=k), P(X>k). */
static const struct {
    size_t N, K, n, k;
    double cdf, above;
} exact[] = {
    { 20000, 200, 3000, 20, 0.024922336914065611, 0.97507766308593435 },
    { 20000, 200, 3000, 40, 0.97855100371099057, 0.021448996289009453 },
    { 20000, 1000, 500, 10, 0.00040608140493589339, 0.99959391859506408 },
    { 19000, 22, 2500, 0, 0.044798852071913045, 0.95520114792808697 },
    { 19000, 22, 2500, 1, 0.19431865691172234, 0.80568134308827766 },
    { 5000, 2500, 700, 300, 2.667656235836331e-05, 0.99997332343764167 },
    { 1000, 3, 990, 2, 0.029730451894780553, 0.97026954810521948 },
    { 20000, 19990, 40, 39, 0.019825377684520196, 0.9801746223154798 },
    { 20000, 22, 19000, 18, 0.02211163954996619, 0.9778883604500338 },
};

START_TEST(hypergeom_exact)
{
    for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++) {
        size_t N = exact[i].N, K = exact[i].K, n = exact[i].n, k = exact[i].k;

        golden_close(nn_hypergeom_cdf(N, K, n, k), exact[i].cdf, 1e-15, 1e-9,
                     "cdf");
        golden_close(nn_hypergeom_tail(N, K, n, k + 1), exact[i].above, 1e-15,
                     1e-9, "tail");
    }
    ck_assert(isnan(nn_hypergeom_cdf(5, 6, 1, 0)));
    ck_assert(isnan(nn_hypergeom_tail(5, 1, 6, 0)));
}
END_TEST

START_TEST(hypergeom_small)
{
    for (size_t N = 1; N <= 14; N++) {
        for (size_t K = 0; K <= N; K++) {
            for (size_t n = 0; n <= N; n++) {
                double sum = 0;

                for (size_t k = 0; k <= n; k++) {
                    double above = nn_hypergeom_tail(N, K, n, k);

                    testkit_assert(fabs(above - (1 - sum)) < 1e-12,
                                   "N %zu K %zu n %zu", N, K, n);
                    sum += density(N, K, n, k);
                    testkit_assert(fabs(nn_hypergeom_cdf(N, K, n, k) - sum) <
                                       1e-12,
                                   "N %zu K %zu n %zu", N, K, n);
                }
            }
        }
    }
}
END_TEST

/* The bounds hold with the stated chance for every truth, and the next number
 * would not. */
START_TEST(hypergeom_bounds)
{
    double confidence = _i == 0 ? 0.95 : 0.8, alpha = 1 - confidence;

    for (size_t N = 1; N <= 13; N++) {
        for (size_t n = 0; n <= N; n++) {
            size_t up[16], low[16];

            for (size_t k = 0; k <= n; k++) {
                up[k] = nn_hypergeom_upper(N, n, k, confidence);
                low[k] = nn_hypergeom_lower(N, n, k, confidence);
                testkit_assert(up[k] >= k && up[k] <= N - (n - k),
                               "N %zu n %zu", N, n);
                testkit_assert(up[k] == N - (n - k) ||
                                   nn_hypergeom_cdf(N, up[k] + 1, n, k) <=
                                       alpha + 1e-12,
                               "N %zu n %zu", N, n);
            }
            for (size_t K = 0; K <= N; K++) {
                double above = 0, below = 0;

                for (size_t k = 0; k <= n; k++) {
                    above += K <= up[k] ? density(N, K, n, k) : 0;
                    below += K >= low[k] ? density(N, K, n, k) : 0;
                }
                testkit_assert(above >= confidence - 1e-12, "N %zu K %zu n %zu",
                               N, K, n);
                testkit_assert(below >= confidence - 1e-12, "N %zu K %zu n %zu",
                               N, K, n);
            }
        }
    }
    ck_assert(nn_hypergeom_upper(5, 6, 0, 0.95) == SIZE_MAX);
    ck_assert(nn_hypergeom_lower(5, 2, 3, 0.95) == SIZE_MAX);
    ck_assert(nn_hypergeom_upper(5, 2, 1, 1) == SIZE_MAX);
}
END_TEST

START_TEST(least_sample)
{
    for (size_t N = 1; N <= 30; N++) {
        for (size_t K = 1; K <= N; K++) {
            size_t n = nn_hypergeom_min_n(N, K, 0.95);

            testkit_assert(density(N, K, n, 0) <= 0.05 + 1e-12,
                           "N %zu K %zu: %zu", N, K, n);
            testkit_assert(n == 0 || density(N, K, n - 1, 0) > 0.05 - 1e-12,
                           "N %zu K %zu: %zu", N, K, n);
        }
    }
    ck_assert(nn_hypergeom_min_n(5, 0, 0.95) == SIZE_MAX);
    ck_assert(nn_hypergeom_min_n(5, 6, 0.95) == SIZE_MAX);
    /* the rule of three */
    ck_assert_uint_eq(nn_hypergeom_min_n(1000000, 10000, 0.95), 299);
}
END_TEST

START_TEST(floor_of_looks)
{
    /* all 200 seen: 22 more would be one too many for 0.9 */
    ck_assert(nn_recall_floor(20000, 200, 0.9, 0.95) ==
              200 + (double)nn_hypergeom_min_n(19800, 23, 0.95));
    ck_assert(nn_recall_floor(20000, 1000, 0.9, 0.95) ==
              1000 + (double)nn_hypergeom_min_n(19000, 112, 0.95));
    for (size_t P = 1; P <= 12; P++) {
        double best = 12;

        for (size_t F = 1; F <= P; F++) {
            for (size_t n = 0; n <= 12 - P; n++) {
                size_t U = 1; /* further hits that make 0.6 false */

                while ((double)F >= 0.6 * (double)(P + U)) {
                    U++;
                }
                if ((double)F >= 0.6 * (double)P &&
                    density(12 - P, U > 12 - P ? 0 : U, n, 0) <=
                        (U > 12 - P ? 1 : 0.1)) {
                    best = fmin(best, (double)(F + n));
                }
            }
        }
        ck_assert_msg(nn_recall_floor(12, P, 0.6, 0.9) == best, "P %zu", P);
    }
    ck_assert(isnan(nn_recall_floor(10, 0, 0.9, 0.95)));
    ck_assert(isnan(nn_recall_floor(10, 11, 0.9, 0.95)));
    ck_assert(isnan(nn_recall_floor(10, 1, 1, 0.95)));
}
END_TEST

/* ---- strata ------------------------------------------------------------- */

/* e(m) from its meaning: the data's chance under the prior, one draw after
 * the other, over their chance under m. */
static double ratio(const struct nn_stratum *s, size_t m)
{
    double r = 1;

    for (size_t i = 0; i < s->n; i++) { /* the hits first, any order is alike */
        double t = (double)i, left = (double)(s->N - i);

        if (i < s->k) {
            r *= (s->a + t) / (s->a + s->b + t) / ((double)m - t) * left;
        } else {
            double none = (double)(s->N - m) - (t - (double)s->k);

            r *= (s->b + t - (double)s->k) / (s->a + s->b + t) / none * left;
        }
    }
    return r;
}

static int is_possible(const struct nn_stratum *s, size_t m)
{
    return m >= s->k && m + (s->n - s->k) <= s->N;
}

START_TEST(strata_brute_force)
{
    struct nn_rng rng = nn_rng_make(11, (uint64_t)_i);
    struct nn_stratum s[3];
    struct nn_count_range got, want = { SIZE_MAX, 0 };
    double confidence = 0.5 + 0.49 * nn_rng_double(&rng);

    for (size_t h = 0; h < 3; h++) {
        s[h].N = 1 + nn_rng_below(&rng, 9);
        s[h].n = nn_rng_below(&rng, (uint32_t)s[h].N + 1);
        s[h].k = nn_rng_below(&rng, (uint32_t)s[h].n + 1);
        s[h].a = 0.05 + 2 * nn_rng_double(&rng);
        s[h].b = 0.05 + 9 * nn_rng_double(&rng);
    }
    for (size_t i = 0; i <= s[0].N; i++) {
        for (size_t j = 0; j <= s[1].N; j++) {
            for (size_t k = 0; k <= s[2].N; k++) {
                if (is_possible(&s[0], i) && is_possible(&s[1], j) &&
                    is_possible(&s[2], k) &&
                    ratio(&s[0], i) * ratio(&s[1], j) * ratio(&s[2], k) <
                        1 / (1 - confidence)) {
                    want.lo = i + j + k < want.lo ? i + j + k : want.lo;
                    want.hi = i + j + k > want.hi ? i + j + k : want.hi;
                }
            }
        }
    }
    if (want.lo > want.hi) { /* nothing fits: the likeliest is kept */
        return;
    }
    ck_assert(nn_strata_range(s, 3, confidence, &got, NULL) == NN_OK);
    ck_assert_uint_eq(got.lo, want.lo);
    ck_assert_uint_eq(got.hi, want.hi);
}
END_TEST

/* The chance that the truth is ever left out, over all paths of draws. */
START_TEST(strata_any_time)
{
    enum { N = 24 };
    double alpha = 0.1;

    for (size_t m = 0; m <= N; m++) {
        double p[N + 2] = { 1 }, lost = 0;

        for (size_t n = 0; n <= N; n++) {
            double next[N + 2] = { 0 };

            for (size_t k = 0; k <= n && k <= m; k++) {
                struct nn_stratum s = { N, n, k, 0.3, 2 };
                struct nn_count_range r;
                double hit;

                if (p[k] == 0) {
                    continue;
                }
                ck_assert(nn_strata_range(&s, 1, 1 - alpha, &r, NULL) == NN_OK);
                if (m < r.lo || m > r.hi) {
                    lost += p[k];
                    continue;
                }
                if (n == N) {
                    continue;
                }
                hit = (double)(m - k) / (double)(N - n);
                next[k + 1] += p[k] * hit;
                next[k] += p[k] * (1 - hit);
            }
            memcpy(p, next, sizeof p);
        }
        ck_assert_msg(lost <= alpha, "%zu hits: left out with %g", m, lost);
    }
}
END_TEST

static int range_of_two(void *ctx)
{
    struct nn_stratum s[2] = { { 9, 3, 1, 1, 1 }, { 7, 2, 0, 1, 1 } };

    return (int)nn_strata_range(s, 2, 0.9, ctx, NULL);
}

START_TEST(strata_memory)
{
    struct nn_count_range r;

    testkit_each_alloc_failure(range_of_two, &r);
}
END_TEST

START_TEST(strata_errors)
{
    struct nn_stratum s = { 10, 5, 6, 1, 1 };
    struct nn_count_range r;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert(nn_strata_range(&s, 1, 0.95, &r, &err) == NN_ERR_ARG);
    s.k = 2;
    ck_assert(nn_strata_range(&s, 0, 0.95, &r, &err) == NN_ERR_ARG);
    ck_assert(nn_strata_range(&s, 1, 1, &r, &err) == NN_ERR_ARG);
    s.a = 0;
    ck_assert(nn_strata_range(&s, 1, 0.95, &r, &err) == NN_ERR_ARG);
    s = (struct nn_stratum){ 10, 10, 4, 1, 1 };
    ck_assert(nn_strata_range(&s, 1, 0.95, &r, &err) == NN_OK);
    ck_assert(r.lo == 4 && r.hi == 4); /* all seen */
}
END_TEST

/* ---- weighted draws ------------------------------------------------------ */

enum { ITEMS = 6 };

struct tree {
    double value[ITEMS], weight[ITEMS];
    int hit[ITEMS];
    double total, limit;
    double mean[ITEMS + 1]; /* of the evidence against the truth, by draws */
    double lost;            /* chance that it ever reaches the limit */
};

/* A bet that depends on what was seen, as it may. */
static double some_bet(const struct nn_draw *d, size_t n)
{
    double bet = 0.9;

    for (size_t i = 0; i < n; i++) {
        bet = d[i].hit ? bet / 2 : (bet + 1) / 2;
    }
    return bet;
}

/* All orders of draws; after the second draw, if it was a hit, the heaviest
 * unseen item is looked at without a draw and the weights change. */
static void follow(struct tree *t, const struct nn_draw *past, size_t n,
                   unsigned seen, double known, double chance, int lost)
{
    struct nn_draw d[ITEMS];
    double W = 0, least = INFINITY, weight[ITEMS];
    double e = exp(nn_draws_log_evidence(past, n, t->total));

    t->mean[n] += chance * e;
    if (!lost && e >= t->limit) {
        lost = 1;
        t->lost += chance;
    }
    if (n == 2 && past[1].hit && seen != (1u << ITEMS) - 1) {
        int top = -1;

        for (int i = 0; i < ITEMS; i++) {
            if (!(seen >> i & 1) &&
                (top < 0 || t->weight[i] > t->weight[top])) {
                top = i;
            }
        }
        seen |= 1u << top;
        known += t->hit[top] ? t->value[top] : 0;
    }
    if (n == 4) {
        return;
    }
    for (int i = 0; i < ITEMS; i++) {
        weight[i] = n == 3 ? 1 + t->weight[i] / 2 : t->weight[i];
        if (!(seen >> i & 1)) {
            W += t->value[i] * weight[i];
            least = fmin(least, weight[i]);
        }
    }
    if (n > 0) {
        memcpy(d, past, n * sizeof *d);
    }
    for (int i = 0; i < ITEMS; i++) {
        if (seen >> i & 1) {
            continue;
        }
        d[n] = (struct nn_draw){ W / least, W / weight[i], known,
                                 some_bet(past, n), t->hit[i] };
        follow(t, d, n + 1, seen | 1u << i,
               known + (t->hit[i] ? t->value[i] : 0),
               chance * t->value[i] * weight[i] / W, lost);
    }
}

START_TEST(draws_are_fair)
{
    struct nn_rng rng = nn_rng_make(5, (uint64_t)_i);
    struct tree t = { .limit = 5 };

    for (int i = 0; i < ITEMS; i++) {
        t.value[i] = _i % 2 ? 1 : 1 + nn_rng_below(&rng, 4);
        t.weight[i] = _i % 3 ? 1 + 3 * nn_rng_double(&rng) : 1;
        t.hit[i] = nn_rng_chance(&rng, 0.3f);
        t.total += t.hit[i] ? t.value[i] : 0;
    }
    follow(&t, NULL, 0, 0, 0, 1, 0);
    for (int n = 0; n <= 4; n++) {
        ck_assert_msg(fabs(t.mean[n] - 1) < 1e-9, "mean %.12g after %d draws",
                      t.mean[n], n);
    }
    ck_assert_msg(t.lost <= 1 / t.limit, "lost with %g", t.lost);
}
END_TEST

START_TEST(draws_without_a_hit)
{
    struct nn_draw d[40];
    double T = 7;

    for (size_t i = 0; i < 40; i++) {
        d[i] =
            (struct nn_draw){ (double)(100 - i), (double)(100 - i), 2, 1, 0 };
    }
    /* C(100, 5) / C(60, 5) */
    golden_close(exp(nn_draws_log_evidence(d, 40, T)),
                 choose(100, 5) / choose(60, 5), 0, 1e-12, "evidence");
    /* the bound is the exact one of a sample of fixed size */
    ck_assert(nn_draws_upper(d, 40, 2, 62, 0.95) ==
              2 + (double)nn_hypergeom_upper(100, 40, 0, 0.95));
    ck_assert(nn_draws_log_evidence(d, 40, 103) == INFINITY);
    ck_assert(nn_draws_upper(NULL, 0, 3, 50, 0.95) == 50);
}
END_TEST

START_TEST(draws_bound_by_scan)
{
    struct nn_rng rng = nn_rng_make(8, (uint64_t)_i);
    struct nn_draw d[60];
    double known = 0, left = 150, last = -INFINITY;
    int want = -1;

    for (size_t i = 0; i < 60; i++) {
        double w = 1 + nn_rng_below(&rng, 3);

        d[i] = (struct nn_draw){ 2 * left, 2 * left / w, known, 0.7,
                                 nn_rng_chance(&rng, 0.04f) };
        known += d[i].hit;
        left--;
    }
    for (int T = (int)known; T <= (int)(known + left); T++) {
        double e = nn_draws_log_evidence(d, 60, T);

        ck_assert(e >= last - 1e-12);
        last = e;
        want = e < log(20) ? T : want;
    }
    ck_assert(nn_draws_upper(d, 60, known, known + left, 0.95) == want);
}
END_TEST

static Suite *sampling_suite(void)
{
    Suite *s = suite_create("sampling");
    TCase *t = tcase_create("exact");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, hypergeom_exact);
    tcase_add_test(t, hypergeom_small);
    tcase_add_loop_test(t, hypergeom_bounds, 0, 2);
    tcase_add_test(t, least_sample);
    tcase_add_test(t, floor_of_looks);
    tcase_add_loop_test(t, strata_brute_force, 0, 60);
    tcase_add_test(t, strata_any_time);
    tcase_add_test(t, strata_memory);
    tcase_add_test(t, strata_errors);
    tcase_add_loop_test(t, draws_are_fair, 0, 24);
    tcase_add_test(t, draws_without_a_hit);
    tcase_add_loop_test(t, draws_bound_by_scan, 0, 20);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(sampling_suite)
