/* Damaged, cut and hostile image files: an error with a clear text, no
 * crash, nothing left behind. */
#include <string.h>

#include "common/base/mem.h"
#include "common/image/image.h"
#include "tests/unit/image/sample.h"
#include "tests/unit/testkit.h"

/* Status of decoding; on failure the text is checked to be there. */
static enum nn_status try(const uint8_t *bytes, size_t size,
                          const struct nn_image_options *opt,
                          struct nn_error *err)
{
    struct nn_image_options plain = nn_image_defaults();
    struct nn_image img = NN_IMAGE_INIT;
    long live = nn_mem_live();
    enum nn_status st;

    *err = (struct nn_error)NN_ERROR_INIT;
    st = nn_image_decode(bytes, size, opt ? opt : &plain, &img, NULL, err);
    ck_assert_int_eq(st == NN_OK, img.rgb != NULL);
    ck_assert_int_eq(st == NN_OK, err->text[0] == 0);
    ck_assert_int_eq(err->status, st);
    nn_image_release(&img);
    ck_assert_int_eq(nn_mem_live(), live);
    return st;
}

/* 1 when the note says something. */
static int noted(const uint8_t *bytes, size_t size)
{
    struct nn_image_options plain = nn_image_defaults();
    struct nn_image img = NN_IMAGE_INIT;
    struct nn_image_info info;

    ck_assert_int_eq(nn_image_decode(bytes, size, &plain, &img, &info, NULL),
                     NN_OK);
    nn_image_release(&img);
    return info.note[0] != 0;
}

static void make(int kind, struct sample *s)
{
    static const struct sample_png pngs[] = { { 2, 8, 0, 0 },
                                              { 3, 4, 1, 1 },
                                              { 6, 16, 1, 0 } };
    struct nn_image img = NN_IMAGE_INIT;

    sample_noise(&img, 19, 13, 3);
    if (kind <= SAMPLE_JPEG_CMYK) {
        sample_jpeg(s, &img, (enum sample_jpeg_kind)kind, 80);
        sample_jpeg_orient(s, 3, 1);
    } else if (kind < 8) {
        sample_png(s, &img, pngs[kind - 5], NULL);
    } else {
        sample_webp(s, &img, kind & 1, kind >= 10, NULL);
    }
    nn_image_release(&img);
}
#define N_KINDS 12

/* Of a JPEG or PNG half may be missing, and then there is a note. */
START_TEST(every_truncation_is_an_error_or_noted)
{
    struct sample s = { 0 };
    struct nn_error err;

    make(_i, &s);
    ck_assert_int_eq(try(s.bytes, s.size, NULL, &err), NN_OK);
    for (size_t n = 0; n < s.size; n++) {
        /* a block of its own, so that ASan sees a read past the end */
        uint8_t *cut = nn_mem_calloc(n, 1);

        memcpy(cut, s.bytes, n);
        if (try(cut, n, NULL, &err) == NN_OK) {
            ck_assert_msg(_i < 8, "%zu of %zu bytes are accepted", n, s.size);
            ck_assert_msg(noted(cut, n), "%zu of %zu bytes: no note", n,
                          s.size);
        } else {
            ck_assert_int_eq(err.status, NN_ERR_FORMAT);
            ck_assert_msg(n < 12 || strstr(err.text, "truncated"),
                          "%zu of %zu bytes: %s", n, s.size, err.text);
        }
        nn_mem_free(cut);
    }
    sample_release(&s);
}
END_TEST

START_TEST(cut_and_closed_jpeg_is_damaged)
{
    struct nn_image img = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_error err;

    sample_noise(&img, 64, 64, 5);
    sample_jpeg(&s, &img, SAMPLE_JPEG_420, 80);
    s.size -= s.size / 5;
    sample_add_be16(&s, 0xFFD9); /* an end marker put there by a repair tool */
    ck_assert_int_eq(try(s.bytes, s.size, NULL, &err), NN_OK);
    ck_assert(noted(s.bytes, s.size));
    s.size /= 2;
    sample_add_be16(&s, 0xFFD9);
    ck_assert_int_eq(try(s.bytes, s.size, NULL, &err), NN_ERR_FORMAT);
    ck_assert_ptr_eq(strstr(err.text, "truncated JPEG data"), err.text);
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

/* Web images often carry stray bytes; the pixels are all there. */
START_TEST(stray_bytes_are_harmless)
{
    struct nn_image img = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_error err;

    sample_noise(&img, 40, 24, 5);
    sample_jpeg(&s, &img, SAMPLE_JPEG_444, 80);
    sample_insert(&s, s.size - 2, "\0\0\0\0\0", 5); /* before the end marker */
    sample_insert(&s, 20, "\1\2\3", 3); /* behind the JFIF segment */
    sample_add(&s, "trailing bytes", 14);
    ck_assert_int_eq(try(s.bytes, s.size, NULL, &err), NN_OK);
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

/* The pixels are whole and only what follows them is cut. */
START_TEST(cut_behind_the_pixels_is_truncated)
{
    struct nn_image img = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_error err;

    sample_image(&img, 40, 24);
    sample_webp(&s, &img, 0, 0, NULL);
    sample_webp_orient(&s, 6); /* the last chunk is EXIF */
    ck_assert_int_eq(try(s.bytes, s.size - 4, NULL, &err), NN_ERR_FORMAT);
    ck_assert_str_eq(err.text, "truncated WebP data");
    ck_assert_int_eq(try(s.bytes, s.size, NULL, &err), NN_OK);
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

START_TEST(garbage_behind_a_header_is_an_error)
{
    struct sample s = { 0 };
    struct nn_error err;

    sample_jpeg_header(&s, 64, 64);
    for (uint32_t i = 1; i < 3000; i++) {
        sample_add_u8(&s, i * 2654435761u >> 24 & 0x7F);
    }
    ck_assert_int_eq(try(s.bytes, s.size, NULL, &err), NN_ERR_FORMAT);
    ck_assert_ptr_eq(strstr(err.text, "truncated JPEG data"), err.text);
    sample_add_be16(&s, 0xFFD9);
    ck_assert_int_eq(try(s.bytes, s.size, NULL, &err), NN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "damaged JPEG data"));
    sample_release(&s);
}
END_TEST

/* Nothing may be allocated for an image that is refused by its size. */
static void refuse_early(const struct sample *s, const char *text)
{
    struct nn_error err;
    long calls = nn_mem_calls();

    ck_assert_int_eq(try(s->bytes, s->size, NULL, &err), NN_ERR_UNSUPPORTED);
    ck_assert_int_eq(nn_mem_calls(), calls);
    ck_assert_str_eq(err.text, text);
}

START_TEST(huge_headers_are_refused_before_allocating)
{
    struct sample s = { 0 };

    sample_jpeg_header(&s, 30000, 30000);
    refuse_early(&s,
                 "30000 x 30000 pixels is over the limit of 100000000 in all");
    sample_release(&s);
    sample_png_header(&s, 30000, 30000);
    refuse_early(&s,
                 "30000 x 30000 pixels is over the limit of 100000000 in all");
    sample_release(&s);
    sample_png_header(&s, 15000, 10000);
    refuse_early(&s,
                 "15000 x 10000 pixels is over the limit of 100000000 in all");
    sample_release(&s);
    /* a simple lossless WebP of 16383 x 16383 pixels, the largest there is */
    sample_add(&s, "RIFF\x12\0\0\0WEBPVP8L\5\0\0\0\x2f\xfe\xbf\xff\x0f\0", 26);
    refuse_early(&s,
                 "16383 x 16383 pixels is over the limit of 100000000 in all");
    sample_release(&s);
}
END_TEST

START_TEST(limits_come_from_the_caller)
{
    struct nn_image_options opt = nn_image_defaults();
    struct nn_image img = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_error err;

    sample_image(&img, 60, 40);
    sample_jpeg(&s, &img, SAMPLE_JPEG_PROGRESSIVE, 80);
    opt.max_dim = 60;
    opt.max_pixels = 2400;
    opt.max_scans = 10;
    ck_assert_int_eq(try(s.bytes, s.size, &opt, &err), NN_OK);
    opt.max_scans = 9;
    ck_assert_int_eq(try(s.bytes, s.size, &opt, &err), NN_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.text, "JPEG with 10 scans is over the limit of 9");
    opt = nn_image_defaults();
    opt.max_dim = 59;
    ck_assert_int_eq(try(s.bytes, s.size, &opt, &err), NN_ERR_UNSUPPORTED);
    opt = nn_image_defaults();
    opt.max_pixels = 2399;
    ck_assert_int_eq(try(s.bytes, s.size, &opt, &err), NN_ERR_UNSUPPORTED);
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

/* One byte of the frame header changed. */
static const struct {
    size_t at; /* from the frame marker's second byte */
    uint8_t value;
    enum nn_status status;
    const char *text;
} frames[] = {
    { 0, 0xC3, NN_ERR_UNSUPPORTED, "lossless or hierarchical JPEG" },
    { 3, 12, NN_ERR_UNSUPPORTED, "JPEG with 12 bits a channel" },
    { 8, 2, NN_ERR_UNSUPPORTED, "JPEG with 2 channels" },
    { 8, 0, NN_ERR_FORMAT, "damaged JPEG header" },
    { 5, 0, NN_ERR_FORMAT, "damaged JPEG header" }, /* height 0 */
    { 1, 0xFF, NN_ERR_FORMAT, "truncated JPEG data" },
    { 2, 1, NN_ERR_FORMAT, "damaged JPEG header" }, /* length 1 */
    { 2, 5, NN_ERR_FORMAT, "damaged JPEG header" }, /* length 5 */
};
#define N_FRAMES (sizeof(frames) / sizeof(frames[0]))

START_TEST(jpeg_frames_out_of_the_ordinary)
{
    struct nn_image img = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_error err;
    size_t at = 0;

    sample_image(&img, 30, 20);
    sample_jpeg(&s, &img, SAMPLE_JPEG_444, 80);
    while (s.bytes[at] != 0xFF || s.bytes[at + 1] != 0xC0) {
        at++;
    }
    s.bytes[at + 1 + frames[_i].at] = frames[_i].value;
    ck_assert_int_eq(try(s.bytes, s.size, NULL, &err), frames[_i].status);
    ck_assert_msg(strstr(err.text, frames[_i].text) == err.text, "got '%s'",
                  err.text);
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

START_TEST(jpeg_without_a_image)
{
    struct nn_error err;
    const uint8_t *bare = (const uint8_t *)"\xff\xd8\xff\xd9";
    const uint8_t *scan =
        (const uint8_t *)"\xff\xd8\xff\xda\0\x08\1\1\0\0\x3f\0\xff\xd9";

    ck_assert_int_eq(try(bare, 4, NULL, &err), NN_ERR_FORMAT);
    ck_assert_str_eq(err.text, "JPEG without an image");
    ck_assert_int_eq(try(scan, 14, NULL, &err), NN_ERR_FORMAT);
    ck_assert_str_eq(err.text, "JPEG without an image");
}
END_TEST

START_TEST(png_with_a_wrong_checksum)
{
    struct nn_image img = NN_IMAGE_INIT;
    struct sample_png kind = { 2, 8, 0, 0 };
    struct sample s = { 0 };
    struct nn_error err;

    sample_image(&img, 30, 20);
    sample_png(&s, &img, kind, NULL);
    s.bytes[60] ^= 1; /* inside the pixel data */
    ck_assert_int_eq(try(s.bytes, s.size, NULL, &err), NN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "damaged PNG data"));
    s.bytes[60] ^= 1;
    s.bytes[25] = 5; /* no such colour type */
    ck_assert_int_eq(try(s.bytes, s.size, NULL, &err), NN_ERR_FORMAT);
    ck_assert_str_eq(err.text, "damaged PNG header");
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

/* An EXIF block that is nonsense never stops an image from being read. */
START_TEST(damaged_exif_is_ignored)
{
    struct nn_image img = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_error err;

    sample_image(&img, 16, 16);
    sample_jpeg(&s, &img, SAMPLE_JPEG_444, 80);
    sample_jpeg_orient(&s, 6, 0);
    for (size_t at = 12; at < 38; at++) {
        uint8_t kept = s.bytes[at];

        for (int v = 0; v < 256; v += 15) {
            s.bytes[at] = (uint8_t)v;
            ck_assert_int_eq(try(s.bytes, s.size, NULL, &err), NN_OK);
        }
        s.bytes[at] = kept;
    }
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("damage");
    TCase *tc = tcase_create("damage");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, every_truncation_is_an_error_or_noted, 0, N_KINDS);
    tcase_add_test(tc, cut_and_closed_jpeg_is_damaged);
    tcase_add_test(tc, stray_bytes_are_harmless);
    tcase_add_test(tc, cut_behind_the_pixels_is_truncated);
    tcase_add_test(tc, garbage_behind_a_header_is_an_error);
    tcase_add_test(tc, huge_headers_are_refused_before_allocating);
    tcase_add_test(tc, limits_come_from_the_caller);
    tcase_add_loop_test(tc, jpeg_frames_out_of_the_ordinary, 0, N_FRAMES);
    tcase_add_test(tc, jpeg_without_a_image);
    tcase_add_test(tc, png_with_a_wrong_checksum);
    tcase_add_test(tc, damaged_exif_is_ignored);
    suite_add_tcase(s, tc);
    return s;
}

TESTKIT_MAIN(create)
