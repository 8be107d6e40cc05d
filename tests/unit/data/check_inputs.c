/* From an image to a net's input: the rule, two nets on one read, reasons, and
 * what a data set keeps. */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/data/inputs.h"
#include "common/data/loader.h"
#include "common/data/dataset_internal.h"
#include "tests/unit/data/album.h"
#include "tests/unit/data/counted.h"
#include "tests/unit/testkit.h"

enum { LARGE = 40, SMALL = 32 };

static const uint32_t all[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };

static struct nn_input rule(int32_t size)
{
    return (struct nn_input){ .size = size,
                              .side = size,
                              .mean = { 120, 110, 100 },
                              .stddev = { 60, 50, 64 } };
}

/* The rule step by step, from the functions of common/image alone. */
static void by_hand(size_t i, const struct nn_input *in, float *out)
{
    struct nn_image_options o = nn_image_defaults();
    struct nn_image img = NN_IMAGE_INIT, small = NN_IMAGE_INIT;
    size_t size, n = (size_t)in->size * (size_t)in->size * 3;
    uint8_t *bytes = counted_bytes(i, &size), *rgb = nn_mem_calloc(n, 1);
    int32_t min;

    o.min_side = in->side;
    ck_assert_int_eq(nn_image_decode(bytes, size, &o, &img, NULL, NULL), NN_OK);
    min = img.w < img.h ? img.w : img.h;
    if (min > in->side) {
        const struct nn_box box = { 0, 0, (float)img.w, (float)img.h };
        double by = (double)in->side / min;

        ck_assert_int_eq(nn_image_create(&small, (int32_t)(img.w * by + 0.5),
                                         (int32_t)(img.h * by + 0.5)),
                         NN_OK);
        ck_assert_int_eq(nn_image_resize(&img, box, NN_FILTER_AREA, &small),
                         NN_OK);
    }
    ck_assert_int_eq(
        nn_image_fit(min > in->side ? &small : &img, in->size, rgb), NN_OK);
    for (size_t k = 0; k < n; k++) {
        out[k] = ((float)rgb[k] - in->mean[k % 3]) * (1 / in->stddev[k % 3]);
    }
    nn_image_release(&img);
    nn_image_release(&small);
    nn_mem_free(rgb);
    nn_mem_free(bytes);
}

/* The way of the library and the way of the loader against the steps by hand,
 * bit for bit. */
START_TEST(one_rule)
{
    const struct nn_input in = rule(LARGE);
    struct nn_loader_options o = nn_loader_once(&in, COUNTED, 4);
    struct nn_dataset *ds = counted_open();
    struct nn_loader *l;
    struct nn_batch b;
    size_t n = LARGE * LARGE * 3, seen = 0;
    float *want = nn_mem_calloc(n, sizeof *want);
    float *got = nn_mem_calloc(n, sizeof *got);

    ck_assert_int_eq(nn_loader_create(ds, &o, &l, NULL), NN_OK);
    ck_assert_int_eq(nn_loader_start(l, all, COUNTED, 0, 0, NULL), NN_OK);
    do {
        ck_assert_int_eq(nn_loader_next(l, &b, NULL), NN_OK);
        for (int32_t i = 0; i < b.n; i++, seen++) {
            struct nn_image img = NN_IMAGE_INIT;
            size_t size;
            uint8_t *bytes = counted_bytes(b.index[i], &size);

            ck_assert_uint_eq(b.row[i], b.index[i]);
            by_hand(b.index[i], &in, want);
            ck_assert_mem_eq(b.input + (size_t)i * n, want, n * sizeof *want);
            ck_assert_int_eq(
                nn_decode_for(bytes, size, in.side, &img, NULL, NULL), NN_OK);
            ck_assert_int_eq(nn_prepare(&in, &img, got, NULL), NN_OK);
            ck_assert_mem_eq(got, want, n * sizeof *want);
            nn_image_release(&img);
            nn_mem_free(bytes);
        }
    } while (b.n > 0);
    ck_assert_uint_eq(seen, COUNTED - 2);
    nn_loader_destroy(&l);
    nn_dataset_close(&ds);
    nn_mem_free(want);
    nn_mem_free(got);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* An image of 71 pixels is decoded in full for 40, and halved for 32 (to 36).
 */
START_TEST(scales)
{
    const struct nn_image_info jpeg = { .format = NN_IMAGE_JPEG,
                                        .w = 72,
                                        .h = 71 };
    struct nn_image_info other = jpeg;

    ck_assert_int_eq(nn_image_divisor(&jpeg, LARGE), 1);
    ck_assert_int_eq(nn_image_divisor(&jpeg, SMALL), 2);
    ck_assert_int_eq(nn_image_divisor(&jpeg, 9), 8);
    ck_assert_int_eq(nn_image_divisor(&jpeg, 0), 1);
    ck_assert_int_eq(nn_decode_serves(&jpeg, LARGE, SMALL), 0);
    ck_assert_int_eq(nn_decode_serves(&jpeg, LARGE, 37), 1);
    other.format = NN_IMAGE_PNG;
    ck_assert_int_eq(nn_decode_serves(&other, LARGE, SMALL), 1);
    other = jpeg;
    other.h = other.w = 8 * LARGE;
    ck_assert_int_eq(nn_decode_serves(&other, LARGE, SMALL), 1);
}
END_TEST

struct reasons {
    size_t n, row[COUNTED];
    char text[COUNTED][64];
};

static void note(void *ctx, size_t row, uint32_t item,
                 const struct nn_error *why)
{
    struct reasons *r = ctx;

    ck_assert_uint_eq(row, item);
    r->row[r->n] = row;
    snprintf(r->text[r->n++], sizeof r->text[0], "%.63s", why->text);
}

/* Each net gets what it would get alone, from one read of each image. Bad
 * ones come with their reason, and without a warning. */
START_TEST(two_nets_one_read)
{
    const struct nn_input first = rule(LARGE);
    const struct nn_input second = rule(SMALL);
    struct nn_loader_options o = nn_loader_once(&first, COUNTED, 2);
    struct nn_dataset *ds = counted_open();
    const char *log = album_log();
    struct reasons why = { 0 };
    size_t n = SMALL * SMALL * 3, seen = 0;
    float *want = nn_mem_calloc(LARGE * LARGE * 3, sizeof *want);
    struct nn_loader *l;
    struct nn_batch b;

    o.second = &second;
    o.failed = note;
    o.failed_ctx = &why;
    ck_assert_int_eq(nn_loader_create(ds, &o, &l, NULL), NN_OK);
    ck_assert_int_eq(nn_loader_start(l, all, COUNTED, 0, 0, NULL), NN_OK);
    do {
        uint8_t wanted[2] = { 1, 1 };

        ck_assert_int_eq(nn_loader_next(l, &b, NULL), NN_OK);
        if (b.n > 0) {
            ck_assert_int_eq(nn_loader_second(l, wanted, NULL), NN_OK);
        }
        for (int32_t i = 0; i < b.n; i++, seen++) {
            ck_assert_uint_eq(wanted[i], 1);
            by_hand(b.index[i], &first, want);
            ck_assert_mem_eq(b.input + (size_t)i * LARGE * LARGE * 3, want,
                             LARGE * LARGE * 3 * sizeof *want);
            by_hand(b.index[i], &second, want);
            ck_assert_mem_eq(b.second + (size_t)i * n, want, n * sizeof *want);
        }
    } while (b.n > 0);
    ck_assert_uint_eq(seen, COUNTED - 2);
    for (size_t i = 0; i < COUNTED; i++) {
        ck_assert_int_eq(counted_reads(i), 1);
    }
    ck_assert_uint_eq(why.n, 2);
    ck_assert_uint_eq(why.row[0], COUNTED_BAD);
    ck_assert_ptr_eq(strstr(why.text[0], "truncated JPEG data"), why.text[0]);
    ck_assert_uint_eq(why.row[1], COUNTED_GONE);
    ck_assert_str_eq(why.text[1], "item 6 is gone");
    ck_assert_str_eq(log, "");
    nn_loader_destroy(&l);
    nn_dataset_close(&ds);
    nn_mem_free(want);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* The second input is made of the images that are asked for; of the others not,
 * which leaves the zeros of the buffer. */
START_TEST(second_where_asked)
{
    const struct nn_input first = rule(LARGE);
    const struct nn_input second = rule(SMALL);
    struct nn_loader_options o = nn_loader_once(&first, COUNTED, COUNTED);
    struct nn_dataset *ds = counted_open();
    struct reasons why = { 0 };
    size_t n = SMALL * SMALL * 3;
    float *want = nn_mem_calloc(n, sizeof *want);
    float *none = nn_mem_calloc(n, sizeof *none);
    uint8_t wanted[COUNTED];
    struct nn_loader *l;
    struct nn_batch b;

    o.second = &second;
    o.failed = note;
    o.failed_ctx = &why;
    ck_assert_int_eq(nn_loader_create(ds, &o, &l, NULL), NN_OK);
    ck_assert_int_eq(nn_loader_start(l, all, COUNTED, 0, 0, NULL), NN_OK);
    ck_assert_int_eq(nn_loader_next(l, &b, NULL), NN_OK);
    ck_assert_int_eq(b.n, COUNTED - 2);
    for (int32_t i = 0; i < b.n; i++) {
        wanted[i] = i % 2 == 1 || b.index[i] == 7; /* too large to wait */
    }
    ck_assert_int_eq(nn_loader_second(l, wanted, NULL), NN_OK);
    for (int32_t i = 0; i < b.n; i++) {
        by_hand(b.index[i], &second, want);
        ck_assert_mem_eq(b.second + (size_t)i * n, wanted[i] ? want : none,
                         n * sizeof *want);
    }
    nn_loader_destroy(&l); /* with what still waits */
    nn_dataset_close(&ds);
    nn_mem_free(want);
    nn_mem_free(none);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

/* --- kept inputs --- */

static float *pass(const struct nn_dataset *ds, const struct nn_input *in,
                   const uint32_t *index, size_t n, size_t *rows)
{
    struct nn_loader_options o = nn_loader_once(in, n, 4);
    size_t floats = (size_t)in->size * (size_t)in->size * 3;
    float *v = nn_mem_calloc(n * floats, sizeof *v);
    struct nn_loader *l;
    struct nn_batch b;

    *rows = 0;
    ck_assert_int_eq(nn_loader_create(ds, &o, &l, NULL), NN_OK);
    ck_assert_int_eq(nn_loader_start(l, index, n, 0, 0, NULL), NN_OK);
    do {
        ck_assert_int_eq(nn_loader_next(l, &b, NULL), NN_OK);
        if (b.n > 0) {
            memcpy(v + *rows * floats, b.input,
                   (size_t)b.n * floats * sizeof *v);
        }
        *rows += (size_t)b.n;
    } while (b.n > 0);
    nn_loader_destroy(&l);
    return v;
}

START_TEST(kept)
{
    static const uint32_t good[] = { 0, 1, 2, 4, 5, 7, 8 };
    const struct nn_input in = rule(LARGE);
    const struct nn_input other = rule(SMALL);
    struct nn_dataset *ds = counted_open(), *lent;
    float *a, *b;
    size_t n, m;

    a = pass(ds, &in, good, 7, &n);
    ck_assert_int_eq(nn_dataset_keep_inputs(ds, 0, NULL), NN_OK);
    counted_reset();
    b = pass(ds, &in, good, 7, &m);
    nn_mem_free(b);
    ck_assert_int_eq(counted_all(), 7);
    b = pass(ds, &in, good, 7, &m);
    ck_assert_int_eq(counted_all(), 7); /* nothing was read */
    ck_assert_uint_eq(m, n);
    ck_assert_mem_eq(a, b, n * LARGE * LARGE * 3 * sizeof *a);
    nn_mem_free(b);
    /* another rule is another input */
    b = pass(ds, &other, good, 7, &m);
    nn_mem_free(b);
    ck_assert_int_eq(counted_all(), 14);
    /* and what another data set borrows is found here */
    lent = nn_dataset_new("lent", 0);
    ck_assert_ptr_nonnull(lent);
    ck_assert_int_eq(
        nn_dataset_append_ref(lent, ds, good, 7, NN_NEGATIVE, NN_TRAIN, NULL),
        NN_OK);
    b = pass(lent, &in, all, 7, &m);
    ck_assert_int_eq(counted_all(), 14);
    ck_assert_mem_eq(a, b, n * LARGE * LARGE * 3 * sizeof *a);
    nn_mem_free(a);
    nn_mem_free(b);
    nn_dataset_close(&lent);
    nn_dataset_close(&ds);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

START_TEST(budget)
{
    static const uint32_t good[] = { 0, 1, 2, 4, 5, 7, 8 };
    const struct nn_input in = rule(LARGE);
    struct nn_dataset *ds = counted_open();
    float *v;
    size_t n;

    ck_assert_int_eq(
        nn_dataset_keep_inputs(ds, 3 * LARGE * LARGE * 3 + 1, NULL), NN_OK);
    for (int i = 0; i < 2; i++) {
        v = pass(ds, &in, good, 7, &n);
        ck_assert_uint_eq(n, 7);
        nn_mem_free(v);
    }
    ck_assert_int_eq(counted_all(), 7 + 4);
    nn_dataset_close(&ds);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

static int two_inputs(void *ctx)
{
    const struct nn_input first = rule(LARGE);
    const struct nn_input second = rule(SMALL);
    struct nn_loader_options o = nn_loader_once(&first, 3, 3);
    uint8_t wanted[3] = { 1, 1, 1 };
    struct nn_loader *l;
    struct nn_batch b = { 0 };
    enum nn_status st;

    o.second = &second;
    o.threads = 1;
    st = nn_loader_create(ctx, &o, &l, NULL);
    st = st ? st : nn_loader_start(l, all, 3, 0, 0, NULL);
    st = st ? st : nn_loader_next(l, &b, NULL);
    st = st ? st : nn_loader_second(l, wanted, NULL);
    nn_loader_destroy(&l);
    return st;
}

START_TEST(want_of_memory)
{
    char *dir = testkit_mkdir();
    struct nn_dataset *ds;

    for (size_t i = 0; i < 3; i++) { /* files: album asserts on memory */
        size_t size;
        uint8_t *bytes = counted_bytes(i == 0 ? 8 : i, &size);
        char name[16];

        snprintf(name, sizeof name, "a/%zu.jpg", i);
        album_put(dir, name, bytes, size);
        nn_mem_free(bytes);
    }
    ds = album_open(dir);
    testkit_each_alloc_failure(two_inputs, ds);
    nn_dataset_close(&ds);
    testkit_rmdir(dir);
}
END_TEST

START_TEST(bad_options)
{
    const struct nn_input in = rule(LARGE);
    const struct nn_input none = rule(0);
    const struct nn_augment augment = nn_augment_none();
    struct nn_loader_options o = nn_loader_once(&in, 2, 4);
    struct nn_dataset *ds = counted_open();
    struct nn_image empty = NN_IMAGE_INIT;
    float x[LARGE * LARGE * 3];
    uint8_t wanted[2] = { 1, 1 };
    struct nn_loader *l;

    ck_assert_int_eq(o.batch, 2);
    o.second = &none;
    ck_assert_int_eq(nn_loader_create(ds, &o, &l, NULL), NN_ERR_ARG);
    o.second = &in;
    o.augment = &augment;
    ck_assert_int_eq(nn_loader_create(ds, &o, &l, NULL), NN_ERR_ARG);
    o.second = NULL;
    ck_assert_int_eq(nn_loader_create(ds, &o, &l, NULL), NN_OK);
    ck_assert_int_eq(nn_loader_second(l, wanted, NULL), NN_ERR_ARG);
    nn_loader_destroy(&l);
    ck_assert_int_eq(nn_prepare(&in, &empty, x, NULL), NN_ERR_ARG);
    nn_dataset_close(&ds);
    ck_assert_int_eq(nn_mem_live(), 0);
}
END_TEST

static Suite *create(void)
{
    Suite *s = suite_create("inputs");
    TCase *t = tcase_create("inputs");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, one_rule);
    tcase_add_test(t, scales);
    tcase_add_test(t, two_nets_one_read);
    tcase_add_test(t, second_where_asked);
    tcase_add_test(t, kept);
    tcase_add_test(t, budget);
    tcase_add_test(t, want_of_memory);
    tcase_add_test(t, bad_options);
    suite_add_tcase(s, t);
    return s;
}
TESTKIT_MAIN(create)
