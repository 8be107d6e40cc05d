/* Negatives that are left out of training and those that are given to it. */
#include <string.h>

#include "common/base/file.h"
#include "common/data/negatives.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

static char *data_dir, *one_dir, *two_dir;

static void set_up(void)
{
    data_dir = testkit_mkdir();
    one_dir = testkit_mkdir();
    two_dir = testkit_mkdir();
    album_put_image(data_dir, "train/bear/a.jpg", 1);
    album_put_image(data_dir, "train/none/dog/b.jpg", 2);
    album_put_image(data_dir, "train/none/cat/c.jpg", 3);
    album_put_image(data_dir, "valid/bear/d.jpg", 4);
    album_put_image(data_dir, "valid/none/dog/e.jpg", 5);
    album_put_image(data_dir, "test/none/dog/f.jpg", 6);
    album_put_image(data_dir, "test/bear/g.jpg", 7);
    album_put_image(one_dir, "new.jpg", 11);
    album_put_image(one_dir, "seen_in_train.jpg", 2);
    album_put_image(one_dir, "seen_in_valid.jpg", 4);
    album_put_image(two_dir, "a_bear_of_train.jpg", 1);
    album_put_text(one_dir, "text.jpg", "no image");
    album_put_image(two_dir, "another.jpg", 12);
    album_put_image(two_dir, "seen_in_test.jpg", 6);
    album_put_image(two_dir, "a_negative_of_valid.jpg", 5);
}

static void tear_down(void)
{
    testkit_rmdir(data_dir);
    testkit_rmdir(one_dir);
    testkit_rmdir(two_dir);
}

static enum nn_split split_of(const struct nn_dataset *ds, const char *file)
{
    return ds->items[album_item(ds, file)].split;
}

START_TEST(test_keeps_what_is_left_out)
{
    const char *const families[] = { "dog" };
    struct nn_dataset *ds = album_open(data_dir);

    ck_assert_int_eq(nn_negatives_leave_out(ds, families, 1, NULL), NN_OK);
    ck_assert_int_eq(split_of(ds, "train/none/dog/b.jpg"), NN_SPLIT_NONE);
    ck_assert_int_eq(split_of(ds, "valid/none/dog/e.jpg"), NN_SPLIT_NONE);
    ck_assert_int_eq(split_of(ds, "test/none/dog/f.jpg"), NN_TEST);
    ck_assert_int_eq(split_of(ds, "train/none/cat/c.jpg"), NN_TRAIN);
    ck_assert_int_eq(split_of(ds, "train/bear/a.jpg"), NN_TRAIN);
    ck_assert_int_eq(split_of(ds, "valid/bear/d.jpg"), NN_VALID);
    nn_dataset_close(&ds);
}
END_TEST

START_TEST(unknown_family_is_named)
{
    const char *const families[] = { "cat", "horse" };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_dataset *ds = album_open(data_dir);

    ck_assert_int_eq(nn_negatives_leave_out(ds, families, 2, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(
        strstr(err.text, "has no negative family 'horse' to leave out"));
    nn_dataset_close(&ds);
}
END_TEST

/* Copies of validation and test images stay out, of whatever source. */
START_TEST(copies_do_not_leak)
{
    struct nn_dataset *ds = album_open(data_dir);
    struct nn_dataset *sources[] = { album_open_pool(one_dir),
                                     album_open_pool(two_dir) };
    size_t had = ds->n;
    const char *log = album_log();

    nn_dataset_fingerprint(ds);
    ck_assert_int_eq(nn_negatives_add(ds, sources, 2, "negatives", NULL),
                     NN_OK);
    ck_assert_uint_eq(ds->n, had + 3);
    ck_assert_str_eq(nn_path_base(ds->items[had].file), "new.jpg");
    ck_assert_str_eq(nn_path_base(ds->items[had + 1].file),
                     "seen_in_train.jpg");
    ck_assert_str_eq(nn_path_base(ds->items[had + 2].file), "another.jpg");
    for (size_t i = had; i < ds->n; i++) {
        ck_assert_int_eq(ds->items[i].label, NN_NEGATIVE);
        ck_assert_int_eq(ds->items[i].split, NN_TRAIN);
        ck_assert_int_eq(ds->items[i].family, -1);
    }
    album_expect(ds, had + 2, 12);
    ck_assert_ptr_nonnull(
        strstr(log, "3 more negatives for training (of the 8 given 1 are "
                    "unreadable, 2 copies of validation or test images)"));
    /* One of valid's bears, given as a negative. */
    ck_assert_ptr_nonnull(strstr(log, "2 given negatives are left out"));
    ck_assert_ptr_nonnull(strstr(log, "of 'valid/bear/d.jpg' (class 'bear')"));
    nn_dataset_close(&ds);
    nn_dataset_close(&sources[0]);
    nn_dataset_close(&sources[1]);
}
END_TEST

START_TEST(a_source_of_nothing_is_an_error)
{
    char *bad_dir = testkit_mkdir();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_dataset *ds = album_open(data_dir), *sources[2];
    size_t had = ds->n;

    album_put_text(bad_dir, "x.jpg", "no image");
    album_put_text(bad_dir, "y.jpg", "no image");
    sources[0] = album_open_pool(one_dir);
    sources[1] = album_open_pool(bad_dir);
    nn_dataset_fingerprint(ds);
    ck_assert_int_eq(nn_negatives_add(ds, sources, 2, "negatives", &err),
                     NN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "none of the 2 images of "));
    ck_assert_ptr_nonnull(strstr(err.text, "/x.jpg'"));
    ck_assert_uint_eq(ds->n, had);
    nn_dataset_close(&ds);
    nn_dataset_close(&sources[0]);
    nn_dataset_close(&sources[1]);
    testkit_rmdir(bad_dir);
}
END_TEST

/* They are nobody's copy, and the same photo may be a negative later. */
START_TEST(images_without_a_label)
{
    struct nn_dataset *ds = album_open(data_dir);
    struct nn_dataset *sources[] = { album_open_pool(one_dir),
                                     album_open_pool(two_dir) };
    size_t had = ds->n;
    const char *log = album_log();

    nn_dataset_fingerprint(ds);
    ck_assert_int_eq(nn_unlabelled_add(ds, sources, 2, NULL), NN_OK);
    ck_assert_uint_eq(ds->n, had + 2);
    ck_assert_str_eq(nn_path_base(ds->items[had].file), "new.jpg");
    ck_assert_str_eq(nn_path_base(ds->items[had + 1].file), "another.jpg");
    for (size_t i = had; i < ds->n; i++) {
        ck_assert_int_eq(ds->items[i].split, NN_SPLIT_UNLABELLED);
    }
    ck_assert_uint_eq(nn_dataset_count(ds, NN_TRAIN, NN_ITEMS_ALL), 3);
    ck_assert_str_eq(nn_split_name(NN_SPLIT_UNLABELLED), "none");
    ck_assert_ptr_nonnull(
        strstr(log, "2 images without a label (of the 8 given 1 are "
                    "unreadable, 5 copies of images of the data set)"));
    ck_assert_int_eq(nn_negatives_add(ds, sources, 1, "negatives", NULL),
                     NN_OK);
    ck_assert_uint_eq(ds->n, had + 4);
    ck_assert_str_eq(nn_path_base(ds->items[had + 2].file), "new.jpg");
    ck_assert_int_eq(ds->items[had + 2].split, NN_TRAIN);
    nn_dataset_close(&ds);
    nn_dataset_close(&sources[0]);
    nn_dataset_close(&sources[1]);
}
END_TEST

START_TEST(nothing_to_look_at_is_an_error)
{
    char *bad_dir = testkit_mkdir();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_dataset *ds = album_open(data_dir), *source;
    size_t had = ds->n;

    album_put_text(bad_dir, "x.jpg", "no image");
    source = album_open_pool(bad_dir);
    nn_dataset_fingerprint(ds);
    ck_assert_int_eq(nn_unlabelled_add(ds, &source, 1, &err), NN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "none of the 1 images of "));
    ck_assert_uint_eq(ds->n, had);
    nn_dataset_close(&ds);
    nn_dataset_close(&source);
    testkit_rmdir(bad_dir);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("negatives");
    TCase *t = tcase_create("negatives");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_keeps_what_is_left_out);
    tcase_add_test(t, unknown_family_is_named);
    tcase_add_test(t, copies_do_not_leak);
    tcase_add_test(t, a_source_of_nothing_is_an_error);
    tcase_add_test(t, images_without_a_label);
    tcase_add_test(t, nothing_to_look_at_is_an_error);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
