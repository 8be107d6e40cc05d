/* Resampling against Pillow and against naive sums, fitting, fingerprints. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/image/resize.h"
#include "tests/unit/image/sample.h"
#include "tests/unit/testkit.h"

static struct nn_box whole(const struct nn_image *img)
{
    return (struct nn_box){ 0, 0, (float)img->w, (float)img->h };
}

static void resize(const struct nn_image *src, struct nn_box box,
                   enum nn_filter filter, int32_t w, int32_t h,
                   struct nn_image *dst)
{
    ck_assert_int_eq(nn_image_create(dst, w, h), NN_OK);
    memset(dst->rgb, 0xA5, (size_t)w * (size_t)h * 3);
    ck_assert_int_eq(nn_image_resize(src, box, filter, dst), NN_OK);
}

static void take(const uint8_t **at, void *to, size_t n)
{
    memcpy(to, *at, n);
    *at += n;
}

/* Pillow rounds between its two passes and we do not, so that its error is up
 * to 1 level and ours up to 1/2: they differ by 1 at most. */
START_TEST(bilinear_as_pillow_does_it)
{
    struct nn_error err = NN_ERROR_INIT;
    unsigned char *file = NULL;
    size_t size, cases = 0, off = 0, total = 0;

    ck_assert_int_eq(nn_file_read(GOLDEN_DIR "/image_resize.bin", 1 << 20,
                                  &file, &size, &err),
                     NN_OK);
    for (const uint8_t *at = file; at < file + size; cases++) {
        struct nn_image src, dst;
        int32_t from[2], to[2];
        uint32_t seed;
        struct nn_box box;

        take(&at, from, 8);
        take(&at, &seed, 4);
        take(&at, &box, 16);
        take(&at, to, 8);
        sample_noise(&src, from[0], from[1], seed);
        resize(&src, box, NN_FILTER_BILINEAR, to[0], to[1], &dst);
        for (size_t i = 0; i < (size_t)to[0] * (size_t)to[1] * 3; i++) {
            int d = dst.rgb[i] - at[i];

            ck_assert_msg(d >= -1 && d <= 1, "case %zu byte %zu: %d, not %d",
                          cases, i, dst.rgb[i], at[i]);
            off += d != 0;
            total++;
        }
        at += (size_t)to[0] * (size_t)to[1] * 3;
        nn_image_release(&src);
        nn_image_release(&dst);
    }
    ck_assert_uint_eq(cases, 11);
    /* rounding apart, the same: a shifted filter would fail this */
    ck_assert_uint_lt(off * 5, total);
    nn_mem_free(file);
}
END_TEST

static double area_of(double a0, double a1, double b0, double b1)
{
    double lo = a0 > b0 ? a0 : b0, hi = a1 < b1 ? a1 : b1;

    return hi > lo ? hi - lo : 0;
}

static double triangle(double d)
{
    return fabs(d) < 1 ? 1 - fabs(d) : 0;
}

/* Weight of source pixel p for output i of n over [from, from + span). */
static double weight(enum nn_filter filter, double from, double span, int32_t n,
                     int32_t i, int32_t p)
{
    double scale = span / n, reach = scale > 1 ? scale : 1;

    if (filter == NN_FILTER_AREA) {
        return area_of(from + i * scale, from + (i + 1) * scale, p, p + 1);
    }
    return triangle((p + 0.5 - (from + (i + 0.5) * scale)) / reach);
}

/* The definition: every source pixel with its weight, in double. */
static double naive(const struct nn_image *src, struct nn_box b,
                    enum nn_filter filter, int32_t w, int32_t h, int32_t x,
                    int32_t y, int c)
{
    double sum = 0, total = 0;

    for (int32_t sy = 0; sy < src->h; sy++) {
        double wy = weight(filter, (double)b.y, (double)b.h, h, y, sy);

        for (int32_t sx = 0; wy > 0 && sx < src->w; sx++) {
            double k = wy * weight(filter, (double)b.x, (double)b.w, w, x, sx);

            sum += k * src->rgb[(sy * src->w + sx) * 3 + c];
            total += k;
        }
    }
    return sum / total;
}

static const struct {
    int32_t sw, sh, w, h;
    struct nn_box box; /* w 0: everything */
} sizes[] = {
    { 23, 17, 8, 8, { 0, 0, 0, 0 } },
    { 23, 17, 23, 17, { 0, 0, 0, 0 } },
    { 23, 17, 40, 5, { 0, 0, 0, 0 } },
    { 64, 48, 9, 8, { 3.5f, 7.25f, 50.0f, 33.3f } },
    { 64, 48, 32, 32, { 10, 10, 8.5f, 9.75f } },
    { 64, 48, 3, 2, { 63.2f, 0, 0.5f, 48 } },
    { 500, 2, 5, 1, { 0, 0, 0, 0 } },
    { 1, 1, 4, 4, { 0, 0, 0, 0 } },
    { 2, 300, 1, 7, { 0.1f, 0.1f, 1.8f, 299 } },
};
#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

START_TEST(both_filters_follow_their_definition)
{
    for (int f = NN_FILTER_AREA; f <= NN_FILTER_BILINEAR; f++) {
        struct nn_image src, dst;

        sample_noise(&src, sizes[_i].sw, sizes[_i].sh, 77);
        struct nn_box box = sizes[_i].box.w > 0 ? sizes[_i].box : whole(&src);
        int32_t w = sizes[_i].w, h = sizes[_i].h;

        resize(&src, box, (enum nn_filter)f, w, h, &dst);
        for (int32_t i = 0; i < w * h * 3; i++) {
            double want = naive(&src, box, (enum nn_filter)f, w, h, i / 3 % w,
                                i / 3 / w, i % 3);
            /* half a level of rounding, 1/128 from the middle rows, and what
             * 16-bit weights leave */
            double off = fabs(dst.rgb[i] - want);

            ck_assert_msg(off < 0.52, "filter %d byte %d: %d, not %.3f", f, i,
                          dst.rgb[i], want);
        }
        nn_image_release(&src);
        nn_image_release(&dst);
    }
}
END_TEST

/* However large the reduction, white stays white. */
START_TEST(one_colour_stays_one_colour)
{
    static const int32_t sides[] = { 1, 2, 3, 127, 128, 1000, 19999 };

    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
        for (int value = 0; value < 256; value += 85) {
            struct nn_image src, dst;

            ck_assert_int_eq(nn_image_create(&src, sides[i], 3), NN_OK);
            memset(src.rgb, value, (size_t)sides[i] * 9);
            resize(&src, whole(&src), (enum nn_filter)(i & 1), 9, 8, &dst);
            for (size_t k = 0; k < 9 * 8 * 3; k++) {
                ck_assert_int_eq(dst.rgb[k], value);
            }
            nn_image_release(&src);
            nn_image_release(&dst);
        }
    }
}
END_TEST

START_TEST(same_size_is_a_copy)
{
    struct nn_image src, dst;
    struct nn_box inner = { 5, 3, 20, 10 };

    sample_noise(&src, 31, 19, 5);
    for (int f = 0; f < 2; f++) {
        resize(&src, whole(&src), (enum nn_filter)f, 31, 19, &dst);
        ck_assert_mem_eq(dst.rgb, src.rgb, 31 * 19 * 3);
        nn_image_release(&dst);
        resize(&src, inner, (enum nn_filter)f, 20, 10, &dst);
        for (size_t y = 0; y < 10; y++) {
            ck_assert_mem_eq(dst.rgb + y * 60, src.rgb + ((y + 3) * 31 + 5) * 3,
                             60);
        }
        nn_image_release(&dst);
    }
    nn_image_release(&src);
}
END_TEST

START_TEST(boxes_are_clipped_or_refused)
{
    static const struct nn_box bad[] = {
        { 0, 0, 0, 5 },   { 0, 0, 5, -1 },    { 31, 0, 5, 5 },
        { -9, 0, 9, 5 },  { 0, 19, 5, 5 },    { NAN, 0, 5, 5 },
        { 0, 0, NAN, 5 }, { 0, -8, 5, 7.5f }, { 0, 0, 5, NAN },
    };
    struct nn_image src, a, b;
    struct nn_box large = { -10, -20, 1000, INFINITY };

    sample_noise(&src, 31, 19, 5);
    resize(&src, whole(&src), NN_FILTER_BILINEAR, 7, 7, &a);
    resize(&src, large, NN_FILTER_BILINEAR, 7, 7, &b);
    ck_assert_mem_eq(a.rgb, b.rgb, 7 * 7 * 3);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_int_eq(nn_image_resize(&src, bad[i], NN_FILTER_AREA, &b),
                         NN_ERR_ARG);
    }
    nn_image_release(&src);
    nn_image_release(&a);
    nn_image_release(&b);
}
END_TEST

static int resize_job(void *ctx)
{
    struct nn_image *pair = ctx;
    struct nn_box box = whole(&pair[0]);

    return nn_image_resize(&pair[0], box, NN_FILTER_BILINEAR, &pair[1]);
}

START_TEST(resizing_survives_failed_allocations)
{
    struct nn_image pair[2];

    sample_noise(&pair[0], 31, 19, 5);
    ck_assert_int_eq(nn_image_create(&pair[1], 8, 8), NN_OK);
    testkit_each_alloc_failure(resize_job, pair);
    nn_image_release(&pair[0]);
    nn_image_release(&pair[1]);
}
END_TEST

START_TEST(fit_squeezes_everything)
{
    struct nn_image src, want;
    uint8_t got[16 * 16 * 3];

    sample_noise(&src, 60, 40, 5);
    ck_assert_int_eq(nn_image_fit(&src, 16, got), NN_OK);
    resize(&src, whole(&src), NN_FILTER_BILINEAR, 16, 16, &want);
    ck_assert_mem_eq(got, want.rgb, sizeof(got));
    ck_assert_int_eq(nn_image_fit(&src, 0, got), NN_ERR_ARG);
    nn_image_release(&src);
    ck_assert_int_eq(nn_image_fit(&src, 16, got), NN_ERR_ARG);
    nn_image_release(&want);
}
END_TEST

static int bits(uint64_t v)
{
    int n = 0;

    for (; v; v &= v - 1) {
        n++;
    }
    return n;
}

/* 9 x 8 cells by the definition, in double. */
static uint64_t naive_dhash(const struct nn_image *img)
{
    double cell[8][9];
    uint64_t hash = 0;

    for (int32_t i = 0; i < 72; i++) {
        double rgb[3];

        for (int c = 0; c < 3; c++) {
            rgb[c] =
                naive(img, whole(img), NN_FILTER_AREA, 9, 8, i % 9, i / 9, c);
        }
        cell[i / 9][i % 9] = rgb[0] * 77 + rgb[1] * 150 + rgb[2] * 29;
    }
    for (int i = 0; i < 64; i++) {
        hash |= (uint64_t)(cell[i / 8][i % 8] > cell[i / 8][i % 8 + 1]) << i;
    }
    return hash;
}

START_TEST(dhash_follows_its_definition)
{
    static const int32_t sides[][2] = { { 9, 8 },   { 100, 75 }, { 33, 61 },
                                        { 200, 9 }, { 5, 3 },    { 16, 2 } };
    struct nn_image img;

    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
        sample_noise(&img, sides[i][0], sides[i][1], (uint32_t)i);
        uint64_t want = naive_dhash(&img), got = nn_image_dhash(&img);

        /* equal cells may fall either way in double */
        ck_assert_msg(sides[i][0] < 9 || got == want, "%zu: %016lx, not %016lx",
                      i, (unsigned long)got, (unsigned long)want);
        nn_image_release(&img);
    }
}
END_TEST

START_TEST(dhash_tells_copies_from_others)
{
    struct nn_image big, small, other, flat;
    struct nn_image coarse;

    /* noise of 12 x 11 cells, blown up: an image with structure */
    sample_noise(&coarse, 12, 11, 8);
    resize(&coarse, whole(&coarse), NN_FILTER_BILINEAR, 240, 180, &big);
    nn_image_release(&coarse);
    sample_noise(&coarse, 12, 11, 9);
    resize(&coarse, whole(&coarse), NN_FILTER_BILINEAR, 240, 180, &other);
    resize(&big, whole(&big), NN_FILTER_BILINEAR, 101, 77, &small);
    ck_assert_int_le(bits(nn_image_dhash(&big) ^ nn_image_dhash(&small)), 4);
    ck_assert_int_ge(bits(nn_image_dhash(&big) ^ nn_image_dhash(&other)), 12);
    ck_assert_int_eq(nn_image_create(&flat, 30, 30), NN_OK);
    memset(flat.rgb, 200, 30 * 30 * 3);
    ck_assert_uint_eq(nn_image_dhash(&flat), 0);
    nn_image_release(&flat);
    nn_image_release(&coarse);
    nn_image_release(&big);
    nn_image_release(&small);
    nn_image_release(&other);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("resize");
    TCase *tc = tcase_create("resize");

    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, bilinear_as_pillow_does_it);
    tcase_add_loop_test(tc, both_filters_follow_their_definition, 0, N_SIZES);
    tcase_add_test(tc, one_colour_stays_one_colour);
    tcase_add_test(tc, same_size_is_a_copy);
    tcase_add_test(tc, boxes_are_clipped_or_refused);
    tcase_add_test(tc, resizing_survives_failed_allocations);
    tcase_add_test(tc, fit_squeezes_everything);
    tcase_add_test(tc, dhash_follows_its_definition);
    tcase_add_test(tc, dhash_tells_copies_from_others);
    suite_add_tcase(s, tc);
    return s;
}

TESTKIT_MAIN(create)
