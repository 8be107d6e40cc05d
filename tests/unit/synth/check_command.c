#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/parallel.h"
#include "pipelines/cli/cmd.h"
#include "pipelines/synth/synth.h"
#include "tests/unit/testkit.h"

enum { COUNT = 14, SIZE = 64 };

static struct synth_spec small_spec(uint64_t count)
{
    return (struct synth_spec){
        .count = count, .seed = 4, .size = SIZE, .opt = synth_defaults()
    };
}

static enum nn_status draw(const char *dir, uint64_t count,
                           struct nn_error *err)
{
    struct synth_spec spec = small_spec(count);

    nn_progress_set_quiet(1);
    return synth_write(dir, &spec, SYNTH_JPEG, 1, err);
}

static char *path_of(const char *dir, uint64_t i)
{
    struct synth_options o = synth_defaults();
    struct synth_truth t;
    char name[96], *path;

    synth_describe(4, i, &o, &t);
    ck_assert_int_eq(synth_file_name(4, i, &t, 1, SYNTH_JPEG, name, 96), 0);
    path = nn_path_join(dir, name);
    ck_assert_ptr_nonnull(path);
    return path;
}

static ino_t inode_of(const char *path)
{
    struct stat s;

    ck_assert_msg(stat(path, &s) == 0, "'%s' is missing", path);
    return s.st_ino;
}

static char *read_text(const char *dir, const char *name)
{
    enum { LIMIT = 1 << 16 };
    char *path = nn_path_join(dir, name), *text = nn_mem_calloc(LIMIT + 1, 1);
    FILE *f = path != NULL ? fopen(path, "r") : NULL;

    ck_assert(f != NULL && text != NULL);
    ck_assert_uint_lt(fread(text, 1, LIMIT, f), LIMIT);
    ck_assert_int_eq(fclose(f), 0);
    nn_mem_free(path);
    return text;
}

/* Line i of the manifest is about image i and names an existing file. */
static void check_manifest(const char *dir, uint64_t count)
{
    char *text = read_text(dir, "manifest.jsonl"), *line = text, *end;
    uint64_t i = 0;

    for (; (end = strchr(line, '\n')) != NULL; line = end + 1, i++) {
        char *path = path_of(dir, i), start[160];

        *end = '\0';
        snprintf(start, sizeof start, "{\"index\":%llu,\"file\":\"%s\",",
                 (unsigned long long)i, path + strlen(dir) + 1);
        ck_assert_msg(strncmp(line, start, strlen(start)) == 0, "line %llu: %s",
                      (unsigned long long)i, line);
        ck_assert_ptr_nonnull(strstr(line, "\"visible\":"));
        inode_of(path);
        nn_mem_free(path);
    }
    ck_assert_uint_eq(i, count);
    ck_assert_int_eq(*line, '\0');
    nn_mem_free(text);
}

START_TEST(files_and_manifest_agree)
{
    char *dir = testkit_mkdir(), *path;
    struct synth_spec spec = small_spec(COUNT);
    struct nn_error err = NN_ERROR_INIT;
    unsigned char *file;
    uint8_t *bytes;
    size_t n, m;

    ck_assert_msg(draw(dir, COUNT, &err) == NN_OK, "%s", err.text);
    check_manifest(dir, COUNT);
    path = path_of(dir, 5);
    ck_assert_int_eq(nn_file_read(path, 1 << 20, &file, &n, &err), NN_OK);
    ck_assert_int_eq(
        synth_encode(4, 5, &spec.opt, SIZE, SYNTH_JPEG, &bytes, &m, NULL, &err),
        NN_OK);
    ck_assert_uint_eq(n, m);
    ck_assert_int_eq(memcmp(file, bytes, n), 0);
    nn_mem_free(path);
    path = nn_path_join(dir, ".manifest.part");
    ck_assert_int_eq(nn_file_exists(path), 0);
    nn_mem_free(file);
    nn_mem_free(bytes);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(rerun_draws_only_what_is_missing)
{
    char *dir = testkit_mkdir(), *lost, *kept, *before, *after;
    ino_t ino;

    ck_assert_int_eq(draw(dir, COUNT, NULL), NN_OK);
    before = read_text(dir, "manifest.jsonl");
    lost = path_of(dir, 3);
    kept = path_of(dir, 4);
    ino = inode_of(kept);
    ck_assert_int_eq(remove(lost), 0);
    ck_assert_int_eq(draw(dir, COUNT, NULL), NN_OK);
    ck_assert_int_eq(nn_file_exists(lost), 1);
    ck_assert(inode_of(kept) == ino);
    after = read_text(dir, "manifest.jsonl");
    ck_assert_str_eq(before, after);
    ck_assert_int_eq(draw(dir, COUNT + 3, NULL), NN_OK); /* more of them */
    check_manifest(dir, COUNT + 3);
    ck_assert(inode_of(kept) == ino);
    nn_mem_free(before);
    nn_mem_free(after);
    nn_mem_free(lost);
    nn_mem_free(kept);
    testkit_rmdir(dir);
}
END_TEST

/* As a killed run leaves it: lines in the part file, the last one cut. */
START_TEST(interrupted_run_is_taken_up)
{
    char *dir = testkit_mkdir(), *done, *part, *text, *kept, *cut;
    size_t keep;
    ino_t ino, cut_ino;
    FILE *f;

    ck_assert_int_eq(draw(dir, COUNT, NULL), NN_OK);
    text = read_text(dir, "manifest.jsonl");
    done = nn_path_join(dir, "manifest.jsonl");
    part = nn_path_join(dir, ".manifest.part");
    kept = path_of(dir, 0);
    cut = path_of(dir, 1);
    ino = inode_of(kept);
    cut_ino = inode_of(cut);
    keep = (size_t)(strchr(text, '\n') - text) + 40;
    f = fopen(part, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, keep, f), keep);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(remove(done), 0);
    ck_assert_int_eq(draw(dir, COUNT, NULL), NN_OK);
    check_manifest(dir, COUNT);
    ck_assert(inode_of(kept) == ino);
    ck_assert(inode_of(cut) != cut_ino); /* its line was not whole */
    nn_mem_free(text);
    nn_mem_free(done);
    nn_mem_free(part);
    nn_mem_free(kept);
    nn_mem_free(cut);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(other_options_are_refused)
{
    char *dir = testkit_mkdir();
    struct nn_error err = NN_ERROR_INIT;
    struct synth_spec spec = small_spec(COUNT);

    ck_assert_int_eq(draw(dir, 2, &err), NN_OK);
    spec.opt.near_miss_share = 0.5f;
    ck_assert_int_eq(synth_write(dir, &spec, SYNTH_JPEG, 1, &err), NN_ERR_ARG);
    ck_assert_ptr_nonnull(strstr(err.text, "other options"));
    spec = small_spec(2);
    ck_assert_int_eq(synth_write(dir, &spec, SYNTH_PNG, 1, &err), NN_ERR_ARG);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(a_folder_that_cannot_be_made_is_named)
{
    char *dir = testkit_mkdir(), *file = nn_path_join(dir, "file");
    char *below = nn_path_join(file, "images");
    struct nn_error err = NN_ERROR_INIT;
    FILE *f = fopen(file, "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(draw(below, 2, &err), NN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "file"));
    nn_mem_free(file);
    nn_mem_free(below);
    testkit_rmdir(dir);
}
END_TEST

/* A disk that is full: writes beyond 1 KiB fail, as with no space left. */
START_TEST(a_full_disk_leaves_no_half_image)
{
    char *dir = testkit_mkdir(), *path = path_of(dir, 0);
    struct nn_error err = NN_ERROR_INIT;
    struct rlimit limit = { 1024, 1024 };

    nn_parallel_set_threads(1);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(draw(dir, 4, &err), NN_ERR_IO);
    ck_assert_msg(strstr(err.text, "4-00000") != NULL, "%s", err.text);
    ck_assert_int_eq(nn_file_exists(path), 0);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

static const struct {
    int status, argc;
    const char *argv[8];
} calls[] = {
    { 0, 2, { "synth", "--help" } },
    { 2, 1, { "synth" } },
    { 2, 2, { "synth", "extra" } },
    { 2, 3, { "synth", "--sise", "64" } },
    { 2, 5, { "synth", "--out", "x", "--size", "63" } },
    { 2, 5, { "synth", "--out", "x", "--size", "513" } },
    { 2, 5, { "synth", "--out", "x", "--near-miss", "1.1" } },
    { 2, 5, { "synth", "--out", "x", "--count", "0" } },
    { 2, 5, { "synth", "--out", "x", "--format", "gif" } },
    { 2, 5, { "synth", "--out", "x", "--kind", "cats" } },
    { 2, 5, { "synth", "--out", "x", "--sheet", "y" } },
    { 2, 5, { "synth", "--sheet", "/dev/null/y", "--show", "cats" } },
    { 1,
      6,
      { "synth", "--sheet", "/dev/null/y", "--show", "near-miss",
        "--near-miss=0" } },
    { 2, 5, { "synth", "--sheet", "/dev/null/y", "--rows", "9" } },
    { 1, 3, { "synth", "--out", "/dev/null/x" } },
    { 1,
      8,
      { "synth", "--sheet", "/dev/null/y", "--size", "64", "--cols=1", "--show",
        "empty" } },
};

START_TEST(exit_status_tells_usage_from_failure)
{
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stdout));
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        char *argv[9] = { 0 };
        int status;

        for (int k = 0; k < calls[i].argc; k++) {
            argv[k] = nn_mem_strdup(calls[i].argv[k]);
            ck_assert_ptr_nonnull(argv[k]);
        }
        status = cmd_synth(calls[i].argc, argv);
        ck_assert_msg(status == calls[i].status, "call %zu: %d, want %d", i,
                      status, calls[i].status);
        for (int k = 0; k < calls[i].argc; k++) {
            nn_mem_free(argv[k]);
        }
    }
}
END_TEST

START_TEST(sheet_shows_what_is_asked)
{
    struct synth_options o = synth_defaults();
    struct synth_row rows[3] = { { SYNTH_TEDDY, SYNTH_FAMILY_NONE, 0 },
                                 { SYNTH_NEGATIVE, SYNTH_DOG, 0 },
                                 { SYNTH_NEGATIVE, SYNTH_DOG, 0 } };
    uint8_t *rgb, one[SIZE * SIZE * 3];
    struct synth_truth t;
    int32_t w, h;
    uint64_t i = 0;

    ck_assert_int_eq(synth_sheet(4, &o, SIZE, rows, 3, 3, &rgb, &w, &h, NULL),
                     NN_OK);
    ck_assert_int_eq(w, 3 * (SIZE + 2) + 2);
    ck_assert_int_eq(h, 3 * (SIZE + 2) + 2);
    do {
        synth_describe(4, i++, &o, &t);
    } while (t.family != SYNTH_DOG);
    ck_assert_int_eq(synth_render(4, i - 1, &o, SIZE, one, NULL, NULL, NULL),
                     NN_OK);
    for (int y = 0; y < SIZE; y++) { /* first image of the second row */
        ck_assert_int_eq(memcmp(rgb + 3 * ((y + SIZE + 4) * w + 2),
                                one + 3 * y * SIZE, 3 * SIZE),
                         0);
    }
    for (int y = 0; y < SIZE; y++) { /* the third row goes on */
        ck_assert_int_ne(memcmp(rgb + 3 * ((y + 2 * SIZE + 6) * w + 2),
                                one + 3 * y * SIZE, 3 * SIZE),
                         0);
    }
    ck_assert_int_eq(rgb[0], 255);
    nn_mem_free(rgb);
}
END_TEST

static int write_once(void *ctx)
{
    char *dir = testkit_mkdir();
    enum nn_status st;

    (void)ctx;
    nn_parallel_set_threads(1);
    st = draw(dir, 1, NULL);
    testkit_rmdir(dir);
    return st;
}

static int sheet_once(void *ctx)
{
    struct synth_options o = synth_defaults();
    struct synth_row row = { SYNTH_NEGATIVE, SYNTH_TEXTURE, 0 };
    uint8_t *rgb;
    int32_t w, h;
    enum nn_status st =
        synth_sheet(4, &o, SIZE, &row, 1, 2, &rgb, &w, &h, NULL);

    (void)ctx;
    nn_mem_free(rgb);
    return st;
}

START_TEST(survives_allocation_failure)
{
    nn_parallel_set_threads(1);
    testkit_each_alloc_failure(sheet_once, NULL);
}
END_TEST

/* testkit_mkdir() allocates too, so the loop counts from inside draw(). */
START_TEST(writing_survives_allocation_failure)
{
    nn_parallel_set_threads(1);
    ck_assert_int_eq(write_once(NULL), NN_OK);
    for (long n = 1; n < 200; n++) {
        char *dir = testkit_mkdir();
        long before = nn_mem_live();
        enum nn_status st;

        nn_mem_fail_at(n);
        st = draw(dir, 1, NULL);
        nn_mem_fail_at(0);
        ck_assert_int_eq(nn_mem_live(), before);
        testkit_rmdir(dir);
        if (st == NN_OK) {
            ck_assert_int_gt(n, 10);
            return;
        }
        ck_assert_msg(st == NN_ERR_NOMEM, "allocation %ld: %s", n,
                      nn_status_str(st));
    }
    ck_abort_msg("still failing");
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("synth_command");
    TCase *t = tcase_create("files");

    tcase_set_timeout(t, 120);
    tcase_add_test(t, files_and_manifest_agree);
    tcase_add_test(t, rerun_draws_only_what_is_missing);
    tcase_add_test(t, interrupted_run_is_taken_up);
    tcase_add_test(t, other_options_are_refused);
    tcase_add_test(t, a_folder_that_cannot_be_made_is_named);
    tcase_add_test(t, a_full_disk_leaves_no_half_image);
    tcase_add_test(t, exit_status_tells_usage_from_failure);
    tcase_add_test(t, sheet_shows_what_is_asked);
    tcase_add_test(t, survives_allocation_failure);
    tcase_add_test(t, writing_survives_allocation_failure);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
