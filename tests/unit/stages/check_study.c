/* The study of mining on scores that were made up, and the rules of rounds. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/eval/metrics.h"
#include "pipelines/study/study.h"
#include "pipelines/mine/train_rounds.h"
#include "tests/unit/testkit.h"

enum { N_POS = 100, N_NEG = 300, N = N_POS + N_NEG, SEEDS = 3, SETS = 1 };

static struct nn_item items[N];
static struct nn_dataset ds;
static struct study_options options;
static struct study s;

/* Negatives: a third each of "cat", "dog" and no family. Gates that mined score
 * cats lower than those with random negatives, and all else alike. */
static double score(enum study_kind kind, int i, uint64_t trial)
{
    double noise =
        (double)nn_rng_at(trial, kind == STUDY_BASE, (uint64_t)i) * 0x1p-64;

    if (i < N_POS) {
        return 0.5 + 0.5 * noise;
    }
    return items[i].family == 0 && kind == STUDY_MINED ? 0.55 * noise
                                                       : 0.8 * noise;
}

static void set_up(void)
{
    static char cat[] = "cat", dog[] = "dog", path[] = "made up";
    static char *families[] = { cat, dog };

    for (int i = 0; i < N; i++) {
        items[i] = (struct nn_item){ .file = "x",
                                     .label = i < N_POS ? 0 : NN_NEGATIVE,
                                     .family = i < N_POS ? -1 : i % 3 - 1,
                                     .split = NN_TEST };
        items[i].family = i >= N_POS && i % 3 < 2 ? i % 3 : -1;
    }
    ds = (struct nn_dataset){ .path = path,
                              .n = N,
                              .items = items,
                              .n_families = 2,
                              .families = families };
    options = (struct study_options){
        .seeds = SEEDS, .rounds = 1, .top = 5, .no_left_out = 1, .sets = 2
    };
    ck_assert_int_eq(study_init(&options, &ds, &s, NULL), NN_OK);
    ck_assert_uint_eq(s.n_trials, SEEDS);
    study_release(&s);
    options.no_left_out = 0;
    items[0].split = items[1].split = NN_TRAIN;
    items[2].split = items[3].split = NN_VALID;
    items[0].label = items[2].label = NN_NEGATIVE; /* of no family */
    options.left_out.v = (const char *[]){ "cat" };
    options.left_out.n = 1;
    ck_assert_int_eq(study_init(&options, &ds, &s, NULL), NN_OK);
    ck_assert_uint_eq(s.n_trials, SEEDS + SETS);
    ck_assert_int_eq(s.set_of[0], 0);
    ck_assert_int_eq(s.set_of[1], -1);
    for (size_t t = 0; t < s.n_trials; t++) {
        for (int k = 0; k < STUDY_KINDS; k++) {
            s.trial[t].run[k].score = nn_mem_calloc(s.test.n, sizeof(double));
            s.trial[t].run[k].dir = nn_mem_strdup("dir");
            s.trial[t].run[k].command = nn_mem_strdup("command");
            for (size_t i = 0; i < s.test.n; i++) {
                s.trial[t].run[k].score[i] =
                    score((enum study_kind)k, (int)s.test.index[i], t);
            }
        }
    }
}

static void tear_down(void)
{
    study_release(&s);
}

/* The rates are those of the ROC curve. */
START_TEST(rates)
{
    struct study_result r;
    double want[STUDY_KINDS] = { 0 };

    ck_assert_int_eq(study_measure(&s, 200, &r, NULL), NN_OK);
    for (int k = 0; k < STUDY_KINDS; k++) {
        for (size_t t = 0; t < SEEDS; t++) {
            struct nn_roc roc;

            ck_assert_int_eq(nn_roc_init(&roc, s.trial[t].run[k].score,
                                         s.test.positive, NULL, s.test.n, NULL),
                             NN_OK);
            want[k] += nn_roc_at_tpr(&roc, 0.95).fpr / SEEDS;
            nn_roc_release(&roc);
        }
        ck_assert_double_eq_tol(r.all.rate[k].value, want[k], 1e-12);
        ck_assert_double_lt(r.all.rate[k].lo, want[k]);
        ck_assert_double_gt(r.all.rate[k].hi, want[k]);
    }
    ck_assert_double_eq_tol(r.all.ratio.value,
                            want[STUDY_RANDOM] / want[STUDY_MINED], 1e-9);
    ck_assert_uint_eq(r.all.n, N_NEG);
    ck_assert_uint_eq(r.n_families, 3);
    ck_assert_uint_eq(r.family[0].n + r.family[1].n + r.family[2].n, N_NEG);
    study_result_release(&r);
}
END_TEST

START_TEST(families)
{
    struct study_result r;
    char *text;

    ck_assert_int_eq(study_measure(&s, 500, &r, NULL), NN_OK);
    ck_assert_int_eq(study_judge(&r.all), STUDY_HELPED);
    ck_assert_int_eq(study_judge(&r.family[0]), STUDY_HELPED);
    ck_assert_int_eq(study_judge(&r.family[1]), STUDY_UNCLEAR);
    ck_assert_double_gt(r.family[0].ratio.lo, 1);
    /* cats alone were left out, once */
    ck_assert_uint_eq(r.left_out.n, r.family[0].n);
    ck_assert_uint_eq(r.unseen[0].n, r.family[0].n);
    ck_assert_uint_eq(r.unseen[1].n, 0);
    ck_assert_double_eq(r.unseen[0].gain.value, r.left_out.gain.value);
    text = study_sentence(&s, &r);
    ck_assert_ptr_nonnull(strstr(text, "mining pays. It helped on: cat; it "
                                       "hurt on: none."));
    nn_mem_free(text);
    study_result_release(&r);
}
END_TEST

/* The same scores on both sides: no gain, and half an image where none
 * passes keeps ratios finite. */
START_TEST(no_difference)
{
    struct study_result r;
    char *text;

    for (size_t t = 0; t < s.n_trials; t++) {
        memcpy(s.trial[t].run[STUDY_MINED].score,
               s.trial[t].run[STUDY_RANDOM].score, s.test.n * sizeof(double));
        for (size_t i = 0; i < s.test.n; i++) {
            s.trial[t].run[STUDY_BASE].score[i] = s.test.positive[i];
        }
    }
    ck_assert_int_eq(study_measure(&s, 100, &r, NULL), NN_OK);
    ck_assert_double_eq(r.all.ratio.value, 1);
    ck_assert_double_nan(r.all.ratio.lo); /* not 1 to 1 */
    ck_assert_double_eq(r.all.gain.value, 0);
    ck_assert_double_nan(r.all.gain.hi);
    text = study_sentence(&s, &r);
    ck_assert_ptr_nonnull(
        strstr(text, "1.00 times fewer (no interval: they pass the same "
                     "images), no difference is shown."));
    nn_mem_free(text);
    ck_assert_int_eq(study_judge(&r.all), STUDY_UNCLEAR);
    ck_assert_double_eq(r.all.rate[STUDY_BASE].value, 0);
    ck_assert_double_eq(r.all.rate[STUDY_BASE].lo, 0);
    ck_assert_double_eq_tol(r.all.rate[STUDY_BASE].hi,
                            1 - pow(.025, 1. / N_NEG), 1e-12);
    ck_assert(isfinite(r.all.ratio_base.value));
    study_result_release(&r);
}
END_TEST

/* Negatives `from`.. of a family, counted from its first, `n` of them. */
static void put_family(double *score, int32_t family, size_t from, size_t n,
                       double value)
{
    size_t seen = 0;

    for (size_t i = 0; i < s.test.n; i++) {
        if (!s.test.positive[i] &&
            s.ds->items[s.test.index[i]].family == family) {
            if (seen >= from && seen < from + n) {
                score[i] = value;
            }
            seen++;
        }
    }
}

/* All positives score .5, so 95 % of them are reached there and with them all
 * negatives of .5, wherever they stand. Of 100 cats, 100 dogs, 100 others:
 *   mined   20 dogs at .7, 10 cats at .5: 30 pass
 *   random  25 dogs at .7, 15 dogs and 20 cats at .5: 60 pass
 *   base    none */
START_TEST(ties)
{
    struct study_result r;

    for (size_t t = 0; t < s.n_trials; t++) {
        double *score[STUDY_KINDS];

        for (int k = 0; k < STUDY_KINDS; k++) {
            score[k] = s.trial[t].run[k].score;
            for (size_t i = 0; i < s.test.n; i++) {
                score[k][i] = s.test.positive[i] ? .5 : .3;
            }
        }
        put_family(score[STUDY_MINED], 1, 0, 20, .7);
        put_family(score[STUDY_MINED], 0, 90, 10, .5);
        put_family(score[STUDY_RANDOM], 1, 0, 25, .7);
        put_family(score[STUDY_RANDOM], 1, 50, 15, .5);
        put_family(score[STUDY_RANDOM], 0, 0, 20, .5);
    }
    ck_assert_int_eq(study_measure(&s, 200, &r, NULL), NN_OK);
    ck_assert_double_eq_tol(r.all.rate[STUDY_BASE].value, 0, 1e-12);
    ck_assert_double_eq_tol(r.all.rate[STUDY_MINED].value, .1, 1e-12);
    ck_assert_double_eq_tol(r.all.rate[STUDY_RANDOM].value, .2, 1e-12);
    ck_assert_double_eq_tol(r.all.ratio.value, 2, 1e-12);
    ck_assert_double_eq_tol(r.all.ratio_base.value, .5 / 30, 1e-12);
    ck_assert_double_eq_tol(r.all.gain.value, .1, 1e-12);
    ck_assert_uint_eq(r.family[0].n, 100);
    ck_assert_double_eq_tol(r.family[0].rate[STUDY_MINED].value, .1, 1e-12);
    ck_assert_double_eq_tol(r.family[0].rate[STUDY_RANDOM].value, .2, 1e-12);
    ck_assert_double_eq_tol(r.family[1].rate[STUDY_MINED].value, .2, 1e-12);
    ck_assert_double_eq_tol(r.family[1].rate[STUDY_RANDOM].value, .4, 1e-12);
    ck_assert_double_eq_tol(r.family[2].rate[STUDY_RANDOM].value, 0, 1e-12);
    ck_assert_double_eq_tol(r.unseen[0].rate[STUDY_RANDOM].value, .2, 1e-12);
    ck_assert_double_eq_tol(r.left_out.rate[STUDY_MINED].value, .1, 1e-12);
    study_result_release(&r);
}
END_TEST

/* Nothing is said of few images, however clear they seem. */
START_TEST(few_images_tell_nothing)
{
    struct study_figures f = { .gain = { .lo = 0.4, .hi = 0.6 } };

    f.n = STUDY_MIN_IMAGES - 1;
    ck_assert_int_eq(study_judge(&f), STUDY_UNCLEAR);
    f.n++;
    ck_assert_int_eq(study_judge(&f), STUDY_HELPED);
    f.gain = (struct nn_interval){ .lo = -0.6, .hi = -0.4 };
    ck_assert_int_eq(study_judge(&f), STUDY_HURT);
    f.n--;
    ck_assert_int_eq(study_judge(&f), STUDY_UNCLEAR);
}
END_TEST

static int measure(void *ctx)
{
    struct study_result r;
    enum nn_status st = study_measure(ctx, 3, &r, NULL);
    json_t *j = NULL;

    if (!st) {
        j = study_json(ctx, &r);
        st = j == NULL ? NN_ERR_NOMEM : NN_OK;
        json_decref(j);
        study_result_release(&r);
    }
    return st;
}

START_TEST(allocation_failures)
{
    testkit_each_alloc_failure(measure, &s);
}
END_TEST

START_TEST(sets)
{
    struct nn_error err = NN_ERROR_INIT;
    struct study other;

    options.left_out.n = 0;
    ck_assert_int_eq(study_init(&options, &ds, &other, NULL), NN_OK);
    ck_assert_uint_eq(other.n_sets, 2);
    ck_assert_int_ne(other.set_of[0], other.set_of[1]);
    study_release(&other);
    options.sets = 1;
    ck_assert_int_eq(study_init(&options, &ds, &other, NULL), NN_OK);
    study_release(&other);
    items[0].family = 0; /* now no training negative is left */
    ck_assert_int_eq(study_init(&options, &ds, &other, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "no negatives are left"));
}
END_TEST

/* --- the rules of rounds --- */

START_TEST(when_rounds_end)
{
    char *text;

    ck_assert_int_eq(gate_rounds_fell(0, 0), 0);
    ck_assert_int_eq(gate_rounds_fell(4, 0), 0); /* 1/16 */
    ck_assert_int_eq(gate_rounds_fell(5, 0), 1); /* 1/32 */
    ck_assert_int_eq(gate_rounds_fell(20, 12), 0);
    ck_assert_int_eq(gate_rounds_fell(30, 10), 1);
    ck_assert_int_eq(gate_rounds_fell(10, 30), 0);
    ck_assert_ptr_null(train_rounds_too_few(0, 3));
    ck_assert_ptr_null(train_rounds_too_few(0.05, 59));
    text = train_rounds_too_few(0.05, 58);
    ck_assert_ptr_nonnull(strstr(text, "cannot be certified with n = 58"));
    ck_assert_ptr_nonnull(strstr(text, "59 would be the fewest"));
    nn_mem_free(text);
}
END_TEST

static Suite *create(void)
{
    Suite *suite = suite_create("study");
    TCase *t = tcase_create("study"), *rules = tcase_create("rules");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, rates);
    tcase_add_test(t, families);
    tcase_add_test(t, no_difference);
    tcase_add_test(t, ties);
    tcase_add_test(t, few_images_tell_nothing);
    tcase_add_test(t, allocation_failures);
    tcase_add_test(t, sets);
    suite_add_tcase(suite, t);
    tcase_set_timeout(rules, 10);
    tcase_add_test(rules, when_rounds_end);
    suite_add_tcase(suite, rules);
    return suite;
}

TESTKIT_MAIN(create)
