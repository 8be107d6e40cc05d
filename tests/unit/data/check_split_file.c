/* Splits that are written down and given back. */
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/split_file.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

/* Names that a CSV file must quote or escape. */
static const char *const names[] = {
    "bear/a.jpg",        "bear/b, c.jpg",  "bear/\"d\".jpg",
    "bear/e\nf.jpg",     "bear/g\xe4.jpg", "bear/h%E4.jpg",
    "bear/\xc3\xa4.jpg", "none/dog/i.jpg", "none/j.jpg",
};
enum { N = sizeof names / sizeof names[0] };

static char *dir, *path;

static void set_up(void)
{
    dir = testkit_mkdir();
    path = nn_path_join(dir, "split.csv");
    for (size_t i = 0; i < N; i++) {
        album_put_image(dir, names[i], i + 1);
    }
}

static void tear_down(void)
{
    nn_mem_free(path);
    testkit_rmdir(dir);
}

static struct nn_dataset *open_all(void)
{
    struct nn_dataset *ds = album_open(dir);

    nn_dataset_fingerprint(ds);
    return ds;
}

/* Item i of names: train, valid, test, train, ... */
static enum nn_split given(size_t i)
{
    return (enum nn_split)(i % NN_SPLITS);
}

/* The file of all nine, whose splits are given(). */
static void write_all(void)
{
    struct nn_dataset *ds = open_all();

    for (size_t i = 0; i < N; i++) {
        ds->items[album_item(ds, names[i])].split = given(i);
    }
    ck_assert_int_eq(nn_split_file_write(ds, path, NULL), NN_OK);
    nn_dataset_close(&ds);
}

static void remove_image(const char *name)
{
    ck_assert_int_eq(unlink(album_path(dir, name)), 0);
}

static void rename_image(const char *from, const char *to)
{
    ck_assert_int_eq(rename(album_path(dir, from), album_path(dir, to)), 0);
}

static void expect(const struct nn_dataset *ds, const char *file,
                   enum nn_split want)
{
    enum nn_split got = ds->items[album_item(ds, file)].split;

    ck_assert_msg(got == want, "'%s' is %s, not %s", file, nn_split_name(got),
                  nn_split_name(want));
}

START_TEST(what_is_written_comes_back)
{
    struct nn_split_file_counts n;
    struct nn_error err = NN_ERROR_INIT;
    struct nn_dataset *ds;
    unsigned char *text;
    size_t size;

    write_all();
    ds = open_all();
    ck_assert_msg(nn_split_file_read(ds, path, &n, &err) == NN_OK, "%s",
                  err.text);
    ck_assert_uint_eq(n.given, N);
    ck_assert_uint_eq(n.moved, 0); /* they had none */
    ck_assert_uint_eq(n.absent, 0);
    for (size_t i = 0; i < N; i++) {
        expect(ds, names[i], given(i));
    }
    ck_assert_int_eq(nn_file_read(path, 10000, &text, &size, NULL), NN_OK);
    ck_assert_ptr_nonnull(strstr((char *)text, "file,label,family,split,hash\n"
                                               "\"bear/\"\"d\"\".jpg\",bear,,"
                                               "test,"));
    ck_assert_ptr_nonnull(strstr((char *)text, "\nbear/g%E4.jpg,bear,,valid,"));
    ck_assert_ptr_nonnull(strstr((char *)text, "\nnone/dog/i.jpg,,dog,valid,"));
    nn_mem_free(text);
    ds->items[0].bad = 1; /* what cannot be read has no row */
    ds->items[1].split = NN_SPLIT_NONE;
    ck_assert_int_eq(nn_split_file_write(ds, path, NULL), NN_OK);
    ds->items[0].bad = 0;
    ck_assert_int_eq(nn_split_file_read(ds, path, &n, NULL), NN_OK);
    ck_assert_uint_eq(n.given, N - 2);
    nn_dataset_close(&ds);
}
END_TEST

/* The photo counts, not what it is called; then its name. */
START_TEST(photos_keep_their_split)
{
    struct nn_split_file_counts n;
    struct nn_dataset *ds;

    write_all();
    rename_image("bear/a.jpg", "bear/away.jpg"); /* train */
    rename_image("bear/b, c.jpg", "bear/a.jpg"); /* valid, with a's name */
    album_put_image(dir, "bear/\"d\".jpg", 70);  /* test, other bytes */
    remove_image("none/j.jpg");                  /* test */
    album_put_image(dir, "bear/new.jpg", 71);
    album_put_text(dir, "bear/h%E4.jpg", "no image");
    ds = open_all();
    ds->items[album_item(ds, "bear/away.jpg")].split = NN_TEST;
    ds->items[album_item(ds, "bear/a.jpg")].split = NN_VALID;
    ck_assert_int_eq(nn_split_file_read(ds, path, &n, NULL), NN_OK);
    expect(ds, "bear/away.jpg", NN_TRAIN);
    expect(ds, "bear/a.jpg", NN_VALID);
    expect(ds, "bear/\"d\".jpg", NN_TEST);
    expect(ds, "bear/new.jpg", NN_SPLIT_NONE);
    expect(ds, "bear/h%E4.jpg", NN_SPLIT_NONE);
    ck_assert_uint_eq(n.given, N - 2);
    ck_assert_uint_eq(n.moved, 1);
    ck_assert_uint_eq(n.absent, 2);
    nn_dataset_close(&ds);
}
END_TEST

/* Two files of the same bytes: each its own row. */
START_TEST(copies_are_told_apart_by_name)
{
    struct nn_split_file_counts n;
    struct nn_dataset *ds;

    album_put_image(dir, "bear/z.jpg", 1); /* as bear/a.jpg */
    ds = open_all();
    for (size_t i = 0; i < ds->n; i++) {
        ds->items[i].split = NN_TEST;
    }
    ds->items[album_item(ds, "bear/z.jpg")].split = NN_VALID;
    ck_assert_int_eq(nn_split_file_write(ds, path, NULL), NN_OK);
    nn_dataset_close(&ds);
    rename_image("bear/e\nf.jpg", "bear/e.jpg");
    ds = open_all();
    ck_assert_int_eq(nn_split_file_read(ds, path, &n, NULL), NN_OK);
    expect(ds, "bear/z.jpg", NN_VALID);
    expect(ds, "bear/a.jpg", NN_TEST);
    nn_dataset_close(&ds);
}
END_TEST

static void read_text(struct nn_dataset *ds, const char *text,
                      struct nn_split_file_counts *n)
{
    struct nn_error err = NN_ERROR_INIT;

    album_put_text(dir, "split.csv", text);
    ck_assert_msg(nn_split_file_read(ds, path, n, &err) == NN_OK, "%s",
                  err.text);
}

/* By hand or from a spreadsheet. */
START_TEST(other_writers)
{
    struct nn_split_file_counts n;
    struct nn_dataset *ds = open_all();
    char text[200];

    read_text(ds,
              "\xef\xbb\xbfsplit,note,FILE\r\nVal,x,bear/a.jpg\r\n\r\n"
              "test,,\"bear/b, c.jpg\"\r\n,,bear/\xc3\xa4.jpg\r\n",
              &n);
    ck_assert_uint_eq(n.given, 2);
    expect(ds, "bear/a.jpg", NN_VALID);
    expect(ds, "bear/b, c.jpg", NN_TEST);
    expect(ds, "bear/\xc3\xa4.jpg", NN_SPLIT_NONE);
    snprintf(text, sizeof text, "hash,split\n%016llX,train\n",
             (unsigned long long)ds->items[album_item(ds, "bear/a.jpg")].hash);
    read_text(ds, text, &n);
    ck_assert_uint_eq(n.given, 1);
    ck_assert_uint_eq(n.moved, 1);
    expect(ds, "bear/a.jpg", NN_TRAIN);
    /* a name in the file's own bytes */
    read_text(ds, "file,split\nbear/g\xe4.jpg,test\n", &n);
    expect(ds, "bear/g\xe4.jpg", NN_TEST);
    nn_dataset_close(&ds);
}
END_TEST

static const struct {
    const char *text, *says;
} refused[] = {
    { "", "has no rows" },
    { "file,split\n", "has no rows" },
    { "file,label\nx,bear\n", "line 1: the header has no column 'split'" },
    { "name,split\nx,test\n", "line 1: the header has neither a column" },
    { "file,split,split\nx,test,test\n", "two columns are called 'split'" },
    { "file,split\nx,dev\n", "line 2: a split is train, valid or test, not" },
    { "file,split\nx\n", "line 2: 1 columns, the header has 2" },
    { "file,split\n\"x,test\n", "line 2: a quote is never closed" },
    { "file,split\n,test\n", "line 2: neither a file name nor a hash" },
    { "hash,split\n12,test\n", "line 2: a hash is 16 hex digits, not '12'" },
    { "hash,split\n0123456789abcdeg,test\n",
      "line 2: a hash is 16 hex digits" },
    { "file,split\n\nbear/a.jpg,test\nbear/a.jpg,valid\n",
      "lines 3 and 4 give one image two splits" },
    { "hash,split\n0123456789abcdef,test\n0123456789ABCDEF,train\n",
      "lines 2 and 3 give one image two splits" },
    { "file,split\nelsewhere.jpg,test\n", "none of the 1 rows of" },
};
enum { N_REFUSED = sizeof refused / sizeof refused[0] };

START_TEST(mistakes_are_named)
{
    struct nn_split_file_counts n;
    struct nn_error err = NN_ERROR_INIT;
    struct nn_dataset *ds = open_all();

    album_put_text(dir, "split.csv", refused[_i].text);
    ck_assert_int_eq(nn_split_file_read(ds, path, &n, &err), NN_ERR_FORMAT);
    ck_assert_msg(strstr(err.text, refused[_i].says) != NULL, "%s", err.text);
    ck_assert_ptr_nonnull(strstr(err.text, "split.csv'"));
    for (size_t i = 0; i < ds->n; i++) {
        ck_assert_int_eq(ds->items[i].split, NN_SPLIT_NONE);
    }
    nn_dataset_close(&ds);
}
END_TEST

START_TEST(a_missing_file)
{
    struct nn_split_file_counts n;
    struct nn_error err = NN_ERROR_INIT;
    struct nn_dataset *ds = open_all();

    ck_assert_int_eq(nn_split_file_read(ds, path, &n, &err), NN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "split.csv'"));
    nn_dataset_close(&ds);
}
END_TEST

static int round_trip(void *ctx)
{
    struct nn_split_file_counts n;
    enum nn_status st = nn_split_file_write(ctx, path, NULL);

    return (int)(st ? st : nn_split_file_read(ctx, path, &n, NULL));
}

START_TEST(memory_may_run_out)
{
    struct nn_dataset *ds = open_all();

    for (size_t i = 0; i < ds->n; i++) {
        ds->items[i].split = given(i);
    }
    testkit_each_alloc_failure(round_trip, ds);
    for (size_t i = 0; i < ds->n; i++) {
        ck_assert_int_eq(ds->items[i].split, given(i));
    }
    nn_dataset_close(&ds);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("split_file");
    TCase *t = tcase_create("split_file");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, what_is_written_comes_back);
    tcase_add_test(t, photos_keep_their_split);
    tcase_add_test(t, copies_are_told_apart_by_name);
    tcase_add_test(t, other_writers);
    tcase_add_loop_test(t, mistakes_are_named, 0, N_REFUSED);
    tcase_add_test(t, a_missing_file);
    tcase_add_test(t, memory_may_run_out);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
