/* Mining: the journal, neighbours, the filter for suspected false negatives. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/data/loader.h"
#include "common/data/score_items.h"
#include "tests/unit/data/album.h"
#include "tests/unit/stages/mine_world.h"
#include "tests/unit/testkit.h"

/* --- scan --- */

/* Cut the journal at any length, as a kill does: the rest is done again. */
START_TEST(journal_survives_a_kill)
{
    char *path = nn_mem_sprintf("%s/scores.bin", mine_world.data_dir);
    double *again = nn_mem_calloc(mine_world.pool->n, sizeof *again);
    struct stat st;

    mine_world_scan(NULL, mine_world.z);
    ck_assert(isnan(mine_world.z[mine_world.pool->n - 1]) &&
              !isnan(mine_world.z[0]));
    mine_world_scan(path, again);
    ck_assert_mem_eq(mine_world.z, again,
                     mine_world.pool->n * sizeof *mine_world.z);
    ck_assert_int_eq(stat(path, &st), 0);
    for (off_t at = st.st_size; at > 0; at = at * 2 / 3 - 1) {
        ck_assert_int_eq(truncate(path, at), 0);
        memset(again, 0, mine_world.pool->n * sizeof *again);
        mine_world_scan(path, again);
        ck_assert_mem_eq(mine_world.z, again,
                         mine_world.pool->n * sizeof *mine_world.z);
    }
    nn_mem_free(again);
    nn_mem_free(path);
}
END_TEST

/* Complete scores are read, not computed: marked ones come back. */
START_TEST(finished_scores_are_kept)
{
    char *path = nn_mem_sprintf("%s/scores.bin", mine_world.data_dir);
    const double mark = 42;
    FILE *f;

    mine_world_scan(path, mine_world.z);
    f = fopen(path, "r+b");
    ck_assert_int_eq(fseek(f, 80, SEEK_SET), 0);
    ck_assert_uint_eq(fwrite(&mark, sizeof mark, 1, f), 1);
    fclose(f);
    mine_world_scan(path, mine_world.z);
    ck_assert_double_eq(mine_world.z[0], 42);
    nn_mem_free(path);
}
END_TEST

START_TEST(journal_of_another_gate)
{
    struct gate_mine_scores none;
    char *path = nn_mem_sprintf("%s/scores.bin", mine_world.data_dir);
    struct nn_error err = NN_ERROR_INIT;

    mine_world_scan(path, mine_world.z);
    mine_world.gate->params.value.data[0] += 1;
    ck_assert_int_eq(gate_mine_scan(mine_world.gate, mine_world.pool, path,
                                    NULL, NULL, NULL, &none, &err),
                     NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "scores of another gate or pool"));
    ck_assert_int_eq(gate_mine_scan(mine_world.gate, mine_world.pool,
                                    "/nowhere/x", NULL, NULL, NULL, &none,
                                    &err),
                     NN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "/nowhere/x"));
    nn_mem_free(path);
}
END_TEST

START_TEST(stopped)
{
    const volatile sig_atomic_t stop = 1;
    struct gate_mine_scores none;

    ck_assert_int_eq(gate_mine_scan(mine_world.gate, mine_world.pool, NULL,
                                    NULL, &stop, NULL, &none, NULL),
                     NN_ERR_STOPPED);
    ck_assert_int_eq(none.fd, -1);
}
END_TEST

/* --- bank --- */

static int falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x < y) - (x > y);
}

/* Mean of the 5 largest cosines, the slow way. */
static double slow(const struct gate_mine_bank *b, const float *v, int positive)
{
    double cos[64], sum = 0;
    int n = 0;

    for (size_t r = 0; r < b->n; r++) {
        if (b->positive[r] == positive) {
            double s = 0;

            for (size_t i = 0; i < b->dims; i++) {
                s += (double)v[i] * (double)b->v[r * b->dims + i];
            }
            cos[n++] = s;
        }
    }
    qsort(cos, (size_t)n, sizeof *cos, falling);
    for (int i = 0; i < 5; i++) {
        sum += cos[i] / 5;
    }
    return sum;
}

START_TEST(neighbours)
{
    struct gate_mine_bank b;
    struct gate_mine_neighbourhood neighbourhood[3] = { { 0 } };

    mine_world_bank(&b);
    ck_assert_uint_eq(b.n, 16);
    ck_assert_uint_eq(b.n_positives, 8);
    ck_assert_uint_eq(b.dims, 1280);
    for (size_t r = 0; r < b.n; r++) {
        ck_assert_double_eq_tol(
            gate_mine_dot(b.v + r * b.dims, b.v + r * b.dims, b.dims), 1, 1e-5);
        ck_assert_int_eq(mine_world.ds->items[b.item[r]].split, NN_TRAIN);
    }
    gate_mine_bank_neighbourhood(&b, b.v, 3, neighbourhood);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_double_eq_tol(neighbourhood[i].positive_cos,
                                slow(&b, b.v + i * b.dims, 1), 1e-5);
        ck_assert_double_eq_tol(neighbourhood[i].negative_cos,
                                slow(&b, b.v + i * b.dims, 0), 1e-5);
        ck_assert_uint_eq(neighbourhood[i].nearest[0], b.item[i]); /* itself */
    }
    gate_mine_bank_release(&b);
}
END_TEST

/* Known images seen at the size of a pool's: the bank has the embedding of
 * the small copy that is made here by hand. */
START_TEST(known_images_at_the_size_of_a_pool)
{
    enum { SIDE = 12, PX = 32 };
    uint8_t rgb[PX * PX * 3], *bytes = NULL, ok;
    struct nn_image img = NN_IMAGE_INIT;
    struct nn_net large = *mine_world.gate;
    struct gate_mine_bank b, whole;
    struct nn_scorer *s = NULL;
    float by_hand[2], through[2], *v;
    size_t size;
    int32_t side;

    large.spec.size = 97;
    ck_assert_int_eq(gate_mine_pool_side(&large, mine_world.pool, &side, NULL),
                     NN_OK);
    ck_assert_int_eq(side, 48); /* one of them is no image */
    large.spec.size = 96;
    ck_assert_int_eq(gate_mine_pool_side(&large, mine_world.pool, &side, NULL),
                     NN_OK);
    ck_assert_int_eq(side, 0); /* half the input: no thumbnails */
    ck_assert_int_eq(gate_mine_bank_create(mine_world.gate, mine_world.ds, SIDE,
                                           NULL, &b, NULL),
                     NN_OK);
    mine_world_bank(&whole);
    v = nn_mem_calloc(b.dims, sizeof *v);
    ck_assert_int_eq(
        nn_dataset_read(mine_world.ds, b.item[0], &bytes, &size, NULL), NN_OK);
    ck_assert_int_eq(nn_image_prepare(bytes, size, SIDE, &img, NULL, NULL),
                     NN_OK);
    ck_assert_int_eq(img.h, SIDE);
    ck_assert_int_eq(nn_image_fit(&img, PX, rgb), NN_OK);
    ck_assert_int_eq(nn_scorer_create(mine_world.gate, 1, &s, NULL), NN_OK);
    ck_assert_int_eq(nn_scorer_run_bytes(s, rgb, 1, by_hand, NULL), NN_OK);
    nn_scorer_set_side(s, SIDE);
    ck_assert_int_eq(nn_scorer_embed_items(s, mine_world.ds, b.item, 1, NULL,
                                           through, v, &ok, NULL),
                     NN_OK);
    ck_assert(ok);
    ck_assert_float_eq(through[0], by_hand[0]);
    ck_assert_float_eq(through[1], by_hand[1]);
    ck_assert_double_gt(gate_mine_dot(v, b.v, b.dims), 1 - 1e-5);
    ck_assert_double_lt(gate_mine_dot(v, whole.v, b.dims), 1 - 1e-4);
    nn_scorer_destroy(&s);
    nn_image_release(&img);
    nn_mem_free(bytes);
    nn_mem_free(v);
    gate_mine_bank_release(&b);
    gate_mine_bank_release(&whole);
}
END_TEST

/* --- rule --- */

START_TEST(rule_catches_what_it_says)
{
    const struct gate_mine_second_scorer knows = { mine_world_oracle,
                                                   (char[]){ "bear" } };
    struct gate_mine_bank b;
    struct gate_mine_rule r, none_above;
    const struct gate_mine_neighbourhood like = { .agreement = 0.9 };
    const struct gate_mine_neighbourhood unlike = { .agreement = 0.1 };

    mine_world_bank(&b);
    ck_assert_int_eq(
        gate_mine_rule_fit(mine_world.gate, &b, &knows, 1e-9, 0.75, &r, NULL),
        NN_OK);
    ck_assert_uint_eq(r.n_positives, 12);
    ck_assert_uint_eq(r.n_negatives, 12);
    ck_assert_double_ge(r.caught, 0.75);
    ck_assert_double_lt(r.caught, 0.75 + 1.5 / 12);
    ck_assert_double_eq(r.lost, 0); /* the second scorer parts them */
    ck_assert_double_gt(gate_mine_rule_score(&r, 0, &like),
                        gate_mine_rule_score(&r, 0, &unlike));
    /* The threshold decides whom the price is counted on, not the limit. */
    ck_assert_int_eq(gate_mine_rule_fit(mine_world.gate, &b, &knows, 1 - 1e-12,
                                        0.75, &none_above, NULL),
                     NN_OK);
    ck_assert_uint_eq(none_above.n_positives, 0);
    ck_assert_double_eq(none_above.caught, 0);
    ck_assert_double_eq(none_above.limit, r.limit);
    ck_assert_int_eq(
        gate_mine_rule_fit(mine_world.gate, &b, NULL, 1e-9, 1, &r, NULL),
        NN_OK);
    ck_assert_double_eq(r.caught, 1);
    gate_mine_bank_release(&b);
}
END_TEST

START_TEST(rule_needs_both_kinds)
{
    struct nn_error err = NN_ERROR_INIT;
    struct gate_mine_bank b;
    struct gate_mine_rule r;

    mine_world_bank(&b);
    for (size_t i = 0; i < mine_world.ds->n; i++) {
        if (mine_world.ds->items[i].label == NN_NEGATIVE) {
            mine_world.ds->items[i].split = NN_TRAIN;
        }
    }
    ck_assert_int_eq(
        gate_mine_rule_fit(mine_world.gate, &b, NULL, 0.5, 0.9, &r, &err),
        NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "no negatives"));
    gate_mine_bank_release(&b);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("mine");
    TCase *t = tcase_create("mine");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, mine_world_set_up, mine_world_tear_down);
    tcase_add_test(t, journal_survives_a_kill);
    tcase_add_test(t, finished_scores_are_kept);
    tcase_add_test(t, journal_of_another_gate);
    tcase_add_test(t, stopped);
    tcase_add_test(t, neighbours);
    tcase_add_test(t, known_images_at_the_size_of_a_pool);
    tcase_add_test(t, rule_catches_what_it_says);
    tcase_add_test(t, rule_needs_both_kinds);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
