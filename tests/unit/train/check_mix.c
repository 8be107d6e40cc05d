/* Blended images against a plain reading of the two papers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/train/mix.h"
#include "tests/unit/testkit.h"

enum { N = 7, SIDE = 12, K = 3, FLOATS = SIDE * SIDE * 3 };

struct mixed {
    float in[N * FLOATS], t[N * K], w[N];
    float out[N * FLOATS], mt[N * K], mw[N];
};

/* Image i is i + 1 everywhere, its target class i % K, its weight 1 + i. */
static void fill(struct mixed *m)
{
    memset(m, 0, sizeof *m);
    for (int i = 0; i < N; i++) {
        for (int f = 0; f < FLOATS; f++) {
            m->in[i * FLOATS + f] = (float)(i + 1);
        }
        m->t[i * K + i % K] = 1;
        m->w[i] = (float)(1 + i);
    }
}

static void mix(const struct nn_mix *o, uint64_t step, struct mixed *m)
{
    nn_mix_batch(o, 5, step, m->in, m->t, m->w, N, SIDE, K, m->out, m->mt,
                 m->mw);
}

/* Share of image i in row i, read from its weight: w' = l w_i + (1-l) w_j. */
static double share_of(const struct mixed *m, int i)
{
    double a = 1 + i, b = 1 + (N - 1 - i);

    return i == N - 1 - i ? 1 : ((double)m->mw[i] - b) / (a - b);
}

static void check_targets(const struct mixed *m)
{
    for (int i = 0; i < N; i++) {
        float want[K] = { 0 };
        double l = share_of(m, i);

        ck_assert_double_ge(l, -1e-5);
        ck_assert_double_le(l, 1 + 1e-5);
        want[i % K] += (float)l;
        want[(N - 1 - i) % K] += (float)(1 - l);
        testkit_close(m->mt + i * K, want, K, 1e-5, 0, "target");
    }
}

START_TEST(mixup_blends_images_and_targets)
{
    struct nn_mix o = nn_mix_none();
    struct mixed m;
    double sum = 0;

    o.mixup = 0.5f;
    for (uint64_t step = 0; step < 50; step++) {
        fill(&m);
        mix(&o, step, &m);
        check_targets(&m);
        for (int i = 0; i < N; i++) {
            double l = share_of(&m, i);
            double want = l * (i + 1) + (1 - l) * (N - i);

            for (int f = 0; f < FLOATS; f++) {
                testkit_assert(fabs((double)m.out[i * FLOATS + f] - want) <
                                   1e-5,
                               "%d, %d: %g, not %g", i, f,
                               (double)m.out[i * FLOATS + f], want);
            }
            sum += i == N / 2 ? 0 : l;
        }
    }
    ck_assert_double_eq_tol(sum / (50 * (N - 1)), 0.5, 0.08);
}
END_TEST

START_TEST(cutmix_pastes_one_box)
{
    struct nn_mix o = nn_mix_none();
    struct mixed m;
    int partial = 0;

    o.cutmix = 1;
    for (uint64_t step = 0; step < 50; step++) {
        fill(&m);
        mix(&o, step, &m);
        check_targets(&m);
        for (int i = 0; i < N; i++) {
            int x0 = SIDE, x1 = -1, y0 = SIDE, y1 = -1, foreign = 0;

            for (int p = 0; p < SIDE * SIDE; p++) {
                const float *v = m.out + i * FLOATS + 3 * p;

                testkit_assert(
                    v[0] == v[1] && v[1] == v[2] &&
                        (v[0] == (float)(i + 1) || v[0] == (float)(N - i)),
                    "image %d, pixel %d: %g, %g, %g", i, p, (double)v[0],
                    (double)v[1], (double)v[2]);
                if (v[0] != (float)(i + 1)) {
                    foreign++;
                    x0 = p % SIDE < x0 ? p % SIDE : x0;
                    x1 = p % SIDE > x1 ? p % SIDE : x1;
                    y0 = p / SIDE < y0 ? p / SIDE : y0;
                    y1 = p / SIDE > y1 ? p / SIDE : y1;
                }
            }
            /* The foreign pixels fill their bounding box, and its area is the
             * partner's share. */
            ck_assert_int_eq(foreign,
                             foreign > 0 ? (x1 - x0 + 1) * (y1 - y0 + 1) : 0);
            if (i != N / 2) {
                ck_assert_double_eq_tol(1 - share_of(&m, i),
                                        (double)foreign / (SIDE * SIDE), 1e-5);
                partial += foreign > 0 && foreign < SIDE * SIDE;
            }
        }
    }
    ck_assert_int_gt(partial, 150); /* of 300 */
}
END_TEST

START_TEST(share_leaves_images_alone)
{
    struct nn_mix o = nn_mix_none();
    struct mixed m;
    int untouched = 0;

    o.mixup = 1;
    o.share = 0.25f;
    for (uint64_t step = 0; step < 100; step++) {
        fill(&m);
        mix(&o, step, &m);
        for (int i = 0; i < N; i++) {
            untouched +=
                i != N / 2 && memcmp(m.out + i * FLOATS, m.in + i * FLOATS,
                                     FLOATS * sizeof(float)) == 0;
        }
    }
    ck_assert_int_gt(untouched, 400); /* 450 of 600 expected, sd 11 */
    ck_assert_int_lt(untouched, 500);
}
END_TEST

START_TEST(same_draws_for_any_thread_count)
{
    struct nn_mix o = nn_mix_none();
    struct mixed a, b;

    o.mixup = 0.2f;
    o.cutmix = 1;
    fill(&a);
    fill(&b);
    nn_parallel_set_threads(1);
    mix(&o, 3, &a);
    nn_parallel_set_threads(4);
    mix(&o, 3, &b);
    ck_assert_mem_eq(&a, &b, sizeof a);
    mix(&o, 4, &b);
    ck_assert_mem_ne(a.out, b.out, sizeof a.out);
}
END_TEST

/* Mean 1/2 and variance 1 / (4 (2a + 1)) of Beta(a, a). */
START_TEST(beta_has_its_moments)
{
    static const double as[] = { 0.05, 0.2, 0.5, 1 };
    enum { DRAWS = 20000 };

    for (size_t j = 0; j < sizeof as / sizeof as[0]; j++) {
        struct nn_rng rng = nn_rng_make(1, j);
        double sum = 0, sq = 0, want = 1 / (4 * (2 * as[j] + 1));

        for (int i = 0; i < DRAWS; i++) {
            double x = nn_mix_beta(&rng, as[j]);

            ck_assert(x >= 0 && x <= 1);
            sum += x;
            sq += (x - 0.5) * (x - 0.5);
        }
        ck_assert_double_eq_tol(sum / DRAWS, 0.5, 4 * sqrt(want / DRAWS));
        ck_assert_double_eq_tol(sq / DRAWS, want, 0.05 * want);
    }
}
END_TEST

START_TEST(off_by_default)
{
    struct nn_mix o = nn_mix_none();

    ck_assert(!nn_mix_is_on(&o));
    o.cutmix = 1;
    ck_assert(nn_mix_is_on(&o));
    o.share = 0;
    ck_assert(!nn_mix_is_on(&o));
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("mix");
    TCase *t = tcase_create("mix");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, mixup_blends_images_and_targets);
    tcase_add_test(t, cutmix_pastes_one_box);
    tcase_add_test(t, share_leaves_images_alone);
    tcase_add_test(t, same_draws_for_any_thread_count);
    tcase_add_test(t, beta_has_its_moments);
    tcase_add_test(t, off_by_default);
    suite_add_tcase(s, t);
    return s;
}
TESTKIT_MAIN(create)
