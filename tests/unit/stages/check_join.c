/* Several data sets as one: names, labels, families, splits, bytes. */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "pipelines/data/join.h"
#include "pipelines/data/open.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

static char *dir;

/* one/photos names its splits, two/photos does not; both have ants. */
static void set_up(void)
{
    static const char *const one[] = {
        "one/photos/train/ant/1.jpg",          "one/photos/train/bee/2.jpg",
        "one/photos/train/negative/dog/3.jpg", "one/photos/valid/ant/4.jpg",
        "one/photos/test/negative/5.jpg",
    };
    char name[64];

    dir = testkit_mkdir();
    for (uint64_t i = 0; i < 5; i++) {
        album_put_image(dir, one[i], i + 1);
    }
    for (uint64_t i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "two/photos/%s/%02d.jpg",
                 i < 10   ? "ant"
                 : i < 20 ? "cat"
                          : "none/rock",
                 (int)i);
        album_put_image(dir, name, 100 + i);
    }
}

static void tear_down(void)
{
    testkit_rmdir(dir);
}

/* "join:" of folders below dir; nn_mem_free(). */
static char *spec_of(const char *a, const char *b, const char *c)
{
    const char *paths[] = { album_path(dir, a), album_path(dir, b), NULL };

    if (c != NULL) {
        paths[2] = album_path(dir, c);
    }
    return join_spec(paths, c != NULL ? 3 : 2);
}

static struct nn_dataset *open_spec(char *spec)
{
    const struct nn_dataset_options opt = { .generators = data_generators };
    struct nn_dataset *ds;
    struct nn_error err = NN_ERROR_INIT;
    enum nn_status st = nn_dataset_open(spec, &opt, &ds, &err);

    ck_assert_msg(st == NN_OK, "%s", err.text);
    nn_mem_free(spec);
    return ds;
}

START_TEST(specs)
{
    const char *const paths[] = { "a", "b/c", "d" };
    char *s = join_spec(paths, 1);

    ck_assert_str_eq(s, "a");
    nn_mem_free(s);
    s = join_spec(paths, 2);
    ck_assert_str_eq(s, "join:a|b/c");
    nn_mem_free(s);
    s = join_spec(paths, 3);
    ck_assert_str_eq(s, "join:a|b/c|d");
    nn_mem_free(s);
}
END_TEST

static void expect_item(const struct nn_dataset *ds, const char *file,
                        const char *label, enum nn_split split, uint64_t seed)
{
    size_t i = album_item(ds, file);

    ck_assert_str_eq(album_label(ds, i), label);
    if (split != NN_SPLIT_NONE) {
        ck_assert_int_eq(ds->items[i].split, split);
    }
    album_expect(ds, i, seed);
}

START_TEST(items)
{
    struct nn_dataset *ds = open_spec(spec_of("one/photos", "two/photos", 0));

    ck_assert_uint_eq(ds->n, 35);
    ck_assert_int_eq(ds->has_splits, 1);
    ck_assert_uint_eq(ds->n_classes, 3);
    ck_assert_str_eq(ds->classes[0], "ant");
    ck_assert_str_eq(ds->classes[1], "bee");
    ck_assert_str_eq(ds->classes[2], "cat");
    ck_assert_uint_eq(ds->n_families, 2);
    ck_assert_str_eq(ds->families[0], "dog");
    ck_assert_str_eq(ds->families[1], "rock");
    expect_item(ds, "photos/train/ant/1.jpg", "ant", NN_TRAIN, 1);
    expect_item(ds, "photos/train/bee/2.jpg", "bee", NN_TRAIN, 2);
    expect_item(ds, "photos/train/negative/dog/3.jpg", "-/dog", NN_TRAIN, 3);
    expect_item(ds, "photos/valid/ant/4.jpg", "ant", NN_VALID, 4);
    expect_item(ds, "photos/test/negative/5.jpg", "-", NN_TEST, 5);
    expect_item(ds, "photos#2/ant/00.jpg", "ant", NN_SPLIT_NONE, 100);
    expect_item(ds, "photos#2/ant/09.jpg", "ant", NN_SPLIT_NONE, 109);
    expect_item(ds, "photos#2/cat/10.jpg", "cat", NN_SPLIT_NONE, 110);
    expect_item(ds, "photos#2/cat/19.jpg", "cat", NN_SPLIT_NONE, 119);
    expect_item(ds, "photos#2/none/rock/29.jpg", "-/rock", NN_SPLIT_NONE, 129);
    nn_dataset_close(&ds);
}
END_TEST

/* A part without splits is split as it would be alone with the same seed; the
 * other part's stay. */
START_TEST(splits)
{
    const struct data_options how = { .seed = 4 };
    char *spec = spec_of("one/photos", "two/photos", 0);
    struct nn_dataset *ds, *alone;
    size_t n[3][NN_SPLITS] = { { 0 } };

    ck_assert(!data_open(spec, &how, &ds, NULL));
    nn_mem_free(spec);
    ck_assert(!data_open(album_path(dir, "two/photos"), &how, &alone, NULL));
    for (size_t i = 0; i < alone->n; i++) {
        char name[64];
        size_t j;

        snprintf(name, sizeof name, "photos#2/%s", alone->items[i].file);
        j = album_item(ds, name);
        ck_assert_int_lt(ds->items[j].split, NN_SPLITS);
        ck_assert_int_eq(ds->items[j].split, alone->items[i].split);
        n[i / 10][ds->items[j].split]++;
    }
    for (size_t k = 0; k < 3; k++) {
        ck_assert_uint_ge(n[k][NN_TRAIN], 1);
        ck_assert_uint_ge(n[k][NN_VALID], 1);
        ck_assert_uint_ge(n[k][NN_TEST], 1);
    }
    expect_item(ds, "photos/train/ant/1.jpg", "ant", NN_TRAIN, 1);
    nn_dataset_close(&alone);
    nn_dataset_close(&ds);
}
END_TEST

/* The order of the parts decides who is #2. */
START_TEST(same_names)
{
    struct nn_dataset *ds;

    album_put_image(dir, "three/photos/train/ant/1.jpg", 300);
    ds = open_spec(spec_of("two/photos", "one/photos", "three/photos"));
    ck_assert_uint_eq(ds->n, 36);
    expect_item(ds, "photos/ant/00.jpg", "ant", NN_SPLIT_NONE, 100);
    expect_item(ds, "photos#2/train/ant/1.jpg", "ant", NN_TRAIN, 1);
    expect_item(ds, "photos#3/train/ant/1.jpg", "ant", NN_TRAIN, 300);
    nn_dataset_close(&ds);
}
END_TEST

/* A slash at the end does not make the whole path a name, and a name that
 * looks numbered is kept apart. */
START_TEST(odd_names)
{
    struct nn_dataset *ds;

    album_put_image(dir, "four/photos#2/train/ant/1.jpg", 400);
    ds = open_spec(spec_of("four/photos#2", "one/photos/", "two/photos//"));
    ck_assert_uint_eq(ds->n, 36);
    expect_item(ds, "photos#2/train/ant/1.jpg", "ant", NN_TRAIN, 400);
    expect_item(ds, "photos/train/ant/1.jpg", "ant", NN_TRAIN, 1);
    expect_item(ds, "photos#3/ant/00.jpg", "ant", NN_SPLIT_NONE, 100);
    nn_dataset_close(&ds);
}
END_TEST

static void refuse(char *spec, enum nn_status want, const char *part)
{
    const struct nn_dataset_options opt = { .generators = data_generators };
    struct nn_dataset *ds;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(nn_dataset_open(spec, &opt, &ds, &err), want);
    ck_assert_ptr_null(ds);
    ck_assert_msg(strstr(err.text, part) != NULL, "'%s' not in '%s'", part,
                  err.text);
    nn_mem_free(spec);
}

START_TEST(refused)
{
    const char *many[65];
    long live = nn_mem_live();

    refuse(spec_of("one/photos", "nowhere", NULL), NN_ERR_IO, "nowhere");
    refuse(nn_mem_sprintf("join:%s/one/photos|", dir), NN_ERR_ARG, "empty");
    refuse(nn_mem_sprintf("join:join:%s/one/photos", dir), NN_ERR_IO, "join:");
    for (size_t i = 0; i < 65; i++) {
        many[i] = dir;
    }
    album_put_image(dir, "train/ant/1.jpg", 1);
    refuse(join_spec(many, 65), NN_ERR_ARG, "more than 64");
    ck_assert_int_eq(nn_mem_live(), live);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("join");
    TCase *t = tcase_create("join");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, specs);
    tcase_add_test(t, items);
    tcase_add_test(t, splits);
    tcase_add_test(t, same_names);
    tcase_add_test(t, odd_names);
    tcase_add_test(t, refused);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
