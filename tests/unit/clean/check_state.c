/* What decisions on a sample say of the list. */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/eval/sampling.h"
#include "pipelines/clean/clean.h"
#include "tests/unit/testkit.h"

static char *dir, *path;

static void set_up(void)
{
    dir = testkit_mkdir();
    path = nn_path_join(dir, "d.jsonl");
}

static void tear_down(void)
{
    nn_mem_free(path);
    testkit_rmdir(dir);
}

/* A list of 200, of which 50 were drawn; `drawn` of those and `more` others
 * were decided on, the first of either are wrong. */
static void write_page(int drawn, int wrong, int more, int more_wrong)
{
    FILE *to = fopen(path, "w");

    ck_assert_ptr_nonnull(to);
    fputs("{\"format\":\"bearcascade-decisions 1\",\"listed\":200,"
          "\"sample\":50}\n",
          to);
    for (int i = 0; i < drawn + more; i++) {
        int sampled = i < drawn;
        int bad = sampled ? i < wrong : i - drawn < more_wrong;

        fprintf(to,
                "{\"file\":\"%d.jpg\",\"label\":%s,\"given\":\"bear\","
                "\"list\":\"suspects\"%s}\n",
                i,
                !bad    ? "\"bear\""
                : i % 2 ? "null"
                        : "\"none\"",
                sampled ? ",\"sampled\":true" : "");
    }
    /* of the other lists: says nothing of the suspects */
    fputs("{\"file\":\"x.jpg\",\"label\":null,\"given\":\"bear\","
          "\"list\":\"duplicates\"}\n",
          to);
    fclose(to);
}

static struct clean_statement state(void)
{
    struct nn_decisions d = NN_DECISIONS_INIT;
    struct clean_statement s;

    ck_assert_int_eq(nn_decisions_read(path, &d, NULL), NN_OK);
    ck_assert_int_eq(clean_state(&d, &s, NULL), NN_OK);
    nn_decisions_release(&d);
    return s;
}

START_TEST(a_whole_sample_gives_the_exact_bound)
{
    struct clean_statement s;

    write_page(50, 40, 0, 0);
    s = state();
    ck_assert_uint_eq(s.looked_at, 50);
    ck_assert_uint_eq(s.wrong_in_all, 40);
    ck_assert_uint_eq(s.at_least, nn_hypergeom_lower(200, 50, 40, 0.95));
    ck_assert_uint_eq(s.at_least, 140);
}
END_TEST

START_TEST(a_part_of_the_sample_says_nothing_yet)
{
    write_page(49, 40, 30, 30);
    ck_assert_uint_eq(state().at_least, SIZE_MAX);
}
END_TEST

START_TEST(what_was_found_counts_at_least)
{
    struct clean_statement s;

    write_page(50, 10, 100, 90);
    s = state();
    ck_assert_uint_eq(s.looked_at, 150);
    ck_assert_uint_eq(s.wrong_in_all, 100);
    ck_assert_uint_eq(s.at_least, 100);
}
END_TEST

START_TEST(other_decisions_are_of_no_page)
{
    struct nn_decisions d = NN_DECISIONS_INIT;
    struct clean_statement s;
    FILE *to = fopen(path, "w");

    ck_assert_ptr_nonnull(to);
    fputs("{\"format\":\"bearcascade-decisions 1\",\"listed\":20}\n", to);
    fclose(to);
    ck_assert_int_eq(nn_decisions_read(path, &d, NULL), NN_OK);
    ck_assert_int_eq(clean_state(&d, &s, NULL), NN_ERR_FORMAT);
    nn_decisions_release(&d);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("state");
    TCase *t = tcase_create("state");

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_whole_sample_gives_the_exact_bound);
    tcase_add_test(t, a_part_of_the_sample_says_nothing_yet);
    tcase_add_test(t, what_was_found_counts_at_least);
    tcase_add_test(t, other_decisions_are_of_no_page);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
