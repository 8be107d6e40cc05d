/* Photos without number: everything that was named is an image, an item that
 * fails with its reason, or counted. */
#include <archive.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"
#include "common/data/stream.h"
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
    ck_assert_int_eq(nn_mem_live(), 0);
}

static struct nn_stream *open_stream(const char *path)
{
    const struct nn_stream_options opt = { .origins = 0 };
    struct nn_stream *s;

    ck_assert_int_eq(nn_stream_create(&opt, &s, NULL), NN_OK);
    ck_assert_int_eq(nn_stream_add(s, path, NULL), NN_OK);
    return s;
}

/* One image after another: each ends in names[i], and holds image seed[i] or,
 * where that is -1, fails with a reason that holds why[i]. */
struct want {
    const char *name;
    int seed;
    const char *why;
};

static void expect_item(const struct nn_dataset *ds, size_t i,
                        const struct want *w)
{
    struct nn_error err = NN_ERROR_INIT;
    const char *name = ds->items[i].file;
    uint8_t *bytes;
    size_t size;

    ck_assert_msg(nn_ends_with(name, w->name), "'%s', not '%s'", name, w->name);
    if (w->seed >= 0) {
        album_expect(ds, i, (uint64_t)w->seed);
        return;
    }
    ck_assert_int_ne(nn_dataset_read(ds, i, &bytes, &size, &err), NN_OK);
    ck_assert_msg(strstr(err.text, w->why) != NULL, "'%s'", err.text);
}

static void expect(struct nn_stream *s, size_t most, const struct want *w,
                   size_t n)
{
    size_t at = 0;

    for (;;) {
        struct nn_dataset *ds;

        ck_assert_int_eq(nn_stream_next(s, most, &ds, NULL), NN_OK);
        if (ds == NULL) {
            break;
        }
        ck_assert_uint_le(ds->n, most);
        for (size_t i = 0; i < ds->n; i++, at++) {
            ck_assert_msg(at < n, "'%s' too much", ds->items[i].file);
            expect_item(ds, i, &w[at]);
        }
        nn_dataset_close(&ds);
    }
    ck_assert_uint_eq(at, n);
}

#define EXPECT(s, most, w) expect(s, most, w, sizeof(w) / sizeof((w)[0]))

/* In the order of paths, whatever stands beside a folder; handfuls of every
 * size. */
START_TEST(order)
{
    static const struct want want[] = {
        { "a-b.jpg", 1, NULL },   { "a.jpg", 2, NULL },  { "a/1.jpg", 3, NULL },
        { "a/z/1.jpg", 4, NULL }, { "a0.jpg", 5, NULL },
    };
    struct nn_stream *s = open_stream(dir);

    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        album_put_image(dir, want[i].name, (uint64_t)want[i].seed);
    }
    EXPECT(s, (size_t)_i, want);
    ck_assert_uint_eq(nn_stream_counts(s).left_out, 0);
    nn_stream_close(&s);
}
END_TEST

START_TEST(any_depth)
{
    char name[400] = "x";
    struct want want = { "deep.jpg", 7, NULL };
    struct nn_stream *s = open_stream(dir);

    for (int i = 0; i < 60; i++) {
        size_t n = strlen(name);

        snprintf(name + n, sizeof name - n, "/d%d%s", i,
                 i == 59 ? "/deep.jpg" : "");
    }
    album_put_image(dir, name, 7);
    ck_assert_int_eq(nn_stream_count(dir, NULL, NULL), 1);
    expect(s, 8, &want, 1);
    nn_stream_close(&s);
}
END_TEST

/* What systems, cameras and programs put beside photos, in folders and in
 * archives alike; a name without a known ending is judged by the content. */
START_TEST(beside_photos)
{
    static const char *const beside[] = {
        "._IMG.jpg",
        ".thumbnails/1.jpg",
        "@eaDir/IMG.jpg/THUMB_M.jpg",
        "#recycle/2.jpg",
        "$RECYCLE.BIN/3.jpg",
        "__MACOSX/4.jpg",
        "Thumbs.db",
        "IMG.XMP",
        "IMG.AAE",
        "CLIP.MTS",
        "CLIP.CR2",
        "notes",
        "MISC/INDEX",
        "CLIP.THM",
        "x.unheard",
    };
    enum { N = sizeof beside / sizeof beside[0] };
    static const struct want want[] = { { "IMG.jpg", 1, NULL },
                                        { "card/IMG", 2, NULL },
                                        { "card/IMG.0", 3, NULL } };
    char name[64];
    struct nn_stream *s;
    struct archive *a;

    if (_i == 0) {
        for (size_t i = 0; i < N; i++) {
            snprintf(name, sizeof name, "card/%s", beside[i]);
            album_put_text(dir, name, "words");
        }
        album_put_image(dir, "card/IMG.jpg", 1);
        album_put_image(dir, "card/IMG", 2);
        album_put_image(dir, "card/IMG.0", 3);
    } else {
        a = album_archive(album_path(dir, _i == 1 ? "x.zip" : "x.tar"),
                          _i == 1 ? ALBUM_ZIP : ALBUM_USTAR);
        album_add_image(a, "card/IMG.jpg", 1);
        album_add_image(a, "card/IMG", 2);
        album_add_image(a, "card/IMG.0", 3);
        for (size_t i = 0; i < N; i++) {
            snprintf(name, sizeof name, "card/%s", beside[i]);
            album_add(a, name, "words", 5);
        }
        album_finish(a);
    }
    s = open_stream(dir);
    if (_i == 0) {
        static const struct want sorted[] = { { "card/IMG", 2, NULL },
                                              { "card/IMG.0", 3, NULL },
                                              { "IMG.jpg", 1, NULL } };
        EXPECT(s, 2, sorted);
    } else {
        EXPECT(s, 2, want);
    }
    ck_assert_uint_eq(nn_stream_counts(s).left_out, N);
    ck_assert_ptr_nonnull(nn_stream_counts(s).example);
    nn_stream_close(&s);
}
END_TEST

/* What the user names is looked at, whatever it is called. */
START_TEST(named)
{
    static const struct want want[] = {
        { "IMG.XMP", -1, "" },
        { ".hidden.jpg", 2, NULL },
        { "none.jpg", -1, "none.jpg" },
        { ".thumbnails/1.jpg", 3, NULL },
        { "broken.tar", -1, "broken.tar" },
        { "none.zip", -1, "none.zip" },
        { "none.csv", -1, "none.csv" },
    };
    struct nn_stream *s = open_stream(album_path(dir, "IMG.XMP"));
    struct nn_dataset *ds;

    album_put_text(dir, "broken.tar", "no archive");
    album_put_image(dir, ".hidden.jpg", 2);
    album_put_image(dir, ".thumbnails/1.jpg", 3);
    for (size_t i = 1; i < sizeof want / sizeof want[0]; i++) {
        ck_assert_int_eq(nn_stream_add(s,
                                       album_path(dir, i == 3 ? ".thumbnails"
                                                              : want[i].name),
                                       NULL),
                         NN_OK);
    }
    EXPECT(s, 3, want);
    ck_assert_uint_eq(nn_stream_counts(s).left_out, 0);
    /* More may come when all was given. */
    ck_assert_int_eq(nn_stream_next(s, 1, &ds, NULL), NN_OK);
    ck_assert_ptr_null(ds);
    ck_assert_int_eq(nn_stream_add(s, album_path(dir, ".hidden.jpg"), NULL),
                     NN_OK);
    expect(s, 1, &want[1], 1);
    nn_stream_close(&s);
}
END_TEST

START_TEST(closed_folder)
{
    static const struct want want[] = { { "a/1.jpg", 1, NULL },
                                        { "/b", -1, "Permission denied" },
                                        { "c/3.jpg", 3, NULL } };
    struct nn_stream *s = open_stream(dir);

    album_put_image(dir, "a/1.jpg", 1);
    album_put_image(dir, "b/2.jpg", 2);
    album_put_image(dir, "c/3.jpg", 3);
    ck_assert_int_eq(chmod(album_path(dir, "b"), 0), 0);
    if (access(album_path(dir, "b"), R_OK) != 0) { /* not for root */
        EXPECT(s, 8, want);
    }
    ck_assert_int_eq(chmod(album_path(dir, "b"), 0700), 0);
    nn_stream_close(&s);
}
END_TEST

/* Members in the archive's order, names beyond ASCII, second names; also where
 * archives lie in folders. */
START_TEST(members)
{
    static const struct want want[] = { { "x:b/2.jpg", 2, NULL },
                                        { "x:\303\244/\345\206\231.jpg", 1,
                                          NULL },
                                        { "x:a/link.jpg", 2, NULL },
                                        { "x:a/lost.jpg", -1, "link" } };
    static const char *const names[] = { "x.tar", "x.tar", "x.tar", "x.tgz",
                                         "x.zip" };
    char expected[4][64];
    struct want w[4];
    struct archive *a =
        album_archive(album_path(dir, names[_i]), (enum album_kind)_i);
    size_t n = _i == ALBUM_ZIP ? 2 : 4;
    struct nn_stream *s = open_stream(dir);

    album_add_image(a, "b/2.jpg", 2);
    album_add_image(a, "./\303\244/\345\206\231.jpg", 1);
    if (n == 4) {
        album_add_link(a, "a/link.jpg", "b/2.jpg");
        album_add_link(a, "a/lost.jpg", "nowhere.jpg");
    }
    album_finish(a);
    for (size_t i = 0; i < n; i++) {
        w[i] = want[i];
        snprintf(expected[i], sizeof expected[i], "%s%s", names[_i],
                 want[i].name + 1);
        w[i].name = expected[i];
    }
    expect(s, 1, w, n);
    nn_stream_close(&s);
    if (_i != ALBUM_TGZ) {
        ck_assert_int_eq(nn_stream_count(dir, NULL, NULL), (int64_t)n);
    } else {
        ck_assert_int_eq(nn_stream_count(dir, NULL, NULL), -1);
    }
}
END_TEST

/* Nothing but the present handful is unpacked. */
START_TEST(little_memory)
{
    enum { N = 40, BYTES = 1 << 20 };
    struct archive *a = album_archive(album_path(dir, "x.zip"), ALBUM_ZIP);
    struct nn_stream *s = open_stream(album_path(dir, "x.zip"));
    uint8_t *bytes = nn_mem_calloc(BYTES, 1);
    struct nn_dataset *ds;
    size_t n = 0, handfuls = 0;
    char name[32];

    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "%02d.jpg", i);
        album_add(a, name, bytes, BYTES);
    }
    album_finish(a);
    nn_mem_free(bytes);
    for (;;) {
        ck_assert_int_eq(nn_stream_next(s, 1000, &ds, NULL), NN_OK);
        if (ds == NULL) {
            break;
        }
        n += ds->n;
        handfuls++;
        ck_assert_uint_le(ds->n, 25);
        nn_dataset_close(&ds);
    }
    ck_assert_uint_eq(n, N);
    ck_assert_uint_eq(handfuls, 2);
    nn_stream_close(&s);
}
END_TEST

static void spoil(const char *path, size_t at, size_t n, int how)
{
    FILE *f = fopen(path, "r+b");

    ck_assert_ptr_nonnull(f);
    if (how < 0) {
        ck_assert_int_eq(ftruncate(fileno(f), (off_t)at), 0);
    } else {
        ck_assert_int_eq(fseek(f, (long)at, SEEK_SET), 0);
        for (size_t i = 0; i < n; i++) {
            fputc(how, f);
        }
    }
    ck_assert_int_eq(fclose(f), 0);
}

/* A damaged header hides one member, and its loss is an item; so is what lies
 * behind the end of a file that was cut short. */
START_TEST(damaged_archive)
{
    static const struct want header[] = { { "1.jpg", 1, NULL },
                                          { "x.tar", -1, "damaged headers" },
                                          { "3.jpg", 3, NULL } };
    static const struct want cut[] = { { "1.jpg", 1, NULL },
                                       { "2.jpg", -1, "cut short" },
                                       { "x.tar", -1, "cannot be read" } };
    const char *path = album_path(dir, "x.tar");
    struct archive *a = album_archive(path, ALBUM_USTAR);
    struct nn_stream *s = open_stream(path);
    size_t size;

    nn_mem_free(album_small(1, &size));
    size = 512 + (size + 511) / 512 * 512; /* of a member */
    album_add_image(a, "1.jpg", 1);
    album_add_image(a, "2.jpg", 2);
    album_add_image(a, "3.jpg", 3);
    album_finish(a);
    if (_i == 0) {
        spoil(path, size, 100, 'Z');
        EXPECT(s, 8, header);
    } else {
        spoil(path, size + 700, 0, -1);
        EXPECT(s, 8, cut);
    }
    nn_stream_close(&s);
}
END_TEST

/* What a former run looked at is passed over, by name, size and time. */
static int all_but_changed(void *ctx, const char *name,
                           const struct nn_origin *o)
{
    ++*(int *)ctx;
    ck_assert_int_gt(o->bytes, 0);
    ck_assert_int_ge(o->mtime_ms, 0);
    return strstr(name, "new") == NULL;
}

START_TEST(known)
{
    int asked = 0;
    const struct nn_stream_options opt = { .origins = 1,
                                           .known = all_but_changed,
                                           .ctx = &asked };
    struct nn_stream *s;
    struct nn_dataset *ds;
    struct archive *a = album_archive(album_path(dir, "x.tgz"), ALBUM_TGZ);
    size_t n = 0;

    album_add_image(a, "old.jpg", 1);
    album_add_image(a, "new.jpg", 2);
    album_finish(a);
    album_put_image(dir, "old.jpg", 3);
    album_put_image(dir, "new.jpg", 4);
    album_put_text(dir, "list/m.csv", "file\n../old.jpg\n../new.jpg\n");
    ck_assert_int_eq(nn_stream_create(&opt, &s, NULL), NN_OK);
    ck_assert_int_eq(nn_stream_add(s, dir, NULL), NN_OK);
    ck_assert_int_eq(nn_stream_add(s, album_path(dir, "list/m.csv"), NULL),
                     NN_OK);
    for (;;) {
        ck_assert_int_eq(nn_stream_next(s, 8, &ds, NULL), NN_OK);
        if (ds == NULL) {
            break;
        }
        for (size_t i = 0; i < ds->n; i++, n++) {
            ck_assert_ptr_nonnull(strstr(ds->items[i].file, "new.jpg"));
            ck_assert_int_gt(nn_stream_origins(s)[i].bytes, 0);
        }
        nn_dataset_close(&ds);
    }
    ck_assert_uint_eq(n, 3);
    ck_assert_int_eq(asked, 6);
    ck_assert_uint_eq(nn_stream_counts(s).known, 3);
    nn_stream_close(&s);
}
END_TEST

static int take_all(void *ctx)
{
    const struct nn_stream_options opt = { .origins = 1 };
    struct nn_stream *s = NULL;
    struct nn_dataset *ds = NULL;
    enum nn_status st = nn_stream_create(&opt, &s, NULL);

    if (!st) {
        st = nn_stream_add(s, dir, NULL);
    }
    if (!st) {
        st = nn_stream_add(s, ctx, NULL);
    }
    while (!st) {
        st = nn_stream_next(s, 2, &ds, NULL);
        if (ds == NULL) {
            break;
        }
        nn_dataset_close(&ds);
    }
    nn_stream_close(&s);
    return st;
}

START_TEST(allocation_failures)
{
    char list[512];
    struct archive *a = album_archive(album_path(dir, "x.tgz"), ALBUM_TGZ);

    album_add_image(a, "1.jpg", 1);
    album_add_image(a, "2.jpg", 2);
    album_finish(a);
    snprintf(list, sizeof list, "%s", album_path(dir, "list/m.csv"));
    album_put_image(dir, "1.jpg", 1);
    album_put_image(dir, "b/2.jpg", 1);
    album_put_text(dir, "b/notes", "words");
    album_put_text(dir, "broken.zip", "words");
    album_put_text(dir, "list/m.csv", "file\n../1.jpg\n");
    testkit_each_alloc_failure(take_all, list);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("stream");
    TCase *t = tcase_create("stream");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, order, 1, 7);
    tcase_add_test(t, any_depth);
    tcase_add_loop_test(t, beside_photos, 0, 3);
    tcase_add_test(t, named);
    tcase_add_test(t, closed_folder);
    tcase_add_loop_test(t, members, 0, 5);
    tcase_add_test(t, little_memory);
    tcase_add_loop_test(t, damaged_archive, 0, 2);
    tcase_add_test(t, known);
    tcase_add_test(t, allocation_failures);
    suite_add_tcase(s, t);
    return s;
}
TESTKIT_MAIN(create)
