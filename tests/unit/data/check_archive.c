/* Tars, zips and shards: what is inside, in place, spooled, damaged. */
#include <archive.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

static const char *const endings[] = { ".tar", ".tar", ".tar", ".tar.gz",
                                       ".zip" };

static const char *make(const char *dir, enum album_kind kind,
                        struct archive **a)
{
    char name[32];
    const char *path;

    snprintf(name, sizeof name, "data%s", endings[kind]);
    path = album_path(dir, name);
    *a = album_archive(path, kind);
    return path;
}

/* A name that no plain tar header can hold. */
static const char long_name[] =
    "train/a/"
    "0123456789012345678901234567890123456789012345678901234567890123456789"
    "0123456789012345678901234567890123456789012345678901234567890123456789"
    ".jpg";

START_TEST(test_kinds)
{
    char *dir = testkit_mkdir();
    struct archive *a;
    const char *path = make(dir, (enum album_kind)_i, &a);
    int has_long = _i != ALBUM_USTAR;
    struct nn_dataset *ds;

    album_add_image(a, "train/b/2.jpg", 2);
    album_add_image(a, "./train/a/1.jpg", 1);
    album_add(a, "train/a/notes.txt", "words", 5);
    if (has_long) {
        album_add_image(a, long_name, 5);
    }
    album_add_image(a, "test/negative/dog/3.jpg", 3);
    album_add_image(a, "__MACOSX/train/a/._1.jpg", 9);
    album_add_image(a, "valid/a/\303\244.jpg", 4);
    album_finish(a);
    ds = album_open(path);
    ck_assert_uint_eq(ds->n, has_long ? 5 : 4);
    ck_assert_uint_eq(ds->n_classes, 2);
    ck_assert_int_eq(ds->has_splits, 1);
    album_expect(ds, album_item(ds, "train/a/1.jpg"), 1);
    album_expect(ds, album_item(ds, "train/b/2.jpg"), 2);
    album_expect(ds, album_item(ds, "test/negative/dog/3.jpg"), 3);
    album_expect(ds, album_item(ds, "valid/a/\303\244.jpg"), 4);
    if (has_long) {
        album_expect(ds, album_item(ds, long_name), 5);
    }
    ck_assert_str_eq(album_label(ds, album_item(ds, "test/negative/dog/3.jpg")),
                     "-/dog");
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

START_TEST(test_top_folder)
{
    char *dir = testkit_mkdir();
    struct archive *a;
    const char *path = make(dir, ALBUM_TGZ, &a);
    struct nn_dataset *ds;

    album_add_image(a, "bears-1.2/train/a/1.jpg", 1);
    album_add_image(a, "bears-1.2/test/b/2.jpg", 2);
    album_finish(a);
    ds = album_open(path);
    ck_assert_int_eq(ds->has_splits, 1);
    ck_assert_str_eq(ds->items[0].file, "bears-1.2/test/b/2.jpg");
    ck_assert_str_eq(album_label(ds, 0), "b");
    ck_assert_int_eq(ds->items[0].split, NN_TEST);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_odd_names)
{
    char *dir = testkit_mkdir();
    struct archive *a;
    const char *path = make(dir, ALBUM_USTAR, &a);
    struct nn_dataset *ds;

    /* Nothing is written under these names, so they are names like others. */
    album_add_image(a, "../a/1.jpg", 1);
    album_add_image(a, "b/../../2.jpg", 2);
    album_add_image(a, "/abs/3.jpg", 3);
    album_finish(a);
    ds = album_open(path);
    ck_assert_uint_eq(ds->n, 2);
    album_expect(ds, album_item(ds, "../a/1.jpg"), 1);
    album_expect(ds, album_item(ds, "b/../../2.jpg"), 2);
    nn_dataset_close(&ds);
    ds = album_open_pool(path);
    ck_assert_uint_eq(ds->n, 3);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_same_name_twice)
{
    char *dir = testkit_mkdir();
    struct archive *a;
    const char *path = make(dir, ALBUM_USTAR, &a);
    struct nn_dataset *ds;

    album_add_image(a, "a/1.jpg", 1);
    album_add_image(a, "a/1.jpg", 2);
    album_add_link(a, "b/also.jpg", "a/1.jpg");
    album_add_link(a, "b/lost.jpg", "a/9.jpg");
    album_finish(a);
    const char *log = album_log();
    ds = album_open(path);
    ck_assert_uint_eq(ds->n, 3);
    album_expect(ds, 0, 1);
    album_expect(ds, 1, 2);
    album_expect(ds, 2, 2);
    ck_assert_ptr_nonnull(strstr(log, "'b/lost.jpg'"));
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

/* Bytes in memory, in a temporary file, or half and half: all the same. */
START_TEST(test_spool)
{
    static const size_t limits[] = { 1, 3000, 0 };
    struct nn_dataset_options opt = { .spool_bytes = limits[_i] };
    char *dir = testkit_mkdir(), *temp = testkit_mkdir();
    struct archive *a;
    const char *path = make(dir, ALBUM_TGZ, &a);
    struct nn_dataset *ds;
    size_t in_file = 0;
    char name[32];

    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "a/%02d.jpg", i);
        album_add_image(a, name, (uint64_t)i);
    }
    album_finish(a);
    setenv("TMPDIR", temp, 1);
    ck_assert_int_eq(nn_dataset_open(path, &opt, &ds, NULL), NN_OK);
    for (size_t i = 0; i < 20; i++) {
        in_file += ds->source->member[i].fd >= 0;
        album_expect(ds, i, i);
    }
    ck_assert(ds->source->memory_used <= ds->source->memory_limit);
    ck_assert_msg(_i == 0   ? in_file == 20
                  : _i == 1 ? in_file > 0 && in_file < 20
                            : in_file == 0,
                  "%zu members in a file", in_file);
    nn_dataset_close(&ds);
    setenv("TMPDIR", "/nowhere", 1);
    if (_i == 0) {
        struct nn_error err = NN_ERROR_INIT;

        ck_assert_int_eq(nn_dataset_open(path, &opt, &ds, &err), NN_ERR_IO);
        ck_assert_ptr_nonnull(strstr(err.text, "/nowhere"));
    }
    unsetenv("TMPDIR");
    ck_assert_int_eq(rmdir(temp), 0); /* nothing was left behind */
    nn_mem_free(temp);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_shards)
{
    char *dir = testkit_mkdir();
    struct archive *a;
    struct nn_dataset *ds;

    a = album_archive(album_path(dir, "train-00.tar.gz"), ALBUM_TGZ);
    album_add_image(a, "x/1.jpg", 1);
    album_add_image(a, "y/1.jpg", 2);
    album_finish(a);
    a = album_archive(album_path(dir, "train-01.tar"), ALBUM_GNU);
    album_add_image(a, "x/1.jpg", 3);
    album_finish(a);
    a = album_archive(album_path(dir, "valid.zip"), ALBUM_ZIP);
    album_add_image(a, "none/dog/1.jpg", 4);
    album_finish(a);
    album_put_text(dir, "classes.txt", "x\ny\n");
    ds = album_open(dir);
    ck_assert_uint_eq(ds->n, 4);
    ck_assert_uint_eq(ds->n_classes, 2);
    ck_assert_int_eq(ds->has_splits, 1);
    ck_assert_str_eq(ds->items[0].file, "train-00.tar.gz:x/1.jpg");
    ck_assert_str_eq(ds->items[2].file, "train-01.tar:x/1.jpg");
    ck_assert_str_eq(album_label(ds, 0), "x");
    ck_assert_str_eq(album_label(ds, 3), "-/dog");
    ck_assert_int_eq(ds->items[2].split, NN_TRAIN);
    ck_assert_int_eq(ds->items[3].split, NN_VALID);
    for (size_t i = 0; i < 4; i++) {
        album_expect(ds, i, i + 1);
    }
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_archive_beside_folders)
{
    char *dir = testkit_mkdir();
    const char *log = album_log();
    struct archive *a;
    struct nn_dataset *ds;

    album_put_image(dir, "x/1.jpg", 1);
    a = album_archive(album_path(dir, "download.zip"), ALBUM_ZIP);
    album_add_image(a, "x/1.jpg", 1);
    album_finish(a);
    ds = album_open(dir);
    ck_assert_uint_eq(ds->n, 1);
    ck_assert_ptr_nonnull(strstr(log, "download.zip' lies beside folders"));
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

/* Images: many, as gzip gives up the block of 64 KiB that it breaks in. */
enum { CUT = 200 };

static void cut(const char *path, double share)
{
    struct stat s;

    ck_assert_int_eq(stat(path, &s), 0);
    ck_assert_int_eq(truncate(path, (off_t)((double)s.st_size * share)), 0);
}

/* A download that broke off: what came is used, and somebody is told. */
START_TEST(test_cut_short)
{
    static const enum album_kind kinds[] = { ALBUM_USTAR, ALBUM_TGZ };
    char *dir = testkit_mkdir();
    const char *log = album_log();
    struct archive *a;
    const char *path = make(dir, kinds[_i], &a);
    struct nn_dataset *ds;
    size_t bad = 0;
    char name[32];

    for (int i = 0; i < CUT; i++) {
        snprintf(name, sizeof name, "a/%03d.jpg", i);
        album_add_image(a, name, (uint64_t)i);
    }
    album_finish(a);
    cut(path, 0.6);
    ds = album_open(path);
    ck_assert_uint_gt(ds->n, CUT / 4);
    ck_assert_uint_lt(ds->n, CUT);
    nn_dataset_fingerprint(ds);
    for (size_t i = 0; i < ds->n; i++) {
        bad += (size_t)ds->items[i].bad;
        ck_assert(!ds->items[i].bad || i == ds->n - 1);
    }
    ck_assert_uint_le(bad, 1);
    ck_assert_ptr_nonnull(strstr(log, "is damaged after"));
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_damaged_member)
{
    char *dir = testkit_mkdir();
    struct archive *a;
    const char *path = make(dir, ALBUM_ZIP, &a);
    struct nn_error err = NN_ERROR_INIT;
    struct nn_dataset *ds;
    uint8_t *bytes, *got;
    size_t size, n;
    struct nn_file_out o;

    album_add_image(a, "a/1.jpg", 1);
    album_add_image(a, "a/2.jpg", 2);
    album_add_image(a, "a/3.jpg", 3);
    album_finish(a);
    ck_assert_int_eq(nn_file_read(path, 1 << 20, &bytes, &size, NULL), NN_OK);
    memset(bytes + size / 2 - 100, 0x55, 200); /* amid the second image */
    ck_assert_int_eq(nn_file_out_open(&o, path, NULL), NN_OK);
    fwrite(bytes, 1, size, o.stream);
    ck_assert_int_eq(nn_file_out_commit(&o, NULL), NN_OK);
    nn_mem_free(bytes);
    ds = album_open(path);
    ck_assert_uint_eq(ds->n, 3);
    album_expect(ds, 0, 1);
    album_expect(ds, 2, 3);
    ck_assert_int_eq(nn_dataset_read(ds, 1, &got, &n, &err), NN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "'a/2.jpg': damaged"));
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_no_archive)
{
    static const char *const names[] = { "x.tar", "x.tar.gz", "x.zip",
                                         "x.tgz" };
    char *dir = testkit_mkdir();
    const char *path;
    struct archive *a;

    for (size_t i = 0; i < 4; i++) {
        path = album_path(dir, names[i]);
        album_put_text(dir, names[i], "these bytes are no archive at all");
        album_refuse(path, NN_ERR_FORMAT, "cannot read archive");
        album_refuse(path, NN_ERR_FORMAT, names[i]);
        album_put(dir, names[i], "", 0);
        album_refuse(path, NN_ERR_FORMAT, names[i]);
    }
    path = album_path(dir, "y.tar");
    a = album_archive(path, ALBUM_USTAR);
    album_add(a, "a/notes.txt", "words", 5);
    album_finish(a);
    album_refuse(path, NN_ERR_FORMAT, "no images");
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_damaged_shard)
{
    char *dir = testkit_mkdir();
    const char *log = album_log();
    struct archive *a;
    struct nn_dataset *ds;

    a = album_archive(album_path(dir, "train-00.tar"), ALBUM_USTAR);
    album_add_image(a, "x/1.jpg", 1);
    album_finish(a);
    album_put_text(dir, "train-01.tar", "no archive");
    ds = album_open(dir);
    ck_assert_uint_eq(ds->n, 1);
    ck_assert_ptr_nonnull(strstr(log, "train-01.tar'"));
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

static int open_close(void *ctx)
{
    const struct nn_dataset_options opt = { .spool_bytes = 3000 };
    struct nn_dataset *ds;
    enum nn_status st = nn_dataset_open(ctx, &opt, &ds, NULL);

    nn_dataset_close(&ds);
    return st;
}

START_TEST(test_no_memory)
{
    char *dir = testkit_mkdir();
    struct archive *a;
    const char *path = make(dir, (enum album_kind)_i, &a);

    album_add_image(a, "a/1.jpg", 1);
    album_add_image(a, "b/2.jpg", 2);
    album_add_image(a, "none/dog/3.jpg", 3);
    album_finish(a);
    testkit_each_alloc_failure(open_close, (void *)(uintptr_t)path);
    testkit_rmdir(dir);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("archive");
    TCase *t = tcase_create("archive");

    tcase_set_timeout(t, 20);
    tcase_add_loop_test(t, test_kinds, 0, ALBUM_ZIP + 1);
    tcase_add_test(t, test_top_folder);
    tcase_add_test(t, test_odd_names);
    tcase_add_test(t, test_same_name_twice);
    tcase_add_loop_test(t, test_spool, 0, 3);
    tcase_add_test(t, test_shards);
    tcase_add_test(t, test_archive_beside_folders);
    tcase_add_loop_test(t, test_cut_short, 0, 2);
    tcase_add_test(t, test_damaged_member);
    tcase_add_test(t, test_no_archive);
    tcase_add_test(t, test_damaged_shard);
    tcase_add_loop_test(t, test_no_memory, ALBUM_USTAR, ALBUM_ZIP + 1);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
