/* BMP, GIF, TIFF, AVIF and HEIC; orientation in odd places. */
#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/image/image.h"
#include "tests/unit/image/judge.h"
#include "tests/unit/testkit.h"

/* --- formats --- */

static const struct sample_bmp bmps[] = {
    { 24, 0, 0, 0 }, { 24, 0, 1, 0 }, { 24, 0, 0, 1 }, { 32, 0, 0, 0 },
    { 16, 0, 0, 0 }, { 8, 0, 0, 0 },  { 8, 1, 0, 0 },  { 8, 0, 0, 1 },
    { 4, 0, 0, 0 },  { 4, 1, 0, 0 },  { 4, 0, 1, 0 },  { 1, 0, 0, 0 },
};
#define N_BMPS (sizeof(bmps) / sizeof(bmps[0]))

START_TEST(bmp_of_every_kind)
{
    struct nn_image img = NN_IMAGE_INIT, want = NN_IMAGE_INIT;
    struct nn_image got = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_error err;

    sample_noise(&img, 37, 11, 4);
    sample_bmp(&s, &img, bmps[_i], &want);
    ck_assert_int_eq(nn_image_sniff(s.bytes, s.size), NN_IMAGE_BMP);
    judge_expect(&s, &want, 0, "");
    for (size_t n = 0; n < s.size; n++) {
        uint8_t *cut = nn_mem_calloc(n, 1); /* for ASan */
        struct sample part = { cut, n, n };
        struct nn_image_info info;

        memcpy(cut, s.bytes, n);
        if (judge_decode(&part, &got, &info, &err) == NN_OK) {
            ck_assert(n > s.size / 2);
            ck_assert(info.note[0] != 0 || n + 4 > s.size);
        } else {
            ck_assert(err.text[0] != 0);
        }
        nn_image_release(&got);
        nn_mem_free(cut);
    }
    nn_image_release(&img);
    nn_image_release(&want);
    sample_release(&s);
}
END_TEST

START_TEST(bmp_that_lies_is_refused)
{
    struct nn_image img = NN_IMAGE_INIT, want = NN_IMAGE_INIT;
    struct nn_image got = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_error err;

    sample_image(&img, 9, 7);
    sample_bmp(&s, &img, (struct sample_bmp){ 24, 0, 0, 0 }, &want);
    s.bytes[30] = 4; /* JPEG inside */
    ck_assert_int_eq(judge_decode(&s, &got, NULL, &err), NN_ERR_UNSUPPORTED);
    s.bytes[30] = 0;
    memcpy(s.bytes + 18, "\xff\xff\xff\x7f", 4);
    ck_assert_int_eq(judge_decode(&s, &got, NULL, &err), NN_ERR_UNSUPPORTED);
    memcpy(s.bytes + 18, "\0\0\0\x80", 4);
    ck_assert_int_eq(judge_decode(&s, &got, NULL, &err), NN_ERR_FORMAT);
    memcpy(s.bytes + 18, "\x09\0\0\0\0\0\0\x80", 8); /* height -2^31 */
    ck_assert_int_eq(judge_decode(&s, &got, NULL, &err), NN_ERR_FORMAT);
    nn_image_release(&img);
    nn_image_release(&want);
    sample_release(&s);
}
END_TEST

/* _i: interlaced, and frames. */
START_TEST(gif_gives_its_first_frame)
{
    struct nn_image img = NN_IMAGE_INIT, want = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image got = NN_IMAGE_INIT;
    struct nn_image_info info;
    struct nn_error err;

    sample_image(&img, 45, 21);
    sample_gif(&s, &img, 1 + _i / 2, _i & 1, &want);
    if (!nn_image_can_read(NN_IMAGE_GIF)) {
        ck_assert_int_eq(judge_decode(&s, &got, NULL, &err),
                         NN_ERR_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(err.text, "without giflib"));
    } else {
        judge_expect(&s, &want, 0,
                     _i > 1 ? "the first frame of an animation" : "");
        s.size = _i > 1 ? s.size / 2 - s.size / 20 : s.size - s.size / 10;
        ck_assert_msg(judge_decode(&s, &got, &info, &err) == NN_OK, "%s",
                      err.text);
        ck_assert_ptr_eq(strstr(info.note, "truncated GIF: "), info.note);
        nn_image_release(&got);
        s.size = s.size / 5;
        ck_assert_int_eq(judge_decode(&s, &got, NULL, &err), NN_ERR_FORMAT);
    }
    nn_image_release(&img);
    nn_image_release(&want);
    sample_release(&s);
}
END_TEST

START_TEST(tiff_in_every_orientation)
{
    struct nn_image img = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err;

    sample_image(&img, 31, 19);
    sample_tiff(&s, &img, _i);
    if (!nn_image_can_read(NN_IMAGE_TIFF)) {
        ck_assert_int_eq(judge_decode(&s, &got, NULL, &err),
                         NN_ERR_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(err.text, "without libtiff"));
    } else {
        ck_assert_msg(judge_decode(&s, &got, &info, &err) == NN_OK, "%s",
                      err.text);
        ck_assert_int_eq(info.orientation, _i > 0 ? _i : 1);
        ck_assert_int_eq(got.w, _i >= 5 ? 19 : 31);
        /* the first stored pixel, where that orientation puts it */
        static const int right[] = { 0, 0, 1, 1, 0, 0, 1, 1, 0 };
        static const int low[] = { 0, 0, 0, 1, 1, 0, 0, 1, 1 };
        size_t at = ((size_t)(low[_i] ? got.h - 1 : 0) * (size_t)got.w +
                     (size_t)(right[_i] ? got.w - 1 : 0)) *
                    3;

        ck_assert_int_eq(memcmp(got.rgb + at, img.rgb, 3), 0);
        nn_image_release(&got);
        s.size -= 300; /* pixels are missing */
        ck_assert_int_eq(judge_decode(&s, &got, NULL, &err), NN_ERR_FORMAT);
    }
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

/* sample_image() of 64 x 48 as libheif 1.15 encodes it at quality 90: from
 * files, because encoders are often missing where decoders are not. */
START_TEST(avif_and_heic)
{
    static const char *const files[] = { CORPUS_DIR "/small.heic",
                                         CORPUS_DIR "/small.avif" };
    struct nn_image img = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct nn_image_info info;
    struct sample s = { 0 };
    struct nn_error err;

    ck_assert_int_eq(nn_file_read(files[_i], 1 << 20, &s.bytes, &s.size, &err),
                     NN_OK);
    ck_assert_int_eq(nn_image_sniff(s.bytes, s.size), NN_IMAGE_HEIF);
    if (!nn_image_can_read(NN_IMAGE_HEIF)) {
        ck_assert_int_eq(judge_decode(&s, &got, NULL, &err),
                         NN_ERR_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(err.text, "without libheif"));
    } else if (judge_decode(&s, &got, &info, &err) == NN_ERR_UNSUPPORTED) {
        /* libheif without a decoder of this kind */
        ck_assert_ptr_nonnull(strstr(err.text, "libheif cannot read"));
    } else {
        sample_image(&img, 64, 48);
        nn_image_release(&got);
        judge_expect(&s, &img, 16, "");
        s.size -= s.size / 3;
        ck_assert_int_eq(judge_decode(&s, &got, NULL, &err), NN_ERR_FORMAT);
    }
    nn_image_release(&got);
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

/* --- orientation in odd places --- */

/* An APP1 segment behind the start marker. */
static void put_app1(struct sample *s, const void *bytes, size_t n)
{
    struct sample segment = { 0 };

    sample_add_be16(&segment, 0xFFE1);
    sample_add_be16(&segment, (unsigned)n + 2);
    sample_add(&segment, bytes, n);
    sample_insert(s, 2, segment.bytes, segment.size);
    sample_release(&segment);
}

/* EXIF with the value as a LONG, little-endian. */
static void long_exif(struct sample *exif, int orientation)
{
    sample_add(exif, "Exif\0\0II*\0\10\0\0\0\1\0\x12\1\4\0\1\0\0\0", 24);
    sample_add_le32(exif, (uint32_t)orientation);
    sample_add_le32(exif, 0);
}

static void raw_profile(struct sample *text, const struct sample *exif,
                        int deflate)
{
    struct sample plain = { 0 };
    char piece[16];

    snprintf(piece, sizeof piece, "\nexif\n%8zu\n", exif->size);
    sample_add(&plain, piece, strlen(piece));
    for (size_t i = 0; i < exif->size; i++) {
        snprintf(piece, sizeof piece, "%02x%s", exif->bytes[i],
                 i % 36 == 35 ? "\n" : "");
        sample_add(&plain, piece, strlen(piece));
    }
    sample_add(text, "Raw profile type exif", 22);
    if (deflate) {
        uLongf n = compressBound(plain.size);
        uint8_t *packed = nn_mem_calloc(n, 1);

        ck_assert_int_eq(compress(packed, &n, plain.bytes, plain.size), Z_OK);
        sample_add_u8(text, 0);
        sample_add(text, packed, n);
        nn_mem_free(packed);
    } else {
        sample_add(text, plain.bytes, plain.size);
    }
    sample_release(&plain);
}

static const char xmp6[] = "<x:xmpmeta><rdf:Description "
                           "tiff:Orientation=\"6\"/></x:xmpmeta>";
static const char xmp6_element[] =
    "<x:xmpmeta><tiff:Orientation>6</tiff:Orientation></x:xmpmeta>";

static void jpeg_of_case(int i, const struct nn_image *img, struct sample *s)
{
    struct sample block = { 0 };

    sample_jpeg(s, img, SAMPLE_JPEG_444, 98);
    if (i == 0) {
        long_exif(&block, 6);
    } else if (i == 1) { /* behind a block that says nothing */
        sample_exif(&block, 6, 1);
        put_app1(s, block.bytes, block.size);
        put_app1(s, "Exif\0\0II*\0\10\0\0\0\0\0\0\0\0\0", 20);
        sample_release(&block);
        return;
    } else {
        sample_add(&block, "http://ns.adobe.com/xap/1.0/", 29);
        sample_add(&block, i == 2 ? xmp6 : xmp6_element,
                   i == 2 ? sizeof xmp6 - 1 : sizeof xmp6_element - 1);
    }
    put_app1(s, block.bytes, block.size);
    sample_release(&block);
}

static void png_of_case(int i, const struct nn_image *img, struct sample *s)
{
    static const struct sample_png kind = { 2, 8, 0, 0 };
    struct sample exif = { 0 }, text = { 0 };

    sample_png(s, img, kind, NULL);
    sample_exif(&exif, 6, i & 1);
    if (i < 2) {
        raw_profile(&text, &exif, i);
        sample_png_insert(s, i ? "zTXt" : "tEXt", text.bytes, text.size);
    } else {
        sample_add(&text, "XML:com.adobe.xmp\0\0\0\0", 22);
        sample_add(&text, xmp6, sizeof xmp6 - 1);
        sample_png_insert(s, "iTXt", text.bytes, text.size);
    }
    sample_release(&exif);
    sample_release(&text);
}

START_TEST(orientation_in_odd_places)
{
    struct nn_image img = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err;

    sample_image(&img, 40, 24);
    if (_i < 4) {
        jpeg_of_case(_i, &img, &s);
    } else {
        png_of_case(_i - 4, &img, &s);
    }
    ck_assert_msg(judge_decode(&s, &got, &info, &err) == NN_OK, "%s", err.text);
    ck_assert_int_eq(info.orientation, 6);
    ck_assert_int_eq(got.w, 24);
    nn_image_release(&got);
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

/* The orientation of a JPEG whose EXIF block says 3, with another block in
 * front of that one. */
static int orientation_with(const struct sample *block)
{
    struct nn_image img = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_error err;

    sample_image(&img, 40, 24);
    sample_jpeg(&s, &img, SAMPLE_JPEG_444, 90);
    sample_jpeg_orient(&s, 3, 0);
    put_app1(&s, block->bytes, block->size);
    ck_assert_int_eq(judge_decode(&s, &got, &info, &err), NN_OK);
    nn_image_release(&got);
    nn_image_release(&img);
    sample_release(&s);
    return info.orientation;
}

START_TEST(exif_goes_before_xmp)
{
    struct sample xmp = { 0 };

    sample_add(&xmp, "http://ns.adobe.com/xap/1.0/", 29);
    sample_add(&xmp, xmp6, sizeof xmp6 - 1);
    ck_assert_int_eq(orientation_with(&xmp), 3);
    sample_release(&xmp);
}
END_TEST

START_TEST(first_exif_counts)
{
    struct sample exif = { 0 };

    sample_exif(&exif, 6, 1);
    ck_assert_int_eq(orientation_with(&exif), 6);
    sample_release(&exif);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("more formats");
    TCase *tc = tcase_create("formats");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, bmp_of_every_kind, 0, N_BMPS);
    tcase_add_test(tc, bmp_that_lies_is_refused);
    tcase_add_loop_test(tc, gif_gives_its_first_frame, 0, 4);
    tcase_add_loop_test(tc, tiff_in_every_orientation, 0, 9);
    tcase_add_loop_test(tc, avif_and_heic, 0, 2);
    tcase_add_loop_test(tc, orientation_in_odd_places, 0, 7);
    tcase_add_test(tc, exif_goes_before_xmp);
    tcase_add_test(tc, first_exif_counts);
    suite_add_tcase(s, tc);
    return s;
}

TESTKIT_MAIN(create)
