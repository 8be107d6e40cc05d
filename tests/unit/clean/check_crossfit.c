/* Who judges a photo, and which photos are doubtful. */
#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "common/base/rng.h"
#include "pipelines/clean/doubt.h"
#include "pipelines/clean/flat.h"
#include "tests/unit/testkit.h"

enum { N = 90, DIMS = 8, OUTPUTS = 3, FOLDS = 5 };

static float x[N][DIMS];
static int32_t label[N], fold[N];
static uint64_t group[N];
static float p[N][OUTPUTS], flat[N];
static struct clean_doubt d[N];
static struct clean_rows rows;

/* Photos of label k lie about the k-th axis. */
static void place(size_t i, int32_t axis)
{
    for (size_t j = 0; j < DIMS; j++) {
        double noise = (double)(nn_rng_at(3, i, j) >> 11) * 0x1p-53 - 0.5;

        x[i][j] = (float)(0.3 * noise + ((int32_t)j == axis));
    }
}

static void set_up(void)
{
    for (size_t i = 0; i < N; i++) {
        label[i] = (int32_t)(i % OUTPUTS);
        group[i] = i + 1;
        flat[i] = 0.1F + 0.01F * (float)(i % 7);
        place(i, label[i]);
    }
    rows = (struct clean_rows){ .n = N,
                                .dims = DIMS,
                                .outputs = OUTPUTS,
                                .x = x[0],
                                .label = label,
                                .group = group };
}

static void judge(void)
{
    ck_assert_int_eq(clean_crossfit(&rows, FOLDS, 1, NULL, p[0], fold, NULL),
                     NN_OK);
    ck_assert_int_eq(clean_doubts(&rows, p[0], fold, flat, 2, d, NULL), NN_OK);
}

/* How many are more doubtful. */
static size_t rank_of(size_t i)
{
    size_t n = 0;

    for (size_t k = 0; k < N; k++) {
        n += d[k].doubt > d[i].doubt;
    }
    return n;
}

START_TEST(good_labels_are_believed)
{
    judge();
    for (size_t i = 0; i < N; i++) {
        ck_assert(d[i].judged);
        ck_assert_msg(d[i].p_given > 0.5F, "photo %zu: %g", i,
                      (double)d[i].p_given);
        ck_assert_int_ge(fold[i], 0);
        ck_assert_int_lt(fold[i], FOLDS);
    }
}
END_TEST

START_TEST(wrong_labels_come_first)
{
    static const size_t wrong[] = { 10, 40, 71 };

    for (size_t k = 0; k < 3; k++) {
        label[wrong[k]] = (label[wrong[k]] + 1) % OUTPUTS;
    }
    judge();
    for (size_t k = 0; k < 3; k++) {
        ck_assert_uint_lt(rank_of(wrong[k]), 6);
        ck_assert_msg(d[wrong[k]].p_given < 0.5F, "photo %zu", wrong[k]);
        ck_assert_int_eq(d[wrong[k]].other, (int32_t)(wrong[k] % OUTPUTS));
    }
}
END_TEST

/* Three copies have an axis of their own and a wrong label: whoever has seen
 * one of them knows the label of the others. */
START_TEST(no_head_saw_the_photo_or_its_copies)
{
    for (size_t i = 0; i < 9; i += 3) {
        place(i, label[i]);
        x[i][DIMS - 1] = 4;
        label[i] = 1;
        group[i] = 1;
    }
    judge();
    for (size_t i = 0; i < 9; i += 3) {
        ck_assert_int_eq(fold[i], fold[0]);
        ck_assert_msg(d[i].p_given < 0.5F, "photo %zu: %g", i,
                      (double)d[i].p_given);
    }
}
END_TEST

START_TEST(a_label_in_one_group_is_not_judged)
{
    for (size_t i = 0; i < N; i++) {
        label[i] = i == 4 || i == 7 ? 2 : label[i] % 2;
    }
    group[7] = group[4];
    judge();
    ck_assert(!d[4].judged && !d[7].judged);
    ck_assert(d[4].doubt <= 0 && d[4].doubt >= 0);
    ck_assert(d[0].judged);
}
END_TEST

START_TEST(what_is_unlike_its_class_stands_out)
{
    place(0, 0);
    x[0][6] = 1.5F; /* of no class; the heads still see its own */
    place(2, 2);
    x[2][6] = 1.5F; /* the same among the negatives counts for nothing */
    judge();
    ck_assert_uint_eq(rank_of(0), 0);
    ck_assert_double_gt(d[0].outlier, 3);
    ck_assert(d[2].outlier <= 0 && d[2].outlier >= 0);
}
END_TEST

START_TEST(what_is_drawn_stands_out)
{
    struct nn_image img = NN_IMAGE_INIT;

    flat[0] = flat[2] = 0.6F; /* 2 is a negative */
    judge();
    ck_assert_uint_eq(rank_of(0), 0);
    ck_assert_double_gt(d[0].flat, 3);
    ck_assert(d[2].flat <= 0 && d[2].flat >= 0);
    ck_assert_int_eq(nn_image_create(&img, 8, 4), NN_OK);
    memset(img.rgb, 7, 8 * 4 * 3);
    ck_assert_float_eq(clean_flatness(&img), 1);
    for (size_t k = 0; k < 32; k++) { /* stripes: flat in one direction */
        img.rgb[3 * k + 1] = k % 2 ? 7 : 9;
    }
    ck_assert_float_eq(clean_flatness(&img), 0);
    for (size_t k = 0; k < 32; k++) {
        img.rgb[3 * k + 1] = k % 8 < 4 ? 7 : 9;
    }
    ck_assert_float_eq_tol(clean_flatness(&img), 6.F / 7, 1e-6F);
    nn_image_release(&img);
}
END_TEST

START_TEST(copies_are_no_neighbours)
{
    double alone;

    x[0][6] = 1.5F;
    judge();
    alone = d[0].outlier;
    memcpy(x[3], x[0], sizeof x[0]);
    group[3] = group[0];
    judge();
    ck_assert_double_gt(d[0].outlier, 0.8 * alone);
}
END_TEST

START_TEST(what_cannot_be_judged_is_refused)
{
    ck_assert_int_eq(clean_crossfit(&rows, 1, 1, NULL, p[0], fold, NULL),
                     NN_ERR_ARG);
    for (size_t i = 0; i < N; i++) {
        group[i] = 1;
    }
    ck_assert_int_eq(clean_crossfit(&rows, 5, 1, NULL, p[0], fold, NULL),
                     NN_ERR_ARG);
}
END_TEST

static int judge_again(void *ctx)
{
    enum nn_status st = clean_crossfit(&rows, 2, 1, NULL, p[0], fold, NULL);

    (void)ctx;
    return (int)(st ? st : clean_doubts(&rows, p[0], fold, flat, 2, d, NULL));
}

START_TEST(memory_may_run_out)
{
    rows.n = 9; /* a fit an allocation */
    nn_parallel_set_threads(1);
    testkit_each_alloc_failure(judge_again, NULL);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("crossfit");
    TCase *t = tcase_create("crossfit");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_test(t, good_labels_are_believed);
    tcase_add_test(t, wrong_labels_come_first);
    tcase_add_test(t, no_head_saw_the_photo_or_its_copies);
    tcase_add_test(t, a_label_in_one_group_is_not_judged);
    tcase_add_test(t, what_is_unlike_its_class_stands_out);
    tcase_add_test(t, what_is_drawn_stands_out);
    tcase_add_test(t, copies_are_no_neighbours);
    tcase_add_test(t, what_cannot_be_judged_is_refused);
    tcase_add_test(t, memory_may_run_out);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
