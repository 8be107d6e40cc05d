/* What records of MegaDetector's format say as rows of a pile, and which files
 * are of that format. */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "pipelines/piles/md_file.h"
#include "pipelines/piles/md_image.h"
#include "tests/unit/testkit.h"

static struct nn_error why;

/* The row of the record, which *image keeps; -1 where it is none of ours. */
static int row_of(const char *text, const char *file, json_t **image,
                  struct pile_row *row)
{
    *image = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(*image);
    return md_image_row(*image, file, row, &why);
}

START_TEST(verdicts)
{
    static const struct {
        const char *text, *label;
        int is_class;
        double best;
    } good[] = {
        { "{\"detections\": [], \"verdict\": \"none\", \"verdict_kind\": "
          "\"none\", \"p_positive\": 0}",
          "none", 0, -1 },
        { "{\"detections\": [], \"verdict\": \"cow\", \"verdict_kind\": "
          "\"class\", \"p_positive\": 1, \"p_class\": 0.75}",
          "cow", 1, 0.75 },
        { "{\"detections\": [], \"verdict\": \"unknown\", \"verdict_kind\": "
          "\"class\", \"p_positive\": 0.5, \"p_class\": 0}",
          "unknown", 1, 0 },
        { "{\"detections\": [], \"verdict\": \"unknown\", \"p_positive\": 1}",
          "unknown", 0, -1 },
        { "{\"detections\": [], \"verdict\": \"cow\", \"p_positive\": 1}",
          "cow", 1, -1 },
    };

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        json_t *image;
        struct pile_row row;

        ck_assert(row_of(good[i].text, "a.jpg", &image, &row));
        ck_assert_ptr_null(row.error);
        ck_assert_str_eq(row.label, good[i].label);
        ck_assert_str_eq(row.time, "");
        ck_assert_int_eq(row.is_class, good[i].is_class);
        ck_assert(row.p_best == good[i].best);
        json_decref(image);
    }
}
END_TEST

START_TEST(failures)
{
    static const struct {
        const char *file, *text, *error;
    } bad[] = {
        { "a.MP4", "{\"detections\": [], \"verdict\": \"none\"}",
          "videos are not read" },
        { "a.jpg", "{\"failure\": \"torn\", \"detections\": null}",
          "the detector failed: torn" },
        { "a.jpg", "{\"failure\": \"torn\", \"detections\": []}",
          "the detector failed: torn" },
        { "a.jpg", "{\"detections\": null}",
          "the detector failed: no detections" },
        { "a.jpg", "{\"detections\": [], \"classification_failure\": \"gone\"}",
          "gone" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *image;
        struct pile_row row;

        ck_assert(row_of(bad[i].text, bad[i].file, &image, &row));
        ck_assert_str_eq(row.error, bad[i].error);
        json_decref(image);
    }
}
END_TEST

START_TEST(not_ours)
{
    static const char *const text[] = {
        "{\"detections\": []}",
        "{\"detections\": [], \"verdict\": 3, \"p_positive\": 0}",
        "{\"detections\": [], \"verdict\": \"none\"}",
        "{\"detections\": [], \"verdict\": \"none\", \"p_positive\": \"1\"}",
        "{\"detections\": [], \"verdict\": \"none\", \"p_positive\": 1.5}",
        "{\"detections\": [], \"verdict\": \"none\", \"p_positive\": -0.5}",
    };

    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        json_t *image;
        struct pile_row row;

        ck_assert(!row_of(text[i], "a.jpg", &image, &row));
        json_decref(image);
    }
}
END_TEST

START_TEST(places)
{
    static const char *const want[][3] = {
        { "", "a/b.jpg", "a/b.jpg" },
        { "card", "a/b.jpg", "card/a/b.jpg" },
        { "card/", "b.jpg", "card/b.jpg" },
        { "card", "/far/b.jpg", "/far/b.jpg" },
    };

    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        char *path = md_image_path(want[i][0], want[i][1]);

        ck_assert_str_eq(path, want[i][2]);
        nn_mem_free(path);
    }
}
END_TEST

START_TEST(kinds)
{
    static const struct {
        const char *text;
        int yes;
    } file[] = {
        { "{\n \"info\": {", 1 },
        { "{\"images\": []}", 1 },
        { " {\"detection_categories\"", 1 },
        { "{\"file\": \"a\"}\n", 0 },
        { "{\"label\": \"info\"}\n", 0 },
        { "{\"inf\": 1}", 0 },
        { "{\"information\": 1}", 0 },
        { "file,label,verdict\n", 0 },
        { "{", 0 },
        { "", 0 },
    };
    char *dir = testkit_mkdir(), *path = nn_path_join(dir, "rows");

    ck_assert(!md_file_is_one(path));
    ck_assert(!md_file_is_one(dir));
    for (size_t i = 0; i < sizeof file / sizeof file[0]; i++) {
        FILE *f = fopen(path, "wb");

        ck_assert_ptr_nonnull(f);
        fputs(file[i].text, f);
        fclose(f);
        ck_assert_msg(md_file_is_one(path) == file[i].yes, "%s", file[i].text);
    }
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("md_image");
    TCase *c = tcase_create("records");

    tcase_add_test(c, verdicts);
    tcase_add_test(c, failures);
    tcase_add_test(c, not_ours);
    tcase_add_test(c, places);
    tcase_add_test(c, kinds);
    suite_add_tcase(s, c);
    return s;
}

TESTKIT_MAIN(create)
