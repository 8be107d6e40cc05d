/* What a camera wrote: blocks of EXIF made by hand, whole and damaged. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/image/burst.h"
#include "tests/unit/testkit.h"

/* --- a writer, little- or big-endian --- */

enum { ASCII = 2, SHORT = 3, LONG = 4, RATIONAL = 5 };

struct block {
    uint8_t b[2048];
    size_t n;   /* behind what is there */
    int big;    /* endian */
    size_t ifd; /* offset of the count of the present directory */
};

static void put16(struct block *x, size_t at, unsigned v)
{
    x->b[at + (x->big ? 0 : 1)] = (uint8_t)(v >> 8);
    x->b[at + (x->big ? 1 : 0)] = (uint8_t)v;
}

static void put32(struct block *x, size_t at, uint32_t v)
{
    put16(x, at + (x->big ? 0 : 2), v >> 16);
    put16(x, at + (x->big ? 2 : 0), v & 0xffff);
}

/* A directory with room for `entries`, and its offset. */
static size_t begin_ifd(struct block *x, unsigned entries)
{
    size_t at = x->n;

    x->ifd = at;
    x->n += 2 + 12 * (size_t)entries + 4;
    return at;
}

static void add(struct block *x, unsigned tag, unsigned type, uint32_t count,
                size_t bytes, size_t *value)
{
    unsigned i = x->big ? (unsigned)(x->b[x->ifd] << 8 | x->b[x->ifd + 1])
                        : (unsigned)(x->b[x->ifd + 1] << 8 | x->b[x->ifd]);
    size_t at = x->ifd + 2 + 12 * (size_t)i;

    put16(x, x->ifd, i + 1);
    put16(x, at, tag);
    put16(x, at + 2, type);
    put32(x, at + 4, count);
    *value = at + 8;
    if (bytes > 4) {
        put32(x, at + 8, (uint32_t)x->n);
        *value = x->n;
        x->n += bytes + (bytes & 1);
    }
}

static void add_text(struct block *x, unsigned tag, const char *text)
{
    size_t n = strlen(text) + 1, at;

    add(x, tag, ASCII, (uint32_t)n, n, &at);
    memcpy(x->b + at, text, n);
}

static void add_number(struct block *x, unsigned tag, unsigned type, uint32_t v)
{
    size_t at;

    add(x, tag, type, 1, 4, &at);
    if (type == SHORT) {
        put16(x, at, v);
    } else {
        put32(x, at, v);
    }
}

static void add_angle(struct block *x, unsigned tag, uint32_t d, uint32_t m,
                      uint32_t s, uint32_t per)
{
    const uint32_t v[] = { d, 1, m, 1, s, per };
    size_t at;

    add(x, tag, RATIONAL, 3, 24, &at);
    for (size_t i = 0; i < 6; i++) {
        put32(x, at + 4 * i, v[i]);
    }
}

static void begin(struct block *x, int big)
{
    *x = (struct block){ .big = big, .n = 8 };
    memcpy(x->b, big ? "MM" : "II", 2);
    put16(x, 2, 42);
    put32(x, 4, 8);
}

/* All that is read. */
static void write_whole(struct block *x, int big)
{
    size_t first, exif, gps;

    begin(x, big);
    first = begin_ifd(x, 6);
    add_text(x, 0x010f, "  RECONYX ");
    add_text(x, 0x0110, "HC600 \xff HYPERFIRE");
    add_number(x, 0x0112, SHORT, 6);
    add_text(x, 0x0132, "2025:01:01 00:00:00"); /* when it was edited */
    exif = x->n;
    add_number(x, 0x8769, LONG, (uint32_t)exif);
    begin_ifd(x, 4);
    add_text(x, 0x9003, "2024:05:31 06:12:09");
    add_text(x, 0x9011, "+02:00");
    add_text(x, 0x9291, "2500");
    add_text(x, 0xa431, "H600HF10171922");
    x->ifd = first;
    gps = x->n;
    add_number(x, 0x8825, LONG, (uint32_t)gps);
    begin_ifd(x, 4);
    add_text(x, 1, "S");
    add_angle(x, 2, 12, 30, 1800, 100);
    add_text(x, 3, "E");
    add_angle(x, 4, 71, 15, 0, 1);
}

static void check_whole(const struct nn_shot *s)
{
    ck_assert_str_eq(s->time, "2024-05-31T06:12:09.250+02:00");
    ck_assert_str_eq(s->make, "RECONYX");
    ck_assert_str_eq(s->model, "HC600 %FF HYPERFIRE");
    ck_assert_str_eq(s->serial, "H600HF10171922");
    ck_assert_int_eq(s->has_place, 1);
    ck_assert_double_eq_tol(s->latitude, -12.505, 1e-9);
    ck_assert_double_eq_tol(s->longitude, 71.25, 1e-9);
}

START_TEST(whole)
{
    for (int big = 0; big < 2; big++) {
        struct nn_shot s = { .time = "" };
        struct block x;
        uint8_t behind[sizeof x.b + 6];
        int orientation = -1;

        write_whole(&x, big);
        ck_assert_int_eq(nn_shot_is_empty(&s), 1);
        ck_assert_int_eq(nn_shot_read(x.b, x.n, &s, &orientation), NN_OK);
        ck_assert_int_eq(orientation, 6);
        check_whole(&s);
        ck_assert_int_eq(nn_shot_is_empty(&s), 0);
        /* As a JPEG has it; what is known stays. */
        memcpy(behind, "Exif\0", 6);
        memcpy(behind + 6, x.b, x.n);
        memcpy(s.make, "Z", 2);
        ck_assert_int_eq(nn_shot_read(behind, x.n + 6, &s, &orientation),
                         NN_OK);
        ck_assert_str_eq(s.make, "Z");
        s = (struct nn_shot){ .time = "" };
        ck_assert_int_eq(nn_shot_read(behind, x.n + 6, &s, &orientation),
                         NN_OK);
        check_whole(&s);
    }
}
END_TEST

/* Cut anywhere and with any byte changed: read or not, but never invented. */
START_TEST(damaged)
{
    struct block x;
    int orientation;

    write_whole(&x, 0);
    for (size_t n = 0; n < x.n; n++) {
        struct nn_shot s = { .time = "" };
        uint8_t *cut = malloc(n + (n == 0));

        ck_assert_ptr_nonnull(cut);
        memcpy(cut, x.b, n);
        ck_assert_int_eq(nn_shot_read(cut, n, &s, &orientation), NN_OK);
        testkit_assert(s.time[0] == '\0' ||
                           strncmp(s.time, "2024-05-31T", 11) == 0 ||
                           strncmp(s.time, "2025-01-01T", 11) == 0,
                       "cut at %zu: '%s'", n, s.time);
        free(cut);
    }
    for (size_t i = 0; i < x.n; i++) {
        struct nn_shot s = { .time = "" };
        double seconds;

        x.b[i] ^= 0xff;
        ck_assert_int_eq(nn_shot_read(x.b, x.n, &s, &orientation), NN_OK);
        testkit_assert(s.time[0] == '\0' || nn_shot_clock(s.time, &seconds),
                       "byte %zu: '%s'", i, s.time);
        testkit_assert(!s.has_place ||
                           (fabs(s.latitude) <= 90 && fabs(s.longitude) <= 180),
                       "byte %zu: %g %g", i, s.latitude, s.longitude);
        x.b[i] ^= 0xff;
    }
}
END_TEST

static void with_time(const char *tag_9003, const char *tag_9004,
                      const char *tag_0132, const char *want)
{
    struct nn_shot s = { .time = "" };
    struct block x;
    size_t exif;
    int orientation;

    begin(&x, 0);
    begin_ifd(&x, 2);
    if (tag_0132 != NULL) {
        add_text(&x, 0x0132, tag_0132);
    }
    exif = x.n;
    add_number(&x, 0x8769, LONG, (uint32_t)exif);
    begin_ifd(&x, 2);
    if (tag_9003 != NULL) {
        add_text(&x, 0x9003, tag_9003);
    }
    if (tag_9004 != NULL) {
        add_text(&x, 0x9004, tag_9004);
    }
    ck_assert_int_eq(nn_shot_read(x.b, x.n, &s, &orientation), NN_OK);
    ck_assert_str_eq(s.time, want);
}

START_TEST(which_time)
{
    static const char *const none[] = {
        "0000:00:00 00:00:00", "    :  :     :  :  ", "2024:13:01 00:00:00",
        "2024:02:30 00:00:00", "2024:01:01 24:00:00", "2024:01:01",
        "2024:01:01 0:00:00",  "yesterday at noon  ",
    };

    with_time("2024:05:31 06:12:09", "2024:06:01 00:00:00",
              "2025:01:01 00:00:00", "2024-05-31T06:12:09");
    with_time(NULL, "2024:06:01 00:00:00", "2025:01:01 00:00:00",
              "2024-06-01T00:00:00");
    with_time("0000:00:00 00:00:00", NULL, "2025:01:01 00:00:00",
              "2025-01-01T00:00:00");
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        with_time(none[i], NULL, NULL, "");
    }
}
END_TEST

START_TEST(clock_of_text)
{
    double s = -1, t = -1;

    ck_assert_int_eq(nn_shot_clock("1970-01-01T00:00:00", &s), 1);
    ck_assert(s == 0);
    ck_assert_int_eq(nn_shot_clock("2024:02:29 23:59:59", &s), 1);
    ck_assert_int_eq(nn_shot_clock("2024-03-01T00:00:00.5+02:00", &t), 1);
    ck_assert_double_eq_tol(t - s, 1.5, 1e-9);
    ck_assert(t == 1709251200.5); /* date -u -d 2024-03-01 +%s */
    ck_assert_int_eq(nn_shot_clock(NULL, &s), 0);
    ck_assert_int_eq(nn_shot_clock("2024-02-29T23:59", &s), 0);
    ck_assert_int_eq(nn_shot_clock("2023-02-30T00:00:00", &s), 0);
}
END_TEST

static int read_once(void *ctx)
{
    struct nn_shot s = { .time = "" };
    struct block *x = ctx;
    int orientation;

    return nn_shot_read(x->b, x->n, &s, &orientation);
}

START_TEST(allocation_failures)
{
    struct block x;

    write_whole(&x, 0);
    testkit_each_alloc_failure(read_once, &x);
}
END_TEST

/* --- bursts --- */

static int together(enum nn_burst_by by, const char *a, const char *b)
{
    return nn_burst_key(by, a, NULL) == nn_burst_key(by, b, NULL);
}

START_TEST(burst_keys)
{
    struct nn_shot one = { .make = "A", .model = "B", .serial = "1" };
    struct nn_shot two = { .make = "A", .model = "B", .serial = "2" };
    struct nn_shot shifted = { .make = "AB", .model = "", .serial = "1" };
    const enum nn_burst_by time = NN_BURST_BY_TIME, name = NN_BURST_BY_NAME;

    ck_assert(together(NN_BURST_BY_FOLDER, "x/a.jpg", "x/b.jpg"));
    ck_assert(!together(NN_BURST_BY_FOLDER, "x/a.jpg", "x/y/a.jpg"));
    ck_assert(!together(NN_BURST_BY_FOLDER, "x/a.zip:a.jpg", "x/b.zip:a.jpg"));
    ck_assert(together(NN_BURST_BY_FOLDER, "x/a:1.jpg", "x/b:2.jpg"));
    ck_assert(nn_burst_key(time, "x/a", &one) ==
              nn_burst_key(time, "x/b", &one));
    ck_assert(nn_burst_key(time, "x/a", &one) !=
              nn_burst_key(time, "x/a", &two));
    ck_assert(nn_burst_key(time, "x/a", &one) !=
              nn_burst_key(time, "y/a", &one));
    ck_assert(nn_burst_key(time, "x/a", &one) !=
              nn_burst_key(time, "x/a", &shifted));
    ck_assert(together(name, "x/E7_1.JPG", "x/E7_12.JPG"));
    ck_assert(!together(name, "x/E7_1.JPG", "x/E8_1.JPG"));
    ck_assert(!together(name, "x/E7_1.JPG", "y/E7_1.JPG"));
    ck_assert(together(name, "IMG_0007.JPG", "IMG_0007 (2).JPG"));
    ck_assert(!together(name, "IMG_0007.JPG", "IMG_0008.JPG"));
    ck_assert(!together(name, "IMG_1.JPG", "IMG_2.JPG"));
    ck_assert(!together(name, "P1000001.JPG", "P1000002.JPG"));
    ck_assert(nn_burst_near(10, 20, -20, 30));
    ck_assert(nn_burst_near(10, 20, 50, 30));
    ck_assert(!nn_burst_near(10, 20, 50.5, 30));
    ck_assert(!nn_burst_near(10, 20, -20.5, 30));
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("shot");
    TCase *t = tcase_create("shot");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, whole);
    tcase_add_test(t, damaged);
    tcase_add_test(t, which_time);
    tcase_add_test(t, clock_of_text);
    tcase_add_test(t, allocation_failures);
    tcase_add_test(t, burst_keys);
    suite_add_tcase(s, t);
    return s;
}

TESTKIT_MAIN(create)
