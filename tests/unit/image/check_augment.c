/* Augmented views: repeatable, and random as asked for. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/image/augment.h"
#include "common/image/resize.h"
#include "tests/unit/image/sample.h"
#include "tests/unit/testkit.h"

enum { SIZE = 48, BYTES = SIZE * SIZE * 3 };

static void apply(const struct nn_augment *a, uint64_t view,
                  const struct nn_image *src, uint8_t *rgb)
{
    struct nn_rng rng = nn_rng_make(17, view);

    memset(rgb, 0x5A, BYTES);
    ck_assert_int_eq(nn_augment_apply(a, &rng, src, SIZE, rgb), NN_OK);
}

static void squeeze(const struct nn_image *src, uint8_t *rgb)
{
    ck_assert_int_eq(nn_image_fit(src, SIZE, rgb), NN_OK);
}

START_TEST(none_is_the_whole_image)
{
    struct nn_augment none = nn_augment_none();
    struct nn_image src;
    uint8_t got[BYTES], want[BYTES];
    struct nn_rng rng = nn_rng_make(1, 2);

    sample_noise(&src, 80, 60, 1);
    squeeze(&src, want);
    ck_assert_int_eq(nn_augment_apply(&none, &rng, &src, SIZE, got), NN_OK);
    ck_assert_mem_eq(got, want, BYTES);
    ck_assert_uint_eq(rng.index, 0); /* nothing is drawn */
    nn_image_release(&src);
}
END_TEST

START_TEST(defaults_are_as_documented)
{
    struct nn_augment d = nn_augment_defaults();

    ck_assert(d.crop_min == 0.35f && d.crop_max == 1 && d.aspect == 1.33f);
    ck_assert(d.flip == 0.5f && d.rotate == 0 && d.brightness == 0.3f);
    ck_assert(d.contrast == 0.3f && d.saturation == 0.3f && d.hue == 0.03f);
    ck_assert(d.grey == 0.05f && d.lowres == 0.25f && d.lowres_min == 0.25f);
    ck_assert(d.jpeg == 0.2f && d.jpeg_min == 30 && d.blur == 0.1f);
    ck_assert(d.erase == 0.25f);
}
END_TEST

/* Every step that is named can be left out; together nothing is left. */
START_TEST(without_all_steps_the_whole_image)
{
    char steps[] = NN_AUGMENT_STEPS, *rest = NULL;
    struct nn_augment a = nn_augment_defaults(), before = a;
    struct nn_image src;
    uint8_t got[BYTES], want[BYTES];

    for (char *s = strtok_r(steps, "|", &rest); s != NULL;
         s = strtok_r(NULL, "|", &rest)) {
        ck_assert_int_eq(nn_augment_without(&a, s), 0);
        ck_assert(memcmp(&a, &before, sizeof a) != 0);
        before = a;
    }
    ck_assert_int_eq(nn_augment_without(&a, "hue"), -1);
    sample_noise(&src, 80, 60, 1);
    squeeze(&src, want);
    apply(&a, 3, &src, got);
    ck_assert_mem_eq(got, want, BYTES);
    nn_image_release(&src);
}
END_TEST

START_TEST(same_draws_same_bytes)
{
    struct nn_augment a = nn_augment_defaults();
    struct nn_image src;
    uint8_t one[BYTES], two[BYTES], other[BYTES];
    int differ = 0;

    a.rotate = 15;
    sample_noise(&src, 80, 60, 1);
    for (uint64_t view = 0; view < 60; view++) {
        apply(&a, view, &src, one);
        apply(&a, view, &src, two);
        ck_assert_mem_eq(one, two, BYTES);
        apply(&a, view + 1, &src, other);
        differ += memcmp(one, other, BYTES) != 0;
    }
    ck_assert_int_eq(differ, 60);
    nn_image_release(&src);
}
END_TEST

/* The bytes of fixed draws, without the JPEG step, whose rounding belongs to
 * a library. They must not depend on machine, compiler or optimisation. */
START_TEST(same_bytes_on_every_machine)
{
    struct nn_augment a = nn_augment_defaults();
    struct nn_image src;
    uint8_t rgb[BYTES];
    uint64_t hash = 0;

    a.rotate = 20;
    a.jpeg = 0;
    sample_noise(&src, 131, 97, 1);
    for (uint64_t view = 0; view < 100; view++) {
        apply(&a, view, &src, rgb);
        hash = nn_hash_u64(rgb, BYTES, hash);
    }
    ck_assert_msg(hash == UINT64_C(0xe9b2301154437737), "hash is 0x%016llx",
                  (unsigned long long)hash);
    nn_image_release(&src);
}
END_TEST

START_TEST(flips_are_fair)
{
    struct nn_augment a = nn_augment_none();
    struct nn_image src;
    uint8_t plain[BYTES], mirror[BYTES], got[BYTES];
    int flips = 0;

    a.flip = 0.5f;
    sample_noise(&src, 80, 60, 1);
    squeeze(&src, plain);
    for (int i = 0; i < SIZE * SIZE; i++) {
        memcpy(mirror + i * 3,
               plain + (i / SIZE * SIZE + SIZE - 1 - i % SIZE) * 3, 3);
    }
    for (uint64_t view = 0; view < 1000; view++) {
        apply(&a, view, &src, got);
        int flipped = memcmp(got, mirror, BYTES) == 0;

        ck_assert(flipped || memcmp(got, plain, BYTES) == 0);
        flips += flipped;
    }
    /* five standard deviations of a fair coin: 5 * sqrt(1000 / 4) = 79 */
    ck_assert_int_ge(flips, 421);
    ck_assert_int_le(flips, 579);
    nn_image_release(&src);
}
END_TEST

/* An image whose red is x and green is y: a view then tells its box. */
static void make_map(struct nn_image *img, int32_t w, int32_t h)
{
    ck_assert_int_eq(nn_image_create(img, w, h), NN_OK);
    for (int32_t i = 0; i < w * h; i++) {
        img->rgb[i * 3] = (uint8_t)(i % w);
        img->rgb[i * 3 + 1] = (uint8_t)(i / w);
        img->rgb[i * 3 + 2] = 0;
    }
}

static void read_box(const uint8_t *rgb, double *x, double *y, double *w,
                     double *h)
{
    enum { IN = 4 }; /* from the border, where the filter is one-sided */
    const uint8_t *a = rgb + (IN * SIZE + IN) * 3;
    const uint8_t *b = rgb + ((SIZE - 1 - IN) * SIZE + SIZE - 1 - IN) * 3;
    double share = (SIZE - 1 - 2 * IN) / (double)SIZE;

    *w = (b[0] - a[0]) / share;
    *h = (b[1] - a[1]) / share;
    *x = (a[0] + b[0]) / 2.0 + 0.5;
    *y = (a[1] + b[1]) / 2.0 + 0.5;
}

START_TEST(crops_cover_what_was_asked_for)
{
    enum { VIEWS = 600 };
    struct nn_augment a = nn_augment_none();
    struct nn_image src;
    uint8_t got[BYTES];
    double area_sum = 0, low = 1, high = 0, left = 0, top = 0;
    int tall = 0;

    a.crop_min = 0.2f;
    a.crop_max = 0.6f;
    a.aspect = 1.5f;
    make_map(&src, 240, 200);
    for (uint64_t view = 0; view < VIEWS; view++) {
        double x, y, w, h;

        apply(&a, view, &src, got);
        read_box(got, &x, &y, &w, &h);
        double area = w * h / (240 * 200);

        /* the reading is good to about 2 pixels a side */
        ck_assert_msg(area > 0.18 && area < 0.63, "area %f", area);
        ck_assert_msg(w / h < 1.57 && h / w < 1.57, "%f x %f", w, h);
        ck_assert(x - w / 2 > -3 && x + w / 2 < 243);
        ck_assert(y - h / 2 > -3 && y + h / 2 < 203);
        area_sum += area;
        low = area < low ? area : low;
        high = area > high ? area : high;
        tall += h > w;
        left += x < 120;
        top += y < 100;
    }
    ck_assert_msg(fabs(area_sum / VIEWS - 0.4) < 0.03, "mean area %f",
                  area_sum / VIEWS);
    ck_assert(low < 0.23 && high > 0.56);
    /* five standard deviations: 5 * sqrt(600 / 4) = 61 */
    ck_assert_msg(tall > 239 && tall < 361, "%d tall", tall);
    ck_assert_msg(left > 239 && left < 361, "%f left", left);
    ck_assert_msg(top > 239 && top < 361, "%f top", top);
    nn_image_release(&src);
}
END_TEST

/* No box of 95 % fits a strip at an aspect of 4/3 or less: the largest one
 * that does, in the middle, is taken. */
START_TEST(crops_of_a_strip_fall_back)
{
    struct nn_augment a = nn_augment_none();
    struct nn_image src;
    uint8_t got[BYTES];
    double x, y, w, h;

    a.crop_min = 0.95f;
    a.aspect = 1.25f;
    make_map(&src, 250, 64);
    apply(&a, 3, &src, got);
    read_box(got, &x, &y, &w, &h);
    ck_assert(fabs(x - 125) < 1.5 && fabs(y - 32) < 1.5);
    ck_assert(fabs(w - 80) < 3 && fabs(h - 64) < 3);
    nn_image_release(&src);
}
END_TEST

static double luma_of(const uint8_t *p)
{
    return 0.213 * p[0] + 0.715 * p[1] + 0.072 * p[2];
}

START_TEST(grey_views_have_no_colour)
{
    struct nn_augment a = nn_augment_none();
    struct nn_image src;
    uint8_t got[BYTES], plain[BYTES];

    a.grey = 1;
    sample_noise(&src, 80, 60, 1);
    squeeze(&src, plain);
    apply(&a, 0, &src, got);
    for (size_t i = 0; i < BYTES; i += 3) {
        testkit_assert(got[i] == got[i + 1] && got[i] == got[i + 2] &&
                           fabs(got[i] - luma_of(plain + i)) < 0.62,
                       "byte %zu is %d, %d, %d", i, got[i], got[i + 1],
                       got[i + 2]);
    }
    nn_image_release(&src);
}
END_TEST

/* Sum of squared differences of neighbours: fine detail. */
static double detail(const uint8_t *rgb)
{
    double sum = 0;

    for (int i = 0; i < BYTES - 3; i++) {
        sum += (rgb[i + 3] - rgb[i]) * (rgb[i + 3] - rgb[i]);
    }
    return sum;
}

START_TEST(degradations_take_detail_away)
{
    struct nn_augment a[3];
    struct nn_image src;
    uint8_t plain[BYTES], got[BYTES];

    sample_noise(&src, SIZE, SIZE, 6);
    squeeze(&src, plain);
    for (int k = 0; k < 3; k++) {
        a[k] = nn_augment_none();
    }
    a[0].lowres = 1;
    a[0].lowres_min = 0.25f;
    a[1].blur = 1;
    a[2].jpeg = 1;
    a[2].jpeg_min = 30;
    for (int k = 0; k < 3; k++) {
        double sum = 0;

        for (uint64_t view = 0; view < 40; view++) {
            apply(&a[k], view, &src, got);
            sum += detail(got) / detail(plain) / 40;
            for (int c = 0; c < 3; c++) { /* and keep the mean colour */
                double off = 0;

                for (int i = c; i < BYTES; i += 3) {
                    off += (got[i] - plain[i]) / (double)(SIZE * SIZE);
                }
                ck_assert_msg(fabs(off) < 3, "step %d: mean %f off", k, off);
            }
        }
        ck_assert_msg(sum < 0.9 && sum > 0.02, "step %d: %f of detail", k, sum);
    }
    nn_image_release(&src);
}
END_TEST

START_TEST(erased_boxes_have_one_colour)
{
    struct nn_augment a = nn_augment_none();
    struct nn_image src;
    uint8_t plain[BYTES], got[BYTES];
    double total = 0;

    a.erase = 1;
    sample_noise(&src, 80, 60, 1);
    squeeze(&src, plain);
    for (uint64_t view = 0; view < 300; view++) {
        int x0 = SIZE, x1 = -1, y0 = SIZE, y1 = -1, n = 0;

        apply(&a, view, &src, got);
        for (int i = 0; i < SIZE * SIZE; i++) {
            if (memcmp(got + i * 3, plain + i * 3, 3) != 0) {
                x0 = i % SIZE < x0 ? i % SIZE : x0;
                x1 = i % SIZE > x1 ? i % SIZE : x1;
                y0 = y0 < SIZE ? y0 : i / SIZE;
                y1 = i / SIZE;
                n++;
            }
        }
        int area = (x1 - x0 + 1) * (y1 - y0 + 1);

        ck_assert_int_gt(n, area * 9 / 10); /* some pixels had the colour */
        for (int i = 0; i < SIZE * SIZE; i++) {
            int in = i % SIZE >= x0 && i % SIZE <= x1 && i / SIZE >= y0 &&
                     i / SIZE <= y1;
            const uint8_t *want =
                in ? got + (y0 * SIZE + x0) * 3 : plain + i * 3;

            testkit_assert(memcmp(got + i * 3, want, 3) == 0,
                           "pixel %d differs", i);
        }
        total += area / (double)(SIZE * SIZE);
    }
    /* the area is uniform over 0.02..0.25: mean 0.135 */
    ck_assert_msg(fabs(total / 300 - 0.135) < 0.02, "mean %f", total / 300);
    nn_image_release(&src);
}
END_TEST

/* A pale flat photo: every view is grey; over many views the middle is lit
 * and the corners are not, and neighbours differ by noise alone. */
START_TEST(infrared_views_are_grey_and_lit_from_the_middle)
{
    struct nn_augment a = nn_augment_none();
    struct nn_image src;
    uint8_t got[BYTES];
    double middle = 0, corner = 0, noise = 0;
    int lit = 0;

    sample_noise(&src, SIZE, SIZE, 1);
    memset(src.rgb, 200, BYTES);
    a.infrared = 1;
    for (uint64_t view = 0; view < 300; view++) {
        const int at = (SIZE / 2 * SIZE + SIZE / 2) * 3;

        apply(&a, view, &src, got);
        for (int i = 0; i < BYTES; i += 3) {
            ck_assert(got[i] == got[i + 1] && got[i] == got[i + 2]);
        }
        middle += got[at] / 300.0;
        corner += got[0] / 300.0;
        noise += abs(got[at] - got[at + 3]) / 300.0;
        lit += got[at] > got[0];
    }
    /* 128 + 72 * 0.75 - 10, with a light of nearly one, and 1 / 2.5 */
    ck_assert_msg(fabs(middle - 168) < 8, "%f", middle);
    ck_assert_msg(corner < 0.65 * middle && corner > 0.3 * middle, "%f of %f",
                  corner, middle);
    /* two normals of sd 6 apart: 2 * 6 / sqrt(pi) */
    ck_assert_msg(noise > 4 && noise < 9.5, "%f", noise);
    ck_assert_int_ge(lit, 260);
    nn_image_release(&src);
}
END_TEST

/* Red, green and blue alike: which of them is brighter changes. */
START_TEST(infrared_mixes_the_channels_anew)
{
    struct nn_augment a = nn_augment_none();
    struct nn_image src;
    uint8_t got[BYTES];
    int grey = 0, first = 0, size = 0;

    sample_noise(&src, SIZE, SIZE, 1);
    for (int i = 0; i < BYTES; i += 3) {
        int left = i / 3 % SIZE < SIZE / 2;

        src.rgb[i] = left ? 250 : 10;
        src.rgb[i + 1] = left ? 10 : 250;
        src.rgb[i + 2] = 100;
    }
    a.infrared = 0.3f;
    for (uint64_t view = 0; view < 1000; view++) {
        const uint8_t *row = got + SIZE / 2 * SIZE * 3;

        apply(&a, view, &src, got);
        if (row[0] == row[1] && row[0] == row[2]) {
            grey++;
            int step = row[(SIZE / 2 - 1) * 3] - row[SIZE / 2 * 3];

            first += step > 0;
            size += abs(step);
        }
    }
    ck_assert_int_ge(grey, 250);
    ck_assert_int_le(grey, 350);
    ck_assert_int_ge(size, 18 * grey); /* noise alone: about 7 */
    ck_assert_int_ge(first, grey / 3);
    ck_assert_int_le(first, grey * 2 / 3);
    nn_image_release(&src);
}
END_TEST

START_TEST(nonsense_is_refused)
{
    struct nn_augment bad[13];
    struct nn_rng rng = nn_rng_make(1, 1);
    struct nn_image src, none = NN_IMAGE_INIT;
    uint8_t rgb[BYTES];
    struct nn_augment good = nn_augment_defaults();

    for (size_t i = 0; i < 13; i++) {
        bad[i] = nn_augment_defaults();
    }
    bad[0].crop_min = 0;
    bad[1].crop_min = NAN;
    bad[2].crop_max = 1.5f;
    bad[3].crop_max = 0.1f;
    bad[4].aspect = 0.5f;
    bad[5].flip = 1.1f;
    bad[6].rotate = -1;
    bad[7].brightness = 2;
    bad[8].hue = 0.6f;
    bad[9].lowres_min = 0;
    bad[10].jpeg_min = 0;
    bad[11].erase = -0.1f;
    bad[12].infrared = 1.5f;
    sample_noise(&src, 20, 20, 1);
    for (size_t i = 0; i < 13; i++) {
        ck_assert_int_eq(nn_augment_apply(&bad[i], &rng, &src, SIZE, rgb),
                         NN_ERR_ARG);
    }
    ck_assert_int_eq(nn_augment_apply(&good, &rng, &src, 0, rgb), NN_ERR_ARG);
    ck_assert_int_eq(nn_augment_apply(&good, &rng, &none, SIZE, rgb),
                     NN_ERR_ARG);
    nn_image_release(&src);
}
END_TEST

/* Sources and views down to one pixel, every step switched on. */
START_TEST(tiny_images_work)
{
    static const int32_t sides[] = { 1, 2, 3, 7 };
    struct nn_augment a = nn_augment_defaults();

    a.rotate = 180;
    a.infrared = a.lowres = a.jpeg = a.blur = a.erase = 1;
    for (size_t i = 0; i < 64; i++) {
        struct nn_image src;
        int32_t size = sides[i / 16];
        struct nn_rng rng = nn_rng_make(5, i);
        uint8_t *rgb = nn_mem_calloc((size_t)size * (size_t)size, 3);

        sample_noise(&src, sides[i % 4], sides[i / 4 % 4], 1);
        ck_assert_int_eq(nn_augment_apply(&a, &rng, &src, size, rgb), NN_OK);
        nn_image_release(&src);
        nn_mem_free(rgb);
    }
}
END_TEST

static int augment_job(void *ctx)
{
    struct nn_augment a = nn_augment_defaults();
    struct nn_rng rng = nn_rng_make(5, 5);
    uint8_t rgb[BYTES];

    a.rotate = 10;
    a.infrared = a.lowres = a.jpeg = a.blur = a.erase = 1;
    return nn_augment_apply(&a, &rng, ctx, SIZE, rgb);
}

START_TEST(augmentation_survives_failed_allocations)
{
    struct nn_image src;

    sample_noise(&src, 31, 19, 5);
    testkit_each_alloc_failure(augment_job, &src);
    nn_image_release(&src);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("augment");
    TCase *tc = tcase_create("augment");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, none_is_the_whole_image);
    tcase_add_test(tc, defaults_are_as_documented);
    tcase_add_test(tc, without_all_steps_the_whole_image);
    tcase_add_test(tc, same_draws_same_bytes);
    tcase_add_test(tc, same_bytes_on_every_machine);
    tcase_add_test(tc, flips_are_fair);
    tcase_add_test(tc, crops_cover_what_was_asked_for);
    tcase_add_test(tc, crops_of_a_strip_fall_back);
    tcase_add_test(tc, grey_views_have_no_colour);
    tcase_add_test(tc, degradations_take_detail_away);
    tcase_add_test(tc, erased_boxes_have_one_colour);
    tcase_add_test(tc, infrared_views_are_grey_and_lit_from_the_middle);
    tcase_add_test(tc, infrared_mixes_the_channels_anew);
    tcase_add_test(tc, nonsense_is_refused);
    tcase_add_test(tc, tiny_images_work);
    tcase_add_test(tc, augmentation_survives_failed_allocations);
    suite_add_tcase(s, tc);
    return s;
}

TESTKIT_MAIN(create)
