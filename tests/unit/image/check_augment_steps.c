/* The steps of an augmentation, each against its definition. */
#include <math.h>
#include <string.h>

#include "common/image/augment_internal.h"
#include "tests/unit/image/sample.h"
#include "tests/unit/testkit.h"

enum { SIZE = 48, BYTES = SIZE * SIZE * 3 };

START_TEST(sine_and_cosine)
{
    for (int i = -4000; i <= 4000; i++) {
        double t = i / 1234.0, s, c;

        nn_sincos_turns(t, &s, &c);
        ck_assert_double_eq_tol(s, sin(t * 6.283185307179586477), 1e-10);
        ck_assert_double_eq_tol(c, cos(t * 6.283185307179586477), 1e-10);
    }
}
END_TEST

static double luma_of(const uint8_t *p)
{
    return 0.213 * p[0] + 0.715 * p[1] + 0.072 * p[2];
}

static double mean_luma(const uint8_t *rgb, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += luma_of(rgb + i * 3);
    }
    return sum / (double)n;
}

/* Contrast, brightness and saturation against their formulas, without the
 * clamp coming into play. */
START_TEST(colour_follows_its_definition)
{
    static const struct nn_colour rows[] = {
        { 1, 1, 1, 0 },       { 1.2, 1, 1, 0 }, { 1, 0.7, 1, 0 },
        { 1, 1.3, 1, 0 },     { 1, 1, 0, 0 },   { 1, 1, 1.3, 0 },
        { 0.8, 1.2, 0.7, 0 },
    };
    struct nn_image img;

    sample_image(&img, 40, 30);
    for (size_t i = 0; i < 40 * 30 * 3; i++) { /* 85..170 */
        img.rgb[i] = (uint8_t)(85 + img.rgb[i] / 3);
    }
    for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        uint8_t got[40 * 30 * 3];
        double m = mean_luma(img.rgb, 1200) * rows[k].brightness;

        memcpy(got, img.rgb, sizeof(got));
        nn_colour_apply(&rows[k], got, 1200);
        for (size_t i = 0; i < 1200; i++) {
            const uint8_t *p = img.rgb + i * 3;
            double v[3], grey = 0;

            for (size_t c = 0; c < 3; c++) {
                v[c] = p[c] * rows[k].brightness;
                v[c] = (v[c] - m) * rows[k].contrast + m;
            }
            grey = 0.213 * v[0] + 0.715 * v[1] + 0.072 * v[2];
            for (size_t c = 0; c < 3; c++) {
                double want = grey + rows[k].saturation * (v[c] - grey);

                /* half a level, and 255 * 3 matrix entries of 2^-13 */
                ck_assert_msg(fabs(got[i * 3 + c] - want) < 0.62,
                              "row %zu pixel %zu: %d, not %f", k, i,
                              got[i * 3 + c], want);
            }
        }
    }
    nn_image_release(&img);
}
END_TEST

START_TEST(hue_turns_about_grey)
{
    uint8_t grey[] = { 120, 120, 120 }, red[] = { 160, 90, 90 };
    struct nn_colour c = { 1, 1, 1, 0 };

    for (int i = -10; i <= 10; i++) {
        uint8_t g[3], r[3];

        c.hue = i / 20.0;
        memcpy(g, grey, 3);
        memcpy(r, red, 3);
        nn_colour_apply(&c, g, 1);
        nn_colour_apply(&c, r, 1);
        ck_assert_mem_eq(g, grey, 3);
        ck_assert_double_eq_tol(luma_of(r), luma_of(red), 1.0);
    }
    c.hue = 1 / 3.0; /* a third of a turn: red becomes green */
    nn_colour_apply(&c, red, 1);
    ck_assert(red[1] > red[0] && red[1] > red[2]);
}
END_TEST

START_TEST(bright_colours_are_clamped)
{
    uint8_t rgb[] = { 250, 128, 0, 0, 0, 255 };
    struct nn_colour c = { 1.3, 1.3, 1.3, 0.02 };

    nn_colour_apply(&c, rgb, 2);
    ck_assert_int_eq(rgb[0], 255);
    ck_assert_int_eq(rgb[2], 0);
    ck_assert_int_eq(rgb[5], 255);
}
END_TEST

static int clamp(int v, int n)
{
    return v < 0 ? 0 : v >= n ? n - 1 : v;
}

/* Two passes of the outer product, in double; each of our four passes rounds
 * once, so that the sum is within 2 levels. */
START_TEST(blur_follows_its_definition)
{
    enum { W = 13, H = 9 };
    struct nn_image img;
    uint8_t tmp[W * H * 3];
    double from[W * H * 3], to[W * H * 3];
    const double k[3] = { 40 / 256.0, 176 / 256.0, 40 / 256.0 };

    sample_noise(&img, W, H, 3);
    for (int i = 0; i < W * H * 3; i++) {
        from[i] = img.rgb[i];
    }
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < W * H * 3; i++) {
            to[i] = 0;
            for (int j = 0; j < 9; j++) {
                int x = clamp(i / 3 % W + j % 3 - 1, W);
                int y = clamp(i / 3 / W + j / 3 - 1, H);

                to[i] += k[j % 3] * k[j / 3] * from[(y * W + x) * 3 + i % 3];
            }
        }
        memcpy(from, to, sizeof(from));
    }
    nn_blur(img.rgb, tmp, W, H, 40);
    for (int i = 0; i < W * H * 3; i++) {
        ck_assert_msg(fabs(img.rgb[i] - to[i]) <= 2, "byte %d: %d, not %f", i,
                      img.rgb[i], to[i]);
    }
    nn_image_release(&img);
    /* images of one pixel or one column have only borders */
    for (int w = 1; w <= 2; w++) {
        uint8_t small[6] = { 7, 8, 9, 7, 8, 9 };

        nn_blur(small, tmp, w, 1, 85);
        ck_assert_mem_eq(small, "\7\10\11\7\10\11", 6);
    }
}
END_TEST

/* Turns by quarters are exact up to the filter: compare with moved pixels. */
START_TEST(rotation_by_quarter_turns)
{
    struct nn_image src;
    uint8_t plain[BYTES], got[BYTES];
    struct nn_box all = { 0, 0, SIZE, SIZE };

    sample_noise(&src, SIZE, SIZE, 4);
    memcpy(plain, src.rgb, BYTES);
    for (int q = -4; q <= 4; q++) {
        ck_assert_int_eq(nn_rotate(&src, all, q / 4.0, got, SIZE), NN_OK);
        for (int i = 0; i < SIZE * SIZE; i++) {
            int x = i % SIZE, y = i / SIZE;

            for (int turn = 0; turn < (q & 3); turn++) {
                int old = x;

                x = SIZE - 1 - y;
                y = old;
            }
            for (int c = 0; c < 3; c++) {
                int d = got[i * 3 + c] - plain[(y * SIZE + x) * 3 + c];

                ck_assert_msg(d >= -2 && d <= 2, "%d turns, pixel %d: %d off",
                              q, i, d);
            }
        }
    }
    nn_image_release(&src);
}
END_TEST

/* An image whose red is x and green is y: a turned view then tells where it
 * was taken. */
static void make_map(struct nn_image *img, int32_t w, int32_t h)
{
    ck_assert_int_eq(nn_image_create(img, w, h), NN_OK);
    for (int32_t i = 0; i < w * h; i++) {
        img->rgb[i * 3] = (uint8_t)(i % w);
        img->rgb[i * 3 + 1] = (uint8_t)(i / w);
        img->rgb[i * 3 + 2] = 0;
    }
}

/* A turned view of the map stays centred and turns its axes. */
START_TEST(rotation_by_small_angles)
{
    struct nn_image src;
    struct nn_box box = { 60, 40, 96, 96 };
    uint8_t got[BYTES];

    make_map(&src, 240, 200);
    for (int degrees = -30; degrees <= 30; degrees += 10) {
        double a = degrees / 57.29577951308232;

        ck_assert_int_eq(nn_rotate(&src, box, degrees / 360.0, got, SIZE),
                         NN_OK);
        for (int i = 0; i < SIZE * SIZE; i++) {
            double u = (i % SIZE + 0.5) * 2 - 48, v = (i / SIZE + 0.5) * 2 - 48;
            double x = 108 + u * cos(a) - v * sin(a) - 0.5;
            double y = 88 + u * sin(a) + v * cos(a) - 0.5;

            ck_assert_msg(fabs(got[i * 3] - x) < 1.1 &&
                              fabs(got[i * 3 + 1] - y) < 1.1,
                          "%d degrees, pixel %d: %d %d, not %f %f", degrees, i,
                          got[i * 3], got[i * 3 + 1], x, y);
        }
    }
    nn_image_release(&src);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("augment steps");
    TCase *tc = tcase_create("augment steps");

    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, sine_and_cosine);
    tcase_add_test(tc, colour_follows_its_definition);
    tcase_add_test(tc, hue_turns_about_grey);
    tcase_add_test(tc, bright_colours_are_clamped);
    tcase_add_test(tc, blur_follows_its_definition);
    tcase_add_test(tc, rotation_by_quarter_turns);
    tcase_add_test(tc, rotation_by_small_angles);
    suite_add_tcase(s, tc);
    return s;
}

TESTKIT_MAIN(create)
