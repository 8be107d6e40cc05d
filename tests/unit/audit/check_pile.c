/* Rows of predictions, bursts, plans that are read back. */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/audit/decisions.h"
#include "pipelines/audit/plan.h"
#include "tests/unit/testkit.h"

static char *write_rows(const char *dir, const char *text)
{
    char *path = nn_path_join(dir, "rows.jsonl");
    FILE *f = fopen(path, "w");

    ck_assert(f != NULL);
    fputs(text, f);
    fclose(f);
    return path;
}

static const char rows[] =
    "{\"file\":\"a/1.jpg\",\"p_positive\":0.2,\"time\":\"2024-05-31T06:12:09\"}"
    "\n{\"file\":\"b/1.jpg\",\"p_positive\":0.9,\"time\":\"2024:05:31 "
    "06:12:09\"}\n\n"
    "{\"file\":\"bad.jpg\",\"error\":\"cut short\"}\n"
    "{\"file\":\"a/3.jpg\",\"p_positive\":0.3,\"time\":\"2024-06-01T00:00:20\"}"
    "\n{\"file\":\"a/"
    "2.jpg\",\"p_positive\":0.7,\"time\":\"2024-05-31T23:59:59\""
    "}\n{\"file\":\"a/0.jpg\",\"p_positive\":0.1,\"time\":\"2024-05-31T06:12:39"
    "\"}";

START_TEST(pile_and_bursts)
{
    char *dir = testkit_mkdir(), *path = write_rows(dir, rows);
    struct audit_pile pile = AUDIT_PILE_INIT;
    const size_t by_time[] = { 0, 1, 2, 2, 0 }, by_folder[] = { 0, 1, 0, 0, 0 };

    ck_assert(audit_pile_read(&pile, path, NULL) == NN_OK);
    ck_assert(pile.n == 5 && pile.n_unreadable == 1 && pile.n_groups == 5);
    ck_assert(audit_pile_group(&pile, AUDIT_BY_TIME, 30, NULL) == NN_OK);
    ck_assert_uint_eq(pile.n_groups, 3);
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(pile.photo[i].group, by_time[i]);
    }
    ck_assert(audit_pile_group(&pile, AUDIT_BY_TIME, 20, NULL) == NN_OK);
    ck_assert_uint_eq(pile.n_groups, 5);
    ck_assert(audit_pile_group(&pile, AUDIT_BY_FOLDER, 0, NULL) == NN_OK);
    ck_assert_uint_eq(pile.n_groups, 2);
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(pile.photo[i].group, by_folder[i]);
    }
    pile.photo[3].has_time = 0; /* a photo without a time is alone */
    ck_assert(audit_pile_group(&pile, AUDIT_BY_TIME, 30, NULL) == NN_OK);
    ck_assert_uint_eq(pile.n_groups, 4);
    for (int i = 0; i < 5; i++) {
        pile.photo[i].has_time = 0;
    }
    ck_assert(audit_pile_group(&pile, AUDIT_BY_TIME, 30, NULL) == NN_ERR_ARG);
    audit_pile_release(&pile);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

#define SHOT(file, model, time)                                                \
    "{\"file\":\"" file "\",\"p_positive\":0.5,\"camera\":{\"model\":\"" model \
    "\"}" time "}\n"
#define AT(t) ",\"time\":\"" t "\""

/* Two cameras of one folder, whose clocks interleave and stand in any order;
 * the ends of a day, a month, a leap February and a year; offsets from UTC,
 * which are passed over, as all is by the camera's clock; no time. */
static const char clocks[] = SHOT("c/1", "A", AT("2024-02-29T23:59:50"))
    SHOT("c/2", "B", AT("2024-02-29T23:59:55")) SHOT("c/3", "A",
                                                     AT("2024-03-01T00:00:10"))
        SHOT("c/4", "B", AT("2024-03-01T00:00:26"))
            SHOT("c/5", "A", AT("2024-03-01T00:00:40.5"))
                SHOT("c/6", "A", AT("2023-12-31T23:59:45+01:00")) SHOT(
                    "c/7", "A", AT("2024-01-01T00:00:15Z")) SHOT("c/8", "B", "")
                    SHOT("c/9", "B", AT("0000:00:00 00:00:00"))
                        SHOT("d/1", "A", AT("2024-03-01T00:00:10"))
                            SHOT("c/10", "A", AT("2023-02-28T23:59:59"))
                                SHOT("c/11", "A", AT("2023-03-01T00:00:29"));

START_TEST(clocks_of_cameras)
{
    const size_t group[] = { 0, 1, 0, 2, 3, 4, 4, 5, 6, 7, 8, 8 };
    char *dir = testkit_mkdir(), *path = write_rows(dir, clocks);
    struct audit_pile pile = AUDIT_PILE_INIT;

    ck_assert(audit_pile_read(&pile, path, NULL) == NN_OK);
    ck_assert_uint_eq(pile.n, sizeof group / sizeof group[0]);
    ck_assert(audit_pile_group(&pile, AUDIT_BY_TIME, 30, NULL) == NN_OK);
    for (size_t i = 0; i < pile.n; i++) {
        ck_assert_msg(pile.photo[i].group == group[i], "%s: %zu",
                      pile.photo[i].file, pile.photo[i].group);
    }
    audit_pile_release(&pile);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(rows_or_photos)
{
    static const struct {
        const char *text;
        int rows;
    } first[] = {
        { "{\"file\":\"a\",\"p_positive\":0.5}\n", 1 },
        { "{\"file\":\"a\",\"error\":\"cut short\"}", 1 },
        { "{\"file\":\"a\",\"label\":\"black\"}\n", 0 }, /* a manifest */
        { "{\"file\":\"a\",\"p_posi", 0 },
        { "file,label\n", 0 },
        { "", 0 },
    };
    char *dir = testkit_mkdir();

    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
        char *path = write_rows(dir, first[i].text);

        ck_assert_int_eq(audit_pile_is_rows(path), first[i].rows);
        nn_mem_free(path);
    }
    ck_assert_int_eq(audit_pile_is_rows(dir), 0);
    ck_assert_int_eq(audit_pile_is_rows("/nowhere/rows.jsonl"), 0);
    testkit_rmdir(dir);
}
END_TEST

static const char *const wrong[] = {
    "",
    "{\"file\":\"a\",\"error\":\"x\"}\n",
    "{\"file\":\"a\"}\n",
    "{\"p_positive\":0.5}\n",
    "{\"file\":\"a\",\"p_positive\":1.5}\n",
    ("{\"file\":\"a\",\"p_positive\":0.5}\n"
     "{\"file\":\"a\",\"p_positive\":0.4}\n"),
    "file,label\n",
    "[1]\n",
};

START_TEST(pile_errors)
{
    char *dir = testkit_mkdir(), *path = write_rows(dir, wrong[_i]);
    struct audit_pile pile = AUDIT_PILE_INIT;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert(audit_pile_read(&pile, path, &err) == NN_ERR_FORMAT);
    ck_assert(err.text[0] != '\0');
    audit_pile_release(&pile);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

/* The plan of a folder, with draws by time as units and photos counted. */
START_TEST(plan_comes_back)
{
    char *dir = testkit_mkdir(), *path = write_rows(dir, rows);
    char *copy = nn_path_join(dir, "predictions.jsonl");
    struct audit_options o = { .recall = 0.8,
                               .confidence = 0.9,
                               .unit = AUDIT_BY_TIME,
                               .gap = 30,
                               .count_photos = 1,
                               .wrong = 0.05,
                               .seed = 7 };
    struct audit_plan plan = AUDIT_PLAN_INIT, back = AUDIT_PLAN_INIT;

    ck_assert(rename(path, copy) == 0);
    ck_assert(audit_plan_make(&plan, copy, &o, NULL) == NN_OK);
    ck_assert(plan.n == 3 && plan.goal.recall == 0.8 / (0.95 * 0.95));
    /* by score: b/1 (0.9), a/3 and a/2 (0.7), a/1 and a/0 (0.2) */
    ck_assert(plan.member[0] == 1 && plan.member[1] == 2 &&
              plan.member[2] == 3 && plan.member[3] == 0 &&
              plan.member[4] == 4);
    ck_assert(plan.unit[0].value == 1 && plan.unit[1].value == 2);
    ck_assert(audit_plan_write(&plan, dir, NULL) == NN_OK);
    ck_assert(audit_plan_read(&back, dir, NULL) == NN_OK);
    ck_assert_str_eq(plan.hash, back.hash);
    ck_assert(back.n == 3 && back.even == plan.even);
    for (int i = 0; i < 3; i++) {
        ck_assert(back.unit[i].clock == plan.unit[i].clock);
        ck_assert(back.unit[i].expected == plan.unit[i].expected);
    }
    audit_plan_release(&plan);
    o.wrong = 0.2;
    ck_assert(audit_plan_make(&plan, copy, &o, NULL) == NN_ERR_ARG);
    audit_plan_release(&plan);
    audit_plan_release(&back);
    nn_mem_free(copy);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

static size_t count_lines(const char *dir, const char *name, const char *with)
{
    char *path = nn_path_join(dir, name), line[4096];
    FILE *f = fopen(path, "r");
    size_t n = 0;

    ck_assert(f != NULL);
    while (fgets(line, sizeof line, f) != NULL) {
        n += strstr(line, with) != NULL;
    }
    fclose(f);
    nn_mem_free(path);
    return n;
}

/* A burst is positive when one of its frames is, so no frame gets a label. */
START_TEST(labels_of_bursts)
{
    char *dir = testkit_mkdir();
    char *path =
        write_rows(dir, "{\"file\":\"/a/1\",\"p_positive\":0.2,\"p\":{}}\n"
                        "{\"file\":\"/b/1\",\"p_positive\":0.9,\"p\":"
                        "{\"x\":0.1,\"y\":0.9}}\n"
                        "{\"file\":\"/a/2\",\"p_positive\":0.3}\n"
                        "{\"file\":\"/c/1\",\"p_positive\":0.1}\n");
    struct audit_options o = {
        .recall = 0.8, .confidence = 0.9, .unit = AUDIT_BY_FOLDER, .seed = 7
    };
    unsigned char answer[3] = { AUDIT_POSITIVE, AUDIT_POSITIVE, AUDIT_UNSURE };
    unsigned char cls[3] = { 2, 2, 0 };
    struct audit_plan plan = AUDIT_PLAN_INIT;
    struct audit_result r = { .answer = answer, .cls = cls };

    ck_assert(audit_plan_make(&plan, path, &o, NULL) == NN_OK);
    ck_assert(plan.pile.n_classes == 2 && plan.n == 3);
    ck_assert(audit_decisions_write(&plan, &r, dir, NULL) == NN_OK);
    ck_assert_uint_eq(count_lines(dir, "decisions.jsonl", ""), 1);
    ck_assert_uint_eq(count_lines(dir, "decisions.jsonl", "\"y\""), 1);
    ck_assert_uint_eq(count_lines(dir, "decisions.jsonl", "/b/1"), 1);
    ck_assert_uint_eq(count_lines(dir, "positives.jsonl", "/a/"), 2);
    ck_assert_uint_eq(count_lines(dir, "negatives.jsonl", ""), 0);
    ck_assert_uint_eq(count_lines(dir, "looks.jsonl", "positive"), 3);
    ck_assert_uint_eq(count_lines(dir, "looks.jsonl", "not sure"), 1);
    audit_plan_release(&plan);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

static int make_plan(void *ctx)
{
    struct audit_options o = { .recall = 0.8, .confidence = 0.9, .seed = 7 };
    struct audit_plan plan = AUDIT_PLAN_INIT;
    enum nn_status st = audit_plan_make(&plan, ctx, &o, NULL);

    audit_plan_release(&plan);
    return (int)st;
}

START_TEST(plan_memory)
{
    char *dir = testkit_mkdir();
    char *path = write_rows(dir, "{\"file\":\"a\",\"p_positive\":0.5}\n"
                                 "{\"file\":\"b\",\"p_positive\":0.1}\n");

    testkit_each_alloc_failure(make_plan, path);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

static Suite *pile_suite(void)
{
    Suite *s = suite_create("audit pile");
    TCase *t = tcase_create("pile");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, pile_and_bursts);
    tcase_add_test(t, clocks_of_cameras);
    tcase_add_test(t, rows_or_photos);
    tcase_add_loop_test(t, pile_errors, 0, sizeof wrong / sizeof wrong[0]);
    tcase_add_test(t, plan_comes_back);
    tcase_add_test(t, labels_of_bursts);
    tcase_add_test(t, plan_memory);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(pile_suite)
