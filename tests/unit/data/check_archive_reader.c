/* Manifests whose rows name images inside archives. */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/data/pool.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

static const char *const names[] = { "a.tar", "b.tar", "c.tar", "d.tar.gz",
                                     "e.zip" };
static char *dir;

static void set_up(void)
{
    dir = testkit_mkdir();
}

static void tear_down(void)
{
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}

/* x/1.jpg .. x/9.jpg hold images 1 to 9. */
static void fill(enum album_kind kind)
{
    struct archive *a = album_archive(album_path(dir, names[kind]), kind);
    char name[32];

    for (unsigned i = 1; i <= 9; i++) {
        snprintf(name, sizeof name, "./x/%u.jpg", i);
        album_add_image(a, name, i);
    }
    album_finish(a);
}

START_TEST(rows)
{
    char text[2048];
    const char *archive = names[_i];
    struct nn_dataset *ds;

    fill((enum album_kind)_i);
    album_put_image(dir, "plain.jpg", 20);
    snprintf(text, sizeof text,
             "file,label,split,weight\n"
             "%s:x/3.jpg,bear,train,0.5\n"
             "plain.jpg,,train,\n"
             "%s/%s:x/1.jpg,,valid,\n"
             "%s:x/3.jpg,bear,test,\n",
             archive, dir, archive, archive);
    album_put_text(dir, "m.csv", text);
    ds = album_open(album_path(dir, "m.csv"));
    ck_assert_uint_eq(ds->n, 4);
    for (size_t i = 0; i < ds->n; i++) {
        const struct nn_item *it = &ds->items[i];

        if (strcmp(it->file, "plain.jpg") == 0) {
            album_expect(ds, i, 20);
        } else if (strstr(it->file, ":x/1.jpg") != NULL) {
            album_expect(ds, i, 1);
            ck_assert_int_eq(it->label, NN_NEGATIVE);
            ck_assert_int_eq(it->split, NN_VALID);
        } else {
            album_expect(ds, i, 3);
            ck_assert_str_eq(album_label(ds, i), "bear");
            ck_assert(it->weight == (it->split == NN_TRAIN ? 0.5f : 1.0f));
        }
    }
    nn_dataset_close(&ds);
}
END_TEST

/* In the order of the rows, archive by archive, behind the plain files. */
START_TEST(in_a_pool)
{
    char text[512], want[512];
    const char *m = album_path(dir, "m.jsonl");
    struct nn_dataset *some;
    struct nn_pool *p;
    const uint32_t pick[] = { 0, 1, 2, 3 };

    fill((enum album_kind)_i);
    album_put_image(dir, "plain.jpg", 20);
    snprintf(text, sizeof text,
             "{\"file\":\"%s:x/9.jpg\"}\n{\"file\":\"%s:x/2.jpg\"}\n"
             "{\"file\":\"%s:x/9.jpg\"}\n{\"file\":\"plain.jpg\"}\n",
             names[_i], names[_i], names[_i]);
    album_put_text(dir, "m.jsonl", text);
    ck_assert_int_eq(
        nn_pool_open(&m, 1, &(struct nn_dataset_options){ 0 }, &p, NULL),
        NN_OK);
    ck_assert_uint_eq(p->n, 4);
    ck_assert_int_eq(nn_pool_take(p, pick, 4, &some, NULL), NN_OK);
    album_expect(some, 0, 20);
    album_expect(some, 1, 9);
    album_expect(some, 2, 2);
    album_expect(some, 3, 9);
    snprintf(want, sizeof want, "%s/%s:x/2.jpg", dir, names[_i]);
    ck_assert_str_eq(some->items[2].file, want);
    nn_dataset_close(&some);
    nn_pool_close(&p);
}
END_TEST

START_TEST(last_of_a_name)
{
    struct archive *a = album_archive(album_path(dir, "a.tar"), ALBUM_USTAR);
    struct nn_dataset *ds;

    for (unsigned i = 1; i <= 3; i++) {
        album_add_image(a, "1.jpg", i);
        album_add_image(a, "2.jpg", 10 + i);
    }
    album_add_link(a, "link.jpg", "1.jpg");
    album_finish(a);
    album_put_text(dir, "m.csv",
                   "file,label\na.tar:1.jpg,a\na.tar:link.jpg,a\n");
    ds = album_open(album_path(dir, "m.csv"));
    ck_assert_uint_eq(ds->n, 2);
    album_expect(ds, 0, 3);
    album_expect(ds, 1, 3);
    nn_dataset_close(&ds);
}
END_TEST

START_TEST(prefixes)
{
    char path[512];

    fill(ALBUM_USTAR);
    album_put_image(dir, "a.tar:x", 1);
    album_put_image(dir, "no.tar/x.jpg", 1);
    snprintf(path, sizeof path, "%s/a.tar:b:c.jpg", dir);
    ck_assert_uint_eq(nn_archive_prefix(path), strlen(dir) + strlen("/a.tar"));
    ck_assert_uint_eq(nn_archive_prefix(album_path(dir, "a.tar:x")), 0);
    ck_assert_uint_eq(nn_archive_prefix(album_path(dir, "no.tar:x.jpg")), 0);
    ck_assert_uint_eq(nn_archive_prefix(album_path(dir, "b.tar:x.jpg")), 0);
    ck_assert_uint_eq(nn_archive_prefix(album_path(dir, "a.tar")), 0);
    ck_assert_uint_eq(nn_archive_prefix("synth:10:1"), 0);
}
END_TEST

START_TEST(missing)
{
    fill(ALBUM_USTAR);
    album_put_text(dir, "m.csv",
                   "file,label\na.tar:x/1.jpg,a\na.tar:x/10.jpg,a\n");
    album_refuse(album_path(dir, "m.csv"), NN_ERR_FORMAT,
                 "m.csv' line 3: no image 'x/10.jpg' in '");
    album_put_text(dir, "e.tar", "");
    album_put_text(dir, "m.csv", "file,label\ne.tar:x/1.jpg,a\n");
    album_refuse(album_path(dir, "m.csv"), NN_ERR_FORMAT, "e.tar'");
}
END_TEST

static enum nn_status open_close(void *ctx)
{
    const struct nn_dataset_options opt = { .spool_bytes = 3000 };
    const char *path = ctx;
    struct nn_dataset *ds;
    struct nn_pool *p = NULL;
    enum nn_status st = nn_dataset_open(path, &opt, &ds, NULL);

    nn_dataset_close(&ds);
    if (!st) {
        st = nn_pool_open(&path, 1, &opt, &p, NULL);
    }
    nn_pool_close(&p);
    return st;
}

START_TEST(no_memory)
{
    char text[256];
    const char *path = album_path(dir, "m.csv");

    fill((enum album_kind)_i);
    snprintf(text, sizeof text,
             "file,label,family\n%s:x/9.jpg,bear,\n%s:x/2.jpg,,dog\n",
             names[_i], names[_i]);
    album_put_text(dir, "m.csv", text);
    testkit_each_alloc_failure(open_close, (void *)(uintptr_t)path);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("members");
    TCase *t = tcase_create("members");

    tcase_set_timeout(t, 20);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, rows, 0, ALBUM_ZIP + 1);
    tcase_add_loop_test(t, in_a_pool, 0, ALBUM_ZIP + 1);
    tcase_add_test(t, last_of_a_name);
    tcase_add_test(t, prefixes);
    tcase_add_test(t, missing);
    tcase_add_loop_test(t, no_memory, 0, ALBUM_ZIP + 1);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
