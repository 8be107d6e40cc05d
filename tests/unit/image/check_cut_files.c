/* What is read of damaged files, and what the note says; photos that are large
 * unless decoded at a reduced scale. */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/image/image.h"
#include "tests/unit/image/judge.h"
#include "tests/unit/testkit.h"

/* w x h with a restart marker behind every row of blocks. */
static void with_restarts(struct sample *s, int32_t w, int32_t h)
{
    struct nn_image img = NN_IMAGE_INIT;

    sample_noise(&img, w, h, 8);
    sample_jpeg_rows(s, &img, 85);
    nn_image_release(&img);
}

/* Where the k-th restart marker stands. */
static size_t restart_at(const struct sample *s, int k)
{
    for (size_t i = 0; i + 1 < s->size; i++) {
        if (s->bytes[i] == 0xFF && (s->bytes[i + 1] & 0xF8) == 0xD0 &&
            k-- == 0) {
            return i;
        }
    }
    ck_abort_msg("no such marker");
    return 0;
}

START_TEST(a_bad_stripe_costs_a_note)
{
    struct nn_image whole = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err;
    size_t from, to, same = 0, row = (size_t)96 * 3;

    with_restarts(&s, 96, 160);
    ck_assert_int_eq(judge_decode(&s, &whole, &info, &err), NN_OK);
    ck_assert_str_eq(info.note, "");
    from = restart_at(&s, 7) + 2;
    to = restart_at(&s, 8);
    if (_i == 0) {
        memset(s.bytes + from, 0, to - from); /* a lost cluster */
    } else if (_i == 1) {
        s.bytes[from - 1] ^= 1; /* another number */
    } else {
        memset(s.bytes + from, 0xFF, to - from);
    }
    ck_assert_msg(judge_decode(&s, &got, &info, &err) == NN_OK, "%s", err.text);
    ck_assert_msg(strstr(info.note, "damaged JPEG") == info.note, "note '%s'",
                  info.note);
    for (size_t y = 0; y < 160; y++) {
        same += memcmp(got.rgb + y * row, whole.rgb + y * row, row) == 0;
    }
    ck_assert_uint_ge(same, 160 - 3 * 16); /* rows that are as they were */
    nn_image_release(&got);
    nn_image_release(&whole);
    sample_release(&s);
}
END_TEST

/* Share of the file that is kept, in percent; what must come of it. */
static const struct {
    int kept;
    enum nn_status status;
    const char *text;
} cuts[] = {
    { 99, NN_OK, "truncated JPEG: 9" },
    { 80, NN_OK, "truncated JPEG: " },
    { 30, NN_ERR_FORMAT, "truncated JPEG data" },
    { 5, NN_ERR_FORMAT, "truncated JPEG" },
};

START_TEST(a_cut_jpeg_tells_its_share)
{
    struct nn_image img = NN_IMAGE_INIT, whole = NN_IMAGE_INIT;
    struct nn_image got = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err;

    sample_noise(&img, 200, 200, 3);
    sample_jpeg(&s, &img, SAMPLE_JPEG_420, 80);
    ck_assert_int_eq(judge_decode(&s, &whole, &info, &err), NN_OK);
    s.size = s.size * (size_t)cuts[_i].kept / 100;
    ck_assert_int_eq(judge_decode(&s, &got, &info, &err), cuts[_i].status);
    const char *text = cuts[_i].status ? err.text : info.note;

    ck_assert_msg(strstr(text, cuts[_i].text) == text, "got '%s'", text);
    if (!cuts[_i].status) { /* the upper half is as it was */
        ck_assert_int_eq(memcmp(got.rgb, whole.rgb, (size_t)200 * 3 * 90), 0);
    }
    nn_image_release(&got);
    nn_image_release(&img);
    nn_image_release(&whole);
    sample_release(&s);
}
END_TEST

/* Every pixel is there: the same image, with a note where one is due. */
START_TEST(odd_ends_cost_nothing)
{
    static const char tail[] = "\0\0VENDOR";
    struct nn_image img = NN_IMAGE_INIT, whole = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err;
    const char *note = "the JPEG's end marker is missing, all rows are there";

    sample_noise(&img, 80, 56, 3);
    sample_jpeg(&s, &img, SAMPLE_JPEG_420, 80);
    ck_assert_int_eq(judge_decode(&s, &whole, &info, &err), NN_OK);
    s.size -= 2;
    judge_expect(&s, &whole, 0, note);
    for (int i = 0; i < 3000; i++) { /* padded to the end of a cluster */
        sample_add_u8(&s, 0);
    }
    judge_expect(&s, &whole, 0, note);
    s.size -= 3000;
    sample_add(&s, tail, 8);
    judge_expect(&s, &whole, 0, note);
    s.size -= 8;
    sample_add_be16(&s, 0xFFD9);
    sample_add(&s, tail, 8);
    judge_expect(&s, &whole, 0, "");
    nn_image_release(&img);
    nn_image_release(&whole);
    sample_release(&s);
}
END_TEST

/* Share of samples that differ by more than 30 levels. */
static double share_of_other(const struct nn_image *a, const struct nn_image *b)
{
    int64_t n = (int64_t)a->w * a->h * 3, other = 0;

    for (int64_t i = 0; i < n; i++) {
        int d = a->rgb[i] - b->rgb[i];

        other += d > 30 || d < -30;
    }
    return (double)other / (double)n;
}

/* Bytes that spoil the rest without an error of the entropy coding. */
START_TEST(a_flipped_byte_is_not_passed_in_silence)
{
    struct nn_image img = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct nn_image whole = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err;
    int spoilt = 0, told = 0;

    sample_noise(&img, 160, 160, 3);
    sample_jpeg(&s, &img, SAMPLE_JPEG_420, 80);
    ck_assert_int_eq(judge_decode(&s, &whole, &info, &err), NN_OK);
    for (size_t at = s.size / 3; at < s.size * 2 / 3; at += 97) {
        uint8_t kept = s.bytes[at];

        s.bytes[at] ^= 0x10;
        if (judge_decode(&s, &got, &info, &err) == NN_OK &&
            share_of_other(&got, &whole) > 0.2) {
            spoilt++;
            told += info.note[0] != 0;
        }
        nn_image_release(&got);
        s.bytes[at] = kept;
    }
    ck_assert_int_gt(spoilt, 5);
    /* one that only changes a value, all blocks behind it brighter, is valid */
    ck_assert_msg(told * 10 >= spoilt * 7, "%d of %d", told, spoilt);
    nn_image_release(&img);
    nn_image_release(&whole);
    sample_release(&s);
}
END_TEST

START_TEST(a_cut_progressive_jpeg_lacks_detail)
{
    struct nn_image img = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err;
    size_t whole;

    sample_noise(&img, 96, 96, 3);
    sample_jpeg(&s, &img, SAMPLE_JPEG_PROGRESSIVE, 80);
    whole = s.size;
    s.size = whole * 9 / 10;
    ck_assert_msg(judge_decode(&s, &got, &info, &err) == NN_OK, "%s", err.text);
    ck_assert_ptr_nonnull(strstr(info.note, "details are missing"));
    nn_image_release(&got);
    s.size = whole / 10; /* within the first scans */
    ck_assert_int_eq(judge_decode(&s, &got, &info, &err), NN_ERR_FORMAT);
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

/* _i: interlaced. */
START_TEST(a_cut_png_tells_its_share)
{
    struct nn_image img = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct sample_png kind = { 2, 8, _i, 0 };
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err;
    size_t whole;

    sample_noise(&img, 70, 70, 3);
    sample_png(&s, &img, kind, NULL);
    whole = s.size;
    s.size -= 12;
    judge_expect(&s, &img, 0, "the PNG's end is missing, the image is whole");
    s.size = whole * 9 / 10;
    ck_assert_msg(judge_decode(&s, &got, &info, &err) == NN_OK, "%s", err.text);
    ck_assert_ptr_eq(strstr(info.note, "truncated PNG: "), info.note);
    nn_image_release(&got);
    s.size = whole / 5;
    ck_assert_int_eq(judge_decode(&s, &got, &info, &err), NN_ERR_FORMAT);
    ck_assert_ptr_eq(strstr(err.text, "truncated PNG data"), err.text);
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

/* --- large photos --- */

START_TEST(large_photos_count_as_decoded)
{
    struct nn_image_options opt = nn_image_defaults();
    struct nn_image img = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err = NN_ERROR_INIT;

    sample_image(&img, 640, 480);
    sample_jpeg(&s, &img, SAMPLE_JPEG_420, 80);
    opt.max_pixels = 640 * 480 / 16;
    opt.max_dim = 200;
    ck_assert_int_eq(nn_image_decode(s.bytes, s.size, &opt, &got, &info, &err),
                     NN_ERR_UNSUPPORTED);
    opt.min_side = 60;
    ck_assert_int_eq(nn_image_decode(s.bytes, s.size, &opt, &got, &info, &err),
                     NN_OK);
    ck_assert_int_eq(got.w, 80);
    ck_assert_str_eq(info.note, "640 x 480 pixels, decoded at 1/8");
    nn_image_release(&got);
    sample_release(&s);
    /* a progressive one keeps all coefficients: a limit of its own */
    sample_jpeg(&s, &img, SAMPLE_JPEG_PROGRESSIVE, 80);
    ck_assert_int_eq(nn_image_decode(s.bytes, s.size, &opt, &got, &info, &err),
                     NN_ERR_UNSUPPORTED);
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("cut files");
    TCase *tc = tcase_create("damage");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, a_bad_stripe_costs_a_note, 0, 3);
    tcase_add_loop_test(tc, a_cut_jpeg_tells_its_share, 0,
                        sizeof(cuts) / sizeof(cuts[0]));
    tcase_add_test(tc, odd_ends_cost_nothing);
    tcase_add_test(tc, a_flipped_byte_is_not_passed_in_silence);
    tcase_add_test(tc, a_cut_progressive_jpeg_lacks_detail);
    tcase_add_loop_test(tc, a_cut_png_tells_its_share, 0, 2);
    tcase_add_test(tc, large_photos_count_as_decoded);
    suite_add_tcase(s, tc);
    return s;
}

TESTKIT_MAIN(create)
