/* Images in memory: create, recognise, decode, encode. */
#include <math.h>
#include <stdio.h>
#include <string.h>

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

static int decode(void *ctx)
{
    const struct sample *file = ctx;
    struct nn_image_options opt = nn_image_defaults();
    struct nn_image img = NN_IMAGE_INIT;
    struct nn_error err = NN_ERROR_INIT;
    enum nn_status st =
        nn_image_decode(file->bytes, file->size, &opt, &img, NULL, &err);

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
    struct sample files[7] = { { 0 } };

    sample_image(&img, 17, 9);
    sample_jpeg(&files[0], &img, SAMPLE_JPEG_420, 90);
    sample_jpeg_orient(&files[0], 6, 0);
    sample_jpeg(&files[1], &img, SAMPLE_JPEG_CMYK, 90);
    sample_png(&files[2], &img, clear, NULL);
    sample_webp(&files[3], &img, 1, 1, NULL);
    sample_webp(&files[4], &img, 0, 0, NULL);
    sample_webp_orient(&files[4], 8);
    sample_png(&files[5], &img, clear, NULL);
    sample_png_insert(&files[5], "eXIf",
                      "II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\5\0\0\0\0\0\0\0",
                      26);
    sample_png(&files[6], &img, deep, NULL);
    for (size_t i = 0; i < 7; i++) {
        testkit_each_alloc_failure(decode, &files[i]);
        sample_release(&files[i]);
    }
    nn_image_release(&img);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("image");
    TCase *tc = tcase_create("image");

    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, create_and_release);
    tcase_add_loop_test(tc, formats_are_recognised_by_content, 0, N_STARTS);
    tcase_add_test(tc, jpeg_encoding);
    tcase_add_test(tc, decoding_survives_failed_allocations);
    suite_add_tcase(s, tc);
    return s;
}

TESTKIT_MAIN(create)
