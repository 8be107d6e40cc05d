#include "tests/unit/testkit.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"

static char *dir;

static void setup(void)
{
    dir = testkit_mkdir();
}

static void teardown(void)
{
    testkit_rmdir(dir);
}

static void put(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, size, f), size);
    ck_assert_int_eq(fclose(f), 0);
}

static void check_holds(const char *path, const void *data, size_t size)
{
    unsigned char *got = NULL;
    size_t n = 0;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_msg(nn_file_read(path, 1 << 24, &got, &n, &err) == NN_OK, "%s",
                  err.text);
    ck_assert_uint_eq(n, size);
    ck_assert_mem_eq(got, data, size);
    ck_assert_int_eq(got[n], 0);
    nn_mem_free(got);
}

static int entries(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;

    ck_assert_ptr_nonnull(d);
    while (readdir(d) != NULL) {
        n++;
    }
    closedir(d);
    return n - 2; /* without "." and ".." */
}

START_TEST(reads_back_what_was_written)
{
    char *path = nn_path_join(dir, "f");

    put(path, "a\0b", 3);
    check_holds(path, "a\0b", 3);
    put(path, "", 0);
    check_holds(path, "", 0);
    nn_mem_free(path);
}
END_TEST

static void check_read_fails(const char *path, size_t max,
                             enum nn_status status, const char *why)
{
    unsigned char *data = NULL;
    size_t n = 77;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(nn_file_read(path, max, &data, &n, &err), status);
    ck_assert_ptr_null(data);
    ck_assert_uint_eq(n, 77);
    ck_assert_ptr_nonnull(strstr(err.text, path));
    ck_assert_msg(strstr(err.text, why) != NULL, "'%s' lacks '%s'", err.text,
                  why);
}

START_TEST(unreadable_paths_are_named)
{
    char *path = nn_path_join(dir, "f"), *fifo = nn_path_join(dir, "p");

    check_read_fails(path, 10, NN_ERR_IO, "No such file");
    check_read_fails(dir, 10, NN_ERR_IO, "it is a folder");
    check_read_fails("/dev/null", 10, NN_ERR_IO, "not a regular file");
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    check_read_fails(fifo, 10, NN_ERR_IO, "not a regular file");
    put(path, "0123456789", 10);
    check_holds(path, "0123456789", 10);
    check_read_fails(path, 9, NN_ERR_FORMAT, "larger than 9 bytes");
    if (geteuid() != 0) {
        ck_assert_int_eq(chmod(path, 0), 0);
        check_read_fails(path, 10, NN_ERR_IO, "Permission denied");
    }
    nn_mem_free(path);
    nn_mem_free(fifo);
}
END_TEST

START_TEST(limit_is_told_in_mebibytes)
{
    char *path = nn_path_join(dir, "big");

    put(path, "", 0);
    ck_assert_int_eq(truncate(path, (3 << 20) + 1), 0);
    check_read_fails(path, 3 << 20, NN_ERR_FORMAT, "larger than 3 MiB");
    nn_mem_free(path);
}
END_TEST

START_TEST(commit_replaces)
{
    char *path = nn_path_join(dir, "f");
    struct nn_file_out o;
    struct nn_error err = NN_ERROR_INIT;

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(nn_file_out_open(&o, path, &err), NN_OK);
        ck_assert_int_eq(nn_file_exists(path), i);
        fprintf(o.stream, "text %d", i);
        ck_assert_int_eq(nn_file_out_commit(&o, &err), NN_OK);
        ck_assert_ptr_null(o.stream);
        check_holds(path, i ? "text 1" : "text 0", 6);
        ck_assert_int_eq(entries(dir), 1);
    }
    nn_mem_free(path);
}
END_TEST

START_TEST(abort_leaves_the_old_file)
{
    char *path = nn_path_join(dir, "f");
    struct nn_file_out o;

    put(path, "old", 3);
    ck_assert_int_eq(nn_file_out_open(&o, path, NULL), NN_OK);
    fputs("new and longer", o.stream);
    nn_file_out_abort(&o);
    check_holds(path, "old", 3);
    ck_assert_int_eq(entries(dir), 1);
    nn_file_out_abort(&o);
    nn_mem_free(path);
}
END_TEST

/* RLIMIT_FSIZE stands for the full disk: write() fails in the same way. */
static void check_full_disk(size_t piece)
{
    char *path = nn_path_join(dir, "f"), *block = nn_mem_calloc(piece, 1);
    struct rlimit limit;
    struct nn_file_out o;
    struct nn_error err = NN_ERROR_INIT;

    put(path, "old", 3);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 100000;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(nn_file_out_open(&o, path, &err), NN_OK);
    for (size_t n = 0; n < 150000; n += piece) {
        (void)!fwrite(block, 1, piece, o.stream);
    }
    ck_assert_int_eq(nn_file_out_commit(&o, &err), NN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "cannot write '"));
    ck_assert_msg(strstr(err.text, "File too large") != NULL, "%s", err.text);
    check_holds(path, "old", 3);
    ck_assert_int_eq(entries(dir), 1);
    nn_mem_free(block);
    nn_mem_free(path);
}

START_TEST(full_disk_is_noticed)
{
    static const size_t pieces[] = { 1, 1000, 4096, 50000, 150000 };

    check_full_disk(pieces[_i]);
}
END_TEST

static void check_open_fails(const char *path, const char *why)
{
    struct nn_file_out o;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(nn_file_out_open(&o, path, &err), NN_ERR_IO);
    ck_assert_msg(strstr(err.text, why) != NULL, "'%s' lacks '%s'", err.text,
                  why);
    ck_assert_ptr_null(o.stream);
    nn_file_out_abort(&o);
}

START_TEST(places_that_cannot_be_written)
{
    char *below = nn_path_join(dir, "none/f"), *fifo = nn_path_join(dir, "p");

    check_open_fails(below, "No such file");
    check_open_fails(dir, "it is a folder");
    check_open_fails("/dev/null", "not a regular file");
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    check_open_fails(fifo, "not a regular file");
    nn_mem_free(below);
    nn_mem_free(fifo);
}
END_TEST

START_TEST(failed_rename_is_told)
{
    char *path = nn_path_join(dir, "f");
    struct nn_file_out o;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(nn_file_out_open(&o, path, NULL), NN_OK);
    ck_assert_int_eq(mkdir(path, 0777), 0);
    ck_assert_int_eq(nn_file_out_commit(&o, &err), NN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "Is a directory"));
    ck_assert_int_eq(entries(dir), 1);
    nn_mem_free(path);
}
END_TEST

START_TEST(folders_are_made)
{
    char *deep = nn_path_join(dir, "a/b//c"), *file = nn_path_join(dir, "f");
    char *below = nn_path_join(file, "g");
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(nn_file_mkdirs(deep, &err), NN_OK);
    ck_assert_int_eq(nn_file_is_dir(deep), 1);
    ck_assert_int_eq(nn_file_mkdirs(deep, &err), NN_OK);
    ck_assert_int_eq(nn_file_mkdirs("/", &err), NN_OK);
    ck_assert_int_eq(nn_file_mkdirs("", &err), NN_OK);
    put(file, "x", 1);
    ck_assert_int_eq(nn_file_is_dir(file), 0);
    ck_assert_int_eq(nn_file_exists(file), 1);
    ck_assert_int_eq(nn_file_mkdirs(file, &err), NN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "cannot create folder"));
    ck_assert_int_eq(nn_file_mkdirs(below, &err), NN_ERR_IO);
    nn_mem_free(deep);
    nn_mem_free(file);
    nn_mem_free(below);
}
END_TEST

static int all_calls(void *ctx)
{
    struct nn_error err = NN_ERROR_INIT;
    char *path = nn_path_join(ctx, "x/y");
    struct nn_file_out o = { 0 };
    unsigned char *data = NULL;
    size_t n;
    enum nn_status st = path != NULL ? NN_OK : NN_ERR_NOMEM;

    if (!st) {
        st = nn_file_mkdirs(ctx, &err);
    }
    if (!st) {
        path[strlen(path) - 2] = '\0'; /* ".../x" */
        st = nn_file_out_open(&o, path, &err);
    }
    if (!st) {
        st = nn_file_out_commit(&o, &err);
    }
    if (!st) {
        st = nn_file_read(path, 10, &data, &n, &err);
    }
    nn_file_out_abort(&o);
    nn_mem_free(data);
    nn_mem_free(path);
    return st;
}

START_TEST(memory_may_run_out)
{
    testkit_each_alloc_failure(all_calls, dir);
    ck_assert_int_eq(entries(dir), 1);
}
END_TEST

START_TEST(paths)
{
    static const char *const rows[][3] = {
        { "a", "b", "a/b" },
        { "a/", "b", "a/b" },
        { "", "b", "b" },
        { "/", "b", "/b" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *s = nn_path_join(rows[i][0], rows[i][1]);

        ck_assert_str_eq(s, rows[i][2]);
        nn_mem_free(s);
    }
    ck_assert_str_eq(nn_path_base("a/b.jpg"), "b.jpg");
    ck_assert_str_eq(nn_path_base("b.jpg"), "b.jpg");
    ck_assert_str_eq(nn_path_base("/b"), "b");
    ck_assert_str_eq(nn_path_base(""), "");
}
END_TEST

/* Answers of the xxHash 0.8 sanity tests and of "xxhsum -H2". */
START_TEST(hashes)
{
    char hex[33];

    nn_hash_hex("", 0, hex);
    ck_assert_str_eq(hex, "99aa06d3014798d86001c324468d497f");
    ck_assert_uint_eq(nn_hash_u64("", 0, 0), 0x2d06800538d394c2);
    ck_assert_uint_ne(nn_hash_u64("abc", 3, 0), nn_hash_u64("abc", 3, 1));
    ck_assert_uint_ne(nn_hash_u64("abc", 3, 0), nn_hash_u64("abd", 3, 0));
}
END_TEST

START_TEST(hashes_of_parts_are_those_of_the_whole)
{
    char data[1000], want[33], got[33];

    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (char)(i * i % 251);
    }
    nn_hash_hex(data, sizeof data, want);
    for (size_t cut = 0; cut <= sizeof data; cut += 125) {
        struct nn_hasher *h = nn_hash_begin();

        ck_assert_ptr_nonnull(h);
        nn_hash_add(h, data, cut);
        nn_hash_add(h, data + cut, sizeof data - cut);
        nn_hash_end(&h, got);
        ck_assert_ptr_null(h);
        ck_assert_str_eq(got, want);
    }
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("file");
    TCase *t = tcase_create("file");

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, reads_back_what_was_written);
    tcase_add_test(t, unreadable_paths_are_named);
    tcase_add_test(t, limit_is_told_in_mebibytes);
    tcase_add_test(t, commit_replaces);
    tcase_add_test(t, abort_leaves_the_old_file);
    tcase_add_loop_test(t, full_disk_is_noticed, 0, 5);
    tcase_add_test(t, places_that_cannot_be_written);
    tcase_add_test(t, failed_rename_is_told);
    tcase_add_test(t, folders_are_made);
    tcase_add_test(t, memory_may_run_out);
    tcase_add_test(t, paths);
    tcase_add_test(t, hashes);
    tcase_add_test(t, hashes_of_parts_are_those_of_the_whole);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
