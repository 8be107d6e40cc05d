/* Which EXIF thumbnails count as the photo's own. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/image/resize.h"
#include "common/image/thumbnail.h"
#include "tests/unit/image/sample.h"
#include "tests/unit/testkit.h"

/* A photo and its thumbnail, and what is done to them. */
struct made {
    int32_t w, h;   /* of the photo */
    int32_t tw, th; /* of the thumbnail */
    int32_t pw, ph; /* of the photo in it, in the middle; 0: all of it */
    uint8_t bars;   /* their grey */
    uint8_t last;   /* of that at the right or below; 0: the same */
    enum sample_jpeg_kind kind;
    struct sample_shot shot;
    const char *segment; /* a text in a segment of its own */
};

static const struct made usual = {
    .w = 640,
    .h = 480,
    .tw = 160,
    .th = 120,
    .shot = { .orientation = 1,
              .w = 640,
              .h = 480,
              .taken = "2024:05:31 06:12:09",
              .changed = "2024:05:31 06:12:11" },
};

static struct nn_box all_of(const struct nn_image *img)
{
    return (struct nn_box){ 0, 0, (float)img->w, (float)img->h };
}

/* `from` at the middle of a grey image. */
static void draw_thumbnail(const struct made *m, const struct nn_image *from,
                           struct nn_image *to)
{
    int32_t w = m->pw > 0 ? m->pw : m->tw, h = m->ph > 0 ? m->ph : m->th;
    struct nn_image small;

    ck_assert_int_eq(nn_image_create(&small, w, h), NN_OK);
    ck_assert_int_eq(
        nn_image_resize(from, all_of(from), NN_FILTER_AREA, &small), NN_OK);
    ck_assert_int_eq(nn_image_create(to, m->tw, m->th), NN_OK);
    memset(to->rgb, m->bars, 3 * (size_t)m->tw * (size_t)m->th);
    if (m->last > 0) {
        size_t half = 3 * (size_t)m->tw * (size_t)(m->th / 2);

        memset(to->rgb + half, m->last, half);
    }
    for (int32_t y = 0; y < h; y++) {
        size_t row = (size_t)(y + (m->th - h) / 2) * (size_t)m->tw;

        memcpy(to->rgb + 3 * (row + (size_t)((m->tw - w) / 2)),
               small.rgb + 3 * (size_t)y * (size_t)w, 3 * (size_t)w);
    }
    nn_image_release(&small);
}

static void write_file(const struct made *m, const struct nn_image *photo,
                       const struct nn_image *shown, struct sample *s)
{
    struct nn_image small;
    struct sample thumb = { 0 }, segment = { 0 };

    draw_thumbnail(m, shown, &small);
    sample_jpeg(&thumb, &small, SAMPLE_JPEG_420, 85);
    sample_jpeg(s, photo, m->kind, 90);
    if (m->segment != NULL) {
        sample_add_be16(&segment, 0xFFED);
        sample_add_be16(&segment, (unsigned)strlen(m->segment) + 3);
        sample_add(&segment, m->segment, strlen(m->segment) + 1);
        sample_insert(s, 2, segment.bytes, segment.size);
        sample_release(&segment);
    }
    sample_jpeg_thumbnail(s, &m->shot, &thumb);
    sample_release(&thumb);
    nn_image_release(&small);
}

static void make(const struct made *m, struct sample *s)
{
    struct nn_image photo;

    sample_image(&photo, m->w, m->h);
    write_file(m, &photo, &photo, s);
    nn_image_release(&photo);
}

/* From the whole file, and from its two ends. */
static int counts_in(const struct sample *s, int32_t least,
                     struct nn_image *img)
{
    struct nn_image parts;
    struct nn_image_info info;
    size_t head = s->size - s->size / 8, tail = s->size - head;
    int counts;

    ck_assert_int_eq(
        nn_image_thumbnail(s->bytes, s->size, NULL, 0, least, img, &info),
        NN_OK);
    ck_assert_int_eq(nn_image_thumbnail(s->bytes, head, s->bytes + head, tail,
                                        least, &parts, &info),
                     NN_OK);
    counts = img->rgb != NULL;
    ck_assert_int_eq(counts, parts.rgb != NULL);
    ck_assert_str_eq(info.note, "");
    nn_image_release(&parts);
    return counts;
}

static int counts(const struct made *m)
{
    struct sample s = { 0 };
    struct nn_image img;
    int yes;

    make(m, &s);
    yes = counts_in(&s, 60, &img);
    nn_image_release(&img);
    sample_release(&s);
    return yes;
}

/* Mean difference from the photo itself, turned and at the same size. */
static double differs(const struct made *m, const struct nn_image *img)
{
    struct made straight = *m;
    struct nn_image_options opt = nn_image_defaults();
    struct nn_image photo, small;
    struct sample s = { 0 };
    double sum = 0;
    size_t n = 3 * (size_t)img->w * (size_t)img->h;

    make(&straight, &s);
    ck_assert_int_eq(nn_image_decode(s.bytes, s.size, &opt, &photo, NULL, NULL),
                     NN_OK);
    ck_assert_int_eq(nn_image_create(&small, img->w, img->h), NN_OK);
    ck_assert_int_eq(
        nn_image_resize(&photo, all_of(&photo), NN_FILTER_AREA, &small), NN_OK);
    for (size_t i = 0; i < n; i++) {
        sum += abs(small.rgb[i] - img->rgb[i]);
    }
    nn_image_release(&photo);
    nn_image_release(&small);
    sample_release(&s);
    return sum / (double)n;
}

static void expect(const struct made *m, int32_t w, int32_t h)
{
    struct sample s = { 0 };
    struct nn_image img;

    make(m, &s);
    ck_assert_int_eq(counts_in(&s, 60, &img), 1);
    ck_assert_int_eq(img.w, w);
    ck_assert_int_eq(img.h, h);
    ck_assert_double_le(differs(m, &img), 4);
    nn_image_release(&img);
    sample_release(&s);
}

START_TEST(own_ones)
{
    struct made m = usual;

    expect(&m, 160, 120);
    m.shot.orientation = 6; /* is turned with the photo */
    expect(&m, 120, 160);
    m.shot.turn = 6;
    expect(&m, 120, 160);
    m = usual;
    m.shot = (struct sample_shot){ .orientation = 1 }; /* nothing is said */
    expect(&m, 160, 120);
    m = usual;
    m.th = 119; /* rounded another way */
    expect(&m, 160, 119);
    /* 16:9 and upright in 4:3 with black bars, which are cut off */
    m = (struct made){ .w = 960, .h = 540, .tw = 160, .th = 120, .ph = 90 };
    expect(&m, 160, 90);
    m.bars = 5;
    expect(&m, 160, 90);
    m = (struct made){ .w = 480, .h = 640, .tw = 160, .th = 120, .pw = 90 };
    expect(&m, 90, 120);
}
END_TEST

START_TEST(info_is_the_photos)
{
    struct made m = usual;
    struct nn_image_info info;
    struct nn_image img;
    struct sample s = { 0 };

    m.shot.orientation = 8;
    make(&m, &s);
    ck_assert_int_eq(
        nn_image_thumbnail(s.bytes, s.size, NULL, 0, 60, &img, &info), NN_OK);
    ck_assert_int_eq(info.w, 640);
    ck_assert_int_eq(info.h, 480);
    ck_assert_int_eq(info.orientation, 8);
    ck_assert_str_eq(info.shot.time, "2024-05-31T06:12:09");
    nn_image_release(&img);
    sample_release(&s);
}
END_TEST

START_TEST(edited)
{
    struct made m = usual;

    ck_assert_int_eq(counts(&m), 1);
    m.shot.changed = "2024:05:31 06:13:10";
    ck_assert_int_eq(counts(&m), 0);
    m.shot.changed = "2024:05:31 06:13:09";
    ck_assert_int_eq(counts(&m), 1);
    m.shot.changed = "2024:05:31 06:11:08";
    ck_assert_int_eq(counts(&m), 0);
    m.shot.changed = "now";
    ck_assert_int_eq(counts(&m), 1);
    m = usual;
    m.shot.w = 642;
    ck_assert_int_eq(counts(&m), 0);
    m = usual;
    m.shot.h = 640;
    ck_assert_int_eq(counts(&m), 0);
    m = usual;
    m.shot.turn = 3;
    ck_assert_int_eq(counts(&m), 0);
    m = usual;
    m.shot.software = "digiKam";
    ck_assert_int_eq(counts(&m), 0);
    m = usual;
    m.segment = "Photoshop 3.0";
    ck_assert_int_eq(counts(&m), 0);
    m.segment = "<xmpMM:History>";
    ck_assert_int_eq(counts(&m), 0);
    m.segment = "Holidays 3.0";
    ck_assert_int_eq(counts(&m), 1);
}
END_TEST

START_TEST(other_sides)
{
    struct made m = usual;

    m.th = 107; /* of a 3:2 photo */
    ck_assert_int_eq(counts(&m), 0);
    m.th = 128;
    ck_assert_int_eq(counts(&m), 0);
    /* cropped to 16:9 behind the thumbnail's back: no bars */
    m = (struct made){ .w = 960, .h = 540, .tw = 160, .th = 120 };
    ck_assert_int_eq(counts(&m), 0);
    m.ph = 90;
    m.bars = 40;
    ck_assert_int_eq(counts(&m), 0);
    m.bars = 0;
    ck_assert_int_eq(counts(&m), 1);
    m.last = 40;
    ck_assert_int_eq(counts(&m), 0);
    /* too small to be of use, and a photo not much larger */
    m = usual;
    m.tw = 76, m.th = 57;
    ck_assert_int_eq(counts(&m), 0);
    m = usual;
    m.w = 636, m.h = 477, m.shot.w = 0, m.shot.h = 0;
    ck_assert_int_eq(counts(&m), 0);
    m = usual;
    m.kind = SAMPLE_JPEG_PROGRESSIVE;
    ck_assert_int_eq(counts(&m), 0);
    m.kind = SAMPLE_JPEG_444;
    ck_assert_int_eq(counts(&m), 1);
}
END_TEST

static void turn_over(struct nn_image *img)
{
    size_t n = (size_t)img->w * (size_t)img->h;

    for (size_t i = 0; i < n / 2; i++) {
        for (size_t c = 0; c < 3; c++) {
            uint8_t *a = img->rgb + 3 * i + c;
            uint8_t *b = img->rgb + 3 * (n - 1 - i) + c, kept = *a;

            *a = *b;
            *b = kept;
        }
    }
}

/* Same sides, but not what the photo shows. */
START_TEST(other_content)
{
    struct nn_image photo, shown, img;
    struct sample s = { 0 };

    sample_image(&photo, 640, 480);
    sample_image(&shown, 640, 480);
    turn_over(&shown);
    write_file(&usual, &photo, &shown, &s);
    ck_assert_int_eq(counts_in(&s, 60, &img), 0);
    sample_release(&s);
    nn_image_release(&shown);
    /* the middle of it: zoomed in after the thumbnail was made */
    ck_assert_int_eq(nn_image_create(&shown, 640, 480), NN_OK);
    ck_assert_int_eq(nn_image_resize(&photo,
                                     (struct nn_box){ 160, 120, 320, 240 },
                                     NN_FILTER_BILINEAR, &shown),
                     NN_OK);
    write_file(&usual, &shown, &photo, &s);
    ck_assert_int_eq(counts_in(&s, 60, &img), 0);
    sample_release(&s);
    /* lighter by 20 levels, which no tile's mean hides */
    nn_image_release(&shown);
    sample_image(&shown, 640, 480);
    for (size_t i = 0; i < (size_t)3 * 640 * 480; i++) {
        photo.rgb[i] = (uint8_t)(40 + photo.rgb[i] / 2);
        shown.rgb[i] = (uint8_t)(60 + shown.rgb[i] / 2);
    }
    write_file(&usual, &photo, &shown, &s);
    ck_assert_int_eq(counts_in(&s, 60, &img), 0);
    sample_release(&s);
    write_file(&usual, &photo, &photo, &s);
    ck_assert_int_eq(counts_in(&s, 60, &img), 1);
    nn_image_release(&img);
    sample_release(&s);
    /* black and white now */
    for (size_t i = 0; i < (size_t)640 * 480; i++) {
        uint8_t *p = photo.rgb + 3 * i;

        p[0] = p[1] = p[2] = (uint8_t)((p[0] + p[1] + p[2]) / 3);
    }
    nn_image_release(&shown);
    sample_image(&shown, 640, 480);
    write_file(&usual, &photo, &shown, &s);
    ck_assert_int_eq(counts_in(&s, 60, &img), 0);
    sample_release(&s);
    nn_image_release(&photo);
    nn_image_release(&shown);
}
END_TEST

/* Without its end the photo must be looked at, whatever the thumbnail says; a
 * head that is too short for the comparison is not enough either. */
START_TEST(cut_short)
{
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_image img;

    make(&usual, &s);
    for (size_t n = 0; n < s.size; n += n < 600 ? 1 : 37) {
        uint8_t *cut = malloc(n + (n == 0));

        ck_assert_ptr_nonnull(cut);
        memcpy(cut, s.bytes, n);
        ck_assert_int_eq(nn_image_thumbnail(cut, n, NULL, 0, 60, &img, &info),
                         NN_OK);
        testkit_assert(img.rgb == NULL, "cut at %zu", n);
        free(cut);
    }
    for (size_t i = 0; i < s.size - 2; i += i < 400 ? 1 : 41) {
        s.bytes[i] ^= 0x55;
        ck_assert_int_eq(
            nn_image_thumbnail(s.bytes, s.size, NULL, 0, 60, &img, &info),
            NN_OK);
        nn_image_release(&img);
        s.bytes[i] ^= 0x55;
    }
    sample_add(&s, "\0\0\0\xff\xff", 5); /* padding is fine */
    ck_assert_int_eq(counts_in(&s, 60, &img), 1);
    nn_image_release(&img);
    sample_add(&s, "movie", 5);
    ck_assert_int_eq(counts_in(&s, 60, &img), 0);
    sample_release(&s);
    ck_assert_int_eq(nn_image_thumbnail((const uint8_t *)"GIF89a", 6, NULL, 0,
                                        60, &img, &info),
                     NN_OK);
    ck_assert_ptr_null(img.rgb);
}
END_TEST

/* A large photo of which the head holds some rows. */
START_TEST(a_part_is_enough)
{
    struct made m = { .w = 2048, .h = 1536, .tw = 160, .th = 120 };
    struct sample s = { 0 };
    struct nn_image_info info;
    struct nn_image img, photo;

    sample_noise(&photo, m.w, m.h, 7);
    write_file(&m, &photo, &photo, &s);
    nn_image_release(&photo);
    ck_assert_uint_gt(s.size, 8 * 65536);
    ck_assert_int_eq(nn_image_thumbnail(s.bytes, 65536, s.bytes + s.size - 64,
                                        64, 60, &img, &info),
                     NN_OK);
    ck_assert_ptr_nonnull(img.rgb);
    nn_image_release(&img);
    ck_assert_int_eq(nn_image_thumbnail(s.bytes, 16384, s.bytes + s.size - 64,
                                        64, 60, &img, &info),
                     NN_OK);
    ck_assert_ptr_null(img.rgb); /* less than two rows of the thumbnail */
    sample_release(&s);
}
END_TEST

static int take_all(void *ctx)
{
    const struct sample *s = ctx;
    struct nn_image_info info;
    struct nn_image img;
    enum nn_status st =
        nn_image_thumbnail(s->bytes, s->size, NULL, 0, 60, &img, &info);

    ck_assert_int_eq(st == NN_OK, img.rgb != NULL);
    nn_image_release(&img);
    return (int)st;
}

START_TEST(no_memory)
{
    struct made m = { .w = 960, .h = 540, .tw = 160, .th = 120, .ph = 90 };
    struct sample s = { 0 };

    m.shot.orientation = 6;
    make(&m, &s);
    testkit_each_alloc_failure(take_all, &s);
    sample_release(&s);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("thumbnail");
    TCase *c = tcase_create("thumbnail");

    tcase_set_timeout(c, 60);
    tcase_add_test(c, own_ones);
    tcase_add_test(c, info_is_the_photos);
    tcase_add_test(c, edited);
    tcase_add_test(c, other_sides);
    tcase_add_test(c, other_content);
    tcase_add_test(c, cut_short);
    tcase_add_test(c, a_part_is_enough);
    tcase_add_test(c, no_memory);
    suite_add_tcase(s, c);
    return s;
}

TESTKIT_MAIN(create)
