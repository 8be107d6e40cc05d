/* Images in memory and files on disk: create, recognise, load, save. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/image/image.h"
#include "tests/unit/image/sample.h"
#include "tests/unit/testkit.h"

START_TEST(create_and_release)
{
    struct nn_image img = NN_IMAGE_INIT;
    long live = nn_mem_live();

    nn_image_release(&img);
    ck_assert_int_eq(nn_image_create(&img, 0, 5), NN_ERR_ARG);
    ck_assert_int_eq(nn_image_create(&img, 5, -1), NN_ERR_ARG);
    ck_assert_ptr_null(img.rgb);
    /* 3 * (2^31 - 1)^2 bytes: more than an address space */
    ck_assert_int_eq(nn_image_create(&img, INT32_MAX, INT32_MAX), NN_ERR_NOMEM);
    ck_assert_int_eq(nn_image_create(&img, 7, 5), NN_OK);
    memset(img.rgb, 1, 7 * 5 * 3);
    nn_image_release(&img);
    ck_assert_ptr_null(img.rgb);
    ck_assert_int_eq(img.w, 0);
    ck_assert_int_eq(nn_mem_live(), live);
}
END_TEST

static const struct {
    const char *bytes;
    size_t size;
    enum nn_image_format format;
    const char *text; /* of the error; NULL: a library's */
} starts[] = {
    { "", 0, NN_IMAGE_UNKNOWN, "empty file" },
    { "\xff", 1, NN_IMAGE_UNKNOWN, "not an image" },
    { "\xff\xd8\xff", 3, NN_IMAGE_JPEG, "truncated JPEG data" },
    { "\x89PNG\r\n\x1a\n", 8, NN_IMAGE_PNG, "truncated PNG data" },
    { "\x89PNG\n\x1a\n.", 8, NN_IMAGE_UNKNOWN, "not an image" },
    { "RIFF\x10\0\0\0WEBP", 12, NN_IMAGE_WEBP, "truncated WebP data" },
    { "RIFF\x10\0\0\0WAVE", 12, NN_IMAGE_UNKNOWN, "not an image" },
    { "GIF89a......", 12, NN_IMAGE_GIF, NULL },
    { "BM..........\0\0\x28\0\0\0", 18, NN_IMAGE_BMP, "truncated BMP" },
    { "BMW is a company..", 18, NN_IMAGE_UNKNOWN, "not an image" },
    { "II*\0........", 12, NN_IMAGE_TIFF, NULL },
    { "MM\0*........", 12, NN_IMAGE_TIFF, NULL },
    { "II*\0....CR\2\0", 12, NN_IMAGE_UNKNOWN, "a camera's raw file" },
    { "....ftypheic", 12, NN_IMAGE_HEIF, NULL },
    { "....ftypavif", 12, NN_IMAGE_HEIF, NULL },
    { "....ftypisom", 12, NN_IMAGE_UNKNOWN, "a video" },
    { "\0\0\0\x0cjP  \r\n\x87\n", 12, NN_IMAGE_UNKNOWN, "a JPEG 2000" },
    { "<!DOCTYPE html>", 15, NN_IMAGE_UNKNOWN, "a web page" },
    { "<html><body>", 12, NN_IMAGE_UNKNOWN, "a web page" },
    { "plain text", 10, NN_IMAGE_UNKNOWN, "not an image" },
};
#define N_STARTS (sizeof(starts) / sizeof(starts[0]))

START_TEST(formats_are_recognised_by_content)
{
    const uint8_t *b = (const uint8_t *)starts[_i].bytes;
    struct nn_image_options opt = nn_image_defaults();
    struct nn_image img = NN_IMAGE_INIT;
    struct nn_image_info info;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(nn_image_sniff(b, starts[_i].size), starts[_i].format);
    enum nn_status st =
        nn_image_decode(b, starts[_i].size, &opt, &img, &info, &err);

    if (starts[_i].text) {
        ck_assert_int_eq(st, NN_ERR_FORMAT);
        ck_assert_msg(strstr(err.text, starts[_i].text) == err.text, "got '%s'",
                      err.text);
    }
    ck_assert_int_ne(st, NN_OK);
    ck_assert_int_eq(info.format, starts[_i].format);
    ck_assert_ptr_null(img.rgb);
}
END_TEST

static void write_file(const char *path, const struct sample *s)
{
    FILE *f = fopen(path, "wb");

    ck_assert_ptr_nonnull(f);
    if (s->size > 0) {
        ck_assert_uint_eq(fwrite(s->bytes, 1, s->size, f), s->size);
    }
    ck_assert_int_eq(fclose(f), 0);
}

/* Loading must fail with this status and a text that names the path. */
static void refuse(const char *path, enum nn_status want, const char *text)
{
    struct nn_image_options opt = nn_image_defaults();
    struct nn_image img = NN_IMAGE_INIT;
    struct nn_error err = NN_ERROR_INIT;
    long live = nn_mem_live();

    ck_assert_int_eq(nn_image_load(path, &opt, &img, NULL, &err), want);
    ck_assert_int_eq(err.status, want);
    ck_assert_msg(strstr(err.text, path) && strstr(err.text, text), "got '%s'",
                  err.text);
    ck_assert_ptr_null(img.rgb);
    ck_assert_int_eq(nn_mem_live(), live);
}

START_TEST(load_refuses_what_is_no_image_file)
{
    char *dir = testkit_mkdir();
    char *empty = nn_path_join(dir, "empty.jpg");
    char *text = nn_path_join(dir, "text.jpg");
    char *fifo = nn_path_join(dir, "fifo.jpg");
    char *link = nn_path_join(dir, "link.jpg");
    struct sample s = { 0 };

    refuse(dir, NN_ERR_IO, "cannot read");
    refuse("/nonexistent/x.jpg", NN_ERR_IO, "No such file or directory");
    write_file(empty, &s);
    refuse(empty, NN_ERR_FORMAT, "empty file");
    sample_add(&s, "hello", 5);
    write_file(text, &s);
    refuse(text, NN_ERR_FORMAT, "not an image of a known format");
    /* must not wait for somebody to write into it */
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    refuse(fifo, NN_ERR_IO, "cannot read");
    ck_assert_int_eq(symlink("nowhere", link), 0);
    refuse(link, NN_ERR_IO, "No such file or directory");
    sample_release(&s);
    nn_mem_free(link);
    nn_mem_free(fifo);
    nn_mem_free(text);
    nn_mem_free(empty);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(load_needs_permission)
{
    char *dir = testkit_mkdir();
    char *path = nn_path_join(dir, "secret.jpg");
    struct nn_image img = NN_IMAGE_INIT;
    struct sample s = { 0 };

    sample_image(&img, 8, 8);
    sample_jpeg(&s, &img, SAMPLE_JPEG_444, 90);
    write_file(path, &s);
    ck_assert_int_eq(chmod(path, 0), 0);
    if (geteuid() != 0) { /* root may read everything */
        refuse(path, NN_ERR_IO, "Permission denied");
    }
    nn_image_release(&img);
    sample_release(&s);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(png_files_come_back_the_same)
{
    char *dir = testkit_mkdir();
    char *path = nn_path_join(dir, "a.png");
    char *lost = nn_path_join(dir, "no/such/folder/a.png");
    struct nn_image img = NN_IMAGE_INIT, back = NN_IMAGE_INIT;
    struct nn_image_options opt = nn_image_defaults();
    struct nn_image_info info;
    struct nn_error err = NN_ERROR_INIT;

    ck_assert_int_eq(nn_image_save_png(&img, path, &err), NN_ERR_ARG);
    ck_assert_int_eq(nn_file_exists(path), 0);
    sample_noise(&img, 33, 21, 4);
    ck_assert_int_eq(nn_image_save_png(&img, lost, &err), NN_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, lost));
    ck_assert_int_eq(nn_image_save_png(&img, path, &err), NN_OK);
    ck_assert_int_eq(nn_image_load(path, &opt, &back, &info, &err), NN_OK);
    ck_assert_int_eq(info.format, NN_IMAGE_PNG);
    ck_assert_int_eq(back.w, 33);
    ck_assert_int_eq(back.h, 21);
    ck_assert_mem_eq(back.rgb, img.rgb, 33 * 21 * 3);
    nn_image_release(&back);
    nn_image_release(&img);
    nn_mem_free(lost);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(jpeg_encoding)
{
    struct nn_image img = NN_IMAGE_INIT, back = NN_IMAGE_INIT;
    struct nn_image wide;
    struct nn_image_options opt = nn_image_defaults();
    struct nn_error err = NN_ERROR_INIT;
    uint8_t *low = NULL, *high = NULL;
    size_t n_low, n_high;

    ck_assert_int_eq(nn_image_encode_jpeg(&img, 90, &low, &n_low, &err),
                     NN_ERR_ARG);
    sample_image(&img, 65, 43);
    ck_assert_int_eq(nn_image_encode_jpeg(&img, 0, &low, &n_low, &err),
                     NN_ERR_ARG);
    ck_assert_int_eq(nn_image_encode_jpeg(&img, 101, &low, &n_low, &err),
                     NN_ERR_ARG);
    ck_assert_ptr_null(low);
    ck_assert_int_eq(nn_image_create(&wide, 65501, 1), NN_OK);
    memset(wide.rgb, 0, 65501 * 3);
    ck_assert_int_eq(nn_image_encode_jpeg(&wide, 90, &low, &n_low, &err),
                     NN_ERR_ARG); /* more than the format can hold */
    ck_assert_ptr_null(low);
    nn_image_release(&wide);
    ck_assert_int_eq(nn_image_encode_jpeg(&img, 20, &low, &n_low, &err), NN_OK);
    ck_assert_int_eq(nn_image_encode_jpeg(&img, 98, &high, &n_high, &err),
                     NN_OK);
    ck_assert_uint_lt(n_low, n_high);
    ck_assert_int_eq(nn_image_decode(high, n_high, &opt, &back, NULL, &err),
                     NN_OK);
    for (size_t i = 0; i < 65 * 43 * 3; i++) {
        int d = back.rgb[i] - img.rgb[i];

        ck_assert_msg(d >= -16 && d <= 16, "byte %zu is %d off", i, d);
    }
    nn_image_release(&back);
    nn_image_release(&img);
    nn_mem_free(low);
    nn_mem_free(high);
}
END_TEST

struct job {
    struct sample file;
    const char *path; /* load or save there, else decode file */
    int save;
    struct nn_image img;
};

static int run_job(void *ctx)
{
    struct job *j = ctx;
    struct nn_image_options opt = nn_image_defaults();
    struct nn_image img = NN_IMAGE_INIT;
    struct nn_error err = NN_ERROR_INIT;
    enum nn_status st;

    if (j->save) {
        return nn_image_save_png(&j->img, j->path, &err);
    }
    if (j->path) {
        st = nn_image_load(j->path, &opt, &img, NULL, &err);
    } else {
        st = nn_image_decode(j->file.bytes, j->file.size, &opt, &img, NULL,
                             &err);
    }
    if (st) {
        ck_assert_ptr_null(img.rgb);
        ck_assert_int_eq(err.status, st);
        ck_assert_ptr_nonnull(strstr(err.text, "out of memory"));
    }
    nn_image_release(&img);
    return st;
}

START_TEST(decoding_survives_failed_allocations)
{
    struct sample_png clear = { 6, 8, 0, 0 };
    struct nn_image img = NN_IMAGE_INIT;
    struct sample_png deep = { 2, 16, 1, 0 };
    struct job jobs[7] = { { .path = NULL } };

    sample_image(&img, 17, 9);
    sample_jpeg(&jobs[0].file, &img, SAMPLE_JPEG_420, 90);
    sample_jpeg_orient(&jobs[0].file, 6, 0);
    sample_jpeg(&jobs[1].file, &img, SAMPLE_JPEG_CMYK, 90);
    sample_png(&jobs[2].file, &img, clear, NULL);
    sample_webp(&jobs[3].file, &img, 1, 1, NULL);
    sample_webp(&jobs[4].file, &img, 0, 0, NULL);
    sample_webp_orient(&jobs[4].file, 8);
    sample_png(&jobs[5].file, &img, clear, NULL);
    sample_png_insert(&jobs[5].file, "eXIf",
                      "II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\5\0\0\0\0\0\0\0",
                      26);
    sample_png(&jobs[6].file, &img, deep, NULL);
    for (size_t i = 0; i < 7; i++) {
        testkit_each_alloc_failure(run_job, &jobs[i]);
        sample_release(&jobs[i].file);
    }
    nn_image_release(&img);
}
END_TEST

START_TEST(files_survive_failed_allocations)
{
    char *dir = testkit_mkdir();
    char *path = nn_path_join(dir, "a.png");
    struct job j = { .path = path, .save = 1 };

    sample_image(&j.img, 17, 9);
    testkit_each_alloc_failure(run_job, &j);
    j.save = 0;
    testkit_each_alloc_failure(run_job, &j);
    nn_image_release(&j.img);
    nn_mem_free(path);
    testkit_rmdir(dir);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("image");
    TCase *tc = tcase_create("image");

    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, create_and_release);
    tcase_add_loop_test(tc, formats_are_recognised_by_content, 0, N_STARTS);
    tcase_add_test(tc, load_refuses_what_is_no_image_file);
    tcase_add_test(tc, load_needs_permission);
    tcase_add_test(tc, png_files_come_back_the_same);
    tcase_add_test(tc, jpeg_encoding);
    tcase_add_test(tc, decoding_survives_failed_allocations);
    tcase_add_test(tc, files_survive_failed_allocations);
    suite_add_tcase(s, tc);
    return s;
}

TESTKIT_MAIN(create)
