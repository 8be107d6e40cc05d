/* Every kind of JPEG, PNG and WebP file, whole, cut short and out of bounds. */
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/image/image.h"
#include "tests/unit/image/sample.h"
#include "tests/unit/testkit.h"

static void decode(const struct sample *s, const struct nn_image_options *opt,
                   struct nn_image *img, struct nn_image_info *info)
{
    struct nn_image_options plain = nn_image_defaults();
    struct nn_error err = NN_ERROR_INIT;
    enum nn_status st =
        nn_image_decode(s->bytes, s->size, opt ? opt : &plain, img, info, &err);

    ck_assert_msg(st == NN_OK, "decoding fails: %s", err.text);
}

static void compare(const struct nn_image *got, const struct nn_image *want,
                    int bound, const char *what)
{
    ck_assert_int_eq(got->w, want->w);
    ck_assert_int_eq(got->h, want->h);
    for (size_t i = 0; i < (size_t)got->w * (size_t)got->h * 3; i++) {
        int d = got->rgb[i] - want->rgb[i];

        testkit_assert(d >= -bound && d <= bound,
                       "%s: pixel %zu channel %zu is %d, not %d", what, i / 3,
                       i % 3, got->rgb[i], want->rgb[i]);
    }
}

/* Files that Pillow wrote: red, green above blue, white. */
static const struct {
    const char *name;
    enum nn_image_format format;
    int channels, bits, orientation;
    int bound;
    enum { RGB, GREY, CLEAR } look;
} corpus[] = {
    { "rgb444.jpg", NN_IMAGE_JPEG, 3, 8, 1, 8, RGB },
    { "rgb420.jpg", NN_IMAGE_JPEG, 3, 8, 1, 8, RGB },
    { "progressive.jpg", NN_IMAGE_JPEG, 3, 8, 1, 8, RGB },
    { "restart.jpg", NN_IMAGE_JPEG, 3, 8, 1, 8, RGB },
    { "keep_rgb.jpg", NN_IMAGE_JPEG, 3, 8, 1, 8, RGB },
    { "cmyk.jpg", NN_IMAGE_JPEG, 4, 8, 1, 8, RGB },
    { "grey.jpg", NN_IMAGE_JPEG, 1, 8, 1, 8, GREY },
    { "exif6.jpg", NN_IMAGE_JPEG, 3, 8, 6, 8, RGB },
    { "rgb.png", NN_IMAGE_PNG, 3, 8, 1, 0, RGB },
    { "rgba.png", NN_IMAGE_PNG, 4, 8, 1, 0, CLEAR },
    { "palette.png", NN_IMAGE_PNG, 1, 2, 1, 0, RGB },
    { "grey.png", NN_IMAGE_PNG, 1, 8, 1, 0, GREY },
    { "exif6.png", NN_IMAGE_PNG, 3, 8, 6, 0, RGB },
    { "lossy.webp", NN_IMAGE_WEBP, 3, 8, 1, 8, RGB },
    { "lossless.webp", NN_IMAGE_WEBP, 3, 8, 1, 0, RGB },
    { "alpha.webp", NN_IMAGE_WEBP, 4, 8, 1, 0, CLEAR },
    { "exif6.webp", NN_IMAGE_WEBP, 3, 8, 6, 0, RGB },
};
#define N_CORPUS (sizeof(corpus) / sizeof(corpus[0]))

START_TEST(files_from_another_encoder)
{
    static const uint8_t quarters[4][3] = {
        { 200, 30, 40 }, { 40, 180, 50 }, { 30, 60, 190 }, { 240, 240, 240 }
    };
    struct nn_image_options opt = nn_image_defaults();
    struct nn_image img = NN_IMAGE_INIT;
    struct nn_image_info info, probed;
    struct nn_error err = NN_ERROR_INIT;
    struct sample s = { 0 };
    char *path = nn_mem_sprintf("%s/%s", CORPUS_DIR, corpus[_i].name);

    ck_assert_int_eq(nn_file_read(path, 65536, &s.bytes, &s.size, &err), NN_OK);
    decode(&s, &opt, &img, &info);
    ck_assert_int_eq(nn_image_probe(s.bytes, s.size, &opt, &probed, &err),
                     NN_OK);
    ck_assert_mem_eq(&info, &probed, sizeof(info));
    ck_assert_int_eq(info.format, corpus[_i].format);
    ck_assert_int_eq(info.channels, corpus[_i].channels);
    ck_assert_int_eq(info.bits, corpus[_i].bits);
    ck_assert_int_eq(info.orientation, corpus[_i].orientation);
    ck_assert_int_eq(info.w, info.orientation == 6 ? 16 : 24);
    ck_assert_int_eq(img.w, 24);
    ck_assert_int_eq(img.h, 16);
    for (size_t q = 0; q < 4; q++) { /* the middle of each quarter */
        size_t x = q % 2 * 12 + 6, y = q / 2 * 8 + 4;

        for (size_t c = 0; c < 3; c++) {
            const uint8_t *p = quarters[q];
            /* ITU-R BT.601 luma, as the encoder took it */
            int grey = (p[0] * 299 + p[1] * 587 + p[2] * 114 + 500) / 1000;
            int want = corpus[_i].look == GREY ? grey : p[c];
            int got = img.rgb[(y * 24 + x) * 3 + c];

            want = corpus[_i].look == CLEAR && q == 3 ? 255 : want;
            ck_assert_msg(got - want <= corpus[_i].bound &&
                              want - got <= corpus[_i].bound,
                          "%s: quarter %zu channel %zu is %d, not %d", path, q,
                          c, got, want);
        }
    }
    nn_image_release(&img);
    sample_release(&s);
    nn_mem_free(path);
}
END_TEST

static const struct sample_png png_kinds[] = {
    { 0, 1, 0, 0 },  { 0, 2, 0, 0 }, { 0, 4, 1, 0 },  { 0, 8, 0, 0 },
    { 0, 16, 0, 0 }, { 2, 8, 0, 0 }, { 2, 16, 0, 0 }, { 3, 1, 0, 0 },
    { 3, 2, 0, 0 },  { 3, 4, 0, 0 }, { 3, 8, 1, 0 },  { 4, 8, 0, 0 },
    { 4, 16, 0, 0 }, { 6, 8, 0, 0 }, { 6, 16, 1, 0 }, { 0, 4, 0, 1 },
    { 0, 8, 0, 1 },  { 2, 8, 1, 1 }, { 3, 2, 0, 1 },  { 3, 8, 0, 1 },
    { 2, 16, 1, 0 }, { 0, 1, 1, 1 },
};
#define N_PNGS (sizeof(png_kinds) / sizeof(png_kinds[0]))

START_TEST(png_of_every_type)
{
    static const int channels[] = { 1, 0, 3, 1, 2, 0, 4 };
    struct sample_png kind = png_kinds[_i];
    struct nn_image src = NN_IMAGE_INIT, want = NN_IMAGE_INIT;
    struct nn_image got = NN_IMAGE_INIT;
    struct nn_image_info info;
    struct sample s = { 0 };

    sample_noise(&src, 37, 23, 11);
    sample_png(&s, &src, kind, &want);
    decode(&s, NULL, &got, &info);
    ck_assert_int_eq(info.bits, kind.bits);
    ck_assert_int_eq(info.channels, channels[kind.colour]);
    compare(&got, &want, 0, "png");
    nn_image_release(&got);
    nn_image_release(&want);
    nn_image_release(&src);
    sample_release(&s);
}
END_TEST

START_TEST(apng_gives_its_first_frame)
{
    struct nn_image src = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct sample s = { 0 };

    sample_image(&src, 20, 14);
    sample_apng(&s, &src);
    decode(&s, NULL, &got, NULL);
    compare(&got, &src, 0, "apng");
    nn_image_release(&got);
    nn_image_release(&src);
    sample_release(&s);
}
END_TEST

START_TEST(webp_of_every_kind)
{
    int lossless = _i & 1, alpha = _i >> 1;
    struct nn_image src = NN_IMAGE_INIT, want = NN_IMAGE_INIT;
    struct nn_image got = NN_IMAGE_INIT;
    struct nn_image_info info;
    struct sample s = { 0 };

    sample_image(&src, 40, 30);
    sample_webp(&s, &src, lossless, alpha, &want);
    decode(&s, NULL, &got, &info);
    ck_assert_int_eq(info.channels, alpha ? 4 : 3);
    compare(&got, &want, lossless ? 0 : 14, "webp");
    nn_image_release(&got);
    nn_image_release(&want);
    nn_image_release(&src);
    sample_release(&s);
}
END_TEST

START_TEST(animated_webp_gives_its_first_frame)
{
    struct nn_image_info info;
    struct nn_image img = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct sample s = { 0 };

    sample_image(&img, 20, 14);
    sample_webp_animated(&s, &img);
    decode(&s, NULL, &got, &info);
    compare(&got, &img, 40, "first frame");
    ck_assert_str_eq(info.note, "the first frame of an animation");
    nn_image_release(&got);
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

/* A smooth image comes back from a JPEG of quality 98 within a few levels,
 * a bound that the quantisation steps of 1 or 2 allow. */
START_TEST(jpeg_of_every_kind)
{
    struct nn_image src = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct nn_image_info info;
    struct sample s = { 0 };

    sample_image(&src, 50, 35);
    if (_i == SAMPLE_JPEG_GREY) {
        for (size_t i = 0; i < 50 * 35 * 3; i += 3) {
            src.rgb[i + 1] = src.rgb[i + 2] = src.rgb[i];
        }
    }
    sample_jpeg(&s, &src, (enum sample_jpeg_kind)_i, 98);
    decode(&s, NULL, &got, &info);
    ck_assert_int_eq(info.channels, _i == SAMPLE_JPEG_GREY   ? 1
                                    : _i == SAMPLE_JPEG_CMYK ? 4
                                                             : 3);
    compare(&got, &src, 8, "jpeg");
    nn_image_release(&got);
    nn_image_release(&src);
    sample_release(&s);
}
END_TEST

START_TEST(jpeg_is_decoded_smaller_on_request)
{
    static const struct {
        int32_t min_side, w, h;
    } rows[] = {
        { 0, 131, 75 }, { 76, 131, 75 }, { 39, 131, 75 }, { 38, 66, 38 },
        { 20, 66, 38 }, { 19, 33, 19 },  { 10, 17, 10 },  { 1, 17, 10 },
    };
    struct nn_image src = NN_IMAGE_INIT, got = NN_IMAGE_INIT;
    struct nn_image_options opt = nn_image_defaults();
    struct nn_image_info info;
    struct sample s = { 0 };

    sample_image(&src, 131, 75);
    sample_jpeg(&s, &src, SAMPLE_JPEG_PROGRESSIVE, 98);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        opt.min_side = rows[i].min_side;
        decode(&s, &opt, &got, &info);
        ck_assert_int_eq(got.w, rows[i].w);
        ck_assert_int_eq(got.h, rows[i].h);
        ck_assert_int_eq(info.w, 131);
        /* the same scene: the middle has the middle's colour */
        for (size_t c = 0; c < 3; c++) {
            size_t at = (size_t)(got.h / 2 * got.w + got.w / 2) * 3 + c;
            int d = got.rgb[at] - src.rgb[(37 * 131 + 65) * 3 + c];

            ck_assert_msg(d > -16 && d < 16, "row %zu: %d off", i, d);
        }
        nn_image_release(&got);
    }
    nn_image_release(&src);
    sample_release(&s);
}
END_TEST

/* Where the TIFF standard puts the stored pixel (x,y) of a w x h image. */
static void place(int orientation, int32_t w, int32_t h, int32_t x, int32_t y,
                  int32_t *to_x, int32_t *to_y)
{
    int32_t mx = w - 1 - x, my = h - 1 - y;
    const int32_t places[9][2] = {
        { 0, 0 }, { x, y },  { mx, y },  { mx, my }, { x, my },
        { y, x }, { my, x }, { my, mx }, { y, mx },
    };

    *to_x = places[orientation][0];
    *to_y = places[orientation][1];
}

static void store_turned(const struct nn_image *upright, int orientation,
                         struct nn_image *stored)
{
    int swap = orientation >= 5;

    ck_assert_int_eq(nn_image_create(stored, swap ? upright->h : upright->w,
                                     swap ? upright->w : upright->h),
                     NN_OK);
    for (int32_t y = 0; y < stored->h; y++) {
        for (int32_t x = 0; x < stored->w; x++) {
            int32_t tx, ty;

            place(orientation, stored->w, stored->h, x, y, &tx, &ty);
            memcpy(stored->rgb + (y * stored->w + x) * 3,
                   upright->rgb + (ty * upright->w + tx) * 3, 3);
        }
    }
}

/* _i is the orientation: 1..8, and values that mean nothing. */
START_TEST(orientation_is_applied)
{
    int o = _i >= 1 && _i <= 8 ? _i : 1;
    struct sample_png kind = { 2, 8, 0, 0 };
    struct nn_image upright = NN_IMAGE_INIT, stored = NN_IMAGE_INIT;
    struct nn_image got = NN_IMAGE_INIT;
    struct nn_image_options keep = nn_image_defaults();
    struct nn_image_info info;

    keep.keep_orientation = 1;
    sample_image(&upright, 83, 45);
    store_turned(&upright, o, &stored);
    for (int file = 0; file < 4; file++) {
        struct sample s = { 0 }, exif = { 0 };

        sample_exif(&exif, _i, file & 1);
        if (file < 2) {
            sample_jpeg(&s, &stored, SAMPLE_JPEG_444, 98);
            sample_jpeg_orient(&s, _i, file & 1);
        } else if (file == 2) {
            sample_png(&s, &stored, kind, NULL);
            sample_png_insert(&s, "eXIf", exif.bytes + 6, exif.size - 6);
        } else {
            sample_webp(&s, &stored, 0, 0, NULL);
            sample_webp_orient(&s, _i);
        }
        decode(&s, NULL, &got, &info);
        ck_assert_int_eq(info.orientation, o);
        compare(&got, &upright, file == 2 ? 0 : 12, "upright");
        nn_image_release(&got);
        decode(&s, &keep, &got, &info);
        compare(&got, &stored, file == 2 ? 0 : 12, "as stored");
        nn_image_release(&got);
        sample_release(&exif);
        sample_release(&s);
    }
    nn_image_release(&stored);
    nn_image_release(&upright);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("formats");
    TCase *tc = tcase_create("formats");

    tcase_set_timeout(tc, 30);
    tcase_add_loop_test(tc, files_from_another_encoder, 0, N_CORPUS);
    tcase_add_loop_test(tc, png_of_every_type, 0, N_PNGS);
    tcase_add_test(tc, apng_gives_its_first_frame);
    tcase_add_loop_test(tc, webp_of_every_kind, 0, 4);
    tcase_add_test(tc, animated_webp_gives_its_first_frame);
    tcase_add_loop_test(tc, jpeg_of_every_kind, 0, SAMPLE_JPEG_CMYK + 1);
    tcase_add_test(tc, jpeg_is_decoded_smaller_on_request);
    tcase_add_loop_test(tc, orientation_is_applied, 0, 12);
    suite_add_tcase(s, tc);
    return s;
}

TESTKIT_MAIN(create)
