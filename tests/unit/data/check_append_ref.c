/* Images of one data set in another, and a larger table of classes. */
#include <string.h>

#include "common/base/mem.h"
#include "common/data/dataset_internal.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

static char *data_dir, *pool_dir;

static void set_up(void)
{
    data_dir = testkit_mkdir();
    pool_dir = testkit_mkdir();
    album_put_image(data_dir, "train/black/a.jpg", 1);
    album_put_image(data_dir, "train/teddy/b.jpg", 2);
    album_put_image(data_dir, "train/none/dog/c.jpg", 3);
    album_put_image(pool_dir, "x/p.jpg", 11);
    album_put_image(pool_dir, "x/q.jpg", 2); /* the teddy again */
    album_put_image(pool_dir, "y/r.jpg", 13);
    album_put_text(pool_dir, "z.jpg", "no image");
}

static void tear_down(void)
{
    testkit_rmdir(data_dir);
    testkit_rmdir(pool_dir);
}

START_TEST(reads_through)
{
    const uint32_t pick[] = { 2, 0 };
    struct nn_dataset *ds = album_open(data_dir);
    struct nn_dataset *pool = album_open_pool(pool_dir);
    size_t had = ds->n;

    ck_assert_int_eq(
        nn_dataset_append_ref(ds, pool, pick, 2, NN_NEGATIVE, NN_TRAIN, NULL),
        NN_OK);
    ck_assert_int_eq(nn_dataset_append_ref(ds, pool, pick, 1, 1, NN_TEST, NULL),
                     NN_OK);
    ck_assert_uint_eq(ds->n, had + 3);
    album_expect(ds, had, 13);
    album_expect(ds, had + 1, 11);
    album_expect(ds, had + 2, 13);
    ck_assert_str_eq(ds->items[had].file, pool->items[2].file);
    ck_assert_int_eq(ds->items[had].label, NN_NEGATIVE);
    ck_assert_int_eq(ds->items[had].family, -1);
    ck_assert_int_eq(ds->items[had].split, NN_TRAIN);
    ck_assert_str_eq(album_label(ds, had + 2), "teddy");
    ck_assert_int_eq(ds->items[had + 2].split, NN_TEST);
    album_expect(ds, 0, 1); /* its own are where they were */
    nn_dataset_close(&ds);
    nn_dataset_close(&pool);
}
END_TEST

START_TEST(larger_table_of_classes)
{
    const char *const model[] = { "teddy", "polar", "black" };
    const char *const other[] = { "teddy", "polar" };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_dataset *ds = album_open(data_dir);

    ck_assert_int_eq(nn_dataset_set_classes(ds, other, 2, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "unknown class 'black'"));
    ck_assert_uint_eq(ds->n_classes, 2);
    ck_assert_int_eq(nn_dataset_set_classes(ds, model, 3, &err), NN_OK);
    ck_assert_uint_eq(ds->n_classes, 3);
    ck_assert_str_eq(ds->classes[1], "polar");
    for (size_t i = 0; i < ds->n; i++) {
        const char *file = ds->items[i].file;
        int32_t want = strstr(file, "teddy") != NULL   ? 0
                       : strstr(file, "black") != NULL ? 2
                                                       : NN_NEGATIVE;

        ck_assert_int_eq(ds->items[i].label, want);
    }
    nn_dataset_close(&ds);
}
END_TEST

/* A gate alone has one class, joined from those of its data. */
START_TEST(joined_classes)
{
    const char *const gate[] = { "black|teddy" };
    const char *const lacks[] = { "blackbird|teddy" };
    const char *const both[] = { "black|teddy", "teddy" };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_dataset *ds = album_open(data_dir);

    ck_assert_int_eq(nn_dataset_set_classes(ds, lacks, 1, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "unknown class 'black'"));
    ck_assert_int_eq(nn_dataset_set_classes(ds, both, 2, &err), NN_OK);
    for (size_t i = 0; i < ds->n; i++) { /* its own name comes first */
        int32_t label = ds->items[i].label;
        int teddy = strstr(ds->items[i].file, "teddy") != NULL;

        ck_assert(label == NN_NEGATIVE || label == teddy);
    }
    nn_dataset_close(&ds);
    ds = album_open(data_dir);
    ck_assert_int_eq(nn_dataset_set_classes(ds, gate, 1, &err), NN_OK);
    ck_assert_uint_eq(ds->n_classes, 1);
    for (size_t i = 0; i < ds->n; i++) {
        const char *file = ds->items[i].file;
        int bear = strstr(file, "teddy") != NULL || strstr(file, "black");

        ck_assert_int_eq(ds->items[i].label, bear ? 0 : NN_NEGATIVE);
    }
    nn_dataset_close(&ds);
}
END_TEST

/* The way mining finds copies: a set of both, fingerprinted and grouped. */
START_TEST(duplicates_across_sets)
{
    const uint32_t all[] = { 0, 1, 2, 3 };
    struct nn_dataset *ds = album_open(data_dir), *both;
    struct nn_dataset *pool = album_open_pool(pool_dir);

    nn_dataset_fingerprint(ds);
    nn_dataset_fingerprint(pool);
    both = nn_dataset_new("both", 0);
    ck_assert_ptr_nonnull(both);
    ck_assert_uint_eq(both->n, 0);
    ck_assert_int_eq(nn_dataset_append_ref(both, ds, all, 3, NN_NEGATIVE,
                                           NN_SPLIT_NONE, NULL),
                     NN_OK);
    ck_assert_int_eq(nn_dataset_append_ref(both, pool, all, 4, NN_NEGATIVE,
                                           NN_SPLIT_NONE, NULL),
                     NN_OK);
    ck_assert_int_eq(nn_dataset_group(both, NN_NEAR_BITS, NULL), NN_OK);
    for (size_t i = 0; i < 3; i++) {
        int same = strcmp(both->items[i].file, "train/teddy/b.jpg") == 0;

        ck_assert_int_eq(both->items[4].group == both->items[i].group, same);
        ck_assert(both->items[3].group != both->items[i].group);
    }
    ck_assert_int_eq(both->items[6].bad, 1);
    nn_dataset_close(&both);
    nn_dataset_close(&ds);
    nn_dataset_close(&pool);
}
END_TEST

START_TEST(refuses)
{
    const uint32_t bad[] = { 0, 4 };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_dataset *ds = album_open(data_dir);
    struct nn_dataset *pool = album_open_pool(pool_dir);
    size_t had = ds->n;

    ck_assert_int_eq(
        nn_dataset_append_ref(ds, pool, bad, 2, NN_NEGATIVE, NN_TRAIN, &err),
        NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "no image 4"));
    ck_assert_int_eq(nn_dataset_append_ref(ds, pool, bad, 1, 2, NN_TRAIN, &err),
                     NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "no class 2"));
    ck_assert_uint_eq(ds->n, had);
    nn_dataset_close(&ds);
    nn_dataset_close(&pool);
}
END_TEST

static int append_all(void *ctx)
{
    const uint32_t all[] = { 0, 1, 2, 3 };
    struct nn_dataset *both = nn_dataset_new("both", 0);
    enum nn_status st = both != NULL ? NN_OK : NN_ERR_NOMEM;

    if (!st) {
        st = nn_dataset_append_ref(both, ctx, all, 4, NN_NEGATIVE, NN_TRAIN,
                                   NULL);
        ck_assert_uint_eq(both->n, st ? 0 : 4);
    }
    nn_dataset_close(&both);
    return st;
}

static int take_classes(void *ctx)
{
    const char *const model[] = { "teddy", "polar", "black" };
    struct nn_dataset *ds = nn_dataset_new("none", 0);
    enum nn_status st = ds != NULL ? NN_OK : NN_ERR_NOMEM;

    (void)ctx;
    if (!st) {
        st = nn_dataset_set_classes(ds, model, 3, NULL);
        ck_assert_uint_eq(ds->n_classes, st ? 0 : 3);
    }
    nn_dataset_close(&ds);
    return st;
}

START_TEST(allocation_failures)
{
    struct nn_dataset *pool = album_open_pool(pool_dir);

    testkit_each_alloc_failure(append_all, pool);
    testkit_each_alloc_failure(take_classes, NULL);
    nn_dataset_close(&pool);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("append_ref");
    TCase *t = tcase_create("append_ref");

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, reads_through);
    tcase_add_test(t, duplicates_across_sets);
    tcase_add_test(t, refuses);
    tcase_add_test(t, larger_table_of_classes);
    tcase_add_test(t, joined_classes);
    tcase_add_test(t, allocation_failures);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
