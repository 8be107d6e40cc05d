/* CSV and JSON-lines manifests, good and bad. */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/data/dataset_internal.h"
#include "tests/unit/data/album.h"
#include "tests/unit/testkit.h"

START_TEST(test_csv)
{
    char *dir = testkit_mkdir();
    char text[1024];
    struct nn_dataset *ds;

    album_put_image(dir, "one.jpg", 1);
    album_put_image(dir, "sub/a, \"b\".jpg", 2);
    album_put_image(dir, "three.jpg", 3);
    album_put_image(dir, "four.jpg", 4);
    snprintf(text, sizeof text,
             "\xef\xbb\xbflabel,FILE,note,split,group,family,weight\r\n"
             "bear,%s/one.jpg,\"two\nlines\",train,g1,,2.5\r\n"
             "\r\n"
             "\"bear\",\"sub/a, \"\"b\"\".jpg\",,val,,ignored,\r\n"
             ",three.jpg,\"\",test,g1,dog,0\r\n"
             "no_bear,four.jpg,,test,g2,cat,1e-1",
             dir);
    album_put_text(dir, "list.csv", text);
    ds = album_open(album_path(dir, "list.csv"));
    ck_assert_uint_eq(ds->n, 4);
    ck_assert_uint_eq(ds->n_classes, 1);
    ck_assert_uint_eq(ds->n_families, 2);
    ck_assert_int_eq(ds->has_splits, 1);
    ck_assert_str_eq(ds->items[0].file, album_path(dir, "one.jpg"));
    ck_assert_str_eq(ds->items[1].file, "four.jpg");
    ck_assert_str_eq(ds->items[2].file, "sub/a, \"b\".jpg");
    ck_assert_str_eq(ds->items[3].file, "three.jpg");
    album_expect(ds, 0, 1);
    album_expect(ds, 1, 4);
    album_expect(ds, 2, 2);
    album_expect(ds, 3, 3);
    ck_assert_str_eq(album_label(ds, 0), "bear");
    ck_assert_str_eq(album_label(ds, 1), "-/cat");
    ck_assert_str_eq(album_label(ds, 2), "bear");
    ck_assert_int_eq(ds->items[2].family, -1);
    ck_assert_str_eq(album_label(ds, 3), "-/dog");
    ck_assert_int_eq(ds->items[2].split, NN_VALID);
    ck_assert(ds->items[0].weight == 2.5f && ds->items[1].weight == 0.1f);
    ck_assert(ds->items[2].weight == 1 && ds->items[3].weight == 0);
    ck_assert_uint_eq(ds->items[0].group, 1);
    ck_assert_uint_eq(ds->items[1].group, 2);
    ck_assert_uint_eq(ds->items[2].group, 0);
    ck_assert_uint_eq(ds->items[3].group, 1);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* Labels in Latin-1, and files named by their bytes or by their text. */
START_TEST(test_names_of_bytes)
{
    char *dir = testkit_mkdir();
    struct nn_dataset *ds;

    album_put_image(dir, "h\xfcnd.jpg", 1);
    album_put_image(dir, "k\xe4tzchen.jpg", 2);
    album_put_image(dir, "a%E4.jpg", 3);
    album_put_text(dir, "list.csv",
                   "file,label\n"
                   "h\xfcnd.jpg,b\xe4r\n"
                   "k%E4tzchen.jpg,none\n"
                   "a%E4.jpg,other bear\n"
                   "gone%E4.jpg,none\n");
    ds = album_open(album_path(dir, "list.csv"));
    ck_assert_uint_eq(ds->n, 4);
    ck_assert_str_eq(ds->classes[0], "b%E4r");
    album_expect(ds, album_item(ds, "h\xfcnd.jpg"), 1);
    album_expect(ds, album_item(ds, "k%E4tzchen.jpg"), 2);
    album_expect(ds, album_item(ds, "a%E4.jpg"), 3); /* is there: no text */
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_jsonl)
{
    char *dir = testkit_mkdir();
    struct nn_dataset *ds;

    album_put_image(dir, "1.jpg", 1);
    album_put_image(dir, "2.jpg", 2);
    album_put_image(dir, "3.jpg", 3);
    album_put_text(
        dir, "list.jsonl",
        "{\"file_name\":\"2.jpg\",\"label\":\"b\\u00e4r\",\"group\":7,"
        "\"weight\":0.25,\"more\":[1,2]}\r\n"
        "\n  \t\n"
        "{\"file\":\"1.jpg\",\"label\":null,\"family\":\"dog\"}\n"
        "{\"label\":\"\",\"file\":\"3.jpg\",\"group\":\"7\"}");
    ds = album_open(album_path(dir, "list.jsonl"));
    ck_assert_uint_eq(ds->n, 3);
    ck_assert_int_eq(ds->has_splits, 0);
    ck_assert_str_eq(album_label(ds, 0), "-/dog");
    ck_assert_str_eq(album_label(ds, 1), "b\303\244r");
    ck_assert_str_eq(album_label(ds, 2), "-");
    ck_assert(ds->items[1].weight == 0.25f);
    ck_assert_uint_eq(ds->items[0].group, 0);
    ck_assert_uint_eq(ds->items[1].group, 2);
    ck_assert_uint_eq(ds->items[2].group, 2);
    album_expect(ds, 1, 2);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

/* A missing file is a bad image, not a bad manifest. */
START_TEST(test_missing_file)
{
    char *dir = testkit_mkdir();
    struct nn_dataset *ds;

    album_put_image(dir, "1.jpg", 1);
    album_put_text(dir, "list.csv", "file,label\n1.jpg,a\n2.jpg,a\n");
    ds = album_open(album_path(dir, "list.csv"));
    nn_dataset_fingerprint(ds);
    ck_assert_int_eq(ds->items[0].bad, 0);
    ck_assert_int_eq(ds->items[1].bad, 1);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

/* A pool needs no labels, and ignores those it finds. */
START_TEST(test_pool)
{
    char *dir = testkit_mkdir();
    struct nn_dataset *ds;

    album_put_text(dir, "a.csv", "file\n1.jpg\n2.jpg\n");
    album_put_text(dir, "b.jsonl", "{\"file\":\"1.jpg\"}\n");
    album_put_text(dir, "c.csv", "file,label,split\n1.jpg,x,train\n");
    ds = album_open_pool(album_path(dir, "a.csv"));
    ck_assert_uint_eq(ds->n, 2);
    nn_dataset_close(&ds);
    ds = album_open_pool(album_path(dir, "b.jsonl"));
    ck_assert_uint_eq(ds->n, 1);
    nn_dataset_close(&ds);
    ds = album_open_pool(album_path(dir, "c.csv"));
    ck_assert_int_eq(ds->items[0].label, NN_NEGATIVE);
    ck_assert_int_eq(ds->items[0].split, NN_SPLIT_NONE);
    ck_assert_uint_eq(ds->n_classes, 0);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

struct bad {
    const char *name, *text, *part;
};

static const struct bad bads[] = {
    { "b.csv", "", "no images in" },
    { "b.csv", "file,label\n", "no images in" },
    { "b.csv", "name,label\nx,y\n", "line 1: the header has no column 'file'" },
    { "b.csv", "\nfile\nx\n", "line 2: the header has no column 'label'" },
    { "b.csv", "file,label,File\n", "line 1: two columns are called 'File'" },
    { "b.csv", "file,label\nx,a\n,b\n", "line 3: no file name" },
    { "b.csv", "file,label\nx,a\ny\n", "line 3: 1 columns, the header has 2" },
    { "b.csv", "file,label\nx,a,b\n", "line 2: 3 columns, the header has 2" },
    { "b.csv", "file,label\n\"x\ny\",a\n\"z,b\n",
      "line 4: a quote is never closed" },
    { "b.csv", "file,label\n\"x\"y,a\n",
      "line 2: text behind a closing quote" },
    { "b.csv", "file,label\n\"x\"\r,a\n",
      "line 2: text behind a closing quote" },
    { "b.csv", "file,label,split\nx,a,dev\n",
      "line 2: a split is train, valid or test, not 'dev'" },
    { "b.csv", "file,label,weight\nx,a,-1\n", "line 2: a weight is" },
    { "b.csv", "file,label,weight\nx,a,nan\n", "line 2: a weight is" },
    { "b.csv", "file,label,weight\nx,a,1x\n", "not '1x'" },
    { "b.csv", "file,label,weight\nx,a,1e99\n", "line 2: a weight is" },
    { "b.csv", "file,label,split\nx,a,train\ny,a,\n",
      "names a split for some images, but none for 'y'" },
    { "b.csv", "file,label\nx,\ny,none\n", "negatives only" },
    { "b.jsonl", "{\"file\":\"x\",\"label\":\"a\"}\n{\"file\":\n", "line 2: " },
    { "b.jsonl", "\n[1]\n", "line 2: not a JSON object" },
    { "b.jsonl", "{\"file\":\"x\"}\n", "line 1: no key 'label'" },
    { "b.jsonl", "{\"label\":\"x\"}\n", "line 1: no file name" },
    { "b.jsonl", "{\"file\":\"x\",\"label\":1.5}\n", "not a text: 'label'" },
    { "b.jsonl", "{\"file_name\":[],\"label\":\"\"}\n", "not a text: 'file'" },
    { "b.csv", "file_name,label,file_name\nx,a,x\n",
      "two columns are called 'file_name'" },
    { "b.csv", "file_name,text\nx,a\n", "the header has no column 'label'" },
    { "b.jsonl", "{\"file\":[],\"label\":\"\"}\n", "not a text: 'file'" },
    { "b.jsonl", "{\"file\":\"x\",\"label\":\"a\",\"label\":\"b\"}\n",
      "line 1: duplicate object key" },
    { "b.jsonl", "{\"file\":\"x\",\"label\":\"a\"} {}\n", "line 1: " },
    { "b.jsonl", "{\"file\":\"x\",\"label\":\"a\",\"weight\":-2}\n",
      "a number of 0 or more, not '-2'" },
    { "b.jsonl", "{\"file\":\"x\",\"label\":\"a\",\"group\":1.5}\n",
      "not a text: 'group'" },
    { "b.jsonl", "{\"file\":\"\xff\",\"label\":\"a\"}\n", "line 1: " },
};

START_TEST(test_bad)
{
    char *dir = testkit_mkdir();
    const struct bad *b = &bads[_i];

    album_put_text(dir, b->name, b->text);
    album_refuse(album_path(dir, b->name), NN_ERR_FORMAT, b->part);
    album_refuse(album_path(dir, b->name), NN_ERR_FORMAT, b->name);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_zero_byte)
{
    static const char text[] = "file,label\nx\0y,a\n";
    char *dir = testkit_mkdir();

    album_put(dir, "z.csv", text, sizeof text - 1);
    album_refuse(album_path(dir, "z.csv"), NN_ERR_FORMAT,
                 "line 2: a zero byte");
    album_put(dir, "z.jsonl", "\0{}", 3);
    album_refuse(album_path(dir, "z.jsonl"), NN_ERR_FORMAT, "line 1: ");
    testkit_rmdir(dir);
}
END_TEST

START_TEST(test_many_columns)
{
    char *dir = testkit_mkdir(), text[400] = "file,label";

    char *end = text + strlen(text);

    for (int i = 2; i < 64; i++) {
        end = stpcpy(end, ",c");
    }
    end = stpcpy(end, "\n1,a");
    for (int i = 2; i < 64; i++) {
        end = stpcpy(end, ",");
    }
    album_put_text(dir, "m.csv", text);
    struct nn_dataset *ds = album_open(album_path(dir, "m.csv"));
    ck_assert_uint_eq(ds->n, 1);
    nn_dataset_close(&ds);
    stpcpy(end, ",");
    album_put_text(dir, "m.csv", text);
    album_refuse(album_path(dir, "m.csv"), NN_ERR_FORMAT,
                 "line 2: more than 64 columns");
    testkit_rmdir(dir);
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

    album_put_text(dir, "m.csv",
                   "file,label,group,family\n1,a,g,\n2,,g,dog\n3,b,,\n");
    testkit_each_alloc_failure(open_close,
                               (void *)(uintptr_t)album_path(dir, "m.csv"));
    album_put_text(dir, "m.jsonl", "{\"file\":\"1\",\"label\":\"a\"}\n");
    testkit_each_alloc_failure(open_close,
                               (void *)(uintptr_t)album_path(dir, "m.jsonl"));
    testkit_rmdir(dir);
}
END_TEST

/* What a text gives when it is read `block` bytes at a time: all rows, or the
 * error. */
static void read_blocks(const char *path, const char *text, size_t block,
                        char *out, size_t room)
{
    const struct nn_dataset_options opt = { 0 };
    struct nn_source *source = nn_mem_calloc(1, sizeof *source);
    struct nn_finder f = { .source = source, .opt = &opt };
    struct nn_error err = NN_ERROR_INIT;
    FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "rb");
    size_t at = 0;

    ck_assert_ptr_nonnull(in);
    ck_assert_ptr_nonnull(source);
    source->spool_fd = -1;
    if (nn_find_manifest_stream(&f, path, NULL, in, block, &err)) {
        snprintf(out, room, "%s", err.text);
    } else {
        for (size_t i = 0; i < f.n; i++) {
            const struct nn_found *x = &f.found[i];

            at += (size_t)snprintf(out + at, room - at, "%s|%s|%s|%d|%g\n",
                                   source->path[x->where], x->label, x->family,
                                   (int)x->split, (double)x->weight);
            ck_assert_uint_lt(at, room);
        }
    }
    fclose(in);
    nn_finder_release(&f);
    nn_source_destroy(source);
}

START_TEST(test_blocks)
{
    static const char *const text[][2] = {
        { "a/m.csv", "file,label,note,split,weight\r\n"
                     "x,bear,\"1\n2\",train,1\r\n\r\n\n"
                     "\"y \"\"\n\"\"\"\"\",bear,\"\"\"\",,2\n"
                     "5\" wide,\"\",\"a,b\",valid,3\n"
                     "z,\"bear\"\r\n" },
        { "a/m.csv", "file,label\nx,\"1\"2\ny,bear\n" },
        { "a/m.csv", "file,label\nx,\"bear\ny,bear\nz,bear" },
        { "a/m.csv", "file,label\nx,b\"e\ny,\"b,\"\n\n\nz,\"a\nb\"\n" },
        { "a/m.csv", "file,label\na,b\n\"c\nd\",e\n,f\n" },
        { "a/m.jsonl", "{\"file\":\"x\",\"label\":\"bear\"}\n \t\r\n\n"
                       "{\"file\":\"y\\n\",\"label\":null,\"weight\":2}" },
        { "a/m.jsonl", "{\"file\":\"x\",\"label\":\"bear\"}\n\n{\n}\n" },
    };
    const char *path = text[_i][0];
    char want[1024], got[1024];

    read_blocks(path, text[_i][1], 1 << 16, want, sizeof want);
    ck_assert_uint_gt(strlen(want), 10);
    for (size_t block = 1; block < strlen(text[_i][1]) + 3; block++) {
        read_blocks(path, text[_i][1], block, got, sizeof got);
        ck_assert_str_eq(got, want);
    }
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

START_TEST(test_endless_row)
{
    size_t n = (size_t)17 << 20;
    char *text = nn_mem_calloc(n + 1, 1), got[512];

    ck_assert_ptr_nonnull(text);
    memset(text, 'x', n);
    memcpy(text, "file,label\n\"", 12);
    read_blocks("m.csv", text, 1 << 16, got, sizeof got);
    ck_assert_ptr_nonnull(strstr(got, "'m.csv'"));
    ck_assert_ptr_nonnull(strstr(got, "never closed"));
    nn_mem_free(text);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("manifest");
    TCase *t = tcase_create("manifest");

    tcase_set_timeout(t, 20);
    tcase_add_test(t, test_csv);
    tcase_add_test(t, test_names_of_bytes);
    tcase_add_test(t, test_jsonl);
    tcase_add_test(t, test_missing_file);
    tcase_add_test(t, test_pool);
    tcase_add_loop_test(t, test_bad, 0, sizeof bads / sizeof bads[0]);
    tcase_add_test(t, test_zero_byte);
    tcase_add_test(t, test_many_columns);
    tcase_add_loop_test(t, test_blocks, 0, 7);
    tcase_add_test(t, test_endless_row);
    tcase_add_test(t, test_no_memory);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
