/* Pools: what a data set of the same source holds, a window at a time. */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/data/pool.h"
#include "common/data/dataset_internal.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

static char *dir;

static void set_up(void)
{
    dir = testkit_mkdir();
}

static void tear_down(void)
{
    testkit_rmdir(dir);
}

/* --- a generator of numbered images --- */

static enum nn_status numbers_open(const char *spec, void **ctx, size_t *n,
                                   struct nn_error *err)
{
    (void)err;
    *ctx = nn_mem_calloc(1, 32);
    return *ctx != NULL && sscanf(spec, "numbers:%zu", n) == 1 ? NN_OK
                                                               : NN_ERR_NOMEM;
}

static enum nn_status numbers_describe(void *ctx, size_t i,
                                       struct nn_generator_item *item)
{
    snprintf(ctx, 32, "no/%zu.jpg", i);
    *item = (struct nn_generator_item){ ctx, "", "no", NN_TRAIN };
    return NN_OK;
}

static enum nn_status numbers_read(void *ctx, size_t i, uint8_t **bytes,
                                   size_t *size, struct nn_error *err)
{
    (void)ctx;
    (void)err;
    *bytes = album_small(i, size);
    return NN_OK;
}

static const struct nn_generator numbers = { "numbers", numbers_open,
                                             numbers_describe, numbers_read,
                                             nn_mem_free };
static const struct nn_generator *const generators[] = { &numbers, NULL };
static const struct nn_dataset_options options = { .generators = generators };

static struct nn_pool *open_pool(const char *const *sources, size_t n)
{
    struct nn_error err = NN_ERROR_INIT;
    struct nn_pool *p;

    ck_assert_msg(nn_pool_open(sources, n, &options, &p, &err) == NN_OK, "%s",
                  err.text);
    return p;
}

/* --- the same images as a data set --- */

/* x/1.jpg .. x/5.jpg hold images 1 to 5; x/6.jpg is 2 again. */
static void fill_archive(const char *path, enum album_kind kind)
{
    struct archive *a = album_archive(path, kind);
    char name[32];

    for (unsigned i = 1; i <= 5; i++) {
        snprintf(name, sizeof name, "x/%u.jpg", i);
        album_add_image(a, name, i);
    }
    if (kind == ALBUM_USTAR) {
        album_add_link(a, "x/6.jpg", "x/2.jpg");
        album_add_link(a, "x/7.jpg", "x/none.jpg");
    }
    album_finish(a);
}

static void expect_same(const char *path, size_t n)
{
    struct nn_dataset *ds = album_open_pool(path), *some;
    struct nn_pool *p = open_pool(&path, 1);

    ck_assert_uint_eq(ds->n, n);
    ck_assert_uint_eq(p->n, n);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t pick[] = { (uint32_t)n - 1 - i, i };
        uint8_t *a = NULL, *b = NULL;
        size_t size_a = 0, size_b = 1;

        ck_assert_int_eq(nn_pool_take(p, pick, 2, &some, NULL), NN_OK);
        ck_assert_uint_eq(some->n, 2);
        ck_assert_str_eq(some->items[1].file, ds->items[i].file);
        ck_assert_str_eq(some->items[0].file, ds->items[pick[0]].file);
        ck_assert_int_eq(some->items[1].label, NN_NEGATIVE);
        ck_assert_int_eq(some->items[1].split, NN_SPLIT_NONE);
        ck_assert_int_eq(nn_dataset_read(ds, i, &a, &size_a, NULL), NN_OK);
        ck_assert_int_eq(nn_dataset_read(some, 1, &b, &size_b, NULL), NN_OK);
        ck_assert_uint_eq(size_a, size_b);
        ck_assert_mem_eq(a, b, size_a);
        nn_mem_free(a);
        nn_mem_free(b);
        nn_dataset_close(&some);
    }
    nn_pool_close(&p);
    nn_dataset_close(&ds);
}

START_TEST(archives)
{
    static const enum album_kind kind[] = { ALBUM_USTAR, ALBUM_TGZ, ALBUM_ZIP };
    static const char *const name[] = { "a.tar", "a.tar.gz", "a.zip" };
    const char *path = album_path(dir, name[_i]);

    fill_archive(path, kind[_i]);
    expect_same(path, kind[_i] == ALBUM_USTAR ? 6 : 5);
}
END_TEST

START_TEST(folder_with_shards)
{
    album_put_image(dir, "b/1.jpg", 1);
    album_put_image(dir, "a/2.jpg", 2);
    album_put_image(dir, "a/b/3.jpg", 3);
    album_put_text(dir, "a/empty.jpg", "");
    fill_archive(album_path(dir, "c.tar.gz"), ALBUM_TGZ);
    expect_same(dir, 9);
}
END_TEST

START_TEST(manifest)
{
    album_put_image(dir, "1.jpg", 1);
    album_put_image(dir, "2.jpg", 2);
    album_put_text(dir, "m.csv", "file\n1.jpg\n2.jpg\n");
    expect_same(album_path(dir, "m.csv"), 2);
}
END_TEST

/* --- several sources, and what a taken set may be used for --- */

START_TEST(several_sources)
{
    const char *sources[] = { "numbers:70", dir, "numbers:30" };
    const uint32_t pick[] = { 101, 69, 70, 0, 71 }, all[] = { 0, 1, 2, 3, 4 };
    const uint32_t wrong = 102;
    struct nn_error err = NN_ERROR_INIT;
    struct nn_dataset *some, *ds;
    struct nn_pool *p;

    album_put_image(dir, "x/1.jpg", 500);
    album_put_image(dir, "x/2.jpg", 501);
    p = open_pool(sources, 3);
    ck_assert_uint_eq(p->n, 102);
    ck_assert_int_eq(nn_pool_take(p, pick, 5, &some, NULL), NN_OK);
    album_expect(some, 0, 29);
    album_expect(some, 1, 69);
    album_expect(some, 2, 500);
    album_expect(some, 4, 501);
    ck_assert_str_eq(some->items[1].file, "no/69.jpg");
    /* what borrows from it reads the pool itself */
    ds = nn_dataset_new("more", 0);
    ck_assert_ptr_nonnull(ds);
    ck_assert_int_eq(
        nn_dataset_append_ref(ds, some, all, 5, NN_NEGATIVE, NN_TRAIN, NULL),
        NN_OK);
    nn_dataset_close(&some);
    album_expect(ds, 0, 29);
    album_expect(ds, 2, 500);
    nn_dataset_fingerprint(ds);
    ck_assert_int_eq(ds->items[3].bad, 0);
    nn_dataset_close(&ds);
    ck_assert_int_eq(nn_pool_take(p, &wrong, 1, &some, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "no image 102"));
    nn_pool_close(&p);
}
END_TEST

static uint64_t hash_of(const char *const *sources, size_t n)
{
    struct nn_pool *p = open_pool(sources, n);
    uint64_t h = p->hash;

    nn_pool_close(&p);
    return h;
}

START_TEST(hash_tells_pools_apart)
{
    const char *a[] = { "numbers:5", "numbers:6" };
    const char *b[] = { "numbers:6", "numbers:5" };
    uint64_t one;

    ck_assert(hash_of(a, 2) == hash_of(a, 2));
    ck_assert(hash_of(a, 2) != hash_of(b, 2));
    album_put_image(dir, "1.jpg", 1);
    one = hash_of((const char *const[]){ dir }, 1);
    album_put_image(dir, "2.jpg", 1);
    ck_assert(one != hash_of((const char *const[]){ dir }, 1));
}
END_TEST

START_TEST(nothing_there)
{
    const char *const sources[] = { dir };
    struct nn_error err = NN_ERROR_INIT;
    struct nn_pool *p;

    ck_assert_int_eq(nn_pool_open(sources, 1, &options, &p, &err),
                     NN_ERR_FORMAT);
    ck_assert_ptr_null(p);
    ck_assert_ptr_nonnull(strstr(err.text, "no images in"));
}
END_TEST

/* Blocks that stay: no more for many images than for few. */
START_TEST(no_list_in_memory)
{
    const char *const sources[] = { dir };
    long before = nn_mem_live(), few, many;
    struct nn_pool *p;
    char name[32];

    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "%d/%d.jpg", i % 7, i);
        album_put_text(dir, name, "never read");
        if (i == 2) {
            p = open_pool(sources, 1);
            few = nn_mem_live() - before;
            nn_pool_close(&p);
        }
    }
    p = open_pool(sources, 1);
    many = nn_mem_live() - before;
    ck_assert_uint_eq(p->n, 300);
    ck_assert_int_eq(few, many);
    nn_pool_close(&p);
    ck_assert_int_eq(nn_mem_live(), before);
}
END_TEST

static int open_and_take(void *ctx)
{
    const char *const sources[] = { "numbers:3", dir };
    const uint32_t pick[] = { 4, 1 };
    struct nn_pool *p;
    struct nn_dataset *some = NULL;
    enum nn_status st = nn_pool_open(sources, 2, &options, &p, NULL);

    (void)ctx;
    if (!st) {
        st = nn_pool_take(p, pick, 2, &some, NULL);
    }
    nn_dataset_close(&some);
    nn_pool_close(&p);
    return st;
}

START_TEST(allocation_failures)
{
    album_put_image(dir, "1.jpg", 1);
    fill_archive(album_path(dir, "c.tar.gz"), ALBUM_TGZ);
    testkit_each_alloc_failure(open_and_take, NULL);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("pool");
    TCase *t = tcase_create("pool");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, archives, 0, 3);
    tcase_add_test(t, folder_with_shards);
    tcase_add_test(t, manifest);
    tcase_add_test(t, several_sources);
    tcase_add_test(t, hash_tells_pools_apart);
    tcase_add_test(t, nothing_there);
    tcase_add_test(t, no_list_in_memory);
    tcase_add_test(t, allocation_failures);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
