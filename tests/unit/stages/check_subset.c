/* Weights and loss of a training on a subset. */
#include "pipelines/train/train_subset.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

static char *data_dir;

static void set_up(void)
{
    data_dir = testkit_mkdir();
    album_put_image(data_dir, "train/bear/0.jpg", 1);
    album_put_image(data_dir, "train/none/dog/1.jpg", 2);
    album_put_image(data_dir, "train/none/dog/2.jpg", 3);
    album_put_image(data_dir, "train/none/cat/3.jpg", 4);
    album_put_image(data_dir, "valid/bear/4.jpg", 5);
    album_put_image(data_dir, "valid/none/dog/5.jpg", 6);
    album_put_image(data_dir, "test/bear/6.jpg", 7);
    album_put_image(data_dir, "test/none/dog/7.jpg", 8);
}

static void tear_down(void)
{
    testkit_rmdir(data_dir);
}

/* One positive and three negatives are trained on; a fifth is unreadable:
 * 4 / (2 x 1) = 2 and 4 / (2 x 3) = 2/3, times the weight that was there. */
START_TEST(weights_of_both_kinds_are_alike)
{
    const struct train_subset s = { .class_weights = 1 };
    struct nn_dataset *ds;

    album_put_text(data_dir, "train/none/cat/bad.jpg", "no image");
    ds = album_open(data_dir);
    nn_dataset_fingerprint(ds);
    ds->items[album_item(ds, "train/none/dog/2.jpg")].weight = 3;
    ck_assert_int_eq(train_take_subset(ds, &s, NULL), NN_OK);
    ck_assert_float_eq_tol(ds->items[album_item(ds, "train/bear/0.jpg")].weight,
                           2, 1e-6f);
    ck_assert_float_eq_tol(
        ds->items[album_item(ds, "train/none/dog/1.jpg")].weight, 0.6666667f,
        1e-6f);
    ck_assert_float_eq_tol(
        ds->items[album_item(ds, "train/none/dog/2.jpg")].weight, 2, 1e-6f);
    ck_assert_float_eq(ds->items[album_item(ds, "valid/bear/4.jpg")].weight, 1);
    nn_dataset_close(&ds);
}
END_TEST

START_TEST(focal_loss_when_asked_for)
{
    struct train_subset s = { .gate_focal = 0 };
    struct nn_loss l = { NN_LOSS_CATEGORICAL, 0.25f, 2, 0.1f };

    train_subset_loss(&s, &l);
    ck_assert_int_eq(l.kind, NN_LOSS_CATEGORICAL);
    s.gate_focal = 1.5;
    train_subset_loss(&s, &l);
    ck_assert_int_eq(l.kind, NN_LOSS_FOCAL_CATEGORICAL);
    ck_assert_float_eq(l.gamma, 1.5f);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("subset");
    TCase *t = tcase_create("subset");

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, weights_of_both_kinds_are_alike);
    tcase_add_test(t, focal_loss_when_asked_for);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
