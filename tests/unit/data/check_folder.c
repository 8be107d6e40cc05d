/* Folders and pools: layouts, labels, links, what is left out. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

START_TEST(test_split_folders)
{
    char *dir = testkit_mkdir();
    const char *log = album_log();
    struct nn_dataset *ds;

    album_put_image(dir, "train/teddy/b.jpg", 1);
    album_put_image(dir, "train/teddy/deep/er/a.jpg", 2);
    album_put_image(dir, "train/black/1.jpg", 3);
    album_put_image(dir, "Val/black/1.jpg", 4);
    album_put_image(dir, "test/negative/dog/x.jpg", 5);
    album_put_image(dir, "test/negative/loose.jpg", 6);
    album_put_image(dir, "train/not_teddy/cat/y.jpg", 7);
    album_put_text(dir, "README.md", "words");
    album_put_text(dir, "train/teddy/notes.txt", "words");
    album_put_image(dir, "train/teddy/.hidden.jpg", 8);
    album_put_image(dir, "train/.thumbs/z.jpg", 9);
    ds = album_open(dir);
    ck_assert_uint_eq(ds->n, 7);
    ck_assert_uint_eq(ds->n_classes, 2);
    ck_assert_str_eq(ds->classes[0], "black");
    ck_assert_str_eq(ds->classes[1], "teddy");
    ck_assert_uint_eq(ds->n_families, 2);
    ck_assert_str_eq(ds->families[0], "cat");
    ck_assert_int_eq(ds->has_splits, 1);
    ck_assert_int_eq(ds->unlabelled, 0);
    static const struct {
        const char *file, *label;
        enum nn_split split;
        uint64_t seed;
    } want[] = {
        { "Val/black/1.jpg", "black", NN_VALID, 4 },
        { "test/negative/dog/x.jpg", "-/dog", NN_TEST, 5 },
        { "test/negative/loose.jpg", "-", NN_TEST, 6 },
        { "train/black/1.jpg", "black", NN_TRAIN, 3 },
        { "train/not_teddy/cat/y.jpg", "-/cat", NN_TRAIN, 7 },
        { "train/teddy/b.jpg", "teddy", NN_TRAIN, 1 },
        { "train/teddy/deep/er/a.jpg", "teddy", NN_TRAIN, 2 },
    };
    for (size_t i = 0; i < ds->n; i++) {
        ck_assert_str_eq(ds->items[i].file, want[i].file);
        ck_assert_str_eq(album_label(ds, i), want[i].label);
        ck_assert_int_eq(ds->items[i].split, want[i].split);
        ck_assert(ds->items[i].weight == 1);
        album_expect(ds, i, want[i].seed);
    }
    ck_assert_str_eq(log, "");
    nn_dataset_close(&ds);
    ck_assert_ptr_null(ds);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

START_TEST(test_class_folders)
{
    char *dir = testkit_mkdir();
    const char *log = album_log();
    struct nn_dataset *ds;

    album_put_image(dir, "hotdog/1.jpg", 1);
    album_put_image(dir, "not-hotdog/2.jpg", 2);
    album_put_image(dir, "loose.jpg", 3);
    /* A class that is called like a split is a class where no class folder
     * follows. */
    album_put_image(dir, "test/4.jpg", 4);
    ds = album_open(dir);
    ck_assert_uint_eq(ds->n, 3);
    ck_assert_int_eq(ds->has_splits, 0);
    ck_assert_str_eq(album_label(ds, 0), "hotdog");
    ck_assert_str_eq(album_label(ds, 1), "-");
    ck_assert_str_eq(album_label(ds, 2), "test");
    ck_assert_int_eq(ds->items[0].split, NN_SPLIT_NONE);
    ck_assert_ptr_nonnull(strstr(log, "left out 1 images"));
    ck_assert_ptr_nonnull(strstr(log, "'loose.jpg'"));
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_outside_splits)
{
    char *dir = testkit_mkdir();
    const char *log = album_log();
    struct nn_dataset *ds;

    album_put_image(dir, "train/a/1.jpg", 1);
    album_put_image(dir, "test/unlabelled.jpg", 2);
    album_put_image(dir, "spare/a/3.jpg", 3);
    ds = album_open(dir);
    ck_assert_uint_eq(ds->n, 1);
    ck_assert_ptr_nonnull(strstr(log, "left out 2 images"));
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

/* Names that are not UTF-8 are classes and families like all others. */
START_TEST(test_names_of_bytes)
{
    char *dir = testkit_mkdir();
    struct nn_dataset *ds;

    album_put_image(dir, "b\xe4r/h\xfcnd.jpg", 1);
    album_put_image(dir, "b\xc3\xa4r/2.jpg", 2);
    album_put_image(dir, "none/h\xfcnd/3.jpg", 3);
    ds = album_open(dir);
    ck_assert_uint_eq(ds->n_classes, 2);
    ck_assert_str_eq(album_label(ds, 0), "b\xc3\xa4r");
    ck_assert_str_eq(album_label(ds, 1), "b%E4r");
    ck_assert_str_eq(album_label(ds, 2), "-/h%FCnd");
    album_expect(ds, 1, 1);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_image_names)
{
    static const char *const yes[] = { "a.jpg",  "a",  "./a.png", "../x/a.webp",
                                       "a.JPEG", "..", "a..b" };
    static const char *const no[] = { "README",          "readme.md",  ".a.jpg",
                                      "x/.a.jpg",        "x/.y/a.jpg", "a.TXT",
                                      "a.csv",           "License",    "...",
                                      "__MACOSX/._a.jpg" };

    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        ck_assert_msg(nn_is_image_name(yes[i]), "%s", yes[i]);
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        ck_assert_msg(!nn_is_image_name(no[i]), "%s", no[i]);
    }
}
END_TEST

START_TEST(test_links)
{
    char *dir = testkit_mkdir(), *other = testkit_mkdir();
    const char *log = album_log();
    struct nn_error err = NN_ERROR_INIT;
    struct nn_dataset *ds;
    uint8_t *bytes;
    size_t size;

    album_put_image(other, "away.jpg", 1);
    album_put_image(other, "sub/in.jpg", 2);
    album_put_image(dir, "a/real.jpg", 3);
    ck_assert_int_eq(
        symlink(album_path(other, "away.jpg"), album_path(dir, "a/file.jpg")),
        0);
    ck_assert_int_eq(symlink("missing.jpg", album_path(dir, "a/broken.jpg")),
                     0);
    ck_assert_int_eq(
        symlink(album_path(other, "sub"), album_path(dir, "a/folder")), 0);
    ck_assert_int_eq(symlink("..", album_path(dir, "a/loop")), 0);
    ck_assert_int_eq(symlink("self.jpg", album_path(dir, "a/self.jpg")), 0);
    ds = album_open(dir);
    ck_assert_uint_eq(ds->n, 5);
    album_expect(ds, album_item(ds, "a/file.jpg"), 1);
    album_expect(ds, album_item(ds, "a/folder/in.jpg"), 2);
    album_expect(ds, album_item(ds, "a/real.jpg"), 3);
    ck_assert_int_eq(nn_dataset_read(ds, album_item(ds, "a/broken.jpg"), &bytes,
                                     &size, &err),
                     NN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "broken.jpg"));
    ck_assert_int_eq(
        nn_dataset_read(ds, album_item(ds, "a/self.jpg"), &bytes, &size, NULL),
        NN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(log, "links back to a folder above"));
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
    testkit_rmdir(other);
}
END_TEST

START_TEST(test_not_files)
{
    char *dir = testkit_mkdir();
    struct nn_dataset *ds;

    album_put_image(dir, "a/1.jpg", 1);
    album_put(dir, "a/empty.jpg", "", 0);
    album_put_text(dir, "a/text.jpg", "this is no JPEG");
    ck_assert_int_eq(mkfifo(album_path(dir, "a/pipe.jpg"), 0600), 0);
    ck_assert_int_eq(mkdir(album_path(dir, "a/folder.jpg"), 0700), 0);
    ds = album_open(dir);
    ck_assert_uint_eq(ds->n, 4);
    nn_dataset_fingerprint(ds);
    for (size_t i = 0; i < ds->n; i++) {
        ck_assert_int_eq(ds->items[i].bad, i != 0);
    }
    ck_assert_int_eq(ds->items[0].w, 64);
    ck_assert_int_eq(ds->items[0].h, 48);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_closed_folder)
{
    char *dir = testkit_mkdir();
    const char *log = album_log();
    struct nn_dataset *ds;

    album_put_image(dir, "a/1.jpg", 1);
    album_put_image(dir, "b/2.jpg", 2);
    ck_assert_int_eq(chmod(album_path(dir, "b"), 0), 0);
    if (access(album_path(dir, "b"), R_OK) != 0) { /* not for root */
        ds = album_open(dir);
        ck_assert_uint_eq(ds->n, 1);
        ck_assert_ptr_nonnull(strstr(log, "cannot open folder"));
        nn_dataset_close(&ds);
    }
    ck_assert_int_eq(chmod(album_path(dir, "b"), 0700), 0);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_refusals)
{
    char *dir = testkit_mkdir();

    album_refuse(album_path(dir, "nothing"), NN_ERR_IO,
                 "no such file or folder");
    album_refuse(dir, NN_ERR_FORMAT, "no images");
    album_put_image(dir, "loose/only.jpg", 1);
    album_refuse(album_path(dir, "loose"), NN_ERR_FORMAT,
                 "no images in class folders");
    album_refuse(album_path(dir, "loose"), NN_ERR_FORMAT, "'only.jpg'");
    album_refuse(album_path(dir, "loose/only.jpg"), NN_ERR_FORMAT,
                 "is not a directory, archive");
    album_put_image(dir, "neg/none/x.jpg", 1);
    album_refuse(album_path(dir, "neg"), NN_ERR_FORMAT, "negatives only");
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_pool)
{
    char *dir = testkit_mkdir();
    struct nn_dataset *ds;
    struct archive *a;

    album_put_image(dir, "loose.jpg", 1);
    album_put_image(dir, "deep/er/2.jpg", 2);
    album_put_image(dir, "train/x/3.jpg", 3);
    a = album_archive(album_path(dir, "deep/pack.tar"), ALBUM_USTAR);
    album_add_image(a, "4.jpg", 4);
    album_finish(a);
    ds = album_open_pool(dir);
    ck_assert_uint_eq(ds->n, 4);
    ck_assert_int_eq(ds->unlabelled, 1);
    ck_assert_int_eq(ds->has_splits, 0);
    ck_assert_uint_eq(ds->n_classes, 0);
    album_expect(ds, album_item(ds, album_path(dir, "loose.jpg")), 1);
    album_expect(ds, album_item(ds, album_path(dir, "deep/er/2.jpg")), 2);
    album_expect(ds, album_item(ds, album_path(dir, "deep/pack.tar:4.jpg")), 4);
    for (size_t i = 0; i < ds->n; i++) {
        ck_assert_int_eq(ds->items[i].label, NN_NEGATIVE);
        ck_assert_int_eq(ds->items[i].split, NN_SPLIT_NONE);
        ck_assert(i == 0 ||
                  strcmp(ds->items[i - 1].file, ds->items[i].file) < 0);
    }
    nn_dataset_close(&ds);
    ds = album_open_pool(album_path(dir, "loose.jpg"));
    ck_assert_uint_eq(ds->n, 1);
    ck_assert_str_eq(ds->items[0].file, album_path(dir, "loose.jpg"));
    album_expect(ds, 0, 1);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_hash)
{
    char *dir = testkit_mkdir();
    char first[33], second[33];
    struct nn_dataset *ds;

    album_put_image(dir, "a/1.jpg", 1);
    album_put_image(dir, "b/2.jpg", 2);
    ds = album_open(dir);
    nn_dataset_fingerprint(ds);
    nn_dataset_hash(ds, first);
    ck_assert_uint_eq(strlen(first), 32);
    nn_dataset_close(&ds);
    ds = album_open(dir);
    nn_dataset_fingerprint(ds);
    nn_dataset_hash(ds, second);
    ck_assert_str_eq(first, second);
    ds->items[1].split = NN_TEST;
    nn_dataset_hash(ds, second);
    ck_assert_str_ne(first, second);
    nn_dataset_close(&ds);
    album_put_image(dir, "b/2.jpg", 3);
    ds = album_open(dir);
    nn_dataset_fingerprint(ds);
    nn_dataset_hash(ds, second);
    ck_assert_str_ne(first, second);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

/* --- a generator --- */

static int gen_closed;

static enum nn_status gen_open(const char *spec, void **ctx, size_t *n,
                               struct nn_error *err)
{
    if (strcmp(spec, "toy:3") != 0) {
        return nn_fail(err, NN_ERR_ARG, "bad spec '%s'", spec);
    }
    *ctx = &gen_closed;
    *n = 3;
    return NN_OK;
}

static enum nn_status gen_describe(void *ctx, size_t i,
                                   struct nn_generator_item *item)
{
    static const char *const files[] = { "z", "b", "c" };

    ck_assert_ptr_eq(ctx, &gen_closed);
    item->file = files[i];
    item->label = i == 1 ? "" : "thing";
    item->family = i == 1 ? "junk" : "";
    item->split = i == 2 ? NN_TEST : NN_TRAIN;
    return NN_OK;
}

static enum nn_status gen_read(void *ctx, size_t i, uint8_t **bytes,
                               size_t *size, struct nn_error *err)
{
    (void)ctx;
    (void)err;
    *bytes = album_small(i + 1, size);
    return NN_OK;
}

static void gen_close(void *ctx)
{
    ck_assert_ptr_eq(ctx, &gen_closed);
    gen_closed++;
}

START_TEST(test_generator)
{
    static const struct nn_generator toy = { "toy", gen_open, gen_describe,
                                             gen_read, gen_close };
    static const struct nn_generator *const all[] = { &toy, NULL };
    const struct nn_dataset_options opt = { .generators = all };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_dataset *ds;

    ck_assert_int_eq(nn_dataset_open("toy:3", &opt, &ds, &err), NN_OK);
    ck_assert_uint_eq(ds->n, 3);
    ck_assert_str_eq(ds->items[0].file, "z"); /* its own order */
    ck_assert_str_eq(album_label(ds, 0), "thing");
    ck_assert_str_eq(album_label(ds, 1), "-/junk");
    ck_assert_int_eq(ds->items[2].split, NN_TEST);
    album_expect(ds, 2, 3);
    nn_dataset_close(&ds);
    ck_assert_int_eq(gen_closed, 1);
    ck_assert_int_eq(nn_dataset_open("toy:4", &opt, &ds, &err), NN_ERR_ARG);
    ck_assert_int_eq(nn_dataset_open("toys:3", &opt, &ds, &err), NN_ERR_IO);
    ck_assert_int_eq(gen_closed, 1);
}
END_TEST

static int open_close(void *ctx)
{
    const struct nn_dataset_options opt = { 0 };
    struct nn_dataset *ds;
    enum nn_status st = nn_dataset_open(ctx, &opt, &ds, NULL);

    nn_dataset_close(&ds);
    return st;
}

START_TEST(test_no_memory)
{
    char *dir = testkit_mkdir();

    album_put_image(dir, "train/a/1.jpg", 1);
    album_put_image(dir, "train/b/2.jpg", 2);
    album_put_image(dir, "test/none/dog/3.jpg", 3);
    testkit_each_alloc_failure(open_close, dir);
    testkit_rmdir(dir);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("folder");
    TCase *t = tcase_create("folder");

    tcase_set_timeout(t, 20);
    tcase_add_test(t, test_split_folders);
    tcase_add_test(t, test_class_folders);
    tcase_add_test(t, test_outside_splits);
    tcase_add_test(t, test_names_of_bytes);
    tcase_add_test(t, test_image_names);
    tcase_add_test(t, test_links);
    tcase_add_test(t, test_not_files);
    tcase_add_test(t, test_closed_folder);
    tcase_add_test(t, test_refusals);
    tcase_add_test(t, test_pool);
    tcase_add_test(t, test_hash);
    tcase_add_test(t, test_generator);
    tcase_add_test(t, test_no_memory);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
