/* Which names are classes, negatives and splits, and what is said of them. */
#include <string.h>

#include "common/base/mem.h"
#include "common/data/dataset_internal.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

/* The words are matched whole; "no_X" is the opposite of a class X alone. */
START_TEST(test_negative_names)
{
    static const char *const named[] = { "mine", "none" };
    static const struct {
        const char *name;
        enum nn_word_kind want;
    } rows[] = {
        { "negative", NN_WORD_NEGATIVE },
        { "Negatives", NN_WORD_NEGATIVE },
        { "NONE", NN_WORD_NEGATIVE },
        { "Background", NN_WORD_NEGATIVE },
        { "other", NN_WORD_NEGATIVE },
        { "noise", NN_WORD_NEGATIVE },
        { "blank", NN_WORD_NEGATIVE },
        { "EMPTY", NN_WORD_NEGATIVE },
        { "no_bear", NN_WORD_NEGATIVE },
        { "Not_Bears", NN_WORD_NEGATIVE },
        { "no-BEAR", NN_WORD_NEGATIVE },
        { "not-dog", NN_WORD_NEGATIVE }, /* the class is "Dogs" */
        { "mine", NN_WORD_NEGATIVE },
        { "none", NN_WORD_CLASS },
        { "no_entry", NN_WORD_CLASS_AFTER_NO },
        { "not_be", NN_WORD_CLASS_AFTER_NO },
        { "no_", NN_WORD_CLASS },
        { "nobear", NN_WORD_CLASS },
        { "nothing", NN_WORD_CLASS },
        { "others", NN_WORD_CLASS },
        { "neg", NN_WORD_CLASS },
        { "Mine", NN_WORD_CLASS },
        { "negative_bear", NN_WORD_CLASS },
    };
    const struct nn_dataset_options opt = { .negative_names = { named, 1 },
                                            .class_names = { named + 1, 1 } };
    char bear[] = "bear", dogs[] = "Dogs";
    char *all[] = { bear, dogs };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(nn_word_kind_of(rows[i].name, all, 2, &opt) ==
                          rows[i].want,
                      "%s", rows[i].name);
    }
    ck_assert(nn_is_negative_word("none/dog", 4));
    ck_assert(!nn_is_negative_word("none/dog", 3));
}
END_TEST

static enum nn_status open_named(const char *dir, const char *class_name,
                                 const char *negative, struct nn_dataset **ds,
                                 struct nn_error *err)
{
    const struct nn_dataset_options opt = {
        .class_names = { &class_name, class_name != NULL },
        .negative_names = { &negative, negative != NULL },
        .names_must_exist = 1,
    };

    return nn_dataset_open(dir, &opt, ds, err);
}

START_TEST(test_named_classes)
{
    char *dir = testkit_mkdir();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_dataset *ds;

    album_put_image(dir, "stop/1.jpg", 1);
    album_put_image(dir, "no_entry/2.jpg", 2);
    album_put_image(dir, "other/3.jpg", 3);
    ds = album_open(dir);
    ck_assert_uint_eq(ds->n_classes, 2);
    ck_assert_uint_eq(ds->n_negatives, 1);
    ck_assert_str_eq(ds->negatives[0], "other");
    ck_assert_uint_eq(ds->n_doubtful, 1);
    ck_assert_str_eq(ds->doubtful[0], "no_entry");
    nn_dataset_close(&ds);
    ck_assert(!open_named(dir, "other", "no_entry", &ds, &err));
    ck_assert_uint_eq(ds->n_classes, 2);
    ck_assert_str_eq(album_label(ds, 0), "-");
    ck_assert_str_eq(album_label(ds, 1), "other");
    ck_assert_str_eq(ds->negatives[0], "no_entry");
    ck_assert_uint_eq(ds->n_doubtful, 0);
    nn_dataset_close(&ds);
    ck_assert_int_eq(open_named(dir, "othre", NULL, &ds, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "'othre'"));
    ck_assert_int_eq(open_named(dir, NULL, "sto", &ds, &err), NN_ERR_ARG);
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

START_TEST(test_two_labels)
{
    char *dir = testkit_mkdir();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_dataset *ds;

    album_put_image(dir, "cat/1.jpg", 1);
    album_put_image(dir, "dog, cat/2.jpg", 2);
    album_put_image(dir, "none/3.jpg", 3);
    album_refuse(dir, NN_ERR_FORMAT, "'dog, cat' looks like several labels");
    ck_assert(!open_named(dir, "dog, cat", NULL, &ds, &err));
    ck_assert_uint_eq(ds->n_classes, 2);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
    dir = testkit_mkdir();
    album_put_image(dir, "cat/1.jpg", 1);
    album_put_image(dir, "Smith, John/2.jpg", 2); /* no class beside it */
    ds = album_open(dir);
    ck_assert_uint_eq(ds->n_classes, 2);
    nn_dataset_close(&ds);
    album_put_image(dir, "-cat/3.jpg", 3);
    album_refuse(dir, NN_ERR_FORMAT, "'-cat' looks like 'not' a label");
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

START_TEST(test_twins)
{
    static const char *const twins[][2] = {
        { "Bear", "bear" },
        { "b\xc3\xa4r", "ba\xcc\x88r" },            /* NFC, NFD */
        { "B\xc3\x84R", "b\xc3\xa4r" },             /* A umlaut */
        { "\xe1\xba\xa5", "\xc3\xa2\xcc\x81" },     /* two marks */
        { "\xd0\x9c\xd0\x95", "\xd0\xbc\xd0\xb5" }, /* Cyrillic */
        { "\xce\xa9", "\xcf\x89" },                 /* Greek */
    };
    static const char *const others[][2] = {
        { "b\xc3\xa4r", "bar" },
        { "bear", "bears" },
        { "b%E4r", "b\xc3\xa4r" },
        { "\xd0\xbc", "\xd0\xb5" },
        { "", "a" },
    };

    for (size_t i = 0; i < sizeof twins / sizeof twins[0]; i++) {
        char *all[] = { (char *)(uintptr_t)twins[i][1] };

        ck_assert_msg(nn_twin_of(twins[i][0], all, 1) == all[0], "row %zu", i);
        ck_assert_ptr_null(nn_twin_of(twins[i][1], all, 1)); /* itself */
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char *all[] = { (char *)(uintptr_t)others[i][1] };

        ck_assert_msg(nn_twin_of(others[i][0], all, 1) == NULL, "row %zu", i);
    }
}
END_TEST

START_TEST(test_twins_are_said)
{
    char *dir = testkit_mkdir();
    const char *log = album_log();
    struct nn_dataset *ds;

    album_put_image(dir, "Bear/1.jpg", 1);
    album_put_image(dir, "bear/2.jpg", 2);
    ds = album_open(dir);
    ck_assert_uint_eq(ds->n_classes, 2);
    ck_assert_ptr_nonnull(strstr(log, "'Bear' and 'bear' are two classes"));
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

/* A folder that lies alone in DATA and holds splits or negatives is DATA. */
START_TEST(test_folder_above)
{
    char *dir = testkit_mkdir();
    const char *log = album_log();
    struct nn_dataset *ds;

    album_put_image(dir, "a/bears/train_set/cat/1.jpg", 1);
    album_put_image(dir, "a/bears/Test-Images/cat/2.jpg", 2);
    album_put_image(dir, "a/bears/val2017/none/3.jpg", 3);
    ds = album_open(dir);
    ck_assert_uint_eq(ds->n_classes, 1);
    ck_assert_int_eq(ds->has_splits, 1);
    ck_assert_int_eq(ds->items[0].split, NN_TEST);
    ck_assert_int_eq(ds->items[1].split, NN_TRAIN);
    ck_assert_int_eq(ds->items[2].split, NN_VALID);
    ck_assert_ptr_nonnull(strstr(log, "'a/bears': looking into it"));
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
    dir = testkit_mkdir();
    album_put_image(dir, "bears/cat/deep/1.jpg", 1);
    album_put_image(dir, "bears/dog/2.jpg", 2);
    ds = album_open(dir); /* may as well be one class */
    ck_assert_uint_eq(ds->n_classes, 1);
    ck_assert_str_eq(ds->classes[0], "bears");
    nn_dataset_close(&ds);
    album_put_image(dir, "bears/none/3.jpg", 3);
    ds = album_open(dir);
    ck_assert_uint_eq(ds->n_classes, 2);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

START_TEST(test_split_names)
{
    static const char *const no[] = { "trainer", "trains",         "test1",
                                      "tested",  "testing_ground", "value",
                                      "",        "train20170" };
    enum nn_split s;

    ck_assert(!nn_split_parse("Training Set", &s) && s == NN_TRAIN);
    ck_assert(!nn_split_parse("validation_images", &s) && s == NN_VALID);
    ck_assert(!nn_split_parse("testset", &s) && s == NN_TEST);
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        ck_assert_msg(nn_split_parse(no[i], &s) != 0, "%s", no[i]);
    }
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("class_names");
    TCase *t = tcase_create("class_names");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, test_negative_names);
    tcase_add_test(t, test_named_classes);
    tcase_add_test(t, test_two_labels);
    tcase_add_test(t, test_twins);
    tcase_add_test(t, test_twins_are_said);
    tcase_add_test(t, test_folder_above);
    tcase_add_test(t, test_split_names);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
